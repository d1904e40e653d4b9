// MmapVectorStore in one process, with correct calls and with wrong ones.
//
//   create, open       a reopened store has its rows, size, dim and type; another dim or type is refused
//   append, insert     any id, any capacity; skipped rows are zeros and holes
//   spans              stay valid through growth
//   iteration          a random-access range
//   index arithmetic   is checked
//
// Modes, moves and ends of a store: test_store_modes.cpp.
#include <algorithm>
#include <array>
#include <mapvec/mmap_vector_store.hpp>
#include <numeric>
#include <ranges>
#include <vector>

#include "catch.hpp"
#include "scratch.hpp"

#if !defined(_WIN32)
#include <sys/stat.h>
#endif

namespace test_mmap_vector_store {

using namespace mapvec;

namespace {

using Store3 = MmapVectorStore<3>;

std::array<float, 3> row(float x) { return {x, x + 0.25f, -x}; }

bool equals(std::span<const float> a, const std::array<float, 3>& b) { return std::ranges::equal(a, b); }

// True if the disk usage of the file is in this range. (Windows does not report it.)
bool disk_use_is_within(const std::filesystem::path& path, std::uint64_t least, std::uint64_t limit) {
#if defined(_WIN32)
    return std::filesystem::exists(path) && least < limit;
#else
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    const auto bytes = static_cast<std::uint64_t>(status.st_blocks) * 512;
    return bytes >= least && bytes < limit;
#endif
}

}  // namespace

static_assert(std::ranges::random_access_range<const Store3>);
static_assert(std::ranges::sized_range<const Store3>);
static_assert(std::movable<Store3> && !std::copyable<Store3>);
static_assert(std::same_as<decltype(std::declval<const Store3&>()[0]), std::span<const float, 3>>);
static_assert(std::same_as<decltype(std::declval<const MmapVectorStore<>&>()[0]), std::span<const float>>);

TEST_CASE("a reopened store has its rows, its size and its dimension") {
    const ScratchDirectory scratch;
    {
        auto store = Store3::create(scratch / "v");
        CHECK(store.empty());
        for (int i = 0; i < 1000; ++i) CHECK(store.append(row(static_cast<float>(i))) == static_cast<Id>(i));
        store.commit();
        CHECK(store.capacity() >= 1000);
    }
    const auto store = MmapVectorStore<>::open(scratch / "v", OpenMode::read_only);
    REQUIRE(store.size() == 1000);
    CHECK(store.dim() == 3);
    CHECK(store.data().size() == 3000);
    for (Id id = 0; id < 1000; ++id) REQUIRE(equals(store.get(id), row(static_cast<float>(id))));
    store.verify();
}

TEMPLATE_TEST_CASE("every scalar type is stored and refused as any other", "", float, double, std::int8_t, std::uint8_t,
                   float16, bfloat16) {
    const ScratchDirectory scratch;
    using Store = MmapVectorStore<4, TestType>;
    const std::array<TestType, 4> values{TestType(1), TestType(2), TestType(3), TestType(100)};
    {
        auto store = Store::create(scratch / "v");
        store.append(values);
    }
    const auto store = Store::open(scratch / "v", OpenMode::read_only);
    CHECK(std::ranges::equal(store[0], values));
    CHECK(std::filesystem::file_size(scratch / "v") == 4096 + 4 * sizeof(TestType));

    const auto refused = [&]<class Other>(Other) {
        if constexpr (!std::is_same_v<Other, TestType>)
            CHECK(code_of([&] { return MmapVectorStore<4, Other>::open(scratch / "v", OpenMode::read_only); }) ==
                  ErrorCode::type_mismatch);
    };
    refused(float{});
    refused(double{});
    refused(std::int8_t{});
    refused(std::uint8_t{});
    refused(float16{});
    refused(bfloat16{});
}

TEST_CASE("a store of another dimension is refused") {
    const ScratchDirectory scratch;
    { auto store = Store3::create(scratch / "v"); }
    CHECK(code_of([&] { return MmapVectorStore<4>::open(scratch / "v"); }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] { return MmapVectorStore<>::open(scratch / "v", OpenMode::read_write, {.dim = 4}); }) ==
          ErrorCode::dimension_mismatch);
    CHECK(code_of([&] { return Store3::open(scratch / "v", OpenMode::read_write, {.dim = 4}); }) ==
          ErrorCode::dimension_mismatch);
    CHECK_FALSE(code_of([&] { return MmapVectorStore<>::open(scratch / "v", OpenMode::read_write, {.dim = 3}); }));
    CHECK(code_of([&] { return MmapVectorStore<>::create(scratch / "w"); }) == ErrorCode::invalid_argument);
    CHECK_FALSE(MappedFile::exists(scratch / "w"));
}

TEST_CASE("rows of another length are refused and change nothing") {
    const ScratchDirectory scratch;
    auto store = Store3::create(scratch / "v");
    store.append(row(1));
    const std::vector<float> wrong(4);
    CHECK(code_of([&] { return store.append(wrong); }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] { return store.append_rows(wrong); }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] { return store.append({}); }) == ErrorCode::dimension_mismatch);
    CHECK(code_of([&] {
              store.insert(0, wrong);
              return 0;
          }) == ErrorCode::dimension_mismatch);
    CHECK(store.size() == 1);
    CHECK(equals(store[0], row(1)));
    CHECK(store.append_rows({}) == 1);
    CHECK(store.size() == 1);
}

TEST_CASE("any initial capacity works") {
    const ScratchDirectory scratch;
    for (const std::size_t capacity : std::array<std::size_t, 6>{0, 1, 2, 3, 1000, 100000}) {
        std::filesystem::remove(scratch / "v");
        auto store = Store3::create(scratch / "v", {.initial_capacity = capacity});
        CHECK(store.capacity() >= capacity);
        for (int i = 0; i < 300; ++i) store.append(row(static_cast<float>(i)));
        store.insert(5000, row(7));
        REQUIRE(store.size() == 5001);
        CHECK(equals(store[299], row(299)));
        CHECK(equals(store[300], {0, 0, 0}));
        CHECK(equals(store[4999], {0, 0, 0}));
        CHECK(equals(store[5000], row(7)));
    }
}

TEST_CASE("an insert far behind the end leaves a hole of zeros that takes no space") {
    const ScratchDirectory scratch;
    {
        auto store = Store3::create(scratch / "v");
        store.append(row(1));
        store.insert(50'000'000, row(2));
        store.commit();
        CHECK(store.size() == 50'000'001);
        CHECK(equals(store[25'000'000], {0, 0, 0}));
        store.append(row(3));
        store.insert(25'000'000, row(4));
    }
    CHECK(disk_use_is_within(scratch / "v", 0, 4 << 20));
    const auto store = Store3::open(scratch / "v", OpenMode::read_only);
    CHECK(store.size() == 50'000'002);
    CHECK(equals(store[0], row(1)));
    CHECK(equals(store[50'000'000], row(2)));
    CHECK(equals(store[50'000'001], row(3)));
    CHECK(equals(store[25'000'000], row(4)));
}

TEST_CASE("index arithmetic cannot wrap around") {
    const ScratchDirectory scratch;
    auto store = Store3::create(scratch / "v");
    store.append(row(1));
    for (const Id id : {Id{1} << 58, Id{1} << 62, Id{1} << 63, ~Id{0}, ~Id{0} / 12, ~Id{0} / 12 + 1})
        CHECK(code_of([&] {
                  store.insert(id, row(9));
                  return 0;
              }) == ErrorCode::out_of_range);
    CHECK(code_of([&] {
              store.reserve(~std::size_t{0});
              return 0;
          }) == ErrorCode::out_of_range);
    CHECK(code_of([&] { return Store3::create(scratch / "w", {.initial_capacity = ~std::size_t{0}}); }) ==
          ErrorCode::out_of_range);
    CHECK_FALSE(MappedFile::exists(scratch / "w"));
    CHECK(code_of([&] { return store.get(1); }) == ErrorCode::out_of_range);
    CHECK(code_of([&] { return store.get(Id{1} << 60); }) == ErrorCode::out_of_range);
    CHECK(store.size() == 1);
    CHECK(equals(store[0], row(1)));
}

TEST_CASE("spans stay valid while the store grows") {
    const ScratchDirectory scratch;
    const std::size_t address_space = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{1} << 20);
    auto store = Store3::create(scratch / "v", {.initial_capacity = 1, .address_space = address_space});
    store.append(row(5));
    const auto first = store[0];
    const auto all = store.data();
    std::vector<std::span<const float, 3>> spans;
    for (int i = 1; i < 300'000; ++i) {
        const Id id = store.append(row(static_cast<float>(i)));
        if (i % 1000 == 0) spans.push_back(store[id]);
    }
    CHECK(equals(first, row(5)));
    CHECK(equals(all, row(5)));
    for (std::size_t i = 0; i < spans.size(); ++i) REQUIRE(equals(spans[i], row(static_cast<float>((i + 1) * 1000))));
    REQUIRE(equals(store[299'999], row(299'999)));
    store.verify();
}

TEST_CASE("a store is a range of rows") {
    const ScratchDirectory scratch;
    auto store = Store3::create(scratch / "v");
    for (int i = 0; i < 100; ++i) store.append(row(static_cast<float>(99 - i)));
    CHECK(std::ranges::distance(store) == 100);
    float sum = 0;
    for (const auto vector : store) sum += vector[0];
    CHECK(sum == 4950);
    const auto found = std::ranges::find_if(store, [](auto vector) { return vector[0] == 42.0f; });
    CHECK(found - store.begin() == 57);
    CHECK((*(store.end() - 1))[0] == 0.0f);
    CHECK(store.begin()[3][0] == 96.0f);
    const auto sorted = std::ranges::lower_bound(store, -42.5f, {}, [](auto vector) { return -vector[0]; });
    CHECK((*sorted)[0] == 42.0f);
}

TEST_CASE("rows of the store itself can be appended and inserted") {
    const ScratchDirectory scratch;
    auto store = Store3::create(scratch / "v", {.initial_capacity = 1, .address_space = 1});
    store.append(row(3));
    for (int i = 0; i < 14; ++i) store.append_rows(store.data());
    store.append(store[5]);
    store.commit();
    store.insert(0, store[0]);
    store.insert(1, store[2]);
    store.commit();
    store.verify();
    CHECK(store.size() == (1 << 14) + 1);
    CHECK(std::ranges::all_of(store, [](auto vector) { return equals(vector, row(3)); }));
}

TEST_CASE("reserve allocates space, shrink_to_fit returns it") {
    const ScratchDirectory scratch;
    auto store = Store3::create(scratch / "v");
    store.append(row(1));
    store.reserve(1'000'000);
    CHECK(store.capacity() >= 1'000'000);
    CHECK(disk_use_is_within(scratch / "v", 12'000'000, UINT64_MAX));
    store.reserve(10);
    CHECK(store.capacity() >= 1'000'000);
    store.shrink_to_fit();
    CHECK(store.capacity() == 1);
    CHECK(disk_use_is_within(scratch / "v", 0, 100'000));
    for (int i = 0; i < 10; ++i) store.append(row(2));
    store.commit();
    CHECK(equals(store[0], row(1)));
    CHECK(equals(store[10], row(2)));
}

TEST_CASE("a closed file is exactly its header and rows") {
    const ScratchDirectory scratch;
    {
        auto store = Store3::create(scratch / "v");
        store.append(row(1));
        store.commit();
        store.append(row(2));
        store.commit();
        store.insert(0, row(3));
        store.commit();
        CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) ==
              2);  // the store and its journal
        store.close();
        CHECK(store.size() == 0);
        store.close();
    }
    CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 1);
    CHECK(std::filesystem::file_size(scratch / "v") == 4096 + 24);
    const auto store = Store3::open(scratch / "v");
    CHECK(equals(store[0], row(3)));
    CHECK(equals(store[1], row(2)));
}

TEST_CASE("opening and closing a store writes nothing") {
    const ScratchDirectory scratch;
    {
        auto store = Store3::create(scratch / "v");
        store.append(row(1));
    }
    const auto time = std::filesystem::last_write_time(scratch / "v");
    for (int i = 0; i < 3; ++i) {
        auto store = Store3::open(scratch / "v");
        CHECK(store.size() == 1);
    }
    CHECK(std::filesystem::last_write_time(scratch / "v") == time);
}

TEST_CASE("a row may be overwritten by a part of the store that overlaps it") {
    const ScratchDirectory scratch;
    std::vector<float> numbers(3 * 1024);
    std::iota(numbers.begin(), numbers.end(), 0.0f);
    for (const bool committed : {false, true}) {
        auto store = MmapVectorStore<1024>::create(scratch / (committed ? "c" : "u"));
        store.append_rows(numbers);
        if (committed) store.commit();
        store.insert(1, store.data().subspan(512, 1024));
        CHECK(std::equal(store[1].begin(), store[1].end(), numbers.begin() + 512));
        store.insert(1, store.data().subspan(1024 + 100, 1024));
        CHECK((store[1][0] == 612 && store[1][1023] == 2 * 1024 + 99));
        store.insert(1, store[1]);
        store.verify();
        store.close();
        MmapVectorStore<1024>::open(scratch / (committed ? "c" : "u")).verify();
    }
}

TEST_CASE("a store of long rows takes no space before its first row") {
    const ScratchDirectory scratch;
    const std::size_t dim = 100'000'000;  // as in the header of a crafted import
    const auto store = MmapVectorStore<>::create(scratch / "v", {.dim = dim});
    CHECK(store.dim() == dim);
    CHECK(std::filesystem::file_size(scratch / "v") <= 1 << 20);
}

TEST_CASE("rows work with algorithms, also with those from before C++20") {
    const ScratchDirectory scratch;
    auto store = Store3::create(scratch / "v");
    for (const float first : {1.0f, 5.0f, 3.0f}) store.append(row(first));
    const auto less = [](const auto& a, const auto& b) { return a[0] < b[0]; };
    CHECK((*std::prev(store.end()))[0] == 3);
    CHECK(std::distance(store.begin(), store.end()) == 3);
    CHECK(std::max_element(store.begin(), store.end(), less) - store.begin() == 1);
    CHECK((*std::next(store.begin(), 2))[0] == 3);
    CHECK((*std::make_reverse_iterator(store.end()))[0] == 3);
    CHECK(std::ranges::max_element(store, less)->front() == 5);
    CHECK(store.begin()->size() == 3);
}

}  // namespace test_mmap_vector_store
