// Format version 1 as bytes: an old file opens with every later version, and a new file matches the table in
// storage/file_format.hpp.
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mapvec/mmap_vector_store.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_golden_file {

namespace {

using namespace mapvec;
using Bytes = std::vector<std::uint8_t>;

struct Piece {
    std::size_t offset;
    Bytes bytes;
};

// MmapVectorStore<2>, {1, 2} and {3, 4} appended, closed: the example of storage/file_format.hpp. All else is zero.
const std::vector<Piece>& golden_pieces() {
    static const std::vector<Piece> pieces{
        {0, {0x6d, 0x61, 0x70, 0x76, 0x65, 0x63, 0x0d, 0x0a, 0x01, 0x00, 0x00, 0x00, 0x04, 0x03, 0x02, 0x01}},
        {16, {0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
        {32, {0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x51, 0x8d, 0x91, 0x72, 0xec, 0x02, 0x8b, 0x16}},
        {48, {0xa0, 0xaa, 0xa8, 0x05, 0x7d, 0x8c, 0x41, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00}},
        {1020, {0x91, 0x90, 0x44, 0x91}},
        {1024, {0xfb, 0x2f, 0x6c, 0x49, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
        {1040, {0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
        {1056, {0x8a, 0xda, 0x3b, 0x1b, 0xd4, 0xf2, 0xd2, 0xf3, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
        {1072, {0xe0, 0xf3, 0xca, 0xdc}},
        {2560, {0xe7, 0x8e, 0xe0, 0x83, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
        {2592, {0xaf, 0x70, 0x9a, 0x68, 0xc5, 0x5b, 0x51, 0x7c, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
        {4096, {0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x40, 0x40, 0x00, 0x00, 0x80, 0x40}},
    };
    return pieces;
}

Bytes golden_file() {
    Bytes bytes(4096 + 16);
    for (const auto& [offset, piece] : golden_pieces())
        std::copy(piece.begin(), piece.end(), bytes.begin() + std::ptrdiff_t(offset));
    return bytes;
}

Bytes bytes_in(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    return {text.begin(), text.end()};
}
void put_bytes(const std::filesystem::path& file, const Bytes& bytes) {
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    for (const std::uint8_t byte : bytes) stream.put(static_cast<char>(byte));
}

std::uint64_t number_at(const Bytes& bytes, std::size_t offset, std::size_t size) {
    std::uint64_t number = 0;
    for (std::size_t i = size; i-- > 0;) number = number << 8 | bytes[offset + i];
    return number;
}

// CRC-32C a bit at a time, from the definition.
std::uint32_t slow_crc(const Bytes& bytes, std::size_t begin, std::size_t end, std::uint32_t first,
                       std::uint32_t last) {
    std::uint32_t crc = first;
    for (std::size_t i = begin; i < end; ++i) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    }
    return crc ^ last;
}
std::uint32_t crc32c_of(const Bytes& bytes, std::size_t begin, std::size_t end) {
    return slow_crc(bytes, begin, end, 0xffffffff, 0xffffffff);
}

void blank(Bytes& bytes, std::size_t begin, std::size_t n) {
    std::fill_n(bytes.begin() + std::ptrdiff_t(begin), n, std::uint8_t{0});
}

}  // namespace

TEST_CASE("a file of format version 1 still opens") {
    const ScratchDirectory directory;
    put_bytes(directory / "golden", golden_file());
    for (const OpenMode mode : {OpenMode::read_only, OpenMode::copy_on_write, OpenMode::read_write}) {
        auto store = MmapVectorStore<2>::open(directory / "golden", mode);
        REQUIRE(store.size() == 2);
        REQUIRE(std::vector<float>(store.data().begin(), store.data().end()) == std::vector<float>{1, 2, 3, 4});
        store.verify();
    }
    auto store = MmapVectorStore<2>::open(directory / "golden");
    store.append(std::array{5.0f, 6.0f});
    store.close();
    REQUIRE(MmapVectorStore<2>::open(directory / "golden")[2][1] == 6);
}

TEST_CASE("a new file has the bytes of the golden file, except for ids, checksums and generations") {
    const ScratchDirectory directory;
    {
        auto store = MmapVectorStore<2>::create(directory / "store");
        store.append(std::array{1.0f, 2.0f});
        store.append(std::array{3.0f, 4.0f});
        store.close();
    }
    Bytes today = bytes_in(directory / "store"), golden = golden_file();
    REQUIRE(today.size() == golden.size());
    for (Bytes* bytes : {&today, &golden}) {
        blank(*bytes, 40, 16);   // store id
        blank(*bytes, 1020, 4);  // header's checksum
        for (const std::size_t slot : {1024u, 2560u}) {
            blank(*bytes, slot, 4);       // checksum
            blank(*bytes, slot + 8, 8);   // generation
            blank(*bytes, slot + 32, 8);  // salt
        }
    }
    const std::size_t newest = 1024, other = 2560;  // of the golden file; its other slot is that of the empty store
    REQUIRE(std::equal(today.begin() + newest, today.begin() + other, golden.begin() + newest));
    REQUIRE(std::equal(today.begin() + newest, today.begin() + other, today.begin() + other));
    for (Bytes* bytes : {&today, &golden}) blank(*bytes, newest, 2 * (other - newest));
    REQUIRE(today == golden);
}

TEST_CASE("the header and the slots match the table of offsets") {
    const ScratchDirectory directory;
    auto store = MmapVectorStore<3, double>::create(directory / "store");
    for (int i = 0; i < 700; ++i) store.append(std::array{double(i), 1.0, 2.0});
    store.commit();
    store.close();
    const Bytes bytes = bytes_in(directory / "store");
    REQUIRE(bytes.size() == 4096 + 700 * 24);
    REQUIRE(std::memcmp(bytes.data(), "mapvec\r\n", 8) == 0);
    REQUIRE(number_at(bytes, 8, 4) == 1);            // format version
    REQUIRE(number_at(bytes, 12, 4) == 0x01020304);  // byte order mark
    REQUIRE(number_at(bytes, 16, 4) == 1);           // kind: vectors
    REQUIRE(number_at(bytes, 20, 4) == static_cast<std::uint32_t>(scalar_type_of<double>));
    REQUIRE(number_at(bytes, 24, 8) == 3);                              // dim
    REQUIRE(number_at(bytes, 32, 8) == 24);                             // stride
    REQUIRE((number_at(bytes, 40, 8) | number_at(bytes, 48, 8)) != 0);  // store id
    REQUIRE(number_at(bytes, 56, 4) == 0);                              // member
    REQUIRE(number_at(bytes, 60, 4) == 1);                              // members
    REQUIRE(number_at(bytes, 64, 8) == 0);                              // fingerprint
    for (std::size_t at = 72; at < 1020; ++at) REQUIRE(bytes[at] == 0);
    REQUIRE(number_at(bytes, 1020, 4) == crc32c_of(bytes, 0, 1020));

    std::size_t newest = 0;
    for (const std::size_t slot : {1024u, 2560u}) {
        REQUIRE(number_at(bytes, slot, 4) == crc32c_of(bytes, slot + 4, slot + 1536));
        REQUIRE(number_at(bytes, slot + 4, 4) == 0);  // flags
        REQUIRE(number_at(bytes, slot + 8, 8) % 2 == (slot == 1024 ? 0 : 1));
        if (newest == 0 || number_at(bytes, slot + 8, 8) > number_at(bytes, newest + 8, 8)) newest = slot;
    }
    REQUIRE(number_at(bytes, newest + 16, 8) == 1);    // sequence
    REQUIRE(number_at(bytes, newest + 24, 8) == 700);  // count
    REQUIRE(number_at(bytes, newest + 32, 8) != 0);    // salt
    REQUIRE(number_at(bytes, newest + 40, 4) == 12);   // block_log2
    REQUIRE(number_at(bytes, newest + 44, 4) == 0);
    for (std::size_t block = 0; block < 256; ++block) {
        const std::size_t begin = std::min(bytes.size(), 4096 + block * 4096);
        const std::size_t end = std::min(bytes.size(), begin + 4096);
        REQUIRE(number_at(bytes, newest + 48 + 4 * block, 4) == slow_crc(bytes, begin, end, 0, 0));
    }
    for (std::size_t at = newest + 1072; at < newest + 1536; ++at) REQUIRE(bytes[at] == 0);
}

TEST_CASE("a file of another version, byte order, kind or shape is refused by its header") {
    const ScratchDirectory directory;
    Bytes bytes = golden_file();
    const auto seal = [&] {
        const std::uint32_t crc = crc32c_of(bytes, 0, 1020);
        for (std::size_t i = 0; i < 4; ++i) bytes[1020 + i] = static_cast<std::uint8_t>(crc >> (8 * i));
        put_bytes(directory / "other", bytes);
        return code_of([&] { return MmapVectorStore<2>::open(directory / "other", OpenMode::read_only); });
    };
    REQUIRE(!seal());
    bytes[8] = 2;
    REQUIRE(seal() == ErrorCode::version_mismatch);
    bytes = golden_file(), bytes[12] = 1;
    REQUIRE(seal() == ErrorCode::corrupt);
    bytes = golden_file(), bytes[0] = 'M';
    REQUIRE(seal() == ErrorCode::corrupt);
    bytes = golden_file(), bytes[16] = 2;
    REQUIRE(seal() == ErrorCode::type_mismatch);
    bytes = golden_file(), bytes[20] = 2;
    REQUIRE(seal() == ErrorCode::type_mismatch);
    bytes = golden_file(), bytes[24] = 4;
    REQUIRE(seal() == ErrorCode::dimension_mismatch);
    bytes = golden_file(), bytes[32] = 12;
    REQUIRE(seal() == ErrorCode::corrupt);
}

}  // namespace test_golden_file
