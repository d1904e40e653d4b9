// The bytes of the built-in codec are those of bincode 1.x: every type against hand-written bytes.
#include <array>
#include <bit>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include <mapvec/payload_codec.hpp>
#include "catch.hpp"

namespace test_payload_codec_bytes {

namespace {

// "01 ff 'abc'" as bytes.
std::string bytes(std::string_view spelt) {
    std::string result;
    for (std::size_t at = 0; at < spelt.size();) {
        if (spelt[at] == ' ') {
            ++at;
        } else if (spelt[at] == '\'') {
            const std::size_t end = spelt.find('\'', at + 1);
            result += spelt.substr(at + 1, end - at - 1);
            at = end + 1;
        } else {
            result += static_cast<char>(std::stoi(std::string(spelt.substr(at, 2)), nullptr, 16));
            at += 2;
        }
    }
    return result;
}

template <class T>
std::string encoded(const T& value) {
    mapvec::Encoder encoder;
    mapvec::Codec<T>::encode(value, encoder);
    const auto record = encoder.bytes();
    return {reinterpret_cast<const char*>(record.data()), record.size()};
}

template <class T>
T decoded(const std::string& record) {
    return mapvec::Codec<T>::decode(std::as_bytes(std::span(record)));
}

// Checks that the value encodes to these bytes, and that they decode to the value.
template <class T>
bool is_written_as(const T& value, std::string_view spelt) {
    INFO(spelt);
    const bool written = encoded(value) == bytes(spelt), read = decoded<T>(bytes(spelt)) == value;
    CHECK(encoded(value) == bytes(spelt));
    CHECK(decoded<T>(bytes(spelt)) == value);
    return written && read;
}

enum class Colour : std::uint8_t { red, green = 7 };
enum class Wide : std::int64_t { minus = -2 };
enum Plain : std::uint32_t { first, second };
enum class Truth : bool { no, yes };

struct Empty {
    bool operator==(const Empty&) const = default;
};

struct Doc {
    std::string title;
    std::uint32_t year;
    double score;
    std::vector<std::string> tags;
    bool operator==(const Doc&) const = default;
};

struct Inner {
    std::uint8_t a;
    std::uint32_t b;
    bool operator==(const Inner&) const = default;
};

struct Outer {
    std::optional<Inner> maybe;
    std::array<std::string, 2> names;
    Inner plain;
    Empty nothing;
    const std::uint16_t fixed = 0;
    bool operator==(const Outer&) const = default;
};

struct Tree {
    std::string name;
    std::vector<Tree> children;
    bool operator==(const Tree&) const = default;
};

class Celsius {
  public:
    explicit Celsius(std::int16_t tenths) : tenths_(tenths) {}
    bool operator==(const Celsius&) const = default;

  private:
    std::int16_t tenths_;
};

}  // namespace

TEST_CASE("Scalars are little-endian in their own width") {
    CHECK(is_written_as<bool>(false, "00"));
    CHECK(is_written_as<bool>(true, "01"));
    CHECK(is_written_as<char>('A', "41"));
    CHECK(is_written_as<std::int8_t>(-2, "fe"));
    CHECK(is_written_as<std::uint8_t>(200, "c8"));
    CHECK(is_written_as<std::int16_t>(-2, "fe ff"));
    CHECK(is_written_as<std::uint16_t>(0x1234, "34 12"));
    CHECK(is_written_as<std::int32_t>(-3, "fd ff ff ff"));
    CHECK(is_written_as<std::uint32_t>(0x12345678, "78 56 34 12"));
    CHECK(is_written_as<std::int64_t>(-1, "ff ff ff ff ff ff ff ff"));
    CHECK(is_written_as<std::uint64_t>(0x1122334455667788, "88 77 66 55 44 33 22 11"));
    CHECK(is_written_as<float>(1.5f, "00 00 c0 3f"));
    CHECK(is_written_as<double>(-62.5, "00 00 00 00 00 40 4f c0"));
    CHECK(is_written_as<char32_t>(U'é', "e9 00 00 00"));
    CHECK(is_written_as<std::byte>(std::byte{0xAB}, "ab"));
    CHECK(std::bit_cast<std::uint32_t>(decoded<float>(bytes("01 00 80 7f"))) == 0x7F800001u);  // a signalling NaN stays
}

TEST_CASE("An enumeration is its underlying integer, whatever the value") {
    CHECK(is_written_as(Colour::green, "07"));
    CHECK(is_written_as(static_cast<Colour>(255), "ff"));
    CHECK(is_written_as(Wide::minus, "fe ff ff ff ff ff ff ff"));
    CHECK(is_written_as(second, "01 00 00 00"));
    CHECK(is_written_as(Truth::yes, "01"));
}

TEST_CASE("Strings and sequences are a u64 length and their elements") {
    CHECK(is_written_as<std::string>("", "00 00 00 00 00 00 00 00"));
    CHECK(is_written_as<std::string>("héllo", "06 00 00 00 00 00 00 00 'h' c3 a9 'llo'"));
    CHECK(is_written_as(std::string("\xFF\x00z", 3), "03 00 00 00 00 00 00 00 ff 00 'z'"));
    CHECK(is_written_as<std::u8string>(u8"ab", "02 00 00 00 00 00 00 00 'ab'"));
    CHECK(is_written_as<std::vector<std::uint16_t>>({1, 2}, "02 00 00 00 00 00 00 00 01 00 02 00"));
    CHECK(is_written_as<std::vector<std::byte>>({std::byte{1}, std::byte{255}}, "02 00 00 00 00 00 00 00 01 ff"));
    CHECK(is_written_as<std::vector<bool>>({true, false, true}, "03 00 00 00 00 00 00 00 01 00 01"));
    CHECK(is_written_as<std::vector<std::string>>(
        {"a", ""}, "02 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 'a' 00 00 00 00 00 00 00 00"));
    CHECK(is_written_as<std::vector<Colour>>({Colour::green}, "01 00 00 00 00 00 00 00 07"));
    CHECK(is_written_as<std::vector<Inner>>({{1, 2}, {3, 4}}, "02 00 00 00 00 00 00 00 01 02 00 00 00 03 04 00 00 00"));
    CHECK(is_written_as<std::vector<std::array<float, 1>>>({{1.5f}}, "01 00 00 00 00 00 00 00 00 00 c0 3f"));
    CHECK(is_written_as<std::vector<Empty>>({{}, {}}, "02 00 00 00 00 00 00 00"));
    CHECK(is_written_as<std::deque<std::uint8_t>>({9, 8}, "02 00 00 00 00 00 00 00 09 08"));
    CHECK(is_written_as<std::list<std::uint16_t>>({7}, "01 00 00 00 00 00 00 00 07 00"));
}

TEST_CASE("Arrays, pairs, tuples and structs are their parts without padding") {
    CHECK(is_written_as<std::array<std::uint16_t, 3>>({1, 2, 3}, "01 00 02 00 03 00"));
    CHECK(is_written_as<std::array<bool, 2>>({true, false}, "01 00"));
    CHECK(is_written_as<std::array<std::string, 0>>({}, ""));
    CHECK(is_written_as<std::array<std::uint8_t, 0>>({}, ""));
    CHECK(is_written_as<std::array<Celsius, 2>>({Celsius(1), Celsius(-1)}, "01 00 ff ff"));
    CHECK(is_written_as<std::pair<std::uint8_t, std::string>>({1, "x"}, "01 01 00 00 00 00 00 00 00 'x'"));
    CHECK(is_written_as<std::tuple<std::uint8_t, bool, std::uint16_t>>({1, true, 2}, "01 01 02 00"));
    CHECK(is_written_as<std::tuple<std::string, char>>({"q", 'c'}, "01 00 00 00 00 00 00 00 'q' 'c'"));
    CHECK(is_written_as<std::tuple<>>({}, ""));
    CHECK(is_written_as<Empty>({}, ""));
    CHECK(is_written_as<std::monostate>({}, ""));
    CHECK(is_written_as<Inner>({1, 2}, "01 02 00 00 00"));
    CHECK(is_written_as<Doc>({"ab", 1900, -62.5, {"t0", ""}},
                             "02 00 00 00 00 00 00 00 'ab'  6c 07 00 00  00 00 00 00 00 40 4f c0"
                             "02 00 00 00 00 00 00 00  02 00 00 00 00 00 00 00 't0'  00 00 00 00 00 00 00 00"));
    CHECK(is_written_as<Outer>(
        {Inner{5, 6}, {"a", "b"}, {7, 8}, {}, 9},
        "01 05 06 00 00 00  01 00 00 00 00 00 00 00 'a' 01 00 00 00 00 00 00 00 'b'  07 08 00 00 00  09 00"));
}

TEST_CASE("An optional is a byte and the value, a variant a u32 index and the value") {
    CHECK(is_written_as<std::optional<std::uint16_t>>({}, "00"));
    CHECK(is_written_as<std::optional<std::uint16_t>>(5, "01 05 00"));
    CHECK(is_written_as<std::optional<std::optional<bool>>>(std::optional<bool>{}, "01 00"));
    using Variant = std::variant<std::monostate, std::uint8_t, std::string, std::uint8_t>;
    CHECK(is_written_as<Variant>({}, "00 00 00 00"));
    CHECK(is_written_as(Variant(std::in_place_index<1>, std::uint8_t{4}), "01 00 00 00 04"));
    CHECK(is_written_as(Variant(std::in_place_index<2>, "z"), "02 00 00 00 01 00 00 00 00 00 00 00 'z'"));
    CHECK(is_written_as(Variant(std::in_place_index<3>, std::uint8_t{4}), "03 00 00 00 04"));
}

TEST_CASE("Maps and sets are a u64 length and their entries") {
    CHECK(is_written_as<std::map<std::uint8_t, std::string>>(
        {{2, "b"}, {1, "a"}},
        "02 00 00 00 00 00 00 00  01 01 00 00 00 00 00 00 00 'a'  02 01 00 00 00 00 00 00 00 'b'"));
    CHECK(is_written_as<std::set<std::uint16_t>>({3, 1}, "02 00 00 00 00 00 00 00 01 00 03 00"));
    CHECK(is_written_as<std::multimap<std::uint8_t, bool>>({{1, true}, {1, false}},
                                                           "02 00 00 00 00 00 00 00 01 01 01 00"));
    CHECK(is_written_as<std::multiset<std::uint8_t>>({4, 4}, "02 00 00 00 00 00 00 00 04 04"));
    CHECK(is_written_as<std::unordered_map<std::uint8_t, std::uint8_t>>({{1, 2}}, "01 00 00 00 00 00 00 00 01 02"));
}

TEST_CASE("A map's entries may come in any order, as Rust's HashMap writes them") {
    const auto map = decoded<std::map<std::uint8_t, std::uint8_t>>(bytes("02 00 00 00 00 00 00 00 09 01 03 02"));
    CHECK(map == std::map<std::uint8_t, std::uint8_t>{{3, 2}, {9, 1}});
}

TEST_CASE("A type may contain itself") {
    CHECK(is_written_as<Tree>({"r", {{"c", {}}}},
                              "01 00 00 00 00 00 00 00 'r' 01 00 00 00 00 00 00 00"
                              "01 00 00 00 00 00 00 00 'c' 00 00 00 00 00 00 00 00"));
}

}  // namespace test_payload_codec_bytes
