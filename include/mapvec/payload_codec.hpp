// Codec<T>: how a payload becomes bytes and is made of them again.
//
//     struct City { std::string name; std::uint32_t population; std::vector<std::string> tags; };
//     mapvec::Encoder encoder;
//     mapvec::Codec<City>::encode({"Paris", 2'138'551, {"capital"}}, encoder);
//     const City paris = mapvec::Codec<City>::decode(encoder.bytes());
//
// The ready codec knows bool, integers, float and double, enums, strings, std::vector, deque, list, array,
// pair, tuple, optional, variant, map, set (unordered and multi- ones too), std::byte, and plain structs of
// up to 40 such fields without any boilerplate. Its bytes are those of bincode 1.x with default options:
//
//     bool                one byte, 0 or 1             optional        one byte, 0 or 1, then the value
//     integer, f32, f64   little-endian, own width     variant         u32 index, then the value
//     char                one byte                     struct, tuple   field by field, nothing between
//     UnicodeChar         its UTF-8, 1 to 4 bytes: Rust's char
//     enum                its underlying integer       std::array      element by element, no length
//     string, vector, set u64 length, then elements    map             u64 length, then key, value, …
//     empty struct        nothing                      specialised     u64 length, then what it wrote
//
// Pointers, references and views are refused when compiling; long double, unions and smart pointers too.
// A class whose fields cannot be seen (private, inherited, in a C array of more than one element) is taken as its
// bytes if it is trivially copyable; whether it hides a pointer is then its author's business. A struct with bit-fields
// is refused. Beside a field of variable size, a member without a default constructor does not compile.
// Recursion goes through a std::vector<Self> in a struct: the standard allows no map of a type that is not complete
// yet, and a container that inherits one of itself is refused.
//
// Bytes are not trusted. Decoding throws Error(payload) with the place for: a length beyond what is left
// (before memory is taken), a bool or an optional's tag that is neither 0 nor 1, a UnicodeChar that is none, a
// variant's tag without an alternative, a map key that comes twice, nesting deeper than 128 levels of a type that
// contains itself, more than 65,536 elements that take no bytes, trailing bytes. Any value of an enum's underlying
// type is accepted, and so are the bytes of a string as they are: not only UTF-8. Encoding throws for a variant
// without a value, and where decoding would refuse the depth or the number. Not looked at: a bool in a class whose
// fields cannot be seen; whether a number fits an enum that has no fixed underlying type.
//
// An unordered container is written in its own order: equal values may then have different bytes. Bytes that are not
// trusted may hold keys whose hashes collide, and take quadratic time; a std::map does not mind.
//
// Your own codec for a type, alone or inside others:
//
//     template <>
//     struct mapvec::Codec<Money> {
//         static constexpr std::string_view name = "money, cents as i64";   // goes into the fingerprint
//         static void encode(const Money& money, auto& sink) { sink.write(&money.cents, 8); }
//         static Money decode(std::span<const std::byte> bytes);              // the whole record
//     };
//
// All functions are safe to call from any number of threads on different sinks.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <mapvec/detail/codec/encoder.hpp>
#include <mapvec/detail/codec/fingerprint.hpp>
#include <mapvec/detail/codec/raw.hpp>
#include <mapvec/detail/codec/reader.hpp>
#include <mapvec/detail/codec/schema.hpp>
#include <mapvec/detail/codec/traits.hpp>
#include <mapvec/detail/codec/writer.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <class T>
concept HoldsNoPointer = !detail::holds_pointer<T>;

// False for whatever the table above does not name: it needs a Codec of its own.
template <class T>
concept EveryPartIsEncodable = !detail::holds_unsupported<T> && !detail::holds_uncounted_nesting<T>;

// What the ready codec can store.
template <class T>
concept ReadyPayload = std::is_object_v<T> && HoldsNoPointer<T> && EveryPartIsEncodable<T>;

template <class T>
struct Codec {
    using ReadyMade = void;  // a specialisation has no such name: that tells them apart

    // Appends the record to `sink`: an Encoder, or anything with write(const char* or const void*, n).
    // If it throws, nothing was appended.
    template <class Sink>
        requires ReadyPayload<T>
    static void encode(const T& value, Sink& sink) {
        if constexpr (std::is_same_v<Sink, Encoder>) {
            detail::Writer writer(sink);
            writer.finish(detail::put(writer, writer.begin(), value));
        } else {
            Encoder encoder;
            encode(value, encoder);
            const auto bytes = encoder.bytes();
            sink.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::ptrdiff_t>(bytes.size()));
        }
    }

    // The value of which `record` holds exactly the bytes.
    [[nodiscard]] static T decode(std::span<const std::byte> record) requires ReadyPayload<T> {
        detail::Reader reader(record);
        T value = detail::read<T>(reader);
        reader.expect_end();
        return value;
    }
};

namespace detail {

// What a compiler prints when a payload is refused, so they are sentences.
template <class T, class C>
inline constexpr bool holds_no_pointer_or_has_its_own_codec = [] {
    if constexpr (requires { typename C::ReadyMade; })
        return HoldsNoPointer<T>;
    else
        return true;
}();
template <class T, class C>
inline constexpr bool every_part_is_encodable_or_it_has_its_own_codec = [] {
    if constexpr (requires { typename C::ReadyMade; })
        return EveryPartIsEncodable<T>;
    else
        return true;
}();

}  // namespace detail

// T can be stored by the codec C.
template <class T, class C = Codec<T>>
concept Payload = std::move_constructible<T> && detail::holds_no_pointer_or_has_its_own_codec<T, C> &&
    detail::every_part_is_encodable_or_it_has_its_own_codec<T, C> &&
    requires(const T& value, Encoder& sink, std::span<const std::byte> bytes) {
    C::encode(value, sink);
    { C::decode(bytes) } -> std::convertible_to<T>;
};

// Whether records are the bytes of T in memory, at a fixed stride of sizeof(T): arithmetic types, enums,
// std::array and structs of these, and other trivially copyable classes, but never std::optional, variant,
// pair or tuple. Such a T does not pass through its codec: see detail::write_raw and detail::read_raw.
template <class T, class C = Codec<T>>
inline constexpr bool raw_payload = [] {
    if constexpr (!std::is_same_v<C, Codec<T>> || detail::HasOwnCodec<T> || !ReadyPayload<T>)
        return false;
    else
        return detail::has_raw_layout<T>();
}();

// A number that an author gives a type, so that stores tell what its structure does not: two fields of one type that
// have changed places, cents that were euros.
//
//     template <>
//     inline constexpr std::uint32_t mapvec::payload_version<Doc> = 2;     // where Doc is defined
template <class T>
inline constexpr std::uint32_t payload_version = 0;

// Equal for types that are stored alike and have one version, and in practice for no others. Constant across compilers
// and versions of mapvec.
template <class T, class C = Codec<T>>
[[nodiscard]] constexpr std::uint64_t payload_fingerprint() noexcept {
    detail::Fingerprint print;
    if constexpr (!requires { typename C::ReadyMade; }) {
        detail::add_codec_name<C>(print);
    } else {
        if constexpr (raw_payload<T, C>) {
            print.add('R');
            detail::describe_raw<T>(print, 0);
        }
        detail::describe<T, detail::TypeList<>>(print);
    }
    if constexpr (payload_version<T> != 0) {
        print.add('v');
        print.add_number(payload_version<T>);
    }
    return print.value();
}

// The structure that payload_fingerprint() stands for, as text (detail/codec/schema.hpp): "(s s u4 [s] i8)".
template <class T, class C = Codec<T>>
[[nodiscard]] std::string payload_schema() {
    std::string text;
    if constexpr (!requires { typename C::ReadyMade; }) {
        text = detail::codec_name<C>();
    } else {
        if constexpr (raw_payload<T, C>) text = "raw ";
        detail::spell<T, detail::TypeList<>>(text);
    }
    if constexpr (payload_version<T> != 0) text += " version " + std::to_string(payload_version<T>);
    return text;
}

// A record of such a T can be looked at where it lies, without decoding.
template <class T, class C = Codec<T>>
concept ViewablePayload = raw_payload<T, C> ||(std::is_same_v<T, std::string>&& std::is_same_v<C, Codec<T>>);

// What that look gives: const T& for raw payloads, std::string_view for strings.
template <class T>
    requires ViewablePayload<T>
using PayloadView = std::conditional_t<raw_payload<T>, const T&, std::string_view>;

namespace detail {

// The record as a value that needs no memory of its own and lives as long as the bytes. Throws Error(payload)
// if they cannot be one. REQUIRES: a raw record is aligned for T.
template <class T>
    requires ViewablePayload<T>
[[nodiscard]] PayloadView<T> view_of(std::span<const std::byte> record) {
    if constexpr (raw_payload<T>) {
        return view_raw<T>(record);
    } else {
        Reader reader(record);
        const std::size_t n = reader.count(1, "length of a string");
        const std::byte* const bytes = reader.consume(n, "string");
        reader.expect_end();
        return {reinterpret_cast<const char*>(bytes), n};
    }
}

}  // namespace detail
}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
