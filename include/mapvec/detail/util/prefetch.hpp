// A hint to the processor that memory will soon be read. Always inlined: GCC takes a function that does nothing else
// for one without effect, and drops the calls of it.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
#include <intrin.h>
#endif

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t cache_line = 64;

// Any address will do: nothing is read that the program could see.
MAPVEC_INLINE void prefetch([[maybe_unused]] std::uintptr_t at) noexcept {
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(reinterpret_cast<const void*>(at));
#elif defined(_M_X64)
    _mm_prefetch(reinterpret_cast<const char*>(at), 1);
#endif
}

// Every cache line that has one of these bytes. Counted, not compared with an end: a crafted offset may lead to the
// last addresses there are.
MAPVEC_INLINE void prefetch_range(std::uintptr_t at, std::size_t bytes) noexcept {
    const std::uintptr_t first = at / cache_line * cache_line;
    for (std::size_t line = 0; line < at - first + bytes; line += cache_line) prefetch(first + line);
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
