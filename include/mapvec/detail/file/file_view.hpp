// FileView: an open file, and the addresses that show it.
//
//     view.show(size);                        // data() shows `size` bytes; earlier addresses stay valid
//     view.prepare_overlay(offset, n, limit);
//     view.overlay(offset, bytes);            // data() shows these bytes; the file keeps its own
//
// Growth. Address space is reserved in advance, and each new part of the file is mapped into it. If a file outgrows its
// reservation, it is mapped again elsewhere. The old mappings exist as long as this object: they still show the file,
// and overlays as they were.
//
// Overlays. The view is private below private_end_ (MAP_PRIVATE): its pages show the file, until a store to one makes
// it a copy. Systems that cannot map in place map the whole file again for the first overlay.
//
// Threads: one writer; any thread may call data() at the same time.
#pragma once

#include <algorithm>
#include <boost/interprocess/exceptions.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/file/file_mapping.hpp>
#include <mapvec/detail/file/mapped_view.hpp>
#include <mapvec/detail/file/overlaid_pages.hpp>
#include <mapvec/detail/file/system_errors.hpp>
#include <mapvec/detail/platform/memory_limit.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/util/checked.hpp>
#include <mapvec/detail/util/movable_atomic.hpp>
#include <mapvec/error.hpp>
#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class FileView {
  public:
    FileView(std::filesystem::path path, FileMapping mapping, OpenMode mode, const StoreOptions& options)
        : path_(std::move(path)), mapping_(std::move(mapping)), mode_(mode), options_(options) {
        access_.store(options.access);
    }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] const StoreOptions& options() const noexcept { return options_; }
    [[nodiscard]] platform::Handle handle() const noexcept { return handle_of(mapping_); }
    [[nodiscard]] static std::uint64_t page() noexcept { return platform::page_size(); }

    // Relaxed load: see MappedFile::data().
    [[nodiscard]] const std::byte* data() const noexcept { return base_.load_relaxed(); }

    // True if show(size) has to map the file at other addresses.
    [[nodiscard]] bool must_move_to_show(std::uint64_t size) const noexcept {
        return size > view_.mapped() && round_up(size, page()) > view_.reserved();
    }
    // Shows at least `size` bytes. If it throws, nothing has changed.
    void show(std::uint64_t size);
    // Unmaps everything. Views become invalid.
    void unmap() noexcept {
        retired_.clear();
        view_ = {};
    }
    // Adapts overlays to a file that was truncated from `before` bytes to `size`.
    void truncate(std::uint64_t before, std::uint64_t size);
    // Advice for the whole file. [any thread] may call access().
    void advise(Access access) noexcept {
        access_.store(access);
        view_.advise(access);
    }
    [[nodiscard]] Access access() const noexcept { return access_.load_relaxed(); }

    // Shows memory in place of what is mapped at [begin, begin + n), and the file again. Functions return the number of
    // the system's error, or 0.
    [[nodiscard]] int show_memory(std::byte* memory, std::uint64_t begin, std::size_t n) noexcept {
        return platform::show_memory(memory, n, view_.base() + begin);
    }
    [[nodiscard]] int show_file(std::uint64_t begin, std::uint64_t end) noexcept;

    // No overlay is at this offset or behind it.
    [[nodiscard]] std::uint64_t overlays_end() const noexcept { return overlaid_.end(); }
    [[nodiscard]] bool has_private_pages() const noexcept { return private_end_ > 0; }
    // Pages from `limit` on that are not part of the overlay stay as they are.
    void prepare_overlay(std::uint64_t offset, std::uint64_t n, std::uint64_t limit);
    // REQUIRES: it was prepared, or the bytes are shown in memory.
    void overlay(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
        std::memmove(view_.base() + offset, bytes.data(), bytes.size());
    }
    // Shows bytes that were written to the file, also where there are overlays.
    void update_overlays(std::uint64_t offset, std::span<const std::byte> bytes) noexcept {
        overlaid_.each(offset, offset + bytes.size(), [&](std::uint64_t at, std::uint64_t n) {
            const std::byte* from = bytes.data() + (at - offset);
            if (from != view_.base() + at) std::memmove(view_.base() + at, from, n);
        });
    }
    void drop_overlays();

  private:
    // Addresses that are reserved by default, for growth in place. A file of a reader grows only with its writer.
    static constexpr std::uint64_t min_reserved_by_writer = std::uint64_t{1} << 30;
    static constexpr std::uint64_t min_reserved_by_reader = std::uint64_t{64} << 20;
    static constexpr std::uint64_t enough_reserved = std::uint64_t{256} << 30;

    [[nodiscard]] std::uint64_t wished_addresses(std::uint64_t size) const noexcept;
    [[nodiscard]] MappedView mapped_in_place(std::uint64_t size);
    void move(std::uint64_t size);
    void choose_access(std::uint64_t size);
    void make_private(std::uint64_t end, std::uint64_t limit);

    std::filesystem::path path_;
    FileMapping mapping_;
    OpenMode mode_ = OpenMode::read_only;
    StoreOptions options_;
    MappedView view_;
    std::vector<MappedView> retired_;  // earlier mappings; spans may still point to them
    MovableAtomic<const std::byte*> base_;
    MovableAtomic<Access> access_;      // the present advice
    std::uint64_t unchecked_size_ = 0;  // a smaller file has its advice
    std::uint64_t private_end_ = 0;     // the view below is private: it shows the file but does not write it
    OverlaidPages overlaid_;            // pages below private_end_ that are copies
};

// --- size ---

inline void FileView::show(std::uint64_t size) {
    namespace ipc = boost::interprocess;
    if (size <= view_.mapped()) return choose_access(size);
    try {
        if (must_move_to_show(size)) {
            move(size);
        } else {
            // Mapping behind the end of the file costs nothing, and the next growth needs no new mapping.
            const std::uint64_t end = round_up(size, page());
            const std::uint64_t ahead = options_.populate ? end : round_up(2 * view_.mapped(), page());
            view_.extend(mapping_, ipc::read_only, std::min(view_.reserved(), std::max(end, ahead)), options_);
        }
    } catch (const ipc::interprocess_exception& error) {
        throw platform::system_error(error.get_native_error(), path_, "mapping the file");
    }
    if (access() != Access::normal) view_.advise(access());
    choose_access(size);
}

// Reading ahead is right for a file that fits into memory: it is soon there as a whole. In a larger one, each row would
// push hundreds of others out of memory. The system then also gives up these pages first, so this is no advice for a
// file that fits. Asked again when the file has grown by a quarter, for the answer takes some time.
inline void FileView::choose_access(std::uint64_t size) {
    constexpr std::uint64_t fits_everywhere = std::uint64_t{32} << 20;
    if (options_.access != Access::normal || size <= std::max(fits_everywhere, unchecked_size_)) return;
    unchecked_size_ = size + size / 4;
    const Access right = size > platform::recent_memory_limit() / 4 * 3 ? Access::random : Access::normal;
    if (right != access()) advise(right);
}

// In proportion to the file, so that thousands of small files leave addresses to others, and moves are rare: a file
// that grows from 0 moves at 1, 16 and 256 GiB.
inline std::uint64_t FileView::wished_addresses(std::uint64_t size) const noexcept {
    if (options_.address_space == 1) return size;
    if (options_.address_space > 1)
        return round_up(std::max<std::uint64_t>(options_.address_space, view_.base() ? 2 * size : 0), page());
    if (mode_ != OpenMode::read_write) return round_up(std::max(min_reserved_by_reader, 2 * size), page());
    const std::uint64_t several_times = 16 * std::min(size, enough_reserved / 16);
    return round_up(std::max({min_reserved_by_writer, several_times, 2 * size}), page());
}

inline MappedView FileView::mapped_in_place(std::uint64_t size) {
    const std::uint64_t end = round_up(size, page());
    MappedView next(wished_addresses(end), end);
    if (!next.base()) throw Error(ErrorCode::no_space, path_, "no addresses left for a larger mapping");
    next.extend(mapping_, boost::interprocess::read_only, end, options_);
    if (private_end_ > 0)
        check_call(platform::map_private(handle(), next.base(), 0, private_end_), path_, "mapping overlays");
    return next;
}

inline void FileView::move(std::uint64_t size) {
    namespace ipc = boost::interprocess;
    retired_.reserve(retired_.size() + 1);
    MappedView next;
    if constexpr (platform::can_map_in_place) {
        next = mapped_in_place(size);
    } else {
        if (private_end_ > 0) private_end_ = size;
        next.map_anywhere(mapping_, private_end_ > 0 ? ipc::copy_on_write : ipc::read_only, size);
    }
    overlaid_.each(0, std::min(private_end_, view_.mapped()),
                   [&](std::uint64_t at, std::uint64_t n) { std::memcpy(next.base() + at, view_.base() + at, n); });
    if (view_.base()) retired_.push_back(std::move(view_));
    view_ = std::move(next);
    base_.store(view_.base());
}

// The system has dropped the copies behind the new end, but not the rest of the page in which the file ends now.
inline void FileView::truncate(std::uint64_t before, std::uint64_t size) {
    overlaid_.each(size, std::min(before, round_up(size, page())),
                   [&](std::uint64_t at, std::uint64_t n) { std::memset(view_.base() + at, 0, n); });
    overlaid_.truncate(size);
}

inline int FileView::show_file(std::uint64_t begin, std::uint64_t end) noexcept {
    const std::uint64_t middle = std::clamp(private_end_, begin, end);
    if (begin < middle) {
        const auto n = static_cast<std::size_t>(middle - begin);
        if (const int error = platform::map_private(handle(), view_.base() + begin, begin, n); error != 0) return error;
        if (access() != Access::normal) platform::advise(view_.base() + begin, n, access());
    }
    return middle < end ? view_.show_file(handle(), middle, end, options_, access()) : 0;
}

// --- overlays ---

inline void FileView::prepare_overlay(std::uint64_t offset, std::uint64_t n, std::uint64_t limit) {
    if (offset + n > private_end_) make_private(offset + n, limit);
    overlaid_.add(offset, n);
}

// Makes pages private in large steps, but none at `limit` or behind it that need not be.
inline void FileView::make_private(std::uint64_t end, std::uint64_t limit) {
    if constexpr (!platform::can_map_in_place) {
        private_end_ = end;
        return move(view_.mapped());
    }
    const std::uint64_t step = std::min({round_up(end, MappedView::huge_page), view_.mapped(), limit});
    const std::uint64_t next = std::max(round_up(end, page()), step);
    check_call(platform::map_private(handle(), view_.base() + private_end_, private_end_, next - private_end_), path_,
               "mapping an overlay");
    if (access() != Access::normal)
        platform::advise(view_.base() + private_end_, static_cast<std::size_t>(next - private_end_), access());
    private_end_ = next;
}

inline void FileView::drop_overlays() {
    if (overlaid_.empty()) return;
    if constexpr (!platform::can_map_in_place) {
        overlaid_.clear();
        private_end_ = 0;
        return move(view_.mapped());
    }
    overlaid_.each_run([&](std::uint64_t offset, std::uint64_t n) {
        platform::drop_private(handle(), view_.base() + offset, offset, n);
    });
    overlaid_.clear();
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
