// .fvecs, .bvecs, .ivecs: the formats of the TEXMEX corpora (SIFT1M, GIST1M, …).
//
//     const auto shape = mapvec::io::fvecs_shape("sift.fvecs");
//     auto store = mapvec::MmapVectorStore<>::create("sift.vec", {.dim = shape.dim});
//     mapvec::io::import_fvecs("sift.fvecs", store);
//     store.commit();
//     mapvec::io::export_bvecs(store, "sift.bvecs");          // if all values are integers from 0 to 255
//
// The format, all little-endian: for each row
//
//     offset  size   what
//          0  4      dim, an int32, the same for all rows
//          4  …      dim scalars: float32 (.fvecs), uint8 (.bvecs) or int32 (.ivecs)
//
// An empty file has no rows and no dim. exchange.hpp describes imports and exports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <mapvec/error.hpp>
#include <mapvec/io/detail/input_file.hpp>
#include <mapvec/io/detail/output_file.hpp>
#include <mapvec/io/detail/rows.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/storage/file_format.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io {

namespace detail {

inline constexpr std::size_t vecs_prefix = sizeof(std::int32_t);

// Reads the dim of the first row.
[[nodiscard]] inline std::uint64_t read_vecs_dim(InputFile& file) {
    const auto found = file.read_number<std::int32_t>();
    if (found <= 0) file.corrupt(0, mapvec::detail::mismatch("dimension", "1 or more", found));
    return static_cast<std::uint64_t>(found);
}

// Checks that the dim before a row, at position `at`, equals that of the first row.
inline void check_vecs_dim(const InputFile& file, std::uint64_t at, std::uint64_t expected, const std::byte* prefix) {
    std::int32_t found = 0;
    std::memcpy(&found, prefix, sizeof found);
    if (found <= 0 || static_cast<std::uint64_t>(found) != expected)
        file.corrupt(at, mapvec::detail::mismatch("dimension, as in the rows before", expected, found));
}

// For a file whose length is not a whole number of rows: finds the first row with another dim, and throws.
[[noreturn]] inline void refuse_vecs(InputFile& file, std::uint64_t dim, std::uint64_t stride) {
    const std::uint64_t rows = file.size() / stride;
    std::vector<std::byte> block(rows_at_once(stride, rows) * static_cast<std::size_t>(stride));
    file.seek(0);
    for (std::uint64_t row = 0; row < rows;) {
        const std::size_t n = rows_at_once(stride, rows - row);
        file.read(std::span(block).first(n * static_cast<std::size_t>(stride)));
        for (std::size_t i = 0; i < n; ++i, ++row) check_vecs_dim(file, row * stride, dim, block.data() + i * stride);
    }
    const std::uint64_t at = rows * stride;
    file.corrupt(at, mapvec::detail::mismatch("bytes of the last row", stride, file.size() - at));
}

// Reads the dim of the first row and checks it against the length of the file. Afterwards the file is positioned at its
// beginning.
template <FileScalar From>
[[nodiscard]] Shape read_vecs_shape(InputFile& file) {
    if (file.size() == 0) return {};
    const std::uint64_t dim = read_vecs_dim(file);
    const std::uint64_t stride = row_bytes<From>(dim, vecs_prefix).value();  // never overflows for an int32
    if (stride > file.size())
        file.corrupt(
            0, mapvec::detail::mismatch(
                   "dimension", "at most " + std::to_string(file.left() / sizeof(From)) + ", for the file ends there",
                   dim));
    if (file.size() % stride != 0) refuse_vecs(file, dim, stride);
    file.seek(0);
    return {file.size() / stride, dim};
}

template <FileScalar From>
[[nodiscard]] Shape vecs_shape(const std::filesystem::path& path) {
    InputFile file(path);
    return read_vecs_shape<From>(file);
}

template <FileScalar From, class Store, ProgressCallback Progress>
std::uint64_t import_vecs(const std::filesystem::path& path, Store& store, Progress& progress) {
    InputFile file(path);
    const Shape shape = read_vecs_shape<From>(file);
    if (shape.rows == 0) return 0;
    check_dim(file, 0, store.dim(), shape.dim);
    const auto check_prefix = [&](const std::byte* prefix, std::uint64_t at) {
        check_vecs_dim(file, at, shape.dim, prefix);
    };
    return import_rows<From>(file, {shape, vecs_prefix}, store, check_prefix, progress);
}

template <FileScalar To, VectorSource Source, ProgressCallback Progress>
std::uint64_t export_vecs(const Source& source, const std::filesystem::path& path, IfExists if_exists,
                          Progress& progress) {
    const ExportedRows exported(source);
    const std::size_t dim = exported.dim();
    if (dim > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        throw Error(ErrorCode::invalid_argument, path, mapvec::detail::mismatch("dimension", "less than 2^31", dim));
    const auto prefix = static_cast<std::int32_t>(dim);
    OutputFile file(path, if_exists);
    const std::uint64_t rows = export_rows<To>(exported, file, std::as_bytes(std::span(&prefix, 1)), progress);
    file.finish();
    return rows;
}

}  // namespace detail

// The shape of a file, from its first row and its length. Throws corrupt if they contradict each other.
[[nodiscard]] inline Shape fvecs_shape(const std::filesystem::path& path) { return detail::vecs_shape<float>(path); }
// The same for .bvecs.
[[nodiscard]] inline Shape bvecs_shape(const std::filesystem::path& path) {
    return detail::vecs_shape<std::uint8_t>(path);
}
// The same for .ivecs.
[[nodiscard]] inline Shape ivecs_shape(const std::filesystem::path& path) {
    return detail::vecs_shape<std::int32_t>(path);
}

// Appends the rows of a .fvecs file; returns their number. Throws corrupt, dimension_mismatch, type_mismatch.
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_fvecs(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                           Progress progress = {}) {
    return detail::import_vecs<float>(path, store, progress);
}
// The same for .bvecs.
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_bvecs(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                           Progress progress = {}) {
    return detail::import_vecs<std::uint8_t>(path, store, progress);
}
// The same for .ivecs. A store of doubles can hold all values; other stores only those that fit exactly.
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_ivecs(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                           Progress progress = {}) {
    return detail::import_vecs<std::int32_t>(path, store, progress);
}
// The same for collections; payload_of(n) returns the payload of row n.
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_fvecs(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                           Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_vecs<float>(path, rows, progress);
}
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_bvecs(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                           Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_vecs<std::uint8_t>(path, rows, progress);
}
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_ivecs(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                           Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_vecs<std::int32_t>(path, rows, progress);
}

// Writes all rows of a store, or the live rows of a collection, to a .fvecs file; returns their number. Throws exists,
// no_space, io, type_mismatch; invalid_argument for a dim of 2^31 or more.
template <VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_fvecs(const Source& source, const std::filesystem::path& path,
                           IfExists if_exists = IfExists::refuse, Progress progress = {}) {
    return detail::export_vecs<float>(source, path, if_exists, progress);
}
// The same for .bvecs.
template <VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_bvecs(const Source& source, const std::filesystem::path& path,
                           IfExists if_exists = IfExists::refuse, Progress progress = {}) {
    return detail::export_vecs<std::uint8_t>(source, path, if_exists, progress);
}
// The same for .ivecs.
template <VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_ivecs(const Source& source, const std::filesystem::path& path,
                           IfExists if_exists = IfExists::refuse, Progress progress = {}) {
    return detail::export_vecs<std::int32_t>(source, path, if_exists, progress);
}

}  // namespace mapvec::inline v0_1::io

#include <mapvec/detail/util/epilogue.inc>
