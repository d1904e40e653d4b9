// RowIterator: random access to the rows of a growing array. An iterator is an array and an index. It stays valid when
// the array grows, and iterators of different calls of begin() and end() can be compared.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Array, class Scalar, std::size_t Dim>
class RowIterator {
  public:
    using iterator_concept = std::random_access_iterator_tag;
    // Dereferencing gives a value and not a reference. All other requirements of pre-C++20 algorithms are met.
    using iterator_category = std::random_access_iterator_tag;
    using value_type = std::span<const Scalar, Dim>;
    using reference = value_type;
    using difference_type = std::ptrdiff_t;

    RowIterator() noexcept = default;
    RowIterator(const Array* array, std::uint64_t index) noexcept
        : array_(array), index_(static_cast<difference_type>(index)) {}

    [[nodiscard]] value_type operator*() const noexcept {
        const auto stride = static_cast<difference_type>(array_->stride());
        const auto* const row = reinterpret_cast<const Scalar*>(array_->records() + index_ * stride);
        return value_type(row, static_cast<std::size_t>(stride) / sizeof(Scalar));
    }
    struct Arrow {
        value_type row;
        [[nodiscard]] const value_type* operator->() const noexcept { return &row; }
    };
    [[nodiscard]] Arrow operator->() const noexcept { return {**this}; }
    [[nodiscard]] value_type operator[](difference_type n) const noexcept { return *(*this + n); }

    RowIterator& operator++() noexcept { return *this += 1; }
    RowIterator& operator--() noexcept { return *this -= 1; }
    RowIterator operator++(int) noexcept { return std::exchange(*this, *this + 1); }
    RowIterator operator--(int) noexcept { return std::exchange(*this, *this - 1); }
    RowIterator& operator+=(difference_type n) noexcept {
        index_ += n;
        return *this;
    }
    RowIterator& operator-=(difference_type n) noexcept { return *this += -n; }

    friend RowIterator operator+(RowIterator it, difference_type n) noexcept { return it += n; }
    friend RowIterator operator+(difference_type n, RowIterator it) noexcept { return it += n; }
    friend RowIterator operator-(RowIterator it, difference_type n) noexcept { return it -= n; }
    friend difference_type operator-(const RowIterator& a, const RowIterator& b) noexcept {
        return a.index_ - b.index_;
    }
    friend bool operator==(const RowIterator& a, const RowIterator& b) noexcept { return a.index_ == b.index_; }
    friend auto operator<=>(const RowIterator& a, const RowIterator& b) noexcept { return a.index_ <=> b.index_; }

  private:
    const Array* array_ = nullptr;
    difference_type index_ = 0;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
