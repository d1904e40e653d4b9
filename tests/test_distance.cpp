// distance.hpp: every instruction set, scalar type and dimension agrees with plain loops in double within the stated
// bound, and no byte behind the rows is read.
//
//   promise                                                     broken by
//   error bound, all dims                                       a lost tail, a wrong mask, a lane counted twice
//   a row's result does not depend on its neighbours            another code path for the last rows
//   … nor on their number, nor on its position                  results of the four streams swapped
//   NaN only in its own row; infinities; huge; denormal         masking by multiplication, flushing
//   integers against bytes: no rounding, no overflow            a lost pair of products, too long sums
//   nothing behind the end is read                              an unguarded last load (run with a sanitizer)
#include <mapvec/distance.hpp>

#include <limits>
#include <memory>

#include "catch.hpp"
#include "test_search_support.hpp"

namespace test_distance {

using namespace mapvec;
using namespace search_support;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();
constexpr double unit = 0x1p-24;

std::vector<std::size_t> dimensions() {
    std::vector<std::size_t> dims;
    for (std::size_t dim = 1; dim <= 70; ++dim) dims.push_back(dim);
    for (const std::size_t dim : std::vector<std::size_t>{100, 128, 129, 255, 384, 768, 1536}) dims.push_back(dim);
    return dims;
}

template <class M, class S>
double allowed(std::span<const S> row, const std::vector<float>& query) {
    const double dim = static_cast<double>(query.size());
    if constexpr (std::is_same_v<M, SquaredL2>) {
        return (dim / 8 + 12) * unit * M::template reference<S>(row, query) + dim * 0x1p-148;
    } else {
        double products = 0, row_norm = 0, query_norm = 0;
        for (std::size_t i = 0; i < query.size(); ++i) {
            const double x = static_cast<double>(row[i]), q = query[i];
            products += std::abs(x * q);
            row_norm += x * x;
            query_norm += q * q;
        }
        if constexpr (std::is_same_v<M, InnerProduct>) return (dim / 8 + 12) * unit * products + dim * 0x1p-148;
        return (dim / 4 + 24) * unit * products / std::sqrt(row_norm * query_norm) + 2 * unit;
    }
}

// The number of rows whose result is out of bounds, over all dims and some ragged counts.
template <class M, class S>
std::size_t disagreements() {
    Numbers numbers(7);
    std::size_t wrong = 0;
    for (const std::size_t dim : dimensions()) {
        for (const std::size_t count : std::vector<std::size_t>{1, 2, 3, 4, 5, 7, 9}) {
            const auto rows = numbers.rows<S>(count, dim);
            const auto query = numbers.query(dim);
            std::vector<float> results(count);
            compute_distances<M>(rows.scalars, query, results);
            for (std::size_t i = 0; i < count; ++i) {
                const double exact = M::template reference<S>(rows.row(i), query);
                const bool both_nan = std::isnan(exact) && std::isnan(results[i]);
                wrong += both_nan || std::abs(results[i] - exact) <= allowed<M, S>(rows.row(i), query) ? 0u : 1u;
            }
        }
    }
    return wrong;
}

// The number of instruction sets that were tried.
template <class S>
std::size_t check_type() {
    std::size_t tried = 0;
    with_each_instruction_set([&tried](InstructionSet set) {
        ++tried;
        INFO(to_string(set) << ", " << to_string(scalar_type_of<S>));
        CHECK(disagreements<SquaredL2, S>() == 0);
        CHECK(disagreements<InnerProduct, S>() == 0);
        CHECK(disagreements<Cosine, S>() == 0);
    });
    return tried;
}

}  // namespace

TEST_CASE("float rows: every instruction set agrees with the reference") { CHECK(check_type<float>() > 0); }
TEST_CASE("double rows: every instruction set agrees with the reference") { CHECK(check_type<double>() > 0); }
TEST_CASE("int8 rows: every instruction set agrees with the reference") { CHECK(check_type<std::int8_t>() > 0); }
TEST_CASE("uint8 rows: every instruction set agrees with the reference") { CHECK(check_type<std::uint8_t>() > 0); }
TEST_CASE("float16 rows: every instruction set agrees with the reference") { CHECK(check_type<float16>() > 0); }
TEST_CASE("bfloat16 rows: every instruction set agrees with the reference") { CHECK(check_type<bfloat16>() > 0); }

TEST_CASE("every instruction set converts every value of the 8- and 16-bit types correctly") {
    with_each_instruction_set([](InstructionSet set) {
        INFO(to_string(set));
        std::size_t wrong = 0;
        const auto check = [&wrong]<class S>(const std::vector<S>& all) {
            const std::vector<float> one = {1.0f};
            std::vector<float> products(all.size());
            compute_distances<InnerProduct>(all, one, products);
            for (std::size_t i = 0; i < all.size(); ++i) {
                const float value = all[i];
                wrong += products[i] == value || (std::isnan(value) && std::isnan(products[i])) ? 0u : 1u;
            }
        };
        std::vector<std::int8_t> signed_bytes;
        std::vector<std::uint8_t> bytes;
        std::vector<float16> halves;
        std::vector<bfloat16> brains;
        for (int i = 0; i < 256; ++i) {
            signed_bytes.push_back(static_cast<std::int8_t>(i - 128));
            bytes.push_back(static_cast<std::uint8_t>(i));
        }
        for (std::uint32_t i = 0; i < 0x10000; ++i) {
            halves.push_back(float16::from_bits(static_cast<std::uint16_t>(i)));
            brains.push_back(bfloat16::from_bits(static_cast<std::uint16_t>(i)));
        }
        check(signed_bytes);
        check(bytes);
        check(halves);
        check(brains);
        CHECK(wrong == 0);
    });
}

TEST_CASE("the result of a row does not depend on the rows beside it") {
    with_each_instruction_set([](InstructionSet set) {
        INFO(to_string(set));
        Numbers numbers(11);
        std::size_t wrong = 0;
        for (const std::size_t dim : dimensions()) {
            const auto rows = numbers.rows<float>(11, dim);
            const auto query = numbers.query(dim);
            std::vector<float> together(11);
            compute_distances(rows.scalars, query, together);
            for (std::size_t i = 0; i < 11; ++i) {
                float alone = 0;
                compute_distances(rows.row(i), query, std::span<float>(&alone, 1));
                wrong += alone == together[i] ? 0u : 1u;
            }
        }
        CHECK(wrong == 0);
    });
}

TEST_CASE("the result of a row depends neither on its neighbours nor on their number nor on its position") {
    const auto differences = []<class M, class S>(M, S, InstructionSet set) {
        Numbers numbers(13);
        std::size_t wrong = 0;
        constexpr std::size_t most = 27;
        for (const std::size_t dim : dimensions()) {
            const auto rows = numbers.rows<S>(most, dim);
            const detail::RowSpan<S> all = {rows.scalars.data(), rows.scalars.data() + rows.scalars.size(), dim};
            const detail::PreparedQuery<M, S> query(numbers.query(dim), dim, set);
            float alone[most][4], together[most + 3];
            for (std::size_t i = 0; i < most; ++i)
                query.measure({rows.row(i).data(), rows.row(i).data() + dim, dim}, std::size_t{0}, 1, alone[i]);
            for (const std::size_t count : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 12u, 15u, 22u, 27u}) {
                const std::size_t first = most - count;
                query.measure(all, first, count, together);
                for (std::size_t i = 0; i < count; ++i) {
                    const float expected = alone[first + i][0];
                    wrong += together[i] == expected || (std::isnan(together[i]) && std::isnan(expected)) ? 0u : 1u;
                }
            }
        }
        return wrong;
    };
    with_each_instruction_set([&](InstructionSet set) {
        const auto check_type = [&]<class S>(S) {
            INFO(to_string(set) << ", " << to_string(scalar_type_of<S>));
            CHECK(differences(SquaredL2{}, S{}, set) == 0);
            CHECK(differences(InnerProduct{}, S{}, set) == 0);
            CHECK(differences(Cosine{}, S{}, set) == 0);
        };
        check_type(float{});
        check_type(double{});
        check_type(std::int8_t{});
        check_type(std::uint8_t{});
        check_type(float16{});
        check_type(bfloat16{});
    });
}

TEST_CASE("a NaN or an infinity changes its own row and no other") {
    with_each_instruction_set([](InstructionSet set) {
        INFO(to_string(set));
        for (const std::size_t dim : std::vector<std::size_t>{1, 3, 8, 17, 25, 100, 131}) {
            for (std::size_t at = 0; at < dim; ++at) {
                Rows<float> rows{std::vector<float>(9 * dim, 1.0f), dim};
                rows.scalars[2 * dim + at] = nan_value;
                rows.scalars[5 * dim + at] = -infinity;
                const std::vector<float> query(dim, 3.0f);
                std::vector<float> results(9);
                compute_distances(rows.scalars, query, results);
                bool right = std::isnan(results[2]) && results[5] == infinity;
                for (const std::size_t i : std::vector<std::size_t>{0, 1, 3, 4, 6, 7, 8})
                    right &= results[i] == 4.0f * static_cast<float>(dim);
                if (!right) FAIL("dim " << dim << ", element " << at);
            }
        }
        SUCCEED();
    });
}

TEST_CASE("huge differences are infinitely far, tiny ones keep what float can hold") {
    with_each_instruction_set([](InstructionSet set) {
        INFO(to_string(set));
        const std::vector<float> huge = {3e38f, 0, 0, -3e38f, 1, 1};
        const std::vector<float> query = {-3e38f, 0, 0};
        std::vector<float> results(2);
        compute_distances(huge, query, results);
        CHECK(results[0] == infinity);
        CHECK(results[1] == 2.0f);

        const std::vector<float> tiny = {0x1p-70f, 0x1p-140f, 0x1p-149f};
        const std::vector<float> zero = {0};
        std::vector<float> squares(3);
        compute_distances(tiny, zero, squares);
        CHECK(squares[0] == 0x1p-140f);
        CHECK(squares[1] == 0.0f);
        CHECK(squares[2] == 0.0f);

        const std::vector<float> one = {1};
        compute_distances<InnerProduct>(tiny, one, squares);
        CHECK(squares[2] == 0x1p-149f);
        const std::vector<double> wide = {1e200, 1 + 0x1p-40};
        std::vector<float> differences(2);
        compute_distances(wide, one, differences);
        CHECK(differences[0] == infinity);
        CHECK(differences[1] == 0x1p-80f);
    });
}

TEST_CASE("distances of bytes and a query of integers are exact if a float can hold them") {
    const auto check = []<class S>(S) {
        Numbers numbers(17);
        std::size_t wrong = 0;
        for (const std::size_t dim : dimensions()) {
            for (const std::size_t count : std::vector<std::size_t>{1, 3, 6}) {
                Rows<S> rows{{}, dim};
                for (std::size_t i = 0; i < count * dim; ++i)
                    rows.scalars.push_back(static_cast<S>(numbers.below(256)));
                std::vector<float> query(dim);
                for (float& x : query) x = static_cast<float>(numbers.below(511)) - 255;
                std::vector<float> distances(count), products(count);
                compute_distances(rows.scalars, query, distances);
                compute_distances<InnerProduct>(rows.scalars, query, products);
                for (std::size_t i = 0; i < count; ++i) {
                    const double distance = SquaredL2::reference<S>(rows.row(i), query);
                    const double product = InnerProduct::reference<S>(rows.row(i), query);
                    wrong +=
                        std::abs(distances[i] - distance) <= (distance < 0x1p24 ? 0 : 4 * unit * distance) ? 0u : 1u;
                    wrong += std::abs(product) >= 0x1p24 || static_cast<double>(products[i]) == product ? 0u : 1u;
                }
            }
        }
        CHECK(wrong == 0);
    };
    with_each_instruction_set([&](InstructionSet set) {
        INFO(to_string(set));
        check(std::int8_t{});
        check(std::uint8_t{});
    });
}

TEST_CASE("the largest sums of bytes do not overflow") {
    with_each_instruction_set([&](InstructionSet set) {
        for (const std::size_t dim : {detail::max_small_dim, detail::max_small_dim + 1, 3 * detail::max_small_dim}) {
            INFO(to_string(set) << ", dim " << dim);
            const std::vector<std::uint8_t> row(dim, 255);
            const std::vector<float> query(dim, -255.0f);
            std::vector<float> result(1);
            compute_distances(row, query, result);
            const double exact = static_cast<double>(dim) * 510 * 510;
            CHECK(std::abs(result[0] - exact) <= (static_cast<double>(dim) / 8 + 12) * unit * exact);
            compute_distances<InnerProduct>(row, query, result);
            CHECK(std::abs(result[0] + exact / 4) <= (static_cast<double>(dim) / 8 + 12) * unit * exact / 4);
        }
    });
}

TEST_CASE("nothing beyond the last row is read") {
    with_each_instruction_set([](InstructionSet) {
        for (std::size_t dim = 1; dim <= 70; ++dim) {
            const std::unique_ptr<std::int8_t[]> exact(new std::int8_t[3 * dim]());
            const std::vector<float> query(dim, 2.0f);
            std::vector<float> results(3);
            compute_distances(std::span<const std::int8_t>(exact.get(), 3 * dim), query, results);
            if (results[2] != 4.0f * static_cast<float>(dim)) FAIL("dim " << dim);
        }
        SUCCEED();
    });
}

TEST_CASE("the cosine of a row without direction is NaN") {
    const std::vector<float> rows = {0, 0, 3, 4, -3, -4, 4, -3};
    const std::vector<float> query = {6, 8};
    std::vector<float> results(4);
    with_each_instruction_set([&](InstructionSet) {
        compute_distances<Cosine>(rows, query, results);
        CHECK(std::isnan(results[0]));
        CHECK(std::abs(results[1]) <= 2e-7f);
        CHECK(std::abs(results[2] - 2) <= 4e-7f);
        CHECK(std::abs(results[3] - 1) <= 4e-7f);
    });
}

TEST_CASE("the cosine of a row whose squared norm is not a normal float is NaN, and no search finds the row") {
    const std::vector<float> rows = {1e-23f, 0, -1e-23f, 0, 1e20f, 0, 0, 1e20f, 3e-23f, 3e-23f, 1, 1};
    const std::vector<double> doubles = {1e-170, 0, -1e-170, 0, 1e170, 0, 0, 1e170, 1e-160, 1e-160, 1, 1};
    const std::vector<float> query = {1, 0};
    with_each_instruction_set([&](InstructionSet set) {
        INFO(to_string(set));
        std::vector<float> results(6), double_results(6);
        compute_distances<Cosine>(rows, query, results);
        compute_distances<Cosine>(doubles, query, double_results);
        for (std::size_t i = 0; i < 5; ++i) {
            CHECK(std::isnan(results[i]));
            CHECK(std::isnan(double_results[i]));
        }
        CHECK(std::abs(results[5] - 0.2928932f) <= 4e-7f);
        CHECK(std::abs(double_results[5] - 0.2928932f) <= 4e-7f);
    });
}

TEST_CASE("the chosen instruction set can be named and is one of the available") {
    const auto sets = available_instruction_sets();
    CHECK(sets.front() == InstructionSet::portable);
    CHECK(active_instruction_set() == sets.back());
    CHECK(to_string(active_instruction_set()) != "unknown");
    const auto foreign = sets.back() == InstructionSet::neon ? InstructionSet::avx2 : InstructionSet::neon;
    CHECK(code_of([&] { use_instruction_set(foreign); }) == ErrorCode::invalid_argument);
    CHECK(active_instruction_set() == sets.back());
}

TEST_CASE("compute_distances refuses sizes that do not agree") {
    const std::vector<float> rows(6), query(3), bad = {0, nan_value, 0};
    std::vector<float> two(2), three(3);
    CHECK(code_of([&] { compute_distances(rows, query, three); }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] { compute_distances(rows, bad, two); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { compute_distances<Cosine>(rows, query, two); }) == ErrorCode::invalid_argument);
}

}  // namespace test_distance
