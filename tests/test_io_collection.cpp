// Imports into collections, each row with its payload, and exports of their live rows.
#include <array>
#include <cstdint>
#include <mapvec/collection.hpp>
#include <mapvec/io/bin.hpp>
#include <mapvec/io/fvecs.hpp>
#include <mapvec/io/npy.hpp>
#include <mapvec/io/raw.hpp>
#include <mapvec/io/vecstore.hpp>
#include <string>

#include "catch.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_io_collection {

using namespace mapvec;

namespace {

using Docs = Collection<2, std::string>;

std::string name_of_row(std::uint64_t row) { return "row " + std::to_string(row); }

// Rows {0, 1}, {1, 1}, … of which every third is erased.
Docs worn_docs(const std::filesystem::path& path, unsigned rows) {
    auto docs = Docs::create(path);
    for (unsigned i = 0; i < rows; ++i) docs.append(std::array{float(i), 1.0f}, name_of_row(i));
    for (unsigned i = 0; i < rows; i += 3) docs.erase(i);
    return docs;
}
void check_imported(const Docs& docs, std::uint64_t rows) {
    REQUIRE(docs.size() == rows);
    for (Id id = 0; id < rows; ++id) {
        CHECK(docs.vector(id)[0] == static_cast<float>(id + 1 + id / 2));  // 1, 2, 4, 5, 7, …
        CHECK(docs.payload(id) == name_of_row(id));
    }
}

}  // namespace

TEST_CASE("every format exports the live rows of a collection, and imports them with their payloads") {
    const ScratchDirectory scratch;
    const auto docs = worn_docs(scratch / "docs", 100);
    const auto file = scratch / "file";
    const auto round_trip = [&](auto save, auto load) {
        CHECK(save(docs, file) == 66);
        const ScratchDirectory other;
        auto copy = Docs::create(other / "copy");
        CHECK(load(file, copy) == 66);
        check_imported(copy, 66);
        std::filesystem::remove(file);
    };
    const auto same = [](std::uint64_t row) { return name_of_row(row); };
    round_trip([](auto& from, auto& to) { return io::export_fvecs(from, to); },
               [&](auto& from, auto& to) { return io::import_fvecs(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_bvecs(from, to); },
               [&](auto& from, auto& to) { return io::import_bvecs(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_ivecs(from, to); },
               [&](auto& from, auto& to) { return io::import_ivecs(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_fbin(from, to); },
               [&](auto& from, auto& to) { return io::import_fbin(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_u8bin(from, to); },
               [&](auto& from, auto& to) { return io::import_u8bin(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_i8bin(from, to); },
               [&](auto& from, auto& to) { return io::import_i8bin(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_ibin(from, to); },
               [&](auto& from, auto& to) { return io::import_ibin(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_npy(from, to); },
               [&](auto& from, auto& to) { return io::import_npy(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_raw(from, to); },
               [&](auto& from, auto& to) { return io::import_raw(from, to, same); });
    round_trip([](auto& from, auto& to) { return io::export_raw(from, to); },
               [&](auto& from, auto& to) { return io::import_vecstore(from, 66, to, same); });
}

TEST_CASE("an export of a collection of several megabytes has each live row once, in the order of ids") {
    const ScratchDirectory scratch;
    auto docs = worn_docs(scratch / "docs", 3000);
    for (unsigned i = 0; i < 200'000; ++i) docs.append(std::array{float(i), 2.0f}, "");
    std::string expected;
    for (Id id = 0; id < docs.vectors().size(); ++id)
        if (docs.contains(id)) expected += bytes_of_all(docs.vector(id)[0], docs.vector(id)[1]);
    CHECK(io::export_raw(docs, scratch / "file") == docs.size());
    CHECK(read_bytes(scratch / "file") == expected);
    CHECK(io::export_raw(docs.vectors(), scratch / "all") == docs.vectors().size());  // erased ones too
}

TEST_CASE("an error in an export names the id of the row") {
    const ScratchDirectory scratch;
    auto docs = worn_docs(scratch / "docs", 10);
    docs.update(7, std::array{0.5f, 1.0f}, "half");
    CHECK(text_of_error([&] { return io::export_bvecs(docs, scratch / "file"); }).find("row 7, element 0: 0.5") !=
          std::string::npos);
    CHECK(!std::filesystem::exists(scratch / "file"));
}

TEST_CASE("an import that throws leaves a batch that rollback() gives up") {
    const ScratchDirectory scratch;
    auto docs = worn_docs(scratch / "docs", 10);
    docs.commit();
    (void)io::export_fvecs(docs, scratch / "file");
    auto names = docs.key("name", [](const std::string& name) { return name; });
    CHECK(code_of([&] { return io::import_fvecs(scratch / "file", docs, name_of_row); }) == ErrorCode::exists);
    docs.rollback();
    CHECK(docs.size() == 6);
    CHECK(names.find("row 1") == Id{1});

    const auto fails = [](std::uint64_t row) { return row < 2 ? std::string("new") + name_of_row(row) : throw 1; };
    CHECK_THROWS_AS(io::import_fvecs(scratch / "file", docs, fails), int);
    docs.rollback();
    CHECK(docs.size() == 6);
}

TEST_CASE("a collection without live rows is exported as an empty file of its dimension") {
    const ScratchDirectory scratch;
    auto docs = Docs::create(scratch / "docs");
    docs.append(std::array{1.0f, 2.0f}, "");
    docs.erase(0);
    CHECK(io::export_fbin(docs, scratch / "file") == 0);
    CHECK(io::fbin_shape(scratch / "file") == io::Shape{0, 2});
    CHECK(io::import_fbin(scratch / "file", docs, name_of_row) == 0);
}

}  // namespace test_io_collection
