// A damaged graph of rows, its three files and its journal: only mapvec::Error may come of it, and no row that is not
// there.
#include <mapvec/hnsw_index.hpp>

#include <array>
#include <cstdlib>

#include "fuzz/damaged_store.hpp"
#include "program.hpp"

namespace fuzz_graph {

namespace {

using Rows = mapvec::MmapVectorStore<2>;
using Graph = mapvec::HnswIndex<>;

constexpr std::size_t linked = 30, all = 40;

// Rows, the later ones not linked, and a graph of m = 2 with several levels, of which the journal has the end.
fuzz::Files killed_store() {
    fuzz::clear();
    auto rows = Rows::create(fuzz::directory() / "rows");
    auto graph = Graph::create(fuzz::directory() / "graph", rows, {.m = 2});
    for (std::size_t i = 0; i < all; ++i) {
        rows.append(std::array{static_cast<float>(i * 7 % all), static_cast<float>(i)});
        rows.commit();
        if (i % 10 != 9 || i >= linked) continue;
        graph.update(rows);
        graph.commit();
    }
    return fuzz::take();
}

void use(mapvec::OpenMode mode) {
    try {
        const auto rows = Rows::open(fuzz::directory() / "rows", mapvec::OpenMode::read_only);
        auto graph = Graph::open(fuzz::directory() / "graph", rows, mode);
        const auto look = [&] {
            for (const float x : {0.0f, 20.0f}) {
                const std::array query{x, x};
                for (const auto& hit : graph.search(rows, mapvec::KnnQuery{query, 5}, {.ef = 8}))
                    if (hit.id >= rows.size()) std::abort();
                for (const auto& hit : graph.search(rows, mapvec::RangeQuery{query, 0.5f, 3}, {.ef = 0}))
                    if (hit.id >= rows.size()) std::abort();
            }
        };
        look();
        try {
            graph.verify();
        } catch (const mapvec::Error&) {
        }
        graph.refresh();
        if (mode != mapvec::OpenMode::read_write) return;
        graph.update(rows, {.ef_construction = 4});
        look();
        graph.commit();
        graph.close();
    } catch (const mapvec::Error&) {
    }
}

}  // namespace

void run(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Files whole = killed_store();
    if (size > 400) return;
    fuzz::Files files = whole;
    fuzz::damage(files, data, size);
    fuzz::put(files);
    use(mapvec::OpenMode::read_only);
    use(mapvec::OpenMode::read_write);
    use(mapvec::OpenMode::read_write);
}

}  // namespace fuzz_graph

FUZZ_TARGET(graph, fuzz_graph::run)
