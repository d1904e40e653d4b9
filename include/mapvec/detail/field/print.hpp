// FieldPrint: the value of a field in 16 bytes; equal values have equal prints. A value of at most 15 bytes is stored
// as it is. A longer value is stored as a hash of 120 bits, with a random key for each index, so that in practice no
// two values have the same print, even if an attacker chooses them.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include <mapvec/detail/codec/traits.hpp>
#include <mapvec/detail/util/siphash.hpp>
#include <mapvec/payload_codec.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

struct FieldPrint {
    std::array<std::uint64_t, 2> words{};  // the top byte of the last: the length + 1, or 255 for a hash
    std::uint64_t hash = 0;                // hash of the value, for its position in a table

    friend bool operator==(const FieldPrint& a, const FieldPrint& b) noexcept { return a.words == b.words; }
};

struct FieldPrintHash {
    [[nodiscard]] std::size_t operator()(const FieldPrint& print) const noexcept {
        return static_cast<std::size_t>(print.hash);
    }
};

[[nodiscard]] inline FieldPrint field_print(const SipKey& key, std::span<const std::byte> bytes) noexcept {
    FieldPrint print;
    print.words = siphash128(key, bytes);
    print.hash = print.words[0];
    if (bytes.size() < 16) {
        print.words = {};
        if (!bytes.empty()) std::memcpy(print.words.data(), bytes.data(), bytes.size());
        print.words[1] |= std::uint64_t{bytes.size() + 1} << 56;
    } else {
        print.words[1] |= std::uint64_t{0xFF} << 56;
    }
    return print;
}

// The print with these words.
[[nodiscard]] inline FieldPrint field_print(const SipKey& key, const std::array<std::uint64_t, 2>& words) noexcept {
    const std::uint64_t top = words[1] >> 56;
    if (top > 16) return {words, words[0]};
    return field_print(key, std::as_bytes(std::span(words)).first(static_cast<std::size_t>(top == 0 ? 0 : top - 1)));
}

// The type for lookups in a field of type V: std::string_view for strings.
template <class V>
using FieldKey =
    std::conditional_t<TextLike<V> && std::convertible_to<const V&, std::string_view>, std::string_view, V>;

// The print of a value. REQUIRES: equal values have equal bytes (not so for unordered containers).
template <class V>
[[nodiscard]] FieldPrint print_of(const SipKey& key, const V& value) {
    if constexpr (std::convertible_to<const V&, std::string_view>) {
        const std::string_view text = value;
        return field_print(key, std::as_bytes(std::span(text.data(), text.size())));
    } else {
        Encoder encoder;
        Codec<V>::encode(value, encoder);
        return field_print(key, encoder.bytes());
    }
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
