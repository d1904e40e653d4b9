// Rings, ranges, disks and intersections of disks on a graph (detail/hnsw/range.hpp):
//
//   recall      nearly all rows in range are found, with exact distances, by id; rows out of range are not found
//   wide        a range with many rows is scanned, and nothing is missing
//   changes     rows that were overwritten, erased, copied or not yet linked are found as by an exact search
//   damage      graphs of any bytes lead to rows that there are
#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "catch.hpp"
#include "noisy_directions.hpp"
#include "scratch.hpp"

namespace test_hnsw_ranges {
namespace {

using namespace mapvec;
namespace fs = std::filesystem;

template <std::size_t dim>
using Numbers = NoisyDirections<dim, 6>;

// Hits that are also hits of an exact search: how many of its hits.
struct Found {
    std::size_t hits = 0, of = 0;
    [[nodiscard]] double recall() const { return static_cast<double>(hits) / static_cast<double>(of); }
};

template <class M, class Store, class Query>
void count(Found& found, const HnswIndex<M>& index, const Store& points, const Query& query, std::size_t ef) {
    const auto hits = index.search(points, query, {.ef = ef});
    const auto truth = search<M>(points, query);
    const auto by_id = [](const Hit& a, const Hit& b) { return a.id < b.id; };
    CHECK(std::ranges::is_sorted(hits, by_id));
    CHECK(std::ranges::includes(truth, hits, by_id));
    for (const Hit& hit : hits) CHECK(std::ranges::count(truth, hit) == 1);  // with the same distance
    found.hits += hits.size();
    found.of += truth.size();
}

// Queries of all kinds around a vector, of which each matches about `matches` rows.
template <class M, class Store, class Row>
void count_all_kinds(Found& found, const HnswIndex<M>& index, const Store& points, const Row& vector, const Row& other,
                     std::size_t matches, std::size_t ef) {
    const auto nearest = search<M>(points, KnnQuery{vector, 2 * matches});
    const float middle = nearest[matches].value(), last = nearest.back().value();
    const float near = std::min(middle, last), far = std::max(middle, last);
    count(found, index, points, DiskQuery{vector, middle}, ef);
    count(found, index, points, RangeQuery{vector, near, far}, ef);
    count(found, index, points, RingQuery{vector, (near + far) / 2, (far - near) / 2}, ef);
    const float most = search<M>(points, KnnQuery{other, 400})[399].value();
    const std::array disks = {DiskQuery{vector, last}, DiskQuery{other, most}};
    count(found, index, points, DiskIntersectionQuery{disks}, ef);
}

template <class M, std::size_t dim>
double recall(std::size_t rows, std::size_t matches, std::size_t ef) {
    const ScratchDirectory scratch;
    Numbers<dim> numbers(2);
    auto points = MmapVectorStore<dim>::create(scratch / "points");
    numbers.append_to(points, rows);
    auto index = HnswIndex<M>::create(scratch / "graph", points, {.m = 12, .ef_construction = 50});
    index.update(points);
    Found found;
    for (int turn = 0; turn < 12; ++turn)
        count_all_kinds(found, index, points, numbers.row(), numbers.row(), matches, ef);
    return found.recall();
}

TEST_CASE("a graph finds nearly all rows in a ring, a range, a disk or an intersection of disks") {
    CHECK(recall<SquaredL2, 300>(700, 10, 20) >= 0.99);
    CHECK(recall<InnerProduct, 300>(700, 10, 20) >= 0.95);
}

TEST_CASE("rows in a range are found on lines too") { CHECK(recall<SquaredL2, 56>(2500, 3, 5) >= 0.95); }

TEST_CASE("a graph is asked about the rows in a small range, and all rows are scanned for a large one") {
    const ScratchDirectory scratch;
    Numbers<300> numbers(3);
    auto points = MmapVectorStore<300>::create(scratch / "points");
    numbers.append_to(points, 900);
    auto index = HnswIndex<>::create(scratch / "graph", points, {.m = 8, .ef_construction = 40});
    index.update(points);
    const auto query = numbers.row();
    const auto all = search(points, KnnQuery{query, 900});
    std::size_t asked = 0;
    const auto odd = [&](Id id) { return ++asked, id % 2 == 1; };
    const DiskQuery small{query, all[20].distance()}, large{query, all[500].distance()};
    CHECK(index.search(points, small, odd) == search(points, small, [](Id id) { return id % 2 == 1; }));
    CHECK(asked < 30);
    CHECK(index.search(points, large) == search(points, large));
    CHECK(index.search(points, DiskQuery{query, std::numeric_limits<float>::infinity()}).size() == 900);
}

TEST_CASE("rows in a range that have changed since the last update are found as by an exact search") {
    constexpr std::size_t dim = 300;
    const ScratchDirectory scratch;
    Numbers<dim> numbers(4);
    auto places = Collection<dim, std::uint32_t>::create(scratch / "places");
    const auto first = numbers.row();
    for (std::uint32_t i = 0; i < 900; ++i) places.append(i % 100 == 0 ? first : numbers.row(), i);  // nine copies
    places.commit();
    auto index = HnswIndex<>::create(scratch / "graph", places, {.m = 8, .ef_construction = 40});
    index.update(places);
    const auto check = [&] {
        for (const float radius : {0.0f, search(places.vectors(), KnnQuery{first, 20})[19].distance()}) {
            const DiskQuery disk{first, radius};
            std::size_t asked = 0;
            const auto live = [&](Id id) { return places.contains(id); };
            CHECK(index.search(places, disk) == search(places.vectors(), disk, live));
            CHECK(index.search(places, disk, [&](Id id) { return ++asked, id % 3 == 0; }) ==
                  search(places.vectors(), disk, [&](Id id) { return live(id) && id % 3 == 0; }));
            CHECK(asked < 300);  // not a scan
        }
    };
    check();
    places.erase(0);  // the node of the copies
    places.append(first, 900);
    check();
    index.update(places);
    check();
    CHECK(index.search(places, DiskQuery{first, 0}).size() == 9);
}

TEST_CASE("graphs of any bytes lead to rows that there are, in any range") {
    const ScratchDirectory scratch;
    Numbers<300> numbers(5);
    auto points = MmapVectorStore<300>::create(scratch / "points");
    numbers.append_to(points, 300);
    {
        auto index = HnswIndex<>::create(scratch / "graph", points, {.m = 4, .ef_construction = 20});
        index.update(points);
    }
    std::mt19937 engine(6);
    for (int turn = 0; turn < 40; ++turn) {
        for (const char* suffix : {"", ".upper", ".entry", ".rows", ".lines", ".axes"}) {
            const fs::path copy = (scratch / "damaged").string() + suffix;
            fs::copy((scratch / "graph").string() + suffix, copy, fs::copy_options::overwrite_existing);
            if (suffix != std::string(turn % 4 == 0 ? ".upper" : "")) continue;
            std::fstream file(copy, std::ios::binary | std::ios::in | std::ios::out);
            const auto words = (fs::file_size(copy) - data_offset) / 4;
            for (int i = 0; i < 400; ++i) {
                const auto word = static_cast<std::uint32_t>(i % 2 == 0 ? engine() : engine() % 300);
                file.seekp(static_cast<std::streamoff>(data_offset + engine() % words * 4));
                file.write(reinterpret_cast<const char*>(&word), sizeof word);
            }
        }
        const auto index = HnswIndex<>::open(scratch / "damaged", points, OpenMode::read_only);
        for (const float radius : {5.0f, 20.0f})
            for (const Hit& hit : index.search(points, RangeQuery{points[engine() % 300], 0, radius}, {.ef = 4}))
                CHECK(hit.id < 300);
    }
}

TEST_CASE("impossible ranges are refused as by an exact search") {
    const ScratchDirectory scratch;
    Numbers<300> numbers(7);
    auto points = MmapVectorStore<300>::create(scratch / "points");
    numbers.append_to(points, 30);
    auto index = HnswIndex<>::create(scratch / "graph", points);
    index.update(points);
    const auto row = numbers.row();
    CHECK_THROWS_AS(index.search(points, RangeQuery{row, 2, 1}), Error);
    CHECK_THROWS_AS(index.search(points, DiskQuery{row, -1}), Error);
    CHECK_THROWS_AS(index.search(points, DiskQuery{std::span(row).first(3), 1}), Error);
    CHECK_THROWS_AS(index.search(points, DiskIntersectionQuery{}), Error);
}

}  // namespace
}  // namespace test_hnsw_ranges
