// LineSieve: the rows of a block that the bounds of their lines do not exclude, for one query or several.
//
//     LineSieve<M> sieve(queries, lines);
//     const std::size_t open = sieve.sieve(first, count, limit);
//     for (std::size_t i = 0; i < open; ++i) … first + sieve.position(i), sieve.low(i) …
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <mapvec/detail/search/scan.hpp>
#include <mapvec/detail/util/prefetch.hpp>
#include <mapvec/detail/va/bounds.hpp>
#include <mapvec/detail/va/kernels.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t lines_per_block = 2048;
inline constexpr std::size_t lines_at_once = 64;

// The lines of the rows from 0 on; `second` may be null.
struct LineSpan {
    const VaLine* first = nullptr;
    const VaLine* second = nullptr;
    std::size_t count = 0;
};

// The open rows of a block: their positions, and lower bounds of their keys.
struct SieveScratch {
    std::uint32_t positions[lines_per_block];
    float lows[lines_per_block + line_group];
    float highs[lines_per_block + line_group];
    float products[lines_per_block + line_group];
    VaLine lines[lines_at_once];  // copies of lines that are read again, or of second lines
};

// The queries of a search; all threads share them.
template <Metric M>
struct LineQueries {
    const VaModel& model;
    const VaKernels& kernels;
    SelectKernel select;
    std::vector<VaQuery<M>> queries;
    std::vector<KeyRange> ranges;
};

// Decides whether coarse bounds pay: they do not if they leave many rows open. Then they are tried again after some
// blocks.
class CoarseGate {
  public:
    explicit CoarseGate(bool available) noexcept : available_(available) {}

    [[nodiscard]] bool pays() noexcept {
        if (!available_ || waiting_ == 0) return available_;
        --waiting_;
        return false;
    }
    void saw(std::size_t rows, std::size_t open) noexcept {
        if (open > rows / 8) waiting_ = 4;
    }

  private:
    bool available_;
    unsigned waiting_ = 0;
};

template <Metric M>
class LineSieve {
  public:
    // If `queries` is null, only lists can be sieved, and all rows are open.
    LineSieve(const LineQueries<M>* queries, LineSpan lines, SieveScratch& scratch) noexcept
        : queries_(queries),
          levels_(queries == nullptr || lines.second == nullptr ? 1 : queries->model.levels()),
          lines_(lines),
          open_(scratch),
          coarse_(queries != nullptr && queries->kernels.scan_coarsely != nullptr) {}

    // Finds the rows of [first, first + count) that may be in all ranges, and at most `limit` from the first query;
    // returns their number.
    [[nodiscard]] std::size_t sieve(std::size_t first, std::size_t count, float limit) noexcept {
        return sieve_lines(lines_.first + first, count, limit,
                           [&](std::size_t position) { return lines_.second + first + position; });
    }
    // The same for at most lines_per_block listed rows. Rows without a line are open.
    template <class Described>
    [[nodiscard]] std::size_t sieve(std::span<const Id> ids, const Described& described, float limit) {
        static constexpr VaLine open_line = undescribed_line();
        if (queries_ == nullptr) return all_open(ids.size());
        gathered_.resize(lines_per_block);
        for (const Id id : ids) prefetch(reinterpret_cast<std::uintptr_t>(lines_.first) + id * sizeof(VaLine));
        for (std::size_t i = 0; i < ids.size(); ++i)
            gathered_[i] = described(ids[i]) ? lines_.first[ids[i]] : open_line;
        return sieve_lines(gathered_.data(), ids.size(), limit, [&](std::size_t position) {
            return described(ids[position]) ? lines_.second + ids[position] : &open_line;
        });
    }
    [[nodiscard]] std::size_t levels() const noexcept { return levels_; }
    [[nodiscard]] std::uint32_t position(std::size_t i) const noexcept { return open_.positions[i]; }
    [[nodiscard]] float low(std::size_t i) const noexcept { return open_.lows[i]; }
    [[nodiscard]] std::size_t opened() const noexcept { return opened_; }  // by first lines, last call

  private:
    [[nodiscard]] std::size_t all_open(std::size_t count) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            open_.positions[i] = static_cast<std::uint32_t>(i);
            open_.lows[i] = -std::numeric_limits<float>::infinity();
        }
        return count;
    }
    template <class Second>
    [[nodiscard]] std::size_t sieve_lines(const VaLine* lines, std::size_t count, float limit,
                                          const Second& second) noexcept {
        const bool limited = highest(0, limit) < std::numeric_limits<float>::infinity();
        std::size_t open = limited && coarse_.pays() ? sieve_coarsely(lines, count, limit)  //
                                                     : sieve_first(lines, count, limit);
        opened_ = open;
        if (levels_ > 1 && open != 0) open = sieve_again(1, open, limit, second);
        for (std::size_t q = 1; q < queries_->queries.size() && open != 0; ++q)
            open = sieve_other(q, lines, count, open);
        return open;
    }
    [[nodiscard]] float highest(std::size_t q, float limit) const noexcept {
        return queries_->queries[q].limit_above(std::min(queries_->ranges[q].high, limit));
    }
    [[nodiscard]] float* highs(std::size_t q) noexcept {
        return queries_->queries[q].limit_below(queries_->ranges[q].low) > -std::numeric_limits<float>::infinity()
                   ? open_.highs
                   : nullptr;
    }

    [[nodiscard]] std::size_t sieve_first(const VaLine* lines, std::size_t count, float limit) noexcept {
        const VaQuery<M>& query = queries_->queries[0];
        queries_->kernels.scan(lines, count, query.nibbles(0), query.bounds(0), open_.products, open_.lows, highs(0));
        const std::size_t open = select_open(count, limit);
        for (std::size_t i = 0; i < open; ++i) open_.products[i] = open_.products[open_.positions[i]];
        return keep(open, [&](std::size_t i) { return open_.positions[i]; });
    }
    // The same by coarse bounds, and then by exact ones of the rows that these leave open.
    [[nodiscard]] std::size_t sieve_coarsely(const VaLine* lines, std::size_t count, float limit) noexcept {
        const VaQuery<M>& query = queries_->queries[0];
        queries_->kernels.scan_coarsely(lines, count, query.coarse_nibbles(), query.coarse_bounds(), open_.lows,
                                        highs(0));
        const std::size_t open = keep(select_open(count, limit), [&](std::size_t i) { return open_.positions[i]; });
        std::fill_n(open_.products, open, 0.0f);
        coarse_.saw(count, open);
        return open == 0 ? 0 : sieve_again(0, open, limit, [&](std::size_t position) { return lines + position; });
    }
    // Writes the positions of the rows that are not above `limit`; returns their number.
    [[nodiscard]] std::size_t select_open(std::size_t count, float limit) noexcept {
        return queries_->select(open_.lows, count, -std::numeric_limits<float>::infinity(), highest(0, limit),
                                open_.positions);
    }
    // Keeps those of `open` rows in open_, with bounds at place(i), that may be above the lower end of the first range.
    template <class Place>
    [[nodiscard]] std::size_t keep(std::size_t open, const Place& place) noexcept {
        const bool from_below = highs(0) != nullptr;
        const float lowest = queries_->queries[0].limit_below(queries_->ranges[0].low);
        std::size_t kept = 0;
        for (std::size_t i = 0; i < open; ++i) {
            const std::size_t at = place(i);
            const float low = open_.lows[at], high = from_below ? open_.highs[at] : lowest;
            open_.positions[kept] = open_.positions[i];
            open_.products[kept] = open_.products[i];
            open_.lows[kept] = low;
            kept += static_cast<std::size_t>(!(high < lowest));
        }
        return kept;
    }
    // Computes the bounds of a level for the rows that are still open.
    template <class LineAt>
    [[nodiscard]] std::size_t sieve_again(std::size_t level, std::size_t open, float limit,
                                          const LineAt& line_at) noexcept {
        const VaQuery<M>& query = queries_->queries[0];
        const auto prefetch_lines = [&](std::size_t at) {
            for (std::size_t i = at; i < std::min(at + lines_at_once, open); ++i)
                prefetch(reinterpret_cast<std::uintptr_t>(line_at(open_.positions[i])));
        };
        prefetch_lines(0);
        for (std::size_t at = 0; at < open; at += lines_at_once) {
            const std::size_t count = std::min(lines_at_once, open - at);
            prefetch_lines(at + lines_at_once);
            for (std::size_t i = 0; i < count; ++i) open_.lines[i] = *line_at(open_.positions[at + i]);
            queries_->kernels.add_products(open_.lines, count, query.nibbles(level), open_.products + at);
            queries_->kernels.bounds(open_.lines, count, open_.products + at, query.bounds(level), open_.lows + at,
                                     highs(0) == nullptr ? nullptr : open_.highs + at);
        }
        std::uint32_t inside[lines_per_block];
        const std::size_t left =
            queries_->select(open_.lows, open, -std::numeric_limits<float>::infinity(), highest(0, limit), inside);
        for (std::size_t i = 0; i < left; ++i) {
            open_.positions[i] = open_.positions[inside[i]];
            open_.products[i] = open_.products[inside[i]];
        }
        return keep(left, [&](std::size_t i) { return inside[i]; });
    }
    // Computes the bounds of another disk for the rows that are still open.
    [[nodiscard]] std::size_t sieve_other(std::size_t q, const VaLine* lines, std::size_t count,
                                          std::size_t open) noexcept {
        const VaQuery<M>& query = queries_->queries[q];
        float first[lines_per_block];  // lower bounds of the first query, by which rows are ordered
        std::copy_n(open_.lows, open, first);
        queries_->kernels.scan(lines, count, query.nibbles(0), query.bounds(0), open_.products, open_.lows, highs(q));
        const bool from_below = highs(q) != nullptr;
        const float most = highest(q, std::numeric_limits<float>::infinity());
        const float lowest = query.limit_below(queries_->ranges[q].low);
        std::size_t kept = 0;
        for (std::size_t i = 0; i < open; ++i) {
            const std::uint32_t at = open_.positions[i];  // at least i, so that its bounds are still there
            const bool excluded = open_.lows[at] > most || (from_below && open_.highs[at] < lowest);
            open_.positions[kept] = at;
            open_.lows[kept] = first[i];
            kept += static_cast<std::size_t>(!excluded);
        }
        return kept;
    }

    const LineQueries<M>* queries_;
    std::size_t levels_;
    LineSpan lines_;
    SieveScratch& open_;
    std::vector<VaLine> gathered_;
    std::size_t opened_ = 0;
    CoarseGate coarse_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
