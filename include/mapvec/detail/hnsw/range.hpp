// A search in a graph for all rows in a range: a ring, a range, a disk, or an intersection of disks.
//
//     HnswRangeSearch<M, S, RingQuery, Accept> search(graph, lines, described, rows, query, accept, scratch);
//     const std::vector<Hit> hits = search.run(ef);        // by id
//
// The walk visits all rows nearer than the upper bound, and the nearest rows beyond it: `ef`, or a quarter of those
// that are nearer. It starts from the rows that it has found on the upper levels in the same way, so that it enters
// each of several clusters in the range. The rows within the inner radius of a ring are the way to its other side: the
// walk costs as much as that of a disk.
//
// A sample of rows tells how many rows are nearer than the upper bound. If the walk does not save at least half of the
// time of a scan of all lines (of all rows, if there are no lines), the search scans, and misses nothing.
//
// The walk collects the rows that may match. They are measured as in search_ids() of search.hpp, with all bounds.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <mapvec/detail/hnsw/copies.hpp>
#include <mapvec/detail/hnsw/lines.hpp>
#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/hnsw/scratch.hpp>
#include <mapvec/detail/hnsw/stand_in.hpp>
#include <mapvec/detail/index/followed_store.hpp>
#include <mapvec/detail/index/row_ranges.hpp>
#include <mapvec/detail/search/scan.hpp>
#include <mapvec/detail/va/search.hpp>
#include <mapvec/search.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <Metric M, Scalar S, AnyQuery Query, class Accept>
class HnswRangeSearch {
  public:
    // `accept(id)` is asked for rows that may be hits. Throws as search().
    HnswRangeSearch(const MappedHnsw& graph, const GraphLines& lines, const RowRanges& described,
                    const RowsSnapshot<S>& rows, const Query& query, const Accept& accept, SearchScratch<M, S>& scratch)
        : graph_(graph),
          lines_(lines),
          described_(described),
          all_described_(described.are_all_below(graph.size())),
          rows_(rows),
          query_(query),
          accept_(accept),
          compiled_(compile<M>(rows, query)),
          scratch_(scratch) {
        prepare();
    }

    [[nodiscard]] std::vector<Hit> run(std::size_t ef) {
        scratch_.nodes.clear();
        if (!is_worthwhile(ef) || !walk()) return scan_all();
        std::vector<Hit> hits = measure(found_rows());
        const auto middle = static_cast<std::ptrdiff_t>(hits.size());
        const RowRanges others = described_.complement(rows_.count());
        for (const RowRange range : others.ranges())
            scan(visited(), compiled_, range.first, range.end, rows_.rows_per_block(), HitCollector<M>{hits});
        std::inplace_merge(hits.begin(), hits.begin() + middle, hits.end(),
                           [](const Hit& a, const Hit& b) { return a.id < b.id; });
        return hits;
    }

  private:
    static constexpr bool accepts_all = std::is_same_v<Accept, AllLive>;

    // The walk follows the disk with the smallest bound.
    void prepare() {
        std::span<const float> narrowest;
        range_.high = std::numeric_limits<float>::infinity();
        each_part<M>(query_, [&](std::span<const float> vector, KeyRange range) {
            if (!narrowest.empty() && range.high >= range_.high) return;
            narrowest = vector;
            range_ = range;
        });
        scratch_.keys.prepare(rows_.span(), narrowest);
        on_lines_ = lines_.describe(graph_.size()) && lines_.model().levels() == 1 &&
                    scratch_.line_keys.prepare(lines_, narrowest, scratch_.keys);
    }

    // False if a walk takes more than half as long as a scan. Sets `width_`, and `most_seen_`: how many rows a walk may
    // visit until it has taken as long.
    [[nodiscard]] bool is_worthwhile(std::size_t ef) {
        constexpr double line_ns = 7, bytes_per_ns = 10, seen_ns = 25, step_ns = 700;
        const double rows = static_cast<double>(rows_.count()), bytes = static_cast<double>(rows_.row_bytes());
        const double scan_ns = rows * (on_lines_ ? line_ns : 2 + bytes / bytes_per_ns);
        const auto takes_too_long = [&](double within) {
            return (within + static_cast<double>(ef)) * step_ns > scan_ns / 2;
        };
        if (!graph_.entry_point() || rows_.count() == 0 || takes_too_long(0)) return false;
        const double within = rows * part_within();
        if (takes_too_long(within)) return false;
        width_ = std::max({ef, static_cast<std::size_t>(within / 4), std::size_t{1}});
        most_seen_ = static_cast<std::size_t>(scan_ns / seen_ns);
        return true;
    }
    // The part of all rows that are nearer than the upper bound, from a sample.
    [[nodiscard]] double part_within() {
        constexpr std::size_t most = 1024, rows_for_one = 32;
        const std::size_t end = std::min(static_cast<std::size_t>(graph_.size()), rows_.count());
        scratch_.ids.resize(std::clamp<std::size_t>(end / rows_for_one, 1, most));
        for (std::size_t i = 0; i < scratch_.ids.size(); ++i) scratch_.ids[i] = (i + 1) * 0x9E3779B97F4A7C15u % end;
        if (on_lines_)
            for (const Id id : scratch_.ids) scratch_.line_keys.prefetch(id);
        else
            rows_.request(scratch_.ids.data(), scratch_.ids.size());
        const auto keys = on_lines_ ? scratch_.line_keys.measure(scratch_.ids) : scratch_.keys.measure(scratch_.ids);
        const auto within = std::count_if(keys.begin(), keys.end(), [this](float key) { return key <= range_.high; });
        return static_cast<double>(within) / static_cast<double>(keys.size());
    }

    // Collects nodes in scratch_.nodes. False if it has given up.
    [[nodiscard]] bool walk() {
        if (on_lines_) return walk_with(scratch_.line_keys);
        if (all_described_) return walk_with(scratch_.keys);
        StandInKeys keys(scratch_.keys, graph_, described_, rows_.count(), scratch_.ids, scratch_.found);
        return walk_with(keys);
    }
    // Level by level. The rows that it has found on a level are the starts on the next one.
    template <class Keys>
    [[nodiscard]] bool walk_with(Keys& keys) {
        const EntryPoint entry = *graph_.entry_point();
        scratch_.starts.assign(1, entry.id);
        for (std::size_t level = entry.level; level > 0; --level)
            if (!walk_level(keys, level, width_ / 8 + 1, [this](const Candidate& row, bool) {
                    if (row.key <= range_.high) scratch_.starts.push_back(row.id);
                }))
                return false;
        return walk_level(keys, 0, width_, [this](const Candidate& row, bool may_match) {
            if (may_match) scratch_.nodes.push_back(row);
        });
    }
    template <class Keys, class Found>
    [[nodiscard]] bool walk_level(Keys& keys, std::size_t level, std::size_t width, const Found& found) {
        scratch_.beam.reset(width);
        if (!scratch_.walk.search_range(graph_, keys, scratch_.starts, level, range_, scratch_.beam, found, most_seen_))
            return false;
        for (const Candidate& row : scratch_.beam.entries()) scratch_.starts.push_back(row.id);
        return true;
    }

    // The rows of the nodes that the walk has found, in order: the nodes and their copies. In a damaged graph, nodes
    // share copies, so copies are counted: there are fewer than rows in the graph.
    [[nodiscard]] std::vector<Id>& found_rows() {
        std::vector<Id>& ids = scratch_.ids;
        ids.clear();
        const auto add = [&](Id id) {
            if ((all_described_ || described_.contains(id)) && accept_(id)) ids.push_back(id);
        };
        std::uint64_t copies = graph_.size();
        for (const Candidate& node : scratch_.nodes) {
            add(node.id);
            each_copy(graph_, node.id, [&](Id copy) {
                if (copies == 0) return false;
                --copies;
                add(copy);
                return true;
            });
        }
        std::sort(ids.begin(), ids.end());
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        return ids;
    }
    [[nodiscard]] std::vector<Hit> measure(const std::vector<Id>& ids) const {
        std::vector<Hit> hits;
        scan(ListedRows{ids}, compiled_, 0, ids.size(), rows_.rows_per_block(), HitCollector<M>{hits});
        return hits;
    }

    [[nodiscard]] std::vector<Hit> scan_all() const {
        const auto model = on_lines_ ? std::optional(lines_.model()) : std::nullopt;
        const LineSearch<M, S, Query> search(rows_, model, lines_.span(), described_, query_, {});
        VaCounts counts;
        std::vector<Hit> hits;
        if constexpr (accepts_all)
            search.collect(0, rows_.count(), AnyRow{}, counts, hits);
        else
            search.collect(0, rows_.count(), FilterRow<Accept>{accept_}, counts, hits);
        return hits;
    }
    [[nodiscard]] auto visited() const noexcept {
        if constexpr (accepts_all)
            return AllRows{};
        else
            return FilteredRows<Accept>{accept_};
    }

    const MappedHnsw& graph_;
    const GraphLines& lines_;
    const RowRanges& described_;
    bool all_described_;
    const RowsSnapshot<S>& rows_;
    const Query& query_;
    const Accept& accept_;
    CompiledQuery<M, S> compiled_;
    SearchScratch<M, S>& scratch_;
    KeyRange range_;  // of the part of the query that the walk follows
    bool on_lines_ = false;
    std::size_t width_ = 1;
    std::size_t most_seen_ = 0;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
