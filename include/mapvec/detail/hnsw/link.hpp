// Links rows into a graph (Malkov and Yashunin, algorithm 1): a beam search on each level, a selection of its rows
// (neighbors.hpp), links in both directions, and the same selection again if a row has too many links.
//
//     HnswLinker<M, S> linker(graph, rows, ef_construction, top);
//     linker.link_all(ids, threads, progress);
//     linker.top();                             // the new entry point
//
// With one thread the graph depends only on the rows and their order.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/hnsw/edit.hpp>
#include <mapvec/detail/hnsw/neighbors.hpp>
#include <mapvec/detail/hnsw/walk.hpp>
#include <mapvec/detail/platform/parallel.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// True if a row has a distance to others: it holds no NaN or infinity, and has a direction.
template <Metric M, Scalar S>
[[nodiscard]] bool can_be_linked(RowKeys<M, S>& keys, Id id) {
    return keys.try_prepare(id) && !std::isnan(keys.measure(id));
}

template <Metric M, Scalar S>
class HnswLinker {
  public:
    HnswLinker(GraphEdit& graph, const RowSpan<S>& rows, std::size_t ef_construction, std::optional<EntryPoint> top)
        : graph_(graph), rows_(rows), beam_width_(std::max(ef_construction, graph.shape().m)), top_(top) {}

    // Links the rows, except those without a distance. Calls linked() after each row, one call at a time. REQUIRES:
    // none of them is a node.
    template <class Linked>
    void link_all(std::span<const Id> ids, std::size_t threads, Linked linked) {
        std::atomic<std::size_t> next{0};
        parallel_for(threads, threads, [&](std::size_t) {
            Worker worker(rows_);
            try {
                for (std::size_t i = next.fetch_add(1); i < ids.size(); i = next.fetch_add(1)) {
                    link(ids[i], worker);
                    const std::lock_guard lock(progress_mutex_);
                    linked();
                }
            } catch (...) {
                next.store(ids.size());  // stops the other threads
                throw;
            }
        });
    }

    [[nodiscard]] std::optional<EntryPoint> top() const noexcept { return top_; }

    struct Worker {
        explicit Worker(const RowSpan<S>& rows) : keys(rows), selection(rows) {}

        Walk walk;
        RowKeys<M, S> keys;  // keys for the row that is being linked
        NeighborSelection<M, S> selection;
        std::vector<Candidate> from;
        std::vector<Id> neighbours;
        std::vector<Id> ids;
        TopK best{0};
    };

    // Finds the nearest nodes on level 0 (worker.from). REQUIRES: worker.keys is prepared for the row.
    void find_nearest(Worker& worker, Id excluded) {
        const Candidate nearest = worker.walk.greedy_descend(graph_, worker.keys, *top_, 0);
        worker.from.assign(1, nearest);
        search(worker, 0, excluded);
    }

  private:
    void link(Id id, Worker& worker) {
        if (!can_be_linked(worker.keys, id)) return;
        const std::size_t level = graph_.level(id);
        std::unique_lock lock(top_mutex_);
        graph_.set_flags(id, hnsw_flag::linked);
        if (!top_) {
            top_ = EntryPoint{id, level};
            return;
        }
        const EntryPoint top = *top_;
        if (level <= top.level) lock.unlock();  // otherwise no other thread may change the entry point meanwhile
        worker.from.assign(1, worker.walk.greedy_descend(graph_, worker.keys, top, level));
        for (std::size_t l = std::min(level, top.level);; --l) {
            search(worker, l, id);
            link_with_best(id, l, worker);
            if (l == 0) break;
        }
        if (level > top.level) top_ = EntryPoint{id, level};
    }
    // Searches from worker.from, and replaces it by the best rows.
    void search(Worker& worker, std::size_t level, Id excluded) {
        worker.best.reset(beam_width_);
        worker.walk.search_layer(
            graph_, worker.keys, worker.from, level, worker.best, [](Id) { return true; }, excluded);
        worker.from.assign(worker.best.entries().begin(), worker.best.entries().end());
    }
    void link_with_best(Id id, std::size_t level, Worker& worker) {
        const auto selected = worker.selection.select(id, std::span(worker.from), graph_.shape().m);
        worker.neighbours.assign(selected.begin(), selected.end());
        for (const Id neighbour : worker.neighbours) add_link(id, neighbour, level, worker);
        for (const Id neighbour : worker.neighbours) add_link(neighbour, id, level, worker);
    }
    void add_link(Id from, Id to, std::size_t level, Worker& worker) {
        const HnswShape shape = graph_.shape();
        graph_.change(from, level, [&](RowId32* record) {
            const auto links = links_in(record, level, shape);
            if (std::find(links.begin(), links.end(), static_cast<RowId32>(to)) != links.end()) return;
            RowId32* const first = record + HnswShape::first_link(level);
            if (links.size() < shape.capacity(level)) {
                first[links.size()] = static_cast<RowId32>(to);
                set_link_count(record, links.size() + 1);
                return;
            }
            worker.ids.assign(links.begin(), links.end());
            worker.ids.push_back(to);
            const auto kept = worker.selection.select(from, std::span<const Id>(worker.ids), shape.capacity(level));
            std::transform(kept.begin(), kept.end(), first, [](Id kept_id) { return static_cast<RowId32>(kept_id); });
            set_link_count(record, kept.size());
        });
    }

    GraphEdit& graph_;
    const RowSpan<S> rows_;
    const std::size_t beam_width_;
    Mutex top_mutex_;
    Mutex progress_mutex_;
    std::optional<EntryPoint> top_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
