// Exact searches over rows of vectors: range, ring, disk, intersection of disks, k nearest. Knows no file: anything
// with contiguous rows can be searched, a store, a std::vector in a wrapper, a part of either.
//
//     std::vector<Hit> near  = search(store, DiskQuery{query, 0.5f});                  // ascending id
//     std::vector<Hit> best  = search(store, KnnQuery{query, 10}, {.threads = 0});     // nearest first, all cores
//     std::vector<Hit> alive = search(store, KnnQuery{query, 10}, [&](Id id) { return !erased[id]; });
//     std::vector<Hit> among = search_ids(store, candidates, KnnQuery{query, 10});     // these rows only
//     search_each(store, RingQuery{query, 2, 0.1f}, [](const Hit& hit) { … });         // no vector of hits
//     search<InnerProduct>(store, KnnQuery{query, 10});                                // another metric: metric.hpp
//
// Order: kNN by distance, ties by id; all others by ascending id (search_ids: in the order of the list).
// Distances are sums of squared differences, so that near-duplicates keep theirs; their error is stated in
// distance.hpp, the meaning of bounds in metric.hpp. Bounds are inclusive. Every call takes one snapshot: it calls
// data() once and sees the rows there are then.
//
// Errors: query of another length: dimension_mismatch. An element that is no number, a NaN or (for distances)
// negative bound, min > max, an empty list of disks: invalid_argument. An id of search_ids beyond the rows:
// out_of_range. All are found before any row is read. k = 0 and an empty source give no hits, k beyond the rows all
// of them that have a distance. What a filter or visitor throws reaches the caller; there is nothing to undo.
//
// Threads: any number of searches may run at once. SearchOptions::threads splits one search over a shared pool of
// threads; small searches (below 1 MiB of rows per thread) do not use it. A filter is then
// called from several threads at once, never twice for a row; visitors are called by the calling thread only. Results
// do not depend on the number of threads.
//
// Complexity: one pass over the rows, O(rows · dim), at the speed of memory; hits are the only memory taken, for kNN
// up to 8 k of them for each thread.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/search/scan.hpp>
#include <mapvec/detail/search/top_k.hpp>
#include <mapvec/distance.hpp>
#include <mapvec/error.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/query.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// data(): all rows, contiguous and row-major, a whole number of them; valid until the search returns. So it gives a
// span or a reference, no container of its own.
template <class T>
concept RowSource = requires(const T& source) {
    { source.dim() } -> std::convertible_to<std::size_t>;
    { source.data().size() } -> std::convertible_to<std::size_t>;
    requires std::is_lvalue_reference_v<decltype(source.data())> ||
        std::is_trivially_copyable_v<decltype(source.data())>;
    requires Scalar<std::remove_cvref_t<decltype(*source.data().data())>>;
};

template <class Q>
concept AnyQuery = std::same_as<Q, RingQuery> || std::same_as<Q, RangeQuery> || std::same_as<Q, DiskQuery> ||
    std::same_as<Q, DiskIntersectionQuery> || std::same_as<Q, KnnQuery>;

// Says whether a row may be a hit. Called before distances are computed, for every row.
template <class F>
concept IdFilter = std::predicate<const F&, Id>;

// Takes hits; if it returns something, false ends the search.
template <class V>
concept HitVisitor = std::invocable<V&, const Hit&>;

namespace detail {

template <RowSource Source>
using ScalarOf = std::remove_cvref_t<decltype(*std::declval<const Source&>().data().data())>;

[[noreturn]] inline void refuse_bounds(const char* subject, const char* expected, double first, double second) {
    char found[64];
    std::snprintf(found, sizeof found, "%.9g and %.9g", first, second);
    throw Error(ErrorCode::invalid_argument, detail::mismatch(subject, expected, found));
}

template <Metric M>
[[nodiscard]] ValueRange checked_range(double min, double max) {
    if (!(min <= max) || (M::is_distance && min < 0))
        refuse_bounds("bounds", "0 <= min <= max (negative for inner products only)", min, max);
    return {min, max};
}

template <Metric M>
[[nodiscard]] ValueRange value_range(const RangeQuery& query) {
    return checked_range<M>(query.min_distance, query.max_distance);
}

template <Metric M>
[[nodiscard]] ValueRange value_range(const DiskQuery& query) {
    if constexpr (M::is_distance) return checked_range<M>(0, query.max_distance);
    return checked_range<M>(query.max_distance, std::numeric_limits<double>::infinity());
}

// The sum and the difference may round in float: the wider ring of the exact and the rounded one.
template <Metric M>
[[nodiscard]] ValueRange value_range(const RingQuery& query) {
    if (!(query.tolerance >= 0) || (M::is_distance && query.distance < 0))
        refuse_bounds("distance and tolerance of a ring", "0 or more (a distance is negative for inner products only)",
                      query.distance, query.tolerance);
    const double distance = query.distance, tolerance = query.tolerance;
    const double min = std::min<double>(distance - tolerance, query.distance - query.tolerance);
    const double max = std::max<double>(distance + tolerance, query.distance + query.tolerance);
    return checked_range<M>(M::is_distance && min < 0 ? 0 : min, max);
}

template <Metric M, Scalar S, class Query>
[[nodiscard]] CompiledQuery<M, S> compile(const RowsSnapshot<S>& rows, const Query& query) {
    CompiledQuery<M, S> compiled(rows);
    if constexpr (std::same_as<Query, DiskIntersectionQuery>) {
        if (query.disks.empty()) throw Error(ErrorCode::invalid_argument, "disks: expected at least one, found none");
        for (const DiskQuery& disk : query.disks) compiled.add(disk.query, M::keys(value_range<M>(disk)));
    } else if constexpr (std::same_as<Query, KnnQuery>) {
        compiled.add(query.query, KeyRange{});
    } else {
        compiled.add(query.query, M::keys(value_range<M>(query)));
    }
    return compiled;
}

// How a scan of `rows` rows is cut into pieces for threads: so many that one slow thread holds nobody up, none so small
// that handing it over costs more than doing it.
struct Partition {
    Partition(std::size_t rows, std::size_t row_bytes, unsigned wanted_threads) noexcept
        : rows_(rows), threads(rows == 0 ? 1 : thread_count(wanted_threads)) {
        constexpr std::size_t min_bytes = 1024 * 1024;
        const std::size_t worthwhile = rows / (min_bytes / (row_bytes + 1) + 1);
        count = threads == 1 ? 1 : std::clamp<std::size_t>(worthwhile, 1, threads * 8);
    }
    [[nodiscard]] std::size_t first(std::size_t piece) const noexcept {
        return rows_ / count * piece + std::min(piece, rows_ % count);
    }

  private:
    std::size_t rows_;

  public:
    std::size_t threads;
    std::size_t count = 1;
};

template <Metric M, Scalar S, class Rows>
[[nodiscard]] TopK nearest(const RowsSnapshot<S>& rows, const Rows& visited, std::size_t count, const KnnQuery& query,
                           const SearchOptions& options) {
    const CompiledQuery<M, S> compiled = compile<M>(rows, query);
    const Partition pieces(count, rows.row_bytes(), options.threads);
    std::vector<TopK> best(pieces.count, TopK(std::min(query.k, count)));
    if (query.k != 0) {
        parallel_for(pieces.count, pieces.threads, [&](std::size_t piece) {
            scan(visited, compiled, pieces.first(piece), pieces.first(piece + 1), rows.rows_per_block(),
                 NearestCollector{best[piece]});
        });
    }
    for (std::size_t piece = 1; piece < pieces.count; ++piece) best[0].offer_all(best[piece]);
    best[0].sort();
    return std::move(best[0]);
}

template <Metric M>
[[nodiscard]] std::vector<Hit> hits_of(const TopK& best) {
    std::vector<Hit> hits;
    hits.reserve(best.entries().size());
    for (const Candidate& entry : best.entries()) hits.push_back(hit_of<M>(entry.id, entry.key));
    return hits;
}

// The hits of [first, last) appended to `hits`, in the order of the rows.
template <Metric M, Scalar S, class Rows>
void collect(const RowsSnapshot<S>& rows, const CompiledQuery<M, S>& compiled, const Rows& visited, std::size_t first,
             std::size_t last, const SearchOptions& options, std::vector<Hit>& hits) {
    const Partition pieces(last - first, rows.row_bytes(), options.threads);
    if (pieces.count == 1) {
        scan(visited, compiled, first, last, rows.rows_per_block(), HitCollector<M>{hits});
        return;
    }
    std::vector<std::vector<Hit>> found(pieces.count);
    parallel_for(pieces.count, pieces.threads, [&](std::size_t piece) {
        std::vector<Hit> mine;  // on the thread's own stack: neighbours in `found` would share cache lines
        scan(visited, compiled, first + pieces.first(piece), first + pieces.first(piece + 1), rows.rows_per_block(),
             HitCollector<M>{mine});
        found[piece] = std::move(mine);
    });
    std::size_t total = hits.size();
    for (const auto& piece : found) total += piece.size();
    hits.reserve(total);
    for (const auto& piece : found) hits.insert(hits.end(), piece.begin(), piece.end());
}

template <Metric M, Scalar S, class Rows, AnyQuery Query>
[[nodiscard]] std::vector<Hit> search_rows(const RowsSnapshot<S>& rows, const Rows& visited, std::size_t count,
                                           const Query& query, const SearchOptions& options) {
    if constexpr (std::same_as<Query, KnnQuery>) {
        return hits_of<M>(nearest<M>(rows, visited, count, query, options));
    } else {
        std::vector<Hit> hits;
        collect(rows, compile<M>(rows, query), visited, 0, count, options, hits);
        return hits;
    }
}

// False if the visitor has had enough.
template <HitVisitor Visitor>
[[nodiscard]] bool visit(const std::vector<Hit>& hits, Visitor& visitor) {
    for (const Hit& hit : hits) {
        if constexpr (std::convertible_to<std::invoke_result_t<Visitor&, const Hit&>, bool>) {
            if (!visitor(hit)) return false;
        } else {
            visitor(hit);
        }
    }
    return true;
}

template <Metric M, RowSource Source, AnyQuery Query, class Rows, HitVisitor Visitor>
void search_each_of(const Source& source, const Query& query, const Rows& visited, Visitor& visitor,
                    const SearchOptions& options) {
    const RowsSnapshot<ScalarOf<Source>> rows(source);
    if constexpr (std::same_as<Query, KnnQuery>) {
        (void)visit(hits_of<M>(nearest<M>(rows, visited, rows.count(), query, options)), visitor);
    } else {
        const auto compiled = compile<M>(rows, query);
        constexpr std::size_t bytes_per_thread = 8 * 1024 * 1024;
        const std::size_t threads = thread_count(options.threads);
        const std::size_t stride =
            threads == 1 ? rows.rows_per_block() : threads * (bytes_per_thread / (rows.row_bytes() + 1) + 1);
        std::vector<Hit> hits;
        for (std::size_t first = 0; first < rows.count(); first += stride) {
            hits.clear();
            const std::size_t last = std::min(rows.count(), first + stride);
            collect(rows, compiled, visited, first, last, options, hits);
            if (!visit(hits, visitor)) return;
        }
    }
}

}  // namespace detail

template <Metric M = SquaredL2, RowSource Source, AnyQuery Query = KnnQuery>
[[nodiscard]] std::vector<Hit> search(const Source& source, const Query& query, const SearchOptions& options = {}) {
    const detail::RowsSnapshot<detail::ScalarOf<Source>> rows(source);
    return detail::search_rows<M>(rows, detail::AllRows{}, rows.count(), query, options);
}

// Only rows whose id the filter accepts.
template <Metric M = SquaredL2, RowSource Source, AnyQuery Query = KnnQuery, IdFilter Filter>
[[nodiscard]] std::vector<Hit> search(const Source& source, const Query& query, const Filter& filter,
                                      const SearchOptions& options = {}) {
    const detail::RowsSnapshot<detail::ScalarOf<Source>> rows(source);
    return detail::search_rows<M>(rows, detail::FilteredRows<Filter>{filter}, rows.count(), query, options);
}

// Only the rows listed, which are fetched ahead. A row listed twice is found twice.
template <Metric M = SquaredL2, RowSource Source, AnyQuery Query>
[[nodiscard]] std::vector<Hit> search_ids(const Source& source, std::span<const Id> ids, const Query& query,
                                          const SearchOptions& options = {}) {
    const detail::RowsSnapshot<detail::ScalarOf<Source>> rows(source);
    for (const Id id : ids) {
        if (id >= rows.count()) {
            throw Error(ErrorCode::out_of_range,
                        detail::mismatch("id", "below " + std::to_string(rows.count()), std::to_string(id)));
        }
    }
    return detail::search_rows<M>(rows, detail::ListedRows{ids}, ids.size(), query, options);
}

// The hits of search() in the same order, one by one to the visitor, without a vector of all hits. With several threads
// a few megabytes of rows are searched at a time, then their hits are passed on. A visitor that returns false ends the
// search; the rows behind are not searched.
template <Metric M = SquaredL2, RowSource Source, AnyQuery Query = KnnQuery, HitVisitor Visitor>
void search_each(const Source& source, const Query& query, Visitor&& visitor, const SearchOptions& options = {}) {
    detail::search_each_of<M>(source, query, detail::AllRows{}, visitor, options);
}

// Only rows whose id the filter accepts.
template <Metric M = SquaredL2, RowSource Source, AnyQuery Query = KnnQuery, IdFilter Filter, HitVisitor Visitor>
void search_each(const Source& source, const Query& query, const Filter& filter, Visitor&& visitor,
                 const SearchOptions& options = {}) {
    detail::search_each_of<M>(source, query, detail::FilteredRows<Filter>{filter}, visitor, options);
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
