// Payloads of 111 bytes {string, u32, double, three strings}: push, fetch and view.
#include <benchmark/benchmark.h>

#include <mapvec/payload_store.hpp>
#include <optional>
#include <span>

#include "common.hpp"

namespace payload_bench {
struct Record {
    std::string name;
    std::uint32_t number = 0;
    double weight = 0;
    std::vector<std::string> tags;
};
}  // namespace payload_bench

namespace {

using payload_bench::Record;
using Store = mapvec::PayloadStore<Record>;
const std::size_t records = bench::small ? 10'000 : 1'000'000;

Record record(std::size_t i) {
    return {"record number " + std::to_string(i),
            static_cast<std::uint32_t>(i),
            0.5 * static_cast<double>(i),
            {"a first tag here", "second tag", "the third one"}};
}

struct Fixture {
    bench::Scratch scratch;
    std::optional<Store> store;
    std::optional<mapvec::PayloadStore<std::string>> strings;
    std::vector<std::span<const std::byte>> table;  // the records, in plain memory
    std::vector<Record> values;                     // the values
    std::vector<mapvec::Id> ids, in_order;
    Fixture() {
        auto made = Store::create(scratch / "records");
        for (std::size_t i = 0; i < records; ++i) made.push(record(i));
        made.close();
        store = Store::load(scratch / "records");
        auto names = mapvec::PayloadStore<std::string>::create(scratch / "strings");
        for (std::size_t i = 0; i < records; ++i) names.push(std::string(100, 'x'));
        names.close();
        strings = mapvec::PayloadStore<std::string>::load(scratch / "strings");
        for (std::size_t i = 0; i < records; ++i) {
            table.push_back(store->bytes(i));
            values.push_back(record(i));
            in_order.push_back(i);
        }
        std::minstd_rand random(3);
        for (int i = 0; i < 500'000; ++i) ids.push_back(random() % records);
    }
};
const Fixture& fixture() {
    static const Fixture fixture;
    return fixture;
}

void push(benchmark::State& state) {
    std::vector<Record> some;
    for (std::size_t i = 0; i < 1000; ++i) some.push_back(record(i));
    const auto directory = fixture().scratch / "pushed";
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    auto store = Store::create(directory / "records");
    std::size_t i = 0;
    for (auto _ : state) store.push(some[i++ % some.size()]);
}

// Keeps the ids in registers, because loads of the loop itself would count.
template <class Read>
void each(benchmark::State& state, const std::vector<mapvec::Id>& ids, Read read) {
    const mapvec::Id* next = ids.data();
    const mapvec::Id* const end = next + ids.size();
    for (auto _ : state) {
        benchmark::DoNotOptimize(read(*next));
        if (++next == end) next = ids.data();
    }
}
void fetch_random(benchmark::State& state) {
    const Store& store = *fixture().store;
    each(state, fixture().ids, [&](mapvec::Id id) { return store.fetch(id); });
}
void fetch_sequential(benchmark::State& state) {
    const Store& store = *fixture().store;
    each(state, fixture().in_order, [&](mapvec::Id id) { return store.fetch(id); });
}
// 100 at a time.
void fetch_many_random(benchmark::State& state) {
    const Store& store = *fixture().store;
    const std::span ids(fixture().ids);
    std::size_t i = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(store.fetch_many(ids.subspan(i, 100)).data());
        i = (i + 100) % ids.size();
    }
    state.SetItemsProcessed(state.iterations() * 100);
}
// The limit for all of them: a copy of a value in plain memory.
void copy_random(benchmark::State& state) {
    const auto& values = fixture().values;
    each(state, fixture().ids, [&](mapvec::Id id) { return values[id]; });
}
// 100 at a time, into a new vector.
void copy_many_random(benchmark::State& state) {
    const auto& values = fixture().values;
    const std::span ids(fixture().ids);
    std::size_t i = 0;
    for (auto _ : state) {
        std::vector<Record> copies;
        copies.reserve(100);
        for (const auto id : ids.subspan(i, 100)) copies.push_back(values[id]);
        benchmark::DoNotOptimize(copies.data());
        i = (i + 100) % ids.size();
    }
    state.SetItemsProcessed(state.iterations() * 100);
}
void copy_sequential(benchmark::State& state) {
    const auto& values = fixture().values;
    each(state, fixture().in_order, [&](mapvec::Id id) { return values[id]; });
}
// Finds the record and does not touch its bytes. (A sum, so that both terms are loaded.)
template <class Range>
auto end_of(const Range& range) {
    return range.data() + range.size();
}
void bytes_random(benchmark::State& state) {
    const Store& store = *fixture().store;
    each(state, fixture().ids, [&](mapvec::Id id) { return end_of(store.bytes(id)); });
}
void view_random(benchmark::State& state) {
    const auto& strings = *fixture().strings;
    each(state, fixture().ids, [&](mapvec::Id id) { return end_of(strings.view(id)); });
}

// The limit for both: a table of the same size, without checks.
void table_random(benchmark::State& state) {
    const auto& table = fixture().table;
    each(state, fixture().ids, [&](mapvec::Id id) { return end_of(table[id]); });
}

}  // namespace

BENCHMARK(push);
BENCHMARK(fetch_random);
BENCHMARK(fetch_sequential);
BENCHMARK(fetch_many_random);
BENCHMARK(copy_random);
BENCHMARK(copy_many_random);
BENCHMARK(copy_sequential);
BENCHMARK(bytes_random);
BENCHMARK(view_random);
BENCHMARK(table_random);
BENCHMARK_MAIN();
