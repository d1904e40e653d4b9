// The speed of a sharded collection with several ranks, beside one rank.
//
//     mpirun -n 1 mpi_ranks <directory>       the first run stores 400,000 rows of 100 floats in 4 shards
//     mpirun -n 2 mpi_ranks <directory>
//     mpirun -n 1 mpi_ranks <directory> 2     one rank with 2 threads: what the machine allows
//
// Each rank uses one thread if no other number is given. Prints the median time of a search in milliseconds, and of
// reading the rows alone with one thread for each rank.
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <mapvec/mpi/sharded.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "common.hpp"

namespace {

using namespace mapvec;
using Rows = mpi::ShardedCollection<100, std::uint64_t>;
const std::uint64_t row_count = bench::small ? 4'000 : 400'000;

std::vector<float> random_row(std::mt19937& random) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> row(100);
    for (float& x : row) x = uniform(random);
    return row;
}

void fill(Rows& rows) {
    std::mt19937 random(1);
    constexpr std::uint64_t batch = 50'000;
    while (rows.rows() < row_count) {
        for (std::uint64_t i = 0; rows.rank() == 0 && i < std::min(batch, row_count); ++i)
            rows.append(random_row(random), i);
        rows.commit();
    }
}

// The median of the times that rank 0 measures.
template <class Call>
double median_ms(int times, Call call) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> measured;
    for (int i = 0; i < times; ++i) {
        MPI_Barrier(MPI_COMM_WORLD);
        const auto begin = Clock::now();
        call();
        measured.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    }
    std::ranges::nth_element(measured, measured.begin() + times / 2);
    return measured[static_cast<std::size_t>(times / 2)];
}

void run(const std::filesystem::path& directory, unsigned threads) {
    auto rows = Rows::open_or_create(MPI_COMM_WORLD, directory, 4);
    if (rows.rows() == 0) fill(rows);
    std::mt19937 random(2);
    std::vector<std::vector<float>> vectors;
    for (int i = 0; i < 100; ++i) vectors.push_back(random_row(random));
    std::vector<KnnQuery> batch;
    for (const auto& vector : vectors) batch.push_back({vector, 10});
    // Reading alone: the limit of the machine.
    const double reading = median_ms(30, [&] {
        std::int64_t sum = 0;
        for (std::uint32_t shard = 0; shard < rows.shards(); ++shard)
            if (rows.owner(shard) == rows.rank())
                sum += bench::sum_of(std::as_bytes(rows.shard(shard).vectors().data()));
        volatile std::int64_t used = sum;
        (void)used;
        MPI_Barrier(MPI_COMM_WORLD);
    });
    std::size_t next = 0;
    const double nearest = median_ms(100, [&] { (void)rows.search(batch[next++ % 100], {.threads = threads}); });
    const double ring = median_ms(100, [&] {
        (void)rows.search(RingQuery{vectors[next++ % 100], 7.0f, 0.05f}, {.threads = threads});
    });
    const double many = median_ms(5, [&] { (void)rows.search_batch(batch, {.threads = threads}); });
    if (rows.rank() == 0)
        std::printf(
            "%u ranks, %u threads, %llu rows: reading %.2f ms, kNN 10 %.2f ms, ring %.2f ms, batch of 100 %.1f ms\n",
            rows.ranks(), threads, static_cast<unsigned long long>(rows.rows()), reading, nearest, ring, many);
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    try {
        if (argc < 2) throw std::invalid_argument("expected a directory");
        run(argv[1], argc < 3 ? 1 : static_cast<unsigned>(std::stoul(argv[2])));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mpi_ranks: %s\n", error.what());
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    MPI_Finalize();
}
