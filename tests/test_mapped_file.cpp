// MappedFile is a Storage: file and view agree, growth keeps addresses, overlays do not reach the file.
//
//   create          the file appears complete or not at all, and never replaces another
//   resize          grows in place (or moves and keeps old views), shrinks; new bytes are zero
//   write, stream   visible through data() and to other processes
//   overlay         visible through data() only, until dropped
//   temporary       has no name
#include <array>
#include <cstring>
#include <fstream>
#include <mapvec/collection.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <random>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

#if !defined(_WIN32)
#include <sys/stat.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/resource.h>

#include <thread>

#include "another_process.hpp"
#endif

namespace test_mapped_file {

using namespace mapvec;

namespace {

std::vector<std::byte> bytes(std::size_t n, int value) { return std::vector<std::byte>(n, std::byte(value)); }

std::string content(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("create makes a complete file and does not change an existing one") {
    const ScratchDirectory scratch;
    {
        const auto file = MappedFile::create(scratch / "f", bytes(100, 'a'), {});
        CHECK(file.size() == 100);
        CHECK(file.data()[99] == std::byte{'a'});
    }
    CHECK(code_of([&] { return MappedFile::create(scratch / "f", bytes(5, 'b'), {}); }) == ErrorCode::exists);
    CHECK(content(scratch / "f") == std::string(100, 'a'));
    CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 1);

    const std::string max_name_length(255, 'n');
    CHECK(MappedFile::create(scratch / max_name_length.c_str(), bytes(100, 'c'), {}).size() == 100);
    CHECK(content(scratch / max_name_length.c_str()) == std::string(100, 'c'));
}

TEST_CASE("opening a missing file or a directory is an error") {
    const ScratchDirectory scratch;
    CHECK(code_of([&] { return MappedFile::open(scratch / "none", OpenMode::read_only, {}); }) == ErrorCode::not_found);
    CHECK(code_of([&] { return MappedFile::open(scratch.path(), OpenMode::read_only, {}); }).has_value());
    CHECK(code_of([&] { return MappedFile::create(scratch / "no" / "dir", bytes(1, 0), {}); }) == ErrorCode::not_found);
}

#if !defined(_WIN32)
TEST_CASE("a FIFO, a device or a link to itself is an error at once") {
    const ScratchDirectory scratch;
    REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
    std::filesystem::create_symlink("loop", scratch / "loop");
    for (const OpenMode mode : {OpenMode::read_only, OpenMode::read_write})
        for (const auto& path : {scratch / "fifo", scratch / "loop", std::filesystem::path("/dev/zero")})
            CHECK(code_of([&] { return MappedFile::open(path, mode, {}); }) == ErrorCode::io);
    CHECK(code_of([&] { return Collection<2, int>::open_or_create(scratch / "loop"); }) == ErrorCode::io);
    CHECK(code_of([&] { return Collection<2, int>::create(scratch / "loop" / "below"); }) == ErrorCode::io);
    CHECK(code_of([&] { return MmapVectorStore<2>::open_or_create(scratch / "loop"); }).has_value());
    CHECK(code_of([&] { return MmapVectorStore<2>::create(scratch / "loop" / "store"); }) == ErrorCode::io);
}
#endif

TEST_CASE("growth in reserved space never moves the view") {
    if (!mapvec::detail::platform::can_map_in_place) return;
    const ScratchDirectory scratch;
    auto file = MappedFile::create(scratch / "f", bytes(4096, 1), {});
    const std::byte* const base = file.data();
    CHECK(reinterpret_cast<std::uintptr_t>(base) % (2 << 20) == 0);
    for (std::uint64_t size = 4097; size < (64 << 20); size = size * 3 / 2) {
        file.resize(size);
        REQUIRE(file.data() == base);
        REQUIRE(file.data()[size - 1] == std::byte{0});
        file.write(size - 1, bytes(1, 7));
        REQUIRE(file.data()[size - 1] == std::byte{7});
    }
    CHECK(file.data()[0] == std::byte{1});
}

TEST_CASE("growth without reserved space moves the view and keeps the old ones alive") {
    const ScratchDirectory scratch;
    auto file = MappedFile::create(scratch / "f", bytes(4096, 1), {.address_space = 1});
    std::vector<const std::byte*> views{file.data()};
    for (std::uint64_t pages = 2; pages < 40; pages += 3) {
        file.resize(4096 * pages);
        views.push_back(file.data());
    }
    file.write(0, bytes(10, 9));
    for (const auto* view : views) REQUIRE(view[9] == std::byte{9});
    CHECK(views.front() != views.back());
}

TEST_CASE("shrinking and growing again gives zeros") {
    const ScratchDirectory scratch;
    auto file = MappedFile::create(scratch / "f", bytes(10000, 5), {});
    file.overlay(9000, bytes(100, 6));
    file.resize(5000);
    if (file.size() > 5000) return;  // resize() may be unable to cut the file on this system
    file.resize(12000);
    for (std::size_t i = 5000; i < 12000; ++i) REQUIRE(file.data()[i] == std::byte{0});
    CHECK(file.data()[4999] == std::byte{5});
}

TEST_CASE("writes, streams and overlays agree with a model of file and view") {
    const ScratchDirectory scratch;
    const std::size_t address_space = GENERATE(std::size_t{0}, std::size_t{1});
    std::mt19937 random(7);
    constexpr std::size_t size = 40000;
    auto file = MappedFile::create(scratch / "f", bytes(size, 0), {.address_space = address_space});
    std::vector<std::byte> in_file(size), in_view(size);
    const auto check = [&] {
        REQUIRE(std::memcmp(file.data(), in_view.data(), size) == 0);
        auto other = MappedFile::open(scratch / "f", OpenMode::read_only, {});
        REQUIRE(std::memcmp(other.data(), in_file.data(), size) == 0);
    };
    for (int step = 0; step < 2000; ++step) {
        const std::size_t n = 1 + random() % (random() % 10 == 0 ? 9000 : 50);
        const std::size_t at = random() % (size - n);
        const auto piece = bytes(n, static_cast<int>(random() % 256));
        switch (random() % 8) {
            case 0: file.sync(); break;
            case 1:
                file.drop_overlays();
                in_view = in_file;
                break;
            case 2:
            case 3:
            case 4:
                file.overlay(at, piece);
                std::copy(piece.begin(), piece.end(), in_view.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            default:
                file.write(at, piece);
                std::copy(piece.begin(), piece.end(), in_view.begin() + static_cast<std::ptrdiff_t>(at));
                std::copy(piece.begin(), piece.end(), in_file.begin() + static_cast<std::ptrdiff_t>(at));
        }
        if (step % 100 == 0) check();
    }
    // A page with an overlay hides what other processes write to it, but not what this object writes.
    file.drop_overlays();
    in_view = in_file;
    check();
}

TEST_CASE("streamed pieces of any size are in the file and in the view") {
    const ScratchDirectory scratch;
    auto file = MappedFile::create(scratch / "f", bytes(4096, 0), {});
    std::mt19937 random(3);
    std::vector<std::byte> model(4096);
    while (model.size() < (3 << 20)) {
        const std::size_t n = 1 + random() % (random() % 20 == 0 ? 200000 : 700);
        const auto piece = bytes(n, static_cast<int>(random() % 256));
        const std::size_t at = model.size();
        if (at + n > file.size()) file.resize(at + n + 100000);
        file.stream(at, piece);
        model.insert(model.end(), piece.begin(), piece.end());
    }
    REQUIRE(std::memcmp(file.data(), model.data(), model.size()) == 0);
    file.finish_stream();
    REQUIRE(std::memcmp(file.data(), model.data(), model.size()) == 0);
    const auto other = MappedFile::open(scratch / "f", OpenMode::read_only, {});
    REQUIRE(std::memcmp(other.data(), model.data(), model.size()) == 0);
}

TEST_CASE("the bytes behind streamed pieces are zeros as soon as the pieces are in the file") {
    const ScratchDirectory scratch;
    const std::size_t size = 4 << 20, piece = GENERATE(std::size_t{111}, std::size_t{512}, std::size_t{60'000});
    auto file = MappedFile::create(scratch / "f", bytes(4096, 1), {});
    file.resize(size);
    const std::vector<std::byte> zeros(size);
    std::size_t at = 4096;
    for (std::size_t n = 0; at + piece <= size; at += piece, ++n) {
        file.stream(at, bytes(piece, 1));
        REQUIRE(file.data()[at + piece - 1] == std::byte{1});
        if (n % 101 != 0) continue;
        file.finish_stream();
        REQUIRE(std::memcmp(file.data() + at + piece, zeros.data(), size - at - piece) == 0);
    }
    CHECK(std::memchr(file.data(), 0, at) == nullptr);
}

TEST_CASE("a temporary file has no name") {
    const auto before = std::distance(std::filesystem::directory_iterator(std::filesystem::temp_directory_path()), {});
    auto file = MappedFile::create_temporary(bytes(10, 3), {});
    file.resize(100000);
    file.write(99999, bytes(1, 4));
    CHECK(file.data()[99999] == std::byte{4});
    const auto names = std::distance(std::filesystem::directory_iterator(std::filesystem::temp_directory_path()), {});
    CHECK((names == before || !mapvec::detail::platform::can_remove_open));
}

TEST_CASE("rename gives a name once, and never replaces another file") {
    const ScratchDirectory scratch;
    { auto file = MappedFile::create(scratch / "a", bytes(10, 3), {}); }
    { auto file = MappedFile::create(scratch / "b", bytes(10, 4), {}); }
    CHECK(code_of([&] {
              MappedFile::rename(scratch / "a", scratch / "b");
              return 0;
          }) == ErrorCode::exists);
    CHECK(content(scratch / "b") == std::string(10, '\4'));
    MappedFile::rename(scratch / "a", scratch / "c");
    CHECK(content(scratch / "c") == std::string(10, '\3'));
    CHECK_FALSE(MappedFile::exists(scratch / "a"));
    MappedFile::remove(scratch / "c");
    MappedFile::remove(scratch / "c");
    CHECK_FALSE(MappedFile::exists(scratch / "c"));
}

TEST_CASE("populate, huge pages and advice do not change the contents") {
    const ScratchDirectory scratch;
    for (const Access access : {Access::normal, Access::sequential, Access::random}) {
        std::filesystem::remove(scratch / "f");
        auto file =
            MappedFile::create(scratch / "f", bytes(5000, 5), {.populate = true, .huge_pages = true, .access = access});
        file.resize(5 << 20);
        file.write(4 << 20, bytes(1, 8));
        CHECK(file.data()[4 << 20] == std::byte{8});
        CHECK(file.data()[4999] == std::byte{5});
    }
}

TEST_CASE("a write of many pieces equals one write, wherever it begins and ends") {
    const ScratchDirectory scratch;
    std::vector<std::byte> block((5 << 20) + 77);
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::byte>(i * 7 + i / 4096);
    for (const bool huge_pages : {false, true}) {
        const auto name = huge_pages ? "huge" : "usual";
        auto file = MappedFile::create(scratch / name, bytes(10, 5), {.huge_pages = huge_pages});
        file.resize(8 << 20);
        for (const std::uint64_t offset : {std::uint64_t{4096}, std::uint64_t{2} << 20, std::uint64_t{300'001}}) {
            file.write(offset, block);
            CHECK(std::equal(block.begin(), block.end(), file.data() + offset));
            CHECK(content(scratch / name).substr(offset, block.size()) ==
                  std::string(reinterpret_cast<const char*>(block.data()), block.size()));
            CHECK(file.data()[offset - 1] == std::byte{0});
            CHECK(file.data()[offset + block.size()] == std::byte{0});
            file.resize(10);
            file.resize(8 << 20);
        }
    }
}

#if defined(__linux__)
// Sanitizers reserve all addresses for themselves.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAPVEC_TEST_UNLIMITED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAPVEC_TEST_UNLIMITED 1
#endif
#endif
#if !defined(MAPVEC_TEST_UNLIMITED)
TEST_CASE("many files share scarce addresses, and all of them grow") {
    const ScratchDirectory scratch;
    REQUIRE(in_another_process([&] {
                const rlimit scarce{rlim_t{2} << 30, rlim_t{2} << 30};
                ::setrlimit(RLIMIT_AS, &scarce);
                std::vector<MappedFile> files;
                for (int i = 0; i < 40; ++i) {
                    files.push_back(MappedFile::create(scratch.path() / std::to_string(i), bytes(4096, i), {}));
                    files.back().resize(8 << 20);
                }
                for (int i = 0; i < 40; ++i)
                    if (files[static_cast<std::size_t>(i)].data()[4095] != std::byte(i)) return 2;
                return 0;
            }) == 0);
}

TEST_CASE("thousands of collections are open at once, and leave addresses and mappings to the program") {
    using Small = Collection<8, std::string>;
    const ScratchDirectory scratch;
    const auto original = scratch / "original";
    Small::create(original).append(std::array<float, 8>{1}, "x");
    REQUIRE(in_another_process([&] {
                rlimit files{};
                ::getrlimit(RLIMIT_NOFILE, &files);
                files.rlim_cur = files.rlim_max = std::max<rlim_t>(files.rlim_max, 25'000);
                if (::setrlimit(RLIMIT_NOFILE, &files) != 0) ::getrlimit(RLIMIT_NOFILE, &files);  // as many as it is
                const std::size_t each = 4, writers = 200;
                const std::size_t all = std::min<std::size_t>(5'000, (files.rlim_cur - 100) / each);
                std::vector<Small> open;
                for (std::size_t i = 0; i < all; ++i) {
                    if (i % (all / writers + 1) != 0) {
                        open.push_back(Small::open(original, OpenMode::read_only));
                        continue;
                    }
                    const auto copy = scratch.path() / std::to_string(i);
                    std::filesystem::copy(original, copy);
                    open.push_back(Small::open(copy));
                    open.back().append(std::array<float, 8>{2}, "y");
                }
                std::thread([] {}).join();
                if (std::vector<char>(std::size_t{1} << 30).capacity() == 0) return 1;
                for (const auto& collection : open)
                    if (collection.payload(0) != "x" || collection.payload(collection.size() - 1).size() != 1) return 2;
                std::_Exit(0);  // committing them takes long
            }) == 0);
}
#endif
#endif

#if defined(__linux__)
TEST_CASE("a process that locks its mappings in memory sees writes, also around overlays") {
    const ScratchDirectory scratch;
    CHECK(in_another_process([&] {
              if (::mlockall(MCL_FUTURE) != 0) return 0;  // not allowed here
              using Store = MmapVectorStore<2>;
              const std::array<float, 2> row{7, 7};
              auto store = Store::create(scratch / "store", {.address_space = 1 << 22});
              for (int i = 0; i < 2000; ++i) store.append(row);
              store.close();
              store = Store::open(scratch / "store", OpenMode::read_write, {.address_space = 1 << 22});
              store.insert(0, row);
              store.append(row);
              if (store[2000][0] != 7) return 1;
              store.commit();
              store.verify();
              return 0;
          }) == 0);
}
#endif

}  // namespace test_mapped_file
