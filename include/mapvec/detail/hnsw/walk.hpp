// Walking a graph towards a query: greedily on the upper levels, with a beam on the lower ones (Malkov and Yashunin,
// "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World graphs", IEEE
// TPAMI 2020: algorithms 2 and 5).
//
//     Walk<M, S> walk(rows);
//     walk.prepare(query);
//     Candidate at = walk.greedy_descend(graph, *graph.entry_point(), 0);
//     TopK best(ef);
//     walk.search_layer(graph, {&at, 1}, 0, best, [](Id) { return true; });
//
// A graph is anything that can collect(id, level, neighbours) and prefetch(id); MappedHnsw or the one that is being
// built.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/search/top_k.hpp>
#include <mapvec/distance.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Rows seen before: open addressing, so that a walk of a thousand rows touches a few kilobytes however large the graph.
class VisitedSet {
  public:
    // False if it was there.
    bool insert(Id id) {
        if (2 * (size_ + 1) > slots_.size()) grow();
        if (!place(static_cast<RowId32>(id))) return false;
        ++size_;
        return true;
    }
    void clear() noexcept {
        std::fill(slots_.begin(), slots_.end(), empty);
        size_ = 0;
    }

  private:
    static constexpr RowId32 empty = UINT32_MAX;

    bool place(RowId32 id) noexcept {
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t slot = (id * 0x9E3779B97F4A7C15u >> 32) & mask;; slot = (slot + 1) & mask) {
            if (slots_[slot] == id) return false;
            if (slots_[slot] != empty) continue;
            slots_[slot] = id;
            return true;
        }
    }
    void grow() {
        std::vector<RowId32> old(std::max<std::size_t>(2 * slots_.size(), 2048), empty);
        old.swap(slots_);
        for (const RowId32 id : old)
            if (id != empty) (void)place(id);
    }

    std::vector<RowId32> slots_;
    std::size_t size_ = 0;
};

// Keys of single rows and of lists of rows, for one query after the other.
template <Metric M, Scalar S>
class DistanceComputer {
  public:
    explicit DistanceComputer(const RowSpan<S>& rows)
        : rows_(rows), query_(rows.dim, active_instruction_set()), as_floats_(rows.dim) {}

    // Throws as PreparedQuery.
    void prepare(std::span<const float> query) { query_.prepare(query); }
    // A row as the query. Throws invalid_argument if the row cannot be one.
    void prepare(Id row) {
        const S* const scalars = rows_.rows + row * rows_.dim;
        if constexpr (std::is_same_v<S, float>) {
            query_.prepare({scalars, rows_.dim});
        } else {
            std::transform(scalars, scalars + rows_.dim, as_floats_.begin(), [](S x) { return static_cast<float>(x); });
            query_.prepare(as_floats_);
        }
    }
    // One for each id; where there is none, NaN. The span lasts until the next call.
    [[nodiscard]] std::span<const float> measure(std::span<const Id> ids) {
        keys_.resize((ids.size() + 3) / 4 * 4);
        query_.measure(rows_, ids.data(), ids.size(), keys_.data());
        return {keys_.data(), ids.size()};
    }
    [[nodiscard]] float measure(Id id) { return measure(std::span(&id, 1))[0]; }

  private:
    RowSpan<S> rows_;
    PreparedQuery<M, S> query_;
    std::vector<float> as_floats_;
    std::vector<float> keys_;
};

template <Metric M, Scalar S>
class Walk {
  public:
    explicit Walk(const RowSpan<S>& rows) : measurer_(rows) {}

    [[nodiscard]] DistanceComputer<M, S>& distances() noexcept { return measurer_; }

    // From the top to the nearest row that greedy steps find on each level above `level`.
    template <class Graph>
    [[nodiscard]] Candidate greedy_descend(const Graph& graph, const EntryPoint& top, std::size_t level) {
        Candidate at{measurer_.measure(top.id), top.id};
        for (std::size_t l = top.level; l > level; --l)
            while (step(graph, l, at)) {
            }
        return at;
    }

    // The best that a beam as wide as `best` finds, begun at `from`. It passes rows that are not accepted, but does not
    // keep them. `excluded` is not passed either.
    template <class Graph, class Accept>
    void search_layer(const Graph& graph, std::span<const Candidate> from, std::size_t level, TopK& best,
                      const Accept& accept, Id excluded = UINT64_MAX) {
        visited_.clear();
        frontier_.clear();
        if (excluded != UINT64_MAX) visited_.insert(excluded);
        for (const Candidate& start : from)
            if (visited_.insert(start.id)) reach(start, best, accept);
        while (!frontier_.empty()) {
            const Candidate nearest = frontier_.front();
            if (nearest.key > best.limit()) break;
            std::pop_heap(frontier_.begin(), frontier_.end(), farther);
            frontier_.pop_back();
            if (!frontier_.empty()) graph.prefetch(frontier_.front().id);
            graph.collect(nearest.id, level, neighbours_);
            std::erase_if(neighbours_, [this](Id id) { return !visited_.insert(id); });
            const auto keys = measurer_.measure(neighbours_);
            for (std::size_t i = 0; i < keys.size(); ++i)
                if (best.has_room() ? !std::isnan(keys[i]) : keys[i] < best.limit())  // not all of many equal ones
                    reach({keys[i], neighbours_[i]}, best, accept);
        }
    }

  private:
    static bool farther(const Candidate& a, const Candidate& b) noexcept { return b < a; }

    template <class Graph>
    bool step(const Graph& graph, std::size_t level, Candidate& at) {
        graph.collect(at.id, level, neighbours_);
        const auto keys = measurer_.measure(neighbours_);
        bool nearer = false;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (std::isnan(keys[i]) || keys[i] >= at.key) continue;  // from a NaN every number is a step forward
            at = {keys[i], neighbours_[i]};
            nearer = true;
        }
        return nearer;
    }
    template <class Accept>
    void reach(const Candidate& row, TopK& best, const Accept& accept) {
        const bool has_key = !std::isnan(row.key);
        frontier_.push_back(has_key ? row : Candidate{std::numeric_limits<float>::infinity(), row.id});
        std::push_heap(frontier_.begin(), frontier_.end(), farther);
        if (has_key && accept(row.id)) best.offer(row.key, row.id);
    }

    DistanceComputer<M, S> measurer_;
    VisitedSet visited_;
    std::vector<Candidate> frontier_;  // a heap, nearest first
    std::vector<Id> neighbours_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
