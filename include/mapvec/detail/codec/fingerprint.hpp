// The fingerprint of a payload type: a hash of its structure, the same for every compiler and platform. A store writes
// it into its header, and compares it when it is opened.
//
// It is the 64-bit FNV-1a hash of a description of the type, with these tokens:
//
//     b             bool                     [ x           vector, deque, list of x
//     i u f + size  integer, floating point  < x / { k v   set, map
//     c + size      character types          * N x         array of N x
//     s             string                   ( x y … )     pair, tuple, struct
//     U             UnicodeChar
//     ? x           optional                 | n x y …     variant of n alternatives
//     ^ depth       enclosing type, 0 = top  o size        class whose fields cannot be seen
//     # number, @ text, !   a specialised Codec, by its fingerprint or name
//
// An enumeration is described as its underlying type. The description of a type that is stored raw begins with R and
// contains sizes and offsets, because the bytes are then those in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <mapvec/detail/codec/layout.hpp>
#include <mapvec/detail/util/fingerprint_hash.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Adds the fingerprint or name of a specialised codec. All codecs that have neither are described alike.
template <class C>
constexpr void add_codec_name(Fingerprint& print) noexcept {
    if constexpr (requires { std::uint64_t{C::fingerprint}; }) {
        print.add('#');
        print.add_number(C::fingerprint);
    } else if constexpr (requires { std::string_view{C::name}; }) {
        print.add('@');
        print.add_text(C::name);
    } else {
        print.add('!');
    }
}

template <class T>
consteval char number_token() {
    if constexpr (std::is_floating_point_v<T>)
        return 'f';
    else if constexpr (is_one_of<T, char, wchar_t, char8_t, char16_t, char32_t>)
        return 'c';
    else
        return std::is_signed_v<T> ? 'i' : 'u';
}

template <class T>
consteval char group_token() {
    switch (kind_of<T>()) {
        case Kind::sequence: return '[';
        case Kind::set: return '<';
        case Kind::map: return '{';
        case Kind::array: return '*';
        case Kind::optional: return '?';
        case Kind::variant: return '|';
        default: return '(';
    }
}

// The index of T among the enclosing types, or their number if it is not among them.
template <class T, class... Around>
consteval std::size_t place_in(TypeList<Around...>) {
    std::size_t place = 0;
    static_cast<void>(((std::is_same_v<T, Around> ? true : (++place, false)) || ...));
    return place;
}

template <class T, class Around>
constexpr void describe(Fingerprint& print) noexcept;

template <class Around, class... Ts>
constexpr void describe_all(Fingerprint& print, TypeList<Ts...>) noexcept {
    (describe<Ts, Around>(print), ...);
}

template <class T, class Around>
constexpr void describe_group(Fingerprint& print) noexcept {
    constexpr std::size_t place = place_in<T>(Around{});
    if constexpr (place < Around::size) {
        print.add('^');
        print.add_number(place);
    } else {
        print.add(group_token<T>());
        if constexpr (kind_of<T>() == Kind::array) print.add_number(ArrayTraits<T>::size);
        if constexpr (kind_of<T>() == Kind::variant) print.add_number(Parts<T>::size);
        describe_all<typename AppendTo<Around, T>::type>(print, Parts<T>{});
        if constexpr (group_token<T>() == '(') print.add(')');
    }
}

template <class T, class Around>
constexpr void describe(Fingerprint& print) noexcept {
    constexpr Kind kind = kind_of<T>();
    if constexpr (kind == Kind::enumeration) {
        describe<std::underlying_type_t<T>, Around>(print);
    } else if constexpr (kind == Kind::boolean) {
        print.add('b');
    } else if constexpr (kind == Kind::character) {
        print.add('U');
    } else if constexpr (kind == Kind::number) {
        print.add(number_token<T>());
        print.add_number(sizeof(T));
    } else if constexpr (kind == Kind::text) {
        print.add('s');
    } else if constexpr (kind == Kind::opaque) {
        print.add('o');
        print.add_number(sizeof(T));
    } else if constexpr (kind == Kind::custom) {
        add_codec_name<Codec<T>>(print);
    } else {
        describe_group<T, Around>(print);
    }
}

// Adds the sizes and offsets of all parts of a raw T. Each field follows the previous one at its alignment.
template <class T>
constexpr void describe_raw(Fingerprint& print, std::uint64_t offset) noexcept;

template <class... Ts>
constexpr void describe_raw_fields(Fingerprint& print, std::uint64_t offset, TypeList<Ts...>) noexcept {
    std::uint64_t next = offset;
    [[maybe_unused]] const auto place = [&next](std::uint64_t size, std::uint64_t alignment) {
        const std::uint64_t at = (next + alignment - 1) / alignment * alignment;
        next = at + size;
        return at;
    };
    (describe_raw<Ts>(print, place(sizeof(Ts), alignof(Ts))), ...);
}

template <class T>
constexpr void describe_raw(Fingerprint& print, std::uint64_t offset) noexcept {
    print.add_number(offset);
    print.add_number(sizeof(T));
    if constexpr (kind_of<T>() == Kind::array) describe_raw<typename ArrayTraits<T>::element>(print, offset);
    if constexpr (kind_of<T>() == Kind::aggregate) describe_raw_fields(print, offset, Parts<T>{});
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
