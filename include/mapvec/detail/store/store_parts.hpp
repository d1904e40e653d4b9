// What an index needs of a store, and nobody else does.
#pragma once

namespace mapvec::detail {

struct StoreParts {
    // REQUIRES: the store is open.
    template <class Store>
    [[nodiscard]] static const auto& rows(const Store& store) noexcept {
        return *store.rows_;
    }
};

}  // namespace mapvec::detail
