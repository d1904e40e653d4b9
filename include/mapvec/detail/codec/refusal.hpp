// The reason why a payload type cannot be stored, as the first line that a compiler prints. The next lines name the
// part: StorablePart<const char*>.
#pragma once

#include <concepts>
#include <type_traits>

#include <mapvec/detail/codec/traits.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class T>
concept SmartPointerLike = requires(const T& pointer) {
    typename T::element_type;
    { pointer.get() } -> std::convertible_to<const void*>;
};

enum class Refusal { none, address, smart_pointer, base_class, hidden_fields, other };

template <class T>
consteval Refusal why_refused() {
    if constexpr (kind_of<T>() == Kind::pointer)
        return Refusal::address;
    else if constexpr (kind_of<T>() != Kind::unsupported)
        return nests_uncounted<T> ? Refusal::other : Refusal::none;
    else if constexpr (SmartPointerLike<T>)
        return Refusal::smart_pointer;
    else if constexpr (!std::is_class_v<T>)
        return Refusal::other;
    else if constexpr (!std::is_aggregate_v<T>)
        return Refusal::hidden_fields;
    else if constexpr (HasBaseClass<T>)
        return Refusal::base_class;
    else
        return Refusal::other;
}

template <class T>
struct StorablePart {
    static constexpr Refusal why = why_refused<T>();
    static_assert(why != Refusal::address,
                  "mapvec cannot store a pointer, reference or view (const char*, std::string_view, std::span): "
                  "an address means nothing in a file. Use std::string, std::vector or the value itself");
    static_assert(why != Refusal::smart_pointer,
                  "mapvec cannot store a smart pointer. Use the value itself, std::optional or std::vector");
    static_assert(why != Refusal::base_class,
                  "mapvec cannot see the fields of a struct with a base class. "
                  "Make the base a member, or specialise mapvec::Codec for this type");
    static_assert(why != Refusal::hidden_fields,
                  "mapvec cannot see the fields of a class with private members, constructors or virtual functions. "
                  "Make it a plain struct, or specialise mapvec::Codec for this type");
    static_assert(why != Refusal::other,
                  "mapvec cannot store this type (see the table in payload_codec.hpp). "
                  "Specialise mapvec::Codec for it");
};

template <class... Parts>
consteval bool refuse_parts(TypeList<Parts...>) {
    return ((sizeof(StorablePart<Parts>) > 0) && ...);  // NOLINT(bugprone-sizeof-expression): instantiates the part
}

// Returns true, or fails a static_assert that names the part of T and the remedy. C: the codec of T.
template <class T, class C>
consteval bool explain_refusal() {
    if constexpr (requires { typename C::ReadyMade; }) return refuse_parts(Reachable<T>{});
    return true;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
