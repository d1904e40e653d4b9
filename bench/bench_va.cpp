// Exact searches through a VaIndex, and search() over the same rows; one thread, alternately in the same run.
//
// Each query reports `speedup` (median time of search() divided by that of the index), `measured` (percent of the rows
// that were read), `ns_per_row`, and `line_GBps` (bytes of lines divided by the time of the index). `memory_GBps` is
// that of a plain sum with the widest loads over as many bytes. With MAPVEC_BENCH_FAISS, also IndexFlatL2 for the 10
// nearest.
//
// Sets of rows: mixtures of clusters with the spectrum of a kind of data (see `kinds`), and noise without any
// structure. MAPVEC_BENCH_DATA names a directory: each .fvecs file in it is a set too. The rows of a small file are
// repeated, each time with 0.3 of the difference of two other rows, which keeps their spectrum.
#include <benchmark/benchmark.h>
#include <mapvec/io/fvecs.hpp>
#include <mapvec/va_index.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common.hpp"

#if defined(MAPVEC_BENCH_FAISS)
#include <faiss/IndexFlat.h>
#include <omp.h>
#endif

using namespace mapvec;

namespace {

constexpr std::size_t query_count = 12;
std::size_t sized(std::size_t rows) { return bench::small ? rows / 100 + 50 : rows; }

// Standard deviations along the main directions fall as (1 + i / knee)^-decay.
struct Kind {
    const char* name;
    std::size_t rows, dim;
    float knee, decay;
};
constexpr Kind kinds[] = {{"words_100", 300'000, 100, 20, 0.6f},
                          {"sift_128", 300'000, 128, 10, 0.9f},
                          {"sentences_512", 150'000, 512, 40, 0.9f},
                          {"images_784", 100'000, 784, 12, 1.2f}};

template <class Work>
double seconds(const Work& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

// `count` rows in 100 clusters. Their main directions are those of the coordinates; the index does not know this.
std::vector<float> mixture(const Kind& kind, std::size_t count) {
    std::mt19937 engine(static_cast<unsigned>(kind.dim));
    std::normal_distribution<float> normal;
    std::vector<float> widths(kind.dim), centres(100 * kind.dim), rows;
    for (std::size_t i = 0; i < kind.dim; ++i) {
        widths[i] = std::pow(1 + static_cast<float>(i) / kind.knee, -kind.decay);
        for (std::size_t c = 0; c < 100; ++c) centres[c * kind.dim + i] = normal(engine) * widths[i];
    }
    rows.reserve(count * kind.dim);
    for (std::size_t r = 0; r < count; ++r) {
        const float* const centre = &centres[engine() % 100 * kind.dim];
        for (std::size_t i = 0; i < kind.dim; ++i) rows.push_back(centre[i] + 0.7f * normal(engine) * widths[i]);
    }
    return rows;
}

// Repeats the rows of a small file, moved along their own differences.
std::vector<float> extended(const std::filesystem::path& file, std::size_t& dim, std::size_t count) {
    const bench::Scratch scratch;
    dim = io::fvecs_shape(file).dim;
    auto base = MmapVectorStore<>::create(scratch.path(), {.dim = dim});
    io::import_fvecs(file, base);
    std::mt19937 engine(1);
    std::vector<float> rows;
    rows.reserve(count * dim);
    for (std::size_t r = 0; r < count; ++r) {
        const auto row = base[r % base.size()], a = base[engine() % base.size()], b = base[engine() % base.size()];
        const float part = r < base.size() ? 0.0f : 0.3f;
        for (std::size_t i = 0; i < dim; ++i) rows.push_back(row[i] + part * (a[i] - b[i]));
    }
    return rows;
}

// A store, its index, and queries that match 0.1, 1 and 5 percent of the rows.
class Set {
  public:
    Set(const std::vector<float>& rows_and_queries, std::size_t dim)
        : rows(MmapVectorStore<>::create(scratch.path(), {.dim = dim})) {
        const std::span<const float> all(rows_and_queries);
        const std::size_t count = all.size() / dim - query_count;
        rows.append_rows(all.first(count * dim));
        rows.commit();
        index = VaIndex<>::create(scratch / "index", rows);
        update_seconds = seconds([&] { index.update(rows); });
        queries.assign(all.begin() + static_cast<std::ptrdiff_t>(count * dim), all.end());
        for (std::size_t q = 0; q < query_count; ++q) {
            const auto near = search(rows, KnnQuery{query(q), count / 20});
            for (const std::size_t part : {1000u, 100u, 20u}) limits.push_back(near[count / part - 1].distance());
        }
    }
    [[nodiscard]] std::span<const float> query(std::size_t q) const {
        return std::span(queries).subspan(q * rows.dim(), rows.dim());
    }
    [[nodiscard]] DiskQuery disk(std::size_t q, std::size_t limit) const { return {query(q), limits[3 * q + limit]}; }

    bench::Scratch scratch;
    MmapVectorStore<> rows;
    VaIndex<> index;
    std::vector<float> queries, limits;
    double update_seconds = 0;
};

// One set is in memory at a time.
std::unique_ptr<Set> current;
std::string current_name;

template <class Make>
const Set& set_of(const std::string& name, const Make& make) {
    if (current_name != name) {
        current.reset();
        current = make();
        current_name = name;
    }
    return *current;
}

template <class QueryOf>
void compare(benchmark::State& state, const Set& set, const QueryOf& query_of) {
    std::vector<double> plain, lines;
    VaSearchStats all;
    for (auto _ : state) {
        for (std::size_t q = 0; q < query_count; ++q) {
            VaSearchStats stats;
            std::vector<Hit> expected, found;
            plain.push_back(seconds([&] { expected = search(set.rows, query_of(q)); }));
            lines.push_back(seconds([&] { found = set.index.search_counted(set.rows, query_of(q), stats); }));
            if (expected != found) state.SkipWithError("the index gives other hits");
            all.rows += stats.rows;
            all.measured_rows += stats.measured_rows;
        }
        state.SetIterationTime(lines.back());
    }
    const double time = median(lines), rows = static_cast<double>(set.rows.size());
    std::vector<std::byte> memory(set.rows.size() * 64);
    double memory_time = 1;
    for (int times = 0; times < 5; ++times)
        memory_time = std::min(memory_time, seconds([&] { benchmark::DoNotOptimize(bench::sum_of(memory)); }));
    state.counters["speedup"] = median(plain) / time;
    state.counters["measured"] = 100.0 * static_cast<double>(all.measured_rows) / static_cast<double>(all.rows);
    state.counters["ns_per_row"] = 1e9 * time / rows;
    state.counters["line_GBps"] = 64 * rows / time / 1e9;
    state.counters["memory_GBps"] = 64 * rows / memory_time / 1e9;
}

void report_update(benchmark::State& state, const Set& set) {
    for (auto _ : state) state.SetIterationTime(set.update_seconds);
    state.counters["Mscalars_per_s"] = static_cast<double>(set.rows.size() * set.rows.dim()) / set.update_seconds / 1e6;
}

#if defined(MAPVEC_BENCH_FAISS)
void search_faiss(benchmark::State& state, const Set& set) {
    omp_set_num_threads(1);
    faiss::IndexFlatL2 index(static_cast<faiss::Index::idx_t>(set.rows.dim()));
    index.add(static_cast<faiss::Index::idx_t>(set.rows.size()), set.rows.data().data());
    std::vector<float> distances(10);
    std::vector<faiss::Index::idx_t> labels(10);
    std::size_t q = 0;
    for (auto _ : state) index.search(1, set.query(q++ % query_count).data(), 10, distances.data(), labels.data());
}
#endif

template <class Make>
void add_set(const std::string& name, const Make& make) {
    const auto add = [&](const std::string& what, auto run) {
        benchmark::RegisterBenchmark((name + "/" + what).c_str(),
                                     [=](benchmark::State& state) { run(state, set_of(name, make)); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond)
            ->Iterations(bench::small ? 1 : 4);
    };
    add("update", &report_update);
    add("knn10", [](benchmark::State& state, const Set& set) {
        compare(state, set, [&](std::size_t q) { return KnnQuery{set.query(q), 10}; });
    });
    const char* const names[] = {"range_0.1%", "range_1%", "range_5%"};
    for (std::size_t limit = 0; limit < 3; ++limit) {
        add(names[limit], [limit](benchmark::State& state, const Set& set) {
            compare(state, set, [&](std::size_t q) { return set.disk(q, limit); });
        });
    }
#if defined(MAPVEC_BENCH_FAISS)
    benchmark::RegisterBenchmark((name + "/knn10/faiss").c_str(), [=](benchmark::State& state) {
        search_faiss(state, set_of(name, make));
    })->Unit(benchmark::kMillisecond);
#endif
}

void add_all() {
    for (const Kind& kind : kinds)
        add_set(kind.name,
                [kind] { return std::make_unique<Set>(mixture(kind, sized(kind.rows) + query_count), kind.dim); });
    add_set("noise_128",
            [] { return std::make_unique<Set>(bench::noise((sized(200'000) + query_count) * 128), std::size_t{128}); });
    const char* const data = std::getenv("MAPVEC_BENCH_DATA");
    if (data == nullptr) return;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(data))
        if (entry.path().extension() == ".fvecs") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files)
        add_set(file.stem().string(), [file] {
            std::size_t dim = 0;
            const auto rows = extended(file, dim, sized(300'000) + query_count);
            return std::make_unique<Set>(rows, dim);
        });
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    add_all();
    benchmark::RunSpecifiedBenchmarks();
    current.reset();
}
