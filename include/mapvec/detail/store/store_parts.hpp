// What an index needs of a store, and nobody else does.
#pragma once

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

struct StoreParts {
    // REQUIRES: the store is open.
    template <class Store>
    [[nodiscard]] static const auto& rows(const Store& store) noexcept {
        return *store.rows_;
    }
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
