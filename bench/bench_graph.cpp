// Building and searching a graph, beside hnswlib with the same parameters, and beside a scan of all rows.
//
// 50,000 rows of 128 floats around 200 centres in a space of 16 dimensions, with a little noise in all dimensions; the
// queries are alike. The counter `recall` is the fraction of the 10 nearest rows that is found, or of the rows of a
// ring, which holds 0.01 % of all rows. Filters accept some of all rows, or the rows far from the query; `of_scan` is
// the time divided by that of a scan with the same filter.
#include <benchmark/benchmark.h>
#include <mapvec/hnsw_index.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "common.hpp"

#if defined(MAPVEC_BENCH_HNSWLIB)
#include <hnswlib/hnswlib.h>
#endif

using namespace mapvec;

namespace {

constexpr std::size_t dim = 128, m = 16, building_beam = 200, k = 10;
const std::size_t row_count = bench::small ? 500 : 50'000, query_count = bench::small ? 10 : 1000;

class Cloud {
  public:
    std::vector<float> vectors(std::size_t n) {
        std::vector<float> all;
        for (; n > 0; --n) {
            const float* const centre = &centres_[engine_() % 200 * inner];
            for (float& x : point_) x = normal_(engine_);
            for (std::size_t d = 0; d < dim; ++d) {
                float sum = 0.3f * normal_(engine_);
                for (std::size_t i = 0; i < inner; ++i) sum += (2 * centre[i] + point_[i]) * basis_[i * dim + d];
                all.push_back(sum);
            }
        }
        return all;
    }

  private:
    static constexpr std::size_t inner = 16;

    std::vector<float> normal(std::size_t n) {
        std::vector<float> values(n);
        for (float& value : values) value = normal_(engine_);
        return values;
    }

    std::mt19937 engine_{1};
    std::normal_distribution<float> normal_;
    std::vector<float> centres_ = normal(200 * inner), basis_ = normal(inner * dim), point_ = normal(inner);
};

template <class Work>
double seconds(Work work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Both graphs, built once for all benchmarks.
struct Graphs {
    static Graphs& instance() {
        static Graphs graphs;
        return graphs;
    }
    [[nodiscard]] std::span<const float> query(std::size_t i) const {
        return std::span(queries).subspan(i % query_count * dim, dim);
    }

    Cloud cloud;
    bench::Scratch scratch;
    std::vector<float> vectors = cloud.vectors(row_count), queries = cloud.vectors(query_count);
    MmapVectorStore<dim> rows = MmapVectorStore<dim>::create(scratch.path());
    HnswIndex<> index;
    std::vector<std::vector<Hit>> nearest;
    double mapvec_seconds = 0, hnswlib_seconds = 0, commit_seconds = 0;
#if defined(MAPVEC_BENCH_HNSWLIB)
    hnswlib::L2Space space{dim};
    hnswlib::HierarchicalNSW<float> peer{&space, row_count, m, building_beam};
#endif

  private:
    Graphs() {
        rows.append_rows(vectors);
        rows.commit();
        index = HnswIndex<>::create(scratch / "graph", rows, {.m = m});
        // The two alternate, so that a slow phase of the machine affects both.
        for (std::size_t part = 1; part <= 10; ++part) {
            const std::size_t first = row_count * (part - 1) / 10, end = row_count * part / 10;
            mapvec_seconds += seconds([&] { index.update(rows, {building_beam, 1, end - first}); });
#if defined(MAPVEC_BENCH_HNSWLIB)
            hnswlib_seconds += seconds([&] {
                for (std::size_t id = first; id < end; ++id) peer.addPoint(&vectors[id * dim], id);
            });
#endif
        }
        commit_seconds = seconds([&] { index.commit(); });
        for (std::size_t i = 0; i < query_count; ++i) nearest.push_back(search(rows, KnnQuery{query(i), k}));
    }
};

void report_building(benchmark::State& state, double Graphs::*measured) {
    for (auto _ : state) state.SetIterationTime(Graphs::instance().*measured);
}

// `ids_of(query)` returns the ids that the search found.
template <class IdsOf>
void measure_searches(benchmark::State& state, IdsOf ids_of) {
    const Graphs& graphs = Graphs::instance();
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(ids_of(graphs.query(i++)));
    std::size_t found = 0;
    for (std::size_t q = 0; q < query_count; ++q)
        for (const Id id : ids_of(graphs.query(q)))
            for (const Hit& hit : graphs.nearest[q]) found += hit.id == id ? 1 : 0;
    state.counters["recall"] = static_cast<double>(found) / static_cast<double>(query_count * k);
}

void search_by_mapvec(benchmark::State& state) {
    const Graphs& graphs = Graphs::instance();
    const auto ef = static_cast<std::size_t>(state.range(0));
    measure_searches(state, [&](std::span<const float> query) {
        std::vector<Id> ids;
        for (const Hit& hit : graphs.index.search(graphs.rows, KnnQuery{query, k}, {.ef = ef})) ids.push_back(hit.id);
        return ids;
    });
}

// The ring of the nearest rows 5 to 9 (from 0): 0.01 % of the rows.
RangeQuery ring_of(std::size_t i) {
    const auto& nearest = Graphs::instance().nearest[i % query_count];
    return {Graphs::instance().query(i), nearest[k / 2].distance(), nearest[k - 1].distance()};
}

void ring_by_mapvec(benchmark::State& state) {
    const Graphs& graphs = Graphs::instance();
    const HnswSearchOptions options{.ef = static_cast<std::size_t>(state.range(0))};
    std::size_t i = 0, found = 0;
    for (auto _ : state) benchmark::DoNotOptimize(graphs.index.search(graphs.rows, ring_of(i++), options));
    for (std::size_t q = 0; q < query_count; ++q) found += graphs.index.search(graphs.rows, ring_of(q), options).size();
    state.counters["recall"] = static_cast<double>(found) / static_cast<double>(query_count * (k - k / 2));
}

void ring_in_all(benchmark::State& state) {
    const Graphs& graphs = Graphs::instance();
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(search(graphs.rows, ring_of(i++)));
}

// A filter that accepts so many of a thousand rows: of all rows, or of those that are far from the query.
class Filters {
  public:
    Filters(std::size_t per_mille, bool far) : accepted_(queries, std::vector<char>(row_count)) {
        const Graphs& graphs = Graphs::instance();
        const std::size_t count = std::max<std::size_t>(1, row_count * per_mille / 1000);
        std::mt19937 engine(1);
        for (std::size_t q = 0; q < queries; ++q) {
            auto order = search(graphs.rows, KnnQuery{graphs.query(q), row_count});
            if (!far) std::shuffle(order.begin(), order.end(), engine);
            for (std::size_t i = row_count - count; i < row_count; ++i) accepted_[q][order[i].id] = 1;
        }
    }
    [[nodiscard]] auto operator[](std::size_t q) const {
        return [&accepted = accepted_[q % queries]](Id id) { return accepted[id] != 0; };
    }
    static constexpr std::size_t queries = 20;

  private:
    std::vector<std::vector<char>> accepted_;
};

void filtered_by_mapvec(benchmark::State& state) {
    const Graphs& graphs = Graphs::instance();
    const Filters filters(static_cast<std::size_t>(state.range(0)), state.range(1) != 0);
    std::vector<double> by_graph, by_scan;
    std::size_t found = 0, wanted = 0, i = 0;
    for (auto _ : state) {
        const KnnQuery query{graphs.query(i % Filters::queries), k};
        const auto filter = filters[i];
        std::vector<Hit> hits, expected;
        const auto walk = [&] {
            by_graph.push_back(seconds([&] { hits = graphs.index.search(graphs.rows, query, filter); }));
        };
        if (i % 2 != 0) walk();  // the second of both finds rows in the cache, so they take turns
        by_scan.push_back(seconds([&] { expected = search(graphs.rows, query, filter); }));
        if (i % 2 == 0) walk();
        ++i;
        state.SetIterationTime(by_graph.back());
        wanted += expected.size();
        for (const Hit& hit : hits) found += std::ranges::count(expected, hit) == 1 ? std::size_t{1} : 0;
    }
    const auto median = [](std::vector<double>& times) {
        std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
        return times[times.size() / 2];
    };
    state.counters["recall"] = static_cast<double>(found) / static_cast<double>(wanted);
    state.counters["of_scan"] = median(by_graph) / median(by_scan);
}

void search_all(benchmark::State& state) {
    const Graphs& graphs = Graphs::instance();
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(search(graphs.rows, KnnQuery{graphs.query(i++), k}));
}

#if defined(MAPVEC_BENCH_HNSWLIB)
void search_by_hnswlib(benchmark::State& state) {
    Graphs& graphs = Graphs::instance();
    graphs.peer.setEf(static_cast<std::size_t>(state.range(0)));
    measure_searches(state, [&](std::span<const float> query) {
        std::vector<Id> ids;
        for (auto hits = graphs.peer.searchKnn(query.data(), k); !hits.empty(); hits.pop())
            ids.push_back(hits.top().second);
        return ids;
    });
}
BENCHMARK(search_by_hnswlib)->Name("graph_search/hnswlib")->Arg(20)->Arg(100)->Arg(400)->MinTime(0.5);
BENCHMARK_CAPTURE(report_building, hnswlib, &Graphs::hnswlib_seconds)
    ->Name("graph_build/hnswlib")
    ->Iterations(1)
    ->UseManualTime();
#endif

BENCHMARK(search_by_mapvec)->Name("graph_search/mapvec")->Arg(20)->Arg(100)->Arg(400)->MinTime(0.5);
BENCHMARK(search_all)->Name("graph_search/all_rows")->MinTime(0.5);
BENCHMARK(filtered_by_mapvec)
    ->Name("graph_filter/mapvec")
    ->ArgNames({"per_mille", "far"})
    ->ArgsProduct({{500, 100, 10, 3, 1}, {0, 1}})
    ->Iterations(4 * Filters::queries)
    ->UseManualTime();
BENCHMARK(ring_by_mapvec)->Name("graph_ring/mapvec")->Arg(16)->Arg(64)->MinTime(0.5);
BENCHMARK(ring_in_all)->Name("graph_ring/all_rows")->MinTime(0.5);
BENCHMARK_CAPTURE(report_building, mapvec, &Graphs::mapvec_seconds)
    ->Name("graph_build/mapvec")
    ->Iterations(1)
    ->UseManualTime();
BENCHMARK_CAPTURE(report_building, commit, &Graphs::commit_seconds)
    ->Name("graph_build/commit")
    ->Iterations(1)
    ->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
