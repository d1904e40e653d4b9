// CollectionIndexes: the indexes in the directory of a collection.
//
// Threads. Any thread may call exact() and graph(), and search with the result, which it keeps alive. The thread of the
// writer, or of refresh(), calls the other functions.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/collection_indexes.hpp>
#include <mapvec/detail/collection/index_inside.hpp>
#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/detail/store/erasure_set.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/error.hpp>
#include <mapvec/options.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Rows, NamedMetric M, Storage File>
class CollectionIndexes {
    using Inside = IndexInside<Rows>;

    // An index, if it is open; otherwise the reason, if it has files.
    struct Slot {
        IndexKind kind;
        std::optional<Error> error{};
        std::size_t changed = 0;  // rows that were overwritten or erased since the last update

        explicit Slot(IndexKind index) noexcept : kind(index) {}
        [[nodiscard]] std::shared_ptr<Inside> get() const {
            if (!is_open_.load(std::memory_order_acquire)) return nullptr;
            const std::lock_guard lock(mutex_);
            return index_;
        }
        void set(std::shared_ptr<Inside> index) {
            is_open_.store(index != nullptr, std::memory_order_release);
            const std::lock_guard lock(mutex_);
            index_.swap(index);
        }

      private:
        std::atomic<bool> is_open_{false};
        mutable Mutex mutex_;
        std::shared_ptr<Inside> index_;
    };

  public:
    // commit() updates an index, a key or a field if so many rows wait.
    static constexpr std::size_t max_waiting = 4096;

    CollectionIndexes(const Rows& rows, const ErasureSet& erased, OpenMode mode)
        : rows_(rows), erased_(erased), mode_(mode) {}

    [[nodiscard]] std::shared_ptr<ExactIndex<Rows>> exact() const {
        return std::static_pointer_cast<ExactIndex<Rows>>(slot(IndexKind::va).get());
    }
    [[nodiscard]] std::shared_ptr<GraphIndex<Rows>> graph() const {
        return std::static_pointer_cast<GraphIndex<Rows>>(slot(IndexKind::hnsw).get());
    }
    [[nodiscard]] std::vector<Error> errors() const {
        std::vector<Error> errors;
        for (const Slot& slot : slots_)
            if (slot.error) errors.push_back(*slot.error);
        return errors;
    }

    // Opens the indexes in the directory. Returns false if there are none. Never throws Error. Does nothing in
    // copy_on_write mode.
    bool open(const std::filesystem::path& directory) {
        directory_ = directory;
        for (Slot& slot : slots_) find(slot);
        return exact() != nullptr || graph() != nullptr;
    }
    // Creates an index of all committed rows, unless it exists. Throws type_mismatch if it exists with other options,
    // read_only if it does not exist and this is not the writer.
    template <IndexOptions Options>
    void create(const Options& options, const CommittedRows<Rows>& rows, unsigned threads, IndexProgress progress) {
        using Index = typename IndexOfOptions<Options>::template Index<Rows, M>;
        Index::use();
        Slot& slot = this->slot(IndexOfOptions<Options>::kind);
        find(slot);
        if (const auto old = slot.get()) return static_cast<const Index&>(*old).check_options(options);
        check_writer();
        build(slot, rows, threads, progress, [&](const auto& path) { return Index::create(path, rows_, options); });
    }
    // Returns false if there is none.
    bool drop(IndexKind kind) {
        check_writer();
        const bool found = index_exists<File>(directory_, kind);
        slot(kind).set(nullptr);
        slot(kind).error.reset();
        discard_index<File>(directory_, kind);
        return found;
    }

    void update(const CommittedRows<Rows>& rows, unsigned threads, IndexProgress progress) {
        for (Slot& slot : slots_) {
            if (const auto index = slot.get()) {
                index->update(rows, threads, SIZE_MAX, progress);
                slot.error.reset();
            }
            slot.changed = 0;
        }
    }
    // After a commit: updates indexes for which many rows wait. If an update fails, the rows still wait, and errors()
    // tells why: the commit is durable already, so nothing is thrown, for want of memory neither.
    void keep_up() noexcept {
        for (Slot& slot : slots_) {
            const auto index = slot.get();
            if (!index) continue;
            const std::size_t known = index->size();
            if (StoreParts::rows(rows_).committed() < known + max_waiting &&
                slot.changed < std::max(max_waiting, known / 8))
                continue;
            try {
                index->update({rows_, erased_, {}}, 1, max_waiting, ignore_progress());
                slot.changed = 0;
                slot.error.reset();
            } catch (const std::exception& error) {
                remember(slot, error);
            }
        }
    }
    // The writer overwrites or erases a row.
    void note_change() noexcept {
        for (Slot& slot : slots_) ++slot.changed;
    }

    // For a reader, before it moves to a newer commit of the collection: an index may know less than the collection,
    // but never more.
    void refresh() {
        for (Slot& slot : slots_) {
            const auto index = slot.get();
            try {
                if (index) index->refresh();
            } catch (const Error&) {
                slot.set(nullptr);  // find() reports the reason
            }
            find(slot);
        }
    }
    void verify(IndexProgress progress) const {
        for (const Slot& slot : slots_)
            if (const auto index = slot.get()) index->verify(progress);
    }
    // Copies the indexes to a copy of the collection that has the same store id. Leaves out damaged ones.
    void copy_to(const std::filesystem::path& directory) const {
        for (const Slot& slot : slots_) {
            try {
                if (const auto index = slot.get()) index->copy_to(index_path(directory, slot.kind));
            } catch (const Error& error) {
                if (error.code() != ErrorCode::corrupt) throw;
            }
        }
    }
    // Builds the indexes of a collection that this one replaces again, for its own rows. If that fails, there is no
    // index, and errors() tells why.
    void replace(const CollectionIndexes& other) noexcept {
        for (Slot& slot : slots_) {
            const auto before = other.slot(slot.kind).get();
            if (!before) continue;
            try {
                before->close();
                build(slot, {rows_, erased_, {}}, 0, ignore_progress(),
                      [&](const auto& path) { return before->create_for(path, rows_); });
            } catch (const std::exception& error) {
                remember(slot, error);
            }
        }
    }
    // Never throws Error: the last commit of an index stays.
    void close() {
        for (Slot& slot : slots_) {
            const auto index = slot.get();
            slot.set(nullptr);
            try {
                if (index) index->close();
            } catch (const Error&) {
            }
        }
    }

  private:
    [[nodiscard]] static IndexProgress ignore_progress() noexcept {
        static constexpr NoProgress none;
        return none;
    }
    [[nodiscard]] Slot& slot(IndexKind kind) noexcept { return slots_[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] const Slot& slot(IndexKind kind) const noexcept { return slots_[static_cast<std::size_t>(kind)]; }

    // Keeps the reason for errors(), if there is memory for it.
    void remember(Slot& slot, const std::exception& problem) const noexcept {
        try {
            if (const auto* const error = dynamic_cast<const Error*>(&problem))
                slot.error = *error;
            else
                slot.error.emplace(ErrorCode::no_space, index_path(directory_, slot.kind),
                                   std::string("updating the index: ") + problem.what());
        } catch (const std::exception&) {
        }
    }
    void check_writer() const {
        if (mode_ != OpenMode::read_write)
            throw Error(ErrorCode::read_only, directory_, "the collection is not open for writing");
    }
    void find(Slot& slot) {
        if (slot.get() || mode_ == OpenMode::copy_on_write) return;
        slot.error.reset();
        try {
            if (!index_exists<File>(directory_, slot.kind)) return;
            const auto path = index_path(directory_, slot.kind);
            const auto opener = IndexOpeners<Rows, M>::of(slot.kind).load();
            if (opener == nullptr)
                throw Error(ErrorCode::invalid_argument, path,
                            "this program has no code for this index: it does not call create_index() for it");
            slot.set(opener(path, rows_, mode_));
        } catch (const Error& error) {
            slot.error = error;
        }
    }
    // Creates the files of an index, and writes all committed rows to it. If it throws, there is no index.
    void build(Slot& slot, const CommittedRows<Rows>& rows, unsigned threads, IndexProgress progress,
               FunctionRef<std::shared_ptr<Inside>(const std::filesystem::path&)> create) {
        discard_index<File>(directory_, slot.kind);
        std::shared_ptr<Inside> index = create(index_path(directory_, slot.kind));
        try {
            index->update(rows, threads, SIZE_MAX, progress);
        } catch (...) {
            index.reset();
            discard_index<File>(directory_, slot.kind);
            throw;
        }
        slot.set(std::move(index));
        slot.error.reset();
        slot.changed = 0;
    }

    const Rows& rows_;
    const ErasureSet& erased_;
    OpenMode mode_;
    std::filesystem::path directory_;
    Slot slots_[2] = {Slot(IndexKind::va), Slot(IndexKind::hnsw)};  // in the order of IndexKind
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
