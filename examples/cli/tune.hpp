// mapvec tune: recall and speed of a graph (HnswIndex) on the rows of a store, for several widths of the search. The
// nearest rows of a VaIndex, which is exact, are the truth.
//
// Some rows are drawn as queries; they are not in the graph. The other rows, or a sample of them, are copied into a
// store of their own, beside which the graph is built, in a directory that is removed at the end.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/va_index.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "any_store.hpp"
#include "progress.hpp"
#include "stats.hpp"
#include "text.hpp"
#include "tune_picture.hpp"

namespace cli {

enum class TunedMetric { squared_l2, cosine, inner_product };

struct TuneOptions {
    fs::path store;
    TunedMetric metric = TunedMetric::squared_l2;
    std::uint64_t k = 10;
    std::uint64_t m = 16;
    std::uint64_t ef_construction = 200;
    std::uint64_t rows = 100'000;
    std::uint64_t queries = 200;
    std::uint64_t seed = 1;
    unsigned threads = 0;
    std::optional<fs::path> directory;
    std::optional<fs::path> svg;
    bool json = false;
};

// A new directory. The destructor removes it.
class WorkDirectory {
  public:
    explicit WorkDirectory(const fs::path& parent) {
        std::random_device random;
        path_ = parent / ("mapvec-tune-" + std::to_string(random()));
        if (std::error_code problem; !fs::create_directory(path_, problem))
            throw mapvec::Error(mapvec::ErrorCode::io, path_, "the directory cannot be created");
    }
    WorkDirectory(const WorkDirectory&) = delete;
    WorkDirectory& operator=(const WorkDirectory&) = delete;
    ~WorkDirectory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] fs::path operator/(const char* name) const { return path_ / name; }

  private:
    fs::path path_;
};

using TunedRows = mapvec::MmapVectorStore<mapvec::dynamic_dim, float>;

struct TuneSample {
    TunedRows rows;
    std::vector<std::vector<float>> queries;
};

// Rows of a store, in random order: first the queries, then the others. Erased rows are left out, and rows with a NaN
// or an infinity.
template <mapvec::Scalar S>
[[nodiscard]] TuneSample draw(const AnyStore& store, const TuneOptions& options, const fs::path& path) {
    const auto rows = store.vectors<S>();
    std::vector<mapvec::Id> ids;
    for (mapvec::Id id = 0; id < rows.size(); ++id)
        if (!store.erased(id)) ids.push_back(id);
    std::shuffle(ids.begin(), ids.end(), std::mt19937_64(options.seed));
    TuneSample sample{TunedRows::create(path, {.dim = rows.dim()}), {}};
    for (const mapvec::Id id : ids) {
        const auto row = rows[id];
        std::vector<float> floats;
        for (const S x : row) floats.push_back(static_cast<float>(x));
        if (!mapvec::detail::all_finite(floats)) continue;
        if (sample.queries.size() < std::min<std::uint64_t>(options.queries, ids.size() / 10 + 1))
            sample.queries.push_back(std::move(floats));
        else if (options.rows == 0 || sample.rows.size() < options.rows)
            sample.rows.append(floats);
        else
            break;
    }
    if (sample.rows.size() < options.k || sample.queries.empty())
        throw mapvec::Error(mapvec::ErrorCode::invalid_argument, store.path(), "it has too few rows to measure recall");
    sample.rows.commit();
    return sample;
}

[[nodiscard]] inline double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Queries a second. The searches are repeated until they have taken long enough.
template <class Search>
[[nodiscard]] double measured_rate(const TuneSample& sample, Search search) {
    constexpr double long_enough = 0.5;
    const double begin = seconds_now();
    std::size_t searches = 0;
    double seconds = 0;
    do {
        for (const auto& query : sample.queries) search(query), ++searches;
        seconds = seconds_now() - begin;
    } while (seconds < long_enough);
    return static_cast<double>(searches) / seconds;
}

// The measurements of one metric.
template <mapvec::Metric M>
[[nodiscard]] TuneReport measure_graph(const TuneSample& sample, const TuneOptions& options,
                                       const WorkDirectory& work) {
    const auto k = static_cast<std::size_t>(options.k);
    const auto all_at = [&](const auto& query) { return mapvec::KnnQuery{query, k}; };
    auto exact = mapvec::VaIndex<M>::create(work / "exact", sample.rows);
    exact.update(sample.rows, {.threads = options.threads});
    auto graph = mapvec::HnswIndex<M>::create(work / "graph", sample.rows,
                                              {.m = static_cast<std::size_t>(options.m),
                                               .ef_construction = static_cast<std::size_t>(options.ef_construction)});
    TuneReport report;
    const double begin = seconds_now();
    {
        ProgressBar bar("building the graph", ProgressBar::Unit::things);
        graph.update(sample.rows, {.threads = options.threads}, std::ref(bar));
    }
    report.build_seconds = seconds_now() - begin;
    std::vector<std::vector<mapvec::Hit>> truth;
    for (const auto& query : sample.queries) truth.push_back(exact.search(sample.rows, all_at(query)));
    report.exact_rate = measured_rate(sample, [&](const auto& q) { (void)exact.search(sample.rows, all_at(q)); });
    for (std::size_t ef = std::max<std::size_t>(k, 10); ef <= 2000; ef += ef < 40 ? 10 : ef / 2) {
        const mapvec::HnswSearchOptions width{.ef = ef};
        std::size_t found = 0, all = 0;
        for (std::size_t i = 0; i < truth.size(); ++i) {
            const auto hits = graph.search(sample.rows, all_at(sample.queries[i]), width);
            for (const mapvec::Hit& hit : truth[i])
                found += std::find(hits.begin(), hits.end(), hit) != hits.end() ? 1u : 0u;
            all += truth[i].size();
        }
        const double rate =
            measured_rate(sample, [&](const auto& q) { (void)graph.search(sample.rows, all_at(q), width); });
        report.points.push_back(
            {ef, static_cast<double>(found) / static_cast<double>(std::max<std::size_t>(all, 1)), rate});
        if (report.points.back().recall >= 0.9995 || rate < report.exact_rate) break;
    }
    return report;
}

inline void print_table(const TuneReport& report) {
    std::cout << "     ef   recall   queries/s   beside exact\n";
    char line[80];
    for (const TunePoint& point : report.points) {
        std::snprintf(line, sizeof line, "%7zu   %6.4f   %9.0f   %9.1f x\n", point.ef, point.recall, point.rate,
                      point.rate / report.exact_rate);
        std::cout << line;
    }
    std::snprintf(line, sizeof line, "  exact   1.0000   %9.0f\n\n", report.exact_rate);
    std::cout << line;
    for (const double wanted : {0.9, 0.95, 0.99}) {
        const auto enough = std::find_if(report.points.begin(), report.points.end(),
                                         [&](const TunePoint& point) { return point.recall >= wanted; });
        std::snprintf(line, sizeof line, "recall %.2f: ", wanted);
        std::cout << line
                  << (enough == report.points.end() ? "not reached: a larger m, or VaIndex, which is exact"
                                                    : "ef = " + std::to_string(enough->ef))
                  << '\n';
    }
}

inline void print_json(const TuneReport& report, const std::string& metric, const TuneSample& sample,
                       const TuneOptions& options) {
    std::cout << "{\"metric\":" << json_string(metric) << ",\"rows\":" << sample.rows.size()
              << ",\"queries\":" << sample.queries.size() << ",\"k\":" << options.k << ",\"m\":" << options.m
              << ",\"ef_construction\":" << options.ef_construction
              << ",\"build_seconds\":" << json_number(report.build_seconds)
              << ",\"exact_rate\":" << json_number(report.exact_rate) << ",\"points\":[";
    const char* comma = "";
    for (const TunePoint& point : report.points) {
        std::cout << comma << "{\"ef\":" << point.ef << ",\"recall\":" << json_number(point.recall)
                  << ",\"rate\":" << json_number(point.rate) << '}';
        comma = ",";
    }
    std::cout << "]}\n";
}

[[nodiscard]] inline TuneReport measure_graph(const TuneSample& sample, const TuneOptions& options,
                                              const WorkDirectory& work) {
    switch (options.metric) {
        case TunedMetric::cosine: return measure_graph<mapvec::Cosine>(sample, options, work);
        case TunedMetric::inner_product: return measure_graph<mapvec::InnerProduct>(sample, options, work);
        default: return measure_graph<mapvec::SquaredL2>(sample, options, work);
    }
}

inline void tune(const TuneOptions& options) {
    const AnyStore store(options.store);
    if (!store.has_vectors()) throw UsageError(options.store.string() + " has no vectors to measure");
    std::ofstream picture;
    if (options.svg) picture = open_picture(*options.svg, store);
    const WorkDirectory work(options.directory ? *options.directory : fs::temp_directory_path());
    const TuneSample sample =
        with_scalar(store.scalar(), [&]<class S>() { return draw<S>(store, options, work / "rows"); });
    const TuneReport report = measure_graph(sample, options, work);
    const char* const metrics[] = {"squared_l2", "cosine", "inner_product"};
    const std::string metric = metrics[static_cast<std::size_t>(options.metric)];
    const std::string title = store.path().filename().string() + ": " + std::to_string(options.k) + " nearest of " +
                              std::to_string(sample.rows.size()) + " rows, " + metric + ", m " +
                              std::to_string(options.m);
    if (options.json) {
        print_json(report, metric, sample, options);
    } else {
        std::cout << title << "; " << sample.queries.size() << " queries, one thread; built in "
                  << human_time(report.build_seconds) << "\n\n";
        print_table(report);
    }
    if (!options.svg) return;
    write_svg(picture, report, title);
    if (!picture.flush()) throw mapvec::Error(mapvec::ErrorCode::io, *options.svg, "the picture cannot be written");
}

}  // namespace cli
