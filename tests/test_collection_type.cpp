// A collection stores its metric and the type of its payloads, and names both when it is opened with others.
#include <array>
#include <map>
#include <mapvec/collection.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_collection_type {

using namespace mapvec;

struct Doc {
    std::string url, text;
    std::uint32_t year = 0;
    std::vector<std::string> tags;
    std::int64_t size = 0;
};
struct Swapped {
    std::string text, url;
    std::uint32_t year = 0;
    std::vector<std::string> tags;
    std::int64_t size = 0;
};
struct Short {
    std::string url;
};
struct Pod {
    std::array<float, 3> at;
    bool on = false;
};

std::string message_of(auto call) {
    try {
        (void)call();
    } catch (const Error& error) {
        return error.code() == ErrorCode::type_mismatch ? error.what() : "another code";
    }
    return "nothing";
}

}  // namespace test_collection_type

template <>
inline constexpr std::uint32_t mapvec::payload_version<test_collection_type::Swapped> = 2;

namespace test_collection_type {

TEST_CASE("the metric belongs to the collection") {
    const ScratchDirectory scratch;
    const std::vector<float> query{1, 0};
    const std::array<float, 2> alike{10, 0.1f}, unlike{0, 1};
    {
        auto docs = Collection<2, int, float, Cosine>::create(scratch / "c");
        docs.append(unlike, 0);
        docs.append(alike, 1);
        CHECK(docs.search({.query = query, .k = 1}).front().id == 1);
        CHECK(search(docs, KnnQuery{query, 1}) == search<Cosine>(docs.vectors(), KnnQuery{query, 1}));
        CHECK(search<SquaredL2>(docs, KnnQuery{query, 1}).front().id == 0);
        CHECK(docs.search_batch(query, 1).front().front().id == 1);
    }
    const std::string text = message_of([&] { return Collection<2, int>::open(scratch / "c"); });
    CHECK(text.find("squared_l2") != std::string::npos);
    CHECK(text.find("cosine") != std::string::npos);
    CHECK(Collection<2, int, float, Cosine>::open(scratch / "c").size() == 2);
}

TEST_CASE("a payload of another type is refused with both types spelt out") {
    const ScratchDirectory scratch;
    { Collection<2, Doc>::create(scratch / "c"); }
    const std::string text = message_of([&] { return Collection<2, Short>::open(scratch / "c"); });
    CHECK(text.find("expected (s), found (s s u4 [s] i8)") != std::string::npos);
    CHECK(message_of([&] { return Collection<2, std::string>::open(scratch / "c"); }).find("expected s, found (") !=
          std::string::npos);
}

TEST_CASE("swapped fields of one type are noticed if payload_version changes") {
    const ScratchDirectory scratch;
    { Collection<2, Doc>::create(scratch / "c"); }
    CHECK(message_of([&] {
              return Collection<2, Swapped>::open(scratch / "c");
          }).find("expected (s s u4 [s] i8) version 2, found (s s u4 [s] i8) [") != std::string::npos);
}

TEST_CASE("every kind of payload has a text") {
    CHECK(payload_schema<Doc>() == "(s s u4 [s] i8)");
    CHECK(payload_schema<Pod>() == "raw (3*f4 b)");
    CHECK(payload_schema<std::optional<std::map<std::string, double>>>() == "?{s f8}");
    CHECK(payload_schema<std::variant<int, std::string>>() == "|i4 s|");
    CHECK(payload_schema<std::pair<char, std::vector<bool>>>() == "(c1 [b])");
}

}  // namespace test_collection_type
