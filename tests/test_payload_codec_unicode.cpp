// UnicodeChar is like Rust's char: UTF-8 in bincode 1.x, four bytes in a raw record.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/io/ringdb.hpp>
#include <mapvec/payload_codec.hpp>
#include "catch.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_payload_codec_unicode {

using mapvec::UnicodeChar;

// #[derive(Serialize)] struct Entry { name: String, initial: char, accent: Option<char>, others: Vec<char> }
struct Entry {
    std::string name;
    UnicodeChar initial;
    std::optional<UnicodeChar> accent;
    std::vector<UnicodeChar> others;
};
struct Key {
    UnicodeChar letter;
    std::uint32_t count;
};

namespace {

template <class T>
std::string encoded(const T& value) {
    mapvec::Encoder encoder;
    mapvec::Codec<T>::encode(value, encoder);
    return {reinterpret_cast<const char*>(encoder.bytes().data()), encoder.size()};
}
template <class T>
T decoded(const std::string& bytes) {
    return mapvec::Codec<T>::decode(std::as_bytes(std::span(bytes)));
}

}  // namespace

TEST_CASE("An encoded UnicodeChar is the bytes that bincode 1.x writes for Rust's char") {
    using namespace std::string_literals;
    const std::vector<std::pair<char32_t, std::string>> golden{
        {0, "\0"s},
        {U'A', "A"},
        {0x7F, "\x7f"},
        {0x80, "\xc2\x80"},
        {U'é', "\xc3\xa9"},
        {0x7FF, "\xdf\xbf"},
        {0x800, "\xe0\xa0\x80"},
        {U'€', "\xe2\x82\xac"},
        {0xD7FF, "\xed\x9f\xbf"},
        {0xE000, "\xee\x80\x80"},
        {0xFFFF, "\xef\xbf\xbf"},
        {0x10000, "\xf0\x90\x80\x80"},
        {U'😀', "\xf0\x9f\x98\x80"},
        {0x10FFFF, "\xf4\x8f\xbf\xbf"},
    };
    for (const auto& [code, bytes] : golden) {
        CHECK(encoded(UnicodeChar(code)) == bytes);
        CHECK(decoded<UnicodeChar>(bytes).value() == code);
    }
    const Entry entry{"ab", UnicodeChar(U'é'), UnicodeChar(U'a'), {UnicodeChar(U'€'), UnicodeChar(U'z')}};
    CHECK(encoded(entry) == "\2\0\0\0\0\0\0\0ab\xc3\xa9\1a\2\0\0\0\0\0\0\0\xe2\x82\xacz"s);
    CHECK(decoded<Entry>(encoded(entry)).others == entry.others);
}

TEST_CASE("Every Unicode scalar value comes back as it was, and nothing else is one") {
    std::vector<UnicodeChar> all;
    for (char32_t code = 0; code <= 0x10FFFF; ++code)
        if (mapvec::is_unicode_scalar_value(code)) all.emplace_back(code);
    CHECK(all.size() == 0x110000 - 0x800);
    CHECK(decoded<std::vector<UnicodeChar>>(encoded(all)) == all);
    for (const char32_t code : {0xD800u, 0xDFFFu, 0x110000u, 0xFFFFFFFFu})
        CHECK(code_of([&] { static_cast<void>(UnicodeChar(code)); }) == mapvec::ErrorCode::invalid_argument);
}

TEST_CASE(
    "UTF-8 that Rust does not read as a char is refused: cut short, too long a form, a surrogate, beyond the last") {
    for (const char* bytes : {"", "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xe2\x82",
                              "\xe2(\xa1", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98",
                              "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "ab"})
        CHECK(code_of([&] { static_cast<void>(decoded<UnicodeChar>(bytes)); }) == mapvec::ErrorCode::payload);
    CHECK(contains(text_of_error([] { return decoded<std::pair<char, UnicodeChar>>("a\xff"); }),
                   "byte 1 of 2: a UnicodeChar"));
}

TEST_CASE("A UnicodeChar in a raw record is four bytes, which every read checks") {
    STATIC_REQUIRE(mapvec::raw_payload<Key>);
    STATIC_REQUIRE(mapvec::raw_payload<std::array<UnicodeChar, 3>>);
    STATIC_REQUIRE_FALSE(mapvec::raw_payload<Entry>);
    alignas(Key) std::array<std::byte, sizeof(Key)> record{};
    mapvec::detail::write_raw(Key{UnicodeChar(U'€'), 7}, record.data());
    CHECK(std::memcmp(record.data(), "\xac\x20\0\0\7\0\0\0", 8) == 0);
    CHECK(mapvec::detail::read_raw<Key>(record).letter.value() == U'€');
    CHECK(mapvec::detail::view_of<Key>(record).count == 7);
    for (const std::uint32_t code : {0xD800u, 0xDFFFu, 0x110000u}) {
        std::memcpy(record.data(), &code, 4);
        CHECK(contains(text_of_error([&] { return mapvec::detail::read_raw<Key>(record); }), "byte 0, a UnicodeChar"));
        CHECK(code_of([&] { static_cast<void>(mapvec::detail::view_of<Key>(record)); }) == mapvec::ErrorCode::payload);
    }
}

TEST_CASE("A UnicodeChar and a char32_t are different types to a store, and a UnicodeChar can be a key") {
    CHECK(mapvec::payload_fingerprint<UnicodeChar>() != mapvec::payload_fingerprint<char32_t>());
    CHECK(mapvec::payload_fingerprint<std::vector<UnicodeChar>>() !=
          mapvec::payload_fingerprint<std::vector<char32_t>>());
    const std::map<UnicodeChar, std::uint8_t> counts{{UnicodeChar(U'b'), 1}, {UnicodeChar(U'é'), 2}};
    CHECK(decoded<std::map<UnicodeChar, std::uint8_t>>(encoded(counts)) == counts);
}

TEST_CASE("A ring-db database whose payloads hold a char is imported, encoded and raw") {
    const ScratchDirectory scratch;
    const auto db = scratch / "db";
    std::filesystem::create_directory(db);
    write_bytes(db / "meta.bin", bytes_of_all(std::uint64_t{1}, std::uint64_t{2}));
    write_bytes(db / "vectors.bin", bytes_of_all(1.0f, 2.0f));
    write_bytes(db / "norms_sq.bin", bytes_of_all(1.0f, 4.0f));
    write_bytes(db / "payloads.bin",
                "\xc3\xa9" + bytes_of_all(std::uint32_t{5}) + "z" + bytes_of_all(std::uint32_t{6}));
    write_bytes(db / "offsets.bin", bytes_of_all(std::uint64_t{0}, std::uint64_t{6}, std::uint64_t{11}));
    auto from_encoded = mapvec::Collection<1, Key>::create(scratch / "encoded");
    CHECK(mapvec::io::import_ringdb(db, from_encoded) == 2);
    CHECK(from_encoded.payload(0).letter == UnicodeChar(U'é'));
    CHECK(from_encoded.payload(1).letter == UnicodeChar(U'z'));
    CHECK(from_encoded.payload(1).count == 6);

    std::filesystem::remove(db / "offsets.bin");
    write_bytes(db / "payloads.bin", bytes_of_all(U'é', std::uint32_t{5}, U'z', std::uint32_t{6}));
    auto from_raw = mapvec::Collection<1, Key>::create(scratch / "raw");
    CHECK(mapvec::io::import_ringdb(db, from_raw) == 2);
    CHECK(from_raw.payload(0).letter == UnicodeChar(U'é'));
    write_bytes(db / "payloads.bin", bytes_of_all(U'é', std::uint32_t{5}, char32_t{0xD800}, std::uint32_t{6}));
    CHECK(code_of([&] { return mapvec::io::import_ringdb(db, from_raw); }) == mapvec::ErrorCode::payload);
}

}  // namespace test_payload_codec_unicode
