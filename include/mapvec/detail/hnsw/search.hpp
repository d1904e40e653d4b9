// A search in a graph: the nearest nodes by a walk, their copies, and all rows that the graph does not describe.
//
//     HnswSearch search(graph, described, rows, accept, scratch);
//     search.run(query, k, ef);                 // the hits are in scratch.best, sorted
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <mapvec/detail/hnsw/copies.hpp>
#include <mapvec/detail/hnsw/lines.hpp>
#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/hnsw/scratch.hpp>
#include <mapvec/detail/hnsw/stand_in.hpp>
#include <mapvec/detail/index/followed_store.hpp>
#include <mapvec/detail/index/row_ranges.hpp>
#include <mapvec/detail/search/scan.hpp>
#include <mapvec/detail/search/top_k.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <Metric M, Scalar S, class Accept>
class HnswSearch {
  public:
    // `accept(id)` is asked for rows that may be hits.
    HnswSearch(const MappedHnsw& graph, const GraphLines& lines, const RowRanges& described,
               const RowsSnapshot<S>& rows, const Accept& accept, SearchScratch<M, S>& scratch)
        : graph_(graph),
          lines_(lines),
          described_(graph.entry_point() ? &described : &nothing),
          all_described_(described_->are_all_below(graph.size())),
          rows_(rows),
          accept_(accept),
          scratch_(scratch) {}

    // Returns the number of rows whose key was computed; rows that are read in full count, also if the filter excludes
    // them. Throws as PreparedQuery.
    std::size_t run(std::span<const float> query, std::size_t k, std::size_t ef) {
        scratch_.keys.prepare(rows_.span(), query);
        k_ = std::min(k, rows_.count());
        scratch_.best.reset(k_);
        if (k_ == 0) return 0;
        const std::size_t width = std::min(rows_.count(), std::max(k_, ef));
        if (!is_worthwhile(width) || !walk(query, width)) read_all();
        const std::size_t others = read_others(query);
        scratch_.best.sort();
        return scratch_.keys.measured() + others;
    }

  private:
    static inline const RowRanges nothing;
    static constexpr std::size_t max_copies_asked = 64;

    // False if a walk among the rows that the filter accepts takes longer than reading all of them. Sets `most_seen_`,
    // the number of rows that a walk passes before it gives up.
    [[nodiscard]] bool is_worthwhile(std::size_t width) {
        if constexpr (std::is_same_v<Accept, AllLive>) return true;
        constexpr double filter_ns = 3, step_ns = 50, steps_per_row = 10;
        part_ = accepted_part();
        const double rows = static_cast<double>(rows_.count());
        const double all_ns = rows * (filter_ns + part_ * (20 + static_cast<double>(rows_.row_bytes()) / 10));
        most_seen_ = static_cast<std::size_t>(all_ns / step_ns) + 1;
        return static_cast<double>(width) / part_ * steps_per_row * step_ns < all_ns;
    }
    // The part of all rows that the filter accepts, from a sample; more than 0. The sample is larger if they are few.
    [[nodiscard]] double accepted_part() const {
        constexpr std::size_t least = 256, most = 2048, enough = 16;
        std::size_t asked = 0, accepted = 0;
        for (; asked < least || (asked < most && accepted < enough); ++asked)
            accepted += accept_(Id{asked * 0x9E3779B97F4A7C15u % rows_.count()}) ? std::size_t{1} : 0;
        return (static_cast<double>(accepted) + 0.5) / (static_cast<double>(asked) + 1);
    }
    // In the place of what the graph has found.
    void read_all() {
        described_ = &nothing;
        all_described_ = false;
        scratch_.best.reset(k_);
    }

    // False if it has given up.
    [[nodiscard]] bool walk(std::span<const float> query, std::size_t width) {
        const auto entry = graph_.entry_point();
        if (!entry) return true;
        scratch_.beam.reset(width);
        const bool on_lines =
            lines_.describe(graph_.size()) && scratch_.line_keys.prepare(lines_, query, scratch_.keys);
        bool arrived = false;
        if (on_lines) {
            arrived = walk_with(scratch_.line_keys, *entry);
        } else if (all_described_) {
            arrived = walk_with(scratch_.keys, *entry);
        } else {
            StandInKeys keys(scratch_.keys, graph_, *described_, rows_.count(), scratch_.ids, scratch_.found);
            arrived = walk_with(keys, *entry);
        }
        if (!arrived) return false;
        scratch_.nodes.assign(scratch_.beam.entries().begin(), scratch_.beam.entries().end());
        if (on_lines) measure_nodes();
        std::sort(scratch_.nodes.begin(), scratch_.nodes.end());
        for (const Candidate& node : scratch_.nodes) {
            if (node.key > scratch_.best.limit()) break;
            offer(node);
        }
        return true;
    }
    // Starts from two rows: that of the descent, and the entry point, from which all nodes can be reached.
    template <class Keys>
    [[nodiscard]] bool walk_with(Keys& keys, const EntryPoint& entry) {
        const Candidate below = scratch_.walk.greedy_descend(graph_, keys, entry, 0);
        const Candidate from[] = {below, {keys.measure(std::span(&entry.id, 1))[0], entry.id}};
        return scratch_.walk.search_layer(
            graph_, keys, from, 0, scratch_.beam, [this](Id node) { return is_wanted_here(node); }, UINT64_MAX,
            most_seen_);
    }
    // Ends the walk if the filter accepts far fewer of the rows near the query than elsewhere: the walk would have to
    // pass most rows of the store.
    [[nodiscard]] bool is_wanted_here(Id node) {
        const bool wanted = is_wanted(node);
        if constexpr (!std::is_same_v<Accept, AllLive>) {
            constexpr std::size_t enough = 512;
            ++asked_;
            wanted_ += wanted ? 1 : 0;
            if (asked_ >= enough && static_cast<double>(wanted_) < static_cast<double>(asked_) * part_ / 8)
                most_seen_ = 0;
        }
        return wanted;
    }
    // Keys of rows in the place of estimates. Nodes of which neither the row nor a copy is there any more are left out.
    void measure_nodes() {
        scratch_.ids.clear();
        std::erase_if(scratch_.nodes, [this](const Candidate& node) {
            Id measured = node.id;
            if (!all_described_ && !described_->contains(node.id) &&
                !find_described_copy(graph_, *described_, measured))
                return true;
            scratch_.ids.push_back(measured);
            return false;
        });
        rows_.request(scratch_.ids.data(), scratch_.ids.size());
        const auto keys = scratch_.keys.measure(scratch_.ids);
        for (std::size_t i = 0; i < keys.size(); ++i) scratch_.nodes[i].key = keys[i];
        std::erase_if(scratch_.nodes, [](const Candidate& node) { return std::isnan(node.key); });
    }
    [[nodiscard]] bool is_hit(Id id) const { return (all_described_ || described_->contains(id)) && accept_(id); }
    // True if the node or one of its copies may be a hit. If there are many copies, only some are tested.
    [[nodiscard]] bool is_wanted(Id node) const {
        if (is_hit(node)) return true;
        bool wanted = false;
        std::size_t asked = 0;
        each_copy(graph_, node, [&](Id copy) {
            wanted = is_hit(copy) || ++asked == max_copies_asked;
            return !wanted;
        });
        return wanted;
    }
    // Copies have the key of their node. Their ids ascend, so at most k of them can be among the k nearest.
    void offer(const Candidate& node) {
        std::size_t offered = 0;
        const auto offer = [&](Id id) {
            if (!is_hit(id)) return;
            scratch_.best.offer(node.key, id);
            ++offered;
        };
        offer(node.id);
        each_copy(graph_, node.id, [&](Id copy) {
            offer(copy);
            return offered < k_;
        });
    }

    std::size_t read_others(std::span<const float> query) {
        if (all_described_ && graph_.size() >= rows_.count()) return 0;
        CompiledQuery<M, S> compiled(rows_);
        compiled.add(query, {});
        const RowRanges others = described_->complement(rows_.count());
        for (const RowRange range : others.ranges())
            scan(visited(), compiled, range.first, range.end, rows_.rows_per_block(), NearestCollector{scratch_.best});
        return static_cast<std::size_t>(others.count());
    }
    [[nodiscard]] auto visited() const noexcept {
        if constexpr (std::is_same_v<Accept, AllLive>)
            return AllRows{};
        else
            return FilteredRows<Accept>{accept_};
    }

    const MappedHnsw& graph_;
    const GraphLines& lines_;
    const RowRanges* described_;
    bool all_described_;
    const RowsSnapshot<S>& rows_;
    const Accept& accept_;
    SearchScratch<M, S>& scratch_;
    std::size_t k_ = 0;
    std::size_t most_seen_ = SIZE_MAX;
    double part_ = 1;  // of all rows, that the filter accepts
    std::size_t asked_ = 0;
    std::size_t wanted_ = 0;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
