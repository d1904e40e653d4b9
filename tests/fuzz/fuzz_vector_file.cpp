// A vector file with damage in the file or its journal. Only mapvec::Error may be thrown, by any function.
#include <mapvec/mmap_vector_store.hpp>

#include <array>

#include "fuzz/damaged_store.hpp"
#include "program.hpp"

namespace fuzz_vector_file {

namespace {

using Store = mapvec::MmapVectorStore<3>;

// A store whose last commits, with overwrites, are in its journal, as after a kill.
fuzz::Files killed_store() {
    fuzz::clear();
    auto store = Store::create(fuzz::directory() / "store", {.initial_capacity = 20});
    for (int commits = 0; commits < 4; ++commits) {
        const auto number = static_cast<float>(commits);
        store.append(std::array{number, 1.0f, 2.0f});
        store.insert(store.size() + 1, std::array{number, 3.0f, 4.0f});
        store.insert(0, std::array{number, 5.0f, 6.0f});
        store.commit();
    }
    return fuzz::take();
}

void use(mapvec::OpenMode mode) {
    try {
        auto store = Store::open(fuzz::directory() / "store", mode);
        volatile float sum = 0;
        for (const auto row : store) sum = sum + row[0] + row[2];
        try {
            store.verify();
        } catch (const mapvec::Error&) {
        }
        store.refresh();
        if (mode == mapvec::OpenMode::read_only || store.size() > 1'000'000) return;
        if (!store.empty()) store.insert(store.size() / 2, std::array{1.0f, 2.0f, 3.0f});
        if (mode != mapvec::OpenMode::read_write) return;
        store.append(std::array{1.0f, 2.0f, 3.0f});
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
    if (size > 0 && data[0] == 0xff)  // the input is the file itself
        files = {{"store", std::string(reinterpret_cast<const char*>(data) + 1, size - 1)}};
    else
        fuzz::damage(files, data, size);
    fuzz::put(files);
    use(mapvec::OpenMode::read_only);
    use(mapvec::OpenMode::copy_on_write);
    use(mapvec::OpenMode::read_write);
    use(mapvec::OpenMode::read_write);
}

}  // namespace fuzz_vector_file

FUZZ_TARGET(vector_file, fuzz_vector_file::run)
