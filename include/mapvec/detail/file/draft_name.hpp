// The temporary name of a file until it is complete and gets its own name.
#pragma once

#include <filesystem>
#include <string>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// A name in the directory of `path`. It does not contain a long file name, because a name has at most 255 characters
// and stores append suffixes.
[[nodiscard]] inline std::filesystem::path draft_name(const std::filesystem::path& path, const std::string& unique) {
    const std::size_t max_repeated = 200;
    std::filesystem::path name = path.filename();
    if (name.native().size() > max_repeated) name = "mapvec";
    name += ".new-" + unique;
    return path.parent_path() / name;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
