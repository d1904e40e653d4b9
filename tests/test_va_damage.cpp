// A VaIndex with damaged axes: numbers that no index has written must not hide a row.
#include "catch.hpp"
#include "scratch.hpp"
#include "va_bounds.hpp"

#include <filesystem>
#include <fstream>
#include <limits>
#include <mapvec/va_index.hpp>
#include <vector>

namespace test_va_damage {
namespace {

using namespace mapvec;

constexpr std::size_t dim = 40;
using Store = MmapVectorStore<dim>;

// The floats of the model record from number `first` on (detail/va/model.hpp).
template <class Change>
void change_floats(const std::filesystem::path& axes, std::size_t first, std::size_t count, Change change) {
    std::fstream file(axes, std::ios::in | std::ios::out | std::ios::binary);
    const auto place = static_cast<std::streamoff>(data_offset + first * sizeof(float));
    const auto bytes = static_cast<std::streamsize>(count * sizeof(float));
    std::vector<float> floats(count);
    REQUIRE(file.seekg(place).read(reinterpret_cast<char*>(floats.data()), bytes));
    for (float& x : floats) x = change(x);
    REQUIRE(file.seekp(place).write(reinterpret_cast<const char*>(floats.data()), bytes).flush());
}

TEST_CASE("axes whose products overflow hide no row from a search", "[va]") {
    using Limits = std::numeric_limits<float>;
    const float factor = GENERATE(1e25f, -1e30f, Limits::infinity(), Limits::quiet_NaN());
    const float step = GENERATE(0.0f, 1e15f);
    const ScratchDirectory scratch;
    va_support::Embeddings embeddings(dim, 1);
    auto rows = Store::create(scratch / "rows");
    rows.append_rows(embeddings.rows<float>(500));
    rows.commit();
    {
        auto index = VaIndex<>::create(scratch / "va", rows);
        index.update(rows);
        index.commit();
    }
    const std::size_t steps = sizeof(detail::ModelHeader) / sizeof(float) + dim;
    const std::size_t axes = steps + sizeof(detail::HalfSteps) / sizeof(float);
    if (step != 0) change_floats(scratch / "va.axes", steps, axes - steps, [&](float x) { return x == 0 ? x : step; });
    change_floats(scratch / "va.axes", axes, detail::VaModel::record_floats(dim) - axes,
                  [&](float x) { return x * factor; });

    const auto index = VaIndex<>::open(scratch / "va", rows, OpenMode::read_only);
    const auto query = embeddings.query();
    const KnnQuery nearest{query, 20};
    CHECK(index.search(rows, nearest) == search(rows, nearest));
    const float distance = search(rows, nearest).back().distance();
    const RangeQuery range{query, distance / 2, distance * 1.2f};
    CHECK(index.search(rows, range) == search(rows, range));
}

}  // namespace
}  // namespace test_va_damage
