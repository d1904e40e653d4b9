// Promises of hnsw_index.hpp:
//
//   recall       finds nearly all of the nearest rows, for every metric, scalar and m, with one thread and with several
//   complete     rows that the graph does not contain are found too; fewer rows than k, many equal rows
//   filter       skips rows that a filter rejects, and rows without a distance
//   durable      commits are complete, survive a kill, and can be continued; readers follow
//   identity     belongs to one store and one metric; invalid arguments and queries are refused
//   hostile      nothing in its files is trusted
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
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_hnsw_index {

namespace {

using namespace mapvec;

constexpr std::size_t dim = 12;
using Points = MmapVectorStore<dim>;
using Vector = std::array<float, dim>;

// Points around a few centres: nearer to what people store than numbers without any order.
class Cloud {
  public:
    explicit Cloud(unsigned seed) : engine_(seed) {
        for (auto& centre : centres_) centre = around({}, 8);
    }
    Vector next() { return around(centres_[engine_() % centres_.size()], 2); }
    std::vector<float> rows(std::size_t n) {
        std::vector<float> rows;
        for (; n > 0; --n)
            for (const float x : next()) rows.push_back(x);
        return rows;
    }

  private:
    Vector around(Vector point, float width) {
        for (float& x : point) x += width * (static_cast<float>(engine_() % 2001) / 1000 - 1);
        return point;
    }

    std::mt19937 engine_;
    std::array<Vector, 20> centres_{};
};

Points store_of(const std::filesystem::path& path, const std::vector<float>& rows) {
    auto points = Points::create(path);
    points.append_rows(rows);
    points.commit();
    return points;
}

// The part of the truly nearest that is found.
template <class M, class Store, class File>
double recall(const HnswIndex<M, File>& index, const Store& rows, std::size_t k, std::size_t ef) {
    Cloud cloud(99);
    std::size_t found = 0, all = 0;
    for (int turn = 0; turn < 50; ++turn) {
        const Vector query = cloud.next();
        const auto exact = search<M>(rows, KnnQuery{query, k});
        const auto hits = index.search(rows, KnnQuery{query, k}, {.ef = ef});
        for (std::size_t i = 1; i < hits.size(); ++i) REQUIRE(hits[i - 1].id != hits[i].id);
        for (const Hit& hit : exact) {
            ++all;
            for (const Hit& other : hits)
                if (other.id == hit.id) {
                    ++found;
                    REQUIRE(other == hit);  // its distance too
                }
        }
    }
    return static_cast<double>(found) / static_cast<double>(all);
}

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

TEST_CASE("commits of a graph survive a kill, other changes do not") {
    const ScratchDirectory scratch;
    Cloud cloud(8);
    auto rows = store_of(scratch / "rows", cloud.rows(400));
    auto index = HnswIndex<>::create(scratch / "graph", rows);
    index.update(rows);
    index.commit();
    const Vector query = cloud.next();
    const auto hits = index.search(rows, KnnQuery{query, 20});
    rows.append_rows(cloud.rows(100));
    rows.commit();
    index.update(rows);

    std::filesystem::create_directory(scratch / "killed");
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path()))
        if (entry.is_regular_file()) std::filesystem::copy(entry.path(), scratch / "killed");
    const auto same_rows = Points::open(scratch / "killed" / "rows");
    auto killed = HnswIndex<>::open(scratch / "killed" / "graph", same_rows);
    killed.verify();
    CHECK(killed.size() == 400);
    CHECK(killed.search(same_rows, KnnQuery{query, 20}, [](Id id) { return id < 400; }) == hits);
    CHECK(killed.update(same_rows) == 100);
    CHECK(recall(killed, same_rows, 10, 60) > 0.98);

    index.close();
    CHECK_FALSE(index.is_open());
    CHECK(HnswIndex<>::open(scratch / "graph", rows).size() == 500);
}

TEST_CASE("readers see what was committed when they refresh, and less of the store than of the graph") {
    const ScratchDirectory scratch;
    Cloud cloud(9);
    auto rows = store_of(scratch / "rows", cloud.rows(300));
    auto index = HnswIndex<>::create(scratch / "graph", rows);
    index.update(rows);
    index.commit();
    auto same_rows = Points::open(scratch / "rows", OpenMode::read_only);
    auto reader = HnswIndex<>::open(scratch / "graph", same_rows, OpenMode::read_only);
    const Vector query = cloud.next();
    const auto hits = reader.search(same_rows, KnnQuery{query, 300}, {.ef = 300});
    CHECK_FALSE(reader.refresh());
    CHECK(code_of([&] { return reader.update(same_rows); }) == std::nullopt);  // nothing to do

    rows.append_rows(cloud.rows(300));
    rows.commit();
    index.update(rows);
    CHECK_FALSE(reader.refresh());
    index.commit();
    CHECK(reader.search(same_rows, KnnQuery{query, 300}, {.ef = 300}) == hits);
    CHECK(reader.refresh());
    CHECK(reader.size() == 600);
    for (const Hit& hit : reader.search(same_rows, KnnQuery{query, 300}, {.ef = 300})) CHECK(hit.id < 300);
    CHECK(code_of([&] { return reader.update(same_rows); }) == ErrorCode::read_only);
    CHECK(same_rows.refresh());
    CHECK(recall(reader, same_rows, 10, 60) > 0.98);
    rows.append_rows(cloud.rows(1));
    rows.commit();
    same_rows.refresh();
    CHECK(code_of([&] { return reader.update(same_rows); }) == ErrorCode::read_only);
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

TEST_CASE("a graph belongs to one store and one metric, and has one writer") {
    const ScratchDirectory scratch;
    auto rows = store_of(scratch / "rows", Cloud(12).rows(20));
    const auto others = store_of(scratch / "others", Cloud(12).rows(20));
    auto index = HnswIndex<>::create(scratch / "graph", rows);
    index.update(rows);
    const Vector query{};
    CHECK(code_of([&] { return index.search(others, KnnQuery{query, 1}); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return index.update(others); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return HnswIndex<>::create(scratch / "graph", rows); }) == ErrorCode::exists);
    CHECK(code_of([&] { return HnswIndex<>::open(scratch / "graph", rows); }) == ErrorCode::locked);
    index.close();
    CHECK(code_of([&] { return HnswIndex<>::open(scratch / "graph", others); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return HnswIndex<Cosine>::open(scratch / "graph", rows); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return HnswIndex<InnerProduct>::open(scratch / "graph", rows); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return HnswIndex<>::open(scratch / "rows", rows, OpenMode::read_only); }) ==
          ErrorCode::type_mismatch);
    CHECK(code_of([&] { return HnswIndex<>::open(scratch / "none", rows); }) == ErrorCode::not_found);
    rows.close();
    CHECK(code_of([&] { return HnswIndex<>::open(scratch / "graph", rows); }) == ErrorCode::invalid_argument);
}

TEST_CASE("invalid arguments and queries are refused") {
    const ScratchDirectory scratch;
    const auto rows = store_of(scratch / "rows", Cloud(13).rows(20));
    for (const std::size_t m : {std::size_t{0}, std::size_t{1}, std::size_t{4097}, SIZE_MAX})
        CHECK(code_of([&] { return HnswIndex<>::create(scratch / "graph", rows, {.m = m}); }) ==
              ErrorCode::invalid_argument);
    CHECK_FALSE(std::filesystem::exists(scratch / "graph"));
    auto index = HnswIndex<Cosine>::create(scratch / "graph", rows, {.m = 2});
    index.update(rows);
    Vector query{};
    CHECK(code_of([&] { return index.search(rows, KnnQuery{query, 1}); }) == ErrorCode::invalid_argument);
    query[3] = std::numeric_limits<float>::quiet_NaN();
    CHECK(code_of([&] { return index.search(rows, KnnQuery{query, 1}); }) == ErrorCode::invalid_argument);
    const std::vector<float> shorter(dim - 1, 1);
    CHECK(code_of([&] { return index.search(rows, KnnQuery{shorter, 1}); }) == ErrorCode::dimension_mismatch);
    index.close();
    CHECK(code_of([&] { return HnswIndex<Cosine>::open(scratch / "graph", rows, OpenMode::copy_on_write); }) ==
          ErrorCode::invalid_argument);
}

TEST_CASE("a graph of any bytes leads to existing rows only, and can be updated") {
    const ScratchDirectory scratch;
    Cloud cloud(14);
    auto rows = store_of(scratch / "rows", cloud.rows(200));
    {
        auto index = HnswIndex<>::create(scratch / "graph", rows, {.m = 4});
        index.update(rows);
    }
    rows.append_rows(cloud.rows(20));
    rows.commit();
    std::mt19937 engine(15);
    for (int turn = 0; turn < 60; ++turn) {
        for (const char* name : {"graph", "graph.upper", "graph.entry"}) {
            const auto copy = scratch / (std::string("damaged") + (name + 5)).c_str();
            std::filesystem::copy(scratch / name, copy, std::filesystem::copy_options::overwrite_existing);
            std::fstream file(copy, std::ios::binary | std::ios::in | std::ios::out);
            const auto records = std::filesystem::file_size(copy) - data_offset;
            for (int i = 0; i < (turn % 2 == 0 ? 3 : 300); ++i) {
                const auto word = static_cast<std::uint32_t>(turn % 3 == 0 ? engine() : engine() % 230);
                file.seekp(static_cast<std::streamoff>(data_offset + engine() % (records / 4) * 4));
                file.write(reinterpret_cast<const char*>(&word), sizeof word);
            }
        }
        for (const char* suffix : {".rows", ".lines", ".axes"})
            std::filesystem::copy((scratch / "graph").string() + suffix, (scratch / "damaged").string() + suffix,
                                  std::filesystem::copy_options::overwrite_existing);
        auto index = HnswIndex<>::open(scratch / "damaged", rows);
        for (int i = 0; i < 3; ++i)
            for (const Hit& hit : index.search(rows, KnnQuery{cloud.next(), 30})) REQUIRE(hit.id < rows.size());
        CHECK(index.update(rows, {.ef_construction = 20, .threads = turn % 2 == 0 ? 1u : 3u}) == 20);
        for (const Hit& hit : index.search(rows, KnnQuery{cloud.next(), 30})) REQUIRE(hit.id < rows.size());
    }
}

}  // namespace test_hnsw_index
