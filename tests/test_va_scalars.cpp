// va_index.hpp for stores of other scalars than float: the hits are those of search(), bit by bit.
#include <filesystem>
#include <vector>

#include "scratch.hpp"
#include "va_support.hpp"

namespace test_va_scalars {

namespace {

using namespace va_support;

template <class M, class S>
void check_scalar(std::size_t dim) {
    const ScratchDirectory directory;
    Embeddings embeddings(dim, static_cast<unsigned>(dim));
    auto store = MmapVectorStore<dynamic_dim, S>::create(directory / "rows.vec", {.dim = dim});
    store.append_rows(embeddings.rows<S>(2 * MAPVEC_TEST_STEPS));
    store.commit();
    auto index = VaIndex<M>::create(directory / "rows.va", store);
    CHECK(index.update(store) == 2 * MAPVEC_TEST_STEPS);
    for (int q = 0; q < 3; ++q) {
        CAPTURE(dim, q);
        check_some_queries<M>(index, store, embeddings.query());
    }
}

}  // namespace

TEST_CASE("an index gives the hits of a search for every scalar", "[va]") {
    check_scalar<SquaredL2, double>(60);
    check_scalar<SquaredL2, float16>(150);
    check_scalar<SquaredL2, bfloat16>(150);
    check_scalar<SquaredL2, std::int8_t>(200);
    check_scalar<SquaredL2, std::uint8_t>(400);
    check_scalar<InnerProduct, double>(60);
    check_scalar<InnerProduct, std::uint8_t>(200);
    check_scalar<Cosine, double>(60);
    check_scalar<Cosine, std::int8_t>(200);
}

}  // namespace test_va_scalars
