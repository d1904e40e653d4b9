// TopK (detail/search/top_k.hpp) against a sorted list: the k smallest keys, ties by smallest id, in any order.
#include <mapvec/detail/search/top_k.hpp>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "catch.hpp"

namespace test_top_k {

using mapvec::detail::Candidate;
using mapvec::detail::TopK;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

bool equal(const std::vector<Candidate>& a, const std::vector<Candidate>& b) {
    return std::ranges::equal(a, b,
                              [](const Candidate& x, const Candidate& y) { return x.key == y.key && x.id == y.id; });
}

// Candidates with few different keys, in random order.
std::vector<Candidate> candidates(std::size_t count, std::mt19937& engine) {
    std::vector<Candidate> result;
    for (mapvec::Id id = 0; id < count; ++id) result.push_back({static_cast<float>(engine() % 7), id});
    std::shuffle(result.begin(), result.end(), engine);
    return result;
}

}  // namespace

TEST_CASE("the k smallest keys are kept, ties by smallest id, in any order of offers") {
    std::mt19937 engine(1);
    for (int turn = 0; turn < 200; ++turn) {
        const std::vector<Candidate> offered = candidates(40, engine);
        std::vector<Candidate> sorted = offered;
        std::sort(sorted.begin(), sorted.end());
        for (const std::size_t k : {0u, 1u, 2u, 5u, 17u, 40u, 50u}) {
            TopK best(k);
            for (const Candidate& candidate : offered)
                if (candidate.key <= best.limit()) best.offer(candidate.key, candidate.id);
            best.sort();
            REQUIRE(equal(best.entries(),
                          {sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(std::min(k, offered.size()))}));
        }
    }
}

TEST_CASE("the nearest of several lists do not depend on how the offers are divided") {
    std::mt19937 engine(2);
    for (int turn = 0; turn < 50; ++turn) {
        const std::vector<Candidate> offered = candidates(60, engine);
        TopK all(8), first(8), second(8);
        for (const Candidate& candidate : offered) {
            all.offer(candidate.key, candidate.id);
            (engine() % 2 == 0 ? first : second).offer(candidate.key, candidate.id);
        }
        first.offer_all(second);
        first.sort();
        all.sort();
        REQUIRE(equal(first.entries(), all.entries()));
    }
}

TEST_CASE("every key is within the limit until k are kept; then the limit is the largest of them") {
    TopK best(2);
    CHECK(best.limit() == infinity);
    best.offer(5, 0);
    CHECK(best.limit() == infinity);
    CHECK(best.has_room());
    best.offer(3, 1);
    CHECK(best.limit() == 5);
    CHECK_FALSE(best.has_room());
    best.offer(4, 2);
    CHECK(best.limit() == 4);
    best.reset(0);
    CHECK(best.limit() == -infinity);
    best.offer(1, 0);
    CHECK(best.entries().empty());
}

}  // namespace test_top_k
