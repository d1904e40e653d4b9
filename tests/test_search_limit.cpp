// Rings, ranges and disks with a limit: the nearest of the rows that match, as sorting and cutting all of them gives.
#include <algorithm>
#include <array>
#include <cstdint>
#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/search.hpp>
#include <mapvec/va_index.hpp>
#include <random>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_search_limit {

using namespace mapvec;

namespace {

constexpr std::size_t dim = 40, rows = 3000;  // rows longer than a line of a VaIndex
using Docs = Collection<dim, std::uint32_t>;
using Vector = std::array<float, dim>;

// Many rows have equal distances, so that ids decide.
Vector vector_of(std::mt19937& random) {
    Vector vector{};
    for (std::size_t i = 0; i < 6; ++i) vector[i] = static_cast<float>(random() % 4);
    return vector;
}

std::vector<Hit> sorted_and_cut(std::vector<Hit> hits, std::size_t limit) {
    std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
        return a.unit == HitUnit::similarity ? a.value() > b.value() : a.distance_squared < b.distance_squared;
    });
    hits.resize(std::min(hits.size(), limit));
    return hits;
}

// Calls check(query without limit, query with limit) for all types of queries and some limits.
template <class Check>
void each_query(const Vector& vector, Check check) {
    const std::array disks{DiskQuery{vector, 4}, DiskQuery{vector, 3.5f, 1}};
    for (const std::size_t limit : {std::size_t{1}, std::size_t{7}, std::size_t{400}, SIZE_MAX}) {
        check(DiskQuery{vector, 3}, DiskQuery{vector, 3, limit});
        check(RingQuery{vector, 3, 0.5f}, RingQuery{vector, 3, 0.5f, limit});
        check(RangeQuery{vector, 2, 4}, RangeQuery{vector, 2, 4, limit});
        check(DiskIntersectionQuery{disks}, DiskIntersectionQuery{disks, limit});
    }
}

Docs docs_in(const std::filesystem::path& path) {
    auto docs = Docs::create(path);
    std::mt19937 random(1);
    for (std::uint32_t i = 0; i < rows; ++i) docs.append(vector_of(random), i);
    for (Id id = 0; id < rows; id += 5) docs.erase(id);
    docs.commit();
    return docs;
}

}  // namespace

TEST_CASE("a scan with a limit finds the nearest rows of a range, ties by id") {
    const ScratchDirectory scratch;
    const auto docs = docs_in(scratch / "docs");
    const auto& vectors = docs.vectors();
    std::mt19937 random(2);
    const auto odd = [](Id id) { return id % 2 == 1; };
    const std::vector<Id> ids{2000, 3, 17, 17, 450, 1999, 0}, sorted_ids{0, 3, 17, 17, 450, 1999, 2000};
    std::size_t found = 0;
    each_query(vector_of(random), [&](const auto& all, const auto& limited) {
        CHECK(search(vectors, limited) == sorted_and_cut(search(vectors, all), limited.limit));
        CHECK(search(vectors, limited, {.threads = 4}) == search(vectors, limited));
        CHECK(search(vectors, limited, odd) == sorted_and_cut(search(vectors, all, odd), limited.limit));
        CHECK(search_ids(vectors, ids, limited) == sorted_and_cut(search_ids(vectors, sorted_ids, all), limited.limit));
        std::vector<Hit> visited;
        search_each(vectors, limited, [&](const Hit& hit) { visited.push_back(hit); });
        CHECK(visited == search(vectors, limited));
        found += visited.size();
    });
    CHECK(found > 1000);
}

TEST_CASE("other metrics order a range by their own values") {
    const ScratchDirectory scratch;
    const auto docs = docs_in(scratch / "docs");
    std::mt19937 random(3);
    const Vector vector = vector_of(random);
    for (const std::size_t limit : {1u, 20u, 5000u}) {
        CHECK(search<InnerProduct>(docs.vectors(), RangeQuery{vector, 5, 30, limit}) ==
              sorted_and_cut(search<InnerProduct>(docs.vectors(), RangeQuery{vector, 5, 30}), limit));
        CHECK(search<Cosine>(docs.vectors(), DiskQuery{vector, 0.3f, limit}) ==
              sorted_and_cut(search<Cosine>(docs.vectors(), DiskQuery{vector, 0.3f}), limit));
    }
}

TEST_CASE("a collection with a VaIndex finds the same rows with a limit, and no erased ones") {
    const ScratchDirectory scratch;
    auto docs = docs_in(scratch / "docs");
    std::mt19937 random(4);
    const Vector vector = vector_of(random);
    std::vector<std::vector<Hit>> by_scan;
    const auto even = [](Id id) { return id % 2 == 0; };
    each_query(vector, [&](const auto& all, const auto& limited) {
        by_scan.push_back(docs.search(limited));
        CHECK(by_scan.back() == sorted_and_cut(docs.search(all), limited.limit));
    });
    docs.create_index(VaOptions{});
    std::size_t next = 0;
    each_query(vector, [&](const auto& all, const auto& limited) {
        CHECK(docs.search(limited) == by_scan[next++]);
        CHECK(docs.search(limited, {.threads = 3}) == docs.search(limited));
        CHECK(docs.search(limited, even) == sorted_and_cut(docs.search(all, even), limited.limit));
        std::vector<Hit> visited;
        docs.search_each(limited, [&](const Hit& hit) { visited.push_back(hit); });
        CHECK(visited == docs.search(limited));
    });
    CHECK(docs.explain(DiskQuery{vector, 3, 1}).method == SearchMethod::va_index);
}

TEST_CASE("a VaIndex orders an intersection by the distance from its first centre", "[long]") {
    const ScratchDirectory scratch;
    std::mt19937 random(5);
    auto vectors = MmapVectorStore<128>::create(scratch / "vectors");
    std::array<float, 128> row{}, other{};
    std::normal_distribution<float> normal;
    for (int i = 0; i < 8000; ++i) {
        for (float& x : row) x = normal(random) * (1 + 0.3f * static_cast<float>(i % 7));
        vectors.append(row);
    }
    vectors.commit();
    for (float& x : row) x = 0.5f * normal(random);
    for (float& x : other) x = 0.5f * normal(random) + 1;
    auto index = VaIndex<>::create(scratch / "index", vectors);
    index.update(vectors);
    const float most = search(vectors, KnnQuery{other, 6000}).back().distance();
    const std::array disks{DiskQuery{row, 1000}, DiskQuery{other, most}};
    for (const std::size_t limit : {1u, 5u, 50u, 500u}) {
        const DiskIntersectionQuery query{disks, limit};
        CHECK(index.search(vectors, query) == search(vectors, query));
        // With a filter, no block is read as a whole.
        CHECK(index.search(vectors, query, [](Id) { return true; }) == search(vectors, query));
    }
}

TEST_CASE("a graph orders and cuts the rows of a range that it finds") {
    const ScratchDirectory scratch;
    const auto docs = docs_in(scratch / "docs");
    auto index = HnswIndex<>::create(scratch / "graph", docs, {.m = 8});
    index.update(docs);
    std::mt19937 random(6);
    each_query(vector_of(random), [&](const auto& all, const auto& limited) {
        CHECK(index.search(docs, limited) == sorted_and_cut(index.search(docs, all), limited.limit));
    });
}

}  // namespace test_search_limit
