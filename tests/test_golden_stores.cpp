// Format version 1 as bytes: old payload stores, collections and journals still open. (test_golden_file.cpp has a
// vector file and the meaning of its bytes.)
#include <array>
#include <fstream>
#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/payload_store.hpp>
#include <string>

#include "catch.hpp"
#include "golden_stores.hpp"
#include "scratch.hpp"

namespace test_golden_stores {

namespace {

using namespace mapvec;
using Rows = MmapVectorStore<2>;

void put(const std::filesystem::path& directory, const std::vector<golden::File>& files) {
    for (const auto& file : files) {
        std::string bytes(file.size, '\0');
        for (const auto& [offset, hex] : file.pieces)
            for (std::size_t i = 0; i < hex.size() / 2; ++i)
                bytes[offset + i] = static_cast<char>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
        std::ofstream(directory / file.name, std::ios::binary)
            .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
}
std::vector<float> scalars(const Rows& store) { return {store.data().begin(), store.data().end()}; }

}  // namespace

TEST_CASE("a payload store of fixed-size records of format version 1 still opens") {
    const ScratchDirectory scratch;
    put(scratch.path(), golden::raw_payloads());
    for (const OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
        const auto store = PayloadStore<std::uint32_t>::open(scratch / "p", mode);
        REQUIRE(store.size() == 2);
        CHECK(store.fetch(0) == 7);
        CHECK(store.fetch(1) == 9);
        store.verify();
    }
}

TEST_CASE("a payload store of encoded records of format version 1 still opens and works") {
    const ScratchDirectory scratch;
    put(scratch.path(), golden::encoded_payloads());
    {
        auto store = PayloadStore<std::string>::open(scratch / "p");
        REQUIRE(store.size() == 2);
        CHECK(store.fetch(0) == "a");
        CHECK(store.fetch(1) == "bc");
        store.verify();
        store.push("d");
        store.update(0, "e");
    }
    const auto store = PayloadStore<std::string>::load(scratch / "p");
    CHECK(store.fetch(0) == "e");
    CHECK(store.fetch(2) == "d");
}

TEST_CASE("a collection of format version 1 still opens and works") {
    using Names = Collection<2, std::string>;
    const ScratchDirectory scratch;
    put(scratch.path(), golden::collection());
    {
        auto names = Names::open(scratch.path());
        CHECK(names.size() == 1);
        CHECK_FALSE(names.contains(0));
        CHECK(names.payload(1) == "two");
        CHECK(names.vector(1)[1] == -2);
        names.verify();
        names.append(std::array{3.0f, -3.0f}, "three");
    }
    CHECK(Names::open(scratch.path(), OpenMode::read_only).payload(2) == "three");
}

TEST_CASE("a journal of format version 1 is still replayed: changes") {
    const ScratchDirectory scratch;
    put(scratch.path(), golden::store_with_journal());
    for (const OpenMode mode : {OpenMode::read_only, OpenMode::copy_on_write, OpenMode::read_write}) {
        const auto store = Rows::open(scratch / "v", mode);
        CHECK(scalars(store) == std::vector<float>{3, -3, 4, -4});
        store.verify();
    }
    std::filesystem::remove(scratch / "v.journal0");
    std::filesystem::remove(scratch / "v.journal1");
    CHECK(scalars(Rows::open(scratch / "v")) ==
          std::vector<float>{3, -3, 4, -4});  // the writer has written the journal back
}

TEST_CASE("a journal of format version 1 is still replayed: a base record and changes") {
    const ScratchDirectory scratch;
    put(scratch.path(), golden::store_with_base());
    for (const OpenMode mode : {OpenMode::read_only, OpenMode::copy_on_write, OpenMode::read_write}) {
        const auto store = Rows::open(scratch / "v", mode);
        CHECK(scalars(store) == std::vector<float>{3, -3, 6, -6, 5, -5});
        store.verify();
    }
    put(scratch.path(), golden::store_with_base());
    std::filesystem::remove(scratch / "v.journal0");
    std::filesystem::remove(scratch / "v.journal1");
    CHECK(code_of([&] { (void)Rows::open(scratch / "v"); }) == ErrorCode::corrupt);
}

}  // namespace test_golden_stores
