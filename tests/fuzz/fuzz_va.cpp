// A VaIndex with damage in its files or its journal. Only mapvec::Error may be thrown, and every hit must be an
// existing row.
#include <mapvec/va_index.hpp>

#include <array>
#include <cstdlib>

#include "fuzz/damaged_store.hpp"
#include "program.hpp"

namespace fuzz_va {

namespace {

constexpr std::size_t dim = 20, described = 30, all = 40;
using Rows = mapvec::MmapVectorStore<dim>;
using Row = std::array<float, dim>;

Row row_of(std::size_t i) {
    Row row{};
    for (std::size_t k = 0; k < dim; ++k) row[k] = static_cast<float>((i * 7 + k * k) % 13) / static_cast<float>(1 + k);
    return row;
}

// Rows, of which the later ones are not described, and an index with its last changes in the journal.
fuzz::Files killed_store() {
    fuzz::clear();
    auto rows = Rows::create(fuzz::directory() / "rows");
    auto index = mapvec::VaIndex<>::create(fuzz::directory() / "va", rows);
    for (std::size_t i = 0; i < all; ++i) {
        rows.append(row_of(i));
        if (i % 10 != 9 || i >= described) continue;
        rows.commit();
        index.update(rows);
        index.commit();
    }
    rows.commit();
    return fuzz::take();
}

void look(const mapvec::VaIndex<>& index, const Rows& rows) {
    const Row query = row_of(3);
    const auto check = [&](const mapvec::Hit& hit) {
        if (hit.id >= rows.size()) std::abort();
    };
    for (const auto& hit : index.search(rows, mapvec::KnnQuery{query, 5})) check(hit);
    for (const auto& hit : index.search(rows, mapvec::RangeQuery{query, 0.1f, 2})) check(hit);
}

void use(mapvec::OpenMode mode) {
    try {
        const auto rows = Rows::open(fuzz::directory() / "rows", mapvec::OpenMode::read_only);
        auto index = mapvec::VaIndex<>::open(fuzz::directory() / "va", rows, mode);
        look(index, rows);
        try {
            index.verify();
        } catch (const mapvec::Error&) {
        }
        index.refresh();
        if (mode != mapvec::OpenMode::read_write) return;
        index.update(rows);
        look(index, rows);
        index.commit();
        index.close();
    } catch (const mapvec::Error&) {
    }
}

}  // namespace

void run(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Files whole = killed_store();
    if (size > 400) return;
    fuzz::Files files = whole;
    fuzz::damage(files, data, size);
    fuzz::put(files);
    use(mapvec::OpenMode::read_only);
    use(mapvec::OpenMode::read_write);
}

}  // namespace fuzz_va

FUZZ_TARGET(va, fuzz_va::run)
