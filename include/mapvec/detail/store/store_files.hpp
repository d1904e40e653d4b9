// Finds the files of a store of any type by their headers.
#pragma once

#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <mapvec/detail/commit/creation.hpp>
#include <mapvec/detail/file/header.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/mapped_file.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The expected header that matches the header of the file.
[[nodiscard]] inline ExpectedHeader own_expectation(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path, OpenMode::read_only, {.address_space = 1});
    FileHeader header;
    if (file.size() >= sizeof header) std::memcpy(&header, file.data(), sizeof header);
    ExpectedHeader expected{.kind = header.kind, .scalar = header.scalar, .dim = header.dim};
    expected.scalar_size = header.dim == 0 ? 0 : header.stride / header.dim;
    expected.fingerprint = header.fingerprint;
    expected.file_index = header.file_index;
    expected.file_count = header.file_count;
    (void)read_header(file.data(), file.size(), expected, path);
    return expected;
}

// `path` is the file of a vector or payload store, or the directory of a collection. Throws not_found, corrupt,
// version_mismatch; type_mismatch for an index, which is built again from its store.
[[nodiscard]] inline std::vector<FileSpec> files_of_store(std::filesystem::path path) {
    std::error_code not_there;
    if (std::filesystem::is_directory(path, not_there)) path /= "vectors";
    const auto offsets_of = [](std::filesystem::path payloads) { return payloads += ".offsets"; };
    const ExpectedHeader root = own_expectation(path);
    std::vector<std::filesystem::path> paths{path};
    if (root.kind == FileKind::payload_bytes) {
        paths.push_back(offsets_of(path));
    } else if (root.kind == FileKind::vectors && root.file_count > 1) {
        paths.push_back(path.parent_path() / "payloads");
        if (root.file_count == 4) paths.push_back(offsets_of(paths.back()));
        paths.push_back(path.parent_path() / "erased");
    } else if (root.kind != FileKind::vectors && root.kind != FileKind::raw_payloads) {
        throw Error(ErrorCode::type_mismatch, path,
                    "expected a store, found " + std::string(to_string(root.kind)) +
                        "; an index can be removed and built again");
    }
    if (paths.size() != root.file_count || root.file_index != 0)
        throw Error(ErrorCode::type_mismatch, path,
                    "this is file " + std::to_string(root.file_index + 1) + " of a store of " +
                        std::to_string(root.file_count) + " files; name the store that it belongs to");
    std::vector<FileSpec> specs;
    specs.reserve(paths.size());
    for (const auto& file : paths) specs.push_back({file, own_expectation(file), 0});
    return specs;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
