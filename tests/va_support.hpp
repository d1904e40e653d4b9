// Helpers for tests of VaIndex: rows like embeddings, and the comparison with search(), bit by bit.
#pragma once

#include <mapvec/search.hpp>
#include <mapvec/search_batch.hpp>
#include <mapvec/va_index.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "catch.hpp"
#include "va_bounds.hpp"

namespace va_support {

using namespace mapvec;

inline bool same(const std::vector<Hit>& a, const std::vector<Hit>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i].id != b[i].id ||
            std::bit_cast<std::uint32_t>(a[i].value()) != std::bit_cast<std::uint32_t>(b[i].value()))
            return false;
    return true;
}

// Searches with one query in all ways.
template <class M, class Index, class Store, class Query>
void check_query(const Index& index, const Store& store, const Query& query) {
    const auto odd = [](Id id) { return id % 2 == 1; };
    std::vector<Id> ids;
    for (Id id = 0; id < store.size(); id += 1 + id % 3) ids.push_back(id % 7 == 0 ? id / 2 : id);
    CHECK(same(index.search(store, query), search<M>(store, query)));
    CHECK(same(index.search(store, query, odd, {.threads = 2}), search<M>(store, query, odd)));
    CHECK(same(index.search_ids(store, ids, query), search_ids<M>(store, ids, query)));
    std::vector<Hit> each;
    index.search_each(store, query, [&](const Hit& hit) { each.push_back(hit); });
    CHECK(same(each, search<M>(store, query)));
}

// Several queries at once: more than one group.
template <class M, class Index, class Store>
void check_batch(const Index& index, const Store& store, Embeddings& embeddings, std::size_t count) {
    std::vector<float> vectors;
    for (std::size_t q = 0; q < count; ++q) {
        const auto query = embeddings.query();
        vectors.insert(vectors.end(), query.begin(), query.end());
    }
    const auto third = [](Id id) { return id % 3 == 1; };
    const auto batch = index.search_batch(store, vectors, 7, {.threads = 2});
    const auto filtered = index.search_batch(store, vectors, 7, third);
    REQUIRE(batch.size() == count);
    for (std::size_t q = 0; q < count; ++q) {
        const KnnQuery query{std::span<const float>(vectors).subspan(q * store.dim(), store.dim()), 7};
        CHECK(same(batch[q], search<M>(store, query)));
        CHECK(same(filtered[q], search<M>(store, query, third)));
    }
}

// All kinds of queries around a vector, with bounds that match few rows and many.
template <class M, class Index, class Store>
void check_some_queries(const Index& index, const Store& store, const std::vector<float>& vector) {
    for (const std::size_t k : {std::size_t{1}, std::size_t{20}, store.size()}) {
        const auto truth = search<M>(store, KnnQuery{vector, k});
        CHECK(same(index.search(store, KnnQuery{vector, k}), truth));
        if (truth.empty()) continue;
        const float a = truth[truth.size() / 2].value(), b = truth.back().value();
        const bool squared = std::is_same_v<M, SquaredL2>;
        const RangeQuery range{vector, squared ? std::sqrt(std::min(a, b)) : std::min(a, b),
                               squared ? std::sqrt(std::max(a, b)) : std::max(a, b)};
        CHECK(same(index.search(store, range), search<M>(store, range)));
    }
}

template <class M, class Index, class Store>
void check_all_queries(const Index& index, const Store& store, const std::vector<float>& vector) {
    const auto all = search<M>(store, KnnQuery{vector, store.size()});
    const auto value = [&](double part) {
        if (all.empty()) return 1.0f;
        const float x = all[static_cast<std::size_t>(part * static_cast<double>(all.size() - 1))].value();
        return std::is_same_v<M, SquaredL2> ? std::sqrt(x) : x;
    };
    for (const std::size_t k : {std::size_t{1}, std::size_t{10}, store.size() / 2, store.size() + 1})
        check_query<M>(index, store, KnnQuery{vector, k});
    for (const double part : {0.0, 0.001, 0.02, 0.3, 1.0}) {
        const float near = std::min(value(0), value(part)), far = std::max(value(0), value(part));
        check_query<M>(index, store, DiskQuery{vector, value(part)});
        check_query<M>(index, store, RangeQuery{vector, near, far});
        check_query<M>(index, store,
                       RangeQuery{vector, std::min(value(part), value(1)), std::max(value(part), value(1))});
        check_query<M>(index, store, RingQuery{vector, value(part), std::abs(value(part)) * 0.05f});
        const std::vector<float> other(store[store.size() / 3].begin(), store[store.size() / 3].end());
        if constexpr (!std::is_same_v<M, SquaredL2>) continue;
        const std::vector<DiskQuery> disks = {{vector, value(part)}, {other, value(0.5)}};
        check_query<M>(index, store, DiskIntersectionQuery{disks});
    }
}

}  // namespace va_support
