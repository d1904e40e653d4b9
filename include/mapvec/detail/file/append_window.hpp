// AppendWindow: the end of a growing file, in memory. The memory is shown at the addresses of the file's pages, so
// appended rows are visible at once. The window writes the memory to the file in blocks; then the file's pages replace
// the memory.
//
// Why. A store into a page of a file, through a mapping, can kill the process (SIGBUS): if the page was written back
// already, dirtying it again needs new blocks on a file system that copies on write (btrfs; XFS, where the file has
// reflinks), and the disk may be full, or failing. A write() of the same bytes returns an error. One write() per row is
// too slow; blocks of 256 KiB are as fast as files can be written.
//
//     the view shows    file pages │ memory: one or two windows │ file pages, not used yet
//                            shown_begin          filled     shown_end
//
// A window's memory is reused after its bytes are in the file and the file's pages are mapped in its place. The mapping
// is replaced atomically: other threads that read there see the same bytes before and after.
//
//     without a helper   one window of one block: 256 KiB stay in the second-level cache
//     with a helper      two windows of two blocks, in turns: the owner fills one while the helper writes the other
//
// Memory: at most 1 MiB, allocated when it is filled; at most `max_open` windows are open in a process. Mappings: 3.
//
// After fork(), parent and child share the memory. A process that appends after a fork closes its window first, and
// opens another.
//
// Threads: the file's writer, alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <mapvec/detail/file/write_behind.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/detail/util/checked.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// A Place is the file that a window belongs to. Functions return the number of the system's error, or 0.
//   handle()                       of the file
//   end()                          a multiple of the page size: the window ends here at the latest
//   show_memory(memory, begin, n)  maps the memory at the file's pages [begin, begin + n)
//   show_file(begin, end)          maps the file's pages there again
//   wants_helper()                 true if a helper thread should write the blocks
class AppendWindow {
  public:
    static constexpr std::uint64_t block = 256 << 10;
    static constexpr int max_open = 256;

    AppendWindow() noexcept = default;
    AppendWindow(AppendWindow&& other) noexcept { swap(other); }
    AppendWindow& operator=(AppendWindow&& other) noexcept {
        AppendWindow(std::move(other)).swap(*this);
        return *this;
    }
    ~AppendWindow() { abandon(); }

    [[nodiscard]] bool is_open() const noexcept { return memory_ != nullptr; }
    // Memory is shown in [shown_begin(), shown_end()), the file elsewhere. REQUIRES: is_open().
    [[nodiscard]] std::uint64_t shown_begin() const noexcept { return shown_begin_; }
    [[nodiscard]] std::uint64_t shown_end() const noexcept { return shown_end_; }

    // True if these bytes are in memory only, and may be changed there.
    [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t n) const noexcept {
        return offset >= unwritten_ && offset <= filled_ && n <= filled_ - offset && forks_ == ForkCounter::value();
    }
    // True if put() accepts a piece: it begins at the end of the last one, or replaces bytes that are in memory only.
    [[nodiscard]] bool accepts(std::uint64_t offset, std::uint64_t n) const noexcept {
        return offset >= unwritten_ && offset <= filled_ && n <= limit_ - offset && forks_ == ForkCounter::value();
    }
    void put(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
        std::memcpy(at(offset), bytes.data(), bytes.size());
        filled_ = offset + bytes.size();
    }
    // True if append() accepts a piece that begins here.
    [[nodiscard]] bool continues_at(std::uint64_t offset) const noexcept { return accepts(offset, 0); }

    // The next piece will begin at `offset`; `head` are the bytes before it in the same page. Returns false if no
    // window can be opened now. REQUIRES: !is_open().
    template <class Place>
    [[nodiscard]] bool open(Place& place, std::uint64_t offset, std::span<const std::byte> head) noexcept;

    // put() for a piece that extends into the next blocks. If it fails, the piece is not in the window.
    template <class Place>
    [[nodiscard]] int append(Place& place, std::uint64_t offset, std::span<const std::byte> bytes);

    // Writes everything to the file, and shows its pages. If it fails, the window stays open.
    template <class Place>
    [[nodiscard]] int close(Place& place) noexcept;

    // Closes the window without writing to the file.
    void abandon() noexcept;
    // Forgets the bytes at `size` and behind it.
    void truncate(std::uint64_t size) noexcept { filled_ = std::min(filled_, size); }

  private:
    static constexpr std::uint64_t memory_size = 4 * block;

    [[nodiscard]] std::byte* at(std::uint64_t offset) const noexcept { return memory_ + offset % (turns_ * window_); }
    template <class Place>
    [[nodiscard]] int advance(Place& place);
    template <class Place>
    [[nodiscard]] int show_more(Place& place, std::uint64_t kept) noexcept;
    template <class Place>
    [[nodiscard]] int write_block(Place& place);
    void set_limit() noexcept { limit_ = std::min(round_down(limit_, block) + block, shown_end_); }
    void swap(AppendWindow& other) noexcept;

    static inline std::atomic<int> open_windows{0};

    WriteBehind behind_;
    std::byte* memory_ = nullptr;
    std::uint64_t window_ = block;   // size of a window
    std::uint64_t turns_ = 1;        // number of windows that share the memory in turns
    std::uint64_t shown_begin_ = 0;  // file offsets between which memory is shown: multiples of the page size
    std::uint64_t shown_end_ = 0;
    std::uint64_t unwritten_ = UINT64_MAX;  // the bytes before are in the file, or posted to the helper
    std::uint64_t filled_ = 0;              // end of the last piece
    std::uint64_t limit_ = 0;               // end of the block that is being filled
    std::uint64_t forks_ = 0;               // number of forks when the window was opened
};

template <class Place>
bool AppendWindow::open(Place& place, std::uint64_t offset, std::span<const std::byte> head) noexcept {
    assert(!is_open());
    const std::uint64_t begin = offset - head.size();
    if (begin >= place.end()) return false;
    if (open_windows.fetch_add(1) < max_open) memory_ = platform::create_shared_memory(memory_size);
    if (memory_ == nullptr) {
        open_windows.fetch_sub(1);
        return false;
    }
    if (!head.empty()) std::memcpy(memory_ + begin % block, head.data(), head.size());
    ForkCounter::watch();
    forks_ = ForkCounter::value();
    window_ = block;
    turns_ = 1;
    shown_begin_ = shown_end_ = begin;
    if (show_more(place, begin) != 0) {
        abandon();
        return false;
    }
    unwritten_ = filled_ = limit_ = offset;
    set_limit();
    return true;
}

template <class Place>
int AppendWindow::append(Place& place, std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        if (offset == limit_) {
            if (const int error = advance(place); error != 0) {
                unwritten_ = std::min(unwritten_, filled_);  // a part of this piece may have been posted
                return error;
            }
        }
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(limit_ - offset, bytes.size()));
        std::memcpy(at(offset), bytes.data(), n);
        offset += n;
        bytes = bytes.subspan(n);
    }
    filled_ = offset;
    return 0;
}

// Makes room behind limit_: the block before it is full, or the file has become longer.
template <class Place>
int AppendWindow::advance(Place& place) {
    std::uint64_t kept = shown_begin_;  // the memory below this offset is needed for the next window
    if (limit_ == shown_end_ && limit_ % window_ == 0) kept = std::max(kept, limit_ - (turns_ - 1) * window_);
    if (const int error = behind_.finish_below(kept); error != 0) return error;
    if (limit_ % block == 0) {
        if (const int error = write_block(place); error != 0) return error;
    }
    if (limit_ == shown_end_) {
        if (const int error = show_more(place, kept); error != 0) return error;
    }
    set_limit();
    return 0;
}

// Shows the rest of this window, or another one. The file's pages replace the memory below `kept`.
template <class Place>
int AppendWindow::show_more(Place& place, std::uint64_t kept) noexcept {
    if (kept > shown_begin_) {
        if (const int error = place.show_file(shown_begin_, kept); error != 0) return error;
        shown_begin_ = kept;
    }
    if (turns_ == 1 && shown_begin_ == shown_end_ && shown_end_ % (2 * block) == 0 && place.wants_helper()) {
        turns_ = 2;
        window_ = 2 * block;
    }
    const std::uint64_t end = std::min(round_down(shown_end_, window_) + window_, place.end());
    const auto n = static_cast<std::size_t>(end - shown_end_);
    if (const int error = place.show_memory(at(shown_end_), shown_end_, n); error != 0) return error;
    shown_end_ = end;
    return 0;
}

// Writes [unwritten_, limit_), or posts it to the helper.
template <class Place>
int AppendWindow::write_block(Place& place) {
    if (unwritten_ < behind_.end() || behind_.is_full()) {  // two threads never write the same bytes at once
        if (const int error = behind_.finish_below(UINT64_MAX); error != 0) return error;
    }
    while (unwritten_ < limit_) {
        const auto n = static_cast<std::size_t>(std::min(limit_, round_down(unwritten_, block) + block) - unwritten_);
        if (turns_ > 1 && !behind_.is_full()) {
            behind_.post(place.handle(), unwritten_, at(unwritten_), n);
        } else {
            if (const int error = platform::write_all(place.handle(), unwritten_, at(unwritten_), n); error != 0)
                return error;
        }
        unwritten_ += n;
    }
    return 0;
}

template <class Place>
int AppendWindow::close(Place& place) noexcept {
    if (!is_open()) return 0;
    if (const int error = behind_.finish_below(UINT64_MAX); error != 0) return error;
    while (unwritten_ < filled_) {
        const auto n = static_cast<std::size_t>(std::min(filled_, round_down(unwritten_, block) + block) - unwritten_);
        if (const int error = platform::write_all(place.handle(), unwritten_, at(unwritten_), n); error != 0)
            return error;
        unwritten_ += n;
    }
    if (shown_begin_ < shown_end_) {
        if (const int error = place.show_file(shown_begin_, shown_end_); error != 0) return error;
    }
    abandon();
    return 0;
}

inline void AppendWindow::abandon() noexcept {
    if (!is_open()) return;
    behind_.stop();
    platform::release_addresses(memory_, memory_size);
    memory_ = nullptr;
    unwritten_ = UINT64_MAX;
    open_windows.fetch_sub(1);
}

inline void AppendWindow::swap(AppendWindow& other) noexcept {
    std::swap(behind_, other.behind_);
    std::swap(memory_, other.memory_);
    std::swap(window_, other.window_);
    std::swap(turns_, other.turns_);
    std::swap(shown_begin_, other.shown_begin_);
    std::swap(shown_end_, other.shown_end_);
    std::swap(unwritten_, other.unwritten_);
    std::swap(filled_, other.filled_);
    std::swap(limit_, other.limit_);
    std::swap(forks_, other.forks_);
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
