// Selects the links of a row: of the nearest rows, those that are nearer to it than to each other (Malkov and Yashunin,
// algorithm 4). So links lead in all directions, and not only to the densest region.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <mapvec/detail/hnsw/edit.hpp>
#include <mapvec/detail/hnsw/walk.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Each thread has its own selection.
template <Metric M, Scalar S>
class NeighborSelection {
  public:
    explicit NeighborSelection(const RowSpan<S>& rows) : of_candidate_(rows), of_row_(rows) {}

    // Selects at most `most` of the candidates, which have keys for `row`. The span is valid until the next call.
    [[nodiscard]] std::span<const Id> select(Id row, std::span<Candidate> candidates, std::size_t most) {
        sort(row, candidates);
        chosen_.clear();
        for (const Candidate& candidate : candidates) {
            if (chosen_.size() == most) break;
            if (!is_nearer_to_chosen(candidate)) chosen_.push_back(candidate.id);
        }
        return chosen_;
    }
    // As above, for rows without keys. Skips rows that have no key. Selects nothing if `row` was overwritten and has no
    // key itself.
    [[nodiscard]] std::span<const Id> select(Id row, std::span<const Id> ids, std::size_t most) {
        if (!of_row_.try_prepare(row)) return {};
        const auto keys = of_row_.measure(ids);
        candidates_.clear();
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (!std::isnan(keys[i])) candidates_.push_back({keys[i], ids[i]});
        return select(row, candidates_, most);
    }

  private:
    // Nearest first. Equally near rows are sorted in an order that differs for every row. Otherwise all rows would be
    // linked to the same few of them.
    static void sort(Id row, std::span<Candidate> candidates) {
        const auto order = [row](Id id) { return (id ^ row * 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u; };
        std::sort(candidates.begin(), candidates.end(), [order](const Candidate& a, const Candidate& b) {
            return a.key != b.key ? a.key < b.key : order(a.id) < order(b.id);
        });
    }
    [[nodiscard]] bool is_nearer_to_chosen(const Candidate& candidate) {
        if (chosen_.empty()) return false;
        constexpr std::size_t step = 4;  // kernels compute so many rows at a time
        if (!of_candidate_.try_prepare(candidate.id)) return true;
        for (std::size_t i = 0; i < chosen_.size(); i += step) {
            const std::size_t n = std::min(step, chosen_.size() - i);
            for (const float key : of_candidate_.measure(std::span(chosen_).subspan(i, n)))
                if (key < candidate.key) return true;
        }
        return false;
    }

    RowKeys<M, S> of_candidate_;
    RowKeys<M, S> of_row_;
    std::vector<Candidate> candidates_;
    std::vector<Id> chosen_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
