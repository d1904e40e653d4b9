// UnicodeChar: one Unicode scalar value in a payload, like Rust's `char`.
//
//     struct Key { mapvec::UnicodeChar letter; std::uint32_t count; };      // struct Key { letter: char, count: u32 }
//     const Key key{mapvec::UnicodeChar(U'é'), 3};
//     key.letter.value();                                                   // U'é'
//
// Encoded, it takes the one to four bytes of its UTF-8 form, as in bincode 1.x. In a record that is stored raw, it
// takes four bytes, little-endian, as in memory. Decoding throws Error(payload) for bytes that are not a Unicode scalar
// value.
//
// (A plain char is one byte, Rust's u8 or i8; a char32_t is four bytes of any value, Rust's u32.)
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// True for a code point that is not a surrogate.
[[nodiscard]] constexpr bool is_unicode_scalar_value(char32_t code) noexcept {
    return code < 0xD800 || (code > 0xDFFF && code <= 0x10FFFF);
}

class UnicodeChar {
  public:
    // U+0000.
    constexpr UnicodeChar() noexcept = default;
    // Throws invalid_argument if `value` is not a Unicode scalar value.
    explicit constexpr UnicodeChar(char32_t value) : value_(value) {
        if (!is_unicode_scalar_value(value))
            throw Error(ErrorCode::invalid_argument,
                        detail::mismatch("UnicodeChar", "a Unicode scalar value", std::uint32_t{value}));
    }

    [[nodiscard]] constexpr char32_t value() const noexcept { return value_; }

    // Ordered by value.
    friend constexpr auto operator<=>(const UnicodeChar&, const UnicodeChar&) noexcept = default;

  private:
    char32_t value_ = 0;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
