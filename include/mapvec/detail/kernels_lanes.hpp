// One register full of numbers, for the instruction set that kernels.hpp is including: part of kernels_set.hpp,
// included once for each set, hence no #pragma once.
//
// Floats has MAPVEC_LANES lanes, Doubles half as many: the same bytes. load(p) reads a register full of any scalar as
// Floats (of double as Doubles); it is what differs between the sets. All else is the compilers' generic vectors: they
// spare every user the time that <immintrin.h> takes to parse.
#if defined(MAPVEC_SET)

namespace mapvec::detail::MAPVEC_SET {

inline constexpr std::size_t lanes = MAPVEC_LANES;

using Floats __attribute__((vector_size(MAPVEC_LANES * 4))) = float;
using Doubles __attribute__((vector_size(MAPVEC_LANES * 4))) = double;
using Ints __attribute__((vector_size(MAPVEC_LANES * 4))) = std::int32_t;
using Words __attribute__((vector_size(MAPVEC_LANES * 4))) = std::uint32_t;
using Longs __attribute__((vector_size(MAPVEC_LANES * 4))) = std::int64_t;

// The same, as they lie in memory: at any address, over any type. (Never as template arguments: those forget both.)
using FloatsAt __attribute__((vector_size(MAPVEC_LANES * 4), aligned(4), may_alias)) = float;
using DoublesAt __attribute__((vector_size(MAPVEC_LANES * 4), aligned(8), may_alias)) = double;
using HalvesAt __attribute__((vector_size(MAPVEC_LANES * 2), aligned(2), may_alias)) = std::uint16_t;
using SignedBytesAt __attribute__((vector_size(MAPVEC_LANES), aligned(1), may_alias)) = signed char;
using BytesAt __attribute__((vector_size(MAPVEC_LANES), aligned(1), may_alias)) = unsigned char;

[[nodiscard]] MAPVEC_INLINE Floats load(const float* at) noexcept { return *reinterpret_cast<const FloatsAt*>(at); }
[[nodiscard]] MAPVEC_INLINE Doubles load(const double* at) noexcept { return *reinterpret_cast<const DoublesAt*>(at); }

// --- bytes and 16-bit words, widened to 32 bits ---

#if MAPVEC_LANES == 4

using Block __attribute__((vector_size(16))) = unsigned char;
using Block16 __attribute__((vector_size(16))) = std::uint16_t;

// Each of the four bytes at the top of its lane.
[[nodiscard]] MAPVEC_INLINE Words bytes_on_top(const void* at) noexcept {
    using Word __attribute__((aligned(1), may_alias)) = std::uint32_t;
    const Block bytes = reinterpret_cast<Block>(Words{*static_cast<const Word*>(at), 0, 0, 0});
    const Block pairs = MAPVEC_SHUFFLE(Block, Block{}, bytes, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const Block16 words = reinterpret_cast<Block16>(pairs);
    return reinterpret_cast<Words>(MAPVEC_SHUFFLE(Block16, Block16{}, words, 0, 8, 1, 9, 2, 10, 3, 11));
}
[[nodiscard]] MAPVEC_INLINE Ints widen(const std::int8_t* at) noexcept {
    return reinterpret_cast<Ints>(bytes_on_top(at)) >> 24;
}
[[nodiscard]] MAPVEC_INLINE Ints widen(const std::uint8_t* at) noexcept {
    return reinterpret_cast<Ints>(bytes_on_top(at) >> 24);
}
[[nodiscard]] MAPVEC_INLINE Words widen_halves(const void* at) noexcept {
    using Word __attribute__((aligned(2), may_alias)) = std::uint64_t;
    using Pair __attribute__((vector_size(16))) = std::uint64_t;
    const Block16 words = reinterpret_cast<Block16>(Pair{*static_cast<const Word*>(at), 0});
    return reinterpret_cast<Words>(MAPVEC_SHUFFLE(Block16, words, Block16{}, 0, 8, 1, 9, 2, 10, 3, 11));
}

#elif defined(__clang__)

[[nodiscard]] MAPVEC_INLINE Ints widen(const std::int8_t* at) noexcept {
    return __builtin_convertvector(*reinterpret_cast<const SignedBytesAt*>(at), Ints);
}
[[nodiscard]] MAPVEC_INLINE Ints widen(const std::uint8_t* at) noexcept {
    return __builtin_convertvector(*reinterpret_cast<const BytesAt*>(at), Ints);
}
[[nodiscard]] MAPVEC_INLINE Words widen_halves(const void* at) noexcept {
    return __builtin_convertvector(*static_cast<const HalvesAt*>(at), Words);
}

#else  // GCC 12 widens element by element if asked in the generic way

using Block __attribute__((vector_size(16))) = char;
using BlockAt __attribute__((vector_size(16), aligned(1), may_alias)) = char;
using ShortsAt __attribute__((vector_size(MAPVEC_LANES * 2), aligned(2), may_alias)) = short;

#if MAPVEC_LANES == 8

[[nodiscard]] MAPVEC_INLINE Block eight_bytes(const void* at) noexcept {
    using Word __attribute__((aligned(1), may_alias)) = long long;
    using Pair __attribute__((vector_size(16))) = long long;
    return reinterpret_cast<Block>(Pair{*static_cast<const Word*>(at), 0});
}
[[nodiscard]] MAPVEC_INLINE Ints widen(const std::int8_t* at) noexcept {
    return __builtin_ia32_pmovsxbd256(eight_bytes(at));
}
[[nodiscard]] MAPVEC_INLINE Ints widen(const std::uint8_t* at) noexcept {
    return __builtin_ia32_pmovzxbd256(eight_bytes(at));
}
[[nodiscard]] MAPVEC_INLINE Words widen_halves(const void* at) noexcept {
    return reinterpret_cast<Words>(__builtin_ia32_pmovzxwd256(*static_cast<const ShortsAt*>(at)));
}

#else

[[nodiscard]] MAPVEC_INLINE Ints widen(const std::int8_t* at) noexcept {
    return __builtin_ia32_pmovsxbd512_mask(*reinterpret_cast<const BlockAt*>(at), Ints{}, 0xFFFF);
}
[[nodiscard]] MAPVEC_INLINE Ints widen(const std::uint8_t* at) noexcept {
    return __builtin_ia32_pmovzxbd512_mask(*reinterpret_cast<const BlockAt*>(at), Ints{}, 0xFFFF);
}
[[nodiscard]] MAPVEC_INLINE Words widen_halves(const void* at) noexcept {
    return reinterpret_cast<Words>(__builtin_ia32_pmovzxwd512_mask(*static_cast<const ShortsAt*>(at), Ints{}, 0xFFFF));
}

#endif
#endif

[[nodiscard]] MAPVEC_INLINE Floats load(const std::int8_t* at) noexcept {
    return __builtin_convertvector(widen(at), Floats);
}
[[nodiscard]] MAPVEC_INLINE Floats load(const std::uint8_t* at) noexcept {
    return __builtin_convertvector(widen(at), Floats);
}
[[nodiscard]] MAPVEC_INLINE Floats load(const bfloat16* at) noexcept {
    return reinterpret_cast<Floats>(widen_halves(at) << 16);
}

#if MAPVEC_LANES == 4

// Moves exponent and fraction into place; one multiplication corrects the exponent's bias, denormals included. What
// was infinity or NaN then has the exponent of 65536 and gets the right one.
[[nodiscard]] MAPVEC_INLINE Floats load(const float16* at) noexcept {
    const Words half = widen_halves(at);
    const Words magnitude = (half & 0x7FFFu) << 13;
    const Floats scaled = reinterpret_cast<Floats>(magnitude) * 0x1p112f;
    const Words special = reinterpret_cast<Words>(magnitude >= (0x7C00u << 13)) & 0x7F800000u;
    return reinterpret_cast<Floats>(reinterpret_cast<Words>(scaled) | special | (half & 0x8000u) << 16);
}

#else

using EightShorts __attribute__((vector_size(16), aligned(2), may_alias)) = short;

#if MAPVEC_LANES == 8
[[nodiscard]] MAPVEC_INLINE Floats load(const float16* at) noexcept {
    return __builtin_ia32_vcvtph2ps256(*reinterpret_cast<const EightShorts*>(at));
}
#else
[[nodiscard]] MAPVEC_INLINE Floats load(const float16* at) noexcept {
    using SixteenShorts __attribute__((vector_size(32), aligned(2), may_alias)) = short;
#if defined(__clang__)
    constexpr unsigned short all_lanes = 0xFFFF;
#else
    constexpr short all_lanes = -1;
#endif
    constexpr int current_rounding = 4;
    return __builtin_ia32_vcvtph2ps512_mask(*reinterpret_cast<const SixteenShorts*>(at), Floats{}, all_lanes,
                                            current_rounding);
}
#endif
#endif

// --- one value in all lanes, the first lanes only, comparisons ---

#if MAPVEC_LANES == 4
[[nodiscard]] MAPVEC_INLINE Floats broadcast(float x) noexcept { return Floats{x, x, x, x}; }
inline constexpr Ints lane_number = {0, 1, 2, 3};
#elif MAPVEC_LANES == 8
[[nodiscard]] MAPVEC_INLINE Floats broadcast(float x) noexcept { return Floats{x, x, x, x, x, x, x, x}; }
inline constexpr Ints lane_number = {0, 1, 2, 3, 4, 5, 6, 7};
#else
[[nodiscard]] MAPVEC_INLINE Floats broadcast(float x) noexcept {
    return Floats{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}
inline constexpr Ints lane_number = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#endif

// All bits set in the first `n` Floats or Doubles.
[[nodiscard]] MAPVEC_INLINE Ints first_lanes(std::size_t n, std::size_t bytes_each) noexcept {
    return lane_number < static_cast<std::int32_t>(n * bytes_each / 4);
}
[[nodiscard]] MAPVEC_INLINE Floats keep(Floats x, Ints mask) noexcept {
    return reinterpret_cast<Floats>(reinterpret_cast<Ints>(x) & mask);
}
[[nodiscard]] MAPVEC_INLINE Doubles keep(Doubles x, Ints mask) noexcept {
    return reinterpret_cast<Doubles>(reinterpret_cast<Ints>(x) & mask);
}

[[nodiscard]] MAPVEC_INLINE bool any_bit(Ints mask) noexcept {
    const Longs bits = reinterpret_cast<Longs>(mask);
#if MAPVEC_LANES == 4
    return (bits[0] | bits[1]) != 0;
#else
    using Half __attribute__((vector_size(32))) = std::int64_t;
#if MAPVEC_LANES == 8
    const Half half = bits;
#else
    const Half half = Half{bits[0], bits[1], bits[2], bits[3]} | Half{bits[4], bits[5], bits[6], bits[7]};
#endif
    using Quarters __attribute__((vector_size(32))) = float;
    return __builtin_ia32_movmskps256(reinterpret_cast<Quarters>(half)) != 0;
#endif
}
[[nodiscard]] MAPVEC_INLINE bool any_between(Floats x, Floats low, Floats high) noexcept {
    return any_bit((x >= low) & (x <= high));
}
[[nodiscard]] MAPVEC_INLINE bool all_above(Floats x, Floats limit) noexcept { return !any_bit(~(x > limit)); }

// One instruction, where the set has it.
[[nodiscard]] MAPVEC_INLINE Floats multiply_add(Floats a, Floats b, Floats sum) noexcept { return a * b + sum; }
[[nodiscard]] MAPVEC_INLINE Doubles multiply_add(Doubles a, Doubles b, Doubles sum) noexcept { return a * b + sum; }

MAPVEC_INLINE void store(float* at, Floats x) noexcept { *reinterpret_cast<FloatsAt*>(at) = x; }

// --- sums over the lanes of four registers at once; each sum is formed in the same order ---

// Lanes {a, b, c, d} repeated over the register, each the sum of every fourth lane.
[[nodiscard]] MAPVEC_INLINE Floats interleaved_sums(Floats a, Floats b, Floats c, Floats d) noexcept {
#if MAPVEC_LANES == 4
    const Floats ab = MAPVEC_SHUFFLE(Ints, a, b, 0, 4, 1, 5) + MAPVEC_SHUFFLE(Ints, a, b, 2, 6, 3, 7);
    const Floats cd = MAPVEC_SHUFFLE(Ints, c, d, 0, 4, 1, 5) + MAPVEC_SHUFFLE(Ints, c, d, 2, 6, 3, 7);
    return MAPVEC_SHUFFLE(Ints, ab, cd, 0, 1, 4, 5) + MAPVEC_SHUFFLE(Ints, ab, cd, 2, 3, 6, 7);
#elif MAPVEC_LANES == 8
    const Floats ab = MAPVEC_SHUFFLE(Ints, a, b, 0, 8, 1, 9, 4, 12, 5, 13) +  //
                      MAPVEC_SHUFFLE(Ints, a, b, 2, 10, 3, 11, 6, 14, 7, 15);
    const Floats cd = MAPVEC_SHUFFLE(Ints, c, d, 0, 8, 1, 9, 4, 12, 5, 13) +  //
                      MAPVEC_SHUFFLE(Ints, c, d, 2, 10, 3, 11, 6, 14, 7, 15);
    return MAPVEC_SHUFFLE(Ints, ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +  //
           MAPVEC_SHUFFLE(Ints, ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
#else
    const Floats ab = MAPVEC_SHUFFLE(Ints, a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
                      MAPVEC_SHUFFLE(Ints, a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    const Floats cd = MAPVEC_SHUFFLE(Ints, c, d, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
                      MAPVEC_SHUFFLE(Ints, c, d, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    return MAPVEC_SHUFFLE(Ints, ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           MAPVEC_SHUFFLE(Ints, ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
#endif
}

MAPVEC_INLINE void fold(Floats a, Floats b, Floats c, Floats d, float* sums) noexcept {
    using Four __attribute__((vector_size(16))) = float;
    using FourAt __attribute__((vector_size(16), aligned(4), may_alias)) = float;
    const Floats all = interleaved_sums(a, b, c, d);
    Four folded = {all[0], all[1], all[2], all[3]};
#if MAPVEC_LANES == 8
    folded += Four{all[4], all[5], all[6], all[7]};
#elif MAPVEC_LANES == 16
    folded += Four{all[8], all[9], all[10], all[11]};
    folded += Four{all[4], all[5], all[6], all[7]} + Four{all[12], all[13], all[14], all[15]};
#endif
    *reinterpret_cast<FourAt*>(sums) = folded;
}

[[nodiscard]] MAPVEC_INLINE double sum_of(Doubles x) noexcept {
#if MAPVEC_LANES == 4
    return x[0] + x[1];
#elif MAPVEC_LANES == 8
    return (x[0] + x[2]) + (x[1] + x[3]);
#else
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
#endif
}

MAPVEC_INLINE void fold(Doubles a, Doubles b, Doubles c, Doubles d, double* sums) noexcept {
    sums[0] = sum_of(a);
    sums[1] = sum_of(b);
    sums[2] = sum_of(c);
    sums[3] = sum_of(d);
}

}  // namespace mapvec::detail::MAPVEC_SET

#endif
