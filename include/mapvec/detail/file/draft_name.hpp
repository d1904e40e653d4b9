// What a file is called until it is whole and takes the name that was asked for.
#pragma once

#include <filesystem>
#include <string>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// A name beside `path`. A long one is not repeated in it: a name has 255 characters at most, and stores add theirs.
[[nodiscard]] inline std::filesystem::path draft_name(const std::filesystem::path& path, const std::string& unique) {
    const std::size_t max_repeated = 200;
    std::filesystem::path name = path.filename();
    if (name.native().size() > max_repeated) name = "mapvec";
    name += ".new-" + unique;
    return path.parent_path() / name;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
