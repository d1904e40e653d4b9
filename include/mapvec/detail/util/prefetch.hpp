// Prefetch hints. Always inlined: GCC considers a function that only prefetches to have no effect, and removes calls to
// it.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
#include <intrin.h>
#endif

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t cache_line = 64;

// Any address is allowed, because the program reads nothing.
MAPVEC_INLINE void prefetch([[maybe_unused]] std::uintptr_t at) noexcept {
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(reinterpret_cast<const void*>(at));
#elif defined(_M_X64)
    _mm_prefetch(reinterpret_cast<const char*>(at), 1);
#endif
}

// Prefetches every cache line of the range. The loop counts bytes and does not compare with an end address, because a
// crafted offset may lead to the end of the address space.
MAPVEC_INLINE void prefetch_range(std::uintptr_t at, std::size_t bytes) noexcept {
    const std::uintptr_t first = at / cache_line * cache_line;
    for (std::size_t line = 0; line < at - first + bytes; line += cache_line) prefetch(first + line);
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
