// The bounds of detail/va/bounds.hpp: for hostile rows and every instruction set, the key that the kernel computes lies
// between the bounds of the line. tests/crash/mutations/va.txt removes terms of the bounds; each removal must fail.
#include "va_bounds.hpp"

#include <limits>
#include <vector>

#include "catch.hpp"
#include "test_search_support.hpp"

namespace test_va_bounds {

namespace {

using va_support::Bounds;
using va_support::Embeddings;

template <class M, class S>
void check_adversaries(std::size_t dim, std::size_t levels, float scale, float offset) {
    CAPTURE(dim, levels, scale, offset);
    CHECK(va_support::wrong_adversaries<M, S>(dim, levels, scale, offset) == 0);
}

}  // namespace

TEST_CASE("bounds hold for rows and queries of embeddings, near-duplicates and far ones", "[va][long]") {
    search_support::with_each_instruction_set([](mapvec::InstructionSet) {
        for (const std::size_t levels : {1u, 2u}) {
            check_adversaries<mapvec::SquaredL2, float>(40, levels, 1, 0);
            check_adversaries<mapvec::SquaredL2, float>(130, levels, 1, 0);
            check_adversaries<mapvec::InnerProduct, float>(130, levels, 1, 0);
            check_adversaries<mapvec::Cosine, float>(130, levels, 1, 0);
            check_adversaries<mapvec::NormalizedCosine, float>(130, levels, 1, 0);
        }
    });
}

TEST_CASE("bounds hold if rows are far longer than the distances between them", "[va][long]") {
    search_support::with_each_instruction_set([](mapvec::InstructionSet) {
        check_adversaries<mapvec::SquaredL2, float>(120, 2, 1, 10000);
        check_adversaries<mapvec::SquaredL2, float>(120, 1, 1e-4f, 1);
        check_adversaries<mapvec::SquaredL2, double>(120, 2, 1, 1e6f);
        check_adversaries<mapvec::InnerProduct, float>(120, 2, 1, 1000);
        check_adversaries<mapvec::InnerProduct, double>(120, 2, 1e-3f, 1);
        check_adversaries<mapvec::Cosine, float>(120, 2, 1e-3f, 1);
        check_adversaries<mapvec::NormalizedCosine, float>(120, 2, 1, 1000);
    });
}

TEST_CASE("bounds hold for very large and very small numbers", "[va]") {
    for (const float scale : {1e-30f, 1e-19f, 1e-12f, 1e-9f, 1e9f, 1e13f, 1e18f}) {
        Embeddings embeddings(110, 5);
        std::vector<float> rows = embeddings.rows<float>(300);
        for (float& x : rows) x *= scale;
        std::vector<float> query = embeddings.query();
        for (float& x : query) x *= scale;
        CAPTURE(scale);
        Bounds<mapvec::SquaredL2, float> distances(rows, 110, 2);
        CHECK(distances.wrong(rows, query) == 0);
        Bounds<mapvec::InnerProduct, float> products(rows, 110, 2);
        CHECK(products.wrong(rows, query) == 0);
        Bounds<mapvec::Cosine, float> cosines(rows, 110, 2);
        CHECK(cosines.wrong(rows, query) == 0);
    }
}

TEST_CASE("bounds hold for rows unlike those that the axes were computed from", "[va]") {
    Embeddings embeddings(100, 1), others(100, 99);
    Bounds<mapvec::SquaredL2, float> bounds(embeddings.rows<float>(500), 100, 2);
    std::vector<float> rows = others.rows<float>(500);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = rows[i] * 30 + static_cast<float>(i % 100);
    for (int q = 0; q < 5; ++q) {
        CHECK(bounds.wrong(rows, others.query()) == 0);
        CHECK(bounds.wrong(rows, {rows.begin() + q * 100, rows.begin() + q * 100 + 100}) == 0);
    }
}

TEST_CASE("bounds hold for rows without a line: NaN, or without direction", "[va]") {
    Embeddings embeddings(100, 1);
    std::vector<float> rows = embeddings.rows<float>(64);
    const float odd[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3e38f, -3e38f,
                         std::numeric_limits<float>::denorm_min()};
    for (std::size_t i = 0; i < 5; ++i) rows[i * 100 + 7 * i] = odd[i];
    std::fill(rows.begin() + 500, rows.begin() + 600, 0.0f);
    std::fill(rows.begin() + 600, rows.begin() + 700, 1e-42f);
    const std::vector<float> query = embeddings.query(), zeros(100);
    Bounds<mapvec::SquaredL2, float> distances(rows, 100, 2);
    CHECK(distances.wrong(rows, query) == 0);
    CHECK(distances.wrong(rows, zeros) == 0);
    Bounds<mapvec::Cosine, float> cosines(rows, 100, 2);
    CHECK(cosines.wrong(rows, query) == 0);
    Bounds<mapvec::InnerProduct, float> products(rows, 100, 2);
    CHECK(products.wrong(rows, query) == 0);
    CHECK(products.wrong(rows, zeros) == 0);
}

}  // namespace test_va_bounds
