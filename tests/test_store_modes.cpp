// How a MmapVectorStore is opened, moved and closed.
//
//   close, destructor  commit, except during stack unwinding
//   moves              move everything; the old store refuses changes, like a closed one
//   modes              read_only refuses changes, copy_on_write keeps them in memory
#include <algorithm>
#include <array>
#include <mapvec/mmap_vector_store.hpp>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_store_modes {

using namespace mapvec;

namespace {

using Store3 = MmapVectorStore<3>;

std::array<float, 3> row(float x) { return {x, x + 0.25f, -x}; }

bool equals(std::span<const float> a, const std::array<float, 3>& b) { return std::ranges::equal(a, b); }

}  // namespace

TEST_CASE("open_or_create opens or creates") {
    const ScratchDirectory scratch;
    {
        auto store = MmapVectorStore<>::open_or_create(scratch / "v", {.dim = 3});
        store.append(row(1));
    }
    {
        auto store = Store3::open_or_create(scratch / "v");
        CHECK(store.size() == 1);
    }
    CHECK(code_of([&] { return Store3::create(scratch / "v"); }) == ErrorCode::exists);
    CHECK(code_of([&] { return MmapVectorStore<4>::open_or_create(scratch / "v"); }) == ErrorCode::dimension_mismatch);
}

TEST_CASE("a store that is destroyed by an exception does not commit") {
    const ScratchDirectory scratch;
    try {
        auto store = Store3::create(scratch / "v");
        store.append(row(1));
        store.commit();
        store.append(row(2));
        store.insert(0, row(9));
        throw std::runtime_error("on the way");
    } catch (const std::runtime_error&) {
    }
    const auto store = Store3::open(scratch / "v");
    REQUIRE(store.size() == 1);
    CHECK(equals(store[0], row(1)));
}

TEST_CASE("moving a store moves everything and leaves an empty one") {
    const ScratchDirectory scratch;
    auto store = Store3::create(scratch / "v");
    store.append(row(1));
    auto other = std::move(store);
    CHECK(store.size() == 0);  // NOLINT(bugprone-use-after-move): the test is about this
    CHECK(store.data().empty());
    CHECK(store.begin() == store.end());
    CHECK(code_of([&] { return store.get(0); }) == ErrorCode::out_of_range);
    other.append(row(2));
    auto third = Store3::create(scratch / "w");
    third.append(row(7));
    third = std::move(other);
    CHECK(third.size() == 2);
    const auto closed = Store3::open(scratch / "w", OpenMode::read_only);
    CHECK(closed.size() == 1);  // the assignment committed and closed the old store
}

TEST_CASE("writing to a closed store, or one that was moved from, is refused") {
    const ScratchDirectory scratch;
    auto store = Store3::create(scratch / "v");
    const auto moved = std::move(store);
    auto closed = Store3::create(scratch / "w");
    closed.close();
    for (Store3* const shut : {&store, &closed}) {  // NOLINT(bugprone-use-after-move)
        CHECK(code_of([&] { return shut->append(row(1)); }) == ErrorCode::invalid_argument);
        CHECK(code_of([&] { return shut->append_rows(row(1)); }) == ErrorCode::invalid_argument);
        CHECK(code_of([&] {
                  shut->insert(7, row(1));
                  return 0;
              }) == ErrorCode::invalid_argument);
        CHECK(code_of([&] {
                  shut->reserve(7);
                  return 0;
              }) == ErrorCode::invalid_argument);
        CHECK(code_of([&] {
                  shut->shrink_to_fit();
                  return 0;
              }) == ErrorCode::invalid_argument);
        shut->commit();
        shut->close();
    }
}

TEST_CASE("a store opened for reading refuses every change") {
    const ScratchDirectory scratch;
    { Store3::create(scratch / "v").append(row(1)); }
    auto store = Store3::open(scratch / "v", OpenMode::read_only);
    CHECK(code_of([&] { return store.append(row(1)); }) == ErrorCode::read_only);
    CHECK(code_of([&] { return store.append_rows(row(1)); }) == ErrorCode::read_only);
    CHECK(code_of([&] {
              store.insert(0, row(1));
              return 0;
          }) == ErrorCode::read_only);
    CHECK(code_of([&] {
              store.insert(9, row(1));
              return 0;
          }) == ErrorCode::read_only);
    CHECK(code_of([&] {
              store.reserve(100);
              return 0;
          }) == ErrorCode::read_only);
    CHECK(code_of([&] {
              store.shrink_to_fit();
              return 0;
          }) == ErrorCode::read_only);
    CHECK(code_of([&] {
              store.commit();
              return 0;
          }) == ErrorCode::read_only);
    CHECK_FALSE(store.refresh());
    CHECK(equals(store[0], row(1)));
}

TEST_CASE("copy on write changes rows for this store only") {
    const ScratchDirectory scratch;
    { Store3::create(scratch / "v").append_rows(std::vector<float>(3000, 1.0f)); }
    {
        auto store = Store3::open(scratch / "v", OpenMode::copy_on_write);
        store.insert(0, row(5));
        store.insert(999, row(6));
        CHECK(equals(store[0], row(5)));
        CHECK(equals(store[999], row(6)));
        store.verify();
        CHECK(code_of([&] { return store.append(row(1)); }) == ErrorCode::read_only);
        CHECK(code_of([&] {
                  store.commit();
                  return 0;
              }) == ErrorCode::read_only);
        auto writer = Store3::open(scratch / "v");
        writer.insert(500, row(8));
        writer.append(row(9));
        writer.commit();
        CHECK(equals(store[500], {1, 1, 1}));
        CHECK(store.size() == 1000);
    }
    const auto store = Store3::open(scratch / "v", OpenMode::read_only);
    CHECK(equals(store[0], {1, 1, 1}));
    CHECK(equals(store[999], {1, 1, 1}));
    CHECK(equals(store[500], row(8)));
}

}  // namespace test_store_modes
