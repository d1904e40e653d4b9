// The Windows side of platform.hpp. Operations that Windows does not have, and their replacements:
//
//   map over reserved addresses     growth maps the whole file again; old views stay (can_map_in_place)
//   cut a file that is mapped       the view is unmapped for a moment; a file that others have mapped keeps its
//                                   length (can_cut_mapped)
//   show memory in place of a file  rows are written through the handle one by one (create_shared_memory)
//   remove a file that is open      its object removes a temporary file; a crash leaves it (can_remove_open)
//   sync a directory                not needed: NTFS journals names
#pragma once

#pragma push_macro("NOMINMAX")
#pragma push_macro("WIN32_LEAN_AND_MEAN")
#undef NOMINMAX
#undef WIN32_LEAN_AND_MEAN
#define NOMINMAX
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#pragma pop_macro("NOMINMAX")
#pragma pop_macro("WIN32_LEAN_AND_MEAN")

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include <mapvec/error.hpp>
#include <mapvec/options.hpp>

extern "C" BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);  // RtlGenRandom

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail::platform {

using Handle = void*;

inline constexpr bool can_map_in_place = false;
inline constexpr bool can_cut_mapped = false;
inline constexpr bool can_remove_open = false;
inline constexpr int map_populate = 0;
inline constexpr int map_fixed = 0;

[[nodiscard]] inline int last_error() noexcept { return static_cast<int>(::GetLastError()); }

[[nodiscard]] inline Error system_error(int number, const std::filesystem::path& file, const char* doing) {
    const auto code = [&] {
        switch (static_cast<DWORD>(number)) {
            case ERROR_DISK_FULL:
            case ERROR_HANDLE_DISK_FULL:
            case ERROR_NOT_ENOUGH_MEMORY:
            case ERROR_COMMITMENT_LIMIT:
            case ERROR_FILE_TOO_LARGE: return ErrorCode::no_space;
            case ERROR_FILE_NOT_FOUND:
            case ERROR_PATH_NOT_FOUND: return ErrorCode::not_found;
            case ERROR_FILE_EXISTS:
            case ERROR_ALREADY_EXISTS: return ErrorCode::exists;
            case ERROR_WRITE_PROTECT:
            case ERROR_ACCESS_DENIED: return ErrorCode::read_only;
            default: return ErrorCode::io;
        }
    }();
    return Error(code, file, std::string(doing) + ": " + std::system_category().message(number));
}

// Offsets of mappings must be multiples of this. Pages are smaller.
[[nodiscard]] inline std::size_t page_size() noexcept {
    static const std::size_t size = [] {
        SYSTEM_INFO info{};
        ::GetSystemInfo(&info);
        return static_cast<std::size_t>(info.dwAllocationGranularity);
    }();
    return size;
}

[[nodiscard]] inline bool is_interruption(int) noexcept { return false; }  // there are no signals

// --- files ---

[[nodiscard]] inline int open_file(const std::filesystem::path& path, DWORD access, DWORD how,
                                   Handle& handle) noexcept {
    handle = ::CreateFileW(path.c_str(), access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, how,
                           FILE_ATTRIBUTE_NORMAL, nullptr);
    return handle == INVALID_HANDLE_VALUE ? last_error() : 0;
}
[[nodiscard]] inline int create_exclusively(const std::filesystem::path& path, Handle& handle) noexcept {
    return open_file(path, GENERIC_READ | GENERIC_WRITE, CREATE_NEW, handle);
}
[[nodiscard]] inline int open_existing(const std::filesystem::path& path, bool writing, Handle& handle) noexcept {
    return open_file(path, GENERIC_READ | (writing ? GENERIC_WRITE : 0), OPEN_EXISTING, handle);
}

inline void close(Handle handle) noexcept { ::CloseHandle(handle); }
inline void close_on_exec(Handle handle) noexcept { ::SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0); }

[[nodiscard]] inline int file_size(Handle handle, std::uint64_t& size) noexcept {
    LARGE_INTEGER found{};
    if (!::GetFileSizeEx(handle, &found)) return last_error();
    size = static_cast<std::uint64_t>(found.QuadPart);
    return 0;
}

// The errors that mean that a file does not exist. Other errors do not tell.
[[nodiscard]] inline bool means_absent(int number) noexcept {
    return number == static_cast<int>(ERROR_FILE_NOT_FOUND) || number == static_cast<int>(ERROR_PATH_NOT_FOUND);
}

// Sets `answer`: whether the path leads to the file of the handle. Returns an error number if that is unknown.
[[nodiscard]] inline int leads_to(const std::filesystem::path& path, Handle handle, bool& answer) noexcept {
    Handle other{};
    answer = false;
    if (const int number = open_file(path, 0, OPEN_EXISTING, other); number != 0)
        return means_absent(number) ? 0 : number;
    BY_HANDLE_FILE_INFORMATION named{}, open{};
    const bool known = ::GetFileInformationByHandle(other, &named) && ::GetFileInformationByHandle(handle, &open);
    const int number = known ? 0 : last_error();
    close(other);
    // Wine reports the serial number 0 for an open file that was renamed.
    const bool same_volume = named.dwVolumeSerialNumber == open.dwVolumeSerialNumber ||
                             named.dwVolumeSerialNumber == 0 || open.dwVolumeSerialNumber == 0;
    answer = known && same_volume && named.nFileIndexHigh == open.nFileIndexHigh &&
             named.nFileIndexLow == open.nFileIndexLow;
    return number;
}

// Allocates disk space for the new bytes: files are sparse only on request.
[[nodiscard]] inline int resize(Handle handle, std::uint64_t size) noexcept {
    if (size > static_cast<std::uint64_t>(INT64_MAX)) return static_cast<int>(ERROR_FILE_TOO_LARGE);
    FILE_END_OF_FILE_INFO end{};
    end.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
    return ::SetFileInformationByHandle(handle, FileEndOfFileInfo, &end, sizeof end) ? 0 : last_error();
}
[[nodiscard]] inline int allocate(Handle, std::uint64_t, std::uint64_t) noexcept { return 0; }

[[nodiscard]] inline int write_all(Handle handle, std::uint64_t offset, const void* bytes, std::size_t n) noexcept {
    const char* next = static_cast<const char*>(bytes);
    while (n > 0) {
        OVERLAPPED at{};
        at.Offset = static_cast<DWORD>(offset);
        at.OffsetHigh = static_cast<DWORD>(offset >> 32);
        const auto piece = static_cast<DWORD>(std::min<std::size_t>(n, std::size_t{1} << 30));
        DWORD written = 0;
        if (!::WriteFile(handle, next, piece, &written, &at)) return last_error();
        if (written == 0) return static_cast<int>(ERROR_DISK_FULL);
        next += written;
        offset += written;
        n -= written;
    }
    return 0;
}

inline void start_sync(Handle, std::uint64_t, std::uint64_t) noexcept {}
[[nodiscard]] inline int sync(Handle handle) noexcept { return ::FlushFileBuffers(handle) ? 0 : last_error(); }
// Only asked where can_map_in_place.
[[nodiscard]] inline int read_at(Handle, std::uint64_t, void*, std::size_t&) noexcept {
    return static_cast<int>(ERROR_NOT_SUPPORTED);
}
[[nodiscard]] inline int sync_directory_of(const std::filesystem::path&, bool& begun) noexcept {
    begun = false;
    return 0;
}

[[nodiscard]] inline int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) noexcept {
    return ::MoveFileExW(from.c_str(), to.c_str(), MOVEFILE_WRITE_THROUGH) ? 0 : last_error();
}
[[nodiscard]] inline int remove(const std::filesystem::path& path) noexcept {
    if (::DeleteFileW(path.c_str())) return 0;
    const int number = last_error();
    return means_absent(number) ? 0 : number;
}
[[nodiscard]] inline int create_directory(const std::filesystem::path& path) noexcept {
    if (::CreateDirectoryW(path.c_str(), nullptr)) return 0;
    const int number = last_error();
    return number == static_cast<int>(ERROR_ALREADY_EXISTS) ? 0 : number;
}
[[nodiscard]] inline int exists(const std::filesystem::path& path, bool& answer) noexcept {
    answer = ::GetFileAttributesW(path.c_str()) != INVALID_FILE_ATTRIBUTES;
    const int number = answer ? 0 : last_error();
    return means_absent(number) ? 0 : number;
}

[[nodiscard]] inline std::string path_of_handle(Handle) { return {}; }
[[nodiscard]] inline int create_nameless(const std::filesystem::path&, Handle&) noexcept {
    return static_cast<int>(ERROR_NOT_SUPPORTED);
}

[[nodiscard]] inline int random_bytes(void* bytes, std::size_t n) noexcept {
    return ::SystemFunction036(bytes, static_cast<ULONG>(n)) ? 0 : static_cast<int>(ERROR_GEN_FAILURE);
}
[[nodiscard]] inline std::uint64_t process_id() noexcept { return ::GetCurrentProcessId(); }

// --- locks: of the handle, on a byte far behind all data ---

enum class LockKind { exclusive, shared, none };

[[nodiscard]] inline int lock_byte(Handle handle, unsigned which, LockKind kind, bool wait) noexcept {
    OVERLAPPED at{};
    at.Offset = which;
    at.OffsetHigh = DWORD{1} << 30;
    if (kind == LockKind::none) return ::UnlockFileEx(handle, 0, 1, 0, &at) ? 0 : last_error();
    const DWORD flags = (kind == LockKind::exclusive ? DWORD{LOCKFILE_EXCLUSIVE_LOCK} : DWORD{0}) |
                        (wait ? DWORD{0} : DWORD{LOCKFILE_FAIL_IMMEDIATELY});
    return ::LockFileEx(handle, flags, 0, 1, 0, &at) ? 0 : last_error();
}
[[nodiscard]] inline bool is_contention(int number) noexcept {
    return number == static_cast<int>(ERROR_LOCK_VIOLATION) || number == static_cast<int>(ERROR_IO_PENDING);
}

// --- addresses: see can_map_in_place ---

inline void release_addresses(std::byte*, std::size_t) noexcept {}
[[nodiscard]] inline std::byte* reserve_addresses(std::size_t, std::size_t) noexcept { return nullptr; }
[[nodiscard]] inline std::byte* create_shared_memory(std::size_t) noexcept { return nullptr; }
[[nodiscard]] inline int show_memory(std::byte*, std::size_t, std::byte*) noexcept {
    return static_cast<int>(ERROR_NOT_SUPPORTED);
}
[[nodiscard]] inline int show_file(Handle, std::uint64_t, std::size_t, std::byte*, int) noexcept {
    return static_cast<int>(ERROR_NOT_SUPPORTED);
}
[[nodiscard]] inline int map_private(Handle, std::byte*, std::uint64_t, std::size_t) noexcept {
    return static_cast<int>(ERROR_NOT_SUPPORTED);
}
inline void drop_private(Handle, std::byte*, std::uint64_t, std::size_t) noexcept {}
inline void advise(const void*, std::size_t, Access) noexcept {}
inline void request(const void*, std::size_t) noexcept {}
inline void advise_huge_pages(std::byte*, std::size_t) noexcept {}

}  // namespace mapvec::inline v0_1::detail::platform

#include <mapvec/detail/util/epilogue.inc>
