// HiddenFromThreadSanitizer: while one exists, ThreadSanitizer ignores writes of this thread. It takes every mmap() for
// a write of all its bytes, also where the pages show what they have shown before.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define MAPVEC_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MAPVEC_THREAD_SANITIZER 1
#endif
#endif

#if defined(MAPVEC_THREAD_SANITIZER)
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);  // of ThreadSanitizer's library
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#endif

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail::platform {

class HiddenFromThreadSanitizer {
  public:
#if defined(MAPVEC_THREAD_SANITIZER)
    HiddenFromThreadSanitizer() noexcept { AnnotateIgnoreWritesBegin(__FILE__, __LINE__); }
    ~HiddenFromThreadSanitizer() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__); }
#else
    HiddenFromThreadSanitizer() noexcept {}  // not trivial, so that no compiler reports an unused variable
#endif
    HiddenFromThreadSanitizer(const HiddenFromThreadSanitizer&) = delete;
    HiddenFromThreadSanitizer& operator=(const HiddenFromThreadSanitizer&) = delete;
};

}  // namespace mapvec::inline v0_1::detail::platform

#include <mapvec/detail/util/epilogue.inc>
