// A full disk, a quota or a limit gives no_space. The store does not change, and continues when there is room.
#if defined(__linux__)
#include <sys/resource.h>

#include <mapvec/collection.hpp>
#include <string>
#include <vector>

#include "another_process.hpp"
#include "catch.hpp"
#include "mounted_disk.hpp"
#include "scratch.hpp"
#include "skip.hpp"

namespace test_full_disk {

namespace {

using namespace mapvec;

// Runs the checks in a child process with a limit on the size of files; its exit code is their result.
template <class Checks>
int with_file_size_limit(rlim_t bytes, Checks checks) {
    return in_another_process([&] {
        const rlimit limit{bytes, bytes};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        return checks();
    });
}

std::vector<float> row_of(std::size_t n) { return std::vector<float>(1000, static_cast<float>(n)); }

// Appends until no_space; returns the number of rows.
template <class Store>
std::size_t append_until_full(Store& store, std::size_t most = 100'000) {
    while (store.size() < most) {
        const std::size_t before = store.size();
        try {
            store.append(row_of(before));
        } catch (const Error& error) {
            if (error.code() != ErrorCode::no_space || store.size() != before) return 0;
            return before;
        }
    }
    return 0;
}
template <class Store>
bool rows_are_whole(const Store& store) {
    for (std::size_t i = 0; i < store.size(); ++i)
        if (store[i][0] != static_cast<float>(i) || store[i][999] != static_cast<float>(i)) return false;
    return true;
}

}  // namespace

TEST_CASE(
    "on a full disk each growth throws no_space, the store does not change, and it continues when there is room") {
    const SmallDisk disk(16 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    auto store = MmapVectorStore<1000>::create(disk / "store", {.initial_capacity = 1});
    store.append(row_of(0));
    store.commit();
    for (const std::size_t leave : {0u, 4096u, 100'000u, 1'000'000u}) {
        disk.fill(leave);
        const std::size_t rows = append_until_full(store);
        REQUIRE(rows > 0);
        REQUIRE(rows_are_whole(store));
        REQUIRE(code_of([&] {
                    store.reserve(100'000);
                    return 0;
                }) == ErrorCode::no_space);
        REQUIRE(code_of([&] {
                    store.append_rows(std::vector<float>(8'000'000));
                    return 0;
                }) == ErrorCode::no_space);
        REQUIRE(store.size() == rows);
        store.verify();
        disk.free();
        store.append(row_of(rows));
        store.commit();
        store.verify();
    }
    const std::size_t rows = store.size();
    store.close();
    const auto again = MmapVectorStore<1000>::open(disk / "store");
    REQUIRE(again.size() == rows);
    REQUIRE(rows_are_whole(again));
    again.verify();
}

TEST_CASE("a reader can open a store whose journal could not grow on a full disk") {
    const SmallDisk disk(4 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    auto store = MmapVectorStore<1000>::create(disk / "store");
    for (std::size_t i = 0; i < 20; ++i) store.append(row_of(i));
    store.commit();
    store.insert(0, row_of(0));
    store.commit();
    disk.fill(64 << 10);
    const auto full = code_of([&] {
        for (std::size_t i = 0; i < 2000; ++i) store.insert(i % 20, row_of(i % 20)), store.commit();
        return 0;
    });
    REQUIRE(full == ErrorCode::no_space);
    disk.fill();
    CHECK(in_another_process([&] {
              const auto reader = MmapVectorStore<1000>::open(disk / "store", OpenMode::read_only);
              return reader.size() == 20 && rows_are_whole(reader) ? 0 : 1;
          }) == 0);
    disk.free();
    store.commit();
    CHECK(rows_are_whole(store));
}

TEST_CASE("a commit on a full disk loses nothing and succeeds later") {
    const SmallDisk disk(16 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    auto store = Collection<2, std::string>::create(disk / "store");
    const std::vector<float> vector{1, 2};
    for (int i = 0; i < 500; ++i) store.append(vector, "record " + std::to_string(i));
    store.commit();
    disk.fill();
    std::size_t failures = 0;
    for (std::size_t i = 0; i < 200; ++i) {
        const std::size_t size = store.size();
        try {
            store.update(i, vector, std::string(3000, 'x'));
            store.commit();
        } catch (const Error& error) {
            REQUIRE(error.code() == ErrorCode::no_space);
            ++failures;
        }
        REQUIRE(store.size() == size);
    }
    REQUIRE(failures > 0);
    store.verify();
    disk.free();
    store.append(vector, "the last");
    store.commit();
    store.close();
    const auto again = Collection<2, std::string>::open(disk / "store");
    REQUIRE(again.payload(500) == "the last");
    REQUIRE(again.payload(499) == "record 499");
    again.verify();
}

TEST_CASE("writing into a gap of insert() on a full disk is an Error, not a signal") {
    const SmallDisk disk(8 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    auto store = MmapVectorStore<1000>::create(disk / "store", {.initial_capacity = 1});
    store.insert(10'000, row_of(1));  // a hole of 40 MB
    disk.fill();
    std::size_t failures = 0;
    for (std::size_t id = 0; id < 10'000; id += 97)
        failures += code_of([&] { return store.insert(id, row_of(2)), 0; }) == ErrorCode::no_space ? 1u : 0u;
    REQUIRE(failures > 100);
    disk.free();
    store.insert(97, row_of(97));
    store.insert(5000, row_of(5000));
    REQUIRE(store[97][999] == 97);
    REQUIRE(store[98][0] == 0);
    store.reserve(10'100);
}

TEST_CASE("creating on a full disk leaves nothing behind") {
    const SmallDisk disk(1 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    disk.fill();
    REQUIRE(code_of([&] { return MmapVectorStore<4>::create(disk / "store"); }) == ErrorCode::no_space);
    disk.free();
    MmapVectorStore<4>::create(disk / "store").close();
    REQUIRE(MmapVectorStore<4>::open(disk / "store").empty());
}

TEST_CASE("a limit on the size of files is no_space, not a signal; without the limit the store continues") {
    const ScratchDirectory directory;
    const auto path = directory / "store";
    const int result = with_file_size_limit(3 << 20, [&] {
        auto store = MmapVectorStore<1000>::create(path, {.initial_capacity = 1});
        const std::size_t rows = append_until_full(store);
        if (rows == 0 || !rows_are_whole(store)) return 1;
        if (code_of([&] {
                store.insert(1'000'000, row_of(1));
                return 0;
            }) != ErrorCode::no_space)
            return 2;
        if (code_of([&] {
                store.append_rows(std::vector<float>(4'000'000));
                return 0;
            }) != ErrorCode::no_space)
            return 3;
        store.commit();
        store.insert(0, row_of(0));
        store.commit();
        store.verify();
        store.close();
        return store.size() == 0 ? 0 : 4;
    });
    REQUIRE(result == 0);
    auto store = MmapVectorStore<1000>::open(path);
    const std::size_t rows = store.size();
    REQUIRE(rows > 600);
    REQUIRE(rows_are_whole(store));
    store.append(row_of(rows));
    store.commit();
    store.verify();
}

TEST_CASE("a payload that does not fit on the disk does not change the records") {
    const ScratchDirectory directory;
    const int result = with_file_size_limit(2 << 20, [&] {
        auto store = PayloadStore<std::string>::create(directory / "store");
        const std::string record(10'000, 'r');
        std::size_t pushed = 0;
        while (pushed < 1000 && !code_of([&] { return store.push(record); })) ++pushed;
        if (pushed < 100 || pushed == 1000 || store.size() != pushed) return 1;
        if (code_of([&] {
                store.update(0, record);
                return 0;
            }) != ErrorCode::no_space)
            return 2;
        if (store.fetch(0) != record || store.fetch(pushed - 1) != record) return 3;
        store.verify();
        store.commit();
        store.close();
        return 0;
    });
    REQUIRE(result == 0);
    auto store = PayloadStore<std::string>::open(directory / "store");
    store.push("more");
    store.commit();
    store.verify();
}
#endif

}  // namespace test_full_disk
