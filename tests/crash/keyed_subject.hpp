// A subject of the crash tests: a collection with a key, which leads to every row after any crash.
#pragma once

#include <mapvec/collection.hpp>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "subjects.hpp"

namespace crash {

// A collection with a key. It is compacted now and then instead of committed. Ids change, so the model knows keys only.
template <class File>
class KeyedRows {
    using Rows = mapvec::Collection<row_dim, std::string, float, mapvec::SquaredL2, File>;
    using Key = decltype(std::declval<Rows&>().key("first", [](const std::string&) { return std::string(); }));

  public:
    static KeyedRows create(const std::filesystem::path& path, const mapvec::StoreOptions& options = {}) {
        return KeyedRows(Rows::create(path, options));
    }
    static KeyedRows open_or_create(const std::filesystem::path& path, const mapvec::StoreOptions& options = {}) {
        return KeyedRows(Rows::open_or_create(path, options));
    }
    static KeyedRows open(const std::filesystem::path& path, mapvec::OpenMode mode = mapvec::OpenMode::read_write) {
        return KeyedRows(Rows::open(path, mode));
    }
    KeyedRows() = default;

    [[nodiscard]] static std::string key_of(const std::string& record) { return record.substr(0, 1); }
    [[nodiscard]] Rows& rows() noexcept { return rows_; }
    [[nodiscard]] const Rows& rows() const noexcept { return rows_; }
    [[nodiscard]] Key& key() noexcept { return *key_; }
    // Throws if the key does not find a row that is there.
    void check(mapvec::Id id, const std::string& record) const {
        if (key_ && key_->find(key_of(record)) != id) throw std::runtime_error("a key does not lead to its row");
    }
    void verify() const { rows_.verify(); }
    void commit() {
        guarded_([this] {
            if (++commits_ % 4 != 0) return rows_.commit();
            rows_.compact();
        });
    }
    bool refresh() { return rows_.refresh(); }
    void close() {
        guarded_([this] { rows_.close(); });
    }

  private:
    explicit KeyedRows(Rows rows) : rows_(std::move(rows)), key_(rows_.key("first", key_of)) {}

    Rows rows_;
    std::optional<Key> key_;
    unsigned commits_ = 0;
    CommitGuard guarded_;
};

template <class File>
struct KeyedCollections {
    static constexpr const char* name = "keyed collection";
    static constexpr bool of_two_stores = true;
    using Store = KeyedRows<File>;

    static void step(Store& store, Model& model, Rng& rng) {
        const std::string record = random_text(rng, 1 + below(rng, 60));
        if (one_in(rng, 4)) {
            store.key().erase(Store::key_of(record));
        } else {
            store.rows().put(random_rows(rng, 1), record);
        }
        model = read(store);
        for (const auto& known : model.records)
            if (known != record && Store::key_of(known) == Store::key_of(record))
                throw std::runtime_error("two rows have one key");
    }
    static Model read(const Store& store) {
        std::vector<std::pair<std::string, std::string>> rows;
        for (mapvec::Id id = 0; id < store.rows().vectors().size(); ++id) {
            if (!store.rows().contains(id)) continue;
            const std::string record = store.rows().payload(id);
            store.check(id, record);
            rows.emplace_back(record, flat_bytes<float>(store.rows().vector(id)));
        }
        std::sort(rows.begin(), rows.end());
        Model model;
        for (const auto& [record, vector] : rows) model.records.push_back(record), model.flat += vector;
        return model;
    }
};

}  // namespace crash
