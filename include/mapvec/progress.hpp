// Callbacks by which long work says how far it is.
//
//     store.verify([](std::uint64_t done, std::uint64_t all) { std::cerr << done * 100 / all << " %\r"; });
//
// They are called from the thread that does the work, after each piece of it. What they throw passes through to the
// caller, and the work ends there.
#pragma once

#include <concepts>
#include <cstdint>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// Called with (bytes done, bytes in all); the latter is never 0: where there is nothing to do, there is no call.
template <class Callable>
concept ProgressCallback = std::invocable<Callable&, std::uint64_t, std::uint64_t>;

// The callback of whoever does not want one.
struct NoProgress {
    // Does nothing.
    void operator()(std::uint64_t, std::uint64_t) const noexcept {}
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
