// The lanes of kernels/lanes.inc in plain C++, for compilers and processors without vector extensions. The tests also
// use them as a reference. Part of kernels/set.inc.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <mapvec/detail/kernels/types.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail::portable {

inline constexpr std::size_t lanes = 4;

template <class T, std::size_t N>
struct Lanes {
    T lane[N];

    template <class F>
    [[nodiscard]] static MAPVEC_INLINE Lanes each(const F& value_at) noexcept {
        Lanes result;
        for (std::size_t i = 0; i < N; ++i) result.lane[i] = value_at(i);
        return result;
    }
    [[nodiscard]] friend MAPVEC_INLINE Lanes operator+(const Lanes& a, const Lanes& b) noexcept {
        return each([&](std::size_t i) { return a.lane[i] + b.lane[i]; });
    }
    [[nodiscard]] friend MAPVEC_INLINE Lanes operator-(const Lanes& a, const Lanes& b) noexcept {
        return each([&](std::size_t i) { return a.lane[i] - b.lane[i]; });
    }
    // If the processor has one instruction for this, it is requested explicitly. Otherwise the compiler would use it in
    // some functions and not in others, and the result of a row would depend on the function.
    [[nodiscard]] friend MAPVEC_INLINE Lanes multiply_add(const Lanes& a, const Lanes& b, const Lanes& sum) noexcept {
#if defined(__FP_FAST_FMAF) && defined(__FP_FAST_FMA)
        return each([&](std::size_t i) { return std::fma(a.lane[i], b.lane[i], sum.lane[i]); });
#else
        return each([&](std::size_t i) { return a.lane[i] * b.lane[i] + sum.lane[i]; });
#endif
    }
};

using Floats = Lanes<float, lanes>;
using Doubles = Lanes<double, lanes / 2>;
struct Mask {
    std::size_t kept;
};

template <class S>
[[nodiscard]] MAPVEC_INLINE Floats load(const S* at) noexcept {
    return Floats::each([at](std::size_t i) { return static_cast<float>(at[i]); });
}
[[nodiscard]] MAPVEC_INLINE Doubles load(const double* at) noexcept {
    return Doubles::each([at](std::size_t i) { return at[i]; });
}

MAPVEC_INLINE void store(float* at, const Floats& x) noexcept {
    for (std::size_t i = 0; i < lanes; ++i) at[i] = x.lane[i];
}

[[nodiscard]] MAPVEC_INLINE Floats broadcast(float x) noexcept {
    return Floats::each([x](std::size_t) { return x; });
}

[[nodiscard]] MAPVEC_INLINE Mask first_lanes(std::size_t n, std::size_t) noexcept { return {n}; }

template <class T, std::size_t N>
[[nodiscard]] MAPVEC_INLINE Lanes<T, N> keep(const Lanes<T, N>& x, Mask mask) noexcept {
    return Lanes<T, N>::each([&](std::size_t i) { return i < mask.kept ? x.lane[i] : T{0}; });
}

[[nodiscard]] MAPVEC_INLINE bool any_between(const Floats& x, const Floats& low, const Floats& high) noexcept {
    bool any = false;
    for (std::size_t i = 0; i < lanes; ++i) any |= x.lane[i] >= low.lane[i] && x.lane[i] <= high.lane[i];
    return any;
}

[[nodiscard]] MAPVEC_INLINE bool all_above(const Floats& x, const Floats& limit) noexcept {
    bool all = true;
    for (std::size_t i = 0; i < lanes; ++i) all &= x.lane[i] > limit.lane[i];
    return all;
}

template <class T, std::size_t N>
[[nodiscard]] MAPVEC_INLINE T sum_of(const Lanes<T, N>& x) noexcept {
    T partial[4] = {};
    for (std::size_t i = 0; i < N; ++i) partial[i % 4] += x.lane[i];
    return (partial[0] + partial[2]) + (partial[1] + partial[3]);
}

template <class Vector, class Sum>
MAPVEC_INLINE void fold(const Vector& a, const Vector& b, const Vector& c, const Vector& d, Sum* sums) noexcept {
    sums[0] = sum_of(a);
    sums[1] = sum_of(b);
    sums[2] = sum_of(c);
    sums[3] = sum_of(d);
}

}  // namespace mapvec::inline v0_1::detail::portable

#include <mapvec/detail/util/epilogue.inc>
