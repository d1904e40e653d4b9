// Sharded collections without MPI: split, join, and the manifest. tests/mpi/ tests the rest.
#include "catch.hpp"
#include "scratch.hpp"

#include <cstring>
#include <mapvec/collection.hpp>
#include <mapvec/mpi/split.hpp>
#include <string>
#include <vector>

namespace test_shards {
namespace {

using namespace mapvec;
namespace fs = std::filesystem;
using Docs = Collection<2, std::string>;

Docs some_rows(const fs::path& directory, std::size_t count) {
    auto docs = Docs::create(directory);
    for (std::size_t i = 0; i < count; ++i) docs.append({static_cast<float>(i), 1}, "row " + std::to_string(i));
    docs.commit();
    return docs;
}

TEST_CASE("split and join give back the live rows of a collection in their order") {
    const ScratchDirectory scratch;
    auto docs = some_rows(scratch / "docs", 23);
    for (const Id id : {0u, 7u, 22u}) docs.erase(id);
    for (const std::uint32_t shards : {1u, 3u, 8u, 30u}) {
        const auto sharded = scratch.path() / ("sharded" + std::to_string(shards));
        mpi::split(docs, sharded, shards);
        const auto first = Docs::open(sharded / "shard.0", OpenMode::read_only);
        CHECK(first.size() == 20 / shards);
        auto joined = Docs::create(scratch.path() / ("joined" + std::to_string(shards)));
        mpi::join(sharded, joined);
        REQUIRE(joined.size() == 20);
        Id next = 0;
        for (Id id = 0; id < 23; ++id) {
            if (!docs.contains(id)) continue;
            CHECK(joined.vector(next)[0] == docs.vector(id)[0]);
            CHECK(joined.payload(next++) == docs.payload(id));
        }
    }
}

TEST_CASE("split replaces nothing, and join leaves its target as it was after an error") {
    const ScratchDirectory scratch;
    const auto docs = some_rows(scratch / "docs", 10);
    mpi::split(docs, scratch / "sharded", 2);
    CHECK(code_of([&] { mpi::split(docs, scratch / "sharded", 2); }) == ErrorCode::exists);
    CHECK(code_of([&] { mpi::split(docs, scratch / "none", 0); }) == ErrorCode::invalid_argument);
    auto joined = some_rows(scratch / "joined", 3);
    CHECK(code_of([&] { mpi::join(scratch / "none", joined); }) == ErrorCode::not_found);
    fs::remove_all(scratch / "sharded/shard.1");
    CHECK(code_of([&] { mpi::join(scratch / "sharded", joined); }) == ErrorCode::not_found);
    CHECK(joined.vectors().size() == 3);
}

TEST_CASE("a manifest has the documented bytes, and damage of any byte is found") {
    mpi::detail::Manifest manifest{7, {{}, {}}};
    manifest.shards[0].store_id[0] = 1;
    manifest.shards[1].rows = 513;
    const auto bytes = mpi::detail::encode(manifest);
    REQUIRE(bytes.size() == 24 + 2 * 24 + 4);
    const auto number_at = [&](std::size_t at, std::size_t size) {
        std::uint64_t number = 0;
        std::memcpy(&number, bytes.data() + at, size);
        return number;
    };
    CHECK(std::memcmp(bytes.data(), "mapvecsh", 8) == 0);
    CHECK(number_at(8, 4) == 1);
    CHECK(number_at(12, 4) == 2);
    CHECK(number_at(16, 8) == 7);
    CHECK(number_at(24, 1) == 1);
    CHECK(number_at(64, 8) == 513);
    const auto again = mpi::detail::decode("manifest", bytes);
    CHECK(again.commits == 7);
    CHECK(again.shards[1].rows == 513);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        auto damaged = bytes;
        damaged[at] ^= std::byte{0x40};
        const auto code = code_of([&] { (void)mpi::detail::decode("manifest", damaged); });
        CHECK((code == ErrorCode::corrupt || (code == ErrorCode::version_mismatch && at / 4 == 2)));
    }
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK(code_of([&] { (void)mpi::detail::decode("manifest", std::span(bytes).first(size)); }) ==
              ErrorCode::corrupt);
}

}  // namespace
}  // namespace test_shards
