// Promises of detail/index/ to every index of a store:
//
//   exact      described rows are those that the index was built from, after any history
//   useful     after an update all rows are described; appends keep this, an overwrite affects its blocks only
//   identity   an index of another store, metric or kind is refused, and not removed
//   shared     searches may run during an update, and while the writer of the store works
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <mapvec/detail/index/identity.hpp>
#include <mapvec/detail/index/index_files.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_indexed_rows {

namespace {

using namespace mapvec;
namespace fs = std::filesystem;

constexpr std::size_t dim = 75;  // 300 bytes a row: most blocks begin within one
using Points = MmapVectorStore<dim>;
using Row = std::array<float, dim>;

// An index of the simplest kind: a copy of each row.
class Copies {
  public:
    static Copies open_or_create(const fs::path& path, const Points& points) {
        return Copies(Files::open_or_create(path, print(points), files(), files()));
    }
    static Copies open(const fs::path& path, const Points& points, OpenMode mode = OpenMode::read_only) {
        return Copies(Files::open(path, print(points), files(), mode));
    }
    static bool remove(const fs::path& path) { return Files::remove(path, files()); }

    // Leaves some rows for later: those of which skip(id) is true.
    template <class Skip>
    void update(const Points& points, std::size_t max_rows, Skip skip) {
        files_.check(print(points), points.path());
        const auto& rows = detail::StoreParts::rows(points);
        auto plan = files_.plan(rows, max_rows);
        const auto change = files_.change();
        const auto doubtful = plan.unchanged.complement(plan.next.count);
        for (const auto range : doubtful.ranges())
            for (Id id = range.first; id < range.end; ++id) {
                if (skip(id)) plan.next.forget(id);
                if (id >= files_[0].size())
                    files_[0].append(rows.record(id));
                else if (!skip(id))
                    files_[0].overwrite(id, rows.record(id));
            }
        files_.install(plan.next);
    }
    void update(const Points& points, std::size_t max_rows = SIZE_MAX) {
        update(points, max_rows, [](Id) { return false; });
    }

    // How many rows are described. Ends the test if one of them is another by now.
    std::uint64_t check(const Points& points) const {
        const auto view = files_.search(detail::StoreParts::rows(points));
        const std::size_t count = points.size();
        for (const auto range : view.described().ranges())
            for (Id id = range.first; id < range.end; ++id) {
                if (id >= count) FAIL("row " << id << " of " << count << " is described");
                if (std::memcmp(points[id].data(), files_[0].record(id).data(), sizeof(Row)) != 0)
                    FAIL("row " << id << " of " << count << " is described, but was overwritten");
            }
        return view.described().count();
    }
    std::uint64_t size() const { return files_.size(); }
    void commit() { files_.commit(); }
    bool refresh() { return files_.refresh(); }
    void close() { files_.close(); }

  private:
    using Files = detail::IndexFiles<MappedFile>;

    explicit Copies(Files files) : files_(std::move(files)) {}
    static std::vector<detail::IndexFile> files() { return {{"", FileKind::vectors, dim, sizeof(float)}}; }
    static std::uint64_t print(const Points& points) {
        return detail::index_fingerprint(detail::StoreParts::rows(points).header().store_id, "copies");
    }

    Files files_;
};

class Numbers {
  public:
    explicit Numbers(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t n) { return engine_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    Row row() {
        Row row{};
        for (float& x : row) x = static_cast<float>(engine_() % 1000);
        return row;
    }
    std::vector<float> rows(std::size_t n) {
        std::vector<float> rows(n * dim);
        for (float& x : rows) x = static_cast<float>(engine_() % 1000);
        return rows;
    }

  private:
    std::mt19937 engine_;
};

// A store and its index in a directory, and what may happen to them.
class History {
  public:
    explicit History(unsigned seed) : numbers_(seed) {
        points_ = Points::create(home_ / "points");
        index_.emplace(Copies::open_or_create(home_ / "index", points_));
        copy_files(home_.path(), home_ / "backup", "points");
        copy_files(home_.path(), home_ / "backup", "index");
    }
    void step() {
        change();
        index_->check(points_);
        if (!numbers_.one_in(8)) return;
        const auto reader = Points::open(home_ / "points", OpenMode::read_only);
        Copies::open(home_ / "index", reader).check(reader);  // as committed
    }

  private:
    void change() {
        switch (numbers_.below(14)) {
            case 0: points_.append_rows(numbers_.rows(numbers_.below(40))); break;
            case 1: points_.append_rows(numbers_.rows(numbers_.below(numbers_.one_in(4) ? 2500 : 400))); break;
            case 2: points_.insert(points_.size() + numbers_.below(30), numbers_.row()); break;
            case 3:
            case 4:
                for (std::size_t n = numbers_.below(4); n > 0 && !points_.empty(); --n)
                    points_.insert(numbers_.below(points_.size()), numbers_.row());
                break;
            case 5:
            case 6: points_.commit(); break;
            case 7: index_->update(points_); break;
            case 8: index_->update(points_, numbers_.below(500)); break;
            case 9: index_->update(points_, SIZE_MAX, [](Id id) { return id % 97 == 5; }); break;
            case 10: index_->commit(); break;
            case 11: restart(Crash::no); break;
            case 12: restart(Crash::yes); break;
            default: use_backup(); break;
        }
    }
    enum class Crash { no, yes };
    void restart(Crash crash) {
        if (crash == Crash::yes) copy_files(home_.path(), home_ / "killed", "");
        close();
        if (crash == Crash::yes) copy_files(home_ / "killed", home_.path(), "points");
        if (crash == Crash::yes) copy_files(home_ / "killed", home_.path(), "index");
        open();
    }
    void use_backup() {
        const char* const what = numbers_.one_in(3) ? "index" : "points";
        close();
        if (numbers_.one_in(2))
            copy_files(home_.path(), home_ / "backup", what);
        else
            copy_files(home_ / "backup", home_.path(), what);
        open();
    }
    void close() {
        index_->close();
        points_.close();
    }
    void open() {
        points_ = Points::open(home_ / "points");
        index_.emplace(Copies::open(home_ / "index", points_, OpenMode::read_write));
    }

    ScratchDirectory home_;
    Numbers numbers_;
    Points points_;
    std::optional<Copies> index_;
};

}  // namespace

TEST_CASE("an index never describes a row that is not the one it was built from, whatever has happened") {
    for (unsigned seed = 1; seed <= 6; ++seed) {
        History history(seed);
        for (int i = 0; i < MAPVEC_TEST_STEPS / 5; ++i) history.step();
    }
}

TEST_CASE("an update describes all rows, appends leave them described, an overwrite takes a block") {
    const ScratchDirectory scratch;
    Numbers numbers(10);
    auto points = Points::create(scratch / "points");
    auto index = Copies::open_or_create(scratch / "index", points);
    CHECK(index.check(points) == 0);
    for (const std::size_t more : {1u, 100u, 3000u, 5000u, 4000u, 1u, 1u}) {
        points.append_rows(numbers.rows(more));
        CHECK(index.check(points) == index.size());  // the next rows, not committed
        points.commit();
        CHECK(index.check(points) == index.size());  // and committed
        index.update(points);
        CHECK(index.size() == points.size());
        CHECK(index.check(points) == points.size());
    }
    points.append_rows(numbers.rows(20000));  // and now blocks are longer
    points.commit();
    const std::size_t known = 12103;
    CHECK(index.check(points) == known);

    points.insert(3000, numbers.row());
    const auto described = index.check(points);
    CHECK(described < known);
    CHECK(described > known - known / 20);
    points.insert(12102, numbers.row());  // the last row of the index
    CHECK(index.check(points) < described);
    index.update(points, 0);
    CHECK(index.check(points) == known);
    points.insert(known, numbers.row());  // one that it does not have
    CHECK(index.check(points) == known);
    index.update(points, SIZE_MAX, [](Id id) { return id == 20000; });
    CHECK(index.check(points) < points.size());
    CHECK(index.check(points) > points.size() - points.size() / 50);
    index.update(points);
    CHECK(index.check(points) == points.size());

    auto same_points = Points::open(scratch / "points", OpenMode::read_only);
    index.commit();
    auto reader = Copies::open(scratch / "index", same_points);
    const auto of_reader = reader.check(same_points);
    CHECK(of_reader < points.size());  // which were overwritten, and not committed
    points.commit();
    CHECK(reader.check(same_points) == of_reader);
    CHECK(same_points.refresh());
    CHECK(reader.check(same_points) == points.size());
    points.append_rows(numbers.rows(10));
    points.commit();
    index.update(points);
    index.commit();
    CHECK(reader.refresh());
    CHECK(reader.check(same_points) > points.size() - points.size() / 50);  // it does not see all rows of the index
    CHECK(same_points.refresh());
    CHECK(reader.check(same_points) == points.size());
}

TEST_CASE("an index is of one store, kind and metric, and only such a one is removed") {
    const ScratchDirectory scratch;
    auto points = Points::create(scratch / "points");
    const auto others = Points::create(scratch / "others");
    auto index = Copies::open_or_create(scratch / "index", points);
    CHECK(code_of([&] { index.update(others); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return Copies::remove(scratch / "index"); }) == ErrorCode::locked);
    index.close();
    CHECK(code_of([&] { return Copies::open(scratch / "index", others); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return Copies::open(scratch / "index", points, OpenMode::copy_on_write); }) ==
          ErrorCode::invalid_argument);
    const auto id = detail::StoreParts::rows(points).header().store_id;
    CHECK(detail::index_fingerprint(id, SquaredL2::name) != detail::index_fingerprint(id, Cosine::name));
    CHECK(detail::index_fingerprint(StoreId{}, "cosine") == 0x2492966A27E4EE50u);

    fs::rename(scratch / "index.rows", scratch / "kept");
    CHECK(code_of([&] { return Copies::open(scratch / "index", points); }) == ErrorCode::corrupt);
    fs::copy(scratch / "points", scratch / "index.rows");
    CHECK(code_of([&] { return Copies::remove(scratch / "index"); }) == ErrorCode::type_mismatch);
    CHECK(fs::exists(scratch / "index"));
    fs::rename(scratch / "kept", scratch / "index.rows");
    CHECK(Copies::remove(scratch / "index"));
    CHECK_FALSE(Copies::remove(scratch / "index"));
    CHECK_FALSE(fs::exists(scratch / "index.rows"));
    CHECK(Copies::open_or_create(scratch / "index", points).size() == 0);
}

TEST_CASE("searches look at an index beside updates of it, and beside the store's writer", "[threads]") {
    const ScratchDirectory scratch;
    auto points = Points::create(scratch / "points");
    auto index = Copies::open_or_create(scratch / "index", points);
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> most{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            while (!done) most = std::max(most.load(), index.check(points));
        });
    Numbers numbers(20);
    for (int i = 0; i < 60; ++i) {
        points.append_rows(numbers.rows(numbers.below(60)));
        if (i % 2 == 0) points.commit();
        if (i % 3 == 0) index.update(points);
        if (i % 10 == 0) index.commit();
    }
    points.commit();
    index.update(points);
    while (most != points.size()) std::this_thread::yield();
    done = true;
    for (auto& thread : threads) thread.join();
}

}  // namespace test_indexed_rows
