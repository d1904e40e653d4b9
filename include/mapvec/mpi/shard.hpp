// The rows of a sharded collection (mapvec/mpi/sharded.hpp): their ids, hits, and rows ahead of the manifest. This
// header does not need MPI.
#pragma once

#include <compare>
#include <cstdint>

#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi {

// The id of a row in a sharded collection: the number of its shard, and its id there. Ordered by shard, then row.
struct ShardId {
    std::uint32_t shard = 0;
    Id row = 0;

    friend auto operator<=>(const ShardId&, const ShardId&) = default;
};

// A row of a shard that matches, and how near it is: like Hit.
struct ShardHit {
    ShardId id;
    float distance_squared = 0;  // with metrics other than SquaredL2 it equals value()
    HitUnit unit = HitUnit::squared_distance;

    // The metric's value of the row, like Hit::value().
    [[nodiscard]] float value() const noexcept { return Hit{id.row, distance_squared, unit}.value(); }
    // The distance, like Hit::distance().
    [[nodiscard]] float distance() const noexcept { return Hit{id.row, distance_squared, unit}.distance(); }
    friend bool operator==(const ShardHit& a, const ShardHit& b) noexcept {
        return a.id == b.id && a.distance_squared == b.distance_squared;
    }
};

// Rows that a shard has and the manifest does not: those of a collective commit that a crash has interrupted.
struct SurplusRows {
    std::uint32_t shard = 0;
    Id first = 0;             // id of the first such row
    std::uint64_t count = 0;  // rows from there on

    friend bool operator==(const SurplusRows&, const SurplusRows&) = default;
};

}  // namespace mapvec::inline v0_1::mpi

#include <mapvec/detail/util/epilogue.inc>
