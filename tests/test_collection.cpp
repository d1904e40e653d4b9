// Collection: vectors, payloads and erasures are committed together, and searches skip erased rows.
#include <algorithm>
#include <array>
#include <fstream>
#include <mapvec/collection.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_collection {

using namespace mapvec;

struct Place {
    std::string name;
    std::uint32_t number = 0;
    bool operator==(const Place&) const = default;
};

namespace {

using Places = Collection<2, Place>;

std::array<float, 2> point(unsigned i) { return {static_cast<float>(i), 1.0f}; }
Place place(unsigned i) { return {"place " + std::to_string(i), i}; }

std::vector<Id> ids_within(const Places& places, std::array<float, 2> centre, float distance) {
    std::vector<Id> ids;
    for (const Hit& hit : places.search(DiskQuery{centre, distance})) ids.push_back(hit.id);
    return ids;
}

}  // namespace

TEST_CASE("a collection keeps rows and payloads together, reopened too") {
    const ScratchDirectory scratch;
    {
        auto places = Places::create(scratch / "new" / "directory");
        for (unsigned i = 0; i < 500; ++i) CHECK(places.append(point(i), place(i)) == i);
        places.update(3, point(1000), place(1000));
        places.erase(4);
        places.commit();
        places.update(5, point(2000), place(2000));
        CHECK(places.payload(5) == place(2000));
        places.commit();
        places.erase(499);
    }
    const auto places = Places::open(scratch / "new" / "directory", OpenMode::read_only);
    CHECK(places.size() == 498);
    CHECK(places.vectors().size() == 500);
    CHECK(places.payload(3) == place(1000));
    CHECK(places.vector(5)[0] == 2000.0f);
    CHECK_FALSE(places.contains(4));
    CHECK_FALSE(places.contains(499));
    CHECK_FALSE(places.contains(500));
    CHECK(places.contains(0));
    places.verify();
}

TEST_CASE("erased rows are never found again, but stay in the files") {
    const ScratchDirectory scratch;
    auto places = Places::create(scratch / "c");
    for (unsigned i = 0; i < 10; ++i) places.append(point(i), place(i));
    CHECK(ids_within(places, point(5), 1) == std::vector<Id>{4, 5, 6});
    places.erase(5);
    CHECK(ids_within(places, point(5), 1) == std::vector<Id>{4, 6});
    CHECK(places.search(KnnQuery{point(5), 3}).size() == 3);
    CHECK(places.search(KnnQuery{point(5), 100}).size() == 9);

    const auto other = [](Id id) { return id != 6; };
    const auto found = [](const std::vector<Hit>& hits, Id id) {
        return std::any_of(hits.begin(), hits.end(), [&](const Hit& hit) { return hit.id == id; });
    };
    const auto few = places.search(KnnQuery{point(5), 100}, other);
    CHECK((few.size() == 8 && !found(few, 5) && !found(few, 6)));
    const auto fifth = point(5), sixth = point(6);
    const std::array queries{KnnQuery{fifth, 100}, KnnQuery{sixth, 2}};
    const auto batch = places.search_batch(queries);
    CHECK((batch.at(0).size() == 9 && !found(batch.at(0), 5) && batch.at(1).front().id == 6));
    const auto filtered = places.search_batch(queries, other, {.threads = 2});
    CHECK((filtered.at(0) == few && !found(filtered.at(1), 6)));
    CHECK(places.search_batch(point(5), 100).at(0) == batch.at(0));
    for (const auto call : {0, 1, 2, 3}) {
        CHECK(code_of([&]() -> int {
                  switch (call) {
                      case 0: return static_cast<int>(places.vector(5)[0]);
                      case 1: return static_cast<int>(places.payload(5).number);
                      case 2: places.erase(5); return 0;
                      default: places.update(5, point(5), place(5)); return 0;
                  }
              }) == ErrorCode::out_of_range);
    }
    CHECK(places.append(point(5), place(5)) == 10);
    CHECK(ids_within(places, point(5), 0) == std::vector<Id>{10});
    CHECK(places.size() == 10);
}

TEST_CASE("a row that cannot be stored changes nothing") {
    const ScratchDirectory scratch;
    auto places = Places::create(scratch / "c");
    places.append(point(0), place(0));
    const std::vector<float> wrong(3);
    CHECK(code_of([&] { return places.append(wrong, place(1)); }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] {
              places.update(0, wrong, place(1));
              return 0;
          }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] {
              places.update(1, point(1), place(1));
              return 0;
          }) == ErrorCode::out_of_range);
    CHECK(places.size() == 1);
    CHECK(places.payloads().size() == 1);
    CHECK(places.payload(0) == place(0));
    CHECK(places.append(point(1), place(1)) == 1);
    CHECK(places.payload(1) == place(1));
}

TEST_CASE("a part of a collection cannot be verified alone") {
    const ScratchDirectory scratch;
    auto places = Places::create(scratch / "places");
    places.append(point(1), place(1));
    places.commit();
    CHECK(code_of([&] { places.vectors().verify(); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { places.payloads().verify(); }) == ErrorCode::invalid_argument);
    places.verify();
}

TEST_CASE("copy on write updates rows for this collection only, and neither erases nor appends") {
    const ScratchDirectory scratch;
    using Numbers = Collection<2, std::uint32_t>;
    {
        auto numbers = Numbers::create(scratch / "numbers");
        auto places = Places::create(scratch / "places");
        for (unsigned i = 0; i < 3; ++i) {
            numbers.append(point(i), i);
            places.append(point(i), place(i));
        }
    }
    auto numbers = Numbers::open(scratch / "numbers", OpenMode::copy_on_write);
    numbers.update(1, point(9), 9);
    CHECK(numbers.payload(1) == 9);
    CHECK(numbers.vector(1)[0] == 9.0f);
    CHECK(code_of([&] { numbers.erase(0); }) == ErrorCode::read_only);
    CHECK(code_of([&] { numbers.append(point(3), 3); }) == ErrorCode::read_only);
    CHECK(numbers.size() == 3);
    CHECK(Numbers::open(scratch / "numbers", OpenMode::read_only).payload(1) == 1);

    auto places = Places::open(scratch / "places", OpenMode::copy_on_write);
    CHECK(code_of([&] { places.update(1, point(9), place(9)); }) == ErrorCode::read_only);
    CHECK(places.vector(1)[0] == 1.0f);
    CHECK(places.payload(1) == place(1));
}

TEST_CASE("an exception leaves uncommitted changes behind, in all files") {
    const ScratchDirectory scratch;
    try {
        auto places = Places::create(scratch / "c");
        for (unsigned i = 0; i < 10; ++i) places.append(point(i), place(i));
        places.commit();
        places.append(point(10), place(10));
        places.update(0, point(77), place(77));
        places.erase(1);
        throw 1;
    } catch (int) {
    }
    const auto places = Places::open(scratch / "c");
    CHECK(places.size() == 10);
    CHECK(places.payload(0) == place(0));
    CHECK(places.vector(0)[0] == 0.0f);
    CHECK(places.contains(1));
    CHECK(places.payloads().size() == 10);
}

TEST_CASE("payloads of fixed size and vectors of any scalar make a collection") {
    const ScratchDirectory scratch;
    using Bytes = Collection<dynamic_dim, std::uint32_t, std::int8_t>;
    {
        auto bytes = Bytes::create(scratch / "c", {.dim = 3});
        for (int i = 0; i < 100; ++i)
            bytes.append(std::array{std::int8_t(i), std::int8_t(-i), std::int8_t(1)},
                         static_cast<std::uint32_t>(i * i));
        bytes.update(9, std::array{std::int8_t(1), std::int8_t(2), std::int8_t(3)}, 4);
    }
    const auto bytes = Bytes::open(scratch / "c", OpenMode::read_only);
    CHECK(bytes.dim() == 3);
    CHECK(bytes.payload(99) == 9801);
    CHECK(bytes.payload(9) == 4);
    CHECK(bytes.vector(9)[2] == 3);
    CHECK(bytes.search(KnnQuery{std::array{1.0f, 2.0f, 3.0f}, 1}).front() == Hit{9, 0.0f});
    CHECK_FALSE(MappedFile::exists(scratch / "c" / "payloads.offsets"));
}

TEST_CASE("a collection that is moved to itself is unharmed") {
    const ScratchDirectory scratch;
    auto places = Places::create(scratch / "a");
    for (unsigned i = 0; i < 5; ++i) places.append(point(i), place(i));
    places.erase(3);
    auto& same = places;
    places = std::move(same);
    if (places.is_open()) {
        CHECK_FALSE(places.contains(3));
        CHECK(places.size() == 4);
    } else {
        CHECK_FALSE(places.contains(1));
    }
}

TEST_CASE("creating a collection never replaces a file with contents") {
    const ScratchDirectory scratch;
    { Places::create(scratch / "a").append(point(1), place(1)); }
    std::filesystem::rename(scratch / "a" / "vectors", scratch / "kept");
    CHECK(code_of([&] { return Places::open_or_create(scratch / "a"); }) == ErrorCode::exists);
    std::filesystem::rename(scratch / "kept", scratch / "a" / "vectors");
    CHECK(Places::open(scratch / "a").payload(0) == place(1));

    auto writer = Places::create(scratch / "j");  // its only commit is in the journal
    writer.append(point(3), place(3));
    writer.commit();
    std::filesystem::copy(scratch / "j", scratch / "killed");
    std::filesystem::rename(scratch / "killed" / "vectors", scratch / "kept");
    CHECK(code_of([&] { return Places::open_or_create(scratch / "killed"); }) == ErrorCode::exists);
    std::filesystem::rename(scratch / "kept", scratch / "killed" / "vectors");
    CHECK(Places::open(scratch / "killed").payload(0) == place(3));

    std::filesystem::create_directory(scratch / "b");
    { PayloadStore<Place>::create(scratch / "b" / "payloads").push(place(2)); }
    CHECK(code_of([&] { return Places::create(scratch / "b"); }) == ErrorCode::exists);
    CHECK(PayloadStore<Place>::load(scratch / "b" / "payloads").fetch(0) == place(2));
}

TEST_CASE("one file of a collection cannot be opened alone, nor in another collection") {
    const ScratchDirectory scratch;
    { Places::create(scratch / "a").append(point(1), place(1)); }
    { Places::create(scratch / "b").append(point(2), place(2)); }
    CHECK(code_of([&] { return MmapVectorStore<2>::open(scratch / "a" / "vectors"); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return PayloadStore<Place>::load(scratch / "a" / "payloads"); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return Collection<3, Place>::open(scratch / "a"); }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] { return Collection<2, Place, double>::open(scratch / "a"); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return Collection<2, std::string>::open(scratch / "a"); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return Collection<2, int>::open(scratch / "a"); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return Places::open(scratch / "none"); }) == ErrorCode::not_found);
    CHECK(code_of([&] { return Places::create(scratch / "a"); }) == ErrorCode::exists);
    for (const char* name : {"payloads", "payloads.offsets", "erased"}) {
        std::filesystem::rename(scratch / "a" / name, scratch / "kept");
        std::filesystem::copy(scratch / "b" / name, scratch / "a" / name);
        CHECK(code_of([&] { return Places::open(scratch / "a"); }) == ErrorCode::corrupt);
        std::filesystem::remove(scratch / "a" / name);
        CHECK(code_of([&] { return Places::open(scratch / "a"); }) == ErrorCode::corrupt);
        std::filesystem::rename(scratch / "kept", scratch / "a" / name);
    }
    CHECK(Places::open(scratch / "a").payload(0) == place(1));
}

TEST_CASE("an unfinished creation is not a collection; the next creation replaces it") {
    const ScratchDirectory scratch;
    { Places::create(scratch / "c").append(point(1), place(1)); }
    for (const char* name : {"payloads", "payloads.offsets"}) std::filesystem::remove(scratch / "c" / name);
    {
        std::fstream root(scratch / "c" / "vectors", std::ios::in | std::ios::out | std::ios::binary);
        root.seekp(1024);
        root << std::string(3072, '\0');  // no slot was written yet
    }
    CHECK(code_of([&] { return Places::open(scratch / "c"); }) == ErrorCode::not_found);
    CHECK(code_of([&] { return Places::open(scratch / "c", OpenMode::read_only); }) == ErrorCode::not_found);
    auto places = Places::open_or_create(scratch / "c");
    CHECK(places.empty());
    places.append(point(2), place(2));
    places.close();
    CHECK(Places::open(scratch / "c").payload(0) == place(2));
}

TEST_CASE("a reader of a collection moves from commit to commit") {
    const ScratchDirectory scratch;
    auto places = Places::create(scratch / "c");
    auto reader = Places::open(scratch / "c", OpenMode::read_only);
    for (unsigned i = 0; i < 50; ++i) {
        places.append(point(i), place(i));
        if (i % 5 == 4) places.erase(i - 2);
        if (i % 7 == 6) places.update(i, point(i + 100), place(i + 100));
        CHECK_FALSE(reader.refresh());
        places.commit();
        REQUIRE(reader.refresh());
        REQUIRE(reader.size() == places.size());
        REQUIRE(reader.payload(i) == places.payload(i));
        REQUIRE(reader.contains(i - i % 5 + 2) == places.contains(i - i % 5 + 2));
    }
    reader.verify();
}

TEST_CASE("random operations on a collection agree with a model, reopened again and again") {
    const unsigned seed = GENERATE(1u, 2u, 3u);
    const ScratchDirectory scratch;
    std::mt19937 random(seed);
    struct Row {
        std::array<float, 2> vector;
        Place place;
    };
    using Model = std::vector<std::optional<Row>>;
    Model now, committed;
    auto places = Places::create(scratch / "c", {.address_space = seed % 2});
    const auto check = [&](const Places& found, const Model& model) {
        REQUIRE(found.vectors().size() == model.size());
        REQUIRE(found.size() ==
                static_cast<std::size_t>(std::ranges::count_if(model, [](auto& row) { return row.has_value(); })));
        for (Id id = 0; id < model.size(); ++id) {
            REQUIRE(found.contains(id) == model[id].has_value());
            if (!model[id]) continue;
            REQUIRE(std::ranges::equal(found.vector(id), model[id]->vector));
            REQUIRE(found.payload(id) == model[id]->place);
        }
        found.verify();
    };
    for (int step = 0; step < 800; ++step) {
        const auto value = static_cast<unsigned>(random() % 1000);
        const Id id = now.empty() ? 0 : random() % now.size();
        switch (random() % 16) {
            case 0:
            case 1:
                places.commit();
                committed = now;
                break;
            case 2: check(Places::open(scratch / "c", OpenMode::read_only), committed); break;
            case 3:
                places.close();
                committed = now;
                places = Places::open(scratch / "c");
                break;
            case 4:
                try {
                    auto dying = std::move(places);
                    throw 1;
                } catch (int) {
                }
                places = Places::open(scratch / "c");
                now = committed;
                check(places, now);
                break;
            case 5:
            case 6:
                if (now.empty() || !now[id]) break;
                places.erase(id);
                now[id].reset();
                break;
            case 7:
            case 8:
                if (now.empty() || !now[id]) break;
                places.update(id, point(value), place(value));
                now[id] = Row{point(value), place(value)};
                break;
            default: places.append(point(value), place(value)); now.push_back(Row{point(value), place(value)});
        }
        if (step % 50 == 0) check(places, now);
    }
    places.close();
    check(Places::open(scratch / "c"), now);
}

TEST_CASE("invalid options leave no directory behind") {
    const ScratchDirectory scratch;
    const auto path = scratch / "c";
    CHECK(code_of([&] { return Collection<dynamic_dim, int>::create(path); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { return Collection<3, int>::open_or_create(path, {.dim = 4}); }) ==
          ErrorCode::dimension_mismatch);
    CHECK(!std::filesystem::exists(path));
}

TEST_CASE("verifying a collection without rows calls no callback") {
    const ScratchDirectory scratch;
    int calls = 0;
    Collection<3, std::string>::create(scratch / "c").verify([&](std::uint64_t, std::uint64_t) { ++calls; });
    CHECK(calls == 0);
}

}  // namespace test_collection
