// Exact conversion of a number to another scalar type.
//
//     std::uint8_t code;
//     convert(200.0f, code);      // true
//     convert(0.5f, code);        // false: not a uint8
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io::detail {

// The scalar types of files: those of stores, and the int32 of .ivecs.
template <class T>
concept FileScalar = Scalar<T> || std::is_same_v<T, std::int32_t>;

template <FileScalar T>
[[nodiscard]] constexpr std::string_view name_of() noexcept {
    if constexpr (std::is_same_v<T, std::int32_t>)
        return "int32";
    else
        return to_string(scalar_type_of<T>);
}

template <class T>
inline constexpr bool is_short_float = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
template <class T>
inline constexpr bool is_byte_integer = std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::uint8_t>;

// True if every value of From is a value of To.
template <FileScalar From, FileScalar To>
inline constexpr bool always_exact = std::is_same_v<From, To> || std::is_same_v<To, double> ||
                                     (std::is_same_v<To, float> && (is_short_float<From> || is_byte_integer<From>)) ||
                                     ((is_short_float<To> || std::is_same_v<To, std::int32_t>)&&is_byte_integer<From>);

[[nodiscard]] inline bool convert_double(double from, float& to) noexcept {
    const bool finite = std::isfinite(from);
    if (finite && std::abs(from) > static_cast<double>(std::numeric_limits<float>::max())) return false;
    to = static_cast<float>(from);
    return !finite || static_cast<double>(to) == from;
}

template <class To>
    requires is_short_float<To>
[[nodiscard]] bool convert_double(double from, To& to) noexcept {
    float single = 0;
    if (!convert_double(from, single)) return false;
    to = To(single);
    return std::isnan(single) || static_cast<float>(to) == single;
}

template <class To>
    requires std::is_integral_v<To>
[[nodiscard]] bool convert_double(double from, To& to) noexcept {
    if (!(from >= std::numeric_limits<To>::min() && from <= std::numeric_limits<To>::max())) return false;  // NaN too
    to = static_cast<To>(from);
    return static_cast<double>(to) == from;
}

// Returns false if `from` is not a value of To; `to` is then unspecified.
template <FileScalar From, FileScalar To>
[[nodiscard]] bool convert(From from, To& to) noexcept {
    if constexpr (std::is_same_v<From, To>) {
        to = from;
        return true;
    } else if constexpr (always_exact<From, To>) {
        if constexpr (is_short_float<From>)
            to = static_cast<To>(static_cast<float>(from));
        else if constexpr (is_short_float<To>)
            to = To(static_cast<float>(from));
        else
            to = static_cast<To>(from);  // NOLINT(bugprone-signed-char-misuse): these are numbers, not characters
        return true;
    } else {
        return convert_double(static_cast<double>(from), to);
    }
}

}  // namespace mapvec::inline v0_1::io::detail

#include <mapvec/detail/util/epilogue.inc>
