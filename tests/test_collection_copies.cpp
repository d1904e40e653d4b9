// Collections compacted, copied and given other payloads: all of it or nothing, beside readers.
#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <mapvec/collection.hpp>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

namespace test_collection_copies {

using namespace mapvec;

struct Doc {
    std::string url, text;
    bool operator==(const Doc&) const = default;
};
struct NewDoc {
    std::string url, text;
    std::uint32_t length = 0;
};
using Docs = Collection<2, Doc>;
using NewDocs = Collection<2, NewDoc>;

std::array<float, 2> point(unsigned i) { return {static_cast<float>(i), 1.0f}; }
Doc doc(unsigned i) { return {"https://example.org/of/some/length/" + std::to_string(i), "text " + std::to_string(i)}; }

// Every third row erased, every fifth one overwritten.
Docs worn_docs(const std::filesystem::path& path, unsigned rows = 3000) {
    auto docs = Docs::create(path);
    auto urls = docs.key("url", &Doc::url);
    for (unsigned i = 0; i < rows; ++i) docs.put(point(i), doc(i));
    docs.commit();
    for (unsigned i = 0; i < rows; ++i) {
        if (i % 3 == 0) urls.erase(doc(i).url);
        if (i % 3 != 0 && i % 5 == 0) docs.update(i, Doc{doc(i).url, "overwritten"});
    }
    docs.commit();
    return docs;
}
std::vector<Doc> content(const Docs& docs) {
    std::vector<Doc> all;
    for (Id id = 0; id < docs.vectors().size(); ++id)
        if (docs.contains(id)) all.push_back(docs.payload(id));
    return all;
}
std::uintmax_t bytes_in(const std::filesystem::path& directory) {
    std::uintmax_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
        if (entry.is_regular_file()) bytes += entry.file_size();
    return bytes;
}
bool in_files(const std::filesystem::path& directory, const std::string& text) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string all{std::istreambuf_iterator<char>(file), {}};
        if (all.find(text) != std::string::npos) return true;
    }
    return false;
}

TEST_CASE("compact() releases the space of erased rows and overwritten payloads, any number of times") {
    const ScratchDirectory scratch;
    auto docs = worn_docs(scratch / "c");
    auto urls = docs.key("url", &Doc::url);
    const auto before = content(docs);
    for (int round = 0; round < 3; ++round) {
        const auto old_size = docs.vectors().size();
        Id expected = 0;
        bool in_order = true;
        docs.compact([&](Id old_id, Id new_id) { in_order = in_order && new_id == expected++ && old_id >= new_id; });
        CHECK(in_order);
        CHECK(expected == docs.size());
        CHECK(docs.vectors().size() == docs.size());
        if (round == 0) CHECK(docs.size() < old_size);
        REQUIRE(content(docs) == before);
        CHECK(urls.find(doc(5).url).has_value());
        CHECK(docs.payload(*urls.find(doc(5).url)).text == "overwritten");
        CHECK_FALSE(urls.contains(doc(3).url));
        docs.verify();
    }
    CHECK_FALSE(in_files(scratch / "c", "text 3\n"));
    CHECK_FALSE(in_files(scratch / "c", "of/some/length/2997"));
    CHECK_FALSE(in_files(scratch / "c", "text 5" + std::string(1, '\0')));
    docs.put(point(1), Doc{doc(1).url, "put again"});
    docs.close();
    docs = Docs::open(scratch / "c");
    CHECK(docs.key("url", &Doc::url).contains(doc(1).url));
    CHECK(docs.size() == before.size());
    docs.verify();
}

TEST_CASE("a compacted collection takes little more space than its live rows") {
    const ScratchDirectory scratch;
    std::uintmax_t live = 0;
    using Texts = Collection<16, std::string>;
    auto texts = Texts::create(scratch / "c");
    for (int i = 0; i < 20'000; ++i) texts.append(std::vector<float>(16), std::string(100, 'x'));
    for (Id id = 0; id < 20'000; id += 2) texts.erase(id);
    texts.compact();
    texts.close();
    live = 10'000 * (16 * sizeof(float) + 108 + 16);
    CHECK(static_cast<double>(bytes_in(scratch / "c")) < 1.05 * static_cast<double>(live));
}

TEST_CASE("readers keep their view of a compacted collection until refresh()") {
    const ScratchDirectory scratch;
    auto docs = worn_docs(scratch / "c", 300);
    const auto before = content(docs);
    auto reader = docs.snapshot();
    auto another = Docs::open(scratch / "c", OpenMode::read_only);
    const auto urls = another.key("url", &Doc::url);
    const auto rows = reader.vectors().size();
    docs.compact();
    docs.append(point(1), Doc{"new", "new"});
    docs.commit();
    CHECK(content(reader) == before);
    CHECK(reader.vectors().size() == rows);
    CHECK(reader.refresh());
    CHECK(content(reader) == content(docs));
    CHECK_FALSE(reader.refresh());
    CHECK(another.refresh());
    CHECK(another.payload(urls.find("new").value()).text == "new");
    docs.compact();
    CHECK(reader.refresh());
    CHECK(content(reader) == content(docs));
    CHECK(code_of([&] { return Docs::open(scratch / "c"); }) == ErrorCode::locked);
}

TEST_CASE("compact_to() writes the live rows to a new collection") {
    const ScratchDirectory scratch;
    const auto docs = worn_docs(scratch / "c", 300);
    docs.compact_to(scratch / "copy");
    const auto copy = Docs::open(scratch / "copy");
    CHECK(content(copy) == content(docs));
    CHECK(copy.vectors().size() == copy.size());
    CHECK(code_of([&] {
              docs.compact_to(scratch / "copy");
              return 0;
          }) == ErrorCode::exists);
    CHECK(code_of([&] {
              docs.backup_to(scratch / "copy");
              return 0;
          }) == ErrorCode::exists);
    CHECK(code_of([&] {
              docs.backup_to(scratch / "c");
              return 0;
          }) == ErrorCode::exists);
}

TEST_CASE("backup_to() copies the last commit while the writer works") {
    const ScratchDirectory scratch;
    auto docs = worn_docs(scratch / "c", 300);
    const auto committed = content(docs);
    const auto rows = docs.vectors().size();
    docs.update_indexes();
    docs.append(point(1), Doc{"uncommitted", "x"});
    docs.update(1, Doc{doc(1).url, "uncommitted"});
    docs.backup_to(scratch / "copy");
    docs.commit();
    auto copy = Docs::open(scratch / "copy");
    CHECK(content(copy) == committed);
    CHECK(copy.vectors().size() == rows);
    CHECK(std::filesystem::exists(scratch / "copy" / "field.url"));
    CHECK(copy.key("url", &Doc::url).find(doc(1).url) == Id{1});
    CHECK_FALSE(copy.key("url", &Doc::url).contains("uncommitted"));
    copy.verify();

    std::thread writer([&] {
        for (unsigned i = 0; i < 200; ++i) {
            docs.append(point(i), Doc{"a" + std::to_string(i), "x"});
            docs.append(point(i), Doc{"b" + std::to_string(i), "x"});
            docs.commit();
        }
    });
    const auto source = Docs::open(scratch / "c", OpenMode::read_only);
    for (const char* name : {"1", "2", "3"}) source.backup_to(scratch / name);
    writer.join();
    for (const char* name : {"1", "2", "3"}) {
        const auto one = Docs::open(scratch / name);
        CHECK((one.size() - committed.size()) % 2 == 1);
        one.verify();
    }
}

TEST_CASE("migrate() changes the payload type and keeps all ids") {
    const ScratchDirectory scratch;
    const auto convert = [](const Doc& d) { return NewDoc{d.url, d.text, static_cast<std::uint32_t>(d.text.size())}; };
    std::vector<Id> ids;
    {
        const auto docs = worn_docs(scratch / "c", 300);
        for (Id id = 0; id < 300; ++id)
            if (docs.contains(id)) ids.push_back(id);
        CHECK(code_of([&] { return NewDocs::migrate<Doc>(scratch / "c", convert); }) == ErrorCode::locked);
    }
    const auto fails = [&](const Doc& d) {
        if (d.url == doc(200).url) throw Error(ErrorCode::invalid_argument, "no");
        return convert(d);
    };
    CHECK(code_of([&] { return NewDocs::migrate<Doc>(scratch / "c", fails); }) == ErrorCode::invalid_argument);
    auto reader = Docs::open(scratch / "c", OpenMode::read_only);
    {
        auto docs = NewDocs::migrate<Doc>(scratch / "c", convert);
        CHECK(docs.size() == ids.size());
        CHECK(docs.payload(1).length == 6);
        CHECK(docs.key("url", &NewDoc::url).find(doc(1).url) == Id{1});
        docs.verify();
    }
    CHECK(reader.payload(1) == doc(1));
    CHECK(code_of([&] { return reader.refresh(); }) == ErrorCode::type_mismatch);
    CHECK(code_of([&] { return Docs::open(scratch / "c"); }) == ErrorCode::type_mismatch);
    const auto docs = NewDocs::open(scratch / "c");
    CHECK_FALSE(docs.contains(0));
    CHECK(docs.vector(299 - 1)[0] == 298.0f);
}

TEST_CASE("remove() and create() find the files of a rewritten collection") {
    const ScratchDirectory scratch;
    { worn_docs(scratch / "c", 30).compact(); }
    CHECK(code_of([&] { return Docs::create(scratch / "c"); }) == ErrorCode::exists);
    CHECK(Docs::open_or_create(scratch / "c").size() == 20);
    CHECK(Docs::remove(scratch / "c"));
    CHECK(bytes_in(scratch / "c") == 0);
    CHECK(Docs::create(scratch / "c").empty());
}

TEST_CASE("no copy is written to the place of a rewritten collection") {
    const ScratchDirectory scratch;
    auto docs = worn_docs(scratch / "docs", 30);
    for (const std::string name : {"rewritten", "rewritten/"}) {
        CHECK(code_of([&] { docs.backup_to(scratch / "docs" / name); }) == ErrorCode::exists);
        CHECK(code_of([&] { docs.compact_to(scratch / "docs" / name); }) == ErrorCode::exists);
    }
    docs.append(point(99), doc(99));
    docs.commit();
    const auto rows = docs.size();
    docs.close();
    CHECK(Docs::open(scratch / "docs").size() == rows);
    docs = Docs::open(scratch / "docs");
    docs.backup_to(scratch / "rewritten");  // a name like another, if there is no collection around it
    CHECK(Docs::open(scratch / "rewritten").size() == rows);
}

}  // namespace test_collection_copies
