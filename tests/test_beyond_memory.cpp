// A file that is larger than memory is read a page at a time, and scans change that for the rows that they read. The
// advice changes no answer.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <mapvec/detail/platform/memory_limit.hpp>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/payload_store.hpp>
#include <mapvec/search_batch.hpp>
#include <mapvec/va_index.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"
#include "skip.hpp"

namespace test_beyond_memory {

using namespace mapvec;

namespace {

using Rows = MmapVectorStore<128>;

std::vector<float> some_rows(std::size_t count) {
    std::vector<float> rows(count * 128);
    std::uint32_t state = 1;
    for (float& value : rows) value = static_cast<float>((state = state * 1664525 + 1013904223) >> 16) / 65536.0f;
    return rows;
}

// Drops the pages of a file that is not mapped.
void drop(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::fsync(file);
    (void)::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
}
std::size_t resident_pages(const void* at, std::size_t n) {
    std::vector<unsigned char> pages((n + 4095) / 4096);
    const auto address = reinterpret_cast<std::uintptr_t>(at) / 4096 * 4096;
    if (::mincore(reinterpret_cast<void*>(address), n, pages.data()) != 0) return SIZE_MAX;
    return static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(), [](auto page) { return page & 1; }));
}

}  // namespace

TEST_CASE("with Access::random, a read of one row reads one page, and a scan reads them all") {
    const ScratchDirectory scratch;
    constexpr std::size_t bytes = 32'000 * 128 * sizeof(float);
    {
        auto writer = Rows::create(scratch / "v");
        writer.append_rows(some_rows(32'000));
    }
    drop(scratch / "v");
    const auto rows = Rows::open(scratch / "v", OpenMode::read_only, {.access = Access::random});
    CHECK(rows.access() == Access::random);
    const void* const first = rows.data().data();
    if (resident_pages(first, bytes) > 8) return skip("the file system keeps the pages of the file in memory");
    CHECK(rows[16'000][5] >= 0);
    CHECK(resident_pages(first, bytes) <= 8);
    (void)search(rows, KnnQuery{std::vector<float>(128), 3});
    CHECK(resident_pages(first, bytes) == bytes / 4096);
    // The scan has left the advice as it was.
    const void* const end = rows.data().data() + 128 * 31'000;
    ::madvise(const_cast<void*>(static_cast<const void*>(rows.data().data() - 1024)), bytes, MADV_DONTNEED);
    drop(scratch / "v");
    CHECK(rows[31'000][0] >= 0);
    CHECK(resident_pages(end, 900 * 512) <= 8);
}

TEST_CASE("every search gives the same hits with any advice") {
    const ScratchDirectory scratch;
    const auto query = some_rows(3);
    const std::span<const float> first = std::span(query).first(128);
    {
        auto writer = Rows::create(scratch / "v");
        writer.append_rows(some_rows(5000));
        auto index = VaIndex<>::create(scratch / "va", writer);
        writer.commit();
        index.update(writer);
    }
    const auto plain = Rows::open(scratch / "v", OpenMode::read_only);
    const auto rows = Rows::open(scratch / "v", OpenMode::read_only, {.access = Access::random});
    const auto index = VaIndex<>::open(scratch / "va", rows, OpenMode::read_only);
    const auto few = [](Id id) { return id % 7 == 0; };
    const auto many = [](Id id) { return id % 3 != 0; };
    const std::vector<Id> ids{4999, 3, 4, 5, 3};
    const KnnQuery nearest{first, 20};
    const auto expected = search(plain, nearest);
    CHECK(search(rows, nearest) == expected);
    CHECK(search(rows, nearest, {.threads = 2}) == expected);
    CHECK(search(rows, nearest, few) == search(plain, nearest, few));
    CHECK(search(rows, nearest, many) == search(plain, nearest, many));
    CHECK(search_ids(rows, ids, nearest) == search_ids(plain, ids, nearest));
    CHECK(search_batch(rows, query, 5) == search_batch(plain, query, 5));
    CHECK(index.search(rows, nearest) == expected);
    const DiskQuery disk{first, expected.back().distance()};
    CHECK(index.search(rows, disk) == search(plain, disk));
    rows.verify();
}

TEST_CASE("overlaid rows, appended rows and payloads are read with Access::random as with any other advice") {
    const ScratchDirectory scratch;
    auto rows = Rows::create(scratch / "v", {.access = Access::random});
    rows.append_rows(some_rows(4000));
    rows.commit();
    const std::vector<float> nines(128, 9.0f);
    rows.insert(17, nines);
    rows.append(nines);
    const auto found = search(rows, KnnQuery{nines, 2});
    CHECK(found[0].id == 17);
    CHECK(found[1].id == 4000);
    auto texts = PayloadStore<std::string>::create(scratch / "t", {.access = Access::random});
    for (int i = 0; i < 600; ++i) texts.push(std::string(static_cast<std::size_t>(i) * 20, 'x'));
    const std::vector<Id> ids{599, 0, 3, 300};
    const auto values = texts.fetch_many(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) CHECK(values[i].size() == ids[i] * 20);
}

TEST_CASE("the limit of memory is the lowest of all groups above the process, in both versions of control groups") {
    using namespace detail::platform;
    const ScratchDirectory scratch;
    const std::string root = scratch.path().string();
    const auto put = [&](const std::string& path, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
        std::ofstream(root + path) << text;
    };
    put("/memory.max", "7000\n");
    put("/a/memory.max", "300\n");
    put("/a/b/memory.max", "max\n");
    put("/memory/c/memory.limit_in_bytes", "500\n");
    CHECK(limit_of_group("0::/a/b", root) == 300);
    CHECK(limit_of_group("0::/elsewhere", root) == 7000);
    CHECK(limit_of_group("4:cpu,memory:/c/d", root) == 500);
    CHECK(limit_of_group("4:cpu:/c", root) == UINT64_MAX);
    CHECK(limit_of_group("no group", root) == UINT64_MAX);
    CHECK(memory_limit() > 1 << 20);
    CHECK(memory_limit() < UINT64_MAX);
}

}  // namespace test_beyond_memory
