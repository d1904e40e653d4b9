// compact(), backup_to() and migrate() on a full disk: no_space, and nothing has changed. They work when there is room.
#if defined(__linux__)
#include <array>
#include <filesystem>
#include <mapvec/collection.hpp>
#include <mapvec/va_index.hpp>
#include <string>

#include "catch.hpp"
#include "mounted_disk.hpp"
#include "scratch.hpp"
#include "skip.hpp"

namespace test_full_disk_copies {

namespace {

using namespace mapvec;

constexpr std::size_t dim = 32;
constexpr unsigned count = 12'000;  // 1.5 MB of vectors
struct Doc {
    std::string text;
};
struct LongDoc {
    std::string text;
    std::uint32_t length = 0;
};
using Docs = Collection<dim, Doc>;
using LongDocs = Collection<dim, LongDoc>;

std::string text_of(Id id) { return "text of some length, number " + std::to_string(id); }
std::array<float, dim> row_of(unsigned n) {
    std::array<float, dim> row{};
    for (unsigned i = 0; i < dim; ++i) row[i] = static_cast<float>(n * (i + 7) % 1009);
    return row;
}
// Row 0 and every fifth row are erased. With a key and an index.
Docs worn_docs(const std::filesystem::path& path) {
    auto docs = Docs::create(path);
    auto texts = docs.key("text", &Doc::text);
    for (unsigned i = 0; i < count; ++i) docs.append(row_of(i), {text_of(i)});
    for (unsigned i = 0; i < count; i += 5) docs.erase(i);
    docs.create_index(VaOptions{});
    docs.commit();
    docs.update_indexes();
    return docs;
}
template <class AnyDocs>
bool is_whole(AnyDocs& docs) {
    auto texts = docs.key("text", [](const auto& doc) { return doc.text; });
    for (unsigned i = 0; i < count; i += 101) {
        const auto id = texts.find(text_of(i));
        if (id.has_value() != (i % 5 != 0)) return false;
        if (id && (docs.payload(*id).text != text_of(i) || docs.vector(*id)[1] != row_of(i)[1])) return false;
    }
    const auto query = row_of(3);
    const auto is_live = [&](Id id) { return docs.contains(id); };
    docs.verify();
    return docs.size() == count - (count + 4) / 5 &&
           docs.search({.query = query, .k = 5}) == search(docs.vectors(), KnnQuery{query, 5}, is_live);
}
std::size_t files_in(const std::filesystem::path& directory) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
        files += entry.is_regular_file() ? 1u : 0u;
    return files;
}
constexpr std::size_t rooms[] = {0, 4096, 100'000, 1'000'000, 1'600'000};  // too small for a copy of the live rows

}  // namespace

TEST_CASE("compact() on a full disk is no_space and changes nothing, and works when there is room") {
    const SmallDisk disk(24 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    auto docs = worn_docs(disk / "docs");
    const std::size_t files = files_in(disk / "docs");
    for (const std::size_t room : rooms) {
        disk.fill(room);
        CHECK(code_of([&] { return docs.compact(), 0; }) == ErrorCode::no_space);
        CHECK(files_in(disk / "docs") == files);
        CHECK(docs.vectors().size() == count);
        CHECK(is_whole(docs));
        disk.free();
    }
    docs.append(row_of(1), {"after it"});
    docs.erase(count);
    docs.commit();
    docs.compact();
    CHECK(docs.vectors().size() == docs.size());
    CHECK(is_whole(docs));
    docs.close();
    auto again = Docs::open(disk / "docs");
    CHECK(is_whole(again));
}

TEST_CASE("compact() with room for the rows, but not for their index, tells why there is no index") {
    const SmallDisk disk(24 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    auto docs = worn_docs(disk / "docs");
    // The old files go before the index is built, so only a file beside them can fill the disk then.
    const auto fill = [&](std::uint64_t done, std::uint64_t all) {
        if (done == all) disk.fill(3'000'000);
    };
    bool moved = false;
    docs.compact([&](Id, Id) { moved = true; }, fill);
    CHECK(moved);
    CHECK(docs.vectors().size() == docs.size());
    CHECK(is_whole(docs));
    disk.free();
    docs.create_index(VaOptions{});
    CHECK(docs.index_errors().empty());
    CHECK(is_whole(docs));
}

TEST_CASE("backup_to() on a full disk is no_space and leaves no files, and works when there is room") {
    const SmallDisk disk(24 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    auto docs = worn_docs(disk / "docs");
    for (const std::size_t room : {0u, 4096u, 1'000'000u, 2'300'000u, 2'700'000u}) {  // the last: for the rows only
        disk.fill(room);
        CHECK(code_of([&] { return docs.backup_to(disk / "copy"), 0; }) == ErrorCode::no_space);
        CHECK((!std::filesystem::exists(disk / "copy") || files_in(disk / "copy") == 0));
        disk.free();
    }
    CHECK(is_whole(docs));
    docs.backup_to(disk / "copy");
    auto copy = Docs::open(disk / "copy");
    copy.create_index(VaOptions{});  // opens it
    CHECK(copy.index_errors().empty());
    CHECK(is_whole(copy));
}

TEST_CASE("migrate() on a full disk is no_space and changes nothing, and works when there is room") {
    const SmallDisk disk(24 << 20);
    if (!disk.mounted()) return skip("no file system can be mounted here");
    { (void)worn_docs(disk / "docs"); }
    const auto lengthen = [](const Doc& doc) { return LongDoc{doc.text, static_cast<std::uint32_t>(doc.text.size())}; };
    for (const std::size_t room : rooms) {
        disk.fill(room);
        CHECK(code_of([&] { return LongDocs::migrate<Doc>(disk / "docs", lengthen).size(); }) == ErrorCode::no_space);
        auto docs = Docs::open(disk / "docs");
        CHECK(is_whole(docs));
        disk.free();
    }
    auto docs = LongDocs::migrate<Doc>(disk / "docs", lengthen);
    CHECK(is_whole(docs));
    CHECK(docs.payload(1).length == text_of(1).size());
}

}  // namespace test_full_disk_copies
#endif
