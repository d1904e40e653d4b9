// InputFile: reads a file from beginning to end. Its errors name the position in the file.
//
// Throws not_found, read_only, io; corrupt if the file ends too early.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <utility>

#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io::detail {

class InputFile {
  public:
    explicit InputFile(std::filesystem::path path) : path_(std::move(path)), size_(size_of(path_)) {
        stream_.open(path_, std::ios::binary);
        if (!stream_) throw Error(ErrorCode::io, path_, "opening the file failed");
    }

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }  // when it was opened
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    [[nodiscard]] std::uint64_t left() const noexcept { return size_ - position_; }

    // Reads bytes.size() bytes.
    void read(std::span<std::byte> bytes) {
        if (bytes.size() > left())
            corrupt(position_, mapvec::detail::mismatch("bytes that follow", bytes.size(), left()));
        stream_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        if (!stream_) throw Error(ErrorCode::io, path_, "reading failed after byte " + std::to_string(position_));
        position_ += bytes.size();
    }
    template <class Number>
    [[nodiscard]] Number read_number() {
        Number number{};
        read(std::as_writable_bytes(std::span(&number, 1)));
        return number;
    }
    // REQUIRES: position <= size().
    void seek(std::uint64_t position) {
        stream_.seekg(static_cast<std::streamoff>(position));
        position_ = position;
    }

    [[noreturn]] void corrupt(std::uint64_t at, const std::string& problem) const {
        refuse(ErrorCode::corrupt, at, problem);
    }
    [[noreturn]] void refuse(ErrorCode code, std::uint64_t at, const std::string& problem) const {
        throw Error(code, path_, "byte " + std::to_string(at) + ": " + problem);
    }

  private:
    // Opens the file with system calls, because a stream does not report why it cannot open a file.
    static std::uint64_t size_of(const std::filesystem::path& path) {
        namespace platform = mapvec::detail::platform;
        platform::Handle handle{};
        int result = platform::open_existing(path, false, handle);
        if (result != 0) throw platform::system_error(result, path, "opening the file");
        std::uint64_t size = 0;
        result = platform::file_size(handle, size);
        platform::close(handle);
        if (result != 0) throw platform::system_error(result, path, "asking for the file's size");
        return size;
    }

    std::filesystem::path path_;
    std::uint64_t size_ = 0;
    std::uint64_t position_ = 0;
    std::ifstream stream_;
};

}  // namespace mapvec::inline v0_1::io::detail

#include <mapvec/detail/util/epilogue.inc>
