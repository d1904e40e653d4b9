// Copies rows between a file and a store, one megabyte at a time. The formats differ in the position of the first row
// and in the bytes before each row.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <mapvec/detail/util/checked.hpp>
#include <mapvec/error.hpp>
#include <mapvec/io/detail/convert.hpp>
#include <mapvec/io/detail/exported_rows.hpp>
#include <mapvec/io/detail/input_file.hpp>
#include <mapvec/io/detail/output_file.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/mmap_vector_store.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io::detail {

// Rows from the current position of the file, each behind `prefix` bytes.
struct RowLayout {
    Shape shape;
    std::size_t prefix = 0;
};

// The size of one row with its prefix; nothing if it exceeds the largest file.
template <FileScalar From>
[[nodiscard]] std::optional<std::uint64_t> row_bytes(std::uint64_t dim, std::size_t prefix) noexcept {
    const auto scalars = mapvec::detail::checked_multiply(dim, sizeof(From));
    const auto bytes = scalars ? mapvec::detail::checked_add(*scalars, prefix) : std::nullopt;
    if (!bytes || *bytes > max_file_bytes) return std::nullopt;
    return bytes;
}

[[nodiscard]] inline std::size_t rows_at_once(std::uint64_t row_bytes, std::uint64_t rows) noexcept {
    const std::uint64_t piece = 1 << 20;
    return static_cast<std::size_t>(std::min(rows, std::max<std::uint64_t>(1, piece / row_bytes)));
}

// Converts a row. Returns the index of the first value that is not a value of To, or nothing.
template <FileScalar From, FileScalar To>
[[nodiscard]] std::optional<std::size_t> convert_row(const std::byte* from, std::byte* to, std::size_t dim) noexcept {
    if constexpr (std::is_same_v<From, To>) {
        std::memcpy(to, from, dim * sizeof(To));
    } else {
        for (std::size_t i = 0; i < dim; ++i) {
            From old_value{};
            To new_value{};
            std::memcpy(&old_value, from + i * sizeof(From), sizeof(From));
            if (!convert(old_value, new_value)) return i;
            std::memcpy(to + i * sizeof(To), &new_value, sizeof(To));
        }
    }
    return std::nullopt;
}

template <FileScalar From>
[[nodiscard]] std::string value_at(const std::byte* row, std::size_t index) {
    From value{};
    std::memcpy(&value, row + index * sizeof(From), sizeof(From));
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
    return text;
}

inline void check_dim(const InputFile& file, std::uint64_t at, std::uint64_t expected, std::uint64_t found) {
    if (found != expected)
        file.refuse(ErrorCode::dimension_mismatch, at, mapvec::detail::mismatch("dimension", expected, found));
}

// Converts rows of the file, read from position `at`, to rows of the store. check_prefix(bytes, position) is called
// with the prefix of each row.
template <FileScalar From, Scalar S, class CheckPrefix>
void convert_rows(const InputFile& file, std::uint64_t at, const RowLayout& layout, std::span<const std::byte> from,
                  std::span<S> to, CheckPrefix&& check_prefix) {
    const auto dim = static_cast<std::size_t>(layout.shape.dim);
    const std::size_t stride = layout.prefix + dim * sizeof(From);
    std::byte* out = std::as_writable_bytes(to).data();
    for (std::size_t i = 0; i < from.size(); i += stride, out += dim * sizeof(S)) {
        check_prefix(from.data() + i, at + i);
        const std::byte* const row = from.data() + i + layout.prefix;
        if (const auto wrong = convert_row<From, S>(row, out, dim))
            file.refuse(
                ErrorCode::type_mismatch, at + i + layout.prefix + *wrong * sizeof(From),
                value_at<From>(row, *wrong) + " is not a value of the store's type, " + std::string(name_of<S>()));
    }
}

// Appends all rows to a store or to RowsWithPayloads; returns their number. REQUIRES: the layout fits the file and the
// store.
template <FileScalar From, class Store, class CheckPrefix, ProgressCallback Progress>
std::uint64_t import_rows(InputFile& file, const RowLayout& layout, Store& store, CheckPrefix&& check_prefix,
                          Progress& progress) {
    using S = ScalarOf<Store>;
    const auto dim = static_cast<std::size_t>(layout.shape.dim);
    const std::uint64_t rows = layout.shape.rows;
    const std::size_t stride = layout.prefix + dim * sizeof(From);
    std::vector<std::byte> bytes(rows_at_once(stride, rows) * stride);
    std::vector<S> scalars(rows_at_once(stride, rows) * dim);
    store.reserve(store.size() + static_cast<std::size_t>(rows));
    for (std::uint64_t row = 0; row < rows;) {
        const std::size_t n = rows_at_once(stride, rows - row);
        const auto from = std::span(bytes).first(n * stride);
        const auto to = std::span(scalars).first(n * dim);
        const std::uint64_t begin = file.position();
        file.read(from);
        convert_rows<From, S>(file, begin, layout, from, to, check_prefix);
        store.append_rows(to);
        row += n;
        progress(file.position(), file.size());
    }
    return rows;
}

// For rows without a prefix.
inline constexpr auto no_prefix = [](const std::byte*, std::uint64_t) noexcept {};

// Converts rows of the store, from row `first` on, to rows of the file, each behind `prefix`.
template <FileScalar To, Scalar S>
void convert_back(const OutputFile& file, std::uint64_t first, std::span<const S> from, std::size_t dim,
                  std::span<const std::byte> prefix, std::span<std::byte> to) {
    std::byte* out = to.data();
    for (std::size_t i = 0; i < from.size(); i += dim) {
        out = std::copy(prefix.begin(), prefix.end(), out);
        const std::byte* const row = std::as_bytes(from.subspan(i)).data();
        if (const auto wrong = convert_row<S, To>(row, out, dim))
            throw Error(ErrorCode::type_mismatch, file.path(),
                        "row " + std::to_string(first + i / dim) + ", element " + std::to_string(*wrong) + ": " +
                            value_at<S>(row, *wrong) + " is not a value of the file's type, " +
                            std::string(name_of<To>()));
        out += dim * sizeof(To);
    }
}

// Writes rows, each behind `prefix`; returns their number.
template <FileScalar To, Scalar S, ProgressCallback Progress>
std::uint64_t export_rows(const ExportedRows<S>& source, OutputFile& file, std::span<const std::byte> prefix,
                          Progress& progress) {
    if (source.size() == 0) return 0;
    const std::size_t stride = prefix.size() + source.dim() * sizeof(To);
    const std::uint64_t total = file.size() + source.size() * stride;
    std::vector<std::byte> bytes(rows_at_once(stride, source.size()) * stride);
    std::size_t used = 0;
    const auto write = [&] {
        file.write(std::span(bytes).first(used));
        used = 0;
        progress(file.size(), total);
    };
    source.each_run(bytes.size() / stride, [&](std::uint64_t first, std::span<const S> rows) {
        const std::size_t needed = rows.size() / source.dim() * stride;
        if (needed > bytes.size() - used) write();
        convert_back<To, S>(file, first, rows, source.dim(), prefix, std::span(bytes).subspan(used, needed));
        used += needed;
    });
    write();
    return source.size();
}

}  // namespace mapvec::inline v0_1::io::detail

#include <mapvec/detail/util/epilogue.inc>
