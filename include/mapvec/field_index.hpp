// FieldIndex: finds the rows of a collection by a value of their payloads, without reading payloads. In memory-mapped
// files.
//
//     auto docs = mapvec::Collection<512, Doc, float, mapvec::Cosine>::open_or_create("docs");
//     auto urls = docs.key("url", &Doc::url);                    // no two rows have the same url
//     docs.put(vector, doc);                                     // replaces the row with this url, or adds one
//     std::optional<Id> row = urls.find("https://example.org");
//     urls.erase("https://example.org");
//     auto language = docs.field("language", &Doc::language);    // many rows may have the same language
//     docs.search(query, language.rows("en"));                   // reads these rows only
//
// A field is a member of the payload, or a function of it: docs.key("host", [](const Doc& doc) { … }). The name of a
// field identifies the function in the files; another function needs another name. The value may have any type with a
// codec, if equal values have equal bytes: strings, integers, enums, pairs of them.
//
// A program names its keys and fields each time it opens the collection, before it writes. From then on they follow
// every change. Existing files are opened; a writer creates them if they do not exist or are damaged. If rows have
// changed while no program had the field open, their payloads are read when it is opened.
//
// A FieldIndex may be used until the collection is closed, also if the collection is moved. Afterwards its functions
// throw invalid_argument.
//
// Threads. Any thread may call find(), contains() and rows(). They see changes of the writer at once, committed or not.
//
// Durability. That of the collection. The files of a field contain nothing that the payloads do not.
//
// Complexity. find() is O(1); rows() is O(rows found). Memory: about 100 bytes for each row that was changed since the
// files were updated; commit() updates them when 4,096 rows wait, and close() always. On disk: 32 bytes for each row
// and 12 to 48 bytes for each value.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <mapvec/detail/field/field.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// A list of rows, ascending. As the filter of a search, the search reads these rows only.
struct RowList {
    std::vector<Id> ids;

    [[nodiscard]] bool operator()(Id id) const noexcept { return std::binary_search(ids.begin(), ids.end(), id); }
};

// Collection::key() and Collection::field() return it. Value: the type of the field.
template <class Value, class FieldOfCollection>
class FieldIndex {
  public:
    using Key = detail::FieldKey<Value>;  // Value, or std::string_view for strings

    explicit FieldIndex(std::shared_ptr<FieldOfCollection> field) noexcept : field_(std::move(field)) {}

    // A row with this value; any of them if there are several.
    [[nodiscard]] std::optional<Id> find(const Key& key) const {
        const auto print = field_->print(key);
        const std::lock_guard lock(field_->state().mutex());
        return field_->find(print);
    }
    [[nodiscard]] bool contains(const Key& key) const { return find(key).has_value(); }
    // All rows with this value, ascending.
    [[nodiscard]] RowList rows(const Key& key) const {
        RowList found;
        const auto print = field_->print(key);
        const std::lock_guard lock(field_->state().mutex());
        field_->each(print, [&](Id id) {
            found.ids.push_back(id);
            return true;
        });
        std::sort(found.ids.begin(), found.ids.end());
        found.ids.erase(std::unique(found.ids.begin(), found.ids.end()), found.ids.end());
        return found;
    }
    // Erases all rows with this value; returns their number. See Collection::erase.
    std::size_t erase(const Key& key) {
        const RowList found = rows(key);
        for (const Id id : found.ids) field_->state().erase(id);
        return found.ids.size();
    }

  private:
    std::shared_ptr<FieldOfCollection> field_;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
