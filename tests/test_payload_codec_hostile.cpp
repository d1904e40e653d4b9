// No byte is trusted: decoding damaged records throws Error(payload), and takes neither much time nor much memory.
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <mapvec/payload_codec.hpp>
#include "catch.hpp"

namespace test_payload_codec_hostile {

namespace {

// Counts the allocations of the containers in these tests only.
struct Memory {
    static inline std::size_t taken = 0;
};

template <class T>
struct Counting {
    using value_type = T;
    Counting() = default;
    template <class Other>
    Counting(const Counting<Other>&) {}
    T* allocate(std::size_t n) {
        Memory::taken += n * sizeof(T);
        return std::allocator<T>{}.allocate(n);
    }
    void deallocate(T* at, std::size_t n) { std::allocator<T>{}.deallocate(at, n); }
    bool operator==(const Counting&) const = default;
};

template <class T>
using Vector = std::vector<T, Counting<T>>;
using String = std::basic_string<char, std::char_traits<char>, Counting<char>>;
template <class K, class V>
using Map = std::map<K, V, std::less<K>, Counting<std::pair<const K, V>>>;

struct Empty {
    bool operator==(const Empty&) const = default;
};

struct Node {
    Vector<Node> children;
    bool operator==(const Node&) const = default;
};

struct Record {
    String title;
    std::uint32_t year;
    std::optional<String> subtitle;
    std::variant<bool, String, Vector<double>> value;
    Vector<Vector<String>> tags;
    Map<String, Vector<std::uint16_t>> index;
    std::array<Vector<std::byte>, 2> blobs;
    Vector<Node> nodes;
    bool operator==(const Record&) const = default;
};

Record sample() {
    return {"a title of some length",
            1900,
            "sub",
            Vector<double>{1.5, 2.5},
            {{"a", "b"}, {}, {"c"}},
            {{"k", {1, 2}}, {"l", {}}},
            {Vector<std::byte>{std::byte{1}}, {}},
            {Node{{Node{}, Node{}}}}};
}

using Bytes = std::vector<std::byte>;

template <class T>
Bytes encoded(const T& value) {
    mapvec::Encoder encoder;
    mapvec::Codec<T>::encode(value, encoder);
    return {encoder.bytes().begin(), encoder.bytes().end()};
}

void put_u64(Bytes& bytes, std::size_t at, std::uint64_t value) { std::memcpy(bytes.data() + at, &value, 8); }

Bytes u64s(std::initializer_list<std::uint64_t> numbers) {
    Bytes bytes(8 * numbers.size());
    std::size_t at = 0;
    for (const std::uint64_t number : numbers) put_u64(bytes, at++ * 8, number);
    return bytes;
}

// The text of the error, or nothing if the bytes are a T.
template <class T>
std::string refusal(const Bytes& bytes) {
    try {
        static_cast<void>(mapvec::Codec<T>::decode(bytes));
        return "";
    } catch (const mapvec::Error& error) {
        REQUIRE(error.code() == mapvec::ErrorCode::payload);
        return error.what();
    }
}

bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

const std::uint64_t huge_lengths[] = {1u << 20,   1u << 31,   std::uint64_t{1} << 32, std::uint64_t{1} << 61,
                                      1ull << 63, UINT64_MAX, UINT64_MAX / 8 + 1};

}  // namespace

TEST_CASE("Every truncation of a record is an error, and so is every byte too many") {
    const Bytes whole = encoded(sample());
    REQUIRE(mapvec::Codec<Record>::decode(whole) == sample());
    for (std::size_t n = 0; n < whole.size(); ++n) {
        INFO("cut to " << n << " of " << whole.size());
        REQUIRE(!refusal<Record>(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))).empty());
    }
    Bytes longer = whole;
    longer.push_back(std::byte{0});
    CHECK(says(refusal<Record>(longer), "trailing bytes: expected none, found 1"));
}

TEST_CASE("An error says where, what was expected and what was found") {
    CHECK(refusal<String>(u64s({9})) ==
          "mapvec: payload, byte 0 of 8: length of a string: expected at most 0, found 9 [payload]");
    CHECK(says(refusal<std::uint32_t>(Bytes(3)), "byte 0 of 3: value: expected at least 4 bytes, found 3"));
    CHECK(says(refusal<bool>(Bytes{std::byte{2}}), "byte 0 of 1: bool: expected at most 1, found 2"));
}

TEST_CASE("A huge number anywhere in a record takes little memory") {
    const Bytes whole = encoded(sample());
    for (std::size_t at = 0; at + 8 <= whole.size(); ++at) {
        for (const std::uint64_t huge : huge_lengths) {
            Bytes damaged = whole;
            put_u64(damaged, at, huge);
            Memory::taken = 0;
            static_cast<void>(refusal<Record>(damaged));  // some of these bytes are data, where any number is fine
            INFO("byte " << at << ", number " << huge);
            REQUIRE(Memory::taken < 16 * 1024);
        }
    }
}

TEST_CASE("A huge length of any type is an error before memory is taken") {
    for (const std::uint64_t huge : huge_lengths) {
        Memory::taken = 0;
        const Bytes length = u64s({huge, 1, 0, 0});
        INFO("length " << huge);
        CHECK(says(refusal<String>(length), "length of a string"));
        CHECK(says(refusal<Vector<std::uint8_t>>(length), "length of a sequence"));
        CHECK(says(refusal<Vector<std::uint64_t>>(length), "length of a sequence"));
        CHECK(says(refusal<Vector<String>>(length), "length of a sequence"));
        CHECK(says(refusal<Vector<Vector<Vector<String>>>>(length), "length of a sequence"));
        CHECK(says(refusal<Vector<std::optional<std::array<double, 1000>>>>(length), "length of a sequence"));
        CHECK(says(refusal<Map<std::uint8_t, String>>(length), "size of a map"));
        CHECK(says(refusal<std::set<std::uint8_t>>(length), "size of a set"));
        CHECK(says(refusal<Vector<Node>>(length), "length of a sequence"));
        REQUIRE(Memory::taken == 0);
    }
    CHECK(says(refusal<Vector<std::uint64_t>>(u64s({16, 1, 0})), "length of a sequence"));  // of 16 bytes, not elements
    CHECK(Memory::taken == 0);
}

TEST_CASE("The reserved memory stays near the size of the record, for elements of any size") {
    using Large = std::optional<std::array<double, 1000>>;  // one byte on the wire, 8,008 in memory
    Bytes bytes(8 + 1000, std::byte{2});                    // a length of 1000; the first element is invalid
    put_u64(bytes, 0, 1000);
    Memory::taken = 0;
    CHECK(says(refusal<Vector<Large>>(bytes), "tag of an optional"));
    CHECK(Memory::taken < 64 * 1024);
}

TEST_CASE("The number of elements without bytes is limited") {
    for (const std::uint64_t huge : huge_lengths) {
        Memory::taken = 0;
        CHECK(says(refusal<Vector<Empty>>(u64s({huge})), "elements that take no bytes"));
        CHECK(says(refusal<Vector<std::monostate>>(u64s({huge})), "elements that take no bytes"));
        CHECK(says(refusal<Vector<std::array<String, 0>>>(u64s({huge})), "elements that take no bytes"));
        CHECK(Memory::taken == 0);
    }
    CHECK(refusal<Vector<Empty>>(u64s({65536})).empty());
    CHECK(says(refusal<Vector<Empty>>(u64s({65537})), "at most 65536, found 65537"));
    CHECK(says(refusal<Vector<Vector<Empty>>>(u64s({2, 40000, 40000})), "elements that take no bytes"));
    CHECK_THROWS_AS(encoded(Vector<Empty>(65537)), mapvec::Error);
    CHECK(encoded(Vector<Empty>(65536)).size() == 8);
}

TEST_CASE("Nesting deeper than 128 levels is refused alike by decoding and encoding") {
    const auto chain = [](std::size_t levels) {  // each level a vector with one child, the last without
        Bytes bytes(8 * levels);
        for (std::size_t i = 0; i + 1 < levels; ++i) put_u64(bytes, 8 * i, 1);
        return bytes;
    };
    const Node deepest = mapvec::Codec<Node>::decode(chain(128));
    CHECK(encoded(deepest) == chain(128));
    CHECK(says(refusal<Node>(chain(129)), "nesting"));
    CHECK(says(refusal<Node>(chain(1000000)), "nesting"));
    Node deeper;
    deeper.children.push_back(deepest);
    CHECK_THROWS_AS(encoded(deeper), mapvec::Error);

    Node wide;  // the limit is on depth, not on the number of nodes
    for (int i = 0; i < 1000; ++i) wide.children.push_back(Node{{Node{}}});
    CHECK(mapvec::Codec<Node>::decode(encoded(wide)) == wide);
}

TEST_CASE("Bytes that are not a value are refused") {
    for (unsigned value = 2; value < 256; ++value) {
        const std::byte byte{static_cast<unsigned char>(value)};
        Bytes in_vector = u64s({1});
        in_vector.push_back(byte);
        CHECK(!refusal<bool>(Bytes{byte}).empty());
        CHECK(!refusal<std::optional<bool>>(Bytes{byte, std::byte{0}}).empty());
        CHECK(!refusal<std::vector<bool>>(in_vector).empty());
    }
    using Variant = std::variant<Empty, std::uint8_t>;
    CHECK(refusal<Variant>(Bytes(4)).empty());
    CHECK(says(refusal<Variant>(Bytes{std::byte{2}, {}, {}, {}}), "tag of a variant: expected at most 1, found 2"));
    CHECK(!refusal<Variant>(Bytes{{}, {}, {}, std::byte{0x80}}).empty());
    CHECK(!refusal<Variant>(Bytes{std::byte{1}, {}, {}, {}}).empty());
}

TEST_CASE("A key that occurs twice is refused, except in multi containers") {
    Bytes bytes = u64s({2});
    for (const int byte : {1, 7, 1, 8}) bytes.push_back(static_cast<std::byte>(byte));
    CHECK(says(refusal<std::map<std::uint8_t, std::uint8_t>>(bytes), "key of a map or set"));
    CHECK(refusal<std::multimap<std::uint8_t, std::uint8_t>>(bytes).empty());
    Bytes twice = u64s({2});
    twice.resize(10, std::byte{5});
    CHECK(says(refusal<std::set<std::uint8_t>>(twice), "key of a map or set"));
}

TEST_CASE("A record with any one bit flipped is an error or another record, never a crash") {
    const Bytes whole = encoded(sample());
    Bytes damaged = whole;
    std::size_t refused = 0;
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
        const std::byte flip{static_cast<unsigned char>(1u << (bit % 8))};
        damaged[bit / 8] ^= flip;
        if (!refusal<Record>(damaged).empty())
            ++refused;
        else
            REQUIRE(encoded(mapvec::Codec<Record>::decode(damaged)).size() == whole.size());
        damaged[bit / 8] ^= flip;
    }
    CHECK(refused > whole.size());
}

}  // namespace test_payload_codec_hostile
