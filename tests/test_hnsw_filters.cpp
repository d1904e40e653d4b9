// Filters of searches in a graph (hnsw_index.hpp):
//
//   few rows    k rows are found, nearly all of them the nearest, however few rows the filter accepts
//   far rows    the same, if it accepts only rows that are far from the query; these are read in full
//   once        VaIndex asks the filter once for each row that it reads
#include <algorithm>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/va_index.hpp>
#include <vector>

#include "catch.hpp"
#include "noisy_directions.hpp"
#include "scratch.hpp"

namespace test_hnsw_filters {

namespace {

using namespace mapvec;

// Of 256 bytes, so that the graph has lines.
constexpr std::size_t dim = 64, count = 3000, k = 10;
using Rows = NoisyDirections<dim, 12>;
using Points = MmapVectorStore<dim>;

struct Fixture {
    Fixture() {
        rows.append_to(points, count);
        graph = HnswIndex<>::create(scratch / "graph", points, {.m = 8, .ef_construction = 20});
        graph.update(points);
        lines = VaIndex<>::create(scratch / "lines", points);
        lines.update(points);
    }
    // The rows by distance from the query: the place of each.
    [[nodiscard]] std::vector<std::size_t> places() const {
        const auto hits = search(points, KnnQuery{query, count});
        std::vector<std::size_t> place(count);
        for (std::size_t i = 0; i < count; ++i) place[hits[i].id] = i;
        return place;
    }
    template <class Filter>
    void check(const Filter& filter, std::size_t least_found) const {
        const auto expected = search(points, KnnQuery{query, k}, filter);
        const auto hits = graph.search(points, KnnQuery{query, k}, filter, {.ef = 40});
        REQUIRE(hits.size() == expected.size());
        std::size_t found = 0;
        for (const Hit& hit : hits) found += std::ranges::count(expected, hit) == 1 ? 1u : 0u;
        CHECK(found * k >= expected.size() * least_found);
        CHECK(lines.search(points, KnnQuery{query, k}, filter) == expected);
    }

    ScratchDirectory scratch;
    Rows rows{3};
    Points points = Points::create(scratch / "points");
    HnswIndex<> graph;
    VaIndex<> lines;
    Rows::Row query = rows.row();
};

}  // namespace

TEST_CASE("filters that accept few rows give k rows, nearly all of them the nearest", "[long]") {
    const Fixture all;
    for (const std::size_t every : {2u, 10u, 100u, 1000u, 3000u}) {
        CAPTURE(every);
        all.check([&](Id id) { return id % every == 0; }, 9);
    }
    all.check([](Id) { return false; }, k);
}

TEST_CASE("filters that accept only far rows give the nearest of these", "[long]") {
    const Fixture all;
    const auto place = all.places();
    for (const std::size_t last : {1500u, 300u, 30u, 4u}) {
        CAPTURE(last);
        all.check([&](Id id) { return place[id] >= count - last; }, k);
    }
}

TEST_CASE("VaIndex asks a filter once for a row, and gives the hits of a scan") {
    const Fixture all;
    for (const std::size_t every : {1u, 3u, 40u, 900u}) {
        std::vector<int> asked(count);
        const auto filter = [&](Id id) {
            ++asked[id];
            return id % every == 0;
        };
        const auto hits = all.lines.search(all.points, KnnQuery{all.query, k}, filter);
        CHECK(*std::max_element(asked.begin(), asked.end()) == 1);
        CHECK(hits == search(all.points, KnnQuery{all.query, k}, [&](Id id) { return id % every == 0; }));
        std::fill(asked.begin(), asked.end(), 0);
        const DiskQuery disk{all.query, search(all.points, KnnQuery{all.query, count / 2}).back().distance()};
        const auto inside = all.lines.search(all.points, disk, filter);
        CHECK(*std::max_element(asked.begin(), asked.end()) == 1);
        CHECK(inside == search(all.points, disk, [&](Id id) { return id % every == 0; }));
    }
}

}  // namespace test_hnsw_filters
