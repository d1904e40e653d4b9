// A graph of long rows is walked on lines (detail/hnsw/lines.hpp):
//
//   recall      nearly all of the nearest rows are found, with exact distances, whatever the metric
//   changes     rows that were overwritten, erased or not yet linked are found as in any graph
//   new axes    a store that has grown far beyond its first rows gets other axes, and lines anew
//   damage      lines of any bytes lead to rows that there are
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "noisy_directions.hpp"
#include "scratch.hpp"

namespace test_hnsw_lines {

namespace {

using namespace mapvec;
namespace fs = std::filesystem;

constexpr std::size_t dim = 56;
using Points = MmapVectorStore<dim>;
using Row = std::array<float, dim>;

using Numbers = NoisyDirections<dim, 10>;

template <class Store>
void append(Store& store, Numbers& numbers, std::size_t n) {
    for (; n > 0; --n) store.append(numbers.row());
    store.commit();
}

template <class M, class Store>
double recall(const HnswIndex<M>& index, const Store& points, std::size_t ef) {
    Numbers numbers(99);
    std::size_t found = 0;
    for (int turn = 0; turn < 50; ++turn) {
        const Row query = numbers.row();
        const auto hits = index.search(points, KnnQuery{query, 10}, {.ef = ef});
        REQUIRE(hits.size() == 10);
        for (const Hit& hit : search<M>(points, KnnQuery{query, 10}))
            found += std::ranges::count(hits, hit) == 1 ? 1u : 0u;  // with the same distance
    }
    return static_cast<double>(found) / 500;
}

template <class M>
void check_recall(double least) {
    const ScratchDirectory scratch;
    Numbers numbers(2);
    auto points = Points::create(scratch / "points");
    append(points, numbers, 1300);
    auto index = HnswIndex<M>::create(scratch / "graph", points, {.m = 12, .ef_construction = 80});
    index.update(points, {.threads = 2});
    REQUIRE(fs::file_size(scratch / "graph.lines") > 1300 * 64);
    CHECK(recall(index, points, 80) > least);
}

}  // namespace

TEST_CASE("a walk on lines finds nearly all of the nearest rows, whatever the metric") {
    check_recall<SquaredL2>(0.97);
    check_recall<Cosine>(0.97);
    check_recall<InnerProduct>(0.9);
}

TEST_CASE("rows that change are found on lines as in any graph, and axes follow a store that grows", "[long]") {
    const ScratchDirectory scratch;
    Numbers numbers(3);
    auto points = Points::create(scratch / "points");
    append(points, numbers, 1000);
    auto index = HnswIndex<>::create(scratch / "graph", points, {.m = 6, .ef_construction = 30});
    CHECK(index.update(points) == 1000);
    const Row far = numbers.row();
    const auto check = [&] {
        const std::size_t all = points.size();
        CHECK(index.search(points, KnnQuery{far, all}, {.ef = all}) == search(points, KnnQuery{far, all}));
    };
    check();
    for (int i = 0; i < 20; ++i) points.insert(numbers.below(1000), i % 2 == 0 ? far : numbers.row());
    points.append(far);
    check();
    index.update(points);
    check();
    points.commit();
    index.commit();
    auto same_points = Points::open(scratch / "points", OpenMode::read_only);
    auto reader = HnswIndex<>::open(scratch / "graph", same_points, OpenMode::read_only);
    CHECK(recall(reader, same_points, 100) > 0.95);

    append(points, numbers, 7500);
    index.update(points, {.ef_construction = 16, .threads = 2});
    CHECK(index.search(points, KnnQuery{far, 11}, {.ef = 100}) == search(points, KnnQuery{far, 11}));
    index.commit();
    CHECK(reader.refresh());
    same_points.refresh();
    CHECK(recall(reader, same_points, 300) > 0.9);
    index.verify();
}

TEST_CASE("lines and axes of any bytes lead to rows that there are") {
    const ScratchDirectory scratch;
    Numbers numbers(4);
    auto points = Points::create(scratch / "points");
    append(points, numbers, 1050);
    {
        auto index = HnswIndex<>::create(scratch / "graph", points, {.m = 4, .ef_construction = 20});
        index.update(points);
    }
    append(points, numbers, 10);
    std::mt19937 engine(5);
    for (int turn = 0; turn < 20; ++turn) {
        for (const char* suffix : {"", ".upper", ".entry", ".rows", ".lines", ".axes"}) {
            const fs::path copy = (scratch / "damaged").string() + suffix;
            fs::copy((scratch / "graph").string() + suffix, copy, fs::copy_options::overwrite_existing);
            if (suffix != std::string(turn % 2 == 0 ? ".lines" : ".axes")) continue;
            std::fstream file(copy, std::ios::binary | std::ios::in | std::ios::out);
            const auto words = (fs::file_size(copy) - data_offset) / 4;
            for (int i = 0; i < 200; ++i) {
                const auto word = static_cast<std::uint32_t>(engine());
                const std::size_t at = i % 4 == 0 ? engine() % 16 : engine() % words;
                file.seekp(static_cast<std::streamoff>(data_offset + at * 4));
                file.write(reinterpret_cast<const char*>(&word), sizeof word);
            }
        }
        auto index = HnswIndex<>::open(scratch / "damaged", points);
        for (int i = 0; i < 3; ++i)
            for (const Hit& hit : index.search(points, KnnQuery{numbers.row(), 30})) REQUIRE(hit.id < points.size());
        CHECK(index.update(points) == 10);
        CHECK(index.search(points, KnnQuery{points[1055], 1}, {.ef = 1060}).size() == 1);
    }
}

}  // namespace test_hnsw_lines
