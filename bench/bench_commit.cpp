// A durable commit of 1 row and of 1,000 rows of 512 bytes, beside a plain pwrite + fdatasync of as many bytes, and a
// synchronous transaction of LMDB. The repetitions alternate (run.sh), because the speed of a disk changes over time.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <mapvec/mmap_vector_store.hpp>

#include "common.hpp"

#if defined(MAPVEC_BENCH_LMDB)
#include <lmdb.h>
#endif

namespace {

constexpr std::size_t dim = 128, row_bytes = dim * sizeof(float);
const std::vector<float> rows = bench::noise(1000 * dim);

void mapvec_commit(benchmark::State& state) {
    const bench::Scratch scratch;
    const auto n = static_cast<std::size_t>(state.range(0));
    auto store = mapvec::MmapVectorStore<dim>::create(scratch.path());
    const auto batch = std::span(rows).first(n * dim);
    for (auto _ : state) {
        store.append_rows(batch);
        store.commit();
    }
}

// Into a file that was written before, block after block: the lowest cost of a durable write.
void pwrite_fdatasync(benchmark::State& state) {
    const bench::Scratch scratch;
    const auto n = static_cast<std::size_t>(state.range(0)) * row_bytes;
    const std::size_t size = 64 << 20;
    const int file = ::open(scratch.path().c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    const std::vector<char> zeros(1 << 20);
    for (std::size_t at = 0; at < size; at += zeros.size())
        if (::pwrite(file, zeros.data(), zeros.size(), static_cast<off_t>(at)) < 0) std::abort();
    ::fsync(file);
    std::size_t at = 0;
    for (auto _ : state) {
        if (::pwrite(file, rows.data(), n, static_cast<off_t>(at)) < 0 || ::fdatasync(file) != 0) std::abort();
        at = (at + n) % (size - n);
    }
    ::close(file);
}

// At the end of a growing file, as in a log that is not allocated in advance.
void append_fdatasync(benchmark::State& state) {
    const bench::Scratch scratch;
    const auto n = static_cast<std::size_t>(state.range(0)) * row_bytes;
    const int file = ::open(scratch.path().c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    std::size_t at = 0;
    for (auto _ : state) {
        if (::pwrite(file, rows.data(), n, static_cast<off_t>(at)) < 0 || ::fdatasync(file) != 0) std::abort();
        at += n;
    }
    ::close(file);
}

#if defined(MAPVEC_BENCH_LMDB)
void lmdb_commit(benchmark::State& state) {
    const bench::Scratch scratch;
    MDB_env* environment = nullptr;
    mdb_env_create(&environment);
    mdb_env_set_mapsize(environment, std::size_t{8} << 30);
    if (mdb_env_open(environment, scratch.path().c_str(), MDB_NOSUBDIR, 0600) != 0) std::abort();
    std::uint64_t key = 0;
    for (auto _ : state) {
        MDB_txn* transaction = nullptr;
        MDB_dbi database = 0;
        mdb_txn_begin(environment, nullptr, 0, &transaction);
        mdb_dbi_open(transaction, nullptr, MDB_INTEGERKEY, &database);
        for (std::int64_t i = 0; i < state.range(0); ++i, ++key) {
            MDB_val k{sizeof key, &key};
            MDB_val v{row_bytes, const_cast<float*>(rows.data() + static_cast<std::size_t>(i) * dim)};
            if (mdb_put(transaction, database, &k, &v, MDB_APPEND) != 0) std::abort();
        }
        if (mdb_txn_commit(transaction) != 0) std::abort();
    }
    mdb_env_close(environment);
}
#endif

void sizes(benchmark::internal::Benchmark* benchmark) {
    benchmark->Arg(1)->Arg(1000)->UseRealTime()->Unit(benchmark::kMicrosecond)->MinTime(bench::small ? 0.01 : 0.3);
}

}  // namespace

BENCHMARK(pwrite_fdatasync)->Apply(sizes);
BENCHMARK(mapvec_commit)->Apply(sizes);
BENCHMARK(append_fdatasync)->Apply(sizes);
#if defined(MAPVEC_BENCH_LMDB)
BENCHMARK(lmdb_commit)->Apply(sizes);
#endif
BENCHMARK_MAIN();
