// What all import and export formats have in common.
//
//     const auto shape = mapvec::io::fvecs_shape("sift.fvecs");                         // {rows, dim}
//     auto store = mapvec::MmapVectorStore<>::create("sift.vec", {.dim = shape.dim});
//     mapvec::io::import_fvecs("sift.fvecs", store);                                    // returns the number of rows
//     store.commit();
//     mapvec::io::export_npy(store, "sift.npy", mapvec::io::IfExists::replace);
//
// Import appends the rows of the file to a store, through a buffer of one megabyte (or one row, if that is longer). It
// does not commit. If an import throws, rows that it has appended may be in the store; commit() would keep them. They
// are lost if the exception destroys the store before a commit.
//
// Export writes a temporary file in the same directory, syncs it, and renames it: a crash leaves the whole file or
// none. It replaces an existing file only if the caller asks for it. If a symbolic link points to the file, the link
// stays. It never replaces a directory, a pipe or a device.
//
// Collections. An import takes a function that returns the payload of row n of the file, and calls it once for each
// row, in order; an export writes the live rows in the order of their ids, so that row n of the file is the n-th row
// that is not erased. (An export of vectors() writes erased rows too: row n of the file is the row with id n.)
//
//     mapvec::io::import_fvecs("docs.fvecs", docs, [&](std::uint64_t n) { return Doc{titles[n]}; });
//     mapvec::io::export_npy(docs, "live.npy");
//
// If an import into a collection throws, Collection::rollback() gives up the rows that it has appended.
//
// Values do not change. Between different scalar types a value is converted if the other type can represent it exactly:
// a SIFT descriptor in float32 fits uint8. The first value that does not fit throws type_mismatch with its position.
// NaN converts between floating-point types.
//
// Progress: every function takes a callback as its last argument (progress.hpp). If the callback throws, the import or
// export fails in the same way as for any other error.
//
// No number in a file is trusted. Throws Error: not_found, read_only or io if the file cannot be read; corrupt for
// contradictory contents, with the position, the expected value and the found value; dimension_mismatch if the
// dimensions differ; type_mismatch for a layout that is not supported; and the errors of the store.
//
// Threads: an import is a call that writes to the store; an export is a call that reads it [any thread].
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <mapvec/progress.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io {

// The shape of a table of vectors.
struct Shape {
    std::uint64_t rows = 0;  // vectors
    std::uint64_t dim = 0;   // scalars of each

    // Equal if both numbers are equal.
    friend bool operator==(const Shape&, const Shape&) = default;
};

// What an export does if the file exists.
enum class IfExists {
    refuse,  // throws exists
    replace  // replaces the old file when the new one is complete
};

// A store, Collection::vectors(), or any type with dim() and contiguous row-major data().
template <class Source>
concept ContiguousRows = requires(const Source& source) {
    { source.dim() } -> std::convertible_to<std::size_t>;
    { source.data().size() } -> std::convertible_to<std::size_t>;
    requires Scalar<std::remove_cvref_t<decltype(*source.data().data())>>;
};

// A collection: contains(id) is false for erased rows.
template <class Source>
concept LiveRows = requires(const Source& source, std::uint64_t id) {
    { source.contains(id) } -> std::same_as<bool>;
    requires ContiguousRows<std::remove_cvref_t<decltype(source.vectors())>>;
};

// What can be exported.
template <class Source>
concept VectorSource = ContiguousRows<Source> || LiveRows<Source>;

namespace detail {
template <class Source>
[[nodiscard]] const auto& rows_in(const Source& source) noexcept {
    if constexpr (LiveRows<Source>)
        return source.vectors();
    else
        return source;
}
}  // namespace detail

// The scalar type of a source.
template <VectorSource Source>
using ScalarOf = std::remove_cvref_t<decltype(*detail::rows_in(std::declval<const Source&>()).data().data())>;

// A function that returns the payload for row n of a file.
template <class Function, class Collection>
concept PayloadsFor = LiveRows<Collection> &&
    requires(Collection& collection, Function& payload_of, std::span<const ScalarOf<Collection>> row) {
    collection.append(row, payload_of(std::uint64_t{}));
};

}  // namespace mapvec::inline v0_1::io

#include <mapvec/detail/util/epilogue.inc>
