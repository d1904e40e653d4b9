// Random operations on a store and on a std::vector as its model; the store is reopened in between, and a reader
// follows it.
#include <algorithm>
#include <array>
#include <mapvec/mmap_vector_store.hpp>
#include <random>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_vector_store_model {

using namespace mapvec;

namespace {

template <class S>
class Model {
  public:
    using Store = MmapVectorStore<dynamic_dim, S>;

    Model(const ScratchDirectory& scratch, std::size_t dim, std::size_t address_space, unsigned seed)
        : path_(scratch / "v"), dim_(dim), random_(seed) {
        options_ = {.dim = dim, .initial_capacity = seed % 3, .address_space = address_space};
        store_ = Store::create(path_, options_);
        reader_ = Store::open(path_, OpenMode::read_only, options_);
    }

    // The number of comparisons of the whole store with the model.
    int run(int steps) {
        for (int step = 0; step < steps; ++step) {
            INFO("step " << step);
            act();
            if (step % 16 == 0) check(store_, checkpoint_);
        }
        store_.close();
        check(Store::open(path_, OpenMode::read_only), checkpoint_);
        REQUIRE(std::filesystem::file_size(path_) == 4096 + checkpoint_.size() * sizeof(S));
        return comparisons_;
    }

  private:
    void act() {
        const std::size_t rows = checkpoint_.size() / dim_;
        switch (random_() % 20) {
            case 0: return commit();
            case 1: return reopen();
            case 2: return give_up();
            case 3: return look();
            case 4: return store_.reserve(rows + random_() % 1000);
            case 5: return store_.shrink_to_fit();
            case 6: return append_rows(random_() % 300);
            case 7: return append_rows(random_() % 3 == 0 ? (1 << 21) / (dim_ * sizeof(S)) : 1);
            case 8: return insert(rows + random_() % 200);
            case 9:
            case 10:
            case 11:
            case 12: return rows == 0 ? append_rows(1) : insert(random_() % rows);
            default:
                const auto row = noise(dim_);
                REQUIRE(store_.append(row) == rows);
                checkpoint_.insert(checkpoint_.end(), row.begin(), row.end());
        }
    }
    void append_rows(std::size_t n) {
        const auto rows = noise(n * dim_);
        REQUIRE(store_.append_rows(rows) == checkpoint_.size() / dim_);
        checkpoint_.insert(checkpoint_.end(), rows.begin(), rows.end());
    }
    void insert(std::size_t id) {
        const auto row = noise(dim_);
        store_.insert(id, row);
        checkpoint_.resize(std::max(checkpoint_.size(), (id + 1) * dim_));
        std::copy(row.begin(), row.end(), checkpoint_.begin() + static_cast<std::ptrdiff_t>(id * dim_));
    }
    void commit() {
        store_.commit();
        committed_ = checkpoint_;
    }
    void reopen() {
        reader_.close();  // every other time the closing writer finds no reader
        if (random_() % 2 == 0) reader_ = Store::open(path_, OpenMode::read_only, options_);
        store_.close();
        committed_ = checkpoint_;
        store_ = Store::open(path_, OpenMode::read_write, options_);
        if (reader_.dim() == 0) reader_ = Store::open(path_, OpenMode::read_only, options_);
    }
    void give_up() {
        try {
            auto dying = std::move(store_);
            throw 1;
        } catch (int) {
        }
        store_ = Store::open(path_, OpenMode::read_write, options_);
        checkpoint_ = committed_;
        check(store_, checkpoint_);
    }
    void look() {
        reader_.refresh();
        check(reader_, committed_);
        check(Store::open(path_, OpenMode::read_only, options_), committed_);
        store_.verify();
    }
    void check(const Store& store, const std::vector<S>& model) {
        REQUIRE(store.size() == model.size() / dim_);
        REQUIRE(std::ranges::equal(store.data(), model));
        store.verify();
        ++comparisons_;
    }
    std::vector<S> noise(std::size_t n) {
        std::vector<S> values(n);
        for (auto& value : values) value = static_cast<S>(random_() % 100);
        return values;
    }

    std::filesystem::path path_;
    std::size_t dim_;
    StoreOptions options_;
    std::mt19937 random_;
    Store store_, reader_;
    std::vector<S> checkpoint_, committed_;
    int comparisons_ = 0;
};

}  // namespace

TEST_CASE("a store of vectors behaves as a std::vector of rows that can be reopened") {
    const unsigned seed = GENERATE(range(1u, 7u));
    const std::size_t address_space = seed % 2 == 0 ? 1 : 0;
    const std::size_t dim = std::array<std::size_t, 3>{1, 5, 130}[seed % 3];
    const ScratchDirectory scratch;
    INFO("seed " << seed);
    const int comparisons = seed % 2 == 0
                                ? Model<float>(scratch, dim, address_space, seed).run(MAPVEC_TEST_STEPS)
                                : Model<std::int8_t>(scratch, dim, address_space, seed).run(MAPVEC_TEST_STEPS);
    CHECK(comparisons > MAPVEC_TEST_STEPS / 16);
}

}  // namespace test_vector_store_model
