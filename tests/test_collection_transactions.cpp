// Uncommitted changes of a collection: rollback() discards them, snapshots do not show them, and a caught exception
// keeps them.
#include <algorithm>
#include <array>
#include <atomic>
#include <mapvec/collection.hpp>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_collection_transactions {

using namespace mapvec;

namespace {

using Notes = Collection<2, std::string>;

std::array<float, 2> point(int i) { return {static_cast<float>(i), 1.0f}; }

struct Content {
    std::vector<float> vectors;
    std::vector<std::string> payloads;
    std::vector<Id> ids;
    bool operator==(const Content&) const = default;
};

Content content(const Notes& notes) {
    Content all;
    for (Id id = 0; id < notes.vectors().size(); ++id) {
        if (!notes.contains(id)) continue;
        all.ids.push_back(id);
        all.vectors.push_back(notes.vector(id)[0]);
        all.payloads.push_back(notes.payload(id));
    }
    return all;
}

Notes ten_notes(const std::filesystem::path& path) {
    auto notes = Notes::create(path);
    for (int i = 0; i < 10; ++i) notes.append(point(i), "note " + std::to_string(i));
    notes.erase(9);
    notes.commit();
    return notes;
}

void change_everything(Notes& notes) {
    notes.update(1, point(77), "changed");
    notes.update(1, "changed again");
    notes.erase(2);
    notes.replace(3, point(33), "replaced");
    for (int i = 0; i < 5000; ++i) notes.append(point(i), "more");
}

}  // namespace

TEST_CASE("rollback() discards every change since the last commit, and the collection stays usable") {
    const ScratchDirectory scratch;
    auto notes = ten_notes(scratch / "c");
    notes.update(4, point(44), "from the journal");
    notes.erase(5);
    notes.commit();
    const Content committed = content(notes);
    for (int round = 0; round < 3; ++round) {
        change_everything(notes);
        notes.rollback();
        REQUIRE(content(notes) == committed);
        REQUIRE(notes.size() == committed.ids.size());
        notes.verify();
    }
    CHECK(notes.append(point(10), "ten") == 10);
    notes.update(1, point(11), "kept");
    notes.commit();
    notes.rollback();
    const Content after = content(notes);
    CHECK(after.payloads[1] == "kept");
    CHECK(after.payloads.back() == "ten");
    notes.append(point(11), "given up");
    notes.rollback();
    notes.close();
    const auto reopened = Notes::open(scratch / "c");
    CHECK(content(reopened) == after);
    reopened.verify();
}

TEST_CASE("rollback() on a reader is refused, and without changes does nothing") {
    const ScratchDirectory scratch;
    auto notes = ten_notes(scratch / "c");
    notes.rollback();
    CHECK(notes.size() == 9);
    auto reader = notes.snapshot();
    CHECK(code_of([&] {
              reader.rollback();
              return 0;
          }) == ErrorCode::read_only);
    Notes closed;
    CHECK(code_of([&] {
              closed.rollback();
              return 0;
          }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { return closed.snapshot(); }) == ErrorCode::invalid_argument);
}

TEST_CASE("a snapshot shows committed rows only, and stays as it is until refresh()") {
    const ScratchDirectory scratch;
    auto notes = ten_notes(scratch / "c");
    const Content committed = content(notes);
    change_everything(notes);
    auto snapshot = notes.snapshot();
    CHECK(content(snapshot) == committed);
    notes.commit();
    CHECK(content(snapshot) == committed);
    notes.update(1, "after the commit");
    CHECK(snapshot.refresh());
    Content now = content(notes);
    now.payloads[1] = "changed again";
    CHECK(content(snapshot) == now);
    CHECK(code_of([&] { return snapshot.append(point(1), "x"); }) == ErrorCode::read_only);
}

TEST_CASE("threads with snapshots of their own never see half of a batch") {
    const ScratchDirectory scratch;
    auto notes = Notes::create(scratch / "c");
    notes.append(point(0), "0");
    notes.append(point(0), "0");
    notes.commit();
    std::atomic<bool> done{false};
    std::atomic<int> torn{0};
    const auto watch = [&] {
        auto snapshot = notes.snapshot();
        while (!done) {
            snapshot.refresh();
            if (snapshot.payload(0) != snapshot.payload(1) || snapshot.vector(0)[0] != snapshot.vector(1)[0] ||
                snapshot.size() != 2)
                ++torn;
        }
    };
    std::thread first(watch), second(watch);
    for (int i = 1; i <= 200; ++i) {
        for (const Id id : {Id{0}, Id{1}}) notes.update(id, point(i), std::to_string(i));
        notes.erase(notes.append(point(i), "never seen"));
        notes.commit();
    }
    done = true;
    first.join();
    second.join();
    CHECK(torn == 0);
}

TEST_CASE("an exception that is caught leaves the batch open") {
    const ScratchDirectory scratch;
    auto notes = ten_notes(scratch / "c");
    try {
        notes.append(point(10), "ten");
        notes.update(100, "there is no such row");
    } catch (const Error&) {
    }
    CHECK(notes.size() == 10);
    notes.commit();
    CHECK(notes.snapshot().payload(10) == "ten");
}

TEST_CASE("replace() shows one of the two rows at a time") {
    const ScratchDirectory scratch;
    auto notes = ten_notes(scratch / "c");
    CHECK(notes.replace(4, point(4), "new four") == 10);
    CHECK_FALSE(notes.contains(4));
    CHECK(notes.search(DiskQuery{point(4), 0}) == std::vector<Hit>{{10, 0.0f}});
    CHECK(notes.size() == 9);
    const std::vector<float> wrong(3);
    CHECK(code_of([&] { return notes.replace(5, wrong, "x"); }) == ErrorCode::dimension_mismatch);
    CHECK(notes.payload(5) == "note 5");
    CHECK(code_of([&] { return notes.replace(4, point(4), "x"); }) == ErrorCode::out_of_range);

    std::atomic<bool> done{false};
    std::atomic<int> both{0};
    std::thread searches([&] {
        while (!done)
            if (notes.search(DiskQuery{point(0), 0}).size() > 1) ++both;
    });
    Id id = 0;
    for (int i = 0; i < 3000; ++i) id = notes.replace(id, point(0), "again");
    done = true;
    searches.join();
    CHECK(both == 0);
}

TEST_CASE("remove() removes a store with all its files, unless a writer has it open") {
    const ScratchDirectory scratch;
    auto notes = ten_notes(scratch / "c");
    CHECK(code_of([&] { return Notes::remove(scratch / "c"); }) == ErrorCode::locked);
    const auto reader = notes.snapshot();
    notes.close();
    CHECK(code_of([&] { return MmapVectorStore<2>::remove(scratch / "c" / "vectors"); }) == ErrorCode::type_mismatch);
    CHECK(Notes::remove(scratch / "c"));
    CHECK(std::filesystem::is_empty(scratch / "c"));
    CHECK_FALSE(Notes::remove(scratch / "c"));
    CHECK(reader.payload(0) == "note 0");

    { MmapVectorStore<2>::create(scratch / "v").append(point(1)); }
    { PayloadStore<std::string>::create(scratch / "p").push("x"); }
    CHECK(code_of([&] { return PayloadStore<std::string>::remove(scratch / "v"); }) == ErrorCode::type_mismatch);
    CHECK(MmapVectorStore<2>::remove(scratch / "v"));
    CHECK(PayloadStore<std::string>::remove(scratch / "p"));
    std::filesystem::remove(scratch / "c");
    CHECK(std::filesystem::is_empty(scratch.path()));
}

}  // namespace test_collection_transactions
