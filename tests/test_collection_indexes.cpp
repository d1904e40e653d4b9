// Indexes inside a collection: the same answers as a scan after any history, damage, and which index answers a query.
#include <array>
#include <atomic>
#include <fstream>
#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/va_index.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_collection_indexes {
namespace {

using namespace mapvec;

struct Doc {
    std::uint32_t number = 0;
    std::string text;
};
struct LongDoc {
    std::string text;
};
constexpr std::size_t dim = 48;  // rows of 192 bytes: both indexes have lines
using Docs = Collection<dim, Doc>;
using Row = std::array<float, dim>;
constexpr HnswOptions small_graph{.m = 8, .ef_construction = 50};

class Rows {
  public:
    explicit Rows(unsigned seed) : random_(seed) {}
    Row next() {
        Row row;
        for (std::size_t i = 0; i < dim; ++i) row[i] = normal_(random_) * (i < 6 ? 10.0f : 1.0f);
        return row;
    }
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  private:
    std::mt19937 random_;
    std::normal_distribution<float> normal_;
};

void append(Docs& docs, Rows& rows, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) docs.append(rows.next(), Doc{static_cast<std::uint32_t>(i), "text"});
}
Docs create(const std::filesystem::path& path, Rows& rows, std::size_t count) {
    auto docs = Docs::create(path);
    append(docs, rows, count);
    docs.commit();
    return docs;
}

// What a scan without indexes finds.
template <class Query>
std::vector<Hit> scan(const Docs& docs, const Query& query) {
    return search(docs.vectors(), query, [&](Id id) { return docs.contains(id); });
}

// All exact searches against scans. AnnQuery: the share of the nearest that it finds.
double check_searches(const Docs& docs, const Row& query) {
    const auto odd = [](Id id) { return id % 2 == 1; };
    const KnnQuery nearest{query, 10};
    const auto expected = scan(docs, nearest);
    CHECK(docs.search(nearest) == expected);
    const float edge = expected.empty() ? 1.0f : expected.back().value();
    CHECK(docs.search(RingQuery{query, edge, 0.5f}) == scan(docs, RingQuery{query, edge, 0.5f}));
    CHECK(docs.search(RangeQuery{query, 0, edge}) == scan(docs, RangeQuery{query, 0, edge}));
    const DiskQuery disk{query, edge + 1};
    const DiskQuery two[] = {disk, {query, edge}};
    CHECK(docs.search(DiskIntersectionQuery{two}) == scan(docs, DiskIntersectionQuery{two}));
    const auto odd_live = [&](Id id) { return odd(id) && docs.contains(id); };
    CHECK(docs.search(nearest, odd, {.threads = 2}) == search(docs.vectors(), nearest, odd_live));
    std::vector<Hit> each;
    docs.search_each(disk, [&](const Hit& hit) { each.push_back(hit); });
    CHECK(each == scan(docs, disk));
    std::vector<Id> some;
    for (Id id = 0; id < docs.vectors().size(); id += 3) some.push_back(id);
    CHECK(docs.search_ids(some, nearest) ==
          search(docs.vectors(), nearest, [&](Id id) { return id % 3 == 0 && docs.contains(id); }));
    CHECK(docs.search_batch(std::span<const KnnQuery>(&nearest, 1)).front() == expected);

    const auto found = docs.search(AnnQuery{.query = query, .k = 10, .ef = 80});
    CHECK(found.size() == expected.size());
    std::size_t same = 0;
    for (const Hit& hit : found) {
        CHECK(docs.contains(hit.id));
        for (const Hit& wanted : expected) same += hit.id == wanted.id ? 1u : 0u;
    }
    return expected.empty() ? 1 : static_cast<double>(same) / static_cast<double>(expected.size());
}

void flip_byte(const std::filesystem::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 0x55));
    REQUIRE(file.good());
}

}  // namespace

TEST_CASE("exact queries read fewer rows after create_index, with no other change to the program") {
    const ScratchDirectory scratch;
    Rows rows(1);
    auto docs = create(scratch / "c", rows, 3000);
    const Row query = rows.next();
    CHECK(docs.explain(KnnQuery{query, 10}).method == SearchMethod::scan);
    CHECK(docs.explain(KnnQuery{query, 10}).measured_rows == 3000);
    docs.create_index(VaOptions{});
    const SearchExplanation exact = docs.explain({.query = query, .k = 10});
    CHECK(exact.method == SearchMethod::va_index);
    CHECK(exact.rows == 3000);
    CHECK(exact.measured_rows < 1500);
    CHECK(docs.explain(AnnQuery{query}).method == SearchMethod::va_index);  // exact without a graph
    docs.create_index(small_graph, {.threads = 2});
    CHECK(docs.explain(AnnQuery{query}).method == SearchMethod::graph);
    CHECK(docs.explain(AnnQuery{query}).measured_rows < 1000);
    CHECK(docs.search<Cosine>(KnnQuery{query, 5}) == search<Cosine>(docs.vectors(), KnnQuery{query, 5}));
    docs.create_index(VaOptions{});  // it exists
    docs.close();
    CHECK(Docs::open(scratch / "c", OpenMode::read_only).explain(AnnQuery{query}).method == SearchMethod::graph);
}

TEST_CASE("searches with indexes find what a scan finds, after any history") {
    const ScratchDirectory scratch;
    Rows rows(2);
    std::optional<Docs> docs = create(scratch / "c", rows, 1200);
    docs->create_index(VaOptions{});
    docs->create_index(small_graph);
    auto reader = Docs::open(scratch / "c", OpenMode::read_only);
    const auto any_row = [&] {
        Id id = rows.below(static_cast<std::uint32_t>(docs->vectors().size()));
        while (!docs->contains(id)) id = (id + 1) % docs->vectors().size();
        return id;
    };
    double recall = 0;
    int checks = 0;
    for (int step = 0; step < 80; ++step) {
        const unsigned what = rows.below(20);
        if (what < 5) append(*docs, rows, 1 + rows.below(40));
        if (what == 5) docs->update(any_row(), rows.next(), Doc{});
        if (what == 6)
            for (unsigned i = 0; i < 25; ++i) docs->update(any_row(), rows.next(), Doc{});
        if (what >= 7 && what < 10)
            for (unsigned i = 0; i < 9; ++i) docs->erase(any_row());
        if (what == 10) docs->replace(any_row(), rows.next(), Doc{});
        if (what == 11) docs->rollback();
        if (what >= 12 && what < 15) docs->commit();
        if (what == 15) docs->update_indexes();
        if (what == 16) docs.reset(), docs = Docs::open(scratch / "c");
        if (what == 17 && rows.below(3) == 0) docs->compact();
        if (what == 18 && docs->drop_index(IndexKind::hnsw)) docs->create_index(small_graph);
        if (what == 19) reader.refresh();
        INFO("step " << step << ", change " << what);
        const Row query = rows.next();
        recall += check_searches(*docs, query), ++checks;
        recall += check_searches(reader, query), ++checks;
        REQUIRE(docs->index_errors().empty());
    }
    CHECK(recall / checks > 0.95);
    docs->verify();
}

TEST_CASE("a graph gives k live rows where the nearest are erased, and accepts a filter") {
    const ScratchDirectory scratch;
    Rows rows(3);
    auto docs = create(scratch / "c", rows, 2000);
    docs.create_index(small_graph);
    const Row query = rows.next();
    for (const Hit& hit : docs.search(KnnQuery{query, 300})) docs.erase(hit.id);
    const auto found = docs.search(AnnQuery{.query = query, .k = 20, .ef = 20});
    CHECK(found.size() == 20);
    CHECK(check_searches(docs, query) > 0.8);
    const auto few = [](Id id) { return id % 500 == 7; };
    CHECK(docs.search(AnnQuery{.query = query, .k = 20}, few).size() == docs.search(KnnQuery{query, 20}, few).size());
    docs.update_indexes();  // the erasures are not committed
    docs.rollback();
    CHECK(check_searches(docs, query) > 0.8);
}

TEST_CASE("commit() updates indexes when many rows wait, otherwise the rows wait") {
    const ScratchDirectory scratch;
    Rows rows(4);
    auto docs = create(scratch / "c", rows, 500);
    docs.create_index(VaOptions{});
    const Row query = rows.next();
    append(docs, rows, 4000);
    docs.commit();
    CHECK(docs.explain(KnnQuery{query, 1}).measured_rows > 4000);
    append(docs, rows, 100);
    docs.commit();
    CHECK(docs.explain(KnnQuery{query, 1}).measured_rows < 2000);
    append(docs, rows, 1000);
    docs.commit();
    CHECK(docs.explain(KnnQuery{query, 1}).measured_rows > 1000);
    std::uint64_t all = 0;
    docs.update_indexes({.threads = 0}, [&](std::uint64_t, std::uint64_t total) { all = total; });
    CHECK(all == 1000);
    CHECK(docs.explain(KnnQuery{query, 1}).measured_rows < 1000);
}

TEST_CASE("a visitor of hits may change the collection and its indexes") {
    const ScratchDirectory scratch;
    Rows rows(9);
    auto docs = create(scratch / "c", rows, 500);
    docs.create_index(VaOptions{});
    int visited = 0;
    docs.search_each(DiskQuery{rows.next(), 1000}, [&](const Hit& hit) {
        docs.replace(hit.id, rows.next(), Doc{});
        docs.commit();
        docs.update_indexes();
        return ++visited < 3;
    });
    CHECK(visited == 3);
}

TEST_CASE("a damaged or incomplete index is reported and left out, and create_index replaces it") {
    const ScratchDirectory scratch;
    Rows rows(5);
    create(scratch / "c", rows, 1500).create_index(VaOptions{});
    const Row query = rows.next();
    const auto damage = [&](int kind) {
        const auto first = scratch / "c" / "index.va", axes = scratch / "c" / "index.va.axes";
        if (kind == 0) std::filesystem::remove(first);
        if (kind == 1) flip_byte(first, 20);
        if (kind == 2) std::filesystem::resize_file(axes, 5000);
    };
    for (int kind = 0; kind < 3; ++kind) {
        INFO("damage " << kind);
        damage(kind);
        auto docs = Docs::open(scratch / "c");
        REQUIRE(docs.index_errors().size() == 1);
        CHECK(std::string(docs.index_errors().front().what()).find("index.va") != std::string::npos);
        CHECK(docs.explain(KnnQuery{query, 5}).method == SearchMethod::scan);
        CHECK(docs.search(KnnQuery{query, 5}) == scan(docs, KnnQuery{query, 5}));
        docs.create_index(VaOptions{});
        CHECK(docs.index_errors().empty());
        CHECK(docs.explain(KnnQuery{query, 5}).method == SearchMethod::va_index);
    }
}

TEST_CASE("an index with other options is refused, and an index can be dropped") {
    const ScratchDirectory scratch;
    Rows rows(6);
    auto docs = create(scratch / "c", rows, 300);
    docs.create_index(small_graph);
    const auto create_other = [&] { return docs.create_index(HnswOptions{.m = 9}), 0; };
    CHECK(code_of(create_other) == ErrorCode::type_mismatch);
    auto reader = docs.snapshot();
    reader.create_index(small_graph);  // exists
    CHECK(code_of([&] { return reader.create_index(VaOptions{}), 0; }) == ErrorCode::read_only);
    CHECK(code_of([&] { return reader.drop_index(IndexKind::hnsw); }) == ErrorCode::read_only);
    CHECK(docs.drop_index(IndexKind::hnsw));
    CHECK_FALSE(docs.drop_index(IndexKind::hnsw));
    CHECK(docs.explain(AnnQuery{rows.next()}).method == SearchMethod::scan);
    create_other();
    reader.refresh();
    check_searches(reader, rows.next());
    CHECK(reader.explain(AnnQuery{rows.next()}).method == SearchMethod::graph);
}

TEST_CASE("copies, compaction and migration keep the indexes, removal removes them") {
    const ScratchDirectory scratch;
    Rows rows(7);
    auto docs = create(scratch / "c", rows, 1500);
    docs.create_index(VaOptions{});
    docs.create_index(small_graph);
    const Row query = rows.next();
    for (Id id = 0; id < 1500; id += 4) docs.erase(id);
    docs.backup_to(scratch / "backup");
    auto backup = Docs::open(scratch / "backup");
    CHECK(backup.size() == 1500);
    CHECK(backup.explain(AnnQuery{query}).method == SearchMethod::graph);
    CHECK(backup.explain(KnnQuery{query, 5}).measured_rows < 1500);
    docs.compact();
    CHECK(docs.index_errors().empty());
    CHECK(docs.explain(AnnQuery{query}).measured_rows < 1125);
    CHECK(check_searches(docs, query) > 0.8);
    docs.close();
    using NewDocs = Collection<dim, LongDoc>;
    auto migrated = NewDocs::migrate<Doc>(scratch / "c", [](const Doc& doc) { return LongDoc{doc.text}; });
    CHECK(migrated.index_errors().empty());
    CHECK(migrated.explain(AnnQuery{query}).method == SearchMethod::graph);
    migrated.close();
    CHECK(NewDocs::remove(scratch / "c"));
    for (const auto& entry : std::filesystem::directory_iterator(scratch / "c"))
        CHECK(entry.path().filename() == "rewritten");
}

TEST_CASE("threads search while the writer changes rows and updates the indexes", "[threads]") {
    const ScratchDirectory scratch;
    Rows rows(8);
    auto docs = create(scratch / "c", rows, 1200);
    docs.create_index(VaOptions{});
    docs.create_index(small_graph);
    const Row query = rows.next();
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    const auto check = [&] {
        while (!done) {
            if (docs.search(KnnQuery{query, 5}).size() != 5) ++wrong;
            if (docs.search(AnnQuery{query, 5}).size() != 5) ++wrong;
        }
    };
    std::thread first(check), second(check);
    for (Id round = 0; round < 20; ++round) {
        append(docs, rows, 50);
        docs.erase(round);
        docs.commit();
        docs.update_indexes({.threads = 2});
        if (round == 10 && docs.drop_index(IndexKind::va)) docs.create_index(VaOptions{});
    }
    done = true;
    first.join(), second.join();
    CHECK(wrong == 0);
    check_searches(docs, query);
}

}  // namespace test_collection_indexes
