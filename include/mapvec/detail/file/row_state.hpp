// RowState: the block sums of an array, for indexes that follow it. Any thread may read it while another thread writes.
//
//     published.publish(committed, sums);                        // the writer, after each change of committed records
//     if (published.version() != known.version) known = published.read();     // any thread
//
// Versions are unique within a process, also between arrays. An equal version means that nothing has changed.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <mapvec/detail/file/block_sums.hpp>
#include <mapvec/detail/platform/threads.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

struct RowState {
    std::uint64_t version = 0;    // 0: no array
    std::uint64_t committed = 0;  // records of the last commit
    BlockSums sums;               // of the present records; may cover records that are not committed
};

class PublishedRowState {
  public:
    void publish(std::uint64_t committed, const BlockSums& sums) noexcept {
        const std::lock_guard lock(mutex_);
        state_.committed = committed;
        state_.sums = sums;
        state_.version = last_version.fetch_add(1, std::memory_order_relaxed) + 1;
        version_.store(state_.version, std::memory_order_release);
    }
    [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
    [[nodiscard]] RowState read() const noexcept {
        const std::lock_guard lock(mutex_);
        return state_;
    }

  private:
    static inline std::atomic<std::uint64_t> last_version{0};

    mutable Mutex mutex_;
    RowState state_;
    std::atomic<std::uint64_t> version_{0};
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
