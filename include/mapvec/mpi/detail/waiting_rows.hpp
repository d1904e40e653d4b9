// WaitingRows: rows that were appended on this rank and wait for the next commit, encoded for the ranks that own their
// shards. Each record:
//
//     4 bytes shard, 4 bytes length of the payload, the vector, the encoded payload
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/codec/raw.hpp>
#include <mapvec/error.hpp>
#include <mapvec/mpi/detail/manifest.hpp>
#include <mapvec/payload_codec.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi::detail {

// The record of a payload, as a PayloadStore<T> stores it.
template <class T>
void encode_payload(const T& payload, Encoder& to) {
    if constexpr (raw_payload<T>) {
        const std::size_t end = to.size() + sizeof(T);
        mapvec::detail::write_raw(payload, to.room(sizeof(T)));
        to.resize_within_room(end);
    } else {
        Codec<T>::encode(payload, to);
    }
}
template <class T>
[[nodiscard]] T decode_payload(std::span<const std::byte> record) {
    if constexpr (raw_payload<T>)
        return mapvec::detail::read_raw<T>(record);
    else
        return Codec<T>::decode(record);
}

template <class S, class T>
class WaitingRows {
  public:
    explicit WaitingRows(std::size_t ranks)
        : chunk_bytes_(std::min(max_chunk_bytes, max_round_bytes / ranks)), chunks_(ranks) {}

    [[nodiscard]] std::size_t count() const noexcept { return count_; }

    // What throws has changed nothing.
    void add(std::uint32_t rank, std::uint32_t shard, std::span<const S> vector, const T& payload) {
        payload_.clear();
        encode_payload(payload, payload_);
        if (payload_.size() > std::numeric_limits<std::uint32_t>::max())
            throw Error(ErrorCode::payload,
                        mapvec::detail::mismatch("bytes of a payload", "less than 2^32", payload_.size()));
        const auto length = static_cast<std::uint32_t>(payload_.size());
        record_.clear();
        record_.write(&shard, sizeof shard);
        record_.write(&length, sizeof length);
        record_.write(std::as_bytes(vector));
        record_.write(payload_.bytes());
        auto& chunks = chunks_[rank];
        if (chunks.empty() || chunks.back().size() >= chunk_bytes_) chunks.emplace_back();
        chunks.back().write(record_.bytes());
        ++count_;
    }
    // Rows leave in rounds, so that a rank does not need memory for all rows of all ranks at once.
    [[nodiscard]] std::size_t rounds() const noexcept {
        std::size_t most = 0;
        for (const auto& chunks : chunks_) most = std::max(most, chunks.size());
        return most;
    }
    // The bytes for each rank in this round.
    [[nodiscard]] std::vector<Bytes> round(std::size_t number) const {
        std::vector<Bytes> all(chunks_.size());
        for (std::size_t rank = 0; rank < all.size(); ++rank) {
            if (number >= chunks_[rank].size()) continue;
            const auto bytes = chunks_[rank][number].bytes();
            all[rank].assign(bytes.begin(), bytes.end());
        }
        return all;
    }
    void clear() noexcept {
        for (auto& chunks : chunks_) chunks.clear();
        count_ = 0;
    }

  private:
    static constexpr std::size_t max_chunk_bytes = 4 * 1024 * 1024;
    static constexpr std::size_t max_round_bytes = 1024 * 1024 * 1024;  // that one rank may receive: less than 2 GiB

    std::size_t chunk_bytes_;
    std::vector<std::vector<Encoder>> chunks_;  // for each rank
    std::size_t count_ = 0;
    Encoder payload_, record_;
};

// Calls append(shard, vector, payload bytes) for each record of a round.
template <class S, class Append>
void for_each_record(std::span<const std::byte> bytes, std::size_t dim, Append append) {
    std::vector<S> vector(dim);
    while (!bytes.empty()) {
        std::uint32_t shard = 0, length = 0;
        std::memcpy(&shard, bytes.data(), sizeof shard);
        std::memcpy(&length, bytes.data() + sizeof shard, sizeof length);
        bytes = bytes.subspan(sizeof shard + sizeof length);
        std::memcpy(vector.data(), bytes.data(), dim * sizeof(S));
        append(shard, std::span<const S>(vector), bytes.subspan(dim * sizeof(S), length));
        bytes = bytes.subspan(dim * sizeof(S) + length);
    }
}

}  // namespace mapvec::inline v0_1::mpi::detail

#include <mapvec/detail/util/epilogue.inc>
