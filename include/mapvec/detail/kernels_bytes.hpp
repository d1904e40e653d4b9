// Rows of bytes and a query of small whole numbers, as int8 and uint8 vectors are mostly compared with: part of
// kernels_set.hpp, hence no #pragma once. Differences fit 16 bits, their products are added in pairs to 32: that is
// faster than in float, and exact. most_small_dim keeps the sums below 2^31.
#if defined(MAPVEC_SET)

namespace mapvec::detail::MAPVEC_SET {

#if !defined(MAPVEC_LANES)

template <Measure M, class S>
[[nodiscard]] inline float measure_row_of_bytes(const S* row, std::size_t dim, const std::int16_t* query) noexcept {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < dim; ++i) {
        const int x = row[i], difference = x - query[i];
        sum += M == Measure::squared_difference ? difference * difference : x * query[i];
    }
    return static_cast<float>(sum);
}

template <Measure M, class S>
void measure_four(const FourRows<S>& rows, const FourRows<S>&, std::size_t dim, const std::int16_t* query,
                  float* results) noexcept {
    results[0] = measure_row_of_bytes<M>(rows.a, dim, query);
    results[1] = measure_row_of_bytes<M>(rows.b, dim, query);
    results[2] = measure_row_of_bytes<M>(rows.c, dim, query);
    results[3] = measure_row_of_bytes<M>(rows.d, dim, query);
}

#else

inline constexpr std::size_t short_lanes = 2 * lanes;

using Shorts __attribute__((vector_size(MAPVEC_LANES * 4))) = std::int16_t;
using UnsignedShorts __attribute__((vector_size(MAPVEC_LANES * 4))) = std::uint16_t;
using QueryAt __attribute__((vector_size(MAPVEC_LANES * 4), aligned(2), may_alias)) = std::int16_t;

// --- bytes widened to 16 bits ---

#if MAPVEC_LANES == 4

// Each of the eight bytes at the top of its lane.
[[nodiscard]] MAPVEC_INLINE Block bytes_on_top_of_shorts(const void* at) noexcept {
    using Word __attribute__((aligned(1), may_alias)) = std::uint64_t;
    using Pair __attribute__((vector_size(16))) = std::uint64_t;
    const Block bytes = reinterpret_cast<Block>(Pair{*static_cast<const Word*>(at), 0});
    return MAPVEC_SHUFFLE(Block, Block{}, bytes, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
[[nodiscard]] MAPVEC_INLINE Shorts shorts_of(const std::int8_t* at) noexcept {
    return reinterpret_cast<Shorts>(bytes_on_top_of_shorts(at)) >> 8;
}
[[nodiscard]] MAPVEC_INLINE Shorts shorts_of(const std::uint8_t* at) noexcept {
    return reinterpret_cast<Shorts>(reinterpret_cast<UnsignedShorts>(bytes_on_top_of_shorts(at)) >> 8);
}

#elif defined(__clang__)

using MoreSignedBytesAt __attribute__((vector_size(MAPVEC_LANES * 2), aligned(1), may_alias)) = signed char;
using MoreBytesAt __attribute__((vector_size(MAPVEC_LANES * 2), aligned(1), may_alias)) = unsigned char;

[[nodiscard]] MAPVEC_INLINE Shorts shorts_of(const std::int8_t* at) noexcept {
    return __builtin_convertvector(*reinterpret_cast<const MoreSignedBytesAt*>(at), Shorts);
}
[[nodiscard]] MAPVEC_INLINE Shorts shorts_of(const std::uint8_t* at) noexcept {
    return __builtin_convertvector(*reinterpret_cast<const MoreBytesAt*>(at), Shorts);
}

#elif MAPVEC_LANES == 8

[[nodiscard]] MAPVEC_INLINE Shorts shorts_of(const std::int8_t* at) noexcept {
    return __builtin_ia32_pmovsxbw256(*reinterpret_cast<const BlockAt*>(at));
}
[[nodiscard]] MAPVEC_INLINE Shorts shorts_of(const std::uint8_t* at) noexcept {
    return __builtin_ia32_pmovzxbw256(*reinterpret_cast<const BlockAt*>(at));
}

#else

using LongBlockAt __attribute__((vector_size(32), aligned(1), may_alias)) = char;

[[nodiscard]] MAPVEC_INLINE Shorts shorts_of(const std::int8_t* at) noexcept {
    return __builtin_ia32_pmovsxbw512_mask(*reinterpret_cast<const LongBlockAt*>(at), Shorts{}, 0xFFFFFFFF);
}
[[nodiscard]] MAPVEC_INLINE Shorts shorts_of(const std::uint8_t* at) noexcept {
    return __builtin_ia32_pmovzxbw512_mask(*reinterpret_cast<const LongBlockAt*>(at), Shorts{}, 0xFFFFFFFF);
}

#endif

// --- products of 16-bit lanes, added in pairs to 32-bit lanes ---

[[nodiscard]] MAPVEC_INLINE Ints pairwise_products(const Shorts& a, const Shorts& b) noexcept {
#if !defined(MAPVEC_X86_KERNELS)
    const Ints x = reinterpret_cast<Ints>(a), y = reinterpret_cast<Ints>(b);
    return (x >> 16) * (y >> 16) + ((x << 16) >> 16) * ((y << 16) >> 16);
#elif MAPVEC_LANES == 4
    return __builtin_ia32_pmaddwd128(a, b);
#elif MAPVEC_LANES == 8
    return __builtin_ia32_pmaddwd256(a, b);
#elif defined(__clang__)
    return __builtin_ia32_pmaddwd512(a, b);
#else
    return __builtin_ia32_pmaddwd512_mask(a, b, Ints{}, 0xFFFF);
#endif
}

template <Measure M>
[[nodiscard]] MAPVEC_INLINE Ints measure_bytes(const Shorts& x, const Shorts& q) noexcept {
    if constexpr (M == Measure::squared_difference) {
        const Shorts difference = x - q;
        return pairwise_products(difference, difference);
    } else {
        return pairwise_products(x, q);
    }
}

// What is left of a row beyond full registers, followed by what the query is padded with: zeros.
template <class S>
struct ByteTail {
    S elements[short_lanes] = {};

    ByteTail(const S* tail, std::size_t length) noexcept { std::memcpy(elements, tail, length); }
};

template <Measure M, class S>
MAPVEC_INLINE void add_bytes(FourSums<Ints>& sums, const FourRows<S>& at, const std::int16_t* query) noexcept {
    const Shorts q = *reinterpret_cast<const QueryAt*>(query);
    sums.a += measure_bytes<M>(shorts_of(at.a), q);
    sums.b += measure_bytes<M>(shorts_of(at.b), q);
    sums.c += measure_bytes<M>(shorts_of(at.c), q);
    sums.d += measure_bytes<M>(shorts_of(at.d), q);
}

[[nodiscard]] MAPVEC_INLINE Floats floats_of(const Ints& x) noexcept { return __builtin_convertvector(x, Floats); }

template <Measure M, class S>
MAPVEC_INLINE void measure_four(const FourRows<S>& rows, const FourRows<S>&, std::size_t dim, const std::int16_t* query,
                                float* results) noexcept {
    FourSums<Ints> sums;
    std::size_t i = 0;
    for (; i + short_lanes <= dim; i += short_lanes) add_bytes<M>(sums, advanced(rows, i), query + i);
    if (i < dim) {
        const ByteTail<S> a(rows.a + i, dim - i), b(rows.b + i, dim - i), c(rows.c + i, dim - i),
            d(rows.d + i, dim - i);
        add_bytes<M>(sums, FourRows<S>{a.elements, b.elements, c.elements, d.elements}, query + i);
    }
    fold(floats_of(sums.a), floats_of(sums.b), floats_of(sums.c), floats_of(sums.d), results);
}

#endif

}  // namespace mapvec::detail::MAPVEC_SET

#endif
