// The collective calls of ShardedCollection (mapvec/mpi/sharded.hpp, which includes this header at its end).
//
// A commit, in order:
//   1  All ranks send their waiting rows to the owners of the shards, which append them. An error so far rolls all
//      shards back: nothing has changed.
//   2  Each rank commits its shards. A crash from here on leaves shards ahead of the manifest.
//   3  When all ranks have reported success, rank 0 replaces the manifest.
// An error in 2 or 3 is like a crash: the object refuses further calls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/mpi/sharded.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi {
namespace detail {

template <class Value>
[[nodiscard]] std::vector<Value> values_of(std::span<const std::byte> bytes) {
    std::vector<Value> values(bytes.size() / sizeof(Value));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(Value));
    return values;
}
template <class Value>
[[nodiscard]] Bytes bytes_of_all(std::span<const Value> values) {
    const auto bytes = std::as_bytes(values);
    return {bytes.begin(), bytes.end()};
}

// k of each query of the message, or its limit; all_hits for ranges without one.
[[nodiscard]] inline std::vector<std::size_t> limits_of(const QueryMessage& message) {
    const auto limit = [](std::uint64_t k) {
        return static_cast<std::size_t>(std::min<std::uint64_t>(k, all_hits - 1));
    };
    if (message.kind != QueryKind::batch) return {message.numbers.empty() ? all_hits : limit(message.numbers[0])};
    std::vector<std::size_t> limits;
    for (const std::uint64_t k : message.numbers) limits.push_back(limit(k));
    return limits;
}

}  // namespace detail

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void ShardedCollection<Dim, T, S, M>::create_shards(std::uint32_t shards, const StoreOptions& options) {
    ranks_->require_same("shards", shards);
    ranks_->require_same("dim", options.dim);
    ranks_->together([&] {
        check_shard_count(shards);
        if (rank() == 0 && mapvec::detail::exists(detail::manifest_path(directory_)))
            throw Error(ErrorCode::exists, directory_, "there is a sharded collection in it already");
    });
    const auto states = ranks_->gather([&] {
        mapvec::detail::create_directory(directory_);
        const auto first = detail::first_shard(rank(), ranks(), shards);
        const auto last = detail::first_shard(rank() + 1, ranks(), shards);
        local_ = detail::LocalShards<Shard>::create(directory_, first, last, options);
        return local_.states();
    });
    set_manifest(states, io::IfExists::refuse);
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void ShardedCollection<Dim, T, S, M>::open_shards(const StoreOptions& options) {
    ranks_->require_same("mode", static_cast<std::uint64_t>(mode_));
    manifest_ = shared_manifest();
    ranks_->together([&] {
        check_shard_count(shards());
        if (mode_ == OpenMode::copy_on_write)
            throw Error(ErrorCode::invalid_argument, directory_, "a sharded collection has no mode copy_on_write");
        local_ = detail::LocalShards<Shard>::open(directory_, first_shard(rank()), first_shard(rank() + 1), manifest_,
                                                  mode_, options);
    });
    ranks_->require_same("dim", local_.dim());
    // Another job may have committed before this one had the locks. From now on it cannot.
    if (mode_ == OpenMode::read_write) move_to(shared_manifest());
    look_for_surplus();
    ranks_->together([&] {
        if (rank() == 0 && mode_ == OpenMode::read_write) detail::settle_manifest(directory_);
    });
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
detail::Manifest ShardedCollection<Dim, T, S, M>::shared_manifest() {
    const auto read = ranks_->gather([&] { return rank() == 0 ? detail::read_manifest(directory_) : detail::Bytes(); });
    return detail::decode(detail::manifest_path(directory_), read.bytes);
}

// All ranks move, or none.
template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void ShardedCollection<Dim, T, S, M>::move_to(detail::Manifest next) {
    ranks_->together([&] {
        if (next.shards.size() != manifest_.shards.size())
            throw Error(ErrorCode::replaced, directory_, "another sharded collection is there now: open it again");
        local_.check(directory_, next);
    });
    manifest_ = std::move(next);
    local_.set_committed(manifest_);
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void ShardedCollection<Dim, T, S, M>::look_for_surplus() {
    const auto all = ranks_->gather([&] { return local_.states(); });
    const auto states = detail::values_of<detail::ShardState>(all.bytes);
    surplus_.clear();
    for (std::uint32_t shard = 0; shard < shards(); ++shard)
        if (const auto committed = rows(shard); states[shard].rows > committed)
            surplus_.push_back({shard, committed, states[shard].rows - committed});
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void ShardedCollection<Dim, T, S, M>::set_manifest(const detail::Gathered& states, io::IfExists if_exists) {
    detail::Manifest next{manifest_.commits + 1, detail::values_of<detail::ShardState>(states.bytes)};
    ranks_->together([&] {
        if (rank() == 0) detail::write_manifest(directory_, next, if_exists);
    });
    manifest_ = std::move(next);
    local_.set_committed(manifest_);
}

// --- searches ---

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
template <class Query>
std::vector<std::vector<ShardHit>> ShardedCollection<Dim, T, S, M>::search_all(const Query& query,
                                                                               const SearchOptions& options) const {
    ranks_->start();
    return ranks_->guarded([&] {
        const auto sent = ranks_->broadcast(rank() == 0 ? detail::encode(detail::message_of(query)) : detail::Bytes());
        const auto message = Codec<detail::QueryMessage>::decode(sent);
        const std::vector<std::size_t> limits = detail::limits_of(message);
        const HitUnit unit = mapvec::detail::hit_unit<M>;
        const auto found = ranks_->gather([&] {
            detail::HitLists lists(limits.size());
            detail::ask<Query>(message, [&](const auto& asked) {
                for (const auto& shard : local_) search_shard(shard, asked, options, lists);
            });
            for (std::size_t i = 0; i < lists.size(); ++i) detail::keep_nearest(lists[i], limits[i], unit);
            return detail::encode(lists);
        });
        return detail::merge(found, limits, unit);
    });
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
template <class Query>
void ShardedCollection<Dim, T, S, M>::search_shard(const detail::LocalShard<Shard>& shard, const Query& query,
                                                   const SearchOptions& options, detail::HitLists& lists) {
    const auto committed = [last = shard.committed](Id row) { return row < last; };
    const bool has_surplus = shard.rows.vectors().size() > shard.committed;
    if constexpr (std::same_as<Query, detail::Batch>) {
        const auto hits =
            has_surplus ? shard.rows.search_batch(query, committed, options) : shard.rows.search_batch(query, options);
        for (std::size_t i = 0; i < hits.size(); ++i) detail::add_hits(lists[i], shard.number, hits[i]);
    } else {
        const auto hits =
            has_surplus ? shard.rows.search(query, committed, options) : shard.rows.search(query, options);
        detail::add_hits(lists.front(), shard.number, hits);
    }
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
std::vector<T> ShardedCollection<Dim, T, S, M>::payloads(std::span<const ShardId> ids) const {
    ranks_->start();
    return ranks_->guarded([&] {
        const auto sent = ranks_->broadcast(rank() == 0 ? detail::bytes_of_all(ids) : detail::Bytes());
        const auto wanted = detail::values_of<ShardId>(sent);
        const auto found = ranks_->gather([&]() -> detail::Bytes {
            Encoder records, record;
            for (const ShardId& id : wanted) {
                check_shard(id.shard);
                if (id.row >= rows(id.shard))
                    throw Error(ErrorCode::out_of_range,
                                mapvec::detail::mismatch("row", "below " + std::to_string(rows(id.shard)), id.row));
                if (owner(id.shard) != rank()) continue;
                record.clear();
                detail::encode_payload(local_[id.shard].rows.payload(id.row), record);
                const std::uint64_t size = record.size();
                records.write(&size, sizeof size);
                records.write(record.bytes());
            }
            return {records.bytes().begin(), records.bytes().end()};
        });
        std::vector<std::span<const std::byte>> left;
        for (std::size_t r = 0; r < ranks(); ++r) left.push_back(found.of(r));
        std::vector<T> payloads;
        payloads.reserve(wanted.size());
        for (const ShardId& id : wanted) {
            auto& bytes = left[owner(id.shard)];
            std::uint64_t size = 0;
            std::memcpy(&size, bytes.data(), sizeof size);
            const auto record = bytes.subspan(sizeof size, static_cast<std::size_t>(size));
            payloads.push_back(detail::decode_payload<T>(record));
            bytes = bytes.subspan(sizeof size + record.size());
        }
        return payloads;
    });
}

// --- commits ---

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void ShardedCollection<Dim, T, S, M>::commit() {
    ranks_->start();
    ranks_->together([&] {
        check_writable();
        if (!surplus_.empty())
            throw Error(ErrorCode::invalid_argument, directory_,
                        "there are rows ahead of the manifest: call keep_surplus() or give_up_surplus() first");
    });
    try {
        ranks_->guarded([&] { deliver(); });
    } catch (...) {
        local_.rollback();
        throw;
    }
    change_shards([](auto& local) { local.commit(); });
    waiting_.clear();
    appended_ = 0;
}

// Calls change(shards of this rank), which commits, on all ranks, and names the result in the manifest. An error in
// between is like a crash.
template <std::size_t Dim, class T, Scalar S, NamedMetric M>
template <class Change>
void ShardedCollection<Dim, T, S, M>::change_shards(Change change) {
    try {
        const auto states = ranks_->gather([&] {
            change(local_);
            return local_.states();
        });
        set_manifest(states, io::IfExists::replace);
    } catch (const std::exception& error) {
        ranks_->give_up(error.what());
        local_.rollback();
        throw;
    }
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
void ShardedCollection<Dim, T, S, M>::deliver() {
    const std::uint64_t mine = waiting_.rounds();
    const auto all = ranks_->gather([&] { return detail::bytes_of_all(std::span(&mine, 1)); });
    const auto rounds = detail::values_of<std::uint64_t>(all.bytes);
    for (std::size_t round = 0; round < *std::max_element(rounds.begin(), rounds.end()); ++round) {
        std::vector<detail::Bytes> to;
        ranks_->together([&] { to = waiting_.round(round); });  // one rank may have no memory for it
        const detail::Gathered received = ranks_->exchange(to);
        ranks_->together([&] {
            detail::for_each_record<S>(received.bytes, dim(), [&](std::uint32_t shard, auto vector, auto payload) {
                (void)local_[shard].rows.append_encoded(vector, payload);
            });
        });
    }
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
template <class Settle>
void ShardedCollection<Dim, T, S, M>::settle_surplus(Settle settle) {
    ranks_->start();
    ranks_->together([&] { check_writable(); });
    change_shards(settle);
    surplus_.clear();
}

template <std::size_t Dim, class T, Scalar S, NamedMetric M>
bool ShardedCollection<Dim, T, S, M>::refresh() {
    ranks_->start();
    return ranks_->guarded([&] {
        detail::Manifest next = shared_manifest();
        const bool is_same = next.commits == manifest_.commits && detail::have_same_ids(next, manifest_);
        if (mode_ == OpenMode::read_write || is_same) return false;
        ranks_->together([&] { local_.refresh(); });
        move_to(std::move(next));
        look_for_surplus();
        return true;
    });
}

}  // namespace mapvec::inline v0_1::mpi

#include <mapvec/detail/util/epilogue.inc>
