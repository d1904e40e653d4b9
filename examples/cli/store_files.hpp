// Finds the files of a store of any kind, in the directory of its root, by their headers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mapvec/detail/collection/files.hpp>
#include <mapvec/detail/file/header.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace cli {

namespace fs = std::filesystem;

// The first file of a store. Throws not_found, invalid_argument.
[[nodiscard]] inline fs::path root_of(const fs::path& path) {
    const fs::file_type type = fs::status(path).type();
    if (type == fs::file_type::directory) {
        // The files of a compacted collection may be in a subdirectory; in both places only after a crash.
        const auto rewrites = mapvec::detail::current_rewrites<mapvec::MappedFile>(path);
        const fs::path root = mapvec::detail::collection_place(path, rewrites) / "vectors";
        if (fs::exists(root)) return root;
        throw mapvec::Error(mapvec::ErrorCode::not_found, path,
                            "a directory, but not of a collection: there is no file \"vectors\" in it");
    }
    if (type != fs::file_type::regular && type != fs::file_type::not_found)
        throw mapvec::Error(mapvec::ErrorCode::invalid_argument, path, "expected a store, found no file of data");
    return path;
}

// The bytes before the first record, with zeros if the file is shorter. Empty if the file cannot be read.
[[nodiscard]] inline std::vector<std::byte> read_first_page(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return {};
    std::vector<std::byte> page(static_cast<std::size_t>(mapvec::data_offset));
    stream.read(reinterpret_cast<char*>(page.data()), static_cast<std::streamsize>(page.size()));
    return page;
}

[[nodiscard]] inline mapvec::FileHeader header_in(const std::vector<std::byte>& page) {
    mapvec::FileHeader header;
    std::memcpy(&header, page.data(), std::min(page.size(), sizeof header));
    return header;
}

[[nodiscard]] inline bool is_whole(const mapvec::FileHeader& header) {
    return header.magic == mapvec::FileHeader{}.magic && header.crc == mapvec::detail::checksum_of(header);
}

// Files that may belong to the store of this root, by their names, without journals.
[[nodiscard]] inline std::vector<fs::path> siblings_of(const fs::path& root) {
    std::vector<fs::path> siblings;
    const bool in_directory = root.filename() == "vectors";
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root.has_parent_path() ? root.parent_path() : ".", ignored)) {
        const fs::path name = entry.path().filename();
        if (!in_directory && name.string().rfind(root.filename().string() + '.', 0) != 0) continue;
        const bool journal = name.extension() == ".journal0" || name.extension() == ".journal1";
        if (!journal && name != root.filename() && entry.is_regular_file(ignored))
            siblings.push_back(root.parent_path() / name);
    }
    std::sort(siblings.begin(), siblings.end());
    return siblings;
}

// One entry for each file that the header of the root counts; nothing for a missing file.
[[nodiscard]] inline std::vector<std::optional<fs::path>> files_of(const fs::path& root,
                                                                   const mapvec::FileHeader& header) {
    constexpr std::uint32_t max_files = 64;
    std::vector<std::optional<fs::path>> files(is_whole(header) ? std::clamp(header.file_count, 1u, max_files) : 1);
    files[0] = root;
    if (files.size() == 1) return files;
    for (const fs::path& sibling : siblings_of(root)) {
        const auto page = read_first_page(sibling);
        if (page.empty()) continue;
        const mapvec::FileHeader found = header_in(page);
        if (!is_whole(found) || found.store_id != header.store_id || found.file_index == 0) continue;
        if (found.file_index >= files.size()) continue;
        auto& file = files[found.file_index];  // a copy of the store has a longer name
        if (!file || sibling.native().size() < file->native().size()) file = sibling;
    }
    return files;
}

// The expected header that matches the given one, of any kind.
[[nodiscard]] inline mapvec::ExpectedHeader expectation(const mapvec::FileHeader& header) {
    return {.kind = header.kind,
            .scalar = header.scalar,
            .dim = header.dim,
            .scalar_size = header.dim == 0 ? 0 : header.stride / header.dim,
            .fingerprint = header.fingerprint,
            .file_index = header.file_index,
            .file_count = header.file_count,
            .description = mapvec::detail::description_of(header)};
}

// Throws not_found, corrupt, version_mismatch.
[[nodiscard]] inline mapvec::FileHeader read_own_header(const fs::path& file) {
    const auto mapped = mapvec::MappedFile::open(file, mapvec::OpenMode::read_only, {.address_space = 1});
    mapvec::FileHeader header;
    if (mapped.size() >= sizeof header) std::memcpy(&header, mapped.data(), sizeof header);
    (void)mapvec::detail::read_header(mapped.data(), mapped.size(), expectation(header), file);
    return header;
}

// What the files of a store say that they are. Throws corrupt if one is missing.
[[nodiscard]] inline std::vector<mapvec::FileSpec> specs_of(const fs::path& root, const mapvec::FileHeader& header) {
    std::vector<mapvec::FileSpec> specs;
    for (const auto& file : files_of(root, header)) {
        if (!file)
            throw mapvec::Error(mapvec::ErrorCode::corrupt, root,
                                "file " + std::to_string(specs.size() + 1) + " of its " +
                                    std::to_string(header.file_count) + " is missing, or its header is damaged");
        specs.push_back({*file, expectation(read_own_header(*file)), 0});
    }
    return specs;
}

}  // namespace cli
