// The structure of a payload type as text, for error messages when a store is opened with another type.
//
//     payload_schema<Doc>()     "(s s u4 [s] i8)", with payload_version<Doc> = 2: "(s s u4 [s] i8) version 2"
//
//     b           bool                     [x]         vector, deque, list of x
//     i u f c + size  numbers, characters  <x> {k v}   set, map
//     s U         string, UnicodeChar      N*x         array of N x
//     ?x          optional                 (x y)       pair, tuple, struct
//     ^depth      enclosing type, 0 = top  |x y|       variant
//     o + size    class whose fields cannot be seen    @text #number @?   a specialised Codec
//
// The text of a type that is stored raw begins with "raw ". The fingerprint (codec/fingerprint.hpp) decides whether two
// types are stored alike; it also contains the offsets in raw types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include <mapvec/detail/codec/fingerprint.hpp>
#include <mapvec/detail/codec/traits.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class C>
[[nodiscard]] std::string codec_name() {
    if constexpr (requires { std::uint64_t{C::fingerprint}; })
        return "#" + std::to_string(C::fingerprint);
    else if constexpr (requires { std::string_view{C::name}; })
        return "@" + std::string(C::name);
    else
        return "@?";
}

template <class T, class Around>
void spell(std::string& text);

template <class Around, class... Ts>
void spell_all(std::string& text, TypeList<Ts...>) {
    std::size_t n = 0;
    ((n++ > 0 ? void(text += ' ') : void(), spell<Ts, Around>(text)), ...);
}

template <class T>
[[nodiscard]] std::string_view brackets_of() {
    switch (kind_of<T>()) {
        case Kind::sequence: return "[]";
        case Kind::set: return "<>";
        case Kind::map: return "{}";
        case Kind::variant: return "||";
        case Kind::array:
        case Kind::optional: return "";
        default: return "()";
    }
}

template <class T, class Around>
void spell_group(std::string& text) {
    constexpr std::size_t place = place_in<T>(Around{});
    if constexpr (place < Around::size) {
        text += "^" + std::to_string(place);
    } else {
        const std::string_view brackets = brackets_of<T>();
        if constexpr (kind_of<T>() == Kind::array) text += std::to_string(ArrayTraits<T>::size) + "*";
        if constexpr (kind_of<T>() == Kind::optional) text += '?';
        if (!brackets.empty()) text += brackets.front();
        spell_all<typename AppendTo<Around, T>::type>(text, Parts<T>{});
        if (!brackets.empty()) text += brackets.back();
    }
}

template <class T, class Around>
void spell(std::string& text) {
    constexpr Kind kind = kind_of<T>();
    if constexpr (kind == Kind::enumeration)
        spell<std::underlying_type_t<T>, Around>(text);
    else if constexpr (kind == Kind::boolean)
        text += 'b';
    else if constexpr (kind == Kind::number)
        text += number_token<T>() + std::to_string(sizeof(T));
    else if constexpr (kind == Kind::text)
        text += 's';
    else if constexpr (kind == Kind::character)
        text += 'U';
    else if constexpr (kind == Kind::opaque)
        text += "o" + std::to_string(sizeof(T));
    else if constexpr (kind == Kind::custom)
        text += codec_name<Codec<T>>();
    else
        spell_group<T, Around>(text);
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
