// Readers at the same time as a writer: they see committed states only, and do not disturb each other.
#include <algorithm>
#include <array>
#include <atomic>
#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_readers {

using namespace mapvec;

namespace {

using Store = MmapVectorStore<2>;
std::array<float, 2> row(float x) { return {x, -x}; }
Store reader_of(const ScratchDirectory& scratch) { return Store::open(scratch / "v", OpenMode::read_only); }

}  // namespace

TEST_CASE("a reader sees a commit after refresh()") {
    const ScratchDirectory scratch;
    auto writer = Store::create(scratch / "v");
    auto reader = reader_of(scratch);
    CHECK(reader.empty());
    writer.append(row(1));
    CHECK_FALSE(reader.refresh());
    writer.commit();
    CHECK(reader.empty());
    CHECK(reader.refresh());
    CHECK(reader.size() == 1);
    CHECK_FALSE(reader.refresh());
    for (int i = 0; i < 100; ++i) {  // by journal
        writer.append(row(2));
        writer.insert(0, row(static_cast<float>(i)));
        CHECK_FALSE(reader.refresh());
        writer.commit();
        REQUIRE(reader.refresh());
        REQUIRE(reader.size() == static_cast<std::size_t>(i) + 2);
        REQUIRE(reader[0][0] == static_cast<float>(i));
        REQUIRE(reader_of(scratch)[0][0] == static_cast<float>(i));
    }
    writer.append_rows(std::vector<float>(2'000'000, 3.0f));  // by checkpoint
    CHECK_FALSE(reader.refresh());
    writer.commit();
    CHECK(reader.refresh());
    CHECK(reader.size() == 1'000'101);
    reader.verify();
}

TEST_CASE("a reader sees an overwritten row after refresh() and not before, also across checkpoints") {
    const ScratchDirectory scratch;
    auto writer = Store::create(scratch / "v");
    writer.append_rows(std::vector<float>(20'000, 1.0f));
    writer.commit();
    auto reader = reader_of(scratch);
    writer.insert(5, row(2));
    writer.commit();
    for (int i = 0; i < 5; ++i) {  // each of these is a checkpoint: the row must not reach the file
        writer.append_rows(std::vector<float>(1'000'000, 3.0f));
        writer.commit();
        REQUIRE(reader[5][0] == 1.0f);
        REQUIRE(reader_of(scratch)[5][0] == 2.0f);
    }
    reader.verify();
    writer.close();
    CHECK(reader[5][0] == 1.0f);
    CHECK(reader.refresh());
    CHECK(reader[5][0] == 2.0f);
    CHECK(reader.size() == 2'510'000);
    reader.close();
    writer = Store::open(scratch / "v");
    CHECK(writer[5][0] == 2.0f);
    writer.append(row(4));
    writer.close();
    CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 1);  // no reader kept the journal
    CHECK(reader_of(scratch)[5][0] == 2.0f);
}

TEST_CASE("a reader stays open when its writer closes, and follows the next writer") {
    const ScratchDirectory scratch;
    { Store::create(scratch / "v").append(row(1)); }
    auto reader = reader_of(scratch);
    for (int i = 2; i < 20; ++i) {
        auto writer = Store::open(scratch / "v");
        writer.append(row(static_cast<float>(i)));
        writer.insert(0, row(static_cast<float>(i)));
        if (i % 3 == 0) writer.commit();
        writer.close();
        REQUIRE(reader.refresh());
        REQUIRE(reader.size() == static_cast<std::size_t>(i));
        REQUIRE(reader[0][0] == static_cast<float>(i));
        reader.verify();
    }
}

TEST_CASE("a close keeps the journal that a reader needs, and the next close removes it") {
    const ScratchDirectory scratch;
    auto writer = Store::create(scratch / "v");
    writer.append(row(1));
    writer.commit();
    {
        auto reader = reader_of(scratch);
        writer.insert(0, row(2));
        writer.close();
        CHECK(reader[0][0] == 1.0f);
        CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) > 1);
        CHECK(reader_of(scratch)[0][0] == 2.0f);
    }
    { auto again = Store::open(scratch / "v"); }
    CHECK(reader_of(scratch)[0][0] == 2.0f);
    CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 1);
}

TEST_CASE("threads that read a collection during refresh() find a payload for each row, and no new row erased",
          "[threads]") {
    using Rows = Collection<2, std::string>;
    const ScratchDirectory scratch;
    auto writer = Rows::create(scratch / "c");
    const auto commit_two_rows = [&] {
        writer.append(row(1), "stays");
        writer.erase(writer.append(row(2), "erased before anybody has seen it"));
        writer.commit();
    };
    commit_two_rows();
    auto reader = Rows::open(scratch / "c", OpenMode::read_only);
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    std::thread other([&] {
        while (!done.load()) {
            const std::size_t last = reader.vectors().size() - 1;
            try {
                wrong += reader.contains(last) || reader.payload(last - 1) != "stays";
                wrong += reader.size() > 10'000;
            } catch (const Error&) {
                ++wrong;
            }
        }
    });
    for (int i = 0; i < 300; ++i) {
        for (int n = 0; n < 20; ++n) commit_two_rows();
        reader.refresh();
    }
    done.store(true);
    other.join();
    CHECK(wrong.load() == 0);
}

}  // namespace test_readers
