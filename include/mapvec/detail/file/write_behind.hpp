// WriteBehind: a helper thread that writes blocks of memory to a file while their owner fills the next ones.
//
//     behind.post(file, offset, bytes, n);              // the helper writes blocks in the order of the posts
//     if (int error = behind.finish_below(end)) …       // 0: all posted bytes below `end` are in the file
//
// The owner must not change a block until finish_below() has returned 0 for it. If the helper has not begun a block, or
// could not write it, finish_below() writes it in the calling thread. If that fails, the block stays posted.
//
// Threads: one thread, the owner, calls these functions. After fork(), both parent and child have the blocks that are
// not in the file, and no helper writes them in either (see ThreadPool::post).
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/platform/platform.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class WriteBehind {
  public:
    static constexpr std::size_t max_blocks = 4;

    WriteBehind() noexcept = default;
    WriteBehind(WriteBehind&&) noexcept = default;
    WriteBehind& operator=(WriteBehind&& other) noexcept {
        stop();
        state_ = std::move(other.state_);
        return *this;
    }
    ~WriteBehind() { stop(); }

    [[nodiscard]] bool is_full() const noexcept { return state_ && state_->count == max_blocks; }
    // The end of the last posted block; 0 if there is none.
    [[nodiscard]] std::uint64_t end() const noexcept {
        return state_ && state_->count > 0 ? state_->last().offset + state_->last().size : 0;
    }

    // REQUIRES: !is_full(); offset >= end(). Throws bad_alloc, at the first call.
    void post(platform::Handle file, std::uint64_t offset, const std::byte* bytes, std::size_t n) {
        assert(!is_full() && offset >= end());
        if (!state_) state_ = std::make_unique<State>();
        if (state_->count == 0) state_->pool = &ThreadPool::instance();
        Block& block = state_->blocks[(state_->first + state_->count) % max_blocks];
        block.file = file;
        block.offset = offset;
        block.bytes = bytes;
        block.size = n;
        block.is_written.store(false);
        block.job.emplace(&Block::write, &block, 1);
        ++state_->count;
        if (state_->has_helper()) state_->pool->post(*block.job);
    }

    // The number of the system's error, or 0.
    [[nodiscard]] int finish_below(std::uint64_t end) noexcept {
        while (state_ && state_->count > 0 && state_->front().offset < end) {
            Block& block = state_->front();
            // Spins about as long as one block takes to write, because sleeping and waking up takes as long again.
            for (int turn = 0; turn < 10'000 && block.is_begun() && !block.is_written.load(); ++turn) relax();
            state_->withdraw(block);
            if (!block.is_written.load()) {
                const int error = platform::write_all(block.file, block.offset, block.bytes, block.size);
                if (error != 0) return error;
            }
            state_->drop_front();
        }
        return 0;
    }

    // Waits until the helper writes no more, and forgets the blocks that are not written.
    void stop() noexcept {
        for (; state_ && state_->count > 0; state_->drop_front()) state_->withdraw(state_->front());
    }

  private:
    struct Block {
        platform::Handle file{};
        std::uint64_t offset = 0;
        const std::byte* bytes = nullptr;
        std::size_t size = 0;
        std::atomic<bool> is_written{false};
        std::optional<Job> job;  // as long as a helper may write the block

        [[nodiscard]] bool is_begun() const noexcept { return job && job->is_begun(); }
        static void write(void* block, std::size_t) noexcept {
            auto& self = *static_cast<Block*>(block);
            self.is_written.store(platform::write_all(self.file, self.offset, self.bytes, self.size) == 0);
        }
    };

    // A ring of blocks in the order of their offsets. Its address does not change: helpers hold pointers to it.
    struct State {
        ThreadPool* pool = nullptr;
        std::array<Block, max_blocks> blocks;
        std::size_t first = 0;
        std::size_t count = 0;

        [[nodiscard]] bool has_helper() const noexcept { return pool->is_of_this_process(); }
        [[nodiscard]] Block& front() noexcept { return blocks[first]; }
        [[nodiscard]] const Block& last() const noexcept { return blocks[(first + count - 1) % max_blocks]; }
        void withdraw(Block& block) noexcept {
            if (block.job && has_helper()) pool->finish(*block.job);
            block.job.reset();
        }
        void drop_front() noexcept {
            first = (first + 1) % max_blocks;
            --count;
        }
    };

    std::unique_ptr<State> state_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
