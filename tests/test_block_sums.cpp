// BlockSums: the sums are those of the bytes, for every order of appends, holes and overwrites.
#include <mapvec/detail/file/block_sums.hpp>
#include <random>
#include <vector>

#include "catch.hpp"

namespace test_block_sums {

using mapvec::detail::BlockSums;

namespace {

std::vector<std::byte> noise(std::mt19937& random, std::size_t n) {
    std::vector<std::byte> bytes(n);
    for (auto& byte : bytes) byte = std::byte(random() % 256);
    return bytes;
}

constexpr auto nobody = [](std::uint64_t) {};

}  // namespace

TEST_CASE("sums follow appends, holes and overwrites through every change of block size") {
    std::mt19937 random(11);
    BlockSums sums;
    std::vector<std::byte> model;
    while (model.size() < (9 << 20)) {
        const std::size_t n = random() % 3 == 0 ? random() % 100 : random() % 60000;
        if (random() % 4 == 0) {
            sums.append_zeros(n);
            model.resize(model.size() + n);
        } else {
            const auto piece = noise(random, n);
            sums.append(piece.data(), piece.size());
            model.insert(model.end(), piece.begin(), piece.end());
        }
        if (!model.empty() && random() % 2 == 0) {
            const std::size_t at = random() % model.size();
            const auto piece = noise(random, std::min<std::size_t>(model.size() - at, random() % 20000));
            sums.replace(at, model.data() + at, piece.data(), piece.size());
            std::copy(piece.begin(), piece.end(), model.begin() + static_cast<std::ptrdiff_t>(at));
        }
        REQUIRE(sums.length() == model.size());
    }
    REQUIRE(sums.first_damaged(model.data(), nobody) == BlockSums::blocks);

    BlockSums at_once;
    at_once.append(model.data(), model.size());
    CHECK(at_once.sums() == sums.sums());
    CHECK(at_once.block_log2() == sums.block_log2());
}

TEST_CASE("a changed byte is found, in its block") {
    std::mt19937 random(5);
    auto bytes = noise(random, 3'000'001);
    BlockSums sums;
    sums.append(bytes.data(), bytes.size());
    for (std::size_t at = 0; at < bytes.size(); at += 99'991) {
        bytes[at] ^= std::byte{1};
        CHECK(sums.first_damaged(bytes.data(), nobody) == at / sums.block_size());
        bytes[at] ^= std::byte{1};
    }
    bytes.back() ^= std::byte{0x80};
    CHECK(sums.first_damaged(bytes.data(), nobody) == (bytes.size() - 1) / sums.block_size());
}

TEST_CASE("changed() lists the changed blocks and no others") {
    BlockSums sums;
    const std::vector<std::byte> bytes(100'000, std::byte{3});
    sums.append(bytes.data(), bytes.size());
    sums.forget_changes();
    const std::byte other{4};
    sums.replace(50'000, bytes.data(), &other, 1);
    CHECK(sums.changed().count() == 1);
    CHECK(sums.changed().test(50'000 / 4096));
    sums.append_zeros(5000);
    CHECK(sums.changed().count() == 2);  // zeros behind the last block do not change its sum
}

}  // namespace test_block_sums
