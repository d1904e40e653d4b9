// The n-th operation of the storage fails, for n = 1, 2, … until a run has no failure: opening, mapping, growing,
// allocating, writing, syncing, creating, removing, locking. Each failure must give an Error and change nothing. The
// same store then works, and a retry succeeds. After a failed sync the store refuses to commit until it is reopened,
// and earlier commits are safe.
//
//     mapvec_crash fault_injection [--seed 1] [--seeds 3] [--only collection]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph_subject.hpp"
#include "program.hpp"
#include "recording_storage.hpp"
#include "subjects.hpp"
#include "va_subject.hpp"

namespace crash_fault_injection {

namespace {

using namespace crash;

void expect(bool truth, const char* what) {
    if (!truth) throw std::runtime_error(what);
}

template <template <class> class Kind>
class Scenario {
    using Subject = Kind<RecordingStorage>;
    using Store = typename Subject::Store;

  public:
    Scenario(std::uint64_t seed, std::uint64_t n, std::uint64_t times) : machine_(seed), rng_(seed) {
        machine_.fault = [this, n, times](Op op) {
            ++operations_;
            if (operations_ < n || operations_ >= n + times) return;
            fired_ = true;
            failed_to_remove_ = failed_to_remove_ || op == Op::remove;
            const bool full = op == Op::write || op == Op::resize || op == Op::allocate || op == Op::create;
            throw mapvec::Error(full && n % 2 == 0 ? mapvec::ErrorCode::no_space : mapvec::ErrorCode::io, "injected");
        };
    }

    // Returns false if no operation failed.
    bool run() {
        const Use use(machine_);
        store_ = insist([this] { return open_or_create(); });
        for (int round = 0; round < 9; ++round) {
            if (round == 3) reader_ = insist([] { return Store::open("store", mapvec::OpenMode::read_only); });
            if (round == 6) reader_ = Store();
            for (std::uint64_t steps = 1 + below(rng_, 4); steps > 0; --steps) change();
            commit([](Store& store) { store.commit(); });
            if (round >= 3 && round < 6) follow();
            if (round % 4 == 1) reopen();
        }
        commit([](Store& store) { store.close(); });
        machine_.fault = nullptr;
        check(machine_.killed());
        check(machine_.power_cut([](Item, const std::string&, std::uint64_t) { return false; }, rng_));
        return fired_;
    }

  private:
    // A creation that failed, and whose files could not be removed, may leave one that holds records but has no root.
    // The next creation refuses to replace it: only a user knows that nobody wants it.
    Store open_or_create() {
        try {
            return Store::open_or_create("store", {.initial_capacity = 1});
        } catch (const mapvec::Error& error) {
            if (error.code() != mapvec::ErrorCode::exists || !failed_to_remove_) throw;
            machine_.shown.clear();
            throw mapvec::Error(mapvec::ErrorCode::io, "injected");
        }
    }
    // Repeats the call until it succeeds.
    template <class Make>
    Store insist(Make make) {
        for (int tries = 0; tries < 20; ++tries) {
            try {
                return make();
            } catch (const mapvec::Error& error) {
                expect(error.code() == mapvec::ErrorCode::io || error.code() == mapvec::ErrorCode::no_space,
                       error.what());
            }
        }
        throw std::runtime_error("it fails again and again");
    }

    void change() {
        try {
            Subject::step(store_, model_, rng_);
        } catch (const mapvec::Error&) {
        }
        expect(Subject::read(store_) == model_, "a change that failed has changed something");
    }

    template <class Commit>
    void commit(Commit commit) {
        for (int tries = 0; tries < 20; ++tries) {
            const bool failed_before = failed_;
            begun_.push_back(model_);
            try {
                commit(store_);
                expect(!failed_before, "a commit after a failed sync has returned");
                take_for_committed(model_);
                return;
            } catch (const mapvec::Error&) {
            }
            change();  // a store that refused to commit or to close still works
            failed_ = refuses_for_good();
            if (failed_) recover();
        }
        throw std::runtime_error("a commit fails again and again");
    }
    // True if a commit without a fault throws, because the store does not know what is on disk.
    [[nodiscard]] bool refuses_for_good() {
        const auto fault = std::exchange(machine_.fault, nullptr);
        bool refused = false;
        begun_.push_back(model_);
        try {
            store_.commit();
            take_for_committed(model_);
            check(machine_.killed());
        } catch (const mapvec::Error& error) {
            refused = error.code() == mapvec::ErrorCode::io;
            expect(refused, "a commit after a failed sync is not refused with io");
            expect(Subject::read(store_) == model_, "a refused commit has changed something");
        }
        const bool after_failed_sync = sync_failed();
        expect(refused || !after_failed_sync, "after a failed sync a second one was believed");
        expect(!refused || after_failed_sync, "a commit is refused for good though no sync has failed");
        machine_.fault = fault;
        return refused;
    }
    void take_for_committed(const Model& model) {
        committed_ = model;
        begun_.clear();
    }
    [[nodiscard]] bool sync_failed() { return std::exchange(machine_.sync_faults, 0) != 0; }

    void recover() {
        store_ = Store();
        store_ = insist([] { return Store::open("store"); });
        const Model found = Subject::read(store_);
        expect(found == committed_ || std::find(begun_.begin(), begun_.end(), found) != begun_.end(),
               "a failed sync has lost a commit");
        model_ = found;
        take_for_committed(found);
        failed_ = false;
    }

    void follow() {
        try {
            reader_.refresh();
            expect(Subject::read(reader_) == committed_, "the reader does not see the commit");
        } catch (const mapvec::Error&) {
            reader_ = insist([] { return Store::open("store", mapvec::OpenMode::read_only); });
        }
    }
    void reopen() {
        commit([](Store& store) { store.close(); });
        store_ = insist([] { return Store::open("store"); });
        expect(Subject::read(store_) == model_, "the reopened store is another");
    }
    void check(std::unique_ptr<Machine> machine) {
        const Use use(*machine);
        const Store store = Store::open("store");
        expect(Subject::read(store) == model_, "the store that is opened next is another");
        store.verify();
    }

    Machine machine_;
    Rng rng_;
    std::uint64_t operations_ = 0;
    bool fired_ = false;
    bool failed_to_remove_ = false;
    bool failed_ = false;
    Store store_;
    Store reader_;
    Model model_;
    Model committed_;
    std::vector<Model> begun_;  // commits that have begun since
};

template <template <class> class Kind>
bool run(const std::string& only, std::uint64_t seed, std::uint64_t times) {
    if (!only.empty() && only != Kind<RecordingStorage>::name) return true;
    std::uint64_t n = 1;
    try {
        while (Scenario<Kind>(seed, n, times).run()) ++n;
    } catch (const std::exception& error) {
        std::printf("VIOLATION in %s, --seed %llu, operation %llu, %llu times: %s\n", Kind<RecordingStorage>::name,
                    static_cast<unsigned long long>(seed), static_cast<unsigned long long>(n),
                    static_cast<unsigned long long>(times), error.what());
        return false;
    }
    std::printf("%-18s seed %llu: each of %llu operations failed, %llu in a row\n", Kind<RecordingStorage>::name,
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(n - 1),
                static_cast<unsigned long long>(times));
    return true;
}

}  // namespace

int run_program(int argc, char** argv) {
    std::uint64_t first = 1, seeds = 3;
    std::string only;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        if (word == "--seed") first = std::strtoull(argv[i + 1], nullptr, 10);
        if (word == "--seeds") seeds = std::strtoull(argv[i + 1], nullptr, 10);
        if (word == "--only") only = argv[i + 1];
    }
    bool ok = true;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        for (const std::uint64_t times : {1u, 3u}) {
            ok = run<Vectors>(only, seed, times) && ok;
            ok = run<RawPayloads>(only, seed, times) && ok;
            ok = run<VariablePayloads>(only, seed, times) && ok;
            ok = run<Graphs>(only, seed, times) && ok;
            ok = run<Lines>(only, seed, times) && ok;
            ok = run<Collections>(only, seed, times) && ok;
        }
    }
    std::printf("fault_injection: seeds %llu to %llu: %s\n", static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(first + seeds - 1), ok ? "ok" : "VIOLATED");
    return ok ? 0 : 1;
}

}  // namespace crash_fault_injection

CRASH_PROGRAM(fault_injection, crash_fault_injection::run_program)
