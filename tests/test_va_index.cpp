// What va_index.hpp promises: the hits of search(), to the bit, for every query, metric and scalar.
#include "va_support.hpp"

#include <filesystem>
#include <vector>

#include "scratch.hpp"

namespace test_va_index {

namespace {

using namespace va_support;

template <class M, class S>
void check_metric(std::size_t dim, std::size_t count) {
    const ScratchDirectory directory;
    Embeddings embeddings(dim, static_cast<unsigned>(dim + count));
    auto store = MmapVectorStore<dynamic_dim, S>::create(directory / "rows.vec", {.dim = dim});
    store.append_rows(embeddings.rows<S>(count));
    store.commit();
    auto index = VaIndex<M>::create(directory / "rows.va", store);
    CHECK(index.update(store) == count);
    for (int q = 0; q < 3; ++q) {
        CAPTURE(dim, count, q);
        check_all_queries<M>(index, store, embeddings.query());
    }
    check_batch<M>(index, store, embeddings, 3);
    check_batch<M>(index, store, embeddings, 40);
}

}  // namespace

TEST_CASE("an index gives the hits of a search for every metric", "[va]") {
    check_metric<SquaredL2, float>(100, 3 * MAPVEC_TEST_STEPS);
    check_metric<InnerProduct, float>(100, 3 * MAPVEC_TEST_STEPS);
    check_metric<Cosine, float>(100, 3 * MAPVEC_TEST_STEPS);
    check_metric<NormalizedCosine, float>(100, 3 * MAPVEC_TEST_STEPS);
}

TEST_CASE("an index gives the hits of a search for every length of rows", "[va]") {
    for (const std::size_t dim : {1u, 2u, 3u, 17u, 48u, 95u, 96u, 97u, 193u, 800u})
        check_metric<SquaredL2, float>(dim, 700);
    check_metric<Cosine, float>(17, 300);
    check_metric<InnerProduct, float>(20, 300);
}

TEST_CASE("an index gives the hits of a search for rows of thousands of numbers", "[va][long]") {
    check_metric<SquaredL2, float>(5000, 40);
    check_metric<SquaredL2, float>(20000, 20);
}

TEST_CASE("an index of few rows gives the hits of a search", "[va]") {
    for (const std::size_t count : {1u, 2u, 5u, 15u, 16u, 17u, 63u, 64u, 65u})
        check_metric<SquaredL2, float>(120, count);
}

TEST_CASE("lines exclude most rows", "[va]") {
    const ScratchDirectory directory;
    Embeddings embeddings(100, 3);
    auto store = MmapVectorStore<100>::create(directory / "rows.vec");
    store.append_rows(embeddings.rows<float>(20000));
    store.commit();
    auto index = VaIndex<>::create(directory / "rows.va", store);
    index.update(store);
    VaSearchStats stats;
    (void)index.search_counted(store, KnnQuery{embeddings.query(), 10}, stats);
    CHECK(stats.rows == 20000);
    CHECK(stats.measured_rows < 1000);
    const auto near = search(store, KnnQuery{embeddings.query(), 200});
    (void)index.search_counted(store, DiskQuery{embeddings.query(), near.back().distance()}, stats);
    CHECK(stats.measured_rows < 4000);
}

}  // namespace test_va_index
