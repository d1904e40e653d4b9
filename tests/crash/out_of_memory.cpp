// The n-th allocation fails, for n = 1, 2, … until a run has no failure: in a commit, and in refresh() of a reader. A
// call that threw can be repeated and then succeeds. A commit that returned survives a kill. A reader ends at the
// newest commit.
//
//     mapvec_crash_out_of_memory
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mapvec/collection.hpp>
#include <new>
#include <stdexcept>
#include <string>

#include "scratch.hpp"

namespace {

long allocations_left = -1;  // allocations until the failure; negative: no failure
bool one_has_failed = false;

}  // namespace

// Not inlined: GCC warns if it sees only one of operator new and delete.
[[gnu::noinline]] void* operator new(std::size_t n) {
    if (allocations_left >= 0 && allocations_left-- == 0) {
        one_has_failed = true;
        throw std::bad_alloc();
    }
    if (void* const memory = std::malloc(n == 0 ? 1 : n)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace mapvec;
using Rows = Collection<4, std::string>;
using State = std::map<Id, std::pair<float, std::string>>;

std::array<float, 4> row(int n) { return {static_cast<float>(n), 1, 2, 3}; }

State state_of(const Rows& rows) {
    State state;
    for (Id id = 0; id < rows.vectors().size(); ++id)
        if (rows.contains(id)) state[id] = {rows.vector(id)[0], rows.payload(id)};
    return state;
}

// A copy of the files, as a kill of this process would leave them.
State state_after_kill(const std::filesystem::path& path) {
    auto copy = path;
    copy += "-copy";
    std::filesystem::remove_all(copy);
    std::filesystem::copy(path, copy, std::filesystem::copy_options::recursive);
    const auto rows = Rows::open(copy);
    rows.verify();
    return state_of(rows);
}

void expect(bool truth, const char* what) {
    if (!truth) throw std::runtime_error(what);
}

// Returns false if it threw for lack of memory.
bool succeeds(long nth_fails, const std::function<void()>& action) {
    one_has_failed = false;
    allocations_left = nth_fails;
    try {
        action();
        allocations_left = -1;
        return true;
    } catch (const std::bad_alloc&) {
    } catch (const Error& error) {  // the system reported it
        expect(error.code() == ErrorCode::no_space, error.what());
    }
    allocations_left = -1;
    return false;
}

using Change = void (*)(Rows&);
const Change changes[] = {
    [](Rows& rows) { rows.update(5, row(-5), "five"); },
    [](Rows& rows) { rows.append(row(7), "seven"), rows.erase(6); },
    [](Rows& rows) { rows.update(5, row(-5), std::string(200'000, 'x')), rows.update(8, row(-8), "eight"); },
    [](Rows& rows) {
        for (int i = 0; i < 3000; ++i) rows.append(row(i), "x");
        rows.update(9, row(-9), "nine");
    },
};

Rows some_rows(const std::filesystem::path& path, bool reopened) {
    std::filesystem::remove_all(path);
    Rows rows = Rows::create(path);
    for (int i = 0; i < 50; ++i) rows.append(row(i), "a payload of some length, number " + std::to_string(i));
    rows.commit();
    rows.update(3, row(-3), "three");
    rows.erase(4);
    rows.commit();
    if (!reopened) return rows;
    rows.close();
    return Rows::open(path);
}

// Returns true if there was an n-th allocation.
bool fail_in_commit(const std::filesystem::path& path, Change change, bool reopened, long n) {
    Rows rows = some_rows(path, reopened);
    const State before = state_of(rows);
    change(rows);
    const State after = state_of(rows);
    const bool returned = succeeds(n, [&] { rows.commit(); });
    const bool failed = one_has_failed;
    const State found = state_after_kill(path);
    expect(found == after || (!returned && found == before), "a commit that threw has left half of it");
    rows.update(10, row(-10), "ten");
    const State last = state_of(rows);
    try {
        rows.commit();
    } catch (const Error& error) {  // no memory for the sync of a directory: a failed sync
        expect(!returned && error.code() == ErrorCode::io, error.what());
        rows = Rows();
        expect(state_of(Rows::open(path)) == found, "a store that refuses to commit has changed");
        return true;
    }
    expect(state_after_kill(path) == last, "a commit that returned after one that threw is lost");
    rows.close();
    expect(state_of(Rows::open(path)) == last, "closing has lost something");
    return failed;
}

bool fail_in_refresh(const std::filesystem::path& path, Change change, long n) {
    Rows rows = some_rows(path, false);
    Rows reader = Rows::open(path, OpenMode::read_only);
    change(rows);
    rows.commit();
    rows.update(11, row(-11), "eleven");
    rows.commit();
    bool moved = false;
    const bool returned = succeeds(n, [&] { moved = reader.refresh(); });
    const bool failed = one_has_failed;
    if (!returned) moved = reader.refresh();
    expect(moved, "a refresh has moved and does not say so");
    expect(state_of(reader) == state_of(rows), "a refresh after one that threw does not end at the newest commit");
    expect(reader.size() == rows.size(), "a reader counts other rows");
    return failed;
}

}  // namespace

int main() {
    const ScratchDirectory scratch;
    long commits = 0, refreshes = 0;
    try {
        for (const Change change : changes) {
            for (const bool reopened : {false, true})
                for (long n = 0; fail_in_commit(scratch / "rows", change, reopened, n); ++n) ++commits;
            for (long n = 0; fail_in_refresh(scratch / "rows", change, n); ++n) ++refreshes;
        }
        expect(commits > 50 && refreshes > 50, "hardly anything has failed");
    } catch (const std::exception& error) {
        std::printf("out_of_memory: after %ld commits and %ld refreshes: %s\n", commits, refreshes, error.what());
        return 1;
    }
    std::printf("out_of_memory: %ld commits and %ld refreshes with an allocation that failed: ok\n", commits,
                refreshes);
}
