// AppendStream: decides which appended pieces are gathered in an AppendWindow, and which are written at once.
//
// The first pieces after a sync are written one by one. If many small pieces follow, a window is opened. In long runs a
// helper thread writes behind.
//
// Threads: the file's writer, alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <mapvec/detail/file/append_window.hpp>
#include <mapvec/detail/file/file_view.hpp>
#include <mapvec/detail/file/system_errors.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/detail/util/checked.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class AppendStream {
  public:
    // True if put() accepts a piece. These two are the common case, and short enough to be inlined.
    [[nodiscard]] bool accepts(std::uint64_t offset, std::uint64_t n) const noexcept {
        return window_.accepts(offset, n);
    }
    void put(std::uint64_t offset, std::span<const std::byte> bytes) noexcept { window_.put(offset, bytes); }

    // For a piece that put() does not accept. If it returns false, the caller writes the piece, and then calls
    // after_write(). `size` is that of the file. Throws no_space, io.
    [[nodiscard]] bool append(FileView& view, std::uint64_t size, std::uint64_t offset,
                              std::span<const std::byte> bytes) {
        streamed_bytes_ += bytes.size();
        if (bytes.size() > max_piece || !window_.is_open() || !window_.continues_at(offset)) return false;
        streamed_bytes_ += AppendWindow::block;  // this is called once a block
        Place place = place_in(view, size);
        if (window_.append(place, offset, bytes) == 0) return true;
        finish(view, size);  // throws if the file cannot be written; otherwise the window is closed now
        return false;
    }
    void after_write(FileView& view, std::uint64_t size, std::uint64_t offset, std::uint64_t n) {
        if (n <= max_piece && ++streamed_pieces_ % min_pieces == 0) open_window(view, size, offset + n);
    }

    // Pages of the file from here on may be shown by a window.
    [[nodiscard]] std::uint64_t shown_begin() const noexcept {
        return window_.is_open() ? window_.shown_begin() : UINT64_MAX;
    }
    [[nodiscard]] std::uint64_t shown_end() const noexcept { return window_.is_open() ? window_.shown_end() : 0; }
    // True if these bytes of the file are in memory only, and may be changed there.
    [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t n) const noexcept { return window_.holds(offset, n); }
    // Forgets the bytes at `size` and behind it.
    void truncate(std::uint64_t size) noexcept { window_.truncate(size); }

    // Everything is in the file, and the view shows it. If it throws, the window stays open.
    void finish(FileView& view, std::uint64_t size) {
        Place place = place_in(view, size);
        check_write(window_.close(place), view.path(), "writing");
    }
    void count_from_sync() noexcept { streamed_bytes_ = streamed_pieces_ = 0; }
    // Gives up the bytes that are not in the file.
    void abandon() noexcept { window_.abandon(); }

  private:
    static constexpr std::size_t max_piece = 64 << 10;
    // Pieces since the last sync that are written one by one: to open and close a window costs about as much.
    static constexpr std::uint64_t min_pieces = 32;
    // Bytes since the last sync before a helper writes behind: a writer that syncs often would have to wait for it.
    static constexpr std::uint64_t min_bytes_for_helper = 4 << 20;

    // See AppendWindow.
    struct Place {
        FileView& view;
        std::uint64_t end_of_pages;
        bool helper_pays;

        [[nodiscard]] platform::Handle handle() const noexcept { return view.handle(); }
        [[nodiscard]] std::uint64_t end() const noexcept { return end_of_pages; }
        [[nodiscard]] bool wants_helper() const noexcept { return helper_pays; }
        [[nodiscard]] int show_memory(std::byte* memory, std::uint64_t begin, std::size_t n) noexcept {
            return view.show_memory(memory, begin, n);
        }
        [[nodiscard]] int show_file(std::uint64_t begin, std::uint64_t end) noexcept {
            return view.show_file(begin, end);
        }
    };

    [[nodiscard]] Place place_in(FileView& view, std::uint64_t size) const noexcept {
        const bool helper_pays =
            view.options().helper_thread && streamed_bytes_ > min_bytes_for_helper && has_several_cores();
        return {view, round_up(size, FileView::page()), helper_pays};
    }
    [[nodiscard]] static bool has_several_cores() noexcept {
        static const bool several = core_count() > 1;
        return several;
    }

    // Opens no window where overlays are.
    void open_window(FileView& view, std::uint64_t size, std::uint64_t offset) noexcept {
        const std::uint64_t begin = round_down(offset, FileView::page());
        if (!platform::can_map_in_place || view.overlays_end() > begin) return;
        const std::span head(view.data() + begin, static_cast<std::size_t>(offset - begin));
        Place place = place_in(view, size);
        (void)window_.open(place, offset, head);
    }

    AppendWindow window_;
    std::uint64_t streamed_pieces_ = 0;  // since the last sync
    std::uint64_t streamed_bytes_ = 0;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
