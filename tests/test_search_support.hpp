// Helpers for tests of distances and searches: a source without a file, random rows, and reference results.
#pragma once

#include <mapvec/search.hpp>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "scratch.hpp"

namespace search_support {

template <class S>
struct Rows {
    std::vector<S> scalars;
    std::size_t width = 0;
    mutable int snapshots = 0;

    std::span<const S> data() const {
        ++snapshots;
        return scalars;
    }
    std::size_t dim() const { return width; }
    std::size_t count() const { return width == 0 ? 0 : scalars.size() / width; }
    std::span<const S> row(std::size_t i) const { return std::span<const S>(scalars).subspan(i * width, width); }
};

// Random numbers. With `whole`, they are integers that every scalar type holds exactly, so that sums are exact in
// float.
class Numbers {
  public:
    explicit Numbers(unsigned seed) : engine_(seed) {}
    float whole() { return static_cast<float>(engine_() % 21); }
    float fraction() { return static_cast<float>(engine_() % 200001) / 1000.0f - 100.0f; }
    std::size_t below(std::size_t n) { return engine_() % n; }

    template <class S>
    Rows<S> rows(std::size_t count, std::size_t dim) {
        Rows<S> result{{}, dim};
        for (std::size_t i = 0; i < count * dim; ++i) {
            result.scalars.push_back(static_cast<S>(std::is_integral_v<S> ? whole() : fraction()));
        }
        return result;
    }
    template <class S>
    Rows<S> whole_rows(std::size_t count, std::size_t dim) {
        Rows<S> result{{}, dim};
        for (std::size_t i = 0; i < count * dim; ++i) result.scalars.push_back(static_cast<S>(whole()));
        return result;
    }
    std::vector<float> query(std::size_t dim) {
        std::vector<float> result;
        for (std::size_t i = 0; i < dim; ++i) result.push_back(fraction());
        return result;
    }
    std::vector<float> whole_query(std::size_t dim) {
        std::vector<float> result;
        for (std::size_t i = 0; i < dim; ++i) result.push_back(whole());
        return result;
    }

  private:
    std::mt19937 engine_;
};

// Runs with each instruction set of this machine, then restores the first choice.
template <class F>
void with_each_instruction_set(F f) {
    const auto before = mapvec::active_instruction_set();
    for (const auto set : mapvec::available_instruction_sets()) {
        mapvec::use_instruction_set(set);
        f(set);
    }
    mapvec::use_instruction_set(before);
}

}  // namespace search_support
