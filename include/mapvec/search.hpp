// Exact searches over rows of vectors: range, ring, disk, intersection of disks, k nearest. They search anything with
// contiguous rows: a store, a std::vector in a wrapper, a part of either.
//
//     std::vector<Hit> near  = search(store, DiskQuery{query, 0.5f});                  // ascending id
//     std::vector<Hit> best  = search(store, KnnQuery{query, 10}, {.threads = 0});     // nearest first, all cores
//     std::vector<Hit> alive = search(store, KnnQuery{query, 10}, [&](Id id) { return !erased[id]; });
//     std::vector<Hit> among = search_ids(store, candidates, KnnQuery{query, 10});     // these rows only
//     search_each(store, RingQuery{query, 2, 0.1f}, [](const Hit& hit) { … });         // no vector of hits
//     search<InnerProduct>(store, KnnQuery{query, 10});                                // another metric: metric.hpp
//
// Order. k nearest, and queries with a limit: by distance, ties by id. All others: by ascending id; search_ids: in the
// order of the list.
//
// Distances are sums of squared differences, which keeps small distances accurate; distance.hpp states the error.
// Bounds are inclusive; metric.hpp states their meaning. Each call calls data() once and searches the rows that it
// returns.
//
// Errors. A query of the wrong length: dimension_mismatch. A query element that is NaN or infinite, a NaN bound, a
// negative bound (for distances), min > max, an empty list of disks: invalid_argument. An id of search_ids that is not
// a row: out_of_range. A search throws these before it reads any row. k = 0 and an empty source give no hits; if k
// exceeds the number of rows, all rows that have a distance are found. An exception of a filter or visitor reaches the
// caller.
//
// Threads. Any number of searches may run at the same time. SearchOptions::threads splits one search over a shared pool
// of threads, with at least 1 MiB of rows for each task. With several threads, a filter is called from several threads
// at once, but only once for each row. Visitors are called by the calling thread only. Results do not depend on the
// number of threads.
//
// Complexity: one pass over the rows, O(rows · dim), limited by memory bandwidth. Memory: the hits; for k nearest and
// for limits, so many hits for each task, and at most 8 tasks for each thread.
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

// data() returns a span or a reference to all rows: contiguous, row-major, a whole number of rows. It stays valid until
// the search returns. A container by value is refused, because it would not live long enough.
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

// Returns true if the row may be a hit. Called once for every row, before its distance is computed.
template <class F>
concept IdFilter = std::predicate<const F&, Id>;

// Called for each hit. A visitor may return bool; false ends the search.
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

// The sum and the difference may round in float. This is the wider of the exact ring and the rounded ring.
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

// True if hits are ordered by distance: at most max_hits() of them. Otherwise all hits are found, in the order of rows.
template <AnyQuery Query>
[[nodiscard]] constexpr bool is_ordered(const Query& query) noexcept {
    if constexpr (std::same_as<Query, KnnQuery>)
        return true;
    else
        return query.limit != 0;
}
template <AnyQuery Query>
[[nodiscard]] constexpr std::size_t max_hits(const Query& query) noexcept {
    if constexpr (std::same_as<Query, KnnQuery>)
        return query.k;
    else
        return query.limit;
}
// Orders hits by distance, and keeps the first `limit`.
inline void keep_nearest(std::vector<Hit>& hits, std::size_t limit) {
    const auto end = hits.begin() + static_cast<std::ptrdiff_t>(std::min(limit, hits.size()));
    std::partial_sort(hits.begin(), end, hits.end(), [](const Hit& a, const Hit& b) {
        const bool larger_is_nearer = a.unit == HitUnit::similarity;
        if (a.distance_squared != b.distance_squared)
            return (a.distance_squared < b.distance_squared) != larger_is_nearer;
        return a.id < b.id;
    });
    hits.erase(end, hits.end());
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

// How a scan is divided into pieces for threads. There are several pieces for each thread, so that a slow thread does
// not delay the others, and each piece has at least 1 MiB, so that starting it costs little.
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

// The nearest of the rows that match, at most max_hits().
template <Metric M, Scalar S, class Rows, AnyQuery Query>
[[nodiscard]] TopK nearest(const RowsSnapshot<S>& rows, const Rows& visited, std::size_t count, const Query& query,
                           const SearchOptions& options) {
    const CompiledQuery<M, S> compiled = compile<M>(rows, query);
    const Partition pieces(count, rows.row_bytes(), options.threads);
    std::vector<TopK> best(pieces.count, TopK(std::min(max_hits(query), count)));
    if (max_hits(query) != 0) {
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

// Appends the hits of [first, last) to `hits`, in the order of the rows.
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
        std::vector<Hit> mine;  // local to the thread: neighbours in `found` share cache lines
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
    std::vector<Hit> hits;
    if (is_ordered(query))
        hits = hits_of<M>(nearest<M>(rows, visited, count, query, options));
    else if constexpr (!std::same_as<Query, KnnQuery>)
        collect(rows, compile<M>(rows, query), visited, 0, count, options, hits);
    return hits;
}

// Returns false if the visitor ended the search.
template <HitVisitor Visitor>
[[nodiscard]] bool visit(const Hit& hit, Visitor& visitor) {
    if constexpr (std::convertible_to<std::invoke_result_t<Visitor&, const Hit&>, bool>) {
        return visitor(hit);
    } else {
        visitor(hit);
        return true;
    }
}
template <HitVisitor Visitor>
[[nodiscard]] bool visit(const std::vector<Hit>& hits, Visitor& visitor) {
    return std::all_of(hits.begin(), hits.end(), [&](const Hit& hit) { return visit(hit, visitor); });
}

template <Metric M, RowSource Source, AnyQuery Query, class Rows, HitVisitor Visitor>
void search_each_of(const Source& source, const Query& query, const Rows& visited, Visitor& visitor,
                    const SearchOptions& options) {
    const RowsSnapshot<ScalarOf<Source>> rows(source);
    if (is_ordered(query)) {
        (void)visit(hits_of<M>(nearest<M>(rows, visited, rows.count(), query, options)), visitor);
    } else if constexpr (!std::same_as<Query, KnnQuery>) {
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

// Searches only the listed rows. The search prefetches them. A row that is listed twice is found twice. Throws
// out_of_range for an id that is not a row.
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

// Passes each hit of search() to the visitor, in the same order, without a vector of all hits. With several threads,
// the search alternates: it searches a few megabytes of rows, then passes on their hits. If the visitor returns false,
// the search ends, and later rows are not searched.
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
