// What "near" means: squared Euclidean distance, inner product, cosine; a policy that searches take as a template
// argument.
//
//     search(store, KnnQuery{query, 10});                 // SquaredL2
//     search<InnerProduct>(store, KnnQuery{query, 10});   // largest products first
//     double exact = Cosine::reference<float>(row, query);
//
// How bounds and hits are to be read:
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
// "Bound" of a disk is its max_distance.
//
// Bounds are inclusive, for values as hits have them, which are rounded to float: a hit is found again with its own
// value() as the bound. In general a row whose exact value is within the error of
// distance.hpp of a bound may fall on either side: in Cosine so may a row equal to the query with a bound of 0. An
// infinite upper bound is allowed and includes rows whose squared distance exceeds the largest float (3.4e38), which
// count as infinitely far; in SquaredL2 so does every bound above 1.8e19, whose square is as large.
//
// A row with a NaN matches nothing. A row with an infinity is infinitely far in SquaredL2; in the other metrics it
// matches nothing wherever its value is no number (inf·0, inf - inf, inf/inf). Cosine: a row of zeros, or one whose
// squared norm is no normal float (of double rows: double), has no direction and matches nothing; a query of zeros is
// invalid_argument.
// NormalizedCosine is Cosine for rows that the caller has scaled to length 1 (the query is scaled here): one product
// per element less, and wrong by as much as the rows' lengths are.
//
// `name` stands for the formula in the files of an index, and is never given to another. A metric of your own needs one
// to have an index.
//
// `reference` is the truth that kernels are tested against: plain loops in double, for which more rows have a
// direction.
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

// Searches order and compare keys: smaller is nearer for every metric.
struct KeyRange {
    float low = -std::numeric_limits<float>::infinity();
    float high = std::numeric_limits<float>::infinity();
};

// Bounds in the metric's own terms.
struct ValueRange {
    double min = 0;
    double max = 0;
};

[[nodiscard]] inline float rounded_up(double x) noexcept {
    const float nearest = static_cast<float>(x);
    return nearest < x ? std::nextafter(nearest, std::numeric_limits<float>::infinity()) : nearest;
}
[[nodiscard]] inline float rounded_down(double x) noexcept { return -rounded_up(-x); }

// The end of what is at most `max`, exactly or when it is rounded to a float; the beginning of what is at least `min`.
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

    // The three below are what a search needs: the query as kernels take it, bounds as keys, and the way back.
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

struct InnerProduct {
    static constexpr std::string_view name = "inner_product";
    static constexpr detail::DistanceKind distance_kind = detail::DistanceKind::inner_product;
    static constexpr bool is_distance = false;

    template <class S>
    [[nodiscard]] static double reference(std::span<const S> row, std::span<const float> query) noexcept {
        return detail::dot_product(row, query);
    }

    // With the query negated, larger products are smaller keys, without another rounding.
    template <class Value>
    static void prepare(std::span<const float> query, Value* to) noexcept {
        std::transform(query.begin(), query.end(), to, [](float x) { return -x; });
    }
    [[nodiscard]] static detail::KeyRange keys(detail::ValueRange range) noexcept {
        return {detail::rounded_down(-range.max), detail::rounded_up(-range.min)};
    }
    [[nodiscard]] static float value(float key) noexcept { return 0 - key; }
};

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
    // A row that rounding puts a little nearer than 0 is at 0.
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
