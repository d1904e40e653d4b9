// A sharded collection of texts in four shards, as several MPI tests use it.
#pragma once

#include <cstdint>
#include <mapvec/mpi/sharded.hpp>
#include <string>

#include "support.hpp"

namespace mpi_test {

using One = mapvec::Collection<dim, std::string>;
using Docs = mapvec::mpi::ShardedCollection<dim, std::string>;
inline constexpr std::uint32_t shard_count = 4;

inline std::uint64_t found_rows(const Docs& docs) { return docs.search(mapvec::DiskQuery{row_of(0), 1000}).size(); }

// Rank 0 of the job appends rows first to last - 1; all ranks of `docs` commit.
inline void append_rows(Docs& docs, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; rank() == 0 && i < last; ++i) docs.append(row_of(i), payload_of(i));
    docs.commit();
}

}  // namespace mpi_test
