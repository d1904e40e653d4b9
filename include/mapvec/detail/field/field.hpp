// Field: a value of each payload of a collection, and the rows that have it. Its files (field/table.hpp) describe the
// rows of their last update. For rows that were appended or changed since then, the field knows the values from the
// payloads: it reads them when it is opened, and when a reader refreshes.
//
// State is a CollectionState: entries(), erasures(), rows(), payload(id), contains(id), mutex().
//
// Threads. Any thread may call find() and each(), which take the mutex of the collection. Functions that show a change
// of a row take it too. So if a row replaces another one, always exactly one of them is found.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mapvec/detail/field/print.hpp>
#include <mapvec/detail/field/table.hpp>
#include <mapvec/detail/index/identity.hpp>
#include <mapvec/detail/index/index_files.hpp>
#include <mapvec/error.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

enum class FieldUse { key, filter };  // a key: no two rows have the same value

// The definition of a field.
template <class T>
struct FieldDefinition {
    std::string name{};
    std::string schema{};  // schema of its values
    FieldUse use = FieldUse::filter;
    std::function<FieldPrint(const SipKey&, const T&)> print{};

    [[nodiscard]] std::uint64_t fingerprint() const noexcept {
        Fingerprint print_of_all;
        print_of_all.add_text(name);
        print_of_all.add_text(schema);
        print_of_all.add(use == FieldUse::key ? 'k' : 'f');
        return print_of_all.value();
    }
};

template <class State, class T, Storage File>
class Field {
  public:
    // A change of one row, before it is made.
    struct Change {
        Field* field;
        std::unordered_map<Id, FieldPrint> row;  // one
    };

    // Opens the files of the field in the directory of the collection. A writer creates them if they do not exist, are
    // damaged, or belong to another collection. Throws exists if two rows have the same value of a key; type_mismatch.
    Field(State& state, FieldDefinition<T> definition) : state_(&state), definition_(std::move(definition)) {
        attach();
    }
    Field(const Field&) = delete;
    Field& operator=(const Field&) = delete;

    // The collection has moved to other files. If the files of the field cannot be created, the field works without
    // them.
    void attach(State& state) {
        state_ = &state;
        try {
            attach();
        } catch (const Error&) {
            files_ = {};
            head_ = {};
            learn(state_->rows().size());
        }
    }
    // The collection is gone. Releases the lock of the files, which a FieldIndex may outlive.
    void detach() noexcept {
        state_ = nullptr;
        files_ = {};
    }
    void close() {
        if (files_.is_open()) files_.close();
        detach();
    }
    // The state of the collection. Throws invalid_argument if it is closed.
    [[nodiscard]] State& state() const {
        if (!state_)
            throw Error(ErrorCode::invalid_argument, "field " + definition_.name + ": the collection is closed");
        return *state_;
    }
    [[nodiscard]] const FieldDefinition<T>& definition() const noexcept { return definition_; }
    [[nodiscard]] bool is_key() const noexcept { return definition_.use == FieldUse::key; }

    template <class V>
    [[nodiscard]] FieldPrint print(const V& value) const {
        return print_of(key_, value);
    }
    // Calls visit(id) for the live rows with this value, until visit() returns false. REQUIRES: the caller holds the
    // mutex.
    template <class Visit>
    void each(const FieldPrint& print, Visit&& visit) const {
        const auto [first, last] = rows_of_print_.equal_range(print);
        for (auto it = first; it != last; ++it) {
            const auto row = waiting_.find(it->second);
            if (row != waiting_.end() && row->second == print && state_->contains(row->first) && !visit(row->first))
                return;
        }
        if (!files_.is_open()) return;
        table().each(print, [&](Id id) { return waiting_.count(id) != 0 || !state_->contains(id) || visit(id); });
    }
    // REQUIRES: the caller holds the mutex.
    [[nodiscard]] std::optional<Id> find(const FieldPrint& print) const {
        std::optional<Id> found;
        each(print, [&](Id id) {
            found = id;
            return false;
        });
        return found;
    }
    [[nodiscard]] std::optional<Id> row_like(const T& payload) const {
        const FieldPrint wanted = definition_.print(key_, payload);
        const std::lock_guard lock(state_->mutex());
        return find(wanted);
    }

    // Prepares a change of the payload of a row. Throws exists if another row than `replaced` has the same value of a
    // key.
    [[nodiscard]] Change prepare(Id id, const T& payload, std::optional<Id> replaced) {
        const FieldPrint wanted = definition_.print(key_, payload);
        const std::lock_guard lock(state_->mutex());
        if (is_key())
            if (const auto other = find(wanted); other && other != replaced && *other != id) refuse_second(*other);
        rows_of_print_.emplace(wanted, id);  // has no effect before the row waits
        waiting_.reserve(waiting_.size() + 1);
        return {this, {{id, wanted}}};
    }
    // REQUIRES: the caller holds the mutex.
    void apply(Change& change) noexcept {
        auto node = change.row.extract(change.row.begin());
        if (const auto known = waiting_.find(node.key()); known != waiting_.end())
            known->second = node.mapped();
        else
            waiting_.insert(std::move(node));
    }

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
    // Writes the waiting rows to the files. REQUIRES: the collection is committed, and this is its writer.
    void update() { update(state_->rows().committed()); }
    // After rollback() of the collection.
    void forget_batch() { learn(state_->rows().size()); }
    void refresh() {
        {
            const std::lock_guard lock(state_->mutex());  // find() reads the files
            if (files_.is_open()) files_.refresh();
            load();
        }
        learn(state_->rows().size());
    }
    template <ProgressCallback Progress>
    void verify(Progress progress) const {
        if (files_.is_open()) files_.verify(std::move(progress));
    }
    [[nodiscard]] static std::filesystem::path path_in(const std::filesystem::path& directory,
                                                       const std::string& name) {
        return directory / ("field." + name);
    }
    // Removes all files with these names, of any contents: a damaged file may not even have a valid header.
    static void discard(const std::filesystem::path& directory, const std::string& name) {
        for (const char* suffix : {"", ".slots", ".head", ".rows", ".journal0", ".journal1"}) {
            auto path = path_in(directory, name);
            File::remove(path += suffix);
        }
    }
    // The files, for a copy of the collection; nothing if they are damaged.
    static void copy(const std::filesystem::path& from, const std::filesystem::path& to, const std::string& name,
                     const StoreId& collection) {
        try {
            IndexFiles<File>::copy(path_in(from, name), path_in(to, name), fingerprint_in(collection), file_kinds());
        } catch (const Error& error) {
            if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::type_mismatch &&
                error.code() != ErrorCode::not_found)
                throw;
        }
    }

  private:
    static constexpr std::uint64_t rows_at_once = 1 << 20;

    [[nodiscard]] static std::vector<IndexFile> file_kinds() {
        return {{"", FileKind::field_rows, 1, sizeof(FieldRow)},
                {".slots", FileKind::field_slots, 1, sizeof(std::uint64_t)},
                {".head", FileKind::field_head, 1, sizeof(FieldHead)}};
    }

    [[nodiscard]] static std::uint64_t fingerprint_in(const StoreId& collection) noexcept {
        return index_fingerprint(collection, "field");
    }

    void attach() {
        open_files();
        load();
        const std::uint64_t committed = state_->rows().committed();
        while (state_->is_writer() && files_.is_open() && files_.size() + rows_at_once < committed) {
            const Id end = files_.size() + rows_at_once;
            learn(end);
            update(end);
        }
        learn(state_->rows().size());
    }
    void open_files() {
        const auto path = path_in(state_->directory(), definition_.name);
        const std::uint64_t fingerprint = fingerprint_in(state_->entries().header().store_id);
        const OpenMode mode = state_->is_writer() ? OpenMode::read_write : OpenMode::read_only;
        files_ = {};
        try {
            files_ = IndexFiles<File>::open(path, fingerprint, file_kinds(), mode);
            check_definition();
        } catch (const Error& error) {
            const bool other = error.code() == ErrorCode::type_mismatch && files_.is_open();
            const bool useless = error.code() == ErrorCode::not_found || error.code() == ErrorCode::corrupt ||
                                 error.code() == ErrorCode::type_mismatch;
            files_ = {};
            if (other || !useless) throw;
            if (!state_->is_writer()) return;
            discard(state_->directory(), definition_.name);
            files_ = IndexFiles<File>::create(path, fingerprint, file_kinds());
        }
    }
    void check_definition() const {
        const FieldHead head = read_head();
        if (!FieldTable<File>(files_[0], files_[1], head).is_sound())
            throw Error(ErrorCode::corrupt, files_.path(), "its table does not lie in its file");
        if (files_[0].size() < files_.size())
            throw Error(ErrorCode::corrupt, files_.path(), mismatch("rows", files_.size(), files_[0].size()));
        if (head.definition != 0 && head.definition != definition_.fingerprint())
            throw Error(ErrorCode::type_mismatch, files_.path(),
                        "this field was made of values of another type, or is a key and no filter, or the reverse");
    }
    [[nodiscard]] FieldHead read_head() const noexcept {
        FieldHead head;
        if (files_[2].size() != 0) std::memcpy(&head, files_[2].record(0).data(), sizeof head);
        return head;
    }
    void load() {
        if (!files_.is_open()) return;
        check_definition();
        head_ = read_head();
        if (const SipKey key = table().key(); key != key_) key_ = key;  // print() reads it without the mutex
    }
    [[nodiscard]] FieldTable<File> table() const noexcept { return {files_[0], files_[1], head_}; }

    // The rows that the files describe; none if the collection has another history of erasures.
    [[nodiscard]] RowRanges described() const {
        if (!files_.is_open()) return {};
        const auto& erasures = state_->erasures();
        const RowRanges same = described_rows(head_.erasures, erasures.state(), erasures.records());
        if (!head_.erasures.is_sound() || !same.are_all_below(head_.erasures.count)) return {};
        return files_.search(state_->entries()).described();
    }
    // Reads the payloads of all other rows below `end`.
    void learn(Id end) {
        std::unordered_map<Id, FieldPrint> waiting;
        const RowRanges others = described().complement(end);
        for (const RowRange range : others.ranges())
            for (Id id = range.first; id < range.end; ++id)
                waiting.emplace(id, state_->contains(id) ? definition_.print(key_, state_->payload(id)) : FieldPrint{});
        std::unordered_multimap<FieldPrint, Id, FieldPrintHash> rows_of_print;
        for (const auto& [id, print] : waiting)
            if (print != FieldPrint{}) rows_of_print.emplace(print, id);
        const std::lock_guard lock(state_->mutex());
        waiting_.swap(waiting);
        rows_of_print_.swap(rows_of_print);
        if (is_key()) check_unique();
    }
    void check_unique() const {
        for (const auto& [id, print] : waiting_) {
            if (!state_->contains(id)) continue;
            each(print, [&, row = id](Id other) {
                if (other != row) refuse_second(std::min(other, row));
                return true;
            });
        }
    }
    void update(Id end) {
        const auto& erasures = state_->erasures();
        if (!files_.is_open()) return;
        if (waiting_.empty() && head_.erasures.count == erasures.committed()) return;
        const IndexPlan plan = files_.plan(state_->entries(), end - std::min<Id>(files_.size(), end));
        const FieldTable<File> before = table();
        FieldTableUpdate<File> work(before, plan.next.count);
        follow_erasures(work, before.size());
        link_waiting(work, plan.next.count);
        const IndexedRows followed =
            indexed_rows(erasures.state(), erasures.stride(), erasures.records(), erasures.committed());
        install(work, plan.next, followed);
        files_.commit();
    }
    void follow_erasures(FieldTableUpdate<File>& work, std::uint64_t known) const {
        const auto& erasures = state_->erasures();
        for (std::uint64_t i = head_.erasures.count; i < erasures.committed(); ++i)
            if (const Id id = state_->erasure(i); id < known) work.unlink(id);
    }
    void link_waiting(FieldTableUpdate<File>& work, Id end) const {
        std::vector<Id> ids;
        for (const auto& [id, print] : waiting_)
            if (id < end) ids.push_back(id);
        std::sort(ids.begin(), ids.end());
        for (const Id id : ids) {
            while (work.size() < id) work.add_unlinked();
            if (id < work.size()) work.unlink(id);
            if (state_->contains(id))
                work.link(id, waiting_.at(id));
            else if (id == work.size())
                work.add_unlinked();
        }
        while (work.size() < end) work.add_unlinked();
    }
    void install(FieldTableUpdate<File>& work, const IndexedRows& rows, const IndexedRows& erasures) {
        const std::lock_guard lock(state_->mutex());
        try {
            const auto change = files_.change();
            work.write(files_[0], files_[1], files_[2], definition_.fingerprint(), erasures);
            files_.install(rows);
        } catch (...) {
            files_.rollback();
            throw;
        }
        head_ = read_head();
        waiting_.clear();
        rows_of_print_.clear();
    }
    [[noreturn]] void refuse_second(Id other) const {
        throw Error(ErrorCode::exists, state_->directory(),
                    "key " + definition_.name + ": row " + std::to_string(other) + " has this value already");
    }

    State* state_;
    FieldDefinition<T> definition_;
    IndexFiles<File> files_;  // closed if the collection has none, for a reader
    FieldHead head_;
    SipKey key_{};
    std::unordered_map<Id, FieldPrint> waiting_;  // rows that the files do not describe, and their values
    std::unordered_multimap<FieldPrint, Id, FieldPrintHash> rows_of_print_;  // may list rows with another value by now
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
