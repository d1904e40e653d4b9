// The copies of a node: equal rows without incoming links.
//
//     each_copy(graph, node, [&](Id copy) { … return true; });       // until it returns false
#pragma once

#include <cstddef>
#include <cstdint>

#include <mapvec/detail/hnsw/records.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Calls visit(copy) in ascending order of ids, if the graph is not damaged. `Graph` has size() and word(id, number). In
// a damaged file the ring may lead anywhere, so at most size() rows are visited.
template <class Graph, class Visit>
void each_copy(const Graph& graph, Id node, Visit visit) {
    const RowId32 last = graph.word(node, hnsw_word::next);
    if (last >= graph.size() || last == node) return;
    RowId32 copy = last;
    for (std::uint64_t steps = 0; steps < graph.size(); ++steps) {
        copy = graph.word(copy, hnsw_word::next);
        if (copy >= graph.size() || copy == node || !visit(Id{copy}) || copy == last) return;
    }
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
