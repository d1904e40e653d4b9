// The fields of a plain struct: their number, their types, and a call for each field.
//
// The method is that of Boost.PFR: the number of fields is the number of initializers that the struct accepts, and a
// structured binding with as many names gives the fields. Boost.PFR itself is not used: PFR 1.81 causes an internal
// error of GCC 12 for a struct with a std::array of strings, and fails on C arrays. This code also works with any
// version of Boost.
//
// The fields are seen if the struct is an aggregate with at most 40 fields, without base class, C array or bit-field,
// and not a union.
#pragma once

#if defined(__clang__) && !defined(__apple_build_version__) && __clang_major__ < 16
#error "mapvec: payloads need Clang 16 or newer, or GCC 11; vectors (mmap_vector_store.hpp, search.hpp) do with less"
#include <the_error_above_says_what_is_missing>
#endif

#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class... Ts>
struct TypeList {
    static constexpr std::size_t size = sizeof...(Ts);
};

inline constexpr std::size_t max_fields = 40;

// --- number of fields ---

// Converts to a field of any type, in unevaluated expressions only. It has a definition because Clang requires one for
// types without linkage.
template <std::size_t>
struct AnyField {
    template <class Field>
    operator Field() const noexcept {
        std::terminate();
    }
};

template <class T>
struct AnyBase {
    template <class Base>
        requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>)
    operator Base() const noexcept { std::terminate(); }
};

template <class T>
concept HasBaseClass = requires {
    T{AnyBase<T>{}};
};

template <class T, std::size_t... I>
consteval bool takes_initializers(std::index_sequence<I...>) {
    return requires { T{AnyField<I>{}...}; };
}
template <class T, std::size_t N>
inline constexpr bool takes = takes_initializers<T>(std::make_index_sequence<N>{});

// The largest number of initializers that T accepts, or max_fields + 1 if it is larger. T need not accept fewer: a
// field without a default constructor needs its initializer.
template <class T, std::size_t N = max_fields + 1>
consteval std::size_t count_initializers() {
    if constexpr (N == 0 || takes<T, N>)
        return N;
    else
        return count_initializers<T, N - 1>();
}

// One brace initializes a whole C array, whose elements were counted one by one. The remaining initializers are then
// too many.
template <class T, std::size_t... Before, std::size_t... After>
consteval bool is_c_array_at(std::index_sequence<Before...>, std::index_sequence<After...>) {
    constexpr bool takes_nothing = requires { T{AnyField<Before>{}..., {}, AnyField<After>{}...}; };
    constexpr bool takes_one = requires { T{AnyField<Before>{}..., {AnyField<0>{}}, AnyField<After>{}...}; };
    return !takes_nothing && !takes_one;
}

template <class T, std::size_t... I>
consteval bool has_c_array(std::index_sequence<I...>) {
    constexpr std::size_t n = sizeof...(I);
    return (is_c_array_at<T>(std::make_index_sequence<I>{}, std::make_index_sequence<n - 1 - I>{}) || ...);
}

// A reference must be initialized and cannot be assigned.
template <class T>
concept SeemsToHoldReference = std::is_aggregate_v<T> && !takes<T, 0> && !std::is_move_assignable_v<T>;

// The number of fields; 0 for an empty struct, and if the fields cannot be seen.
template <class T>
consteval std::size_t count_fields() {
    if constexpr (!std::is_aggregate_v<T> || std::is_union_v<T> || std::is_array_v<T> || std::is_empty_v<T>) {
        return 0;
    } else if constexpr (HasBaseClass<T> || SeemsToHoldReference<T>) {
        return 0;
    } else {
        constexpr std::size_t n = count_initializers<T>();
        if constexpr (n == 0 || n > max_fields)
            return 0;
        else
            return n > 1 && has_c_array<T>(std::make_index_sequence<n>{}) ? 0 : n;
    }
}
template <class T>
inline constexpr std::size_t number_of_fields = count_fields<T>();

template <class T>
inline constexpr bool can_see_fields = number_of_fields<T> > 0 || (std::is_aggregate_v<T> && std::is_empty_v<T>);

// True if a struct whose fields cannot be seen holds a reference or a pointer, as far as its initializers show it (up
// to max_fields of them).
struct AnyPointer {
    template <class Target>
    operator Target*() const noexcept {
        std::terminate();
    }
};

template <class T, std::size_t... Before, std::size_t... After>
consteval bool takes_pointer_at(std::index_sequence<Before...>, std::index_sequence<After...>) {
    return requires { T{AnyField<Before>{}..., AnyPointer{}, AnyField<After>{}...}; };
}

template <class T, std::size_t... I>
consteval bool takes_pointer(std::index_sequence<I...>) {
    constexpr std::size_t n = sizeof...(I);
    return (takes_pointer_at<T>(std::make_index_sequence<I>{}, std::make_index_sequence<n - 1 - I>{}) || ...);
}

template <class T>
consteval bool shows_address() {
    if constexpr (!std::is_aggregate_v<T> || can_see_fields<T>)
        return false;
    else if constexpr (SeemsToHoldReference<T> || count_initializers<T>() == 0)
        return true;
    else
        return takes_pointer<T>(std::make_index_sequence<count_initializers<T>()>{});
}

// --- the fields ---

template <std::size_t>
struct FieldCount {};

// A reference cannot be bound to a bit-field.
template <class... Fields>
void take_references(Fields&...);

template <class T, class Visit>
constexpr auto with_fields(const T&, Visit& visit, FieldCount<0>) {
    return visit();
}
template <class T>
std::true_type fields_have_addresses(T&, FieldCount<0>);

#define MAPVEC_BIND(n, ...)                                                   \
    template <class T, class Visit>                                           \
    constexpr auto with_fields(const T& value, Visit& visit, FieldCount<n>) { \
        const auto& [__VA_ARGS__] = value;                                    \
        return visit(__VA_ARGS__);                                            \
    }                                                                         \
    template <class T>                                                        \
    auto fields_have_addresses(T& value, FieldCount<n>) {                     \
        [[maybe_unused]] auto& [__VA_ARGS__] = value;                         \
        constexpr bool all = requires { take_references(__VA_ARGS__); };      \
        return std::bool_constant<all>{};                                     \
    }

// clang-format off
MAPVEC_BIND(1, f0)
MAPVEC_BIND(2, f0, f1)
MAPVEC_BIND(3, f0, f1, f2)
MAPVEC_BIND(4, f0, f1, f2, f3)
MAPVEC_BIND(5, f0, f1, f2, f3, f4)
MAPVEC_BIND(6, f0, f1, f2, f3, f4, f5)
MAPVEC_BIND(7, f0, f1, f2, f3, f4, f5, f6)
MAPVEC_BIND(8, f0, f1, f2, f3, f4, f5, f6, f7)
MAPVEC_BIND(9, f0, f1, f2, f3, f4, f5, f6, f7, f8)
MAPVEC_BIND(10, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9)
MAPVEC_BIND(11, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10)
MAPVEC_BIND(12, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11)
MAPVEC_BIND(13, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12)
MAPVEC_BIND(14, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13)
MAPVEC_BIND(15, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14)
MAPVEC_BIND(16, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15)
MAPVEC_BIND(17, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16)
MAPVEC_BIND(18, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17)
MAPVEC_BIND(19, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18)
MAPVEC_BIND(20, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19)
MAPVEC_BIND(21, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20)
MAPVEC_BIND(22, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21)
MAPVEC_BIND(23, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22)
MAPVEC_BIND(24, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23)
MAPVEC_BIND(25, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24)
MAPVEC_BIND(26, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25)
MAPVEC_BIND(27, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26)
MAPVEC_BIND(28, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27)
MAPVEC_BIND(29, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28)
MAPVEC_BIND(30, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29)
MAPVEC_BIND(31, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30)
MAPVEC_BIND(32, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31)
MAPVEC_BIND(33, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32)
MAPVEC_BIND(34, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33)
MAPVEC_BIND(35, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34)
MAPVEC_BIND(36, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35)
MAPVEC_BIND(37, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36)
MAPVEC_BIND(38, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37)
MAPVEC_BIND(39, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38)
MAPVEC_BIND(40, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
            f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39)
// clang-format on

#undef MAPVEC_BIND

template <class T>
inline constexpr bool has_bit_fields =
    !decltype(fields_have_addresses(std::declval<T&>(), FieldCount<number_of_fields<T>>{}))::value;

struct ListTypes {
    template <class... Fields>
    constexpr TypeList<std::remove_cv_t<Fields>...> operator()(const Fields&...) const noexcept {
        return {};
    }
};

template <class T>
struct FieldsOf {
    using type = decltype(with_fields(std::declval<const T&>(), std::declval<const ListTypes&>(),
                                      FieldCount<number_of_fields<T>>{}));
};

// Calls `visit` with each field in the order of declaration.
template <class T, class Visit>
constexpr void for_each_field(const T& value, Visit&& visit) {
    const auto visit_all = [&visit](const auto&... fields) { (visit(fields), ...); };
    with_fields(value, visit_all, FieldCount<number_of_fields<T>>{});
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
