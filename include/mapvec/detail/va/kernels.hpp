// The kernels of VaIndex for every instruction set, like those of searches in kernels/kernels.hpp.
//
//     const VaKernels& kernels = va_kernels(active_instruction_set());
//
// Bounds of different instruction sets may differ by rounding, within the margins of bounds.hpp. Hits do not differ,
// because a search measures the rows that the bounds do not decide.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <mapvec/detail/kernels/kernels.hpp>
#include <mapvec/detail/va/types.hpp>

#include <mapvec/detail/util/prologue.inc>

#if defined(__clang__)
#define MAPVEC_SHUFFLE(Index, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif defined(__GNUC__)
#define MAPVEC_SHUFFLE(Index, a, b, ...) __builtin_shuffle(a, b, Index{__VA_ARGS__})
#endif

#define MAPVEC_SET portable
#include <mapvec/detail/va/bounds.inc>
#include <mapvec/detail/va/encode.inc>
#undef MAPVEC_SET

#if defined(MAPVEC_X86_KERNELS)
#define MAPVEC_SET sse2
#define MAPVEC_LANES 4
#include <mapvec/detail/va/bounds.inc>
#include <mapvec/detail/va/encode.inc>
#undef MAPVEC_SET
#undef MAPVEC_LANES

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#define MAPVEC_SET avx2
#define MAPVEC_LANES 8
#include <mapvec/detail/va/bounds.inc>
#include <mapvec/detail/va/encode.inc>
#undef MAPVEC_SET
#undef MAPVEC_LANES
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif
#define MAPVEC_SET avx512
#define MAPVEC_LANES 16
#include <mapvec/detail/va/bounds.inc>
#include <mapvec/detail/va/encode.inc>
#undef MAPVEC_SET
#undef MAPVEC_LANES
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#elif defined(MAPVEC_NEON_KERNELS)
#define MAPVEC_SET neon
#define MAPVEC_LANES 4
#include <mapvec/detail/va/bounds.inc>
#include <mapvec/detail/va/encode.inc>
#undef MAPVEC_SET
#undef MAPVEC_LANES
#endif

namespace mapvec::inline v0_1::detail {

// REQUIRES: instruction_set_available(set).
[[nodiscard]] inline const VaKernels& va_kernels(InstructionSet set) noexcept {
#if defined(MAPVEC_X86_KERNELS)
    switch (set) {
        case InstructionSet::avx512: return avx512::va_kernels;
        case InstructionSet::avx2: return avx2::va_kernels;
        case InstructionSet::sse2: return sse2::va_kernels;
        default: return portable::va_kernels;
    }
#elif defined(MAPVEC_NEON_KERNELS)
    return set == InstructionSet::neon ? neon::va_kernels : portable::va_kernels;
#else
    static_cast<void>(set);
    return portable::va_kernels;
#endif
}

}  // namespace mapvec::inline v0_1::detail

#undef MAPVEC_SHUFFLE

#include <mapvec/detail/util/epilogue.inc>
