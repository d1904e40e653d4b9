// The stores that an index can follow: a store of vectors, or a collection, whose erased rows the index does not find.
#pragma once

#include <concepts>
#include <cstddef>

#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/query.hpp>
#include <mapvec/scalar.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The filter of a store without erasures: all rows are live.
struct AllLive {
    [[nodiscard]] constexpr bool operator()(Id) const noexcept { return true; }
};

template <std::size_t Dim, Scalar S, Storage File>
[[nodiscard]] const MmapVectorStore<Dim, S, File>& vectors_of(const MmapVectorStore<Dim, S, File>& store) noexcept {
    return store;
}
template <std::size_t Dim, Scalar S, Storage File>
[[nodiscard]] AllLive live_rows_of(const MmapVectorStore<Dim, S, File>&) noexcept {
    return {};
}

// A collection, recognised without including its header.
template <class Store>
concept WithErasures = requires(const Store& store) {
    { store.contains(Id{}) } -> std::same_as<bool>;
    vectors_of(store.vectors());
};
template <WithErasures Store>
[[nodiscard]] const auto& vectors_of(const Store& store) noexcept {
    return store.vectors();
}
template <WithErasures Store>
[[nodiscard]] auto live_rows_of(const Store& store) noexcept {
    return [&store](Id id) { return store.contains(id); };
}

template <class Store, class File>
concept FollowedStore = requires(const Store& store) {
    { StoreParts::rows(vectors_of(store)) } -> std::same_as<const MappedArray<File>&>;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
