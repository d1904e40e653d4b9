// A search in a graph that goes on (detail/hnsw/pages.hpp):
//
//   one search   pages are together what one search gives
//   to the end   all rows come, each once
//   changes      rows may change between two pages
#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_hnsw_pages {
namespace {

using namespace mapvec;

constexpr std::size_t dim = 6;
using Row = std::array<float, dim>;

struct Numbers {
    std::mt19937 engine{1};
    Row row() {
        Row row;
        for (float& x : row) x = static_cast<float>(engine() % 1000);
        return row;
    }
};

struct Points {
    explicit Points(std::size_t n) {
        for (; n > 0; --n) rows.append(numbers.row());
        rows.commit();
        index.update(rows);
    }

    ScratchDirectory scratch;
    Numbers numbers;
    MmapVectorStore<dim> rows = MmapVectorStore<dim>::create(scratch / "rows");
    HnswIndex<> index = HnswIndex<>::create(scratch / "graph", rows, {.m = 6, .ef_construction = 30});
};

TEST_CASE("pages of at most ef rows are together what one search gives") {
    Points points(400);
    const Row query = points.numbers.row();
    auto pages = points.index.pages(points.rows, KnnQuery{query, 7}, {.ef = 45});
    std::vector<Hit> all;
    for (const std::size_t k : {7u, 7u, 1u, 20u, 10u}) {
        const auto page = k == 7 ? pages.next() : pages.next(k);
        CHECK(page.size() == k);
        all.insert(all.end(), page.begin(), page.end());
    }
    CHECK(all == points.index.search(points.rows, KnnQuery{query, 45}, {.ef = 45}));
}

TEST_CASE("pages return every row once, and contain what wider searches find") {
    Points points(400);
    const Row query = points.numbers.row();
    auto pages = points.index.pages(points.rows, KnnQuery{query, 10}, {.ef = 20});
    std::set<Id> ids;
    std::size_t returned = 0;
    const auto nearer = [](const Hit& a, const Hit& b) { return a.distance_squared < b.distance_squared; };
    for (std::size_t width = 20; width <= 640; width *= 2) {
        const auto page = pages.next(width - returned);
        CHECK(std::ranges::is_sorted(page, nearer));
        for (const Hit& hit : page) ids.insert(hit.id);
        returned += page.size();
        for (const Hit& hit : points.index.search(points.rows, KnnQuery{query, width}, {.ef = width}))
            CHECK(ids.count(hit.id) == 1);
    }
    CHECK(returned == 400);
    CHECK(ids.size() == 400);
    CHECK(pages.next().empty());
    CHECK(points.index.pages(points.rows, KnnQuery{query, 0}).next().empty());
}

TEST_CASE("pages hold only rows that the filter accepts") {
    Points points(300);
    const Row query = points.numbers.row();
    const auto third = [](Id id) { return id % 3 == 0; };
    auto pages = points.index.pages(points.rows, KnnQuery{query, 9}, third, {.ef = 9});
    std::set<Id> ids;
    for (auto page = pages.next(); !page.empty(); page = pages.next())
        for (const Hit& hit : page) CHECK((hit.id % 3 == 0 && ids.insert(hit.id).second));
    CHECK(ids.size() == 100);
}

TEST_CASE("an index and its store may change between two pages") {
    const ScratchDirectory scratch;
    Numbers numbers;
    auto places = Collection<dim, std::uint32_t>::create(scratch / "places");
    for (std::uint32_t i = 0; i < 300; ++i) places.append(numbers.row(), i);
    places.commit();
    auto index = HnswIndex<>::create(scratch / "graph", places, {.m = 6, .ef_construction = 30});
    index.update(places);
    const Row query = numbers.row();
    auto pages = index.pages(places, KnnQuery{query, 10}, {.ef = 40});
    std::set<Id> ids;
    for (std::uint32_t turn = 0;; ++turn) {
        const auto page = pages.next();
        if (page.empty()) break;
        for (const Hit& hit : page) CHECK((places.contains(hit.id) && ids.insert(hit.id).second));
        if (turn > 10) continue;
        places.erase(turn * 20 + 1);
        places.append(numbers.row(), turn);
        places.commit();
        if (turn % 2 == 0) index.update(places);
        if (turn % 4 == 0) index.commit();
    }
    for (Id id = 0; id < 300; ++id) CHECK((ids.count(id) == 1 || !places.contains(id)));
}

TEST_CASE("a page of an impossible query is refused") {
    Points points(30);
    const Row query = points.numbers.row();
    auto pages = points.index.pages(points.rows, KnnQuery{std::span(query).first(2), 5});
    CHECK_THROWS_AS(pages.next(), Error);
}

}  // namespace
}  // namespace test_hnsw_pages
