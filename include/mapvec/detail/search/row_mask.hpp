// RowMask: which rows of a range the filter accepts, for searches that visit a row several times. The filter is called
// once for each row.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Filter>
class RowMask {
  public:
    RowMask(const Filter& filter, std::size_t first, std::size_t last) : first_(first), accepted_(last - first) {
        for (std::size_t i = 0; i < accepted_.size(); ++i) accepted_[i] = filter(Id{first + i});
    }
    [[nodiscard]] bool operator[](Id row) const noexcept { return accepted_[static_cast<std::size_t>(row) - first_]; }
    [[nodiscard]] bool any(std::size_t first, std::size_t count) const noexcept {
        const auto begin = accepted_.begin() + static_cast<std::ptrdiff_t>(first - first_);
        const auto end = begin + static_cast<std::ptrdiff_t>(count);
        return std::find(begin, end, true) != end;
    }

  private:
    std::size_t first_;
    std::vector<bool> accepted_;
};

// Without a filter.
struct EveryRow {};
template <>
class RowMask<EveryRow> {
  public:
    RowMask(EveryRow, std::size_t, std::size_t) noexcept {}
    [[nodiscard]] constexpr bool operator[](Id) const noexcept { return true; }
    [[nodiscard]] constexpr bool any(std::size_t, std::size_t) const noexcept { return true; }
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
