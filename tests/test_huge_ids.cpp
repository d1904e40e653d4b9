// Row ids that do not fit 31 or 32 bits. The files are sparse: rows in between take no disk space.
#include <array>
#include <cstdint>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/search.hpp>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_huge_ids {

using namespace mapvec;

namespace {

constexpr std::array<Id, 4> ids{(Id{1} << 31) - 1, Id{1} << 31, (Id{1} << 32) - 1, (Id{1} << 32) + 7};

std::array<float, 2> row_of(Id id) { return {static_cast<float>(id % 1000) + 1, static_cast<float>(id >> 20)}; }

}  // namespace

TEST_CASE("rows beyond 2^31 and 2^32 are stored, committed and found by their ids") {
    const ScratchDirectory scratch;
    {
        auto store = MmapVectorStore<2>::create(scratch / "v");
        for (const Id id : ids) store.insert(id, row_of(id));
        store.commit();
        store.insert(ids[1], row_of(5));  // an overwrite goes through the journal
    }
    const auto store = MmapVectorStore<2>::open(scratch / "v", OpenMode::read_only);
    REQUIRE(store.size() == ids.back() + 1);
    for (const Id id : {ids[0], ids[2], ids[3]}) {
        CHECK(store[id][0] == row_of(id)[0]);
        CHECK(store[id][1] == row_of(id)[1]);
    }
    CHECK(store[ids[1]][0] == row_of(5)[0]);
    CHECK(store[ids[2] - 1][0] == 0);

    const auto query = row_of(ids[3]);
    const auto hits = search_ids(store, ids, KnnQuery{query, 2});
    REQUIRE(hits.size() == 2);
    CHECK(hits[0] == Hit{ids[3], 0.0f});
    CHECK(code_of([&] { return store.get(ids.back() + 1); }) == ErrorCode::out_of_range);
}

TEST_CASE("rows are appended behind row 2^32") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "v");
    store.insert(Id{1} << 32, row_of(1));
    CHECK(store.append(row_of(2)) == (Id{1} << 32) + 1);
    const std::vector<float> rows(2 * 100, 3.0f);
    CHECK(store.append_rows(rows) == (Id{1} << 32) + 2);
    store.commit();
    CHECK(store[(Id{1} << 32) + 101][1] == 3.0f);
}

}  // namespace test_huge_ids
