// The k nearest rows of many queries: each block of lines is read from memory once for a group of queries.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/search/row_mask.hpp>
#include <mapvec/detail/va/search.hpp>
#include <mapvec/search_batch.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t queries_per_group = 32;
inline constexpr std::size_t rows_per_turn = 512;  // 32 KiB of lines

// For short rows, tiles of rows and queries (search/tiles.hpp) are faster than lines.
template <Metric M, Scalar S>
[[nodiscard]] bool lines_beat_tiles(std::size_t dim, std::size_t queries) noexcept {
    return !tileable<M, S> || queries < min_tiled_queries || dim >= 256;
}

template <class Filter>
struct MaskedRow {
    [[nodiscard]] bool operator()(Id id) const noexcept { return mask[id]; }
    [[nodiscard]] FilteredRows<MaskedRow> rows() const noexcept { return {*this}; }

    const RowMask<Filter>& mask;
};

// The searches of a group over the rows [first, last).
template <Metric M, Scalar S, class Filter>
void nearest_of_group(const LineSearch<M, S, KnnQuery>* searches, std::size_t count, const RowMask<Filter>& mask,
                      std::size_t first, std::size_t last, TopK* best, SharedLimit* limits) {
    const auto scratch = std::make_unique<SieveScratch>();
    const MaskedRow<Filter> accepts{mask};
    VaCounts counts;
    std::vector<NearestScan<M, S, MaskedRow<Filter>>> scans;
    scans.reserve(count);
    for (std::size_t q = 0; q < count; ++q)
        scans.push_back(searches[q].nearest_scan(*scratch, accepts, counts, best[q], limits[q]));
    for (; first < last; first += std::min(rows_per_turn, last - first))
        for (std::size_t q = 0; q < count; ++q)
            searches[q].each_stretch(first, std::min(last, first + rows_per_turn), scans[q]);
    for (auto& scan : scans) scan.finish();
}

template <Metric M, Scalar S, class Filter>
[[nodiscard]] std::vector<std::vector<Hit>> nearest_of_batch(const std::vector<LineSearch<M, S, KnnQuery>>& searches,
                                                             std::span<const KnnQuery> queries, std::size_t rows,
                                                             const Filter& filter, const Partition& pieces) {
    std::vector<TopK> none;
    for (const KnnQuery& query : queries) none.emplace_back(std::min(query.k, rows));
    std::vector<std::vector<TopK>> best(pieces.count, none);
    std::vector<SharedLimit> limits(queries.size());
    parallel_for(pieces.count, pieces.threads, [&](std::size_t piece) {
        const std::size_t first = pieces.first(piece), last = pieces.first(piece + 1);
        const RowMask<Filter> mask(filter, first, last);
        for (std::size_t q = 0; q < queries.size(); q += queries_per_group)
            nearest_of_group(&searches[q], std::min(queries_per_group, queries.size() - q), mask, first, last,
                             &best[piece][q], &limits[q]);
    });
    std::vector<std::vector<Hit>> hits(queries.size());
    for (std::size_t q = 0; q < queries.size(); ++q) {
        for (std::size_t piece = 1; piece < pieces.count; ++piece) best[0][q].offer_all(best[piece][q]);
        best[0][q].sort();
        hits[q] = hits_of<M>(best[0][q]);
    }
    return hits;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
