// Indexes inside a collection: files in its directory, which follow its rows.
//
//     auto docs = mapvec::Collection<512, Doc, float, mapvec::Cosine>::open_or_create("docs");
//     docs.create_index(mapvec::VaOptions{});                    // exact searches read fewer bytes from now on
//     docs.create_index(mapvec::HnswOptions{.m = 16});           // a graph, for AnnQuery
//     docs.search(mapvec::KnnQuery{query, 10});                  // exact, through the VaIndex
//     docs.search(mapvec::AnnQuery{.query = query, .k = 10, .ef = 64});
//     docs.update_indexes({.threads = 0});                       // all committed rows, now
//     docs.drop_index(mapvec::IndexKind::hnsw);
//
// Include <mapvec/va_index.hpp> and <mapvec/hnsw_index.hpp> (or <mapvec/mapvec.hpp>) for the options.
//
// Answers. Searches with the metric of the collection use the VaIndex (va_index.hpp). Their hits are those of a scan,
// bit by bit. AnnQuery uses the graph (hnsw_index.hpp); if there is none, it is answered exactly. Erased rows are never
// found. Rows that an index does not describe yet are read in full, so no answer misses them.
//
// Upkeep. create_index() builds the index of all committed rows. When 4,096 rows or more wait, commit() updates the
// VaIndex, and links 4,096 rows of them in the graph. If that fails, the commit has succeeded all the same: the rows
// still wait, and index_errors() tells why. update_indexes() does the rest at once. compact() builds the indexes again,
// with all cores. backup_to() copies them, migrate() keeps them; compact_to() makes a collection without indexes.
//
// Which programs use an index. Code for an index is compiled only into programs that contain a call of create_index()
// with its options, or, for the graph, a search with AnnQuery. In such a program every collection with the same rows
// and metric opens the index with its directory. create_index() does nothing if the index exists with the same options,
// so a program can call it whenever it opens a collection, also for reading. Other programs scan, give the same
// answers, and do not update the index.
//
// Damage. A damaged index never makes open() fail: it is left out, and index_errors() tells why. create_index()
// replaces it.
//
// Threads. Functions that change indexes belong to the writer, as append() does. Other threads and processes may search
// at the same time; readers see a new or changed index after refresh(). A filter must not search or change its
// collection; a visitor may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

enum class IndexKind : std::uint8_t {
    va,   // VaIndex: index.va and more files
    hnsw  // HnswIndex: index.hnsw and more files
};

// The k nearest rows, nearest first, by the graph of the collection. Some may be missing: a larger `ef` finds more.
struct AnnQuery {
    std::span<const float> query;
    std::size_t k = 10;
    std::size_t ef = 64;  // candidates of the search, at least k
};

// How indexes are built and updated.
struct IndexUpdateOptions {
    unsigned threads = 1;  // 0 = all cores
};

enum class SearchMethod : std::uint8_t { scan, va_index, graph };

[[nodiscard]] constexpr std::string_view to_string(SearchMethod method) noexcept {
    switch (method) {
        case SearchMethod::scan: return "scan";
        case SearchMethod::va_index: return "VA index";
        case SearchMethod::graph: return "graph";
    }
    return "unknown";
}

// How a collection answers a query.
struct SearchExplanation {
    SearchMethod method = SearchMethod::scan;
    std::size_t rows = 0;           // rows that are not erased
    std::size_t measured_rows = 0;  // rows whose distance was computed
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
