// What a collection or an index needs of a store, and nobody else does.
#pragma once

#include <cstddef>
#include <filesystem>

#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// What a store's files are wanted for.
enum class Opening { new_file, old_file };

struct StoreParts {
    // REQUIRES: the store is open.
    template <class Store>
    [[nodiscard]] static const auto& rows(const Store& store) noexcept {
        return *store.rows_;
    }
    // Of a vector store's file.
    template <class Store>
    [[nodiscard]] static auto spec(const std::filesystem::path& path, const StoreOptions& options, Opening opening) {
        return Store::spec(path, options, opening);
    }
    // A store that shows arrays which somebody else commits: a MappedArray, or a group and the first of its payload
    // files.
    template <class Store, class... Arrays>
    [[nodiscard]] static Store part_of_other(Arrays&&... arrays) {
        return Store(arrays...);
    }
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
