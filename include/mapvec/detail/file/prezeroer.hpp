// Prezeroer: a helper thread that writes zeros to a file ahead of the one who fills it.
//
//     if (!ahead.consume(begin, end)) write_zeros(file, begin, end);  // what the helper has not begun is the caller's
//     ahead.schedule(file, end, size);                                // meanwhile, the windows behind it
//
// Filling pages of a file costs half of making them exist; a thread that does nothing else than the latter keeps
// ahead of one that does the former. It writes whole windows, `lead` of them at most: that many bytes are written in
// vain if no more are appended. Windows end at multiples of their size, for large folios; but none larger than what
// other writes leave behind (see MappedFile::piece).
//
// What is ahead belongs to the helper: whoever writes or cuts the file there, or closes it, calls stop() before.
// Threads: the file's writer, alone, calls these. A child made by fork takes what was written before, and no more:
// nobody writes while a process forks, or after it (see ThreadPool::post).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/platform/platform.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::uint64_t zeros_window = 256 << 10;

// The number of the system's error, or 0. Any length, of which one call to the system writes a window at most.
[[nodiscard]] inline int write_zeros(platform::Handle file, std::uint64_t begin, std::uint64_t end) noexcept {
    static std::byte zeros[zeros_window];  // not constant, or a program would carry them on disk
    for (int error = 0; begin < end;) {
        const auto n = static_cast<std::size_t>(end - begin < zeros_window ? end - begin : zeros_window);
        error = platform::write_all(file, begin, zeros, n);
        if (error != 0) return error;
        begin += n;
    }
    return 0;
}

class Prezeroer {
  public:
    Prezeroer() noexcept = default;
    Prezeroer(Prezeroer&&) noexcept = default;
    Prezeroer& operator=(Prezeroer&& other) noexcept {
        stop();
        state_ = std::move(other.state_);
        return *this;
    }
    ~Prezeroer() { stop(); }

    // Whether the helper has written [begin, end). Waits if it is about to; begin and end are as schedule() chose them.
    [[nodiscard]] bool consume(std::uint64_t begin, std::uint64_t end) noexcept {
        if (!state_ || state_->count == 0) return false;
        Window& next = state_->first();
        if (next.begin != begin || next.end != end) {
            stop();
            return false;
        }
        // About as long as a window takes: to fall asleep and be woken would take as long again.
        for (int turn = 0; turn < 10'000 && next.job->is_begun() && !next.written.load(); ++turn) relax();
        state_->finish(next);
        state_->drop_first();
        return next.written.load();
    }

    // Whole windows of [from, limit), of which nothing is in use.
    void schedule(platform::Handle file, std::uint64_t from, std::uint64_t limit) {
        if (!state_) {
            if (core_count() == 1) return;
            state_ = std::make_unique<State>();
        }
        if (state_->count == 0)
            state_->pool = &ThreadPool::instance();
        else if (!state_->has_helper())
            return;
        else
            from = state_->last().end;
        for (; state_->count < lead && zeros_window <= limit - from; from += zeros_window)
            state_->add(file, from, from + zeros_window);
    }

    // Where the helper may be writing, or beyond all files.
    [[nodiscard]] std::uint64_t begin() const noexcept {
        return state_ && state_->count > 0 ? state_->windows[state_->begin].begin : UINT64_MAX;
    }

    // Nothing is ahead any more, and nobody writes there.
    void stop() noexcept {
        if (!state_) return;
        for (; state_->count > 0; state_->drop_first()) state_->finish(state_->first());
    }

  private:
    static constexpr std::size_t lead = 4;

    struct Window {
        platform::Handle file{};
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        std::atomic<bool> written{false};
        std::optional<Job> job;

        static void write(void* window, std::size_t) noexcept {
            auto& self = *static_cast<Window*>(window);
            self.written.store(write_zeros(self.file, self.begin, self.end) == 0);
        }
    };

    // A ring of windows, in the order in which they are written. It stays where it is: helpers hold pointers to it.
    struct State {
        ThreadPool* pool = nullptr;
        std::array<Window, lead> windows;
        std::size_t begin = 0;
        std::size_t count = 0;

        [[nodiscard]] bool has_helper() const noexcept { return pool->is_of_this_process(); }
        [[nodiscard]] Window& first() noexcept { return windows[begin]; }
        [[nodiscard]] Window& last() noexcept { return windows[(begin + count - 1) % lead]; }
        void add(platform::Handle file, std::uint64_t from, std::uint64_t to) noexcept {
            ++count;
            Window& window = last();
            window.file = file;
            window.begin = from;
            window.end = to;
            window.written.store(false);
            window.job.emplace(&Window::write, &window, 1);
            pool->post(*window.job);
        }
        void finish(Window& window) noexcept {
            if (has_helper()) pool->finish(*window.job);
        }
        void drop_first() noexcept {
            begin = (begin + 1) % lead;
            --count;
        }
    };

    std::unique_ptr<State> state_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
