// Hits of a sharded collection, for any number of ranks up to the number of shards.
//
//     mpirun -n <ranks> mapvec_mpi_searches <an empty directory>
#include "support.hpp"

#include <mapvec/hnsw_index.hpp>
#include <mapvec/mpi/sharded.hpp>
#include <mapvec/mpi/split.hpp>
#include <mapvec/va_index.hpp>

namespace {

namespace fs = std::filesystem;
using namespace mapvec;
using namespace mpi_test;

constexpr std::uint32_t shard_count = 8;
constexpr std::uint64_t row_count = 3001;

template <NamedMetric M>
using Single = Collection<dim, std::string, float, M>;
template <NamedMetric M>
using Sharded = mpi::ShardedCollection<dim, std::string, float, M>;

// The hits with the ids of the collection that was split.
template <class Hits, class Docs>
std::vector<Hit> joined(const Hits& hits, const Docs& docs) {
    std::vector<Hit> all;
    for (const mpi::ShardHit& hit : hits) {
        Id first = 0;
        for (std::uint32_t shard = 0; shard < hit.id.shard; ++shard) first += docs.rows(shard);
        all.push_back({first + hit.id.row, hit.distance_squared, hit.unit});
    }
    return all;
}

template <class Docs, class One, class Query>
void check_same(const char* what, const Docs& docs, const One& one, const Query& query, const Query& elsewhere) {
    const auto expected = one.search(query);
    check(!expected.empty(), std::string(what) + ": the query finds something");
    for (const unsigned threads : {1u, 2u}) {
        const auto hits = docs.search(rank() == 0 ? query : elsewhere, {.threads = threads});
        check(joined(hits, docs) == expected, std::string(what) + ": the hits of one collection, in its order");
        check(hits[0].unit == expected[0].unit && hits[0].value() == expected[0].value(), "values are those of Hit");
    }
}

template <NamedMetric M>
void check_ranges(const Sharded<M>& docs, const Single<M>& one) {
    const std::vector<float> query = row_of(77), other = row_of(78);
    const float near = M::is_distance ? (std::same_as<M, SquaredL2> ? 4.0f : 0.2f) : 30.0f;
    const DiskQuery disks[] = {{query, near}, {other, near}};
    check_same("ring", docs, one, RingQuery{query, near, near / 4}, RingQuery{});
    check_same("range", docs, one, RangeQuery{query, near / 2, near}, RangeQuery{});
    check_same("disk", docs, one, disks[0], DiskQuery{});
    check_same("intersection", docs, one, DiskIntersectionQuery{disks}, DiskIntersectionQuery{});
    for (const std::size_t limit : {std::size_t{1}, std::size_t{20}, static_cast<std::size_t>(-1)}) {
        check_same("ring with a limit", docs, one, RingQuery{query, near, near / 4, limit}, RingQuery{});
        check_same("range with a limit", docs, one, RangeQuery{query, near / 2, near, limit}, RangeQuery{});
        check_same("disk with a limit", docs, one, DiskQuery{query, near, limit}, DiskQuery{});
        check_same("intersection with a limit", docs, one, DiskIntersectionQuery{disks, limit},
                   DiskIntersectionQuery{});
    }
}

template <NamedMetric M>
void check_nearest(const Sharded<M>& docs, const Single<M>& one) {
    std::vector<std::vector<float>> vectors;
    for (std::uint64_t i = 0; i < 20; ++i) vectors.push_back(row_of(5000 + i));
    std::vector<KnnQuery> queries;
    for (std::size_t i = 0; i < vectors.size(); ++i) queries.push_back({vectors[i], 1 + 7 * i});
    for (const KnnQuery& query : queries) check_same("kNN", docs, one, query, KnnQuery{});
    check_same("all rows by kNN", docs, one, KnnQuery{vectors[0], static_cast<std::size_t>(-1)}, KnnQuery{});
    check(docs.search(KnnQuery{vectors[0], 0}).empty(), "k = 0 finds nothing");
    const auto expected = one.search_batch(queries);
    const auto batch =
        docs.search_batch(rank() == 0 ? std::span<const KnnQuery>(queries) : std::span<const KnnQuery>());
    check(batch.size() == expected.size(), "a batch has a list for each query");
    for (std::size_t i = 0; i < batch.size(); ++i)
        check(joined(batch[i], docs) == expected[i], "batch: the hits of one collection, in its order");
}

void check_payloads(const Sharded<SquaredL2>& docs, const Single<SquaredL2>& one) {
    const auto hits = docs.search(KnnQuery{row_of(3), 50});
    std::vector<mpi::ShardId> ids;
    for (const auto& hit : hits) ids.push_back(hit.id);
    const auto payloads =
        docs.payloads(rank() == 0 ? std::span<const mpi::ShardId>(ids) : std::span<const mpi::ShardId>());
    check(payloads.size() == ids.size(), "a payload for each id, on all ranks");
    const auto expected = joined(hits, docs);
    for (std::size_t i = 0; i < ids.size(); ++i) check(payloads[i] == one.payload(expected[i].id), "the row's payload");
    check(docs.payloads({}).empty(), "no ids, no payloads");
    const std::vector<mpi::ShardId> beyond{{0, docs.rows(0)}}, no_shard{{shard_count, 0}};
    check_throws(ErrorCode::out_of_range, "row", "a row that does not exist", [&] { (void)docs.payloads(beyond); });
    check_throws(ErrorCode::out_of_range, "shard", "a shard that does not exist",
                 [&] { (void)docs.payloads(no_shard); });
}

// Errors of rank 0's query, and of one rank alone, reach all ranks; the collection stays usable.
void check_errors(const Sharded<SquaredL2>& docs) {
    const std::vector<float> query = row_of(1), short_query{1, 2};
    check_throws(ErrorCode::dimension_mismatch, "rank 0: ", "a short query", [&] {
        (void)docs.search(KnnQuery{rank() == 0 ? short_query : query, 3});
    });
    check_throws(ErrorCode::invalid_argument, "rank 0: ", "a ring with NaN", [&] {
        (void)docs.search(RingQuery{query, std::numeric_limits<float>::quiet_NaN(), 1});
    });
    if (ranks() > 1) {
        check_throws(ErrorCode::invalid_argument, "rank 1: query: expected the type of query of rank 0",
                     "another type of query on rank 1", [&] {
                         if (rank() == 1)
                             (void)docs.search(DiskQuery{query, 1});
                         else
                             (void)docs.search(KnnQuery{query, 1});
                     });
    }
    check(docs.search(KnnQuery{query, 3}).size() == 3, "after an error the next search works");
}

// A graph of each shard finds the same for any number of ranks, and here everything.
void check_indexes(Sharded<SquaredL2>& docs, const Single<SquaredL2>& one) {
    docs.create_index(VaOptions{});
    docs.create_index(HnswOptions{.m = 16});
    check_nearest<SquaredL2>(docs, one);
    check_ranges<SquaredL2>(docs, one);
    const std::vector<float> query = row_of(4242);
    const auto hits = docs.search(rank() == 0 ? AnnQuery{query, 10, 400} : AnnQuery{});
    check(joined(hits, docs) == one.search(KnnQuery{query, 10}), "a wide search by the graphs finds the nearest rows");
    docs.drop_index(IndexKind::hnsw);
    docs.update_indexes();
    check(docs.search(AnnQuery{query, 10, 400}) == hits, "without graphs AnnQuery is exact");
}

template <NamedMetric M>
void run(const fs::path& directory) {
    auto one = Single<M>();
    on_rank_0([&] {
        auto source = Single<M>::create(directory / "one");
        for (std::uint64_t i = 0; i < row_count; ++i) source.append(row_of(i), payload_of(i));
        source.commit();
        mpi::split(source, directory / "sharded", shard_count);
    });
    one = Single<M>::open(directory / "one", OpenMode::read_only);
    {
        auto docs = Sharded<M>::open(MPI_COMM_WORLD, directory / "sharded");
        check(docs.rows() == row_count && docs.shards() == shard_count && docs.surplus().empty(),
              "split keeps all rows");
        check_ranges<M>(docs, one);
        check_nearest<M>(docs, one);
        if constexpr (std::same_as<M, SquaredL2>) {
            check_payloads(docs, one);
            check_errors(docs);
            check_indexes(docs, one);
        }
    }
    on_rank_0([&] {
        auto joined_again = Single<M>::create(directory / "joined");
        mpi::join(directory / "sharded", joined_again);
        check(std::ranges::equal(joined_again.vectors().data(), one.vectors().data()), "join gives the rows back");
        for (Id row = 0; row < row_count; ++row)
            check(joined_again.payload(row) == one.payload(row), "join gives the payloads back");
    });
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    try {
        const fs::path directory = argv[1];
        run<SquaredL2>(directory / "l2");
        run<InnerProduct>(directory / "ip");
        run<Cosine>(directory / "cos");
    } catch (const std::exception& error) {
        check(false, std::string("no exception: ") + error.what());
    }
    if (rank() == 0) std::printf("searches, %d ranks: passed\n", ranks());
    MPI_Finalize();
}
