// The encoded size of a type, and whether its encoded bytes equal its bytes in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <mapvec/detail/codec/traits.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t variable_size = static_cast<std::size_t>(-1);

constexpr std::size_t sum_of_sizes(std::size_t a, std::size_t b) noexcept {
    return a == variable_size || b == variable_size ? variable_size : a + b;
}

template <class T>
consteval std::size_t wire_size();

template <class... Ts>
consteval std::size_t wire_size_of_all(TypeList<Ts...>) {
    std::size_t sum = 0;
    ((sum = sum_of_sizes(sum, wire_size<Ts>())), ...);
    return sum;
}

// The encoded size, if it is the same for every value of T; otherwise variable_size.
template <class T>
consteval std::size_t wire_size() {
    constexpr Kind kind = kind_of<T>();
    if constexpr (kind == Kind::boolean)
        return 1;
    else if constexpr (kind == Kind::number || kind == Kind::enumeration || kind == Kind::opaque)
        return sizeof(T);
    else if constexpr (kind == Kind::tuple || kind == Kind::aggregate)
        return wire_size_of_all(Parts<T>{});
    else if constexpr (kind == Kind::array) {
        constexpr std::size_t n = ArrayTraits<T>::size;
        if constexpr (n == 0)
            return 0;
        else
            return wire_size<typename ArrayTraits<T>::element>() == variable_size
                       ? variable_size
                       : n * wire_size<typename ArrayTraits<T>::element>();
    } else
        return variable_size;
}

template <class T>
consteval std::size_t min_wire_size();

template <class... Ts>
consteval std::size_t min_wire_size_of_all(TypeList<Ts...>) {
    return (std::size_t{0} + ... + min_wire_size<Ts>());
}

// The smallest encoded size of a T.
template <class T>
consteval std::size_t min_wire_size() {
    constexpr Kind kind = kind_of<T>();
    if constexpr (wire_size<T>() != variable_size)
        return wire_size<T>();
    else if constexpr (kind == Kind::tuple || kind == Kind::aggregate)
        return min_wire_size_of_all(Parts<T>{});
    else if constexpr (kind == Kind::array)
        return ArrayTraits<T>::size * min_wire_size<typename ArrayTraits<T>::element>();
    else if constexpr (kind == Kind::optional || kind == Kind::character)
        return 1;
    else if constexpr (kind == Kind::variant)
        return 4;
    else
        return 8;
}

template <class T>
consteval bool has_forbidden_values();
template <class... Ts>
consteval bool any_has_forbidden_values(TypeList<Ts...>) {
    return (has_forbidden_values<Ts>() || ...);
}

// True if some bytes in memory are not a valid T: a bool is 0 or 1, a UnicodeChar is a Unicode scalar value.
template <class T>
consteval bool has_forbidden_values() {
    constexpr Kind kind = kind_of<T>();
    if constexpr (kind == Kind::boolean || kind == Kind::character)
        return true;
    else if constexpr (kind == Kind::enumeration)
        return std::is_same_v<std::underlying_type_t<T>, bool>;
    else if constexpr (kind == Kind::array || kind == Kind::aggregate)
        return any_has_forbidden_values(Parts<T>{});
    else
        return false;
}

template <class T>
consteval bool has_raw_layout();
template <class... Ts>
consteval bool all_have_raw_layout(TypeList<Ts...>) {
    return (has_raw_layout<Ts>() && ...);
}

// True if a T can be stored as its bytes in memory. An optional, a variant or a tuple cannot, even if it is trivially
// copyable: the standard library defines its layout, and some of its bytes may have no value.
template <class T>
consteval bool has_raw_layout() {
    constexpr Kind kind = kind_of<T>();
    if constexpr (!std::is_trivially_copyable_v<T> || !std::is_move_constructible_v<T>)
        return false;
    else if constexpr (kind == Kind::array || kind == Kind::aggregate)
        return all_have_raw_layout(Parts<T>{});
    else
        return kind == Kind::boolean || kind == Kind::number || kind == Kind::character || kind == Kind::enumeration ||
               kind == Kind::opaque;
}

template <class T>
consteval bool has_padding();
template <class... Ts>
consteval bool fields_leave_padding(std::size_t size, TypeList<Ts...>) {
    return (std::size_t{0} + ... + sizeof(Ts)) != size || (has_padding<Ts>() || ...);
}

// True if a T of raw layout has padding. For an opaque type only the compiler knows.
template <class T>
consteval bool has_padding() {
    constexpr Kind kind = kind_of<T>();
    if constexpr (kind == Kind::opaque)
        return !std::has_unique_object_representations_v<T>;
    else if constexpr (kind == Kind::aggregate)
        return fields_leave_padding(sizeof(T), Parts<T>{});
    else if constexpr (kind == Kind::array)
        return ArrayTraits<T>::size == 0 || has_padding<typename ArrayTraits<T>::element>();
    else
        return false;
}

// True if the encoded bytes equal the bytes in memory, so that many elements can be copied at once.
template <class T>
inline constexpr bool same_in_memory = has_raw_layout<T>() && !has_padding<T>() && !has_forbidden_values<T>();

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
