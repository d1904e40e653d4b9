// .fvecs, .bvecs, .ivecs: export restores the imported bytes, and damaged files are refused.
#include <cmath>
#include <cstdint>
#include <limits>
#include <mapvec/io/fvecs.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_io_vecs {

using namespace mapvec;

namespace {

constexpr std::int32_t three = 3;

std::string two_rows() { return bytes_of_all(three, 1.0f, 2.0f, 3.5f) + bytes_of_all(three, -0.0f, 1e-40f, 3e38f); }

// The code and the text of the error when importing these bytes into a store of floats of dim 3.
struct Refusal {
    explicit Refusal(const std::string& bytes) {
        const ScratchDirectory scratch;
        write_bytes(scratch / "in.fvecs", bytes);
        auto store = MmapVectorStore<>::create(scratch / "s", {.dim = 3});
        try {
            io::import_fvecs(scratch / "in.fvecs", store);
        } catch (const Error& error) {
            code = error.code();
            text = error.what();
        }
    }
    std::optional<ErrorCode> code;
    std::string text;
};

}  // namespace

TEST_CASE("an import of fvecs holds its rows, and an export restores its bytes") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "in.fvecs", two_rows());
    CHECK(io::fvecs_shape(scratch / "in.fvecs") == io::Shape{2, 3});
    auto store = MmapVectorStore<3>::create(scratch / "s");
    CHECK(io::import_fvecs(scratch / "in.fvecs", store) == 2);
    REQUIRE(store.size() == 2);
    CHECK(store[0][2] == 3.5f);
    CHECK(store[1][1] == 1e-40f);
    CHECK(io::export_fvecs(store, scratch / "out.fvecs") == 2);
    CHECK(read_bytes(scratch / "out.fvecs") == two_rows());
}

TEST_CASE("an import of many pieces appends every row once, in order, and reports its progress") {
    const ScratchDirectory scratch;
    constexpr std::size_t rows = 20'000, dim = 50;  // four megabytes
    {
        auto store = MmapVectorStore<dim>::create(scratch / "source");
        std::vector<float> row(dim);
        for (std::size_t i = 0; i < rows; ++i) {
            for (std::size_t j = 0; j < dim; ++j) row[j] = static_cast<float>(i * dim + j);
            store.append(row);
        }
        io::export_fvecs(store, scratch / "in.fvecs");
    }
    auto store = MmapVectorStore<>::create(scratch / "s", {.dim = dim});
    std::vector<std::uint64_t> reports;
    const std::uint64_t size = rows * (4 + dim * 4);
    io::import_fvecs(scratch / "in.fvecs", store, [&](std::uint64_t done, std::uint64_t all) {
        CHECK(all == size);
        if (!reports.empty()) CHECK(done > reports.back());
        reports.push_back(done);
    });
    CHECK(reports.size() >= 4);
    CHECK(reports.back() == size);
    REQUIRE(store.size() == rows);
    for (std::size_t i = 0; i < rows * dim; ++i)
        if (store.data()[i] != static_cast<float>(i)) FAIL("element " << i);
}

TEST_CASE("values that fit another scalar are converted; the first that does not is named") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "whole.fvecs", bytes_of_all(three, 0.0f, 255.0f, 7.0f));
    write_bytes(scratch / "part.fvecs", bytes_of_all(three, 0.0f, 255.0f, 7.5f));
    write_bytes(scratch / "large.fvecs", bytes_of_all(three, 0.0f, 256.0f, 7.0f));
    write_bytes(scratch / "nan.fvecs", bytes_of_all(three, 0.0f, std::numeric_limits<float>::quiet_NaN(), 7.0f));
    auto codes = MmapVectorStore<3, std::uint8_t>::create(scratch / "codes");
    CHECK(io::import_fvecs(scratch / "whole.fvecs", codes) == 1);
    CHECK(codes[0][1] == 255);
    for (const char* name : {"part.fvecs", "large.fvecs", "nan.fvecs"})
        CHECK(code_of([&] { return io::import_fvecs(scratch / name, codes); }) == ErrorCode::type_mismatch);
    CHECK(contains(text_of_error([&] { return io::import_fvecs(scratch / "part.fvecs", codes); }), "byte 12: 7.5"));
    CHECK(codes.size() == 1);

    auto halves = MmapVectorStore<3, float16>::create(scratch / "halves");
    CHECK(io::import_fvecs(scratch / "part.fvecs", halves) == 1);
    CHECK(io::import_fvecs(scratch / "nan.fvecs", halves) == 1);
    CHECK(std::isnan(static_cast<float>(halves[1][1])));
    write_bytes(scratch / "fine.fvecs", bytes_of_all(three, 0.0f, 0.1f, 7.0f));
    CHECK(code_of([&] { return io::import_fvecs(scratch / "fine.fvecs", halves); }) == ErrorCode::type_mismatch);
}

TEST_CASE("bvecs and ivecs are read into their own scalars and into wider ones") {
    const ScratchDirectory scratch;
    const std::string bvecs = bytes_of_all(three) + std::string("\x00\x7f\xff", 3);
    write_bytes(scratch / "in.bvecs", bvecs);
    CHECK(io::bvecs_shape(scratch / "in.bvecs") == io::Shape{1, 3});
    auto codes = MmapVectorStore<3, std::uint8_t>::create(scratch / "codes");
    auto floats = MmapVectorStore<3>::create(scratch / "floats");
    auto signs = MmapVectorStore<3, std::int8_t>::create(scratch / "signs");
    CHECK(io::import_bvecs(scratch / "in.bvecs", codes) == 1);
    CHECK(io::import_bvecs(scratch / "in.bvecs", floats) == 1);
    CHECK(floats[0][2] == 255.0f);
    CHECK(code_of([&] { return io::import_bvecs(scratch / "in.bvecs", signs); }) == ErrorCode::type_mismatch);
    io::export_bvecs(floats, scratch / "out.bvecs");
    CHECK(read_bytes(scratch / "out.bvecs") == bvecs);

    const std::string ivecs = bytes_of_all(three, std::int32_t{-5}, std::int32_t{0}, std::int32_t{2147483647});
    write_bytes(scratch / "in.ivecs", ivecs);
    CHECK(io::ivecs_shape(scratch / "in.ivecs") == io::Shape{1, 3});
    auto doubles = MmapVectorStore<3, double>::create(scratch / "doubles");
    CHECK(io::import_ivecs(scratch / "in.ivecs", doubles) == 1);
    CHECK(doubles[0][2] == 2147483647.0);
    CHECK(code_of([&] { return io::import_ivecs(scratch / "in.ivecs", floats); }) == ErrorCode::type_mismatch);
    io::export_ivecs(doubles, scratch / "out.ivecs");
    CHECK(read_bytes(scratch / "out.ivecs") == ivecs);
}

TEST_CASE("a damaged fvecs file is corrupt, with the position of the wrong value") {
    const auto check = [](const std::string& bytes, const std::string& place) {
        const Refusal refusal(bytes);
        CHECK(refusal.code == ErrorCode::corrupt);
        CHECK(contains(refusal.text, place));
        CHECK(contains(refusal.text, "in.fvecs"));
        CHECK(contains(refusal.text, "expected"));
    };
    check(bytes_of_all(std::int16_t{3}), "byte 0");                                        // not even a dim
    check(bytes_of_all(std::int32_t{0}, 1.0f), "byte 0");                                  // dim 0
    check(bytes_of_all(std::int32_t{-3}, 1.0f, 2.0f, 3.0f), "byte 0");                     // negative
    check(bytes_of_all(std::int32_t{2147483647}, 1.0f, 2.0f, 3.0f), "byte 0: dimension");  // huge
    check(bytes_of_all(three, 1.0f, 2.0f), "byte 0");                                      // the first row cut short
    check(two_rows().substr(0, 31), "byte 16");                                            // the second
    check(two_rows() + bytes_of_all(three), "byte 32");                               // a row of nothing but its dim
    check(two_rows() + bytes_of_all(std::int32_t{2}, 1.0f, 2.0f, 3.0f), "byte 32");   // another dim, same length
    check(two_rows() + bytes_of_all(std::int32_t{2}, 1.0f, 2.0f), "byte 32");         // another dim
    check(two_rows() + bytes_of_all(std::int32_t{-1}, 1.0f, 2.0f, 3.0f), "byte 32");  // negative in a later row
    const std::string shorter = bytes_of_all(std::int32_t{2}, 1.0f, 2.0f);
    check(two_rows().substr(0, 16) + shorter + two_rows(), "byte 16");  // the first bad row, not the end
}

TEST_CASE("rows of another dimension than the store's are dimension_mismatch") {
    CHECK(Refusal(bytes_of_all(std::int32_t{2}, 1.0f, 2.0f)).code == ErrorCode::dimension_mismatch);
    const std::string twice = bytes_of_all(std::int32_t{6}, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f);  // not two rows in one
    CHECK(Refusal(twice).code == ErrorCode::dimension_mismatch);
}

TEST_CASE("an empty file has no rows, a missing file is not_found, a directory is refused") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "empty.fvecs", "");
    auto store = MmapVectorStore<3>::create(scratch / "s");
    CHECK(io::fvecs_shape(scratch / "empty.fvecs") == io::Shape{});
    CHECK(io::import_fvecs(scratch / "empty.fvecs", store) == 0);
    CHECK(code_of([&] { return io::import_fvecs(scratch / "absent.fvecs", store); }) == ErrorCode::not_found);
    CHECK(code_of([&] { return io::import_fvecs(scratch.path(), store); }).has_value());
}

TEST_CASE("an import that fails commits nothing") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "in.fvecs", two_rows() + bytes_of_all(std::int32_t{2}, 1.0f, 2.0f, 3.0f));
    MmapVectorStore<3>::create(scratch / "s").close();
    CHECK(code_of([&] {
              auto store = MmapVectorStore<3>::open(scratch / "s");
              return io::import_fvecs(scratch / "in.fvecs", store);
          }) == ErrorCode::corrupt);
    CHECK(MmapVectorStore<3>::open(scratch / "s", OpenMode::read_only).empty());
}

}  // namespace test_io_vecs
