// metric.hpp in searches: for each metric, which rows are near, what bounds mean, and what a hit holds.
#include <mapvec/search.hpp>

#include <limits>

#include "catch.hpp"
#include "test_search_support.hpp"

namespace test_search_metric {

using namespace mapvec;
using namespace search_support;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<Id> ids_of(const std::vector<Hit>& hits) {
    std::vector<Id> ids;
    for (const Hit& hit : hits) ids.push_back(hit.id);
    return ids;
}

}  // namespace

TEST_CASE("inner product: the largest products are nearest, bounds are products, hits hold them") {
    const Rows<float> rows{{1, 0, 0, 2, -3, 0, 4, 4, 0, 2}, 2};  // products with (2, 1): 2, 2, -6, 12, 2
    const std::vector<float> query = {2, 1};
    const auto nearest = search<InnerProduct>(rows, KnnQuery{query, 4});
    CHECK(nearest == std::vector<Hit>{{3, 12}, {0, 2}, {1, 2}, {4, 2}});
    CHECK(ids_of(search<InnerProduct>(rows, RangeQuery{query, -6, 2})) == std::vector<Id>{0, 1, 2, 4});
    CHECK(ids_of(search<InnerProduct>(rows, RangeQuery{query, -infinity, -1})) == std::vector<Id>{2});
    CHECK(ids_of(search<InnerProduct>(rows, DiskQuery{query, 2})) == std::vector<Id>{0, 1, 3, 4});
    CHECK(ids_of(search<InnerProduct>(rows, DiskQuery{query, -7})).size() == 5);
    CHECK(ids_of(search<InnerProduct>(rows, RingQuery{query, -6, 1})) == std::vector<Id>{2});
    CHECK(ids_of(search<InnerProduct>(rows, RingQuery{query, 1, 1})) == std::vector<Id>{0, 1, 4});
    const std::vector<float> other = {0, 1};
    const std::vector<DiskQuery> both = {{query, 2}, {other, 3}};
    CHECK(search<InnerProduct>(rows, DiskIntersectionQuery{both}) == std::vector<Hit>{{3, 12}});
}

TEST_CASE("cosine: 1 - cos, lengths do not matter, rows without direction match nothing") {
    const Rows<float> rows{{5, 0, 0, 7, -2, 0, 0, 0, 1, 1}, 2};
    const std::vector<float> query = {3, 0};
    const auto nearest = search<Cosine>(rows, KnnQuery{query, 9});
    CHECK(ids_of(nearest) == std::vector<Id>{0, 4, 1, 2});
    CHECK(nearest[0].distance_squared == 0.0f);
    CHECK(std::abs(nearest[1].distance_squared - 0.29289322f) < 3e-7f);
    CHECK(nearest[2].distance_squared == 1.0f);
    CHECK(nearest[3].distance_squared == 2.0f);
    CHECK(ids_of(search<Cosine>(rows, DiskQuery{query, 1})) == std::vector<Id>{0, 1, 4});
    CHECK(ids_of(search<Cosine>(rows, RangeQuery{query, 1, 2})) == std::vector<Id>{1, 2});
    CHECK(ids_of(search<Cosine>(rows, DiskQuery{query, 0})) == std::vector<Id>{0});
}

TEST_CASE("a hit is found again with its own value as the bound") {
    Numbers numbers(22);
    for (const std::size_t dim : std::vector<std::size_t>{1, 7, 64}) {
        for (int n = 0; n < 100; ++n) {
            auto rows = numbers.rows<float>(50, dim);
            const auto query = numbers.query(dim);
            const auto check = [&]<class M>(M, auto value_of) {
                const auto hits = search<M>(rows, KnnQuery{query, 10});
                const float bound = value_of(hits.back());
                std::size_t found = 0;
                for (const Hit& hit : search<M>(rows, DiskQuery{query, bound}))
                    found += std::count(hits.begin(), hits.end(), hit) > 0 ? 1u : 0u;
                CHECK(found == hits.size());
                const auto beyond = search<M>(rows, RangeQuery{query, std::min(bound, 1e9f), 1e9f});
                if (M::is_distance) CHECK(std::count(beyond.begin(), beyond.end(), hits.back()) == 1);
            };
            check(SquaredL2{}, [](const Hit& hit) { return hit.distance(); });
            check(InnerProduct{}, [](const Hit& hit) { return hit.distance_squared; });
            check(Cosine{}, [](const Hit& hit) { return hit.distance_squared; });
            for (std::size_t i = 0; i < rows.count(); ++i) {
                float norm = 0;
                for (const float x : rows.row(i)) norm += x * x;
                for (std::size_t j = 0; j < dim; ++j) rows.scalars[i * dim + j] /= std::sqrt(norm);
            }
            check(NormalizedCosine{}, [](const Hit& hit) { return hit.distance_squared; });
        }
    }
}

TEST_CASE("normalised cosine agrees with cosine on rows of length 1") {
    Numbers numbers(21);
    for (const std::size_t dim : std::vector<std::size_t>{2, 30, 129}) {
        auto rows = numbers.rows<float>(500, dim);
        for (std::size_t i = 0; i < rows.count(); ++i) {
            double norm = 0;
            for (const float x : rows.row(i)) norm += double{x} * x;
            for (std::size_t j = 0; j < dim; ++j) {
                rows.scalars[i * dim + j] = static_cast<float>(rows.scalars[i * dim + j] / std::sqrt(norm));
            }
        }
        const auto query = numbers.query(dim);
        const auto full = search<Cosine>(rows, RangeQuery{query, 0, 2});
        const auto short_way = search<NormalizedCosine>(rows, RangeQuery{query, 0, 2});
        REQUIRE(full.size() == 500);
        REQUIRE(short_way.size() == 500);
        bool close = true;
        for (std::size_t i = 0; i < 500; ++i) {
            close &= std::abs(full[i].distance_squared - short_way[i].distance_squared) < 3e-6f;
        }
        CHECK(close);
    }
    const Rows<float> exact{{1, 0, 0, 1, -1, 0}, 2};
    const std::vector<float> query = {4, 0};
    CHECK(search<NormalizedCosine>(exact, RangeQuery{query, 1, 2}) == std::vector<Hit>{{1, 1}, {2, 2}});
    CHECK(search<NormalizedCosine>(exact, DiskQuery{query, 0}) == std::vector<Hit>{{0, 0}});
}

TEST_CASE("every metric's nearest rows are those of its reference, for every scalar") {
    const auto check = []<class M, class S>(M, S) {
        Numbers numbers(22);
        for (const std::size_t dim : std::vector<std::size_t>{3, 17, 100}) {
            const auto rows = numbers.rows<S>(400, dim);
            const auto query = numbers.query(dim);
            const auto hits = search<M>(rows, KnnQuery{query, 400});
            bool right = hits.size() >= 399;  // uint8 rows may be all zeros
            for (std::size_t i = 0; i < hits.size(); ++i) {
                const double exact = M::template reference<S>(rows.row(hits[i].id), query);
                right &= std::abs(hits[i].distance_squared - exact) <= 1e-5 * (std::abs(exact) + 1e4);
                if (i > 0 && M::is_distance) right &= hits[i - 1].distance_squared <= hits[i].distance_squared;
                if (i > 0 && !M::is_distance) right &= hits[i - 1].distance_squared >= hits[i].distance_squared;
            }
            CHECK(right);
        }
    };
    const auto check_all = [&]<class S>(S scalar) {
        check(SquaredL2{}, scalar);
        check(InnerProduct{}, scalar);
        check(Cosine{}, scalar);
    };
    check_all(0.0f);
    check_all(0.0);
    check_all(std::int8_t{});
    check_all(std::uint8_t{});
    check_all(float16(0.0f));
    check_all(bfloat16(0.0f));
}

}  // namespace test_search_metric
