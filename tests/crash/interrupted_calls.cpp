// Signals: every system call that a signal interrupts (EINTR) is repeated.
//
// Replaces functions of the C library: each call below fails with EINTR first, and runs at the second or third attempt.
// Meanwhile the program creates, changes, commits, closes and reads a store and a collection.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mapvec/collection.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <string>
#include <vector>

#include "scratch.hpp"

namespace {

enum Call { call_open, call_ftruncate, call_fallocate, call_pwrite, call_fdatasync, call_fsync, call_fcntl, calls };
constexpr std::array<const char*, calls> names{"open",      "ftruncate", "fallocate", "pwrite",
                                               "fdatasync", "fsync",     "fcntl"};
bool interrupting = false;
std::array<unsigned, calls> interruptions{};

// Two attempts of three fail.
bool interrupted(Call call) {
    if (!interrupting || ++interruptions[call] % 3 == 0) return false;
    errno = EINTR;
    return true;
}

}  // namespace

extern "C" {
int open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return interrupted(call_open) ? -1 : static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
int ftruncate(int file, off_t size) noexcept {
    return interrupted(call_ftruncate) ? -1 : static_cast<int>(::syscall(SYS_ftruncate, file, size));
}
int fallocate(int file, int mode, off_t offset, off_t length) {
    if (interrupted(call_fallocate)) return -1;
    return static_cast<int>(::syscall(SYS_fallocate, file, mode, offset, length));
}
ssize_t pwrite(int file, const void* bytes, size_t n, off_t offset) {
    return interrupted(call_pwrite) ? -1 : ::syscall(SYS_pwrite64, file, bytes, n, offset);
}
int fdatasync(int file) { return interrupted(call_fdatasync) ? -1 : static_cast<int>(::syscall(SYS_fdatasync, file)); }
int fsync(int file) { return interrupted(call_fsync) ? -1 : static_cast<int>(::syscall(SYS_fsync, file)); }
int fcntl(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void* const argument = va_arg(arguments, void*);
    va_end(arguments);
    return interrupted(call_fcntl) ? -1 : static_cast<int>(::syscall(SYS_fcntl, file, command, argument));
}
}

namespace {

using namespace mapvec;
using Store = MmapVectorStore<4>;
using Named = Collection<4, std::string>;

void change(const std::filesystem::path& directory) {
    auto store = Store::open_or_create(directory / "store", {.initial_capacity = 1});
    auto named = Named::open_or_create(directory / "named", {.initial_capacity = 1});
    for (int i = 0; i < 20'000; ++i) store.append(std::array<float, 4>{1});
    for (int i = 0; i < 2'000; ++i) named.append(std::array<float, 4>{1}, std::to_string(i));
    store.commit();
    named.commit();
    store.insert(0, std::array<float, 4>{2});
    named.update(0, std::array<float, 4>{2}, "changed");
    named.erase(1);
    store.commit();
    named.commit();
    store.insert(30'000, std::array<float, 4>{3});
    store.close();
    named.close();
}

bool holds(const std::filesystem::path& directory) {
    const auto store = Store::open(directory / "store", OpenMode::read_only);
    const auto named = Named::open(directory / "named", OpenMode::read_only);
    store.verify();
    named.verify();
    return store.size() == 30'001 && store[0][0] == 2 && named.size() == 1'999 && named.payload(0) == "changed";
}

// fallocate on a tmpfs must end even if a timer fires more often than one call takes.
bool allocates_under_a_timer(const std::filesystem::path& file) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, nullptr);
    const itimerval often{{0, 1000}, {0, 1000}}, never{};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    auto store = Store::create(file);
    store.reserve(8 << 20);  // 128 MiB
    ::setitimer(ITIMER_REAL, &never, nullptr);
    return store.capacity() >= 8 << 20;
}

}  // namespace

int main() {
    try {
        const ScratchDirectory scratch;
        interrupting = true;
        change(scratch.path());
        const bool whole = holds(scratch.path());
        interrupting = false;
        for (std::size_t call = 0; call < calls; ++call) {
            std::printf("%s: %u interruptions\n", names[call], interruptions[call]);
            if (interruptions[call] == 0) return std::puts("a call was never made: this test looks at nothing"), 1;
        }
        if (!whole) return std::puts("rows are missing"), 1;
        if (!allocates_under_a_timer(scratch / "timed")) return std::puts("no room under a timer"), 1;
        const std::filesystem::path tmpfs = "/dev/shm";
        if (std::error_code none; std::filesystem::is_directory(tmpfs, none)) {
            const auto file = tmpfs / ("mapvec-interrupted-" + std::to_string(::getpid()));
            const bool done = allocates_under_a_timer(file);
            std::filesystem::remove(file);
            if (!done) return std::puts("no room under a timer on a tmpfs"), 1;
        }
    } catch (const std::exception& error) {
        return std::printf("%s\n", error.what()), 1;
    }
    return std::puts("every interrupted call was made again"), 0;
}
