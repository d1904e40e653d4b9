// Bounds of the key of a row and a query, computed from the line of the row alone, and their proof, term by term.
//
// On paper. m is the mean, P the axes, p × dim. For a row x and a query q let v = x - m. w is the query's side:
//     SquaredL2       key = |x - q|²      = |v|² + |w|² - 2 v·w,              w = q - m
//     InnerProduct    key = -x·q          = λ x·m + w·m + v·w,                w = -q - λm,  λ = -q·m / |m|²
//     Cosine          key = 1 + x·w / |x| as InnerProduct, of rows and query scaled to length 1
// (In the last two, w is orthogonal to m, and x·m is known exactly.) So key = base + term_factor · term(x) +
// factor · v·w, and only v·w needs bounds. Let Q be the orthonormal axes nearest to P, and a = x̂/|x̂| the
// direction of the decoded nibbles. Split v into its part along a, h = a·Qv; the length s of the rest of Qv, orthogonal
// to a; and the length t of the part outside of the axes. Then |v|² = h² + s² + t². Split w in the same way into z,
// √(|Qw|² - z²) and t_w. By the Cauchy-Schwarz inequality for each of the two rests
//     |v·w - h z| <= s √(|Qw|² - z²) + t t_w                                                                   (1)
// for any direction a: only h, s and t must be accurate, a need not. (The VA+-file uses the ball around x̂ with radius
// |Qv - x̂|. It contains this set and is larger: its bounds leave a third more rows open.)
//
// In float, u = 2^-24. Errors of the row are relative to |v|, errors of the query to |w|:
//     axes         |Pv - Qv| <= |PP' - I| |v|                    ModelHeader::axis_error
//     centring     each element of v is rounded once             u
//     projection   sums of chunks of 64, then of the chunks      γ √p, γ = (66 + dim / 64) u, |axis| <= 1 + axis_error
//   these three are `projection_error` below; h and s have the same error, because projecting on a does not enlarge it;
//     tail         |v|² - |Qv|² is formed from squares: its error is 2 projection_error |v|² + 256 u |v|²;
//                  the line has the root of the upper bound
//     sums         h, s and |x̂| from sums of at most 192 floats: 512 u
//     rounding     s and t are rounded up, to bfloat16; x̂ is exact
//     nibbles      z is computed from integer weights: |x̂·w - sum| <= Σ 7.5 |weight - exact| + rounding of the sum,
//                  which is product_error, to be multiplied by 1/|x̂|; √(|Qw|² - z²) uses the smallest possible |z|
//     coarse       with weights of 8 bits (CoarseQuery) the error e of a weight is larger. For the first nibble of an
//                  axis, e = 2 · half step · ε, and these errors add up to x̂·ε <= |x̂| |ε|, which is an error of z.
//                  The next nibbles of the axis have a half step h of their own; of their error, e - 2 h ε is left, in
//                  product_error as above
// Because |v| <= |h| + s + t (1 + tiny), errors relative to |v| |w| go into the factors of |h|, s and t: `relative`.
//     term         a float, from sums in double: 2 u; its factor: u; the sum of all: 16 u; in term_error and base
//     evaluation   at most 20 roundings of numbers no larger than |v| |w|, in `relative`; the root is at most 2^-16
//                  too large
// The kernel that measures the row has an error too (distance.hpp), and the result must be that of the kernel:
//     SquaredL2    relative to the key: the limits are widened (limit_above, limit_below)
//     InnerProduct by (dim / 8 + 14) u Σ|x·q| <= … |q| (|v| + |m|): in the factors and in the base
//     Cosine       by (dim / 4 + 24) u + 2 u: in the base
// Rows and queries whose numbers could overflow or underflow are excluded: is_usable(), and undescribed_line().
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <mapvec/detail/va/model.hpp>
#include <mapvec/distance.hpp>
#include <mapvec/metric.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr double float_unit = 0x1p-24;

// For squared lengths in this range, sums do not overflow and products do not underflow.
inline constexpr double min_squared_length = 1e-20;
inline constexpr double max_squared_length = 1e30;
[[nodiscard]] inline bool has_usable_length(double squared) noexcept {
    return squared >= min_squared_length && squared <= max_squared_length;
}

// The error of the projection of v on the axes, relative to |v|.
[[nodiscard]] inline double projection_error(const VaModel& model) noexcept {
    const double dim = static_cast<double>(model.dim()), axes = static_cast<double>(model.axis_count());
    const double stretch = 1 + static_cast<double>(model.header().axis_error);
    const double sums = (static_cast<double>(projection_chunk) + dim / static_cast<double>(projection_chunk) + 3) *
                        float_unit * std::sqrt(axes);
    return 1.01 * stretch * (static_cast<double>(model.header().axis_error) + float_unit + sums);
}
// The error of the squared tail, relative to |v|².
[[nodiscard]] inline double squared_tail_error(const VaModel& model) noexcept {
    return 2.01 * projection_error(model) + 256 * float_unit;
}

// An upper bound of the tail, the part of v outside of the axes.
[[nodiscard]] inline double tail_above(const VaModel& model, std::size_t level, double squared_length,
                                       double squared_places) noexcept {
    if (model.is_complete(level)) return 0;
    return std::sqrt(std::max(0.0, squared_length - squared_places) + squared_tail_error(model) * squared_length) *
           (1 + 4 * float_unit);
}

// A query in the form that the kernels of lines take.
template <Metric M>
class VaQuery {
  public:
    VaQuery(const VaModel& model, const VaKernels& kernels, std::span<const float> query) : dim_(model.dim()) {
        const std::vector<double> exact = prepared(query);
        const std::vector<double> rest = without_mean(model, exact);
        query_length_ = length_of(exact);
        length_ = length_of(rest);
        if (!is_usable()) return;
        std::vector<float> floats(rest.begin(), rest.end()), places(model.padded_axis_count());
        kernels.project(floats.data(), 1, dim_, model.packed_axes(), model.axis_count(), places.data());
        if (!are_possible(places)) {
            length_ = 0;
            return;
        }
        double product_error = 0;
        for (std::size_t level = 0; level < model.levels(); ++level) {
            product_error += weigh(model, level, places);
            bounds_[level] = bounds(model, level, places, product_error);
        }
        weigh_coarsely(model, places);
    }

    // False if lines give no bounds for this query.
    [[nodiscard]] bool is_usable() const noexcept {
        return has_usable_length(length_ * length_) && query_length_ * query_length_ <= max_squared_length &&
               mean_length_ * mean_length_ <= max_squared_length;
    }
    [[nodiscard]] const NibbleQuery& nibbles(std::size_t level) const noexcept { return nibbles_[level]; }
    [[nodiscard]] const BoundQuery& bounds(std::size_t level) const noexcept { return bounds_[level]; }

    // Wider bounds of first lines, which need less work.
    [[nodiscard]] const CoarseQuery& coarse_nibbles() const noexcept { return coarse_nibbles_; }
    [[nodiscard]] const BoundQuery& coarse_bounds() const noexcept { return coarse_bounds_; }

    // If the lower bound of a row exceeds limit_above(limit), its measured key exceeds `limit`. If the upper bound is
    // below limit_below(limit), its measured key is below `limit`.
    [[nodiscard]] float limit_above(float limit) const noexcept {
        if constexpr (!is_squared) return limit;
        return rounded_up(static_cast<double>(limit) * (1 + measuring_error()) + static_cast<double>(dim_) * 0x1p-147);
    }
    [[nodiscard]] float limit_below(float limit) const noexcept {
        constexpr float none = -std::numeric_limits<float>::infinity();
        if constexpr (M::distance_kind == DistanceKind::inner_product) return limit;
        if (limit <= 0) return none;  // kernels give 0 for keys below 0
        if constexpr (!is_squared) return limit;
        return rounded_down(static_cast<double>(limit) * (1 - measuring_error()) -
                            static_cast<double>(dim_) * 0x1p-147);
    }

  private:
    static constexpr bool is_squared = M::distance_kind == DistanceKind::squared_difference;

    // The error of the kernel, as stated in distance.hpp, and two units for the prepared query.
    [[nodiscard]] double measuring_error() const noexcept {
        const double dim = static_cast<double>(dim_);
        return (M::distance_kind == DistanceKind::cosine ? dim / 4 + 28 : dim / 8 + 15) * float_unit;
    }

    [[nodiscard]] static std::vector<double> prepared(std::span<const float> query) {
        std::vector<double> result(query.size());
        M::prepare(query, result.data());
        if constexpr (M::distance_kind == DistanceKind::cosine)
            for (double& x : result) x = -x;
        return result;
    }
    // False if damaged axes gave a position that no query has; bounds could then overflow to NaN.
    [[nodiscard]] static bool are_possible(std::span<const float> places) noexcept {
        return std::all_of(places.begin(), places.end(), [](float place) { return std::abs(place) <= 1e16f; });
    }
    [[nodiscard]] static double length_of(std::span<const double> vector) noexcept {
        double sum = 0;
        for (const double x : vector) sum += x * x;
        return std::sqrt(sum);
    }
    // Returns w, and sets the members that depend on the mean.
    [[nodiscard]] std::vector<double> without_mean(const VaModel& model, const std::vector<double>& query) {
        std::vector<double> rest(query);
        const std::vector<double> mean(model.mean(), model.mean() + dim_);
        mean_length_ = length_of(mean);
        lambda_ = 1;
        if constexpr (!is_squared) {
            double product = 0;
            for (std::size_t i = 0; i < dim_; ++i) product += query[i] * mean[i];
            lambda_ = mean_length_ * mean_length_ >= min_squared_length ? product / (mean_length_ * mean_length_) : 0;
        }
        for (std::size_t i = 0; i < dim_; ++i) {
            rest[i] -= lambda_ * mean[i];
            mean_product_ += rest[i] * mean[i];
        }
        return rest;
    }

    // In double: in float, twice a product of numbers that are not normal may be rounded down.
    [[nodiscard]] static double largest_weight(const VaModel& model, std::size_t level,
                                               const std::vector<float>& places) noexcept {
        double largest = 0;
        model.each_nibble(level, [&](std::size_t, std::size_t axis, float half_step) {
            largest =
                std::max(largest, std::abs(2.0 * static_cast<double>(half_step) * static_cast<double>(places[axis])));
        });
        return largest;
    }
    // Sets the integer weights of the nibbles of a level; returns the error of a sum.
    [[nodiscard]] double weigh(const VaModel& model, std::size_t level, const std::vector<float>& places) noexcept {
        const double most = largest_weight(model, level, places);
        NibbleQuery& nibbles = nibbles_[level];
        if (!(most > 0)) return 0;
        const double unit = most / 32767;
        double error = 0, sum = 0, magnitude = 0;
        model.each_nibble(level, [&](std::size_t k, std::size_t axis, float half_step) {
            const double exact = 2 * static_cast<double>(half_step) * static_cast<double>(places[axis]);
            const double weight = std::nearbyint(exact / unit);
            nibbles.weights[k / words_per_line][k % words_per_line] = static_cast<std::int16_t>(weight);
            error += 7.5 * std::abs(exact - weight * unit);
            sum += weight;
            magnitude += std::abs(weight);
        });
        nibbles.scale = static_cast<float>(unit);
        nibbles.offset = static_cast<float>(-7.5 * unit * sum);
        return 1.001 * error + 8 * float_unit * 15 * magnitude * unit;
    }

    // Sets the weights of 8 bits, and their bounds.
    void weigh_coarsely(const VaModel& model, const std::vector<float>& places) noexcept {
        const double unit = largest_weight(model, 0, places) / 127;
        double product_error = 0, sum = 0, magnitude = 0, squared_z_error = 0;
        std::array<double, max_axes> axis_error{};  // ε; 0 before the first nibble of the axis
        std::array<bool, max_axes> has_nibble{};
        model.each_nibble(0, [&](std::size_t k, std::size_t axis, float half_step) {
            const double step = 2 * static_cast<double>(half_step);
            const double exact = step * static_cast<double>(places[axis]);
            const double weight = unit > 0 ? std::nearbyint(exact / unit) : 0;
            const std::size_t word = k % words_per_line, nibble = k / words_per_line;
            std::int8_t* const weights = nibble % 2 == 0 ? coarse_nibbles_.low : coarse_nibbles_.high;
            weights[2 * word + nibble / 2] = static_cast<std::int8_t>(weight);
            const double error = exact - weight * unit;
            if (!has_nibble[axis]) {
                has_nibble[axis] = true;
                axis_error[axis] = error / step;
                squared_z_error += axis_error[axis] * axis_error[axis];
            } else {
                product_error += 7.5 * std::abs(error - step * axis_error[axis]);
            }
            sum += weight;
            magnitude += std::abs(weight);
        });
        coarse_nibbles_.scale = static_cast<float>(unit);
        coarse_nibbles_.offset = static_cast<float>(-7.5 * unit * sum);
        coarse_bounds_ = bounds_[0];
        coarse_bounds_.product_error = rounded_up(1.001 * product_error + 8 * float_unit * 15 * magnitude * unit);
        // Half steps of a damaged file may be tiny. An infinite error would give NaN as bounds.
        const double z_error = static_cast<double>(bounds_[0].z_error) + 1.001 * std::sqrt(squared_z_error);
        coarse_bounds_.z_error = rounded_up(std::min(z_error, 1e38));
    }

    [[nodiscard]] BoundQuery bounds(const VaModel& model, std::size_t level, const std::vector<float>& places,
                                    double product_error) const noexcept {
        double squared = 0;
        for (std::size_t a = 0; a < model.axes(level); ++a)
            squared += static_cast<double>(places[a]) * static_cast<double>(places[a]);
        double relative = 1.02 * (2 * projection_error(model) + 1024 * float_unit) * length_;
        double base = length_ * length_, base_error = 32 * float_unit * base;
        if constexpr (!is_squared) {
            base = mean_product_;
            base_error = 32 * float_unit * (std::abs(base) + mean_length_ * length_);
            relative += measuring_error() * query_length_ * (M::distance_kind == DistanceKind::cosine ? 0 : 1);
            base_error += measuring_error() * query_length_ * mean_length_;
        }
        if constexpr (M::distance_kind == DistanceKind::cosine) {
            base += 1;
            base_error += measuring_error() + 32 * float_unit;
        }
        BoundQuery query;
        query.squared = rounded_up(squared * (1 + 8 * float_unit));
        query.product_error = rounded_up(product_error);
        query.z_error = rounded_up(1024 * float_unit * length_);
        query.along_error = query.across_error = rounded_up(relative);
        query.tail = rounded_up(tail_above(model, level, length_ * length_, squared) + relative);
        query.factor = is_squared ? -2.0f : 1.0f;
        query.term_factor = static_cast<float>(lambda_);
        query.term_error = rounded_up(32 * float_unit * std::abs(lambda_));
        query.base_low = rounded_down(base - base_error);
        query.base_high = rounded_up(base + base_error);
        return query;
    }

    std::size_t dim_;
    double query_length_ = 0;
    double mean_length_ = 0;
    double length_ = 0;  // |w|
    double lambda_ = 1;
    double mean_product_ = 0;  // w·m
    NibbleQuery nibbles_[max_va_levels];
    BoundQuery bounds_[max_va_levels];
    CoarseQuery coarse_nibbles_;
    BoundQuery coarse_bounds_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
