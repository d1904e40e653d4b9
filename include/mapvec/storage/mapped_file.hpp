// MappedFile: one growable file, mapped into memory: the storage of programs. Only this class and its views
// (detail/file/mapped_view.hpp) use Boost.Interprocess.
//
//     auto file = mapvec::MappedFile::create("numbers", first_page, {});
//     file.resize(1 << 20);                 // what data() returned stays valid
//     file.write(4096, bytes);              // writes to the file; visible through data()
//     file.sync();                          // durable
//
// How it works. The file is read through a mapping and written through its descriptor; the two are
// coherent on every system with a unified page cache. Nothing is ever stored through the mapping: a full or failing
// disk is an error of a write, never SIGBUS. Small pieces that follow each other (stream()) are gathered in memory that
// is shown where the file will have them (detail/file/append_window.hpp), and reach the file in blocks, at the latest
// by sync(). In long runs a helper thread writes the blocks.
//
// Growth. Address space is reserved in advance, and each new part of the file is mapped into it. If a file outgrows its
// reservation, it is mapped again elsewhere. The old mappings exist as long as this object: they still show the file,
// and overlays as they were.
//
// Overlays. Pages with an overlay are private copies (MAP_PRIVATE), mapped in place over the mapping.
//
// Threads: one writer thread; data() may be called and read through from any thread beside it.
// Another program that truncates a mapped file makes reads beyond its end fail with SIGBUS; no library can help that.
// Nor must anybody lock these mappings in memory by mlock(), or by mlockall(MCL_CURRENT) while a store is open: the
// system then copies the private pages that lie around an overlay, and what is written to the file later is not seen
// there. (MCL_FUTURE does no harm.) A disk that fails to read is SIGBUS where its pages are looked at, too.
// Errors: those of the system, as Error with the file's name; ENOSPC, EDQUOT, EFBIG are no_space.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <mapvec/detail/file/append_window.hpp>
#include <mapvec/detail/file/draft_name.hpp>
#include <mapvec/detail/file/mapped_view.hpp>
#include <mapvec/detail/file/names.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/util/checked.hpp>
#include <mapvec/detail/util/movable_atomic.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

class MappedFile {
  public:
    MappedFile(MappedFile&&) = default;
    MappedFile& operator=(MappedFile&&) = default;
    ~MappedFile() { window_.abandon(); }

    // Creates the file, durable and locked for this writer, or no file. Throws exists.
    static MappedFile create(const std::filesystem::path& path, std::span<const std::byte> first,
                             const StoreOptions& options);

    // A file without a name, which disappears with this object, and with the process.
    static MappedFile create_temporary(std::span<const std::byte> first, const StoreOptions& options);

    static MappedFile open(const std::filesystem::path& path, OpenMode mode, const StoreOptions& options);

    static bool exists(const std::filesystem::path& path) { return detail::exists(path); }
    static void remove(const std::filesystem::path& path) {
        check(detail::platform::remove(path), path, "removing the file");
    }
    // Renames `from` to `to`, durably. Throws exists.
    static void rename(const std::filesystem::path& from, const std::filesystem::path& to) {
        check(detail::platform::rename_to_new(from, to), to, "renaming a file to this name");
        detail::sync_directory_of(to);
    }
    static void create_directory(const std::filesystem::path& path);

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    // True if path() still leads to this file.
    [[nodiscard]] bool has_its_name() const {
        bool answer = false;
        check(detail::platform::leads_to(path_, handle(), answer), path_, "looking for the file by its name");
        return answer;
    }
    // Returns false if the mapping shows another file than the descriptor reads: overlayfs copies a file at its first
    // write, and earlier mappings keep the old file.
    [[nodiscard]] bool shows_its_file() const;
    [[nodiscard]] std::uint64_t size() const noexcept { return size_.load(); }
    // Relaxed load: callers acquire size() first, or a count that the owner publishes instead. Any base that was
    // published since then shows at least that many bytes, and old mappings stay valid.
    [[nodiscard]] const std::byte* data() const noexcept { return base_.load_relaxed(); }

    void refresh() {
        std::uint64_t size = 0;
        check(detail::platform::file_size(handle(), size), path_, "asking for the file's size");
        show(size);
        size_.store(size);
    }

    // New bytes are zero, and a hole until they are allocated or written. If it throws, nothing has changed.
    void resize(std::uint64_t size);

    void allocate(std::uint64_t offset, std::uint64_t n) {
        check_write(detail::platform::allocate(handle(), offset, n), "allocating disk space");
    }

    // REQUIRES: offset + bytes.size() <= size(), also for stream() and overlay().
    void write(std::uint64_t offset, std::span<const std::byte> bytes);

    // As write, for appending: each piece begins where the last one ended, or replaces the last ones. What lies behind
    // it, up to size(), is not in use, and data() may show anything there until the next write(). The bytes reach the
    // file by finish_stream(); a failure of that is thrown by the call that notices it, and the bytes are still seen.
    void stream(std::uint64_t offset, std::span<const std::byte> bytes) {
        if (window_.takes(offset, bytes.size())) return window_.put(offset, bytes);
        stream_on(offset, bytes);
    }
    // Everything that was streamed is in the file. If it throws, nothing is lost, and it may be called again.
    void finish_stream() { check_write(window_.close(*this), "writing"); }

    void overlay(std::uint64_t offset, std::span<const std::byte> bytes) {
        prepare_overlay(offset, bytes.size());
        std::memmove(view_.base() + offset, bytes.data(), bytes.size());
    }
    void prepare_overlay(std::uint64_t offset, std::uint64_t n);
    void drop_overlays();

    void start_sync(std::uint64_t offset, std::uint64_t n) noexcept {
        detail::platform::start_sync(handle(), offset, n);
    }
    void sync() {
        finish_stream();
        streamed_bytes_ = streamed_pieces_ = 0;
        check(detail::platform::sync(handle()), path_, "making the file durable");
    }
    void sync_name() { detail::sync_directory_of(path_); }

    void advise(Access access) noexcept { view_.advise(access); }

    [[nodiscard]] bool try_lock(Lock lock);
    void lock(Lock lock);
    void unlock(Lock lock) noexcept;

  private:
    using Mapping = boost::interprocess::file_mapping;

    // For systems that cannot remove an open file.
    struct RemoveAtEnd {
        RemoveAtEnd() = default;
        RemoveAtEnd(RemoveAtEnd&& other) noexcept : path(std::exchange(other.path, {})) {}
        RemoveAtEnd& operator=(RemoveAtEnd&& other) noexcept {
            path.swap(other.path);
            return *this;
        }
        ~RemoveAtEnd() {
            if (!path.empty()) (void)detail::platform::remove(path);
        }
        std::filesystem::path path;
    };

    friend class detail::AppendWindow;

    // What is written at once ends at a multiple of this: the page cache then consists of folios of this size, and the
    // fewer they are, the faster is a first scan. But none are larger than what other writes leave behind, unless that
    // is asked for: such memory is at hand; more in one piece has to be found, and on a virtual machine maybe fetched
    // from its host.
    [[nodiscard]] std::size_t piece() const noexcept {
        return options_.huge_pages ? detail::MappedView::huge_page : detail::AppendWindow::block;
    }

    static constexpr std::size_t max_streamed = 64 << 10;
    // Pieces since the last sync that are written one by one: to open and close a window costs about as much.
    static constexpr std::uint64_t min_pieces = 32;
    // Streamed without a sync before a helper writes behind: those who sync often would have to wait for it.
    static constexpr std::uint64_t streamed_alone = 4 << 20;

    // Addresses that are reserved by default, for growth in place. A file of a reader grows only with its writer.
    static constexpr std::uint64_t min_reserved_by_writer = std::uint64_t{1} << 30;
    static constexpr std::uint64_t min_reserved_by_reader = std::uint64_t{64} << 20;
    static constexpr std::uint64_t enough_reserved = std::uint64_t{256} << 30;

    MappedFile(std::filesystem::path path, Mapping mapping, OpenMode mode, const StoreOptions& options)
        : path_(std::move(path)), mapping_(std::move(mapping)), mode_(mode), options_(options) {
        refresh();
    }

    static void check(int number, const std::filesystem::path& file, const char* doing) {
        if (number != 0) throw detail::platform::system_error(number, file, doing);
    }
    // For a file that was opened for writing: a system that is read-only now has become so after an error of the disk.
    void check_write(int number, const char* doing) const {
        if (number == 0) return;
        const Error error = detail::platform::system_error(number, path_, doing);
        if (error.code() != ErrorCode::read_only) throw error;
        throw Error(ErrorCode::io, path_, std::string(doing) + ": the file system can only be read any more");
    }
    static Mapping open_mapping(const std::filesystem::path& path, OpenMode mode);
    static Mapping map_by_name(const std::filesystem::path& path, OpenMode mode);
    // Boost before 1.76 accepts narrow names only, also on Windows.
    template <class Char>
    static Mapping open_by(const Char* name, const std::filesystem::path& path, boost::interprocess::mode_t mode) {
        if constexpr (std::is_constructible_v<Mapping, const Char*, boost::interprocess::mode_t>)
            return Mapping(name, mode);
        else
            return Mapping(path.string().c_str(), mode);
    }
    static Mapping create_nameless(RemoveAtEnd& removal);
    static std::filesystem::path fresh_name(const std::filesystem::path& beside);
    static std::filesystem::path lasting(const std::filesystem::path& path);
    static void write_first(const Mapping& mapping, const std::filesystem::path& path,
                            std::span<const std::byte> first);

    [[nodiscard]] static detail::platform::Handle handle_of(const Mapping& mapping) noexcept {
        return mapping.get_mapping_handle().handle;
    }
    [[nodiscard]] detail::platform::Handle handle() const noexcept { return handle_of(mapping_); }

    // For the window.
    [[nodiscard]] std::uint64_t end() const noexcept { return detail::round_up(size(), page()); }
    [[nodiscard]] int show_memory(std::byte* memory, std::uint64_t begin, std::size_t n) noexcept {
        return detail::platform::show_memory(memory, n, view_.base() + begin);
    }
    [[nodiscard]] int show_file(std::uint64_t begin, std::uint64_t end) noexcept;
    [[nodiscard]] bool wants_helper() const noexcept {
        static const bool several_cores = detail::core_count() > 1;
        return options_.helper_thread && streamed_bytes_ > streamed_alone && several_cores;
    }
    [[nodiscard]] std::uint64_t page() const noexcept { return detail::platform::page_size(); }

    void cut_unmapped(std::uint64_t size);
    void show(std::uint64_t size);
    void move_view(std::uint64_t size);
    [[nodiscard]] std::uint64_t wished_addresses(std::uint64_t size) const noexcept;
    void stream_on(std::uint64_t offset, std::span<const std::byte> bytes);
    void open_window(std::uint64_t offset);
    void make_private(std::uint64_t end);
    template <class Visit>
    void each_overlaid_page(std::uint64_t begin, std::uint64_t end, Visit visit);

    RemoveAtEnd removal_;  // first member, so that it is destroyed last
    std::filesystem::path path_;
    detail::AppendWindow window_;  // before the mapping: assigning another file stops its helper first
    Mapping mapping_;
    OpenMode mode_ = OpenMode::read_only;
    StoreOptions options_;
    detail::MovableAtomic<std::uint64_t> size_;
    detail::MappedView view_;
    std::vector<detail::MappedView> retired_;  // earlier mappings; spans may still point to them
    detail::MovableAtomic<const std::byte*> base_;
    std::uint64_t streamed_pieces_ = 0;  // since the last sync, or since they were too few for a window
    std::uint64_t streamed_bytes_ = 0;
    std::uint64_t private_end_ = 0;  // the view below is private: it shows the file but does not write it
    std::vector<bool> overlaid_;     // pages below private_end_ that are copies
};

static_assert(Storage<MappedFile>);

// --- coming into being ---

inline MappedFile MappedFile::create(const std::filesystem::path& path, std::span<const std::byte> first,
                                     const StoreOptions& options) {
    if (exists(path)) throw Error(ErrorCode::exists, path, "there is such a file already");
    const auto draft = fresh_name(path);
    detail::platform::Handle handle{};
    check(detail::platform::create_exclusively(draft, handle), path, "creating the file");
    detail::platform::close(handle);
    try {
        Mapping mapping = open_mapping(draft, OpenMode::read_write);
        write_first(mapping, path, first);
        MappedFile file(lasting(path), std::move(mapping), OpenMode::read_write, options);
        if (!file.try_lock(Lock::writer)) throw Error(ErrorCode::locked, path, "a file just created is locked");
        rename(draft, path);
        return file;
    } catch (...) {
        (void)detail::platform::remove(draft);
        throw;
    }
}

inline MappedFile MappedFile::open(const std::filesystem::path& path, OpenMode mode, const StoreOptions& options) {
    for (int tries = 0; tries < 10; ++tries) {
        MappedFile file(lasting(path), open_mapping(path, mode), mode, options);
        if (file.has_its_name()) return file;  // otherwise a link in the path has changed meanwhile
    }
    throw Error(ErrorCode::io, path, "the file was replaced again and again while it was opened");
}

inline MappedFile MappedFile::create_temporary(std::span<const std::byte> first, const StoreOptions& options) {
    RemoveAtEnd removal;
    Mapping mapping = create_nameless(removal);
    const std::filesystem::path path = "(temporary file)";
    write_first(mapping, path, first);
    MappedFile file(path, std::move(mapping), OpenMode::read_write, options);
    file.removal_ = std::move(removal);
    return file;
}

inline void MappedFile::write_first(const Mapping& mapping, const std::filesystem::path& path,
                                    std::span<const std::byte> first) {
    const auto handle = handle_of(mapping);
    check(detail::platform::write_all(handle, 0, first.data(), first.size()), path, "writing the first page");
    check(detail::platform::sync(handle), path, "making the first page durable");
}

// An absolute path without links: the process may change its directory, and links may change.
inline std::filesystem::path MappedFile::lasting(const std::filesystem::path& path) {
    std::error_code error;
    auto resolved = std::filesystem::canonical(path, error);
    if (error) resolved = std::filesystem::weakly_canonical(path, error);  // the file does not exist yet
    if (!error && !resolved.is_absolute()) resolved = std::filesystem::absolute(resolved, error);
    check(error.value(), path, "resolving the path");
    return resolved;
}

// Asks the system first, because file_mapping of Boost opens by name only, and reports little about errors.
inline MappedFile::Mapping MappedFile::open_mapping(const std::filesystem::path& path, OpenMode mode) {
    detail::platform::Handle handle{};
    check(detail::platform::open_existing(path, mode == OpenMode::read_write, handle), path, "opening the file");
    std::uint64_t size = 0;
    const int result = detail::platform::file_size(handle, size);
    detail::platform::close(handle);
    check(result, path, "opening the file");
    return map_by_name(path, mode);
}

inline MappedFile::Mapping MappedFile::map_by_name(const std::filesystem::path& path, OpenMode mode) {
    namespace ipc = boost::interprocess;
    for (;;) {
        try {
            const auto access = mode == OpenMode::read_write ? ipc::read_write : ipc::read_only;
            Mapping mapping = open_by(path.c_str(), path, access);
            detail::platform::close_on_exec(handle_of(mapping));
            return mapping;
        } catch (const ipc::interprocess_exception& error) {
            if (!detail::platform::is_interruption(error.get_native_error()))
                throw detail::platform::system_error(error.get_native_error(), path, "opening the file for mapping");
        }
    }
}

inline MappedFile::Mapping MappedFile::create_nameless(RemoveAtEnd& removal) {
    std::error_code error;
    const auto directory = std::filesystem::temp_directory_path(error);
    if (error) throw Error(ErrorCode::io, "the system's directory for temporary files: " + error.message());
    detail::platform::Handle handle{};
    if (detail::platform::create_nameless(directory, handle) == 0) {
        const std::filesystem::path name = detail::platform::path_of_handle(handle);
        struct Closer {
            detail::platform::Handle handle;
            ~Closer() { detail::platform::close(handle); }
        } closer{handle};
        if (exists(name)) return map_by_name(name, OpenMode::read_write);
    }
    const auto name = fresh_name(directory / "mapvec");
    check(detail::platform::create_exclusively(name, handle), name, "creating a temporary file");
    detail::platform::close(handle);
    Mapping mapping = map_by_name(name, OpenMode::read_write);
    if (detail::platform::can_remove_open)
        (void)detail::platform::remove(name);
    else
        removal.path = name;
    return mapping;
}

inline std::filesystem::path MappedFile::fresh_name(const std::filesystem::path& beside) {
    static std::atomic<unsigned> counter{0};
    const std::string process = std::to_string(detail::platform::process_id()) + "-";
    for (;;) {
        auto name = detail::draft_name(beside, process + std::to_string(++counter));
        if (!exists(name)) return name;
    }
}

inline void MappedFile::create_directory(const std::filesystem::path& path) {
    const auto parent = path.parent_path();
    if (!exists(path)) {
        if (!parent.empty() && parent != path) create_directory(parent);
        check(detail::platform::create_directory(path), path, "creating the directory");
    } else {
        std::error_code error;
        const bool is_directory = std::filesystem::is_directory(path, error);
        check(error.value(), path, "looking for the directory");
        if (!is_directory) throw Error(ErrorCode::exists, path, "there is something of that name that is no directory");
    }
    // Also for an existing directory: its creator may have been killed before it was durable.
    detail::sync_directory_of(path);
}

// Compares the first page several times, because a writer may be changing it.
inline bool MappedFile::shows_its_file() const {
    if constexpr (!detail::platform::can_map_in_place) return true;
    std::vector<std::byte> page(std::min<std::uint64_t>(size(), this->page()));
    for (int tries = 0; tries < 100; ++tries) {
        std::size_t n = page.size();
        check(detail::platform::read_at(handle(), 0, page.data(), n), path_, "reading the first page");
        if (std::memcmp(page.data(), data(), n) == 0) return true;
    }
    return false;
}

// --- size and view ---

inline void MappedFile::resize(std::uint64_t size) {
    const std::uint64_t before = size_.load();
    if (window_.is_open() && size < window_.shown_end()) {
        window_.forget_behind(size);
        finish_stream();
    }
    if (!detail::platform::can_cut_mapped && size < before) return cut_unmapped(size);
    check_write(detail::platform::resize(handle(), size), "changing the file's size");
    if (size < before) {
        size_.store(size);
        // The system has dropped the copies behind the new end, but not the rest of the page it cuts through.
        each_overlaid_page(size, std::min(before, detail::round_up(size, page())),
                           [&](std::uint64_t at, std::uint64_t n) { std::memset(view_.base() + at, 0, n); });
        overlaid_.resize(std::min<std::uint64_t>(overlaid_.size(), detail::round_up(size, page()) / page()));
        return;
    }
    try {
        show(size);
    } catch (...) {
        (void)detail::platform::resize(handle(), before);
        throw;
    }
    size_.store(size);
}

// For systems that cannot truncate a mapped file. Views become invalid. If other processes have the file mapped, or
// there are overlays, the file keeps its length.
inline void MappedFile::cut_unmapped(std::uint64_t size) {
    if (private_end_ > 0) return;
    const std::uint64_t before = size_.load();
    retired_.clear();
    view_ = {};
    const bool done = detail::platform::resize(handle(), size) == 0;
    show(done ? size : before);
    size_.store(done ? size : before);
}

inline void MappedFile::show(std::uint64_t size) {
    namespace ipc = boost::interprocess;
    if (size <= view_.mapped()) return;
    try {
        const std::uint64_t end = detail::round_up(size, page());
        if (end > view_.reserved()) {
            finish_stream();
            move_view(size);
        } else {
            // Mapping behind the end of the file costs nothing, and the next growth needs no new mapping.
            const std::uint64_t ahead = options_.populate ? end : detail::round_up(2 * view_.mapped(), page());
            view_.extend(mapping_, ipc::read_only, std::min(view_.reserved(), std::max(end, ahead)), options_);
        }
    } catch (const ipc::interprocess_exception& error) {
        throw detail::platform::system_error(error.get_native_error(), path_, "mapping the file");
    }
    if (options_.access != Access::normal) view_.advise(options_.access);
    base_.store(view_.base());
}

// In proportion to the file, so that thousands of small files leave addresses to others, and moves are rare: a file
// that grows from 0 moves at 1, 16 and 256 GiB.
inline std::uint64_t MappedFile::wished_addresses(std::uint64_t size) const noexcept {
    if (options_.address_space == 1) return size;
    if (options_.address_space > 1)
        return detail::round_up(std::max<std::uint64_t>(options_.address_space, view_.base() ? 2 * size : 0), page());
    if (mode_ != OpenMode::read_write) return detail::round_up(std::max(min_reserved_by_reader, 2 * size), page());
    const std::uint64_t several_times = 16 * std::min(size, enough_reserved / 16);
    return detail::round_up(std::max({min_reserved_by_writer, several_times, 2 * size}), page());
}

inline void MappedFile::move_view(std::uint64_t size) {
    namespace ipc = boost::interprocess;
    const std::uint64_t end = detail::round_up(size, page());
    retired_.reserve(retired_.size() + 1);
    detail::MappedView next;
    if constexpr (detail::platform::can_map_in_place) {
        next = detail::MappedView(wished_addresses(end), end);
        if (!next.base()) throw Error(ErrorCode::no_space, path_, "no addresses left for a larger mapping");
        next.extend(mapping_, ipc::read_only, end, options_);
        if (private_end_ > 0)
            check(detail::platform::map_private(handle(), next.base(), 0, private_end_), path_, "mapping overlays");
    } else {
        if (private_end_ > 0) private_end_ = size;
        next.map_anywhere(mapping_, private_end_ > 0 ? ipc::copy_on_write : ipc::read_only, size);
    }
    each_overlaid_page(0, std::min(private_end_, view_.mapped()),
                       [&](std::uint64_t at, std::uint64_t n) { std::memcpy(next.base() + at, view_.base() + at, n); });
    if (view_.base()) retired_.push_back(std::move(view_));
    view_ = std::move(next);
}

// --- writing ---

inline void MappedFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (window_.is_open() && offset + bytes.size() > window_.shown_begin()) finish_stream();
    for (std::size_t done = 0; done < bytes.size();) {
        const std::size_t to_boundary = piece() - static_cast<std::size_t>((offset + done) % piece());
        const std::size_t n = std::min(to_boundary, bytes.size() - done);
        check_write(detail::platform::write_all(handle(), offset + done, bytes.data() + done, n), "writing");
        done += n;
    }
    each_overlaid_page(offset, offset + bytes.size(), [&](std::uint64_t at, std::uint64_t n) {
        std::memmove(view_.base() + at, bytes.data() + (at - offset), n);  // they may be the same bytes
    });
}

// The first pieces are written one by one, then there is a window.
inline void MappedFile::stream_on(std::uint64_t offset, std::span<const std::byte> bytes) {
    const bool small = bytes.size() <= max_streamed;
    streamed_bytes_ += bytes.size();
    if (small && window_.is_open() && window_.continues_at(offset)) {
        streamed_bytes_ += detail::AppendWindow::block;  // this is called once a block
        if (window_.append(*this, offset, bytes) == 0) return;
        finish_stream();  // throws if the file cannot be written; else there is no window now
    }
    write(offset, bytes);
    if (small && ++streamed_pieces_ % min_pieces == 0) open_window(offset + bytes.size());
}

// Unless there are overlays where it would begin.
inline void MappedFile::open_window(std::uint64_t offset) {
    const std::uint64_t begin = detail::round_down(offset, page());
    if (!detail::platform::can_map_in_place || overlaid_.size() * page() > begin) return;
    const std::span head(view_.base() + begin, static_cast<std::size_t>(offset - begin));
    (void)window_.open(*this, offset, head);
}

inline int MappedFile::show_file(std::uint64_t begin, std::uint64_t end) noexcept {
    const std::uint64_t middle = std::clamp(private_end_, begin, end);
    if (begin < middle) {
        const auto n = static_cast<std::size_t>(middle - begin);
        if (const int error = detail::platform::map_private(handle(), view_.base() + begin, begin, n); error != 0)
            return error;
    }
    return middle < end ? view_.show_file(handle(), middle, end, options_) : 0;
}

// --- overlays ---

// Calls visit(offset, n) for the part of each overlaid page that lies in [begin, end).
template <class Visit>
void MappedFile::each_overlaid_page(std::uint64_t begin, std::uint64_t end, Visit visit) {
    end = std::min<std::uint64_t>(end, overlaid_.size() * page());
    while (begin < end) {
        const std::uint64_t page_end = std::min(end, (begin / page() + 1) * page());
        if (overlaid_[begin / page()]) visit(begin, page_end - begin);
        begin = page_end;
    }
}

inline void MappedFile::prepare_overlay(std::uint64_t offset, std::uint64_t n) {
    const std::uint64_t end = offset + n;
    if (window_.is_open()) {
        if (window_.holds(offset, n)) return;  // these are copies already
        if (detail::round_up(end, page()) > window_.shown_begin()) finish_stream();
    }
    if (end > private_end_) make_private(end);
    if (overlaid_.size() * page() < end) overlaid_.resize((end + page() - 1) / page());
    for (std::uint64_t at = offset / page(); at * page() < end; ++at) overlaid_[at] = true;
}

inline void MappedFile::make_private(std::uint64_t end) {
    if constexpr (!detail::platform::can_map_in_place) {
        private_end_ = end;
        move_view(size());
        base_.store(view_.base());
        return;
    }
    // A stretch at a time, but not the pages that are shown in a window.
    const std::uint64_t least = detail::round_up(end, page());
    std::uint64_t stretch = std::min(detail::round_up(end, detail::MappedView::huge_page), view_.mapped());
    if (window_.is_open()) stretch = std::min(stretch, window_.shown_begin());
    stretch = std::max(least, stretch);
    check(detail::platform::map_private(handle(), view_.base() + private_end_, private_end_, stretch - private_end_),
          path_, "mapping an overlay");
    private_end_ = stretch;
}

inline void MappedFile::drop_overlays() {
    if (overlaid_.empty()) return;
    if constexpr (!detail::platform::can_map_in_place) {
        overlaid_.clear();
        private_end_ = 0;
        move_view(size());
        base_.store(view_.base());
        return;
    }
    for (std::uint64_t first = 0; first < overlaid_.size(); ++first) {
        if (!overlaid_[first]) continue;
        std::uint64_t last = first;
        while (last < overlaid_.size() && overlaid_[last]) ++last;
        detail::platform::drop_private(handle(), view_.base() + first * page(), first * page(),
                                       (last - first) * page());
        first = last;
    }
    overlaid_.clear();
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
        detail::platform::lock_byte(handle(), detail::lock_byte_of(lock), detail::lock_kind_of(lock), false);
    if (detail::platform::is_contention(result)) return false;
    check(result, path_, "locking the file");
    return true;
}

inline void MappedFile::lock(Lock lock) {
    check(detail::platform::lock_byte(handle(), detail::lock_byte_of(lock), detail::lock_kind_of(lock), true), path_,
          "locking the file");
}

inline void MappedFile::unlock(Lock lock) noexcept {
    (void)detail::platform::lock_byte(handle(), detail::lock_byte_of(lock), detail::platform::LockKind::none, false);
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
