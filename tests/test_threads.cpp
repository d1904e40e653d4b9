// One writer thread appends and grows; four threads read at the same time without a lock. Also run under
// ThreadSanitizer.
#include <array>
#include <atomic>
#include <mapvec/collection.hpp>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_threads {

namespace {

using namespace mapvec;

constexpr std::size_t dim = 16;
constexpr unsigned readers = 4;

// Row i has i in every element, so that half a row would be noticed.
std::array<float, dim> row_of(std::size_t i) {
    std::array<float, dim> row;
    row.fill(static_cast<float>(i));
    return row;
}
bool is_row(std::span<const float> row, std::size_t i) {
    for (const float scalar : row)
        if (scalar != static_cast<float>(i)) return false;
    return true;
}

// `read` returns the number of errors that it found.
template <class Write, class Read>
std::size_t side_by_side(Write write, Read read) {
    std::atomic<bool> done{false};
    std::atomic<std::size_t> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < readers; ++i)
        threads.emplace_back([&, i] {
            do wrong += read(i);
            while (!done);
        });
    write();
    done = true;
    for (auto& thread : threads) thread.join();
    return wrong;
}

std::size_t read_rows(const MmapVectorStore<dim>& store, unsigned how) {
    std::size_t wrong = 0;
    const std::size_t rows = store.size();
    if (rows == 0) return 0;
    switch (how) {
        case 0: wrong += is_row(store.get(rows - 1), rows - 1) ? 0u : 1u; break;
        case 1:
            for (std::size_t i = rows - std::min<std::size_t>(rows, 50); i < rows; ++i)
                wrong += is_row(store[i], i) ? 0u : 1u;
            break;
        case 2: {
            const auto data = store.data();
            wrong += data.size() % dim == 0 && is_row(data.last(dim), data.size() / dim - 1) ? 0u : 1u;
            std::size_t i = rows - 1;
            for (auto row = store.begin() + static_cast<std::ptrdiff_t>(i); row != store.end(); ++row)
                wrong += is_row(*row, i++) ? 0u : 1u;
            break;
        }
        default: {
            const auto query = row_of(rows - 1);
            const auto hits = search(store, DiskQuery{query, 0.0f});
            wrong += hits.size() == 1 && hits[0].id == rows - 1 ? 0u : 1u;
        }
    }
    return wrong;
}

std::size_t append_beside_readers(std::size_t address_space) {
    const ScratchDirectory directory;
    auto store =
        MmapVectorStore<dim>::create(directory / "store", {.initial_capacity = 1, .address_space = address_space});
    const std::size_t rows = 30'000;
    store.append(row_of(0));
    const float* const first = store[0].data();
    const auto write = [&] {
        while (store.size() < rows) {
            const std::size_t i = store.size();
            if (i % 7 == 0) {
                std::vector<float> many;
                for (std::size_t n = 0; n < 5; ++n) many.insert(many.end(), dim, static_cast<float>(i + n));
                store.append_rows(many);
            } else {
                store.append(row_of(i));
            }
            if (i % 3000 == 0) store.commit();
        }
    };
    const std::size_t wrong = side_by_side(write, [&](unsigned how) { return read_rows(store, how); });
    store.verify();
    return wrong + (is_row(std::span(first, dim), 0) ? 0u : 1u);  // the old address still holds the row
}

}  // namespace

TEST_CASE("readers see whole rows only while a writer appends in reserved addresses", "[threads]") {
    REQUIRE(append_beside_readers(0) == 0);
}

TEST_CASE("readers see whole rows only while every growth moves the mapping", "[threads]") {
    REQUIRE(append_beside_readers(1) == 0);
}

TEST_CASE("threads that see a row of a collection find its payload, and erased rows stay erased", "[threads]") {
    const ScratchDirectory directory;
    auto store = Collection<dim, std::string>::create(directory / "store", {.initial_capacity = 1, .address_space = 1});
    const auto write = [&] {
        for (std::size_t i = 0; i < 6000; ++i) {
            store.append(row_of(i), "payload " + std::to_string(i));
            if (i % 10 == 9) store.erase(i - 5);
            if (i % 1000 == 0) store.commit();
        }
    };
    const auto read = [&](unsigned how) -> std::size_t {
        const std::size_t live = store.size(), rows = store.vectors().size();
        if (live > rows) return 1;
        if (rows == 0) return 0;
        const Id last = rows - 1;
        if (how == 1) return store.search(KnnQuery{row_of(last), 1}).size() == 1 ? 0u : 1u;
        const Id id = how % 2 == 0 ? last : last / 2;
        if (id % 10 == 4) return 0;  // it may be erased by now
        return store.payload(id) == "payload " + std::to_string(id) && is_row(store.vector(id), id) ? 0u : 1u;
    };
    REQUIRE(side_by_side(write, read) == 0);
    REQUIRE(store.size() == 5400);
}

TEST_CASE("readers are not disturbed when other rows are overwritten", "[threads]") {
    const ScratchDirectory directory;
    auto store = MmapVectorStore<dim>::create(directory / "store");
    for (std::size_t i = 0; i < 2000; ++i) store.append(row_of(i));
    store.commit();
    const auto write = [&] {
        for (std::size_t i = 0; i < 1500; ++i) {
            store.insert(i % 100, row_of(7));
            if (i % 20 == 0) store.commit();
        }
    };
    const auto read = [&](unsigned how) {
        std::size_t wrong = 0;
        for (std::size_t i = 100 + how; i < 2000; i += readers) wrong += is_row(store[i], i) ? 0u : 1u;
        return wrong;
    };
    REQUIRE(side_by_side(write, read) == 0);
}

}  // namespace test_threads
