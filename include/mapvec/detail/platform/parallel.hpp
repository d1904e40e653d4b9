// Parallel work on a pool of threads, which start once and then wait for work.
//
//     parallel_for(pieces, threads, [&](std::size_t piece) { results[piece] = scan(piece); });
//
// parallel_for() returns when fn has been called for every piece, in any order, by the caller and at most threads - 1
// helpers. If a piece throws, the first exception is rethrown to the caller, and pieces that have not begun are
// skipped. Any number of threads may call it at once, also from within fn: the caller does not wait for a helper that
// has not begun, so it finishes even if no thread can be started. Helpers start when they are first needed, sleep
// between jobs with all signals blocked, and are never joined: the pool exists as long as the process. After fork() the
// child starts its own pool. A call costs about 10 µs if helpers sleep.
//
// ThreadPool::post() starts a job that continues after the call returns (see write_behind.hpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <type_traits>

#include <mapvec/detail/platform/threads.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class Job {
  public:
    using Function = void (*)(void* context, std::size_t piece);

    Job(Function function, void* context, std::size_t pieces) noexcept
        : function_(function), context_(context), pieces_(pieces) {}

    // Calls the function until no pieces are left. Keeps the first exception.
    void work() noexcept {
        for (;;) {
            const std::size_t piece = next_.fetch_add(1, std::memory_order_relaxed);
            if (piece >= pieces_) return;
            try {
                function_(context_, piece);
            } catch (...) {
                if (!failed_.exchange(true)) error_ = std::current_exception();
                next_.store(pieces_, std::memory_order_relaxed);
            }
        }
    }
    [[nodiscard]] bool has_work() const noexcept { return next_.load(std::memory_order_relaxed) < pieces_; }
    [[nodiscard]] bool is_begun() const noexcept { return next_.load(std::memory_order_relaxed) > 0; }
    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

    // Guarded by the pool's mutex.
    Job* next_job = nullptr;
    bool posted = false;  // fork() waits for a posted job, because the child sees its effects
    std::size_t wanted_helpers = 0;
    std::size_t active_helpers = 0;

  private:
    Function function_;
    void* context_;
    std::size_t pieces_;
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> failed_{false};
    std::exception_ptr error_;
};

class ThreadPool {
  public:
    // Never destroyed, because helpers may still be asleep when the program ends.
    static ThreadPool& instance() {
        ThreadPool* pool = shared.load(std::memory_order_acquire);
        if (pool != nullptr && pool->is_of_this_process()) return *pool;
        auto* fresh = new ThreadPool;
        if (shared.compare_exchange_strong(pool, fresh)) return *fresh;
        delete fresh;
        return *pool;
    }

    void run(Job& job, std::size_t helpers) noexcept {
        enter(job, helpers);
        job.work();
        finish(job);
    }

    // Starts a job on one helper, while the caller continues. Jobs begin in the order in which they were posted. fork()
    // waits for jobs that have begun and takes back the others, so that the child may continue with the data of a job.
    void post(Job& job) noexcept {
        static const bool once = (at_fork(&ThreadPool::before_fork, &ThreadPool::after_fork, nullptr), true);
        (void)once;
        job.posted = true;
        enter(job, 1);
    }

    // Waits for the helpers that work at the job. Pieces that have not begun are skipped.
    void finish(Job& job) noexcept {
        mutex_.lock();
        withdraw(job);
        while (job.active_helpers != 0) helper_left_.wait(mutex_);
        mutex_.unlock();
    }

    // False in a child process after fork(): this pool has no helpers there.
    [[nodiscard]] bool is_of_this_process() const noexcept { return process_ == current_process(); }

  private:
    ThreadPool() : process_(current_process()) {}

    static void serve(void* pool) noexcept { static_cast<ThreadPool*>(pool)->serve_forever(); }

    void serve_forever() noexcept {
        mutex_.lock();
        for (;;) {
            Job* const job = find_job();
            if (job == nullptr) {
                work_waits_.wait(mutex_);
                continue;
            }
            --job->wanted_helpers;
            ++job->active_helpers;
            mutex_.unlock();
            job->work();
            mutex_.lock();
            if (--job->active_helpers == 0) helper_left_.notify_all();
        }
    }

    [[nodiscard]] Job* find_job() noexcept {
        Job* job = jobs_;
        while (job != nullptr && (job->wanted_helpers == 0 || !job->has_work())) job = job->next_job;
        return job;
    }

    void enter(Job& job, std::size_t helpers) noexcept {
        mutex_.lock();
        while (threads_ < helpers && start_thread(&ThreadPool::serve, this)) ++threads_;
        job.wanted_helpers = helpers;
        Job** link = &jobs_;
        while (*link != nullptr) link = &(*link)->next_job;
        *link = &job;
        work_waits_.notify_all();
        mutex_.unlock();
    }

    void withdraw(Job& job) noexcept {
        Job** link = &jobs_;
        while (*link != &job) link = &(*link)->next_job;
        *link = job.next_job;
    }

    // Prevents helpers from beginning posted jobs. Returns true if no helper works at one.
    [[nodiscard]] bool posted_jobs_rest() noexcept {
        bool rest = true;
        for (Job* job = jobs_; job != nullptr; job = job->next_job) {
            if (!job->posted) continue;
            job->wanted_helpers = 0;
            rest = rest && job->active_helpers == 0;
        }
        return rest;
    }

    static void before_fork() noexcept {
        ThreadPool& pool = *shared.load();
        if (!pool.is_of_this_process()) return;
        pool.mutex_.lock();
        while (!pool.posted_jobs_rest()) pool.helper_left_.wait(pool.mutex_);
    }
    static void after_fork() noexcept {
        ThreadPool& pool = *shared.load();
        if (pool.is_of_this_process()) pool.mutex_.unlock();
    }

    static inline std::atomic<ThreadPool*> shared{nullptr};

    const ProcessId process_;
    Mutex mutex_;
    Condition work_waits_;
    Condition helper_left_;
    Job* jobs_ = nullptr;
    std::size_t threads_ = 0;
};

// The number of threads for SearchOptions::threads and the like; 0 = all cores.
[[nodiscard]] inline std::size_t thread_count(unsigned wanted) noexcept { return wanted == 0 ? core_count() : wanted; }

template <class F>
void parallel_for(std::size_t pieces, std::size_t threads, F&& fn) {
    const std::size_t used = threads < pieces ? threads : pieces;
    if (used <= 1) {
        for (std::size_t piece = 0; piece < pieces; ++piece) fn(piece);
        return;
    }
    using Function = std::remove_reference_t<F>;
    Job job([](void* context, std::size_t piece) { (*static_cast<Function*>(context))(piece); }, &fn, pieces);
    ThreadPool::instance().run(job, used - 1);
    job.rethrow();
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
