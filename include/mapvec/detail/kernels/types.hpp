// Types that the kernels of all instruction sets share.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <mapvec/detail/util/prefetch.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t prefetch_distance = 2048;  // bytes ahead, in a scan over rows shorter than a cache line
inline constexpr std::size_t prefetch_rows = 8;         // rows ahead, in a scan over listed rows
inline constexpr std::size_t prefetch_row_bytes = 512;  // the hardware prefetcher fetches the rest of a longer row

// The type of query elements and sums for rows of S.
template <class S>
using QueryValue = std::conditional_t<std::is_same_v<S, double>, double, float>;

// A prepared query is padded with zeros to a multiple of this, which all instruction sets can load.
inline constexpr std::size_t query_padding = 32;

// Distances of rows of bytes may be computed in integers, if the query has integers of at most max_small_number in
// magnitude and at most max_small_dim of them.
template <class S>
inline constexpr bool is_byte = std::is_same_v<S, std::int8_t> || std::is_same_v<S, std::uint8_t>;
inline constexpr float max_small_number = 255;
inline constexpr std::size_t max_small_dim = 8192;

template <class Value>
[[nodiscard]] MAPVEC_INLINE float cosine_distance(Value product, Value squared_norm) noexcept {
    constexpr Value least = std::numeric_limits<Value>::min(), most = std::numeric_limits<Value>::max();
    if (!(squared_norm >= least && squared_norm <= most)) return std::numeric_limits<float>::quiet_NaN();
    const Value distance = Value{1} - product / std::sqrt(squared_norm);
    return distance < 0 ? 0.0f : static_cast<float>(distance);
}

// Contiguous rows of `dim` scalars each. No byte at or behind `end` is read.
template <class S>
struct RowSpan {
    const S* rows = nullptr;
    const S* end = nullptr;
    std::size_t dim = 0;
};

// Both functions write one result per row to `results`, which has room for `count` rounded up to a multiple of 4. The
// result of a row depends only on the row, the query and the instruction set.
template <class S, class Q = QueryValue<S>>
struct RowKernels {
    void (*contiguous)(RowSpan<S>, std::size_t first, std::size_t count, const Q* query, float* results) noexcept;
    void (*listed)(RowSpan<S>, const std::uint64_t* rows, std::size_t count, const Q* query, float* results) noexcept;
};

// Writes the positions of the values in [low, high] to `positions`, ascending; returns their number.
using SelectKernel = std::size_t (*)(const float* values, std::size_t count, float low, float high,
                                     std::uint32_t* positions) noexcept;

// Converts scalars to floats.
template <class S>
using ConvertKernel = void (*)(const S* from, std::size_t count, float* to) noexcept;

inline constexpr std::size_t tile_rows = 64;

// A tile: rows against `columns` queries, which are transposed: element i of query c is at packed[i * columns + c]. For
// each of `count` rows and each column, key = scale * sum + row_terms[row]. The sum is that of squared differences or
// of products. If !(key > limits[column]), row * columns + column is appended to `found`.
struct TileTask {
    const float* rows = nullptr;
    std::size_t count = 0;  // at most tile_rows
    std::size_t dim = 0;
    const float* packed = nullptr;
    const float* row_terms = nullptr;
    float scale = 0;
    const float* limits = nullptr;
};

struct TileKernels {
    std::size_t columns;
    std::size_t (*differences)(const TileTask&, std::uint32_t* found) noexcept;
    std::size_t (*products)(const TileTask&, std::uint32_t* found) noexcept;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
