// Files of vecstore, the Rust crate: float32 rows without a header, followed by unused capacity.
//
//     auto store = mapvec::MmapVectorStore<16>::create("store.vec");
//     mapvec::io::import_vecstore("store.mmap", 60, store);       // the caller knows the number of rows
//     store.commit();
//
// Such a file contains neither its dim nor its number of rows: vecstore does not store them. exchange.hpp describes
// imports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include <mapvec/error.hpp>
#include <mapvec/io/detail/input_file.hpp>
#include <mapvec/io/detail/rows.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/io/raw.hpp>
#include <mapvec/mmap_vector_store.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io {

// The number of rows of length `dim` that the file has room for. Throws corrupt if its length is not a whole number of
// rows.
[[nodiscard]] inline Shape vecstore_capacity(const std::filesystem::path& path, std::uint64_t dim) {
    return raw_shape<float>(path, dim);
}

namespace detail {
template <class Store, ProgressCallback Progress>
std::uint64_t import_vecstore_rows(const std::filesystem::path& path, std::uint64_t rows, Store& store,
                                   Progress& progress) {
    InputFile file(path);
    const Shape capacity = read_raw_shape<float>(file, store.dim());
    if (rows > capacity.rows)
        throw Error(ErrorCode::out_of_range, path,
                    mapvec::detail::mismatch("rows", "at most " + std::to_string(capacity.rows), rows));
    return import_rows<float>(file, {{rows, capacity.dim}}, store, no_prefix, progress);
}
}  // namespace detail

// Appends the first `rows` rows; returns their number. Throws out_of_range if the file is shorter; corrupt,
// type_mismatch.
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_vecstore(const std::filesystem::path& path, std::uint64_t rows,
                              MmapVectorStore<Dim, S, File>& store, Progress progress = {}) {
    return detail::import_vecstore_rows(path, rows, store, progress);
}
// The same for a collection; payload_of(n) returns the payload of row n.
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_vecstore(const std::filesystem::path& path, std::uint64_t rows, Collection& collection,
                              PayloadOf payload_of, Progress progress = {}) {
    detail::RowsWithPayloads target(collection, payload_of);
    return detail::import_vecstore_rows(path, rows, target, progress);
}

}  // namespace mapvec::inline v0_1::io

#include <mapvec/detail/util/epilogue.inc>
