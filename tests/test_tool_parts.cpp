// Parts of the command-line tool: access to stores of any type, and histograms.
// (tests/cli runs the tool itself.)
#include <array>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <mapvec/collection.hpp>
#include <mapvec/hnsw_index.hpp>
#include <mapvec/payload_store.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "cli/any_store.hpp"
#include "cli/histogram.hpp"
#include "cli/inspect.hpp"
#include "cli/text.hpp"
#include "io_files.hpp"
#include "scratch.hpp"

namespace test_tool_parts {

using namespace mapvec;
using cli::AnyStore;
using cli::StoreKind;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The last element of the two rows {1, 2} and {3, 4}.
template <Scalar S>
float last_of_vectors(ScalarType type) {
    const ScratchDirectory scratch;
    {
        auto store = MmapVectorStore<2, S>::create(scratch / "s");
        store.append(std::array{S(1), S(2)});
        store.append(std::array{S(3), S(4)});
    }
    const AnyStore store(scratch / "s");
    CHECK(store.kind() == StoreKind::vectors);
    CHECK(store.scalar() == type);
    CHECK(store.rows() == 2);
    CHECK(store.file_bytes() == 4096 + 4 * sizeof(S));
    store.verify();
    return cli::with_scalar(store.scalar(), [&]<class Found>() {
        const auto rows = store.template vectors<Found>();
        return rows.size() == 2 && rows.dim() == 2 ? static_cast<float>(rows[1][1]) : 0.0f;
    });
}

}  // namespace

TEST_CASE("a vector store of any scalar is opened with the type in its file") {
    CHECK(last_of_vectors<float>(ScalarType::float32) == 4.0f);
    CHECK(last_of_vectors<double>(ScalarType::float64) == 4.0f);
    CHECK(last_of_vectors<std::int8_t>(ScalarType::int8) == 4.0f);
    CHECK(last_of_vectors<std::uint8_t>(ScalarType::uint8) == 4.0f);
    CHECK(last_of_vectors<float16>(ScalarType::float16) == 4.0f);
    CHECK(last_of_vectors<bfloat16>(ScalarType::bfloat16) == 4.0f);
}

TEST_CASE("payload stores of fixed and of any size show their records' bytes") {
    const ScratchDirectory scratch;
    {
        auto numbers = PayloadStore<std::uint32_t>::create(scratch / "numbers");
        numbers.push(7);
        numbers.push(0x61626364);
        auto texts = PayloadStore<std::string>::create(scratch / "texts");
        texts.push("first");
        texts.push("");
        texts.update(0, "second");
    }
    const AnyStore numbers(scratch / "numbers");
    CHECK(numbers.kind() == StoreKind::payloads);
    CHECK(numbers.rows() == 2);
    CHECK(numbers.payload_size() == 4);
    CHECK(text_of(numbers.payload(1)) == "dcba");

    const AnyStore texts(scratch / "texts");
    CHECK(texts.kind() == StoreKind::payloads);
    CHECK(texts.rows() == 2);
    CHECK(texts.payload_size() == 0);
    CHECK(text_of(texts.payload(0)).substr(8) == "second");
    CHECK(texts.payload(1).size() == 8);
    texts.verify();
}

TEST_CASE("a collection is opened by its directory, and knows its erased rows") {
    const ScratchDirectory scratch;
    {
        auto encoded = Collection<2, std::string>::create(scratch / "encoded");
        auto raw = Collection<2, double>::create(scratch / "raw");
        for (unsigned i = 0; i < 5; ++i) {
            encoded.append(std::array{1.0f, static_cast<float>(i)}, std::to_string(i));
            raw.append(std::array{1.0f, static_cast<float>(i)}, i);
        }
        encoded.erase(3);
    }
    {
        const AnyStore encoded(scratch / "encoded");
        CHECK(encoded.kind() == StoreKind::collection);
        CHECK(encoded.rows() == 5);
        CHECK(encoded.payloads() == 5);
        CHECK(encoded.erased().size() == 1);
        CHECK(encoded.erased(3));
        CHECK_FALSE(encoded.erased(2));
        CHECK(text_of(encoded.payload(4)).substr(8) == "4");
        CHECK(encoded.vectors<float>()[4][1] == 4.0f);
    }
    const AnyStore raw(scratch / "raw");
    CHECK(raw.payload_size() == 8);
    CHECK(raw.erased().empty());
    CHECK(AnyStore(scratch / "raw" / "vectors").kind() == StoreKind::collection);
    CHECK(code_of([&] { return AnyStore(scratch / "raw" / "payloads").rows(); }) == ErrorCode::type_mismatch);
    std::filesystem::remove(scratch / "encoded" / "erased");
    CHECK(code_of([&] { return AnyStore(scratch / "encoded").rows(); }) == ErrorCode::corrupt);
}

TEST_CASE("a histogram counts every value once, and its quantiles are values of the sample") {
    std::vector<double> sample;
    for (int i = 100; i >= 0; --i) sample.push_back(i);
    const cli::Histogram histogram(sample, 4);
    CHECK(histogram.counts() == std::vector<std::uint64_t>{25, 25, 25, 26});
    CHECK(histogram.min() == 0);
    CHECK(histogram.max() == 100);
    CHECK(histogram.quantile(0.25) == 25);
    CHECK(histogram.quantile(1) == 100);
    CHECK(histogram.mean() == 50);
    CHECK(histogram.lower_edge(2) == 50);
    CHECK(histogram.tolerance(50, 0.1) == 5);  // 45 to 55: a tenth of the sample

    const cli::Histogram flat({2, 2, 2}, 3);
    CHECK(flat.counts() == std::vector<std::uint64_t>{3, 0, 0});
    std::ostringstream plot, svg;
    cli::plot(plot, flat);
    cli::write_svg(svg, flat, "a < b & c");
    CHECK(plot.str().find("2 |####") != std::string::npos);
    CHECK(svg.str().find("a &lt; b &amp; c") != std::string::npos);
    CHECK(svg.str().find("nan") == std::string::npos);
}

TEST_CASE("an index is opened and verified like a store, without its type") {
    const ScratchDirectory scratch;
    auto store = MmapVectorStore<2>::create(scratch / "s");
    for (int i = 0; i < 100; ++i) store.append({static_cast<float>(i), 1.0f});
    store.commit();
    auto index = HnswIndex<>::create(scratch / "index", store);
    index.update(store);
    index.close();
    const AnyStore graph(scratch / "index");
    CHECK(graph.kind() == StoreKind::index);
    CHECK(graph.rows() == 100);
    CHECK_FALSE(graph.has_vectors());
    CHECK_FALSE(graph.has_payloads());
    graph.verify();
    CHECK(graph.owns(scratch / "index.upper"));

    std::filesystem::remove(scratch / "index.upper");
    CHECK(code_of([&] { return AnyStore(scratch / "index").rows(); }) == ErrorCode::corrupt);
}

TEST_CASE("inspect shows each commit of the journal and which state the files lead to") {
    const ScratchDirectory scratch;
    const auto inspected = [&] {
        std::ostringstream text;
        std::streambuf* const usual = std::cout.rdbuf(text.rdbuf());
        cli::inspect(scratch / "s");
        std::cout.rdbuf(usual);
        return text.str();
    };
    auto store = MmapVectorStore<2>::create(scratch / "s");
    store.append({1.0f, 2.0f});
    store.commit();
    for (const float x : {3.0f, 4.0f, 5.0f}) {  // overwrites: each a record of the journal
        store.insert(0, std::array{x, x});
        store.commit();
    }
    CHECK(contains(inspected(), "commit 2, "));
    CHECK(contains(inspected(), "commit 4, "));
    CHECK(contains(inspected(), "file 1: 1 records, 1 writes"));
    CHECK(contains(inspected(), "it leads to commit 4."));
    CHECK(contains(inspected(), "Opens with 1 rows."));

    // The second of the three commits is damaged: the third shows that it was there.
    const auto journal =
        mapvec::detail::journal_path(scratch / "s", std::filesystem::exists(scratch / "s.journal0") ? 0 : 1);
    std::string bytes = read_bytes(journal);
    std::uint64_t first = 0;
    std::memcpy(&first, bytes.data() + offsetof(mapvec::detail::JournalRecordHeader, length), sizeof first);
    bytes[static_cast<std::size_t>(first) + 40] ^= 1;
    write_bytes(journal, bytes);
    CHECK(contains(inspected(), "commit 3 is damaged, but a later one is not"));
    CHECK(contains(inspected(), "Does not open: "));
}

TEST_CASE("inspect names the damage, for files of any contents") {
    const ScratchDirectory scratch;
    const auto inspected = [](const std::filesystem::path& path) {
        std::ostringstream text;
        std::streambuf* const usual = std::cout.rdbuf(text.rdbuf());
        cli::inspect(path);
        std::cout.rdbuf(usual);
        return text.str();
    };
    auto collection = Collection<2, std::string>::create(scratch / "c");
    collection.append(std::array{1.0f, 2.0f}, "one");
    collection.close();
    const auto flip = [&](const std::string& name, std::size_t at) {
        std::string bytes = read_bytes(scratch / "c" / name);
        bytes[at] ^= 1;
        write_bytes(scratch / "c" / name, bytes);
    };
    CHECK(contains(inspected(scratch / "c"), "Opens with 1 rows."));
    flip("vectors", 1100);
    CHECK(contains(inspected(scratch / "c"), "slot 0   damaged"));
    CHECK(contains(inspected(scratch / "c"), "Slot 1 counts: the other one is damaged"));
    flip("erased", 60);
    CHECK(contains(inspected(scratch / "c"), "file 4 of 4: not there, or its header is damaged"));
    CHECK(contains(inspected(scratch / "c"), "erased\n  header   damaged, its checksum does not hold"));
    CHECK(contains(inspected(scratch / "c"), "Does not open: "));

    std::string bytes = read_bytes(scratch / "c" / "vectors");
    for (std::size_t n = 0; n < bytes.size(); n += 61) {
        write_bytes(scratch / "cut", bytes.substr(0, n));
        CHECK(contains(inspected(scratch / "cut"), "Does not open: "));
    }
    for (std::size_t at = 0; at < 80; ++at) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(0xFF);
        write_bytes(scratch / "cut", damaged);
        CHECK(contains(inspected(scratch / "cut"), "open"));
    }
}

TEST_CASE("numbers, texts and sizes are formatted for people and for JSON") {
    CHECK(cli::json_string("a\"b\\\n\x01") == "\"a\\\"b\\\\\\u000a\\u0001\"");
    CHECK(cli::json_array(std::vector<float>{0.1f, INFINITY, -3}) == "[0.100000001,null,-3]");
    CHECK(cli::human_bytes(999) == "999 B");
    CHECK(cli::human_bytes(1.5e9) == "1.5 GB");
    CHECK(cli::human_time(59.4) == "59 s");
    CHECK(cli::human_time(3599.4) == "59 min 59 s");
    CHECK(cli::human_time(7800) == "2 h 10 min");
    CHECK(cli::one_line("a\nb") == "a b");
}

}  // namespace test_tool_parts
