// Names of files: whether there is one, and that it stays. An error is never taken for "no".
#pragma once

#include <filesystem>

#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// False only if the system says that there is no such file. Throws io or read_only if it says something else.
[[nodiscard]] inline bool exists(const std::filesystem::path& path) {
    bool answer = false;
    if (const int number = platform::exists(path, answer); number != 0)
        throw platform::system_error(number, path, "asking whether there is such a file");
    return answer;
}

// Makes the names in the directory of `path` durable. Throws SyncError only if the sync itself has failed: a directory
// that cannot be opened now may be tried again.
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
