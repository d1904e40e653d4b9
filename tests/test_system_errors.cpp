// Errors of the system that a test cannot cause: system calls are replaced by functions that fail or wait on request.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fcntl.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <mapvec/mmap_vector_store.hpp>
#include <string>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_system_errors {

namespace {

// The error of a call; 0: no error.
std::function<int(const std::string& path)> lstat_error;
std::function<int(std::uint64_t offset)> pwrite_error;
std::function<int()> sync_error;
// The number of `n` bytes that a write completes.
std::function<std::size_t(std::uint64_t offset, std::size_t n)> pwrite_limit;

// Sets one of them until the end of the scope.
template <class Function>
class Set {
  public:
    template <class Call>
    Set(Function& where, Call call) : where_(where) {
        where_ = std::move(call);
    }
    Set(const Set&) = delete;
    Set& operator=(const Set&) = delete;
    ~Set() { where_ = nullptr; }

  private:
    Function& where_;
};

int failed(int number) {
    errno = number;
    return -1;
}

}  // namespace

extern "C" int lstat(const char* path, struct stat* status) noexcept {
    if (const int number = lstat_error ? lstat_error(path) : 0) return failed(number);
    return ::fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
extern "C" ssize_t pwrite(int file, const void* bytes, size_t n, off_t offset) {
    if (const int number = pwrite_error ? pwrite_error(static_cast<std::uint64_t>(offset)) : 0) return failed(number);
    if (pwrite_limit) n = pwrite_limit(static_cast<std::uint64_t>(offset), n);
    return ::syscall(SYS_pwrite64, file, bytes, n, offset);
}
extern "C" int fdatasync(int file) {
    if (const int number = sync_error ? sync_error() : 0) return failed(number);
    return static_cast<int>(::syscall(SYS_fdatasync, file));
}

namespace {

using namespace mapvec;
using Store = MmapVectorStore<2>;

std::array<float, 2> row(float x) { return {x, -x}; }
bool is_slot(std::uint64_t offset) { return offset >= 1024 && offset < data_offset; }
std::string message_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

// Ten rows, then ten overwrites in the journal. The writer stays open.
Store with_journal(const std::filesystem::path& path) {
    auto store = Store::create(path);
    for (int i = 0; i < 10; ++i) store.append(row(1)), store.commit();
    for (int i = 0; i < 10; ++i) store.insert(static_cast<Id>(i), row(2)), store.commit();
    return store;
}

}  // namespace

TEST_CASE("an error about a journal is never taken for a missing journal") {
    const ScratchDirectory scratch;
    const auto writer = with_journal(scratch / "v");
    for (const int number : {EBADMSG, EIO, EACCES, ELOOP}) {
        const Set fault(lstat_error, [=](const std::string& path) {
            return path.find(".journal") != std::string::npos ? number : 0;
        });
        CHECK(code_of([&] { (void)Store::open(scratch / "v", OpenMode::read_only); }));
    }
    CHECK(Store::open(scratch / "v", OpenMode::read_only)[9][0] == 2);
}

TEST_CASE("a commit that could not write its slot on a full disk succeeds later") {
    for (const int number : {ENOSPC, EIO, EDQUOT}) {
        const ScratchDirectory scratch;
        auto store = Store::create(scratch / "v");
        store.append(row(1));
        {
            const Set fault(pwrite_error, [=](std::uint64_t offset) { return is_slot(offset) ? number : 0; });
            for (int tries = 0; tries < 2; ++tries) CHECK(code_of([&] { store.commit(); }));
            store.append(row(2));
            store.insert(0, row(3));
        }
        CHECK(Store::open(scratch / "v", OpenMode::read_only).empty());
        store.commit();
        const auto reader = Store::open(scratch / "v", OpenMode::read_only);
        REQUIRE(reader.size() == 2);
        CHECK(reader[0][0] == 3);
        reader.verify();
        store.close();
    }
}

TEST_CASE("a slot whose write failed is erased before the next commit, even if it was written completely") {
    const ScratchDirectory scratch;
    auto store = with_journal(scratch / "v");
    {
        // All bytes of the slot except the last, which are zeros before and after.
        const Set limit(pwrite_limit, [](std::uint64_t offset, std::size_t n) {
            return is_slot(offset) && n > 1200 ? std::size_t{1200} : n;
        });
        const Set fault(pwrite_error, [](std::uint64_t offset) {
            return is_slot(offset) && offset != detail::slot_offset(0) && offset != detail::slot_offset(1) ? ENOSPC : 0;
        });
        CHECK(code_of([&] { store.close(); }) == ErrorCode::no_space);
    }
    store.insert(0, row(9));
    store.commit();  // in the journal
    for (const char* suffix : {"v", "v.journal0", "v.journal1"})
        if (std::filesystem::exists(scratch / suffix))
            std::filesystem::copy_file(scratch / suffix, scratch / (std::string("killed-") + suffix).c_str());
    CHECK(Store::open(scratch / "killed-v")[0][0] == 9);
}

TEST_CASE("a commit without a free file descriptor succeeds later") {
    const ScratchDirectory scratch;
    auto store = Store::create(scratch / "v");
    for (int i = 0; i < 10; ++i) store.append(row(1));
    store.commit();
    store.insert(0, row(2));
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    for (rlim_t more = 0; more < 4; ++more) {  // none, then enough for a part of a new journal
        const int next = ::dup(0);
        ::close(next);
        const rlimit few{static_cast<rlim_t>(next) + more, before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        const auto code = code_of([&] { store.commit(); });
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
        if (!code) store.insert(0, row(2));
        if (more == 0) CHECK(code == ErrorCode::io);
    }
    store.commit();
    CHECK(Store::open(scratch / "v", OpenMode::read_only)[0][0] == 2);
}

TEST_CASE("after a failed sync commits throw until the store is reopened, with the reason") {
    const ScratchDirectory scratch;
    auto store = Store::create(scratch / "v");
    store.append(row(1));
    {
        const Set fault(sync_error, [] { return EIO; });
        CHECK(code_of([&] { store.commit(); }) == ErrorCode::io);
    }
    CHECK(message_of([&] { store.commit(); }).find("sync failed") != std::string::npos);
    store = {};
    store = Store::open(scratch / "v");
    store.append(row(2));
    store.commit();
}

TEST_CASE("a reader can open while the writer waits for any sync", "[threads]") {
    const ScratchDirectory scratch;
    auto store = with_journal(scratch / "v");
    int syncs = 0;
    const Set slow(sync_error, [&] {
        ++syncs;
        auto opened = std::async(std::launch::async, [&] { (void)Store::open(scratch / "v", OpenMode::read_only); });
        if (opened.wait_for(std::chrono::seconds(20)) != std::future_status::ready) std::abort();  // do not hang
        return 0;
    });
    store.insert(3, row(5));
    store.commit();                                        // by journal
    store.append_rows(std::vector<float>(2 << 20, 7.0f));  // by checkpoint, with overwrites to write back
    store.commit();
    store.insert(3, row(6));
    store.close();
    CHECK(syncs > 3);
}

}  // namespace test_system_errors
