// MappedFile: one growable file, mapped into memory: the storage of programs. Only this class and its parts in
// detail/file/ use Boost.Interprocess.
//
//     auto file = mapvec::MappedFile::create("numbers", first_page, {});
//     file.resize(1 << 20);                 // pointers from data() stay valid
//     file.write(4096, bytes);              // writes to the file; visible through data()
//     file.sync();                          // durable
//
// How it works. The file is read through a mapping and written through its descriptor. The two are coherent on every
// system with a unified page cache. Nothing is ever stored through the mapping, so a full or failing disk is an error
// of a write, never SIGBUS. stream() gathers small consecutive pieces in memory that is shown at the addresses of the
// file's pages (detail/file/append_window.hpp). They reach the file in blocks, at the latest by sync(). In long runs a
// helper thread writes the blocks.
//
// Growth keeps addresses valid, and overlays are private copies of pages (detail/file/file_view.hpp).
//
// Threads: one writer thread. Any thread may call data() and read through it at the same time.
//
// Limits. If another program truncates a mapped file, reads beyond its end raise SIGBUS; no library can prevent that.
// So do reads of pages that the disk fails to read. Do not lock the mappings in memory by mlock(), or by
// mlockall(MCL_CURRENT) while a store is open: the system then copies the private pages around an overlay, and they do
// not show what is written to the file later. (MCL_FUTURE does no harm.)
//
// Errors: those of the system, as Error with the file's name; ENOSPC, EDQUOT, EFBIG are no_space.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/file/append_stream.hpp>
#include <mapvec/detail/file/file_mapping.hpp>
#include <mapvec/detail/file/file_view.hpp>
#include <mapvec/detail/file/names.hpp>
#include <mapvec/detail/file/new_file.hpp>
#include <mapvec/detail/file/system_errors.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/util/movable_atomic.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

class MappedFile {
  public:
    MappedFile(MappedFile&&) = default;
    MappedFile& operator=(MappedFile&&) = default;
    ~MappedFile() { stream_.abandon(); }

    // Creates the file, durable and locked for this writer, or no file. Throws exists.
    static MappedFile create(const std::filesystem::path& path, std::span<const std::byte> first,
                             const StoreOptions& options);

    // A file without a name, which disappears with this object, and with the process.
    static MappedFile create_temporary(std::span<const std::byte> first, const StoreOptions& options);

    static MappedFile open(const std::filesystem::path& path, OpenMode mode, const StoreOptions& options);

    static bool exists(const std::filesystem::path& path) { return detail::exists(path); }
    static void remove(const std::filesystem::path& path) {
        detail::check_call(detail::platform::remove(path), path, "removing the file");
    }
    // Renames `from` to `to`, durably. Throws exists.
    static void rename(const std::filesystem::path& from, const std::filesystem::path& to) {
        detail::check_call(detail::platform::rename_to_new(from, to), to, "renaming a file to this name");
        detail::sync_directory_of(to);
    }
    static void create_directory(const std::filesystem::path& path) { detail::create_directory(path); }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return view_.path(); }
    // True if path() still leads to this file.
    [[nodiscard]] bool has_its_name() const {
        bool answer = false;
        check(detail::platform::leads_to(path(), view_.handle(), answer), "looking for the file by its name");
        return answer;
    }
    // Returns false if the mapping shows another file than the descriptor reads: overlayfs copies a file at its first
    // write, and earlier mappings keep the old file.
    [[nodiscard]] bool shows_its_file() const;
    [[nodiscard]] std::uint64_t size() const noexcept { return size_.load(); }
    // Relaxed load: callers acquire size() first, or a count that the owner publishes instead. Any base that was
    // published since then shows at least that many bytes, and old mappings stay valid.
    [[nodiscard]] const std::byte* data() const noexcept { return view_.data(); }

    void refresh();

    // New bytes are zero, and a hole until they are allocated or written. If it throws, nothing has changed.
    void resize(std::uint64_t size);

    void allocate(std::uint64_t offset, std::uint64_t n) {
        check_write(detail::platform::allocate(view_.handle(), offset, n), "allocating disk space");
    }

    // REQUIRES: offset + bytes.size() <= size(), also for stream() and overlay().
    void write(std::uint64_t offset, std::span<const std::byte> bytes);

    // Like write(), for appending. Each piece begins at the end of the last one, or replaces the last ones. The bytes
    // behind it, up to size(), are not in use: data() may show anything there until the next write(). The bytes reach
    // the file by finish_stream(). A call that fails to write them throws, and they stay visible.
    void stream(std::uint64_t offset, std::span<const std::byte> bytes) {
        if (stream_.accepts(offset, bytes.size())) return stream_.put(offset, bytes);
        stream_slowly(offset, bytes);
    }
    // Writes everything that was streamed to the file. If it throws, nothing is lost, and it may be called again.
    void finish_stream() { stream_.finish(view_, size()); }

    void overlay(std::uint64_t offset, std::span<const std::byte> bytes) {
        prepare_overlay(offset, bytes.size());
        view_.overlay(offset, bytes);
    }
    void prepare_overlay(std::uint64_t offset, std::uint64_t n);
    void drop_overlays() { view_.drop_overlays(); }

    void start_sync(std::uint64_t offset, std::uint64_t n) noexcept {
        detail::platform::start_sync(view_.handle(), offset, n);
    }
    void sync() {
        finish_stream();
        stream_.count_from_sync();
        check(detail::platform::sync(view_.handle()), "making the file durable");
    }
    void sync_name() { detail::sync_directory_of(path()); }

    // How the system is asked to read the file. [any thread]
    [[nodiscard]] Access access() const noexcept { return view_.access(); }

    [[nodiscard]] bool try_lock(Lock lock);
    void lock(Lock lock);
    void unlock(Lock lock) noexcept;

  private:
    MappedFile(std::filesystem::path path, detail::FileMapping mapping, OpenMode mode, const StoreOptions& options)
        : view_(std::move(path), std::move(mapping), mode, options) {
        refresh();
    }

    void check(int number, const char* doing) const { detail::check_call(number, path(), doing); }
    void check_write(int number, const char* doing) const { detail::check_write(number, path(), doing); }

    // A write ends at multiples of this. The page cache then has folios of this size, and a first scan is faster the
    // fewer they are. By default they are not larger than those that other writes leave behind, because the system has
    // free memory of that size; it has to search for larger pieces, and a virtual machine may have to ask its host.
    [[nodiscard]] std::size_t write_size() const noexcept {
        return view_.options().huge_pages ? detail::MappedView::huge_page : detail::AppendWindow::block;
    }
    void stream_slowly(std::uint64_t offset, std::span<const std::byte> bytes);
    void truncate_unmapped(std::uint64_t size);

    detail::RemoveAtEnd removal_;  // first member, so that it is destroyed last
    detail::AppendStream stream_;  // before the view: assigning another file stops its helper first
    detail::FileView view_;
    detail::MovableAtomic<std::uint64_t> size_;
};

static_assert(Storage<MappedFile>);

// --- creating and opening ---

inline MappedFile MappedFile::create(const std::filesystem::path& path, std::span<const std::byte> first,
                                     const StoreOptions& options) {
    if (exists(path)) throw Error(ErrorCode::exists, path, "there is such a file already");
    const auto draft = detail::unused_draft_name(path);
    detail::create_empty(draft, path, "creating the file");
    try {
        auto mapping = detail::open_mapping(draft, OpenMode::read_write);
        detail::write_first_page(mapping, path, first);
        MappedFile file(detail::resolved(path), std::move(mapping), OpenMode::read_write, options);
        if (!file.try_lock(Lock::writer)) throw Error(ErrorCode::locked, path, "a file just created is locked");
        rename(draft, path);
        return file;
    } catch (...) {
        (void)detail::platform::remove(draft);
        throw;
    }
}

inline MappedFile MappedFile::create_temporary(std::span<const std::byte> first, const StoreOptions& options) {
    auto [removal, mapping] = detail::create_temporary_file();
    const std::filesystem::path path = "(temporary file)";
    detail::write_first_page(mapping, path, first);
    MappedFile file(path, std::move(mapping), OpenMode::read_write, options);
    file.removal_ = std::move(removal);
    return file;
}

inline MappedFile MappedFile::open(const std::filesystem::path& path, OpenMode mode, const StoreOptions& options) {
    for (int tries = 0; tries < 10; ++tries) {
        MappedFile file(detail::resolved(path), detail::open_mapping(path, mode), mode, options);
        if (file.has_its_name()) return file;  // otherwise a link in the path has changed meanwhile
    }
    throw Error(ErrorCode::io, path, "the file was replaced again and again while it was opened");
}

// --- size ---

inline void MappedFile::refresh() {
    std::uint64_t size = 0;
    check(detail::platform::file_size(view_.handle(), size), "asking for the file's size");
    if (view_.must_move_to_show(size)) finish_stream();
    view_.show(size);
    size_.store(size);
}

inline void MappedFile::resize(std::uint64_t size) {
    const std::uint64_t before = size_.load();
    if (size < stream_.shown_end()) {
        stream_.truncate(size);
        finish_stream();
    }
    if (!detail::platform::can_cut_mapped && size < before) return truncate_unmapped(size);
    check_write(detail::platform::resize(view_.handle(), size), "changing the file's size");
    if (size < before) {
        size_.store(size);
        return view_.truncate(before, size);
    }
    try {
        if (view_.must_move_to_show(size)) finish_stream();
        view_.show(size);
    } catch (...) {
        (void)detail::platform::resize(view_.handle(), before);
        throw;
    }
    size_.store(size);
}

// For systems that cannot truncate a mapped file. Views become invalid. If other processes have the file mapped, or
// there are overlays, the file keeps its length.
inline void MappedFile::truncate_unmapped(std::uint64_t size) {
    if (view_.has_private_pages()) return;
    const std::uint64_t before = size_.load();
    view_.unmap();
    const bool done = detail::platform::resize(view_.handle(), size) == 0;
    view_.show(done ? size : before);
    size_.store(done ? size : before);
}

// Compares the first page several times, because a writer may be changing it.
inline bool MappedFile::shows_its_file() const {
    if constexpr (!detail::platform::can_map_in_place) return true;
    std::vector<std::byte> page(std::min<std::uint64_t>(size(), detail::FileView::page()));
    for (int tries = 0; tries < 100; ++tries) {
        std::size_t n = page.size();
        check(detail::platform::read_at(view_.handle(), 0, page.data(), n), "reading the first page");
        if (std::memcmp(page.data(), data(), n) == 0) return true;
    }
    return false;
}

// --- writing ---

inline void MappedFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset + bytes.size() > stream_.shown_begin()) finish_stream();
    for (std::size_t done = 0; done < bytes.size();) {
        const std::size_t to_boundary = write_size() - static_cast<std::size_t>((offset + done) % write_size());
        const std::size_t n = std::min(to_boundary, bytes.size() - done);
        check_write(detail::platform::write_all(view_.handle(), offset + done, bytes.data() + done, n), "writing");
        done += n;
    }
    view_.update_overlays(offset, bytes);
}

inline void MappedFile::stream_slowly(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (stream_.append(view_, size(), offset, bytes)) return;
    write(offset, bytes);
    stream_.after_write(view_, size(), offset, bytes.size());
}

inline void MappedFile::prepare_overlay(std::uint64_t offset, std::uint64_t n) {
    if (stream_.holds(offset, n)) return;  // these pages are copies already
    const std::uint64_t end = detail::round_up(offset + n, detail::FileView::page());
    if (end > stream_.shown_begin()) finish_stream();
    view_.prepare_overlay(offset, n, stream_.shown_begin());
}

// --- locks ---

namespace detail {
[[nodiscard]] constexpr unsigned lock_byte_of(Lock lock) noexcept { return lock == Lock::writer ? 0 : 1; }
[[nodiscard]] constexpr platform::LockKind lock_kind_of(Lock lock) noexcept {
    return lock == Lock::reader ? platform::LockKind::shared : platform::LockKind::exclusive;
}
}  // namespace detail

inline bool MappedFile::try_lock(Lock lock) {
    const int result =
        detail::platform::lock_byte(view_.handle(), detail::lock_byte_of(lock), detail::lock_kind_of(lock), false);
    if (detail::platform::is_contention(result)) return false;
    check(result, "locking the file");
    return true;
}

inline void MappedFile::lock(Lock lock) {
    check(detail::platform::lock_byte(view_.handle(), detail::lock_byte_of(lock), detail::lock_kind_of(lock), true),
          "locking the file");
}

inline void MappedFile::unlock(Lock lock) noexcept {
    constexpr auto none = detail::platform::LockKind::none;
    (void)detail::platform::lock_byte(view_.handle(), detail::lock_byte_of(lock), none, false);
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
