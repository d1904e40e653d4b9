// Names: the files of a store, its journals, its locks. A name can change its meaning while a store is open.
//
//   chdir, links      commits are found under every name of the file, in every working directory
//   renamed, removed  a commit that needs no journal succeeds, others throw, and journals of other stores do not change
//   fork              a child that only exits commits nothing and keeps no lock
//   long names        are refused when a store is created, not when it is committed
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <optional>
#include <string>

#include "another_process.hpp"
#include "catch.hpp"
#include "scratch.hpp"

namespace test_names {

namespace {

using namespace mapvec;
using Store = MmapVectorStore<2>;
using Named = Collection<2, std::string>;

constexpr std::array<float, 2> row{1, 2}, other{3, 4};

// Changes the working directory, and restores it.
class WorkingDirectory {
  public:
    explicit WorkingDirectory(const std::filesystem::path& path) { std::filesystem::current_path(path); }
    WorkingDirectory(const WorkingDirectory&) = delete;
    WorkingDirectory& operator=(const WorkingDirectory&) = delete;
    ~WorkingDirectory() { std::filesystem::current_path(before_); }

  private:
    std::filesystem::path before_ = std::filesystem::current_path();
};

// As after a kill of the process: only commits remain.
template <class Opened>
void abandon(Opened opened) {
    try {
        const Opened dropped = std::move(opened);
        throw 0;
    } catch (int) {
    }
}

// An appended row and an overwritten one, which goes to the journal.
void change(Store& store) {
    store.append(row);
    store.insert(0, other);
    store.commit();
}

}  // namespace

TEST_CASE("a store opened by a relative path stays where it is when the process goes elsewhere") {
    const ScratchDirectory scratch;
    std::filesystem::create_directories(scratch / "here");
    std::filesystem::create_directories(scratch / "there");
    std::optional<Store> store;
    std::optional<Store> reader;
    {
        const WorkingDirectory here(scratch / "here");
        store = Store::create("store");
        change(*store);
        reader = Store::open("store", OpenMode::read_only);
    }
    {
        const WorkingDirectory there(scratch / "there");
        for (int i = 0; i < 3; ++i) change(*store);
        CHECK(reader->refresh());
        CHECK(reader->size() == 4);
        CHECK((*reader)[0][0] == other[0]);
        abandon(std::move(*store));
        CHECK(std::filesystem::is_empty("."));
    }
    CHECK(Store::open(scratch / "here" / "store").size() == 4);
}

TEST_CASE("a store opened by a link has its journals beside the file itself") {
    const ScratchDirectory scratch;
    std::filesystem::create_directories(scratch / "data");
    { Store::create(scratch / "data" / "store").append(row); }
    std::filesystem::create_symlink(scratch / "data" / "store", scratch / "link");
    std::filesystem::create_directory_symlink(scratch / "data", scratch / "directory");
    for (const auto& name : {scratch / "link", scratch / "directory" / "store"}) {
        const std::size_t before = Store::open(scratch / "data" / "store").size();
        auto store = Store::open(name);
        for (int i = 0; i < 3; ++i) change(store);
        std::filesystem::remove(scratch / "directory");
        std::filesystem::create_directory_symlink(scratch / "elsewhere", scratch / "directory");
        change(store);
        CHECK(Store::open(scratch / "data" / "store", OpenMode::read_only).size() == before + 4);
        abandon(std::move(store));
        CHECK(Store::open(scratch / "data" / "store").size() == before + 4);
        std::filesystem::remove(scratch / "directory");
        std::filesystem::create_directory_symlink(scratch / "data", scratch / "directory");
    }
}

TEST_CASE(
    "a store that was renamed while it is open commits without a journal or not, and leaves its successor alone") {
    const ScratchDirectory scratch;
    auto old = Named::create(scratch / "new");
    old.append(row, "old");
    old.commit();
    std::filesystem::rename(scratch / "new", scratch / "live");
    auto next = Named::create(scratch / "new");
    for (int i = 0; i < 5; ++i) {
        next.append(row, "next");
        next.commit();
    }
    old.append(row, "appended");
    old.commit();
    old.erase(0);
    old.commit();
    old.update(1, other, "lost");
    CHECK(code_of([&] { old.commit(); }) == ErrorCode::io);
    CHECK(code_of([&] { old.close(); }) == ErrorCode::io);
    old = Named();
    for (int i = 0; i < 5; ++i) {
        next.append(row, "next");
        next.commit();
    }
    abandon(std::move(next));
    CHECK(Named::open(scratch / "new").size() == 10);
    const auto live = Named::open(scratch / "live");
    CHECK(live.size() == 1);
    CHECK(live.payload(1) == "appended");
}

TEST_CASE("a store of one file may be renamed or removed while rows are appended to it") {
    const ScratchDirectory scratch;
    auto store = Store::create(scratch / "old");
    std::filesystem::rename(scratch / "old", scratch / "new");
    for (int i = 0; i < 3; ++i) {
        store.append(row);
        store.commit();
    }
    abandon(std::move(store));
    store = Store::open(scratch / "new");
    CHECK(store.size() == 3);
    std::filesystem::remove(scratch / "new");
    store.append(row);
    store.commit();
    store.close();
    CHECK(std::filesystem::is_empty(scratch.path()));
}

TEST_CASE("a store whose files were removed closes, and leaves the journals of a new one alone") {
    const ScratchDirectory scratch;
    auto first = Named::create(scratch / "store");
    first.append(row, "first");
    first.commit();
    std::filesystem::remove_all(scratch / "store");
    auto second = Named::create(scratch / "store");
    for (int i = 0; i < 6; ++i) {
        second.append(row, "second");
        second.commit();
    }
    first.close();  // its journal is not written back
    abandon(std::move(second));
    CHECK(Named::open(scratch / "store").size() == 6);
}

TEST_CASE("a name too long for its journal is refused when the store is created") {
    const ScratchDirectory scratch;
    for (const std::size_t length : {std::size_t{247}, std::size_t{250}, std::size_t{255}}) {
        const std::string name(length, 'n');
        CHECK(code_of([&] { return Store::create(scratch / name.c_str()); }) == ErrorCode::invalid_argument);
        CHECK(std::filesystem::is_empty(scratch.path()));
    }
    const std::string name(246, 'n');
    auto store = Store::create(scratch / name.c_str());
    change(store);
    abandon(std::move(store));
    CHECK(Store::open(scratch / name.c_str()).size() == 1);
}

TEST_CASE("open_or_create reports a file that has the journal's name, after an unfinished creation") {
    const ScratchDirectory scratch;
    { Store::create(scratch / "store"); }
    std::fstream file(scratch / "store", std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(detail::slot_offset(0)));
    file << std::string(2 * sizeof(Slot), '\0');
    file.close();
    std::ofstream(scratch / "store.journal0") << "a stranger's";
    CHECK(code_of([&] { return Store::open_or_create(scratch / "store"); }) == ErrorCode::exists);
}

TEST_CASE("a child process that only exits commits nothing of its parent") {
    const ScratchDirectory scratch;
    auto store = Store::create(scratch / "store");
    store.append(row);
    store.commit();
    store.append(other);
    const pid_t child = ::fork();
    if (child == 0) {
        { const Store ended = std::move(store); }  // as a static one does at exit()
        std::_Exit(0);
    }
    ::waitpid(child, nullptr, 0);
    for (int i = 0; i < 20'000; ++i) store.append(row);  // into room that is still there
    abandon(std::move(store));
    CHECK(Store::open(scratch / "store").size() == 1);
}

TEST_CASE("a child process that does not use a store keeps no lock") {
    const ScratchDirectory scratch;
    std::optional<Store> store = Store::create(scratch / "store");
    std::optional<Store> reader = Store::open(scratch / "store", OpenMode::read_only);
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        std::_Exit(0);
    }
    reader.reset();
    store.reset();
    store = Store::open(scratch / "store");
    change(*store);
    store->close();
    CHECK_FALSE(std::filesystem::exists(scratch / "store.journal0"));  // no reader was in the way
    CHECK_FALSE(std::filesystem::exists(scratch / "store.journal1"));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

}  // namespace test_names
