// Types of the kernels of VaIndex, for all instruction sets.
#pragma once

#include <cstddef>
#include <cstdint>

#include <mapvec/detail/va/line.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Lines are read in groups of this size; results have room for counts rounded up to it.
inline constexpr std::size_t line_group = 16;

// A query for the nibbles of a line: the sum of weight times nibble, times scale, plus offset. weights[b] are those of
// the nibbles in bits 4b …, padded with zeros to the length of a line, so that a whole line can be loaded.
struct NibbleQuery {
    alignas(64) std::int16_t weights[4][32] = {};
    float scale = 0;
    float offset = 0;
};

// The same with weights of 8 bits: low[i] is that of the lower nibble of byte i of a line, high[i] that of the upper
// one. A sum takes half the instructions, and is less accurate. Bytes that are not nibbles have the weight 0.
struct CoarseQuery {
    alignas(64) std::int8_t low[64] = {};
    alignas(64) std::int8_t high[64] = {};
    float scale = 0;
    float offset = 0;
};

// The other numbers of a query; bounds.hpp derives them.
struct BoundQuery {
    float squared = 0;        // |Qw|²
    float product_error = 0;  // error of a product before the multiplication with inverse_length
    float z_error = 0;        // error of a product afterwards
    float along_error = 0;
    float across_error = 0;
    float tail = 0;
    float factor = 0;       // factor of the product of row and query in the key
    float term_factor = 0;  // factor of the term of the row in the key
    float term_error = 0;
    float base_low = 0;
    float base_high = 0;
};

// Axes are stored side by side in groups of this size, a multiple of what any instruction set loads at once: element i
// of axis a is at packed_axis(a, i, dim). Missing axes of the last group are zeros.
inline constexpr std::size_t axis_padding = 48;
inline constexpr std::size_t max_axes = 2 * nibbles_per_line;
inline constexpr std::size_t projection_chunk = 64;  // elements of a partial sum

[[nodiscard]] constexpr std::size_t packed_axis(std::size_t axis, std::size_t element, std::size_t dim) noexcept {
    return axis / axis_padding * axis_padding * dim + element * axis_padding + axis % axis_padding;
}
[[nodiscard]] constexpr std::size_t padded_axes(std::size_t axes) noexcept {
    return (axes + axis_padding - 1) / axis_padding * axis_padding;
}

// The positions of nibbles on the axes: in each round, every axis with another nibble gets one. The arrays have the
// length of the padded axes; they are zero for an axis without a nibble.

struct EncodeRound {
    const float* half_step;     // half the distance between two codes
    const float* inverse_step;  // 1 / the distance
};

// Sums over the positions of a row on the axes, and over the decoded positions.
struct PlaceSums {
    float product = 0;
    float places = 0;   // squared
    float decoded = 0;  // squared
    float across = 0;   // squared: the positions less their part along the decoded ones
};

struct VaKernels {
    // For consecutive lines: products are those of the query and the nibbles; keys lie between lows and highs, which
    // may be null.
    void (*scan)(const VaLine* lines, std::size_t count, const NibbleQuery& nibbles, const BoundQuery& query,
                 float* products, float* lows, float* highs) noexcept;
    // The same with a coarse query: the bounds are wider. Null if the instruction set gains nothing by it.
    void (*scan_coarsely)(const VaLine* lines, std::size_t count, const CoarseQuery& nibbles, const BoundQuery& query,
                          float* lows, float* highs) noexcept;
    // The same in two steps, for lines that are read again or for second lines: the products are added to those of the
    // first lines.
    void (*add_products)(const VaLine* lines, std::size_t count, const NibbleQuery& nibbles, float* products) noexcept;
    void (*bounds)(const VaLine* lines, std::size_t count, const float* products, const BoundQuery& query, float* lows,
                   float* highs) noexcept;
    // The products of rows and axes. `out` is row-major, padded_axes(axes) wide, with zeros behind the axes.
    void (*project)(const float* rows, std::size_t count, std::size_t dim, const float* packed, std::size_t axes,
                    float* out) noexcept;
    // One round: computes codes of `rest`, subtracts their values from it, and adds them to `decoded`.
    void (*encode)(std::size_t axes, const EncodeRound& round, float* rest, float* decoded,
                   std::int32_t* codes) noexcept;
    PlaceSums (*place_sums)(std::size_t axes, const float* places, const float* decoded) noexcept;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
