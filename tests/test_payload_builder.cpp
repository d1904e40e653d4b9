// PayloadStoreBuilder.
//
//   finish             a store in a file without a name
//   finish_persisted   a store at a path, complete or not at all
#include <mapvec/payload_store.hpp>
#include <string>
#include <utility>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_payload_builder {

using namespace mapvec;

struct City {
    std::string name;
    std::uint32_t population = 0;
    bool operator==(const City&) const = default;
};
struct Point {
    std::int32_t x = 0;
    double y = 0;
    bool operator==(const Point&) const = default;
};

namespace {

City city(unsigned i) { return {"city " + std::to_string(i), i}; }

}  // namespace

TEST_CASE("the store of a builder uses a file without a name") {
    const ScratchDirectory scratch;
    PayloadStoreBuilder<City> builder;
    for (unsigned i = 0; i < 5000; ++i) CHECK(builder.push(city(i)) == i);
    auto store = std::move(builder).finish();
    REQUIRE(store.size() == 5000);
    CHECK(store.fetch(4999) == city(4999));
    store.push(city(5000));
    store.update(0, city(9));
    store.commit();
    CHECK(store.fetch(0) == city(9));
    store.verify();
}

TEST_CASE("finish_persisted makes a complete store at the path, and only if there is no file") {
    const ScratchDirectory scratch;
    for (const unsigned records : {0u, 1u, 10'000u}) {
        PayloadStoreBuilder<City> builder;
        for (unsigned i = 0; i < records; ++i) builder.push(city(i));
        const auto name = "p" + std::to_string(records);
        auto store = std::move(builder).finish_persisted(scratch / name.c_str());
        store.push(city(77));
        store.close();
        const auto again = PayloadStore<City>::load(scratch / name.c_str());
        REQUIRE(again.size() == records + 1);
        for (unsigned i = 0; i < records; ++i) REQUIRE(again.fetch(i) == city(i));
        again.verify();
    }
    CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 6);  // no drafts are left

    PayloadStoreBuilder<City> builder;
    builder.push(city(1));
    CHECK(code_of([&] { return std::move(builder).finish_persisted(scratch / "p0"); }) == ErrorCode::exists);
    CHECK(code_of([&] { return std::move(builder).finish_persisted(scratch / "none" / "p"); }) == ErrorCode::not_found);
    CHECK(std::move(builder).finish_persisted(scratch / "q").fetch(0) == city(1));

    PayloadStoreBuilder<Point> points;
    points.push({1, 2});
    CHECK(std::move(points).finish_persisted(scratch / "points").fetch(0) == Point{1, 2});

    PayloadStoreBuilder<City> long_name;  // with ".offsets" the longest possible name
    long_name.push(city(1));
    CHECK(std::move(long_name).finish_persisted(scratch / std::string(246, 'n').c_str()).fetch(0) == city(1));
}

}  // namespace test_payload_builder
