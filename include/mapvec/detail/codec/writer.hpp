// Encodes values: bincode 1.x, default options.
//
// `put(writer, at, value)` writes at `at` and returns the position of the next value. The position stays in a register,
// and room is requested once for all parts of fixed size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include <mapvec/detail/codec/encoder.hpp>
#include <mapvec/detail/codec/layout.hpp>
#include <mapvec/detail/codec/raw.hpp>
#include <mapvec/detail/codec/utf8.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The reader has the same limits, so that every written record can be read.
inline constexpr unsigned max_depth = 128;                          // levels of a type that contains itself
inline constexpr std::uint64_t max_elements_without_bytes = 65536;  // in one record, whose size does not limit them

[[noreturn]] inline void throw_too_deep() {
    throw Error(ErrorCode::payload,
                detail::mismatch("nesting of a payload", "at most " + std::to_string(max_depth), "more"));
}
[[noreturn]] inline void throw_valueless_variant() {
    throw Error(ErrorCode::payload, "a variant without a value cannot be encoded");
}
[[noreturn]] inline void throw_too_many_without_bytes(std::uint64_t found) {
    throw Error(ErrorCode::payload, detail::mismatch("elements that take no bytes, in one record",
                                                     "at most " + std::to_string(max_elements_without_bytes), found));
}

// Appends one record to the encoder. Without finish() the encoder is unchanged.
class Writer {
  public:
    explicit Writer(Encoder& out) noexcept
        : out_(out), begin_(out.size()), final_(begin_), end_(out.data() + out.capacity()) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer() { out_.resize_within_room(final_); }

    [[nodiscard]] std::byte* begin() noexcept { return out_.data() + begin_; }
    void finish(const std::byte* at) noexcept { final_ = size_at(at); }

    // Returns `at`, or the same position in a larger buffer, with at least `n` writable bytes.
    [[nodiscard]] std::byte* room(std::byte* at, std::size_t n) {
        return static_cast<std::size_t>(end_ - at) >= n ? at : more_room(at, n);
    }

    void enter() {
        if (++depth_ > max_depth) throw_too_deep();
    }
    void leave() noexcept { --depth_; }

    void count_without_bytes(std::uint64_t n) {
        if (n > max_elements_without_bytes - without_bytes_) throw_too_many_without_bytes(n);
        without_bytes_ += n;
    }

    // A value with a specialised codec inside another type: u64 length, then its own bytes.
    template <class T>
    [[nodiscard]] std::byte* put_blob(std::byte* at, const T& value) {
        at = room(at, 8);
        const std::size_t length_at = size_at(at);
        out_.resize_within_room(length_at + 8);
        Codec<T>::encode(value, out_);
        const std::uint64_t length = out_.size() - length_at - 8;
        std::memcpy(out_.data() + length_at, &length, 8);
        end_ = out_.data() + out_.capacity();
        return out_.data() + out_.size();
    }

  private:
    [[nodiscard]] std::size_t size_at(const std::byte* at) noexcept {
        return static_cast<std::size_t>(at - out_.data());
    }

    [[nodiscard]] std::byte* more_room(const std::byte* at, std::size_t n) {
        out_.resize_within_room(size_at(at));
        std::byte* const place = out_.room(n);
        end_ = out_.data() + out_.capacity();
        return place;
    }

    Encoder& out_;
    const std::size_t begin_;  // the encoder's size before the record
    std::size_t final_;        // its size after the record; begin_ until finish()
    const std::byte* end_;
    unsigned depth_ = 0;
    std::uint64_t without_bytes_ = 0;
};

// --- parts of fixed size; the caller has made room ---

template <class Value>
[[nodiscard]] inline std::byte* store(std::byte* at, const Value& value) noexcept {
    std::memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

template <class T>
[[nodiscard]] std::byte* put_fixed(std::byte* at, const T& value) noexcept {
    constexpr Kind kind = kind_of<T>();
    if constexpr (wire_size<T>() == 0) {
        return at;
    } else if constexpr (same_in_memory<T>) {
        return store(at, value);
    } else if constexpr (kind == Kind::boolean || kind == Kind::enumeration) {
        return store(at, static_cast<std::uint8_t>(value));
    } else if constexpr (kind == Kind::opaque) {
        write_raw(value, at);
        return at + sizeof(T);
    } else if constexpr (kind == Kind::array) {
        for (const auto& element : value) at = put_fixed(at, element);
        return at;
    } else if constexpr (kind == Kind::tuple) {
        std::apply([&at](const auto&... elements) { ((at = put_fixed(at, elements)), ...); }, value);
        return at;
    } else {
        for_each_field(value, [&at](const auto& field) { at = put_fixed(at, field); });
        return at;
    }
}

// --- parts of variable size ---

template <class T>
[[nodiscard]] std::byte* put(Writer& writer, std::byte* at, const T& value);

[[nodiscard]] inline std::byte* put_bytes(Writer& writer, std::byte* at, const void* bytes, std::uint64_t count,
                                          std::size_t n) {
    at = store(writer.room(at, 8 + n), count);
    if (n > 0) std::memcpy(at, bytes, n);
    return at + n;
}

template <class Sequence>
[[nodiscard]] std::byte* put_sequence(Writer& writer, std::byte* at, const Sequence& sequence) {
    using Element = typename Sequence::value_type;
    const std::uint64_t count = sequence.size();
    if constexpr (same_in_memory<Element> && requires { sequence.data(); }) {
        return put_bytes(writer, at, sequence.data(), count, sequence.size() * sizeof(Element));
    } else {
        if constexpr (min_wire_size<Element>() == 0) writer.count_without_bytes(count);
        at = store(writer.room(at, 8), count);
        for (auto&& element : sequence) at = put<Element>(writer, at, element);
        return at;
    }
}

template <class Map>
[[nodiscard]] std::byte* put_map(Writer& writer, std::byte* at, const Map& map) {
    at = store(writer.room(at, 8), std::uint64_t{map.size()});
    for (const auto& entry : map) at = put(writer, put(writer, at, entry.first), entry.second);
    return at;
}

template <std::size_t I = 0, class Variant>
[[nodiscard]] std::byte* put_variant(Writer& writer, std::byte* at, const Variant& variant) {
    if constexpr (I == VariantTraits<Variant>::alternatives::size) {
        throw_valueless_variant();
    } else {
        if (const auto* const value = get_if<I>(&variant)) {
            at = store(writer.room(at, 4), static_cast<std::uint32_t>(I));
            return put(writer, at, *value);
        }
        return put_variant<I + 1>(writer, at, variant);
    }
}

template <class T>
[[nodiscard]] std::byte* put_fields(Writer& writer, std::byte* at, const T& value) {
    if constexpr (contains_itself<T>) writer.enter();
    for_each_field(value, [&writer, &at](const auto& field) { at = put(writer, at, field); });
    if constexpr (contains_itself<T>) writer.leave();
    return at;
}

template <class T>
[[nodiscard]] std::byte* put(Writer& writer, std::byte* at, const T& value) {
    constexpr Kind kind = kind_of<T>();
    if constexpr (wire_size<T>() != variable_size) {
        return put_fixed(writer.room(at, wire_size<T>()), value);
    } else if constexpr (kind == Kind::character) {
        return put_utf8(writer.room(at, max_utf8), value.value());
    } else if constexpr (kind == Kind::text) {
        return put_bytes(writer, at, value.data(), value.size(), value.size());
    } else if constexpr (kind == Kind::sequence || kind == Kind::set) {
        return put_sequence(writer, at, value);
    } else if constexpr (kind == Kind::map) {
        return put_map(writer, at, value);
    } else if constexpr (kind == Kind::array) {
        for (const auto& element : value) at = put(writer, at, element);
        return at;
    } else if constexpr (kind == Kind::tuple) {
        std::apply([&](const auto&... elements) { ((at = put(writer, at, elements)), ...); }, value);
        return at;
    } else if constexpr (kind == Kind::optional) {
        at = store(writer.room(at, 1), static_cast<std::uint8_t>(value.has_value()));
        return value.has_value() ? put(writer, at, *value) : at;
    } else if constexpr (kind == Kind::variant) {
        return put_variant(writer, at, value);
    } else if constexpr (kind == Kind::custom) {
        return writer.put_blob(at, value);
    } else {
        return put_fields(writer, at, value);
    }
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
