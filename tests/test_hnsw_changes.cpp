// How a graph follows its store (hnsw_index.hpp):
//
//   equal rows     do not displace other rows, and are all found
//   reachability   after an update a walk over level 0 visits every linked row, for any rows
//   changes        overwritten rows are linked again, erased ones removed, without harm to others
//   threads        searches run during updates, commits and refreshes
//
// Any history: test_hnsw_history.cpp.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "hnsw_rows.hpp"
#include "scratch.hpp"

namespace test_hnsw_changes {

using namespace mapvec;
using namespace hnsw_rows;

namespace {

namespace fs = std::filesystem;

// The recall of the 10 nearest rows.
template <class Store, class Index>
double recall(const Store& points, const Index& index, std::size_t ef, unsigned seed = 99) {
    Numbers numbers(seed);
    std::size_t found = 0;
    for (int turn = 0; turn < 100; ++turn) {
        const Row query = numbers.row();
        const auto hits = index.search(points, KnnQuery{query, 10}, {.ef = ef});
        for (const Hit& hit : search(points, KnnQuery{query, 10}))
            found += std::ranges::count(hits, hit) == 1 ? 1u : 0u;
    }
    return static_cast<double>(found) / 1000;
}

std::vector<std::uint32_t> words_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    std::vector<std::uint32_t> words((bytes.size() - data_offset) / 4);
    std::memcpy(words.data(), bytes.data() + data_offset, words.size() * 4);
    return words;
}

// The number of nodes that a walk over level 0 from the entry point does not visit. Reads the files of a closed index
// byte by byte, as detail/hnsw/records.hpp describes them.
std::size_t nodes_out_of_reach(const fs::path& path, std::size_t m) {
    const auto level_0 = words_of(path), state = words_of(fs::path(path) += ".entry");
    const std::size_t length = 4 + 2 * m, rows = level_0.size() / length;
    std::vector<bool> met(rows);
    std::vector<std::uint32_t> open{state[2]};
    met[state[2]] = true;
    while (!open.empty()) {
        const std::uint32_t* const record = &level_0[open.back() * length];
        open.pop_back();
        for (std::size_t i = 0; i < (record[0] & 0xFFFF); ++i)
            if (!met[record[4 + i]]) {
                met[record[4 + i]] = true;
                open.push_back(record[4 + i]);
            }
    }
    std::size_t lost = 0;
    for (std::size_t id = 0; id < rows; ++id) lost += (level_0[id * length] >> 24 & 1) != 0 && !met[id] ? 1u : 0u;
    return lost;
}

// Checks that in the graph of these rows all rows can be reached and are found.
void check_reach(const std::vector<Row>& rows, std::size_t m) {
    const ScratchDirectory scratch;
    auto points = Points::create(scratch / "points");
    for (const Row& row : rows) points.append(row);
    points.commit();
    auto index = HnswIndex<>::create(scratch / "graph", points, {.m = m, .ef_construction = 20});
    index.update(points);
    for (const std::size_t id : {std::size_t{0}, rows.size() / 2, rows.size() - 1})
        CHECK(finds_all(points, index, rows[id]));
    index.close();
    CHECK(nodes_out_of_reach(scratch / "graph", m) == 0);
}

}  // namespace

TEST_CASE("copies of a row do not displace other rows, and are all found") {
    for (const std::size_t m : {2u, 16u}) {
        const ScratchDirectory scratch;
        Numbers numbers(1);
        auto points = Points::create(scratch / "points");
        for (int i = 0; i < 100; ++i) points.append(numbers.row());
        const Row same = numbers.row();
        for (int i = 0; i < 1000; ++i) points.append(same);
        points.commit();
        auto index = HnswIndex<>::create(scratch / "graph", points, {.m = m});
        CHECK(index.update(points) == 1100);
        for (Id id = 0; id < 100; ++id)
            REQUIRE(index.search(points, KnnQuery{points[id], 1}, {.ef = 400 / m}) == std::vector<Hit>{{id, 0}});
        const auto copies = index.search(points, KnnQuery{same, 30}, {.ef = 30});
        CHECK(copies == search(points, KnnQuery{same, 30}));
        const auto odd = [](Id id) { return id % 2 != 0; };
        CHECK(index.search(points, KnnQuery{same, 30}, odd) == search(points, KnnQuery{same, 30}, odd));
        CHECK(finds_all(points, index, numbers.row()));

        points.insert(100, numbers.row());  // the first of them, which all links to it lead to
        CHECK(finds_all(points, index, same));
        CHECK(index.search(points, KnnQuery{same, 30}, {.ef = 30}) == search(points, KnnQuery{same, 30}));
        points.insert(1099, numbers.row());
        points.insert(500, numbers.row());
        CHECK(index.update(points) == 3);
        CHECK(finds_all(points, index, same));
        points.append(same);
        points.insert(500, same);
        points.commit();
        CHECK(index.update(points) == 2);
        CHECK(finds_all(points, index, same));
        index.close();
        CHECK(nodes_out_of_reach(scratch / "graph", m) == 0);
    }
}

TEST_CASE("rows of zeros among others do not lower recall") {
    const ScratchDirectory scratch;
    Numbers numbers(2);
    auto points = Points::create(scratch / "points");
    for (int i = 0; i < 1500; ++i) points.insert(points.size() + (i % 10 == 0 ? 1 : 0), numbers.row());
    points.commit();
    auto index = HnswIndex<>::create(scratch / "graph", points, {.m = 8, .ef_construction = 60});
    index.update(points);
    CHECK(recall(points, index, 60) > 0.97);
}

TEST_CASE("every linked row can be reached, for any rows") {
    for (const std::size_t m : {2u, 5u}) {
        Numbers numbers(3);
        std::vector<Row> clusters, copies, line, outliers, zeros(300);
        for (int i = 0; i < 600; ++i) {
            Row row = numbers.row(0.001f);
            for (float& x : row) x += static_cast<float>(i / 40 * 7 % 13);
            clusters.push_back(row);
            copies.push_back(i % 3 == 0 ? numbers.row() : copies[numbers.below(copies.size())]);
            line.push_back(Row{static_cast<float>(i * 7 % 600)});
            outliers.push_back(numbers.row(numbers.one_in(50) ? 1e6f : 1e-3f));
        }
        zeros[170][3] = 1;
        check_reach(clusters, m);
        check_reach(copies, m);
        check_reach(line, m);
        check_reach(outliers, m);
        check_reach(zeros, m);
    }
}

TEST_CASE("overwritten rows are found at once, and linked again by the next update") {
    const ScratchDirectory scratch;
    Numbers numbers(4);
    auto points = Points::create(scratch / "points");
    for (int i = 0; i < 1500; ++i) points.append(numbers.row());
    points.commit();
    auto index = HnswIndex<>::create(scratch / "graph", points, {.m = 8, .ef_construction = 60});
    index.update(points);
    const double before = recall(points, index, 40);
    CHECK(before > 0.95);

    for (int i = 0; i < 30; ++i) points.insert(numbers.below(1500), numbers.row());
    CHECK(recall(points, index, 40) >= before);  // since more rows are read
    points.insert(20, points[20]);               // which is what it was
    const auto linked = index.update(points);    // committed or not
    CHECK(linked > 25);
    CHECK(linked <= 30);
    CHECK(index.update(points) == 0);
    CHECK(recall(points, index, 40) > before - 0.02);

    for (Id id = 0; id < 1500; ++id) points.insert(id, numbers.row());
    points.commit();
    CHECK(index.update(points, {.max_rows = 700}) == 700);
    CHECK(recall(points, index, 40) > before - 0.02);
    CHECK(index.update(points) == 800);
    CHECK(recall(points, index, 40) > before - 0.02);
    index.verify();
    index.close();
    CHECK(nodes_out_of_reach(scratch / "graph", 8) == 0);
}

TEST_CASE("an update removes erased rows of a collection; searches skip them before") {
    const ScratchDirectory scratch;
    Numbers numbers(5);
    auto places = Collection<dim, std::string>::create(scratch / "places");
    for (int i = 0; i < 1000; ++i) places.append(numbers.row(), "");
    places.commit();
    auto index = HnswIndex<>::create(scratch / "graph", places, {.m = 6, .ef_construction = 40});
    CHECK(index.update(places) == 1000);
    const Row query = numbers.row();
    const auto nearest = places.search(KnnQuery{query, 200});
    for (const Hit& hit : nearest) places.erase(hit.id);
    const auto check = [&] {
        const auto hits = index.search(places, KnnQuery{query, 10}, {.ef = 200});
        CHECK(hits == places.search(KnnQuery{query, 10}));
        CHECK(index.search(places, KnnQuery{query, 10}, [](Id id) { return id % 2 == 0; }).size() == 10);
    };
    check();
    places.commit();
    CHECK(index.update(places) == 200);
    check();
    CHECK(index.update(places) == 0);
    for (Id id = 0; id < 1000; ++id)
        if (places.contains(id) && id != 500) places.erase(id);
    if (!places.contains(500)) places.append(query, "");
    places.commit();
    CHECK(index.search(places, KnnQuery{query, 10}).size() == 1);
    index.update(places);
    CHECK(index.search(places, KnnQuery{query, 10}).size() == 1);
    for (int i = 0; i < 100; ++i) places.append(numbers.row(), "");
    places.commit();
    index.update(places);
    CHECK(index.search(places, KnnQuery{query, 101}, {.ef = 101}) == places.search(KnnQuery{query, 101}));
}

TEST_CASE("many rounds of erased, new and overwritten rows leave a graph as good as a new one") {
    const ScratchDirectory scratch;
    Numbers numbers(6);
    auto places = Collection<dim, std::string>::create(scratch / "places");
    for (int i = 0; i < 1500; ++i) places.append(numbers.row(), "");
    places.commit();
    const HnswOptions options{.m = 6, .ef_construction = 60};
    auto index = HnswIndex<>::create(scratch / "graph", places, options);
    index.update(places);
    for (int round = 0; round < 40; ++round) {
        const Id end = places.vectors().size();
        const auto live_row = [&] {
            for (;;)
                if (const Id id = numbers.below(end); places.contains(id)) return id;
        };
        for (int i = 0; i < 30; ++i) {
            places.append(numbers.row(), "");
            places.erase(live_row());
            if (i % 2 == 0) places.update(live_row(), numbers.row(), "");
        }
        places.commit();
        index.update(places);
    }
    auto fresh = HnswIndex<>::create(scratch / "fresh", places, options);
    fresh.update(places);
    CHECK(recall(places, index, 20) > recall(places, fresh, 20) - 0.02);
    index.close();
    CHECK(nodes_out_of_reach(scratch / "graph", 6) == 0);
}

TEST_CASE("searches run during appends, updates, commits and refreshes", "[threads]") {
    const ScratchDirectory scratch;
    Numbers numbers(7);
    auto points = Points::create(scratch / "points");
    for (int i = 0; i < 200; ++i) points.append(numbers.row());
    points.commit();
    auto index = HnswIndex<>::create(scratch / "graph", points, {.m = 4, .ef_construction = 20});
    index.update(points);
    index.commit();
    auto seen_points = Points::open(scratch / "points", OpenMode::read_only);
    auto seen_index = HnswIndex<>::open(scratch / "graph", seen_points, OpenMode::read_only);
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0}, missed{0}, searches{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            const auto& my_points = t == 0 ? seen_points : points;
            const auto& my_index = t == 0 ? seen_index : index;
            for (Id id = 0; !done; id = (id + 1) % 200) {
                const auto hits = my_index.search(my_points, KnnQuery{my_points[id], 3}, {.ef = 40});
                wrong += hits.size() == 3 ? 0 : 1;
                missed += hits[0].id == id ? 0 : 1;
                ++searches;
            }
        });
    for (int i = 0; i < 40; ++i) {
        for (int n = 0; n < 10; ++n) points.append(numbers.row());
        points.commit();
        index.update(points, {.threads = i % 2 == 0 ? 1u : 2u});
        if (i % 4 == 0) index.commit();
        if (i % 5 == 0) seen_index.refresh(), seen_points.refresh();
        for (const int before = searches; searches < before + 3;) std::this_thread::yield();
    }
    done = true;
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(missed * 20 < searches);
}

TEST_CASE("options stay with the index, which can be replaced and removed") {
    const ScratchDirectory scratch;
    auto points = Points::create(scratch / "points");
    const auto others = Points::create(scratch / "others");
    for (int i = 0; i < 50; ++i) points.append(Numbers(8).row());
    points.commit();
    {
        auto index = HnswIndex<>::open_or_create(scratch / "graph", points, {.m = 5, .ef_construction = 33});
        CHECK(index.options().ef_construction == 33);
    }
    {
        auto index = HnswIndex<>::open_or_create(scratch / "graph", points, {.m = 6});
        CHECK(index.options().m == 5);
        CHECK(index.options().ef_construction == 33);
        std::uint64_t last = 0, all = 0;
        index.update(points, {}, [&](std::uint64_t done, std::uint64_t of) { last = done, all = of; });
        CHECK(last == 50);
        CHECK(all == 50);
        CHECK(code_of([&] { return HnswIndex<>::create_or_replace(scratch / "graph", points); }) == ErrorCode::locked);
        CHECK(code_of([&] { return HnswIndex<>::remove(scratch / "graph"); }) == ErrorCode::locked);
    }
    CHECK(code_of([&] { return HnswIndex<>::remove(scratch / "points"); }) == ErrorCode::type_mismatch);
    auto index = HnswIndex<Cosine>::create_or_replace(scratch / "graph", others, {.m = 7});
    CHECK(index.empty());
    CHECK(index.m() == 7);
    index.close();
    CHECK(HnswIndex<>::remove(scratch / "graph"));
    CHECK_FALSE(HnswIndex<>::remove(scratch / "graph"));
    for (const auto& entry : fs::directory_iterator(scratch.path()))
        CHECK_FALSE(entry.path().filename().string().starts_with("graph"));
}

}  // namespace test_hnsw_changes
