// Encodes rows as lines.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <mapvec/detail/va/bounds.hpp>
#include <mapvec/detail/va/model.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t rows_per_encoding = 64;

// A row less the mean; for Cosine the row is scaled to length 1 first.
template <Metric M, Scalar S>
class CentredRow {
  public:
    // Writes v to `centred`. Returns false if a line cannot describe this row.
    [[nodiscard]] static bool centre(const S* row, const float* mean, std::size_t dim, float* centred,
                                     double& squared_length, double& term) noexcept {
        double scale = 1;
        if constexpr (M::distance_kind == DistanceKind::cosine) {
            const double squared = sum(dim, [&](std::size_t i) { return value(row[i]) * value(row[i]); });
            if (!has_usable_length(squared)) return false;
            scale = 1 / std::sqrt(squared);
        }
        for (std::size_t i = 0; i < dim; ++i) centred[i] = less_mean(row[i], scale, mean[i]);
        squared_length = sum(dim, [&](std::size_t i) { return double{centred[i]} * double{centred[i]}; });
        if (!(squared_length == 0 || has_usable_length(squared_length))) return false;
        if constexpr (M::distance_kind == DistanceKind::squared_difference) {
            term = squared_length;
            return true;
        }
        term = scale * sum(dim, [&](std::size_t i) { return value(row[i]) * double{mean[i]}; });
        return std::abs(term) <= max_squared_length;
    }

  private:
    // The type that searches compute in.
    using Exact =
        std::conditional_t<std::is_same_v<S, double> || M::distance_kind == DistanceKind::cosine, double, float>;

    [[nodiscard]] static double value(S x) noexcept { return static_cast<double>(static_cast<QueryValue<S>>(x)); }
    [[nodiscard]] static float less_mean(S x, [[maybe_unused]] double scale, float mean) noexcept {
        if constexpr (std::is_same_v<Exact, double>)
            return static_cast<float>(value(x) * scale - double{mean});
        else
            return static_cast<float>(x) - mean;
    }
    template <class F>
    [[nodiscard]] static double sum(std::size_t n, F&& at) noexcept {
        double sums[4] = {};
        std::size_t i = 0;
        for (; i + 4 <= n; i += 4)
            for (std::size_t k = 0; k < 4; ++k) sums[k] += at(i + k);
        for (; i < n; ++i) sums[0] += at(i);
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
};

// Encodes blocks of rows. Each thread has its own encoder.
template <Metric M, Scalar S>
class LineEncoder {
  public:
    LineEncoder(const VaModel& model, const VaKernels& kernels)
        : model_(model),
          kernels_(kernels),
          axes_(model.padded_axis_count()),
          centred_(rows_per_encoding * model.dim()),
          places_(rows_per_encoding * axes_),
          rest_(axes_),
          decoded_(axes_),
          level_places_(axes_),
          codes_(max_rounds * axes_) {
        inverse_steps_.resize(max_va_levels * max_rounds * axes_);
        for (std::size_t level = 0; level < model.levels(); ++level) {
            std::size_t k = 0;
            for (std::size_t round = 0; round < max_rounds; ++round)
                for (std::size_t a = 0; a < axes_; ++a)
                    if (const float step = model.half_steps(level, round)[a]; step != 0) {
                        inverse_steps_[(level * max_rounds + round) * axes_ + a] = 1 / (2 * step);
                        code_of_[level][k++] = static_cast<std::uint32_t>(round * axes_ + a);
                        rounds_[level] = round + 1;
                    }
            nibbles_[level] = k;
        }
    }

    // Encodes `count` rows, at most rows_per_encoding. REQUIRES: lines[level] has room for `count` lines.
    void encode(const S* rows, std::size_t count, VaLine* const* lines) noexcept {
        for (std::size_t r = 0; r < count; ++r) {
            float* const centred = &centred_[r * model_.dim()];
            described_[r] = CentredRow<M, S>::centre(rows + r * model_.dim(), model_.mean(), model_.dim(), centred,
                                                     squared_lengths_[r], terms_[r]);
            if (!described_[r]) std::fill_n(centred, model_.dim(), 0.0f);
        }
        kernels_.project(centred_.data(), count, model_.dim(), model_.packed_axes(), model_.axis_count(),
                         places_.data());
        for (std::size_t r = 0; r < count; ++r) encode_row(r, lines);
    }
    // For all rows so far: the sum of their squared lengths, and the part of it that first lines do not describe.
    [[nodiscard]] double squared_lengths() const noexcept { return all_lengths_; }
    [[nodiscard]] double missed() const noexcept { return missed_; }

  private:
    void encode_row(std::size_t r, VaLine* const* lines) noexcept {
        const float* const places = &places_[r * axes_];
        std::copy_n(places, axes_, rest_.begin());
        std::fill(decoded_.begin(), decoded_.end(), 0.0f);
        for (std::size_t level = 0; level < model_.levels(); ++level) {
            VaLine& line = lines[level][r];
            line = undescribed_line();
            if (!described_[r]) continue;
            VaLine fresh{};
            put_codes(level, fresh);
            if (put_numbers(level, places, r, fresh)) line = fresh;
        }
    }

    void put_codes(std::size_t level, VaLine& line) noexcept {
        for (std::size_t round = 0; round < rounds_[level]; ++round) {
            const float* const inverse = &inverse_steps_[(level * max_rounds + round) * axes_];
            kernels_.encode(axes_, {model_.half_steps(level, round), inverse}, rest_.data(), decoded_.data(),
                            &codes_[round * axes_]);
        }
        for (std::size_t k = 0; k < nibbles_[level]; ++k)
            set_nibble(line, k, static_cast<unsigned>(codes_[code_of_[level][k]]));
    }

    // Returns false if the numbers are not finite.
    [[nodiscard]] bool put_numbers(std::size_t level, const float* places, std::size_t r, VaLine& line) noexcept {
        std::fill(level_places_.begin(), level_places_.end(), 0.0f);
        std::copy_n(places, model_.axes(level), level_places_.begin());
        const PlaceSums sums = kernels_.place_sums(axes_, level_places_.data(), decoded_.data());
        const double length = std::sqrt(double{sums.decoded});
        line.inverse_length = length > 1e-15 ? static_cast<float>(1 / length) : 0.0f;
        line.along = length > 1e-15 ? static_cast<float>(double{sums.product} / length) : 0.0f;
        const double across = std::sqrt(double{length > 1e-15 ? sums.across : sums.places});
        const double tail = tail_above(model_, level, squared_lengths_[r], double{sums.places});
        line.across_and_tail = pack_across_and_tail(rounded_up(across), rounded_up(tail));
        line.term = static_cast<float>(terms_[r]);
        if (level == 0) {
            missed_ += across * across + tail * tail;
            all_lengths_ += squared_lengths_[r];
        }
        return std::isfinite(line.along) && std::isfinite(line.inverse_length) && std::isfinite(across + tail);
    }

    const VaModel& model_;
    const VaKernels& kernels_;
    std::size_t axes_;
    std::vector<float> centred_, places_, rest_, decoded_, level_places_, inverse_steps_;
    std::vector<std::int32_t> codes_;
    bool described_[rows_per_encoding] = {};
    double squared_lengths_[rows_per_encoding] = {};
    double terms_[rows_per_encoding] = {};
    std::uint32_t code_of_[max_va_levels][nibbles_per_line] = {};  // the position of each nibble in codes_
    std::size_t nibbles_[max_va_levels] = {};
    std::size_t rounds_[max_va_levels] = {};
    double missed_ = 0;
    double all_lengths_ = 0;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
