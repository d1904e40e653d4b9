// A collection with damage in any of its files or its journal. Only mapvec::Error may be thrown.
#include <mapvec/collection.hpp>

#include <array>

#include "fuzz/damaged_store.hpp"
#include "program.hpp"

namespace fuzz_collection {

namespace {

using Store = mapvec::Collection<3, std::string>;

constexpr std::array<float, 3> row{1, 2, 3};

fuzz::Files killed_store() {
    fuzz::clear();
    auto store = Store::create(fuzz::directory() / "store", {.initial_capacity = 20});
    for (int commits = 0; commits < 4; ++commits) {
        for (int i = 0; i < 3; ++i) store.append(row, "record " + std::to_string(i));
        store.update(1, row, "updated");
        store.erase(static_cast<mapvec::Id>(2 + 3 * commits));
        store.commit();
    }
    return fuzz::take();
}

void use(mapvec::OpenMode mode) {
    try {
        auto store = Store::open(fuzz::directory() / "store", mode);
        for (mapvec::Id id = 0; id < std::min<std::size_t>(store.vectors().size(), 1000); ++id) {
            try {
                (void)store.vector(id);
                (void)store.payload(id);
            } catch (const mapvec::Error&) {
            }
        }
        if (store.vectors().size() < 100'000) (void)store.search(mapvec::KnnQuery{row, 3});
        try {
            store.verify();
        } catch (const mapvec::Error&) {
        }
        store.refresh();
        if (mode != mapvec::OpenMode::read_write || store.vectors().size() > 1'000'000) return;
        const mapvec::Id id = store.append(row, "new");
        store.update(id, row, "newer");
        if (store.contains(0)) store.erase(0);
        store.commit();
        store.close();
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
    use(mapvec::OpenMode::read_write);
}

}  // namespace fuzz_collection

FUZZ_TARGET(collection, fuzz_collection::run)
