// search.hpp against a plain loop in double. The rows have numbers whose sums are exact in float, so that bounds and
// ties are met exactly.
//
//   promise                                              broken by
//   bounds are inclusive on both sides                   < for <=, a bound rounded inwards
//   ascending ids; kNN nearest first, ties by id         pieces merged in the wrong order, a heap ordered by key alone
//   the same hits for any number of threads              a lost piece, a row at a border found twice
//   every scalar type, dims 1 to 70 and large, ragged    lost tails
//   a filter is called first, once for each row           distances of rejected rows, a second call
//   one snapshot                                         data() called twice
//   errors before any row is read                        late checks
#include <mapvec/search.hpp>

#include <atomic>
#include <limits>
#include <stdexcept>

#include "catch.hpp"
#include "test_search_support.hpp"

namespace test_search {

using namespace mapvec;
using namespace search_support;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

template <class S>
std::vector<Hit> expected_range(const Rows<S>& rows, const std::vector<float>& query, double min, double max) {
    std::vector<Hit> hits;
    for (std::size_t i = 0; i < rows.count(); ++i) {
        const double squared = SquaredL2::reference<S>(rows.row(i), query);
        if (squared >= min * min && squared <= max * max) hits.push_back({i, static_cast<float>(squared)});
    }
    return hits;
}

template <class S>
std::vector<Hit> expected_nearest(const Rows<S>& rows, const std::vector<float>& query, std::size_t k) {
    auto hits = expected_range(rows, query, 0, 1e30);
    std::stable_sort(hits.begin(), hits.end(),
                     [](const Hit& a, const Hit& b) { return a.distance_squared < b.distance_squared; });
    hits.resize(std::min(k, hits.size()));
    return hits;
}

// A distance that some row has exactly, to test inclusive bounds.
template <class S>
float some_distance(const Rows<S>& rows, const std::vector<float>& query, std::size_t row) {
    return static_cast<float>(std::sqrt(SquaredL2::reference<S>(rows.row(row % rows.count()), query)));
}

template <class S>
void check_searches(const Rows<S>& rows, const std::vector<float>& query, unsigned threads) {
    const SearchOptions options{.threads = threads};
    const float first = some_distance(rows, query, 3), last = first + 10;
    if (search(rows, RangeQuery{query, first, last}, options) != expected_range(rows, query, first, last) &&
        std::sqrt(first * first) == first && first == std::floor(first))
        FAIL("range");
    const float third = std::floor(some_distance(rows, query, 1));
    if (search(rows, RangeQuery{query, third, third + 5}, options) != expected_range(rows, query, third, third + 5))
        FAIL("range on whole bounds");
    if (search(rows, DiskQuery{query, third}, options) != expected_range(rows, query, 0, third)) FAIL("disk");
    if (search(rows, RingQuery{query, third, 2}, options) !=
        expected_range(rows, query, std::max(0.0f, third - 2), third + 2))
        FAIL("ring");
    for (const std::size_t k : std::vector<std::size_t>{0, 1, 10, rows.count(), rows.count() + 5}) {
        if (search(rows, KnnQuery{query, k}, options) != expected_nearest(rows, query, k)) FAIL("k = " << k);
    }
}

// The number of searched sets of rows: one for each dimension and instruction set.
template <class S>
std::size_t check_type() {
    std::size_t searched = 0;
    std::vector<std::size_t> dims = {100, 128, 384, 768, 1536};
    for (std::size_t dim = 1; dim <= 70; ++dim) dims.push_back(dim);
    with_each_instruction_set([&](InstructionSet set) {
        INFO(to_string(set) << ", " << to_string(scalar_type_of<S>));
        Numbers numbers(3);
        for (const std::size_t dim : dims) {
            const std::size_t count = 1 + numbers.below(dim > 100 ? 50 : 300);
            INFO("dim " << dim << ", rows " << count);
            check_searches(numbers.whole_rows<S>(count, dim), numbers.whole_query(dim), 1);
            ++searched;
        }
    });
    return searched;
}

}  // namespace

TEST_CASE("a source that returns its rows by value does not compile") {
    struct Copies {
        std::size_t dim() const { return 1; }
        std::vector<float> data() const { return {1.0f}; }
    };
    struct Refers {
        std::size_t dim() const { return 1; }
        const std::vector<float>& data() const { return rows; }
        std::vector<float> rows;
    };
    STATIC_REQUIRE((!RowSource<Copies> && RowSource<Refers> && RowSource<Rows<float>>));
}

TEST_CASE("all searches over float rows find what a plain loop finds") { CHECK(check_type<float>() >= 75); }
TEST_CASE("all searches over double rows find what a plain loop finds") { CHECK(check_type<double>() >= 75); }
TEST_CASE("all searches over int8 rows find what a plain loop finds") { CHECK(check_type<std::int8_t>() >= 75); }
TEST_CASE("all searches over uint8 rows find what a plain loop finds") { CHECK(check_type<std::uint8_t>() >= 75); }
TEST_CASE("all searches over float16 rows find what a plain loop finds") { CHECK(check_type<float16>() >= 75); }
TEST_CASE("all searches over bfloat16 rows find what a plain loop finds") { CHECK(check_type<bfloat16>() >= 75); }

TEST_CASE("results do not depend on the number of threads", "[long]") {
    Numbers numbers(5);
    for (const std::size_t dim : std::vector<std::size_t>{3, 25, 128}) {
        const auto rows = numbers.whole_rows<float>(12'000'000 / (4 * dim) + 7, dim);  // several pieces of 1 MiB
        const auto query = numbers.whole_query(dim);
        const float distance = std::floor(some_distance(rows, query, 1));
        const std::vector<DiskQuery> disks = {{query, distance}, {query, distance + 1}};
        const auto ring = search(rows, RingQuery{query, distance, 1});
        REQUIRE(ring.size() > 100);
        REQUIRE(ring == expected_range(rows, query, distance - 1, distance + 1));
        for (const unsigned threads : {0u, 1u, 2u, 7u}) {
            INFO("dim " << dim << ", threads " << threads);
            const SearchOptions options{.threads = threads};
            CHECK(search(rows, RingQuery{query, distance, 1}, options) == ring);
            CHECK(search(rows, KnnQuery{query, 1000}, options) == expected_nearest(rows, query, 1000));
            CHECK(search(rows, DiskIntersectionQuery{disks}, options) == expected_range(rows, query, 0, distance));
            std::vector<Hit> streamed;
            search_each(
                rows, RingQuery{query, distance, 1}, [&](const Hit& hit) { streamed.push_back(hit); }, options);
            CHECK(streamed == ring);
        }
    }
}

TEST_CASE("bounds are exactly inclusive, also if they are not squares of floats") {
    const Rows<float> line{{0.1f, 0.2f, 0.3f, 0.7f, -0.1f}, 1};
    const std::vector<float> zero = {0};
    CHECK(search(line, DiskQuery{zero, 0.1f}) == std::vector<Hit>{{0, 0.1f * 0.1f}, {4, 0.1f * 0.1f}});
    CHECK(search(line, RangeQuery{zero, 0.7f, 0.7f}).size() == 1);
    CHECK(search(line, RangeQuery{zero, 0.3f, 0.7f}).size() == 2);
    CHECK(search(line, RingQuery{zero, 0.3f, 0}).size() == 1);
    Numbers numbers(9);
    for (int i = 0; i < 2000; ++i) {
        const float x = numbers.fraction(), d = std::abs(x);
        const Rows<float> one{{x}, 1};
        if (search(one, RangeQuery{zero, d, d}).size() != 1) FAIL("distance " << d);
        const float tolerance = d / 3;
        const Rows<float> edges{{d + tolerance, d - tolerance}, 1};
        if (search(edges, RingQuery{zero, d, tolerance}).size() != 2) FAIL("ring " << d);
    }
    const Rows<float> pythagoras{{3, 4, 6, 8, 0, 5, 5, 1}, 2};
    CHECK(search(pythagoras, RangeQuery{std::vector<float>{0, 0}, 5, 10}).size() == 4);
    CHECK(search(pythagoras, DiskQuery{std::vector<float>{0, 0}, 5}).size() == 2);
}

TEST_CASE("a ring's lower bound is clamped to zero, and infinite bounds take everything but NaN") {
    const Rows<float> line{{0, 1, nan_value, infinity, 3e38f}, 1};
    const std::vector<float> zero = {0};
    CHECK(search(line, RingQuery{zero, 1, 5}).size() == 2);
    CHECK(search(line, DiskQuery{zero, infinity}).size() == 4);
    CHECK(search(line, RingQuery{zero, 1, infinity}).size() == 4);
    CHECK(search(line, RangeQuery{zero, 2, infinity}).size() == 2);
    CHECK(search(line, KnnQuery{zero, 10}).size() == 4);
    CHECK(search(line, KnnQuery{zero, 10})[0].id == 0);
    CHECK(search(line, RangeQuery{zero, 0, std::numeric_limits<float>::max()}).size() == 4);
    CHECK(search(line, DiskQuery{zero, 1e18f}).size() == 2);
}

TEST_CASE("rows that hold a NaN match nothing") {
    Numbers numbers(2);
    for (const std::size_t dim : std::vector<std::size_t>{1, 5, 31, 128}) {
        auto rows = numbers.whole_rows<float>(40, dim);
        for (std::size_t i = 0; i < 40; i += 3) rows.scalars[i * dim + numbers.below(dim)] = nan_value;
        const auto query = numbers.whole_query(dim);
        CHECK(search(rows, DiskQuery{query, infinity}).size() == 26);
        CHECK(search(rows, KnnQuery{query, 40}) == expected_nearest(rows, query, 40));
        CHECK(search<InnerProduct>(rows, KnnQuery{query, 40}).size() == 26);
        CHECK(search<Cosine>(rows, KnnQuery{std::vector<float>(dim, 1.0f), 40}).size() <= 26);
    }
}

TEST_CASE("ties come in the order of ids, also across threads") {
    const Rows<std::uint8_t> equal{std::vector<std::uint8_t>(4'000'000, 7), 1};
    const std::vector<float> query = {9};
    for (const unsigned threads : {1u, 2u, 7u}) {
        const auto hits = search(equal, KnnQuery{query, 500}, {.threads = threads});
        REQUIRE(hits.size() == 500);
        bool in_order = true;
        for (std::size_t i = 0; i < 500; ++i) in_order &= hits[i] == Hit{i, 4.0f};
        CHECK(in_order);
    }
}

TEST_CASE("an intersection holds the rows in all disks, with the distance to the first centre") {
    Numbers numbers(4);
    for (const std::size_t dim : std::vector<std::size_t>{2, 9, 40}) {
        const auto rows = numbers.whole_rows<std::int8_t>(3000, dim);
        const auto a = numbers.whole_query(dim), b = numbers.whole_query(dim), c = numbers.whole_query(dim);
        const float radius = std::floor(9 * std::sqrt(static_cast<float>(dim)));  // its square is exact
        const std::vector<DiskQuery> disks = {{a, radius}, {b, radius}, {c, radius}};
        std::vector<Hit> expected;
        for (const Hit& hit : expected_range(rows, a, 0, radius)) {
            const bool in_all = SquaredL2::reference<std::int8_t>(rows.row(hit.id), b) <= double{radius} * radius &&
                                SquaredL2::reference<std::int8_t>(rows.row(hit.id), c) <= double{radius} * radius;
            if (in_all) expected.push_back(hit);
        }
        REQUIRE_FALSE(expected.empty());
        CHECK(search(rows, DiskIntersectionQuery{disks}) == expected);
        const auto even = search(rows, DiskIntersectionQuery{disks}, [](Id id) { return id % 2 == 0; });
        std::erase_if(expected, [](const Hit& hit) { return hit.id % 2 != 0; });
        CHECK(even == expected);
    }
}

TEST_CASE("a filter is called before distances are computed, once for each row") {
    Numbers numbers(6);
    const auto rows = numbers.whole_rows<float>(60'000, 40);
    const auto query = numbers.whole_query(40);
    const float distance = std::floor(some_distance(rows, query, 1));
    for (const unsigned threads : {1u, 2u, 7u}) {
        const SearchOptions options{.threads = threads};
        for (const Id divisor : std::vector<Id>{1, 3, 1000, 100'000}) {
            std::atomic<std::size_t> calls{0};
            const auto filter = [&](Id id) {
                ++calls;
                return id % divisor == divisor - 1;
            };
            auto expected = expected_range(rows, query, 0, distance);
            std::erase_if(expected, [&](const Hit& hit) { return hit.id % divisor != divisor - 1; });
            CHECK(search(rows, DiskQuery{query, distance}, filter, options) == expected);
            CHECK(calls == rows.count());
            auto nearest = expected_nearest(rows, query, rows.count());
            std::erase_if(nearest, [&](const Hit& hit) { return hit.id % divisor != divisor - 1; });
            nearest.resize(std::min<std::size_t>(nearest.size(), 20));
            CHECK(search(rows, KnnQuery{query, 20}, filter, options) == nearest);
        }
    }
}

TEST_CASE("an exception of a filter or a visitor reaches the caller, and the next search works") {
    Numbers numbers(8);
    const auto rows = numbers.whole_rows<float>(100'000, 16);
    const auto query = numbers.whole_query(16);
    for (const unsigned threads : {1u, 2u, 7u}) {
        const SearchOptions options{.threads = threads};
        const auto filter = [](Id id) -> bool {
            if (id == 77'777) throw std::runtime_error("enough");
            return true;
        };
        CHECK_THROWS_AS((void)search(rows, DiskQuery{query, 5}, filter, options), std::runtime_error);
        CHECK_THROWS_AS((void)search(rows, KnnQuery{query, 5}, filter, options), std::runtime_error);
        CHECK_THROWS_AS(search_each(
                            rows, DiskQuery{query, infinity},
                            [](const Hit& hit) {
                                if (hit.id == 50'000) throw std::runtime_error("enough");
                            },
                            options),
                        std::runtime_error);
        CHECK(search(rows, KnnQuery{query, 5}, options) == expected_nearest(rows, query, 5));
    }
}

TEST_CASE("a visitor gets the hits of a search in its order and may stop") {
    Numbers numbers(10);
    const auto rows = numbers.whole_rows<float>(5000, 8);
    const auto query = numbers.whole_query(8);
    std::vector<Hit> seen;
    search_each(rows, KnnQuery{query, 50}, [&](const Hit& hit) { seen.push_back(hit); });
    CHECK(seen == search(rows, KnnQuery{query, 50}));
    seen.clear();
    search_each(rows, DiskQuery{query, infinity}, [&](const Hit& hit) {
        seen.push_back(hit);
        return hit.id < 99;
    });
    CHECK(seen.size() == 100);
}

TEST_CASE("a search over listed ids measures those rows only") {
    Numbers numbers(12);
    for (const std::size_t dim : std::vector<std::size_t>{1, 7, 33, 700}) {
        const auto rows = numbers.whole_rows<float>(900, dim);
        const auto query = numbers.whole_query(dim);
        const auto all = expected_range(rows, query, 0, 1e30);
        std::vector<Id> ids = {899, 0, 5, 5};
        for (int i = 0; i < 50; ++i) ids.push_back(numbers.below(900));
        const float distance = std::floor(some_distance(rows, query, 1));
        std::vector<Hit> expected, nearest;
        for (const Id id : ids) {
            nearest.push_back(all[id]);
            if (all[id].distance_squared <= distance * distance) expected.push_back(all[id]);
        }
        std::sort(nearest.begin(), nearest.end(), [](const Hit& a, const Hit& b) {
            return a.distance_squared != b.distance_squared ? a.distance_squared < b.distance_squared : a.id < b.id;
        });
        nearest.resize(9);
        CHECK(search_ids(rows, ids, DiskQuery{query, distance}) == expected);
        CHECK(search_ids(rows, ids, KnnQuery{query, 9}) == nearest);
        CHECK(search_ids(rows, {}, KnnQuery{query, 9}).empty());
        ids.push_back(900);
        CHECK(code_of([&] { (void)search_ids(rows, ids, KnnQuery{query, 9}); }) == ErrorCode::out_of_range);
    }
}

TEST_CASE("a search takes one snapshot of its source") {
    Numbers numbers(13);
    const auto rows = numbers.whole_rows<float>(100'000, 12);
    const auto query = numbers.whole_query(12);
    const auto snapshots_of = [&](auto f) {
        rows.snapshots = 0;
        f();
        return rows.snapshots;
    };
    CHECK(snapshots_of([&] { (void)search(rows, KnnQuery{query, 3}, {.threads = 2}); }) == 1);
    CHECK(snapshots_of([&] { (void)search(rows, DiskQuery{query, 3}, [](Id) { return true; }); }) == 1);
    CHECK(snapshots_of([&] { search_each(rows, DiskQuery{query, 3}, [](const Hit&) {}); }) == 1);
    CHECK(snapshots_of([&] { (void)search_ids(rows, std::vector<Id>{1}, KnnQuery{query, 3}); }) == 1);
}

TEST_CASE("invalid queries are refused") {
    const Rows<float> rows{{1, 2, 3, 4}, 2};
    const std::vector<float> good = {0, 0}, longer = {0, 0, 0}, not_finite = {0, infinity}, not_number = {nan_value, 0};
    const auto code = [&](const auto& query) { return code_of([&] { (void)search(rows, query); }); };
    CHECK(code(KnnQuery{longer, 1}) == ErrorCode::dimension_mismatch);
    CHECK(code(KnnQuery{{}, 1}) == ErrorCode::dimension_mismatch);
    CHECK(code(KnnQuery{longer, 0}) == ErrorCode::dimension_mismatch);
    CHECK(code(KnnQuery{not_finite, 1}) == ErrorCode::invalid_argument);
    CHECK(code(DiskQuery{not_number, 1}) == ErrorCode::invalid_argument);
    CHECK(code(DiskQuery{good, -1}) == ErrorCode::invalid_argument);
    CHECK(code(DiskQuery{good, nan_value}) == ErrorCode::invalid_argument);
    CHECK(code(RangeQuery{good, 2, 1}) == ErrorCode::invalid_argument);
    CHECK(code(RangeQuery{good, -1, 1}) == ErrorCode::invalid_argument);
    CHECK(code(RangeQuery{good, nan_value, 1}) == ErrorCode::invalid_argument);
    CHECK(code(RingQuery{good, 1, -1}) == ErrorCode::invalid_argument);
    CHECK(code(RingQuery{good, -1, 5}) == ErrorCode::invalid_argument);
    CHECK(code(RingQuery{good, nan_value, 1}) == ErrorCode::invalid_argument);
    CHECK(code(RingQuery{good, 1, nan_value}) == ErrorCode::invalid_argument);
    CHECK(code(RingQuery{good, infinity, infinity}) == ErrorCode::invalid_argument);
    CHECK(code(DiskIntersectionQuery{}) == ErrorCode::invalid_argument);
    const std::vector<DiskQuery> disks = {{good, 1}, {longer, 1}};
    CHECK(code(DiskIntersectionQuery{disks}) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] { (void)search<Cosine>(rows, KnnQuery{good, 1}); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { (void)search<Cosine>(rows, DiskQuery{good, -1}); }) == ErrorCode::invalid_argument);
    CHECK_FALSE(code_of([&] { (void)search<InnerProduct>(rows, DiskQuery{good, -1}); }));
}

TEST_CASE("an empty source has no hits, but its queries are checked") {
    const Rows<float> empty{{}, 4};
    CHECK(search(empty, KnnQuery{std::vector<float>(4), 3}, {.threads = 0}).empty());
    CHECK(search(empty, DiskQuery{std::vector<float>(4), infinity}, {.threads = 2}).empty());
    CHECK(code_of([&] { (void)search(empty, KnnQuery{std::vector<float>(3), 3}); }) == ErrorCode::dimension_mismatch);
}

TEST_CASE("an error about bounds contains the bounds") {
    const Rows<float> line{{1}, 1};
    const auto message_of = [&](const auto& query) {
        try {
            (void)search(line, query);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    const std::vector<float> q = {0};
    CHECK(message_of(RangeQuery{q, 1e-8f, 1e-9f}).find("9.99999994e-09 and 9.99999972e-10") != std::string::npos);
    CHECK(message_of(RingQuery{q, 1, -0.5f}).find("tolerance of a ring") != std::string::npos);
}

}  // namespace test_search
