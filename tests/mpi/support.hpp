// What the MPI tests share: checks that end the whole job, rows, and the directory of a test.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <mapvec/collection.hpp>
#include <mapvec/error.hpp>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace mpi_test {

inline int rank() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}
inline int ranks() {
    int ranks = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    return ranks;
}

inline void check(bool holds, const std::string& promise) {
    if (holds) return;
    std::fprintf(stderr, "rank %d of %d: not true: %s\n", rank(), ranks(), promise.c_str());
    std::fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

// The text and code of the error of a call that must throw.
template <class Call>
mapvec::Error error_of(const std::string& promise, Call call) {
    try {
        call();
    } catch (const mapvec::Error& error) {
        return error;
    }
    check(false, promise + ": throws");
    return {mapvec::ErrorCode::io, ""};
}
template <class Call>
void check_throws(mapvec::ErrorCode code, const std::string& text, const std::string& promise, Call call) {
    const mapvec::Error error = error_of(promise, call);
    check(error.code() == code, promise + ": code of " + error.what());
    check(std::string(error.what()).find(text) != std::string::npos, promise + ": text of " + error.what());
}

// Does `work` on rank 0 while the others wait.
template <class Work>
void on_rank_0(Work work) {
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank() == 0) work();
    MPI_Barrier(MPI_COMM_WORLD);
}

inline constexpr std::size_t dim = 8;

// Small whole numbers: many rows have equal distances, so the order of ties is seen.
inline std::vector<float> row_of(std::uint64_t seed) {
    std::mt19937 random(static_cast<std::uint32_t>(seed * 2654435761u + 1));
    std::vector<float> row(dim);
    for (float& x : row) x = static_cast<float>(random() % 5);
    row[0] += 1;  // no zero rows: Cosine
    return row;
}
inline std::string payload_of(std::uint64_t seed) { return "row " + std::to_string(seed); }

}  // namespace mpi_test
