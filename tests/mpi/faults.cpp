// Faults of one rank while the others go on: a commit between two steps of open(), no memory, a refresh that fails.
//
//     mpirun -n <ranks> mapvec_mpi_faults <an empty directory>
//
// The program replaces two functions of MPI and operator new, so that a fault comes at a chosen step.
#include "docs.hpp"
#include "no_memory.hpp"

#include <cstring>
#include <functional>
#include <mapvec/mpi/split.hpp>

namespace {

std::function<void()> after_reading_manifest;  // called once, by the rank that has read it

}  // namespace

// Sends the bytes of gather(). open() first sends the manifest with it, before any shard is opened.
extern "C" int MPI_Iallgatherv(const void* out, int count, MPI_Datatype type, void* in, const int counts[],
                               const int places[], MPI_Datatype in_type, MPI_Comm ranks, MPI_Request* request) {
    if (const auto call = std::exchange(after_reading_manifest, {})) call();
    return PMPI_Iallgatherv(out, count, type, in, counts, places, in_type, ranks, request);
}

namespace {

namespace fs = std::filesystem;
using namespace mapvec;
using namespace mpi_test;

// A job with the one rank 0 does `work` while open() of all ranks has the manifest, and no shard yet.
void during_open(std::function<void()> work) {
    if (rank() == 0) after_reading_manifest = std::move(work);
}

void check_commit_during_open(const fs::path& directory) {
    {
        auto docs = Docs::create(MPI_COMM_WORLD, directory, shard_count);
        append_rows(docs, 0, 10);
    }
    const auto commit = [&] {
        auto docs = Docs::open(MPI_COMM_SELF, directory);
        append_rows(docs, 10, 30);
    };
    {
        during_open(commit);
        const auto docs = Docs::open(MPI_COMM_WORLD, directory);
        check(docs.surplus().empty() && docs.rows() == 30 && found_rows(docs) == 30,
              "a commit of another job while a writer opens is not taken for surplus");
    }
    during_open(commit);
    auto reader = Docs::open(MPI_COMM_WORLD, directory, OpenMode::read_only);
    check(reader.rows() == 30 && found_rows(reader) == 30, "a reader that opens meanwhile is at the commit before");
    check(reader.refresh() && reader.surplus().empty() && found_rows(reader) == 50, "and moves to it with refresh()");
}

void check_replaced_during_open(const fs::path& directory, OpenMode mode) {
    on_rank_0([&] {
        fs::create_directories(directory);
        auto rows = One::create(directory / "rows");
        for (std::uint64_t i = 0; i < 20; ++i) rows.append(row_of(i), payload_of(i));
        rows.commit();
        mpi::split(rows, directory / "sharded", shard_count);
    });
    during_open([&] {
        fs::rename(directory / "sharded", directory / "away");
        mpi::split(One::open(directory / "rows", OpenMode::read_only), directory / "sharded", 2 * shard_count);
    });
    const Error error = error_of("shards that are split again while open() runs",
                                 [&] { (void)Docs::open(MPI_COMM_WORLD, directory / "sharded", mode); });
    check(error.code() == ErrorCode::corrupt || error.code() == ErrorCode::replaced, error.what());
    const auto docs = Docs::open(MPI_COMM_WORLD, directory / "sharded", mode);
    check(docs.shards() == 2 * shard_count && found_rows(docs) == 20, "the next open() finds the new shards");
}

// `call` fails on all ranks if one rank has no memory for so many `bytes`; then `call` succeeds.
template <class Call>
void check_no_memory(int poor, std::size_t bytes, const std::string& promise, Call call) {
    if (rank() == poor) too_large = bytes;
    check_throws(ErrorCode::no_space, "rank " + std::to_string(poor) + ": memory is exhausted", promise, call);
    too_large = SIZE_MAX;
    call();
}

void check_no_memory_on_one_rank(const fs::path& directory) {
    auto docs = Docs::create(MPI_COMM_WORLD, directory, shard_count);
    const auto last = shard_count - 1;
    for (std::uint64_t i = 0; rank() == 0 && i < 1000; ++i) docs.append_to(last, row_of(i), payload_of(i));
    docs.commit();
    check_no_memory(ranks() - 1, 4096, "a search without memory on one rank is an error of all",
                    [&] { (void)found_rows(docs); });
    check(found_rows(docs) == 1000, "and the next search works");

    const std::string large(1 << 20, 'x');
    for (const int poor : {0, ranks() - 1}) {  // the rank that sends the row, and the one that receives it
        if (rank() == 0) docs.append_to(last, row_of(0), large);
        check_no_memory(poor, large.size(), "a commit without memory on one rank is an error of all", [&] {
            check(docs.waiting() == (rank() == 0 ? 1u : 0u), "the rows still wait");
            docs.commit();
        });
    }
    check(docs.rows() == 1002 && found_rows(docs) == 1002, "and the next commit works");
}

// A payload that can be encoded, but not decoded: its owner refuses it each time.
struct Secret {
    int number = 0;
};

}  // namespace

template <>
struct mapvec::Codec<Secret> {
    static constexpr std::string_view name = "secret";
    static void encode(const Secret& secret, auto& sink) { sink.write(&secret.number, sizeof secret.number); }
    static Secret decode(std::span<const std::byte> bytes) {
        Secret secret;
        std::memcpy(&secret.number, bytes.data(), sizeof secret.number);
        if (secret.number < 0) throw Error(ErrorCode::payload, "a negative number");
        return secret;
    }
};

namespace {

void check_rows_that_no_commit_takes(const fs::path& directory) {
    auto docs = mpi::ShardedCollection<dim, Secret>::create(MPI_COMM_WORLD, directory, shard_count);
    docs.append(row_of(1), {1});
    if (rank() == 0) docs.append(row_of(2), {-2});
    for (int tries = 0; tries < 2; ++tries)
        check_throws(ErrorCode::payload, "negative", "a commit with a payload that cannot be decoded",
                     [&] { docs.commit(); });
    check(docs.waiting() == (rank() == 0 ? 2u : 1u), "the rows of all ranks still wait");
    if (rank() == 0) docs.rollback();
    docs.commit();
    check(docs.waiting() == 0 && docs.rows() == docs.ranks() - 1, "rollback() discards the rows of its rank");
}

// The last shard is exchanged for an older one, so that its rank cannot refresh.
void check_failed_refresh(const fs::path& directory) {
    const auto last = "shard." + std::to_string(shard_count - 1);
    auto docs = Docs::create(MPI_COMM_WORLD, directory / "sharded", shard_count);
    append_rows(docs, 0, 20);
    auto reader = Docs::open(MPI_COMM_WORLD, directory / "sharded", OpenMode::read_only);
    append_rows(docs, 20, 40);
    on_rank_0([&] {
        fs::rename(directory / "sharded" / last, directory / "away");
        fs::copy(directory / "sharded/shard.0", directory / "sharded" / last, fs::copy_options::recursive);
    });
    const std::string in_last = "rank " + std::to_string(ranks() - 1) + ": ";
    const Error error = error_of("refresh() without the last shard", [&] { reader.refresh(); });
    check(std::string(error.what()).find(in_last) != std::string::npos, error.what());
    check(reader.rows() == 20 && found_rows(reader) == 20,
          "after a failed refresh() all ranks are at the commit before");
    on_rank_0([&] {
        fs::remove_all(directory / "sharded" / last);
        fs::rename(directory / "away", directory / "sharded" / last);
    });
    check(reader.refresh() && reader.rows() == 40 && found_rows(reader) == 40, "and can refresh again");
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    try {
        const fs::path directory = argv[1];
        check_commit_during_open(directory / "commit");
        check_replaced_during_open(directory / "replaced", OpenMode::read_write);
        check_replaced_during_open(directory / "replaced-reader", OpenMode::read_only);
        check_no_memory_on_one_rank(directory / "memory");
        check_rows_that_no_commit_takes(directory / "rows");
        check_failed_refresh(directory / "refresh");
    } catch (const std::exception& error) {
        check(false, std::string("no exception: ") + error.what());
    }
    if (rank() == 0) std::printf("faults, %d ranks: passed\n", ranks());
    MPI_Finalize();
}
