// Real processes, real files, SIGKILL. A child process changes and commits a store until it is killed at a random
// moment, also inside a commit or a growth. Then the store must be at the last commit that returned or at one that had
// begun since, and the next child continues with the same files. Reader processes follow the store.
//
//     mapvec_crash kill_loop [--kills 500] [--seed 1] [--dir <directory for the files>]
#include "program.hpp"
#if defined(_WIN32)
int do_nothing(int, char**) { return 0; }  // no fork() to kill
CRASH_PROGRAM(kill_loop, do_nothing)
#else
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include "indexed_subject.hpp"
#include "subjects.hpp"

namespace crash_kill_loop {

namespace {

using namespace crash;

// Shared with the child processes: the states of all commits that have begun, in order.
struct Progress {
    static constexpr std::size_t most = 1 << 20;
    std::atomic<std::uint64_t> begun{0};     // entries of `states`
    std::atomic<std::uint64_t> returned{0};  // number of entries up to the last commit that returned
    std::atomic<bool> working{false};
    std::atomic<bool> stop_reading{false};
    std::atomic<std::uint64_t> states[most];

    void begin(std::uint64_t state) {
        states[begun.load()] = state;
        ++begun;
    }
    void end() { returned = begun.load(); }
    // The newest entry with this state, from `from` on; nothing if there is none.
    [[nodiscard]] std::optional<std::uint64_t> find(std::uint64_t state, std::uint64_t from) const {
        for (std::uint64_t i = begun.load(); i-- > from;)
            if (states[i] == state) return i;
        return std::nullopt;
    }
};

struct Totals {
    std::uint64_t kills = 0, inside_commit = 0, commits = 0, readers = 0;
};

void expect(bool truth, const std::string& what) {
    if (!truth) throw std::runtime_error(what);
}

// Runs `work` in a child process. Its exit code tells whether it threw.
template <class Work>
pid_t start(Work work) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
        work();
    } catch (const std::exception& error) {
        std::printf("VIOLATION in a child: %s\n", error.what());
        std::fflush(stdout);
        std::_Exit(1);
    }
    std::_Exit(0);
}

template <template <class> class Kind>
class KillLoop {
    using Subject = Kind<mapvec::MappedFile>;
    using Store = typename Subject::Store;

  public:
    KillLoop(std::filesystem::path directory, Progress& progress, std::uint64_t seed, Totals& totals)
        : path_(directory / "store"), progress_(*new (&progress) Progress), rng_(seed), totals_(totals) {
        std::filesystem::remove_all(directory);
        std::filesystem::create_directory(directory);
        progress_.begin(digest(model_));
    }

    void run(std::uint64_t kills) {
        for (std::uint64_t n = 0; n < kills; ++n) {
            if (exists_ && reader_ == 0 && one_in(rng_, 3)) start_reader();
            const std::uint64_t seed = rng_();
            const pid_t writer = start([&] { write(seed); });
            kill_some_time(writer);
            check();
            if (reader_ != 0 && one_in(rng_, 3)) stop_reader();
        }
        if (reader_ != 0) stop_reader();
        totals_.commits += progress_.returned;
    }

  private:
    void write(std::uint64_t seed) {
        Rng rng(seed);
        Store store = Store::open_or_create(path_, {.address_space = one_in(rng, 4) ? std::size_t{1} : 0});
        expect(Subject::read(store) == model_, "the next writer finds another state than was left");
        progress_.end();
        progress_.working = true;
        while (progress_.begun + 1 < Progress::most) {
            for (std::uint64_t steps = below(rng, 12); steps > 0; --steps) Subject::step(store, model_, rng);
            progress_.begin(digest(model_));
            if (one_in(rng, 15)) {
                store.close();
                store = Store::open(path_);
            } else {
                store.commit();
            }
            progress_.end();
        }
    }

    void kill_some_time(pid_t writer) {
        const bool early = one_in(rng_, 8);  // while it still opens the store
        while (!early && !progress_.working && ::waitpid(writer, nullptr, WNOHANG) == 0) ::usleep(20);
        ::usleep(static_cast<useconds_t>(below(rng_, std::uint64_t{64} << below(rng_, 9))));
        ::kill(writer, SIGKILL);
        int status = 0;
        const pid_t waited = ::waitpid(writer, &status, 0);
        expect(waited == writer && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the writer ended by itself");
        progress_.working = false;
        ++totals_.kills;
        totals_.inside_commit += progress_.begun != progress_.returned ? 1u : 0u;
    }

    // The next child starts from the files that the kill has left.
    void check() {
        try {
            const Store store =
                Store::open(path_, one_in(rng_, 3) ? mapvec::OpenMode::read_write : mapvec::OpenMode::read_only);
            store.verify();
            model_ = Subject::read(store);
            exists_ = true;
        } catch (const mapvec::Error& error) {
            if (exists_ || progress_.returned > 0 || error.code() != mapvec::ErrorCode::not_found) throw;
            return;
        }
        const std::uint64_t from = progress_.returned == 0 ? 0 : progress_.returned - 1;
        expect(progress_.find(digest(model_), from).has_value(), "the state left by a kill is not a committed one");
        progress_.begin(digest(model_));
        progress_.end();
    }

    // --- a reader process: it only ever sees committed states, and never goes back ---

    void start_reader() {
        progress_.stop_reading = false;
        reader_ = start([&] { look_on(); });
        ++totals_.readers;
    }
    void stop_reader() {
        progress_.stop_reading = true;
        int status = 0;
        ::waitpid(std::exchange(reader_, 0), &status, 0);
        expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a reader has seen what it should not");
    }
    void look_on() {
        const pid_t parent = ::getppid();
        std::uint64_t seen = 0;
        std::uint64_t least = progress_.returned - 1;
        Store store = Store::open(path_, mapvec::OpenMode::read_only);
        while (!progress_.stop_reading && ::getppid() == parent) {
            const auto found = progress_.find(digest(Subject::read(store)), std::max(seen, least));
            expect(found.has_value(), "a reader sees a state that is not committed, or an old one");
            store.verify();
            seen = *found;
            ::usleep(200);
            least = progress_.returned - 1;
            store.refresh();
        }
    }

    std::filesystem::path path_;
    Progress& progress_;
    Rng rng_;
    Totals& totals_;
    Model model_;
    bool exists_ = false;
    pid_t reader_ = 0;
};

void run(const std::filesystem::path& directory, std::uint64_t kills, std::uint64_t seed, Totals& totals) {
    void* const memory = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(memory != MAP_FAILED, "no shared memory");
    auto& progress = *static_cast<Progress*>(memory);
    for (std::uint64_t turn = 0; totals.kills < kills; ++turn) {
        const std::uint64_t n = std::min<std::uint64_t>(25, kills - totals.kills);
        const auto files = directory / ("files" + std::to_string(turn % 6));
        switch (turn % 6) {
            case 0: KillLoop<Vectors>(files, progress, seed + turn, totals).run(n); break;
            case 1: KillLoop<RawPayloads>(files, progress, seed + turn, totals).run(n); break;
            case 2: KillLoop<AppendedVectors>(files, progress, seed + turn, totals).run(n); break;
            case 3: KillLoop<VariablePayloads>(files, progress, seed + turn, totals).run(n); break;
            case 4: KillLoop<IndexedCollections>(files, progress, seed + turn, totals).run(n); break;
            default: KillLoop<Collections>(files, progress, seed + turn, totals).run(n); break;
        }
    }
}

}  // namespace

int run_program(int argc, char** argv) {
    std::uint64_t kills = 500, seed = 1;
    std::filesystem::path parent = std::filesystem::temp_directory_path();
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        if (word == "--kills") kills = std::strtoull(argv[i + 1], nullptr, 10);
        if (word == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
        if (word == "--dir") parent = argv[i + 1];
    }
    const auto directory = parent / ("mapvec-kill-loop-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory);
    Totals totals;
    bool violated = false;
    try {
        run(directory, kills, seed, totals);
    } catch (const std::exception& error) {
        std::printf("VIOLATION after %llu kills, the files are in %s: %s\n",
                    static_cast<unsigned long long>(totals.kills), directory.c_str(), error.what());
        violated = true;
    }
    if (!violated) std::filesystem::remove_all(directory);
    std::printf("kill_loop: %llu kills, %llu of them inside a commit, %llu commits, %llu readers, seed %llu: %s\n",
                static_cast<unsigned long long>(totals.kills), static_cast<unsigned long long>(totals.inside_commit),
                static_cast<unsigned long long>(totals.commits), static_cast<unsigned long long>(totals.readers),
                static_cast<unsigned long long>(seed), violated ? "VIOLATED" : "ok");
    return violated ? 1 : 0;
}

}  // namespace crash_kill_loop

CRASH_PROGRAM(kill_loop, crash_kill_loop::run_program)
#endif
