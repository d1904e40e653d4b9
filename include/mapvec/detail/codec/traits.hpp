// The kind of a payload type. Types such as optional, variant and map are recognised by their members, so that their
// headers need not be included.
//
// A type is a graph of parts: the element of a vector, the fields of a struct. Questions about the whole type, such as
// "does it hold a pointer" or "does it contain itself", walk this graph once.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <mapvec/detail/codec/aggregate.hpp>
#include <mapvec/unicode_char.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <class T>
struct Codec;  // payload_codec.hpp

namespace detail {

enum class Kind {
    boolean,
    number,       // integers and floating point of fixed width
    character,    // a UnicodeChar, in UTF-8
    enumeration,  // stored as its underlying type
    text,         // a string of one-byte characters
    sequence,     // vector, deque, list
    map,
    set,
    array,  // std::array
    tuple,  // pair and tuple
    optional,
    variant,
    aggregate,  // a struct whose fields can be seen
    opaque,     // trivially copyable, but its fields cannot be seen
    custom,     // has a specialised Codec
    pointer,    // an address, which means nothing in a file
    unsupported
};

// --- recognised by their members ---

template <class T>
concept HasOwnCodec = (std::is_class_v<T> || std::is_enum_v<T> || std::is_union_v<T>)&&requires {
    sizeof(Codec<T>);
}
&&!requires { typename Codec<T>::ReadyMade; };

template <class T>
concept TextLike = requires(T text, const T& constant, const char* bytes) {
    typename T::traits_type;
    typename T::value_type;
    { constant.data() } -> std::convertible_to<const typename T::value_type*>;
    { constant.size() } -> std::convertible_to<std::size_t>;
    text.push_back(constant[0]);
}
&&sizeof(typename T::value_type) == 1;

template <class T>
concept OptionalLike = requires(T option, const T& constant, typename T::value_type value) {
    { constant.has_value() } -> std::same_as<bool>;
    { *constant } -> std::same_as<const typename T::value_type&>;
    option.emplace(std::move(value));
    option.reset();
};

template <class T>
concept Countable = requires(const T& constant) {
    typename T::value_type;
    { constant.size() } -> std::convertible_to<std::size_t>;
    constant.begin() != constant.end();
};

template <class T>
concept SetLike = Countable<T> && requires(T set, typename T::key_type key) {
    set.emplace_hint(set.end(), std::move(key));
} && !requires {
    typename T::mapped_type;
};

template <class T>
concept MapLike = Countable<T> && requires(T map, typename T::key_type key, typename T::mapped_type value) {
    map.emplace_hint(map.end(), std::move(key), std::move(value));
};

template <class T>
concept SequenceLike = Countable<T> && requires(T sequence, typename T::value_type value) {
    sequence.push_back(std::move(value));
} && !TextLike<T> && !requires {
    typename T::key_type;
};

// Types that are trivially copyable but hold an address: string_view, span, initializer_list, reference_wrapper,
// iterators.
template <class T>
concept ViewLike = requires(const T& view) {
    { view.data() } -> std::convertible_to<const void*>;
}
|| requires(const T& list) {
    { list.begin() } -> std::convertible_to<const void*>;
}
|| requires(const T& pointer) { pointer.operator->(); }
|| requires(const T& pointer) { *pointer; }
|| requires(const T& reference) {
    typename T::type;
    reference.get();
};

template <class T>
struct ArrayTraits : std::false_type {};
template <class Element, std::size_t N>
struct ArrayTraits<std::array<Element, N>> : std::true_type {
    using element = Element;
    static constexpr std::size_t size = N;
};

template <class T>
struct TupleTraits : std::false_type {};
template <class First, class Second>
struct TupleTraits<std::pair<First, Second>> : std::true_type {
    using elements = TypeList<First, Second>;
};
template <class... Elements>
struct TupleTraits<std::tuple<Elements...>> : std::true_type {
    using elements = TypeList<Elements...>;
};

template <class T>
struct VariantTraits : std::false_type {};
template <template <class...> class Variant, class... Alternatives>
    requires requires(const Variant<Alternatives...>& variant) {
        { variant.valueless_by_exception() } -> std::same_as<bool>;
        { variant.index() } -> std::same_as<std::size_t>;
    }
struct VariantTraits<Variant<Alternatives...>> : std::true_type {
    using alternatives = TypeList<Alternatives...>;
};

template <class T>
consteval Kind kind_of_class() {
    if constexpr (HasOwnCodec<T>)
        return Kind::custom;
    else if constexpr (std::is_same_v<T, UnicodeChar>)
        return Kind::character;
    else if constexpr (TextLike<T>)
        return Kind::text;
    else if constexpr (ArrayTraits<T>::value)
        return Kind::array;
    else if constexpr (TupleTraits<T>::value)
        return Kind::tuple;
    else if constexpr (VariantTraits<T>::value)
        return Kind::variant;
    else if constexpr (OptionalLike<T>)
        return Kind::optional;
    else if constexpr (MapLike<T>)
        return Kind::map;
    else if constexpr (SetLike<T>)
        return Kind::set;
    else if constexpr (SequenceLike<T>)
        return Kind::sequence;
    else if constexpr (can_see_fields<T>)
        return has_bit_fields<T> ? Kind::unsupported : Kind::aggregate;
    else if constexpr (!std::is_trivially_copyable_v<T> || !std::is_move_constructible_v<T>)
        return Kind::unsupported;
    else if constexpr (ViewLike<T> || shows_address<T>())
        return Kind::pointer;
    else
        return Kind::opaque;
}

template <class T>
consteval Kind kind_of() {
    if constexpr (std::is_same_v<T, bool>)
        return Kind::boolean;
    else if constexpr (std::is_integral_v<T>)
        return Kind::number;
    else if constexpr (std::is_floating_point_v<T>)
        return sizeof(T) <= 8 ? Kind::number : Kind::unsupported;
    else if constexpr (std::is_enum_v<T>)
        return HasOwnCodec<T> ? Kind::custom : Kind::enumeration;
    else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> ||
                       std::is_reference_v<T>)
        return Kind::pointer;
    else if constexpr (std::is_union_v<T>)
        return HasOwnCodec<T> ? Kind::custom : Kind::unsupported;
    else if constexpr (std::is_class_v<T>)
        return kind_of_class<T>();
    else
        return Kind::unsupported;
}

// --- the parts of a type, and all types that are reachable from it ---

template <class T, Kind = kind_of<T>()>
struct PartsOf {
    using type = TypeList<>;
};
template <class T>
struct PartsOf<T, Kind::sequence> {
    using type = TypeList<typename T::value_type>;
};
template <class T>
struct PartsOf<T, Kind::optional> : PartsOf<T, Kind::sequence> {};
template <class T>
struct PartsOf<T, Kind::set> {
    using type = TypeList<typename T::key_type>;
};
template <class T>
struct PartsOf<T, Kind::map> {
    using type = TypeList<typename T::key_type, typename T::mapped_type>;
};
template <class T>
struct PartsOf<T, Kind::array> {
    using type = TypeList<typename ArrayTraits<T>::element>;
};
template <class T>
struct PartsOf<T, Kind::tuple> {
    using type = typename TupleTraits<T>::elements;
};
template <class T>
struct PartsOf<T, Kind::variant> {
    using type = typename VariantTraits<T>::alternatives;
};
template <class T>
struct PartsOf<T, Kind::aggregate> : FieldsOf<T> {};

template <class T>
using Parts = typename PartsOf<T>::type;

// The parts of a type that is not a struct.
template <class T>
struct PartsIfNoStruct : PartsOf<T> {};
template <class T>
    requires(kind_of<T>() == Kind::aggregate)
struct PartsIfNoStruct<T> {
    using type = TypeList<>;
};

template <class T, class... Ts>
inline constexpr bool is_one_of = (std::is_same_v<T, Ts> || ...);

// Moves the first pending type to the types seen and adds its parts to the pending ones, until none is pending.
template <class Pending, class Seen, template <class> class PartsOfOne>
struct Reach;
template <class... Seen, template <class> class PartsOfOne>
struct Reach<TypeList<>, TypeList<Seen...>, PartsOfOne> {
    using type = TypeList<Seen...>;
};
template <class List, class... Ts>
struct AppendTo;
template <class... Ts, class... More>
struct AppendTo<TypeList<Ts...>, More...> {
    using type = TypeList<Ts..., More...>;
};
template <bool New, template <class> class PartsOfOne, class T, class... Pending>
struct PendingAfter {
    using type = TypeList<Pending...>;
};
template <template <class> class PartsOfOne, class T, class... Pending>
struct PendingAfter<true, PartsOfOne, T, Pending...> : AppendTo<typename PartsOfOne<T>::type, Pending...> {};
template <class T, class... Pending, class... Seen, template <class> class PartsOfOne>
struct Reach<TypeList<T, Pending...>, TypeList<Seen...>, PartsOfOne>
    : Reach<typename PendingAfter<!is_one_of<T, Seen...>, PartsOfOne, T, Pending...>::type,
            std::conditional_t<is_one_of<T, Seen...>, TypeList<Seen...>, TypeList<Seen..., T>>, PartsOfOne> {};

template <class T>
struct PartsOfAny : PartsOf<T> {};

template <class T>
using Reachable = typename Reach<TypeList<T>, TypeList<>, PartsOfAny>::type;

template <Kind Wanted, class... Ts>
consteval bool any_of_kind(TypeList<Ts...>) {
    return ((kind_of<Ts>() == Wanted) || ...);
}
template <class T, class... Ts>
consteval bool contains(TypeList<Ts...>) {
    return is_one_of<T, Ts...>;
}

template <class T>
inline constexpr bool holds_pointer = any_of_kind<Kind::pointer>(Reachable<T>{});
template <class T>
inline constexpr bool holds_unsupported = any_of_kind<Kind::unsupported>(Reachable<T>{});
template <class T>
inline constexpr bool holds_custom = any_of_kind<Kind::custom>(Reachable<T>{});

template <class T, template <class> class PartsOfOne>
inline constexpr bool reaches_itself =
    contains<T>(typename Reach<typename PartsOfOne<T>::type, TypeList<>, PartsOfOne>::type{});
template <class T>
inline constexpr bool contains_itself = reaches_itself<T, PartsOfAny>;
// For example struct Tree : std::vector<Tree> {}. No struct lies on the cycle, so the levels would not be counted.
template <class T>
inline constexpr bool nests_uncounted = reaches_itself<T, PartsIfNoStruct>;

template <class... Ts>
consteval bool any_nests_uncounted(TypeList<Ts...>) {
    return (nests_uncounted<Ts> || ...);
}
template <class T>
inline constexpr bool holds_uncounted_nesting = any_nests_uncounted(Reachable<T>{});

}  // namespace detail
}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
