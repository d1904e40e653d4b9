// A key or a field of a collection with damage in its files or their journal; the collection itself is whole. Only
// mapvec::Error may be thrown, and every row that is found must be a live one. The first byte chooses key or field.
#include <mapvec/collection.hpp>

#include <array>
#include <cstdlib>
#include <string>

#include "fuzz/damaged_store.hpp"
#include "program.hpp"

namespace fuzz_field {

namespace {

using Docs = mapvec::Collection<2, std::string>;

constexpr std::array<float, 2> row{1, 2};
constexpr int rows = 100;

// Rows of a key differ; ten rows of the other field have one value.
auto field_of(Docs& docs, bool is_key) {
    const auto value = [is_key](const std::string& text) { return is_key ? text : text.substr(0, 1); };
    return is_key ? docs.key("text", value) : docs.field("text", value);
}
std::string text_of(int i) { return static_cast<char>('a' + i % 10) + std::to_string(i); }

struct Store {
    fuzz::Files collection, field;
};
// With rows that the files of the field do not describe.
Store killed_store(bool is_key) {
    fuzz::clear();
    auto docs = Docs::create(fuzz::directory() / "docs");
    auto texts = field_of(docs, is_key);
    for (int i = 0; i < rows; ++i) {
        docs.append(row, text_of(i));
        if (i % 30 != 29) continue;
        docs.erase(static_cast<mapvec::Id>(i / 2));
        docs.commit();
        docs.update_indexes();
    }
    docs.commit();
    Store store;
    for (auto& file : fuzz::take())
        (file.first.find("field.") == std::string::npos ? store.collection : store.field).push_back(file);
    return store;
}

void look(const Docs& docs, const auto& texts, bool is_key) {
    const auto check = [&](mapvec::Id id) {
        if (!docs.contains(id)) std::abort();
    };
    for (int i = 0; i < rows; i += 7) {
        const std::string value = is_key ? text_of(i) : text_of(i).substr(0, 1);
        if (const auto id = texts.find(value)) check(*id);
        for (const mapvec::Id id : texts.rows(value).ids) check(id);
    }
}

void use(mapvec::OpenMode mode, bool is_key) {
    try {
        auto docs = Docs::open(fuzz::directory() / "docs", mode);
        auto texts = field_of(docs, is_key);
        look(docs, texts, is_key);
        docs.refresh();
        look(docs, texts, is_key);
        if (mode != mapvec::OpenMode::read_write) return;
        texts.erase(is_key ? text_of(3) : "b");
        for (int i = 0; i < 3; ++i) docs.append(row, text_of(rows + i));
        docs.commit();
        docs.update_indexes();
        look(docs, texts, is_key);
        docs.close();
    } catch (const mapvec::Error&) {
    }
}

}  // namespace

void run(const std::uint8_t* data, std::size_t size) {
    static const Store stores[] = {killed_store(false), killed_store(true)};
    if (size == 0 || size > 400) return;
    const bool is_key = (data[0] & 1) != 0;
    const Store& store = stores[is_key ? 1 : 0];
    fuzz::Files files = store.field;
    fuzz::damage(files, data + 1, size - 1);
    files.insert(files.end(), store.collection.begin(), store.collection.end());
    fuzz::put(files);
    use(mapvec::OpenMode::read_only, is_key);
    use(mapvec::OpenMode::read_write, is_key);
    use(mapvec::OpenMode::read_write, is_key);
}

}  // namespace fuzz_field

FUZZ_TARGET(field, fuzz_field::run)
