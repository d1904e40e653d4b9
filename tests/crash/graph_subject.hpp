// A subject of the crash tests: rows and their graph. After any crash the graph opens, and leads to existing rows.
#pragma once

#include <mapvec/hnsw_index.hpp>
#include <mapvec/mmap_vector_store.hpp>

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "subjects.hpp"

namespace crash {

// Rows and their graph, which are committed one after the other. The graph may be older than the rows, and is never
// newer.
template <class File>
class GraphedRows {
    using Rows = mapvec::MmapVectorStore<row_dim, float, File>;
    using Graph = mapvec::HnswIndex<mapvec::SquaredL2, File>;

  public:
    static GraphedRows create(const std::filesystem::path& path, const mapvec::StoreOptions& options = {}) {
        return with_graph(path, Rows::create(path, options));
    }
    static GraphedRows open_or_create(const std::filesystem::path& path, const mapvec::StoreOptions& options = {}) {
        return with_graph(path, Rows::open_or_create(path, options));
    }
    static GraphedRows open(const std::filesystem::path& path, mapvec::OpenMode mode = mapvec::OpenMode::read_write) {
        Rows rows = Rows::open(path, mode);
        if (mode == mapvec::OpenMode::read_write) return with_graph(path, std::move(rows));
        GraphedRows both;
        both.rows_ = std::move(rows);
        try {
            both.graph_ = Graph::open(graph_path(path), both.rows_, mode);
        } catch (const mapvec::Error& error) {
            if (error.code() != mapvec::ErrorCode::not_found) throw;
        }
        return both;
    }

    [[nodiscard]] Rows& rows() noexcept { return rows_; }
    // Throws if the graph contradicts these rows.
    [[nodiscard]] const Rows& checked_rows() const {
        if (!graph_.is_open() || rows_.empty()) return rows_;
        for (const mapvec::Id id : {std::size_t{0}, rows_.size() / 2, rows_.size() - 1}) {
            const auto hits = graph_.search(rows_, mapvec::KnnQuery{rows_[id], 5});
            if (hits.empty()) throw std::runtime_error("a graph leads nowhere");
            for (const auto& hit : hits)
                if (hit.id >= rows_.size()) throw std::runtime_error("a graph leads to rows that are not there");
        }
        return rows_;
    }
    void verify() const {
        rows_.verify();
        graph_.verify();
    }
    void commit() {
        rows_.commit();
        if (!graph_.is_open()) return;                 // close() failed after closing it
        graph_.update(rows_, {.ef_construction = 8});  // throws if the graph is newer
        graph_.commit();
    }
    bool refresh() {
        if (graph_.is_open()) graph_.refresh();
        return rows_.refresh();
    }
    void close() {
        commit();
        graph_.close();
        rows_.close();
    }

  private:
    static std::filesystem::path graph_path(std::filesystem::path path) { return path += ".graph"; }
    static GraphedRows with_graph(const std::filesystem::path& path, Rows rows) {
        GraphedRows both;
        both.rows_ = std::move(rows);
        both.graph_ = Graph::open_or_create(graph_path(path), both.rows_, {.m = 4});
        return both;
    }

    Rows rows_;
    Graph graph_;
};

template <class File>
struct Graphs {
    static constexpr const char* name = "graph";
    static constexpr bool of_two_stores = true;
    using Store = GraphedRows<File>;

    static void step(Store& store, Model& model, Rng& rng) {
        const auto rows = random_rows(rng, one_in(rng, 8) ? 150 : 1 + below(rng, 10));
        store.rows().append_rows(rows);
        model.flat += flat_bytes<float>(rows);
    }
    static Model read(const Store& store) { return {flat_bytes<float>(store.checked_rows().data()), {}, {}}; }
};

}  // namespace crash
