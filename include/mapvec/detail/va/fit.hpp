// Principal axes of a sample, by orthogonal iteration: multiply the span of the axes by the covariance (which is never
// formed), make it orthonormal again, and repeat. The axes need not be exact: the bounds hold for any orthonormal axes,
// and they are tight if the axes hold most of the variance of the rows.
//
// Deterministic: the same sample gives the same axes on machines with the same instruction set.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <mapvec/detail/va/kernels.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// `count` vectors of length `dim`, row-major.
struct AxisSet {
    std::size_t dim = 0;
    std::size_t count = 0;
    std::vector<float> vectors;
    std::vector<double> variances;  // of the sample, largest first
    double total_variance = 0;

    [[nodiscard]] float* operator[](std::size_t axis) noexcept { return &vectors[axis * dim]; }
    [[nodiscard]] const float* operator[](std::size_t axis) const noexcept { return &vectors[axis * dim]; }
};

[[nodiscard]] inline double dot_of(const float* a, const float* b, std::size_t n) noexcept {
    double sums[4] = {};
    std::size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (std::size_t k = 0; k < 4; ++k) sums[k] += static_cast<double>(a[i + k]) * static_cast<double>(b[i + k]);
    for (; i < n; ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

class AxisFinder {
  public:
    // `sample`: rows of `dim` floats, less their mean. REQUIRES: wanted <= dim.
    AxisFinder(std::vector<float> sample, std::size_t dim, std::size_t wanted, const VaKernels& kernels)
        : kernels_(kernels), sample_(std::move(sample)), rows_(sample_.size() / dim), padded_(padded_axes(wanted)) {
        axes_.dim = dim;
        axes_.count = wanted;
        axes_.vectors.resize(wanted * dim);
    }

    [[nodiscard]] AxisSet find() && {
        transpose_sample();
        for (float& x : axes_.vectors) x = random();
        make_orthonormal();
        for (int round = 0; round < rounds; ++round) {
            multiply();
            if (round % 2 == 1) make_orthonormal();
        }
        measure_and_sort();
        return std::move(axes_);
    }

  private:
    static constexpr int rounds = 10;

    // A uniform random number between -1 and 1.
    [[nodiscard]] float random() noexcept {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<float>(static_cast<std::int32_t>(state_ >> 32)) * 0x1p-31f;
    }

    void transpose_sample() {
        transposed_.resize(sample_.size());
        for (std::size_t r = 0; r < rows_; ++r)
            for (std::size_t i = 0; i < axes_.dim; ++i) transposed_[i * rows_ + r] = sample_[r * axes_.dim + i];
    }

    // The products of sample and axes: rows_ times padded_.
    [[nodiscard]] std::vector<float> projected() const {
        std::vector<float> packed(padded_ * axes_.dim), out(rows_ * padded_);
        for (std::size_t a = 0; a < axes_.count; ++a)
            for (std::size_t i = 0; i < axes_.dim; ++i) packed[packed_axis(a, i, axes_.dim)] = axes_[a][i];
        kernels_.project(sample_.data(), rows_, axes_.dim, packed.data(), axes_.count, out.data());
        return out;
    }

    // Multiplies the axes by the covariance: the sample on the axes, then the sum of the rows of the sample, weighted
    // with it. The result is scaled, so that two multiplications in a row stay within the range of float.
    void multiply() {
        const std::vector<float> on_axes = projected();
        std::vector<float> packed(padded_ * rows_), out(axes_.dim * padded_);
        for (std::size_t r = 0; r < rows_; ++r)
            for (std::size_t a = 0; a < padded_; ++a) packed[packed_axis(a, r, rows_)] = on_axes[r * padded_ + a];
        kernels_.project(transposed_.data(), axes_.dim, rows_, packed.data(), axes_.count, out.data());
        float most = 0;
        for (const float x : out) most = std::max(most, std::abs(x));
        const float scale = most > 0 ? 1 / most : 0;
        for (std::size_t a = 0; a < axes_.count; ++a)
            for (std::size_t i = 0; i < axes_.dim; ++i) axes_[a][i] = out[i * padded_ + a] * scale;
    }

    // Gram-Schmidt, twice for each axis. An axis in the span of the previous axes is replaced by a random one.
    void make_orthonormal() noexcept {
        for (std::size_t a = 0; a < axes_.count; ++a)
            while (!orthonormalize(a)) std::generate(axes_[a], axes_[a] + axes_.dim, [this] { return random(); });
    }
    [[nodiscard]] bool orthonormalize(std::size_t a) noexcept {
        float* const axis = axes_[a];
        for (int times = 0; times < 2; ++times) {
            const double before = std::sqrt(dot_of(axis, axis, axes_.dim));
            if (!(before > 0)) return false;
            scale(axis, 1 / before);
            for (std::size_t b = 0; b < a; ++b) {
                const double part = dot_of(axis, axes_[b], axes_.dim);
                for (std::size_t i = 0; i < axes_.dim; ++i)
                    axis[i] -= static_cast<float>(part * static_cast<double>(axes_[b][i]));
            }
            const double left = std::sqrt(dot_of(axis, axis, axes_.dim));
            if (!(left > 1e-4)) return false;
            scale(axis, 1 / left);
        }
        return true;
    }
    void scale(float* axis, double factor) const noexcept {
        for (std::size_t i = 0; i < axes_.dim; ++i) axis[i] = static_cast<float>(axis[i] * factor);
    }

    void measure_and_sort() {
        const std::vector<float> on_axes = projected();
        std::vector<double> variances(axes_.count);
        for (std::size_t r = 0; r < rows_; ++r)
            for (std::size_t a = 0; a < axes_.count; ++a) {
                const double x = on_axes[r * padded_ + a];
                variances[a] += x * x / static_cast<double>(rows_);
            }
        std::vector<std::size_t> order(axes_.count);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return variances[a] != variances[b] ? variances[a] > variances[b] : a < b;
        });
        std::vector<float> sorted;
        sorted.reserve(axes_.vectors.size());
        for (const std::size_t a : order) {
            sorted.insert(sorted.end(), axes_[a], axes_[a] + axes_.dim);
            axes_.variances.push_back(variances[a]);
        }
        axes_.vectors = std::move(sorted);
        axes_.total_variance = dot_of(sample_.data(), sample_.data(), sample_.size()) / static_cast<double>(rows_);
    }

    const VaKernels& kernels_;
    std::vector<float> sample_;
    std::vector<float> transposed_;
    std::size_t rows_;
    std::size_t padded_;
    AxisSet axes_;
    std::uint64_t state_ = 0x9E3779B97F4A7C15u;
};

// A bound of the norm of PP' - I: how far the rows of `axes` are from orthonormal.
[[nodiscard]] inline double orthonormality_error(const AxisSet& axes) noexcept {
    double sum = 0;
    for (std::size_t a = 0; a < axes.count; ++a)
        for (std::size_t b = 0; b <= a; ++b) {
            const double error = dot_of(axes[a], axes[b], axes.dim) - (a == b ? 1 : 0);
            sum += (a == b ? 1 : 2) * error * error;
        }
    return std::sqrt(sum);
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
