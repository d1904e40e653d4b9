// The line of a row: 64 bytes, one cache line. It gives bounds of the distance of the row to any query (bounds.hpp).
//
//     offset size field
//          0   48 codes: 96 nibbles; nibble k is in bits 4 (k / 24) … of the 16-bit word k % 24
//         48    4 inverse_length: 1 / |x̂|, or 0
//         52    4 along: the row's component along x̂
//         56    4 across, tail: two bfloat16, rounded up; across is the upper half
//         60    4 term: the part of the key that depends on the row alone
//
// The nibbles are the position of the row on the principal axes of the store; decoded, they are x̂. A row that a line
// cannot describe (a NaN, an infinity, numbers too large or too small) has infinite `across` and `tail`: its bounds
// exclude nothing.
//
// A second file may hold a second line of each row, with the same layout: 96 more nibbles, and the four numbers for all
// 192.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t words_per_line = 24;
inline constexpr std::size_t nibbles_per_line = 4 * words_per_line;

struct VaLine {
    std::uint16_t codes[words_per_line];
    float inverse_length;
    float along;
    std::uint32_t across_and_tail;
    float term;
};
static_assert(sizeof(VaLine) == 64 && std::has_unique_object_representations_v<std::uint32_t>);

// The smallest bfloat16 that is not below x, in the upper half of the result. REQUIRES: x is not negative.
[[nodiscard]] inline std::uint32_t bfloat16_above(float x) noexcept {
    if (!(x < std::numeric_limits<float>::max())) return 0x7F800000u;
    return (std::bit_cast<std::uint32_t>(x) + 0xFFFFu) & 0xFFFF0000u;
}
[[nodiscard]] inline std::uint32_t pack_across_and_tail(float across, float tail) noexcept {
    return bfloat16_above(across) | bfloat16_above(tail) >> 16;
}

// A line whose bounds exclude nothing.
[[nodiscard]] constexpr VaLine undescribed_line() noexcept {
    VaLine line{};
    line.across_and_tail = 0x7F807F80u;
    return line;
}

inline void set_nibble(VaLine& line, std::size_t k, unsigned code) noexcept {
    std::uint16_t& word = line.codes[k % words_per_line];
    word = static_cast<std::uint16_t>(word | code << (4 * (k / words_per_line)));
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
