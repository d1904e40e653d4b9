// Helpers for tests of lines and their bounds: rows like embeddings, and the check that the key of every row lies
// between the bounds of its line. They need no test framework: tests/crash/line_bounds.cpp uses them with deliberate
// bugs.
#pragma once

#include <mapvec/detail/va/sample.hpp>
#include <mapvec/detail/va/update.hpp>
#include <mapvec/distance.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <vector>

namespace va_support {

using namespace mapvec::detail;

// Clusters in a few main directions, with noise in all directions, as lines assume.
class Embeddings {
  public:
    Embeddings(std::size_t dim, unsigned seed) : dim_(dim), engine_(seed), centres_(8 * dim), offset_(dim) {
        for (float& x : centres_) x = 2 * next();
        for (float& x : offset_) x = next();
    }
    template <class S>
    std::vector<S> rows(std::size_t count) {
        std::vector<S> rows;
        for (std::size_t r = 0; r < count; ++r) {
            const std::size_t cluster = engine_() % 8;
            for (std::size_t i = 0; i < dim_; ++i) {
                const float width = 4 / (1 + static_cast<float>(i) / 4) + 0.1f;
                const float x = offset_[i] + width * (centres_[cluster * dim_ + i] + next());
                rows.push_back(
                    static_cast<S>(std::is_integral_v<S> ? std::clamp(std::round(8 * x) + 60, 0.0f, 120.0f) : x));
            }
        }
        return rows;
    }
    std::vector<float> query() {
        const auto row = rows<float>(1);
        return row;
    }

  private:
    // An approximately normal random number.
    float next() {
        float sum = 0;
        for (int i = 0; i < 4; ++i) sum += static_cast<float>(engine_() % 2001) / 1000 - 1;
        return sum;
    }

    std::size_t dim_;
    std::mt19937 engine_;
    std::vector<float> centres_, offset_;
};

// Lines of rows, with a model of these rows or of others.
template <class M, class S>
class Bounds {
  public:
    Bounds(const std::vector<S>& sample, std::size_t dim, std::size_t levels)
        : kernels_(va_kernels(mapvec::active_instruction_set())),
          record_(Sampler<M, S>(sample.data(), sample.size() / dim, dim).model(levels, kernels_)),
          model_(record_.data(), dim) {}

    // The number of rows whose key is not between their bounds, on any level.
    std::size_t wrong(const std::vector<S>& rows, const std::vector<float>& query) {
        const std::size_t dim = model_.dim(), count = rows.size() / dim;
        EncodedRows encoded;
        ParallelEncoder<M, S>(model_, kernels_, 1).encode(rows.data(), 0, count, encoded);
        const VaQuery<M> lines(model_, kernels_, query);
        if (!lines.is_usable()) return 0;
        ++usable;
        const PreparedQuery<M, S> prepared(query, dim, mapvec::active_instruction_set());
        std::vector<float> keys(count + 4), products(count + 32), lows(count + 32), highs(count + 32);
        prepared.measure({rows.data(), rows.data() + rows.size(), dim}, std::size_t{0}, count, keys.data());
        std::size_t wrong = 0;
        for (std::size_t level = 0; level < model_.levels(); ++level) {
            const VaLine* const from = encoded.lines[level].data();
            kernels_.add_products(from, count, lines.nibbles(level), products.data());
            kernels_.bounds(from, count, products.data(), lines.bounds(level), lows.data(), highs.data());
            wrong += ruled_out(lines, keys, lows, highs, count);
            for (std::size_t i = 0; i < count; ++i)
                width += static_cast<double>(highs[i]) - static_cast<double>(lows[i]);
        }
        if (kernels_.scan_coarsely != nullptr) {
            kernels_.scan_coarsely(encoded.lines[0].data(), count, lines.coarse_nibbles(), lines.coarse_bounds(),
                                   lows.data(), highs.data());
            wrong += ruled_out(lines, keys, lows, highs, count);
        }
        return wrong;
    }

    // Rows at positions that nibbles decode to exactly, so that the bounds have no slack that hides an error. For each
    // of them also another row on the line through the mean, whose bounds are equalities.
    std::vector<S> code_points(const std::vector<S>& rows, double factor) {
        const std::size_t dim = model_.dim(), count = rows.size() / dim;
        EncodedRows encoded;
        ParallelEncoder<M, S>(model_, kernels_, 1).encode(rows.data(), 0, count, encoded);
        std::vector<S> points;
        for (std::size_t r = 0; r < count; ++r) {
            std::vector<double> point(model_.mean(), model_.mean() + dim);
            model_.each_nibble(0, [&](std::size_t k, std::size_t axis, float half_step) {
                const int code = encoded.lines[0][r].codes[k % words_per_line] >> (4 * (k / words_per_line)) & 15;
                for (std::size_t i = 0; i < dim; ++i)
                    point[i] += factor * (2 * code - 15) * static_cast<double>(half_step) *
                                static_cast<double>(model_.packed_axes()[packed_axis(axis, i, dim)]);
            });
            for (const double x : point) points.push_back(static_cast<S>(x));
        }
        return points;
    }

    std::size_t usable = 0;  // usable queries
    double width = 0;        // sum of the widths of all bounds

  private:
    static std::size_t ruled_out(const VaQuery<M>& query, const std::vector<float>& keys,
                                 const std::vector<float>& lows, const std::vector<float>& highs, std::size_t count) {
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < count; ++i)
            wrong += static_cast<std::size_t>(!std::isnan(keys[i]) && (lows[i] > query.limit_above(keys[i]) ||
                                                                       highs[i] < query.limit_below(keys[i])));
        return wrong;
    }

    const VaKernels& kernels_;
    std::vector<std::byte> record_;
    VaModel model_;
};

// Copies of `row`, moved by distances from the last bit to about its length.
template <class S>
std::vector<S> near_duplicates(const std::vector<float>& row, std::mt19937& engine) {
    std::vector<S> rows;
    for (int bits = 1; bits <= 24; ++bits)
        for (int times = 0; times < 4; ++times)
            for (const float x : row) {
                const float part = static_cast<float>(engine() % 2001) / 1000 - 1;
                rows.push_back(static_cast<S>(x + std::ldexp(std::abs(x) + 1e-3f, -bits) * part));
            }
    return rows;
}

template <class M, class S>
std::size_t wrong_adversaries(std::size_t dim, std::size_t levels, float scale, float offset) {
    Embeddings embeddings(dim, static_cast<unsigned>(dim + levels));
    std::mt19937 engine(7);
    std::vector<S> sample = embeddings.rows<S>(600);
    for (S& x : sample) x = static_cast<S>(static_cast<float>(x) * scale + offset);
    Bounds<M, S> bounds(sample, dim, levels);
    std::size_t wrong = 0;
    for (int q = 0; q < 4; ++q) {
        std::vector<float> query = embeddings.query();
        for (float& x : query) x = x * scale + offset;
        std::vector<float> far(query);
        for (float& x : far) x = -3 * x + static_cast<float>(engine() % 100) * scale;
        wrong += bounds.wrong(sample, query);
        wrong += bounds.wrong(near_duplicates<S>(query, engine), query);
        wrong += bounds.wrong(near_duplicates<S>(far, engine), query);
        wrong += bounds.wrong(near_duplicates<S>(query, engine), far);
        wrong += bounds.wrong(near_duplicates<S>(far, engine), far);  // outside of the codes, where bounds are tight
    }
    sample.resize(24 * dim);
    const std::vector<S> points = bounds.code_points(sample, 1);
    for (const double factor : {1.0, -1.0, 0.999, 2.5}) {
        const std::vector<S> queries = bounds.code_points(sample, factor);
        for (std::size_t q = 0; q < 24 * dim; q += dim)
            wrong += bounds.wrong(points, {queries.begin() + static_cast<std::ptrdiff_t>(q),
                                           queries.begin() + static_cast<std::ptrdiff_t>(q + dim)});
    }
    return bounds.usable == 0 ? 1 : wrong;
}

}  // namespace va_support
