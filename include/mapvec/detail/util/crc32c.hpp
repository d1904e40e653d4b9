// CRC-32C (Castagnoli), the checksum of iSCSI, ext4 and RocksDB. It detects torn writes.
//
//     std::uint32_t sum = crc32c(header, header_size);
//     sum = crc32c(body, body_size, sum);                         // the checksum of header and body together
//     const auto zeros_later = crc32c_shift(crc32c_raw(0, a, n), 4096);
//
// `crc32c` is the standard checksum, with its inversions. `crc32c_raw` is the bare register update, which is linear in
// the data: with state 0, raw(a ^ b) == raw(a) ^ raw(b), and raw(a || b) == shift(raw(a), |b|) ^ raw(b).
// All functions are pure and safe from any thread.
//
// If the processor has the instruction (SSE4.2, ARMv8 CRC; detected at run time), it is used, with three interleaved
// streams for long input: the processor starts one instruction per cycle, and each takes three cycles. Otherwise the
// algorithm is slicing-by-8.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#define MAPVEC_CRC32C_X86 1
#if defined(__clang__)
#define MAPVEC_CRC32C_TARGET __attribute__((target("sse4.2")))
#else
#define MAPVEC_CRC32C_TARGET
#endif
#elif defined(__x86_64__)
#define MAPVEC_CRC32C_X86 1
#define MAPVEC_CRC32C_TARGET __attribute__((target("sse4.2")))
#elif defined(__aarch64__) && (defined(__linux__) || defined(__APPLE__) || defined(__ARM_FEATURE_CRC32))
#define MAPVEC_CRC32C_ARM 1
#if defined(__clang__)
#define MAPVEC_CRC32C_TARGET __attribute__((target("crc")))
#else
#define MAPVEC_CRC32C_TARGET __attribute__((target("+crc")))
#endif
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Polynomials modulo P = 0x1EDC6F41 in reflected order: bit 31 is x^0, bit 0 is x^31.
inline constexpr std::uint32_t crc32c_polynomial = 0x82F63B78u;

[[nodiscard]] constexpr std::uint32_t crc32c_times_x(std::uint32_t a) noexcept {
    return (a >> 1) ^ (crc32c_polynomial & (0u - (a & 1u)));
}

[[nodiscard]] constexpr std::uint32_t crc32c_multiply(std::uint32_t a, std::uint32_t b) noexcept {
    std::uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        product ^= b & (0u - (a >> 31));
        b = crc32c_times_x(b);
    }
    return product;
}

// [k] is x^(8 * 2^k): 2^k zero bytes multiply a state by it.
inline constexpr auto crc32c_powers = [] {
    std::array<std::uint32_t, 64> powers{};
    powers[0] = std::uint32_t{1} << (31 - 8);
    for (std::size_t k = 1; k < powers.size(); ++k) powers[k] = crc32c_multiply(powers[k - 1], powers[k - 1]);
    return powers;
}();

// The raw state after `n` more zero bytes. Complexity: O(log n), about 40 ns for each bit set in `n`.
[[nodiscard]] constexpr std::uint32_t crc32c_shift(std::uint32_t raw_state, std::uint64_t n) noexcept {
    for (; n != 0; n &= n - 1) {
        raw_state = crc32c_multiply(crc32c_powers[static_cast<std::size_t>(std::countr_zero(n))], raw_state);
    }
    return raw_state;
}

template <class Word>
[[nodiscard]] inline Word crc32c_load(const unsigned char* at) noexcept {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// --- software: slicing-by-8 ---

using Crc32cTable = std::array<std::uint32_t, 256>;

// [k][b] is the state after byte b and k zero bytes. Computed at first use: a constexpr table would cost every
// compilation time.
[[nodiscard]] inline std::array<Crc32cTable, 8> crc32c_make_tables() noexcept {
    std::array<Crc32cTable, 8> tables{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::uint32_t state = b;
        for (int bit = 0; bit < 8; ++bit) state = crc32c_times_x(state);
        tables[0][b] = state;
    }
    for (std::size_t k = 1; k < tables.size(); ++k) {
        for (std::size_t b = 0; b < 256; ++b) {
            const std::uint32_t before = tables[k - 1][b];
            tables[k][b] = (before >> 8) ^ tables[0][before & 0xFF];
        }
    }
    return tables;
}

[[nodiscard]] inline std::uint32_t crc32c_software(std::uint32_t state, const unsigned char* at,
                                                   std::size_t n) noexcept {
    static const auto table = crc32c_make_tables();
    for (; n >= 8; n -= 8, at += 8) {
        const std::uint64_t word = crc32c_load<std::uint64_t>(at) ^ state;
        const auto byte = [word](unsigned k) { return static_cast<std::size_t>(word >> (8 * k) & 0xFF); };
        state = table[7][byte(0)] ^ table[6][byte(1)] ^ table[5][byte(2)] ^ table[4][byte(3)] ^  //
                table[3][byte(4)] ^ table[2][byte(5)] ^ table[1][byte(6)] ^ table[0][byte(7)];
    }
    for (; n > 0; --n, ++at) state = (state >> 8) ^ table[0][(state ^ *at) & 0xFF];
    return state;
}

// --- hardware ---

#if defined(MAPVEC_CRC32C_X86) || defined(MAPVEC_CRC32C_ARM)

#if defined(MAPVEC_CRC32C_ARM)
MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_step(std::uint32_t state, std::uint64_t word) noexcept {
    asm("crc32cx %w0, %w0, %x1" : "+r"(state) : "r"(word));
    return state;
}
MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_step(std::uint32_t state, std::uint32_t word) noexcept {
    asm("crc32cw %w0, %w0, %w1" : "+r"(state) : "r"(word));
    return state;
}
MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_step(std::uint32_t state, std::uint16_t word) noexcept {
    asm("crc32ch %w0, %w0, %w1" : "+r"(state) : "r"(word));
    return state;
}
MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_step(std::uint32_t state, unsigned char word) noexcept {
    asm("crc32cb %w0, %w0, %w1" : "+r"(state) : "r"(word));
    return state;
}
#elif defined(_MSC_VER)
inline std::uint32_t crc32c_step(std::uint32_t state, std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(_mm_crc32_u64(state, word));
}
inline std::uint32_t crc32c_step(std::uint32_t state, std::uint32_t word) noexcept {
    return _mm_crc32_u32(state, word);
}
inline std::uint32_t crc32c_step(std::uint32_t state, std::uint16_t word) noexcept {
    return _mm_crc32_u16(state, word);
}
inline std::uint32_t crc32c_step(std::uint32_t state, unsigned char word) noexcept { return _mm_crc32_u8(state, word); }
#else
MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_step(std::uint32_t state, std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(__builtin_ia32_crc32di(state, word));
}
MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_step(std::uint32_t state, std::uint32_t word) noexcept {
    return __builtin_ia32_crc32si(state, word);
}
MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_step(std::uint32_t state, std::uint16_t word) noexcept {
    return __builtin_ia32_crc32hi(state, word);
}
MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_step(std::uint32_t state, unsigned char word) noexcept {
    return __builtin_ia32_crc32qi(state, word);
}
#endif

// During static initialisation this may return false; software computes the same checksums.
[[nodiscard]] inline bool crc32c_has_hardware() noexcept {
#if defined(__SSE4_2__) || defined(__ARM_FEATURE_CRC32) || defined(__APPLE__)
    return true;
#elif defined(_MSC_VER)
    static const bool has = [] {
        int registers[4];
        __cpuid(registers, 1);
        return (registers[2] >> 20 & 1) != 0;
    }();
    return has;
#elif defined(MAPVEC_CRC32C_X86)
    return __builtin_cpu_supports("sse4.2") != 0;  // one load and one test
#else
    static const bool has = (::getauxval(AT_HWCAP) & (1ul << 7)) != 0;  // HWCAP_CRC32
    return has;
#endif
}

inline constexpr std::size_t crc32c_lane = 336;  // bytes of each of the three streams; a multiple of 8

// [k][b] is the state b << 8k after `lanes` lanes of zero bytes.
[[nodiscard]] inline std::array<Crc32cTable, 4> crc32c_make_lane_tables(std::size_t lanes) noexcept {
    std::array<Crc32cTable, 4> tables{};
    for (std::size_t k = 0; k < tables.size(); ++k) {
        for (std::size_t bit = 0; bit < 8; ++bit)
            tables[k][std::size_t{1} << bit] = crc32c_shift(std::uint32_t{1} << (8 * k + bit), lanes * crc32c_lane);
        for (std::size_t b = 1; b < 256; ++b) tables[k][b] = tables[k][b & (b - 1)] ^ tables[k][b & (~b + 1)];
    }
    return tables;
}

template <std::size_t Lanes>
[[nodiscard]] inline std::uint32_t crc32c_skip_lanes(std::uint32_t state) noexcept {
    static const auto table = crc32c_make_lane_tables(Lanes);
    return table[0][state & 0xFF] ^ table[1][state >> 8 & 0xFF] ^ table[2][state >> 16 & 0xFF] ^ table[3][state >> 24];
}

MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_three_lanes(std::uint32_t first, const unsigned char* at) noexcept {
    std::uint32_t second = 0;
    std::uint32_t third = 0;
    for (const unsigned char* const end = at + crc32c_lane; at != end; at += 8) {
        first = crc32c_step(first, crc32c_load<std::uint64_t>(at));
        second = crc32c_step(second, crc32c_load<std::uint64_t>(at + crc32c_lane));
        third = crc32c_step(third, crc32c_load<std::uint64_t>(at + 2 * crc32c_lane));
    }
    return crc32c_skip_lanes<2>(first) ^ crc32c_skip_lanes<1>(second) ^ third;
}

MAPVEC_CRC32C_TARGET inline std::uint32_t crc32c_hardware(std::uint32_t state, const unsigned char* at,
                                                          std::size_t n) noexcept {
    for (; n >= 3 * crc32c_lane; n -= 3 * crc32c_lane, at += 3 * crc32c_lane) state = crc32c_three_lanes(state, at);
    for (; n >= 8; n -= 8, at += 8) state = crc32c_step(state, crc32c_load<std::uint64_t>(at));
    if ((n & 4) != 0) state = crc32c_step(state, crc32c_load<std::uint32_t>(at)), at += 4;
    if ((n & 2) != 0) state = crc32c_step(state, crc32c_load<std::uint16_t>(at)), at += 2;
    if ((n & 1) != 0) state = crc32c_step(state, *at);
    return state;
}

#else

[[nodiscard]] constexpr bool crc32c_has_hardware() noexcept { return false; }
[[nodiscard]] inline std::uint32_t crc32c_hardware(std::uint32_t state, const unsigned char* at,
                                                   std::size_t n) noexcept {
    return crc32c_software(state, at, n);
}

#endif

// --- interface ---

// The bare register update: no inversion before or after.
[[nodiscard]] inline std::uint32_t crc32c_raw(std::uint32_t state, const void* bytes, std::size_t n) noexcept {
    const auto* const at = static_cast<const unsigned char*>(bytes);
    return crc32c_has_hardware() ? crc32c_hardware(state, at, n) : crc32c_software(state, at, n);
}

// The standard checksum. `previous` is the checksum of the bytes before these.
[[nodiscard]] inline std::uint32_t crc32c(const void* bytes, std::size_t n, std::uint32_t previous = 0) noexcept {
    return ~crc32c_raw(~previous, bytes, n);
}

}  // namespace mapvec::inline v0_1::detail

#undef MAPVEC_CRC32C_TARGET
#undef MAPVEC_CRC32C_X86
#undef MAPVEC_CRC32C_ARM

#include <mapvec/detail/util/epilogue.inc>
