// What detail/va/bounds.hpp derives: the bounds of a line hold for the key that the row's own kernel computes, for rows
// made to break them, whatever the instruction set. tests/va/bugs.txt takes each term away and expects a failure here.
#include <mapvec/detail/va/sample.hpp>
#include <mapvec/detail/va/update.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "test_search_support.hpp"
#include "va_support.hpp"

namespace {

using namespace mapvec::detail;
using va_support::Embeddings;

// Lines of rows, with a model of their own or of others.
template <class M, class S>
class Bounds {
  public:
    Bounds(const std::vector<S>& sample, std::size_t dim, std::size_t levels)
        : kernels_(va_kernels(mapvec::active_instruction_set())),
          record_(Sampler<M, S>(sample.data(), sample.size() / dim, dim).model(levels, kernels_)),
          model_(record_.data(), dim) {}

    // Rows whose key is not between their bounds, on any level.
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
            for (std::size_t i = 0; i < count; ++i) {
                const bool ruled_out = lows[i] > lines.limit_above(keys[i]) || highs[i] < lines.limit_below(keys[i]);
                wrong += static_cast<std::size_t>(ruled_out && !std::isnan(keys[i]));
                width += static_cast<double>(highs[i]) - static_cast<double>(lows[i]);
            }
        }
        return wrong;
    }

    std::size_t usable = 0;  // queries
    double width = 0;        // of all bounds

  private:
    const VaKernels& kernels_;
    std::vector<std::byte> record_;
    VaModel model_;
};

// Copies of `row` moved a little, from the last bit to about as much as its length.
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
void check_adversaries(std::size_t dim, std::size_t levels, float scale, float offset) {
    Embeddings embeddings(dim, static_cast<unsigned>(dim + levels));
    std::mt19937 engine(7);
    std::vector<S> sample = embeddings.rows<S>(600);
    for (S& x : sample) x = static_cast<S>(static_cast<float>(x) * scale + offset);
    Bounds<M, S> bounds(sample, dim, levels);
    for (int q = 0; q < 4; ++q) {
        std::vector<float> query = embeddings.query();
        for (float& x : query) x = x * scale + offset;
        std::vector<float> far(query);
        for (float& x : far) x = -3 * x + static_cast<float>(engine() % 100) * scale;
        CAPTURE(dim, levels, scale, offset, q);
        CHECK(bounds.wrong(sample, query) == 0);
        CHECK(bounds.wrong(near_duplicates<S>(query, engine), query) == 0);
        CHECK(bounds.wrong(near_duplicates<S>(far, engine), query) == 0);
        CHECK(bounds.wrong(near_duplicates<S>(query, engine), far) == 0);
    }
    CHECK(bounds.usable != 0);
}

}  // namespace

TEST_CASE("bounds hold for rows and queries of embeddings, near-duplicates and far ones", "[va]") {
    search_support::with_each_instruction_set([](mapvec::InstructionSet) {
        for (const std::size_t levels : {1u, 2u}) {
            check_adversaries<mapvec::SquaredL2, float>(40, levels, 1, 0);
            check_adversaries<mapvec::SquaredL2, float>(130, levels, 1, 0);
            check_adversaries<mapvec::InnerProduct, float>(130, levels, 1, 0);
            check_adversaries<mapvec::Cosine, float>(130, levels, 1, 0);
            check_adversaries<mapvec::NormalizedCosine, float>(130, levels, 1, 0);
        }
    });
}

TEST_CASE("bounds hold where rows are far longer than the distances between them", "[va]") {
    search_support::with_each_instruction_set([](mapvec::InstructionSet) {
        check_adversaries<mapvec::SquaredL2, float>(120, 2, 1, 10000);
        check_adversaries<mapvec::SquaredL2, float>(120, 1, 1e-4f, 1);
        check_adversaries<mapvec::SquaredL2, double>(120, 2, 1, 1e6f);
        check_adversaries<mapvec::InnerProduct, float>(120, 2, 1, 1000);
        check_adversaries<mapvec::InnerProduct, double>(120, 2, 1e-3f, 1);
        check_adversaries<mapvec::Cosine, float>(120, 2, 1e-3f, 1);
        check_adversaries<mapvec::NormalizedCosine, float>(120, 2, 1, 1000);
    });
}

TEST_CASE("bounds hold for very large and very small numbers", "[va]") {
    for (const float scale : {1e-30f, 1e-19f, 1e-12f, 1e-9f, 1e9f, 1e13f, 1e18f}) {
        Embeddings embeddings(110, 5);
        std::vector<float> rows = embeddings.rows<float>(300);
        for (float& x : rows) x *= scale;
        std::vector<float> query = embeddings.query();
        for (float& x : query) x *= scale;
        CAPTURE(scale);
        Bounds<mapvec::SquaredL2, float> distances(rows, 110, 2);
        CHECK(distances.wrong(rows, query) == 0);
        Bounds<mapvec::InnerProduct, float> products(rows, 110, 2);
        CHECK(products.wrong(rows, query) == 0);
        Bounds<mapvec::Cosine, float> cosines(rows, 110, 2);
        CHECK(cosines.wrong(rows, query) == 0);
    }
}

TEST_CASE("bounds hold for rows that are not like those that the axes were found from", "[va]") {
    Embeddings embeddings(100, 1), others(100, 99);
    Bounds<mapvec::SquaredL2, float> bounds(embeddings.rows<float>(500), 100, 2);
    std::vector<float> rows = others.rows<float>(500);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = rows[i] * 30 + static_cast<float>(i % 100);
    for (int q = 0; q < 5; ++q) {
        CHECK(bounds.wrong(rows, others.query()) == 0);
        CHECK(bounds.wrong(rows, {rows.begin() + q * 100, rows.begin() + q * 100 + 100}) == 0);
    }
}

TEST_CASE("bounds hold for rows without a line: what is no number, or has no direction", "[va]") {
    Embeddings embeddings(100, 1);
    std::vector<float> rows = embeddings.rows<float>(64);
    const float odd[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3e38f, -3e38f,
                         std::numeric_limits<float>::denorm_min()};
    for (std::size_t i = 0; i < 5; ++i) rows[i * 100 + 7 * i] = odd[i];
    std::fill(rows.begin() + 500, rows.begin() + 600, 0.0f);
    std::fill(rows.begin() + 600, rows.begin() + 700, 1e-42f);
    const std::vector<float> query = embeddings.query(), zeros(100);
    Bounds<mapvec::SquaredL2, float> distances(rows, 100, 2);
    CHECK(distances.wrong(rows, query) == 0);
    CHECK(distances.wrong(rows, zeros) == 0);
    Bounds<mapvec::Cosine, float> cosines(rows, 100, 2);
    CHECK(cosines.wrong(rows, query) == 0);
    Bounds<mapvec::InnerProduct, float> products(rows, 100, 2);
    CHECK(products.wrong(rows, query) == 0);
    CHECK(products.wrong(rows, zeros) == 0);
}
