// Damaged payloads: a record that is damaged, or that shares its bytes with another, is corrupt when it is read; its
// neighbours are not. Tables of offsets that cannot be, or that belong to another store, are corrupt when it is opened.
#include <array>
#include <cstring>
#include <mapvec/payload_store.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "damaged_file.hpp"
#include "scratch.hpp"

namespace test_damage_payloads {

using namespace mapvec;
using namespace damaged_file;

namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("a damaged record is corrupt when it is fetched, and its neighbours are not") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    {
        auto store = PayloadStore<std::string>::create(path);
        for (int i = 0; i < 10; ++i) store.push("record number " + std::to_string(i));
        store.close();
    }
    const std::string whole = bytes_in(path);
    std::size_t missed = 0;
    for (std::size_t at = 4096; at < whole.size(); ++at) {
        poke(path, at, flipped(whole[at], 2));
        const auto store = PayloadStore<std::string>::load(path);
        std::size_t corrupt = 0;
        for (Id id = 0; id < 10; ++id)
            corrupt += code_of([&] { return store.fetch(id); }) == ErrorCode::corrupt ? 1u : 0u;
        missed += corrupt == 1 ? 0u : 1u;
        poke(path, at, whole[at]);
    }
    REQUIRE(missed == 0);
    const std::string offsets = bytes_in(directory / "store.offsets");
    const std::vector<Id> all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (std::size_t at = 4096; at < offsets.size(); ++at) {
        poke(directory / "store.offsets", at, flipped(offsets[at], 7));
        const auto store = PayloadStore<std::string>::load(path);
        missed += code_of([&] { return store.fetch((at - 4096) / 16); }) == ErrorCode::corrupt ? 0u : 1u;
        missed += code_of([&] { return store.fetch_many(all); }) == ErrorCode::corrupt ? 0u : 1u;
        poke(directory / "store.offsets", at, offsets[at]);
    }
    REQUIRE(missed == 0);
}

TEST_CASE("an offset near the end of the address space is corrupt, also for prefetches") {
    const ScratchDirectory directory;
    {
        auto store = PayloadStore<std::string>::create(directory / "store");
        for (int i = 0; i < 10; ++i) store.push(std::string(100, 'x'));
        store.close();
    }
    const auto store = PayloadStore<std::string>::load(directory / "store");
    const std::vector<Id> all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (const std::uint64_t back : std::vector<std::uint64_t>{0, 1, 99, 100, 101, 163, 164, 300}) {
        const std::uint64_t begin = ~reinterpret_cast<std::uintptr_t>(store.bytes(0).data()) - back;
        for (unsigned byte = 0; byte < 8; ++byte)
            poke(directory / "store.offsets", 4096 + 9 * 16 + byte, static_cast<char>(begin >> (8 * byte)));
        CHECK(code_of([&] { return store.fetch_many(all); }) == ErrorCode::corrupt);
    }
}

TEST_CASE("a store that lacks one of its files is corrupt, and files of different stores do not mix") {
    const ScratchDirectory directory;
    for (const char* name : {"one", "two"}) {
        auto store = PayloadStore<std::string>::create(directory / name);
        store.push(name);
        store.close();
    }
    fs::rename(directory / "one.offsets", directory / "kept");
    fs::copy(directory / "two.offsets", directory / "one.offsets");
    REQUIRE(code_of([&] { return PayloadStore<std::string>::open(directory / "one"); }) == ErrorCode::corrupt);
    fs::remove(directory / "one.offsets");
    REQUIRE(code_of([&] { return PayloadStore<std::string>::open(directory / "one"); }) == ErrorCode::corrupt);
    fs::rename(directory / "kept", directory / "one.offsets");
    REQUIRE(PayloadStore<std::string>::open(directory / "one").fetch(0) == "one");
}

TEST_CASE("a slot with a tail above the maximum is corrupt before the tail is read") {
    const ScratchDirectory directory;
    {
        auto store = PayloadStore<std::string>::create(directory / "store");
        store.push("something");
    }
    const auto offsets = directory / "store.offsets";
#if defined(_WIN32)
    const std::uint64_t many = std::uint64_t{1} << 26;  // MinGW cannot make a file of 2 GiB longer
#else
    const std::uint64_t many = std::uint64_t{1} << 36;
#endif
    change_slots(offsets, [&](Slot& slot) { slot.record_count = slot.tail_count = many, slot.block_log2 = 40; });
    fs::resize_file(offsets, data_offset + 16 * many);  // a hole
    CHECK(code_of([&] { (void)PayloadStore<std::string>::open(directory / "store"); }) == ErrorCode::corrupt);
}

TEST_CASE("records that share their bytes are corrupt, in any number") {
    const ScratchDirectory directory;
    const std::string record(100, 'x');
    {
        auto store = PayloadStore<std::string>::create(directory / "store");
        for (const std::string& value : {record, std::string("y"), std::string("z")}) store.push(value);
    }
    const auto bytes = PayloadStore<std::string>::load(directory / "store").bytes(0);
    detail::PayloadEntry entry{.begin = 0, .length = static_cast<std::uint32_t>(bytes.size()), .crc = 0};
    std::string entries;
    for (Id id = 0; id < 3; ++id) {
        std::array<std::byte, 20> head;
        std::memcpy(head.data(), &id, 8);
        std::memcpy(head.data() + 8, &entry.begin, 8);
        std::memcpy(head.data() + 16, &entry.length, 4);
        const std::string whole = bytes_in(directory / "store").substr(data_offset, entry.length);
        entry.crc = detail::crc32c(whole.data(), whole.size(), detail::crc32c(head.data(), head.size()));
        entries.append(reinterpret_cast<const char*>(&entry), sizeof entry);
    }
    for (std::size_t i = 0; i < entries.size(); ++i) poke(directory / "store.offsets", data_offset + i, entries[i]);
    const std::uint32_t sum = detail::crc32c_raw(0, entries.data(), entries.size());
    change_slots(directory / "store.offsets", [&](Slot& slot) { slot.block_crcs[0] = sum; });
    const auto store = PayloadStore<std::string>::load(directory / "store");
    for (Id id = 0; id < 3; ++id) CHECK(store.fetch(id) == record);
    CHECK(code_of([&] { store.verify(); }) == ErrorCode::corrupt);
}

}  // namespace test_damage_payloads
