// Codec<T>: converts a payload to bytes and back.
//
//     struct City { std::string name; std::uint32_t population; std::vector<std::string> tags; };
//     mapvec::Encoder encoder;
//     mapvec::Codec<City>::encode({"Paris", 2'138'551, {"capital"}}, encoder);
//     const City paris = mapvec::Codec<City>::decode(encoder.bytes());
//
// The built-in codec supports bool, integers, float and double, enums, strings, std::vector, deque, list, array, pair,
// tuple, optional, variant, map, set (also unordered and multi), std::byte, and plain structs of up to 40 such fields,
// without any code for them. Its format is that of bincode 1.x with default options:
//
//     bool                one byte, 0 or 1             optional        one byte, 0 or 1, then the value
//     integer, f32, f64   little-endian, own width     variant         u32 index, then the value
//     char                one byte                     struct, tuple   field by field, no padding
//     UnicodeChar         its UTF-8 form, 1 to 4 bytes (Rust's char)
//     enum                its underlying integer       std::array      element by element, no length
//     string, vector, set u64 length, then elements    map             u64 length, then key, value, …
//     empty struct        nothing                      specialised     u64 length, then its own bytes
//
// Types. Pointers, references, views, long double, unions and smart pointers do not compile. A class whose fields
// cannot be seen (private, inherited, or a C array of more than one element) is stored as its bytes if it is trivially
// copyable; the author must ensure that it holds no pointer. A struct with bit-fields does not compile. A struct that
// has a field of variable size may not have a member without a default constructor. A recursive struct holds itself in
// a std::vector<Self>: the standard does not allow a map of an incomplete type. A container that inherits from a
// container of itself does not compile.
//
// Errors. Bytes are not trusted. Decoding throws Error(payload) with the position for: a length that exceeds the
// remaining bytes (before it allocates memory), a bool or the tag of an optional that is neither 0 nor 1, a UnicodeChar
// that is not valid UTF-8, the tag of a variant without such an alternative, a map key that occurs twice, more than 128
// levels of a type that contains itself, more than 65,536 elements that take no bytes, and trailing bytes. Encoding
// throws for a variant without a value, and for a depth or a number of elements that decoding would refuse.
//
// Not checked: any value of an enum's underlying type is accepted, also if the enum has no fixed underlying type; the
// bytes of a string need not be UTF-8; a bool in a class whose fields cannot be seen is taken as it is.
//
// An unordered container is written in its iteration order, so equal values may have different bytes. Untrusted bytes
// may hold keys with colliding hashes, which take quadratic time to decode; std::map does not have this problem.
//
// A codec of your own, for a type alone or inside others:
//
//     template <>
//     struct mapvec::Codec<Money> {
//         static constexpr std::string_view name = "money, cents as i64";   // part of the fingerprint
//         static void encode(const Money& money, auto& sink) { sink.write(&money.cents, 8); }
//         static Money decode(std::span<const std::byte> bytes);              // the whole record
//     };
//
// Threads. Any number of threads may call these functions at the same time, each with its own sink.
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
#include <mapvec/detail/codec/field_reader.hpp>
#include <mapvec/detail/codec/fingerprint.hpp>
#include <mapvec/detail/codec/raw.hpp>
#include <mapvec/detail/codec/reader.hpp>
#include <mapvec/detail/codec/refusal.hpp>
#include <mapvec/detail/codec/schema.hpp>
#include <mapvec/detail/codec/traits.hpp>
#include <mapvec/detail/codec/writer.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <class T>
concept HoldsNoPointer = !detail::holds_pointer<T>;

// False for a type that the table above does not name. Such a type needs its own Codec.
template <class T>
concept EveryPartIsEncodable = !detail::holds_unsupported<T> && !detail::holds_uncounted_nesting<T>;

// Types that the built-in codec can store.
template <class T>
concept ReadyPayload = std::is_object_v<T> && HoldsNoPointer<T> && EveryPartIsEncodable<T>;

template <class T>
struct Codec {
    using ReadyMade = void;  // only the built-in codec has this name; a specialisation has not

    // Appends the record to `sink`: an Encoder, or any type with write(const char* or const void*, n). If this throws,
    // nothing was appended.
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

    // The value that `record` encodes. Throws Error(payload) if `record` is not exactly one encoded T.
    [[nodiscard]] static T decode(std::span<const std::byte> record) requires ReadyPayload<T> {
        detail::Reader reader(record);
        T value = detail::read<T>(reader);
        reader.expect_end();
        return value;
    }
};

namespace detail {

// The compiler prints these names when it refuses a payload.
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

// True if a record is the bytes of T in memory, at a fixed stride of sizeof(T): arithmetic types, enums, std::array and
// structs of these, and other trivially copyable classes, but not std::optional, variant, pair or tuple. Such a T is
// stored without its codec: see detail::write_raw and detail::read_raw.
template <class T, class C = Codec<T>>
inline constexpr bool raw_payload = [] {
    if constexpr (!std::is_same_v<C, Codec<T>> || detail::HasOwnCodec<T> || !ReadyPayload<T>)
        return false;
    else
        return detail::has_raw_layout<T>();
}();

// The version of a payload type: a number that its author changes when the type changes in a way that its structure
// does not show, for example two fields of one type that change places. It is part of the fingerprint.
//
//     template <>
//     inline constexpr std::uint32_t mapvec::payload_version<Doc> = 2;     // where Doc is defined
template <class T>
inline constexpr std::uint32_t payload_version = 0;

// A hash of how T is stored, and of its version: equal for types that are stored alike and have the same version, and
// in practice different for all others. It is the same for every compiler and version of the library.
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

// The structure that payload_fingerprint() hashes, as text (detail/codec/schema.hpp): "(s s u4 [s] i8)".
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

// Structs whose fields can be read one by one: default-constructible aggregates of the built-in codec.
template <class T, class C = Codec<T>>
concept FieldwisePayload = requires {
    typename C::ReadyMade;
}
&&detail::StructWithFields<T>;

// Types whose records can be read in place, without decoding.
template <class T, class C = Codec<T>>
concept ViewablePayload = raw_payload<T, C> ||(std::is_same_v<T, std::string>&& std::is_same_v<C, Codec<T>>);

// The type of such a view: const T& for raw payloads, std::string_view for strings.
template <class T>
    requires ViewablePayload<T>
using PayloadView = std::conditional_t<raw_payload<T>, const T&, std::string_view>;

namespace detail {

// A view of the record, without a copy. It is valid as long as the bytes of the record. Throws Error(payload) if the
// bytes are not a T. REQUIRES: a raw record is aligned for T.
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
