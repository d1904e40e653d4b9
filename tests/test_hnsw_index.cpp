// Promises of hnsw_index.hpp:
//
//   recall       finds nearly all of the nearest rows, for every metric, scalar and m, with one thread and with several
//   complete     rows that the graph does not contain are found too; fewer rows than k, many equal rows
//   filter       skips rows that a filter rejects, and rows without a distance
//   threads      any number of threads search
//
// Its files: test_hnsw_files.cpp.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "hnsw_cloud.hpp"
#include "scratch.hpp"

namespace test_hnsw_index {

using namespace mapvec;
using namespace hnsw_cloud;

namespace {

template <class M, class S>
double recall_of(std::size_t m, unsigned threads) {
    const ScratchDirectory scratch;
    Cloud cloud(1);
    auto rows = MmapVectorStore<dim, S>::create(scratch / "rows");
    for (int i = 0; i < 1500; ++i) {
        std::array<S, dim> row;
        const Vector point = cloud.next();
        for (std::size_t d = 0; d < dim; ++d) row[d] = static_cast<S>(point[d] + (std::is_unsigned_v<S> ? 12 : 0));
        rows.append(row);
    }
    rows.commit();
    auto index = HnswIndex<M>::create(scratch / "graph", rows, {.m = m});
    REQUIRE(index.update(rows, {.ef_construction = 60, .threads = threads}) == 1500);
    REQUIRE(index.size() == 1500);
    return recall(index, rows, 10, 60);
}

std::string contents(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("nearly all of the nearest rows are found, whatever the metric, the scalar and m") {
    CHECK(recall_of<SquaredL2, float>(16, 1) > 0.95);
    CHECK(recall_of<SquaredL2, float>(4, 1) > 0.85);
    CHECK(recall_of<SquaredL2, double>(8, 1) > 0.95);
    CHECK(recall_of<SquaredL2, std::int8_t>(8, 1) > 0.85);  // whose distances are often equal
    CHECK(recall_of<SquaredL2, float16>(8, 1) > 0.95);
    CHECK(recall_of<SquaredL2, bfloat16>(8, 1) > 0.95);
    CHECK(recall_of<InnerProduct, float>(16, 1) > 0.85);
    CHECK(recall_of<Cosine, float>(16, 1) > 0.95);
    CHECK(recall_of<Cosine, std::uint8_t>(16, 1) > 0.85);
}

TEST_CASE("several threads build a graph as good as one does") {
    CHECK(recall_of<SquaredL2, float>(16, 4) > 0.95);
    CHECK(recall_of<Cosine, float>(16, 3) > 0.95);
}

TEST_CASE("one thread builds the same graph from the same rows") {
    const ScratchDirectory scratch;
    const auto rows = store_of(scratch / "rows", Cloud(2).rows(700));
    for (const char* name : {"a", "b"}) {
        auto index = HnswIndex<>::create(scratch / name, rows);
        index.update(rows);
        index.close();
    }
    for (const char* suffix : {"", ".upper", ".entry", ".rows"}) {
        auto a = (scratch / "a").string() + suffix, b = (scratch / "b").string() + suffix;
        CHECK(contents(a).substr(data_offset) == contents(b).substr(data_offset));
        CHECK(contents(a).size() > data_offset);
    }
}

TEST_CASE("a graph that grows in steps, and is reopened after each, is as good") {
    const ScratchDirectory scratch;
    auto rows = Points::create(scratch / "rows");
    Cloud cloud(3);
    for (int step = 0; step < 8; ++step) {
        rows.append_rows(cloud.rows(150));
        rows.commit();
        auto index = HnswIndex<>::open_or_create(scratch / "graph", rows, {.m = step == 0 ? 10u : 30u});
        CHECK(index.m() == 10);
        CHECK(index.size() == 150u * static_cast<unsigned>(step));
        CHECK(index.update(rows, {.ef_construction = 60, .max_rows = 100}) == 100);
        if (step % 2 == 1) index.commit();
        CHECK(index.update(rows, {.ef_construction = 60}) == 50);
        CHECK(index.update(rows) == 0);
        index.verify();
    }
    const auto index = HnswIndex<>::open(scratch / "graph", rows, OpenMode::read_only);
    CHECK(recall(index, rows, 10, 60) > 0.98);
    index.verify();
}

TEST_CASE("rows that the graph does not have are found, committed or not") {
    const ScratchDirectory scratch;
    Cloud cloud(4);
    auto rows = store_of(scratch / "rows", cloud.rows(300));
    auto index = HnswIndex<>::create(scratch / "graph", rows);
    CHECK(recall(index, rows, 10, 0) == 1);  // all of them are read
    index.update(rows);

    const Vector committed = cloud.next(), uncommitted = cloud.next();
    rows.append(committed);
    rows.commit();
    rows.append(uncommitted);
    CHECK(index.search(rows, KnnQuery{committed, 1}) == std::vector<Hit>{{300, 0}});
    CHECK(index.search(rows, KnnQuery{uncommitted, 1}) == std::vector<Hit>{{301, 0}});
    CHECK(index.update(rows) == 1);  // what is not committed may never be there again
    CHECK(index.search(rows, KnnQuery{uncommitted, 1}) == std::vector<Hit>{{301, 0}});

    rows.insert(7, uncommitted);  // overwritten: its distance is that of now
    for (const Hit& hit : index.search(rows, KnnQuery{committed, 302}, {.ef = 302}))
        CHECK(hit == search_ids(rows, std::vector<Id>{hit.id}, KnnQuery{committed, 1})[0]);
}

TEST_CASE("fewer rows than k, no rows, and many equal rows") {
    const ScratchDirectory scratch;
    auto rows = Points::create(scratch / "rows");
    auto index = HnswIndex<>::create(scratch / "graph", rows, {.m = 4});
    const Vector query{};
    CHECK(index.search(rows, KnnQuery{query, 5}).empty());
    CHECK(index.update(rows) == 0);
    CHECK(index.empty());
    for (int i = 0; i < 3; ++i) rows.append(query);
    rows.commit();
    index.update(rows);
    CHECK(index.search(rows, KnnQuery{query, 5}) == std::vector<Hit>{{0, 0}, {1, 0}, {2, 0}});
    CHECK(index.search(rows, KnnQuery{query, 0}).empty());
    for (int i = 0; i < 400; ++i) rows.append(query);
    rows.commit();
    index.update(rows, {.ef_construction = 20});
    CHECK(index.search(rows, KnnQuery{query, 20}).size() == 20);
}

TEST_CASE("a filter leaves rows out, linked or not, and finds the others") {
    const ScratchDirectory scratch;
    Cloud cloud(5);
    auto rows = store_of(scratch / "rows", cloud.rows(800));
    auto index = HnswIndex<>::create(scratch / "graph", rows);
    index.update(rows);
    rows.append_rows(cloud.rows(50));
    std::size_t found = 0;
    for (const unsigned every : {2u, 10u, 50u}) {
        const auto filter = [every](Id id) { return id % every == 0; };
        for (int turn = 0; turn < 20; ++turn) {
            const Vector query = cloud.next();
            const auto exact = search(rows, KnnQuery{query, 5}, filter);
            const auto hits = index.search(rows, KnnQuery{query, 5}, filter);
            REQUIRE(hits.size() == 5);
            for (const Hit& hit : hits) REQUIRE(filter(hit.id));
            for (const Hit& hit : exact) found += std::ranges::count(hits, hit) == 1 ? 1u : 0u;
        }
    }
    CHECK(found >= 295);  // of 300
    CHECK(index.search(rows, KnnQuery{cloud.next(), 5}, [](Id) { return false; }).empty());
    CHECK_THROWS_AS(index.search(rows, KnnQuery{cloud.next(), 5}, [](Id) -> bool { throw 1; }), int);
}

TEST_CASE("erased rows of a collection are left out by a filter") {
    const ScratchDirectory scratch;
    auto places = Collection<dim, std::string>::create(scratch / "places");
    Cloud cloud(6);
    const Vector query = cloud.next();
    for (int i = 0; i < 50; ++i) places.append(i == 20 ? query : cloud.next(), "");
    places.commit();
    auto index = HnswIndex<>::create(scratch / "graph", places.vectors());
    CHECK(index.update(places.vectors()) == 50);
    CHECK(index.search(places.vectors(), KnnQuery{query, 1})[0].id == 20);
    places.erase(20);
    const auto hits = index.search(places.vectors(), KnnQuery{query, 50}, [&](Id id) { return places.contains(id); });
    CHECK(hits == places.search(KnnQuery{query, 50}));
}

TEST_CASE("rows without a distance are not found, and do not hide others") {
    const ScratchDirectory scratch;
    constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    Cloud cloud(7);
    auto rows = Points::create(scratch / "rows");
    for (int i = 0; i < 300; ++i) {
        Vector row = cloud.next();
        if (i % 3 == 0) row[5] = i % 2 == 0 ? nan : infinity;
        if (i % 3 == 1 && i < 100) row.fill(0);  // has no direction
        if (i < 4) row.fill(nan);
        rows.append(row);
    }
    rows.commit();
    auto euclidean = HnswIndex<>::create(scratch / "euclidean", rows);
    auto cosine = HnswIndex<Cosine>::create(scratch / "cosine", rows);
    CHECK(euclidean.update(rows) == 300);
    CHECK(cosine.update(rows) == 300);
    for (int i = 0; i < 20; ++i) {
        const Vector query = cloud.next();
        for (const Hit& hit : euclidean.search(rows, KnnQuery{query, 20})) CHECK(std::isfinite(rows[hit.id][5]));
        CHECK(cosine.search(rows, KnnQuery{query, 20}) == search<Cosine>(rows, KnnQuery{query, 20}));
    }
    CHECK(recall(euclidean, rows, 10, 100) > 0.98);
}

TEST_CASE("any number of threads search one graph", "[threads]") {
    const ScratchDirectory scratch;
    const auto rows = store_of(scratch / "rows", Cloud(10).rows(600));
    auto index = HnswIndex<>::create(scratch / "graph", rows);
    index.update(rows, {.ef_construction = 40, .threads = 4});
    std::vector<std::vector<Hit>> expected;
    Cloud queries(11);
    for (int i = 0; i < 50; ++i) expected.push_back(index.search(rows, KnnQuery{queries.next(), 5}));
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            Cloud mine(11);
            for (const auto& hits : expected) wrong += index.search(rows, KnnQuery{mine.next(), 5}) == hits ? 0 : 1;
        });
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}

}  // namespace test_hnsw_index
