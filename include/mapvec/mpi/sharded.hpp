// ShardedCollection: one collection over several processes or machines, with MPI. Each rank owns one or more shards; a
// shard is a Collection. Needs an MPI library (Open MPI, MPICH); mapvec.hpp does not include this header.
//
//     MPI_Init(nullptr, nullptr);
//     auto docs = mapvec::mpi::ShardedCollection<512, Doc>::open_or_create(MPI_COMM_WORLD, "docs", 8);  // 8 shards
//     if (rank == 0) docs.append(vector, doc);                         // any rank may append
//     docs.commit();                                                   // durable on all ranks
//     for (auto hit : docs.search(mapvec::KnnQuery{query, 10}, {.threads = 0}))
//         std::cout << hit.id.shard << '/' << hit.id.row << ' ' << hit.distance() << '\n';
//
// Calls marked [collective] are made by all ranks of the communicator, in the same order, like the collective functions
// of MPI. The query of rank 0 counts; the other ranks pass any query of the same type. All ranks get the hits.
//
// Ids are (shard, row). Searches have the hits and distances that one collection with the same rows would have. k
// nearest, and ranges with a limit: by distance, then shard, then row; other ranges: by shard, then row. So the hits do
// not depend on the number of ranks, and if the rows of a collection are split in their order (split.hpp), they are its
// hits, bit by bit. (NormalizedCosine: of rows whose values are equal after rounding, other ones may come first.)
//
// Shards. Their number is chosen at creation; any number of ranks up to it may open them. A rank owns consecutive
// shards: shards n r / R to n (r + 1) / R - 1 for rank r of R. The directory holds `manifest`, which rank 0 reads and
// writes, and `shard.<n>`, which its owner does; it may be on a shared file system or, if the number of ranks does not
// change, on local disks.
//
// Commits. append() keeps rows in the memory of the rank; searches do not find them. commit() sends them to their
// shards, commits each shard, and then writes a manifest with the number of rows of each shard. The rows are durable
// when commit() returns. After a crash of any rank at any moment, the collection opens at the last manifest, with
// exactly the rows that it names: those of the last commit that returned, and none or all of a commit that was
// interrupted. A shard may then have more rows than the manifest. surplus() lists them, and searches do not find them.
// keep_surplus() adds them, give_up_surplus() erases them. commit() throws until one of the two was called.
//
// Not promised: keep_surplus() may add a part of the interrupted commit. An overwrite or erasure made in a shard alone
// (Collection::open) is not part of any manifest. A shard must not be compacted alone: its ids would change, and open()
// throws corrupt.
//
// Readers (read_only) see the rows of one manifest on all shards, and move to the newest with refresh().
//
// Errors. An error of one rank (a full disk, a damaged shard, a bad query) is thrown by all ranks; the text names the
// rank. If the hits or payloads of one call have 2 GiB or more (134 million hits), it throws no_space. A rank that does
// not take part in a call within `timeout` is an io error of the others, never a part of an answer; later calls throw
// io too. If a process dies, most MPI libraries end the whole job; otherwise it is the same error. After it
// MPI_Finalize may not return: report the error and call MPI_Abort. If commit() throws before the shards are committed,
// nothing has changed and the rows still wait (rollback() discards them); if it throws later, later calls throw io, and
// the collection must be opened again, as after a crash.
//
// Threads. One thread of each rank uses the object at a time, and no other thread calls MPI meanwhile unless MPI was
// initialized for that. Searches may use more threads; those do not call MPI.
//
// Complexity. A search is that of its slowest shard, and four exchanges: the query, and 16 bytes for each hit.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/collection.hpp>
#include <mapvec/detail/field/print.hpp>
#include <mapvec/error.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/mpi/detail/local_shards.hpp>
#include <mapvec/mpi/detail/manifest.hpp>
#include <mapvec/mpi/detail/merge.hpp>
#include <mapvec/mpi/detail/query_message.hpp>
#include <mapvec/mpi/detail/ranks.hpp>
#include <mapvec/mpi/detail/waiting_rows.hpp>
#include <mapvec/mpi/shard.hpp>
#include <mapvec/options.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi {

// How a sharded collection is opened. An aggregate: use designated initializers.
struct ShardedOptions {
    StoreOptions store{};  // of each shard
    std::chrono::milliseconds timeout{
        60'000};  // of each call: longer than its work, and than ranks wait for each other
};

// A collection in shards over the ranks of a communicator. The template arguments are those of Collection.
template <std::size_t Dim, class T, Scalar S = float, NamedMetric M = SquaredL2>
class ShardedCollection {
  public:
    using Shard = Collection<Dim, T, S, M>;

    // [collective] Creates `shards` empty shards and the manifest. Throws exists if there is a manifest or a shard with
    // rows; invalid_argument if there are fewer shards than ranks, or if the ranks ask for different shards or
    // dimensions.
    [[nodiscard]] static ShardedCollection create(MPI_Comm ranks, const std::filesystem::path& directory,
                                                  std::uint32_t shards, const ShardedOptions& options = {}) {
        ShardedCollection created(ranks, directory, OpenMode::read_write, options);
        created.create_shards(shards, options.store);
        return created;
    }
    // [collective] Opens the last commit. Throws not_found if there is no manifest; invalid_argument if there are fewer
    // shards than ranks, for copy_on_write, or if the ranks pass different modes; the errors of Collection::open;
    // corrupt if a shard is missing rows, was compacted, or belongs to another collection.
    [[nodiscard]] static ShardedCollection open(MPI_Comm ranks, const std::filesystem::path& directory,
                                                OpenMode mode = OpenMode::read_write,
                                                const ShardedOptions& options = {}) {
        ShardedCollection opened(ranks, directory, mode, options);
        opened.open_shards(options.store);
        return opened;
    }
    // [collective] open() if rank 0 finds a manifest, otherwise create().
    [[nodiscard]] static ShardedCollection open_or_create(MPI_Comm ranks, const std::filesystem::path& directory,
                                                          std::uint32_t shards, const ShardedOptions& options = {}) {
        ShardedCollection opened(ranks, directory, OpenMode::read_write, options);
        const auto found = opened.ranks_->gather([&]() -> detail::Bytes {
            const bool exists = opened.rank() == 0 && mapvec::detail::exists(detail::manifest_path(directory));
            return {std::byte{exists}};
        });
        if (found.bytes[0] != std::byte{})
            opened.open_shards(options.store);
        else
            opened.create_shards(shards, options.store);
        return opened;
    }

    // --- what this rank knows; no communication ---

    [[nodiscard]] std::uint32_t rank() const noexcept { return ranks_->rank(); }
    [[nodiscard]] std::uint32_t ranks() const noexcept { return ranks_->count(); }
    // The number of shards of all ranks.
    [[nodiscard]] std::uint32_t shards() const noexcept { return static_cast<std::uint32_t>(manifest_.shards.size()); }
    // The rows of a shard in the last commit, with erased ones. REQUIRES: shard < shards().
    [[nodiscard]] std::uint64_t rows(std::uint32_t shard) const noexcept { return manifest_.shards[shard].rows; }
    // The rows of all shards in the last commit, with erased ones.
    [[nodiscard]] std::uint64_t rows() const noexcept {
        std::uint64_t sum = 0;
        for (const auto& shard : manifest_.shards) sum += shard.rows;
        return sum;
    }
    [[nodiscard]] std::size_t dim() const noexcept { return local_.dim(); }
    // The rank that owns a shard.
    [[nodiscard]] std::uint32_t owner(std::uint32_t shard) const noexcept {
        return detail::owner_of(shard, ranks(), shards());
    }
    // A shard of this rank, to read it. Throws out_of_range for other shards.
    [[nodiscard]] const Shard& shard(std::uint32_t number) const {
        check_shard(number);
        if (owner(number) != rank())
            throw Error(ErrorCode::out_of_range, mapvec::detail::mismatch("shard", "one of this rank", number));
        return local_[number].rows;
    }
    // The shard of a key: the same for equal keys, on every machine, as long as the number of shards is the same.
    template <class Key>
    [[nodiscard]] std::uint32_t shard_of(const Key& key) const {
        return static_cast<std::uint32_t>(mapvec::detail::print_of<Key>(mapvec::detail::SipKey{}, key).hash % shards());
    }

    // --- searches [collective] ---

    // The hits of all shards; like Collection::search. Query: RingQuery, RangeQuery, DiskQuery, DiskIntersectionQuery,
    // KnnQuery, or AnnQuery (needs <mapvec/hnsw_index.hpp>). `options` are those of this rank: with {.threads = 0} it
    // uses all cores of its machine.
    template <class Query = KnnQuery>
        requires AnyQuery<Query> || std::same_as<Query, AnnQuery>
    [[nodiscard]] std::vector<ShardHit> search(const Query& query, const SearchOptions& options = {}) const {
        return std::move(search_all(query, options).front());
    }
    // The nearest rows of each query; like Collection::search_batch. As with search(), the queries of rank 0 count.
    [[nodiscard]] std::vector<std::vector<ShardHit>> search_batch(std::span<const KnnQuery> queries,
                                                                  const SearchOptions& options = {}) const {
        return search_all(queries, options);
    }
    // The payloads of rows. The ids of rank 0 count; all ranks get the payloads. Throws out_of_range if a row does not
    // exist, is erased, or is not part of the last commit.
    [[nodiscard]] std::vector<T> payloads(std::span<const ShardId> ids) const;

    // --- appending ---

    // Appends a row to the shards in turn. The row waits in memory for commit(), which gives it its id. Returns the
    // number of its shard. Rows of a shard are in the order of the ranks that append them, and then in the order of
    // their calls; with more than 4 MiB of waiting rows for one rank, this holds for parts of 4 MiB. Throws
    // dimension_mismatch, payload, read_only; then nothing has changed.
    std::uint32_t append(std::span<const S> vector, const T& payload) {
        const auto shard = static_cast<std::uint32_t>((rows() + rank() + appended_) % shards());
        append_to(shard, vector, payload);
        ++appended_;
        return shard;
    }
    // Appends a row to this shard, for example shard_of(key). Throws out_of_range if there is no such shard.
    void append_to(std::uint32_t shard, std::span<const S> vector, const T& payload) {
        check_writable();
        check_shard(shard);
        if (vector.size() != dim())
            throw Error(ErrorCode::dimension_mismatch,
                        mapvec::detail::mismatch("length of a vector", dim(), vector.size()));
        waiting_.add(owner(shard), shard, vector, payload);
    }
    // Rows that were appended on this rank and wait for commit(). If the object is destroyed before, they are lost.
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.count(); }
    // Discards the waiting rows of this rank: for example rows that no commit can take, because their payloads cannot
    // be decoded or are too large to be sent.
    void rollback() noexcept {
        waiting_.clear();
        appended_ = 0;
    }

    // --- durability [collective] ---

    // Makes the waiting rows of all ranks durable: all of them, or none. Throws invalid_argument if there are surplus
    // rows; no_space, io and payload of any rank: see "Errors" above.
    void commit();
    // Rows ahead of the manifest, by shard. The same on all ranks, found by open() and refresh(). For a reader they are
    // rows that a writer is about to commit. Not collective.
    [[nodiscard]] const std::vector<SurplusRows>& surplus() const noexcept { return surplus_; }
    // Adds the surplus rows, durably.
    void keep_surplus() {
        settle_surplus([](auto& shards) { shards.commit(); });
    }
    // Erases the surplus rows, durably. Their ids are not given again.
    void give_up_surplus() {
        settle_surplus([](auto& shards) { shards.erase_surplus(); });
    }
    // In read_only mode: moves to the newest commit; returns false if there is none. Throws corrupt, not_found.
    bool refresh();

    // --- indexes of all shards [collective]: collection_indexes.hpp ---

    // Each rank creates the index of its shards. `timeout` must be long enough for that.
    template <mapvec::detail::IndexOptions Options>
    void create_index(const Options& options, const IndexUpdateOptions& how = {}) {
        on_shards([&](Shard& shard) { shard.create_index(options, how); });
    }
    void update_indexes(const IndexUpdateOptions& how = {}) {
        on_shards([&](Shard& shard) { shard.update_indexes(how); });
    }
    void drop_index(IndexKind kind) {
        on_shards([&](Shard& shard) { (void)shard.drop_index(kind); });
    }

  private:
    ShardedCollection(MPI_Comm ranks, const std::filesystem::path& directory, OpenMode mode,
                      const ShardedOptions& options)
        : directory_(directory),
          mode_(mode),
          ranks_(std::make_unique<detail::Ranks>(ranks, options.timeout)),
          waiting_(ranks_->count()) {}

    void create_shards(std::uint32_t shards, const StoreOptions& options);
    void open_shards(const StoreOptions& options);
    // The manifest of rank 0, on all ranks.
    [[nodiscard]] detail::Manifest shared_manifest();
    // Compares the shards of all ranks with the manifest.
    void move_to(detail::Manifest next);
    void look_for_surplus();
    // Writes the manifest with these states of all shards; then it is that of all ranks.
    void set_manifest(const detail::Gathered& states, io::IfExists if_exists);
    // Sends the waiting rows to their shards, which append them.
    void deliver();
    template <class Change>
    void change_shards(Change change);
    template <class Settle>
    void settle_surplus(Settle settle);

    template <class Query>
    [[nodiscard]] std::vector<std::vector<ShardHit>> search_all(const Query& query, const SearchOptions& options) const;
    // Adds the hits of a shard to the lists, one for each query.
    template <class Query>
    static void search_shard(const detail::LocalShard<Shard>& shard, const Query& query, const SearchOptions& options,
                             detail::HitLists& lists);

    template <class Work>
    void on_shards(Work work) {
        ranks_->start();
        ranks_->together([&] {
            for (auto& shard : local_) work(shard.rows);
        });
    }
    [[nodiscard]] std::uint32_t first_shard(std::uint32_t of_rank) const noexcept {
        return detail::first_shard(of_rank, ranks(), shards());
    }
    void check_shard_count(std::uint32_t shards) const {
        if (shards < ranks() || shards > detail::max_shards)
            throw Error(ErrorCode::invalid_argument, directory_,
                        mapvec::detail::mismatch("shards", "one for each rank, at most 1048576", shards));
    }
    void check_shard(std::uint32_t shard) const {
        if (shard >= shards())
            throw Error(ErrorCode::out_of_range,
                        mapvec::detail::mismatch("shard", "below " + std::to_string(shards()), shard));
    }
    void check_writable() const {
        if (mode_ != OpenMode::read_write)
            throw Error(ErrorCode::read_only, directory_, "the sharded collection is open for reading");
    }

    std::filesystem::path directory_;
    OpenMode mode_;
    std::unique_ptr<detail::Ranks> ranks_;
    detail::Manifest manifest_;
    detail::LocalShards<Shard> local_;
    detail::WaitingRows<S, T> waiting_;
    std::vector<SurplusRows> surplus_;
    std::uint64_t appended_ = 0;  // rows in turn since the last commit
};

}  // namespace mapvec::inline v0_1::mpi

#include <mapvec/detail/util/epilogue.inc>

#include <mapvec/mpi/detail/sharded_calls.hpp>
