// The copies of a node: rows equal to it, which no link leads to.
//
//     each_copy(graph, node, [&](Id copy) { … return true; });       // until it returns false
#pragma once

#include <cstddef>
#include <cstdint>

#include <mapvec/detail/hnsw/records.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// In ascending order of their ids, of a graph that is sound. `Graph` has size() and word(id, number). The ring
// of a damaged file may lead anywhere: no more rows are visited than there are.
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
