// Damage that makes commits unreadable which had returned: every open mode refuses the store, names the last valid
// commit, and removes nothing. recover() returns the store to that commit.
#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/payload_store.hpp>
#include <mapvec/recovery.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_recovery {

using namespace mapvec;

namespace {

namespace fs = std::filesystem;
using Store = MmapVectorStore<2>;
using Files = std::map<std::string, std::string>;

std::array<float, 2> row(float x) { return {x, -x}; }

std::string bytes_in(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}
void flip(const fs::path& file, std::uint64_t at, int bit) {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(stream.get() ^ (1 << bit));
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte);
}
Files files_in(const fs::path& directory) {
    Files files;
    for (const auto& entry : fs::directory_iterator(directory))
        files[entry.path().filename().string()] = bytes_in(entry);
    return files;
}
// A copy of the files, as a kill of the process would leave them.
fs::path killed(const fs::path& directory) {
    fs::path copy = directory;
    copy += "-killed";
    fs::remove_all(copy);
    fs::copy(directory, copy, fs::copy_options::recursive);
    return copy;
}
Slot newest_slot_in(const fs::path& file) {
    const std::string page = bytes_in(file).substr(0, data_offset);
    const auto* const bytes = reinterpret_cast<const std::byte*>(page.data());
    return detail::newer(detail::read_slot(bytes, 0), detail::read_slot(bytes, 1)).value();
}
std::string message_of(const fs::path& store, OpenMode mode) {
    try {
        (void)Store::open(store, mode);
    } catch (const Error& error) {
        return error.code() == ErrorCode::corrupt ? error.what() : "another error";
    }
    return "";
}

// Commits 1 to 3 are checkpoints; commits 4 to 13 overwrite row 0 in the journal. `states` contains row 0 after each
// commit.
struct Writer {
    explicit Writer(const fs::path& path) : store(Store::create(path)) {
        for (int i = 1; i <= 3; ++i) {
            store.append_rows(std::vector<float>(20'000, static_cast<float>(i)));
            commit();
        }
        for (int i = 4; i <= 13; ++i) store.insert(0, row(static_cast<float>(i))), commit();
    }
    void commit() {
        store.commit();
        states.push_back(store[0][0]);
    }
    Store store;
    std::vector<float> states{0};
};

}  // namespace

TEST_CASE("a damaged newest slot with a journal is an error that names it, and nothing is removed") {
    const ScratchDirectory scratch;
    fs::create_directory(scratch / "d");
    const Writer writer(scratch / "d" / "v");
    const Slot newest = newest_slot_in(scratch / "d" / "v");
    REQUIRE(newest.sequence == 3);
    for (std::size_t at = 0; at < sizeof(Slot); at += 61) {
        const fs::path copy = killed(scratch / "d");
        flip(copy / "v", detail::slot_offset(newest.generation) + at, static_cast<int>(at % 8));
        const Files before = files_in(copy);
        for (const OpenMode mode : {OpenMode::read_only, OpenMode::copy_on_write, OpenMode::read_write}) {
            const std::string message = message_of(copy / "v", mode);
            CHECK(message.find("commit slot at byte " + std::to_string(detail::slot_offset(newest.generation))) !=
                  std::string::npos);
            CHECK(message.find("up to 13") != std::string::npos);
            CHECK(message.find("commit 2 is whole") != std::string::npos);
        }
        const RecoveryReport report = examine(copy / "v");
        CHECK_FALSE(report.damage.empty());
        CHECK(report.commit == 2u);
        CHECK(report.newest_commit == 13);
        CHECK(report.lost_commits() == 11);
        CHECK(report.rows == 20'000);
        CHECK(files_in(copy) == before);
    }
}

TEST_CASE("recover returns to the last valid commit permanently, and the store works") {
    const ScratchDirectory scratch;
    fs::create_directory(scratch / "d");
    const Writer writer(scratch / "d" / "v");
    const fs::path copy = killed(scratch / "d");
    const Slot newest = newest_slot_in(copy / "v");
    flip(copy / "v", detail::slot_offset(newest.generation) + 100, 3);
    const RecoveryReport report = recover(copy / "v");
    CHECK(report.commit == 2u);
    CHECK(report.lost_commits() == 11);
    CHECK(examine(copy / "v").damage.empty());
    CHECK(recover(copy / "v").damage.empty());  // no damage is left
    auto store = Store::open(copy / "v");
    REQUIRE(store.size() == 20'000);
    CHECK(store[0][0] == 1);
    store.verify();
    store.insert(1, row(77));
    store.commit();
    CHECK(Store::open(copy / "v", OpenMode::read_only)[1][0] == 77);
    store.close();
    // A later torn slot is only torn: no record of the discarded commits is left.
    std::fstream(copy / "v", std::ios::binary | std::ios::in | std::ios::out)
        .seekp(static_cast<std::streamoff>(detail::slot_offset(newest_slot_in(copy / "v").generation)))
        .write("torn", 4);
    CHECK(Store::open(copy / "v")[1][0] == 77);
}

TEST_CASE("a damaged record before valid ones is an error, and recover keeps the commits before it") {
    const ScratchDirectory scratch;
    fs::create_directory(scratch / "d");
    const Writer writer(scratch / "d" / "v");
    const std::string journal =
        detail::journal_path("v", newest_slot_in(scratch / "d" / "v").generation).filename().string();
    std::vector<std::uint64_t> records;
    const std::string bytes = bytes_in(scratch / "d" / journal.c_str());
    for (std::uint64_t at = 0; records.size() < 10;) {
        detail::JournalRecordHeader header;
        std::memcpy(&header, bytes.data() + at, sizeof header);
        records.push_back(at);
        at += header.length;
    }
    for (std::size_t damaged = 0; damaged < records.size(); ++damaged) {
        const fs::path copy = killed(scratch / "d");
        flip(copy / journal, records[damaged] + 33, 0);
        const std::uint64_t left = 3 + damaged;
        if (damaged + 1 == records.size()) {  // this looks like a commit that did not finish
            CHECK(Store::open(copy / "v")[0][0] == writer.states[left]);
            continue;
        }
        CHECK(message_of(copy / "v", OpenMode::read_write).find("commit " + std::to_string(left) + " is whole") !=
              std::string::npos);
        const RecoveryReport report = recover(copy / "v");
        CHECK(report.commit == left);
        CHECK(report.lost_commits() == 10 - damaged);
        const auto store = Store::open(copy / "v");
        CHECK(store.size() == 30'000);
        CHECK(store[0][0] == writer.states[left]);
        store.verify();
    }
}

TEST_CASE("recover does not change a store that opens, and refuses one that is open") {
    const ScratchDirectory scratch;
    fs::create_directory(scratch / "d");
    Writer writer(scratch / "d" / "v");
    CHECK(examine(scratch / "d" / "v").damage.empty());
    CHECK(examine(scratch / "d" / "v").commit == 13u);
    CHECK(code_of([&] { recover(scratch / "d" / "v"); }) == ErrorCode::locked);
    const fs::path copy = killed(scratch / "d");
    const Files before = files_in(copy);
    CHECK(recover(copy / "v").lost_commits() == 0);
    CHECK(files_in(copy) == before);

    const auto reader = Store::open(copy / "v", OpenMode::read_only);
    flip(copy / "v", detail::slot_offset(newest_slot_in(copy / "v").generation) + 100, 3);
    const Files damaged = files_in(copy);
    CHECK(code_of([&] { recover(copy / "v"); }) == ErrorCode::locked);
    CHECK(files_in(copy) == damaged);
    CHECK(code_of([&] { recover(scratch / "nowhere"); }) == ErrorCode::not_found);
}

TEST_CASE("recover returns all files of a collection to one commit") {
    using Rows = Collection<2, std::string>;
    const ScratchDirectory scratch;
    auto writer = Rows::create(scratch / "c");
    for (int i = 0; i < 4; ++i) {
        for (int n = 0; n < 3000; ++n) writer.append(row(static_cast<float>(i)), std::string(100, 'x'));
        writer.commit();
    }
    for (const char* name : {"payloads", "payloads.offsets", "erased"}) {
        const fs::path copy = killed(scratch / "c");
        flip(copy / name, detail::slot_offset(newest_slot_in(copy / "vectors").generation) + 30, 1);
        CHECK(code_of([&] { (void)Rows::open(copy); }) == ErrorCode::corrupt);
        const RecoveryReport report = recover(copy);
        CHECK(report.commit == 3u);
        CHECK(report.rows == 9000);
        const auto rows = Rows::open(copy);
        CHECK(rows.size() == 9000);
        rows.verify();
    }
}

TEST_CASE("recover works for payload stores, and refuses an index") {
    const ScratchDirectory scratch;
    fs::create_directory(scratch / "d");
    auto writer = PayloadStore<std::string>::create(scratch / "d" / "p");
    for (int i = 0; i < 3; ++i) writer.push(std::string(2 << 20, 'x')), writer.commit();
    for (int i = 0; i < 3; ++i) writer.push("small"), writer.commit();
    const fs::path copy = killed(scratch / "d");
    flip(copy / "p", detail::slot_offset(newest_slot_in(copy / "p").generation) + 30, 1);
    CHECK(code_of([&] { (void)PayloadStore<std::string>::load(copy / "p"); }) == ErrorCode::corrupt);
    CHECK(recover(copy / "p").rows == 2);
    CHECK(PayloadStore<std::string>::load(copy / "p").size() == 2);
    CHECK(code_of([&] { (void)examine(copy / "p.offsets"); }) == ErrorCode::type_mismatch);
}

TEST_CASE("after any flipped bit of a slot or a journal, recover gives a committed state") {
    const ScratchDirectory scratch;
    fs::create_directory(scratch / "d");
    Writer writer(scratch / "d" / "v");
    for (const auto& [name, bytes] : files_in(scratch / "d")) {
        const bool journal = name != "v";
        const std::size_t end = journal ? bytes.find_last_not_of('\0') + 1 : data_offset;
        for (std::size_t at = journal ? 0 : 1024; at < end; at += 89) {
            const fs::path copy = killed(scratch / "d");
            flip(copy / name, at, static_cast<int>(at % 8));
            const auto code = code_of([&] { (void)Store::open(copy / "v", OpenMode::read_only); });
            CHECK((!code || code == ErrorCode::corrupt));
            const RecoveryReport report = recover(copy / "v");
            REQUIRE(report.commit);
            const auto store = Store::open(copy / "v");
            CHECK(store[0][0] == writer.states[*report.commit]);
            store.verify();
        }
    }
}

}  // namespace test_recovery
