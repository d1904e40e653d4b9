// The nearest rows of many queries at once, in one pass over the rows.
//
//     std::vector<KnnQuery> queries = {{a, 10}, {b, 10}, {c, 5}};
//     std::vector<std::vector<Hit>> hits = search_batch(store, queries, {.threads = 0});   // hits[i] for queries[i]
//     hits = search_batch(store, row_major_queries, 10);                                   // all with k = 10
//     hits = search_batch<InnerProduct>(store, queries);
//     hits = search_batch(store, queries, [&](Id id) { return !erased[id]; });             // some rows only
//
// Hits and errors are the same as those of search() for each query, bit by bit, for any number of threads; an error
// also names the query by its number, from 0. With more than a few queries, a batch is several times faster than one
// search after the other: it reads each row from memory once for all queries, and computes distances for tiles of rows
// and queries in registers (detail/search/tiles.hpp). Cosine and rows of double are not tiled: they also read each row
// from memory once, but compute as search() does.
//
// A filter is called once for each row, for all queries together. With several threads, it is called from several
// threads at once.
//
// Memory: a transposed copy of the queries; k hits for each query and thread; with a filter, one bit for each row.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <mapvec/detail/search/row_mask.hpp>
#include <mapvec/detail/search/tiles.hpp>
#include <mapvec/search.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {
namespace detail {

// With fewer queries, most of a tile would be idle.
inline constexpr std::size_t min_tiled_queries = 4;

template <Metric M, Scalar S>
inline constexpr bool tileable = M::distance_kind != DistanceKind::cosine && !std::is_same_v<S, double>;

// Computes each block of rows for all queries while the block is in cache.
template <Metric M, Scalar S, class Mask>
void scan_blocks(const RowsSnapshot<S>& rows, const std::vector<PreparedQuery<M, S>>& queries, const Mask& accepted,
                 std::size_t first, std::size_t last, std::vector<TopK>& best, InstructionSet set) {
    const SelectKernel select = select_kernel(set);
    BlockKeys block;
    ReadInOrder in_order(rows.access());
    for (std::size_t at = first; at < last; at += rows.rows_per_block()) {
        const std::size_t count = std::min(rows.rows_per_block(), last - at);
        if (!accepted.any(at, count)) continue;
        rows.read_in_order(at, count, last, in_order);
        for (std::size_t q = 0; q < queries.size(); ++q) {
            queries[q].measure(rows.span(), at, count, block.keys);
            const std::size_t found = select(block.keys, count, KeyRange{}.low, best[q].limit(), block.positions);
            NearestCollector nearest{best[q]};
            for (std::size_t i = 0; i < found; ++i) {
                const Id row = at + block.positions[i];
                if (accepted[row]) nearest.add(row, block.keys[block.positions[i]]);
            }
        }
    }
}

// One task per piece. The first rows are searched exactly, so that the tile scan starts with a limit.
template <Metric M, Scalar S, class Filter>
void nearest_of_all(const RowsSnapshot<S>& rows, const std::vector<PreparedQuery<M, S>>& queries, const Filter& filter,
                    std::size_t max_hits, std::vector<std::vector<TopK>>& best, const SearchOptions& options,
                    InstructionSet set) {
    const std::size_t pieces = best.size();
    const auto first = [&](std::size_t piece) {
        return rows.count() / pieces * piece + std::min(piece, rows.count() % pieces);
    };
    if constexpr (tileable<M, S>) {
        if (queries.size() >= min_tiled_queries) {
            const PackedQueries<M, S> packed(queries, rows.dim(), tile_kernels(set));
            parallel_for(pieces, thread_count(options.threads), [&](std::size_t piece) {
                const std::size_t last = first(piece + 1);
                const std::size_t seen = std::min(first(piece) + std::max<std::size_t>(max_hits, 128), last);
                const RowMask<Filter> accepted(filter, first(piece), last);
                scan_blocks(rows, queries, accepted, first(piece), seen, best[piece], set);
                TileScan<M, S, RowMask<Filter>>(rows, queries, packed, accepted, best[piece], set).run(seen, last);
            });
            return;
        }
    }
    parallel_for(pieces, thread_count(options.threads), [&](std::size_t piece) {
        const RowMask<Filter> accepted(filter, first(piece), first(piece + 1));
        scan_blocks(rows, queries, accepted, first(piece), first(piece + 1), best[piece], set);
    });
}

template <Metric M, RowSource Source, class Filter>
[[nodiscard]] std::vector<std::vector<Hit>> search_filtered_batch(const Source& source,
                                                                  std::span<const KnnQuery> queries,
                                                                  const Filter& filter, const SearchOptions& options) {
    using S = ScalarOf<Source>;
    const RowsSnapshot<S> rows(source);
    const InstructionSet set = active_instruction_set();
    std::vector<PreparedQuery<M, S>> prepared;
    std::vector<TopK> none;
    std::size_t max_hits = 0;
    for (const KnnQuery& query : queries) {
        try {
            prepared.emplace_back(query.query, rows.dim(), set);
        } catch (const Error& error) {
            throw about("query " + std::to_string(prepared.size()) + " of the batch", error);
        }
        none.emplace_back(std::min(query.k, rows.count()));
        max_hits = std::max(max_hits, std::min(query.k, rows.count()));
    }
    std::vector<std::vector<Hit>> hits(queries.size());
    if (max_hits == 0) return hits;
    const std::size_t threads = thread_count(options.threads);
    const std::size_t worthwhile = rows.count() * rows.row_bytes() / (256 * 1024) + 1;
    std::vector<std::vector<TopK>> best(std::min(threads, worthwhile), none);
    nearest_of_all<M, S>(rows, prepared, filter, max_hits, best, options, set);
    for (std::size_t q = 0; q < queries.size(); ++q) {
        if (queries[q].k == 0) continue;
        for (std::size_t piece = 1; piece < best.size(); ++piece) best[0][q].offer_all(best[piece][q]);
        best[0][q].sort();
        hits[q] = hits_of<M>(best[0][q]);
    }
    return hits;
}

// Splits `queries` into vectors of length `dim`.
[[nodiscard]] inline std::vector<KnnQuery> each_of(std::span<const float> queries, std::size_t dim, std::size_t k) {
    if (dim == 0 ? !queries.empty() : queries.size() % dim != 0) {
        throw Error(ErrorCode::dimension_mismatch,
                    mismatch("queries", "a multiple of " + std::to_string(dim) + " elements", queries.size()));
    }
    std::vector<KnnQuery> each;
    for (std::size_t at = 0; at < queries.size(); at += dim) each.push_back({queries.subspan(at, dim), k});
    return each;
}

}  // namespace detail

template <Metric M = SquaredL2, RowSource Source>
[[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Source& source, std::span<const KnnQuery> queries,
                                                         const SearchOptions& options = {}) {
    return detail::search_filtered_batch<M>(source, queries, detail::EveryRow{}, options);
}

// Only rows whose id the filter accepts.
template <Metric M = SquaredL2, RowSource Source, IdFilter Filter>
[[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Source& source, std::span<const KnnQuery> queries,
                                                         const Filter& filter, const SearchOptions& options = {}) {
    return detail::search_filtered_batch<M>(source, queries, filter, options);
}

// `queries` holds vectors of length source.dim(), one after the other. Throws dimension_mismatch if its size is not a
// multiple of source.dim().
template <Metric M = SquaredL2, RowSource Source>
[[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Source& source, std::span<const float> queries,
                                                         std::size_t k, const SearchOptions& options = {}) {
    return search_batch<M>(source, std::span<const KnnQuery>(detail::each_of(queries, source.dim(), k)), options);
}

// As above, for rows whose id the filter accepts.
template <Metric M = SquaredL2, RowSource Source, IdFilter Filter>
[[nodiscard]] std::vector<std::vector<Hit>> search_batch(const Source& source, std::span<const float> queries,
                                                         std::size_t k, const Filter& filter,
                                                         const SearchOptions& options = {}) {
    return search_batch<M>(source, std::span<const KnnQuery>(detail::each_of(queries, source.dim(), k)), filter,
                           options);
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
