// One random workload on a simulated disk, with a crash at every operation (see power_cut.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "recording_storage.hpp"
#include "subjects.hpp"

namespace crash {

struct Options {
    std::uint64_t images = 500;
    std::uint64_t seed = 1;
    std::uint64_t exhaustive = 4;
    std::string only;
};
struct Totals {
    std::uint64_t images = 0;
    std::uint64_t points = 0;
    std::uint64_t twice = 0;
    std::uint64_t failed_syncs = 0;
    std::uint64_t violations = 0;
};

// The states that are allowed after a crash: that of the last commit that returned, and those of commits that had begun
// since. (There may be several, if the process was killed and another has opened the state in the page cache.)
struct Allowed {
    bool absent = false;  // the creation of the store has not returned
    std::vector<Model> states;

    void begin(const Model& model) { states.push_back(model); }
    void commit(const Model& model) { *this = {false, {model}}; }
    [[nodiscard]] bool holds(const Model& found) const {
        return std::find(states.begin(), states.end(), found) != states.end();
    }
    [[nodiscard]] std::string text() const {
        std::string text = absent ? "allowed: none" : "allowed:";
        for (const auto& state : states) text += " [" + describe(state) + "]";
        return text;
    }
};

// Selects the dirty sectors and names that a power cut keeps: at random, and in patterns that are known to break
// protocols.
[[nodiscard]] inline Chooser random_chooser(Rng& rng, std::uint64_t items) {
    const auto in_slot = [](const std::string& file, std::uint64_t sector) {
        return file.find(".journal") == std::string::npos && sector >= 2 && sector < 8;
    };
    const auto in_journal = [](const std::string& file) { return file.find(".journal") != std::string::npos; };
    const std::uint64_t salt = rng();
    const std::uint64_t pattern = below(rng, 18);
    const std::uint64_t one = below(rng, items);
    return [=, &rng, next = std::make_shared<std::uint64_t>(0)](Item item, const std::string& file,
                                                                std::uint64_t sector) {
        const bool slot = item == Item::sector && in_slot(file, sector);
        switch (pattern) {
            case 0: return false;
            case 1: return true;
            case 2: return slot;
            case 3: return !slot;
            case 4: return item == Item::size;
            case 5: return item != Item::size;
            case 6: return in_journal(file);
            case 7: return !in_journal(file);
            case 8: return ((std::hash<std::string>()(file) ^ salt) & 1) == 0;  // whole files
            case 9: return ((sector * page_size / sector_size * 0x9e3779b9 ^ salt) & 4) == 0;
            case 10:
                return ((sector * sector_size / page_size * 0x9e3779b97f4a7c15 + salt) >> 40 & 1) == 0;  // whole pages
            case 11: return !one_in(rng, 10);
            case 12: return one_in(rng, 10);
            case 13: return (*next)++ == one;
            case 14: return item == Item::entry;
            case 15:
            case 16: return (*next)++ != one;
            default: return one_in(rng, 2);
        }
    };
}

[[nodiscard]] inline Chooser mask_chooser(std::uint64_t mask) {
    return [mask, next = std::make_shared<unsigned>(0)](Item, const std::string&, std::uint64_t) {
        return (mask >> (*next)++ & 1) != 0;
    };
}

template <template <class> class Kind>
class Workload {
    using Subject = Kind<RecordingStorage>;
    using Store = typename Subject::Store;

  public:
    Workload(const Options& options, std::uint64_t seed, Totals& totals)
        : options_(options), totals_(totals), rng_(seed), crashes_(seed * 7919 + 1) {}

    void run() {
        Machine machine(rng_());
        const Use use(machine);
        machine.hook = [&](Op op) { crash_here(machine, op); };
        std::optional<Store> store(make());
        Model model;
        allowed_.commit(model);
        for (int round = 0; round < 10; ++round) {
            some_steps(*store, model);
            if (one_in(rng_, 4)) toggle_reader();
            commit(*store, model);
            if (reader_) follow();
            if (one_in(rng_, 5)) reopen(store, model);
        }
        reader_.reset();
        close(*store, model);
        machine.hook = nullptr;
        fail_syncs(machine);
    }

  private:
    static constexpr const char* path = "store";

    [[nodiscard]] Store make() {
        const mapvec::StoreOptions small{.initial_capacity = one_in(rng_, 2) ? 1u : 0u};
        allowed_ = {true, {Model{}}};
        return one_in(rng_, 2) ? Store::create(path, small) : Store::open_or_create(path, small);
    }
    void some_steps(Store& store, Model& model) {
        for (std::uint64_t n = 1 + below(rng_, 6); n > 0; --n) {
            Subject::step(store, model, rng_);
            if (!(Subject::read(store) == model)) throw std::runtime_error("the writer does not see its own changes");
        }
    }
    void commit(Store& store, const Model& model) {
        allowed_.begin(model);
        store.commit();
        allowed_.commit(model);
    }
    void close(Store& store, const Model& model) {
        allowed_.begin(model);
        store.close();
        allowed_.commit(model);
    }
    void reopen(std::optional<Store>& store, Model& model) {
        close(*store, model);
        store.emplace(Store::open(path));
        if (one_in(rng_, 2)) some_steps(*store, model);
    }

    // --- a reader in another process ---

    void toggle_reader() {
        if (reader_)
            reader_.reset();
        else
            reader_.emplace(Store::open(path, mapvec::OpenMode::read_only));
        if (reader_) seen_ = Subject::read(*reader_);
    }
    void follow() {
        if (!(Subject::read(*reader_) == seen_)) throw std::runtime_error("a reader's rows change before it asks");
        if (one_in(crashes_, 3)) return;
        reader_->refresh();
        const Model& seen = seen_ = Subject::read(*reader_);
        if (!allowed_.holds(seen)) throw std::runtime_error("a reader sees " + describe(seen) + "; " + allowed_.text());
        reader_->verify();
    }

    // --- crashes ---

    void crash_here(Machine& machine, Op op) {
        ++totals_.points;
        if (reader_ && one_in(crashes_, 3)) follow();
        if (op == Op::sync && one_in(crashes_, 6)) look(allowed_);  // a reader never waits for a sync
        const std::size_t items = machine.items();
        if (items <= options_.exhaustive) {
            for (std::uint64_t mask = 0; mask < std::uint64_t{1} << items; ++mask)
                survive(machine.power_cut(mask_chooser(mask), crashes_), allowed_, 0);
        } else {
            auto cut = machine.power_cut(random_chooser(crashes_, items), crashes_);
            survive(std::move(cut), allowed_, one_in(crashes_, 3) ? 1 : 0);
        }
        // A name that is not on disk yet is rare, and easily lost.
        const int kills = op == Op::create ? 12 : one_in(crashes_, 4) ? 1 : 0;
        for (int i = 0; i < kills; ++i) survive(machine.killed(), allowed_, 2);
    }

    // Checks that the state after a crash is allowed, for readers and writers, and that the store works, also after
    // `more` further crashes.
    void survive(std::unique_ptr<Machine> machine, const Allowed& allowed, int more) {
        ++totals_.images;
        machine->rng.seed(crashes_());
        const Use use(*machine);
        if (one_in(crashes_, 4)) look(allowed);
        std::unique_ptr<Machine> next;
        Allowed next_allowed = allowed;
        Allowed now = allowed;
        std::uint64_t wait = more > 0 ? below(crashes_, 40) : UINT64_MAX;
        machine->hook = [&](Op) {
            if (wait-- != 0) return;
            next = one_in(crashes_, 4) ? machine->killed()
                                       : machine->power_cut(random_chooser(crashes_, machine->items()), crashes_);
            next_allowed = now;
        };
        go_on(allowed, now);
        machine->hook = nullptr;
        if (!next) return;
        ++totals_.twice;
        survive(std::move(next), next_allowed, more - 1);
    }

    void look(const Allowed& allowed) {
        try {
            const Store store = Store::open(path, mapvec::OpenMode::read_only);
            check(store, allowed);
        } catch (const mapvec::Error& error) {
            if (!allowed.absent || error.code() != mapvec::ErrorCode::not_found) throw;
        }
    }
    void check(const Store& store, const Allowed& allowed) {
        const Model found = Subject::read(store);
        if (!allowed.holds(found)) throw std::runtime_error("found " + describe(found) + "; " + allowed.text());
        store.verify();
    }
    void go_on(const Allowed& allowed, Allowed& now) {
        Store store = allowed.absent ? Store::open_or_create(path) : Store::open(path);
        check(store, allowed);
        Model model = Subject::read(store);
        now = allowed;  // the state may be in the page cache only, until a commit returns
        Rng rng(crashes_());
        for (int commits = 0; commits < 2; ++commits) {
            for (std::uint64_t n = below(rng, 3); n > 0; --n) Subject::step(store, model, rng);
            now.begin(model);
            store.commit();
            now.commit(model);
        }
        if (one_in(rng, 2)) store.close();
        if (one_in(rng, 2)) store = Store();
        if (one_in(rng, 2)) check(Store::open(path, mapvec::OpenMode::read_only), now);
    }

    // --- failing syncs ---

    // Syncs fail from the n-th on, once or always. Commits then throw, and earlier commits are safe.
    void fail_syncs(Machine& machine) {
        for (std::uint64_t n = 0; n < 24; ++n) {
            const auto copy = machine.killed();
            const Use use(*copy);
            copy->rng.seed(crashes_());
            const bool for_ever = one_in(crashes_, 2);
            Allowed allowed = allowed_;
            fail_sync(*copy, n / 2 + below(crashes_, 4), for_ever ? UINT64_MAX : 1, allowed);
            survive(copy->power_cut(random_chooser(crashes_, copy->items()), crashes_), allowed, 1);
            copy->failing_syncs = 0;
            // The next process finds bytes in the page cache that are not on disk, and then the power is cut.
            for (int i = 0; i < 6; ++i) survive(copy->killed(), allowed, 1);
            if (one_in(crashes_, 2)) copy->evict();
            Allowed now = allowed;
            go_on_while_pages_vanish(*copy, allowed, now);
            survive(copy->power_cut(random_chooser(crashes_, copy->items()), crashes_), now, 1);
        }
    }
    // The contents of the page cache may be lost meanwhile. The store may notice this and throw, but only once.
    void go_on_while_pages_vanish(Machine& machine, const Allowed& allowed, Allowed& now) {
        machine.hook = [&](Op) {
            if (one_in(crashes_, 6)) machine.evict();
        };
        try {
            go_on(allowed, now);
            machine.hook = nullptr;
        } catch (const mapvec::Error&) {
            machine.hook = nullptr;
            machine.evict();
            const Allowed before = now;
            go_on(before, now);
        }
    }
    void fail_sync(Machine& machine, std::uint64_t n, std::uint64_t times, Allowed& allowed) {
        Store store = Store::open(path);
        Model model = Subject::read(store);
        machine.syncs_until_failure = n;
        machine.failing_syncs = times;
        for (int commits = 0; commits < 20; ++commits) {
            for (std::uint64_t steps = 1 + below(crashes_, 3); steps > 0; --steps)
                Subject::step(store, model, crashes_);
            allowed.begin(model);
            const bool closing = one_in(crashes_, 4);  // close() makes a checkpoint
            try {
                closing ? store.close() : store.commit();
            } catch (const mapvec::Error& error) {
                ++totals_.failed_syncs;
                must_refuse(store);
                if constexpr (requires { Subject::of_two_stores; }) return;  // the other store continues
                // The store may be changed further, but these changes do not become part of the failed commit.
                for (std::uint64_t steps = below(crashes_, 4); steps > 0; --steps)
                    Subject::step(store, model, crashes_);
                if (closing) must_refuse_to_close(store);
                return;
            }
            allowed.commit(model);
            if (closing) store = Store::open(path);
        }
    }
    static void must_refuse(Store& store) {
        must_refuse([&] { store.commit(); });
    }
    static void must_refuse_to_close(Store& store) {
        must_refuse([&] { store.close(); });
    }
    template <class Call>
    static void must_refuse(Call call) {
        try {
            call();
        } catch (const mapvec::Error& error) {
            if (error.code() == mapvec::ErrorCode::io) return;
        }
        throw std::runtime_error("a commit after a failed sync did not refuse");
    }

    const Options& options_;
    Totals& totals_;
    Rng rng_;      // for the workload
    Rng crashes_;  // for crashes
    Allowed allowed_;
    std::optional<Store> reader_;
    Model seen_;  // the state that the reader has seen
};

// PayloadStoreBuilder::finish_persisted: after a power cut at any time, the store exists completely or not at all.
template <class File>
void run_builder(const Options& options, Totals& totals) {
    using Builder = mapvec::PayloadStoreBuilder<std::string, mapvec::Codec<std::string>, File>;
    using Store = typename Builder::Store;
    if (!options.only.empty() && options.only != "builder") return;
    std::uint64_t images = 0, violations = 0;
    Rng rng(options.seed);
    const auto look = [&](Machine& machine, std::size_t records, bool finished) {
        const Use use(machine);
        machine.rng.seed(rng());
        try {
            Store store = Store::open("built");
            store.verify();
            if (store.size() != records) throw std::runtime_error("a store of another size was built");
        } catch (const mapvec::Error& error) {
            if (finished || error.code() != mapvec::ErrorCode::not_found) throw;
            Store store = Store::open_or_create("built");
            store.push("first");
            store.commit();
        }
    };
    try {
        while (images < options.images) {
            Machine machine(rng());
            const Use use(machine);
            const std::size_t records = below(rng, 30);
            Builder builder;
            for (std::size_t i = 0; i < records; ++i) builder.push(random_record(rng));
            machine.hook = [&](Op) {
                ++images;
                look(*machine.power_cut(random_chooser(rng, machine.items()), rng), records, false);
                look(*machine.killed(), records, false);
            };
            const Store store = std::move(builder).finish_persisted("built");
            machine.hook = nullptr;
            for (int i = 0; i < 20; ++i)
                look(*machine.power_cut(random_chooser(rng, machine.items()), rng), records, true);
        }
    } catch (const std::exception& error) {
        std::printf("VIOLATION in builder, --seed %llu: %s\n", static_cast<unsigned long long>(options.seed),
                    error.what());
        ++violations;
    }
    std::printf("%-18s %8llu images: %s\n", "builder", static_cast<unsigned long long>(images),
                violations == 0 ? "ok" : "VIOLATED");
    totals.images += images;
    totals.violations += violations;
}

}  // namespace crash
