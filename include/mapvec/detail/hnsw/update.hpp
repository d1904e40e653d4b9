// An update of a graph with the changes of the store since the last update. It works in memory.
//
//     RowChanges changes;                         // new, changed and removed rows
//     find_changed(changes, …), find_new_and_gone(changes, …);
//     HnswUpdate<M, S> update(mapped, upper_records, end, rows, lines);
//     update.run(changes, ef_construction, threads, progress);
//     … write update.graph() and update.state() to the files …
//
// Steps: remove rows that are gone or have changed, and repair links (remove.hpp); find equal rows (equal_rows.hpp);
// link the others (link.hpp); chain the copies to their nodes; link nodes that cannot be reached (reach.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <mapvec/detail/hnsw/edit.hpp>
#include <mapvec/detail/hnsw/equal_rows.hpp>
#include <mapvec/detail/hnsw/link.hpp>
#include <mapvec/detail/hnsw/reach.hpp>
#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/hnsw/remove.hpp>
#include <mapvec/detail/index/followed_store.hpp>
#include <mapvec/detail/index/row_ranges.hpp>
#include <mapvec/detail/search/scan.hpp>
#include <mapvec/detail/util/crc32c.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

[[nodiscard]] inline RowId32 row_checksum(std::span<const std::byte> row) noexcept {
    return crc32c_raw(0, row.data(), row.size());
}

// The rows of an update. Ids ascend.
struct RowChanges {
    std::vector<Id> to_link;    // new rows, and rows that have changed since they were linked
    std::vector<Id> to_remove;  // nodes and copies that are gone, or are in to_link
    std::vector<Id> left;       // changed rows beyond max_rows

    [[nodiscard]] bool none() const noexcept { return to_link.empty() && to_remove.empty(); }
    // The number of rows that are linked or removed.
    [[nodiscard]] std::size_t size() const {
        std::vector<Id> all;
        std::set_union(to_link.begin(), to_link.end(), to_remove.begin(), to_remove.end(), std::back_inserter(all));
        return all.size();
    }
};

// Finds rows among the `doubtful` ones that have changed, at most `most`. `is_live(id)` is false for erased rows;
// `bytes_of(id)` returns the bytes of a row.
template <class IsLive, class BytesOf>
void find_changed(RowChanges& changes, const MappedHnsw& graph, const RowRanges& doubtful, std::size_t most,
                  const IsLive& is_live, const BytesOf& bytes_of) {
    for (const RowRange range : doubtful.ranges()) {
        for (Id id = range.first; id < range.end; ++id) {
            const bool same = id < graph.size() && graph.has(id, hnsw_flag::known) &&
                              graph.word(id, hnsw_word::checksum) == row_checksum(bytes_of(id));
            if (!same && is_live(id)) (changes.to_link.size() < most ? changes.to_link : changes.left).push_back(id);
        }
    }
}

// Adds the new rows [known, end), and the nodes and copies to remove: those of changed rows and of rows that are gone.
template <class IsLive>
void find_new_and_gone(RowChanges& changes, const MappedHnsw& graph, Id known, Id end, const IsLive& is_live) {
    for (Id id = known; id < end; ++id)
        if (is_live(id)) changes.to_link.push_back(id);
    const auto is_in_graph = [&](Id id) { return graph.has(id, hnsw_flag::linked | hnsw_flag::copy); };
    for (const Id id : changes.to_link)
        if (id < graph.size() && is_in_graph(id)) changes.to_remove.push_back(id);
    for (Id id = std::is_same_v<IsLive, AllLive> ? end : 0; id < graph.size(); ++id)
        if (is_in_graph(id) && (id >= end || !is_live(id))) changes.to_remove.push_back(id);
    std::sort(changes.to_remove.begin(), changes.to_remove.end());
}

template <Metric M, Scalar S>
class HnswUpdate {
  public:
    HnswUpdate(const MappedHnsw& mapped, std::uint64_t upper_records, Id end, const RowsSnapshot<S>& rows,
               const GraphLines& lines)
        : rows_(rows.span()),
          lines_(lines),
          graph_(mapped, upper_records, end, rows.count()),
          state_(mapped.state()),
          top_(mapped.entry_point()) {}

    // Runs the update. Calls progress(rows linked, rows to link).
    template <class Progress>
    void run(const RowChanges& changes, std::size_t ef_construction, std::size_t threads, Progress& progress) {
        if (!changes.to_remove.empty()) {
            RowRemoval<M, S> removal(graph_, rows_, changes.to_remove);
            top_ = removal.run(top_, threads);
        }
        for (const Id id : changes.to_link) {
            graph_.set_word(id, hnsw_word::checksum, row_checksum(bytes_of(id)));
            graph_.set_flags(id, hnsw_flag::known);
        }
        const EqualRows equal(graph_, changes.to_link, [this](Id id) { return bytes_of(id); });
        HnswLinker<M, S> linker(graph_, rows_, lines_, ef_construction, top_);
        std::uint64_t done = 0;
        linker.link_all(equal.firsts(), threads, [&] { progress(++done, std::uint64_t{changes.to_link.size()}); });
        chain(equal.copies());
        if (done < changes.to_link.size())
            progress(std::uint64_t{changes.to_link.size()}, std::uint64_t{changes.to_link.size()});
        ReachAll<M, S>(graph_, linker, rows_).run();
        state_.entry_point = linker.top() ? linker.top()->id : HnswState::no_row;
    }

    [[nodiscard]] const GraphEdit& graph() const noexcept { return graph_; }
    [[nodiscard]] const HnswState& state() const noexcept { return state_; }

  private:
    [[nodiscard]] std::span<const std::byte> bytes_of(Id id) const noexcept {
        return std::as_bytes(std::span(rows_.rows + id * rows_.dim, rows_.dim));
    }
    // Chains copies to their nodes. If a row cannot be linked, its copies are not linked either.
    void chain(const std::vector<EqualRow>& copies) {
        std::vector<Id> ring;
        for (auto first = copies.begin(); first != copies.end();) {
            const Id node = first->first;
            const auto end =
                std::find_if(first, copies.end(), [node](const EqualRow& row) { return row.first != node; });
            if (graph_.has(node, hnsw_flag::linked)) {
                ring.clear();
                each_copy(graph_, node, [&](Id copy) {
                    if (graph_.has(copy, hnsw_flag::copy)) ring.push_back(copy);
                    return true;
                });
                for (; first != end; ++first) ring.push_back(first->id);
                std::sort(ring.begin(), ring.end());
                make_ring(graph_, node, ring);
            }
            first = end;
        }
    }

    const RowSpan<S> rows_;
    const GraphLines& lines_;
    GraphEdit graph_;
    HnswState state_;
    std::optional<EntryPoint> top_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
