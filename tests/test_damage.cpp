// Damaged files: cut at every length, with every bit of the header page or every byte of the journal flipped. Opening
// gives an Error or a committed state, never a crash or a wrong row. verify() finds every flipped byte.
#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_damage {

namespace {

using namespace mapvec;
namespace fs = std::filesystem;
using Store = MmapVectorStore<3>;

std::string bytes_in(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}
// Writes in place: after a truncation some file systems flush to disk.
void put_bytes(const fs::path& file, std::string_view bytes) {
    std::fstream(file, std::ios::binary | std::ios::in | std::ios::out)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    fs::resize_file(file, bytes.size());
}
void poke(const fs::path& file, std::size_t offset, char byte) {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(byte);
}

char flipped(char byte, int bit) { return static_cast<char>(static_cast<unsigned char>(byte) ^ (1u << bit)); }

std::vector<float> contents(const Store& store) { return {store.data().begin(), store.data().end()}; }

// A store with a few commits, and its committed states.
struct Sample {
    std::vector<std::vector<float>> states{{}};

    explicit Sample(const fs::path& path) {
        auto store = Store::create(path);
        for (int commits = 0; commits < 4; ++commits) add_commit(store, commits);
        store.close();
    }
    void add_commit(Store& store, int number) {
        for (int i = 0; i < 5; ++i) store.append(std::array{static_cast<float>(number), static_cast<float>(i), 1.0f});
        if (number > 1) store.insert(2, std::array{static_cast<float>(number), 9.0f, 9.0f});
        store.commit();
        states.push_back(contents(store));
    }
    [[nodiscard]] bool has(const std::vector<float>& state) const {
        return std::find(states.begin(), states.end(), state) != states.end();
    }
};

// Opens, reads and verifies. Returns true for an Error or for rows that were once committed.
bool is_harmless(const fs::path& path, const Sample& sample, OpenMode mode) {
    try {
        auto store = Store::open(path, mode);
        const auto found = contents(store);
        try {
            store.verify();
        } catch (const Error&) {
            return true;
        }
        return sample.has(found);
    } catch (const Error&) {
        return true;
    }
}

Slot slot_in(const fs::path& file, std::uint64_t parity) {
    const std::string page = bytes_in(file).substr(0, data_offset);
    return detail::read_slot(reinterpret_cast<const std::byte*>(page.data()), parity).value();
}
std::uint64_t newest_generation(const fs::path& file) {
    return std::max(slot_in(file, 0).generation, slot_in(file, 1).generation);
}
// As in a crafted file: with a valid checksum.
template <class Change>
void change_slots(const fs::path& file, Change change) {
    for (const std::uint64_t parity : {std::uint64_t{0}, std::uint64_t{1}}) {
        Slot slot = slot_in(file, parity);
        change(slot);
        slot.crc = detail::checksum_of(slot);
        for (std::size_t i = 0; i < sizeof slot; ++i)
            poke(file, detail::slot_offset(parity) + i, static_cast<char>(detail::bytes_of(slot)[i]));
    }
}

}  // namespace

TEST_CASE("a vector file cut to any length is an Error or an older commit") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    const Sample sample(path);
    const std::string whole = bytes_in(path);
    REQUIRE(whole.size() == 4096 + sample.states.back().size() * sizeof(float));
    std::size_t wrong = 0, opened = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put_bytes(path, std::string_view(whole).substr(0, size));
        wrong += is_harmless(path, sample, OpenMode::read_only) ? 0u : 1u;
        wrong += is_harmless(path, sample, OpenMode::read_write) ? 0u : 1u;
        opened += code_of([&] { return Store::open(path, OpenMode::read_only); }) ? 0u : 1u;
    }
    REQUIRE(wrong == 0);
    REQUIRE(opened == 0);
}

TEST_CASE("every bit of the header page may flip without a crash or a wrong row") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    const Sample sample(path);
    const std::string whole = bytes_in(path);
    std::size_t wrong = 0, header_accepted = 0;
    for (std::size_t at = 0; at < 4096; ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            put_bytes(path, whole);
            poke(path, at, flipped(whole[at], bit));
            wrong += is_harmless(path, sample, OpenMode::read_write) ? 0u : 1u;
        }
        put_bytes(path, whole);
        poke(path, at, flipped(whole[at], static_cast<int>(at % 8)));
        const bool header = at < 1024;
        if (header || at % 16 == 0) wrong += is_harmless(path, sample, OpenMode::read_only) ? 0u : 1u;
        if (header) header_accepted += code_of([&] { return Store::open(path, OpenMode::read_only); }) ? 0u : 1u;
    }
    REQUIRE(wrong == 0);
    REQUIRE(header_accepted == 0);
}

TEST_CASE("every byte of a journal may flip without a crash or a wrong row") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    Sample sample(path);
    fs::create_directory(directory / "kept");
    std::size_t used = 0;
    {
        auto store = Store::open(path);
        for (int number = 10; number < 14; ++number) sample.add_commit(store, number);
        for (const auto& entry : fs::directory_iterator(directory.path()))
            if (entry.is_regular_file()) fs::copy(entry.path(), directory / "kept" / entry.path().filename());
    }
    const auto kept = directory / "kept" / "store";
    for (const char* name : {"store.journal0", "store.journal1"}) {
        const auto journal = directory / "kept" / name;
        if (!fs::exists(journal)) continue;
        const std::string whole = bytes_in(journal);
        const std::size_t end = whole.find_last_not_of('\0') + 9;
        std::size_t wrong = 0;
        for (std::size_t at = 0; at < end && at < whole.size(); ++at) {
            poke(journal, at, flipped(whole[at], 6));
            wrong += is_harmless(kept, sample, OpenMode::read_only) ? 0u : 1u;
            poke(journal, at, whole[at]);
        }
        REQUIRE(wrong == 0);
        used += end;
        fs::resize_file(journal, end / 2);
        REQUIRE(is_harmless(kept, sample, OpenMode::read_only));
        put_bytes(journal, whole);
    }
    REQUIRE(used > 100);
    REQUIRE(contents(Store::open(kept, OpenMode::read_only)) == sample.states.back());
}

TEST_CASE("verify finds every flipped byte of the rows, and names where") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    const Sample sample(path);
    const std::string whole = bytes_in(path);
    std::size_t missed = 0;
    for (std::size_t at = 4096; at < whole.size(); ++at) {
        poke(path, at, flipped(whole[at], 0));
        const auto store = Store::open(path, OpenMode::read_only);
        missed += code_of([&] {
                      store.verify();
                      return 0;
                  }) == ErrorCode::corrupt
                      ? 0u
                      : 1u;
        poke(path, at, whole[at]);
    }
    REQUIRE(missed == 0);
    const auto store = Store::open(path, OpenMode::read_only);
    store.verify();
    poke(path, 4100, 'x');
    try {
        store.verify();
        FAIL("the damage was not found");
    } catch (const Error& error) {
        REQUIRE(std::string(error.what()).find("4096 to") != std::string::npos);
        REQUIRE(std::string(error.what()).find(path.string()) != std::string::npos);
    }
}

TEST_CASE("verify finds every flipped byte of any file of a collection") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    {
        auto store = Collection<2, std::string>::create(path);
        for (int i = 0; i < 20; ++i)
            store.append(std::array{static_cast<float>(i), 1.0f}, "payload " + std::to_string(i));
        store.erase(3);
        store.erase(4);
        store.commit();
        store.close();
    }
    for (const char* name : {"vectors", "payloads", "payloads.offsets", "erased"}) {
        const std::string whole = bytes_in(path / name);
        REQUIRE(whole.size() > 4096);
        std::size_t missed = 0;
        for (std::size_t at = 0; at < whole.size(); at += at < 1024 || at >= 4096 ? 1 : 3) {
            const bool unused = at >= 1024 && at < 4096;  // one of the two slots is old
            poke(path / name, at, flipped(whole[at], 4));
            const auto found = code_of([&] {
                Collection<2, std::string>::open(path, OpenMode::read_only).verify();
                return 0;
            });
            missed += found || unused ? 0u : 1u;
            poke(path / name, at, whole[at]);
        }
        INFO(name);
        REQUIRE(missed == 0);
    }
    Collection<2, std::string>::open(path, OpenMode::read_only).verify();
}

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

TEST_CASE("a journal full of false headers is refused in linear time") {
    constexpr std::uint64_t salt = 7, last = 10;
    std::vector<detail::JournalRecordHeader> headers(1 << 20);
    const std::uint64_t bytes = headers.size() * sizeof headers[0];
    const auto lie = [&](std::size_t i) { headers[i] = {0, 0, bytes - i * sizeof headers[0], salt, last + 1}; };
    const auto found = [&] {
        return detail::newest_record_behind(std::as_bytes(std::span(headers)), 0, {}, salt, last);
    };
    CHECK(!found());
    lie(1);
    CHECK(!found());  // a single bad slot may be a torn write
    for (std::size_t i = 0; i < headers.size(); ++i) lie(i);
    CHECK(found());
}

TEST_CASE("a closed store survives damage to its newest slot") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    const Sample sample(path);
    const std::string whole = bytes_in(path);
    const std::size_t newest = detail::slot_offset(newest_generation(path));
    std::size_t wrong = 0;
    for (std::size_t at = newest; at < newest + sizeof(Slot); at += 5) {
        for (const OpenMode mode : {OpenMode::read_only, OpenMode::copy_on_write, OpenMode::read_write}) {
            put_bytes(path, whole);
            poke(path, at, flipped(whole[at], 3));
            wrong += contents(Store::open(path, mode)) == sample.states.back() ? 0u : 1u;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("a failed open does not change the store") {
    const ScratchDirectory directory;
    auto writer = Store::create(directory / "store");
    const std::vector<float> rows(3 * 10'000, 1.0f);
    for (int i = 0; i < 2; ++i) writer.append_rows(rows), writer.commit();
    fs::copy(directory / "store", directory / "killed");
    const auto size = fs::file_size(directory / "killed");
    REQUIRE(slot_in(directory / "killed", 0).record_count != slot_in(directory / "killed", 1).record_count);
    poke(directory / "killed", detail::slot_offset(newest_generation(directory / "killed")) + 100, '!');
    poke(directory / "killed", data_offset + 100, '!');
    for (const OpenMode mode : {OpenMode::read_only, OpenMode::read_write})
        CHECK(code_of([&] { (void)Store::open(directory / "killed", mode); }) == ErrorCode::corrupt);
    CHECK(fs::file_size(directory / "killed") == size);
}

TEST_CASE("a slot with a tail above the maximum is corrupt before the tail is read") {
    const ScratchDirectory directory;
    {
        auto store = PayloadStore<std::string>::create(directory / "store");
        store.push("something");
    }
    const auto offsets = directory / "store.offsets";
    const std::uint64_t many = std::uint64_t{1} << 36;
    change_slots(offsets, [&](Slot& slot) { slot.record_count = slot.tail_count = many, slot.block_log2 = 40; });
    fs::resize_file(offsets, data_offset + 16 * many);  // a hole
    CHECK(code_of([&] { (void)PayloadStore<std::string>::open(directory / "store"); }) == ErrorCode::corrupt);
}

TEST_CASE(
    "a collection whose files have different numbers of records is corrupt, when it is opened and when refreshed") {
    using Rows = Collection<2, std::string>;
    const ScratchDirectory directory;
    const auto root = directory / "c" / "vectors";
    {
        auto rows = Rows::create(directory / "c");
        for (int i = 0; i < 10; ++i) rows.append(std::array{1.0f, 2.0f}, "payload");
    }
    fs::resize_file(root, data_offset + 8 * 1000);
    auto reader = Rows::open(directory / "c", OpenMode::read_only);
    const std::string page = bytes_in(root).substr(0, data_offset);
    FileHeader header;
    std::memcpy(&header, page.data(), sizeof header);
    const Slot slot = slot_in(root, newest_generation(root));
    detail::JournalRecordWriter record;
    record.begin(0, slot.salt, slot.sequence + 1);
    record.put(detail::ChangeHeader{.file_index = 0, .sums = 0, .count = 1000, .writes = 0});
    const auto bytes = record.finish(header.store_id);
    std::ofstream(detail::journal_path(root, slot.generation), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    for (int tries = 0; tries < 2; ++tries) CHECK(code_of([&] { reader.refresh(); }) == ErrorCode::corrupt);
    CHECK(reader.vectors().size() == 10);
    CHECK(code_of([&] { (void)Rows::open(directory / "c"); }) == ErrorCode::corrupt);

    fs::remove(detail::journal_path(root, slot.generation));
    CHECK(Rows::open(directory / "c", OpenMode::read_only).size() == 10);
    change_slots(root, [](Slot& changed) { changed.record_count = 9; });
    CHECK(code_of([&] { (void)Rows::open(directory / "c"); }) == ErrorCode::corrupt);
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

}  // namespace test_damage
