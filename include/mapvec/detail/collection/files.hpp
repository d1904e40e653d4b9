// The files of a collection: their places, names and headers.
//
//     directory/vectors            rows of vectors: the root file, which has the locks and journals
//     directory/payloads           payloads of fixed size, or encoded records
//     directory/payloads.offsets   positions of the encoded records
//     directory/erased             ids of erased rows, in the order of their erasure
//     directory/field.<name>…      a key or field (detail/field/table.hpp)
//     directory/index.va…          a VaIndex of the vectors (va_index.hpp)
//     directory/index.hnsw…        an HnswIndex of the vectors (hnsw_index.hpp)
//
// compact() and migrate() write new files, alternately to directory/rewritten and to directory (the files of fields and
// indexes do not move). CommitGroup::create makes the new files completely or not at all. After a crash there are the
// old files, or both; of two complete collections, the one with more rewrites in its header is current. The writer then
// removes the other files, root first. If a crash prevents this, the next writer does it, after it has made the current
// files durable: their root may be complete in the page cache only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <mapvec/detail/commit/removal.hpp>
#include <mapvec/detail/index/identity.hpp>
#include <mapvec/detail/store/payload_records.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/options.hpp>
#include <mapvec/payload_codec.hpp>
#include <mapvec/storage/commit_group.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The directory of the files after so many rewrites.
[[nodiscard]] inline std::filesystem::path collection_place(const std::filesystem::path& directory,
                                                            std::uint64_t rewrites) {
    return rewrites % 2 == 0 ? directory : directory / "rewritten";
}

// The number of rewrites of the collection with this root; nothing if it is not complete.
template <Storage File>
[[nodiscard]] std::optional<std::uint64_t> rewrites_of(const std::filesystem::path& root) {
    try {
        const File file = File::open(root, OpenMode::read_only, StoreOptions{.address_space = 1});
        if (file.size() < data_offset || creation_is_unfinished(file.data())) return std::nullopt;
        FileHeader header;
        std::memcpy(&header, file.data(), sizeof header);
        return header.rewrites;
    } catch (const Error&) {
        return std::nullopt;
    }
}

// The number of rewrites of the current collection in a directory, modulo 2; 0 if there is none.
template <Storage File>
[[nodiscard]] std::uint64_t current_rewrites(const std::filesystem::path& directory) {
    const auto even = collection_place(directory, 0) / "vectors", odd = collection_place(directory, 1) / "vectors";
    if (!File::exists(odd)) return 0;
    const auto rewrites = rewrites_of<File>(odd);
    if (!rewrites) return 0;
    const auto others = File::exists(even) ? rewrites_of<File>(even) : std::nullopt;
    return others && *others > *rewrites ? 0 : 1;
}

inline constexpr std::array collection_file_names{"vectors", "payloads", "payloads.offsets", "erased"};

// Removes the files, if the system permits it. Others are left to the next writer, such as open files where a system
// cannot remove them.
template <Storage File>
void discard_collection(const std::filesystem::path& place) noexcept {
    const auto discard = [&](const char* name) {
        try {
            File::remove(place / name);
        } catch (const std::exception&) {  // Error, or no memory for the name
        }
    };
    for (const char* name : collection_file_names) discard(name);
    discard("vectors.journal0");
    discard("vectors.journal1");
}

// Removes the remains of an interrupted rewrite. If the current files cannot be made durable, the remains stay.
// REQUIRES: the caller is the writer of `current`, which is open and has not changed.
template <Storage File>
void discard_leftovers(CommitGroup<File>& current, const std::filesystem::path& other) {
    const auto is_there = [&](const char* name) { return File::exists(other / name); };
    if (std::ranges::none_of(collection_file_names, is_there)) return;
    try {
        current.make_opened_state_durable();
    } catch (const Error&) {
        return;
    }
    discard_collection<File>(other);
}

// The names of the fields with files in a directory. (Only real files: a simulated disk has none.)
[[nodiscard]] inline std::vector<std::string> fields_in(const std::filesystem::path& directory) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
        const std::string name = entry.path().filename().string();
        const auto has = [&](const char* end) { return std::filesystem::exists(entry.path().string() + end, ignored); };
        if (name.starts_with("field.") && name.find('.', 6) == std::string::npos && (has(".rows") || has(".head")))
            names.push_back(name.substr(6));
    }
    return names;
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File>
struct CollectionFiles {
    using Records = PayloadRecords<T, Codec<T>, File>;
    using Group = CommitGroup<File>;

    // Their indexes in the group. The last file of the payloads has a record for each row.
    static constexpr std::size_t first_payload = 1;
    static constexpr std::size_t erasures = first_payload + Records::files;

    // Throws dimension_mismatch, invalid_argument.
    [[nodiscard]] static std::vector<FileSpec> specs(const std::filesystem::path& place, const StoreOptions& options,
                                                     Opening opening) {
        std::vector<FileSpec> specs{
            StoreParts::spec<MmapVectorStore<Dim, S, File>>(place / "vectors", options, opening)};
        specs[0].header.fingerprint = metric_fingerprint(M::name);
        specs[0].header.description = M::name;
        Records::add_specs(specs, place / "payloads", options.initial_capacity);
        const ExpectedHeader erased{.kind = FileKind::erasures, .dim = 1, .scalar_size = sizeof(Id)};
        specs.push_back({place / "erased", erased, 0});
        return specs;
    }
    // Throws as Collection::create.
    [[nodiscard]] static Group create(const std::filesystem::path& directory, const StoreOptions& options) {
        const auto files = specs(directory, options, Opening::new_file);  // throws before it creates anything
        make_directory(directory);
        return Group::create(files, options);
    }
    // Throws as Collection::open. Another process may rewrite the collection between the two steps, so it tries again.
    [[nodiscard]] static Group open(const std::filesystem::path& directory, OpenMode mode,
                                    const StoreOptions& options) {
        for (int tries = 0;; ++tries) {
            const std::uint64_t rewrites = current_rewrites<File>(directory);
            const auto files = specs(collection_place(directory, rewrites), options, Opening::old_file);
            try {
                Group group = Group::open(files, mode, options);
                const bool current = group[0].file().has_its_name() && current_rewrites<File>(directory) == rewrites;
                if (current && mode == OpenMode::read_write)
                    discard_leftovers<File>(group, collection_place(directory, rewrites + 1));
                if (current || tries == max_tries) return group;
            } catch (const Error& error) {
                if (error.code() != ErrorCode::not_found || tries == max_tries ||
                    current_rewrites<File>(directory) == rewrites)
                    throw;
            }
        }
    }
    [[nodiscard]] static Group open_or_create(const std::filesystem::path& directory, const StoreOptions& options) {
        const auto files = specs(directory, options, Opening::new_file);
        try {
            return open(directory, OpenMode::read_write, options);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::not_found) throw;
        }
        File::create_directory(directory);
        return Group::open_or_create(files, options);
    }

    // Creates the directory for a new collection. Throws exists if it holds a collection.
    static void make_directory(const std::filesystem::path& directory) {
        refuse_place_of_another(directory);
        for (const auto rewrites : {std::uint64_t{0}, std::uint64_t{1}})
            if (const auto root = collection_place(directory, rewrites) / "vectors"; File::exists(root))
                if (rewrites_of<File>(root))
                    throw Error(ErrorCode::exists, directory, "there is a collection in it already");
        File::create_directory(directory);
    }
    // Removes all files of a collection and its fields. See Collection::remove().
    static bool remove(const std::filesystem::path& directory) {
        const auto place = collection_place(directory, current_rewrites<File>(directory));
        const bool found = remove_store<File>(specs(place, {}, Opening::old_file));
        for (const auto rewrites : {std::uint64_t{0}, std::uint64_t{1}})
            if (found) discard_collection<File>(collection_place(directory, rewrites));
        return found;
    }

  private:
    // A collection that is rewritten has its new files in a directory inside. A copy there would be taken for them.
    static void refuse_place_of_another(const std::filesystem::path& directory) {
        const auto whole = directory.has_filename() ? directory : directory.parent_path();
        const auto outer = whole.parent_path();
        if (whole.filename() == collection_place(outer, 1).filename() && File::exists(outer / "vectors"))
            throw Error(ErrorCode::exists, directory, "this is a place of the collection around it");
    }

    static constexpr int max_tries = 10;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
