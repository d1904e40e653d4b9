// The example about words: nearest words, words in a ring, and unknown words.
#include "words.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_words {

namespace {

const std::string data = MAPVEC_EXAMPLE_DATA;

bool holds(const std::vector<WordHit>& hits, const std::string& word) {
    return std::any_of(hits.begin(), hits.end(), [&](const WordHit& hit) { return hit.word == word; });
}

}  // namespace

TEST_CASE("nearest words have a similar meaning, words in a ring are related") {
    const ScratchDirectory scratch;
    const Words words = store_words(scratch / "words", data + "/words.fvecs", data + "/words.txt");
    REQUIRE(words.size() == 5000);
    CHECK(words.payload(0) == "the");
    const mapvec::Id river = find_word(words, "river");

    const auto nearest = nearest_words(words, river, 3);
    REQUIRE(nearest.size() == 3);
    CHECK(nearest[0].word == "rivers");
    CHECK(nearest[1].word == "creek");
    CHECK(nearest[2].word == "lake");

    const auto ring = words_in_ring(words, river, 0.9f, 0.05f);
    CHECK(holds(ring, "water"));
    CHECK(holds(ring, "mississippi"));
    CHECK_FALSE(holds(ring, "rivers"));
    CHECK_FALSE(holds(ring, "river"));
    for (std::size_t i = 0; i < ring.size(); ++i) {
        CHECK((ring[i].distance > 0.8499f && ring[i].distance < 0.9501f));
        if (i > 0) CHECK(ring[i - 1].distance <= ring[i].distance);
    }
    CHECK_FALSE(holds(words_in_ring(words, river, 0, 2), "river"));  // never the word itself
}

TEST_CASE("every stored word vector has length 1") {
    const ScratchDirectory scratch;
    const Words words = store_words(scratch / "words", data + "/words.fvecs", data + "/words.txt");
    for (const auto row : words.vectors()) {
        double sum = 0;
        for (const float x : row) sum += static_cast<double>(x) * static_cast<double>(x);
        REQUIRE((sum > 0.99999 && sum < 1.00001));
    }
}

TEST_CASE("an unknown word, or files that do not match, give a clear error") {
    const ScratchDirectory scratch;
    const Words words = store_words(scratch / "words", data + "/words.fvecs", data + "/words.txt");
    CHECK_THROWS_AS(find_word(words, "rivver"), WordError);
    CHECK_THROWS_AS(store_words(scratch / "a", data + "/words.fvecs", data + "/absent"), WordError);
    CHECK_THROWS_AS(store_words(scratch / "b", data + "/words.fvecs", data + "/cities.csv"), WordError);
}

}  // namespace test_words
