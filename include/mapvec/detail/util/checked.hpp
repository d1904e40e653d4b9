// Checked arithmetic on sizes from files and users. Overflow is checked here and nowhere else.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

[[nodiscard]] constexpr std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) noexcept {
    if (a > std::numeric_limits<std::uint64_t>::max() - b) return std::nullopt;
    return a + b;
}

[[nodiscard]] constexpr std::optional<std::uint64_t> checked_multiply(std::uint64_t a, std::uint64_t b) noexcept {
    if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b) return std::nullopt;
    return a * b;
}

// Rounds `offset` down or up to a multiple of `unit`, a power of two. REQUIRES: the result fits.
[[nodiscard]] constexpr std::uint64_t round_down(std::uint64_t offset, std::uint64_t unit) noexcept {
    return offset & ~(unit - 1);
}
[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t offset, std::uint64_t unit) noexcept {
    return round_down(offset + unit - 1, unit);
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
