// Exports: after any failure the name has the complete new file or the old one.
#include <array>
#include <cstdint>
#include <mapvec/io/fvecs.hpp>
#include <mapvec/io/npy.hpp>
#include <mapvec/io/raw.hpp>
#include <stdexcept>
#include <string>

#include "catch.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_io_export {

using namespace mapvec;

namespace {

MmapVectorStore<2> store_in(const ScratchDirectory& scratch) {
    auto store = MmapVectorStore<2>::create(scratch / "s");
    store.append(std::array{1.0f, 2.0f});
    store.append(std::array{3.0f, 0.5f});
    return store;
}

}  // namespace

TEST_CASE("an export does not change an existing file unless it is asked to replace it") {
    const ScratchDirectory scratch;
    const auto store = store_in(scratch);
    write_bytes(scratch / "out", "precious");
    CHECK(code_of([&] { return io::export_raw(store, scratch / "out"); }) == ErrorCode::exists);
    CHECK(read_bytes(scratch / "out") == "precious");
    CHECK(io::export_raw(store, scratch / "out", io::IfExists::replace) == 2);
    CHECK(read_bytes(scratch / "out") == bytes_of_all(1.0f, 2.0f, 3.0f, 0.5f));
    CHECK(files_in(scratch.path()) == 2);

    CHECK(io::export_raw(store, scratch / std::string(255, 'n').c_str()) == 2);  // the longest possible name
}

TEST_CASE("an export notices a file that exists before it, and one that appears meanwhile") {
    const ScratchDirectory scratch;
    const auto store = store_in(scratch);
    bool written = false;
    const auto come_between = [&](std::uint64_t, std::uint64_t) {
        written = true;
        write_bytes(scratch / "out", "another's");
    };
    CHECK(code_of([&] { return io::export_raw(store, scratch / "out", io::IfExists::refuse, come_between); }) ==
          ErrorCode::exists);
    CHECK(written);
    CHECK(read_bytes(scratch / "out") == "another's");
    CHECK(files_in(scratch.path()) == 2);

    written = false;
    CHECK(code_of([&] { return io::export_raw(store, scratch / "out", io::IfExists::refuse, come_between); }) ==
          ErrorCode::exists);
    CHECK_FALSE(written);
}

TEST_CASE("an export that fails leaves the old file and no other") {
    const ScratchDirectory scratch;
    const auto store = store_in(scratch);
    const std::size_t before = files_in(scratch.path());
    CHECK(code_of([&] { return io::export_bvecs(store, scratch / "out"); }) == ErrorCode::type_mismatch);
    CHECK(files_in(scratch.path()) == before);

    write_bytes(scratch / "out", "precious");
    CHECK(contains(text_of_error([&] { return io::export_bvecs(store, scratch / "out", io::IfExists::replace); }),
                   "row 1, element 1: 0.5"));
    CHECK(read_bytes(scratch / "out") == "precious");
    CHECK(files_in(scratch.path()) == before + 1);
    CHECK(code_of([&] { return io::export_raw(store, scratch / "no" / "such" / "directory"); }) ==
          ErrorCode::not_found);
}

TEST_CASE("an exception of a progress callback ends the export, and no file is left") {
    const ScratchDirectory scratch;
    const auto store = store_in(scratch);
    const std::size_t before = files_in(scratch.path());
    const auto stop = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); };
    CHECK_THROWS_AS(io::export_raw(store, scratch / "out", io::IfExists::refuse, stop), std::runtime_error);
    CHECK_THROWS_AS(io::export_npy(store, scratch / "out", io::IfExists::refuse, stop), std::runtime_error);
    CHECK(files_in(scratch.path()) == before);
}

TEST_CASE("an export replaces the target of a link, and nothing but files") {
    const ScratchDirectory scratch;
    const auto store = store_in(scratch);
    std::filesystem::create_directory(scratch / "directory");
    CHECK(code_of([&] { return io::export_raw(store, scratch / "directory", io::IfExists::replace); }) ==
          ErrorCode::exists);
    CHECK(std::filesystem::is_directory(scratch / "directory"));

    write_bytes(scratch / "file", "old");
    std::error_code error;
    std::filesystem::create_symlink(scratch / "file", scratch / "link", error);
    if (error) return;  // on Windows links need a privilege
    io::export_raw(store, scratch / "link", io::IfExists::replace);
    CHECK(std::filesystem::is_symlink(scratch / "link"));
    CHECK(read_bytes(scratch / "file").size() == store.data().size() * sizeof(float));
    std::filesystem::create_symlink("/dev/null", scratch / "null", error);
    CHECK(code_of([&] { return io::export_raw(store, scratch / "null", io::IfExists::replace); }) == ErrorCode::exists);
}

TEST_CASE("a store without rows is exported as a file without rows") {
    const ScratchDirectory scratch;
    const auto store = MmapVectorStore<2>::create(scratch / "s");
    CHECK(io::export_fvecs(store, scratch / "out.fvecs") == 0);
    CHECK(read_bytes(scratch / "out.fvecs").empty());
    CHECK(io::export_npy(store, scratch / "out.npy") == 0);
    CHECK(io::read_npy_header(scratch / "out.npy").shape == io::Shape{0, 2});
}

}  // namespace test_io_export
