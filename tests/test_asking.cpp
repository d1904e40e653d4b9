// search() and its relatives work for a store and a collection, as functions and as members, and a hit knows the unit
// of its number.
#include <cmath>
#include <mapvec/mapvec.hpp>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_asking {

using namespace mapvec;

namespace {

const std::vector<float> query{1, 0};

}  // namespace

TEST_CASE("a store is asked by a member and by a function alike") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "v");
    store.append({1.0f, 0.0f});
    store.append({0.0f, 2.0f});
    const auto second = [](Id id) { return id == 1; };

    CHECK(store.search(KnnQuery{query, 2}) == search(store, KnnQuery{query, 2}));
    CHECK(store.search(KnnQuery{query, 2}, second) == search(store, KnnQuery{query, 2}, second));
    CHECK(store.search<Cosine>(KnnQuery{query, 2}) == search<Cosine>(store, KnnQuery{query, 2}));
    CHECK(search(store, {.query = query, .k = 1}).front().id == 0);
}

TEST_CASE("a collection answers every kind of search without its erased rows") {
    const ScratchDirectory scratch;
    auto collection = Collection<2, int>::create(scratch / "c");
    for (int i = 0; i < 4; ++i) collection.append({static_cast<float>(i), 0.0f}, i);
    collection.erase(1);
    const std::vector<Id> ids{3, 1, 2};
    const DiskQuery all{query, 10};

    CHECK(search(collection, all) == collection.search(all));
    CHECK(search(collection, all).size() == 3);
    CHECK(collection.search({.query = query, .k = 1}).front().id == 0);
    CHECK(search_ids(collection, ids, all) == std::vector<Hit>{{3, 4.0f}, {2, 1.0f}});
    CHECK(search_batch(collection, std::vector<KnnQuery>{{query, 1}}).front().front().id == 0);
    std::vector<Id> visited;
    search_each(collection, all, [&](const Hit& hit) { visited.push_back(hit.id); });
    CHECK(visited == std::vector<Id>{0, 2, 3});
}

TEST_CASE("search_each() with a filter visits the hits of search() with that filter") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "v");
    for (int i = 0; i < 100; ++i) store.append({static_cast<float>(i), 1.0f});
    const auto odd = [](Id id) { return id % 2 == 1; };

    std::vector<Hit> visited;
    search_each(store, DiskQuery{query, 50}, odd, [&](const Hit& hit) { visited.push_back(hit); });
    CHECK(visited == search(store, DiskQuery{query, 50}, odd));
    CHECK(visited.size() == 25);
}

TEST_CASE("a hit holds the metric's value, and distance() is NaN for an inner product") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "v");
    store.append({3.0f, 4.0f});

    const Hit euclidean = search(store, KnnQuery{query, 1}).front();
    CHECK(euclidean.value() == std::sqrt(20.0f));
    CHECK(euclidean.distance() == euclidean.value());
    const Hit cosine = search<Cosine>(store, KnnQuery{query, 1}).front();
    CHECK(std::abs(cosine.value() - 0.4f) < 1e-6f);
    CHECK(cosine.distance() == cosine.value());
    const Hit product = search<InnerProduct>(store, KnnQuery{query, 1}).front();
    CHECK(product.value() == 3.0f);
    CHECK(std::isnan(product.distance()));
}

}  // namespace test_asking
