// Reads of rows of 512 bytes: random rows beside a raw pointer, and scans of data() beside the same loop over malloc'ed
// memory.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mapvec/mmap_vector_store.hpp>
#include <memory>
#include <optional>

#include "common.hpp"

namespace {

constexpr std::size_t dim = 128;
const std::size_t rows = bench::small ? 20'000 : 1'000'000;
using Store = mapvec::MmapVectorStore<dim>;

// The store that all benchmarks read: written once, closed, opened again. And one with another option.
struct Fixture {
    bench::Scratch scratch;
    std::vector<mapvec::Id> ids;
    // The same rows in memory from malloc, and in huge pages if the system has them.
    std::unique_ptr<float[], decltype(&std::free)> copy{nullptr, &std::free}, huge{nullptr, &std::free};

    Fixture() {
        auto store = Store::create(scratch.path());
        auto store_in_huge_pages = Store::create(scratch / "in-huge-pages", {.huge_pages = true});
        const auto block = bench::noise(20'000 * dim);
        for (std::size_t done = 0; done < rows; done += 20'000) store.append_rows(block);
        for (std::size_t done = 0; done < rows; done += 20'000) store_in_huge_pages.append_rows(block);
        const std::size_t bytes = rows * dim * sizeof(float);
        copy.reset(static_cast<float*>(std::malloc(bytes)));
        huge.reset(static_cast<float*>(std::aligned_alloc(2 << 20, (bytes + (2 << 20) - 1) >> 21 << 21)));
        ::madvise(huge.get(), bytes, MADV_HUGEPAGE);
        std::memcpy(copy.get(), store.data().data(), bytes);
        std::memcpy(huge.get(), store.data().data(), bytes);
        std::minstd_rand random(2);
        for (int i = 0; i < 1'000'000; ++i) ids.push_back(random() % rows);
    }
    [[nodiscard]] Store open() const { return Store::open(scratch.path(), mapvec::OpenMode::read_only); }
    [[nodiscard]] Store open_in_huge_pages() const {
        return Store::open(scratch / "in-huge-pages", mapvec::OpenMode::read_only, {.huge_pages = true});
    }
};
const Fixture& fixture() {
    static const Fixture fixture;
    return fixture;
}

float touch(const float* row) { return row[0] + row[32] + row[64] + row[96]; }

void random_rows_raw_pointer(benchmark::State& state) {
    const auto store = fixture().open();
    const float* const data = store.data().data();
    for (auto _ : state) {
        float sum = 0;
        for (const auto id : fixture().ids) sum += touch(data + id * dim);
        benchmark::DoNotOptimize(sum);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(fixture().ids.size()));
}
void random_rows_brackets(benchmark::State& state) {
    const auto store = fixture().open();
    for (auto _ : state) {
        float sum = 0;
        for (const auto id : fixture().ids) sum += touch(store[id].data());
        benchmark::DoNotOptimize(sum);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(fixture().ids.size()));
}
void random_rows_get(benchmark::State& state) {
    const auto store = fixture().open();
    for (auto _ : state) {
        float sum = 0;
        for (const auto id : fixture().ids) sum += touch(store.get(id).data());
        benchmark::DoNotOptimize(sum);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(fixture().ids.size()));
}

void finish_scan(benchmark::State& state) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(rows * dim * sizeof(float)));
}

void scan(benchmark::State& state, const float* memory) {
    const auto data = std::as_bytes(std::span(memory, rows * dim));
    for (auto _ : state) benchmark::DoNotOptimize(bench::sum_of(data));
    finish_scan(state);
}
void scan_malloc(benchmark::State& state) { scan(state, fixture().copy.get()); }
void scan_huge_pages(benchmark::State& state) { scan(state, fixture().huge.get()); }
void scan_store(benchmark::State& state) {
    const auto store = fixture().open();
    benchmark::DoNotOptimize(bench::sum_of(std::as_bytes(store.data())));  // touches every page once
    for (auto _ : state) benchmark::DoNotOptimize(bench::sum_of(std::as_bytes(store.data())));
    finish_scan(state);
}
// Opening and closing are not measured.
template <class Open>
void scan_fresh(benchmark::State& state, Open open) {
    Store store;
    for (auto _ : state) {
        state.PauseTiming();
        store = open();
        state.ResumeTiming();
        benchmark::DoNotOptimize(bench::sum_of(std::as_bytes(store.data())));
    }
    finish_scan(state);
}

void scan_fresh_store(benchmark::State& state) {
    scan_fresh(state, [] { return fixture().open(); });
}
void scan_fresh_store_in_huge_pages(benchmark::State& state) {
    scan_fresh(state, [] { return fixture().open_in_huge_pages(); });
}

std::size_t resident_memory() {
    std::ifstream file("/proc/self/statm");
    std::size_t all = 0, resident = 0;
    file >> all >> resident;
    return resident * 4096;
}

// Opening only. The previous store is closed while the timer is paused.
void open_store(benchmark::State& state, mapvec::OpenMode mode) {
    const std::size_t before = (fixture(), resident_memory());
    std::size_t more = 0;
    std::optional<Store> store;
    for (auto _ : state) {
        state.PauseTiming();
        store.reset();
        state.ResumeTiming();
        store = Store::open(fixture().scratch.path(), mode);
        benchmark::DoNotOptimize(store->size());
        state.PauseTiming();
        more = std::max(more, resident_memory() - std::min(before, resident_memory()));
        state.ResumeTiming();
    }
    state.counters["resident_MiB"] = static_cast<double>(more) / (1 << 20);
}
void open_for_reading(benchmark::State& state) { open_store(state, mapvec::OpenMode::read_only); }
void open_for_writing(benchmark::State& state) { open_store(state, mapvec::OpenMode::read_write); }

}  // namespace

BENCHMARK(random_rows_raw_pointer)->Unit(benchmark::kMillisecond);
BENCHMARK(random_rows_brackets)->Unit(benchmark::kMillisecond);
BENCHMARK(random_rows_get)->Unit(benchmark::kMillisecond);
BENCHMARK(scan_malloc)->Unit(benchmark::kMillisecond);
BENCHMARK(scan_huge_pages)->Unit(benchmark::kMillisecond);
BENCHMARK(scan_store)->Unit(benchmark::kMillisecond);
BENCHMARK(scan_fresh_store)->Unit(benchmark::kMillisecond);
BENCHMARK(scan_fresh_store_in_huge_pages)->Unit(benchmark::kMillisecond);
BENCHMARK(open_for_reading)->Unit(benchmark::kMicrosecond);
BENCHMARK(open_for_writing)->Unit(benchmark::kMicrosecond);
BENCHMARK_MAIN();
