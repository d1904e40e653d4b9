// The kernels of every instruction set that this compiler supports, and the choice at run time.
//
//     const auto& kernels = row_kernels<DistanceKind::squared_difference, float>(active_instruction_set());
//     kernels.contiguous({rows, rows + n * dim, dim}, 0, n, padded_query, results);
//
// The same source (kernels/lanes.inc, kernels/set.inc, kernels/tile.inc) is compiled once for each instruction set. No
// flag such as -march is needed. All instruction sets run the same algorithm with different register widths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <mapvec/detail/kernels/portable.hpp>
#include <mapvec/detail/kernels/types.hpp>
#include <mapvec/detail/platform/cpu.hpp>

#include <mapvec/detail/util/prologue.inc>

#if defined(__clang__)
#define MAPVEC_SHUFFLE(Index, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif defined(__GNUC__)
#define MAPVEC_SHUFFLE(Index, a, b, ...) __builtin_shuffle(a, b, Index{__VA_ARGS__})
#endif

#define MAPVEC_SET portable
#include <mapvec/detail/kernels/set.inc>
#include <mapvec/detail/kernels/tile.inc>
#undef MAPVEC_SET

#if defined(MAPVEC_X86_KERNELS)
#define MAPVEC_SET sse2
#define MAPVEC_LANES 4
#include <mapvec/detail/kernels/lanes.inc>
#include <mapvec/detail/kernels/set.inc>
#include <mapvec/detail/kernels/tile.inc>
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
#include <mapvec/detail/kernels/lanes.inc>
#include <mapvec/detail/kernels/set.inc>
#include <mapvec/detail/kernels/tile.inc>
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
#include <mapvec/detail/kernels/lanes.inc>
#include <mapvec/detail/kernels/set.inc>
#include <mapvec/detail/kernels/tile.inc>
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
#include <mapvec/detail/kernels/lanes.inc>
#include <mapvec/detail/kernels/set.inc>
#include <mapvec/detail/kernels/tile.inc>
#undef MAPVEC_SET
#undef MAPVEC_LANES
#endif

// MAPVEC_CHOOSE(set, name): the variable `name` from the namespace of `set`.
#if defined(MAPVEC_X86_KERNELS)
#define MAPVEC_CHOOSE(set, ...)                           \
    (set == InstructionSet::avx512 ? &avx512::__VA_ARGS__ \
     : set == InstructionSet::avx2 ? &avx2::__VA_ARGS__   \
     : set == InstructionSet::sse2 ? &sse2::__VA_ARGS__   \
                                   : &portable::__VA_ARGS__)
#elif defined(MAPVEC_NEON_KERNELS)
#define MAPVEC_CHOOSE(set, ...) (set == InstructionSet::neon ? &neon::__VA_ARGS__ : &portable::__VA_ARGS__)
#else
#define MAPVEC_CHOOSE(set, ...) (&portable::__VA_ARGS__)
#endif

namespace mapvec::inline v0_1::detail {

// REQUIRES, for all functions: instruction_set_available(set).
template <DistanceKind M, class S, class Q = QueryValue<S>>
[[nodiscard]] inline const RowKernels<S, Q>& row_kernels([[maybe_unused]] InstructionSet set) noexcept {
    return *MAPVEC_CHOOSE(set, row_kernels<M, S, Q>);
}

[[nodiscard]] inline SelectKernel select_kernel([[maybe_unused]] InstructionSet set) noexcept {
    return MAPVEC_CHOOSE(set, select);
}

template <class S>
[[nodiscard]] inline ConvertKernel<S> convert_kernel([[maybe_unused]] InstructionSet set) noexcept {
    return MAPVEC_CHOOSE(set, convert<S>);
}

[[nodiscard]] inline const TileKernels& tile_kernels([[maybe_unused]] InstructionSet set) noexcept {
    return *MAPVEC_CHOOSE(set, tile_kernels);
}

}  // namespace mapvec::inline v0_1::detail

#undef MAPVEC_CHOOSE

#include <mapvec/detail/util/epilogue.inc>
