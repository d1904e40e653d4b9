// The hits of a rank as bytes, and how the hits of all ranks become one list.
//
// The bytes of a rank: the number of hits of each query, 8 bytes each; then all hits, 16 bytes each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <mapvec/mpi/detail/manifest.hpp>
#include <mapvec/mpi/detail/ranks.hpp>
#include <mapvec/mpi/shard.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi::detail {

struct SentHit {
    Id row = 0;
    std::uint32_t shard = 0;
    float distance = 0;
};
static_assert(sizeof(SentHit) == 16);

using HitLists = std::vector<std::vector<SentHit>>;  // one for each query

inline constexpr std::size_t all_hits = std::numeric_limits<std::size_t>::max();

inline void add_hits(std::vector<SentHit>& list, std::uint32_t shard, const std::vector<Hit>& hits) {
    list.reserve(list.size() + hits.size());
    for (const Hit& hit : hits) list.push_back({hit.id, shard, hit.distance_squared});
}

// Sorts by distance, then shard, then row; keeps k hits. Ranges keep all hits, in the order of the shards.
inline void keep_nearest(std::vector<SentHit>& list, std::size_t k, HitUnit unit) {
    if (k == all_hits) return;
    const float sign = unit == HitUnit::similarity ? -1.0f : 1.0f;
    std::sort(list.begin(), list.end(), [sign](const SentHit& a, const SentHit& b) {
        if (a.distance != b.distance) return sign * a.distance < sign * b.distance;
        return a.shard != b.shard ? a.shard < b.shard : a.row < b.row;
    });
    list.resize(std::min(list.size(), k));
}

[[nodiscard]] inline Bytes encode(const HitLists& lists) {
    std::size_t size = lists.size() * sizeof(std::uint64_t);
    for (const auto& list : lists) size += list.size() * sizeof(SentHit);
    Bytes bytes(size);
    std::byte* head = bytes.data();
    std::byte* body = head + lists.size() * sizeof(std::uint64_t);
    for (const auto& list : lists) {
        const std::uint64_t count = list.size();
        std::memcpy(head, &count, sizeof count);
        head += sizeof count;
        if (count != 0) std::memcpy(body, list.data(), list.size() * sizeof(SentHit));
        body += list.size() * sizeof(SentHit);
    }
    return bytes;
}

// Adds the hits of one rank to those of the ranks before.
inline void add_encoded(HitLists& lists, std::span<const std::byte> bytes) {
    auto hits = bytes.subspan(lists.size() * sizeof(std::uint64_t));
    for (std::size_t i = 0; i < lists.size(); ++i) {
        std::uint64_t count = 0;
        std::memcpy(&count, bytes.data() + i * sizeof count, sizeof count);
        if (count == 0) continue;
        const auto n = static_cast<std::size_t>(count), before = lists[i].size();
        lists[i].resize(before + n);
        std::memcpy(lists[i].data() + before, hits.data(), n * sizeof(SentHit));
        hits = hits.subspan(n * sizeof(SentHit));
    }
}

// The hits of all ranks. k: for each query.
[[nodiscard]] inline std::vector<std::vector<ShardHit>> merge(const Gathered& gathered,
                                                              const std::vector<std::size_t>& k, HitUnit unit) {
    HitLists lists(k.size());
    for (std::size_t rank = 0; rank < gathered.counts.size(); ++rank) add_encoded(lists, gathered.of(rank));
    std::vector<std::vector<ShardHit>> merged(k.size());
    for (std::size_t i = 0; i < lists.size(); ++i) {
        keep_nearest(lists[i], k[i], unit);
        merged[i].reserve(lists[i].size());
        for (const SentHit& hit : lists[i]) merged[i].push_back({{hit.shard, hit.row}, hit.distance, unit});
    }
    return merged;
}

}  // namespace mapvec::inline v0_1::mpi::detail

#include <mapvec/detail/util/epilogue.inc>
