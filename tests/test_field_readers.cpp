// Keys of a reader: looked up in one thread while another one refreshes, and after a refresh that failed.
#include "catch.hpp"
#include "scratch.hpp"

#include <atomic>
#include <mapvec/collection.hpp>
#include <new>
#include <string>
#include <thread>

namespace test_field_readers {
namespace {

using namespace mapvec;

struct Doc {
    const std::string url;  // constant: decoded, and used as a key, like any other
    std::uint32_t year = 0;
};

using Docs = Collection<2, Doc>;

std::string url_of(unsigned i) { return "https://example.org/" + std::to_string(i); }

void append_rows(Docs& docs, unsigned count) {
    const auto first = static_cast<unsigned>(docs.vectors().size());
    for (unsigned i = first; i < first + count; ++i) docs.append({static_cast<float>(i), 1}, Doc{url_of(i), 2000});
    docs.commit();
}

TEST_CASE("a constant field of the payload is a key like another") {
    const ScratchDirectory scratch;
    auto docs = Docs::create(scratch / "c");
    const auto urls = docs.key("url", &Doc::url);
    append_rows(docs, 3);
    CHECK(urls.find(url_of(1)) == Id{1});
    CHECK(code_of([&] { docs.append({0, 0}, Doc{url_of(1), 1999}); }) == ErrorCode::exists);
    docs.update(1, Doc{url_of(9), 1999});
    CHECK_FALSE(urls.contains(url_of(1)));
    CHECK(docs.payload(urls.find(url_of(9)).value()).year == 1999);
}

TEST_CASE("a key is found in one thread while another one refreshes the reader", "[threads]") {
    const ScratchDirectory scratch;
    auto docs = Docs::create(scratch / "c");
    const auto written = docs.key("url", &Doc::url);
    append_rows(docs, 200);
    docs.update_indexes();
    auto reader = docs.snapshot();
    const auto urls = reader.key("url", &Doc::url);

    std::atomic<bool> done{false};
    std::atomic<unsigned> shown{200};
    std::atomic<int> asked{0}, wrong{0};
    std::thread finder([&] {
        for (unsigned random = 1; !done; random = random * 1664525 + 1013904223) {
            const unsigned i = (random >> 8) % shown;
            try {
                wrong += urls.find(url_of(i)) != Id{i};
            } catch (const Error&) {
                ++wrong;
            }
            ++asked;
        }
    });
    for (int round = 0; round < 25; ++round) {
        append_rows(docs, 100);
        docs.update_indexes();  // the files of the key change: all slots of its table move
        for (const int before = asked; asked < before + 20;) std::this_thread::yield();
        reader.refresh();
        shown = static_cast<unsigned>(reader.vectors().size());
    }
    done = true;
    finder.join();
    CHECK(wrong == 0);
    CHECK(urls.find(url_of(2699)) == Id{2699});
}

TEST_CASE("after a refresh() that ran out of memory, the next one finds all keys") {
    const ScratchDirectory scratch;
    auto docs = Docs::create(scratch / "c");
    append_rows(docs, 10);
    auto reader = docs.snapshot();
    bool no_memory = false;
    const auto urls = reader.key("url", [&no_memory](const Doc& doc) {
        if (no_memory) throw std::bad_alloc();
        return doc.url;
    });
    append_rows(docs, 10);
    no_memory = true;
    CHECK_THROWS_AS(reader.refresh(), std::bad_alloc);
    no_memory = false;
    CHECK(reader.refresh());
    CHECK(urls.find(url_of(15)) == Id{15});
    CHECK_FALSE(reader.refresh());
}

}  // namespace
}  // namespace test_field_readers
