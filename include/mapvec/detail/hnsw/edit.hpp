// GraphEdit: a graph that an update changes, in memory. It reads the files; they are written at the end.
//
//     GraphEdit graph(mapped, upper_records, end);         // with records for the rows below `end`
//     graph.change(id, level, [&](RowId32* record) { … });
//     graph.each_changed(…);                               // changed records of the files
//     file.append(graph.new_level_0());                    // new records
//
// Threads: several threads may read and change records at once. Each list is guarded by one of many locks; no thread
// holds two of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include <mapvec/detail/hnsw/copies.hpp>
#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

class GraphEdit {
  public:
    using Record = std::vector<RowId32>;

    // Rows from mapped.size() on are new. No link leads to rows from `row_count` on, which do not exist. REQUIRES:
    // `mapped` outlives this object.
    GraphEdit(const MappedHnsw& mapped, std::uint64_t upper_records, Id end, std::uint64_t row_count)
        : mapped_(mapped),
          shape_(mapped.shape()),
          first_new_(mapped.size()),
          size_(std::max(first_new_, end)),
          row_count_(row_count),
          first_new_upper_(upper_records),
          locks_(lock_count) {
        new_level_0_.resize((size_ - first_new_) * shape_.level_0_words());
        std::uint64_t upper = upper_records;
        for (Id id = first_new_; id < size_; ++id) {
            const std::size_t level = level_of(id, shape_.m);
            RowId32* const record = &new_level_0_[(id - first_new_) * shape_.level_0_words()];
            record[hnsw_word::flags] = static_cast<RowId32>(level << 16);
            record[hnsw_word::upper] = level == 0 ? no_record : static_cast<RowId32>(upper);
            record[hnsw_word::next] = no_record;
            upper += level;
        }
        if (upper >= no_record)
            throw Error(ErrorCode::out_of_range, mismatch("upper records", "less than 2^32 - 1", upper));
        new_upper_.resize((upper - upper_records) * shape_.upper_words());
    }

    [[nodiscard]] HnswShape shape() const noexcept { return shape_; }
    // The number of rows with a record.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    // The number of these rows that exist in the store: links may lead to them.
    [[nodiscard]] std::uint64_t present() const noexcept { return std::min(size_, row_count_); }

    [[nodiscard]] RowId32 word(Id id, std::size_t number) const {
        const std::lock_guard lock(lock_of(id).mutex);
        return record_of(id, 0)[number];
    }
    [[nodiscard]] bool has(Id id, RowId32 flag) const { return (word(id, hnsw_word::flags) & flag) != 0; }
    [[nodiscard]] std::size_t level(Id id) const {
        const std::lock_guard lock(lock_of(id).mutex);
        return level_in(record_of(id, 0));
    }
    // Calls visit(id) for each link. Nothing if the row does not have this level. REQUIRES: not called from change().
    template <class Visit>
    void each_link(Id id, std::size_t level, Visit visit) const {
        const std::lock_guard lock(lock_of(id).mutex);
        const RowId32* const record = record_of(id, level);
        if (record == nullptr) return;
        for (const RowId32 link : links_in(record, level, shape_))
            if (link < present()) visit(Id{link});
    }
    // True if a link leads to a row with is_one(id), whether the row exists or not.
    template <class Predicate>
    [[nodiscard]] bool has_link(Id id, std::size_t level, Predicate is_one) const {
        const std::lock_guard lock(lock_of(id).mutex);
        const RowId32* const record = record_of(id, level);
        if (record == nullptr) return false;
        const auto links = links_in(record, level, shape_);
        return std::any_of(links.begin(), links.end(), [&](RowId32 link) { return link < size_ && is_one(Id{link}); });
    }
    void prefetch_links(Id) const noexcept {}

    // Calls change(record), unless the row does not have this level. REQUIRES: the callback does not use this object.
    template <class Change>
    void change(Id id, std::size_t level, Change change) {
        const std::lock_guard lock(lock_of(id).mutex);
        if (RowId32* const record = record_to_change(id, level)) change(record);
    }
    void set_word(Id id, std::size_t number, RowId32 value) {
        change(id, 0, [&](RowId32* record) { record[number] = value; });
    }
    void set_flags(Id id, RowId32 set, RowId32 clear = 0) {
        change(id, 0, [&](RowId32* record) { record[hnsw_word::flags] = (record[hnsw_word::flags] & ~clear) | set; });
    }

    // --- at the end of an update ---

    [[nodiscard]] Id first_new() const noexcept { return first_new_; }
    [[nodiscard]] std::span<const RowId32> new_level_0() const noexcept { return new_level_0_; }
    [[nodiscard]] std::span<const RowId32> new_upper() const noexcept { return new_upper_; }
    // Calls visit(on level 0, record number, record).
    template <class Visit>
    void each_changed(Visit visit) const {
        for (const Lock& lock : locks_)
            for (const auto& [key, record] : lock.changed)
                visit(key % 2 == 0, key / 2, std::span<const RowId32>(record));
    }

  private:
    static constexpr std::size_t lock_count = 1024;

    // Guards the records of some rows, and holds the changed records of old rows.
    struct alignas(cache_line) Lock {
        mutable Mutex mutex;
        std::unordered_map<std::uint64_t, Record> changed;  // by record number * 2 + (1 above level 0)
    };

    [[nodiscard]] Lock& lock_of(Id id) noexcept { return locks_[id % lock_count]; }
    [[nodiscard]] const Lock& lock_of(Id id) const noexcept { return locks_[id % lock_count]; }
    [[nodiscard]] static std::uint64_t key_of(std::uint64_t number, std::size_t level) noexcept {
        return number * 2 + (level == 0 ? 0 : 1);
    }

    // REQUIRES for the next functions: the lock of the row is held. They return null if the row does not have this
    // level.
    [[nodiscard]] const RowId32* record_of(Id id, std::size_t level) const {
        if (level > 0) {
            const RowId32* const level_0 = record_of(id, 0);
            if (level > level_in(level_0)) return nullptr;
            return upper_record(id, std::uint64_t{level_0[hnsw_word::upper]} + level - 1);
        }
        if (id >= first_new_) return &new_level_0_[(id - first_new_) * shape_.level_0_words()];
        const RowId32* const changed = changed_record(id, key_of(id, 0));
        return changed != nullptr ? changed : mapped_.record(id, 0);
    }
    // The upper record of row `id`, whose lock is held. The record may belong to another row than in the file.
    [[nodiscard]] const RowId32* upper_record(Id id, std::uint64_t number) const {
        if (id < first_new_ && number >= first_new_upper_) return nullptr;
        if (number >= first_new_upper_) {
            const std::uint64_t at = (number - first_new_upper_) * shape_.upper_words();
            return at < new_upper_.size() ? &new_upper_[at] : nullptr;
        }
        const RowId32* const changed = changed_record(id, key_of(number, 1));
        return changed != nullptr ? changed : mapped_.record(number, 1);
    }
    [[nodiscard]] const RowId32* changed_record(Id id, std::uint64_t key) const {
        const auto& changed = lock_of(id).changed;
        const auto found = changed.find(key);
        return found == changed.end() ? nullptr : found->second.data();
    }
    [[nodiscard]] RowId32* record_to_change(Id id, std::size_t level) {
        const RowId32* const record = record_of(id, level);
        if (record == nullptr) return nullptr;
        if (level == 0 && id >= first_new_) return &new_level_0_[(id - first_new_) * shape_.level_0_words()];
        const std::uint64_t number = level == 0 ? id : std::uint64_t{record_of(id, 0)[hnsw_word::upper]} + level - 1;
        if (level > 0 && number >= first_new_upper_)
            return &new_upper_[(number - first_new_upper_) * shape_.upper_words()];
        const auto [at, fresh] = lock_of(id).changed.try_emplace(key_of(number, level));
        if (fresh) copy_record(record, level, at->second);
        return at->second.data();
    }
    // Copies a record, without links to rows that did not exist when it was written.
    void copy_record(const RowId32* record, std::size_t level, Record& copy) const {
        const std::size_t first = HnswShape::first_link(level);
        copy.assign(first + shape_.capacity(level), 0);
        std::copy_n(record, first, copy.begin());
        std::size_t count = 0;
        for (const RowId32 link : links_in(record, level, shape_))
            if (link < first_new_) copy[first + count++] = link;
        set_link_count(copy.data(), count);
    }

    const MappedHnsw& mapped_;
    const HnswShape shape_;
    const Id first_new_;
    const Id size_;
    const std::uint64_t row_count_;
    const std::uint64_t first_new_upper_;
    std::vector<RowId32> new_level_0_;
    std::vector<RowId32> new_upper_;
    std::vector<Lock> locks_;
};

// Makes `copies`, in ascending order, the copies of the node.
inline void make_ring(GraphEdit& graph, Id node, std::span<const Id> copies) {
    graph.set_word(node, hnsw_word::next, copies.empty() ? no_record : static_cast<RowId32>(copies.back()));
    for (std::size_t i = 0; i < copies.size(); ++i) {
        const Id next = copies[(i + 1) % copies.size()];
        if (graph.has(copies[i], hnsw_flag::copy) && graph.word(copies[i], hnsw_word::next) == next &&
            graph.word(copies[i], hnsw_word::first_link) == node)
            continue;
        graph.change(copies[i], 0, [&](RowId32* record) {
            record[hnsw_word::next] = static_cast<RowId32>(next);
            record[hnsw_word::first_link] = static_cast<RowId32>(node);
            record[hnsw_word::flags] |= hnsw_flag::copy;
            set_link_count(record, 1);
        });
    }
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
