// Records that ring-db 0.6 has written are read, and written again with the same bytes.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <mapvec/payload_codec.hpp>
#include "catch.hpp"

namespace test_payload_codec_ringdb {

namespace {

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

std::string contents(const std::string& name) {
    std::ifstream file(std::filesystem::path(MAPVEC_TEST_DATA) / name, std::ios::binary);
    REQUIRE(file.good());
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

// The format of the lines of EXPECTED; `number` prints an integral double with ".0".
std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);  // scores are multiples of 1/8
    const std::string result = text;
    return result.find('.') == std::string::npos ? result + ".0" : result;
}

std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + '"';
}

std::string json(const Doc& doc) {
    std::string tags;
    for (const std::string& tag : doc.tags) tags += (tags.empty() ? "" : ",") + quoted(tag);
    return "{\"title\":" + quoted(doc.title) + ",\"year\":" + std::to_string(doc.year) +
           ",\"score\":" + number(doc.score) + ",\"tags\":[" + tags + "]}";
}

std::vector<std::uint64_t> offsets_of(const std::string& file) {
    std::vector<std::uint64_t> offsets(file.size() / 8);
    std::memcpy(offsets.data(), file.data(), file.size());
    return offsets;
}

}  // namespace

TEST_CASE("ring-db's serde payloads are decoded as EXPECTED says and encoded to the same bytes") {
    const std::string payloads = contents("ringdb-serde/payloads.bin");
    const auto offsets = offsets_of(contents("ringdb-serde/offsets.bin"));
    const auto expected = lines_of(contents("ringdb-serde/EXPECTED"));
    REQUIRE(offsets.size() == expected.size() + 1);
    REQUIRE(offsets.size() == 65);
    REQUIRE(offsets.back() == payloads.size());

    mapvec::Encoder again;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto record = std::as_bytes(std::span(payloads)).subspan(offsets[i], offsets[i + 1] - offsets[i]);
        const Doc doc = mapvec::Codec<Doc>::decode(record);
        REQUIRE(json(doc) == expected[i]);
        mapvec::Codec<Doc>::encode(doc, again);
    }
    CHECK(again.size() == payloads.size());
    CHECK(std::memcmp(again.bytes().data(), payloads.data(), payloads.size()) == 0);
}

TEST_CASE("ring-db's raw payloads are read as EXPECTED says and written to the same bytes") {
    STATIC_REQUIRE(mapvec::raw_payload<Pod>);
    const std::string payloads = contents("ringdb-pod/payloads.bin");
    const auto expected = lines_of(contents("ringdb-pod/EXPECTED"));
    REQUIRE(payloads.size() == expected.size() * sizeof(Pod));
    REQUIRE(expected.size() == 64);

    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto record = std::as_bytes(std::span(payloads)).subspan(i * sizeof(Pod), sizeof(Pod));
        const Pod pod = mapvec::detail::read_raw<Pod>(record);
        double score = 0;
        unsigned long id = 0;
        double w = 0;
        REQUIRE(std::sscanf(expected[i].c_str(), "{\"score\":%lf,\"id\":%lu,\"w\":%lf}", &score, &id, &w) == 3);
        REQUIRE(pod.score == score);
        REQUIRE(pod.id == id);
        REQUIRE(pod.w == static_cast<float>(w));

        std::byte again[sizeof(Pod)];
        mapvec::detail::write_raw(pod, again);
        REQUIRE(std::memcmp(again, record.data(), sizeof(Pod)) == 0);
    }
}

}  // namespace test_payload_codec_ringdb
