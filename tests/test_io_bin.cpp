// .fbin and its relatives: export restores the imported bytes, damaged files are refused, and such a file is not read
// as raw rows.
#include <cstdint>
#include <mapvec/io/bin.hpp>
#include <mapvec/io/npy.hpp>
#include <mapvec/io/raw.hpp>
#include <mapvec/io/vecstore.hpp>
#include <string>

#include "catch.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_io_bin {

using namespace mapvec;

namespace {

constexpr std::uint32_t two = 2, three = 3;

std::string header(std::uint32_t rows, std::uint32_t dim) { return bytes_of_all(rows, dim); }
std::string two_rows() { return header(2, 3) + bytes_of_all(1.0f, 2.0f, 3.5f, -0.0f, 1e-40f, 3e38f); }

// The error of importing these bytes into a store of floats of dim 3.
struct Refusal {
    explicit Refusal(const std::string& bytes) {
        const ScratchDirectory scratch;
        write_bytes(scratch / "in.fbin", bytes);
        auto store = MmapVectorStore<>::create(scratch / "s", {.dim = 3});
        try {
            io::import_fbin(scratch / "in.fbin", store);
        } catch (const Error& error) {
            code = error.code();
            text = error.what();
        }
        rows = store.size();
    }
    std::optional<ErrorCode> code;
    std::string text;
    std::size_t rows = 0;
};

}  // namespace

TEST_CASE("an import of fbin holds its rows, and an export restores its bytes") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "in.fbin", two_rows());
    CHECK(io::fbin_shape(scratch / "in.fbin") == io::Shape{2, 3});
    auto store = MmapVectorStore<3>::create(scratch / "s");
    CHECK(io::import_fbin(scratch / "in.fbin", store) == 2);
    REQUIRE(store.size() == 2);
    CHECK(store[0][2] == 3.5f);
    CHECK(store[1][1] == 1e-40f);
    CHECK(io::export_fbin(store, scratch / "out.fbin") == 2);
    CHECK(read_bytes(scratch / "out.fbin") == two_rows());
}

TEST_CASE("u8bin, i8bin and ibin are read into any scalar that holds their values, and written from it") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "u8", header(2, 2) + std::string("\x00\x01\xfe\xff", 4));
    write_bytes(scratch / "i8", header(2, 2) + std::string("\x80\xff\x00\x7f", 4));
    write_bytes(scratch / "i", header(1, 2) + bytes_of_all(std::int32_t{-2147483647}, std::int32_t{16777217}));
    CHECK(io::u8bin_shape(scratch / "u8") == io::Shape{2, 2});
    CHECK(io::i8bin_shape(scratch / "i8") == io::Shape{2, 2});
    CHECK(io::ibin_shape(scratch / "i") == io::Shape{1, 2});

    auto bytes = MmapVectorStore<2, std::uint8_t>::create(scratch / "bytes");
    CHECK(io::import_u8bin(scratch / "u8", bytes) == 2);
    CHECK(bytes[1][1] == 255);
    auto floats = MmapVectorStore<2>::create(scratch / "floats");
    CHECK(io::import_i8bin(scratch / "i8", floats) == 2);
    CHECK(floats[0][0] == -128);
    CHECK(code_of([&] { return io::import_ibin(scratch / "i", floats); }) == ErrorCode::type_mismatch);  // 2^24 + 1
    auto doubles = MmapVectorStore<2, double>::create(scratch / "doubles");
    CHECK(io::import_ibin(scratch / "i", doubles) == 1);

    io::export_u8bin(bytes, scratch / "u8.out");
    io::export_i8bin(floats, scratch / "i8.out");
    io::export_ibin(doubles, scratch / "i.out");
    CHECK(read_bytes(scratch / "u8.out") == read_bytes(scratch / "u8"));
    CHECK(read_bytes(scratch / "i8.out") == read_bytes(scratch / "i8"));
    CHECK(read_bytes(scratch / "i.out") == read_bytes(scratch / "i"));
    CHECK(code_of([&] { return io::export_u8bin(floats, scratch / "no"); }) == ErrorCode::type_mismatch);
}

TEST_CASE("a bin file without rows has no rows and keeps its dim") {
    const ScratchDirectory scratch;
    const auto store = MmapVectorStore<3>::create(scratch / "s");
    CHECK(io::export_fbin(store, scratch / "out") == 0);
    CHECK(read_bytes(scratch / "out") == header(0, 3));
    CHECK(io::fbin_shape(scratch / "out") == io::Shape{0, 3});
    CHECK_FALSE(Refusal(header(0, 3)).code);
    CHECK_FALSE(Refusal(header(0, 0)).code);
}

TEST_CASE("a bin file of another length than in its header is corrupt, and no row is imported") {
    for (const std::string& bytes :
         {std::string(), std::string(7, '\0'), header(2, 0), header(1, 3), header(0xFFFFFFFF, 0xFFFFFFFF),
          header(0xFFFFFFFF, 3), two_rows() + "x", two_rows().substr(0, 31), header(3, 3) + two_rows().substr(8)}) {
        const Refusal refusal(bytes);
        CHECK(refusal.code == ErrorCode::corrupt);
        CHECK(refusal.rows == 0);
    }
    CHECK(contains(Refusal(two_rows() + "x").text, "byte 8: bytes of 2 rows of 3 float32: expected 24, found 25"));
    CHECK(Refusal(header(3, 2) + two_rows().substr(8)).code == ErrorCode::dimension_mismatch);
}

TEST_CASE("a file of another format is refused by its name, not read as raw rows") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "fbin", two_rows());
    write_bytes(scratch / "u8bin", header(2, 4) + std::string(8, '\1'));
    auto store = MmapVectorStore<4>::create(scratch / "s");
    store.append(std::vector{1.0f, 2.0f, 3.0f, 4.0f});
    store.commit();
    io::export_npy(store, scratch / "npy");
    const auto refusal = [&](const char* name) {
        CHECK(code_of([&] { return io::import_raw(scratch / name, store); }) == ErrorCode::type_mismatch);
        CHECK(code_of([&] { return io::import_vecstore(scratch / name, 1, store); }) == ErrorCode::type_mismatch);
        return text_of_error([&] { return io::raw_shape(scratch / name, 4); });
    };
    CHECK(contains(refusal("fbin"), "found a .fbin or .ibin file"));
    CHECK(contains(refusal("u8bin"), "found a .u8bin or .i8bin file"));
    CHECK(contains(refusal("npy"), "found a .npy file"));
    CHECK(contains(refusal("s"), "found a file of mapvec"));
    CHECK(store.size() == 1);
}

TEST_CASE("raw rows that begin with small integers are raw rows") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "in", bytes_of_all(two, three, 1.0f, 2.0f));  // as many bytes as no bin file of 2 x 3 has
    CHECK(io::raw_shape(scratch / "in", 2) == io::Shape{2, 2});
    write_bytes(scratch / "zeros", std::string(8, '\0'));
    CHECK(io::raw_shape(scratch / "zeros", 2) == io::Shape{1, 2});
}

}  // namespace test_io_bin
