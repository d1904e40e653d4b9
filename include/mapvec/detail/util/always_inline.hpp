// MAPVEC_INLINE: a function that is inlined whatever the optimiser thinks of it.
#pragma once

#if defined(_MSC_VER) && !defined(__clang__)
#define MAPVEC_INLINE __forceinline
#else
#define MAPVEC_INLINE inline __attribute__((always_inline))
#endif
