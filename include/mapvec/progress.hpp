// Progress callbacks for calls that take long.
//
//     store.verify([](std::uint64_t done, std::uint64_t all) { std::cerr << done * 100 / all << " %\r"; });
//
// The working thread calls the callback after each piece of work. If the callback throws, the call stops and the
// exception reaches the caller.
#pragma once

#include <concepts>
#include <cstdint>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// Called with (bytes done, total bytes). The total is never 0: if there is nothing to do, the callback is not called.
template <class Callable>
concept ProgressCallback = std::invocable<Callable&, std::uint64_t, std::uint64_t>;

// The default callback.
struct NoProgress {
    // Does nothing.
    void operator()(std::uint64_t, std::uint64_t) const noexcept {}
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
