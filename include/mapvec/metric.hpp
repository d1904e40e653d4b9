// Metrics: squared Euclidean distance, inner product, cosine. A metric is a template argument of a search.
//
//     search(store, KnnQuery{query, 10});                 // SquaredL2
//     search<InnerProduct>(store, KnnQuery{query, 10});   // largest products first
//     double exact = Cosine::reference<float>(row, query);
//
// Meaning of bounds and hits:
//
//                       SquaredL2             InnerProduct              Cosine, NormalizedCosine
//   value of a row      |x - q|               x·q                       1 - x·q / (|x||q|), in [0, 2]
//   nearer is           smaller               larger                    smaller
//   RangeQuery          min <= value <= max   min <= value <= max       min <= value <= max
//   RingQuery           |value - distance| <= tolerance, for all metrics
//   DiskQuery           value <= bound        value >= bound            value <= bound
//   KnnQuery            smallest first        largest first             smallest first
//   negative bound      invalid_argument      allowed                   invalid_argument
//   Hit::value()        |x - q|               x·q                       1 - cos
//   Hit::distance()     |x - q|               NaN                       1 - cos
//   Hit.distance_squared
//                       |x - q|²              x·q                       1 - cos, not squared
//
// The bound of a DiskQuery is its max_distance.
//
// Rounding. Bounds are inclusive and compare with the value that a hit holds, which is rounded to float: a query with a
// hit's own value() as its bound finds that hit again. A row whose exact value differs from a bound by less than the
// error in distance.hpp may be found or not. With Cosine this includes a row that equals the query, with a bound of 0.
//
// Infinite bounds. An infinite upper bound is allowed. It includes rows whose squared distance exceeds the largest
// float (3.4e38); their distance counts as infinite. With SquaredL2 every bound above 1.8e19 acts as an infinite bound,
// because its square exceeds the largest float.
//
// Rows without a value. A row with a NaN matches nothing. A row with an infinity is infinitely far in SquaredL2. In the
// other metrics it matches nothing if its value is NaN (inf·0, inf - inf, inf/inf). In Cosine, a row of zeros has no
// direction and matches nothing; so does a row whose squared norm is not a normal float (double for rows of double). A
// query of zeros is invalid_argument.
//
// NormalizedCosine is Cosine for rows that the caller has scaled to length 1; the search scales the query. It saves one
// multiplication per element. Its error grows with the error of the rows' lengths. The difference 1 - x·q has fewer
// digits than x·q. Rows with the same value() are ordered by x·q, but by id if a graph finds them with a limit.
//
// `name` identifies the formula in the files of an index. A name is never given to another formula. A metric of your
// own needs a name to be used with an index.
//
// `reference` computes the value in double with plain loops; kernels are tested against it. In double, more rows have a
// direction than in float.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>

#include <mapvec/error.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {
namespace detail {

enum class DistanceKind {
    squared_difference,  // sum of (x - q)²
    inner_product,       // sum of x·q
    cosine               // 1 - (sum of x·q) / |x|, where |q| = 1; never below 0
};

// Searches compare keys. For every metric, a smaller key is nearer.
struct KeyRange {
    float low = -std::numeric_limits<float>::infinity();
    float high = std::numeric_limits<float>::infinity();
};

// Bounds, as values of the metric.
struct ValueRange {
    double min = 0;
    double max = 0;
};

[[nodiscard]] inline float rounded_up(double x) noexcept {
    const float nearest = static_cast<float>(x);
    return nearest < x ? std::nextafter(nearest, std::numeric_limits<float>::infinity()) : nearest;
}
[[nodiscard]] inline float rounded_down(double x) noexcept { return -rounded_up(-x); }

// The largest double that is at most `max` or is rounded to a float that is; the smallest one for `min`.
[[nodiscard]] inline double last_rounded_to(double max) noexcept {
    const float last = rounded_down(max), next = std::nextafter(last, std::numeric_limits<float>::infinity());
    return std::max(max, (double{last} + double{next}) / 2);
}
[[nodiscard]] inline double first_rounded_to(double min) noexcept { return -last_rounded_to(-min); }

[[nodiscard]] inline double squared_norm(std::span<const float> vector) noexcept {
    double sum = 0;
    for (const float x : vector) sum += static_cast<double>(x) * x;
    return sum;
}

template <class Value>
void copy_scaled(std::span<const float> query, double factor, Value* to) noexcept {
    for (std::size_t i = 0; i < query.size(); ++i) to[i] = static_cast<Value>(query[i] * factor);
}

[[nodiscard]] inline double inverse_norm(std::span<const float> query) {
    const double norm = std::sqrt(squared_norm(query));
    if (norm == 0) throw Error(ErrorCode::invalid_argument, "query: expected a direction, found only zeros");
    return 1 / norm;
}

template <class S>
[[nodiscard]] double dot_product(std::span<const S> row, std::span<const float> query) noexcept {
    double sum = 0;
    for (std::size_t i = 0; i < query.size(); ++i) sum += static_cast<double>(row[i]) * query[i];
    return sum;
}

}  // namespace detail

// Euclidean distance, compared as its square.
struct SquaredL2 {
    static constexpr std::string_view name = "squared_l2";
    static constexpr detail::DistanceKind distance_kind = detail::DistanceKind::squared_difference;
    static constexpr bool is_distance = true;

    template <class S>
    [[nodiscard]] static double reference(std::span<const S> row, std::span<const float> query) noexcept {
        double sum = 0;
        for (std::size_t i = 0; i < query.size(); ++i) {
            const double difference = static_cast<double>(row[i]) - query[i];
            sum += difference * difference;
        }
        return sum;
    }

    // The next three functions convert for searches: the query for the kernels, bounds to keys, and a key to a value.
    template <class Value>
    static void prepare(std::span<const float> query, Value* to) noexcept {
        std::copy(query.begin(), query.end(), to);
    }
    [[nodiscard]] static detail::KeyRange keys(detail::ValueRange range) noexcept {
        const double first = range.min > 0 ? detail::first_rounded_to(range.min) : 0;
        const double last = detail::last_rounded_to(range.max);
        return {detail::rounded_down(first * first), detail::rounded_up(last * last)};
    }
    [[nodiscard]] static float value(float key) noexcept { return key; }
};

// x·q: the largest is nearest.
struct InnerProduct {
    static constexpr std::string_view name = "inner_product";
    static constexpr detail::DistanceKind distance_kind = detail::DistanceKind::inner_product;
    static constexpr bool is_distance = false;

    template <class S>
    [[nodiscard]] static double reference(std::span<const S> row, std::span<const float> query) noexcept {
        return detail::dot_product(row, query);
    }

    // The query is negated: larger products become smaller keys, without another rounding.
    template <class Value>
    static void prepare(std::span<const float> query, Value* to) noexcept {
        std::transform(query.begin(), query.end(), to, [](float x) { return -x; });
    }
    [[nodiscard]] static detail::KeyRange keys(detail::ValueRange range) noexcept {
        return {detail::rounded_down(-range.max), detail::rounded_up(-range.min)};
    }
    [[nodiscard]] static float value(float key) noexcept { return 0 - key; }
};

// 1 - cos of the angle between row and query.
struct Cosine {
    static constexpr std::string_view name = "cosine";
    static constexpr detail::DistanceKind distance_kind = detail::DistanceKind::cosine;
    static constexpr bool is_distance = true;

    template <class S>
    [[nodiscard]] static double reference(std::span<const S> row, std::span<const float> query) noexcept {
        double row_norm = 0;
        for (std::size_t i = 0; i < query.size(); ++i) {
            row_norm += static_cast<double>(row[i]) * static_cast<double>(row[i]);
        }
        return 1 - detail::dot_product(row, query) / std::sqrt(row_norm * detail::squared_norm(query));
    }

    template <class Value>
    static void prepare(std::span<const float> query, Value* to) {
        detail::copy_scaled(query, detail::inverse_norm(query), to);
    }
    [[nodiscard]] static detail::KeyRange keys(detail::ValueRange range) noexcept {
        return {detail::rounded_down(range.min), detail::rounded_up(range.max)};
    }
    [[nodiscard]] static float value(float key) noexcept { return key; }
};

// Cosine for rows that the caller has scaled to length 1.
struct NormalizedCosine {
    static constexpr std::string_view name = "normalized_cosine";
    static constexpr detail::DistanceKind distance_kind = detail::DistanceKind::inner_product;
    static constexpr bool is_distance = true;

    template <class S>
    [[nodiscard]] static double reference(std::span<const S> row, std::span<const float> query) noexcept {
        return 1 - detail::dot_product(row, query) / std::sqrt(detail::squared_norm(query));
    }

    template <class Value>
    static void prepare(std::span<const float> query, Value* to) {
        detail::copy_scaled(query, -detail::inverse_norm(query), to);
    }
    // If rounding makes a value negative, it counts as 0.
    [[nodiscard]] static detail::KeyRange keys(detail::ValueRange range) noexcept {
        const float low = detail::rounded_down(detail::first_rounded_to(range.min) - 1);
        return {range.min > 0 ? low : detail::KeyRange{}.low,
                detail::rounded_up(detail::last_rounded_to(range.max) - 1)};
    }
    [[nodiscard]] static float value(float key) noexcept { return key < -1 ? 0 : 1 + key; }
};

template <class M>
concept Metric = requires(std::span<const float> vector, float key, float* to) {
    { M::distance_kind } -> std::convertible_to<detail::DistanceKind>;
    { M::is_distance } -> std::convertible_to<bool>;
    { M::template reference<float>(vector, vector) } -> std::convertible_to<double>;
    { M::keys(detail::ValueRange{}) } -> std::convertible_to<detail::KeyRange>;
    { M::value(key) } -> std::convertible_to<float>;
    M::prepare(vector, to);
};

namespace detail {

template <Metric M>
inline constexpr HitUnit hit_unit = M::distance_kind == DistanceKind::squared_difference ? HitUnit::squared_distance
                                    : M::is_distance                                     ? HitUnit::distance
                                                                                         : HitUnit::similarity;

template <Metric M>
[[nodiscard]] Hit hit_of(Id id, float key) noexcept {
    return {id, M::value(key), hit_unit<M>};
}

}  // namespace detail
}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
