// Walks in a graph towards a query: greedy on the upper levels, with a beam on the lower ones (Malkov and Yashunin,
// "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World graphs", IEEE
// TPAMI 2020: algorithms 2 and 5).
//
//     Walk walk;
//     RowKeys<M, S> keys(rows);
//     keys.prepare(query);
//     Candidate at = walk.greedy_descend(graph, keys, *graph.entry_point(), 0);
//     TopK best(ef);
//     walk.search_layer(graph, keys, std::span(&at, 1), 0, best, [](Id) { return true; });
//
// A graph is any type with size(), each_link(id, level, visit) and prefetch_links(id): MappedHnsw, or a graph that is
// being changed. Keys are any type with prefetch(id) and measure(ids). The next walk reuses the memory of a walk: once
// it has grown, a walk allocates nothing.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/search/top_k.hpp>
#include <mapvec/distance.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// The rows that a walk has visited: a byte for each row of the graph, with the number of the last walk that visited it.
// One walk in 255 clears all bytes.
class VisitedRows {
  public:
    void begin(std::uint64_t rows) {
        if (stamps_.size() < rows) stamps_.resize(rows);
        if (++walk_ != 0) return;
        std::fill(stamps_.begin(), stamps_.end(), std::uint8_t{0});
        walk_ = 1;
    }
    // Returns false if the row was visited already. REQUIRES: id is below the number of rows in begin().
    bool insert(Id id) noexcept {
        if (stamps_[id] == walk_) return false;
        stamps_[id] = walk_;
        return true;
    }

  private:
    std::vector<std::uint8_t> stamps_;
    std::uint8_t walk_ = 0;
};

// Computes keys of rows for a query. The query can be replaced.
template <Metric M, Scalar S>
class RowKeys {
  public:
    explicit RowKeys(const RowSpan<S>& rows)
        : rows_(rows), query_(rows.dim, active_instruction_set()), as_floats_(rows.dim) {}

    // Sets the rows and the query. The rows have the same dim as before. Throws as PreparedQuery.
    void prepare(const RowSpan<S>& rows, std::span<const float> query) {
        rows_ = rows;
        query_.prepare(query);
        measured_ = 0;
    }
    // Uses a row as the query. Throws invalid_argument if the row cannot be a query.
    void prepare(Id row) {
        const S* const scalars = rows_.rows + row * rows_.dim;
        if constexpr (std::is_same_v<S, float>) {
            query_.prepare({scalars, rows_.dim});
        } else {
            std::transform(scalars, scalars + rows_.dim, as_floats_.begin(), [](S x) { return static_cast<float>(x); });
            query_.prepare(as_floats_);
        }
    }
    // Returns false if the row cannot be a query: it holds a NaN or an infinity, or has no direction.
    [[nodiscard]] bool try_prepare(Id row) {
        try {
            prepare(row);
        } catch (const Error&) {
            return false;
        }
        return true;
    }
    [[nodiscard]] std::size_t dim() const noexcept { return rows_.dim; }
    // The number of keys since the query was set.
    [[nodiscard]] std::size_t measured() const noexcept { return measured_; }

    void prefetch(Id id) const noexcept {
        const std::size_t bytes = rows_.dim * sizeof(S);
        prefetch_range(reinterpret_cast<std::uintptr_t>(rows_.rows) + id * bytes, std::min(bytes, prefetch_row_bytes));
    }
    // A key for each id; NaN for a row without a key. The span is valid until the next call.
    [[nodiscard]] std::span<const float> measure(std::span<const Id> ids) {
        keys_.resize((ids.size() + 3) / 4 * 4);
        query_.measure(rows_, ids.data(), ids.size(), keys_.data());
        measured_ += ids.size();
        return {keys_.data(), ids.size()};
    }
    [[nodiscard]] float measure(Id id) { return measure(std::span(&id, 1))[0]; }
    // True if the key of row i of the last measure() is in widened(range). The keys of lines are estimates: they
    // exclude only rows that are certainly out of range.
    [[nodiscard]] KeyRange widened(KeyRange range) const noexcept { return range; }
    [[nodiscard]] bool may_match(KeyRange range, std::size_t i) const noexcept {
        return keys_[i] >= range.low && keys_[i] <= range.high;
    }
    // As if it were far away, if it is not there.
    [[nodiscard]] float measure_if_present(Id id) {
        const bool present = id < static_cast<std::size_t>(rows_.end - rows_.rows) / rows_.dim;
        return present ? measure(id) : std::numeric_limits<float>::infinity();
    }
    // The row that it was prepared for, as a query. The span lasts until the next prepare().
    [[nodiscard]] std::span<const float> floats_of(Id row) const noexcept {
        if constexpr (std::is_same_v<S, float>)
            return {rows_.rows + row * rows_.dim, rows_.dim};
        else
            return as_floats_;
    }

  private:
    RowSpan<S> rows_;
    std::size_t measured_ = 0;
    PreparedQuery<M, S> query_;
    std::vector<float> as_floats_;
    std::vector<float> keys_;
};

class Walk {
  public:
    // Descends from the entry point with greedy steps on each level above `level`.
    template <class Graph, class Keys>
    [[nodiscard]] Candidate greedy_descend(const Graph& graph, Keys& keys, const EntryPoint& top, std::size_t level) {
        Candidate at{keys.measure(std::span(&top.id, 1))[0], top.id};
        for (std::size_t l = top.level; l > level; --l)
            while (step(graph, keys, l, at)) {
            }
        return at;
    }

    // Searches a level with a beam of the width of `best`, from the rows `from`. It passes through rows that are not
    // accepted, but does not keep them. It does not pass through `excluded`. Returns false if it gives up, because it
    // would visit more than `most_seen` rows.
    template <class Graph, class Keys, class Accept>
    bool search_layer(const Graph& graph, Keys& keys, std::span<const Candidate> from, std::size_t level, TopK& best,
                      const Accept& accept, Id excluded = UINT64_MAX) {
        std::size_t most_seen = SIZE_MAX;
        return search_layer(graph, keys, from, level, best, accept, excluded, most_seen);
    }
    template <class Graph, class Keys, class Accept>
    bool search_layer(const Graph& graph, Keys& keys, std::span<const Candidate> from, std::size_t level, TopK& best,
                      const Accept& accept, Id excluded, std::size_t& most_seen) {
        visited_.begin(graph.size());
        frontier_.clear();
        if (excluded != UINT64_MAX) visited_.insert(excluded);
        for (const Candidate& start : from)
            if (visited_.insert(start.id)) reach(start, best, accept);
        while (!frontier_.empty()) {
            const Candidate nearest = frontier_.front();
            if (nearest.key > best.limit()) break;
            if (!expand(graph, keys, level, most_seen)) return false;
            const auto found = keys.measure(neighbours_);
            for (std::size_t i = 0; i < found.size(); ++i)
                if (best.has_room() ? !std::isnan(found[i]) : found[i] < best.limit())  // with many equal rows, not all
                    reach({found[i], neighbours_[i]}, best, accept);
        }
        return true;
    }

    // Visits the rows of a level with a key of at most range.high, and the nearest rows beyond, as many as `beyond` has
    // room for. Calls found(row, may_match) for each visited row; may_match is false if the row is certainly not in the
    // range. Returns false as search_layer().
    template <class Graph, class Keys, class Found>
    bool search_range(const Graph& graph, Keys& keys, std::span<const Id> from, std::size_t level, KeyRange range,
                      TopK& beyond, const Found& found, std::size_t& most_seen) {
        const KeyRange widened = keys.widened(range);
        const auto reach_neighbours = [&] {
            const auto measured = keys.measure(neighbours_);
            for (std::size_t i = 0; i < measured.size(); ++i) {
                const Candidate row{measured[i], neighbours_[i]};
                found(row, keys.may_match(widened, i));
                if (row.key <= range.high)
                    push(row);
                else if (beyond.has_room() || row.key < beyond.limit())
                    reach(row, beyond, [](Id) { return true; });
            }
        };
        visited_.begin(graph.size());
        frontier_.clear();
        neighbours_.clear();
        for (const Id id : from) visit(keys, id);
        reach_neighbours();
        while (!frontier_.empty()) {
            const float nearest = frontier_.front().key;
            if (nearest > range.high && nearest > beyond.limit()) break;
            if (!expand(graph, keys, level, most_seen)) return false;
            reach_neighbours();
        }
        return true;
    }

    // The visited rows, so that a caller can add rows. REQUIRES: the walk has begun.
    [[nodiscard]] VisitedRows& visited() noexcept { return visited_; }

  private:
    static bool farther(const Candidate& a, const Candidate& b) noexcept { return b < a; }

    template <class Keys>
    void visit(Keys& keys, Id id) {
        if (!visited_.insert(id)) return;
        keys.prefetch(id);
        neighbours_.push_back(id);
    }
    // Takes the nearest row from the frontier, and puts those of its neighbours that were not visited into neighbours_.
    // Returns false if they are more than `most_seen`, which it lowers by their number.
    template <class Graph, class Keys>
    bool expand(const Graph& graph, Keys& keys, std::size_t level, std::size_t& most_seen) {
        const Id nearest = frontier_.front().id;
        std::pop_heap(frontier_.begin(), frontier_.end(), farther);
        frontier_.pop_back();
        if (!frontier_.empty()) graph.prefetch_links(frontier_.front().id);
        neighbours_.clear();
        graph.each_link(nearest, level, [&](Id id) { visit(keys, id); });
        if (neighbours_.size() > most_seen) return false;
        most_seen -= neighbours_.size();
        return true;
    }
    template <class Graph, class Keys>
    bool step(const Graph& graph, Keys& keys, std::size_t level, Candidate& at) {
        neighbours_.clear();
        graph.each_link(at.id, level, [&](Id id) {
            keys.prefetch(id);
            neighbours_.push_back(id);
        });
        const auto found = keys.measure(neighbours_);
        bool nearer = false;
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (std::isnan(found[i]) || found[i] >= at.key) continue;  // any number is better than NaN
            at = {found[i], neighbours_[i]};
            nearer = true;
        }
        return nearer;
    }
    void push(const Candidate& row) {
        frontier_.push_back(row);
        std::push_heap(frontier_.begin(), frontier_.end(), farther);
    }
    template <class Accept>
    void reach(const Candidate& row, TopK& best, const Accept& accept) {
        const bool has_key = !std::isnan(row.key);
        push(has_key ? row : Candidate{std::numeric_limits<float>::infinity(), row.id});
        if (has_key && accept(row.id)) best.offer(row.key, row.id);
    }

    VisitedRows visited_;
    std::vector<Candidate> frontier_;  // a heap, nearest first
    std::vector<Id> neighbours_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
