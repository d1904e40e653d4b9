// A bit of a slot or a journal is flipped, and the power is cut at every operation of recover(). The store must then
// open at the last valid commit, or recover() must return it to that commit (see power_cut.cpp).
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "power_cut.hpp"

namespace crash {

template <class File>
class InterruptedRecovery {
    using Rows = mapvec::MmapVectorStore<row_dim, float, File>;
    using Group = mapvec::CommitGroup<File>;

  public:
    explicit InterruptedRecovery(std::uint64_t seed) : rng_(seed) {}

    // Returns the number of power cuts. Throws if one of them has lost the last valid commit.
    std::uint64_t run() {
        Machine machine(rng_());
        const Use use(machine);
        Rows rows = Rows::create(path);
        std::vector<std::string> states{""};  // after each commit
        for (std::uint64_t commits = 2 + below(rng_, 12); commits > 0; --commits) {
            const bool grows = rows.empty() || one_in(rng_, 4);
            const std::size_t id = grows ? rows.size() : below(rng_, rows.size());
            rows.insert(id, random_rows(rng_, 1));
            rows.commit();
            states.push_back(flat_bytes<float>(rows.data()));
        }
        for (int i = 0; i < 6; ++i) recover_damaged(*machine.killed(), states);
        return cuts_;
    }

  private:
    static constexpr const char* path = "store";

    [[nodiscard]] static std::vector<mapvec::FileSpec> specs() {
        return {mapvec::detail::StoreParts::spec<Rows>(path, {}, mapvec::detail::Opening::old_file)};
    }

    void recover_damaged(Machine& machine, const std::vector<std::string>& states) {
        const Use use(machine);
        machine.rng.seed(rng_());
        for (const auto& [name, inode] : machine.shown) inode->sync();
        machine.sync_directory();
        flip_a_bit(machine);
        const mapvec::RecoveryReport report = Group::examine(specs());
        if (report.damage.empty() || !report.commit) return;
        expected_ = states.at(*report.commit);
        machine.hook = [&](Op) { cut(machine); };
        (void)Group::recover(specs());
        machine.hook = nullptr;
        cut(machine);
        check();  // without a second recovery
    }
    // In the slots, or in the records of a journal.
    void flip_a_bit(Machine& machine) {
        auto chosen = machine.shown.begin();
        std::advance(chosen, below(rng_, machine.shown.size()));
        Inode& inode = *chosen->second;
        const bool is_root = chosen->first == path;
        const std::uint64_t at = is_root ? 1024 + below(rng_, 3072) : below(rng_, 2000);
        const std::byte bit{static_cast<unsigned char>(1u << below(rng_, 8))};
        inode.cache.write()[at] ^= bit;
        inode.durable.write()[at] ^= bit;
    }
    void cut(const Machine& machine) {
        survive(machine.killed());
        survive(machine.power_cut([](Item, const std::string&, std::uint64_t) { return false; }, rng_));
        for (int i = 0; i < 2; ++i) survive(machine.power_cut(random_chooser(rng_, machine.items()), rng_));
    }
    void survive(const std::unique_ptr<Machine>& machine) {
        ++cuts_;
        const Use use(*machine);
        machine->rng.seed(rng_());
        if (!Group::examine(specs()).damage.empty()) (void)Group::recover(specs());
        check();
    }
    void check() const {
        Rows rows = Rows::open(path);
        rows.verify();
        if (flat_bytes<float>(rows.data()) != expected_) throw std::runtime_error("a recovery has lost a commit");
        rows.append(std::vector<float>(row_dim));
        rows.commit();
    }

    Rng rng_;
    std::string expected_;
    std::uint64_t cuts_ = 0;
};

}  // namespace crash
