// Opens files for Boost.Interprocess, which opens by name only and reports little about errors.
#pragma once

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/file_mapping.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <type_traits>

#include <mapvec/detail/file/system_errors.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

using FileMapping = boost::interprocess::file_mapping;

[[nodiscard]] inline platform::Handle handle_of(const FileMapping& mapping) noexcept {
    return mapping.get_mapping_handle().handle;
}

// Boost before 1.76 accepts narrow names only, also on Windows.
template <class Char>
[[nodiscard]] FileMapping mapping_named(const Char* name, const std::filesystem::path& path,
                                        boost::interprocess::mode_t mode) {
    if constexpr (std::is_constructible_v<FileMapping, const Char*, boost::interprocess::mode_t>)
        return FileMapping(name, mode);
    else
        return FileMapping(path.string().c_str(), mode);
}

// REQUIRES: the file can be opened.
[[nodiscard]] inline FileMapping map_by_name(const std::filesystem::path& path, OpenMode mode) {
    namespace ipc = boost::interprocess;
    for (;;) {
        try {
            const auto access = mode == OpenMode::read_write ? ipc::read_write : ipc::read_only;
            FileMapping mapping = mapping_named(path.c_str(), path, access);
            platform::close_on_exec(handle_of(mapping));
            return mapping;
        } catch (const ipc::interprocess_exception& error) {
            if (!platform::is_interruption(error.get_native_error()))
                throw platform::system_error(error.get_native_error(), path, "opening the file for mapping");
        }
    }
}

// Opens the file by a system call first, which tells why a file cannot be opened.
[[nodiscard]] inline FileMapping open_mapping(const std::filesystem::path& path, OpenMode mode) {
    platform::Handle handle{};
    check_call(platform::open_existing(path, mode == OpenMode::read_write, handle), path, "opening the file");
    std::uint64_t size = 0;
    const int result = platform::file_size(handle, size);
    platform::close(handle);
    check_call(result, path, "opening the file");
    return map_by_name(path, mode);
}

inline void write_first_page(const FileMapping& mapping, const std::filesystem::path& path,
                             std::span<const std::byte> first) {
    const auto handle = handle_of(mapping);
    check_call(platform::write_all(handle, 0, first.data(), first.size()), path, "writing the first page");
    check_call(platform::sync(handle), path, "making the first page durable");
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
