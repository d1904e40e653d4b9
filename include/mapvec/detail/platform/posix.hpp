// The POSIX side of platform.hpp, for Linux and macOS.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include <mapvec/detail/platform/thread_sanitizer.hpp>
#include <mapvec/error.hpp>
#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail::platform {

using Handle = int;

inline constexpr bool can_map_in_place = true;  // a mapping can replace reserved or mapped addresses
inline constexpr bool can_cut_mapped = true;    // a mapped file can be truncated
inline constexpr bool can_remove_open = true;   // an open file can be removed

#if defined(MAP_POPULATE)
inline constexpr int map_populate = MAP_POPULATE;
#else
inline constexpr int map_populate = 0;
#endif
inline constexpr int map_fixed = MAP_FIXED;
#if defined(F_OFD_SETLK)
inline constexpr int set_lock = F_OFD_SETLK;
inline constexpr int set_lock_and_wait = F_OFD_SETLKW;
#else  // macOS: in the kernel since 10.15, in the public headers since later
inline constexpr int set_lock = 90;
inline constexpr int set_lock_and_wait = 91;
#endif

[[nodiscard]] inline Error system_error(int number, const std::filesystem::path& file, const char* doing) {
    const auto code = [&] {
        switch (number) {
            case ENOSPC:
            case EDQUOT:
            case EFBIG:
            case ENOMEM: return ErrorCode::no_space;
            case ENOENT:
            case ENOTDIR: return ErrorCode::not_found;
            case EEXIST: return ErrorCode::exists;
            case EROFS:
            case EACCES:
            case EPERM: return ErrorCode::read_only;
            default: return ErrorCode::io;
        }
    }();
    return Error(code, file, std::string(doing) + ": " + std::strerror(number));
}

[[nodiscard]] inline std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

// Repeats a system call while a signal interrupts it. `call` returns -1 if it fails.
template <class Call>
[[nodiscard]] auto uninterrupted(Call call) noexcept {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

[[nodiscard]] inline bool is_interruption(int number) noexcept { return number == EINTR; }

// --- files ---

[[nodiscard]] inline int open_file(const char* path, int flags, mode_t mode, Handle& handle) noexcept {
    handle = uninterrupted([&] { return ::open(path, flags | O_CLOEXEC, mode); });
    return handle < 0 ? errno : 0;
}

// A write beyond RLIMIT_FSIZE would kill the process with SIGXFSZ, so it is not attempted.
[[nodiscard]] inline bool within_file_size_limit(std::uint64_t size) noexcept {
    rlimit limit{};
    return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

[[nodiscard]] inline int create_exclusively(const std::filesystem::path& path, Handle& handle) noexcept {
    return open_file(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0666, handle);
}

// O_NONBLOCK: opening a FIFO must not wait for its other end. It has no effect on regular files.
[[nodiscard]] inline int open_existing(const std::filesystem::path& path, bool writing, Handle& handle) noexcept {
    return open_file(path.c_str(), (writing ? O_RDWR : O_RDONLY) | O_NONBLOCK, 0, handle);
}

inline void close(Handle handle) noexcept { ::close(handle); }

// Handles that Boost opened must not be inherited by programs that this process starts.
inline void close_on_exec(Handle handle) noexcept { ::fcntl(handle, F_SETFD, FD_CLOEXEC); }

[[nodiscard]] inline int file_size(Handle handle, std::uint64_t& size) noexcept {
    struct stat status {};
    if (::fstat(handle, &status) != 0) return errno;
    if (!S_ISREG(status.st_mode)) return S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    size = static_cast<std::uint64_t>(status.st_size);
    return 0;
}

// The errors that mean that a file does not exist. Other errors do not tell.
[[nodiscard]] inline bool means_absent(int number) noexcept { return number == ENOENT || number == ENOTDIR; }

// Sets `answer`: whether the path leads to the file of the handle. Returns an error number if that is unknown.
[[nodiscard]] inline int leads_to(const std::filesystem::path& path, Handle handle, bool& answer) noexcept {
    struct stat named {
    }, open{};
    answer = false;
    if (uninterrupted([&] { return ::stat(path.c_str(), &named); }) != 0) return means_absent(errno) ? 0 : errno;
    if (::fstat(handle, &open) != 0) return errno;
    answer = named.st_dev == open.st_dev && named.st_ino == open.st_ino;
    return 0;
}

// Reads at most `n` bytes, fewer at the end of the file. Sets `n` to the number.
[[nodiscard]] inline int read_at(Handle handle, std::uint64_t offset, void* bytes, std::size_t& n) noexcept {
    ssize_t got = 0;
    do got = ::pread(handle, bytes, n, static_cast<off_t>(offset));
    while (got < 0 && errno == EINTR);
    n = got < 0 ? 0 : static_cast<std::size_t>(got);
    return got < 0 ? errno : 0;
}

[[nodiscard]] inline int resize(Handle handle, std::uint64_t size) noexcept {
    if (!within_file_size_limit(size)) return EFBIG;
    if (size > static_cast<std::uint64_t>(INT64_MAX)) return EFBIG;
    return uninterrupted([&] { return ::ftruncate(handle, static_cast<off_t>(size)); }) == 0 ? 0 : errno;
}

// Allocates blocks for the range. If a file system cannot (EOPNOTSUPP), a write reports a full disk instead. On tmpfs
// an interrupted call begins again, and the next signal may come before it ends: so after each interruption the call
// gets a shorter range.
[[nodiscard]] inline int allocate([[maybe_unused]] Handle handle, [[maybe_unused]] std::uint64_t offset,
                                  [[maybe_unused]] std::uint64_t length) noexcept {
#if defined(__linux__)
    constexpr std::uint64_t min_piece = 1 << 20;
    for (std::uint64_t piece = length; length > 0;) {
        const std::uint64_t n = piece < length ? piece : length;
        if (::fallocate(handle, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(n)) == 0) {
            offset += n;
            length -= n;
        } else if (errno == EINTR) {
            piece = n / 2 < min_piece ? min_piece : n / 2;
        } else {
            return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;
        }
    }
    return 0;
#else
    return 0;
#endif
}

[[nodiscard]] inline int write_all(Handle handle, std::uint64_t offset, const void* bytes, std::size_t n) noexcept {
    if (!within_file_size_limit(offset + n)) return EFBIG;
    const char* next = static_cast<const char*>(bytes);
    while (n > 0) {
        const ssize_t written = uninterrupted([&] { return ::pwrite(handle, next, n, static_cast<off_t>(offset)); });
        if (written < 0) return errno;
        if (written == 0) return ENOSPC;
        next += written;
        offset += static_cast<std::uint64_t>(written);
        n -= static_cast<std::size_t>(written);
    }
    return 0;
}

// Starts writing dirty pages on Linux. Does nothing on other systems.
inline void start_sync([[maybe_unused]] Handle handle, [[maybe_unused]] std::uint64_t offset,
                       [[maybe_unused]] std::uint64_t n) noexcept {
#if defined(__linux__)
    (void)::sync_file_range(handle, static_cast<off_t>(offset), static_cast<off_t>(n), SYNC_FILE_RANGE_WRITE);
#endif
}
[[nodiscard]] inline int sync(Handle handle) noexcept {
#if defined(__APPLE__)
    // fsync() on macOS does not flush the cache of the drive.
    return uninterrupted([&] { return ::fcntl(handle, F_FULLFSYNC); }) == 0 ? 0 : errno;
#else
    return uninterrupted([&] { return ::fdatasync(handle); }) == 0 ? 0 : errno;
#endif
}

// Makes the directory entries beside `file` durable. Sets `begun` before the sync itself, so that the caller knows
// whether the sync failed.
[[nodiscard]] inline int sync_directory_of(const std::filesystem::path& file, bool& begun) noexcept {
    begun = false;
    try {
        const auto parent = file.parent_path();
        Handle handle{};
        const int opened = open_file(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY, 0, handle);
        if (opened != 0) return opened;
        begun = true;
        const int result = uninterrupted([&] { return ::fsync(handle); }) == 0 || errno == EINVAL ? 0 : errno;
        ::close(handle);
        return result;
    } catch (...) {
        return ENOMEM;
    }
}

// Renames atomically. Fails with EEXIST if `to` exists.
[[nodiscard]] inline int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) noexcept {
#if defined(__linux__) && defined(RENAME_NOREPLACE)
    const auto rename = [&] { return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE); };
    if (uninterrupted(rename) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
#endif
    if (uninterrupted([&] { return ::link(from.c_str(), to.c_str()); }) != 0) return errno;
    (void)uninterrupted([&] { return ::unlink(from.c_str()); });
    return 0;
}

[[nodiscard]] inline int remove(const std::filesystem::path& path) noexcept {
    return uninterrupted([&] { return ::unlink(path.c_str()); }) == 0 || means_absent(errno) ? 0 : errno;
}

[[nodiscard]] inline int create_directory(const std::filesystem::path& path) noexcept {
    return uninterrupted([&] { return ::mkdir(path.c_str(), 0777); }) == 0 || errno == EEXIST ? 0 : errno;
}

[[nodiscard]] inline int exists(const std::filesystem::path& path, bool& answer) noexcept {
    struct stat status {};
    answer = uninterrupted([&] { return ::lstat(path.c_str(), &status); }) == 0;
    return answer || means_absent(errno) ? 0 : errno;
}

// A path that opens the file of the handle again, for a file without a name.
[[nodiscard]] inline std::string path_of_handle(Handle handle) { return "/proc/self/fd/" + std::to_string(handle); }

// Creates a file without a name, if the system supports it; otherwise an error.
[[nodiscard]] inline int create_nameless([[maybe_unused]] const std::filesystem::path& directory,
                                         Handle& handle) noexcept {
#if defined(O_TMPFILE)
    return open_file(directory.c_str(), O_RDWR | O_TMPFILE, 0600, handle);
#else
    handle = -1;
    return EOPNOTSUPP;
#endif
}

// Random bytes from the system. REQUIRES: n <= 256.
[[nodiscard]] inline int random_bytes(void* bytes, std::size_t n) noexcept {
    return ::getentropy(bytes, n) == 0 ? 0 : errno;
}

[[nodiscard]] inline std::uint64_t process_id() noexcept { return static_cast<std::uint64_t>(::getpid()); }

// --- locks: of the open file description, on a byte far behind all data ---

enum class LockKind { exclusive, shared, none };

[[nodiscard]] inline int lock_byte(Handle handle, unsigned which, LockKind kind, bool wait) noexcept {
    struct flock lock {};
    lock.l_type = kind == LockKind::exclusive ? F_WRLCK : kind == LockKind::shared ? F_RDLCK : F_UNLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>((std::uint64_t{1} << 62) + which);
    lock.l_len = 1;
    return uninterrupted([&] { return ::fcntl(handle, wait ? set_lock_and_wait : set_lock, &lock); }) == 0 ? 0 : errno;
}

[[nodiscard]] inline bool is_contention(int number) noexcept { return number == EAGAIN || number == EACCES; }

// --- addresses ---

inline void release_addresses(std::byte* base, std::size_t n) noexcept {
    if (n > 0) ::munmap(base, n);
}

// Reserves `n` bytes of addresses, without access; null if so many are not available. They are aligned like a huge
// page, so that file offsets and addresses agree, and large folios can be mapped as a whole.
[[nodiscard]] inline std::byte* reserve_addresses(std::size_t n, std::size_t alignment) noexcept {
    if (n > SIZE_MAX - alignment) return nullptr;
    void* found = ::mmap(nullptr, n + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) return nullptr;
    auto* const first = static_cast<std::byte*>(found);
    const auto misaligned = reinterpret_cast<std::uintptr_t>(first) % alignment;
    const std::size_t skip = misaligned == 0 ? 0 : alignment - misaligned;
    release_addresses(first, skip);
    release_addresses(first + skip + n, alignment - skip);
    return first + skip;
}

// Memory that show_memory() can show at a second address; null where there is no such thing. Its pages are taken when
// they are written to, but promised now: without MAP_NORESERVE, so that they cannot be refused then (SIGBUS).
[[nodiscard]] inline std::byte* create_shared_memory([[maybe_unused]] std::size_t n) noexcept {
#if defined(__linux__)
    void* memory = ::mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
#else
    return nullptr;
#endif
}

// Shows shared memory at [at, at + n), in place of what is mapped there.
[[nodiscard]] inline int show_memory([[maybe_unused]] std::byte* memory, [[maybe_unused]] std::size_t n,
                                     [[maybe_unused]] std::byte* at) noexcept {
#if defined(__linux__)
    // An old size of 0 leaves the first mapping where it is and makes a second one of the same pages.
    return ::mremap(memory, 0, n, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED ? errno : 0;
#else
    return ENOTSUP;
#endif
}

// Maps pages of the file at [at, at + n), in place of pages with the same bytes, which other threads may be reading.
[[nodiscard]] inline int map_in_place(Handle handle, std::uint64_t offset, std::size_t n, std::byte* at, int protection,
                                      int flags) noexcept {
    const HiddenFromThreadSanitizer same_bytes;
    void* mapped = ::mmap(at, n, protection, MAP_FIXED | flags, handle, static_cast<off_t>(offset));
    return mapped == MAP_FAILED ? errno : 0;
}

// Shows pages of the file at [at, at + n), in place of what is mapped there.
[[nodiscard]] inline int show_file(Handle handle, std::uint64_t offset, std::size_t n, std::byte* at,
                                   int flags) noexcept {
    return map_in_place(handle, offset, n, at, PROT_READ, MAP_SHARED | flags);
}

// Replaces the mapping of [base, base + n) by private pages of the file. The contents do not change at any moment, but
// writes then stay in memory.
[[nodiscard]] inline int map_private(Handle handle, std::byte* base, std::uint64_t offset, std::size_t n) noexcept {
    const int error = map_in_place(handle, offset, n, base, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
    if (error != 0) return error;
#if defined(__linux__)
    // After mlockall(MCL_FUTURE) all these pages are copies already, and would not show later writes to the file.
    if (::madvise(base, n, MADV_DONTNEED) != 0 && ::munlock(base, n) == 0) (void)::madvise(base, n, MADV_DONTNEED);
#endif
    return 0;
}

// Discards the writes to private pages in [base, base + n): they show the file again.
inline void drop_private(Handle handle, std::byte* base, std::uint64_t offset, std::size_t n) noexcept {
#if defined(__linux__)
    if (::madvise(base, n, MADV_DONTNEED) == 0) return;  // this fails for pages that are locked in memory
#endif
    (void)map_private(handle, base, offset, n);
}

// For the pages that hold these bytes.
inline void advise_pages(const void* at, std::size_t n, int advice) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(at), before = address % page_size();
    ::madvise(reinterpret_cast<void*>(address - before), n + before, advice);
}

// How these bytes will be read.
inline void advise(const void* at, std::size_t n, Access access) noexcept {
    const int advice = access == Access::random       ? MADV_RANDOM
                       : access == Access::sequential ? MADV_SEQUENTIAL
                                                      : MADV_NORMAL;
    advise_pages(at, n, advice);
}

// Asks the disk for these bytes and does not wait: several calls are served at the same time.
inline void request(const void* at, std::size_t n) noexcept { advise_pages(at, n, MADV_WILLNEED); }

inline void advise_huge_pages([[maybe_unused]] std::byte* base, [[maybe_unused]] std::size_t n) noexcept {
#if defined(MADV_HUGEPAGE)
    ::madvise(base, n, MADV_HUGEPAGE);
#endif
}

}  // namespace mapvec::inline v0_1::detail::platform

#include <mapvec/detail/util/epilogue.inc>
