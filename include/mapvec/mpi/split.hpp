// Splits a collection into shards, and joins the shards of a sharded collection. Both run in one process, without MPI,
// where all shards are in one directory.
//
//     mapvec::mpi::split(Docs::open("docs"), "docs.sharded", 8);       // then mpi/sharded.hpp opens it
//     auto docs = Docs::create("joined");
//     mapvec::mpi::join("docs.sharded", docs);                         // appends the rows and commits
//
// Rows stay in their order: shard i gets rows n i / shards to n (i + 1) / shards - 1. So searches of the shards have
// the hits of the collection in the same order, and a collection without erased rows is the same after split and join.
// Erased rows, keys, fields and indexes are left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <mapvec/collection.hpp>
#include <mapvec/detail/file/names.hpp>
#include <mapvec/error.hpp>
#include <mapvec/mpi/detail/local_shards.hpp>
#include <mapvec/mpi/detail/manifest.hpp>
#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi {

// Writes the live rows of `source` to a new sharded collection. The manifest is written last: after an error or a crash
// there is none; then remove the directory. Throws exists if there is a manifest or a shard with rows, invalid_argument
// for 0 shards, no_space, io, and the errors of reading `source`. O(rows).
template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void split(const Collection<Dim, T, S, M>& source, const std::filesystem::path& directory, std::uint32_t shards) {
    if (shards == 0 || shards > detail::max_shards)
        throw Error(ErrorCode::invalid_argument, mapvec::detail::mismatch("shards", "1 to 1048576", shards));
    if (mapvec::detail::exists(detail::manifest_path(directory)))
        throw Error(ErrorCode::exists, directory, "there is a sharded collection in it already");
    mapvec::detail::create_directory(directory);
    auto parts = detail::LocalShards<Collection<Dim, T, S, M>>::create(directory, 0, shards, {.dim = source.dim()});
    const std::uint64_t live = source.size(), last = source.vectors().size();
    std::uint64_t written = 0;
    std::uint32_t part = 0;
    for (Id row = 0; row < last; ++row) {
        if (!source.contains(row)) continue;
        // Another thread may append meanwhile: what it adds goes to the last shard.
        while (part + 1 < shards && written >= live / shards * (part + 1) + live % shards * (part + 1) / shards) ++part;
        parts[part].rows.append(source.vector(row), source.payload(row));
        ++written;
    }
    parts.commit();
    detail::Manifest manifest{1, {}};
    for (const auto& shard : parts) manifest.shards.push_back(detail::state_of(shard.rows));
    detail::write_manifest(directory, manifest, io::IfExists::refuse);
}

// Appends the live rows of all shards to `target`, in the order of the shards, and commits. Rows ahead of the manifest
// are left out. Throws not_found, corrupt, and the errors of append() and commit(); then `target` is at its last
// commit. O(rows).
template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void join(const std::filesystem::path& directory, Collection<Dim, T, S, M>& target) {
    const auto manifest = detail::decode(detail::manifest_path(directory), detail::read_manifest(directory));
    const auto shards = static_cast<std::uint32_t>(manifest.shards.size());
    try {
        for (std::uint32_t number = 0; number < shards; ++number) {
            const auto opened = detail::LocalShards<Collection<Dim, T, S, M>>::open(
                directory, number, number + 1, manifest, OpenMode::read_only, {.dim = target.dim()});
            const auto& shard = opened[number];
            for (Id row = 0; row < shard.committed; ++row)
                if (shard.rows.contains(row)) target.append(shard.rows.vector(row), shard.rows.payload(row));
        }
    } catch (...) {
        target.rollback();
        throw;
    }
    target.commit();
}

}  // namespace mapvec::inline v0_1::mpi

#include <mapvec/detail/util/epilogue.inc>
