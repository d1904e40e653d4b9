// OutputFile: writes a file under a temporary name in the same directory, syncs it, and renames it. Without finish(),
// the destructor removes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <mapvec/detail/file/draft_name.hpp>
#include <mapvec/detail/file/names.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>
#include <mapvec/io/exchange.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io::detail {

namespace platform = mapvec::detail::platform;

class OutputFile {
  public:
    // Throws exists, and the errors of the system.
    OutputFile(std::filesystem::path path, IfExists if_exists) : path_(std::move(path)), if_exists_(if_exists) {
        if (if_exists_ == IfExists::refuse && mapvec::detail::exists(path_)) refuse_existing();
        if (if_exists_ == IfExists::replace) check_replaceable();
        std::uint64_t number = 0;
        check(platform::random_bytes(&number, sizeof number), "asking for random numbers");
        draft_ = mapvec::detail::draft_name(path_, std::to_string(number));
        check(platform::create_exclusively(draft_, handle_), "creating the file");
        open_ = true;
    }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile() {
        if (!draft_.empty()) discard();
    }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    void write(std::span<const std::byte> bytes) {
        check(platform::write_all(handle_, size_, bytes.data(), bytes.size()), "writing the file");
        size_ += bytes.size();
    }

    // Makes the file durable under its name. Throws exists, and the errors of the system.
    void finish() {
        check(platform::sync(handle_), "making the file durable");
        platform::close(handle_);
        open_ = false;
        give_name();
        draft_.clear();
        mapvec::detail::sync_directory_of(path_);
    }

  private:
    // Refuses a directory, a pipe or a device such as /dev/stdout, because the rename would remove it. If path_ is a
    // symbolic link, the file that it points to is replaced.
    void check_replaceable() {
        std::error_code ignored;
        const auto type = std::filesystem::status(path_, ignored).type();
        if (type != std::filesystem::file_type::regular && mapvec::detail::exists(path_))
            throw Error(ErrorCode::exists, path_, "expected a file to replace, found something else");
        if (std::filesystem::is_symlink(path_, ignored)) path_ = std::filesystem::canonical(path_);
    }
    void give_name() {
        if (if_exists_ == IfExists::refuse) {
            check(platform::rename_to_new(draft_, path_), "renaming a file to this name");
            return;
        }
        std::error_code error;
        std::filesystem::rename(draft_, path_, error);
        if (error) throw Error(ErrorCode::io, path_, "replacing the file: " + error.message());
    }
    void discard() noexcept {
        if (open_) platform::close(handle_);
        (void)platform::remove(draft_);
    }
    [[noreturn]] void refuse_existing() const { throw Error(ErrorCode::exists, path_, "there is such a file already"); }
    void check(int result, const char* doing) const {
        if (result != 0) throw platform::system_error(result, path_, doing);
    }

    std::filesystem::path path_;
    std::filesystem::path draft_;  // empty after the rename
    IfExists if_exists_;
    platform::Handle handle_{};
    bool open_ = false;
    std::uint64_t size_ = 0;
};

}  // namespace mapvec::inline v0_1::io::detail

#include <mapvec/detail/util/epilogue.inc>
