// A subject of the crash tests: a collection with a VaIndex and a graph in its directory. After any crash, searches by
// the indexes find what a scan of the live rows finds. It is compacted now and then instead of committed, so ids
// change, and the model knows the rows without them.
#pragma once

#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/va_index.hpp>

#include "subjects.hpp"

namespace crash {

template <class File>
class IndexedRows {
  public:
    static constexpr std::size_t dim = 20;  // longer than a line, so that searches use them
    using Rows = mapvec::Collection<dim, std::uint32_t, float, mapvec::SquaredL2, File>;

    static IndexedRows create(const std::filesystem::path& path, const mapvec::StoreOptions& options = {}) {
        return with_indexes(Rows::create(path, options));
    }
    static IndexedRows open_or_create(const std::filesystem::path& path, const mapvec::StoreOptions& options = {}) {
        return with_indexes(Rows::open_or_create(path, options));
    }
    static IndexedRows open(const std::filesystem::path& path, mapvec::OpenMode mode = mapvec::OpenMode::read_write) {
        if (mode == mapvec::OpenMode::read_write) return with_indexes(Rows::open(path));
        IndexedRows reader;
        reader.rows_ = Rows::open(path, mode);
        return reader;
    }

    [[nodiscard]] Rows& rows() noexcept { return rows_; }
    [[nodiscard]] const Rows& rows() const noexcept { return rows_; }
    // Throws if an index contradicts the live rows.
    void check_searches() const {
        if (rows_.empty()) return;
        const std::size_t count = rows_.vectors().size();
        for (const mapvec::Id id : {std::size_t{0}, count / 2, count - 1}) check_near(rows_.vectors()[id]);
    }
    void verify() const { rows_.verify(); }
    void commit() {
        guarded_([this] {
            ++commits_;
            if (commits_ % 5 == 0) return rows_.compact();
            rows_.commit();
            if (commits_ % 2 == 0) rows_.update_indexes();
        });
    }
    bool refresh() { return rows_.refresh(); }
    void close() {
        guarded_([this] { rows_.close(); });
    }

  private:
    static IndexedRows with_indexes(Rows rows) {
        IndexedRows both;
        both.rows_ = std::move(rows);
        both.rows_.create_index(mapvec::VaOptions{});
        both.rows_.create_index(mapvec::HnswOptions{.m = 4, .ef_construction = 8});
        return both;
    }
    void check_near(std::span<const float> query) const {
        const auto is_live = [this](mapvec::Id id) { return rows_.contains(id); };
        const mapvec::DiskQuery disk{query, 900};
        if (rows_.search({.query = query, .k = 5}) != mapvec::search(rows_.vectors(), {query, 5}, is_live) ||
            rows_.search(disk) != mapvec::search(rows_.vectors(), disk, is_live))
            throw std::runtime_error("a VaIndex has other hits than its rows");
        const auto hits = rows_.search(mapvec::AnnQuery{.query = query, .k = 5});
        if (hits.empty()) throw std::runtime_error("a graph leads nowhere");
        for (const mapvec::Hit& hit : hits)
            if (!is_live(hit.id) || mapvec::search_ids(rows_.vectors(), std::span(&hit.id, 1),
                                                       mapvec::KnnQuery{query, 1}) != std::vector{hit})
                throw std::runtime_error("a graph leads to a row that is not there, or not where it says");
    }

    Rows rows_;
    unsigned commits_ = 0;
    CommitGuard guarded_;
};

template <class File>
struct IndexedCollections {
    static constexpr const char* name = "indexes";
    static constexpr bool of_two_stores = true;
    using Store = IndexedRows<File>;

    static void step(Store& store, Model& model, Rng& rng) {
        const std::size_t count = store.rows().vectors().size();
        const mapvec::Id id = below(rng, std::max<std::size_t>(count, 1));
        std::vector<float> row(Store::dim);
        for (float& x : row) x = static_cast<float>(below(rng, 1000));
        const auto number = static_cast<std::uint32_t>(below(rng, 1000));
        if (!store.rows().contains(id) || one_in(rng, 2))
            for (std::uint64_t n = one_in(rng, 8) ? 50 : 1; n > 0; --n, row[0] += 1) store.rows().append(row, number);
        else if (one_in(rng, 2))
            store.rows().update(id, row, number);
        else
            store.rows().erase(id);
        model = read(store);
    }
    static Model read(const Store& store) {
        store.check_searches();
        std::vector<std::string> rows;
        for (mapvec::Id id = 0; id < store.rows().vectors().size(); ++id)
            if (store.rows().contains(id))
                rows.push_back(flat_bytes<float>(store.rows().vector(id)) + std::to_string(store.rows().payload(id)));
        std::sort(rows.begin(), rows.end());
        return {{}, std::move(rows), {}};
    }
};

}  // namespace crash
