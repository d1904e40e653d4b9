// CollectionState: the files of an open collection, as live and erased rows. A change of a row is made in all files or
// in none. It is on the heap and does not move with its Collection.
//
// Order of changes, for threads that read at the same time: a payload becomes visible before its row, so that a reader
// who sees a row finds its payload. If a row replaces another one, the other is erased first, so that no search finds
// both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/collection/files.hpp>
#include <mapvec/detail/collection/indexes.hpp>
#include <mapvec/detail/field/field.hpp>
#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/detail/store/erasure_set.hpp>
#include <mapvec/detail/util/movable_atomic.hpp>
#include <mapvec/error.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/payload_store.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File>
class CollectionState {
  public:
    using Files = CollectionFiles<Dim, T, S, M, File>;
    using Vectors = MmapVectorStore<Dim, S, File>;
    using Payloads = PayloadStore<T, Codec<T>, File>;
    using Records = typename Files::Records;
    using Row = typename Vectors::Row;
    using FieldOf = Field<CollectionState, T, File>;
    using Indexes = CollectionIndexes<Vectors, M, File>;

    // Throws corrupt if the files contradict each other.
    CollectionState(CommitGroup<File> group, OpenMode mode)
        : mode_(mode),
          group_(std::move(group)),
          vectors_(StoreParts::part_of_other<Vectors>(group_[0])),
          payloads_(StoreParts::part_of_other<Payloads>(group_, Files::first_payload)),
          rows_(&group_[0]),
          records_(group_, Files::first_payload),
          erased_(&group_[Files::erasures]) {
        check_payload_count();
        learn_erasures();
        count_live_rows();
        const bool has_indexes = indexes_.open(directory());
        if (has_indexes && mode_ == OpenMode::read_only) refresh_rows();  // an index may know a newer commit
    }
    CollectionState(const CollectionState&) = delete;
    CollectionState& operator=(const CollectionState&) = delete;
    // Calls close(), except during stack unwinding, when the batch is discarded.
    ~CollectionState() {
        if (is_writer() && group_.is_open() && group_.commits_at_end()) {
            try {
                close();
            } catch (...) {  // earlier commits stay durable
            }
        }
        for (const auto& field : fields_) field->detach();
    }

    // --- reading [any thread] ---

    [[nodiscard]] const Vectors& vectors() const noexcept { return vectors_; }
    [[nodiscard]] const Payloads& payloads() const noexcept { return payloads_; }
    [[nodiscard]] std::uint64_t rewrites() const noexcept { return rows_->header().rewrites; }
    // The directory of the collection, for both places of its files.
    [[nodiscard]] std::filesystem::path directory() const {
        const auto place = rows_->path().parent_path();
        return rewrites() % 2 == 0 ? place : place.parent_path();
    }
    // False if other files have replaced these.
    [[nodiscard]] bool is_current() const { return rows_->file().has_its_name(); }

    [[nodiscard]] bool contains(Id id) const noexcept { return id < rows_->size() && !is_erased(id); }
    [[nodiscard]] bool is_erased(Id id) const noexcept { return erased_ids_.contains(id); }
    [[nodiscard]] bool has_erased_rows() const noexcept { return erased_ids_.size() != 0; }
    [[nodiscard]] std::size_t live_rows() const noexcept { return live_rows_.load(); }
    // Throws out_of_range.
    void check(Id id) const {
        if (!contains(id)) refuse(id);
    }
    // REQUIRES: contains(id).
    [[nodiscard]] T payload(Id id) const { return records_.fetch(id); }
    template <class Member>
    [[nodiscard]] auto payload(Id id, Member field) const {
        return records_.fetch_field(id, field);
    }

    template <ProgressCallback Progress>
    void verify(Progress& progress) const {
        verify_payloads(group_, records_, progress);
        indexes_.verify(progress);
    }

    // --- for copies (detail/collection/rewrite.hpp) ---

    [[nodiscard]] const MappedArray<File>& array(std::size_t file) const noexcept { return group_[file]; }
    [[nodiscard]] const Records& records() const noexcept { return records_; }
    [[nodiscard]] StoreOptions options_of_copy(std::uint64_t rows) const {
        return {.dim = vectors_.dim(), .initial_capacity = static_cast<std::size_t>(rows)};
    }

    // --- for fields (detail/field/field.hpp) ---

    [[nodiscard]] bool is_writer() const noexcept { return mode_ == OpenMode::read_write; }
    [[nodiscard]] Mutex& mutex() const noexcept { return mutex_; }
    [[nodiscard]] const MappedArray<File>& rows() const noexcept { return *rows_; }
    // The file with a record for each row that changes with its payload.
    [[nodiscard]] const MappedArray<File>& entries() const noexcept { return group_[Files::erasures - 1]; }
    [[nodiscard]] const MappedArray<File>& erasures() const noexcept { return *erased_; }
    // REQUIRES: number < erasures().size().
    [[nodiscard]] Id erasure(std::uint64_t number) const noexcept {
        Id id = 0;
        std::memcpy(&id, erased_->record(number).data(), sizeof id);
        return id;
    }
    // The field with this definition. Returns the open field if the same definition is known.
    std::shared_ptr<FieldOf> field(FieldDefinition<T> definition) {
        for (const auto& field : fields_) {
            if (field->definition().name != definition.name) continue;
            if (field->definition().fingerprint() == definition.fingerprint()) return field;
            throw Error(ErrorCode::type_mismatch, directory(), "field " + definition.name + " is open as another one");
        }
        fields_.push_back(std::make_shared<FieldOf>(*this, std::move(definition)));
        return fields_.back();
    }
    // Returns false if no field has this name.
    bool drop_field(const std::string& name) {
        if (!is_writer()) throw Error(ErrorCode::read_only, directory(), "the collection is open for reading");
        std::erase_if(fields_, [&](const auto& field) {
            if (field->definition().name != name) return false;
            field->close();
            return true;
        });
        const bool found = File::exists(FieldOf::path_in(directory(), name));
        FieldOf::discard(directory(), name);
        return found;
    }
    // Takes over the fields of a collection that this one replaces. Creates files again that cannot be used.
    void take_fields(CollectionState& other) {
        for (const auto& field : other.fields_) field->attach(*this);
        fields_.swap(other.fields_);
    }
    // Removes the files of fields that are not open, because they contain values of rows that no longer exist.
    void discard_other_fields() {
        for (const std::string& name : fields_in(directory())) {
            const auto known = [&](const auto& field) { return field->definition().name == name; };
            if (std::none_of(fields_.begin(), fields_.end(), known)) FieldOf::discard(directory(), name);
        }
    }
    // --- indexes (detail/collection/indexes.hpp) ---

    [[nodiscard]] Indexes& indexes() noexcept { return indexes_; }
    [[nodiscard]] const ErasureSet& erased_rows() const noexcept { return erased_ids_; }
    template <class Options>
    void create_index(const Options& options, unsigned threads, IndexProgress progress) {
        indexes_.create(options, committed_rows(), threads, progress);
    }
    void update_indexes(unsigned threads, IndexProgress progress) {
        update_fields();
        indexes_.update(committed_rows(), threads, progress);
    }
    void update_fields() {
        for (const auto& field : fields_) field->update();
    }

    // --- writing: what throws has changed nothing ---

    // Appends a row. Replaces the row with the same key, if there is one. Throws invalid_argument if there is no key.
    Id put(std::span<const S> vector, const T& payload) {
        const auto key =
            std::find_if(fields_.begin(), fields_.end(), [](const auto& field) { return field->is_key(); });
        if (key == fields_.end())
            throw Error(ErrorCode::invalid_argument, directory(), "put() needs a key: call key() when it is opened");
        const auto known = (*key)->row_like(payload);
        return known ? replace(*known, vector, payload) : append(vector, payload);
    }

    Id append(std::span<const S> vector, const T& payload) {
        check_dim(vector);
        auto changes = prepare(rows_->size(), payload);
        records_.stage(payload);
        rows_->stage(std::as_bytes(vector));
        return publish([this] { return publish_row(); }, changes);
    }
    Id append_encoded(std::span<const S> vector, std::span<const std::byte> payload) {
        check_dim(vector);
        Changes changes;
        if (!fields_.empty()) changes = prepare(rows_->size(), records_.decode(payload));
        records_.stage_encoded(payload);
        rows_->stage(std::as_bytes(vector));
        return publish([this] { return publish_row(); }, changes);
    }
    // Appends a row and erases row `id`. REQUIRES: contains(id).
    Id replace(Id id, std::span<const S> vector, const T& payload) {
        check_dim(vector);
        auto changes = prepare(rows_->size(), payload, id);
        indexes_.note_change();
        stage_erasure(id);
        records_.stage(payload);
        rows_->stage(std::as_bytes(vector));
        const auto publish_both = [this, id] {
            publish_erasure(id);
            return publish_row();
        };
        return publish(publish_both, changes);
    }
    // REQUIRES for the next functions: contains(id).
    void update(Id id, const T& payload) {
        auto changes = prepare(id, payload, id);
        records_.prepare_update(id, payload);
        publish([&] { records_.update_prepared(id); }, changes);
    }
    void update(Id id, std::span<const S> vector, const T& payload) {
        check_dim(vector);
        auto changes = prepare(id, payload, id);
        rows_->prepare_overwrite(id);
        records_.prepare_update(id, payload);
        const auto overwrite_both = [&] {
            rows_->overwrite_prepared(id, std::as_bytes(vector));
            records_.update_prepared(id);
        };
        indexes_.note_change();
        publish(overwrite_both, changes);
    }
    void erase(Id id) {
        indexes_.note_change();
        stage_erasure(id);
        publish_erasure(id);
        count_live_rows();
    }
    void reserve(std::size_t rows) { rows_->reserve(rows); }

    // --- durability: as CommitGroup ---

    // Updates the fields and indexes for which many rows wait. If an update fails, also for want of memory, the rows
    // still wait: the commit is durable already.
    void commit() {
        group_.commit();
        for (const auto& field : fields_) {
            if (field->waiting() < Indexes::max_waiting) continue;
            try {
                field->update();
            } catch (const std::exception&) {
            }
        }
        if (is_writer()) indexes_.keep_up();
    }
    bool refresh() {
        if (!is_writer()) indexes_.refresh();
        return refresh_rows();
    }
    void rollback() {
        for (std::uint64_t i = erased_->committed(); i < erased_->size(); ++i)
            discarded_erasures_.push_back(erasure(i));
        group_.rollback();  // if it throws, the next call continues
        for (const Id id : discarded_erasures_)
            if (erased_ids_.contains(id)) erased_ids_.remove(id);
        discarded_erasures_.clear();
        count_live_rows();
        for (const auto& field : fields_) field->forget_batch();
    }
    void close() {
        if (is_writer() && !fields_.empty()) {
            group_.commit();
            update_fields();
            for (const auto& field : fields_) field->close();
        }
        indexes_.close();
        group_.close();
    }

  private:
    void check_dim(std::span<const S> vector) const {
        if (vector.size_bytes() != rows_->stride())
            throw Error(ErrorCode::dimension_mismatch, rows_->path(),
                        mismatch("scalars", rows_->stride() / sizeof(S), vector.size()));
    }
    bool refresh_rows() {
        const bool moved = group_.refresh([this] {
            check_payload_count();
            for (std::size_t file = Files::first_payload; file <= Files::erasures; ++file)
                group_[file].show_committed();
            learn_erasures();
            group_[0].show_committed();  // last: a thread that sees a row also sees its payload and its erasure
            count_live_rows();
        }) || fields_behind_;
        fields_behind_ = moved;  // stays true if a field throws
        if (moved)
            for (const auto& field : fields_) field->refresh();
        fields_behind_ = false;
        return moved;
    }
    [[nodiscard]] CommittedRows<Vectors> committed_rows() const {
        std::vector<Id> pending;
        for (std::uint64_t i = erased_->committed(); i < erased_->size(); ++i) pending.push_back(erasure(i));
        return {vectors_, erased_ids_, std::move(pending)};
    }
    using Changes = std::vector<typename FieldOf::Change>;

    // The changes of all fields for the new payload of a row. Throws exists.
    [[nodiscard]] Changes prepare(Id id, const T& payload, std::optional<Id> replaced = std::nullopt) {
        Changes changes;
        for (const auto& field : fields_) changes.push_back(field->prepare(id, payload, replaced));
        return changes;
    }
    // Shows a change of a row and of the fields together, for threads that use a field.
    template <class Show>
    auto publish(Show show, Changes& changes) {
        if (changes.empty()) return show();
        const std::lock_guard lock(mutex_);
        struct ApplyAtEnd {
            Changes& changes;
            int exceptions = std::uncaught_exceptions();
            ~ApplyAtEnd() {
                if (std::uncaught_exceptions() > exceptions) return;
                for (auto& change : changes) change.field->apply(change);
            }
        } apply{changes};
        return show();
    }
    Id publish_row() noexcept {
        records_.publish();
        rows_->publish(1);
        count_live_rows();
        return rows_->size() - 1;
    }
    void stage_erasure(Id id) {
        erased_ids_.reserve_for(id);
        erased_->stage(bytes_of(id));
    }
    void publish_erasure(Id id) noexcept {
        erased_->publish(1);
        erased_ids_.add(id);
    }
    // The writer computes it: the difference of two sizes, read by another thread, may mix two moments.
    void count_live_rows() noexcept { live_rows_.store(static_cast<std::size_t>(rows_->size() - erased_ids_.size())); }

    void check_payload_count() const {
        const std::uint64_t expected = group_[0].committed(), found = group_[Files::erasures - 1].committed();
        if (found != expected) throw Error(ErrorCode::corrupt, payloads_.path(), mismatch("records", expected, found));
    }
    void learn_erasures() {
        for (std::uint64_t i = erased_ids_.size(); i < erased_->size(); ++i) {
            const Id id = erasure(i);
            if (id < rows_->committed()) {
                erased_ids_.reserve_for(id);
                if (erased_ids_.add(id)) continue;
            }
            throw Error(ErrorCode::corrupt, erased_->path(),
                        "erasure " + std::to_string(i) + " is of row " + std::to_string(id) +
                            ", which was never there or is erased already");
        }
    }
    [[noreturn]] void refuse(Id id) const {
        throw Error(ErrorCode::out_of_range, directory(),
                    id < rows_->size() ? "row " + std::to_string(id) + " is erased"
                                       : mismatch("row id", "less than " + std::to_string(rows_->size()), id));
    }

    OpenMode mode_;
    CommitGroup<File> group_;
    Vectors vectors_;
    Payloads payloads_;
    MappedArray<File>* rows_;
    Records records_;
    MappedArray<File>* erased_;
    ErasureSet erased_ids_;
    std::vector<Id> discarded_erasures_;  // of a rollback that has not succeeded yet
    MovableAtomic<std::size_t> live_rows_;
    Indexes indexes_{vectors_, erased_ids_, mode_};
    std::vector<std::shared_ptr<FieldOf>> fields_;
    bool fields_behind_ = false;
    mutable Mutex mutex_;  // of the fields
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
