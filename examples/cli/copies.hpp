// mapvec compact, backup: copies of stores, made completely or not at all. Payloads are copied as bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <mapvec/collection_indexes.hpp>
#include <mapvec/detail/collection/files.hpp>
#include <mapvec/detail/collection/index_inside.hpp>
#include <mapvec/detail/collection/rewrite.hpp>
#include <mapvec/detail/field/field.hpp>
#include <mapvec/error.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "any_store.hpp"
#include "index.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace cli {

using Group = AnyStore::Group;
// Its functions for directories do not depend on these types.
using AnyFiles =
    mapvec::detail::CollectionFiles<mapvec::dynamic_dim, std::string, float, mapvec::SquaredL2, mapvec::MappedFile>;
using AnyField = mapvec::detail::Field<AnyStore, std::string, mapvec::MappedFile>;

inline void refuse_other_kinds(const AnyStore& store) {
    if (store.kind() != StoreKind::collection)
        throw UsageError(store.path().string() + " is no collection: other stores have no erased rows");
}

// The files of a copy: in the directory `to` for a collection, otherwise with names that begin with `to`.
[[nodiscard]] inline std::vector<mapvec::FileSpec> files_of_copy(const AnyStore& store, const fs::path& to) {
    const auto root_name = store.group()[0].path().filename().string();
    std::vector<mapvec::FileSpec> specs;
    for (std::size_t file = 0; file < store.files(); ++file) {
        const auto& array = store.group()[file];
        const auto name = array.path().filename().string();
        auto path = to;
        if (store.kind() == StoreKind::collection)
            path /= name;
        else
            path += name.substr(root_name.size());
        specs.push_back({path, expectation(array.header()), 1});
    }
    return specs;
}

// Creates a store with fill(group), and releases its unused space.
template <class Fill>
[[nodiscard]] Group create_filled(const std::vector<mapvec::FileSpec>& specs, Fill fill) {
    return Group::create(specs, {}, [&](Group& group) {
        fill(group);
        for (std::size_t file = 0; file < specs.size(); ++file) group[file].shrink_to_fit();
    });
}

// Appends the live rows of a collection to a new one. Throws corrupt if a payload is damaged.
inline void append_live_rows(AnyStore& from, Group& to) {
    const bool encoded = from.payload_size() == 0;
    const EncodedRecords old_records = encoded ? from.encoded_payloads() : EncodedRecords();
    EncodedRecords new_records = encoded ? EncodedRecords(to, 1) : EncodedRecords();
    const auto copy = [&](mapvec::Id first, mapvec::Id end) {
        if (!encoded) mapvec::detail::append_records(from.group()[1], first, end, to[1]);
        for (mapvec::Id id = first; encoded && id < end; ++id) {
            new_records.stage_copy(old_records, id);
            new_records.publish();
        }
        mapvec::detail::append_records(from.group()[0], first, end, to[0]);
    };
    ProgressBar bar("compact", ProgressBar::Unit::things);
    auto progress = [&bar](std::uint64_t done, std::uint64_t all) { bar(done, all); };
    mapvec::detail::each_live_run(
        from.rows(), [&](mapvec::Id id) { return !from.erased(id); }, copy, progress);
}

struct CompactOptions {
    fs::path store;
    std::optional<fs::path> to;
};

// Writes the live rows to new files.
[[nodiscard]] inline Group compacted(AnyStore& from, const fs::path& place, std::uint64_t rewrites) {
    auto specs = files_of_copy(from, place);
    specs[0].header.rewrites = rewrites;
    return create_filled(specs, [&](Group& group) { append_live_rows(from, group); });
}

inline void say_compacted(const AnyStore& old, const Group& compact) {
    std::uint64_t bytes = 0;
    for (std::size_t file = 0; file < old.files(); ++file) bytes += fs::file_size(compact[file].path());
    std::cout << compact[0].size() << " rows, " << old.erased().size()
              << " erased ones left out: " << human_bytes(static_cast<double>(old.file_bytes())) << " before, "
              << human_bytes(static_cast<double>(bytes)) << " now\n";
}

// Removes the files of fields and indexes, which contain ids of rows from before.
inline void discard_derived(const fs::path& directory) {
    for (const std::string& name : mapvec::detail::fields_in(directory)) {
        AnyField::discard(directory, name);
        std::cout << "field " << name << ": removed; the next program that opens it for writing makes it again\n";
    }
    discard_indexes(directory);
}

inline void compact_in_place(const fs::path& directory) {
    AnyStore old(directory, mapvec::OpenMode::read_write);
    refuse_other_kinds(old);
    const auto is_live = [&old](mapvec::Id id) { return id < old.rows() && !old.erased(id); };
    const std::vector<IndexDesign> indexes = indexes_of({directory, old.group()[0], is_live});
    old.group().make_opened_state_durable();
    const std::uint64_t rewrites = old.header().rewrites + 1;
    const auto place = mapvec::detail::collection_place(directory, rewrites);
    mapvec::MappedFile::create_directory(place);
    mapvec::detail::discard_collection<mapvec::MappedFile>(place);
    Group now = compacted(old, place, rewrites);
    say_compacted(old, now);
    mapvec::detail::discard_collection<mapvec::MappedFile>(old.group()[0].path().parent_path());
    discard_derived(directory);
    const LiveCollection collection{directory, now[0], [&now](mapvec::Id id) { return id < now[0].size(); }};
    for (const IndexDesign& design : indexes) {
        build_index(collection, design, 0);
        std::cout << name_of(design.kind) << ": built again\n";
    }
}

inline void compact(const CompactOptions& options) {
    if (!options.to) return compact_in_place(options.store);
    AnyStore old(options.store);
    refuse_other_kinds(old);
    AnyFiles::make_directory(*options.to);
    Group copy = compacted(old, *options.to, 0);
    copy.close();
    std::cout << old.rows() - old.erased().size() << " rows copied, " << old.erased().size()
              << " erased ones left out\n";
}

// The fields and indexes of a collection. They are opened before the collection, so that they know no later commit.
class DerivedFiles {
  public:
    explicit DerivedFiles(const fs::path& directory) {
        for (const std::string& name : mapvec::detail::fields_in(directory)) open(AnyField::path_in(directory, name));
        for (const auto kind : {mapvec::IndexKind::va, mapvec::IndexKind::hnsw})
            if (mapvec::detail::index_exists<mapvec::MappedFile>(directory, kind))
                open(mapvec::detail::index_path(directory, kind));
    }
    [[nodiscard]] const std::vector<std::unique_ptr<AnyStore>>& stores() const noexcept { return stores_; }
    // Lines about files that cannot be used.
    [[nodiscard]] const std::string& left_out() const noexcept { return left_out_; }

  private:
    void open(const fs::path& root) {
        try {
            stores_.push_back(std::make_unique<AnyStore>(root));
        } catch (const mapvec::Error& error) {
            const auto is = [&](mapvec::ErrorCode code) { return error.code() == code; };
            if (!is(mapvec::ErrorCode::corrupt) && !is(mapvec::ErrorCode::not_found) &&
                !is(mapvec::ErrorCode::type_mismatch) && !is(mapvec::ErrorCode::version_mismatch))
                throw;
            left_out_ += "left out: " + one_line(error.what()) + '\n';
        }
    }

    std::vector<std::unique_ptr<AnyStore>> stores_;
    std::string left_out_;
};

// Copies all records of a store. The copy has the same store id, so that its indexes fit both.
template <class Appended>
void copy_store(const AnyStore& from, const fs::path& to, Appended appended) {
    auto specs = files_of_copy(from, to);
    specs[0].store_id = from.header().store_id;
    Group copy = create_filled(specs, [&](Group& group) {
        for (std::size_t file = 0; file < from.files(); ++file) {
            const auto& array = from.group()[file];
            const std::uint64_t at_once = std::max<std::uint64_t>(1, (4 << 20) / array.stride());
            for (std::uint64_t first = 0; first < array.size(); first += at_once) {
                const std::uint64_t end = std::min(array.size(), first + at_once);
                mapvec::detail::append_records(array, first, end, group[file]);
                appended((end - first) * array.stride());
            }
        }
    });
    copy.close();
}

// Removes a copy of a collection that is not complete.
inline void discard_copy(const fs::path& to) {
    mapvec::detail::discard_collection<mapvec::MappedFile>(to);
    for (const std::string& name : mapvec::detail::fields_in(to)) AnyField::discard(to, name);
    discard_indexes(to);
}

inline void backup(const fs::path& path, const fs::path& to) {
    const DerivedFiles derived(path);
    const AnyStore store(path);
    const bool is_collection = store.kind() == StoreKind::collection;
    if (is_collection) AnyFiles::make_directory(to);
    std::uint64_t done = 0, all = store.group().bytes();
    for (const auto& part : derived.stores()) all += part->group().bytes();
    {
        ProgressBar bar("backup");
        const auto appended = [&](std::uint64_t bytes) { bar(done += bytes, all); };
        copy_store(store, to, appended);
        try {
            for (const auto& part : derived.stores()) copy_store(*part, to / part->path().filename(), appended);
        } catch (...) {
            discard_copy(to);
            throw;
        }
    }
    std::cout << store.rows() << (is_collection ? " rows" : " records") << ", "
              << human_bytes(static_cast<double>(done));
    if (!derived.stores().empty()) std::cout << ", with";
    for (const auto& part : derived.stores()) std::cout << ' ' << part->path().filename().string();
    std::cout << '\n' << derived.left_out();
}

}  // namespace cli
