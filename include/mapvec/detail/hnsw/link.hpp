// Links rows into a graph (Malkov and Yashunin, algorithm 1): a beam search on each level, a selection of its rows
// (neighbors.hpp), links in both directions, and the same selection again if a row has too many links.
//
//     HnswLinker<M, S> linker(graph, rows, lines, ef_construction, top);
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
#include <mapvec/detail/hnsw/lines.hpp>
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
    // Walks on lines if there is one for each row.
    HnswLinker(GraphEdit& graph, const RowSpan<S>& rows, const GraphLines& lines, std::size_t ef_construction,
               std::optional<EntryPoint> top)
        : graph_(graph),
          rows_(rows),
          lines_(lines),
          use_lines_(lines.describe(graph.present())),
          beam_width_(std::max(ef_construction, graph.shape().m)),
          top_(top) {}

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
        RowKeys<M, S> keys;  // of the row that is linked
        LineKeys<M, S> line_keys;
        bool on_lines = false;
        NeighborSelection<M, S> selection;
        std::vector<Candidate> from;      // of a beam
        std::vector<Candidate> measured;  // the same, with keys of rows
        std::vector<Id> neighbours;
        std::vector<Id> ids;
        TopK best{0};
    };

    // False if the row cannot be linked.
    [[nodiscard]] bool prepare(Worker& worker, Id id) {
        if (!can_be_linked(worker.keys, id)) return false;
        worker.on_lines = use_lines_ && worker.line_keys.prepare(lines_, worker.keys.floats_of(id), worker.keys);
        return true;
    }
    // The nearest nodes on level 0 to the row that the worker is prepared for.
    void find_nearest(Worker& worker, Id excluded) {
        descend(worker, *top_, 0);
        search(worker, 0, excluded);
    }

  private:
    void link(Id id, Worker& worker) {
        if (!prepare(worker, id)) return;
        const std::size_t level = graph_.level(id);
        std::unique_lock lock(top_mutex_);
        graph_.set_flags(id, hnsw_flag::linked);
        if (!top_) {
            top_ = EntryPoint{id, level};
            return;
        }
        const EntryPoint top = *top_;
        if (level <= top.level) lock.unlock();  // else nobody finds another top meanwhile
        descend(worker, top, level);
        for (std::size_t l = std::min(level, top.level);; --l) {
            search(worker, l, id);
            link_with_best(id, l, worker);
            if (l == 0) break;
        }
        if (level > top.level) top_ = EntryPoint{id, level};
    }
    template <class Step>
    static void with_keys(Worker& worker, Step step) {
        if (worker.on_lines)
            step(worker.line_keys);
        else
            step(worker.keys);
    }
    void descend(Worker& worker, const EntryPoint& top, std::size_t level) {
        with_keys(worker,
                  [&](auto& keys) { worker.from.assign(1, worker.walk.greedy_descend(graph_, keys, top, level)); });
    }
    // Puts the best of a beam from worker.from in its place.
    void search(Worker& worker, std::size_t level, Id excluded) {
        worker.best.reset(beam_width_);
        with_keys(worker, [&](auto& keys) {
            worker.walk.search_layer(
                graph_, keys, worker.from, level, worker.best, [](Id) { return true; }, excluded);
        });
        worker.from.assign(worker.best.entries().begin(), worker.best.entries().end());
    }
    // Keys that a selection can compare, in the place of estimates.
    void measure(Worker& worker, std::vector<Candidate>& candidates) {
        if (!worker.on_lines) return;
        worker.ids.clear();
        for (const Candidate& candidate : candidates) worker.ids.push_back(candidate.id);
        const auto keys = worker.keys.measure(worker.ids);
        for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i].key = keys[i];
        std::erase_if(candidates, [](const Candidate& candidate) { return std::isnan(candidate.key); });
    }
    void link_with_best(Id id, std::size_t level, Worker& worker) {
        worker.measured = worker.from;
        measure(worker, worker.measured);
        const auto selected = worker.selection.select(id, std::span(worker.measured), graph_.shape().m);
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
    const GraphLines& lines_;
    const bool use_lines_;
    const std::size_t beam_width_;
    Mutex top_mutex_;
    Mutex progress_mutex_;
    std::optional<EntryPoint> top_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
