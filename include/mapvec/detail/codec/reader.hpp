// Decodes values: bincode 1.x, default options. No byte is trusted.
//
// The reader compares a length with the remaining bytes before it allocates. It reserves at most a few times the
// remaining bytes, for elements of any size. It never reads past the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mapvec/detail/codec/layout.hpp>
#include <mapvec/detail/codec/raw.hpp>
#include <mapvec/detail/codec/utf8.hpp>
#include <mapvec/detail/codec/writer.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class Reader {
  public:
    explicit Reader(std::span<const std::byte> record) noexcept
        : begin_(record.data()), at_(begin_), end_(begin_ + record.size()) {}

    [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

    // The next `n` bytes. Throws if there are fewer.
    [[nodiscard]] const std::byte* consume(std::size_t n, std::string_view what) {
        if (left() < n) fail_short(n, what);
        const std::byte* const taken = at_;
        at_ += n;
        return taken;
    }

    template <class Value>
    [[nodiscard]] Value load(std::string_view what) {
        Value value;
        std::memcpy(&value, consume(sizeof(Value), what), sizeof(Value));
        return value;
    }

    // A number of elements of at least `size` bytes each. Throws if fewer bytes remain.
    [[nodiscard]] std::size_t count(std::size_t size, std::string_view what) {
        const auto found = load<std::uint64_t>(what);
        if (size == 0) {
            if (found > max_elements_without_bytes - without_bytes_) throw_too_many_without_bytes(found);
            without_bytes_ += found;
        } else if (found > left() / size) {
            fail_before<std::uint64_t>(what, left() / size, found);
        }
        return static_cast<std::size_t>(found);
    }

    // A number from 0 to `most`.
    template <class Value>
    [[nodiscard]] Value tag(Value most, std::string_view what) {
        const auto found = load<Value>(what);
        if (found > most) fail_before<Value>(what, most, found);
        return found;
    }

    // Reads UTF-8 as Rust does: shortest form, no surrogates.
    [[nodiscard]] UnicodeChar unicode_char() {
        char32_t code = 0;
        const std::size_t n = get_utf8({at_, left()}, code);
        if (n == 0) fail("a UnicodeChar", "the UTF-8 bytes of a Unicode scalar value", "others");
        at_ += n;
        return UnicodeChar(code);
    }

    void enter() {
        if (++depth_ > max_depth) throw_too_deep();
    }
    void leave() noexcept { --depth_; }

    void expect_end() const {
        if (at_ != end_) fail("trailing bytes", "none", std::to_string(left()));
    }

    [[noreturn]] void fail(std::string_view what, const std::string& expected, const std::string& found) const {
        throw_at(static_cast<std::size_t>(at_ - begin_), static_cast<std::size_t>(end_ - begin_), what, expected,
                 found);
    }

  private:
    [[noreturn]] static void throw_at(std::size_t at, std::size_t size, std::string_view what,
                                      const std::string& expected, const std::string& found) {
        const std::string place = "payload, byte " + std::to_string(at) + " of " + std::to_string(size) + ": ";
        throw Error(ErrorCode::payload, detail::mismatch(place + std::string(what), expected, found));
    }

    [[noreturn]] void fail_short(std::size_t n, std::string_view what) const {  // keeps consume() small
        fail(what, "at least " + std::to_string(n) + " bytes", std::to_string(left()));
    }

    // Reports the number that was just loaded, with its own position.
    template <class Number>
    [[noreturn]] void fail_before(std::string_view what, std::uint64_t most, std::uint64_t found) {
        at_ -= sizeof(Number);
        fail(what, "at most " + std::to_string(most), std::to_string(found));
    }

    const std::byte* begin_;
    const std::byte* at_;
    const std::byte* end_;
    unsigned depth_ = 0;
    std::uint64_t without_bytes_ = 0;
};

template <class T>
[[nodiscard]] T read(Reader& reader);

// The next sizeof(T) bytes as a T. REQUIRES: any bytes are a valid T.
template <class T>
[[nodiscard]] T read_any_bytes(Reader& reader, std::string_view what) {
    RawRoom<T> room;
    std::memcpy(room.bytes, reader.consume(sizeof(T), what), sizeof(T));
    return std::move(*room.object());
}

template <class Text>
[[nodiscard]] Text read_text(Reader& reader) {
    const std::size_t n = reader.count(1, "length of a string");
    const std::byte* const bytes = reader.consume(n, "string");
    return Text(reinterpret_cast<const typename Text::value_type*>(bytes), n);
}

// The number of elements to reserve: all, unless they take far more memory than bytes remain.
template <class Element>
[[nodiscard]] std::size_t modest(std::size_t count, std::size_t bytes_left) noexcept {
    const std::size_t affordable = (bytes_left < 1024 ? 4096 : 4 * bytes_left) / sizeof(Element);
    return count < affordable ? count : affordable;
}

template <class Sequence>
concept HasData = requires(Sequence sequence) {
    sequence.data();
};

template <class Sequence>
[[nodiscard]] Sequence read_sequence(Reader& reader) {
    using Element = typename Sequence::value_type;
    const std::size_t count = reader.count(min_wire_size<Element>(), "length of a sequence");
    if constexpr (same_in_memory<Element> && std::is_default_constructible_v<Element> && HasData<Sequence> &&
                  std::is_constructible_v<Sequence, std::size_t>) {
        Sequence sequence(count);
        const std::byte* const bytes = reader.consume(count * sizeof(Element), "sequence");
        if (count > 0) std::memcpy(sequence.data(), bytes, count * sizeof(Element));
        return sequence;
    } else {
        Sequence sequence;
        if constexpr (requires { sequence.reserve(count); }) sequence.reserve(modest<Element>(count, reader.left()));
        for (std::size_t i = 0; i < count; ++i) sequence.push_back(read<Element>(reader));
        return sequence;
    }
}

// A key may occur once (except in a multimap or multiset).
template <class Associative>
[[nodiscard]] Associative read_associative(Reader& reader) {
    using Key = typename Associative::key_type;
    constexpr bool is_map = kind_of<Associative>() == Kind::map;
    Associative result;
    const std::size_t count =
        reader.count(min_wire_size_of_all(Parts<Associative>{}), is_map ? "size of a map" : "size of a set");
    for (std::size_t i = 0; i < count; ++i) {
        Key key = read<Key>(reader);
        if constexpr (is_map)
            result.emplace_hint(result.end(), std::move(key), read<typename Associative::mapped_type>(reader));
        else
            result.emplace_hint(result.end(), std::move(key));
        if (result.size() != i + 1) reader.fail("key of a map or set", "a new one", "one that came before");
    }
    return result;
}

template <class Variant, std::size_t I, class Alternative>
[[nodiscard]] Variant read_alternative(Reader& reader) {
    return Variant(std::in_place_index<I>, read<Alternative>(reader));
}

template <class Variant, class... Alternatives, std::size_t... I>
[[nodiscard]] Variant read_variant(Reader& reader, TypeList<Alternatives...>, std::index_sequence<I...>) {
    using Read = Variant (*)(Reader&);
    static constexpr Read readers[] = {&read_alternative<Variant, I, Alternatives>...};
    constexpr auto last = static_cast<std::uint32_t>(sizeof...(I) - 1);
    return readers[reader.tag(last, "tag of a variant")](reader);
}

template <class Optional>
[[nodiscard]] Optional read_optional(Reader& reader) {
    Optional optional;
    if (reader.tag(std::uint8_t{1}, "tag of an optional") == 1)
        optional.emplace(read<typename Optional::value_type>(reader));
    return optional;
}

template <class Array, std::size_t... I>
[[nodiscard]] Array read_array(Reader& reader, std::index_sequence<I...>) {
    using Element = typename ArrayTraits<Array>::element;
    if constexpr (std::is_default_constructible_v<Element> && std::is_move_assignable_v<Element>) {
        Array array{};
        for (Element& element : array) element = read<Element>(reader);
        return array;
    } else {
        return Array{{(static_cast<void>(I), read<Element>(reader))...}};
    }
}

// Braces evaluate in order and construct each part in place.
template <class T, class... Fields>
[[nodiscard]] T read_parts(Reader& reader, TypeList<Fields...>) {
    if constexpr (contains_itself<T>) reader.enter();
    T value{read<Fields>(reader)...};
    if constexpr (contains_itself<T>) reader.leave();
    return value;
}

template <class T>
[[nodiscard]] T read_blob(Reader& reader) {
    const std::size_t n = reader.count(1, "length of what a specialised codec wrote");
    return Codec<T>::decode(std::span(reader.consume(n, "what a specialised codec wrote"), n));
}

template <class T>
[[nodiscard]] T read_array_of_some(Reader& reader) {
    if constexpr (ArrayTraits<T>::size == 0)
        return T{};
    else
        return read_array<T>(reader, std::make_index_sequence<ArrayTraits<T>::size>{});
}

template <class T>
[[nodiscard]] T read(Reader& reader) {
    constexpr Kind kind = kind_of<T>();
    if constexpr (same_in_memory<T> && wire_size<T>() == sizeof(T))
        return read_any_bytes<T>(reader, "value");
    else if constexpr (kind == Kind::opaque)
        return read_any_bytes<T>(reader, "value");
    else if constexpr (kind == Kind::boolean || kind == Kind::enumeration)
        return static_cast<T>(reader.tag(std::uint8_t{1}, "bool") == 1);
    else if constexpr (kind == Kind::character)
        return reader.unicode_char();
    else if constexpr (kind == Kind::text)
        return read_text<T>(reader);
    else if constexpr (kind == Kind::sequence)
        return read_sequence<T>(reader);
    else if constexpr (kind == Kind::map || kind == Kind::set)
        return read_associative<T>(reader);
    else if constexpr (kind == Kind::array)
        return read_array_of_some<T>(reader);
    else if constexpr (kind == Kind::optional)
        return read_optional<T>(reader);
    else if constexpr (kind == Kind::variant)
        return read_variant<T>(reader, Parts<T>{}, std::make_index_sequence<Parts<T>::size>{});
    else if constexpr (kind == Kind::custom)
        return read_blob<T>(reader);
    else
        return read_parts<T>(reader, Parts<T>{});
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
