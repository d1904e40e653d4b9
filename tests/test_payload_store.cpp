// PayloadStore: typed values by id, in files that contain a fingerprint of the type. Its builder:
// test_payload_builder.cpp.
//
//   push, update, fetch    values are restored, also after reopening
//   bytes, view            the record in the mapped file
//   type                   another T is refused
#include <algorithm>
#include <fstream>
#include <mapvec/payload_store.hpp>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_payload_store {

using namespace mapvec;

struct City {
    std::string name;
    std::uint32_t population = 0;
    std::vector<std::string> tags;
    bool operator==(const City&) const = default;
};
struct Point {
    std::int32_t x = 0;
    double y = 0;
    bool operator==(const Point&) const = default;
};
struct Swapped {
    double y = 0;
    std::int32_t x = 0;
};

struct Nothing {};

}  // namespace test_payload_store

template <>
struct mapvec::Codec<test_payload_store::Nothing> {
    using Nothing = test_payload_store::Nothing;
    template <class Sink>
    static void encode(const Nothing&, Sink&) {}
    static Nothing decode(std::span<const std::byte>) { return {}; }
};

namespace test_payload_store {

namespace {

template <class Store>
concept Viewable = requires(const Store store) {
    store.view(0);
};

City city(unsigned i) { return {"city " + std::to_string(i), i, std::vector<std::string>(i % 4, std::to_string(i))}; }

}  // namespace

TEST_CASE("payloads of any size are restored, also after reopening") {
    const ScratchDirectory scratch;
    {
        auto store = PayloadStore<City>::create(scratch / "p");
        for (unsigned i = 0; i < 3000; ++i) CHECK(store.push(city(i)) == i);
        CHECK(store.fetch(2999) == city(2999));
        store.commit();
        store.update(7, city(1'000'007));
        store.update(2999, {});
        CHECK(store.fetch(7) == city(1'000'007));
    }
    const auto store = PayloadStore<City>::load(scratch / "p");
    REQUIRE(store.size() == 3000);
    for (unsigned i = 0; i < 2999; ++i) REQUIRE(store.fetch(i) == (i == 7 ? city(1'000'007) : city(i)));
    CHECK(store.fetch(2999) == City{});
    CHECK(store.fetch_many(std::vector<Id>{5, 7, 5}) == std::vector<City>{city(5), city(1'000'007), city(5)});
    store.verify();
}

TEST_CASE("serialized records are stored byte by byte, if they are of the type") {
    using Words = std::unordered_set<std::string>;
    const ScratchDirectory scratch;
    auto store = PayloadStore<Words>::create(scratch / "p");
    std::vector<std::byte> record;
    const auto put = [&record](const auto& value) {
        const auto bytes = detail::bytes_of(value);
        record.insert(record.end(), bytes.begin(), bytes.end());
    };
    put(std::uint64_t{3});
    for (const char letter : {'b', 'c', 'a'})
        put(std::uint64_t{1}), put(letter);  // an order that no set would use three times
    for (int rotation = 0; rotation < 3; ++rotation) {
        const auto bytes = store.bytes(store.push_encoded(record));
        CHECK(std::equal(bytes.begin(), bytes.end(), record.begin(), record.end()));
        CHECK(store.fetch(store.size() - 1) == Words{"a", "b", "c"});
        std::rotate(record.begin() + 8, record.begin() + 17, record.end());
    }
    record.pop_back();
    CHECK(code_of([&] { store.push_encoded(record); }) == ErrorCode::payload);
    CHECK(store.size() == 3);
    store.verify();

    auto points = PayloadStore<Point>::create(scratch / "q");
    const Point point{-3, 0.5};
    CHECK(points.fetch(points.push_encoded(detail::bytes_of(point))) == point);
    CHECK(code_of([&] { points.push_encoded(detail::bytes_of(point).first(15)); }) == ErrorCode::payload);
    CHECK(points.size() == 1);
}

TEST_CASE("verify reports its progress, and ends if the callback throws") {
    const ScratchDirectory scratch;
    auto store = PayloadStore<City>::create(scratch / "p");
    for (unsigned i = 0; i < 5000; ++i) store.push(city(i));
    std::uint64_t last = 0, all = 0, calls = 0;
    store.verify([&](std::uint64_t done, std::uint64_t of) {
        CHECK(done >= last);
        last = done;
        all = of;
        ++calls;
    });
    CHECK(last == all);
    CHECK(calls >= 5);
    calls = 0;
    CHECK_THROWS_AS(store.verify([&](std::uint64_t, std::uint64_t) { ++calls, throw std::string("enough"); }),
                    std::string);
    CHECK(calls == 1);
}

TEST_CASE("payloads of fixed size are in one file and can be viewed in place") {
    const ScratchDirectory scratch;
    {
        auto store = PayloadStore<Point>::create(scratch / "p");
        for (int i = 0; i < 1000; ++i) store.push({i, i / 2.0});
        store.commit();
        store.update(3, {-3, 1});
        const Point& point = store.view(3);
        CHECK(point == Point{-3, 1});
    }
    CHECK(std::filesystem::file_size(scratch / "p") == 4096 + 1000 * sizeof(Point));
    CHECK_FALSE(MappedFile::exists(scratch / "p.offsets"));
    const auto store = PayloadStore<Point>::load(scratch / "p");
    CHECK(store.view(999) == Point{999, 499.5});
    CHECK(store.fetch(3) == Point{-3, 1});
    CHECK(store.bytes(3).size() == sizeof(Point));
    store.verify();
}

TEST_CASE("strings can be viewed in place") {
    const ScratchDirectory scratch;
    auto store = PayloadStore<std::string>::create(scratch / "p");
    store.push("one");
    store.push("");
    store.push(std::string(100'000, 'x'));
    const std::string_view one = store.view(0);
    CHECK(one == "one");
    CHECK(store.view(1).empty());
    CHECK(store.view(2).size() == 100'000);
    CHECK(store.bytes(0).size() == 11);
    for (int i = 0; i < 100; ++i) store.push(std::string(100'000, 'y'));
    CHECK(one == "one");
    STATIC_REQUIRE_FALSE(Viewable<PayloadStore<City>>);
}

TEST_CASE("many records are fetched in the order of their ids, and any id that does not exist is noticed") {
    const ScratchDirectory scratch;
    auto cities = PayloadStore<City>::create(scratch / "cities");
    auto points = PayloadStore<Point>::create(scratch / "points");
    for (unsigned i = 0; i < 100; ++i) {
        cities.push(city(i));
        points.push({static_cast<std::int32_t>(i), 0.5 * i});
    }
    std::vector<Id> ids;
    for (unsigned i = 0; i < 50; ++i) ids.push_back(i * 37 % 100);
    const auto some_cities = cities.fetch_many(ids);
    const auto some_points = points.fetch_many(ids);
    REQUIRE(some_cities.size() == ids.size());
    REQUIRE(some_points.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        CHECK(some_cities[i] == city(static_cast<unsigned>(ids[i])));
        CHECK(some_points[i] == points.fetch(ids[i]));
    }
    for (const Id wrong : std::vector<Id>{100, Id{1} << 60, ~Id{0}}) {
        for (const std::size_t at : std::vector<std::size_t>{0, 3, 30, 49}) {
            auto broken = ids;
            broken[at] = wrong;
            CHECK(code_of([&] { return cities.fetch_many(broken); }) == ErrorCode::out_of_range);
            CHECK(code_of([&] { return points.fetch_many(broken); }) == ErrorCode::out_of_range);
        }
    }
    CHECK(code_of([&] { return PayloadStore<City>().fetch_many(ids); }) == ErrorCode::out_of_range);
    CHECK(code_of([&] { return PayloadStore<Point>().fetch_many(ids); }) == ErrorCode::out_of_range);
    CHECK(cities.fetch_many({}).empty());
}

TEST_CASE("copy on write updates values of fixed size for this store only, and refuses what needs new space") {
    const ScratchDirectory directory;
    {
        auto points = PayloadStore<Point>::create(directory / "points");
        auto cities = PayloadStore<City>::create(directory / "cities");
        points.push({1, 2});
        cities.push(city(1));
    }
    auto points = PayloadStore<Point>::open(directory / "points", OpenMode::copy_on_write);
    points.update(0, {3, 4});
    CHECK(points.fetch(0) == Point{3, 4});
    CHECK(PayloadStore<Point>::load(directory / "points").fetch(0) == Point{1, 2});
    CHECK(code_of([&] { points.push({5, 6}); }) == ErrorCode::read_only);

    auto cities = PayloadStore<City>::open(directory / "cities", OpenMode::copy_on_write);
    CHECK(code_of([&] { cities.update(0, city(2)); }) == ErrorCode::read_only);
    CHECK(cities.fetch(0) == city(1));
    cities.verify();
}

TEST_CASE("records without bytes are records") {
    const ScratchDirectory directory;
    auto store = PayloadStore<Nothing>::create(directory / "nothing");
    for (int i = 0; i < 3; ++i) store.push({});
    store.commit();
    CHECK(store.size() == 3);
    CHECK(store.bytes(2).empty());
    (void)store.fetch(2);
    store.verify();
    auto reader = PayloadStore<Nothing>::load(directory / "nothing");
    CHECK(reader.size() == 3);
    CHECK(code_of([&] { reader.push({}); }) == ErrorCode::read_only);
    CHECK(code_of([&] { reader.update(0, {}); }) == ErrorCode::read_only);
}

TEST_CASE("ids that do not exist are out of range") {
    const ScratchDirectory scratch;
    auto store = PayloadStore<City>::create(scratch / "p");
    CHECK(code_of([&] { return store.fetch(0); }) == ErrorCode::out_of_range);
    store.push(city(1));
    CHECK(code_of([&] { return store.fetch(1); }) == ErrorCode::out_of_range);
    CHECK(code_of([&] { return store.bytes(~Id{0}); }) == ErrorCode::out_of_range);
    CHECK(code_of([&] {
              store.update(1, {});
              return 0;
          }) == ErrorCode::out_of_range);
    CHECK(code_of([&] { return store.fetch_many(std::vector<Id>{0, 1}); }) == ErrorCode::out_of_range);
    CHECK(code_of([&] { return PayloadStore<City>().fetch(0); }) == ErrorCode::out_of_range);
}

TEST_CASE("a store of another type is refused") {
    const ScratchDirectory scratch;
    { PayloadStore<City>::create(scratch / "city").push(city(1)); }
    { PayloadStore<Point>::create(scratch / "point").push({}); }
    const auto type_mismatch = ErrorCode::type_mismatch;
    CHECK(code_of([&] { return PayloadStore<Point>::load(scratch / "city"); }) == type_mismatch);
    CHECK(code_of([&] { return PayloadStore<City>::load(scratch / "point"); }) == type_mismatch);
    CHECK(code_of([&] { return PayloadStore<Swapped>::load(scratch / "point"); }) == type_mismatch);
    CHECK(code_of([&] { return PayloadStore<std::string>::load(scratch / "city"); }) == type_mismatch);
    CHECK(code_of([&] { return PayloadStore<City>::load(scratch / "city.offsets"); }) == type_mismatch);
    CHECK(code_of([&] { return PayloadStore<City>::load(scratch / "none"); }) == ErrorCode::not_found);
}

TEST_CASE("a store without its table of offsets, or with the table of another store, is corrupt") {
    const ScratchDirectory scratch;
    { PayloadStore<City>::create(scratch / "a").push(city(1)); }
    { PayloadStore<City>::create(scratch / "b").push(city(2)); }
    std::filesystem::rename(scratch / "a.offsets", scratch / "kept");
    CHECK(code_of([&] { return PayloadStore<City>::load(scratch / "a"); }) == ErrorCode::corrupt);
    std::filesystem::copy(scratch / "b.offsets", scratch / "a.offsets");
    CHECK(code_of([&] { return PayloadStore<City>::load(scratch / "a"); }) == ErrorCode::corrupt);
    std::filesystem::remove(scratch / "a.offsets");
    std::filesystem::rename(scratch / "kept", scratch / "a.offsets");
    CHECK(PayloadStore<City>::load(scratch / "a").fetch(0) == city(1));
}

TEST_CASE("a damaged record is corrupt, and its neighbours are not") {
    const ScratchDirectory scratch;
    {
        auto store = PayloadStore<City>::create(scratch / "p");
        for (unsigned i = 0; i < 10; ++i) store.push(city(i));
    }
    {
        std::fstream file(scratch / "p", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096 + 12);  // in the name of record 0
        file.put('X');
    }
    const auto store = PayloadStore<City>::load(scratch / "p");
    CHECK(code_of([&] { return store.fetch(0); }) == ErrorCode::corrupt);
    for (unsigned i = 1; i < 10; ++i) CHECK(store.fetch(i) == city(i));
    CHECK(code_of([&] {
              store.verify();
              return 0;
          }) == ErrorCode::corrupt);
}

TEST_CASE("random pushes and updates agree with a model, reopened again and again") {
    const ScratchDirectory scratch;
    std::mt19937 random(17);
    auto store = PayloadStore<std::string>::create(scratch / "p");
    std::vector<std::string> now, committed;
    for (int step = 0; step < 3000; ++step) {
        const std::string value(random() % (random() % 50 == 0 ? 300'000 : 40), static_cast<char>('a' + random() % 26));
        switch (random() % 12) {
            case 0:
                store.commit();
                committed = now;
                break;
            case 1:
                if (random() % 4 != 0) break;
                store.close();
                committed = now;
                store = PayloadStore<std::string>::open(scratch / "p");
                break;
            case 2:
                if (random() % 4 != 0) break;
                try {
                    auto dying = std::move(store);
                    throw 1;
                } catch (int) {
                }
                store = PayloadStore<std::string>::open(scratch / "p");
                now = committed;
                break;
            case 3:
            case 4:
            case 5:
                if (now.empty()) break;
                {
                    const std::size_t id = random() % now.size();
                    store.update(id, value);
                    now[id] = value;
                }
                break;
            default: store.push(value); now.push_back(value);
        }
        for (std::size_t i = 0; i < now.size() && step % 50 == 0; ++i) REQUIRE(store.view(i) == now[i]);
        REQUIRE(store.size() == now.size());
    }
    store.verify();
}

TEST_CASE("files of an interrupted creation are replaced; other files are not") {
    const ScratchDirectory scratch;
    { (void)PayloadStore<City>::create(scratch / "p"); }
    std::filesystem::remove(scratch / "p");  // an empty table of offsets alone belongs to no store
    { PayloadStore<City>::create(scratch / "p").push(city(2)); }
    CHECK(PayloadStore<City>::load(scratch / "p").fetch(0) == city(2));

    std::filesystem::remove(scratch / "p");  // a table with records may be the rest of a store
    CHECK(code_of([&] { return PayloadStore<City>::open_or_create(scratch / "p"); }) == ErrorCode::exists);
    CHECK_FALSE(MappedFile::exists(scratch / "p"));
    CHECK(std::filesystem::file_size(scratch / "p.offsets") == data_offset + 16);

    std::ofstream(scratch / "r.journal1") << "the user's own, and longer than the header of a record";
    CHECK(code_of([&] { return PayloadStore<City>::create(scratch / "r"); }) == ErrorCode::exists);
    CHECK(MappedFile::exists(scratch / "r.journal1"));
    CHECK_FALSE(MappedFile::exists(scratch / "r"));

    std::ofstream(scratch / "q.offsets") << "the user's own";
    CHECK(code_of([&] { return PayloadStore<City>::create(scratch / "q"); }) == ErrorCode::exists);
    CHECK_FALSE(MappedFile::exists(scratch / "q"));
    CHECK(MappedFile::exists(scratch / "q.offsets"));

    const std::string zeros(3 * data_offset, '\0');  // blank slots do not make it an unfinished store
    std::ofstream(scratch / "z") << zeros;
    CHECK(code_of([&] { return PayloadStore<City>::create(scratch / "z"); }) == ErrorCode::exists);
    CHECK(std::filesystem::file_size(scratch / "z") == zeros.size());
}

}  // namespace test_payload_store
