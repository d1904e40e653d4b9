// .fbin, .u8bin, .i8bin, .ibin: the formats of the billion-scale benchmarks (BIGANN, DEEP1B, SPACEV, …) and DiskANN.
//
//     const auto shape = mapvec::io::fbin_shape("base.1B.fbin");
//     auto store = mapvec::MmapVectorStore<>::create("base.vec", {.dim = shape.dim});
//     mapvec::io::import_fbin("base.1B.fbin", store);
//     store.commit();
//     mapvec::io::export_u8bin(store, "base.u8bin");          // if all values are integers from 0 to 255
//
// The format, all little-endian:
//
//     offset  size   what
//          0  4      rows, a uint32
//          4  4      dim, a uint32
//          8  …      the rows: float32 (.fbin), uint8 (.u8bin), int8 (.i8bin) or int32 (.ibin)
//
// The length of the file must be the one that its header gives. A file without rows may have any dim. exchange.hpp
// describes imports and exports.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>

#include <mapvec/detail/util/checked.hpp>
#include <mapvec/error.hpp>
#include <mapvec/io/detail/input_file.hpp>
#include <mapvec/io/detail/output_file.hpp>
#include <mapvec/io/detail/rows.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/mmap_vector_store.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io {

namespace detail {

// Reads and checks the header. Afterwards the file is positioned at the first row.
template <FileScalar From>
[[nodiscard]] Shape read_bin_shape(InputFile& file) {
    Shape shape;
    shape.rows = file.read_number<std::uint32_t>();
    shape.dim = file.read_number<std::uint32_t>();
    if (shape.dim == 0 && shape.rows != 0) file.corrupt(4, mapvec::detail::mismatch("dimension", "1 or more", 0));
    const auto bytes = mapvec::detail::checked_multiply(shape.rows, shape.dim * sizeof(From));
    if (!bytes || *bytes != file.left())
        file.corrupt(8, mapvec::detail::mismatch("bytes of " + std::to_string(shape.rows) + " rows of " +
                                                     std::to_string(shape.dim) + " " + std::string(name_of<From>()),
                                                 bytes ? std::to_string(*bytes) : "no file's length", file.left()));
    return shape;
}

template <FileScalar From>
[[nodiscard]] Shape bin_shape(const std::filesystem::path& path) {
    InputFile file(path);
    return read_bin_shape<From>(file);
}

template <FileScalar From, class Store, ProgressCallback Progress>
std::uint64_t import_bin(const std::filesystem::path& path, Store& store, Progress& progress) {
    InputFile file(path);
    const Shape shape = read_bin_shape<From>(file);
    if (shape.rows == 0) return 0;
    check_dim(file, 4, store.dim(), shape.dim);
    return import_rows<From>(file, {shape}, store, no_prefix, progress);
}

template <FileScalar To, VectorSource Source, ProgressCallback Progress>
std::uint64_t export_bin(const Source& source, const std::filesystem::path& path, IfExists if_exists,
                         Progress& progress) {
    const ExportedRows exported(source);
    const std::size_t dim = exported.dim();
    const std::uint64_t rows = exported.size();
    if (dim > std::numeric_limits<std::uint32_t>::max() || rows > std::numeric_limits<std::uint32_t>::max())
        throw Error(ErrorCode::invalid_argument, path,
                    mapvec::detail::mismatch("rows and dimension", "less than 2^32",
                                             std::to_string(rows) + " and " + std::to_string(dim)));
    const std::array header{static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(dim)};
    OutputFile file(path, if_exists);
    file.write(std::as_bytes(std::span(header)));
    export_rows<To>(exported, file, {}, progress);
    file.finish();
    return rows;
}

}  // namespace detail

// The shape of a file, from its header. Throws corrupt if the file has another length.
[[nodiscard]] inline Shape fbin_shape(const std::filesystem::path& path) { return detail::bin_shape<float>(path); }
// The same for .u8bin.
[[nodiscard]] inline Shape u8bin_shape(const std::filesystem::path& path) {
    return detail::bin_shape<std::uint8_t>(path);
}
// The same for .i8bin.
[[nodiscard]] inline Shape i8bin_shape(const std::filesystem::path& path) {
    return detail::bin_shape<std::int8_t>(path);
}
// The same for .ibin.
[[nodiscard]] inline Shape ibin_shape(const std::filesystem::path& path) {
    return detail::bin_shape<std::int32_t>(path);
}

// Appends the rows of a .fbin file; returns their number. Throws corrupt, dimension_mismatch, type_mismatch.
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_fbin(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                          Progress progress = {}) {
    return detail::import_bin<float>(path, store, progress);
}
// The same for .u8bin.
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_u8bin(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                           Progress progress = {}) {
    return detail::import_bin<std::uint8_t>(path, store, progress);
}
// The same for .i8bin.
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_i8bin(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                           Progress progress = {}) {
    return detail::import_bin<std::int8_t>(path, store, progress);
}
// The same for .ibin. A store of doubles can hold all values; other stores only those that fit exactly.
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_ibin(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                          Progress progress = {}) {
    return detail::import_bin<std::int32_t>(path, store, progress);
}
// The same for collections; payload_of(n) returns the payload of row n.
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_fbin(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                          Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_bin<float>(path, rows, progress);
}
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_u8bin(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                           Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_bin<std::uint8_t>(path, rows, progress);
}
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_i8bin(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                           Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_bin<std::int8_t>(path, rows, progress);
}
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_ibin(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                          Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_bin<std::int32_t>(path, rows, progress);
}

// Writes all rows of a store, or the live rows of a collection, to a .fbin file; returns their number. Throws exists,
// no_space, io, type_mismatch; invalid_argument for 2^32 rows or more.
template <VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_fbin(const Source& source, const std::filesystem::path& path,
                          IfExists if_exists = IfExists::refuse, Progress progress = {}) {
    return detail::export_bin<float>(source, path, if_exists, progress);
}
// The same for .u8bin.
template <VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_u8bin(const Source& source, const std::filesystem::path& path,
                           IfExists if_exists = IfExists::refuse, Progress progress = {}) {
    return detail::export_bin<std::uint8_t>(source, path, if_exists, progress);
}
// The same for .i8bin.
template <VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_i8bin(const Source& source, const std::filesystem::path& path,
                           IfExists if_exists = IfExists::refuse, Progress progress = {}) {
    return detail::export_bin<std::int8_t>(source, path, if_exists, progress);
}
// The same for .ibin.
template <VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_ibin(const Source& source, const std::filesystem::path& path,
                          IfExists if_exists = IfExists::refuse, Progress progress = {}) {
    return detail::export_bin<std::int32_t>(source, path, if_exists, progress);
}

}  // namespace mapvec::inline v0_1::io

#include <mapvec/detail/util/epilogue.inc>
