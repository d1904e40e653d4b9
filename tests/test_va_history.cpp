// va_index.hpp for rows that change: after any history the hits are those of the store, for the writer and for readers.
#include "va_support.hpp"

#include <filesystem>
#include <limits>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "scratch.hpp"

namespace test_va_history {

namespace {

using namespace va_support;

constexpr std::size_t dim = 90;
using Store = MmapVectorStore<dynamic_dim>;

// Random steps of a program with a store and an index.
class History {
  public:
    explicit History(unsigned seed) : engine_(seed), embeddings_(dim, seed) {
        store_.emplace(Store::create(directory_ / "rows.vec", {.dim = dim}));
        index_.emplace(VaIndex<>::create(directory_ / "rows.va", *store_));
    }

    void step() {
        switch (engine_() % 12) {
            case 0:
            case 1: store_->append_rows(embeddings_.rows<float>(below(2 * MAPVEC_TEST_STEPS))); break;
            case 2: store_->insert(store_->size() + below(300), row()); break;
            case 3: overwrite(1 + below(20)); break;
            case 4: overwrite(store_->size() / 2); break;
            case 5:
            case 6: store_->commit(); break;
            case 7:
            case 8: (void)index_->update(*store_, {.threads = 1 + below(2)}); break;
            case 9: (void)index_->update(*store_, {.new_axes = engine_() % 3 == 0}); break;
            case 10: index_->commit(); break;
            default: reopen(); break;
        }
    }
    void check() {
        check_with(*index_, *store_);
        if (engine_() % 4 == 0) check_reader();
    }

  private:
    unsigned below(std::size_t n) { return n == 0 ? 0 : static_cast<unsigned>(engine_() % n); }
    std::vector<float> row() {
        std::vector<float> row = embeddings_.rows<float>(1);
        const float odd[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30f, 0};
        if (engine_() % 4 == 0) row[engine_() % dim] = odd[engine_() % 4];
        if (engine_() % 8 == 0) row.assign(dim, 0);
        return row;
    }
    void overwrite(std::size_t times) {
        for (; times > 0 && store_->size() != 0; --times) store_->insert(below(store_->size()), row());
    }
    // Closes both in either order, the index perhaps without its last changes.
    void reopen() {
        if (engine_() % 2 == 0) {
            store_->close();
            store_.reset();
            index_.reset();
        } else {
            index_->close();
            index_.reset();
            store_.reset();
        }
        store_.emplace(Store::open(directory_ / "rows.vec"));
        index_.emplace(VaIndex<>::open(directory_ / "rows.va", *store_));
    }
    void check_reader() {
        const auto store = Store::open(directory_ / "rows.vec", OpenMode::read_only);
        const auto index = VaIndex<>::open(directory_ / "rows.va", store, OpenMode::read_only);
        check_with(index, store);
    }
    void check_with(const VaIndex<>& index, const Store& store) {
        const std::vector<float> query = embeddings_.query();
        const auto truth = search(store, KnnQuery{query, 25});
        CHECK(same(index.search(store, KnnQuery{query, 25}), truth));
        if (truth.empty() || !std::isfinite(truth.back().value())) return;
        const RangeQuery range{query, truth[truth.size() / 2].distance(), truth.back().distance() * 1.2f};
        CHECK(same(index.search(store, range, {.threads = 2}), search(store, range)));
    }

    ScratchDirectory directory_;
    std::mt19937 engine_;
    Embeddings embeddings_;
    std::optional<Store> store_;
    std::optional<VaIndex<>> index_;
};

std::vector<float> query_of(Embeddings& embeddings) { return embeddings.query(); }

}  // namespace

TEST_CASE("an index is exact after any history", "[va]") {
    for (unsigned seed = 1; seed <= MAPVEC_TEST_STEPS / 100; ++seed) {
        CAPTURE(seed);
        History history(seed);
        for (int step = 0; step < 40; ++step) {
            history.step();
            history.check();
        }
    }
}

TEST_CASE("an index is exact for a store that was restored from a backup, and for one cut to an earlier commit",
          "[va]") {
    const ScratchDirectory directory;
    Embeddings embeddings(dim, 4);
    const auto path = directory / "rows.vec", backup = directory / "backup.vec";
    {
        auto store = Store::create(path, {.dim = dim});
        store.append_rows(embeddings.rows<float>(3000));
        store.close();
        std::filesystem::copy_file(path, backup);
    }
    {
        auto store = Store::open(path);
        for (Id id = 0; id < 3000; id += 5) store.insert(id, embeddings.rows<float>(1));
        store.append_rows(embeddings.rows<float>(3000));
        store.commit();
        auto index = VaIndex<>::create(directory / "rows.va", store);
        index.update(store);
        index.commit();
    }
    std::filesystem::copy_file(backup, path, std::filesystem::copy_options::overwrite_existing);
    auto store = Store::open(path);
    auto index = VaIndex<>::open(directory / "rows.va", store);
    for (int q = 0; q < 5; ++q) {
        const auto query = query_of(embeddings);
        CHECK(same(index.search(store, KnnQuery{query, 30}), search(store, KnnQuery{query, 30})));
    }
    store.append_rows(embeddings.rows<float>(5000));  // more rows than the index describes
    store.commit();
    for (int updates = 0; updates < 2; ++updates) {
        const auto query = query_of(embeddings);
        CHECK(same(index.search(store, KnnQuery{query, 30}), search(store, KnnQuery{query, 30})));
        index.update(store);
    }
}

TEST_CASE("an index that was killed before its commit has its previous commit", "[va]") {
    const ScratchDirectory directory;
    Embeddings embeddings(dim, 4);
    auto store = Store::create(directory / "rows.vec", {.dim = dim});
    store.append_rows(embeddings.rows<float>(2000));
    store.commit();
    auto index = VaIndex<>::create(directory / "rows.va", store);
    CHECK(index.update(store) == 2000);
    index.commit();
    store.append_rows(embeddings.rows<float>(1000));
    store.commit();
    CHECK(index.update(store) == 1000);
    const auto reader = VaIndex<>::open(directory / "rows.va", store, OpenMode::read_only);
    CHECK(reader.size() == 2000);
    CHECK(index.size() == 3000);
    const auto query = query_of(embeddings);
    CHECK(same(reader.search(store, KnnQuery{query, 30}), search(store, KnnQuery{query, 30})));
}

TEST_CASE("searches during updates are exact", "[va][threads]") {
    const ScratchDirectory directory;
    Embeddings embeddings(dim, 4);
    auto store = Store::create(directory / "rows.vec", {.dim = dim});
    store.append_rows(embeddings.rows<float>(20 * MAPVEC_TEST_STEPS));
    store.commit();
    auto index = VaIndex<>::create(directory / "rows.va", store);
    const auto query = query_of(embeddings);
    const auto truth = search(store, KnnQuery{query, 30});
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0}, searches{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&] {
            while (!done || searches < 4) {
                wrong += !same(index.search(store, KnnQuery{query, 30}), truth);
                ++searches;
            }
        });
    for (int updates = 0; updates < 4; ++updates) {
        (void)index.update(store, {.new_axes = true});
        index.commit();
    }
    done = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("an update computes new axes if the store has grown far, or on request", "[va]") {
    const ScratchDirectory directory;
    Embeddings embeddings(dim, 4), others(dim, 77);
    auto store = Store::create(directory / "rows.vec", {.dim = dim});
    store.append_rows(embeddings.rows<float>(10));
    store.commit();
    auto index = VaIndex<>::create(directory / "rows.va", store);
    CHECK(index.update(store) == 10);
    store.append_rows(embeddings.rows<float>(20 * MAPVEC_TEST_STEPS));
    store.commit();
    CHECK(index.update(store) == 20 * MAPVEC_TEST_STEPS + 10);
    CHECK(index.update(store) == 0);
    CHECK_FALSE(index.has_drifted());
    std::vector<float> rows = others.rows<float>(2000);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] *= i % dim < dim / 2 ? 0.1f : 20.0f;
    store.append_rows(rows);
    store.commit();
    CHECK(index.update(store) == 2000);
    CHECK(index.has_drifted());
    CHECK(index.update(store, {.new_axes = true}) == store.size());
    CHECK_FALSE(index.has_drifted());
}

TEST_CASE("an index belongs to one store and one metric", "[va]") {
    const ScratchDirectory directory;
    Embeddings embeddings(dim, 4);
    auto store = Store::create(directory / "rows.vec", {.dim = dim});
    auto other = Store::create(directory / "other.vec", {.dim = dim});
    auto index = VaIndex<>::create(directory / "rows.va", store);
    const auto query = query_of(embeddings);
    CHECK(index.update(store) == 0);
    CHECK(index.search(store, KnnQuery{query, 3}).empty());
    CHECK(code_of([&] { (void)index.search(other, KnnQuery{query, 3}); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { index.update(other); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { (void)VaIndex<>::create(directory / "rows.va", store); }) == ErrorCode::exists);
    CHECK(code_of([&] { (void)VaIndex<>::open(directory / "rows.va", store); }) == ErrorCode::locked);
    CHECK(code_of([&] { (void)VaIndex<>::open(directory / "none.va", store); }) == ErrorCode::not_found);
    CHECK(code_of([&] { (void)VaIndex<>::remove(directory / "rows.va"); }) == ErrorCode::locked);
    store.append_rows(embeddings.rows<float>(100));
    store.commit();
    index.update(store);
    const std::vector<Id> beyond{100};
    CHECK(code_of([&] { (void)index.search_ids(store, beyond, KnnQuery{query, 3}); }) == ErrorCode::out_of_range);
    const std::vector<float> shorter(dim - 1);
    CHECK(code_of([&] { (void)index.search(store, KnnQuery{shorter, 3}); }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] { (void)index.search(store, DiskQuery{query, -1}); }) == ErrorCode::invalid_argument);
    index.verify();
    index.close();
    CHECK(code_of([&] { (void)index.search(store, KnnQuery{query, 3}); }) == ErrorCode::invalid_argument);
    CHECK(code_of([&] { (void)VaIndex<Cosine>::open(directory / "rows.va", store); }) == ErrorCode::type_mismatch);
    CHECK(VaIndex<>::remove(directory / "rows.va"));
    CHECK_FALSE(VaIndex<>::remove(directory / "rows.va"));
}

}  // namespace test_va_history
