// Appends and commits until a rank is killed; the next run checks what is there, and goes on.
//
//     mpirun -n <ranks> mapvec_mpi_crash <directory> <seed>      appends until one rank (seeds divisible by 4: every
//                                                                rank) kills itself at a random moment
//     mpirun -n <ranks> mapvec_mpi_crash <directory> check       checks only
//
// Rank 0 keeps a log: "begin 7 12" before it commits batch 7 of 12 rows, "done 7" when commit() has returned, "keep"
// before keep_surplus(). open() must find all rows of batches that are done, and all or none of the others; after
// keep_surplus(), some rows of the last batch are right, too.
#include "support.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <mapvec/mpi/sharded.hpp>
#include <thread>

namespace {

namespace fs = std::filesystem;
using namespace mapvec;
using namespace mpi_test;

using Docs = mpi::ShardedCollection<dim, std::pair<std::uint64_t, std::uint64_t>>;  // payload: batch, number of the row
constexpr std::uint32_t shard_count = 5;

struct Batch {
    std::uint64_t rows = 0;
    bool done = false, kept = false;
    std::uint64_t found = 0;
};

class Log {
  public:
    explicit Log(const fs::path& path) : path_(path) {
        std::ifstream lines(path);
        std::string word;
        std::uint64_t number = 0, last = 0;
        while (lines >> word) {
            if (word == "keep") batches[last].kept = true;
            if (word == "begin") lines >> last >> batches[last].rows;
            if (word == "done" && lines >> number) batches[number].done = true;
        }
    }
    void add(const std::string& line) const { std::ofstream(path_, std::ios::app) << line << '\n' << std::flush; }

    std::map<std::uint64_t, Batch> batches;

  private:
    fs::path path_;
};

std::vector<float> vector_of(std::uint64_t batch, std::uint64_t number) { return row_of(batch * 1000 + number); }

// Every row found has the vector of its payload, is found once, and belongs to a batch that may be there.
void check_rows(const Docs& docs, Log& log) {
    std::vector<mpi::ShardId> ids;
    for (const auto& hit : docs.search(DiskQuery{row_of(0), 1000})) ids.push_back(hit.id);
    const auto payloads = docs.payloads(ids);
    std::map<std::pair<std::uint64_t, std::uint64_t>, int> seen;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        check(++seen[payloads[i]] == 1, "a row is found once");
        ++log.batches[payloads[i].first].found;
        if (docs.owner(ids[i].shard) != docs.rank()) continue;
        const auto expected = vector_of(payloads[i].first, payloads[i].second);
        check(std::ranges::equal(docs.shard(ids[i].shard).vector(ids[i].row), expected), "vector and payload agree");
    }
    for (const auto& [number, batch] : log.batches) {
        const auto name = "batch " + std::to_string(number) + ": " + std::to_string(batch.found) + " of " +
                          std::to_string(batch.rows) + " rows";
        check(!batch.done || batch.found == batch.rows, "a commit that returned is there: " + name);
        check(batch.kept || batch.found == 0 || batch.found == batch.rows, "all or nothing: " + name);
    }
}

void settle(Docs& docs, const Log& log, std::mt19937& random) {
    if (docs.surplus().empty()) return;
    std::uint64_t rows = 0;
    for (const auto& surplus : docs.surplus()) rows += surplus.count;
    const bool keep = random() % 2 == 0;
    if (rank() == 0)
        std::printf("  %zu shards are ahead by %llu rows: %s\n", docs.surplus().size(),
                    static_cast<unsigned long long>(rows), keep ? "keep" : "give up");
    const std::size_t found = docs.search(DiskQuery{row_of(0), 1000}).size();
    if (keep && rank() == 0) log.add("keep");
    MPI_Barrier(MPI_COMM_WORLD);
    keep ? docs.keep_surplus() : docs.give_up_surplus();
    const std::size_t now = docs.search(DiskQuery{row_of(0), 1000}).size();
    check(docs.surplus().empty() && (keep ? now >= found : now == found), "surplus rows are kept or given up");
}

// Kills this process at a random moment, if its turn has come.
void arrange_death(std::uint32_t seed) {
    std::mt19937 random(seed);
    const auto victim = static_cast<int>(random() % static_cast<unsigned>(ranks()));
    const std::chrono::microseconds delay(random() % 300'000);
    if (seed % 4 != 0 && victim != rank()) return;
    std::thread([delay] {
        std::this_thread::sleep_for(delay);
        ::kill(::getpid(), SIGKILL);
    }).detach();
}

void run(const fs::path& directory, const std::string& how) {
    const std::uint32_t seed = how == "check" ? 0 : static_cast<std::uint32_t>(std::stoul(how));
    std::mt19937 random(seed);
    auto docs = Docs::open_or_create(MPI_COMM_WORLD, directory / "sharded", shard_count);
    MPI_Barrier(MPI_COMM_WORLD);
    Log log(directory / "log");
    check_rows(docs, log);
    MPI_Barrier(MPI_COMM_WORLD);  // all have read the log
    if (how != "check") arrange_death(seed);
    settle(docs, log, random);
    if (how == "check") return;
    for (std::uint64_t batch = log.batches.empty() ? 0 : log.batches.rbegin()->first + 1;; ++batch) {
        const std::uint64_t rows = 1 + random() % 20;
        if (rank() == 0) log.add("begin " + std::to_string(batch) + " " + std::to_string(rows));
        for (std::uint64_t i = 0; i < rows; ++i)
            if (i % docs.ranks() == docs.rank()) docs.append(vector_of(batch, i), {batch, i});
        docs.commit();
        if (rank() == 0) log.add("done " + std::to_string(batch));
    }
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    try {
        run(argv[1], argv[2]);
    } catch (const std::exception& error) {
        check(false, std::string("no exception: ") + error.what());
    }
    if (rank() == 0) std::printf("crash, %d ranks: passed\n", ranks());
    MPI_Finalize();
}
