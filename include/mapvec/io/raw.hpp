// Raw rows: scalars without a header, row after row, little-endian, as `ndarray.tofile` writes them.
//
//     auto store = mapvec::MmapVectorStore<128>::create("sift.vec");
//     mapvec::io::import_raw("sift.f32", store);               // float32
//     mapvec::io::import_raw<std::uint8_t>("sift.u8", store);  // other scalar types
//     store.commit();
//     mapvec::io::export_raw(store, "copy.f32");
//
// Such a file does not contain its shape: the import uses the dim of the store and can check the length of the file
// only. It refuses a file that it recognises as another format: .npy, .fbin and its relatives, a file of mapvec.
// exchange.hpp describes imports and exports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <mapvec/error.hpp>
#include <mapvec/io/detail/input_file.hpp>
#include <mapvec/io/detail/output_file.hpp>
#include <mapvec/io/detail/recognize.hpp>
#include <mapvec/io/detail/rows.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/mmap_vector_store.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io {

namespace detail {

template <Scalar From>
[[nodiscard]] Shape read_raw_shape(InputFile& file, std::uint64_t dim) {
    expect_raw_rows(file);
    const auto stride = row_bytes<From>(dim, 0);
    if (!stride || *stride == 0)
        throw Error(ErrorCode::invalid_argument, file.path(), "a dimension of " + std::to_string(dim));
    if (const std::uint64_t rest = file.size() % *stride; rest != 0)
        file.corrupt(file.size() - rest, mapvec::detail::mismatch("bytes of the last row", *stride, rest));
    return {file.size() / *stride, dim};
}

template <Scalar From, class Store, ProgressCallback Progress>
std::uint64_t import_raw_rows(const std::filesystem::path& path, Store& store, Progress& progress) {
    InputFile file(path);
    const Shape shape = read_raw_shape<From>(file, store.dim());
    return import_rows<From>(file, {shape}, store, no_prefix, progress);
}

}  // namespace detail

// The shape of a raw file whose rows have `dim` scalars. Throws corrupt if the last row is cut short; type_mismatch for
// a file of another format.
template <Scalar From = float>
[[nodiscard]] Shape raw_shape(const std::filesystem::path& path, std::uint64_t dim) {
    detail::InputFile file(path);
    return detail::read_raw_shape<From>(file, dim);
}

// Appends the rows of a raw file of From; returns their number. Throws corrupt, type_mismatch.
template <Scalar From = float, std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_raw(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                         Progress progress = {}) {
    return detail::import_raw_rows<From>(path, store, progress);
}
// The same for a collection; payload_of(n) returns the payload of row n.
template <Scalar From = float, class Collection, PayloadsFor<Collection> PayloadOf,
          ProgressCallback Progress = NoProgress>
std::uint64_t import_raw(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                         Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_raw_rows<From>(path, rows, progress);
}

// Writes all rows of a store, or the live rows of a collection, as To, without a header; returns their number. Throws
// exists, no_space, io, type_mismatch.
template <Scalar To = float, VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_raw(const Source& source, const std::filesystem::path& path, IfExists if_exists = IfExists::refuse,
                         Progress progress = {}) {
    detail::OutputFile file(path, if_exists);
    const std::uint64_t rows = detail::export_rows<To>(detail::ExportedRows(source), file, {}, progress);
    file.finish();
    return rows;
}

}  // namespace mapvec::inline v0_1::io

#include <mapvec/detail/util/epilogue.inc>
