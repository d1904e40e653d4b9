// mpi_search: the words nearest to a word, in a collection over the ranks of an MPI job.
//
//     mpirun -n 2 mpi_search search words.sharded river    # the first run stores the words in 8 shards
//     mpi_search join words.sharded words                  # makes one collection of them
//     mpi_search split words words.again 4                 # and four shards of that one
#include "words.hpp"

#include <mpi.h>

#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <mapvec/mpi/sharded.hpp>
#include <mapvec/mpi/split.hpp>
#include <span>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using ShardedWords = mapvec::mpi::ShardedCollection<mapvec::dynamic_dim, std::string>;

constexpr std::uint32_t shard_count = 8;
constexpr std::size_t dim = 100;

// Rank 0 reads the words; each word goes to the shard that its letters name. All ranks commit.
void fill(ShardedWords& words, const fs::path& imported) {
    if (words.rank() == 0) {
        const fs::path data = MAPVEC_EXAMPLE_DATA;
        const auto names = read_lines(data / "words.txt");
        auto rows = mapvec::MmapVectorStore<dim>::create(imported);
        mapvec::io::import_fvecs(data / "words.fvecs", rows);
        for (mapvec::Id id = 0; id < names.size(); ++id)
            words.append_to(words.shard_of(names[id]), direction_of(rows.get(id)), names[id]);
        rows.close();
        mapvec::MmapVectorStore<dim>::remove(imported);
    }
    words.commit();
}

// The vector of a word, from the rank that owns the word's shard; zeros if there is no such word.
std::vector<float> vector_of(const ShardedWords& words, const std::string& word) {
    const std::uint32_t shard = words.shard_of(word), owner = words.owner(shard);
    std::vector<float> vector(dim);
    if (owner == words.rank()) {
        const auto& rows = words.shard(shard);
        for (mapvec::Id id = 0; id < words.rows(shard); ++id)
            if (rows.payloads().view(id) == word) vector.assign(rows.vector(id).begin(), rows.vector(id).end());
    }
    MPI_Bcast(vector.data(), static_cast<int>(dim), MPI_FLOAT, static_cast<int>(owner), MPI_COMM_WORLD);
    return vector;
}

void search(const fs::path& directory, const std::string& word) {
    auto words = ShardedWords::open_or_create(MPI_COMM_WORLD, directory, shard_count, {.store = {.dim = dim}});
    if (!words.surplus().empty()) words.give_up_surplus();  // an earlier run was interrupted
    if (words.rows() == 0) fill(words, directory / "imported");

    const std::vector<float> query = vector_of(words, word);
    const auto hits = words.search(mapvec::KnnQuery{query, 10});
    std::vector<mapvec::mpi::ShardId> ids;
    for (const auto& hit : hits) ids.push_back(hit.id);
    const std::vector<std::string> names = words.payloads(ids);
    if (words.rank() != 0) return;
    std::cout << words.rows() << " words in " << words.shards() << " shards on " << words.ranks() << " ranks\n";
    for (std::size_t i = 0; i < hits.size(); ++i)
        std::cout << std::fixed << std::setprecision(3) << hits[i].distance() << "  " << names[i] << "  (shard "
                  << hits[i].id.shard << ", row " << hits[i].id.row << ")\n";
}

void run(std::span<char*> arguments) {
    const std::vector<std::string> words(arguments.begin(), arguments.end());
    if (words.size() == 4 && words[1] == "search") {
        search(words[2], words[3]);
    } else if (words.size() == 5 && words[1] == "split") {
        const auto source = Words::open(words[2], mapvec::OpenMode::read_only);
        mapvec::mpi::split(source, words[3], static_cast<std::uint32_t>(std::stoul(words[4])));
    } else if (words.size() == 4 && words[1] == "join") {
        auto target = Words::create(words[3], {.dim = dim});
        mapvec::mpi::join(words[2], target);
    } else {
        throw WordError(
            "expected: search <directory> <word>, split <collection> <directory> <shards>, or "
            "join <directory> <collection>");
    }
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    try {
        run({argv, static_cast<std::size_t>(argc)});
    } catch (const std::exception& error) {
        std::cerr << "mpi_search: " << error.what() << std::endl;
        MPI_Abort(MPI_COMM_WORLD, 1);  // MPI_Finalize() could wait for a rank that does not answer
    }
    MPI_Finalize();
}
