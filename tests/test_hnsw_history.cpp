// If ef is the size of the store, a search in a graph is exact at any time, after any history of store and graph:
// commits, updates, kills, and backups of either.
#include <algorithm>
#include <filesystem>
#include <mapvec/hnsw_index.hpp>
#include <string>

#include "catch.hpp"
#include "hnsw_rows.hpp"
#include "scratch.hpp"

namespace test_hnsw_history {

using namespace mapvec;
using namespace hnsw_rows;

namespace {

// A store with its graph in a directory, and random changes of both.
class History {
  public:
    explicit History(unsigned seed) : numbers_(seed) {
        points_ = Points::create(home_ / "points");
        index_ = HnswIndex<>::create(home_ / "graph", points_, {.m = 4, .ef_construction = 12});
        copy_files(home_.path(), home_ / "backup", "");
    }
    void step() {
        change();
        REQUIRE(finds_all(points_, index_, numbers_.row()));
        REQUIRE(index_.search(points_, KnnQuery{numbers_.row(), 5}).size() == std::min<std::size_t>(5, points_.size()));
    }

  private:
    // Every third row is one of a few.
    Row row() { return numbers_.one_in(3) ? Row{static_cast<float>(numbers_.below(3))} : numbers_.row(); }
    void change() {
        switch (numbers_.below(12)) {
            case 0:
            case 1:
                for (std::size_t n = numbers_.below(60); n > 0; --n) points_.append(row());
                break;
            case 2: points_.insert(points_.size() + numbers_.below(20), row()); break;
            case 3:
            case 4:
                for (std::size_t n = numbers_.below(12); n > 0 && !points_.empty(); --n)
                    points_.insert(numbers_.below(points_.size()), row());
                break;
            case 5: points_.commit(); break;
            case 6:
            case 7: index_.update(points_); break;
            case 8: index_.update(points_, {.threads = 2, .max_rows = numbers_.below(30)}); break;
            case 9: index_.commit(); break;
            case 10: restart(numbers_.one_in(2)); break;
            default: use_backup(); break;
        }
    }
    void restart(bool killed) {
        if (killed) copy_files(home_.path(), home_ / "killed", "");
        close();
        if (killed) copy_files(home_ / "killed", home_.path(), "");
        open();
    }
    void use_backup() {
        const char* const what = numbers_.one_in(3) ? "graph" : "points";
        close();
        if (numbers_.one_in(2))
            copy_files(home_.path(), home_ / "backup", what);
        else
            copy_files(home_ / "backup", home_.path(), what);
        open();
    }
    void close() {
        index_.close();
        points_.close();
    }
    void open() {
        points_ = Points::open(home_ / "points");
        index_ = HnswIndex<>::open(home_ / "graph", points_);
    }

    ScratchDirectory home_;
    Numbers numbers_;
    Points points_;
    HnswIndex<> index_;
};

}  // namespace

TEST_CASE("a search with ef = size is exact, after any history of store and graph") {
    for (unsigned seed = 1; seed <= 4; ++seed) {
        History history(seed);
        for (int i = 0; i < MAPVEC_TEST_STEPS / 5; ++i) history.step();
    }
}

}  // namespace test_hnsw_history
