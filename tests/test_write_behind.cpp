// The background thread that writes appended blocks has no visible effect: not on writes, cuts and moves in
// between, not on the next owner of the file descriptor, not on a child process that continues. It does not run if it
// is disabled. Each test gives it work and interferes before the work is done.
#if defined(__linux__)
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <optional>
#include <string>
#include <vector>

#include "another_process.hpp"
#include "catch.hpp"
#include "scratch.hpp"

namespace test_write_behind {

using namespace mapvec;

namespace {

constexpr std::size_t mebibyte = 1 << 20, window = mapvec::detail::AppendWindow::block;

std::vector<std::byte> pages_of(int value, std::size_t bytes) {
    return std::vector<std::byte>(bytes, std::byte(value));
}

// Streams until the helper has just got as much work as it may have.
std::uint64_t stream_until_helped(MappedFile& file, std::uint64_t at, std::span<const std::byte> piece) {
    const std::uint64_t last_boundary = (at + window - 1) / window * window + 24 * window;
    if (file.size() < last_boundary + 8 * mebibyte) file.resize(last_boundary + 8 * mebibyte);
    file.sync();
    for (; at <= last_boundary; at += piece.size()) file.stream(at, piece);
    return at;
}

// Waits long enough for a faulty helper to do damage.
void wait_for_helper() { ::usleep(5'000); }

std::size_t threads_of_this_process() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "Threads:") return status >> word ? std::stoul(word) : 0;
    return 0;
}

}  // namespace

TEST_CASE("bytes that are written while the helper works are kept", "[threads]") {
    const ScratchDirectory scratch;
    auto file = MappedFile::create(scratch / "f", pages_of(1, 4096), {});
    const bool streamed = GENERATE(false, true), far = streamed || GENERATE(false, true);
    const auto small = pages_of(1, 1000), more = pages_of(1, far ? 1 : 3 * mebibyte);
    std::uint64_t end = 4096;
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t begin = end;
        const std::uint64_t at = stream_until_helped(file, begin, small);
        end = far ? at + 3 * window : at;  // behind a gap, in the helper's last window
        streamed ? file.stream(end, more) : file.write(end, more);
        wait_for_helper();
        REQUIRE(std::memchr(file.data() + end, 0, more.size()) == nullptr);
        REQUIRE(std::memchr(file.data() + begin, 0, at - begin) == nullptr);
        end += more.size();
    }
}

TEST_CASE("a file that is cut while the helper works stays short", "[threads]") {
    const ScratchDirectory scratch;
    auto file = MappedFile::create(scratch / "f", pages_of(1, 4096), {});
    std::uint64_t end = 4096;
    for (int round = 0; round < 10; ++round) {
        end = stream_until_helped(file, end, pages_of(1, 1000));
        file.resize(end);
        wait_for_helper();
        REQUIRE(std::filesystem::file_size(scratch / "f") == end);
        REQUIRE(std::memchr(file.data(), 0, end) == nullptr);
    }
}

TEST_CASE("the helper stops using a file before another is assigned to it", "[threads]") {
    const ScratchDirectory scratch;
    for (int round = 0; round < 10; ++round) {
        (void)MappedFile::create(scratch / "other", pages_of(7, 16 * mebibyte), {});
        auto next = MappedFile::create(scratch / "next", pages_of(7, 4096), {});
        auto file = MappedFile::create(scratch / "f", pages_of(1, 4096), {});
        (void)stream_until_helped(file, 4096, pages_of(1, 1000));
        file = std::move(next);
        const auto other = MappedFile::open(scratch / "other", OpenMode::read_write, {});  // with the same descriptor
        wait_for_helper();
        REQUIRE(std::memchr(other.data(), 0, other.size()) == nullptr);
        for (const char* name : {"f", "other", "next"}) MappedFile::remove(scratch / name);
    }
}

// Tests WriteBehind itself: unmapping the streamed pages takes longer than the helper needs to do damage.
TEST_CASE("the helper does not use a file after the destructor", "[threads]") {
    const ScratchDirectory scratch;
    (void)MappedFile::create(scratch / "other", pages_of(7, 4 * mebibyte), {});
    for (int round = 0; round < 30; ++round) {
        const int file = ::open((scratch / "f").c_str(), O_RDWR | O_CREAT, 0600);
        REQUIRE(file >= 0);
        const std::vector<std::byte> zeros(4 * window);
        std::optional<mapvec::detail::WriteBehind> behind(std::in_place);
        for (std::size_t i = 0; i < 4; ++i) behind->post(file, i * window, zeros.data() + i * window, window);
        behind.reset();
        ::close(file);
        const auto other = MappedFile::open(scratch / "other", OpenMode::read_write, {});  // with the same descriptor
        wait_for_helper();
        REQUIRE(std::memchr(other.data(), 0, other.size()) == nullptr);
    }
}

TEST_CASE("a file that moves while the helper works can be written further", "[threads]") {
    const ScratchDirectory scratch;
    auto file = MappedFile::create(scratch / "f", pages_of(1, 4096), {});
    std::uint64_t end = 4096;
    for (int round = 0; round < 10; ++round) {
        end = stream_until_helped(file, end, pages_of(1, 999));
        MappedFile moved = std::move(file);
        for (int i = 0; i < 3'000; ++i, end += 999) moved.stream(end, pages_of(1, 999));
        file = std::move(moved);
    }
    REQUIRE(std::memchr(file.data(), 0, end) == nullptr);
}

TEST_CASE("a child process continues a store that its parent left while appending") {
    using Store = MmapVectorStore<128>;
    const auto append = [](Store& store, std::size_t rows) {
        for (std::array<float, 128> row; rows > 0; --rows) {
            row.fill(static_cast<float>(store.size() + 1));
            store.append(row);
        }
    };
    for (int round = 0; round < 30; ++round) {
        const ScratchDirectory scratch;
        const std::size_t rows = 10'000 + static_cast<std::size_t>(round) * 97;
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        REQUIRE(in_another_process([&] {
                    auto store = Store::create(scratch / "store");
                    append(store, rows);
                    if (::fork() != 0) std::_Exit(0);  // at once, so that the work of the helper is never done
                    append(store, 6'000);
                    store.close();
                    return ::write(ends[1], "x", 1) == 1 ? 0 : 1;
                }) == 0);
        char done = 0;
        ::close(ends[1]);
        REQUIRE(::read(ends[0], &done, 1) == 1);
        ::close(ends[0]);
        const auto store = Store::open(scratch / "store", OpenMode::read_only);
        REQUIRE(store.size() == rows + 6'000);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < store.size(); ++i)
            for (const float value : store[i]) wrong += value != static_cast<float>(i + 1);
        REQUIRE(wrong == 0);
        store.verify();
    }
}

TEST_CASE("a helper thread starts only for long runs of small appends, and only if it is allowed") {
    const auto threads_after = [](std::size_t rows, bool commit_often, bool helper) {
        return in_another_process([&] {
            const ScratchDirectory scratch;
            auto store = MmapVectorStore<128>::create(scratch / "store", {.helper_thread = helper});
            const std::vector<float> row(128, 1.0f);
            for (std::size_t i = 0; i < rows; ++i) {
                store.append(row);
                if (commit_often && i % 4'000 == 0) store.commit();
            }
            return static_cast<int>(threads_of_this_process());
        });
    };
    CHECK(threads_after(5'000, false, true) == 1);
    CHECK(threads_after(40'000, false, false) == 1);
    CHECK(threads_after(40'000, true, true) == 1);
    if (mapvec::detail::core_count() > 1) CHECK(threads_after(40'000, false, true) == 2);
}
#endif

}  // namespace test_write_behind
