// The identity of an index: a number for its store and its metric. The headers of the index files contain it as their
// fingerprint. It is the 64-bit FNV-1a hash of
//
//     the store's id     16 bytes
//     the metric's name  its length as 8 bytes, little-endian, and its characters
//
// So any program recognises the index, also with a metric of its own, as long as the metric keeps its name.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include <mapvec/detail/util/fingerprint_hash.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/storage/file_format.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// A metric for indexes. Files contain its name, which identifies the formula and changes with it.
template <class M>
concept NamedMetric = Metric<M> && requires {
    std::string_view{M::name};
};

namespace detail {

[[nodiscard]] constexpr std::uint64_t index_fingerprint(const StoreId& store, std::string_view metric) noexcept {
    Fingerprint print;
    for (const std::uint8_t byte : store) print.add(static_cast<char>(byte));
    print.add_text(metric);
    return print.value();
}

// The fingerprint of the metric of a collection.
[[nodiscard]] constexpr std::uint64_t metric_fingerprint(std::string_view metric) noexcept {
    Fingerprint print;
    print.add_text(metric);
    return print.value();
}

}  // namespace detail
}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
