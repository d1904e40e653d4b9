// One field of a payload, without decoding the others.
#include <array>
#include <cstdint>
#include <map>
#include <mapvec/collection.hpp>
#include <mapvec/payload_store.hpp>
#include <mapvec/unicode_char.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_payload_field {

using namespace mapvec;

namespace {

// A field of each kind, between strings that must be found behind it.
struct Wide {
    std::string first;
    std::vector<std::uint16_t> numbers;
    std::string second;
    std::vector<std::string> texts;
    std::optional<std::string> maybe;
    std::optional<std::string> absent;
    std::variant<std::uint8_t, std::string> either;
    std::map<std::string, std::uint32_t> counts;
    std::array<std::string, 2> pair;
    std::tuple<bool, std::string> mixed;
    std::vector<UnicodeChar> letters;
    double number = 0;
    std::string last;
};
const Wide wide{"first",
                {1, 2, 3},
                "second",
                {"a", "", "ccc"},
                "perhaps",
                {},
                "alternative",
                {{"x", 7}, {"yy", 8}},
                {"left", "right"},
                {true, "mixed"},
                {UnicodeChar(U'ä'), UnicodeChar(U'z')},
                2.5,
                "last"};

struct Pod {
    bool flag = false;
    double weight = 0;
    std::uint16_t count = 0;
};
struct Fixed {
    const std::string title;
    const std::uint32_t pages = 0;
};
struct Tree {
    std::vector<Tree> children;
    std::string name;
};

}  // namespace

TEST_CASE("each field of a payload is read as the whole payload has it") {
    const ScratchDirectory scratch;
    auto store = PayloadStore<Wide>::create(scratch / "store");
    store.push(Wide{});
    const Id id = store.push(wide);
    CHECK(store.fetch(id, &Wide::first) == wide.first);
    CHECK(store.fetch(id, &Wide::numbers) == wide.numbers);
    CHECK(store.fetch(id, &Wide::second) == wide.second);
    CHECK(store.fetch(id, &Wide::texts) == wide.texts);
    CHECK(store.fetch(id, &Wide::maybe) == wide.maybe);
    CHECK(store.fetch(id, &Wide::absent) == wide.absent);
    CHECK(store.fetch(id, &Wide::either) == wide.either);
    CHECK(store.fetch(id, &Wide::counts) == wide.counts);
    CHECK(store.fetch(id, &Wide::pair) == wide.pair);
    CHECK(store.fetch(id, &Wide::mixed) == wide.mixed);
    CHECK(store.fetch(id, &Wide::letters) == wide.letters);
    CHECK(store.fetch(id, &Wide::number) == wide.number);
    CHECK(store.fetch(id, &Wide::last) == wide.last);
    CHECK(store.fetch(0, &Wide::last).empty());
    CHECK(code_of([&] { return store.fetch(2, &Wide::last); }) == ErrorCode::out_of_range);
}

TEST_CASE("a field of a payload of fixed size, and a field behind one that contains its own type") {
    const ScratchDirectory scratch;
    auto pods = PayloadStore<Pod>::create(scratch / "pods");
    pods.push({true, 1.5, 7});
    CHECK(pods.fetch(0, &Pod::flag));
    CHECK(pods.fetch(0, &Pod::weight) == 1.5);
    CHECK(pods.fetch(0, &Pod::count) == 7);
    auto trees = PayloadStore<Tree>::create(scratch / "trees");
    trees.push({{{{}, "leaf"}, {{{{}, "deep"}}, "twig"}}, "root"});
    CHECK(trees.fetch(0, &Tree::name) == "root");
    CHECK(trees.fetch(0, &Tree::children)[1].children[0].name == "deep");
}

TEST_CASE("a constant field is read like another") {
    const ScratchDirectory scratch;
    auto store = PayloadStore<Fixed>::create(scratch / "store");
    const Id id = store.push(Fixed{"title", 12});
    CHECK(store.fetch(id, &Fixed::title) == "title");
    CHECK(store.fetch(id, &Fixed::pages) == 12);
}

TEST_CASE("a collection gives one field of a row that is not erased") {
    const ScratchDirectory scratch;
    auto docs = Collection<2, Wide>::create(scratch / "docs");
    docs.append(std::array{1.0f, 2.0f}, wide);
    docs.append(std::array{1.0f, 2.0f}, wide);
    docs.erase(0);
    CHECK(docs.payload(1, &Wide::second) == wide.second);
    CHECK(code_of([&] { return docs.payload(0, &Wide::second); }) == ErrorCode::out_of_range);
}

TEST_CASE("a record that is too short for a field is an error, wherever it ends") {
    Encoder encoder;
    Codec<Wide>::encode(wide, encoder);
    const auto record = encoder.bytes();
    CHECK(detail::read_field(record, &Wide::last) == wide.last);
    for (std::size_t n = 0; n < record.size(); ++n)
        CHECK(code_of([&] { return detail::read_field(record.first(n), &Wide::last); }) == ErrorCode::payload);
    const std::array<std::byte, sizeof(Pod)> invalid{std::byte{2}};
    CHECK(code_of([&] { return detail::read_raw_field(invalid, &Pod::flag); }) == ErrorCode::payload);
    CHECK(code_of([&] { return detail::read_raw_field(std::span(invalid).first(3), &Pod::flag); }) ==
          ErrorCode::payload);
}

}  // namespace test_payload_field
