// .npy: one NumPy array in a file.
//
//     const auto header = mapvec::io::read_npy_header("rows.npy");            // scalar, rows, dim
//     auto store = mapvec::MmapVectorStore<>::create("rows.vec", {.dim = header.shape.dim});
//     mapvec::io::import_npy("rows.npy", store);
//     store.commit();
//     mapvec::io::export_npy(store, "again.npy");                             // numpy.load("again.npy")
//
// Supported for reading: format versions 1, 2 and 3; float16, float32, float64, int8, uint8, little-endian; two axes,
// rows and scalars, in C order. Each of these is refused with its own message: big-endian arrays, Fortran order and
// other types (type_mismatch); one or three axes (dimension_mismatch; reshape(-1, dim) gives two); data that is too
// short or too long (corrupt).
//
// Written: version 1, with the scalar type of the store. NumPy has no bfloat16; such rows are written as float32.
//
// NumPy reads a closed store without a copy: numpy.memmap(path, '<f4', 'r', offset=4096).reshape(-1, dim). exchange.hpp
// describes imports and exports.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <mapvec/error.hpp>
#include <mapvec/io/detail/input_file.hpp>
#include <mapvec/io/detail/npy_header.hpp>
#include <mapvec/io/detail/output_file.hpp>
#include <mapvec/io/detail/rows.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io {

// The header of a .npy file.
struct NpyHeader {
    ScalarType scalar{};            // type of the elements
    Shape shape;                    // rows, and elements of each row
    std::uint64_t data_offset = 0;  // position of the first row in the file
};

namespace detail {

inline constexpr std::uint64_t max_npy_header = 1 << 20;

[[nodiscard]] inline NpyDict read_npy_dict(InputFile& file) {
    struct Prefix {
        char magic[6];
        std::uint8_t major, minor;
    };
    const auto prefix = file.read_number<Prefix>();
    if (std::string_view(prefix.magic, 6) != "\x93NUMPY")
        file.corrupt(0, "not a .npy file: it does not begin with \"\\x93NUMPY\"");
    if (prefix.major < 1 || prefix.major > 3 || prefix.minor != 0)
        file.refuse(ErrorCode::version_mismatch, 6,
                    mapvec::detail::mismatch("version of the .npy format", "1.0, 2.0 or 3.0",
                                             std::to_string(prefix.major) + "." + std::to_string(prefix.minor)));
    const std::uint64_t length =
        prefix.major == 1 ? file.read_number<std::uint16_t>() : file.read_number<std::uint32_t>();
    const std::uint64_t longest = std::min(max_npy_header, file.left());
    if (length > longest)
        file.corrupt(8, mapvec::detail::mismatch("length of the header", "at most " + std::to_string(longest), length));
    const std::uint64_t begin = file.position();
    std::string text(static_cast<std::size_t>(length), '\0');
    file.read(std::as_writable_bytes(std::span(text)));
    return NpyDictParser(file, begin, text).parse();
}

[[nodiscard]] inline ScalarType npy_scalar(const InputFile& file, const std::string& descr) {
    if (descr == "<f4") return ScalarType::float32;
    if (descr == "<f8") return ScalarType::float64;
    if (descr == "<f2") return ScalarType::float16;
    if (descr == "|i1" || descr == "<i1") return ScalarType::int8;
    if (descr == "|u1" || descr == "<u1") return ScalarType::uint8;
    const bool big_endian = descr.starts_with('>');
    throw Error(ErrorCode::type_mismatch, file.path(),
                mapvec::detail::mismatch(big_endian ? "big-endian array; its type" : "type of the array",
                                         "one of <f4 <f8 <f2 |i1 |u1", "'" + descr + "'"));
}

[[nodiscard]] inline Shape npy_shape(const InputFile& file, const NpyDict& dict) {
    if (*dict.fortran_order)
        throw Error(ErrorCode::type_mismatch, file.path(),
                    "the array is in Fortran order, column after column: expected C order (numpy.ascontiguousarray)");
    const auto& axes = *dict.shape;
    if (axes.size() != 2)
        throw Error(
            ErrorCode::dimension_mismatch, file.path(),
            mapvec::detail::mismatch("axes of the array", "2, rows and scalars (reshape(-1, dim))", axes.size()));
    if (axes[1] == 0) throw Error(ErrorCode::dimension_mismatch, file.path(), "the array's rows have no elements");
    return {axes[0], axes[1]};
}

[[nodiscard]] inline std::uint64_t scalar_size(ScalarType scalar) noexcept {
    switch (scalar) {
        case ScalarType::float64: return 8;
        case ScalarType::float32: return 4;
        case ScalarType::float16:
        case ScalarType::bfloat16: return 2;
        case ScalarType::int8:
        case ScalarType::uint8: return 1;
    }
    return 1;
}

// Reads and checks the header. Afterwards the file is positioned at the first row.
[[nodiscard]] inline NpyHeader read_npy_header(InputFile& file) {
    const NpyDict dict = read_npy_dict(file);
    const NpyHeader header{npy_scalar(file, *dict.descr), npy_shape(file, dict), file.position()};
    const auto row = mapvec::detail::checked_multiply(header.shape.dim, scalar_size(header.scalar));
    const auto bytes = row ? mapvec::detail::checked_multiply(*row, header.shape.rows) : std::nullopt;
    if (!bytes || *bytes != file.left())
        file.corrupt(
            header.data_offset,
            mapvec::detail::mismatch("bytes of " + std::to_string(header.shape.rows) + " rows of " +
                                         std::to_string(header.shape.dim) + " " + std::string(to_string(header.scalar)),
                                     bytes ? std::to_string(*bytes) : "no file's length", file.left()));
    return header;
}

template <Scalar S>
[[nodiscard]] constexpr std::string_view npy_descr() noexcept {
    if constexpr (std::is_same_v<S, double>)
        return "<f8";
    else if constexpr (std::is_same_v<S, float16>)
        return "<f2";
    else if constexpr (std::is_same_v<S, std::int8_t>)
        return "|i1";
    else if constexpr (std::is_same_v<S, std::uint8_t>)
        return "|u1";
    else
        return "<f4";
}

template <class Store, ProgressCallback Progress>
std::uint64_t import_array(const std::filesystem::path& path, Store& store, Progress& progress) {
    InputFile file(path);
    const NpyHeader header = read_npy_header(file);
    check_dim(file, 0, store.dim(), header.shape.dim);
    const auto import_as = [&]<Scalar From>() {
        return import_rows<From>(file, {header.shape}, store, no_prefix, progress);
    };
    switch (header.scalar) {
        case ScalarType::float64: return import_as.template operator()<double>();
        case ScalarType::float16: return import_as.template operator()<float16>();
        case ScalarType::int8: return import_as.template operator()<std::int8_t>();
        case ScalarType::uint8: return import_as.template operator()<std::uint8_t>();
        default: return import_as.template operator()<float>();
    }
}

}  // namespace detail

// Reads and checks the header. Throws corrupt, version_mismatch, type_mismatch, dimension_mismatch.
[[nodiscard]] inline NpyHeader read_npy_header(const std::filesystem::path& path) {
    detail::InputFile file(path);
    return detail::read_npy_header(file);
}

// Appends the rows of the array; returns their number. Throws as read_npy_header().
template <std::size_t Dim, Scalar S, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_npy(const std::filesystem::path& path, MmapVectorStore<Dim, S, File>& store,
                         Progress progress = {}) {
    return detail::import_array(path, store, progress);
}
// The same for a collection; payload_of(n) returns the payload of row n.
template <class Collection, PayloadsFor<Collection> PayloadOf, ProgressCallback Progress = NoProgress>
std::uint64_t import_npy(const std::filesystem::path& path, Collection& collection, PayloadOf payload_of,
                         Progress progress = {}) {
    detail::RowsWithPayloads rows(collection, payload_of);
    return detail::import_array(path, rows, progress);
}

// Writes all rows of a store, or the live rows of a collection, as an array of their scalar type; returns their number.
// Throws exists, no_space, io.
template <VectorSource Source, ProgressCallback Progress = NoProgress>
std::uint64_t export_npy(const Source& source, const std::filesystem::path& path, IfExists if_exists = IfExists::refuse,
                         Progress progress = {}) {
    using S = ScalarOf<Source>;
    using To = std::conditional_t<std::is_same_v<S, bfloat16>, float, S>;
    const detail::ExportedRows exported(source);
    detail::OutputFile file(path, if_exists);
    const std::string header = detail::npy_header_text(detail::npy_descr<S>(), exported.size(), exported.dim());
    file.write(std::as_bytes(std::span(header)));
    const std::uint64_t rows = detail::export_rows<To>(exported, file, {}, progress);
    file.finish();
    return rows;
}

}  // namespace mapvec::inline v0_1::io

#include <mapvec/detail/util/epilogue.inc>
