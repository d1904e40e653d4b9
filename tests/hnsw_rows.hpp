// Helpers for tests of graphs that change: random rows, and the comparison with an exact search.
#pragma once

#include <array>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <random>

namespace hnsw_rows {

using namespace mapvec;

inline constexpr std::size_t dim = 8;
using Points = MmapVectorStore<dim>;
using Row = std::array<float, dim>;

class Numbers {
  public:
    explicit Numbers(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t n) { return engine_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    float number() { return static_cast<float>(engine_() % 20001) / 10000 - 1; }
    Row row(float width = 1) {
        Row row{};
        for (float& x : row) x = width * number();
        return row;
    }

  private:
    std::mt19937 engine_;
};

template <class Store, class Index>
bool finds_all(const Store& points, const Index& index, const Row& query) {
    const std::size_t all = points.size();
    return index.search(points, KnnQuery{query, all}, {.ef = all}) == search(points, KnnQuery{query, all});
}

}  // namespace hnsw_rows
