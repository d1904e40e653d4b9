// Calls the free function search() for a store that has a member of the same name, without including search.hpp.
#pragma once

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Argument-dependent lookup finds mapvec::search() if the caller includes search.hpp.
template <class Source, class... Args>
[[nodiscard]] auto call_search(const Source& source, const Args&... args) {
    return search(source, args...);
}
template <class M, class Source, class... Args>
[[nodiscard]] auto call_search_by(const Source& source, const Args&... args) {
    return search<M>(source, args...);
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
