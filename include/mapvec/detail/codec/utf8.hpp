// UTF-8 for one Unicode scalar value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <mapvec/unicode_char.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t max_utf8 = 4;  // bytes of a value

// Writes the bytes of `code` to `at`; returns their end. REQUIRES: room for max_utf8 bytes, and `code` is a Unicode
// scalar value.
[[nodiscard]] inline std::byte* put_utf8(std::byte* at, char32_t code) noexcept {
    const auto continuation = [code](int shift) { return static_cast<std::byte>(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
        *at++ = static_cast<std::byte>(code);
        return at;
    }
    if (code < 0x800) {
        *at++ = static_cast<std::byte>(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *at++ = static_cast<std::byte>(0xE0 | code >> 12);
        } else {
            *at++ = static_cast<std::byte>(0xF0 | code >> 18);
            *at++ = continuation(12);
        }
        *at++ = continuation(6);
    }
    *at++ = continuation(0);
    return at;
}

// Reads one value from the beginning of `bytes`; returns the number of its bytes. Returns 0 if the bytes are not a
// whole Unicode scalar value in its shortest form.
[[nodiscard]] inline std::size_t get_utf8(std::span<const std::byte> bytes, char32_t& code) noexcept {
    constexpr char32_t min_code[] = {0, 0x80, 0x800, 0x10000};  // [n]: smallest value with n bytes behind the first
    if (bytes.empty()) return 0;
    const auto first = std::to_integer<std::uint32_t>(bytes[0]);
    const std::size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    if ((first >= 0x80 && first < 0xC0) || first >= 0xF8 || bytes.size() <= more) return 0;
    code = more == 0 ? first : first & (0x3Fu >> more);
    for (const std::byte byte : bytes.subspan(1, more)) {
        if ((byte & std::byte{0xC0}) != std::byte{0x80}) return 0;
        code = code << 6 | std::to_integer<char32_t>(byte & std::byte{0x3F});
    }
    return code >= min_code[more] && is_unicode_scalar_value(code) ? more + 1 : 0;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
