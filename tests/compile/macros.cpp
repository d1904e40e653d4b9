// Macros of other headers must not reach into mapvec's: <windows.h> without NOMINMAX, Qt, AssertMacros.h of macOS,
// <sys/sysmacros.h>. Compiled by run.sh; all_headers.hpp includes every public header,
// standard_headers.hpp those of the standard library that they use.
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>

#include "standard_headers.hpp"  // which do not stand such macros themselves

#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define near
#define far
#define small char
#define emit
#define slots
#define check(assertion) static_assert(false)
#define verify(assertion) static_assert(false)
#define major(device) static_assert(false)
#define minor(device) static_assert(false)

#include "all_headers.hpp"

// They are as they were for the rest of the program, and mapvec leaves none of its own.
static_assert(min(1, 2) == 1 && max(1, 2) == 2);
static_assert(sizeof(small) == 1);
#if !defined(near) || !defined(far) || !defined(emit) || !defined(slots) || !defined(check) || !defined(verify)
#error "a macro of the program is lost"
#endif
#if defined(MAPVEC_INLINE) || defined(MAPVEC_SET) || defined(MAPVEC_X86_KERNELS) || defined(MAPVEC_NEON_KERNELS)
#error "a macro of mapvec is left"
#endif
