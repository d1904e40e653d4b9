// The thread functions that parallel.hpp and write_behind.hpp need. POSIX threads are used directly: <thread>, <mutex>
// and <condition_variable> take longer to parse than all of the search code.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#if defined(_WIN32)
#include <condition_variable>
#include <mutex>
#include <thread>
#else
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#endif

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

#if defined(_WIN32)

using Mutex = std::mutex;
using Condition = std::condition_variable_any;
using ProcessId = int;

[[nodiscard]] inline ProcessId current_process() noexcept { return 0; }  // Windows has no fork()

[[nodiscard]] inline std::size_t core_count() noexcept {
    const unsigned cores = std::thread::hardware_concurrency();
    return cores == 0 ? 1 : cores;
}

inline void at_fork(void (*)(), void (*)(), void (*)()) noexcept {}

using ThreadFunction = void (*)(void*) noexcept;

[[nodiscard]] inline bool start_thread(ThreadFunction function, void* argument) noexcept {
    try {
        std::thread(function, argument).detach();
        return true;
    } catch (...) {
        return false;
    }
}

#else

class Mutex {
  public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;
    void lock() noexcept { pthread_mutex_lock(&handle_); }
    void unlock() noexcept { pthread_mutex_unlock(&handle_); }
    [[nodiscard]] pthread_mutex_t* handle() noexcept { return &handle_; }

  private:
    pthread_mutex_t handle_ = PTHREAD_MUTEX_INITIALIZER;
};

class Condition {
  public:
    Condition() = default;
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;
    void wait(Mutex& locked) noexcept { pthread_cond_wait(&handle_, locked.handle()); }
    void notify_all() noexcept { pthread_cond_broadcast(&handle_); }

  private:
    pthread_cond_t handle_ = PTHREAD_COND_INITIALIZER;
};

using ProcessId = pid_t;

[[nodiscard]] inline ProcessId current_process() noexcept { return getpid(); }

[[nodiscard]] inline std::size_t core_count() noexcept {
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : static_cast<std::size_t>(cores);
}

// Registers functions for the lifetime of the process: fork() calls `before` first, and at the end `in_parent` in the
// parent and `in_child` in the child. Null: no function.
inline void at_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) noexcept {
    (void)pthread_atfork(before, in_parent, in_child);
}

using ThreadFunction = void (*)(void*) noexcept;

struct ThreadStart {
    ThreadFunction function;
    void* argument;
};

inline void* run_thread(void* start) {
    const ThreadStart copy = *static_cast<ThreadStart*>(start);
    delete static_cast<ThreadStart*>(start);
    copy.function(copy.argument);
    return nullptr;
}

// Starts a detached thread with all signals blocked, because signals are for threads of the program. Returns false if
// it fails.
[[nodiscard]] inline bool start_thread(ThreadFunction function, void* argument) noexcept {
    auto* const start = new (std::nothrow) ThreadStart{function, argument};
    if (start == nullptr) return false;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int failed = pthread_create(&thread, nullptr, &run_thread, start);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failed != 0) {
        delete start;
        return false;
    }
    pthread_detach(thread);
    return true;
}

#endif

// Counts the forks that this process comes from or has made, since the first call of watch(). Parent and child both see
// the number change.
class ForkCounter {
  public:
    static void watch() noexcept {
        static const bool once = (at_fork(nullptr, &ForkCounter::count, &ForkCounter::count), true);
        (void)once;
    }
    [[nodiscard]] static std::uint64_t value() noexcept { return forks.load(std::memory_order_relaxed); }

  private:
    static void count() noexcept { forks.fetch_add(1, std::memory_order_relaxed); }
    static inline std::atomic<std::uint64_t> forks{0};
};

// For loops that wait for another thread: gives the resources of the core to its other hardware thread.
inline void relax() noexcept {
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
