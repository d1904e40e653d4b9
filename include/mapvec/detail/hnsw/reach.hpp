// Makes every node reachable: a walk over level 0 from the entry point visits all of them.
//
// Lists of links are short, so a row among many others may lose the last link to it. After each update all links are
// followed once. A node u that was not visited is inserted on a link r -> v between two visited nodes: r links to u,
// and u links to v, so that all visited nodes stay reachable. r is chosen near u.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <mapvec/detail/hnsw/edit.hpp>
#include <mapvec/detail/hnsw/link.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <Metric M, Scalar S>
class ReachAll {
  public:
    ReachAll(GraphEdit& graph, HnswLinker<M, S>& linker, const RowSpan<S>& rows)
        : graph_(graph), linker_(linker), worker_(rows), met_(graph.size()) {}

    // Links nodes that were not visited; returns their number. O(links).
    std::size_t run() {
        if (!linker_.top()) return 0;
        std::size_t lost = 0;
        follow(linker_.top()->id);
        for (Id id = 0; id < graph_.size(); ++id) {
            if (met_[id] || !graph_.has(id, hnsw_flag::linked)) continue;
            attach(id);
            follow(id);
            ++lost;
        }
        return lost;
    }

  private:
    void follow(Id from) {
        met_[from] = true;
        open_.assign(1, from);
        while (!open_.empty()) {
            const Id id = open_.back();
            open_.pop_back();
            graph_.each_link(id, 0, [this](Id link) {
                if (met_[link]) return;
                met_[link] = true;
                open_.push_back(link);
            });
        }
    }

    void attach(Id id) {
        if (!linker_.prepare(worker_, id)) return;
        linker_.find_nearest(worker_, id);
        std::sort(worker_.from.begin(), worker_.from.end());
        Id nearest = linker_.top()->id;
        bool found = false;
        for (const Candidate& near : worker_.from) {
            if (!met_[near.id]) continue;
            if (!found) nearest = near.id;
            found = true;
            if (add_if_room(near.id, id)) return;
        }
        put_between(nearest, id);
    }
    [[nodiscard]] bool add_if_room(Id from, Id to) {
        bool added = false;
        graph_.change(from, 0, [&](RowId32* record) {
            const std::size_t count = links_in(record, 0, graph_.shape()).size();
            if (count == graph_.shape().capacity(0)) return;
            record[HnswShape::first_link(0) + count] = static_cast<RowId32>(to);
            set_link_count(record, count + 1);
            added = true;
        });
        return added;
    }
    // Uses the last link of `from`, if its list is full.
    void put_between(Id from, Id id) {
        if (add_if_room(from, id)) return;
        RowId32 next = no_record;
        const std::size_t last = HnswShape::first_link(0) + graph_.shape().capacity(0) - 1;
        graph_.change(from, 0, [&](RowId32* record) { next = std::exchange(record[last], static_cast<RowId32>(id)); });
        if (next == id || add_if_room(id, next)) return;
        graph_.set_word(id, last, next);
    }

    GraphEdit& graph_;
    HnswLinker<M, S>& linker_;
    typename HnswLinker<M, S>::Worker worker_;
    std::vector<bool> met_;
    std::vector<Id> open_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
