// CRC-32C: the standard checksum, the same from the instruction and from tables, and linear where the library relies on
// it.
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <string_view>
#include <vector>

#include <mapvec/detail/util/crc32c.hpp>
#include "catch.hpp"

namespace test_crc32c {

using namespace mapvec::detail;

namespace {

using Bytes = std::vector<unsigned char>;

std::uint32_t sum_of(const Bytes& bytes) { return crc32c(bytes.data(), bytes.size()); }

Bytes random_bytes(std::size_t n, std::mt19937& random) {
    Bytes bytes(n);
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
    return bytes;
}

// The definition, one bit at a time.
std::uint32_t raw_by_definition(std::uint32_t state, const unsigned char* at, std::size_t n) {
    for (; n > 0; --n, ++at) {
        state ^= *at;
        for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82F63B78u : 0u);
    }
    return state;
}

}  // namespace

TEST_CASE("CRC-32C of the vectors of RFC 3720 is what the RFC says") {
    Bytes rising(32);
    std::iota(rising.begin(), rising.end(), static_cast<unsigned char>(0));
    const Bytes falling(rising.rbegin(), rising.rend());
    Bytes read_command(48, 0);
    read_command[0] = 0x01;
    read_command[1] = 0xC0;
    read_command[16] = 0x14;
    read_command[22] = 0x04;
    read_command[27] = 0x14;
    read_command[31] = 0x18;
    read_command[32] = 0x28;
    read_command[40] = 0x02;

    CHECK(sum_of(Bytes(32, 0x00)) == 0x8A9136AAu);
    CHECK(sum_of(Bytes(32, 0xFF)) == 0x62A8AB43u);
    CHECK(sum_of(rising) == 0x46DD794Eu);
    CHECK(sum_of(falling) == 0x113FDB5Cu);
    CHECK(sum_of(read_command) == 0xD9963A56u);
}

TEST_CASE("CRC-32C of well-known texts is the published one") {
    const auto of = [](std::string_view text) { return crc32c(text.data(), text.size()); };
    CHECK(of("") == 0u);
    CHECK(of("a") == 0xC1D04330u);
    CHECK(of("123456789") == 0xE3069283u);
    CHECK(of("The quick brown fox jumps over the lazy dog") == 0x22620404u);
}

TEST_CASE("The instruction, the tables and the definition agree at every length and alignment") {
    std::mt19937 random(1);
    const Bytes bytes = random_bytes(12000, random);
    const auto agree_at = [&bytes](std::size_t offset, std::size_t n, std::uint32_t state) {
        const unsigned char* const at = bytes.data() + offset;
        const std::uint32_t software = crc32c_software(state, at, n);
        REQUIRE(software == raw_by_definition(state, at, n));
        if (crc32c_has_hardware()) REQUIRE(crc32c_hardware(state, at, n) == software);
        REQUIRE(crc32c_raw(state, at, n) == software);
    };
    for (std::size_t offset = 0; offset < 9; ++offset) {
        for (std::size_t n = 0; n < 100; ++n) agree_at(offset, n, 0xFFFFFFFFu);
    }
    // Around one, two and several rounds of the three interleaved streams.
    for (const std::size_t n : {1007u, 1008u, 1009u, 2015u, 2016u, 2017u, 3024u, 10079u, 10080u, 10087u}) {
        for (std::size_t offset = 0; offset < 9; ++offset) agree_at(offset, n, 0x12345678u);
    }
    for (int i = 0; i < 500; ++i) {
        const std::size_t n = random() % 11000;
        agree_at(random() % (bytes.size() - n), n, static_cast<std::uint32_t>(random()));
    }
}

TEST_CASE("A checksum continues over pieces as if they were one") {
    std::mt19937 random(2);
    const Bytes bytes = random_bytes(5000, random);
    const std::uint32_t whole = sum_of(bytes);
    for (int i = 0; i < 200; ++i) {
        const std::size_t cut = random() % (bytes.size() + 1);
        REQUIRE(crc32c(bytes.data() + cut, bytes.size() - cut, crc32c(bytes.data(), cut)) == whole);
    }
}

TEST_CASE("A shift is that many zero bytes") {
    std::mt19937 random(3);
    const Bytes zeros(70000, 0);
    for (const std::uint64_t n : {0u, 1u, 2u, 3u, 7u, 8u, 255u, 336u, 4096u, 65537u}) {
        const auto state = static_cast<std::uint32_t>(random());
        REQUIRE(crc32c_shift(state, n) == raw_by_definition(state, zeros.data(), n));
    }
    const auto state = static_cast<std::uint32_t>(random());
    const std::uint64_t length = (std::uint64_t{1} << 50) + 12345;
    CHECK(crc32c_shift(crc32c_shift(state, length), 6789) == crc32c_shift(state, length + 6789));
    CHECK(crc32c_shift(0, length) == 0u);
}

TEST_CASE("The bare register is linear: differences and concatenations can be summed without the bytes") {
    std::mt19937 random(4);
    for (int i = 0; i < 100; ++i) {
        const Bytes a = random_bytes(random() % 3000, random);
        const Bytes b = random_bytes(a.size(), random);
        Bytes difference(a.size());
        for (std::size_t k = 0; k < a.size(); ++k) difference[k] = static_cast<unsigned char>(a[k] ^ b[k]);
        const std::uint32_t raw_a = crc32c_raw(0, a.data(), a.size());
        const std::uint32_t raw_b = crc32c_raw(0, b.data(), b.size());
        REQUIRE(crc32c_raw(0, difference.data(), difference.size()) == (raw_a ^ raw_b));

        Bytes both = a;
        both.insert(both.end(), b.begin(), b.end());
        REQUIRE(crc32c_raw(0, both.data(), both.size()) == (crc32c_shift(raw_a, b.size()) ^ raw_b));
    }
}

TEST_CASE("Every single flipped bit changes the checksum") {
    std::mt19937 random(5);
    Bytes bytes = random_bytes(1100, random);
    const std::uint32_t whole = sum_of(bytes);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        const auto flip = static_cast<unsigned char>(1u << (bit % 8));
        bytes[bit / 8] ^= flip;
        REQUIRE(sum_of(bytes) != whole);
        bytes[bit / 8] ^= flip;
    }
}

}  // namespace test_crc32c
