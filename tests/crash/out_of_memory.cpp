// The n-th allocation fails, for n = 1, 2, … until a run has no failure: in a commit, in refresh() of a reader, in
// compact(), in migrate(), and in the update of an index after a commit. A call that threw can be repeated and then
// succeeds. A commit that returned survives a kill. A reader ends at the newest commit. A collection that is closed by
// a failure in compact() opens with all of its rows.
//
//     mapvec_crash_out_of_memory
#if defined(__linux__)
#include <dirent.h>
#include <dlfcn.h>
#endif

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mapvec/collection.hpp>
#include <mapvec/va_index.hpp>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "scratch.hpp"

namespace {

long allocations_left = -1;  // allocations until the failure; negative: no failure
bool one_has_failed = false;
bool lists_directory = false;

}  // namespace

// libstdc++ ends the program if memory runs out while it lists a directory, so no allocation fails there.
#if defined(__linux__)
extern "C" dirent* readdir(DIR* directory) {
    static const auto next = reinterpret_cast<dirent* (*)(DIR*)>(::dlsym(RTLD_NEXT, "readdir"));
    dirent* const entry = next(directory);
    lists_directory = entry != nullptr;
    return entry;
}
#endif

// Not inlined: GCC warns if it sees only one of operator new and delete.
[[gnu::noinline]] void* operator new(std::size_t n) {
    if (!lists_directory && allocations_left >= 0 && allocations_left-- == 0) {
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

// --- a collection with a key and an index ---

using Indexed = Collection<20, std::string>;

std::array<float, 20> long_row(int n) {
    std::array<float, 20> row{};
    for (int i = 0; i < 20; ++i) row[static_cast<std::size_t>(i)] = static_cast<float>((n + 1) * (i + 3) % 101);
    return row;
}
auto key_of(Indexed& rows) {
    return rows.key("text", [](const std::string& text) { return text; });
}
Indexed indexed_rows(const std::filesystem::path& path, int count) {
    std::filesystem::remove_all(path);
    Indexed rows = Indexed::create(path);
    rows.create_index(VaOptions{});
    for (int i = 0; i < count; ++i) rows.append(long_row(i), std::to_string(i));
    return rows;
}
std::set<std::string> texts_in(const Indexed& rows) {
    std::set<std::string> texts;
    for (Id id = 0; id < rows.vectors().size(); ++id)
        if (rows.contains(id)) texts.insert(rows.payload(id));
    return texts;
}
void expect_searches(const Indexed& rows) {
    const auto query = long_row(7);
    const auto is_live = [&](Id id) { return rows.contains(id); };
    expect(rows.search({.query = query, .k = 9}) == search(rows.vectors(), KnnQuery{query, 9}, is_live),
           "a search by the index has other hits than a scan");
}

bool fail_in_compact(const std::filesystem::path& path, long n) {
    Indexed rows = indexed_rows(path, 40);
    const auto key = key_of(rows);
    for (Id id = 0; id < 40; id += 3) rows.erase(id);
    rows.commit();
    auto texts = texts_in(rows);
    const bool returned = succeeds(n, [&] { rows.compact(); });
    const bool failed = one_has_failed;
    if (rows.is_open()) {
        expect(texts_in(rows) == texts, "compact() has lost rows");
        expect_searches(rows);
        rows.append(long_row(50), "new");
        expect(key.contains("new") && key.contains("1") && !key.contains("3"), "the key knows other rows");
        texts.insert("new");
        rows.commit();
    }
    expect(rows.is_open() || !returned, "compact() has closed the collection without an exception");
    rows = Indexed();
    Indexed again = Indexed::open(path);
    again.verify();
    expect(texts_in(again) == texts, "after a failure in compact() rows are lost");
    expect_searches(again);
    const auto keys = key_of(again);
    for (const std::string& text : texts) expect(again.payload(keys.find(text).value()) == text, "a key is lost");
    return failed;
}

// Counts the failures after which the collection was migrated.
bool fail_in_migrate(const std::filesystem::path& path, long n, long& migrated) {
    using Texts = Collection<4, std::vector<std::string>>;
    const State before = state_of(some_rows(path, false));
    const auto convert = [](const std::string& text) { return std::vector{text}; };
    const bool returned = succeeds(n, [&] { (void)Texts::migrate<std::string>(path, convert); });
    const bool failed = one_has_failed;
    bool is_migrated = true;
    try {
        (void)Texts::open(path, OpenMode::read_only);
    } catch (const Error& error) {
        expect(error.code() == ErrorCode::type_mismatch, error.what());
        is_migrated = false;
    }
    expect(is_migrated || !returned, "migrate() has returned before the files are there");
    if (!is_migrated) {
        expect(state_of(Rows::open(path)) == before, "after a failure in migrate() rows are lost");
        return failed;
    }
    if (!returned) ++migrated;
    auto texts = Texts::open(path);
    texts.verify();
    const auto back = [](const std::vector<std::string>& one) { return one.at(0); };
    texts.close();
    expect(state_of(Rows::migrate<std::vector<std::string>>(path, back)) == before, "a migration has changed rows");
    return failed;
}

// Counts the failures that commit() did not report, because it had succeeded.
bool fail_in_upkeep(const std::filesystem::path& path, long n, long& swallowed) {
    constexpr int count = 4200;  // so many that commit() updates the index
    Indexed rows = indexed_rows(path, count);
    const bool returned = succeeds(n, [&] { rows.commit(); });
    const bool failed = one_has_failed;
    if (returned && failed) {
        ++swallowed;
        expect(!rows.index_errors().empty(), "nothing tells that the update of an index has failed");
    }
    expect_searches(rows);
    rows.commit();
    rows.update_indexes();
    expect(rows.index_errors().empty(), "an index that is up to date has an error");
    expect(rows.explain({.query = long_row(7), .k = 9}).method == SearchMethod::va_index, "the index is not used");
    expect_searches(rows);
    rows.close();
    expect(Indexed::open(path).size() == count, "rows are lost");
    return failed;
}

}  // namespace

int main() {
    const ScratchDirectory scratch;
    long commits = 0, refreshes = 0, compactions = 0, migrations = 0, migrated = 0, swallowed = 0;
    try {
        for (const Change change : changes) {
            for (const bool reopened : {false, true})
                for (long n = 0; fail_in_commit(scratch / "rows", change, reopened, n); ++n) ++commits;
            for (long n = 0; fail_in_refresh(scratch / "rows", change, n); ++n) ++refreshes;
        }
        const auto next = [](long n) { return n + 1 + n / 32; };  // later allocations repeat
        for (long n = 0; fail_in_compact(scratch / "indexed", n); n = next(n)) ++compactions;
        for (long n = 0; fail_in_migrate(scratch / "rows", n, migrated); n = next(n)) ++migrations;
        for (long n = 0; fail_in_upkeep(scratch / "indexed", n, swallowed); n = next(n)) ++commits;
        expect(commits > 50 && refreshes > 50 && compactions > 50 && migrations > 50 && swallowed > 5,
               "hardly anything has failed");
    } catch (const std::exception& error) {
        std::printf("out_of_memory: after %ld commits, %ld refreshes, %ld compactions, %ld migrations: %s\n", commits,
                    refreshes, compactions, migrations, error.what());
        return 1;
    }
    std::printf(
        "out_of_memory: %ld commits (%ld updates of an index), %ld refreshes, %ld compactions and %ld migrations (%ld "
        "had been made) with an allocation that failed: ok\n",
        commits, swallowed, refreshes, compactions, migrations, migrated);
}
