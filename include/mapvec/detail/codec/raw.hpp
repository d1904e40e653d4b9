// Raw values: records of a fixed size that are the bytes of a value in memory.
//
// Padding is written as zeros. If the fields of a class can be seen, they are written one by one. Otherwise the
// compiler clears the padding (GCC 11, MSVC 2019, Clang 20 or later; an older Clang copies it). A bool or a UnicodeChar
// is checked before it is read as one.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

#include <mapvec/detail/codec/layout.hpp>
#include <mapvec/error.hpp>

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define MAPVEC_CLEAR_PADDING(pointer) __builtin_clear_padding(pointer)
#endif
#elif defined(_MSC_VER)
#define MAPVEC_CLEAR_PADDING(pointer) __builtin_zero_non_value_bits(pointer)
#endif
#if !defined(MAPVEC_CLEAR_PADDING)
#define MAPVEC_CLEAR_PADDING(pointer) static_cast<void>(pointer)
#endif

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Storage for a T, without a T in it.
template <class T>
struct RawRoom {
    alignas(T) std::byte bytes[sizeof(T)];
    [[nodiscard]] T* object() noexcept { return reinterpret_cast<T*>(bytes); }
};

template <class T>
void write_fields_raw(const T& value, std::byte* out) noexcept;

// Writes the sizeof(T) bytes of `value` to `out`, with zeros for padding.
template <class T>
    requires(has_raw_layout<T>())
void write_raw(const T& value, std::byte* out) noexcept {
    if constexpr (!has_padding<T>()) {
        std::memcpy(out, &value, sizeof(T));
    } else if constexpr (kind_of<T>() == Kind::opaque) {
        RawRoom<T> copy;
        std::memcpy(copy.bytes, &value, sizeof(T));
        MAPVEC_CLEAR_PADDING(copy.object());
        std::memcpy(out, copy.bytes, sizeof(T));
    } else {
        std::memset(out, 0, sizeof(T));
        write_fields_raw(value, out);
    }
}

// Writes each field at its offset. REQUIRES: the bytes at `out` are zero.
template <class T>
void write_fields_raw(const T& value, std::byte* out) noexcept {
    const auto* const begin = reinterpret_cast<const std::byte*>(&value);
    const auto write_field = [begin, out](const auto& field) {
        using Field = std::remove_cvref_t<decltype(field)>;
        if constexpr (!std::is_empty_v<Field>) {  // an empty field may share its address with another
            const auto offset = reinterpret_cast<const std::byte*>(&field) - begin;
            assert(offset >= 0 && static_cast<std::size_t>(offset) + sizeof(Field) <= sizeof(T));
            write_raw(field, out + offset);
        }
    };
    if constexpr (kind_of<T>() == Kind::aggregate) {
        for_each_field(value, write_field);
    } else {
        for (const auto& element : value) write_field(element);
    }
}

// A part of an object whose bytes are not a value of the type of the part.
struct ForbiddenValue {
    const unsigned char* place = nullptr;  // null: no such part
    std::uint32_t found = 0;
    bool is_bool = true;  // false: a UnicodeChar
};

// The first forbidden value in `object`. Reads addresses and bytes, never a bool.
template <class T>
[[nodiscard]] ForbiddenValue find_forbidden_value(const T& object) noexcept {
    ForbiddenValue first;
    [[maybe_unused]] const auto look = [&first](const auto& part) {
        if (first.place == nullptr) first = find_forbidden_value(part);
    };
    if constexpr (!has_forbidden_values<T>()) {
        return first;
    } else if constexpr (kind_of<T>() == Kind::aggregate) {
        for_each_field(object, look);
    } else if constexpr (kind_of<T>() == Kind::array) {
        for (const auto& element : object) look(element);
    } else if constexpr (kind_of<T>() == Kind::character) {
        std::memcpy(&first.found, &object, sizeof first.found);
        first.is_bool = false;
        if (!is_unicode_scalar_value(first.found)) first.place = reinterpret_cast<const unsigned char*>(&object);
    } else {
        first.found = *reinterpret_cast<const unsigned char*>(&object);
        if (first.found > 1) first.place = reinterpret_cast<const unsigned char*>(&object);
    }
    return first;
}

template <class T>
void check_raw(const T& object) {
    const ForbiddenValue bad = find_forbidden_value(object);
    if (bad.place == nullptr) return;
    const auto at = bad.place - reinterpret_cast<const unsigned char*>(&object);
    throw Error(ErrorCode::payload, detail::mismatch("raw payload, byte " + std::to_string(at) + ", a " +
                                                         (bad.is_bool ? "bool" : "UnicodeChar"),
                                                     bad.is_bool ? "0 or 1" : "a Unicode scalar value", bad.found));
}

inline void check_raw_size(std::size_t expected, std::size_t found) {
    if (found != expected) throw Error(ErrorCode::payload, detail::mismatch("bytes of a raw payload", expected, found));
}

// The value in `record`, at any alignment. Throws Error(payload) for a wrong size, and for an invalid bool or
// UnicodeChar.
template <class T>
    requires(has_raw_layout<T>())
[[nodiscard]] T read_raw(std::span<const std::byte> record) {
    check_raw_size(sizeof(T), record.size());
    RawRoom<T> room;
    std::memcpy(room.bytes, record.data(), sizeof(T));
    check_raw(*room.object());
    return *room.object();
}

// A reference into `record`, valid as long as its bytes. REQUIRES: `record` is aligned for T. Throws as read_raw().
template <class T>
    requires(has_raw_layout<T>())
[[nodiscard]] const T& view_raw(std::span<const std::byte> record) {
    check_raw_size(sizeof(T), record.size());
    assert(reinterpret_cast<std::uintptr_t>(record.data()) % alignof(T) == 0);
    const T& object = *reinterpret_cast<const T*>(record.data());
    check_raw(object);
    return object;
}

}  // namespace mapvec::inline v0_1::detail

#undef MAPVEC_CLEAR_PADDING

#include <mapvec/detail/util/epilogue.inc>
