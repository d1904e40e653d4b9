// The model that all lines of an index share: the mean of the rows, their principal axes, and the positions of the
// nibbles on these axes. It is one record in the index's file of axes:
//
//     offset  size             field
//          0    64             ModelHeader
//         64    4 dim          mean: floats
//          …    4 · 1152       half steps: floats, [level][round][axis], 0 where an axis has no nibble in that round
//          …    4 · dim · axes the axes, in groups of 48 side by side (packed_axis() in types.hpp), padded with zeros
//
// Code u of a nibble means (2u - 15) half steps along its axis. In the next round, a nibble of the same axis refines
// the position, with a sixteenth of the half step. Half steps have 8 significant bits, so that decoding is exact in
// float. Within a level, nibbles are numbered round by round, axis by axis.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <mapvec/detail/va/fit.hpp>
#include <mapvec/detail/va/kernels.hpp>
#include <mapvec/detail/va/types.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t max_va_levels = 2;
inline constexpr std::size_t max_rounds = 3;  // nibbles of an axis; more would not be exact in float

struct ModelHeader {
    std::uint32_t levels = 0;
    std::uint32_t axes[max_va_levels] = {};  // axes with a nibble in this level or in the previous one
    float axis_error = 0;                    // at least |PP' - I|
    std::uint64_t sampled_rows = 0;
    std::uint64_t rows = 0;  // rows of the store when the axes were computed
    float missed = 0;        // fraction of the squared lengths outside of first lines, then
    std::uint8_t zero[28] = {};
};
static_assert(sizeof(ModelHeader) == 64);

using HalfSteps = std::array<std::array<std::array<float, max_axes>, max_rounds>, max_va_levels>;

// A view of a model record.
class VaModel {
  public:
    // The number of floats in a record for rows of length `dim`.
    [[nodiscard]] static constexpr std::size_t record_floats(std::size_t dim) noexcept {
        return sizeof(ModelHeader) / 4 + dim + sizeof(HalfSteps) / 4 + dim * padded_axes(std::min(dim, max_axes));
    }

    VaModel() noexcept = default;
    // REQUIRES: the record has record_floats(dim) floats, aligned for float. The record outlives the view.
    VaModel(const std::byte* record, std::size_t dim) noexcept : dim_(dim) {
        std::memcpy(&header_, record, sizeof header_);
        mean_ = reinterpret_cast<const float*>(record + sizeof header_);
        half_steps_ = mean_ + dim;
        axes_ = half_steps_ + sizeof(HalfSteps) / 4;
    }
    // True if the numbers are possible. A damaged record must not cause accesses outside of the arrays.
    [[nodiscard]] bool is_sound() const noexcept {
        const std::size_t most = std::min(dim_, max_axes);
        return header_.levels >= 1 && header_.levels <= max_va_levels && header_.axes[0] >= 1 &&
               header_.axes[0] <= header_.axes[1] && header_.axes[1] <= most && header_.axis_error >= 0 &&
               header_.axis_error <= 0.01f && nibbles(0) <= nibbles_per_line && nibbles(1) <= nibbles_per_line;
    }

    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] const ModelHeader& header() const noexcept { return header_; }
    [[nodiscard]] std::size_t levels() const noexcept { return header_.levels; }
    [[nodiscard]] std::size_t axes(std::size_t level) const noexcept { return header_.axes[level]; }
    // Axes of all levels.
    [[nodiscard]] std::size_t axis_count() const noexcept { return axes(levels() - 1); }
    [[nodiscard]] std::size_t padded_axis_count() const noexcept { return padded_axes(axis_count()); }
    [[nodiscard]] const float* mean() const noexcept { return mean_; }
    [[nodiscard]] const float* packed_axes() const noexcept { return axes_; }
    [[nodiscard]] const float* half_steps(std::size_t level, std::size_t round) const noexcept {
        return half_steps_ + (level * max_rounds + round) * max_axes;
    }
    // True if the level has all axes: rows then have no tail.
    [[nodiscard]] bool is_complete(std::size_t level) const noexcept { return axes(level) == dim_; }

    // Calls fn(k, axis, half step) for each nibble k of a level.
    template <class F>
    void each_nibble(std::size_t level, F&& fn) const {
        std::size_t k = 0;
        for (std::size_t round = 0; round < max_rounds; ++round)
            for (std::size_t axis = 0; axis < max_axes; ++axis)
                if (const float step = half_steps(level, round)[axis]; step != 0) fn(k++, axis, step);
    }

  private:
    [[nodiscard]] std::size_t nibbles(std::size_t level) const noexcept {
        std::size_t count = 0;
        each_nibble(level, [&](std::size_t, std::size_t axis, float step) {
            count += axis < header_.axes[level] && step > 0 && step <= 1e15f ? 1 : nibbles_per_line + 1;
        });
        return count;
    }

    std::size_t dim_ = 0;
    ModelHeader header_;
    const float* mean_ = nullptr;
    const float* half_steps_ = nullptr;
    const float* axes_ = nullptr;
};

// Assigns each nibble to the axis with the largest remaining error.
class NibbleAllocation {
  public:
    NibbleAllocation(const AxisSet& axes, std::size_t levels) {
        std::vector<double> error(axes.variances.begin(), axes.variances.end());
        std::vector<float> half_step(axes.count);
        std::vector<std::size_t> given(axes.count), given_before(axes.count);
        const double least = std::max(axes.total_variance * 1e-12, 1e-26);
        for (std::size_t a = 0; a < axes.count; ++a) {
            error[a] = std::max(error[a], least * (1 - 1e-6 * static_cast<double>(a)));
            half_step[a] = eight_bits(std::sqrt(error[a]) * first_range / 15);
        }
        for (std::size_t level = 0; level < levels; ++level) {
            for (std::size_t k = 0; k < nibbles_per_line; ++k) {
                const auto a = static_cast<std::size_t>(std::max_element(error.begin(), error.end()) - error.begin());
                if (given[a] == max_rounds) break;
                half_steps[level][given[a] - given_before[a]][a] = half_step[a];
                error[a] = static_cast<double>(half_step[a]) * static_cast<double>(half_step[a]) / 3;
                half_step[a] /= 16;
                if (++given[a] == max_rounds) error[a] = -1;
                used[level] = std::max(used[level], a + 1);
            }
            given_before = given;
            if (level + 1 < max_va_levels) used[level + 1] = used[level];
        }
    }

    HalfSteps half_steps{};
    std::size_t used[max_va_levels] = {};

  private:
    // The range of an axis, in standard deviations to either side. With 16 codes, this value gives normally distributed
    // rows the smallest error.
    static constexpr double first_range = 2.5;

    [[nodiscard]] static float eight_bits(double x) noexcept {
        return std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(x)) & 0xFFFF0000u);
    }
};

// The record of a model with the given axes.
[[nodiscard]] inline std::vector<std::byte> model_record(const AxisSet& axes, std::span<const float> mean,
                                                         std::size_t levels, ModelHeader header) {
    const std::size_t dim = mean.size();
    const NibbleAllocation allocation(axes, levels);
    std::vector<float> floats(VaModel::record_floats(dim));
    header.levels = static_cast<std::uint32_t>(levels);
    for (std::size_t level = 0; level < max_va_levels; ++level)
        header.axes[level] = static_cast<std::uint32_t>(allocation.used[level]);
    header.axis_error = static_cast<float>(orthonormality_error(axes) * 1.001);
    float* at = floats.data();
    std::memcpy(at, &header, sizeof header);
    at = std::copy(mean.begin(), mean.end(), at + sizeof header / 4);
    std::memcpy(at, &allocation.half_steps, sizeof(HalfSteps));
    at += sizeof(HalfSteps) / 4;
    for (std::size_t a = 0; a < header.axes[levels - 1]; ++a)
        for (std::size_t i = 0; i < dim; ++i) at[packed_axis(a, i, dim)] = axes[a][i];
    const auto bytes = std::as_bytes(std::span<const float>(floats));
    return {bytes.begin(), bytes.end()};
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
