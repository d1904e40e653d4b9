// Queries and hits: the values that searches take and return.
//
//     mapvec::RingQuery ring{.query = vector, .distance = 1.2f, .tolerance = 0.05f};
//     for (const mapvec::Hit& hit : search(store, ring)) std::cout << hit.id << ' ' << hit.value() << '\n';
//
// A query holds a span of floats, whatever the scalar type of the rows. The caller keeps those floats alive until the
// search returns. Distances are Euclidean unless the search names another metric; metric.hpp defines the meaning of
// bounds for each metric. All bounds are inclusive.
//
// Order. Hits of rings, ranges and disks are ordered by id. With a `limit`, they are the nearest `limit` of them,
// nearest first, ties by id; a limit of SIZE_MAX orders all of them. Searches with a limit keep only so many hits in
// memory.
//
//     search(store, mapvec::DiskQuery{.query = vector, .max_distance = 0.5f, .limit = 100});
//
// Errors. A search throws dimension_mismatch if a query has the wrong length. It throws invalid_argument for an element
// that is NaN or infinite, a NaN bound, a negative bound (distances only), min > max, and an empty list of disks.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

using Id = std::uint64_t;  // row number, dense from 0

inline constexpr std::size_t dynamic_dim = std::dynamic_extent;  // the dimension is known at run time

// The unit of Hit::distance_squared. It depends on the metric of the search.
enum class HitUnit : std::uint8_t {
    squared_distance,  // SquaredL2: |x - q|²
    distance,          // Cosine, NormalizedCosine: 1 - cos
    similarity         // InnerProduct: x·q, larger is nearer
};

// A row that matches, and how near it is. Hits are equal if their ids and their numbers are.
struct Hit {
    Id id = 0;
    float distance_squared = 0;  // ordering by it costs nothing; with metrics other than SquaredL2 it equals value()
    HitUnit unit = HitUnit::squared_distance;

    // The metric's value of the row, in the unit of the query's bounds: |x - q|, 1 - cos, or x·q. SquaredL2 takes a
    // square root.
    [[nodiscard]] float value() const noexcept {
        return unit == HitUnit::squared_distance ? std::sqrt(distance_squared) : distance_squared;
    }
    // value(), but NaN for InnerProduct, which is not a distance.
    [[nodiscard]] float distance() const noexcept {
        return unit == HitUnit::similarity ? std::numeric_limits<float>::quiet_NaN() : value();
    }
    friend bool operator==(const Hit& a, const Hit& b) noexcept {
        return a.id == b.id && a.distance_squared == b.distance_squared;
    }
};

// Rows whose distance lies in [distance - tolerance, distance + tolerance]; the lower bound is clamped to 0.
struct RingQuery {
    std::span<const float> query;
    float distance = 0;
    float tolerance = 0;
    std::size_t limit = 0;  // 0: all rows, by id; otherwise at most so many, nearest first
};

// Rows whose distance lies in [min_distance, max_distance].
struct RangeQuery {
    std::span<const float> query;
    float min_distance = 0;
    float max_distance = 0;
    std::size_t limit = 0;  // see RingQuery
};

// Rows at most `max_distance` away.
struct DiskQuery {
    std::span<const float> query;
    float max_distance = 0;
    std::size_t limit = 0;  // see RingQuery; means nothing in a DiskIntersectionQuery
};

// Rows that lie in every disk. A hit holds the distance to the centre of the first disk.
struct DiskIntersectionQuery {
    std::span<const DiskQuery> disks;
    std::size_t limit = 0;  // see RingQuery; nearest to the centre of the first disk
};

// The k nearest rows, nearest first, ties by ascending id. If k exceeds the number of rows, all rows are found; k = 0
// finds nothing.
struct KnnQuery {
    std::span<const float> query;
    std::size_t k = 0;
};

// How a search is carried out.
struct SearchOptions {
    unsigned threads = 1;  // 0 = all cores. Hits do not depend on the number of threads
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
