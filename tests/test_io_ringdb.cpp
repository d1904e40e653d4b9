// Databases of ring-db: an import gives the contents of EXPECTED, and a damaged database is refused.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mapvec/io/ringdb.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_io_ringdb {

using namespace mapvec;

struct Doc {
    std::string title;
    std::uint32_t year;
    double score;
    std::vector<std::string> tags;
};
struct Pod {
    double score;
    std::uint32_t id;
    float w;
};
struct Other {
    std::uint64_t number;
    std::string text;
};

namespace {

namespace fs = std::filesystem;

std::vector<std::string> expected_lines(const std::string& database) {
    std::istringstream text(read_bytes(MAPVEC_TEST_DATA "/" + database + "/EXPECTED"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

bool is_row(std::span<const float> row, Id id) {
    for (std::size_t j = 0; j < row.size(); ++j)
        if (std::abs(row[j] - std::sin(0.37 * static_cast<double>(id) + 1.3 * static_cast<double>(j))) > 1e-6)
            return false;
    return row.size() == 16;
}

// A database with one changed file.
class Damaged {
  public:
    explicit Damaged(const std::string& database) { fs::copy(MAPVEC_TEST_DATA "/" + database, scratch_ / "db"); }
    [[nodiscard]] fs::path file(const char* name) const { return scratch_ / "db" / name; }
    void remove(const char* name) const { fs::remove(file(name)); }
    void resize(const char* name, std::uintmax_t size) const { fs::resize_file(file(name), size); }
    template <class Number>
    void set(const char* name, std::size_t at, Number number) const {
        std::string bytes = read_bytes(file(name));
        std::memcpy(bytes.data() + at, &number, sizeof number);
        write_bytes(file(name), bytes);
    }
    // The code and the text of the error of its import.
    template <class T>
    [[nodiscard]] std::optional<ErrorCode> import(std::size_t dim = 16) {
        auto collection = Collection<dynamic_dim, T>::create(scratch_ / "c", {.dim = dim});
        text.clear();
        try {
            io::import_ringdb(scratch_ / "db", collection);
        } catch (const Error& error) {
            text = error.what();
            return error.code();
        }
        return std::nullopt;
    }
    std::string text;

  private:
    ScratchDirectory scratch_;
};

}  // namespace

TEST_CASE("a ring-db database with encoded payloads becomes a collection of them") {
    const ScratchDirectory scratch;
    const std::string database = MAPVEC_TEST_DATA "/ringdb-serde";
    CHECK(io::ringdb_shape(database) == io::Shape{64, 16});
    auto docs = Collection<dynamic_dim, Doc>::create(scratch / "c", {.dim = 16});
    CHECK(io::import_ringdb(database, docs) == 64);
    docs.commit();
    REQUIRE(docs.size() == 64);

    const auto expected = expected_lines("ringdb-serde");
    const std::string payloads = read_bytes(database + "/payloads.bin");
    std::size_t at = 0;
    for (Id id = 0; id < 64; ++id) {
        REQUIRE(is_row(docs.vector(id), id));
        const Doc doc = docs.payload(id);
        REQUIRE(contains(expected[id], "\"year\":" + std::to_string(doc.year) + ","));
        const auto bytes = docs.payloads().bytes(id);  // as they are
        REQUIRE(std::memcmp(bytes.data(), payloads.data() + at, bytes.size()) == 0);
        at += bytes.size();
    }
    CHECK(at == payloads.size());
}

TEST_CASE("a ring-db database with raw payloads becomes a collection of them") {
    const ScratchDirectory scratch;
    auto pods = Collection<16, Pod>::create(scratch / "c");
    CHECK(io::import_ringdb(MAPVEC_TEST_DATA "/ringdb-pod", pods) == 64);
    const auto expected = expected_lines("ringdb-pod");
    for (Id id = 0; id < 64; ++id) {
        REQUIRE(is_row(pods.vector(id), id));
        double score = 0, w = 0;
        unsigned long number = 0;
        REQUIRE(std::sscanf(expected[id].c_str(), "{\"score\":%lf,\"id\":%lu,\"w\":%lf}", &score, &number, &w) == 3);
        const Pod pod = pods.payload(id);
        CHECK(pod.score == score);
        CHECK(pod.id == number);
        CHECK(pod.w == static_cast<float>(w));
    }
}

TEST_CASE("files of a database with contradictory sizes are corrupt") {
    for (const char* name : {"meta.bin", "vectors.bin", "norms_sq.bin", "offsets.bin", "payloads.bin"}) {
        Damaged shorter("ringdb-serde");
        shorter.resize(name, fs::file_size(shorter.file(name)) - 1);
        CHECK(shorter.import <Doc>() == ErrorCode::corrupt);
        CHECK(contains(shorter.text, "expected"));
        Damaged longer("ringdb-serde");
        longer.resize(name, fs::file_size(longer.file(name)) + 1);
        CHECK(longer.import <Doc>() == ErrorCode::corrupt);
    }
    Damaged raw("ringdb-pod");
    raw.resize("payloads.bin", 64 * 16 - 1);
    CHECK(raw.import <Pod>() == ErrorCode::corrupt);
}

TEST_CASE("impossible numbers in the files of a database are corrupt, with their position") {
    const auto check = [](const char* name, std::size_t at, auto number, const std::string& place) {
        Damaged database("ringdb-serde");
        database.set(name, at, number);
        CHECK(database.import <Doc>() == ErrorCode::corrupt);
        CHECK(contains(database.text, std::string(name) + ": byte " + place));
    };
    const auto huge = std::uint64_t{1} << 61;
    check("meta.bin", 8, huge, "8");  // count
    check("meta.bin", 8, ~std::uint64_t{0}, "8");
    check("offsets.bin", 0, std::uint64_t{1}, "0");    // a gap before the first record
    check("offsets.bin", 80, std::uint64_t{1}, "80");  // backwards
    check("offsets.bin", 80, huge, "80");              // beyond the end
    check("norms_sq.bin", 4, 0.0f, "4");               // zeroed: ring-db would match everything
    check("norms_sq.bin", 4, NAN, "4");
    Damaged row("ringdb-serde");
    row.set("vectors.bin", 64, 7.0f);  // its norm is now wrong
    CHECK(row.import <Doc>() == ErrorCode::corrupt);
    CHECK(contains(row.text, "squared norm of row 1"));
    for (const auto dim : {std::uint64_t{0}, huge, ~std::uint64_t{0}}) {
        Damaged database("ringdb-serde");
        database.set("meta.bin", 0, dim);
        const auto directory = database.file("meta.bin").parent_path();
        CHECK(code_of([&] { return io::ringdb_shape(directory); }) == ErrorCode::corrupt);
        CHECK(contains(text_of_error([&] { return io::ringdb_shape(directory); }), "from 1 to 2^56"));
    }
}

TEST_CASE("payloads that are not a T are refused, with the record and its position") {
    Damaged damaged("ringdb-serde");
    damaged.set("payloads.bin", 0, ~std::uint64_t{0});  // the length of the first title
    CHECK(damaged.import <Doc>() == ErrorCode::payload);
    CHECK(contains(damaged.text, "byte 0: record 0"));
    CHECK(Damaged("ringdb-serde").import <Other>() == ErrorCode::payload);
    CHECK(Damaged("ringdb-pod").import <Doc>() == ErrorCode::type_mismatch);
    CHECK(Damaged("ringdb-pod").import <std::uint64_t>() == ErrorCode::corrupt);  // half as many bytes
}

TEST_CASE("a database with another dimension, a missing file or no directory is refused with the reason") {
    CHECK(Damaged("ringdb-serde").import <Doc>(15) == ErrorCode::dimension_mismatch);
    for (const char* name : {"meta.bin", "vectors.bin", "norms_sq.bin", "payloads.bin"}) {
        Damaged database("ringdb-serde");
        database.remove(name);
        CHECK(database.import <Doc>() == ErrorCode::not_found);
    }
    Damaged database("ringdb-serde");
    database.remove("offsets.bin");
    CHECK(database.import <Doc>() == ErrorCode::type_mismatch);
}

TEST_CASE("a database without rows gives no rows") {
    const ScratchDirectory scratch;
    fs::create_directories(scratch / "db");
    write_bytes(scratch / "db" / "meta.bin", bytes_of_all(std::uint64_t{16}, std::uint64_t{0}));
    for (const char* name : {"vectors.bin", "norms_sq.bin", "payloads.bin"}) write_bytes(scratch / "db" / name, "");
    write_bytes(scratch / "db" / "offsets.bin", bytes_of_all(std::uint64_t{0}));
    auto docs = Collection<16, Doc>::create(scratch / "c");
    int calls = 0;
    CHECK(io::import_ringdb(scratch / "db", docs, [&](std::uint64_t, std::uint64_t) { ++calls; }) == 0);
    CHECK(docs.empty());
    CHECK(calls == 0);
}

}  // namespace test_io_ringdb
