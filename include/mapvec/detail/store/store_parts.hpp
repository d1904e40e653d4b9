// Access to the parts of a store, for collections and indexes only.
#pragma once

#include <cstddef>
#include <filesystem>

#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Whether spec() is for new files or for existing ones.
enum class Opening { new_file, old_file };

struct StoreParts {
    // REQUIRES: the store is open.
    template <class Store>
    [[nodiscard]] static const auto& rows(const Store& store) noexcept {
        return *store.rows_;
    }
    // The specification of a vector store's file.
    template <class Store>
    [[nodiscard]] static auto spec(const std::filesystem::path& path, const StoreOptions& options, Opening opening) {
        return Store::spec(path, options, opening);
    }
    // A store on arrays that another object commits: one MappedArray, or a group and the index of the first payload
    // file.
    template <class Store, class... Arrays>
    [[nodiscard]] static Store part_of_other(Arrays&&... arrays) {
        return Store(arrays...);
    }
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
