// Readers and writers notice that their files were replaced or removed, and report it.
#include <sys/mount.h>

#include <array>
#include <fstream>
#include <iterator>
#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <string>

#include "catch.hpp"
#include "scratch.hpp"
#include "skip.hpp"

namespace test_replaced {

using namespace mapvec;

namespace {

namespace fs = std::filesystem;
using Store = MmapVectorStore<2>;

std::array<float, 2> row(float x) { return {x, -x}; }
std::string bytes_in(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}
void make(const fs::path& path, float x) {
    auto store = Store::create(path);
    store.append(row(x));
    store.close();
}
Store reader_of(const fs::path& path) { return Store::open(path, OpenMode::read_only); }

// A file system that the destructor unmounts; `mounted` is false if mounting is not allowed.
struct Mount {
    Mount(const char* type, fs::path at, const std::string& data) : path(std::move(at)) {
        mounted = ::mount(type, path.c_str(), type, 0, data.c_str()) == 0;
    }
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;
    ~Mount() {
        if (mounted) ::umount2(path.c_str(), MNT_DETACH);
    }
    fs::path path;
    bool mounted = false;
};

}  // namespace

TEST_CASE("refresh() of a reader reports that its store was removed and created again") {
    const ScratchDirectory scratch;
    make(scratch / "v", 1);
    auto reader = reader_of(scratch / "v");
    fs::remove(scratch / "v");
    CHECK_FALSE(reader.refresh());  // no process can commit to it
    make(scratch / "v", 2);
    for (int tries = 0; tries < 2; ++tries) CHECK(code_of([&] { reader.refresh(); }) == ErrorCode::replaced);
    CHECK(reader[0][0] == 1);
    CHECK(reader_of(scratch / "v")[0][0] == 2);
}

TEST_CASE("a reader reports that an older copy replaced its store, as another file and in place") {
    const ScratchDirectory scratch;
    make(scratch / "v", 1);
    const std::string backup = bytes_in(scratch / "v");
    {
        auto writer = Store::open(scratch / "v");
        writer.append(row(2));
    }
    auto reader = reader_of(scratch / "v");
    CHECK(reader.size() == 2);
    std::fstream(scratch / "v", std::ios::binary | std::ios::in | std::ios::out)
        .write(backup.data(), static_cast<std::streamsize>(backup.size()));
    CHECK(code_of([&] { reader.refresh(); }) == ErrorCode::replaced);

    reader = reader_of(scratch / "v");
    CHECK(reader.size() == 1);
    std::ofstream(scratch / "copy", std::ios::binary).write(backup.data(), static_cast<std::streamsize>(backup.size()));
    fs::rename(scratch / "copy", scratch / "v");
    CHECK(code_of([&] { reader.refresh(); }) == ErrorCode::replaced);
}

TEST_CASE("a reader of a collection reports that it was created again") {
    using Rows = Collection<2, std::string>;
    const ScratchDirectory scratch;
    { Rows::create(scratch / "c").append(row(1), "one"); }
    auto reader = Rows::open(scratch / "c", OpenMode::read_only);
    fs::remove_all(scratch / "c");
    { Rows::create(scratch / "c").append(row(2), "two"); }
    CHECK(code_of([&] { reader.refresh(); }) == ErrorCode::replaced);
    CHECK(reader.payload(0) == "one");
}

TEST_CASE("a reader reports that overlayfs has copied its store") {
    const ScratchDirectory scratch;
    fs::create_directory(scratch / "t");
    const Mount base("tmpfs", scratch / "t", "");
    const auto in = [&](const char* name) { return (scratch / "t" / name).string(); };
    for (const char* name : {"lower", "upper", "work", "merged"})
        if (base.mounted) fs::create_directory(in(name));
    if (base.mounted) make(in("lower") + "/v", 1);
    const Mount overlay("overlay", in("merged"),
                        "lowerdir=" + in("lower") + ",upperdir=" + in("upper") + ",workdir=" + in("work"));
    if (!overlay.mounted) return skip("no overlayfs can be mounted here");
    auto reader = reader_of(in("merged") + "/v");
    CHECK_FALSE(reader.refresh());
    {
        auto writer = Store::open(in("merged") + "/v");
        writer.append(row(2));
        writer.commit();
        CHECK(code_of([&] { reader.refresh(); }) == ErrorCode::replaced);
    }
    CHECK(reader_of(in("merged") + "/v").size() == 2);
}

TEST_CASE("a commit whose journal was removed or replaced uses none, and loses nothing") {
    for (const bool replace : {false, true}) {
        const ScratchDirectory scratch;
        fs::create_directory(scratch / "d");
        auto writer = Store::create(scratch / "d" / "v");
        for (int i = 0; i < 10; ++i) writer.append(row(1));
        writer.commit();
        for (int i = 0; i < 5; ++i) writer.insert(static_cast<Id>(i), row(2)), writer.commit();
        for (const char* name : {"v.journal0", "v.journal1"}) {
            const bool there = fs::remove(scratch / "d" / name);
            if (there && replace) std::ofstream(scratch / "d" / name) << std::string(4096, '\0');
        }
        writer.insert(9, row(3));
        writer.commit();
        fs::copy(scratch / "d", scratch / "killed");
        const auto store = Store::open(scratch / "killed" / "v");
        CHECK(store[4][0] == 2);
        CHECK(store[9][0] == 3);
        store.verify();
    }
}

}  // namespace test_replaced
