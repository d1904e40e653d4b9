// New files, before they have a name of their own: a draft, and a temporary file.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <mapvec/detail/file/draft_name.hpp>
#include <mapvec/detail/file/file_mapping.hpp>
#include <mapvec/detail/file/names.hpp>
#include <mapvec/detail/file/system_errors.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Removes a file when it is destroyed, for systems that cannot remove an open file.
class RemoveAtEnd {
  public:
    RemoveAtEnd() = default;
    explicit RemoveAtEnd(std::filesystem::path path) : path_(std::move(path)) {}
    RemoveAtEnd(RemoveAtEnd&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    RemoveAtEnd& operator=(RemoveAtEnd&& other) noexcept {
        path_.swap(other.path_);
        return *this;
    }
    ~RemoveAtEnd() {
        if (!path_.empty()) (void)platform::remove(path_);
    }

  private:
    std::filesystem::path path_;
};

// A name in the directory of `path` that no file has.
[[nodiscard]] inline std::filesystem::path unused_draft_name(const std::filesystem::path& path) {
    static std::atomic<unsigned> counter{0};
    const std::string process = std::to_string(platform::process_id()) + "-";
    for (;;) {
        auto name = draft_name(path, process + std::to_string(++counter));
        if (!detail::exists(name)) return name;
    }
}

// Creates an empty file of this name. Throws exists.
inline void create_empty(const std::filesystem::path& name, const std::filesystem::path& shown, const char* doing) {
    platform::Handle handle{};
    check_call(platform::create_exclusively(name, handle), shown, doing);
    platform::close(handle);
}

struct TemporaryFile {
    RemoveAtEnd removal;  // first member, so that it is destroyed after the mapping
    FileMapping mapping;
};

[[nodiscard]] inline std::filesystem::path temporary_directory() {
    std::error_code error;
    auto directory = std::filesystem::temp_directory_path(error);
    if (error) throw Error(ErrorCode::io, "the system's directory for temporary files: " + error.message());
    return directory;
}

// Creates a file without a name, or one whose name is removed again.
[[nodiscard]] inline TemporaryFile create_temporary_file() {
    const auto directory = temporary_directory();
    platform::Handle handle{};
    if (platform::create_nameless(directory, handle) == 0) {
        const std::filesystem::path name = platform::path_of_handle(handle);
        struct Closer {
            platform::Handle handle;
            ~Closer() { platform::close(handle); }
        } closer{handle};
        if (detail::exists(name)) return {{}, map_by_name(name, OpenMode::read_write)};
    }
    const auto name = unused_draft_name(directory / "mapvec");
    create_empty(name, name, "creating a temporary file");
    FileMapping mapping = map_by_name(name, OpenMode::read_write);
    if (!platform::can_remove_open) return {RemoveAtEnd(name), std::move(mapping)};
    (void)platform::remove(name);
    return {{}, std::move(mapping)};
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
