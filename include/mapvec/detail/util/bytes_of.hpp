// The bytes of an object that is written to a file.
#pragma once

#include <cstddef>
#include <span>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Struct>
[[nodiscard]] std::span<const std::byte> bytes_of(const Struct& value) noexcept {
    return std::as_bytes(std::span(&value, 1));
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
