// Helpers for many tests: a temporary directory, copies of files, and the code of an error.
#pragma once

#include <atomic>
#include <filesystem>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>
#include <optional>
#include <string>
#include <utility>

// A new directory; the destructor removes it.
class ScratchDirectory {
  public:
    ScratchDirectory() {
        static std::atomic<unsigned> counter{0};
        path_ =
            std::filesystem::temp_directory_path() /
            ("mapvec-test-" + std::to_string(mapvec::detail::platform::process_id()) + "-" + std::to_string(++counter));
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    ~ScratchDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

// Makes the files in `to` whose names begin with `prefix` copies of those in `from`.
inline void copy_files(const std::filesystem::path& from, const std::filesystem::path& to, const std::string& prefix) {
    namespace fs = std::filesystem;
    const auto each_file = [&](const fs::path& directory, auto call) {
        for (const auto& entry : fs::directory_iterator(directory))
            if (entry.is_regular_file() && entry.path().filename().string().starts_with(prefix)) call(entry.path());
    };
    fs::create_directories(to);
    each_file(to, [](const fs::path& file) { fs::remove(file); });
    each_file(from, [&](const fs::path& file) { fs::copy(file, to / file.filename()); });
}

// The code of the error; nothing if the call succeeds.
template <class Call>
[[nodiscard]] std::optional<mapvec::ErrorCode> code_of(Call&& call) {
    try {
        (void)std::forward<Call>(call)();
    } catch (const mapvec::Error& error) {
        return error.code();
    }
    return std::nullopt;
}
