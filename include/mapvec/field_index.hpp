// FieldIndex: finds the rows of a collection by a value of their payloads, without reading payloads. In mapped files.
//
//     auto docs = mapvec::Collection<512, Doc, float, mapvec::Cosine>::open_or_create("docs");
//     auto urls = docs.key("url", &Doc::url);                    // no two rows have the same
//     docs.put(vector, doc);                                     // a new row, or in the place of the one with this url
//     std::optional<Id> row = urls.find("https://example.org");
//     urls.erase("https://example.org");
//     auto language = docs.field("language", &Doc::language);    // any number of rows have the same
//     docs.search(query, language.rows("en"));                   // reads these rows only
//
// A field is a member of the payload or what a function computes from it: docs.key("host", [](const Doc& doc) { … }).
// Its name stands for the function in the files; a function that computes something else needs another name. A value
// is anything that has a codec and whose equal values have equal bytes: strings, integers, enums, pairs of them.
//
// A program names its keys and fields each time it has opened the collection, before it writes: from then on they follow
// every change. The files are found again; a writer makes them if there are none or if they are damaged. Values of
// rows that changed while no program had the field open are read from the payloads then.
//
// A FieldIndex follows the collection, moved or not, until that is closed; then its functions throw invalid_argument.
//
// Threads: find(), contains() and rows() [any thread]; they see what the writer has changed, committed or not.
// Durability: that of the collection; the files of an index hold nothing that the payloads do not.
// Complexity: O(1) and O(rows found). In memory: some 100 bytes a row that was changed since the files were updated,
// which commit() does whenever 4,096 rows wait, and close() always. On disk: 32 bytes a row and 11 to 32 bytes a value.
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

// Some rows, ascending: a filter for searches, which then read these rows only.
struct RowList {
    std::vector<Id> ids;

    [[nodiscard]] bool operator()(Id id) const noexcept { return std::binary_search(ids.begin(), ids.end(), id); }
};

// Made by Collection::key() and Collection::field(). Value: of the field.
template <class Value, class FieldOfCollection>
class FieldIndex {
  public:
    using Key = detail::FieldKey<Value>;  // Value, or std::string_view for strings

    explicit FieldIndex(std::shared_ptr<FieldOfCollection> field) noexcept : field_(std::move(field)) {}

    // The row that has this value; if there are several, one of them.
    [[nodiscard]] std::optional<Id> find(const Key& key) const {
        const auto print = field_->print(key);
        const std::lock_guard lock(field_->state().mutex());
        return field_->find(print);
    }
    [[nodiscard]] bool contains(const Key& key) const { return find(key).has_value(); }
    // All rows that have this value, ascending.
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
    // Erases all rows that have this value; returns how many. As Collection::erase.
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
