// The subjects of the crash tests: each kind of store, with a model of its contents, random changes of both, and a
// function that reads the store back. The storage is a template parameter, so that the simulated disk and real files
// use the same code.
#pragma once

#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/payload_store.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simulated_disk.hpp"

namespace crash {

struct Model {
    std::string flat;                  // rows or fixed-size records, one after the other
    std::vector<std::string> records;  // records of any size
    std::vector<std::uint64_t> erased;

    bool operator==(const Model&) const = default;
};

// FNV-1a over the whole state: a child process sends it to its parent to identify a state.
[[nodiscard]] inline std::uint64_t digest(const Model& model) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&](std::string_view bytes) {
        for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
        hash = (hash ^ bytes.size()) * 0x100000001b3;
    };
    add(model.flat);
    for (const auto& record : model.records) add(record);
    for (const std::uint64_t id : model.erased) add(std::to_string(id));
    return hash;
}

[[nodiscard]] inline std::string describe(const Model& model) {
    return std::to_string(model.flat.size()) + " flat bytes, " + std::to_string(model.records.size()) + " records, " +
           std::to_string(model.erased.size()) + " erased, digest " + std::to_string(digest(model) % 100000);
}

template <class Value>
[[nodiscard]] std::string flat_bytes(std::span<const Value> values) {
    return values.empty() ? std::string()
                          : std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

inline constexpr std::size_t row_dim = 3;  // rows of 12 bytes cross the borders of sectors and pages
inline constexpr std::size_t row_bytes = row_dim * sizeof(float);
inline constexpr std::size_t max_bytes = 6 << 20;  // a model of this size grows in small steps only

[[nodiscard]] inline std::vector<float> random_rows(Rng& rng, std::size_t rows) {
    std::vector<float> scalars(rows * row_dim);
    for (float& scalar : scalars) scalar = static_cast<float>(below(rng, 1'000'000));
    return scalars;
}
[[nodiscard]] inline std::string random_text(Rng& rng, std::size_t length) {
    std::string text(length, ' ');
    for (char& c : text) c = static_cast<char>('a' + below(rng, 26));
    return text;
}

// Calls functions that commit, until one throws. It then refuses, as a store does after a failed sync: a sync that
// failed in the files of an index or a key does not keep the collection from committing.
class CommitGuard {
  public:
    template <class Call>
    void operator()(Call call) {
        if (failed_) throw mapvec::Error(mapvec::ErrorCode::io, "a sync has failed before");
        try {
            call();
        } catch (const mapvec::Error&) {
            failed_ = true;
            throw;
        }
    }

  private:
    bool failed_ = false;
};

template <class File>
struct Vectors {
    static constexpr const char* name = "vectors";
    using Store = mapvec::MmapVectorStore<row_dim, float, File>;

    static void step(Store& store, Model& model, Rng& rng) {
        const std::size_t rows = store.size();
        const std::uint64_t what = below(rng, 20);
        if (what < 6) {
            const auto row = random_rows(rng, 1);
            store.append(row);
            model.flat += flat_bytes<float>(row);
        } else if (what < 9) {
            const bool large = one_in(rng, 12) && model.flat.size() < max_bytes;
            append(store, model, random_rows(rng, large ? 95'000 : 1 + below(rng, 60)));
        } else if (what == 9 && one_in(rng, 3) && rows < block_table_rows - 100) {
            store.reserve(2 * block_table_rows);
            append(store, model, random_rows(rng, block_table_rows - rows - below(rng, 20)));
        } else if (what < 11) {
            insert_beyond(store, model, rng, rows + (one_in(rng, 8) ? 3000 : 1) + below(rng, 60));
        } else if (what < 17 && rows > 0) {
            overwrite(store, model, rng, below(rng, rows), what == 16 ? 40 : 1);
        } else if (what == 17) {
            store.reserve(rows + below(rng, 9000));
        } else if (what == 18) {
            store.shrink_to_fit();
        } else {
            store.verify();
        }
    }
    static Model read(const Store& store) { return {flat_bytes<float>(store.data()), {}, {}}; }

  private:
    static constexpr std::size_t block_table_rows = 256 * 4096 / row_bytes;  // with more rows, blocks merge

    static void append(Store& store, Model& model, const std::vector<float>& rows) {
        store.append_rows(rows);
        model.flat += flat_bytes<float>(rows);
    }
    static void insert_beyond(Store& store, Model& model, Rng& rng, std::size_t id) {
        const auto row = random_rows(rng, 1);
        store.insert(id, row);
        model.flat.resize(id * row_bytes);
        model.flat += flat_bytes<float>(row);
    }
    static void overwrite(Store& store, Model& model, Rng& rng, std::size_t first, std::size_t n) {
        for (std::size_t id = first; id < std::min(first + n, store.size()); ++id) {
            const auto row = random_rows(rng, 1);
            store.insert(id, row);
            model.flat.replace(id * row_bytes, row_bytes, flat_bytes<float>(row));
        }
    }
};

// Mostly appends: commits with a tail.
template <class File>
struct AppendedVectors {
    static constexpr const char* name = "appends";
    using Store = typename Vectors<File>::Store;

    static void step(Store& store, Model& model, Rng& rng) {
        if (one_in(rng, 25)) return Vectors<File>::step(store, model, rng);
        if (one_in(rng, 8)) return store.reserve(store.size() + below(rng, 9000));
        const bool large = one_in(rng, 6) && model.flat.size() < max_bytes / 8;
        const auto rows = random_rows(rng, large ? 5'700 : 1 + below(rng, 120));
        store.append_rows(rows);
        model.flat += flat_bytes<float>(rows);
    }
    static Model read(const Store& store) { return Vectors<File>::read(store); }
};

struct Pod {
    std::uint64_t number = 0;
    double weight = 0;
};

template <class File>
struct RawPayloads {
    static constexpr const char* name = "raw payloads";
    using Store = mapvec::PayloadStore<Pod, mapvec::Codec<Pod>, File>;

    static void step(Store& store, Model& model, Rng& rng) {
        const Pod pod{rng(), static_cast<double>(below(rng, 1000))};
        const auto bytes = flat_bytes<Pod>(std::span(&pod, 1));
        if (store.empty() || !one_in(rng, 3)) {
            store.push(pod);
            model.flat += bytes;
        } else {
            const std::uint64_t id = below(rng, store.size());
            store.update(id, pod);
            model.flat.replace(id * sizeof(Pod), sizeof(Pod), bytes);
        }
    }
    static Model read(const Store& store) {
        Model model;
        for (mapvec::Id id = 0; id < store.size(); ++id) {
            const Pod pod = store.fetch(id);
            model.flat += flat_bytes<Pod>(std::span(&pod, 1));
        }
        return model;
    }
};

[[nodiscard]] inline std::string random_record(Rng& rng) {
    return random_text(rng, one_in(rng, 60) ? 600'000 : one_in(rng, 10) ? 3000 : below(rng, 120));
}

template <class File>
struct VariablePayloads {
    static constexpr const char* name = "variable payloads";
    using Store = mapvec::PayloadStore<std::string, mapvec::Codec<std::string>, File>;

    static void step(Store& store, Model& model, Rng& rng) {
        const std::string record = random_record(rng);
        if (store.empty() || !one_in(rng, 3)) {
            store.push(record);
            model.records.push_back(record);
        } else {
            const std::uint64_t id = below(rng, store.size());
            store.update(id, record);
            model.records[id] = record;
        }
    }
    static Model read(const Store& store) {
        Model model;
        for (mapvec::Id id = 0; id < store.size(); ++id) model.records.push_back(store.fetch(id));
        return model;
    }
};

template <class File>
struct Collections {
    static constexpr const char* name = "collection";
    using Store = mapvec::Collection<row_dim, std::string, float, mapvec::SquaredL2, File>;

    static void step(Store& store, Model& model, Rng& rng) {
        const auto row = random_rows(rng, 1);
        const std::string record = random_record(rng);
        const std::uint64_t id = below(rng, model.records.size());
        if (one_in(rng, 15)) return roll_back(store, model);
        if (!store.contains(id) || below(rng, 5) < 3) {
            store.append(row, record);
            append(model, row, record);
        } else if (one_in(rng, 3)) {
            store.update(id, row, record);
            model.flat.replace(id * row_bytes, row_bytes, flat_bytes<float>(row));
            model.records[id] = record;
        } else if (one_in(rng, 3)) {
            store.update(id, record);
            model.records[id] = record;
        } else {
            const bool replaces = one_in(rng, 2);
            replaces ? (void)store.replace(id, row, record) : store.erase(id);
            if (replaces) append(model, row, record);
            model.erased.insert(std::lower_bound(model.erased.begin(), model.erased.end(), id), id);
        }
    }
    static Model read(const Store& store) {
        Model model{flat_bytes<float>(store.vectors().data()), {}, {}};
        for (mapvec::Id id = 0; id < store.payloads().size(); ++id) {
            model.records.push_back(store.payloads().fetch(id));
            if (!store.contains(id)) model.erased.push_back(id);
        }
        return model;
    }

  private:
    static void append(Model& model, const std::vector<float>& row, const std::string& record) {
        model.flat += flat_bytes<float>(row);
        model.records.push_back(record);
    }
    // Afterwards the store has what a reader sees. A rollback that fails is repeated. After a failed sync it never
    // succeeds, and changes nothing.
    static void roll_back(Store& store, Model& model) {
        for (int tries = 0; tries < 20; ++tries) {
            try {
                store.rollback();
                model = read(store);
                if (model == read(store.snapshot())) return;
                throw std::runtime_error("a rollback has left changes that were not committed");
            } catch (const mapvec::Error& error) {
                if (error.code() != mapvec::ErrorCode::io && error.code() != mapvec::ErrorCode::no_space) throw;
            }
        }
    }
};

}  // namespace crash
