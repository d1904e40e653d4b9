// Damaged manifests and shards: an error on all ranks, which names the rank and the file.
//
//     mpirun -n <ranks> mapvec_mpi_damage <an empty directory>
#include "docs.hpp"

#include <fstream>

namespace {

namespace fs = std::filesystem;
using namespace mapvec;
using namespace mpi_test;

void check_open_throws(const fs::path& directory, ErrorCode code, const std::string& text, const std::string& promise) {
    check_throws(code, text, promise, [&] { (void)Docs::open(MPI_COMM_WORLD, directory); });
}

// Changes the files of a fresh copy of the collection on rank 0, then opens it on all ranks.
template <class Damage>
void check_damage(const fs::path& directory, ErrorCode code, const std::string& text, Damage damage) {
    const auto copy = directory.parent_path() / "copy";
    on_rank_0([&] {
        fs::remove_all(copy);
        fs::copy(directory, copy, fs::copy_options::recursive);
        damage(copy);
    });
    check_open_throws(copy, code, text, "open() after damage: " + text);
}

void flip_byte(const fs::path& file, std::streamoff at) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(at);
    const int byte = stream.get();
    stream.seekp(at);
    stream.put(static_cast<char>(byte ^ 0x10));
}

void run(const fs::path& directory) {
    const auto sharded = directory / "sharded", older = directory / "older", other = directory / "other";
    check_open_throws(sharded, ErrorCode::not_found, "rank 0: ", "open() without a manifest");
    if (ranks() > 1) {
        const auto mine = static_cast<std::uint32_t>(rank());
        check_throws(ErrorCode::invalid_argument, "shards of rank 1", "create() with different numbers of shards",
                     [&] { (void)Docs::create(MPI_COMM_WORLD, directory / "different", shard_count + mine); });
        check_throws(ErrorCode::invalid_argument, "mode of rank 1", "open() with different modes", [&] {
            (void)Docs::open(MPI_COMM_WORLD, sharded, mine == 0 ? OpenMode::read_only : OpenMode::read_write);
        });
    }
    {
        auto docs = Docs::create(MPI_COMM_WORLD, sharded, shard_count);
        append_rows(docs, 0, 20);
    }
    on_rank_0([&] { fs::copy(sharded, older, fs::copy_options::recursive); });
    {
        auto docs = Docs::open(MPI_COMM_WORLD, sharded);
        append_rows(docs, 0, 20);
        auto another = Docs::create(MPI_COMM_WORLD, other, shard_count);
        append_rows(another, 0, 40);
    }
    const auto last = "shard." + std::to_string(shard_count - 1);
    const auto in_last = "rank " + std::to_string(ranks() - 1) + ": ";
    check_damage(sharded, ErrorCode::corrupt, "checksum",
                 [](const fs::path& copy) { flip_byte(copy / "manifest", 60); });
    check_damage(sharded, ErrorCode::version_mismatch, "version",
                 [](const fs::path& copy) { flip_byte(copy / "manifest", 8); });
    check_damage(sharded, ErrorCode::not_found, in_last, [&](const fs::path& copy) { fs::remove_all(copy / last); });
    check_damage(sharded, ErrorCode::corrupt, in_last,
                 [&](const fs::path& copy) { flip_byte(copy / last / "vectors", 100); });
    check_damage(sharded, ErrorCode::corrupt, "rows: expected at least 10, found 5", [&](const fs::path& copy) {
        fs::remove_all(copy / last);
        fs::copy(older / last, copy / last, fs::copy_options::recursive);
    });
    check_damage(sharded, ErrorCode::corrupt, "not the collection", [&](const fs::path& copy) {
        fs::remove_all(copy / last);
        fs::copy(other / last, copy / last, fs::copy_options::recursive);
    });
    check_damage(sharded, ErrorCode::corrupt, "compacted", [&](const fs::path& copy) {
        auto shard = One::open(copy / last);
        shard.compact();
    });
    check_damage(sharded, ErrorCode::not_found, "manifest",
                 [](const fs::path& copy) { fs::remove(copy / "manifest"); });

    const auto create = [&](std::uint32_t shards, const char* name) {
        (void)Docs::create(MPI_COMM_WORLD, directory / name, shards);
    };
    check_throws(ErrorCode::exists, "rank 0: ", "create() over a collection", [&] { create(shard_count, "sharded"); });
    check_throws(ErrorCode::exists, "no manifest", "create() over shards with rows",
                 [&] { create(shard_count, "copy"); });
    check_throws(ErrorCode::invalid_argument, "shards", "no shards", [&] { create(0, "new"); });
    if (ranks() > 1)
        check_throws(ErrorCode::invalid_argument, "shards", "fewer shards than ranks",
                     [&] { create(static_cast<std::uint32_t>(ranks() - 1), "new"); });
    on_rank_0([&] { (void)One::create(directory / "begun" / "shard.0"); });
    create(shard_count, "begun");  // a creation that did not end is continued
    check(Docs::open(MPI_COMM_WORLD, sharded).rows() == 40, "the undamaged collection still opens");
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    try {
        run(fs::path(argv[1]));
    } catch (const std::exception& error) {
        check(false, std::string("no exception: ") + error.what());
    }
    if (rank() == 0) std::printf("damage, %d ranks: passed\n", ranks());
    MPI_Finalize();
}
