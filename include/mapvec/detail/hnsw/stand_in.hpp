// Keys of nodes of which some are gone from the store, or were overwritten since they were linked.
//
//     StandInKeys keys(row_keys, graph, described, row_count, ids, found);
//     walk.search_layer(graph, keys, …);
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <mapvec/detail/hnsw/copies.hpp>
#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/index/row_ranges.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Puts the first copy of a node that is described in its place. False if there is none.
[[nodiscard]] inline bool find_described_copy(const MappedHnsw& graph, const RowRanges& described, Id& node) {
    bool found = false;
    each_copy(graph, node, [&](Id copy) {
        if (!described.contains(copy)) return true;
        node = copy;
        found = true;
        return false;
    });
    return found;
}

// Keys of nodes, of which some may be gone from the store or overwritten since they were linked. A copy that was not
// stands in, or all copies would be lost with their node. Nodes without a key are passed as if they were far away, or
// what lies behind them would be lost.
template <class Keys>
class StandInKeys {
  public:
    StandInKeys(Keys& keys, const MappedHnsw& graph, const RowRanges& described, std::uint64_t row_count,
                std::vector<Id>& ids, std::vector<float>& found) noexcept
        : keys_(keys), graph_(graph), described_(described), row_count_(row_count), ids_(ids), found_(found) {}

    void prefetch(Id id) const noexcept { keys_.prefetch(id); }
    [[nodiscard]] std::span<const float> measure(std::span<const Id> nodes) {
        found_.assign(nodes.size(), 0);
        ids_.assign(nodes.begin(), nodes.end());
        for (std::size_t i = 0; i < nodes.size(); ++i)
            if (!described_.contains(nodes[i]) && !find_stand_in(ids_[i])) found_[i] = far, ids_[i] = 0;
        const auto keys = keys_.measure(ids_);
        for (std::size_t i = 0; i < nodes.size(); ++i)
            if (found_[i] != far) found_[i] = std::isnan(keys[i]) ? far : keys[i];
        return found_;
    }
    // As RowKeys::may_match().
    [[nodiscard]] KeyRange widened(KeyRange range) const noexcept { return range; }
    [[nodiscard]] bool may_match(KeyRange range, std::size_t i) const noexcept {
        return found_[i] >= range.low && found_[i] <= range.high;
    }

  private:
    static constexpr float far = std::numeric_limits<float>::infinity();

    // Replaces `id` by a row that can be read. Returns false if there is none.
    [[nodiscard]] bool find_stand_in(Id& id) const {
        return find_described_copy(graph_, described_, id) || id < row_count_;
    }

    Keys& keys_;
    const MappedHnsw& graph_;
    const RowRanges& described_;
    const std::uint64_t row_count_;
    std::vector<Id>& ids_;
    std::vector<float>& found_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
