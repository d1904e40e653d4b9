// The tiled scan of search_batch.hpp. It compares rows with tiles of queries in registers: each row is read from memory
// once, and each value is read from cache once for dozens of multiplications.
//
// The tile is a filter. With u = 2^-24 it computes, for every row x and query q, a lower bound of the key that the row
// kernel computes. For squared L2 this is |x|² + |q|² - 2x·q (half the arithmetic of differences) minus a margin that
// covers all rounding,
//     c (|x|² + |q|²), c = e_tile + 2 e_kernel + 8u, e_tile = (dim + 3) u, e_kernel = (dim / 8 + 12) u,
// because the error of a sum of products is at most e Σ|x·q| <= e (|x|² + |q|²) / 2. If the bound of a row does not
// exceed the k-th best key so far, the kernel of search() computes the row. So results equal those of search(), bit by
// bit, also for near-duplicates. If too many rows pass in vain (vectors much longer than the distances between them),
// the scan switches to differences, whose error is relative to the distance. A key that may overflow or is NaN passes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <mapvec/detail/search/scan.hpp>
#include <mapvec/detail/search/top_k.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr double rounding_unit = 0x1p-24;
inline constexpr double overflow_guard = 1e37;  // squares above this are near the largest float

// All queries of a batch, transposed in groups of the width of a tile. All threads share them.
template <Metric M, Scalar S>
class PackedQueries {
  public:
    PackedQueries(const std::vector<PreparedQuery<M, S>>& queries, std::size_t dim, const TileKernels& kernels)
        : dim_(dim), columns_(kernels.columns), norms_(queries.size()) {
        const std::size_t line = 64;  // aligned, so that no load spans two cache lines
        packed_.resize(group_count() * dim * columns_ + line / sizeof(float));
        first_ = (0 - reinterpret_cast<std::uintptr_t>(packed_.data())) % line / sizeof(float);
        for (std::size_t q = 0; q < queries.size(); ++q) {
            float* const group = packed_.data() + first_ + q / columns_ * dim * columns_ + q % columns_;
            double sum = 0;
            for (std::size_t i = 0; i < dim; ++i) {
                const float x = queries[q].data()[i];
                group[i * columns_] = x;
                sum += static_cast<double>(x) * x;
            }
            norms_[q] = sum;
            longest_ = std::max(longest_, std::sqrt(sum));
        }
    }
    [[nodiscard]] std::size_t columns() const noexcept { return columns_; }
    [[nodiscard]] std::size_t group_count() const noexcept { return (norms_.size() + columns_ - 1) / columns_; }
    [[nodiscard]] const float* group(std::size_t g) const noexcept {
        return packed_.data() + first_ + g * dim_ * columns_;
    }
    [[nodiscard]] double squared_norm(std::size_t query) const noexcept { return norms_[query]; }
    [[nodiscard]] double longest() const noexcept { return longest_; }

  private:
    std::size_t dim_;
    std::size_t columns_;
    std::vector<float> packed_;
    std::size_t first_ = 0;
    std::vector<double> norms_;
    double longest_ = 0;
};

// The scan of one thread over its rows. Only rows in `accepted` (row_mask.hpp) are measured.
template <Metric M, Scalar S, class Mask>
class TileScan {
  public:
    TileScan(const RowsSnapshot<S>& rows, const std::vector<PreparedQuery<M, S>>& queries,
             const PackedQueries<M, S>& packed, const Mask& accepted, std::vector<TopK>& best, InstructionSet set)
        : rows_(rows),
          queries_(queries),
          packed_(packed),
          accepted_(accepted),
          best_(best),
          norm_kernel_(row_kernels<DistanceKind::squared_difference, float>(set).contiguous),
          tile_kernels_(tile_kernels(set)),
          zeros_(rows.dim() + query_padding),
          limits_(packed.group_count() * packed.columns(), -std::numeric_limits<float>::infinity()),
          found_(tile_rows * packed.columns()),
          candidates_(tile_rows * packed.columns()),
          counts_(packed.columns()) {
        const double dim = static_cast<double>(rows.dim());
        tile_error_ = (dim + 3) * rounding_unit;
        kernel_error_ = (dim / 8 + 12) * rounding_unit;
        margin_ = tile_error_ + 2 * kernel_error_ + 8 * rounding_unit;
        least_ = (dim + 1) * 0x1p-140;
        if constexpr (!std::is_same_v<S, float>) {
            convert_ = convert_kernel<S>(set);
            converted_.resize(tile_rows * rows.dim());
        }
    }

    void run(std::size_t first, std::size_t last) {
        for (std::size_t q = 0; q < queries_.size(); ++q) update_limit(q);
        ReadInOrder in_order(rows_.access());
        for (; first < last; first += tile_rows) {
            const std::size_t count = std::min(tile_rows, last - first);
            if (!accepted_.any(first, count)) continue;
            rows_.read_in_order(first, count, last, in_order);
            const float* const floats = as_floats(first, count);
            if (products_) measure_terms(floats, count);
            passed_in_vain_ = 0;
            for (std::size_t g = 0; g < packed_.group_count(); ++g) sieve(floats, first, count, g);
            if (M::distance_kind == DistanceKind::squared_difference && products_ &&
                passed_in_vain_ * 32 > count * queries_.size())
                use_differences();
        }
    }

  private:
    [[nodiscard]] const float* as_floats(std::size_t first, std::size_t count) {
        const S* const from = rows_.span().rows + first * rows_.dim();
        if constexpr (std::is_same_v<S, float>) {
            return from;
        } else {
            convert_(from, count * rows_.dim(), converted_.data());
            return converted_.data();
        }
    }

    // The term that each row adds to its keys: for squared L2 its squared norm less the margin, for products the margin
    // alone.
    void measure_terms(const float* floats, std::size_t count) noexcept {
        norm_kernel_({floats, floats + count * rows_.dim(), rows_.dim()}, 0, count, zeros_.data(), terms_);
        for (std::size_t i = 0; i < count; ++i) {  // least_: a square may underflow where a product does not
            const double norm = terms_[i];
            const double term = M::distance_kind == DistanceKind::squared_difference
                                    ? norm * (1 - margin_)
                                    : -margin_ * std::sqrt(norm + least_) * packed_.longest() * (1 + margin_);
            terms_[i] = norm < overflow_guard ? rounded_down(term) : -std::numeric_limits<float>::infinity();
        }
    }

    void update_limit(std::size_t query) noexcept {
        const double worst = best_[query].limit();
        if (worst == -std::numeric_limits<double>::infinity()) return;  // k = 0: limits_ has this value already
        const double norm = packed_.squared_norm(query);
        double limit = worst + least_;
        if (M::distance_kind == DistanceKind::squared_difference) {
            limit += worst * 2 * kernel_error_;
            limit = products_ ? limit - norm * (1 - margin_) : limit + worst * 2 * tile_error_;
        }
        const bool sound = norm < overflow_guard && std::abs(worst) < overflow_guard;
        limits_[query] = sound ? rounded_up(limit) : std::numeric_limits<float>::infinity();
    }

    void sieve(const float* floats, std::size_t first, std::size_t count, std::size_t g) {
        TileTask task = {floats, count, rows_.dim(), packed_.group(g), terms_, 1, &limits_[g * packed_.columns()]};
        if (M::distance_kind == DistanceKind::squared_difference && products_) task.scale = -2;
        const std::size_t n =
            products_ ? tile_kernels_.products(task, found_.data()) : tile_kernels_.differences(task, found_.data());
        if (n == 0) return;
        std::fill(counts_.begin(), counts_.end(), 0);
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t column = found_[i] % packed_.columns();
            const Id row = first + found_[i] / packed_.columns();
            if (accepted_[row]) candidates_[column * tile_rows + counts_[column]++] = row;
        }
        for (std::size_t column = 0; column < packed_.columns(); ++column) {
            const std::size_t query = g * packed_.columns() + column;
            if (counts_[column] != 0 && query < queries_.size())
                judge(query, &candidates_[column * tile_rows], counts_[column]);
        }
    }

    void judge(std::size_t query, const Id* ids, std::size_t count) {
        float keys[tile_rows];
        queries_[query].measure(rows_.span(), ids, count, keys);
        TopK& best = best_[query];
        for (std::size_t i = 0; i < count; ++i) {
            if (keys[i] <= best.limit()) {
                best.offer(keys[i], ids[i]);
            } else {
                ++passed_in_vain_;
            }
        }
        update_limit(query);
    }

    void use_differences() noexcept {
        products_ = false;
        std::fill(terms_, terms_ + tile_rows, 0.0f);
        for (std::size_t q = 0; q < queries_.size(); ++q) update_limit(q);
    }

    const RowsSnapshot<S>& rows_;
    const std::vector<PreparedQuery<M, S>>& queries_;
    const PackedQueries<M, S>& packed_;
    const Mask& accepted_;
    std::vector<TopK>& best_;
    void (*norm_kernel_)(RowSpan<float>, std::size_t, std::size_t, const float*, float*) noexcept;
    const TileKernels& tile_kernels_;
    ConvertKernel<S> convert_ = nullptr;
    std::vector<float> zeros_;
    std::vector<float> limits_;
    std::vector<float> converted_;
    std::vector<std::uint32_t> found_;
    std::vector<Id> candidates_;
    std::vector<std::size_t> counts_;
    float terms_[tile_rows] = {};
    double tile_error_, kernel_error_, margin_, least_;
    bool products_ = true;
    std::size_t passed_in_vain_ = 0;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
