// The parts of `mapvec compact`, `backup` and `migrate-check`, on collections with erased rows and keys.
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <mapvec/collection.hpp>
#include <mapvec/payload_codec.hpp>
#include <mapvec/unicode_char.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "cli/copies.hpp"
#include "cli/migrate_check.hpp"
#include "scratch.hpp"

// The code of indexes (examples/cli/index.cpp) takes long to compile; tests/cli/run.sh tests it.
std::vector<cli::IndexDesign> cli::indexes_of(const LiveCollection&) { return {}; }
void cli::build_index(const LiveCollection&, const IndexDesign&, unsigned) {}
void cli::discard_indexes(const fs::path&) {}

namespace test_tool_maintenance {
struct Money {
    int cents = 0;
};
}  // namespace test_tool_maintenance

template <>
struct mapvec::Codec<test_tool_maintenance::Money> {
    static constexpr std::string_view name = "money, as text";
    static void encode(const test_tool_maintenance::Money& money, auto& sink) {
        const std::string text = std::to_string(money.cents);
        sink.write(text.data(), text.size());
    }
    static test_tool_maintenance::Money decode(std::span<const std::byte> bytes) {
        return {std::stoi(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()))};
    }
};

namespace test_tool_maintenance {

using namespace mapvec;

namespace {

struct Doc {
    std::string url;
    std::uint32_t length = 0;
    bool operator==(const Doc&) const = default;
};
using Docs = Collection<2, Doc>;
using Points = Collection<2, float>;  // payloads of fixed size

struct Tree {
    std::string name;
    std::vector<Tree> children;
};

// The standard output of a command.
template <class Command>
std::string output_of(Command command) {
    std::ostringstream text;
    std::streambuf* const before = std::cout.rdbuf(text.rdbuf());
    struct Restore {
        std::streambuf* buffer;
        ~Restore() { std::cout.rdbuf(buffer); }
    } restore{before};
    command();
    return text.str();
}
Doc doc(unsigned i) { return {"https://example.org/" + std::to_string(i), i}; }

// A hundred rows, of which every third is erased and every fifth is overwritten.
void make_worn(const std::filesystem::path& path) {
    auto docs = Docs::create(path);
    auto urls = docs.key("url", &Doc::url);
    for (unsigned i = 0; i < 100; ++i) docs.append(std::array{float(i), 1.0f}, doc(i));
    for (unsigned i = 0; i < 100; i += 5) docs.update(i, Doc{doc(i).url, 7});
    for (unsigned i = 0; i < 100; i += 3) docs.erase(i);
}

template <class T>
bool decodes(const T& value) {
    Encoder encoder;
    Codec<T>::encode(value, encoder);
    const cli::Schema schema = cli::parse_schema(payload_schema<T>());
    cli::check_record(schema, encoder.bytes());
    return encoder.bytes().empty() || code_of([&] {
                                          cli::check_record(schema, encoder.bytes().first(encoder.bytes().size() - 1));
                                      }) == ErrorCode::payload;
}

}  // namespace

TEST_CASE("the tool compacts a collection without knowing its payloads") {
    const ScratchDirectory scratch;
    make_worn(scratch / "docs");
    CHECK(output_of([&] { cli::compact({scratch / "docs", {}}); }).starts_with("66 rows, 34 erased ones left out"));
    auto docs = Docs::open(scratch / "docs");
    docs.verify();
    REQUIRE(docs.vectors().size() == 66);
    CHECK(docs.payload(0) == doc(1));
    CHECK(docs.payload(3) == Doc{doc(5).url, 7});
    CHECK(docs.vector(3)[0] == 5.0f);
    auto urls = docs.key("url", &Doc::url);
    CHECK(urls.find(doc(5).url) == Id{3});
    CHECK(!urls.find(doc(3).url));
}

TEST_CASE("the tool compacts payloads of fixed size, and collections that were compacted before") {
    const ScratchDirectory scratch;
    {
        auto points = Points::create(scratch / "points");
        for (unsigned i = 0; i < 10; ++i) points.append(std::array{float(i), 1.0f}, float(i));
        points.erase(0);
    }
    for (const Id first : {1u, 2u, 3u}) {
        output_of([&] { cli::compact({scratch / "points", {}}); });
        auto points = Points::open(scratch / "points");
        points.verify();
        REQUIRE(points.vectors().size() == 10 - first);
        CHECK(points.payload(0) == float(first));
        CHECK(points.vector(0)[0] == float(first));
        points.erase(0);
    }
}

TEST_CASE("the tool writes the live rows of a collection to another directory") {
    const ScratchDirectory scratch;
    make_worn(scratch / "docs");
    const auto reader = Docs::open(scratch / "docs");  // a writer does not disturb it
    output_of([&] { cli::compact({scratch / "docs", scratch / "small"}); });
    CHECK(reader.size() == 66);
    CHECK(Docs::open(scratch / "small").vectors().size() == 66);
    CHECK(code_of([&] { cli::compact({scratch / "docs", scratch / "small"}); }) == ErrorCode::exists);
    CHECK(code_of([&] { cli::compact({scratch / "docs", {}}); }) == ErrorCode::locked);
}

TEST_CASE("the tool backs up a collection with its keys while a writer has it open") {
    const ScratchDirectory scratch;
    make_worn(scratch / "docs");
    auto docs = Docs::open(scratch / "docs");
    auto urls = docs.key("url", &Doc::url);
    docs.append(std::array{1.0f, 1.0f}, doc(500));  // not committed
    CHECK(output_of([&] { cli::backup(scratch / "docs", scratch / "copy"); }).find("field.url") != std::string::npos);
    auto copy = Docs::open(scratch / "copy", OpenMode::read_only);
    copy.verify();
    CHECK(copy.vectors().size() == 100);
    CHECK(copy.size() == 66);
    auto copied_urls = copy.key("url", &Doc::url);
    for (unsigned i = 0; i < 100; ++i) CHECK(copied_urls.contains(doc(i).url) == (i % 3 != 0));
    CHECK(code_of([&] { cli::backup(scratch / "docs", scratch / "copy"); }) == ErrorCode::exists);
}

TEST_CASE("the tool backs up vector stores and payload stores") {
    const ScratchDirectory scratch;
    { MmapVectorStore<2>::create(scratch / "v").append(std::array{1.0f, 2.0f}); }
    { PayloadStore<std::string>::create(scratch / "p").push("text"); }
    output_of([&] { cli::backup(scratch / "v", scratch / "v2"); });
    output_of([&] { cli::backup(scratch / "p", scratch / "p2"); });
    CHECK(MmapVectorStore<2>::open(scratch / "v2")[0][1] == 2.0f);
    CHECK(PayloadStore<std::string>::open(scratch / "p2").fetch(0) == "text");
}

TEST_CASE("the text of a payload type decodes its records, and no shorter ones") {
    CHECK(decodes(std::tuple{true, std::int16_t{3}, 2.5, std::string("x")}));
    CHECK(decodes(std::vector<std::optional<std::uint8_t>>{{}, 3}));
    CHECK(decodes(std::map<std::string, std::set<int>>{{"a", {1, 2}}}));
    CHECK(decodes(std::variant<int, std::string>{"text"}));
    CHECK(decodes(std::vector<std::array<std::pair<int, std::string>, 2>>{{}}));
    CHECK(decodes(std::vector{UnicodeChar(U'ä'), UnicodeChar(U'a')}));
    CHECK(decodes(Tree{"root", {{"leaf", {}}, {"twig", {{"leaf", {}}}}}}));
}

TEST_CASE("migrate-check does not decode what a specialised codec has written") {
    const ScratchDirectory scratch;
    { Collection<2, Money>::create(scratch / "money").append({1.0f, 2.0f}, Money{250}); }
    const std::string text = output_of([&] { cli::migrate_check({scratch / "money", {}, {}}); });
    CHECK(text ==
          "payloads  @money, as text\n"
          "records   1 with the right checksums, not decoded: a part of them has a codec of its own\n");
}

TEST_CASE("migrate-check names the fields that differ, and the first record that cannot be decoded") {
    const ScratchDirectory scratch;
    make_worn(scratch / "docs");
    CHECK(output_of([&] {
              cli::migrate_check({scratch / "docs", "(s u4)", {}});
          }).find("66, all can be decoded\nthe same type") != std::string::npos);
    const auto compare = [&] { (void)output_of([&] { cli::migrate_check({scratch / "docs", "(s u8 b)", {}}); }); };
    CHECK(code_of(compare) == ErrorCode::type_mismatch);
    const auto lines = cli::differences(cli::parse_schema("(s u4)"), cli::parse_schema("(s u8 b)"));
    CHECK(lines == std::vector<std::string>{"field 2: u4 here, u8 there", "field 3: absent here, b there"});
    cli::AnyStore store(scratch / "docs");
    const cli::Schema longer = cli::parse_schema("(s u8)");
    CHECK(code_of([&] { (void)cli::check_records(store, &longer); }) == ErrorCode::corrupt);
    for (const char* nonsense : {"", "(", "(s", "(s,u4)", "{s}", "i", "(s) (s)", "3*", "?", "[s s]", "x"})
        CHECK_THROWS_AS(cli::parse_schema(nonsense), cli::UsageError);
}

TEST_CASE("migrate-check finds a record that can be decoded, but has another checksum") {
    const ScratchDirectory scratch;
    const auto check = [&](const char* name) {
        (void)output_of([&] { cli::migrate_check({scratch / name, {}, {}}); });
    };
    { PayloadStore<std::string>::create(scratch / "texts").push("text"); }
    { PayloadStore<Money>::create(scratch / "money").push(Money{250}); }
    for (const char* name : {"texts", "money"}) {
        check(name);
        std::fstream file(scratch / name, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(data_offset + 8 * (name[0] == 't'))).put('1').flush();
        CHECK(code_of([&] { check(name); }) == ErrorCode::corrupt);
    }
}

TEST_CASE("migrate-check takes no type for the same of which the header has only the beginning") {
    using Long =
        std::tuple<std::array<std::pair<std::string, std::int32_t>, 3>, std::vector<std::map<int, std::string>>>;
    using Longer =
        std::tuple<Long, Long, Long, Long, Long, Long, Long, Long, Long, Long, Long, Long, Long, std::string>;
    const ScratchDirectory scratch;
    { PayloadStore<Longer>::create(scratch / "a").push({}); }
    { PayloadStore<Longer>::create(scratch / "b").push({}); }
    const std::string whole = payload_schema<Longer>();
    REQUIRE(whole.size() > 260);
    const auto check = [&](std::string text) {
        return code_of([&] { (void)output_of([&] { cli::migrate_check({scratch / "a", text, {}}); }); });
    };
    CHECK(check(whole) == ErrorCode::invalid_argument);
    CHECK(check("(s)") == ErrorCode::type_mismatch);
    CHECK(output_of([&] {
              cli::migrate_check({scratch / "a", {}, scratch / "b"});
          }).find("the same type") != std::string::npos);
}

TEST_CASE("the tool names a file that is no field, and backs up the rest") {
    const ScratchDirectory scratch;
    make_worn(scratch / "docs");
    for (const char* name : {"docs/field.csv", "docs/field.csv.rows"})
        std::filesystem::copy_file(scratch / "docs/erased", scratch / name);
    const std::string text = output_of([&] { cli::backup(scratch / "docs", scratch / "copy"); });
    CHECK(text.find("field.url") != std::string::npos);
    CHECK(text.find("left out: ") != std::string::npos);
    CHECK(text.find("field.csv") != std::string::npos);
    CHECK(Docs::open(scratch / "copy", OpenMode::read_only).size() == 66);
}

}  // namespace test_tool_maintenance
