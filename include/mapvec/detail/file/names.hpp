// Names of files and directories: whether one exists, what it stands for, and that it is durable. An error never counts
// as "no".
#pragma once

#include <filesystem>
#include <system_error>

#include <mapvec/detail/file/system_errors.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Returns false only if the system reports that there is no such file. Throws io or read_only for other errors.
[[nodiscard]] inline bool exists(const std::filesystem::path& path) {
    bool answer = false;
    check_call(platform::exists(path, answer), path, "asking whether there is such a file");
    return answer;
}

// An absolute path without links: the process may change its directory, and links may change.
[[nodiscard]] inline std::filesystem::path resolved(const std::filesystem::path& path) {
    std::error_code error;
    auto target = std::filesystem::canonical(path, error);
    if (error) target = std::filesystem::weakly_canonical(path, error);  // the file does not exist yet
    if (!error && !target.is_absolute()) target = std::filesystem::absolute(target, error);
    check_call(error.value(), path, "resolving the path");
    return target;
}

// Makes the names in the directory of `path` durable. Throws SyncError only if the sync itself failed: if a directory
// cannot be opened, the caller may try again.
inline void sync_directory_of(const std::filesystem::path& path) {
    bool begun = false;
    const int number = platform::sync_directory_of(path, begun);
    if (number == 0) return;
    const Error error = platform::system_error(number, path, "making the name durable");
    if (begun) throw SyncError(error);
    throw error;
}

// Creates the directory with those above it, durably. If it exists, only makes it durable.
inline void create_directory(const std::filesystem::path& path) {
    const auto parent = path.parent_path();
    if (!detail::exists(path)) {
        if (!parent.empty() && parent != path) detail::create_directory(parent);
        check_call(platform::create_directory(path), path, "creating the directory");
    } else {
        std::error_code error;
        const bool is_directory = std::filesystem::is_directory(path, error);
        check_call(error.value(), path, "looking for the directory");
        if (!is_directory) throw Error(ErrorCode::exists, path, "there is something of that name that is no directory");
    }
    // Also for an existing directory: its creator may have been killed before it was durable.
    sync_directory_of(path);
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
