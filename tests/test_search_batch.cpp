// search_batch.hpp: the results equal those of search(), bit by bit, for any data.
//
//   promise                                               broken by
//   near-duplicates far from the origin keep their order  |x|² + |q|² - 2xq used as the result
//   no candidate is lost to rounding                      no margin, or one without the row's or query's norm
//   huge, tiny, infinite, NaN rows                        an overflowing norm that excludes a near row
//   k differs, k = 0, k beyond the rows                   one k for all
//   a filter is called once for each row, and obeyed      a call per query; one accepted row opens a whole tile
#include <mapvec/search_batch.hpp>

#include <atomic>
#include <limits>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "test_search_support.hpp"

namespace test_search_batch {

using namespace mapvec;
using namespace search_support;

namespace {

// How many answers were compared.
template <class M, class S>
std::size_t check_batch(const Rows<S>& rows, const std::vector<std::vector<float>>& vectors, std::size_t k) {
    std::vector<KnnQuery> queries;
    for (const auto& vector : vectors) queries.push_back({vector, k + queries.size() % 3});
    std::size_t compared = 0;
    for (const unsigned threads : {1u, 2u, 7u}) {
        const auto hits = search_batch<M>(rows, queries, {.threads = threads});
        REQUIRE(hits.size() == queries.size());
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < queries.size(); ++i) wrong += hits[i] == search<M>(rows, queries[i]) ? 0u : 1u;
        const auto wanted = [](Id id) { return id % 300 >= 150 && id % 5 != 2; };  // some tiles have no wanted row
        const auto wanted_hits = search_batch<M>(rows, queries, wanted, {.threads = threads});
        for (std::size_t i = 0; i < queries.size(); ++i)
            wrong += wanted_hits.at(i) == search<M>(rows, queries[i], wanted) ? 0u : 1u;
        INFO("threads " << threads << ", dim " << rows.width << ", queries " << queries.size());
        CHECK(wrong == 0);
        compared += hits.size();
    }
    return compared;
}

// How many answers were compared.
template <class S>
std::size_t check_type() {
    std::size_t compared = 0;
    with_each_instruction_set([&](InstructionSet set) {
        INFO(to_string(set) << ", " << to_string(scalar_type_of<S>));
        Numbers numbers(31);
        for (const std::size_t dim : std::vector<std::size_t>{1, 2, 3, 7, 16, 31, 100, 384}) {
            for (const std::size_t count : std::vector<std::size_t>{1, 3, 130, 1501}) {
                const auto rows = numbers.rows<S>(count, dim);
                std::vector<std::vector<float>> queries;
                for (std::size_t i = 0; i < 1 + dim % 60; ++i) queries.push_back(numbers.query(dim));
                compared += check_batch<SquaredL2>(rows, queries, 5);
                compared += check_batch<InnerProduct>(rows, queries, 5);
            }
        }
    });
    return compared;
}

std::vector<std::vector<float>> some_rows(const Rows<float>& rows, std::size_t step) {
    std::vector<std::vector<float>> result;
    for (std::size_t i = 0; i < rows.count(); i += step) result.emplace_back(rows.row(i).begin(), rows.row(i).end());
    return result;
}

}  // namespace

TEST_CASE("a batch over float rows answers as single searches do") { CHECK(check_type<float>() >= 3168); }
TEST_CASE("a batch over double rows answers as single searches do") { CHECK(check_type<double>() >= 3168); }
TEST_CASE("a batch over int8 rows answers as single searches do") { CHECK(check_type<std::int8_t>() >= 3168); }
TEST_CASE("a batch over uint8 rows answers as single searches do") { CHECK(check_type<std::uint8_t>() >= 3168); }
TEST_CASE("a batch over float16 rows answers as single searches do") { CHECK(check_type<float16>() >= 3168); }
TEST_CASE("a batch over bfloat16 rows answers as single searches do") { CHECK(check_type<bfloat16>() >= 3168); }

TEST_CASE("near-duplicates far from the origin keep their exact distances in a batch") {
    with_each_instruction_set([](InstructionSet set) {
        INFO(to_string(set));
        Numbers numbers(32);
        for (const float offset : {100.0f, 1e4f, 1e6f}) {
            Rows<float> rows{{}, 24};
            for (std::size_t i = 0; i < 3000 * 24; ++i) {
                rows.scalars.push_back(offset + offset * 0x1p-22f * static_cast<float>(numbers.below(64)));
            }
            CHECK(check_batch<SquaredL2>(rows, some_rows(rows, 101), 10) == 3 * 30);
            CHECK(check_batch<InnerProduct>(rows, some_rows(rows, 101), 10) == 3 * 30);
        }
    });
}

TEST_CASE("rows so small that their squared norms vanish keep the order of their products in a batch") {
    with_each_instruction_set([](InstructionSet set) {
        INFO(to_string(set));
        Numbers numbers(33);
        for (const float scale : {1e-15f, 1e-22f, 1e-23f, 1e-24f, 1e-30f}) {
            const std::vector<float> base = numbers.query(24);
            Rows<float> rows{{}, 24};
            for (std::size_t i = 0; i < 4000 * 24; ++i)
                rows.scalars.push_back(base[i % 24] * scale * (1 + 0x1p-23f * static_cast<float>(numbers.below(8))));
            std::vector<std::vector<float>> queries;
            for (int i = 0; i < 16; ++i) queries.push_back(numbers.query(24));
            CHECK(check_batch<InnerProduct>(rows, queries, 10) == 3 * 16);
            CHECK(check_batch<SquaredL2>(rows, queries, 10) == 3 * 16);
        }
    });
}

TEST_CASE("a batch is right for rows and queries of any magnitude, infinities and NaN") {
    with_each_instruction_set([](InstructionSet set) {
        INFO(to_string(set));
        Numbers numbers(33);
        for (const float scale : {1e-42f, 1e-22f, 1e-3f, 1e15f, 1e18f, 1.2e19f, 1e36f}) {
            auto rows = numbers.rows<float>(2000, 10);
            for (float& x : rows.scalars) x *= scale;
            for (std::size_t i = 0; i < 2000; i += 17)
                rows.scalars[i * 10 + 3] = std::numeric_limits<float>::quiet_NaN();
            for (std::size_t i = 5; i < 2000; i += 31) rows.scalars[i * 10] = std::numeric_limits<float>::infinity();
            std::vector<std::vector<float>> queries;
            for (int i = 0; i < 30; ++i) {
                queries.push_back(numbers.query(10));
                const float other = i % 3 == 0 ? 1.0f : scale;
                for (float& x : queries.back()) x *= other;
            }
            for (std::size_t i = 1; i < 1990; i += 170) {
                if (std::isfinite(rows.scalars[i * 10])) queries.emplace_back(rows.row(i).begin(), rows.row(i).end());
            }
            std::erase_if(queries, [](const auto& query) {
                return std::any_of(query.begin(), query.end(), [](float x) { return !std::isfinite(x); });
            });
            INFO("scale " << scale);
            CHECK(check_batch<SquaredL2>(rows, queries, 7) == 3 * queries.size());
            CHECK(check_batch<InnerProduct>(rows, queries, 7) == 3 * queries.size());
        }
    });
}

TEST_CASE("a batch calls its filter once for each row, and its exception reaches the caller") {
    Numbers numbers(37);
    const auto rows = numbers.rows<float>(3000, 20);
    const std::vector<float> queries = numbers.rows<float>(9, 20).scalars;
    for (const unsigned threads : {1u, 3u}) {
        std::vector<std::atomic<int>> asked(3000);
        const auto count = [&](Id id) { return ++asked.at(id) == 1 && id % 1000 == 7; };
        const auto hits = search_batch<SquaredL2>(rows, queries, 5, count, {.threads = threads});
        CHECK(hits.size() == 9);
        CHECK(std::all_of(hits.begin(), hits.end(), [](const auto& each) { return each.size() == 3; }));
        CHECK(std::all_of(asked.begin(), asked.end(), [](const auto& times) { return times == 1; }));

        const auto refuse = [](Id id) { return id == 2999 ? throw std::runtime_error("no") : true; };
        CHECK_THROWS_AS(search_batch<SquaredL2>(rows, queries, 5, refuse, {.threads = threads}), std::runtime_error);
        CHECK_THROWS_AS(search_batch<Cosine>(rows, queries, 5, refuse, {.threads = threads}), std::runtime_error);
    }
}

TEST_CASE("queries of a batch with k = 0 get nothing, and the others all their hits") {
    Numbers numbers(38);
    const auto rows = numbers.rows<float>(2000, 16);
    const auto query = numbers.query(16);
    std::vector<KnnQuery> queries(12, KnnQuery{query, 0});
    queries[3].k = queries[11].k = 7;
    const auto hits = search_batch<SquaredL2>(rows, queries);
    for (std::size_t i = 0; i < queries.size(); ++i) CHECK(hits[i] == search<SquaredL2>(rows, queries[i]));
}

TEST_CASE("many equal rows come in the order of ids in a batch") {
    const Rows<float> rows{std::vector<float>(3000 * 5, 2.0f), 5};
    CHECK(check_batch<SquaredL2>(rows, std::vector<std::vector<float>>(25, std::vector<float>(5, 1.0f)), 40) == 3 * 25);
}

TEST_CASE("cosine answers in a batch as in single searches") {
    Numbers numbers(34);
    const auto rows = numbers.rows<float>(1000, 19);
    CHECK(check_batch<Cosine>(rows, some_rows(rows, 40), 8) == 3 * 25);
    CHECK(check_batch<NormalizedCosine>(rows, some_rows(rows, 40), 8) == 3 * 25);
}

TEST_CASE("queries of a batch have their own k; zero finds nothing, too many all rows") {
    Numbers numbers(35);
    const auto rows = numbers.rows<float>(300, 6);
    std::vector<std::vector<float>> vectors;
    std::vector<KnnQuery> queries;
    for (std::size_t i = 0; i < 10; ++i) vectors.push_back(numbers.query(6));
    for (std::size_t i = 0; i < 10; ++i) queries.push_back({vectors[i], i * 40});
    const auto hits = search_batch(rows, queries);
    CHECK(hits[0].empty());
    CHECK(hits[9].size() == 300);
    for (std::size_t i = 0; i < 10; ++i) CHECK(hits[i] == search(rows, queries[i]));
}

TEST_CASE("a batch of row-major queries is the same batch") {
    Numbers numbers(36);
    const auto rows = numbers.rows<float>(300, 6);
    const auto flat = numbers.query(6 * 12);
    const auto hits = search_batch(rows, flat, 4);
    REQUIRE(hits.size() == 12);
    for (std::size_t i = 0; i < 12; ++i) {
        CHECK(hits[i] == search(rows, KnnQuery{std::span<const float>(flat).subspan(i * 6, 6), 4}));
    }
    CHECK(code_of([&] { (void)search_batch(rows, numbers.query(7), 4); }) == ErrorCode::dimension_mismatch);
}

TEST_CASE("a batch is checked like its queries, and empty ones are no error") {
    const Rows<float> rows{{1, 2, 3, 4}, 2};
    const std::vector<float> good = {0, 0}, bad = {0, std::numeric_limits<float>::infinity()};
    const std::vector<KnnQuery> mixed = {{good, 1}, {bad, 1}};
    CHECK(code_of([&] { (void)search_batch(rows, mixed); }) == ErrorCode::invalid_argument);
    try {
        (void)search_batch(rows, mixed);
    } catch (const Error& error) {
        CHECK(std::string(error.what()).starts_with("mapvec: query 1 of the batch: query element: expected"));
        CHECK(std::string(error.what()).ends_with(" [invalid_argument]"));
        CHECK(std::string(error.what()).find("[invalid_argument]") == std::string(error.what()).rfind('['));
    }
    CHECK(search_batch(rows, std::span<const KnnQuery>{}).empty());
    const Rows<float> empty{{}, 2};
    const std::vector<KnnQuery> one = {{good, 1}};
    CHECK(search_batch(empty, one, {.threads = 0}) == std::vector<std::vector<Hit>>(1));
}

}  // namespace test_search_batch
