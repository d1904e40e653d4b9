// Keys and fields of a collection: rows by a value of their payloads, after any changes of the collection.
#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <map>
#include <mapvec/collection.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_field_index {

using namespace mapvec;

struct Doc {
    std::string url;
    std::string text;
    std::uint32_t year = 0;
    bool operator==(const Doc&) const = default;
};

using Docs = Collection<2, Doc>;

std::array<float, 2> point(unsigned i) { return {static_cast<float>(i), 1.0f}; }
Doc doc(unsigned i) { return {"https://example.org/a-long-path/" + std::to_string(i), "text", 2000 + i % 7}; }

auto urls_of(Docs& docs) { return docs.key("url", &Doc::url); }
auto years_of(Docs& docs) {
    return docs.field("year", [](const Doc& d) { return d.year; });
}

TEST_CASE("a document is added, found, replaced and erased by its key, also after reopening") {
    const ScratchDirectory scratch;
    {
        auto docs = Docs::create(scratch / "c");
        auto urls = urls_of(docs);
        for (unsigned i = 0; i < 100; ++i) CHECK(docs.put(point(i), doc(i)) == i);
        CHECK(urls.find(doc(7).url) == Id{7});
        CHECK_FALSE(urls.contains("https://example.org/"));
        Doc newer = doc(7);
        newer.text = "newer";
        CHECK(docs.put(point(7), newer) == 100);
        CHECK(docs.size() == 100);
        CHECK(urls.find(newer.url) == Id{100});
        CHECK(urls.erase(doc(8).url) == 1);
        CHECK(urls.erase(doc(8).url) == 0);
        docs.commit();
    }
    auto docs = Docs::open(scratch / "c");
    const auto urls = urls_of(docs);
    CHECK(docs.payload(urls.find(doc(7).url).value()).text == "newer");
    CHECK_FALSE(urls.contains(doc(8).url));
    for (unsigned i = 9; i < 100; ++i) REQUIRE(urls.find(doc(i).url) == Id{i});
}

TEST_CASE("no two rows can have the same key, and a call that throws changes nothing") {
    const ScratchDirectory scratch;
    auto docs = Docs::create(scratch / "c");
    const auto urls = urls_of(docs);
    docs.append(point(0), doc(0));
    docs.append(point(1), doc(1));
    const auto refused = [&](auto call) {
        return code_of([&] {
                   call();
                   return 0;
               }) == ErrorCode::exists;
    };
    CHECK(refused([&] { docs.append(point(2), doc(1)); }));
    CHECK(refused([&] { docs.update(0, doc(1)); }));
    CHECK(refused([&] { docs.update(0, point(5), doc(1)); }));
    CHECK(refused([&] { docs.replace(0, point(5), doc(1)); }));
    CHECK(docs.size() == 2);
    CHECK(docs.vector(0)[0] == 0.0f);
    CHECK(docs.payload(0) == doc(0));
    docs.update(0, doc(9));
    docs.append(point(2), doc(0));
    CHECK(urls.find(doc(0).url) == Id{2});
    CHECK(urls.find(doc(9).url) == Id{0});

    auto same = Docs::create(scratch / "same");
    same.append(point(0), doc(0));
    same.append(point(0), doc(0));
    CHECK(refused([&] { (void)urls_of(same); }));
    CHECK(code_of([&] { return same.put(point(1), doc(1)); }) == ErrorCode::invalid_argument);
}

TEST_CASE("a search among the rows of a field reads these rows only") {
    const ScratchDirectory scratch;
    auto docs = Docs::create(scratch / "c");
    const auto years = years_of(docs);
    for (unsigned i = 0; i < 50; ++i) docs.append(point(i), doc(i));
    docs.erase(2);
    const RowList rows = years.rows(2002);
    CHECK(rows.ids == std::vector<Id>{9, 16, 23, 30, 37, 44});
    CHECK(docs.search(KnnQuery{point(0), 2}, rows) ==
          docs.search(KnnQuery{point(0), 2}, [&](Id id) { return rows(id); }));
    CHECK(docs.search(KnnQuery{point(0), 2}, rows).front().id == 9);
    CHECK(years.rows(1999).ids.empty());
}

TEST_CASE("a field cannot be opened with another type, or as a key") {
    const ScratchDirectory scratch;
    {
        auto docs = Docs::create(scratch / "c");
        (void)years_of(docs);
        docs.append(point(0), doc(0));
    }
    auto docs = Docs::open(scratch / "c");
    const auto text_of_year = [](const Doc& d) { return std::to_string(d.year); };
    CHECK(code_of([&] { return docs.field("year", text_of_year); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return docs.key("year", &Doc::year); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return docs.field("../x", &Doc::year); }) == ErrorCode::invalid_argument);
    const auto years = years_of(docs);
    CHECK(docs.drop_field("year"));
    CHECK_FALSE(docs.drop_field("year"));
    CHECK(code_of([&] { return years.rows(2000); }) == ErrorCode::invalid_argument);
    CHECK(docs.field("year", text_of_year).contains("2000"));
}

TEST_CASE("damaged files of a field are created again") {
    const ScratchDirectory scratch;
    for (const char* file : {"field.url", "field.url.slots", "field.url.head", "field.url.rows"}) {
        {
            auto docs = Docs::open_or_create(scratch / "c");
            const auto urls = urls_of(docs);
            for (unsigned i = 0; i < 300; ++i) docs.put(point(i), doc(i));
        }
        std::filesystem::resize_file(scratch / "c" / file, 1000);
        auto docs = Docs::open(scratch / "c");
        auto reader = Docs::open(scratch / "c", OpenMode::read_only);
        CHECK(urls_of(reader).contains(doc(299).url));
        const auto urls = urls_of(docs);
        CHECK(urls.contains(doc(3).url));
        CHECK(docs.size() == 300);
    }
}

TEST_CASE("threads that look up a key find exactly one version at any time") {
    const ScratchDirectory scratch;
    auto docs = Docs::create(scratch / "c");
    const auto urls = urls_of(docs);
    docs.put(point(0), doc(0));
    std::atomic<bool> done{false};
    std::atomic<int> missed{0};
    std::thread reader([&] {
        while (!done)
            if (urls.rows(doc(0).url).ids.size() != 1) ++missed;
    });
    for (unsigned i = 0; i < 6000; ++i) {
        docs.put(point(i), doc(0));
        if (i % 1000 == 0) docs.commit();
    }
    done = true;
    reader.join();
    CHECK(missed == 0);
}

TEST_CASE("fields agree with a model after any history") {
    const unsigned seed = GENERATE(1u, 2u);
    const ScratchDirectory scratch;
    std::mt19937 random(seed);
    std::map<std::string, Id> now, committed;
    std::map<Id, std::uint32_t> years, committed_years;
    auto docs = Docs::create(scratch / "c");
    const auto check = [&](Docs& found, const auto& keys, const auto& years_by_id) {
        const auto urls = urls_of(found);
        const auto by_year = years_of(found);
        REQUIRE(found.size() == keys.size());
        for (unsigned i = 0; i < 60; ++i) {
            const auto key = keys.find(doc(i).url);
            REQUIRE(urls.find(doc(i).url) == (key == keys.end() ? std::nullopt : std::optional<Id>(key->second)));
        }
        for (std::uint32_t year = 2000; year < 2007; ++year) {
            std::vector<Id> ids;
            for (const auto& [id, of_id] : years_by_id)
                if (of_id == year) ids.push_back(id);
            REQUIRE(by_year.rows(year).ids == ids);
        }
    };
    auto reader = Docs::open(scratch / "c", OpenMode::read_only);
    for (int step = 0; step < 600; ++step) {
        auto urls = urls_of(docs);
        (void)years_of(docs);
        const auto i = static_cast<unsigned>(random() % 60);
        Doc d = doc(i);
        d.year = 2000 + static_cast<std::uint32_t>(random() % 7);
        switch (random() % 24) {
            case 0:
            case 1:
                docs.commit();
                if (random() % 2 == 0) docs.update_indexes();
                committed = now, committed_years = years;
                break;
            case 2: docs.rollback(), now = committed, years = committed_years; break;
            case 3:
                docs.close();
                docs = Docs::open(scratch / "c");
                committed = now, committed_years = years;
                if (random() % 3 == 0) {  // a program that does not know the fields
                    if (now.empty()) break;
                    const auto any = std::next(now.begin(), static_cast<long>(random() % now.size()));
                    docs.erase(any->second);
                    years.erase(any->second);
                    now.erase(any);
                }
                break;
            case 4: reader.refresh(), check(reader, committed, committed_years); break;
            case 5:
            case 6:
            case 7:
                if (urls.erase(d.url) > 0) years.erase(now.at(d.url)), now.erase(d.url);
                break;
            case 8:
            case 9:
            case 10:
                if (const auto known = now.find(d.url); known != now.end()) {
                    docs.update(known->second, d);
                    years[known->second] = d.year;
                }
                break;
            case 11: {  // restores a copy of all files
                if (random() % 4 != 0) break;
                reader.close();  // an open reader keeps overwrites out of the files
                docs.close();
                committed = now, committed_years = years;
                std::filesystem::copy(scratch / "c", scratch / "copy", std::filesystem::copy_options::recursive);
                docs = Docs::open(scratch / "c");
                (void)urls_of(docs), (void)years_of(docs);
                for (unsigned n = 0; n < 60; n += 2) docs.put(point(n), doc(n));
                docs.close();
                for (const char* file : {"vectors", "payloads", "payloads.offsets", "erased"})
                    std::filesystem::copy_file(scratch / "copy" / file, scratch / "c" / file,
                                               std::filesystem::copy_options::overwrite_existing);
                std::filesystem::remove_all(scratch / "copy");
                docs = Docs::open(scratch / "c");
                reader = Docs::open(scratch / "c", OpenMode::read_only);
                break;
            }
            default:
                if (const auto known = now.find(d.url); known != now.end()) years.erase(known->second);
                now[d.url] = docs.put(point(i), d);
                years[now[d.url]] = d.year;
        }
        if (step % 20 == 0) check(docs, now, years);
    }
    docs.close();
    docs = Docs::open(scratch / "c");
    check(docs, now, years);
}

}  // namespace test_field_index
