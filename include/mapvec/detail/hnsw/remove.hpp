// Removes rows from a graph, and repairs the links around them.
//
//     RowRemoval<M, S> removal(graph, rows, removed);
//     top = removal.run(top, threads);
//
// The first copy of a removed node takes its place. Every other node p with a link to a removed node r gets new links:
// the selection (neighbors.hpp) of the other links of p and the links of r, as in FreshDiskANN (Singh et al.,
// arXiv:2105.09613). One pass over all links finds these nodes.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include <mapvec/detail/hnsw/copies.hpp>
#include <mapvec/detail/hnsw/edit.hpp>
#include <mapvec/detail/hnsw/neighbors.hpp>
#include <mapvec/detail/platform/parallel.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <Metric M, Scalar S>
class RowRemoval {
  public:
    // `removed`: ids of rows with records; nodes, copies or neither.
    RowRemoval(GraphEdit& graph, const RowSpan<S>& rows, std::span<const Id> removed)
        : graph_(graph), rows_(rows), removed_(removed), is_removed_(graph.size()) {
        for (const Id id : removed_) is_removed_[id] = true;
    }

    // Removes the rows: they are then neither nodes nor copies, and no link leads to them. Returns the new entry point.
    [[nodiscard]] std::optional<EntryPoint> run(std::optional<EntryPoint> top, std::size_t threads) {
        shorten_rings();
        mend_all(threads);
        for (const Id id : removed_) clear(id);
        if (!top || !is_removed_[top->id]) return top;
        return highest_;
    }

  private:
    static constexpr Id rows_per_piece = 4096;

    // --- copies ---

    void shorten_rings() {
        std::vector<Id> nodes;
        for (const Id id : removed_) {
            const RowId32 flags = graph_.word(id, hnsw_word::flags);
            if ((flags & hnsw_flag::copy) != 0) nodes.push_back(graph_.word(id, hnsw_word::first_link));
            if ((flags & hnsw_flag::linked) != 0 && graph_.word(id, hnsw_word::next) != no_record) nodes.push_back(id);
        }
        std::sort(nodes.begin(), nodes.end());
        nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
        for (const Id node : nodes)
            if (node < graph_.size()) shorten_ring(node);
    }
    void shorten_ring(Id node) {
        std::vector<Id> left;
        each_copy(graph_, node, [&](Id copy) {
            if (!is_removed_[copy] && graph_.has(copy, hnsw_flag::copy)) left.push_back(copy);
            return true;
        });
        if (is_removed_[node] && !left.empty()) {
            hand_over(node, left.front());
            node = left.front();
            left.erase(left.begin());
        }
        make_ring(graph_, node, left);
    }
    // The copy becomes the node: it gets the level and the links of the node, and the links to the node.
    void hand_over(Id node, Id copy) {
        std::vector<RowId32> words(graph_.shape().level_0_words());
        graph_.change(node, 0, [&](RowId32* record) { std::copy_n(record, words.size(), words.begin()); });
        RowId32 level = 0, upper = 0;
        graph_.change(copy, 0, [&](RowId32* record) {
            level = record[hnsw_word::flags] & level_bits;
            upper = record[hnsw_word::upper];
            const RowId32 checksum = record[hnsw_word::checksum];
            std::copy_n(words.begin(), words.size(), record);
            record[hnsw_word::checksum] = checksum;
        });
        graph_.change(node, 0, [&](RowId32* record) {
            record[hnsw_word::flags] = (record[hnsw_word::flags] & ~level_bits) | level;
            record[hnsw_word::upper] = upper;
        });
        successor_[node] = copy;
    }

    // --- links ---

    struct Worker {
        explicit Worker(const RowSpan<S>& rows) : selection(rows) {}

        NeighborSelection<M, S> selection;
        std::vector<Id> links;
        std::vector<Id> others;
        std::optional<EntryPoint> highest;
    };

    void mend_all(std::size_t threads) {
        std::atomic<Id> next{0};
        Mutex mutex;
        parallel_for(threads, threads, [&](std::size_t) {
            Worker worker(rows_);
            for (Id first = next.fetch_add(rows_per_piece); first < graph_.size();
                 first = next.fetch_add(rows_per_piece))
                for (Id id = first; id < std::min(first + rows_per_piece, graph_.size()); ++id) mend(id, worker);
            const std::lock_guard lock(mutex);
            if (worker.highest) offer_top(*worker.highest, highest_);
        });
    }
    void mend(Id id, Worker& worker) {
        if (is_removed_[id] || id >= graph_.present() || !graph_.has(id, hnsw_flag::linked)) return;
        const std::size_t level = graph_.level(id);
        offer_top({id, level}, worker.highest);
        for (std::size_t l = 0; l <= level; ++l)
            if (graph_.has_link(id, l, [this](Id link) { return bool{is_removed_[link]}; })) mend(id, l, worker);
    }
    // Keeps the highest node; of several the one with the smallest id.
    static void offer_top(const EntryPoint& offered, std::optional<EntryPoint>& top) noexcept {
        if (!top || offered.level > top->level || (offered.level == top->level && offered.id < top->id)) top = offered;
    }
    void mend(Id id, std::size_t level, Worker& worker) {
        worker.links.clear();
        graph_.each_link(id, level, [&](Id link) { worker.links.push_back(link); });
        worker.others.clear();
        for (const Id link : worker.links) {
            if (add_if_left(link, worker.others)) continue;
            graph_.each_link(link, level, [&](Id other) { (void)add_if_left(other, worker.others); });
        }
        std::sort(worker.others.begin(), worker.others.end());
        const auto end = std::unique(worker.others.begin(), worker.others.end());
        worker.others.erase(std::remove(worker.others.begin(), end, id), worker.others.end());
        const auto kept =
            worker.selection.select(id, std::span<const Id>(worker.others), graph_.shape().capacity(level));
        graph_.change(id, level, [&](RowId32* record) {
            std::transform(kept.begin(), kept.end(), record + HnswShape::first_link(level),
                           [](Id kept_id) { return static_cast<RowId32>(kept_id); });
            set_link_count(record, kept.size());
        });
    }
    // Adds the row, or the copy that replaced it. Returns false if it was removed.
    [[nodiscard]] bool add_if_left(Id id, std::vector<Id>& ids) const {
        if (is_removed_[id]) {
            const auto successor = successor_.find(id);
            if (successor == successor_.end()) return false;
            id = successor->second;
        }
        ids.push_back(id);
        return true;
    }

    void clear(Id id) {
        const std::size_t level = graph_.level(id);
        for (std::size_t l = 0; l <= level; ++l)
            graph_.change(id, l, [](RowId32* record) { set_link_count(record, 0); });
        graph_.set_flags(id, 0, hnsw_flag::linked | hnsw_flag::copy | hnsw_flag::known);
        graph_.set_word(id, hnsw_word::next, no_record);
    }

    static constexpr RowId32 level_bits = 0xFFu << 16;

    GraphEdit& graph_;
    const RowSpan<S> rows_;
    const std::span<const Id> removed_;
    std::vector<bool> is_removed_;
    std::unordered_map<Id, Id> successor_;
    std::optional<EntryPoint> highest_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
