// One writer at a time, in all processes and threads; readers never block it.
#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/payload_store.hpp>

#include "another_process.hpp"
#include "catch.hpp"
#include "scratch.hpp"

namespace test_locks {

namespace {

using namespace mapvec;
using Store = MmapVectorStore<2>;

constexpr std::array<float, 2> row{1, 2};

// A store of one row, committed and open for writing.
Store with_a_row(const ScratchDirectory& directory) {
    auto store = Store::create(directory / "store");
    store.append(row);
    store.commit();
    return store;
}

int opens(const std::filesystem::path& path, OpenMode mode) {
    const auto code = code_of([&] { return Store::open(path, mode); });
    if (!code) return 0;
    return *code == ErrorCode::locked ? 1 : 2;
}

}  // namespace

TEST_CASE("a second writer in the same process is refused") {
    const ScratchDirectory directory;
    auto store = Store::create(directory / "store");
    REQUIRE(code_of([&] { return Store::open(directory / "store"); }) == ErrorCode::locked);
    REQUIRE(code_of([&] { return Store::open_or_create(directory / "store"); }) == ErrorCode::locked);
    store.append(row);
    store.close();
    REQUIRE(Store::open(directory / "store").size() == 1);
}

TEST_CASE("a second writer in another process is refused until the first is gone") {
    const ScratchDirectory directory;
    auto store = Store::create(directory / "store");
    REQUIRE(in_another_process([&] { return opens(directory / "store", OpenMode::read_write); }) == 1);
    store.close();
    REQUIRE(in_another_process([&] { return opens(directory / "store", OpenMode::read_write); }) == 0);
}

TEST_CASE("the lock of a writer that was killed is free at once") {
    const ScratchDirectory directory;
    Store::create(directory / "store").close();
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        auto store = Store::open(directory / "store");
        store.append(row);
        if (::write(pipe[1], "!", 1) != 1) std::_Exit(1);
        for (;;) ::pause();
    }
    char ready = 0;
    REQUIRE(::read(pipe[0], &ready, 1) == 1);
    CHECK(opens(directory / "store", OpenMode::read_write) == 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto store = Store::open(directory / "store");
    REQUIRE(store.size() == 0);  // the rows were not committed
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST_CASE("other code that opens and closes the file does not release the lock") {
    const ScratchDirectory directory;
    const auto store = Store::create(directory / "store");
    std::ifstream(directory / "store").get();
    const int handle = ::open((directory / "store").c_str(), O_RDWR);
    REQUIRE(handle >= 0);
    ::close(handle);
    CHECK(opens(directory / "store", OpenMode::read_write) == 1);
    REQUIRE(in_another_process([&] { return opens(directory / "store", OpenMode::read_write); }) == 1);
}

TEST_CASE("a second writer changes nothing, not even the size of a file") {
    const ScratchDirectory directory;
    auto store = PayloadStore<std::string>::create(directory / "store");
    store.push("one");
    const auto bytes = std::filesystem::file_size(directory / "store");
    REQUIRE(code_of([&] { return PayloadStore<std::string>::open(directory / "store"); }) == ErrorCode::locked);
    REQUIRE(std::filesystem::file_size(directory / "store") == bytes);
    store.commit();
    REQUIRE(store.fetch(0) == "one");
}

TEST_CASE("readers never block a writer, and a writer never blocks readers") {
    const ScratchDirectory directory;
    auto store = with_a_row(directory);
    auto reader = Store::open(directory / "store", OpenMode::read_only);
    auto copy = Store::open(directory / "store", OpenMode::copy_on_write);
    const std::array<float, 2> other{3, 4};
    for (int commits = 0; commits < 5; ++commits) {
        store.insert(0, other);
        store.append_rows(std::vector<float>(20'000, 5.0f));
        store.commit();
        REQUIRE(in_another_process([&] { return opens(directory / "store", OpenMode::read_only); }) == 0);
    }
    REQUIRE(reader.size() == 1);
    REQUIRE(reader[0][0] == 1);  // until refresh()
    REQUIRE(reader.refresh());
    REQUIRE(reader.size() == 50'001);
    REQUIRE(reader[0][0] == 3);
    REQUIRE(copy[0][0] == 1);
    store.close();
    REQUIRE(opens(directory / "store", OpenMode::read_write) == 0);  // beside the readers
}

TEST_CASE("a copy_on_write store keeps the state of its opening while a writer works") {
    const ScratchDirectory directory;
    auto store = with_a_row(directory);
    auto copy = Store::open(directory / "store", OpenMode::copy_on_write);
    store.insert(0, std::array<float, 2>{3, 4});
    store.commit();
    store.close();
    REQUIRE(copy[0][0] == row[0]);
    copy = {};
    REQUIRE(Store::open(directory / "store")[0][0] == 3);
}

TEST_CASE("a reader does not need write permission") {
    const ScratchDirectory directory;
    auto store = Store::create(directory / "store");
    store.append(row);
    store.close();
    std::filesystem::permissions(directory / "store", std::filesystem::perms::owner_read);
    auto reader = Store::open(directory / "store", OpenMode::read_only);
    REQUIRE(reader.size() == 1);
    REQUIRE(code_of([&] {
                reader.append(row);
                return 0;
            }) == ErrorCode::read_only);
    if (::geteuid() != 0) REQUIRE(code_of([&] { return Store::open(directory / "store"); }) == ErrorCode::read_only);
}
#endif

}  // namespace test_locks
