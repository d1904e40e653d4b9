// Helpers for tests of HnswIndex: points around a few centres, and the recall of an index.
#pragma once

#include <array>
#include <filesystem>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <random>
#include <vector>

#include "catch.hpp"

namespace hnsw_cloud {

using namespace mapvec;

inline constexpr std::size_t dim = 12;
using Points = MmapVectorStore<dim>;
using Vector = std::array<float, dim>;

// Points around a few centres: nearer to what people store than numbers without any order.
class Cloud {
  public:
    explicit Cloud(unsigned seed) : engine_(seed) {
        for (auto& centre : centres_) centre = around({}, 8);
    }
    Vector next() { return around(centres_[engine_() % centres_.size()], 2); }
    std::vector<float> rows(std::size_t n) {
        std::vector<float> rows;
        for (; n > 0; --n)
            for (const float x : next()) rows.push_back(x);
        return rows;
    }

  private:
    Vector around(Vector point, float width) {
        for (float& x : point) x += width * (static_cast<float>(engine_() % 2001) / 1000 - 1);
        return point;
    }

    std::mt19937 engine_;
    std::array<Vector, 20> centres_{};
};

inline Points store_of(const std::filesystem::path& path, const std::vector<float>& rows) {
    auto points = Points::create(path);
    points.append_rows(rows);
    points.commit();
    return points;
}

// The part of the truly nearest that is found.
template <class M, class Store, class File>
double recall(const HnswIndex<M, File>& index, const Store& rows, std::size_t k, std::size_t ef) {
    Cloud cloud(99);
    std::size_t found = 0, all = 0;
    for (int turn = 0; turn < 50; ++turn) {
        const Vector query = cloud.next();
        const auto exact = search<M>(rows, KnnQuery{query, k});
        const auto hits = index.search(rows, KnnQuery{query, k}, {.ef = ef});
        for (std::size_t i = 1; i < hits.size(); ++i) REQUIRE(hits[i - 1].id != hits[i].id);
        for (const Hit& hit : exact) {
            ++all;
            for (const Hit& other : hits)
                if (other.id == hit.id) {
                    ++found;
                    REQUIRE(other == hit);  // its distance too
                }
        }
    }
    return static_cast<double>(found) / static_cast<double>(all);
}

}  // namespace hnsw_cloud
