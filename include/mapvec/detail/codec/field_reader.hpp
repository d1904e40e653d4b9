// Reads one field of a struct from its record. Fields before it are skipped without being built, fields behind it are
// not read.
//
//     read_field(record, &Doc::url)          // of an encoded record
//     read_raw_field(record, &Pod::weight)   // of a raw one
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <mapvec/detail/codec/raw.hpp>
#include <mapvec/detail/codec/reader.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// A struct whose fields are found by pointers to members.
template <class T>
concept StructWithFields = kind_of<T>()
== Kind::aggregate&& std::default_initializable<T>;

// Where a field is: its number, and its offset in memory.
struct FieldPlace {
    std::size_t index = 0;
    std::size_t offset = 0;
};

template <StructWithFields T, class Field>
[[nodiscard]] FieldPlace place_of(Field T::*member) {
    static const T probe{};
    const Field* const wanted = std::addressof(probe.*member);
    FieldPlace place;
    std::size_t index = 0;
    for_each_field(probe, [&](const auto& field) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, std::remove_cv_t<Field>>)
            if (std::addressof(field) == wanted) place.index = index;
        ++index;
    });
    place.offset = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(wanted) -
                                            reinterpret_cast<const std::byte*>(std::addressof(probe)));
    return place;
}

template <class T>
void skip(Reader& reader);

template <class... Ts>
void skip_all(Reader& reader, TypeList<Ts...>) {
    (skip<Ts>(reader), ...);
}
template <class... Ts>
void skip_one_of(Reader& reader, TypeList<Ts...>) {
    using Skip = void (*)(Reader&);
    static constexpr Skip skips[] = {&skip<Ts>...};
    skips[reader.tag(static_cast<std::uint32_t>(sizeof...(Ts) - 1), "tag of a variant")](reader);
}
template <class T>
void skip_elements(Reader& reader) {
    const std::size_t count = reader.count(min_wire_size_of_all(Parts<T>{}), "length of a sequence");
    if constexpr (wire_size_of_all(Parts<T>{}) != variable_size)
        (void)reader.consume(count * wire_size_of_all(Parts<T>{}), "sequence");
    else
        for (std::size_t i = 0; i < count; ++i) skip_all(reader, Parts<T>{});
}
template <class T>
void skip_parts(Reader& reader) {
    if constexpr (contains_itself<T>) reader.enter();
    skip_all(reader, Parts<T>{});
    if constexpr (contains_itself<T>) reader.leave();
}

// Moves behind a T. Checks lengths and tags, but not the values.
template <class T>
void skip(Reader& reader) {
    constexpr Kind kind = kind_of<T>();
    if constexpr (wire_size<T>() != variable_size)
        (void)reader.consume(wire_size<T>(), "value");
    else if constexpr (kind == Kind::character)
        (void)reader.unicode_char();
    else if constexpr (kind == Kind::text || kind == Kind::custom)
        (void)reader.consume(reader.count(1, "length"), "value");
    else if constexpr (kind == Kind::sequence || kind == Kind::set || kind == Kind::map)
        skip_elements<T>(reader);
    else if constexpr (kind == Kind::array)
        for (std::size_t i = 0; i < ArrayTraits<T>::size; ++i) skip_all(reader, Parts<T>{});
    else if constexpr (kind == Kind::optional) {
        if (reader.tag(std::uint8_t{1}, "tag of an optional") == 1) skip_all(reader, Parts<T>{});
    } else if constexpr (kind == Kind::variant)
        skip_one_of(reader, Parts<T>{});
    else
        skip_parts<T>(reader);
}

template <class Field, class Next>
void read_or_skip(Reader& reader, std::size_t distance, std::optional<Field>& found) {
    if (distance == 0) {
        if constexpr (std::is_same_v<Field, Next>) found.emplace(read<Field>(reader));
    } else {
        skip<Next>(reader);
    }
}
template <class Field, class... Fields>
[[nodiscard]] Field read_at(Reader& reader, std::size_t index, TypeList<Fields...>) {
    std::optional<Field> found;
    (void)((read_or_skip<Field, Fields>(reader, index, found), index-- == 0) || ...);
    return std::move(*found);
}

// Throws payload if the bytes up to the end of the field are not those of a T.
template <StructWithFields T, class Field>
[[nodiscard]] Field read_field(std::span<const std::byte> record, Field T::*member) {
    Reader reader(record);
    if constexpr (contains_itself<T>) reader.enter();
    return read_at<std::remove_cv_t<Field>>(reader, place_of(member).index, Parts<T>{});
}
// Throws payload if the record has another size, or if the field is an invalid bool or UnicodeChar.
template <StructWithFields T, class Field>
[[nodiscard]] Field read_raw_field(std::span<const std::byte> record, Field T::*member) {
    check_raw_size(sizeof(T), record.size());
    return read_raw<std::remove_cv_t<Field>>(record.subspan(place_of(member).offset, sizeof(Field)));
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
