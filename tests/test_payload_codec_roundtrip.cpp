// Decoding restores the encoded value, for random values of deeply nested types and for any sink.
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include <mapvec/payload_codec.hpp>
#include "catch.hpp"

namespace test_payload_codec_roundtrip {

namespace {

struct Leaf {
    std::int8_t small;
    double real;
    bool flag;
    bool operator==(const Leaf&) const = default;
};

struct Tree {
    std::variant<std::monostate, std::string, std::vector<Leaf>> value;
    std::vector<Tree> children;
    bool operator==(const Tree&) const = default;
};

struct Everything {
    std::optional<std::string> maybe;
    std::array<std::string, 2> names;
    std::map<std::string, std::vector<std::optional<Leaf>>> map;
    std::unordered_map<std::uint32_t, std::set<std::int16_t>> index;
    std::deque<std::pair<bool, float>> pairs;
    std::tuple<char, std::vector<bool>, std::u8string> tuple;
    std::vector<Tree> forest;
    bool operator==(const Everything&) const = default;
};

class Values {
  public:
    explicit Values(std::uint32_t seed) : random_(seed) {}

    std::size_t below(std::size_t n) { return random_() % n; }
    bool coin() { return below(2) == 1; }

    std::string text() {
        std::string result(coin() ? below(6) : below(60), ' ');
        for (char& c : result) c = static_cast<char>(random_());
        return result;
    }
    Leaf leaf() {
        const double reals[] = {0.0, -0.0, 1e300, std::numeric_limits<double>::denorm_min(), -62.5};
        return {static_cast<std::int8_t>(random_()), reals[below(5)], coin()};
    }
    std::vector<Leaf> leaves() {
        std::vector<Leaf> result;
        for (std::size_t n = below(4); n > 0; --n) result.push_back(leaf());
        return result;
    }
    Tree tree(int depth) {
        Tree result;
        if (coin())
            result.value = text();
        else if (coin())
            result.value = leaves();
        for (std::size_t n = depth == 0 ? 0 : below(4); n > 0; --n) result.children.push_back(tree(depth - 1));
        return result;
    }
    Everything everything() {
        Everything all;
        if (coin()) all.maybe = text();
        all.names = {text(), text()};
        for (std::size_t n = below(4); n > 0; --n) all.map[text()] = {std::nullopt, leaf()};
        for (std::size_t n = below(9); n > 0; --n)
            all.index[static_cast<std::uint32_t>(below(99))] = {std::int16_t{-3}, static_cast<std::int16_t>(n)};
        for (std::size_t n = below(5); n > 0; --n) all.pairs.emplace_back(coin(), static_cast<float>(below(1000)));
        all.tuple = {'x', std::vector<bool>(below(20), coin()), u8"ä"};
        for (std::size_t n = below(3); n > 0; --n) all.forest.push_back(tree(3));
        return all;
    }

  private:
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("Random nested values come back as they were") {
    mapvec::Encoder encoder;
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        const Everything all = Values(seed).everything();
        encoder.clear();
        mapvec::Codec<Everything>::encode(all, encoder);
        INFO("seed " << seed);
        REQUIRE(mapvec::Codec<Everything>::decode(encoder.bytes()) == all);
    }
}

TEST_CASE("Strings of wide characters are sequences") {
    mapvec::Encoder encoder;
    const std::u16string text = u"ab\u00e4";
    mapvec::Codec<std::u16string>::encode(text, encoder);
    CHECK(encoder.bytes().size() == 8 + 2 * 3);
    CHECK(mapvec::Codec<std::u16string>::decode(encoder.bytes()) == text);
}

TEST_CASE("The encoded bytes are the same alone, behind others, and in another kind of sink") {
    mapvec::Encoder many;
    std::size_t begin = 0;
    for (std::uint32_t seed = 0; seed < 100; ++seed) {
        const Tree tree = Values(seed).tree(4);
        mapvec::Encoder fresh;
        mapvec::Codec<Tree>::encode(tree, fresh);
        mapvec::Codec<Tree>::encode(tree, many);
        std::ostringstream stream;
        mapvec::Codec<Tree>::encode(tree, stream);

        const std::string alone(reinterpret_cast<const char*>(fresh.bytes().data()), fresh.size());
        const auto behind = many.bytes().subspan(begin);
        REQUIRE(std::string(reinterpret_cast<const char*>(behind.data()), behind.size()) == alone);
        REQUIRE(stream.str() == alone);
        begin = many.size();
    }
}

TEST_CASE("An encoder keeps its memory when it is cleared") {
    mapvec::Encoder encoder;
    encoder.write(std::string(1000, 'x').data(), 1000);
    const std::byte* const memory = encoder.bytes().data();
    for (int i = 0; i < 100; ++i) {
        encoder.clear();
        CHECK(encoder.bytes().empty());
        mapvec::Codec<std::string>::encode(std::string(900, 'y'), encoder);
        REQUIRE(encoder.size() == 908);
        REQUIRE(encoder.bytes().data() == memory);
    }
}

TEST_CASE("Moving an encoder moves its bytes and leaves an empty one") {
    mapvec::Encoder first;
    first.write("abc", 3);
    mapvec::Encoder second = std::move(first);
    CHECK(second.size() == 3);
    CHECK(first.bytes().empty());  // NOLINT(bugprone-use-after-move): promised
    first.write("de", 2);
    second = std::move(first);
    CHECK(second.size() == 2);
}

TEST_CASE("An encode that fails leaves the encoder as it was") {
    struct Throwing {
        operator std::map<int, int>() const { throw 1; }
    };
    using Variant = std::variant<std::map<int, int>, int>;
    Variant broken = 5;
    CHECK_THROWS_AS(broken.emplace<0>(Throwing{}), int);
    REQUIRE(broken.valueless_by_exception());

    mapvec::Encoder encoder;
    encoder.write("abc", 3);
    const std::pair<std::string, Variant> value{std::string(500, 'x'), broken};
    CHECK_THROWS_AS((mapvec::Codec<std::pair<std::string, Variant>>::encode(value, encoder)), mapvec::Error);
    CHECK(encoder.size() == 3);
    CHECK(std::memcmp(encoder.bytes().data(), "abc", 3) == 0);
}

}  // namespace test_payload_codec_roundtrip
