// Plain values: the questions a search answers, and the hits it answers with.
//
// A query borrows its vector, of floats whatever the rows are: the span must outlive the call it is given to.
// Distances are Euclidean unless the search names another metric (metric.hpp says what bounds mean there); all
// bounds are inclusive. A search refuses a query that has no meaning with Error: a wrong length is
// dimension_mismatch; a NaN or infinite element, a NaN or (for distances) negative bound,
// min > max, or an empty list of disks is invalid_argument.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mapvec {

using Id = std::uint64_t;  // row number, dense from 0

inline constexpr std::size_t dynamic_dim = std::dynamic_extent;  // the dimension is known at run time

// A row that matches. `distance()` costs a square root; order by `distance_squared` where order is all you need. With
// another metric `distance_squared` holds that metric's own value, and `distance()` means nothing (metric.hpp).
struct Hit {
    Id id = 0;
    float distance_squared = 0;

    [[nodiscard]] float distance() const noexcept { return std::sqrt(distance_squared); }
    friend bool operator==(const Hit&, const Hit&) = default;
};

// Rows whose distance lies in [distance - tolerance, distance + tolerance]; the lower bound is clamped to 0.
struct RingQuery {
    std::span<const float> query;
    float distance = 0;
    float tolerance = 0;
};

// Rows whose distance lies in [min_distance, max_distance].
struct RangeQuery {
    std::span<const float> query;
    float min_distance = 0;
    float max_distance = 0;
};

// Rows at most `max_distance` away.
struct DiskQuery {
    std::span<const float> query;
    float max_distance = 0;
};

// Rows that lie in every disk. A hit's distance is the distance to the first disk's centre.
struct DiskIntersectionQuery {
    std::span<const DiskQuery> disks;
};

// The k nearest rows, nearest first, ties by id. k is clamped to the rows there are; k = 0 finds nothing.
struct KnnQuery {
    std::span<const float> query;
    std::size_t k = 0;
};

struct SearchOptions {
    unsigned threads = 1;  // 0 = all cores. Results do not depend on it
};

}  // namespace mapvec
