// Throws the errors of system calls. A call returns the number of its error, or 0.
#pragma once

#include <filesystem>
#include <string>

#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline void check_call(int number, const std::filesystem::path& file, const char* doing) {
    if (number != 0) throw platform::system_error(number, file, doing);
}

// For a file that was opened for writing. If its file system is read-only now, the system made it so after an error of
// the disk.
inline void check_write(int number, const std::filesystem::path& file, const char* doing) {
    if (number == 0) return;
    const Error error = platform::system_error(number, file, doing);
    if (error.code() != ErrorCode::read_only) throw error;
    throw Error(ErrorCode::io, file, std::string(doing) + ": the file system can only be read any more");
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
