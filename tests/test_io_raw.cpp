// Raw rows and files of vecstore: no header, so only the length can be checked.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <mapvec/io/raw.hpp>
#include <mapvec/io/vecstore.hpp>
#include <string>

#include "catch.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_io_raw {

using namespace mapvec;

TEST_CASE("raw rows are read and written as they are") {
    const ScratchDirectory scratch;
    const std::string bytes = bytes_of_all(1.0f, -2.5f, 3e-42f, 4.0f);
    write_bytes(scratch / "in", bytes);
    CHECK(io::raw_shape(scratch / "in", 2) == io::Shape{2, 2});
    auto store = MmapVectorStore<2>::create(scratch / "s");
    CHECK(io::import_raw(scratch / "in", store) == 2);
    CHECK(store[1][0] == 3e-42f);
    CHECK(io::export_raw(store, scratch / "out") == 2);
    CHECK(read_bytes(scratch / "out") == bytes);
}

TEST_CASE("raw rows of other types are converted if the values fit") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "in", std::string("\x01\x02\xfe\xff", 4));
    auto store = MmapVectorStore<2, bfloat16>::create(scratch / "s");
    CHECK(io::import_raw<std::uint8_t>(scratch / "in", store) == 2);
    CHECK(static_cast<float>(store[1][1]) == 255.0f);
    CHECK(code_of([&] { return io::export_raw<std::int8_t>(store, scratch / "out"); }) == ErrorCode::type_mismatch);
    CHECK(io::export_raw<std::uint8_t>(store, scratch / "out") == 2);
    CHECK(read_bytes(scratch / "out") == read_bytes(scratch / "in"));
}

TEST_CASE("a raw file that ends within a row is corrupt; a dim of 0 is invalid") {
    const ScratchDirectory scratch;
    write_bytes(scratch / "in", bytes_of_all(1.0f, 2.0f, 3.0f));
    auto store = MmapVectorStore<2>::create(scratch / "s");
    CHECK(code_of([&] { return io::import_raw(scratch / "in", store); }) == ErrorCode::corrupt);
    CHECK(contains(text_of_error([&] { return io::raw_shape(scratch / "in", 2); }), "byte 8: "));
    CHECK(code_of([&] { return io::raw_shape(scratch / "in", 0); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { return io::raw_shape(scratch / "in", std::uint64_t{1} << 62); }) ==
          ErrorCode::invalid_argument);
    CHECK(store.empty());
}

TEST_CASE("an import of a vecstore file gives the rows that vecstore stored") {
    const ScratchDirectory scratch;
    const std::string file = MAPVEC_TEST_DATA "/io/vecstore.mmap";
    CHECK(io::vecstore_capacity(file, 16) == io::Shape{100, 16});
    auto store = MmapVectorStore<16>::create(scratch / "s");
    CHECK(io::import_vecstore(file, 60, store) == 60);
    REQUIRE(store.size() == 60);

    const std::string expected = read_bytes(MAPVEC_TEST_DATA "/io/vecstore.EXPECTED");
    const char* at = expected.c_str();
    for (const float found : store.data()) {
        while (*at == '[' || *at == ',' || *at == ']' || *at == '\n') ++at;
        char* end = nullptr;
        REQUIRE(std::strtof(at, &end) == found);
        at = end;
    }
    CHECK(code_of([&] { return io::import_vecstore(file, 101, store); }) == ErrorCode::out_of_range);
    CHECK(store.size() == 60);
}

}  // namespace test_io_raw
