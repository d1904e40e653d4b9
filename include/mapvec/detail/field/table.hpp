// FieldTable: a hash table in mapped files, from the print of a value (field/print.hpp) to the rows that have it. The
// rows of one value are a doubly linked list.
//
//     path          a record for each row: its value, and its neighbours in the list of that value
//          offset size field
//               0   16 print of the value; zeros for a row that is in no list
//              16    8 next: the next row of the list + 1, or 0
//              24    8 previous: the previous row + 1, or 0 for the first
//     path.slots    open addressing, linear probing: several tables, of which the last is in use. A slot is 0 (never
//                   used), 2^64 - 1 (no longer used), or in its lower 48 bits the first row of a list + 1, and in its
//                   upper 16 bits a part of the value's hash
//     path.head     the position of the table, and the erasures of rows that the lists contain (FieldHead)
//
// When a table is full, a table of twice the size is appended, so that growth only appends. IndexFiles
// (index/index_files.hpp) knows which rows the lists describe. Any number in the files may be wrong, so every walk ends
// after as many steps as there are rows or slots.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mapvec/detail/field/print.hpp>
#include <mapvec/detail/index/index_files.hpp>
#include <mapvec/query.hpp>
#include <mapvec/storage/mapped_array.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

struct FieldRow {
    std::array<std::uint64_t, 2> print{};
    std::uint64_t next = 0;
    std::uint64_t previous = 0;
};
static_assert(sizeof(FieldRow) == 32);

struct FieldHead {
    std::uint64_t begin = 0;       // first slot of the table
    std::uint64_t size = 0;        // slots, a power of two, or 0
    std::uint64_t used = 0;        // slots that are not 0
    std::uint64_t definition = 0;  // fingerprint of name, type and use of the field
    IndexedRows erasures;
};
static_assert(std::has_unique_object_representations_v<FieldHead>);

// Read access to the files.
template <Storage File>
class FieldTable {
  public:
    static constexpr std::uint64_t row_mask = (std::uint64_t{1} << 48) - 1;
    static constexpr std::uint64_t dead = UINT64_MAX;

    FieldTable(const MappedArray<File>& rows, const MappedArray<File>& slots, const FieldHead& head) noexcept
        : rows_(&rows), slots_(&slots), head_(head) {
        std::memcpy(key_.data(), rows.header().store_id.data(), sizeof key_);
    }

    // A random key, chosen when the table was created.
    [[nodiscard]] const SipKey& key() const noexcept { return key_; }

    [[nodiscard]] const FieldHead& head() const noexcept { return head_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return rows_->size(); }
    [[nodiscard]] FieldRow row(Id id) const noexcept {
        FieldRow row;
        std::memcpy(&row, rows_->record(id).data(), sizeof row);
        return row;
    }
    [[nodiscard]] std::uint64_t slot(std::uint64_t index) const noexcept {
        std::uint64_t slot = 0;
        std::memcpy(&slot, slots_->record(head_.begin + index).data(), sizeof slot);
        return slot;
    }
    // True if the table is inside of its file.
    [[nodiscard]] bool is_sound() const noexcept {
        return head_.size == 0 || (std::has_single_bit(head_.size) && head_.begin <= slots_->size() &&
                                   head_.size <= slots_->size() - head_.begin);
    }

    [[nodiscard]] static std::uint64_t slot_of(Id id, const FieldPrint& print) noexcept {
        return (id + 1) | (print.hash & ~row_mask);
    }
    // Calls visit(id) for the rows of a value, until visit() returns false.
    template <class Visit>
    void each(const FieldPrint& print, Visit&& visit) const {
        const auto first = find(*this, head_.size, print);
        if (!first) return;
        std::uint64_t at = (*first).second;
        for (std::uint64_t steps = size(); steps > 0 && at != 0 && at <= size(); --steps) {
            const FieldRow record = row(at - 1);
            if (!visit(Id{at - 1})) return;
            at = record.next;
        }
    }

    // Finds the slot of a value, and the first row of its list + 1. `table` gives slots and rows.
    template <class Table>
    [[nodiscard]] static std::optional<std::pair<std::uint64_t, std::uint64_t>> find(const Table& table,
                                                                                     std::uint64_t size,
                                                                                     const FieldPrint& print) {
        std::uint64_t index = print.hash & (size - 1);
        for (std::uint64_t steps = size; steps > 0; --steps, index = (index + 1) & (size - 1)) {
            const std::uint64_t slot = table.slot(index);
            if (slot == 0) break;
            if (slot == dead || ((slot ^ print.hash) & ~row_mask) != 0) continue;
            const std::uint64_t first = slot & row_mask;
            if (first == 0 || first > table.size()) continue;
            if (table.row(first - 1).print == print.words) return std::pair{index, first};
        }
        return std::nullopt;
    }

  private:
    const MappedArray<File>* rows_;
    const MappedArray<File>* slots_;
    FieldHead head_;
    SipKey key_{};
};

// Changes of a table, computed in memory before anything is written.
template <Storage File>
class FieldTableUpdate {
  public:
    // For a table of at most `rows` rows.
    FieldTableUpdate(const FieldTable<File>& table, std::uint64_t rows) : table_(table), head_(table.head()) {
        const std::uint64_t needed = std::bit_ceil(std::max<std::uint64_t>(rows + rows / 2, 64));
        if (head_.size < needed || head_.used + (rows - std::min(rows, table.size())) > head_.size / 4 * 3)
            grow(needed);
    }

    // --- the interface for FieldTable::find() ---
    [[nodiscard]] std::uint64_t size() const noexcept { return table_.size() + added_.size(); }
    [[nodiscard]] FieldRow row(Id id) const {
        if (id >= table_.size()) return added_[static_cast<std::size_t>(id - table_.size())];
        const auto changed = changed_.find(id);
        return changed == changed_.end() ? table_.row(id) : changed->second;
    }
    [[nodiscard]] std::uint64_t slot(std::uint64_t index) const {
        if (!new_slots_.empty()) return new_slots_[static_cast<std::size_t>(index)];
        const auto changed = changed_slots_.find(index);
        return changed == changed_slots_.end() ? table_.slot(index) : changed->second;
    }

    // Adds a row to the list of this value. REQUIRES: the row is in no list, or is the next row.
    void link(Id id, const FieldPrint& print) {
        if (id == size()) added_.emplace_back();
        FieldRow record{print.words, 0, 0};
        const auto found = FieldTable<File>::find(*this, head_.size, print);
        if (found) {
            record.next = found->second;
            FieldRow second = row(found->second - 1);
            second.previous = id + 1;
            set_row(found->second - 1, second);
            set_slot(found->first, FieldTable<File>::slot_of(id, print));
        } else {
            insert(FieldTable<File>::slot_of(id, print), print.hash);
        }
        set_row(id, record);
    }
    // Adds a row without a value.
    void add_unlinked() { added_.emplace_back(); }
    // Removes a row from its list. Does nothing if it is in no list.
    void unlink(Id id) {
        const FieldRow record = row(id);
        if (record.print == std::array<std::uint64_t, 2>{}) return;
        const FieldPrint print = field_print(table_.key(), record.print);
        if (record.previous == 0) {
            const auto found = FieldTable<File>::find(*this, head_.size, print);
            const bool last = record.next == 0 || record.next > size();
            if (found && found->second == id + 1)
                set_slot(found->first,
                         last ? FieldTable<File>::dead : FieldTable<File>::slot_of(record.next - 1, print));
        } else if (record.previous <= size()) {
            FieldRow previous = row(record.previous - 1);
            previous.next = record.next;
            set_row(record.previous - 1, previous);
        }
        if (record.next != 0 && record.next <= size()) {
            FieldRow next = row(record.next - 1);
            next.previous = record.previous;
            set_row(record.next - 1, next);
        }
        set_row(id, {});
    }

    // Writes the changes. If it throws (no_space, io), they may be partly written.
    void write(MappedArray<File>& rows, MappedArray<File>& slots, MappedArray<File>& heads, std::uint64_t definition,
               const IndexedRows& erasures) {
        if (!added_.empty()) rows.append(std::as_bytes(std::span(added_)));
        for (const auto& [id, record] : changed_) rows.overwrite(id, bytes_of(record));
        if (!new_slots_.empty()) {
            head_.begin = slots.size();
            slots.append(std::as_bytes(std::span(new_slots_)));
        }
        for (const auto& [index, slot] : changed_slots_) slots.overwrite(head_.begin + index, bytes_of(slot));
        head_.definition = definition;
        head_.erasures = erasures;
        if (heads.size() == 0)
            heads.append(bytes_of(head_));
        else
            heads.overwrite(0, bytes_of(head_));
    }

  private:
    // Builds a larger table for the same lists.
    void grow(std::uint64_t needed) {
        std::vector<FieldPrint> prints;
        std::vector<std::uint64_t> slots;
        for (std::uint64_t i = 0; i < head_.size; ++i) {
            const std::uint64_t slot = table_.slot(i), first = slot & FieldTable<File>::row_mask;
            if (slot == FieldTable<File>::dead || first == 0 || first > table_.size()) continue;
            prints.push_back(field_print(table_.key(), table_.row(first - 1).print));
            slots.push_back(slot);
        }
        new_slots_.assign(static_cast<std::size_t>(needed), 0);
        head_.size = needed;
        head_.used = 0;
        for (std::size_t i = 0; i < slots.size(); ++i) insert(slots[i], prints[i].hash);
    }
    void insert(std::uint64_t slot, std::uint64_t hash) {
        std::uint64_t index = hash & (head_.size - 1);
        while (this->slot(index) != 0 && this->slot(index) != FieldTable<File>::dead)
            index = (index + 1) & (head_.size - 1);
        if (this->slot(index) == 0) ++head_.used;
        set_slot(index, slot);
    }
    void set_slot(std::uint64_t index, std::uint64_t slot) {
        if (new_slots_.empty())
            changed_slots_[index] = slot;
        else
            new_slots_[static_cast<std::size_t>(index)] = slot;
    }
    void set_row(Id id, const FieldRow& record) {
        if (id >= table_.size())
            added_[static_cast<std::size_t>(id - table_.size())] = record;
        else
            changed_[id] = record;
    }

    const FieldTable<File>& table_;
    FieldHead head_;
    std::vector<FieldRow> added_;
    std::unordered_map<Id, FieldRow> changed_;
    std::vector<std::uint64_t> new_slots_;
    std::unordered_map<std::uint64_t, std::uint64_t> changed_slots_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
