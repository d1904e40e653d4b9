// Manifest: the file that names the last commit of a sharded collection, and the places of the shards.
//
//     directory/manifest      on the file system of rank 0
//     directory/shard.<n>     a collection, on the file system of the rank that owns shard n
//
// The bytes of the manifest; all numbers are little-endian:
//
//     offset  size
//          0     8  magic: "mapvecsh"
//          8     4  version: 1
//         12     4  n, the number of shards
//         16     8  number of commits
//         24  24 n  for each shard: 16 bytes store id, 8 bytes number of rows
//    24+24n     4  CRC-32C of all bytes before
//
// The store id is that of the shard's vectors (storage/file_format.hpp). A shard with another one was exchanged or
// compacted, so that its ids no longer mean the same rows.
//
// A new manifest is written under another name, synced, and renamed, and then its directory is synced. After a crash
// there is the old one or the new one.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <mapvec/detail/file/names.hpp>
#include <mapvec/detail/file/system_errors.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/util/crc32c.hpp>
#include <mapvec/error.hpp>
#include <mapvec/io/detail/output_file.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/storage/file_format.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi::detail {

namespace platform = mapvec::detail::platform;

using Bytes = std::vector<std::byte>;

inline constexpr std::uint32_t max_shards = 1u << 20;

struct ShardState {
    StoreId store_id{};
    std::uint64_t rows = 0;
};
static_assert(sizeof(ShardState) == 24);

struct Manifest {
    std::uint64_t commits = 0;
    std::vector<ShardState> shards;
};

[[nodiscard]] inline bool have_same_ids(const Manifest& a, const Manifest& b) {
    return std::equal(a.shards.begin(), a.shards.end(), b.shards.begin(), b.shards.end(),
                      [](const ShardState& x, const ShardState& y) { return x.store_id == y.store_id; });
}

struct ManifestHead {
    std::array<char, 8> magic{'m', 'a', 'p', 'v', 'e', 'c', 's', 'h'};
    std::uint32_t version = 1;
    std::uint32_t shards = 0;
    std::uint64_t commits = 0;
};
static_assert(sizeof(ManifestHead) == 24);

[[nodiscard]] inline std::filesystem::path manifest_path(const std::filesystem::path& directory) {
    return directory / "manifest";
}
[[nodiscard]] inline std::filesystem::path shard_path(const std::filesystem::path& directory, std::uint32_t shard) {
    return directory / ("shard." + std::to_string(shard));
}

[[nodiscard]] inline Bytes encode(const Manifest& manifest) {
    ManifestHead head;
    head.shards = static_cast<std::uint32_t>(manifest.shards.size());
    head.commits = manifest.commits;
    const std::size_t body = manifest.shards.size() * sizeof(ShardState);
    Bytes bytes(sizeof head + body + sizeof(std::uint32_t));
    std::memcpy(bytes.data(), &head, sizeof head);
    if (body != 0) std::memcpy(bytes.data() + sizeof head, manifest.shards.data(), body);
    const std::uint32_t crc = mapvec::detail::crc32c(bytes.data(), sizeof head + body);
    std::memcpy(bytes.data() + sizeof head + body, &crc, sizeof crc);
    return bytes;
}

// Throws version_mismatch, corrupt. `path`: for the text of the error.
[[nodiscard]] inline Manifest decode(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    const auto refuse = [&](const char* subject, auto expected, auto found) {
        throw Error(ErrorCode::corrupt, path, mapvec::detail::mismatch(subject, expected, found));
    };
    ManifestHead head;
    const std::size_t least = sizeof head + sizeof(ShardState) + sizeof(std::uint32_t);
    if (bytes.size() < least) refuse("bytes", "at least " + std::to_string(least), bytes.size());
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.magic != ManifestHead{}.magic) refuse("magic", "a manifest of shards", "something else");
    if (head.version != ManifestHead{}.version)
        throw Error(ErrorCode::version_mismatch, path,
                    mapvec::detail::mismatch("version of the manifest", ManifestHead{}.version, head.version));
    if (head.shards == 0 || head.shards > max_shards) refuse("shards", "1 to 1048576", head.shards);
    const std::size_t body = head.shards * sizeof(ShardState), checked = sizeof head + body;
    if (bytes.size() != checked + sizeof(std::uint32_t)) refuse("bytes", checked + sizeof(std::uint32_t), bytes.size());
    std::uint32_t crc = 0;
    std::memcpy(&crc, bytes.data() + checked, sizeof crc);
    if (const auto sum = mapvec::detail::crc32c(bytes.data(), checked); sum != crc) refuse("checksum", crc, sum);
    Manifest manifest{head.commits, std::vector<ShardState>(head.shards)};
    std::memcpy(manifest.shards.data(), bytes.data() + sizeof head, body);
    return manifest;
}

struct OpenHandle {
    OpenHandle(const std::filesystem::path& path, bool writing) {
        const int number = platform::open_existing(path, writing, handle);
        if (platform::means_absent(number))
            throw Error(ErrorCode::not_found, path, "there is no manifest of a sharded collection");
        mapvec::detail::check_call(number, path, "opening the manifest");
    }
    OpenHandle(const OpenHandle&) = delete;
    OpenHandle& operator=(const OpenHandle&) = delete;
    ~OpenHandle() { platform::close(handle); }

    platform::Handle handle{};
};

// The bytes of the file. Throws not_found, io, corrupt.
[[nodiscard]] inline Bytes read_manifest(const std::filesystem::path& directory) {
    const auto path = manifest_path(directory);
    const OpenHandle file(path, false);
    std::uint64_t size = 0;
    mapvec::detail::check_call(platform::file_size(file.handle, size), path, "asking for the size of the manifest");
    const std::uint64_t most = sizeof(ManifestHead) + std::uint64_t{max_shards} * sizeof(ShardState) + 4;
    if (size > most)
        throw Error(ErrorCode::corrupt, path,
                    mapvec::detail::mismatch("bytes", "at most " + std::to_string(most), size));
    Bytes bytes(static_cast<std::size_t>(size));
    std::size_t got = bytes.size();
    mapvec::detail::check_call(platform::read_at(file.handle, 0, bytes.data(), got), path, "reading the manifest");
    bytes.resize(got);
    return bytes;
}

// Throws exists, no_space, io. SyncError: the new manifest may or may not be there after a crash.
inline void write_manifest(const std::filesystem::path& directory, const Manifest& manifest, io::IfExists if_exists) {
    io::detail::OutputFile file(manifest_path(directory), if_exists);
    file.write(encode(manifest));
    file.finish();
}

// Makes the manifest durable that open() has found: a writer that was killed may have left it in the page cache only.
// Removes the drafts of such writers. REQUIRES: the caller is the only writer.
inline void settle_manifest(const std::filesystem::path& directory) {
    const auto path = manifest_path(directory);
    const OpenHandle file(path, true);
    mapvec::detail::check_write(platform::sync(file.handle), path, "making the manifest durable");
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored))
        if (entry.path().filename().string().starts_with("manifest.new-")) (void)platform::remove(entry.path());
    mapvec::detail::sync_directory_of(path);
}

}  // namespace mapvec::inline v0_1::mpi::detail

#include <mapvec/detail/util/epilogue.inc>
