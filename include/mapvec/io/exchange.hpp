// What the formats in io/ have in common.
//
//     const auto shape = mapvec::io::fvecs_shape("sift.fvecs");                         // {rows, dim}
//     auto store = mapvec::MmapVectorStore<>::create("sift.vec", {.dim = shape.dim});
//     mapvec::io::import_fvecs("sift.fvecs", store);                                    // returns the rows
//     store.commit();
//     mapvec::io::export_npy(store, "sift.npy", mapvec::io::IfExists::replace);
//
// Import appends the file's rows to a store, through a buffer of a megabyte or one row: the file is never in
// memory as a whole. It does not commit: rows of an import that threw may be in the store, and are gone if it
// is closed by the exception that passes (or reopened after a crash); so the caller decides.
//
// Export writes a new file beside the one that is asked for, makes it durable, and then gives it its name: there is
// the whole file or none. A file that is there already is replaced only if that is asked for (where a symbolic link
// points to it, the link stays); what is no file is never replaced.
//
// A collection takes its rows one by one, each with its payload: import into a temporary store, then append them.
//
// Values are never changed. Between different scalars they are converted if each of them is the same number
// there, as a SIFT descriptor in float32 is in uint8; the first that is not is type_mismatch with its place. NaN may
// go from one floating-point type to another.
//
// Progress: every function takes a callable as its last argument (progress.hpp). What it throws passes through, as
// if the import or export had failed.
//
// No number in a file is trusted. Throws Error: not_found, read_only, io if it cannot be read; corrupt for what
// cannot be true, with the byte where it says so, what was expected and what was found; dimension_mismatch for
// rows that are not the store's; type_mismatch for a layout that is not read; and what the store throws.
//
// Threads: an import writes to the store, an export reads it [any thread].
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <mapvec/progress.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io {

// A table of vectors: so many rows of so many scalars.
struct Shape {
    std::uint64_t rows = 0;  // vectors
    std::uint64_t dim = 0;   // scalars of each

    // Equal in both.
    friend bool operator==(const Shape&, const Shape&) = default;
};

// What an export does when the file is there already.
enum class IfExists {
    refuse,  // throws exists
    replace  // the old file stays until the new one is whole
};

// What can be exported: a store, Collection::vectors(), anything with the dim and the scalars of contiguous rows.
template <class Source>
concept VectorSource = requires(const Source& source) {
    { source.dim() } -> std::convertible_to<std::size_t>;
    { source.data().size() } -> std::convertible_to<std::size_t>;
    requires Scalar<std::remove_cvref_t<decltype(*source.data().data())>>;
};

// The type of its scalars.
template <VectorSource Source>
using ScalarOf = std::remove_cvref_t<decltype(*std::declval<const Source&>().data().data())>;

}  // namespace mapvec::inline v0_1::io

#include <mapvec/detail/util/epilogue.inc>
