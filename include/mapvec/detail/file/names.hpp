// Names of files: whether a file exists, and that its name is durable. An error never counts as "no".
#pragma once

#include <filesystem>

#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Returns false only if the system reports that there is no such file. Throws io or read_only for other errors.
[[nodiscard]] inline bool exists(const std::filesystem::path& path) {
    bool answer = false;
    if (const int number = platform::exists(path, answer); number != 0)
        throw platform::system_error(number, path, "asking whether there is such a file");
    return answer;
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

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
