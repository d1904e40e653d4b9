// SipHash-2-4 with 128 bits (Aumasson and Bernstein, INDOCRYPT 2012): a hash with a secret key, so that an attacker
// cannot choose inputs that collide.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

using SipKey = std::array<std::uint64_t, 2>;
using SipHash128 = std::array<std::uint64_t, 2>;

class SipState {
  public:
    explicit SipState(const SipKey& key) noexcept
        : v_{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d ^ 0xee, key[0] ^ 0x6c7967656e657261,
             key[1] ^ 0x7465646279746573} {}
    void add(std::uint64_t word) noexcept {
        v_[3] ^= word;
        rounds(2);
        v_[0] ^= word;
    }
    [[nodiscard]] SipHash128 finish() noexcept {
        SipHash128 hash;
        v_[2] ^= 0xee;
        rounds(4);
        hash[0] = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
        v_[1] ^= 0xdd;
        rounds(4);
        hash[1] = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
        return hash;
    }

  private:
    void rounds(int n) noexcept {
        auto& [a, b, c, d] = v_;
        for (; n > 0; --n) {
            a += b, c += d;
            b = std::rotl(b, 13) ^ a, d = std::rotl(d, 16) ^ c;
            a = std::rotl(a, 32);
            c += b, a += d;
            b = std::rotl(b, 17) ^ c, d = std::rotl(d, 21) ^ a;
            c = std::rotl(c, 32);
        }
    }
    std::array<std::uint64_t, 4> v_;
};

[[nodiscard]] inline SipHash128 siphash128(const SipKey& key, std::span<const std::byte> bytes) noexcept {
    SipState state(key);
    std::size_t at = 0;
    for (std::uint64_t word = 0; at + 8 <= bytes.size(); at += 8) {
        std::memcpy(&word, bytes.data() + at, 8);
        state.add(word);
    }
    std::uint64_t last = 0;
    if (at < bytes.size()) std::memcpy(&last, bytes.data() + at, bytes.size() - at);
    state.add(last | std::uint64_t{bytes.size()} << 56);
    return state.finish();
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
