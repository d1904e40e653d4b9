// Stores four times larger than memory: rows, scans, indexes and payloads, beside pread() and read() of the same file.
//
// The process puts itself into a control group, and limits it to a quarter of the measured file. Where it cannot (it
// must be root, on Linux), it says so and measures nothing. `p50_us` and `p99_us` are for one row, search or fetch.
// Rows of 2 KiB lie on one page each, payloads of 1,000 bytes on one or two. Rows are mixtures of 100 clusters with the
// spectrum of embeddings of sentences, as in bench_va. Lines and links are in memory when an index is measured.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/payload_store.hpp>
#include <mapvec/va_index.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common.hpp"
#include "memory_group.hpp"

using namespace mapvec;

namespace {

constexpr std::size_t dim = 512, payload_bytes = 1000;
using Store = MmapVectorStore<dim>;
const std::size_t row_count = bench::small ? 40'000 : 500'000;
const std::size_t graph_rows = bench::small ? 40'000 : 100'000;

std::unique_ptr<bench::MemoryGroup> group;
std::mt19937 any;  // goes on from one repetition to the next: what was read before may be in memory

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

class Rows {
  public:
    Rows() : centres_(100 * dim), widths_(dim) {
        for (std::size_t i = 0; i < dim; ++i) {
            widths_[i] = std::pow(1 + static_cast<float>(i) / 40, -0.9f);
            for (std::size_t c = 0; c < 100; ++c) centres_[c * dim + i] = normal_(engine_) * widths_[i];
        }
        // Normal numbers from a table: a million rows need half a billion.
        for (float& value : table_) value = 0.7f * normal_(engine_);
    }
    std::vector<float> next(std::size_t count) {
        std::vector<float> rows;
        rows.reserve(count * dim);
        for (; count > 0; --count) {
            const float* const centre = &centres_[engine_() % 100 * dim];
            for (std::size_t i = 0; i < dim; ++i) rows.push_back(centre[i] + table_[engine_() % 65536] * widths_[i]);
        }
        return rows;
    }

  private:
    std::mt19937 engine_{dim};
    std::normal_distribution<float> normal_;
    std::vector<float> centres_, widths_;
    std::vector<float> table_ = std::vector<float>(65536);
};

// A store on disk, opened for reading with a quarter of its size as memory.
struct Set {
    explicit Set(std::size_t count) {
        auto writer = Store::create(scratch.path(), {.initial_capacity = count});
        for (std::size_t done = 0; done < count; done += 10'000) writer.append_rows(made.next(10'000));
        writer.close();
        queries = made.next(100);
    }
    ~Set() { group->unlimit(); }

    void limit() {
        const std::uint64_t bytes = std::filesystem::file_size(scratch.path());
        if (!group->limit(bytes / 4)) std::fprintf(stderr, "the limit of memory was refused\n");
        rows = Store::open(scratch.path(), OpenMode::read_only);
    }
    [[nodiscard]] std::span<const float> query(std::size_t q) const {
        return std::span(queries).subspan(q % 100 * dim, dim);
    }

    bench::Scratch scratch;
    Rows made;
    std::vector<float> queries;
    Store rows;
    VaIndex<> va;
    HnswIndex<> graph;
};

std::unique_ptr<Set> current;

Set& with_va() {
    if (current && current->va.is_open()) return *current;
    current.reset();
    current = std::make_unique<Set>(row_count);
    const auto writer = Store::open(current->scratch.path(), OpenMode::read_only);
    current->va = VaIndex<>::create(current->scratch / "va", writer);
    current->va.update(writer, {.threads = 0});
    current->va.commit();
    current->limit();
    return *current;
}
Set& with_graph() {
    if (current && current->graph.is_open()) return *current;
    current.reset();
    current = std::make_unique<Set>(graph_rows);
    const auto writer = Store::open(current->scratch.path(), OpenMode::read_only);
    current->graph = HnswIndex<>::create(current->scratch / "graph", writer);
    current->graph.update(writer, {.ef_construction = 60, .threads = 0});
    current->graph.commit();
    current->limit();
    return *current;
}

// Calls work(i) for i below `count`, and reports the time of one call.
template <class Work>
void measure(benchmark::State& state, std::size_t count, std::size_t bytes, const Work& work) {
    for (auto _ : state) {
        std::vector<double> times;
        double all = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const double begin = now();
            work(i);
            times.push_back(now() - begin);
            all += times.back();
        }
        std::sort(times.begin(), times.end());
        state.SetIterationTime(all / static_cast<double>(count));
        state.counters["p50_us"] = 1e6 * times[count / 2];
        state.counters["p99_us"] = 1e6 * times[count * 99 / 100];
        if (bytes != 0) state.counters["GBps"] = static_cast<double>(bytes * count) / all / 1e9;
    }
}

class File {
  public:
    explicit File(const std::filesystem::path& path) : handle_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { ::close(handle_); }
    void advise_random() const { (void)::posix_fadvise(handle_, 0, 0, POSIX_FADV_RANDOM); }
    [[nodiscard]] std::size_t read(void* to, std::size_t n, std::size_t at) const {
        const auto got = ::pread(handle_, to, n, static_cast<off_t>(at));
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }

    [[nodiscard]] const void* map(std::size_t bytes) const {
        return ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, handle_, 0);
    }

  private:
    int handle_;
};

void row_by_pread(benchmark::State& state) {
    const Set& set = with_va();
    const File file(set.scratch.path());
    file.advise_random();
    std::vector<std::byte> row(dim * sizeof(float));
    measure(state, 2000, 0, [&](std::size_t) {
        benchmark::DoNotOptimize(file.read(row.data(), row.size(), 4096 + any() % set.rows.size() * row.size()));
    });
}
void row_by_get(benchmark::State& state) {
    const Set& set = with_va();
    std::vector<float> row(dim);
    measure(state, 2000, 0, [&](std::size_t) {
        const auto found = set.rows.get(any() % set.rows.size());
        benchmark::DoNotOptimize(std::copy(found.begin(), found.end(), row.begin()));
    });
}
// What a mapping without advice does.
void row_by_plain_mapping(benchmark::State& state) {
    const Set& set = with_va();
    const File file(set.scratch.path());
    const std::size_t bytes = std::filesystem::file_size(set.scratch.path());
    const auto* const mapped = static_cast<const float*>(file.map(bytes));
    std::vector<float> row(dim);
    measure(state, 100, 0, [&](std::size_t) {
        const float* const found = mapped + 1024 + any() % set.rows.size() * dim;
        benchmark::DoNotOptimize(std::copy(found, found + dim, row.begin()));
    });
    ::munmap(const_cast<float*>(mapped), bytes);
}
void scan_by_read(benchmark::State& state) {
    const Set& set = with_va();
    const File file(set.scratch.path());
    std::vector<std::byte> block(1 << 20);
    const std::size_t bytes = set.rows.size() * dim * sizeof(float);
    measure(state, 1, bytes, [&](std::size_t) {
        for (std::size_t at = 0; at < bytes; at += block.size())
            benchmark::DoNotOptimize(file.read(block.data(), block.size(), at));
    });
}
void scan_by_search(benchmark::State& state, Access access) {
    const Set& set = with_va();
    const auto rows = Store::open(set.scratch.path(), OpenMode::read_only, {.access = access});
    measure(state, 1, rows.size() * dim * sizeof(float), [&](std::size_t q) {
        benchmark::DoNotOptimize(search(rows, KnnQuery{set.query(q), 10}));
    });
}
void search_va(benchmark::State& state) {
    const Set& set = with_va();
    VaSearchStats stats;
    (void)set.va.search(set.rows, KnnQuery{set.query(50), 10});
    std::size_t measured = 0;
    const auto queries = current->made.next(12);
    measure(state, 12, 0, [&](std::size_t q) {
        const KnnQuery query{std::span(queries).subspan(q * dim, dim), 10};
        benchmark::DoNotOptimize(set.va.search_counted(set.rows, query, stats));
        measured += stats.measured_rows;
    });
    state.counters["rows_read"] = static_cast<double>(measured) / 12;
}
void search_graph(benchmark::State& state) {
    const Set& set = with_graph();
    for (std::size_t q = 0; q < 100; ++q) (void)set.graph.search(set.rows, KnnQuery{set.query(q), 10}, {.ef = 64});
    const auto queries = current->made.next(400);
    measure(state, 400, 0, [&](std::size_t q) {
        const KnnQuery query{std::span(queries).subspan(q * dim, dim), 10};
        benchmark::DoNotOptimize(set.graph.search(set.rows, query, {.ef = 64}));
    });
}

// Texts of 1,000 characters.
PayloadStore<std::string>& payloads() {
    static const bench::Scratch scratch;
    static PayloadStore<std::string> store;
    if (store.is_open()) return store;
    current.reset();
    {
        auto writer = PayloadStore<std::string>::create(scratch.path());
        for (std::size_t i = 0; i < row_count; ++i)
            writer.push(std::string(payload_bytes, static_cast<char>('a' + i % 26)));
        writer.close();
    }
    if (!group->limit(row_count * payload_bytes / 4)) std::fprintf(stderr, "the limit of memory was refused\n");
    store = PayloadStore<std::string>::open(scratch.path(), OpenMode::read_only);
    return store;
}
void payload_by_pread(benchmark::State& state) {
    const auto& store = payloads();
    const File file(store.path());
    file.advise_random();
    std::string text(payload_bytes, ' ');
    measure(state, 2000, 0, [&](std::size_t) {
        benchmark::DoNotOptimize(
            file.read(text.data(), text.size(), 4096 + any() % store.size() * (payload_bytes + 4)));
    });
}
void payload_by_fetch(benchmark::State& state) {
    const auto& store = payloads();
    measure(state, 2000, 0, [&](std::size_t) { benchmark::DoNotOptimize(store.fetch(any() % store.size())); });
}
void payloads_by_fetch_many(benchmark::State& state) {
    const auto& store = payloads();
    measure(state, 20, 0, [&](std::size_t) {
        std::vector<Id> ids(100);
        for (Id& id : ids) id = any() % store.size();
        benchmark::DoNotOptimize(store.fetch_many(ids));
    });
}

void add(const char* name, void (*run)(benchmark::State&)) {
    benchmark::RegisterBenchmark(name, run)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond)
        ->Iterations(1)
        ->Repetitions(3);
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    group = std::make_unique<bench::MemoryGroup>();
    if (group->exists()) {
        add("beyond/row/pread", row_by_pread);
        add("beyond/row/get", row_by_get);
        add("beyond/row/plain_mapping", row_by_plain_mapping);
        add("beyond/scan/read", scan_by_read);
        add("beyond/scan/search", [](benchmark::State& state) { scan_by_search(state, Access::normal); });
        add("beyond/scan/search_sequential",
            [](benchmark::State& state) { scan_by_search(state, Access::sequential); });
        add("beyond/va/knn10", search_va);
        add("beyond/graph/knn10", search_graph);
        add("beyond/payload/pread", payload_by_pread);
        add("beyond/payload/fetch", payload_by_fetch);
        add("beyond/payload/fetch_many_100", payloads_by_fetch_many);
    } else {
        std::fprintf(stderr, "no control group can limit the memory of this process: nothing is measured\n");
    }
    benchmark::RunSpecifiedBenchmarks();
    current.reset();
    group.reset();
}
