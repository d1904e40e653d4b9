// Fingerprint: a 64-bit FNV-1a hash, equal for every compiler and platform. It identifies a payload type
// (codec/fingerprint.hpp), and the store and metric of an index (index/identity.hpp).
#pragma once

#include <cstdint>
#include <string_view>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class Fingerprint {
  public:
    constexpr void add(char token) noexcept {
        hash_ = (hash_ ^ static_cast<unsigned char>(token)) * 0x00000100000001B3u;
    }
    constexpr void add_number(std::uint64_t number) noexcept {
        for (int byte = 0; byte < 8; ++byte) add(static_cast<char>(number >> (8 * byte) & 0xFF));
    }
    constexpr void add_text(std::string_view text) noexcept {
        add_number(text.size());
        for (const char c : text) add(c);
    }
    [[nodiscard]] constexpr std::uint64_t value() const noexcept { return hash_; }

  private:
    std::uint64_t hash_ = 0xCBF29CE484222325u;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
