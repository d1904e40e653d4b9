// Scalar types of vectors: float, double, int8_t, uint8_t, and two 16-bit floats.
//
//     mapvec::float16 half{0.1f};                    // rounds to nearest, ties to even
//     float back = half;                             // exact: every float16 is a float
//     static_assert(mapvec::Scalar<mapvec::bfloat16>);
//     to_string(mapvec::scalar_type_of<double>);     // "float64"
//
// float16 is IEEE 754 binary16: 5 bits of exponent, largest finite value 65504. bfloat16 is the upper half of a float:
// 8 bits of exponent, 8 significant bits. Both only store values: they take two bytes, are trivially copyable and have
// no arithmetic. They convert to float implicitly and exactly. Conversion from float rounds to nearest even, overflows
// to infinity, keeps the sign of zero, and produces denormals. A NaN becomes a quiet NaN. All functions are constexpr
// and never fail.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// Files contain these numbers, so they never change.
enum class ScalarType : std::uint32_t { float32 = 1, float64 = 2, int8 = 3, uint8 = 4, float16 = 5, bfloat16 = 6 };

[[nodiscard]] constexpr std::string_view to_string(ScalarType type) noexcept {
    switch (type) {
        case ScalarType::float32: return "float32";
        case ScalarType::float64: return "float64";
        case ScalarType::int8: return "int8";
        case ScalarType::uint8: return "uint8";
        case ScalarType::float16: return "float16";
        case ScalarType::bfloat16: return "bfloat16";
    }
    return "unknown";
}

// IEEE 754 binary16: 5 bits of exponent, 11 of precision.
struct float16 {
    float16() = default;
    constexpr explicit float16(float value) noexcept : bits_(encode(std::bit_cast<std::uint32_t>(value))) {}

    [[nodiscard]] static constexpr float16 from_bits(std::uint16_t bits) noexcept {
        float16 result{};
        result.bits_ = bits;
        return result;
    }
    [[nodiscard]] constexpr std::uint16_t bits() const noexcept { return bits_; }

    [[nodiscard]] constexpr operator float() const noexcept {
        const std::uint32_t exponent_mask = 0x7C00u << 13;
        std::uint32_t magnitude = (bits_ & 0x7FFFu) << 13;
        const std::uint32_t exponent = magnitude & exponent_mask;
        magnitude += (127u - 15u) << 23;
        if (exponent == exponent_mask) {
            magnitude += (128u - 16u) << 23;  // infinity or NaN
        } else if (exponent == 0) {           // zero or denormal: the subtraction normalises it
            magnitude += 1u << 23;
            magnitude = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) -
                                                     std::bit_cast<float>(std::uint32_t{113} << 23));
        }
        return std::bit_cast<float>(magnitude | (bits_ & 0x8000u) << 16);
    }

    // Compares as float: NaN equals nothing, -0 equals 0.
    friend constexpr bool operator==(float16 a, float16 b) noexcept {
        return static_cast<float>(a) == static_cast<float>(b);
    }

  private:
    static constexpr std::uint16_t encode(std::uint32_t value) noexcept {
        const std::uint32_t sign = value >> 16 & 0x8000u;
        value &= 0x7FFFFFFFu;
        std::uint32_t half = 0;
        if (value > 0x7F800000u) {
            half = 0x7E00u | (value >> 13 & 0x3FFu);
        } else if (value >= 0x477FF000u) {  // 65520: half-way above the largest finite value
            half = 0x7C00u;
        } else if (value < 0x38800000u) {  // below the smallest normal value: adding 0.5 rounds at the right bit
            half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(value) + 0.5f) - 0x3F000000u;
        } else {
            const std::uint32_t odd = value >> 13 & 1u;
            half = (value - (std::uint32_t{127 - 15} << 23) + 0xFFFu + odd) >> 13;
        }
        return static_cast<std::uint16_t>(sign | half);
    }

    std::uint16_t bits_;
};

// The upper half of a float: 8 bits of exponent, 8 of precision.
struct bfloat16 {
    bfloat16() = default;
    constexpr explicit bfloat16(float value) noexcept : bits_(encode(std::bit_cast<std::uint32_t>(value))) {}

    [[nodiscard]] static constexpr bfloat16 from_bits(std::uint16_t bits) noexcept {
        bfloat16 result{};
        result.bits_ = bits;
        return result;
    }
    [[nodiscard]] constexpr std::uint16_t bits() const noexcept { return bits_; }

    [[nodiscard]] constexpr operator float() const noexcept {
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits_) << 16);
    }

    // Compares as float: NaN equals nothing, -0 equals 0.
    friend constexpr bool operator==(bfloat16 a, bfloat16 b) noexcept {
        return static_cast<float>(a) == static_cast<float>(b);
    }

  private:
    static constexpr std::uint16_t encode(std::uint32_t value) noexcept {
        const bool nan = (value & 0x7FFFFFFFu) > 0x7F800000u;
        const std::uint32_t rounded = nan ? value | 0x400000u : value + 0x7FFFu + (value >> 16 & 1u);
        return static_cast<std::uint16_t>(rounded >> 16);
    }

    std::uint16_t bits_;
};

static_assert(sizeof(float16) == 2 && sizeof(bfloat16) == 2);

namespace detail {

template <class S>
inline constexpr ScalarType scalar_type{};  // 0: not a scalar type
template <>
inline constexpr ScalarType scalar_type<float> = ScalarType::float32;
template <>
inline constexpr ScalarType scalar_type<double> = ScalarType::float64;
template <>
inline constexpr ScalarType scalar_type<std::int8_t> = ScalarType::int8;
template <>
inline constexpr ScalarType scalar_type<std::uint8_t> = ScalarType::uint8;
template <>
inline constexpr ScalarType scalar_type<float16> = ScalarType::float16;
template <>
inline constexpr ScalarType scalar_type<bfloat16> = ScalarType::bfloat16;

}  // namespace detail

template <class S>
concept Scalar = detail::scalar_type<S>
!= ScalarType{};

template <Scalar S>
inline constexpr ScalarType scalar_type_of = detail::scalar_type<S>;

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
