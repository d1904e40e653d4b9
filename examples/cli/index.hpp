// mapvec index: creates, updates and drops the indexes of a collection. index.cpp contains the code, because it is
// compiled for each scalar and metric.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mapvec/collection_indexes.hpp>
#include <mapvec/query.hpp>
#include <mapvec/storage/mapped_array.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "any_store.hpp"

namespace cli {

struct IndexOptions {
    fs::path store;
    bool va = false;
    bool hnsw = false;
    std::optional<std::uint64_t> m;                // those of an existing graph, or the defaults of HnswOptions
    std::optional<std::uint64_t> ef_construction;  // likewise
    std::optional<mapvec::IndexKind> drop;
    unsigned threads = 0;
};

// The rows of a collection that is open for writing.
struct LiveCollection {
    fs::path directory;
    mapvec::MappedArray<mapvec::MappedFile>& rows;
    std::function<bool(mapvec::Id)> contains;
};

// An index, without its rows.
struct IndexDesign {
    mapvec::IndexKind kind{};
    std::uint64_t m = 0;  // of a graph
    std::uint64_t ef_construction = 0;
};

[[nodiscard]] constexpr std::string_view name_of(mapvec::IndexKind kind) {
    return kind == mapvec::IndexKind::va ? "VA index" : "graph";
}

// The indexes that can be opened.
[[nodiscard]] std::vector<IndexDesign> indexes_of(const LiveCollection& collection);
// Creates the index if it does not exist or is damaged, and writes all rows to it.
void build_index(const LiveCollection& collection, const IndexDesign& design, unsigned threads);
// Removes the files of all indexes.
void discard_indexes(const fs::path& directory);

void index(const IndexOptions& options);

}  // namespace cli
