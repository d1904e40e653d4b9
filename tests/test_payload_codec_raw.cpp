// Raw payloads: which types are stored as their bytes in memory, with zeros for padding, and are viewed in place.
#include <array>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include <mapvec/payload_codec.hpp>
#include "catch.hpp"

namespace test_payload_codec_raw {

using mapvec::HoldsNoPointer;
using mapvec::Payload;
using mapvec::raw_payload;
using mapvec::ViewablePayload;

namespace {

struct Pod {
    double score;
    std::uint32_t id;
    float w;
};
struct Padded {
    char letter;
    double real;
    std::uint16_t number;
};
struct Nested {
    std::uint8_t first;
    std::array<Padded, 2> padded;
    bool flag;
    std::uint64_t last;
};
struct Empty {};
struct WithEmpty {
    Empty nothing;
    std::uint32_t number;
};
struct WithHiddenEmpty {
    std::uint32_t number;
    [[no_unique_address]] Empty nothing;
    std::uint32_t next;
};
enum class Small : std::uint8_t { a, b };
enum class Truth : bool { no, yes };
struct Flags {
    std::uint32_t number;
    bool on;
    Truth truth;
    std::array<bool, 2> more;
};
struct Name {
    char text[12];
    std::uint32_t number;
};
class Point {
  public:
    Point(float x, float y) : x_(x), y_(y) {}
    float sum() const { return x_ + y_; }

  private:
    float x_, y_;
};
struct Derived : Pod {
    std::uint64_t more;
};
struct Text {
    std::string text;
};

struct Pointer {
    int* address;
};
struct DeepPointer {
    std::vector<std::map<int, std::optional<Pointer>>> deep;
};
struct NameAndPointer {
    char text[12];
    const char* address;
};
struct DerivedPointer : Pod {
    void* address;
};
struct Tree : std::vector<Tree> {};
struct Node {
    std::vector<Node> children;
    std::optional<int> number;
};
struct BitFields {
    std::uint32_t id;
    std::uint32_t kind : 3, used : 1;
};
struct NameAndBitField {
    std::string name;
    bool used : 1;
};
struct Reference {
    int& other;
};
struct ConstReference {
    int number;
    const int& other;
};
union Either {
    int number;
    float real;
};

struct Money {
    std::int64_t cents;
};

}  // namespace

}  // namespace test_payload_codec_raw

template <>
struct mapvec::Codec<test_payload_codec_raw::Money> {
    using Money = test_payload_codec_raw::Money;
    static void encode(const Money& money, auto& sink) { sink.write(&money.cents, 8); }
    static Money decode(std::span<const std::byte> bytes) {
        if (bytes.size() != 8) throw mapvec::Error(mapvec::ErrorCode::payload, "money: 8 bytes");
        Money money{};
        std::memcpy(&money.cents, bytes.data(), 8);
        return money;
    }
};

namespace test_payload_codec_raw {

namespace {

template <class T>
std::vector<unsigned char> raw(const T& value) {
    std::vector<unsigned char> bytes(sizeof(T), 0xEE);
    mapvec::detail::write_raw(value, reinterpret_cast<std::byte*>(bytes.data()));
    return bytes;
}

// A T whose bytes, padding included, were all 0xEE before `fill` set its fields.
template <class T, class Fill>
std::vector<unsigned char> raw_over_garbage(Fill fill) {
    alignas(T) unsigned char room[sizeof(T)];
    std::memset(room, 0xEE, sizeof room);
    T& value = *reinterpret_cast<T*>(room);
    fill(value);
    return raw(value);
}

template <class T>
std::span<const std::byte> as_record(const T& bytes) {
    return std::as_bytes(std::span(bytes));
}

mapvec::ErrorCode code_of(auto&& call) {
    try {
        call();
    } catch (const mapvec::Error& error) {
        return error.code();
    }
    FAIL("no error");
    return {};
}

}  // namespace

TEST_CASE("Arithmetic types, enums, and arrays and structs of them are stored raw") {
    STATIC_REQUIRE((raw_payload<bool> && raw_payload<char> && raw_payload<std::uint64_t> && raw_payload<double>));
    STATIC_REQUIRE((raw_payload<Small> && raw_payload<std::byte> && raw_payload<std::array<std::uint8_t, 7>>));
    STATIC_REQUIRE((raw_payload<Pod> && raw_payload<Padded> && raw_payload<Nested> && raw_payload<Flags>));
    STATIC_REQUIRE((raw_payload<Empty> && raw_payload<WithEmpty> && raw_payload<std::array<Nested, 3>>));
}

TEST_CASE("Trivially copyable types whose fields cannot be seen are stored raw") {
    STATIC_REQUIRE((raw_payload<Point> && raw_payload<Name> && raw_payload<Derived>));
    STATIC_REQUIRE((raw_payload<std::complex<float>> && raw_payload<std::chrono::system_clock::time_point>));
    const Point point = mapvec::detail::read_raw<Point>(as_record(raw(Point(1, 2))));
    CHECK(point.sum() == 3.0f);
}

TEST_CASE("Types of variable size, or whose layout belongs to the standard library, are encoded") {
    STATIC_REQUIRE((Payload<std::string> && !raw_payload<std::string>));
    STATIC_REQUIRE((Payload<Text> && !raw_payload<Text>));
    STATIC_REQUIRE((Payload<std::optional<int>> && !raw_payload<std::optional<int>>));
    STATIC_REQUIRE((Payload<std::variant<int, float>> && !raw_payload<std::variant<int, float>>));
    STATIC_REQUIRE((Payload<std::pair<int, int>> && !raw_payload<std::pair<int, int>>));
    STATIC_REQUIRE((Payload<std::tuple<int>> && !raw_payload<std::tuple<int>>));
}

TEST_CASE("A type with a codec of its own, alone or inside another, is not stored raw") {
    STATIC_REQUIRE((Payload<Money> && !raw_payload<Money> && !ViewablePayload<Money>));
    STATIC_REQUIRE((Payload<std::array<Money, 2>> && !raw_payload<std::array<Money, 2>>));
    STATIC_REQUIRE((Payload<Pod, mapvec::Codec<Pod>> && !raw_payload<Pod, mapvec::Codec<Money>>));
}

TEST_CASE("Types that hold an address do not compile as payloads") {
    STATIC_REQUIRE((!Payload<int*> && !Payload<const char*> && !Payload<void (*)()> && !Payload<std::nullptr_t>));
    STATIC_REQUIRE((!Payload<int Pod::*> && !Payload<int&>));
    STATIC_REQUIRE(
        (!Payload<std::string_view> && !Payload<std::span<const int>> && !Payload<std::vector<const char*>>));
    STATIC_REQUIRE((!Payload<std::reference_wrapper<int>> && !Payload<std::vector<int>::iterator>));
    STATIC_REQUIRE((!Payload<std::unique_ptr<int>> && !Payload<std::shared_ptr<int>>));
    STATIC_REQUIRE((!Payload<Pointer> && !Payload<DeepPointer> && !Payload<std::array<Pointer, 2>>));
    STATIC_REQUIRE((!Payload<Reference> && !Payload<ConstReference>));
    STATIC_REQUIRE((!Payload<NameAndPointer> && !Payload<DerivedPointer>));
    STATIC_REQUIRE((!HoldsNoPointer<DeepPointer> && !HoldsNoPointer<std::string_view>));
}

TEST_CASE("Types without portable bytes do not compile as payloads") {
    STATIC_REQUIRE((!Payload<long double> && !Payload<Either> && !Payload<void> && !Payload<int[3]>));
    STATIC_REQUIRE((!Payload<Tree> && !Payload<std::vector<Tree>> && Payload<Node>));
    STATIC_REQUIRE(!Payload<std::initializer_list<int>>);
    STATIC_REQUIRE((!Payload<BitFields> && !Payload<NameAndBitField> && !Payload<std::vector<BitFields>>));
    STATIC_REQUIRE((!Payload<std::function<void()>> && !Payload<std::vector<long double>>));
}

TEST_CASE("Padding of a raw record is zero, whatever was in memory") {
    const auto padded = raw_over_garbage<Padded>([](Padded& value) {
        value.letter = 'x';
        value.real = 1.0;
        value.number = 0x0102;
    });
    CHECK(padded ==
          std::vector<unsigned char>{'x', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 2, 1, 0, 0, 0, 0, 0, 0});

    const auto nested = raw_over_garbage<Nested>([](Nested& value) {
        value.first = 1;
        for (Padded& each : value.padded) {
            each.letter = 2;
            each.real = 0.0;
            each.number = 3;
        }
        value.flag = true;
        value.last = 4;
    });
    std::vector<unsigned char> expected(sizeof(Nested), 0);
    expected[0] = 1;
    for (const std::size_t begin : {8u, 32u}) {
        expected[begin] = 2;
        expected[begin + 16] = 3;
    }
    expected[offsetof(Nested, flag)] = 1;
    expected[offsetof(Nested, last)] = 4;
    CHECK(nested == expected);

    const auto with_empty = raw_over_garbage<WithEmpty>([](WithEmpty& value) { value.number = 5; });
    CHECK(with_empty == std::vector<unsigned char>{0, 0, 0, 0, 5, 0, 0, 0});
    CHECK(raw(Empty{}) == std::vector<unsigned char>{0});
}

TEST_CASE("A raw record without padding is the bytes of the value") {
    const Pod pod{1.5, 7, -2.5f};
    CHECK(std::memcmp(raw(pod).data(), &pod, sizeof pod) == 0);
    const Name name{"abc", 9};
    CHECK(std::memcmp(raw(name).data(), &name, sizeof name) == 0);
}

TEST_CASE("A raw record comes back as it was, from any alignment") {
    const Padded value{'q', -1.25, 77};
    std::vector<unsigned char> bytes = raw(value);
    bytes.insert(bytes.begin(), 0xEE);
    const Padded back = mapvec::detail::read_raw<Padded>(as_record(bytes).subspan(1));
    CHECK(back.letter == 'q');
    CHECK(back.real == -1.25);
    CHECK(back.number == 77);
}

TEST_CASE("An empty member that shares an address does not overwrite other members") {
    const WithHiddenEmpty value{0x11223344, {}, 0x55667788};
    const auto back = mapvec::detail::read_raw<WithHiddenEmpty>(as_record(raw(value)));
    CHECK(back.number == value.number);
    CHECK(back.next == value.next);
}

TEST_CASE("A raw record of another size is an error") {
    const std::vector<unsigned char> bytes(sizeof(Pod) + 1, 0);
    for (const std::size_t n : {std::size_t{0}, sizeof(Pod) - 1, sizeof(Pod) + 1}) {
        CHECK(code_of([&] { static_cast<void>(mapvec::detail::read_raw<Pod>(as_record(bytes).first(n))); }) ==
              mapvec::ErrorCode::payload);
        CHECK(code_of([&] { static_cast<void>(mapvec::detail::view_of<Pod>(as_record(bytes).first(n))); }) ==
              mapvec::ErrorCode::payload);
    }
}

TEST_CASE("A raw bool that is neither 0 nor 1 is an error, by copy and by view") {
    alignas(Flags) std::array<std::byte, sizeof(Flags)> record{};
    mapvec::detail::write_raw(Flags{1, true, Truth::yes, {true, true}}, record.data());
    CHECK(mapvec::detail::view_of<Flags>(record).on);
    for (const std::size_t at : {offsetof(Flags, on), offsetof(Flags, truth), offsetof(Flags, more) + 1}) {
        auto damaged = record;
        damaged[at] = std::byte{2};
        CHECK(code_of([&] { static_cast<void>(mapvec::detail::read_raw<Flags>(damaged)); }) ==
              mapvec::ErrorCode::payload);
        alignas(Flags) std::array<std::byte, sizeof(Flags)> aligned = damaged;
        CHECK(code_of([&] { static_cast<void>(mapvec::detail::view_of<Flags>(aligned)); }) ==
              mapvec::ErrorCode::payload);
    }
}

TEST_CASE("A view of a raw record is the record itself") {
    STATIC_REQUIRE((ViewablePayload<Pod> && ViewablePayload<std::uint64_t> && ViewablePayload<std::string>));
    STATIC_REQUIRE((!ViewablePayload<Text> && !ViewablePayload<std::vector<float>> && !ViewablePayload<int*>));
    alignas(Pod) std::array<std::byte, sizeof(Pod)> record{};
    mapvec::detail::write_raw(Pod{1.5, 7, -2.5f}, record.data());
    const Pod& view = mapvec::detail::view_of<Pod>(record);
    CHECK(static_cast<const void*>(&view) == record.data());
    CHECK(view.id == 7);
}

TEST_CASE("A view of a string is its bytes in the record, checked like a decode") {
    mapvec::Encoder encoder;
    mapvec::Codec<std::string>::encode("hello", encoder);
    const auto record = encoder.bytes();
    const std::string_view view = mapvec::detail::view_of<std::string>(record);
    CHECK(view == "hello");
    CHECK(static_cast<const void*>(view.data()) == record.data() + 8);
    for (std::size_t n = 0; n < record.size(); ++n) {
        CHECK(code_of([&] { static_cast<void>(mapvec::detail::view_of<std::string>(record.first(n))); }) ==
              mapvec::ErrorCode::payload);
    }
    encoder.write("!", 1);
    CHECK(code_of([&] { static_cast<void>(mapvec::detail::view_of<std::string>(encoder.bytes())); }) ==
          mapvec::ErrorCode::payload);
}

}  // namespace test_payload_codec_raw
