// Instantiates most of mapvec, for warnings: run.sh compiles it under sets that are stricter than mapvec's own.
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "all_headers.hpp"

namespace {

using namespace mapvec;

struct City {
    std::string name;
    std::uint32_t population = 0;
    std::vector<std::string> tags;
    std::optional<int> height;
    std::map<int, double> years;
    std::variant<int, std::string> code;
    bool capital = false;
};
struct Point {
    int layer = 0;
    float size = 0;
    double weight = 0;
};

template <Scalar S>
void use_vectors() {
    auto rows = MmapVectorStore<dynamic_dim, S>::open_or_create("rows", {.dim = 3});
    rows.append(std::vector<S>(3));
    rows.append_rows(std::vector<S>(6));
    rows.insert(7, std::vector<S>(3));
    rows.commit();
    rows.verify();

    const std::vector<float> query(3, 1.0f);
    const std::vector<KnnQuery> queries(5, {query, 3});
    (void)search(rows, KnnQuery{query, 3});
    (void)search(rows, RingQuery{query, 1, 2}, {.threads = 0});
    (void)search<Cosine>(rows, RangeQuery{query, 0, 1});
    (void)search<NormalizedCosine>(rows, DiskQuery{query, 1});
    (void)search(rows, KnnQuery{query, 3}, [](Id id) { return id > 2; });
    (void)search_batch(rows, queries);
    (void)search_batch<InnerProduct>(rows, queries);
    (void)search_batch<Cosine>(rows, queries);

    auto graph = HnswIndex<>::open_or_create("graph", rows);
    graph.update(rows);
    (void)graph.search(rows, KnnQuery{query, 3});
    auto lines = VaIndex<>::open_or_create("lines", rows);
    lines.update(rows);
    (void)lines.search(rows, KnnQuery{query, 3});
}

template <class T>
void use_payloads() {
    PayloadStoreBuilder<T> builder;
    builder.push(T{});
    auto store = std::move(builder).finish();
    store.update(0, store.fetch(0));
    store.commit();
    store.verify();

    auto collection = Collection<3, T>::open_or_create("collection");
    const std::array vector{1.0f, 2.0f, 3.0f};
    collection.append(vector, T{});
    collection.erase(0);
    collection.commit();
    (void)collection.search(KnnQuery{vector, 3});
}

}  // namespace

int main() {
    use_vectors<float>();
    use_vectors<double>();
    use_vectors<float16>();
    use_vectors<bfloat16>();
    use_vectors<std::int8_t>();
    use_vectors<std::uint8_t>();
    use_payloads<City>();
    use_payloads<Point>();
    use_payloads<std::string>();
}
