// The input of an import: a file, or a temporary copy of standard input ("-") or of a pipe, because the formats need
// the length of the file.
//
//     Input input("-");
//     with_name(input.path(), input.shown(), [&] { return io::import_fvecs(input.path(), store); });
#pragma once

#include <filesystem>
#include <fstream>
#include <iostream>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/error.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>
#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#endif

namespace cli {

namespace fs = std::filesystem;

// Calls `call`. In an error of `call`, replaces the name `inner` by `shown`.
template <class Call>
decltype(auto) with_name(const std::string& inner, const std::string& shown, Call&& call) {
    try {
        return std::forward<Call>(call)();
    } catch (const mapvec::Error& error) {
        std::string text = error.what();
        std::size_t at = inner == shown ? std::string::npos : text.find(inner);
        for (; at != std::string::npos; at = text.find(inner, at + shown.size())) text.replace(at, inner.size(), shown);
        throw std::runtime_error(text);
    }
}

class Input {
  public:
    explicit Input(const fs::path& file) : path_(file), shown_(file == "-" ? "standard input" : file.string()) {
        std::error_code ignored;
        const fs::file_type type = fs::status(file, ignored).type();
        if (file == "-") {
#if defined(_WIN32)
            ::_setmode(0, _O_BINARY);
#endif
            spool(std::cin);
        } else if (type == fs::file_type::fifo || type == fs::file_type::character) {
            std::ifstream pipe(file, std::ios::binary);
            spool(pipe);
        } else if (type == fs::file_type::directory) {
            throw mapvec::Error(mapvec::ErrorCode::invalid_argument, file, "expected a file, found a directory");
        }
    }
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;
    ~Input() {
        std::error_code ignored;
        if (spooled_) fs::remove(path_, ignored);
    }

    [[nodiscard]] const fs::path& path() const noexcept { return path_; }
    [[nodiscard]] const std::string& shown() const noexcept { return shown_; }

  private:
    void spool(std::istream& from) {
        path_ = fs::temp_directory_path() / ("mapvec-import-" + std::to_string(mapvec::detail::platform::process_id()) +
                                             '-' + std::to_string(std::random_device{}()));
        spooled_ = true;
        std::ofstream to(path_, std::ios::binary);
        std::vector<char> buffer(1 << 16);
        while (from.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || from.gcount() > 0)
            to.write(buffer.data(), from.gcount());
        if (from.bad() || !to.flush()) {
            std::error_code ignored;
            fs::remove(path_, ignored);
            throw mapvec::Error(mapvec::ErrorCode::io, path_.parent_path(),
                                "standard input or a pipe cannot be kept in this directory");
        }
    }

    fs::path path_;
    std::string shown_;
    bool spooled_ = false;
};

}  // namespace cli
