// mapvec query: rows by their distance from a vector.
#pragma once

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <mapvec/search.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "any_store.hpp"
#include "text.hpp"

namespace cli {

struct QueryOptions {
    fs::path store;
    std::vector<float> ring;   // distance, tolerance
    std::vector<float> range;  // min, max
    std::vector<float> disk;   // radius
    std::optional<std::uint64_t> knn;
    std::optional<std::uint64_t> limit;  // of a ring, range or disk
    std::optional<mapvec::Id> row;       // the query; otherwise vectors come from standard input
    unsigned threads = 0;
    bool json = false;
};

// Numbers between blanks, commas, brackets: "1 2 3", "1,2,3", "[1, 2, 3]".
[[nodiscard]] inline std::vector<float> parse_vector(const std::string& line, std::uint64_t line_number) {
    std::vector<float> vector;
    const char* at = line.c_str();
    for (;;) {
        while (std::isspace(static_cast<unsigned char>(*at)) || *at == ',' || *at == '[' || *at == ']') ++at;
        if (*at == '\0') return vector;
        char* end = nullptr;
        vector.push_back(std::strtof(at, &end));
        if (end == at)
            throw mapvec::Error(mapvec::ErrorCode::invalid_argument,
                                "standard input, line " + std::to_string(line_number) + ", column " +
                                    std::to_string(at - line.c_str() + 1) + ": expected a number, found \"" +
                                    std::string(at).substr(0, 20) + '"');
        at = end;
    }
}

template <mapvec::Scalar S>
[[nodiscard]] std::vector<mapvec::Hit> find(const Vectors<S>& rows, std::span<const float> vector,
                                            const QueryOptions& options, std::size_t erased) {
    const mapvec::SearchOptions search_options{.threads = options.threads};
    // Large enough that so many hits remain without the erased rows.
    const auto enough = [&](std::uint64_t wanted) {
        return static_cast<std::size_t>(std::min<std::uint64_t>(wanted, rows.size())) + erased;
    };
    const std::size_t limit = options.limit ? enough(*options.limit) : 0;
    if (!options.ring.empty())
        return search(rows, mapvec::RingQuery{vector, options.ring[0], options.ring[1], limit}, search_options);
    if (!options.range.empty())
        return search(rows, mapvec::RangeQuery{vector, options.range[0], options.range[1], limit}, search_options);
    if (!options.disk.empty()) return search(rows, mapvec::DiskQuery{vector, options.disk[0], limit}, search_options);
    return search(rows, mapvec::KnnQuery{vector, enough(*options.knn)}, search_options);
}

inline void print_hits(const std::vector<mapvec::Hit>& hits, std::optional<std::uint64_t> query, bool json) {
    for (const mapvec::Hit& hit : hits) {
        if (json) {
            std::cout << '{';
            if (query) std::cout << "\"query\":" << *query << ',';
            std::cout << "\"id\":" << hit.id << ",\"distance\":" << json_number(hit.distance()) << "}\n";
        } else {
            if (query) std::cout << *query << '\t';
            std::cout << hit.id << '\t' << number(hit.distance()) << '\n';
        }
    }
}

template <mapvec::Scalar S>
void answer(const AnyStore& store, std::span<const float> vector, std::optional<std::uint64_t> query,
            const QueryOptions& options) {
    auto hits = find(store.vectors<S>(), vector, options, store.erased().size());
    std::erase_if(hits, [&](const mapvec::Hit& hit) { return store.erased(hit.id); });
    if (const auto most = options.knn ? options.knn : options.limit; most && hits.size() > *most)
        hits.resize(static_cast<std::size_t>(*most));
    print_hits(hits, query, options.json);
}

template <mapvec::Scalar S>
void answer_row(const AnyStore& store, mapvec::Id id, const QueryOptions& options) {
    if (id >= store.rows() || store.erased(id))
        throw mapvec::Error(mapvec::ErrorCode::out_of_range, store.path(),
                            id < store.rows()
                                ? "row " + std::to_string(id) + " is erased"
                                : mapvec::detail::mismatch("row id", "less than " + std::to_string(store.rows()), id));
    const auto row = store.vectors<S>()[id];
    std::vector<float> vector;
    for (const S element : row) vector.push_back(static_cast<float>(element));
    answer<S>(store, vector, std::nullopt, options);
}

// One vector a line. With several vectors, each hit has the number of its vector, from 0.
template <mapvec::Scalar S>
void answer_input(const AnyStore& store, const QueryOptions& options) {
    std::vector<std::vector<float>> vectors;
    std::uint64_t line_number = 0;
    for (std::string line; std::getline(std::cin, line);) {
        std::vector<float> vector = parse_vector(line, ++line_number);
        if (!vector.empty()) vectors.push_back(std::move(vector));
    }
    if (vectors.empty())
        throw UsageError("no vector to ask about: give --row, or a vector on standard input, one a line");
    for (std::uint64_t i = 0; i < vectors.size(); ++i)
        answer<S>(store, vectors[i], vectors.size() == 1 ? std::nullopt : std::optional(i), options);
}

inline void query(const QueryOptions& options) {
    const AnyStore store(options.store);
    if (!store.has_vectors()) throw UsageError(options.store.string() + " has no vectors to search");
    with_scalar(store.scalar(), [&]<class S>() {
        if (options.row)
            answer_row<S>(store, *options.row, options);
        else
            answer_input<S>(store, options);
    });
}

}  // namespace cli
