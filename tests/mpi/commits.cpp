// Appending, commits, readers, surplus rows and damage of a sharded collection, for any number of ranks up to 4.
//
//     mpirun -n <ranks> mapvec_mpi_commits <an empty directory>
#include "docs.hpp"

#include <sys/resource.h>

#include <csignal>

namespace {

namespace fs = std::filesystem;
using namespace mapvec;
using namespace mpi_test;

void check_appending(const fs::path& directory) {
    auto docs = Docs::open_or_create(MPI_COMM_WORLD, directory, shard_count);
    check(docs.rows() == 0 && docs.search(KnnQuery{row_of(0), 3}).empty(), "a new collection is empty");
    if (rank() == 0)
        for (std::uint64_t i = 0; i < 10; ++i) check(docs.append(row_of(i), payload_of(i)) == i % 4, "shards in turn");
    check(docs.waiting() == (rank() == 0 ? 10u : 0u) && found_rows(docs) == 0, "waiting rows are not found");
    docs.commit();
    check(docs.rows() == 10 && docs.rows(1) == 3 && docs.rows(2) == 2, "rows are spread over the shards");
    check(docs.waiting() == 0 && found_rows(docs) == 10, "committed rows are found");
    const auto nearest = docs.search(KnnQuery{row_of(6), 1});
    check(nearest.front() == mpi::ShardHit{{2, 1}, 0}, "the ids do not depend on the number of ranks");
    check(docs.payloads(std::vector{nearest.front().id}).front() == payload_of(6), "each row has its payload");
    for (std::uint64_t i = 0; i < 10; ++i) docs.append(row_of(100), payload_of(100));
    docs.commit();
    check(docs.rows() == 10 + 10u * docs.ranks(), "every rank may append");
    docs.commit();
    check(docs.rows() == 10 + 10u * docs.ranks(), "a commit without rows changes nothing");
    check(
        docs.shard_of(std::string("Paris")) == 0 && docs.shard_of("Paris") == 0 && docs.shard_of(std::uint32_t{7}) == 2,
        "keys keep their shards");
    docs.append_to(docs.shard_of(std::string("Paris")), row_of(1), "Paris");
    const auto before = docs.rows(0);
    docs.commit();
    check(docs.rows(0) == before + docs.ranks(), "a key names the shard");
    check_throws(ErrorCode::dimension_mismatch, "length", "a short row", [&] { docs.append(std::vector{1.0f}, ""); });
    check_throws(ErrorCode::out_of_range, "shard", "no shard", [&] { docs.append_to(shard_count, row_of(1), ""); });
    check_throws(ErrorCode::locked, "", "a second writer",
                 [&] { (void)Docs::open(MPI_COMM_WORLD, directory, OpenMode::read_write); });
}

// More than one round of the exchange.
void check_large_batch(const fs::path& directory) {
    auto docs = Docs::create(MPI_COMM_WORLD, directory, shard_count);
    const std::string large(1 << 20, 'x');
    for (std::uint64_t i = 0; rank() == 0 && i < 40; ++i) docs.append(row_of(i), large + std::to_string(i));
    docs.commit();
    check(docs.rows() == 40, "all rounds arrive");
    for (std::uint32_t shard = 0; shard < shard_count; ++shard)
        check(docs.payloads(std::vector{mpi::ShardId{shard, 9}}).front() == large + std::to_string(36 + shard),
              "rows of a shard are in the order of their calls");
}

void check_readers(const fs::path& directory) {
    auto docs = Docs::create(MPI_COMM_WORLD, directory, shard_count);
    append_rows(docs, 0, 100);
    auto reader = Docs::open(MPI_COMM_WORLD, directory, OpenMode::read_only);
    check(!reader.refresh(), "nothing is new");
    append_rows(docs, 100, 150);
    check(found_rows(reader) == 100, "a reader stays at its commit");
    check(reader.refresh() && found_rows(reader) == 150 && reader.rows() == 150,
          "refresh() moves to the newest commit");
    check_throws(ErrorCode::read_only, "", "append() of a reader", [&] { reader.append(row_of(1), ""); });
    check_throws(ErrorCode::read_only, "", "commit() of a reader", [&] { reader.commit(); });
}

// The last rank may write only small files for a while.
void check_full_disk(const fs::path& directory) {
    auto docs = Docs::create(MPI_COMM_WORLD, directory, shard_count);
    append_rows(docs, 0, 40);
    const bool poor = rank() == ranks() - 1;
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit small{8192, limit.rlim_max};
    if (poor) setrlimit(RLIMIT_FSIZE, &small);
    const std::string large(1 << 20, 'x');
    for (std::uint64_t i = 0; rank() == 0 && i < 8; ++i) docs.append(row_of(i), large);
    check_throws(ErrorCode::no_space, "rank " + std::to_string(ranks() - 1),
                 "a full disk of one rank is an error of all", [&] { docs.commit(); });
    check(found_rows(docs) == 40 && docs.waiting() == (rank() == 0 ? 8u : 0u), "nothing has changed then");
    if (poor) setrlimit(RLIMIT_FSIZE, &limit);
    docs.commit();
    check(found_rows(docs) == 48, "the commit can be repeated");
}

// As after a crash between the commit of a shard and the manifest.
void add_surplus(const fs::path& directory, std::uint32_t shard, std::uint64_t count) {
    on_rank_0([&] {
        auto rows = One::open(directory / ("shard." + std::to_string(shard)));
        for (std::uint64_t i = 0; i < count; ++i) rows.append(row_of(i), "surplus");
        rows.commit();
    });
}

void check_surplus(const fs::path& directory) {
    {
        auto docs = Docs::create(MPI_COMM_WORLD, directory, shard_count);
        append_rows(docs, 0, 12);
    }
    add_surplus(directory, 1, 5);
    add_surplus(directory, 3, 2);
    const std::vector<mpi::SurplusRows> expected{{1, 3, 5}, {3, 3, 2}};
    {
        auto docs = Docs::open(MPI_COMM_WORLD, directory);
        check(docs.surplus() == expected, "open() says which shard is ahead, and by what");
        check(found_rows(docs) == 12 && docs.search_batch(std::vector{KnnQuery{row_of(0), 50}}).front().size() == 12,
              "surplus rows are not found");
        check_throws(ErrorCode::out_of_range, "", "the payload of a surplus row", [&] {
            (void)docs.payloads(std::vector{mpi::ShardId{1, 3}});
        });
        check_throws(ErrorCode::invalid_argument, "surplus", "commit() with surplus rows", [&] { docs.commit(); });
        docs.keep_surplus();
        check(docs.surplus().empty() && found_rows(docs) == 19 && docs.rows() == 19, "keep_surplus() adds them");
    }
    check(found_rows(Docs::open(MPI_COMM_WORLD, directory)) == 19, "and that is durable");
    add_surplus(directory, 2, 4);
    {
        auto docs = Docs::open(MPI_COMM_WORLD, directory);
        docs.give_up_surplus();
        check(docs.surplus().empty() && found_rows(docs) == 19, "give_up_surplus() erases them");
        append_rows(docs, 20, 24);
        check(found_rows(docs) == 23, "then appending goes on");
    }
    const auto docs = Docs::open(MPI_COMM_WORLD, directory);
    check(docs.surplus().empty() && found_rows(docs) == 23, "and that is durable");
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    std::signal(SIGXFSZ, SIG_IGN);
    try {
        const fs::path directory = argv[1];
        check_appending(directory / "appending");
        check_large_batch(directory / "large");
        check_readers(directory / "readers");
        check_full_disk(directory / "full");
        check_surplus(directory / "surplus");
    } catch (const std::exception& error) {
        check(false, std::string("no exception: ") + error.what());
    }
    if (rank() == 0) std::printf("commits, %d ranks: passed\n", ranks());
    MPI_Finalize();
}
