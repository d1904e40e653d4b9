// RowRanges: a set of rows as ascending ranges of ids.
//
//     RowRanges rows;
//     rows.add(0, 100), rows.add(100, 150), rows.add(200, 300);       // [0, 150) and [200, 300)
//     const RowRanges others = rows.complement(400);
//     for (const RowRange range : others.ranges()) …                  // [150, 200) and [300, 400)
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>
#include <vector>

#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The rows from `first` to `end` - 1.
struct RowRange {
    Id first = 0;
    Id end = 0;

    friend bool operator==(const RowRange&, const RowRange&) = default;
};

class RowRanges {
  public:
    // REQUIRES: first is not below the end of the last range. An empty range adds nothing.
    void add(Id first, Id end) {
        assert(ranges_.empty() || first >= ranges_.back().end);
        if (first >= end) return;
        if (!ranges_.empty() && ranges_.back().end == first)
            ranges_.back().end = end;
        else
            ranges_.push_back({first, end});
    }
    [[nodiscard]] std::span<const RowRange> ranges() const& noexcept { return ranges_; }
    std::span<const RowRange> ranges() && = delete;  // a loop over a temporary would read freed memory
    // O(log(ranges)).
    [[nodiscard]] bool contains(Id id) const noexcept {
        const auto next = std::upper_bound(ranges_.begin(), ranges_.end(), id,
                                           [](Id row, const RowRange& range) { return row < range.first; });
        return next != ranges_.begin() && id < (next - 1)->end;
    }
    // True if the set contains all rows below `end`.
    [[nodiscard]] bool are_all_below(Id end) const noexcept {
        return end == 0 || (ranges_.size() == 1 && ranges_.front().first == 0 && ranges_.front().end >= end);
    }
    // The rows below `end` that are not in the set.
    [[nodiscard]] RowRanges complement(Id end) const {
        RowRanges others;
        Id first = 0;
        for (const RowRange range : ranges_) {
            others.add(first, std::min(range.first, end));
            first = std::min(range.end, end);
        }
        others.add(first, end);
        return others;
    }
    [[nodiscard]] std::uint64_t count() const noexcept {
        std::uint64_t rows = 0;
        for (const RowRange range : ranges_) rows += range.end - range.first;
        return rows;
    }

  private:
    std::vector<RowRange> ranges_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
