// A payload store with damage in its files or its journal. Only mapvec::Error may be thrown.
#include <mapvec/payload_store.hpp>

#include <map>

#include "fuzz/damaged_store.hpp"
#include "program.hpp"

namespace fuzz_payload_store {

namespace {

using Record = std::map<std::string, std::vector<std::uint16_t>>;
using Store = mapvec::PayloadStore<Record>;

fuzz::Files killed_store() {
    fuzz::clear();
    auto store = Store::create(fuzz::directory() / "store", {.initial_capacity = 20});
    for (std::uint16_t commits = 0; commits < 4; ++commits) {
        store.push({{"key", {1, 2, commits}}, {"other", {}}});
        store.push({});
        store.update(0, {{"updated", {commits}}});
        store.commit();
    }
    return fuzz::take();
}

void use(mapvec::OpenMode mode) {
    try {
        auto store = Store::open(fuzz::directory() / "store", mode);
        for (mapvec::Id id = 0; id < std::min<std::size_t>(store.size(), 1000); ++id) {
            try {
                (void)store.bytes(id);
                (void)store.fetch(id);
            } catch (const mapvec::Error&) {
            }
        }
        try {
            const std::vector<mapvec::Id> ids(40, store.size() / 2);
            (void)store.fetch_many(ids);
        } catch (const mapvec::Error&) {
        }
        try {
            store.verify();
        } catch (const mapvec::Error&) {
        }
        store.refresh();
        if (mode != mapvec::OpenMode::read_write || store.size() > 1'000'000) return;
        store.push({{"new", {7}}});
        store.update(0, {});
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
    use(mapvec::OpenMode::copy_on_write);
    use(mapvec::OpenMode::read_write);
    use(mapvec::OpenMode::read_write);
}

}  // namespace fuzz_payload_store

FUZZ_TARGET(payload_store, fuzz_payload_store::run)
