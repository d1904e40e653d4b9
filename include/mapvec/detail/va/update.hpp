// Encodes many rows as lines, with several threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <vector>

#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/detail/va/encoder.hpp>
#include <mapvec/detail/va/kernels.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t rows_per_chunk = 16384;

// Lines of consecutive rows. lines[1] is empty if there is one level.
struct EncodedRows {
    std::vector<VaLine> lines[max_va_levels];
};

template <Metric M, Scalar S>
class ParallelEncoder {
  public:
    ParallelEncoder(const VaModel& model, const VaKernels& kernels, std::size_t threads) noexcept
        : model_(model), kernels_(kernels), threads_(threads) {}

    // Appends the lines of [first, last) to `to`.
    void encode(const S* rows, std::size_t first, std::size_t last, EncodedRows& to) {
        const std::size_t before = to.lines[0].size(), count = last - first;
        for (std::size_t level = 0; level < model_.levels(); ++level) to.lines[level].resize(before + count);
        const std::size_t pieces = (count + rows_per_piece - 1) / rows_per_piece;
        parallel_for(pieces, threads_, [&](std::size_t piece) {
            const std::size_t begin = piece * rows_per_piece, end = std::min(count, begin + rows_per_piece);
            LineEncoder<M, S> encoder(model_, kernels_);
            for (std::size_t at = begin; at < end; at += rows_per_encoding) {
                VaLine* lines[max_va_levels] = {};
                for (std::size_t level = 0; level < model_.levels(); ++level)
                    lines[level] = to.lines[level].data() + before + at;
                encoder.encode(rows + (first + at) * model_.dim(), std::min(rows_per_encoding, end - at), lines);
            }
            const std::lock_guard lock(mutex_);
            squared_lengths_ += encoder.squared_lengths();
            missed_ += encoder.missed();
        });
    }
    // The fraction of the squared lengths of the rows that first lines do not describe.
    [[nodiscard]] double missed() const noexcept { return squared_lengths_ > 0 ? missed_ / squared_lengths_ : 0; }

  private:
    static constexpr std::size_t rows_per_piece = 2048;

    const VaModel& model_;
    const VaKernels& kernels_;
    std::size_t threads_;
    Mutex mutex_;
    double squared_lengths_ = 0;
    double missed_ = 0;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
