// Faults of the two Rust libraries that mapvec comes from, each as a test.
//
//   vecstore   forgets its length; takes any dimension; panics when inserting at twice the capacity, or with a
//              capacity of 0; wraps index arithmetic; allocates for every read
//   ring-db    panics on an unknown id and on offsets that were tampered with; reports success on a full disk
//              (test_full_disk.cpp); reads everything into memory when it opens; keeps 8 bytes of offsets a record
//              in memory; takes NaN and inverted bounds silently; trusts a file of norms
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <mapvec/mapvec.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_seed_faults {

using namespace mapvec;

namespace {

// Resident memory of this process in bytes; 0 if the system does not report it.
std::size_t resident_memory() {
    std::ifstream file("/proc/self/statm");
    std::size_t all = 0, resident = 0;
    file >> all >> resident;
    return resident * 4096;
}

}  // namespace

TEST_CASE("seed fault: the length is forgotten") {
    const ScratchDirectory scratch;
    { MmapVectorStore<2>::create(scratch / "v", {.initial_capacity = 1000}).append(std::array{1.0f, 2.0f}); }
    CHECK(MmapVectorStore<2>::open(scratch / "v").size() == 1);
}

TEST_CASE("seed fault: a wrong dimension is not noticed") {
    const ScratchDirectory scratch;
    { MmapVectorStore<4>::create(scratch / "v").append(std::array{1.0f, 2.0f, 3.0f, 4.0f}); }
    CHECK(code_of([&] { return MmapVectorStore<2>::open(scratch / "v"); }) == ErrorCode::dimension_mismatch);
}

TEST_CASE("seed fault: inserting at twice the capacity, or into no capacity, panics") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "v", {.initial_capacity = 8});
    store.insert(2 * store.capacity() + 5, std::array{1.0f, 2.0f});
    CHECK(store[store.size() - 1][1] == 2.0f);
    store.close();
    store = MmapVectorStore<2>::open(scratch / "v");
    store.shrink_to_fit();
    store.append(std::array{3.0f, 4.0f});
    CHECK(store[store.size() - 1][1] == 4.0f);
}

TEST_CASE("seed fault: insert(1 << 58) overwrites row 0") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<16>::create(scratch / "v");
    const std::vector<float> ones(16, 1.0f), twos(16, 2.0f);
    store.append(ones);
    CHECK(code_of([&] {
              store.insert(Id{1} << 58, twos);
              return 0;
          }) == ErrorCode::out_of_range);
    CHECK(store[0][0] == 1.0f);
}

TEST_CASE("seed fault: reading a row allocates") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "v");
    store.append(std::array{1.0f, 2.0f});
    CHECK(store[0].data() == store.data().data());
    CHECK(store.get(0).data() == store.data().data());
}

TEST_CASE("seed fault: an unknown id panics") {
    const ScratchDirectory scratch;
    auto store = PayloadStore<std::string>::create(scratch / "p");
    store.push("x");
    CHECK(code_of([&] { return store.fetch(1); }) == ErrorCode::out_of_range);
}

TEST_CASE("seed fault: offsets that were tampered with panic or read out of bounds") {
    const ScratchDirectory scratch;
    {
        auto store = PayloadStore<std::string>::create(scratch / "p");
        store.push("one");
        store.push("two");
    }
    for (const std::uint64_t begin :
         {~std::uint64_t{0}, std::uint64_t{1} << 40, std::uint64_t{21}, std::uint64_t{12}}) {
        for (const std::uint32_t length : {0u, 1u, 11u, 0xffffffffu}) {
            std::fstream file(scratch / "p.offsets", std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(4096);
            file.write(reinterpret_cast<const char*>(&begin), 8);
            file.write(reinterpret_cast<const char*>(&length), 4);
            file.close();
            const auto store = PayloadStore<std::string>::load(scratch / "p");
            CHECK(code_of([&] { return store.fetch(0); }) == ErrorCode::corrupt);
            (void)code_of([&] { return store.bytes(0); });  // checks bounds, not the checksum
            (void)code_of([&] { return store.view(0); });
            CHECK(store.fetch(1) == "two");
            CHECK(code_of([&] {
                      store.verify();
                      return 0;
                  }) == ErrorCode::corrupt);
        }
    }
}

TEST_CASE("seed fault: opening reads everything into memory") {
    const ScratchDirectory scratch;
    {
        auto store = Collection<32, std::string>::create(scratch / "c");
        const std::vector<float> vector(32, 1.0f);
        for (int i = 0; i < 100'000; ++i) store.append(vector, std::string(100, 'x'));
    }
    const std::size_t before = resident_memory();
    const auto store = Collection<32, std::string>::open(scratch / "c", OpenMode::read_only);
    CHECK(store.size() == 100'000);
    CHECK(resident_memory() < before + (1 << 20));
}

TEST_CASE("seed fault: NaN and inverted bounds are taken silently") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "v");
    store.append(std::array{1.0f, 2.0f});
    const std::array query{1.0f, 2.0f}, nan{1.0f, std::numeric_limits<float>::quiet_NaN()};
    const float not_a_number = nan[1];
    const auto refused = ErrorCode::invalid_argument;
    CHECK(code_of([&] { return search(store, RangeQuery{query, 2, 1}); }) == refused);
    CHECK(code_of([&] { return search(store, RangeQuery{query, not_a_number, 1}); }) == refused);
    CHECK(code_of([&] { return search(store, RingQuery{query, 1, -1}); }) == refused);
    CHECK(code_of([&] { return search(store, RingQuery{query, not_a_number, 1}); }) == refused);
    CHECK(code_of([&] { return search(store, DiskQuery{nan, 1}); }) == refused);
    CHECK(code_of([&] { return search(store, KnnQuery{nan, 1}); }) == refused);
    CHECK(code_of([&] { return search(store, DiskIntersectionQuery{}); }) == refused);
}

TEST_CASE("seed fault: near-duplicates drown in cancellation") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "v");
    const std::array a{1000.0f, 1000.0f}, b{1000.0f, std::nextafter(1000.0f, 2000.0f)};
    store.append(a);
    store.append(b);
    const auto hits = search(store, KnnQuery{b, 2});
    REQUIRE(hits.size() == 2);
    CHECK(hits[0] == Hit{1, 0.0f});
    CHECK(hits[1].distance() == b[1] - a[1]);
}

}  // namespace test_seed_faults
