// Real file systems, mounted from images: a full disk where written pages need new blocks, and a disk that fails while
// a store is open. Each is an Error, never a signal, and no commit is lost.
#if defined(__linux__)
#include <mapvec/mmap_vector_store.hpp>
#include <vector>

#include "another_process.hpp"
#include "catch.hpp"
#include "mounted_disk.hpp"
#include "scratch.hpp"
#include "skip.hpp"

namespace test_disks {
namespace {

using namespace mapvec;

using Store = MmapVectorStore<64>;

constexpr std::size_t mebibyte = 1 << 20;

std::vector<float> row_of(std::size_t n) { return std::vector<float>(64, static_cast<float>(n)); }

void append_rows(Store& store, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) store.append(row_of(store.size()));
}
bool rows_are_whole(const Store& store) {
    for (std::size_t i = 0; i < store.size(); ++i)
        if (store[i][0] != static_cast<float>(i) || store[i][63] != static_cast<float>(i)) return false;
    return true;
}
// Appends until an error, or `most` rows; returns its code.
std::optional<ErrorCode> append_until_error(Store& store, std::size_t most) {
    return code_of([&] { return append_rows(store, most), 0; });
}

// Another file with the same blocks: what is written to either needs new ones.
bool share_blocks(const std::filesystem::path& file, const std::filesystem::path& copy) {
    const int from = ::open(file.c_str(), O_RDONLY), to = ::open(copy.c_str(), O_CREAT | O_WRONLY, 0644);
    const bool shared = ::ioctl(to, _IOW(0x94, 9, int), from) == 0;  // FICLONE; <linux/fs.h> contradicts <sys/mount.h>
    ::close(from);
    ::close(to);
    return shared;
}

// In a child process, because a signal would end it. Returns 0 if all is well.
int append_on_full_disk(const LoopDisk& disk, bool reflinked) {
    auto store = Store::create(disk / "store", {.initial_capacity = 100'000});
    append_rows(store, 100);
    store.commit();
    if (reflinked && !share_blocks(disk / "store", disk / "copy")) return 1;
    disk.fill();
    if (append_until_error(store, 500'000) != ErrorCode::no_space) return 2;
    const std::size_t rows = store.size();
    if (rows < 100 || !rows_are_whole(store)) return 3;
    disk.free();
    append_rows(store, 1000);
    store.commit();
    store.verify();
    return store.size() == rows + 1000 && rows_are_whole(store) ? 0 : 4;
}

// In a child process. Returns 0 if a sync has failed, so that the store refuses to commit, and all else is well.
template <class Fail>
int work_while_disk_fails(const LoopDisk& disk, Fail fail) {
    auto store = Store::create(disk / "store");
    append_rows(store, 100);
    store.commit();
    if (!fail()) return 1;
    for (int tries = 0; tries < 20; ++tries) {
        const auto appended = append_until_error(store, 10'000);
        if (appended && *appended != ErrorCode::io && *appended != ErrorCode::no_space) return 2;
        if (!rows_are_whole(store)) return 3;
        const auto committed = code_of([&] {
            if (appended) store.insert(0, row_of(0));  // so that there is something to commit
            return store.commit(), 0;
        });
        if (!committed) continue;
        if (*committed != ErrorCode::io && *committed != ErrorCode::no_space) return 4;
        const auto closed = code_of([&] { return store.close(), 0; });  // io after any failed sync
        return closed == ErrorCode::io ? 0 : 5;
    }
    return 6;
}

void check_after_restart(LoopDisk& disk) {
    disk.mount_again();
    REQUIRE(disk.mounted());
    auto store = Store::open(disk / "store");
    CHECK(store.size() >= 100);
    CHECK(rows_are_whole(store));
    store.verify();
    append_rows(store, 10);
    store.commit();
}

}  // namespace

TEST_CASE("an append on a full copy-on-write file system is no_space, and the store continues when there is room") {
    const ScratchDirectory directory;
    const LoopDisk disk("mkfs.btrfs -q", directory / "image", 160 * mebibyte);
    if (!disk.mounted()) return skip("no btrfs can be mounted here");
    CHECK(in_another_process([&] { return append_on_full_disk(disk, false); }) == 0);
}

TEST_CASE("an append to a file that shares its blocks with a copy is no_space on a full disk") {
    const ScratchDirectory directory;
    const LoopDisk disk("mkfs.xfs -q -m reflink=1", directory / "image", 304 * mebibyte);
    if (!disk.mounted()) return skip("no XFS can be mounted here");
    CHECK(in_another_process([&] { return append_on_full_disk(disk, true); }) == 0);
}

TEST_CASE("a disk that fails while a store is open is io, and no commit is lost") {
    const ScratchDirectory directory;
    for (const char* make : {"mkfs.ext4 -q", "mkfs.xfs -q"}) {
        LoopDisk disk(make, directory / "image", 304 * mebibyte);
        if (!disk.mounted()) return skip("no ext4 or XFS can be mounted here");
        CHECK(in_another_process([&] { return work_while_disk_fails(disk, [&] { return disk.fail(); }); }) == 0);
        check_after_restart(disk);
    }
}

TEST_CASE("a disk that cannot write some blocks while a store is open is an Error, and no commit is lost") {
    const SmallDisk memory(32 * mebibyte);
    if (!memory.mounted()) return skip("no file system can be mounted here");
    LoopDisk disk("mkfs.ext4 -q", memory / "image", 256 * mebibyte);  // its blocks do not all fit into memory
    if (!disk.mounted()) return skip("no ext4 can be mounted here");
    const auto fail = [&] { return memory.fill(), true; };
    CHECK(in_another_process([&] { return work_while_disk_fails(disk, fail); }) == 0);
    memory.free();
    check_after_restart(disk);
}
}  // namespace test_disks
#endif
