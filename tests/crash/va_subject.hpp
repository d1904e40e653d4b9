// A subject of the crash tests: rows and a VaIndex of them, which are committed one after the other. After any crash
// the index opens, and its hits are those of the rows.
#pragma once

#include <mapvec/va_index.hpp>

#include "subjects.hpp"

namespace crash {

template <class File>
class LinedRows {
  public:
    static constexpr std::size_t dim = 20;  // longer than a line, so that searches use them
    using Rows = mapvec::MmapVectorStore<dim, float, File>;
    using Index = mapvec::VaIndex<mapvec::SquaredL2, File>;

    static LinedRows create(const std::filesystem::path& path, const mapvec::StoreOptions& options = {}) {
        return with_index(path, Rows::create(path, options));
    }
    static LinedRows open_or_create(const std::filesystem::path& path, const mapvec::StoreOptions& options = {}) {
        return with_index(path, Rows::open_or_create(path, options));
    }
    static LinedRows open(const std::filesystem::path& path, mapvec::OpenMode mode = mapvec::OpenMode::read_write) {
        Rows rows = Rows::open(path, mode);
        if (mode == mapvec::OpenMode::read_write) return with_index(path, std::move(rows));
        LinedRows both;
        both.rows_ = std::move(rows);
        try {
            both.index_ = Index::open(index_path(path), both.rows_, mode);
        } catch (const mapvec::Error& error) {
            if (error.code() != mapvec::ErrorCode::not_found) throw;
        }
        return both;
    }

    [[nodiscard]] Rows& rows() noexcept { return rows_; }
    // Throws if the index contradicts these rows.
    [[nodiscard]] const Rows& checked_rows() const {
        if (!index_.is_open() || rows_.empty()) return rows_;
        for (const mapvec::Id id : {std::size_t{0}, rows_.size() / 2, rows_.size() - 1}) {
            const mapvec::KnnQuery query{rows_[id], 5};
            if (index_.search(rows_, query) != mapvec::search(rows_, query))
                throw std::runtime_error("an index has other hits than its rows");
        }
        return rows_;
    }
    void verify() const {
        rows_.verify();
        index_.verify();
    }
    void commit() {
        rows_.commit();
        if (!index_.is_open()) return;  // close() failed after closing it
        index_.update(rows_);
        index_.commit();
    }
    bool refresh() {
        if (index_.is_open()) index_.refresh();
        return rows_.refresh();
    }
    void close() {
        commit();
        index_.close();
        rows_.close();
    }

  private:
    static std::filesystem::path index_path(std::filesystem::path path) { return path += ".va"; }
    static LinedRows with_index(const std::filesystem::path& path, Rows rows) {
        LinedRows both;
        both.rows_ = std::move(rows);
        both.index_ = Index::open_or_create(index_path(path), both.rows_);
        return both;
    }

    Rows rows_;
    Index index_;
};

template <class File>
struct Lines {
    static constexpr const char* name = "lines";
    static constexpr bool of_two_stores = true;
    using Store = LinedRows<File>;

    static void step(Store& store, Model& model, Rng& rng) {
        const std::size_t count = one_in(rng, 8) ? 150 : 1 + below(rng, 10);
        std::vector<float> rows(count * Store::dim);
        for (float& x : rows) x = static_cast<float>(below(rng, 1000));
        if (store.rows().size() != 0 && one_in(rng, 4)) {
            const std::size_t id = below(rng, store.rows().size());
            const std::span<const float> row(rows.data(), Store::dim);
            store.rows().insert(id, row);
            const std::string bytes = flat_bytes<float>(row);
            model.flat.replace(id * bytes.size(), bytes.size(), bytes);
            return;
        }
        store.rows().append_rows(rows);
        model.flat += flat_bytes<float>(rows);
    }
    static Model read(const Store& store) { return {flat_bytes<float>(store.checked_rows().data()), {}, {}}; }
};

}  // namespace crash
