// Power cuts and kills at every operation of random workloads, on a simulated disk. After each, the store must open at
// the last commit that had returned or at the one that had begun, with the right contents, and continue.
//
//     mapvec_crash power_cut [--images 500] [--seed 1] [--only vectors] [--exhaustive 4]
//
// --images: crash images for each workload. --exhaustive: if at most so many sectors and names are dirty, every subset
// is tried.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "graph_subject.hpp"
#include "indexed_subject.hpp"
#include "interrupted_recovery.hpp"
#include "interrupted_rewrite.hpp"
#include "keyed_subject.hpp"
#include "power_cut.hpp"
#include "program.hpp"
#include "recording_storage.hpp"
#include "subjects.hpp"
#include "va_subject.hpp"

namespace crash_power_cut {

namespace {

using namespace crash;

template <template <class> class Subject>
void run(const Options& options, Totals& totals) {
    const char* const name = Subject<RecordingStorage>::name;
    if (!options.only.empty() && options.only != name) return;
    Totals mine;
    for (std::uint64_t round = 0; mine.images < options.images; ++round) {
        const std::uint64_t seed = options.seed + round;
        try {
            Workload<Subject>(options, seed, mine).run();
        } catch (const std::exception& error) {
            std::printf("VIOLATION in %s, --seed %llu: %s\n", name, static_cast<unsigned long long>(seed),
                        error.what());
            ++mine.violations;
            break;
        }
    }
    std::printf("%-18s %8llu images at %7llu points, %7llu of them two crashes in a row, %llu failing syncs: %s\n",
                name, static_cast<unsigned long long>(mine.images), static_cast<unsigned long long>(mine.points),
                static_cast<unsigned long long>(mine.twice), static_cast<unsigned long long>(mine.failed_syncs),
                mine.violations == 0 ? "ok" : "VIOLATED");
    std::fflush(stdout);
    totals.images += mine.images;
    totals.violations += mine.violations;
}

template <class Round>
void run_rounds(const char* name, const Options& options, Totals& totals) {
    if (!options.only.empty() && options.only != name) return;
    std::uint64_t images = 0, violations = 0, seed = options.seed;
    try {
        for (; images < options.images; ++seed) images += Round(seed).run();
    } catch (const std::exception& error) {
        std::printf("VIOLATION in %s, --seed %llu: %s\n", name, static_cast<unsigned long long>(seed), error.what());
        ++violations;
    }
    std::printf("%-18s %8llu images: %s\n", name, static_cast<unsigned long long>(images),
                violations == 0 ? "ok" : "VIOLATED");
    totals.images += images;
    totals.violations += violations;
}

}  // namespace

int run_program(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        if (word == "--images") options.images = std::strtoull(argv[i + 1], nullptr, 10);
        if (word == "--seed") options.seed = std::strtoull(argv[i + 1], nullptr, 10);
        if (word == "--exhaustive") options.exhaustive = std::strtoull(argv[i + 1], nullptr, 10);
        if (word == "--only") options.only = argv[i + 1];
    }
    Totals totals;
    run<Vectors>(options, totals);
    run<AppendedVectors>(options, totals);
    run<RawPayloads>(options, totals);
    run<VariablePayloads>(options, totals);
    run<Collections>(options, totals);
    run<KeyedCollections>(options, totals);
    run<Graphs>(options, totals);
    run<Lines>(options, totals);
    run<IndexedCollections>(options, totals);
    run_builder<RecordingStorage>(options, totals);
    run_rounds<InterruptedRewrite<RecordingStorage>>("rewrite", options, totals);
    run_rounds<InterruptedRecovery<RecordingStorage>>("recovery", options, totals);
    std::printf("power_cut: %llu images, seed %llu, %llu violations\n", static_cast<unsigned long long>(totals.images),
                static_cast<unsigned long long>(options.seed), static_cast<unsigned long long>(totals.violations));
    return totals.violations == 0 ? 0 : 1;
}

}  // namespace crash_power_cut

CRASH_PROGRAM(power_cut, crash_power_cut::run_program)
