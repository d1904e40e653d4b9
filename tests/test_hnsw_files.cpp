// The files of a graph (hnsw_index.hpp):
//
//   durable      commits are complete, survive a kill, and can be continued; readers follow
//   identity     belongs to one store and one metric; invalid arguments and queries are refused
//   hostile      nothing in its files is trusted
#include <filesystem>
#include <fstream>
#include <limits>
#include <mapvec/hnsw_index.hpp>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "hnsw_cloud.hpp"
#include "scratch.hpp"

namespace test_hnsw_files {

using namespace mapvec;
using namespace hnsw_cloud;

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

    copy_files(scratch.path(), scratch / "killed", "");
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

}  // namespace test_hnsw_files
