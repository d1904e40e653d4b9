// What the other ranks do when one falls silent.
//
//     mpirun -n <ranks> mapvec_mpi_silence <an empty directory> stop    the last rank stops itself (SIGSTOP): rank 0
//                                                                       must get an error within the timeout of 2 s
//     mpirun -n <ranks> mapvec_mpi_silence <an empty directory> kill    the last rank kills itself: the job must fail
//     mpirun -n <ranks> mapvec_mpi_silence <an empty directory> leave   the last rank does not take part in a commit
//     mpirun -n <ranks> mapvec_mpi_silence <an empty directory> memory  the last rank has no memory for the hits of
//                                                                       the others: it leaves a search, and they wait
//
// Prints "a wrong answer" if a search returns without the silent rank.
#include "docs.hpp"
#include "no_memory.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace {

namespace fs = std::filesystem;
using namespace mapvec;
using namespace mpi_test;

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds timeout{2000};

bool is_last() { return rank() == ranks() - 1; }

// Calls until the error; checks its time and that all later calls fail at once.
template <class Call>
void check_timeout(Docs& docs, Call call) {
    const auto begin = Clock::now();
    const Error error = error_of("a silent rank is an error", call);
    const auto waited = std::chrono::duration<double>(Clock::now() - begin).count();
    check(error.code() == ErrorCode::io && std::string(error.what()).find("2000 ms") != std::string::npos,
          std::string("the error tells the timeout: ") + error.what());
    check(waited < 3, "the error comes within the timeout");
    check_throws(ErrorCode::io, "open it again", "later calls", [&] { (void)docs.search(KnnQuery{row_of(0), 5}); });
    check(Clock::now() - begin < std::chrono::seconds(3), "later calls throw at once");
    std::printf("rank %d: error after %.1f s\n", rank(), waited);
    std::fflush(stdout);
}

// Rank 0 owns nearly all hits, so that the last rank runs out of memory alone, after its own search.
void check_no_memory(Docs& docs) {
    for (std::uint64_t i = 0; rank() == 0 && i < 2000; ++i) docs.append_to(0, row_of(i), "");
    docs.commit();
    const auto search = [&] { (void)docs.search(DiskQuery{row_of(0), 1000}); };
    if (!is_last()) return check_timeout(docs, search);
    bool out_of_memory = false;
    too_large = 16 << 10;
    try {
        search();
    } catch (const std::bad_alloc&) {
        out_of_memory = true;
    }
    too_large = SIZE_MAX;
    check(out_of_memory, "the rank without memory gets no part of an answer");
    check_throws(ErrorCode::io, "open it again", "its later calls", search);
    std::this_thread::sleep_for(timeout + std::chrono::milliseconds(500));
}

void run(const fs::path& directory, const std::string& how) {
    auto docs = Docs::create(MPI_COMM_WORLD, directory / "sharded", static_cast<std::uint32_t>(ranks()),
                             {.store = {}, .timeout = timeout});
    if (rank() == 0)
        for (std::uint64_t i = 0; i < 100; ++i) docs.append(row_of(i), payload_of(i));
    docs.commit();
    check(docs.search(KnnQuery{row_of(0), 100}).size() == 100, "all ranks answer");
    MPI_Barrier(MPI_COMM_WORLD);
    if (how == "memory") {
        check_no_memory(docs);
    } else if (how == "leave") {
        if (rank() == 0) docs.append(row_of(0), "");
        if (!is_last()) check_timeout(docs, [&] { docs.commit(); });
        if (is_last()) std::this_thread::sleep_for(timeout + std::chrono::milliseconds(500));
    } else {
        if (is_last()) ::kill(::getpid(), how == "stop" ? SIGSTOP : SIGKILL);
        if (rank() == 0) {
            check_timeout(docs, [&] {
                (void)docs.search(KnnQuery{row_of(0), 100});
                std::printf("a wrong answer\n");
            });
        } else {
            std::this_thread::sleep_for(timeout * 2);  // rank 0 ends the job
        }
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
    if (rank() == 0) {
        std::printf("silence: passed\n");
        std::fflush(stdout);
        MPI_Abort(MPI_COMM_WORLD, 7);  // MPI_Finalize would wait for the silent rank
    }
    std::this_thread::sleep_for(timeout * 2);
    MPI_Finalize();
}
