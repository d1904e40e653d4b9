// Appends rows of 512 bytes to a new, growing file. The limit beside it: pwrite of 256 KiB blocks into fallocated
// space.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mapvec/mmap_vector_store.hpp>

#include "common.hpp"

namespace {

constexpr std::size_t dim = 128, row_bytes = dim * sizeof(float), block = 256 << 10;
const std::size_t total = bench::small ? std::size_t{64} << 20 : std::size_t{2} << 30;
const std::vector<float> in_cache = bench::noise(block / sizeof(float));
const std::vector<float> in_memory = bench::noise(64 << 18);

using Store = mapvec::MmapVectorStore<dim>;

void finish(benchmark::State& state) { state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(total)); }

enum class End { cached, durable };

void pwrite_block(int file, const std::byte* from, std::size_t at) {
    if (::pwrite(file, from, block, static_cast<off_t>(at)) != static_cast<ssize_t>(block)) std::abort();
}

// Memory that was free for a while may belong to the host of a virtual machine, and getting it back takes longer than a
// whole run. So each run begins with memory that was just freed.
void warm_memory(benchmark::State& state, const bench::Scratch& scratch) {
    state.PauseTiming();
    const int file = ::open(scratch.path().c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (std::size_t done = 0; done < total; done += block)
        pwrite_block(file, std::as_bytes(std::span(in_cache)).data(), done);
    ::close(file);
    scratch.clear();
    state.ResumeTiming();
}

// Drops the store without a commit, as an exception does. The data of pwrite is not written to disk either.
void drop(benchmark::State& state, Store& store, const bench::Scratch& scratch) {
    state.PauseTiming();
    std::filesystem::remove(scratch.path());
    try {
        const Store gone = std::move(store);
        throw End{};
    } catch (End) {
    }
    scratch.clear();
    state.ResumeTiming();
}

// next_block(offset) returns the bytes to write there.
template <class NextBlock>
void pwrite_blocks(benchmark::State& state, End end, NextBlock next_block) {
    const bench::Scratch scratch;
    for (auto _ : state) {
        warm_memory(state, scratch);
        const int file = ::open(scratch.path().c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
        for (std::size_t done = 0; done < total; done += block) {
            if (done % (64 << 20) == 0) (void)::fallocate(file, 0, static_cast<off_t>(done), 64 << 20);
            pwrite_block(file, next_block(done), done);
        }
        if (end == End::durable && ::fdatasync(file) != 0) std::abort();
        state.PauseTiming();
        ::close(file);
        scratch.clear();
        state.ResumeTiming();
    }
    finish(state);
}
auto blocks_of(const std::vector<float>& source) {
    return [bytes = std::as_bytes(std::span(source))](std::size_t done) { return bytes.data() + done % bytes.size(); };
}
void pwrite_from_cache(benchmark::State& state) { pwrite_blocks(state, End::cached, blocks_of(in_cache)); }
void pwrite_from_memory(benchmark::State& state) { pwrite_blocks(state, End::cached, blocks_of(in_memory)); }
void pwrite_and_sync(benchmark::State& state) { pwrite_blocks(state, End::durable, blocks_of(in_memory)); }

// The least work of an append: copying the row to a buffer, and writing the buffer to the file.
void copy_and_pwrite(benchmark::State& state) {
    std::vector<std::byte> buffer(block);
    pwrite_blocks(state, End::cached, [&](std::size_t) {
        for (std::size_t at = 0; at < block; at += row_bytes) {
            std::memcpy(buffer.data() + at, std::as_bytes(std::span(in_cache)).data() + at, row_bytes);
            benchmark::ClobberMemory();
        }
        return buffer.data();
    });
}

void append_row_by_row(benchmark::State& state, bool helper_thread) {
    const bench::Scratch scratch;
    const std::span rows(in_cache);
    for (auto _ : state) {
        warm_memory(state, scratch);
        auto store = Store::create(scratch.path(), {.helper_thread = helper_thread});
        for (std::size_t row = 0; row < total / row_bytes; ++row)
            store.append(rows.subspan(row * dim % rows.size(), dim));
        drop(state, store, scratch);
    }
    finish(state);
}

void append(benchmark::State& state) { append_row_by_row(state, true); }
void append_alone(benchmark::State& state) { append_row_by_row(state, false); }

// The time of the slowest single append. It must not grow with the size of the file.
void slowest_append(benchmark::State& state) {
    const bench::Scratch scratch;
    using Clock = std::chrono::steady_clock;
    Clock::duration slowest{}, slowest_in_first_quarter{};
    for (auto _ : state) {
        warm_memory(state, scratch);
        auto store = Store::create(scratch.path());
        const std::size_t rows = total / row_bytes;
        auto before = Clock::now();
        for (std::size_t row = 0; row < rows; ++row) {
            store.append(std::span(in_cache).first(dim));
            const auto now = Clock::now();
            slowest = std::max(slowest, now - before);
            if (row == rows / 4) slowest_in_first_quarter = slowest;
            before = now;
        }
        drop(state, store, scratch);
    }
    const auto milliseconds = [](auto time) { return std::chrono::duration<double, std::milli>(time).count(); };
    state.counters["slowest_ms"] = milliseconds(slowest);
    state.counters["first_quarter_ms"] = milliseconds(slowest_in_first_quarter);
}

void append_batches(benchmark::State& state, End end, const mapvec::StoreOptions& options = {}) {
    const bench::Scratch scratch;
    const std::span rows(in_memory);
    const std::size_t batch = 8 << 20;
    for (auto _ : state) {
        warm_memory(state, scratch);
        auto store = Store::create(scratch.path(), options);
        for (std::size_t done = 0; done < total; done += batch)
            store.append_rows(rows.subspan(done % (rows.size() * 4) / 4, batch / 4));
        if (end == End::durable) store.commit();
        drop(state, store, scratch);
    }
    finish(state);
}

void append_rows(benchmark::State& state) { append_batches(state, End::cached); }
void append_rows_in_huge_pages(benchmark::State& state) { append_batches(state, End::cached, {.huge_pages = true}); }
void append_rows_and_commit(benchmark::State& state) { append_batches(state, End::durable); }

}  // namespace

BENCHMARK(pwrite_from_cache)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(copy_and_pwrite)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(append)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(append_alone)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(pwrite_from_memory)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(append_rows)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(append_rows_in_huge_pages)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(pwrite_and_sync)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(append_rows_and_commit)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(slowest_append)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_MAIN();
