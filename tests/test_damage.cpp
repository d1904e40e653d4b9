// Damaged files: cut at every length, with every bit of the header page or every byte of the journal flipped. Opening
// gives an Error or a committed state, never a crash or a wrong row. verify() finds every flipped byte. Payloads:
// test_damage_payloads.cpp.
#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "damaged_file.hpp"
#include "scratch.hpp"

namespace test_damage {

using namespace mapvec;
using namespace damaged_file;

namespace {

namespace fs = std::filesystem;
using Store = MmapVectorStore<3>;

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

// With sanitizers, one of 11 damages is tried.
constexpr std::size_t stride = 1000 / MAPVEC_TEST_STEPS;

}  // namespace

TEST_CASE("a vector file cut to any length is an Error or an older commit") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    const Sample sample(path);
    const std::string whole = bytes_in(path);
    REQUIRE(whole.size() == 4096 + sample.states.back().size() * sizeof(float));
    std::size_t wrong = 0, opened = 0;
    for (std::size_t size = 0; size < whole.size(); size += stride) {
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
    for (std::size_t at = 0; at < 4096; at += stride) {
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
        for (std::size_t at = 0; at < end && at < whole.size(); at += stride) {
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
        for (std::size_t at = 0; at < whole.size(); at += stride * (at < 1024 || at >= 4096 ? 1 : 3)) {
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

}  // namespace test_damage
