// The fingerprint of a payload type: equal for types that are stored alike, with every compiler and version; different
// for all others. Specialised codecs take part in it.
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include <mapvec/payload_codec.hpp>
#include "catch.hpp"

namespace test_payload_codec_fingerprint {

namespace {

struct Doc {
    std::string title;
    std::uint32_t year;
    double score;
    std::vector<std::string> tags;
};
struct SameAsDoc {
    std::string a;
    std::uint32_t b;
    double c;
    std::deque<std::string> d;
};
struct Swapped {
    std::string title;
    double score;
    std::uint32_t year;
    std::vector<std::string> tags;
};
struct Raw {
    std::uint8_t a;
    std::uint32_t b;
};
struct alignas(16) RawWide {
    std::uint8_t a;
    std::uint32_t b;
};
struct RawSwapped {
    std::uint32_t b;
    std::uint8_t a;
};
struct RawSame {
    std::uint8_t first;
    std::uint32_t second;
};
struct Tree {
    std::vector<Tree> children;
    std::string name;
};
struct Forest {
    std::vector<Forest> trees;
    std::string title;
};
struct OtherTree {
    std::vector<std::optional<OtherTree>> children;
    std::string name;
};
enum class Colour : std::uint8_t { red };

struct Money {
    std::int64_t cents;
    bool operator==(const Money&) const = default;
};
struct Weight {
    std::int64_t grams;
};
struct Invoice {
    std::string text;
    std::vector<Money> sums;
    bool operator==(const Invoice&) const = default;
};

}  // namespace

}  // namespace test_payload_codec_fingerprint

template <>
struct mapvec::Codec<test_payload_codec_fingerprint::Money> {
    using Money = test_payload_codec_fingerprint::Money;
    static constexpr std::string_view name = "money in cents";
    static void encode(const Money& money, auto& sink) { sink.write(&money.cents, sizeof money.cents); }
    static Money decode(std::span<const std::byte> bytes) {
        if (bytes.size() != 8) throw mapvec::Error(mapvec::ErrorCode::payload, "money takes 8 bytes");
        Money money{};
        std::memcpy(&money.cents, bytes.data(), 8);
        return money;
    }
};

template <>
struct mapvec::Codec<test_payload_codec_fingerprint::Weight> {
    using Weight = test_payload_codec_fingerprint::Weight;
    static constexpr std::uint64_t fingerprint = 42;
    static void encode(const Weight& weight, auto& sink) { sink.write(&weight.grams, sizeof weight.grams); }
    static Weight decode(std::span<const std::byte>) { return {}; }
};

namespace test_payload_codec_fingerprint {

namespace {

// A codec that is passed as an argument, not a specialisation.
struct Terse {
    static constexpr std::string_view name = "year only";
    static void encode(const Doc& doc, auto& sink) { sink.write(&doc.year, sizeof doc.year); }
    static Doc decode(std::span<const std::byte>) { return {}; }
};

template <class T>
constexpr std::uint64_t print = mapvec::payload_fingerprint<T>();

}  // namespace

TEST_CASE("Types that are stored alike have one fingerprint") {
    CHECK(print<Doc> == print<SameAsDoc>);
    CHECK(print<Raw> == print<RawSame>);
    CHECK(print<Colour> == print<std::uint8_t>);
    CHECK(print<std::byte> == print<std::uint8_t>);
    CHECK(print<long long> == print<std::int64_t>);
    CHECK(print<std::map<int, bool>> == print<std::unordered_map<int, bool>>);
    CHECK(print<Tree> == print<Forest>);
    CHECK(print<std::pair<std::string, bool>> == print<std::tuple<std::string, bool>>);
}

TEST_CASE("Types that are stored differently have different fingerprints") {
    const std::vector<std::uint64_t> all = {print<bool>,
                                            print<char>,
                                            print<std::int8_t>,
                                            print<std::uint8_t>,
                                            print<std::int32_t>,
                                            print<std::uint32_t>,
                                            print<float>,
                                            print<double>,
                                            print<std::string>,
                                            print<std::vector<std::uint8_t>>,
                                            print<std::vector<char>>,
                                            print<std::set<char>>,
                                            print<std::map<char, char>>,
                                            print<std::array<char, 2>>,
                                            print<std::array<char, 3>>,
                                            print<std::optional<char>>,
                                            print<std::variant<char>>,
                                            print<std::variant<char, char>>,
                                            print<std::tuple<>>,
                                            print<std::tuple<std::tuple<char>, char>>,
                                            print<std::tuple<std::tuple<char, char>>>,
                                            print<std::tuple<char, char>>,
                                            print<std::tuple<std::set<char>, char>>,
                                            print<std::tuple<std::map<char, char>>>,
                                            print<Doc>,
                                            print<Swapped>,
                                            print<Raw>,
                                            print<RawSwapped>,
                                            print<RawWide>,
                                            print<std::pair<std::uint8_t, std::uint32_t>>,
                                            print<std::vector<Raw>>,
                                            print<Tree>,
                                            print<OtherTree>,
                                            print<Money>,
                                            print<Weight>,
                                            print<Invoice>,
                                            mapvec::payload_fingerprint<Doc, Terse>()};
    const std::set<std::uint64_t> distinct(all.begin(), all.end());
    CHECK(distinct.size() == all.size());
}

TEST_CASE("Fingerprints are what they have always been") {
    // Computed without this library: FNV-1a of, for Doc, "(s" "u" 4 "f" 8 "[s)", numbers as eight bytes.
    CHECK(print<Doc> == 0x5eea711e00376d88);
    CHECK(print<Raw> == 0x590949e1ba6c3520);
    CHECK(print<Tree> == 0x24afe6b62b07378a);
    CHECK(print<Invoice> == 0xcb57dd6938eb6574);
    CHECK(print<Weight> == 0xe6abf4fa097ed618);
}

TEST_CASE("A specialised codec is used alone, and inside other types as a length and its bytes") {
    mapvec::Encoder encoder;
    mapvec::Codec<Money>::encode(Money{5}, encoder);
    CHECK(encoder.size() == 8);

    const Invoice invoice{"x", {Money{1}, Money{-1}}};
    encoder.clear();
    mapvec::Codec<Invoice>::encode(invoice, encoder);
    const unsigned char expected[] = {1, 0, 0, 0, 0, 0, 0, 0,    'x',  2,    0,    0,    0,    0,    0,   0, 0,
                                      8, 0, 0, 0, 0, 0, 0, 0,    1,    0,    0,    0,    0,    0,    0,   0, 8,
                                      0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    REQUIRE(encoder.size() == sizeof expected);
    CHECK(std::memcmp(encoder.bytes().data(), expected, sizeof expected) == 0);
    CHECK(mapvec::Codec<Invoice>::decode(encoder.bytes()) == invoice);
    for (std::size_t n = 0; n < encoder.size(); ++n)
        CHECK_THROWS_AS(mapvec::Codec<Invoice>::decode(encoder.bytes().first(n)), mapvec::Error);
}

}  // namespace test_payload_codec_fingerprint
