// The speed of searches, beside the speed of memory and of peers in the same run.
//
// Each scan reports bytes/s, rows/s, and `ratio`: its bytes/s divided by those of a plain sum with the widest loads
// over the same bytes, with as many threads, measured just before. For rows in the L2 cache, the divisor is that of a
// hand-written loop. Peers are compiled in with MAPVEC_BENCH_FAISS (IndexFlatL2) and MAPVEC_BENCH_HNSWLIB (brute
// force). MAPVEC_BENCH_SMALL=1 in the environment divides all sizes by a hundred.
#include <benchmark/benchmark.h>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/search.hpp>
#include <mapvec/search_batch.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(MAPVEC_BENCH_FAISS)
#include <faiss/IndexFlat.h>
#include <omp.h>
#endif
#if defined(MAPVEC_BENCH_HNSWLIB)
#include <hnswlib/hnswlib.h>
#endif

using namespace mapvec;

namespace {

std::size_t sized(std::size_t rows) { return bench::small ? rows / 100 + 1 : rows; }

// Rows in memory like those of a well-mapped file: 2 MiB-aligned, in large pages if the system has them.
template <class S>
class Rows {
  public:
    Rows(std::size_t count, std::size_t dim) : count_(count), dim_(dim) {
        constexpr std::size_t large_page = 2 * 1024 * 1024;
        const std::size_t bytes = (count * dim * sizeof(S) + large_page) / large_page * large_page;
        memory_.reset(static_cast<S*>(std::aligned_alloc(large_page, bytes)));
#if defined(__linux__)
        madvise(memory_.get(), bytes, MADV_HUGEPAGE);
#endif
        std::uint32_t state = 1;
        for (std::size_t i = 0; i < count * dim; ++i) {
            state = state * 1664525u + 1013904223u;
            memory_.get()[i] = static_cast<S>(static_cast<float>(state >> 25));
        }
    }
    std::span<const S> data() const { return {memory_.get(), count_ * dim_}; }
    std::size_t dim() const { return dim_; }
    std::size_t count() const { return count_; }
    std::size_t bytes() const { return count_ * dim_ * sizeof(S); }

  private:
    struct Free {
        void operator()(S* p) const { std::free(p); }
    };
    std::size_t count_, dim_;
    std::unique_ptr<S, Free> memory_;
};

// Keeps the last source, because consecutive benchmarks use the same rows.
template <class S>
const Rows<S>& rows_of(std::size_t count, std::size_t dim) {
    static std::unique_ptr<Rows<S>> kept;
    if (!kept || kept->count() != count || kept->dim() != dim) {
        kept.reset();
        kept = std::make_unique<Rows<S>>(count, dim);
    }
    return *kept;
}

std::vector<float> query_of(std::size_t dim, std::uint32_t seed) {
    std::vector<float> query;
    for (std::size_t i = 0; i < dim; ++i) {
        seed = seed * 1664525u + 1013904223u;
        query.push_back(static_cast<float>(seed >> 8) / 131072.0f);
    }
    return query;
}

void sum_all(std::span<const std::byte> bytes, unsigned threads) {
    const std::size_t pieces = threads * 8, step = bytes.size() / pieces;
    detail::parallel_for(pieces, threads, [&](std::size_t piece) {
        benchmark::DoNotOptimize(bench::sum_of(bytes.subspan(piece * step, step)));
    });
}

// Returns the median of several runs, in seconds.
template <class F>
double median_time(F f) {
    std::vector<double> times;
    for (int i = 0; i < 5; ++i) {
        const auto start = std::chrono::steady_clock::now();
        f();
        times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::nth_element(times.begin(), times.begin() + 2, times.end());
    return times[2];
}

// The limit for a search in the caches: a loop for this dimension only, four rows at a time, without checks.
#if defined(__x86_64__)
template <std::size_t Dim>
__attribute__((target("avx2,fma"))) void search_by_hand(std::span<const float> rows, const float* query, float low,
                                                        float high, std::vector<Hit>& hits) {
    typedef float Wide __attribute__((vector_size(32)));
    typedef float WideAt __attribute__((vector_size(32), aligned(4), may_alias));
    constexpr std::size_t row = Dim / 8;
    const WideAt* const q = reinterpret_cast<const WideAt*>(query);
    for (std::size_t id = 0; (id + 4) * Dim <= rows.size(); id += 4) {
        const WideAt* const at = reinterpret_cast<const WideAt*>(rows.data() + id * Dim);
        Wide a{}, b{}, c{}, d{}, e{}, f{}, g{}, h{};
        for (std::size_t i = 0; i < row; i += 2) {
            const Wide q1 = q[i], q2 = q[i + 1];
            const Wide a1 = q1 - at[i], a2 = q2 - at[i + 1];
            const Wide b1 = q1 - at[row + i], b2 = q2 - at[row + i + 1];
            const Wide c1 = q1 - at[2 * row + i], c2 = q2 - at[2 * row + i + 1];
            const Wide d1 = q1 - at[3 * row + i], d2 = q2 - at[3 * row + i + 1];
            a += a1 * a1, b += b1 * b1, c += c1 * c1, d += d1 * d1;
            e += a2 * a2, f += b2 * b2, g += c2 * c2, h += d2 * d2;
        }
        const Wide pairs = __builtin_ia32_haddps256(a + e, b + f), more = __builtin_ia32_haddps256(c + g, d + h);
        const Wide sums = __builtin_ia32_haddps256(pairs, more);
        for (std::size_t r = 0; r < 4; ++r) {
            const float key = sums[r] + sums[r + 4];
            if (key >= low && key <= high) hits.push_back({id + r, key});
        }
    }
}
#endif

// Runs `f` for the benchmark, each time just after `limit`, so that both have the same noise.
template <class S, class Limit, class F>
void run_beside(benchmark::State& state, const Rows<S>& rows, Limit limit, F f) {
    const std::size_t repeats = std::max<std::size_t>(1, (std::size_t{16} << 20) / rows.bytes());
    std::vector<double> times, limits;
    for (auto _ : state) {
        limits.push_back(median_time([&] {
                             for (std::size_t i = 0; i < repeats; ++i) limit();
                         }) /
                         static_cast<double>(repeats));
        times.push_back(median_time([&] {
                            for (std::size_t i = 0; i < repeats; ++i) f();
                        }) /
                        static_cast<double>(repeats));
        state.SetIterationTime(times.back());
    }
    std::sort(times.begin(), times.end());
    std::sort(limits.begin(), limits.end());
    const double time = times[times.size() / 2], limit_time = limits[limits.size() / 2];
    state.counters["GB/s"] = static_cast<double>(rows.bytes()) / time / 1e9;
    state.counters["limit_GB/s"] = static_cast<double>(rows.bytes()) / limit_time / 1e9;
    state.counters["Mrows/s"] = static_cast<double>(rows.count()) / time / 1e6;
    state.counters["ratio"] = limit_time / time;
}

// The limit is the bandwidth of reading memory.
template <class S, class F>
void run_beside_limit(benchmark::State& state, const Rows<S>& rows, unsigned threads, F f) {
    run_beside(
        state, rows, [bytes = std::as_bytes(rows.data()), threads] { sum_all(bytes, threads); }, f);
}

// The distance within which a fraction of the rows lies.
template <class S>
float radius_of(const Rows<S>& rows, const std::vector<float>& query, double share) {
    const auto wanted = static_cast<std::size_t>(share * static_cast<double>(rows.count()));
    return search(rows, KnnQuery{query, std::max<std::size_t>(wanted, 1)}).back().distance();
}

// A benchmark that measures its times itself.
template <class Run>
void add_timed(const std::string& name, Run run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);
}

// make_query(rows, query vector) returns the query to measure.
template <class S, class MakeQuery>
void add_scan(const std::string& name, std::size_t count, std::size_t dim, unsigned threads, MakeQuery make_query) {
    const std::string full = name + "/" + std::string(to_string(scalar_type_of<S>)) + "/dim:" + std::to_string(dim) +
                             "/rows:" + std::to_string(count) + "/threads:" + std::to_string(threads);
    add_timed(full, [=](benchmark::State& state) {
        const auto& rows = rows_of<S>(count, dim);
        auto vector = query_of(dim, 7);
        if constexpr (std::is_integral_v<S>)  // integers are compared with integers
            for (float& x : vector) x = std::floor(x);
        const auto query = make_query(rows, vector);
        run_beside_limit(state, rows, threads, [&] {
            auto hits = search(rows, query, SearchOptions{.threads = threads});
            benchmark::DoNotOptimize(hits.data());
        });
    });
}

auto range_of_share(double share) {
    return [share](const auto& rows, const std::vector<float>& query) {
        return RangeQuery{query, 0, radius_of(rows, query, share)};
    };
}
auto ring_of_share(double share) {
    return [share](const auto& rows, const std::vector<float>& query) {
        const float radius = radius_of(rows, query, share);
        return RingQuery{query, radius / 2, radius / 2};
    };
}
auto disk_of_share(double share) {
    return [share](const auto& rows, const std::vector<float>& query) {
        return DiskQuery{query, radius_of(rows, query, share)};
    };
}
auto nearest_of(std::size_t k) {
    return [k](const auto&, const std::vector<float>& query) { return KnnQuery{query, k}; };
}

// Several disks: the first around the query, the others around other points.
auto intersection_of(std::size_t disks, double share) {
    struct Disks {
        std::vector<std::vector<float>> centres;
        std::vector<DiskQuery> disks;
    };
    return [disks, share, kept = std::make_shared<Disks>()](const auto& rows, const std::vector<float>& query) {
        *kept = {};
        for (std::size_t i = 0; i < disks; ++i)
            kept->centres.push_back(i == 0 ? query : query_of(query.size(), static_cast<std::uint32_t>(7 + i)));
        for (const auto& centre : kept->centres) kept->disks.push_back({centre, radius_of(rows, centre, share)});
        return DiskIntersectionQuery{kept->disks};
    };
}

#if defined(__x86_64__)
// At most 256 KiB of rows, a multiple of four, as in the loop beside them.
template <std::size_t Dim>
void add_cached_scan() {
    constexpr std::size_t count = 256 * 1024 / Dim / sizeof(float) / 4 * 4;
    const std::string size = "/float32/dim:" + std::to_string(Dim) + "/rows:" + std::to_string(count);
    add_timed("in_cache" + size, [](benchmark::State& state) {
        const auto& rows = rows_of<float>(count, Dim);
        const auto query = query_of(Dim, 7);
        const RangeQuery range{query, 0, radius_of(rows, query, 0.001)};
        const auto by_hand = [&] {
            std::vector<Hit> hits;
            search_by_hand<Dim>(rows.data(), query.data(), 0, range.max_distance * range.max_distance, hits);
            benchmark::DoNotOptimize(hits.data());
        };
        run_beside(state, rows, by_hand, [&] {
            auto hits = search(rows, range);
            benchmark::DoNotOptimize(hits.data());
        });
    });
}

#endif

// The rows in a file, as users have them. The limit is the bandwidth of memory, not of a mapping. "Just opened"
// includes opening and closing the store.
void add_store_scans(std::size_t count, unsigned threads) {
    const std::string size = "/float32/dim:128/rows:" + std::to_string(count) + "/threads:" + std::to_string(threads);
    const auto add = [=](const std::string& name, auto search_in) {
        add_timed(name + size, [=](benchmark::State& state) {
            const bench::Scratch scratch;
            const auto& rows = rows_of<float>(count, 128);
            MmapVectorStore<128>::create(scratch.path()).append_rows(rows.data());
            const auto query = query_of(128, 7);
            const RangeQuery range{query, 0, radius_of(rows, query, 0.001)};
            const auto store = MmapVectorStore<128>::open(scratch.path(), OpenMode::read_only);
            run_beside_limit(state, rows, threads, [&] {
                auto hits = search_in(store, range, SearchOptions{.threads = threads});
                benchmark::DoNotOptimize(hits.data());
            });
        });
    };
    add("range_0.1%_in_a_store", [](const auto& store, const auto& range, const SearchOptions& options) {
        return search(store, range, options);
    });
    add("range_0.1%_in_a_store_just_opened", [](const auto& store, const auto& range, const SearchOptions& options) {
        return search(MmapVectorStore<128>::open(store.path(), OpenMode::read_only), range, options);
    });
}

template <class Run>
void add_batch(const std::string& name, std::size_t count, std::size_t dim, std::size_t queries, Run run) {
    const std::string full =
        name + "/dim:" + std::to_string(dim) + "/rows:" + std::to_string(count) + "/queries:" + std::to_string(queries);
    benchmark::RegisterBenchmark(full.c_str(),
                                 [=](benchmark::State& state) {
                                     const auto& rows = rows_of<float>(count, dim);
                                     const auto vectors = query_of(dim * queries, 11);
                                     run(state, rows, vectors, queries);
                                     state.counters["ms/query"] = benchmark::Counter(
                                         static_cast<double>(queries) * static_cast<double>(state.iterations()) / 1e3,
                                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
                                 })
        ->Iterations(queries == 1 ? 5 : 1)
        ->Repetitions(3)
        ->Unit(benchmark::kMillisecond);
}

void batch_mapvec(benchmark::State& state, const Rows<float>& rows, const std::vector<float>& vectors, std::size_t) {
    for (auto _ : state) {
        auto hits = search_batch(rows, std::span<const float>(vectors), 10);
        benchmark::DoNotOptimize(hits.data());
    }
}

#if defined(MAPVEC_BENCH_FAISS)
void batch_faiss(benchmark::State& state, const Rows<float>& rows, const std::vector<float>& vectors,
                 std::size_t queries) {
    omp_set_num_threads(1);
    faiss::IndexFlatL2 index(static_cast<faiss::Index::idx_t>(rows.dim()));
    index.add(static_cast<faiss::Index::idx_t>(rows.count()), rows.data().data());
    std::vector<float> distances(queries * 10);
    std::vector<faiss::Index::idx_t> labels(queries * 10);
    for (auto _ : state) {
        index.search(static_cast<faiss::Index::idx_t>(queries), vectors.data(), 10, distances.data(), labels.data());
    }
}
#endif

#if defined(MAPVEC_BENCH_HNSWLIB)
void batch_hnswlib(benchmark::State& state, const Rows<float>& rows, const std::vector<float>& vectors,
                   std::size_t queries) {
    hnswlib::L2Space space(rows.dim());
    hnswlib::BruteforceSearch<float> index(&space, rows.count());
    for (std::size_t i = 0; i < rows.count(); ++i) index.addPoint(rows.data().data() + i * rows.dim(), i);
    for (auto _ : state) {
        for (std::size_t q = 0; q < queries; ++q) index.searchKnn(vectors.data() + q * rows.dim(), 10);
    }
}
#endif

void add_all_batches(std::size_t count, std::size_t dim) {
    for (const std::size_t queries : std::vector<std::size_t>{1, 100, 1000}) {
        add_batch("knn10_batch/mapvec", count, dim, queries, batch_mapvec);
#if defined(MAPVEC_BENCH_FAISS)
        add_batch("knn10_batch/faiss", count, dim, queries, batch_faiss);
#endif
    }
#if defined(MAPVEC_BENCH_HNSWLIB)
    add_batch("knn10_batch/hnswlib", count, dim, 1, batch_hnswlib);
#endif
}

void add_benchmarks() {
    const std::size_t million = sized(1'000'000);
    const std::size_t bytes = million * 128 * sizeof(float);
    for (const unsigned threads : {1u, 2u}) {
        for (const double share : {0.001, 0.05}) {
            const std::string hits = share < 0.01 ? "0.1%" : "5%";
            add_scan<float>("range_" + hits, million, 128, threads, range_of_share(share));
            add_scan<float>("ring_" + hits, million, 128, threads, ring_of_share(share));
            add_scan<float>("disk_" + hits, million, 128, threads, disk_of_share(share));
        }
        add_store_scans(million, threads);
        add_scan<float>("intersection_of_3_disks_5%", million, 128, threads, intersection_of(3, 0.05));
        add_scan<float>("knn_10", million, 128, threads, nearest_of(10));
        add_scan<float>("knn_100", million, 128, threads, nearest_of(100));
    }
    add_all_batches(million, 128);
    add_scan<float>("range_0.1%", sized(200'000), 768, 1, range_of_share(0.001));
    add_all_batches(sized(200'000), 768);
    for (const std::size_t dim : std::vector<std::size_t>{3, 25, 100, 384, 1536}) {
        add_scan<float>("range_0.1%", bytes / dim / sizeof(float), dim, 1, range_of_share(0.001));
    }
    add_scan<double>("range_0.1%", bytes / 128 / 8, 128, 1, range_of_share(0.001));
    for (const std::size_t dim : std::vector<std::size_t>{128, 768}) {
        add_scan<float16>("range_0.1%", bytes / dim / 2, dim, 1, range_of_share(0.001));
        add_scan<bfloat16>("range_0.1%", bytes / dim / 2, dim, 1, range_of_share(0.001));
        add_scan<std::int8_t>("range_0.1%", bytes / dim, dim, 1, range_of_share(0.001));
        add_scan<std::uint8_t>("range_0.1%", bytes / dim, dim, 1, range_of_share(0.001));
    }
#if defined(__x86_64__)
    add_cached_scan<128>();
    add_cached_scan<768>();
#endif
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::AddCustomContext("mapvec instruction set", std::string(to_string(active_instruction_set())));
    add_benchmarks();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
