// What the kernels of VaIndex take and give, whatever the instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include <mapvec/detail/va/line.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Lines are read in groups of this many; results have room for counts rounded up to it.
inline constexpr std::size_t line_group = 16;

// A query against the nibbles of one line: the sum of weight times nibble, times scale, plus offset. weights[b] are
// those of the nibbles in bits 4b …, padded with zeros to the length of a line, so that a whole line can be loaded.
struct NibbleQuery {
    alignas(64) std::int16_t weights[4][32] = {};
    float scale = 0;
    float offset = 0;
};

// The rest of a query: see bounds.hpp, where these come from.
struct BoundQuery {
    float squared = 0;        // |Qw|²
    float product_error = 0;  // of a product before it is multiplied with inverse_length
    float z_error = 0;        // of a product after that
    float along_error = 0;
    float across_error = 0;
    float tail = 0;
    float factor = 0;       // of the product of row and query in the key
    float term_factor = 0;  // of the row's term in the key
    float term_error = 0;
    float base_low = 0;
    float base_high = 0;
};

// Axes are kept side by side in groups of this many, a multiple of what any set takes at once: element i of axis a at
// packed_axis(a, i, dim). What is missing in the last group is zeros.
inline constexpr std::size_t axis_padding = 48;
inline constexpr std::size_t max_axes = 2 * nibbles_per_line;
inline constexpr std::size_t projection_chunk = 64;  // elements that are added up before these sums are

[[nodiscard]] constexpr std::size_t packed_axis(std::size_t axis, std::size_t element, std::size_t dim) noexcept {
    return axis / axis_padding * axis_padding * dim + element * axis_padding + axis % axis_padding;
}
[[nodiscard]] constexpr std::size_t padded_axes(std::size_t axes) noexcept {
    return (axes + axis_padding - 1) / axis_padding * axis_padding;
}

// Where nibbles lie on the axes: in each round every axis that has one more nibble gets it. The arrays are as long as
// the padded axes, and zero where an axis has none.

struct EncodeRound {
    const float* half_step;     // half the distance between two codes
    const float* inverse_step;  // 1 / the distance
};

// Sums over a row's places on the axes and over what their codes decode to.
struct PlaceSums {
    float product = 0;
    float places = 0;   // squared
    float decoded = 0;  // squared
    float across = 0;   // squared: the places less their part along the decoded
};

struct VaKernels {
    // Of lines in a row: products are the query times the nibbles; keys lie between lows and highs, which may be null.
    void (*scan)(const VaLine* lines, std::size_t count, const NibbleQuery& nibbles, const BoundQuery& query,
                 float* products, float* lows, float* highs) noexcept;
    // The same in two steps, for second lines: products are added to those of the first.
    void (*add_products)(const VaLine* lines, std::size_t count, const NibbleQuery& nibbles, float* products) noexcept;
    void (*bounds)(const VaLine* lines, std::size_t count, const float* products, const BoundQuery& query, float* lows,
                   float* highs) noexcept;
    // The products of rows and axes. `out` is row-major, padded_axes(axes) wide, with zeros behind the axes.
    void (*project)(const float* rows, std::size_t count, std::size_t dim, const float* packed, std::size_t axes,
                    float* out) noexcept;
    // One round: codes of `rest`, from which their values are taken, and added to `decoded`.
    void (*encode)(std::size_t axes, const EncodeRound& round, float* rest, float* decoded,
                   std::int32_t* codes) noexcept;
    PlaceSums (*place_sums)(std::size_t axes, const float* places, const float* decoded) noexcept;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
