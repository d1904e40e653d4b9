// mapvec stats: the distances between rows, from a sample of pairs. They show which distance and tolerance a ring
// should have.
#pragma once

#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "any_store.hpp"
#include "histogram.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace cli {

struct StatsOptions {
    fs::path store;
    std::uint64_t pairs = 100'000;
    std::uint64_t seed = 1;
    std::uint64_t bins = 30;
    std::optional<fs::path> svg;
    bool json = false;
};

template <mapvec::Scalar S>
[[nodiscard]] double distance_between(std::span<const S> a, std::span<const S> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        sum += difference * difference;
    }
    return std::sqrt(sum);
}

// Distances of random pairs of different rows that are not erased. Pairs without a distance (NaN) are skipped.
template <mapvec::Scalar S>
[[nodiscard]] std::vector<double> sample_distances(const AnyStore& store, const StatsOptions& options) {
    const auto rows = store.vectors<S>();
    if (rows.size() - store.erased().size() < 2)
        throw mapvec::Error(mapvec::ErrorCode::invalid_argument, store.path(),
                            "there are no two rows between which there is a distance");
    std::mt19937_64 random(options.seed);
    const auto pick = [&] {
        for (;;)
            if (const mapvec::Id id = random() % rows.size(); !store.erased(id)) return id;
    };
    ProgressBar bar("stats", ProgressBar::Unit::things);
    std::vector<double> sample;
    for (std::uint64_t i = 0; i < options.pairs; ++i) {
        const mapvec::Id a = pick();
        mapvec::Id b = pick();
        while (b == a) b = pick();
        const double distance = distance_between(rows[a], rows[b]);
        if (std::isfinite(distance)) sample.push_back(distance);
        if (i % 1024 == 0) bar(i, options.pairs);
    }
    if (sample.empty())
        throw mapvec::Error(mapvec::ErrorCode::invalid_argument, store.path(), "no pair of rows has a finite distance");
    return sample;
}

inline void print_rings(const Histogram& histogram, std::uint64_t rows) {
    std::cout << "\nRings, and how many rows each may be expected to hold:\n";
    for (const double centre : {0.01, 0.1, 0.5})
        for (const double part : {0.001, 0.01}) {
            const double distance = histogram.quantile(centre);
            char line[160];
            std::snprintf(line, sizeof line, "  --ring %.4g %.4g   %.0f rows (%g %%)\n", distance,
                          histogram.tolerance(distance, part), part * static_cast<double>(rows), part * 100);
            std::cout << line;
        }
}

inline void print_text(const Histogram& histogram, std::uint64_t rows) {
    std::cout << "distances of " << histogram.size() << " pairs of rows: mean " << number(histogram.mean())
              << ", standard deviation " << number(histogram.deviation()) << "\n\n";
    plot(std::cout, histogram);
    std::cout << "\n        least  " << number(histogram.min()) << '\n';
    for (const double part : {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99})
        std::cout << std::setw(11) << part * 100 << " %  " << number(histogram.quantile(part)) << '\n';
    std::cout << "     greatest  " << number(histogram.max()) << '\n';
    print_rings(histogram, rows);
}

inline void print_json(const Histogram& histogram) {
    std::cout << "{\"pairs\":" << histogram.size() << ",\"mean\":" << json_number(histogram.mean())
              << ",\"deviation\":" << json_number(histogram.deviation()) << ",\"min\":" << json_number(histogram.min())
              << ",\"max\":" << json_number(histogram.max()) << ",\"quantiles\":{";
    const char* comma = "";
    for (const double part : {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99}) {
        std::cout << comma << '"' << part << "\":" << json_number(histogram.quantile(part));
        comma = ",";
    }
    std::cout << "},\"counts\":" << json_array(histogram.counts()) << "}\n";
}

// Checks the arguments before the measurement, which may take long.
[[nodiscard]] inline std::ofstream open_picture(const fs::path& path, const AnyStore& store) {
    if (store.owns(path)) throw UsageError("--svg would write over the store");
    std::ofstream picture(path);
    if (!picture) throw mapvec::Error(mapvec::ErrorCode::io, path, "the file cannot be created");
    return picture;
}

inline void stats(const StatsOptions& options) {
    const AnyStore store(options.store);
    if (!store.has_vectors()) throw UsageError(options.store.string() + " has no vectors to measure");
    std::ofstream picture;
    if (options.svg) picture = open_picture(*options.svg, store);
    const Histogram histogram(
        with_scalar(store.scalar(), [&]<class S>() { return sample_distances<S>(store, options); }),
        static_cast<std::size_t>(options.bins));
    if (options.json)
        print_json(histogram);
    else
        print_text(histogram, store.rows() - store.erased().size());
    if (!options.svg) return;
    write_svg(picture, histogram,
              options.store.filename().string() + ": distances of " + std::to_string(histogram.size()) + " pairs");
    if (!picture.flush()) throw mapvec::Error(mapvec::ErrorCode::io, *options.svg, "the picture cannot be written");
}

}  // namespace cli
