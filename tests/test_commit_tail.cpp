// Commits with a tail: the slot covers records that are synced together with it. Such a commit is complete or absent,
// and a damaged tail is never accepted.
//
//   killed after the commit               the rows are there
//   power cut, rows missing               the previous commit is current, also if the same rows are appended again
//   tail damaged after later commits      corrupt
//   closed                                there is no tail
#include <cstring>
#include <fstream>
#include <mapvec/mmap_vector_store.hpp>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_commit_tail {

using namespace mapvec;

namespace {

using Store = MmapVectorStore<4>;
constexpr std::size_t few = 10, many = 8000, row_bytes = 16;

std::vector<float> rows(std::size_t n) {
    std::vector<float> scalars(n * 4);
    for (std::size_t i = 0; i < scalars.size(); ++i) scalars[i] = static_cast<float>(i + 1);
    return scalars;
}

// A copy of the files, as a kill of the writer would leave them.
void copy_store(const std::filesystem::path& from, const std::filesystem::path& to) {
    for (const char* suffix : {"", ".journal0", ".journal1"}) {
        auto source = from, target = to;
        source += suffix, target += suffix;
        std::filesystem::remove(target);
        if (std::filesystem::exists(source)) std::filesystem::copy_file(source, target);
    }
}
void overwrite_file(const std::filesystem::path& file, std::uint64_t at, const std::vector<char>& bytes) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}
Slot newest_slot_of(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::vector<std::byte> page(data_offset);
    stream.read(reinterpret_cast<char*>(page.data()), static_cast<std::streamsize>(page.size()));
    const auto newest = detail::newer(detail::read_slot(page.data(), 0), detail::read_slot(page.data(), 1));
    REQUIRE(newest);
    return *newest;
}

// A store of `few` rows committed, then `many` more with their slot.
Store committed_with_tail(const std::filesystem::path& path) {
    auto store = Store::create(path);
    store.reserve(20'000);  // a journal cannot record growth, so the first commit writes a slot too
    store.append_rows(rows(few));
    store.commit();
    store.append_rows(rows(many));
    store.commit();
    REQUIRE(newest_slot_of(path).tail_count == many);
    return store;
}

// The slot of the second commit has reached the disk; its rows have not.
void lose_tail(const std::filesystem::path& path) {
    overwrite_file(path, data_offset + few * row_bytes, std::vector<char>(many * row_bytes));
}

}  // namespace

TEST_CASE("a commit with a tail survives a kill") {
    const ScratchDirectory scratch;
    const auto writer = committed_with_tail(scratch / "store");
    CHECK(Store::open(scratch / "store", OpenMode::read_only).size() == few + many);
    copy_store(scratch / "store", scratch / "killed");
    auto store = Store::open(scratch / "killed");
    REQUIRE(store.size() == few + many);
    CHECK(store[few + many - 1][3] == static_cast<float>(many * 4));
    store.verify();
}

TEST_CASE("a store with appended rows only is complete in its one file after each commit") {
    const ScratchDirectory scratch;
    auto store = Store::create(scratch / "store");
    for (std::size_t n : {std::size_t{1}, std::size_t{1}, many, std::size_t{2}}) {
        store.append_rows(rows(n));
        store.commit();
        std::filesystem::copy_file(scratch / "store", scratch / "copy",
                                   std::filesystem::copy_options::overwrite_existing);
        CHECK(Store::open(scratch / "copy", OpenMode::read_only).size() == store.size());
    }
    CHECK_FALSE(std::filesystem::exists(scratch / "store.journal0"));
    CHECK_FALSE(std::filesystem::exists(scratch / "store.journal1"));
}

TEST_CASE("a slot without its tail means the previous commit, permanently") {
    const ScratchDirectory scratch;
    const auto writer = committed_with_tail(scratch / "store");
    copy_store(scratch / "store", scratch / "cut");
    lose_tail(scratch / "cut");
    CHECK(Store::open(scratch / "cut", OpenMode::read_only).size() == few);
    {
        auto store = Store::open(scratch / "cut");
        REQUIRE(store.size() == few);
        store.verify();
        store.append_rows(rows(many));  // the same rows, not committed
        copy_store(scratch / "cut", scratch / "killed");
    }
    CHECK(Store::open(scratch / "killed").size() == few);
    CHECK(Store::open(scratch / "cut").size() == few + many);  // closed
}

TEST_CASE("opening and closing a store ends its tail, even if nothing is written") {
    const ScratchDirectory scratch;
    const auto writer = committed_with_tail(scratch / "store");
    copy_store(scratch / "store", scratch / "killed");
    REQUIRE(newest_slot_of(scratch / "killed").tail_count == many);
    Store::open(scratch / "killed").close();
    CHECK(newest_slot_of(scratch / "killed").tail_count == 0);
    lose_tail(scratch / "killed");
    const auto store = Store::open(scratch / "killed");
    CHECK(store.size() == few + many);
    CHECK(code_of([&] { store.verify(); }) == ErrorCode::corrupt);
}

TEST_CASE("a damaged tail is an error once later commits have relied on it") {
    const ScratchDirectory scratch;
    auto writer = committed_with_tail(scratch / "store");
    writer.insert(0, rows(1));
    writer.commit();  // in the journal
    copy_store(scratch / "store", scratch / "damaged");
    lose_tail(scratch / "damaged");
    for (const OpenMode mode : {OpenMode::read_only, OpenMode::read_write})
        CHECK(code_of([&] { (void)Store::open(scratch / "damaged", mode); }) == ErrorCode::corrupt);
}

TEST_CASE("overwriting the rows of a tail does not change the tail until another slot is current") {
    const ScratchDirectory scratch;
    auto writer = committed_with_tail(scratch / "store");
    for (int turn = 0; turn < 3; ++turn) {
        writer.insert(few + 5, std::vector<float>(4, static_cast<float>(-turn)));
        writer.commit();
        writer.reserve(writer.capacity() + 1);  // the next commit is a checkpoint
        copy_store(scratch / "store", scratch / "killed");
        auto store = Store::open(scratch / "killed");
        REQUIRE(store.size() == few + many);
        CHECK(store[few + 5][0] == static_cast<float>(-turn));
        store.verify();
    }
}

TEST_CASE("a reader with journal overlays follows commits with a tail") {
    const ScratchDirectory scratch;
    {
        auto store = Store::create(scratch / "store", {.initial_capacity = 20'000});
        store.append_rows(rows(few));
        store.commit();
        store.insert(few + 1, rows(1));
        store.commit();  // in the journal, because of the gap
        copy_store(scratch / "store", scratch / "cut");
    }
    const std::vector<char> zeros(row_bytes);
    overwrite_file(scratch / "cut", data_offset + (few + 1) * row_bytes, zeros);  // not in the file
    auto reader = Store::open(scratch / "cut", OpenMode::read_only);
    REQUIRE(reader[few + 1][0] == 1);

    auto writer = Store::open(scratch / "cut");
    writer.append(rows(1));
    writer.commit();
    writer.append_rows(rows(many));  // begins in the page that the reader has a copy of
    writer.commit();
    REQUIRE(newest_slot_of(scratch / "cut").tail_count == many);
    CHECK(reader.refresh());
    REQUIRE(reader.size() == writer.size());
    CHECK(std::equal(reader.data().begin(), reader.data().end(), writer.data().begin()));
    reader.verify();
}

TEST_CASE("a closed store has no tail") {
    const ScratchDirectory scratch;
    {
        auto store = committed_with_tail(scratch / "store");
        store.close();
    }
    const Slot slot = newest_slot_of(scratch / "store");
    CHECK(slot.record_count == few + many);
    CHECK(slot.tail_count == 0);
    CHECK(slot.tail_crc == 0);
    CHECK_FALSE(std::filesystem::exists(scratch / "store.journal0"));
    CHECK_FALSE(std::filesystem::exists(scratch / "store.journal1"));
}

TEST_CASE("an impossible tail is corrupt") {
    const ScratchDirectory scratch;
    {
        auto store = committed_with_tail(scratch / "store");
        store.close();
    }
    Slot slot = newest_slot_of(scratch / "store");
    const auto refused_with_tail = [&](std::uint64_t tail) {
        slot.tail_count = tail;
        slot.crc = detail::checksum_of(slot);
        const auto* const bytes = reinterpret_cast<const char*>(&slot);
        overwrite_file(scratch / "store", detail::slot_offset(slot.generation), {bytes, bytes + sizeof slot});
        return code_of([&] { (void)Store::open(scratch / "store", OpenMode::read_only); });
    };
    CHECK(refused_with_tail(slot.record_count + 1) == ErrorCode::corrupt);
    CHECK(refused_with_tail(UINT64_MAX) == ErrorCode::corrupt);
}

}  // namespace test_commit_tail
