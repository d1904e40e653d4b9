// Rows for tests of graphs.
#pragma once

#include <array>
#include <cstddef>
#include <random>

// Rows of a few directions and a little noise, as real ones are.
template <std::size_t dim, std::size_t directions>
class NoisyDirections {
  public:
    using Row = std::array<float, dim>;

    explicit NoisyDirections(unsigned seed) : engine_(seed) {
        std::mt19937 fixed(1);
        for (Row& direction : directions_)
            for (float& x : direction) x = normal_(fixed);
    }
    std::size_t below(std::size_t n) { return engine_() % n; }
    Row row() {
        Row row{};
        for (const Row& direction : directions_) {
            const float along = normal_(engine_);
            for (std::size_t i = 0; i < dim; ++i) row[i] += along * direction[i];
        }
        for (float& x : row) x += 0.2f * normal_(engine_) + 0.5f;
        return row;
    }
    template <class Store>
    void append_to(Store& store, std::size_t n) {
        for (; n > 0; --n) store.append(row());
        store.commit();
    }

  private:
    std::mt19937 engine_;
    std::normal_distribution<float> normal_;
    std::array<Row, directions> directions_;
};
