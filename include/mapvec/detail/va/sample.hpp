// The model of the rows of a store, computed from a sample. The same rows give the same model.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/va/encoder.hpp>
#include <mapvec/detail/va/model.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t max_sampled_rows = 16384;

// The size of the sample, which is taken evenly from all rows. Longer rows have a smaller sample, because computing the
// axes takes time in proportion to the scalars.
[[nodiscard]] inline std::size_t sample_size(std::size_t rows, std::size_t dim) noexcept {
    const std::size_t affordable = (std::size_t{1} << 23) / std::max<std::size_t>(dim, 1);
    return std::min(rows, std::clamp<std::size_t>(affordable, 256, max_sampled_rows));
}

// The number of lines for each row: a second line pays if a row is several lines long.
[[nodiscard]] inline std::size_t useful_levels(std::size_t row_bytes) noexcept { return row_bytes >= 320 ? 2 : 1; }

template <Metric M, Scalar S>
class Sampler {
  public:
    Sampler(const S* rows, std::size_t count, std::size_t dim)
        : rows_(rows), count_(count), dim_(dim), wanted_(sample_size(count, dim)), mean_(dim) {
        floats_.reserve(wanted_ * dim);
        for (std::size_t i = 0; i < wanted_; ++i) add(sampled(i));
        subtract_mean();
    }

    [[nodiscard]] std::vector<std::byte> model(std::size_t levels, const VaKernels& kernels) && {
        ModelHeader header;
        header.rows = count_;
        header.sampled_rows = used_;
        if (used_ == 0) floats_.resize(dim_);
        const std::size_t sampled = floats_.size() / dim_;
        const std::size_t wanted = std::min({dim_, sampled, levels * nibbles_per_line});
        std::vector<float> mean(mean_.begin(), mean_.end());
        const AxisSet axes = AxisFinder(std::move(floats_), dim_, wanted, kernels).find();
        auto record = model_record(axes, mean, levels, header);
        const float missed = missed_by(VaModel(record.data(), dim_), kernels);
        std::memcpy(record.data() + offsetof(ModelHeader, missed), &missed, sizeof missed);
        return record;
    }

  private:
    [[nodiscard]] const S* sampled(std::size_t i) const noexcept { return rows_ + i * count_ / wanted_ * dim_; }

    [[nodiscard]] float missed_by(const VaModel& model, const VaKernels& kernels) const {
        LineEncoder<M, S> encoder(model, kernels);
        for (std::size_t i = 0; i < wanted_; ++i) {
            VaLine first, second;
            VaLine* const lines[max_va_levels] = {&first, &second};
            encoder.encode(sampled(i), 1, lines);
        }
        return encoder.squared_lengths() > 0 ? static_cast<float>(encoder.missed() / encoder.squared_lengths()) : 0;
    }
    // Adds a row to the sample, unless lines cannot describe it.
    void add(const S* row) {
        double squared = 0;
        for (std::size_t i = 0; i < dim_; ++i)
            squared += static_cast<double>(static_cast<QueryValue<S>>(row[i])) *
                       static_cast<double>(static_cast<QueryValue<S>>(row[i]));
        if (!(squared == 0 || has_usable_length(squared))) return;
        const bool scaled = M::distance_kind == DistanceKind::cosine;
        if (scaled && squared == 0) return;
        const double scale = scaled ? 1 / std::sqrt(squared) : 1;
        for (std::size_t i = 0; i < dim_; ++i) {
            const double x = static_cast<double>(static_cast<QueryValue<S>>(row[i])) * scale;
            floats_.push_back(static_cast<float>(x));
            mean_[i] += x;
        }
        ++used_;
    }
    void subtract_mean() noexcept {
        for (double& x : mean_) x = used_ == 0 ? 0 : double{static_cast<float>(x / static_cast<double>(used_))};
        for (std::size_t r = 0; r < used_; ++r)
            for (std::size_t i = 0; i < dim_; ++i) floats_[r * dim_ + i] -= static_cast<float>(mean_[i]);
    }

    const S* rows_;
    std::size_t count_;
    std::size_t dim_;
    std::size_t wanted_;
    std::size_t used_ = 0;  // rows of the sample that lines can describe
    std::vector<double> mean_;
    std::vector<float> floats_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
