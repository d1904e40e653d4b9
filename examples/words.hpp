// Words as points: the nearest words, and the words in a ring around one: related, but not the same.
//
//     const auto words = store_words(directory, "words.fvecs", "words.txt");     // a collection of words
//     const mapvec::Id river = find_word(words, "river");
//     nearest_words(words, river, 12);                  // rivers, creek, lake, valley, …: the same meaning
//     words_in_ring(words, river, 0.9f, 0.05f);         // water, sea, dam, mississippi, …: related meanings
//
// Vectors are scaled to length 1, because the meaning of a word is in the direction. Two words are between 0 and 2
// apart; unrelated words are about 1.41 apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <mapvec/collection.hpp>
#include <mapvec/io/fvecs.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using Words = mapvec::Collection<mapvec::dynamic_dim, std::string>;

struct WordHit {
    std::string word;
    float distance = 0;
};

class WordError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

[[nodiscard]] inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw WordError(path.string() + ": cannot be opened; --data names the directory of words.txt");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

[[nodiscard]] inline std::vector<float> direction_of(std::span<const float> row) {
    double sum = 0;
    for (const float x : row) sum += static_cast<double>(x) * static_cast<double>(x);
    const double length = std::sqrt(sum);
    std::vector<float> direction(row.begin(), row.end());
    if (length > 0)
        for (float& x : direction) x = static_cast<float>(static_cast<double>(x) / length);
    return direction;
}

// Creates a collection of the words and their vectors, in the same order.
[[nodiscard]] inline Words store_words(const std::filesystem::path& directory, const std::filesystem::path& fvecs,
                                       const std::filesystem::path& text) {
    const std::vector<std::string> words = read_lines(text);
    const auto shape = mapvec::io::fvecs_shape(fvecs);
    if (shape.rows != words.size() || words.empty())
        throw WordError(fvecs.string() + " has " + std::to_string(shape.rows) + " vectors for " +
                        std::to_string(words.size()) + " words");
    auto collection = Words::create(directory, {.dim = static_cast<std::size_t>(shape.dim)});
    auto rows = mapvec::MmapVectorStore<>::create(directory / "imported", {.dim = collection.dim()});
    mapvec::io::import_fvecs(fvecs, rows);
    for (mapvec::Id id = 0; id < rows.size(); ++id) collection.append(direction_of(rows[id]), words[id]);
    collection.commit();
    return collection;
}

[[nodiscard]] inline mapvec::Id find_word(const Words& words, std::string_view word) {
    for (mapvec::Id id = 0; id < words.size(); ++id)
        if (words.payloads().view(id) == word) return id;
    throw WordError("\"" + std::string(word) + "\" is not among the " + std::to_string(words.size()) +
                    " most frequent English words");
}

[[nodiscard]] inline std::vector<WordHit> words_of(const Words& words, const std::vector<mapvec::Hit>& hits) {
    std::vector<WordHit> found;
    found.reserve(hits.size());
    for (const mapvec::Hit& hit : hits) found.push_back({words.payload(hit.id), hit.distance()});
    return found;
}

// The k nearest words, nearest first, without the word itself.
[[nodiscard]] inline std::vector<WordHit> nearest_words(const Words& words, mapvec::Id id, std::size_t k) {
    auto hits = words.search(mapvec::KnnQuery{words.vector(id), k + 1});
    std::erase_if(hits, [id](const mapvec::Hit& hit) { return hit.id == id; });
    hits.resize(std::min(hits.size(), k));
    return words_of(words, hits);
}

// Words in the ring, nearest first, without the word itself.
[[nodiscard]] inline std::vector<WordHit> words_in_ring(const Words& words, mapvec::Id id, float distance,
                                                        float tolerance) {
    auto hits = words.search(mapvec::RingQuery{words.vector(id), distance, tolerance});
    std::erase_if(hits, [id](const mapvec::Hit& hit) { return hit.id == id; });
    std::stable_sort(hits.begin(), hits.end(), [](const mapvec::Hit& a, const mapvec::Hit& b) {
        return a.distance_squared < b.distance_squared;
    });
    return words_of(words, hits);
}
