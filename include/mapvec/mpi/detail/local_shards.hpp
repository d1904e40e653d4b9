// LocalShards: the shards of one rank. They do not communicate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/file/names.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/error.hpp>
#include <mapvec/mpi/detail/manifest.hpp>
#include <mapvec/mpi/shard.hpp>
#include <mapvec/options.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi::detail {

// The first shard of a rank. Ranks own consecutive shards, so that shards of all ranks, one after the other, are in
// order.
[[nodiscard]] constexpr std::uint32_t first_shard(std::uint32_t rank, std::uint32_t ranks,
                                                  std::uint32_t shards) noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{shards} * rank / ranks);
}
[[nodiscard]] constexpr std::uint32_t owner_of(std::uint32_t shard, std::uint32_t ranks,
                                               std::uint32_t shards) noexcept {
    return static_cast<std::uint32_t>(((std::uint64_t{shard} + 1) * ranks - 1) / shards);
}

template <class Rows>
[[nodiscard]] ShardState state_of(const Rows& collection) {
    return {mapvec::detail::StoreParts::rows(collection.vectors()).header().store_id, collection.vectors().size()};
}

template <class Rows>
struct LocalShard {
    std::uint32_t number = 0;
    Rows rows;
    std::uint64_t committed = 0;  // rows that the manifest names
};

template <class Rows>
class LocalShards {
  public:
    // Creates the shards first to last - 1. Takes over empty ones, which a creation without end has left. Throws exists
    // if a shard has rows.
    static LocalShards create(const std::filesystem::path& directory, std::uint32_t first, std::uint32_t last,
                              const StoreOptions& options) {
        LocalShards shards;
        for (std::uint32_t number = first; number < last; ++number) {
            const auto path = shard_path(directory, number);
            shards.shards_.push_back({number, Rows::open_or_create(path, options), 0});
            if (shards.shards_.back().rows.vectors().size() != 0)
                throw Error(ErrorCode::exists, path, "there is a shard with rows, but no manifest");
        }
        return shards;
    }
    // Throws as Collection::open; corrupt if a shard is not the one of the manifest, or has fewer rows.
    static LocalShards open(const std::filesystem::path& directory, std::uint32_t first, std::uint32_t last,
                            const Manifest& manifest, OpenMode mode, const StoreOptions& options) {
        LocalShards shards;
        for (std::uint32_t number = first; number < last; ++number) {
            const auto path = shard_path(directory, number);
            shards.shards_.push_back({number, Rows::open(path, mode, options), 0});
            shards.shards_.back().committed = checked_rows(path, manifest.shards[number], shards.shards_.back().rows);
        }
        return shards;
    }

    [[nodiscard]] auto begin() const noexcept { return shards_.begin(); }
    [[nodiscard]] auto end() const noexcept { return shards_.end(); }
    [[nodiscard]] auto begin() noexcept { return shards_.begin(); }
    [[nodiscard]] auto end() noexcept { return shards_.end(); }
    [[nodiscard]] std::size_t dim() const noexcept { return shards_.front().rows.dim(); }

    // REQUIRES: this rank owns the shard.
    [[nodiscard]] const LocalShard<Rows>& operator[](std::uint32_t shard) const noexcept {
        return shards_[shard - shards_.front().number];
    }
    [[nodiscard]] LocalShard<Rows>& operator[](std::uint32_t shard) noexcept {
        return shards_[shard - shards_.front().number];
    }

    // The states of the shards in their files, as bytes, in order.
    [[nodiscard]] Bytes states() const {
        std::vector<ShardState> states;
        for (const auto& shard : shards_) states.push_back(state_of(shard.rows));
        const auto bytes = std::as_bytes(std::span(states));
        return {bytes.begin(), bytes.end()};
    }
    void set_committed(const Manifest& manifest) noexcept {
        for (auto& shard : shards_) shard.committed = manifest.shards[shard.number].rows;
    }
    void commit() {
        for (auto& shard : shards_) shard.rows.commit();
    }
    // Erases the rows behind those of the manifest, durably. If it is repeated, it does the rest.
    void erase_surplus() {
        for (auto& shard : shards_) {
            for (Id row = shard.committed; row < shard.rows.vectors().size(); ++row)
                if (shard.rows.contains(row)) shard.rows.erase(row);
            shard.rows.commit();
        }
    }
    // Discards what is not committed. A shard that cannot be restored refuses commits from then on.
    void rollback() noexcept {
        for (auto& shard : shards_) {
            try {
                shard.rows.rollback();
            } catch (const std::exception&) {
            }
        }
    }
    // Throws corrupt as open().
    void check(const std::filesystem::path& directory, const Manifest& manifest) const {
        for (const auto& shard : shards_)
            (void)checked_rows(shard_path(directory, shard.number), manifest.shards[shard.number], shard.rows);
    }
    // Moves readers to the newest commits of the shards. Searches find their rows after set_committed().
    void refresh() {
        for (auto& shard : shards_) shard.rows.refresh();
    }

  private:
    [[nodiscard]] static std::uint64_t checked_rows(const std::filesystem::path& path, const ShardState& expected,
                                                    const Rows& rows) {
        const ShardState found = state_of(rows);
        if (found.store_id != expected.store_id)
            throw Error(ErrorCode::corrupt, path,
                        "it was compacted, or it is not the collection that the manifest names");
        if (found.rows < expected.rows)
            throw Error(ErrorCode::corrupt, path,
                        mapvec::detail::mismatch("rows", "at least " + std::to_string(expected.rows), found.rows));
        return expected.rows;
    }

    std::vector<LocalShard<Rows>> shards_;
};

}  // namespace mapvec::inline v0_1::mpi::detail

#include <mapvec/detail/util/epilogue.inc>
