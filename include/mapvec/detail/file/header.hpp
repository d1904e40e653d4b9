// Reads the header of a file, and checks that it is the expected one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include <mapvec/detail/util/checked.hpp>
#include <mapvec/detail/util/crc32c.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/file_format.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

[[nodiscard]] inline std::uint32_t checksum_of(const FileHeader& header) noexcept {
    return detail::crc32c(&header, offsetof(FileHeader, crc));
}

[[noreturn]] inline void refuse(ErrorCode code, const std::filesystem::path& file, const std::string& problem) {
    throw Error(code, file, problem);
}

// Checks that the page is a header of a known version, and not damaged.
inline void check_soundness(const FileHeader& header, const std::filesystem::path& file) {
    if (header.magic != FileHeader{}.magic)
        refuse(ErrorCode::corrupt, file, "not a mapvec file: it does not begin with \"mapvec\\r\\n\"");
    if (header.version > format_version)
        refuse(ErrorCode::version_mismatch, file,
               mismatch("format version", "at most " + std::to_string(format_version), header.version));
    if (header.crc != checksum_of(header)) refuse(ErrorCode::corrupt, file, "the header's checksum does not hold");
    if (header.version == 0 || header.byte_order != FileHeader{}.byte_order)
        refuse(ErrorCode::corrupt, file, "the header's version or byte order cannot be");
}

// The description in a header. In a crafted header it may have no end.
[[nodiscard]] inline std::string description_of(const FileHeader& header) {
    const auto& text = header.description;
    return {text.begin(), std::find(text.begin(), text.end(), '\0')};
}

[[noreturn]] inline void refuse_fingerprint(const FileHeader& header, const ExpectedHeader& expected,
                                            const std::filesystem::path& file) {
    const char* const subject = header.kind == FileKind::vectors       ? "metric of the collection"
                                : header.kind < FileKind::hnsw_level_0 ? "type of the payloads"
                                                                       : "store and metric of the index";
    const auto shown = [](const std::string& description, std::uint64_t fingerprint) {
        return description.empty() ? "fingerprint " + std::to_string(fingerprint) : description;
    };
    std::string found = shown(description_of(header), header.fingerprint);
    if (found == expected.description) found += ", of another codec";
    refuse(ErrorCode::type_mismatch, file, mismatch(subject, shown(expected.description, expected.fingerprint), found));
}

inline void check_expectation(const FileHeader& header, const ExpectedHeader& expected,
                              const std::filesystem::path& file) {
    const auto name_of = [](std::uint32_t scalar) { return to_string(static_cast<ScalarType>(scalar)); };
    if (header.kind != expected.kind)
        refuse(ErrorCode::type_mismatch, file,
               mismatch("kind of file", to_string(expected.kind), to_string(header.kind)));
    if (header.scalar != expected.scalar)
        refuse(ErrorCode::type_mismatch, file,
               mismatch("scalar type", name_of(expected.scalar), name_of(header.scalar)));
    if (expected.dim != 0 && header.dim != expected.dim)
        refuse(ErrorCode::dimension_mismatch, file, mismatch("dimension", expected.dim, header.dim));
    if (header.fingerprint != expected.fingerprint) refuse_fingerprint(header, expected, file);
    if (header.file_count != expected.file_count || header.file_index != expected.file_index)
        refuse(ErrorCode::type_mismatch, file,
               "this is file " + std::to_string(header.file_index + 1) + " of a store of " +
                   std::to_string(header.file_count) + ", not file " + std::to_string(expected.file_index + 1) +
                   " of " + std::to_string(expected.file_count) + "; open the store it belongs to");
    const auto stride = checked_multiply(header.dim, expected.scalar_size);
    if (header.dim == 0 || !stride || header.stride != *stride)
        refuse(ErrorCode::corrupt, file, mismatch("bytes a record", stride.value_or(0), header.stride));
}

// Reads and checks the header of a file of `size` bytes. Throws corrupt, version_mismatch, type_mismatch,
// dimension_mismatch.
[[nodiscard]] inline FileHeader read_header(const std::byte* bytes, std::uint64_t size, const ExpectedHeader& expected,
                                            const std::filesystem::path& file) {
    if (size < data_offset)
        refuse(ErrorCode::corrupt, file, mismatch("file size", "at least " + std::to_string(data_offset), size));
    FileHeader header;
    std::memcpy(&header, bytes, sizeof header);
    check_soundness(header, file);
    check_expectation(header, expected, file);
    return header;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
