// Helpers for tests of formats: files with given bytes, and the text of an error.
#pragma once

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mapvec/error.hpp>
#include <string>
#include <utility>

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

[[nodiscard]] inline std::string read_bytes(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// The bytes of numbers, one behind the other.
template <class... Numbers>
[[nodiscard]] std::string bytes_of_all(Numbers... numbers) {
    std::string bytes;
    const auto add = [&](const auto& number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); };
    (add(numbers), ...);
    return bytes;
}

// Empty if the call succeeds.
template <class Call>
[[nodiscard]] std::string text_of_error(Call&& call) {
    try {
        (void)std::forward<Call>(call)();
    } catch (const mapvec::Error& error) {
        return error.what();
    }
    return {};
}

[[nodiscard]] inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

[[nodiscard]] inline std::size_t files_in(const std::filesystem::path& directory) {
    const std::filesystem::directory_iterator files(directory);
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}
