// Prezeroer: a background thread that writes zeros to a file ahead of the writer.
//
//     if (!ahead.consume(begin, end)) write_zeros(file, begin, end);  // the caller writes if the helper has not begun
//     ahead.schedule(file, end, size);                                // the helper writes the next windows meanwhile
//
// Allocating a page costs twice as much as filling it, so a helper that only allocates stays ahead of the writer. It
// writes whole windows, at most `lead` of them; if the appends end, these bytes were written in vain. Windows end at
// multiples of their size, for large folios, but no window is larger than the pieces of other writes (see
// MappedFile::piece).
//
// The helper owns the bytes ahead: before the file is written or cut there, or closed, the owner calls stop(). Threads:
// only the writer of the file calls these functions. After fork(), a child sees the bytes that were written before; the
// helper does not write during a fork or after it in the child (see ThreadPool::post).
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

// Writes zeros to [begin, end), of any length; one system call writes at most one window. Returns the error number of
// the system, or 0.
[[nodiscard]] inline int write_zeros(platform::Handle file, std::uint64_t begin, std::uint64_t end) noexcept {
    static std::byte zeros[zeros_window];  // not const: constants would be part of the executable file
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

    // Returns true if the helper has written [begin, end). If it has begun, waits for it. `begin` and `end` are a
    // window of schedule().
    [[nodiscard]] bool consume(std::uint64_t begin, std::uint64_t end) noexcept {
        if (!state_ || state_->count == 0) return false;
        Window& next = state_->first();
        if (next.begin != begin || next.end != end) {
            stop();
            return false;
        }
        // Spins about as long as writing a window takes, because sleeping and waking would take as long again.
        for (int turn = 0; turn < 10'000 && next.job->is_begun() && !next.written.load(); ++turn) relax();
        state_->finish(next);
        state_->drop_first();
        return next.written.load();
    }

    // Schedules whole windows of [from, limit). REQUIRES: none of these bytes is in use.
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

    // The first byte that the helper may write, or UINT64_MAX.
    [[nodiscard]] std::uint64_t begin() const noexcept {
        return state_ && state_->count > 0 ? state_->windows[state_->begin].begin : UINT64_MAX;
    }

    // Cancels all windows and waits for the helper. Afterwards it writes nothing.
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

    // A ring of windows, in the order of writing. It is on the heap, because helpers hold pointers to it.
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
