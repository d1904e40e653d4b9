// A process is killed while it compacts a collection, at every operation. The next process opens the collection, or
// migrates it (a sync may fail), and the power is cut at every operation of that. Both processes remove files of the
// older state. The collection must open at its only commit, whatever has reached the disk (see power_cut.cpp).
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "power_cut.hpp"

namespace crash {

template <class File>
class InterruptedRewrite {
    using Rows = mapvec::Collection<row_dim, std::string, float, mapvec::SquaredL2, File>;
    using Subject = Collections<File>;

  public:
    explicit InterruptedRewrite(std::uint64_t seed) : rng_(seed) {}

    // Returns the number of power cuts. Throws if one of them has lost the commit.
    std::uint64_t run() {
        Machine machine(rng_());
        const Use use(machine);
        Rows rows = Rows::create(path);
        const std::uint64_t count = 1 + below(rng_, 8);
        for (std::uint64_t i = 0; i < count; ++i) rows.append(random_rows(rng_, 1), random_text(rng_, 20));
        rows.commit();
        expected_ = Subject::read(rows);
        machine.hook = [&](Op) {
            go_on(*machine.killed(), [] { (void)Rows::open(path); });
            const auto migrate = [] { (void)Rows::template migrate<std::string>(path, std::identity{}); };
            go_on(*machine.killed(), migrate);
            const auto failing = machine.killed();
            failing->syncs_until_failure = below(rng_, 4);
            failing->failing_syncs = 1;
            go_on(*failing, migrate);
        };
        rows.compact();
        machine.hook = nullptr;
        return cuts_;
    }

  private:
    static constexpr const char* path = "store";

    template <class Process>
    void go_on(Machine& machine, Process process) {
        const Use use(machine);
        machine.rng.seed(rng_());
        machine.hook = [&](Op) { cut(machine); };
        try {
            process();
        } catch (const mapvec::Error& error) {
            if (error.code() != mapvec::ErrorCode::io || machine.syncs_until_failure == UINT64_MAX) throw;
        }
        machine.hook = nullptr;
        cut(machine);
    }
    void cut(const Machine& machine) {
        open(machine.power_cut([](Item item, const std::string&, std::uint64_t) { return item == Item::entry; }, rng_));
        if (one_in(rng_, 4)) open(machine.power_cut(random_chooser(rng_, machine.items()), rng_));
    }
    void open(const std::unique_ptr<Machine>& machine) {
        ++cuts_;
        const Use use(*machine);
        machine->rng.seed(rng_());
        const Rows rows = Rows::open(path);
        if (!(Subject::read(rows) == expected_)) throw std::runtime_error("a rewrite has lost a commit");
        rows.verify();
    }

    Rng rng_;
    Model expected_;
    std::uint64_t cuts_ = 0;
};

}  // namespace crash
