// scalar.hpp: 16-bit floats round to nearest even, keep infinities, NaN, denormals and signs, and convert to float
// exactly.
#include <mapvec/scalar.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "catch.hpp"

namespace test_scalar {

using mapvec::bfloat16;
using mapvec::float16;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::uint32_t bits_of(float x) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
float float_of(std::uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

// The definition, in double: sign, exponent and fraction of a binary format.
double value_of(std::uint16_t bits, int exponent_bits, int fraction_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
    const double fraction = std::ldexp(bits & ((1 << fraction_bits) - 1), -fraction_bits);
    const double sign = (bits & 0x8000) != 0 ? -1 : 1;
    if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias);
    return sign * std::ldexp(1 + fraction, exponent - bias);
}

// Checks every value, the midpoints to its successor, and the floats next to these midpoints; returns the number of
// values.
template <class Half>
std::uint32_t check_rounding_between(std::uint16_t largest_finite) {
    std::uint32_t bits = 0;
    for (; bits < largest_finite; ++bits) {
        const auto low = Half::from_bits(static_cast<std::uint16_t>(bits));
        const auto high = Half::from_bits(static_cast<std::uint16_t>(bits + 1));
        const float middle =
            static_cast<float>((static_cast<double>(float{low}) + static_cast<double>(float{high})) / 2);
        const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
        const bool right = Half(float{low}).bits() == bits && Half(middle).bits() == even &&
                           Half(std::nextafter(middle, 0.0f)).bits() == bits &&
                           Half(std::nextafter(middle, infinity)).bits() == bits + 1 &&
                           Half(-middle).bits() == (even | 0x8000u);
        if (!right) FAIL("rounding beside bits " << bits);
    }
    return bits;
}

// Returns the number of values.
template <class Half>
std::uint32_t check_every_value(int exponent_bits, int fraction_bits) {
    const std::uint32_t special = ((1u << exponent_bits) - 1) << fraction_bits;
    std::uint32_t bits = 0;
    for (; bits < 0x10000; ++bits) {
        const auto half = Half::from_bits(static_cast<std::uint16_t>(bits));
        const float value = half;
        const std::uint32_t magnitude = bits & 0x7FFFu;
        const bool right = magnitude > special    ? std::isnan(value)
                           : magnitude == special ? value == ((bits & 0x8000u) != 0 ? -infinity : infinity)
                                                  : value == value_of(half.bits(), exponent_bits, fraction_bits) &&
                                                        std::signbit(value) == ((bits & 0x8000u) != 0);
        if (!right) FAIL("value of bits " << bits);
    }
    return bits;
}

}  // namespace

TEST_CASE("every float16 and bfloat16 converts to its exact float") {
    CHECK(check_every_value<float16>(5, 10) == 0x10000);
    CHECK(check_every_value<bfloat16>(8, 7) == 0x10000);
}

TEST_CASE("conversion from float rounds to nearest, ties to even, between any two neighbours") {
    CHECK(check_rounding_between<float16>(0x7BFF) == 0x7BFF);
    CHECK(check_rounding_between<bfloat16>(0x7F7F) == 0x7F7F);
}

TEST_CASE("float16 overflows to infinity from half a step beyond 65504") {
    CHECK(float16(65504.0f).bits() == 0x7BFF);
    CHECK(float16(std::nextafter(65520.0f, 0.0f)).bits() == 0x7BFF);
    CHECK(float16(65520.0f).bits() == 0x7C00);
    CHECK(float16(-1e30f).bits() == 0xFC00);
    CHECK(float16(infinity).bits() == 0x7C00);
    CHECK(bfloat16(std::numeric_limits<float>::max()).bits() == 0x7F80);
    CHECK(bfloat16(-infinity).bits() == 0xFF80);
}

TEST_CASE("float16 keeps denormals and the sign of zero") {
    CHECK(float16(0x1p-24f).bits() == 1);
    CHECK(float16(0x1p-25f).bits() == 0);
    CHECK(float16(std::nextafter(0x1p-25f, 1.0f)).bits() == 1);
    CHECK(float16(0x1.ff8p-15f).bits() == 0x03FF);
    CHECK(float16(0x1p-14f).bits() == 0x0400);
    CHECK(float16(-0.0f).bits() == 0x8000);
    CHECK(float16(-1e-30f).bits() == 0x8000);
    CHECK(bfloat16(float_of(0x00010000u)).bits() == 1);
    CHECK(bfloat16(-0.0f).bits() == 0x8000);
}

TEST_CASE("a NaN stays a NaN, even one whose payload lies in the bits that are dropped") {
    for (const std::uint32_t bits : {0x7FC00000u, 0x7F800001u, 0xFFC00000u, 0xFF800001u, 0x7FFFFFFFu}) {
        CHECK(std::isnan(float{float16(float_of(bits))}));
        CHECK(std::isnan(float{bfloat16(float_of(bits))}));
        CHECK((float16(float_of(bits)).bits() >> 15) == (bits >> 31));
        CHECK((bfloat16(float_of(bits)).bits() >> 15) == (bits >> 31));
    }
}

TEST_CASE("16-bit floats compare as floats do") {
    CHECK(float16(1.5f) == float16(1.5f));
    CHECK_FALSE(float16(1.5f) == float16(2.0f));
    CHECK(float16(0.0f) == float16(-0.0f));
    CHECK_FALSE(float16::from_bits(0x7E00) == float16::from_bits(0x7E00));
    CHECK(bfloat16(0.0f) == bfloat16(-0.0f));
    CHECK_FALSE(bfloat16::from_bits(0x7FC0) == bfloat16::from_bits(0x7FC0));
    CHECK(bits_of(float16(0.333f)) == bits_of(float{float16(0.333f)}));
}

TEST_CASE("scalars are storage types with fixed type numbers") {
    STATIC_REQUIRE(std::is_trivially_copyable_v<float16>);
    STATIC_REQUIRE(std::is_trivially_default_constructible_v<bfloat16>);
    STATIC_REQUIRE(sizeof(float16) == 2);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<float, float16>);
    STATIC_REQUIRE(std::is_convertible_v<bfloat16, float>);
    STATIC_REQUIRE_FALSE(mapvec::Scalar<int>);
    STATIC_REQUIRE_FALSE(mapvec::Scalar<const float>);
    CHECK(static_cast<std::uint32_t>(mapvec::scalar_type_of<float>) == 1);
    CHECK(static_cast<std::uint32_t>(mapvec::scalar_type_of<double>) == 2);
    CHECK(static_cast<std::uint32_t>(mapvec::scalar_type_of<std::int8_t>) == 3);
    CHECK(static_cast<std::uint32_t>(mapvec::scalar_type_of<std::uint8_t>) == 4);
    CHECK(static_cast<std::uint32_t>(mapvec::scalar_type_of<float16>) == 5);
    CHECK(static_cast<std::uint32_t>(mapvec::scalar_type_of<bfloat16>) == 6);
    CHECK(to_string(mapvec::ScalarType::bfloat16) == "bfloat16");
    CHECK(to_string(mapvec::ScalarType{99}) == "unknown");
}

}  // namespace test_scalar
