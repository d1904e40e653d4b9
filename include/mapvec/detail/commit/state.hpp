// Reads the state of a store from its files, while a writer may change them: the newest valid root slot, the slots of
// the other files that belong to it, and the journal records that follow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <mapvec/detail/commit/damage.hpp>
#include <mapvec/detail/commit/journal_file.hpp>
#include <mapvec/detail/file/slots.hpp>
#include <mapvec/storage/mapped_array.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <Storage File>
using Arrays = std::vector<std::unique_ptr<MappedArray<File>>>;

// True if the slot of this generation is valid. A writer may be replacing it by a later one at the moment.
template <Storage File>
[[nodiscard]] bool slot_holds(const File& file, std::uint64_t generation) noexcept {
    for (int tries = 0; tries < 1000; ++tries)
        if (read_slot(file.data(), generation)) return true;
    return false;
}

// A range of records of a journal.
struct Records {
    std::vector<JournalRecord> records;
    std::uint64_t end = 0;       // position of the next record
    std::uint64_t sequence = 0;  // sequence of the last record
};

template <Storage File>
struct GroupState {
    std::vector<Slot> slots;  // one for each file
    JournalFile<File> journal;
    Records records;
    std::uint64_t base_size = 0;
    bool newer_slot_is_damaged = false;  // or torn by a crash
    bool newer_slot_lacks_tail = false;
};

// The newest valid slot.
struct NewestSlot {
    Slot slot;
    bool newer_is_damaged = false;  // the other slot is neither valid nor blank
};

// Throws not_found if the creation of the store was never completed, corrupt if no slot is valid.
template <Storage File>
[[nodiscard]] NewestSlot newest_slot(const File& root) {
    const auto even = read_slot(root.data(), 0);
    const auto odd = read_slot(root.data(), 1);
    if (const auto newest = newer(even, odd)) {
        const bool newer_is_damaged = !(even && odd) && !slot_is_blank(root.data(), even ? 1 : 0);
        return {*newest, newer_is_damaged};
    }
    if (creation_is_unfinished(root.data()))
        throw Error(ErrorCode::not_found, root.path(),
                    "the creation of this store is not complete, or never was completed");
    throw Error(ErrorCode::corrupt, root.path(), "both commit slots are damaged");
}

// Appends the records that follow the last one to `known`.
template <Storage File>
void read_records(JournalFile<File>& journal, Records& known, const StoreId& store, std::uint64_t salt) {
    const auto bytes = journal.bytes();
    while (auto record = read_journal_record(bytes, known.end, store, salt, known.sequence + 1, 0)) {
        known.end += record->size();
        ++known.sequence;
        known.records.push_back(std::move(*record));
    }
}

// If a record is missing before a valid one, it was damaged (I5). A writer may have written both meanwhile, so the
// function looks again.
template <Storage File>
void read_all_records(JournalFile<File>& journal, Records& known, const StoreId& store, std::uint64_t salt) {
    read_records(journal, known, store, salt);
    while (const auto later = newest_record_behind(journal.bytes(), known.end, store, salt, known.sequence + 1)) {
        const std::uint64_t before = known.end;
        read_records(journal, known, store, salt);
        if (known.end != before) continue;
        throw CommitDamage(journal.path(), "the record of commit " + std::to_string(known.sequence + 1) + " at byte " +
                                               std::to_string(known.end) + " is damaged, but that of commit " +
                                               std::to_string(later) + " is whole");
    }
}

template <Storage File>
void read_base(GroupState<File>& state, const StoreId& store) {
    const Slot& root = state.slots[0];
    if ((root.flags & Slot::journal_has_base) == 0) return;
    auto base =
        read_journal_record(state.journal.bytes(), 0, store, root.salt, root.sequence, JournalRecordHeader::base);
    if (!base)
        throw CommitDamage(state.journal.path(),
                           "the journal that this store's last commits are in is missing or damaged");
    state.records.end = state.base_size = base->size();
    state.records.records.push_back(std::move(*base));
}

// Reads the slot of the generation of the root in each file.
template <Storage File>
void read_slots(GroupState<File>& state, Arrays<File>& arrays, const Slot& root) {
    for (auto& array : arrays) {
        const auto slot = read_slot(array->file().data(), root.generation);
        if (!slot || slot->generation != root.generation || slot->salt != root.salt)
            throw CommitDamage(array->path(),
                               "its commit slot does not belong to that of " + arrays[0]->path().string());
        array->file().refresh();
        check_slot(*slot, array->stride(), array->file().size(), array->path());
        state.slots.push_back(*slot);
    }
}

// A slot looks damaged while a writer is writing it. So a damaged slot is read several times.
template <Storage File>
[[nodiscard]] NewestSlot newest_settled_slot(const File& root, OpenMode mode) {
    NewestSlot newest = newest_slot(root);
    for (int tries = 0; newest.newer_is_damaged && mode != OpenMode::read_write && tries < 1000; ++tries)
        newest = newest_slot(root);
    return newest;
}

// The newest slot, unless its tail is missing, because a crash came between. Then nothing was committed after it, and
// the previous slot is current.
template <Storage File>
[[nodiscard]] Slot current_slot(GroupState<File>& state, Arrays<File>& arrays, const Slot& newest, OpenMode mode) {
    const MappedArray<File>& root = *arrays[0];
    if (tail_holds(newest, root.stride(), root.file().data(), root.file().size())) return newest;
    // Opens the file again, because this view may have overlays of an earlier commit.
    const File afresh = File::open(root.path(), OpenMode::read_only, {});
    if (tail_holds(newest, root.stride(), afresh.data(), afresh.size())) return newest;

    JournalFile<File> journal(journal_path(root.path(), newest.generation), mode);
    Records later{{}, 0, newest.sequence};
    read_records(journal, later, root.header().store_id, newest.salt);
    const bool followed = !later.records.empty() || newest_record_behind(journal.bytes(), 0, root.header().store_id,
                                                                         newest.salt, newest.sequence) != 0;
    const auto before = read_slot(root.file().data(), newest.generation + 1);
    if (followed || !before || before->generation + 1 != newest.generation)
        throw CommitDamage(root.path(), "records " + std::to_string(newest.record_count - newest.tail_count) + " to " +
                                            std::to_string(newest.record_count - 1) +
                                            " do not have the checksum they were committed with");
    state.newer_slot_lacks_tail = true;
    return *before;
}

// Throws if a journal proves that the other slot, which is not valid, was durable once.
template <Storage File>
void check_other_slot(const MappedArray<File>& root, const Slot& current, OpenMode mode) {
    JournalFile<File> own(journal_path(root.path(), current.generation), mode);
    JournalFile<File> other(journal_path(root.path(), current.generation + 1), mode);
    const std::uint64_t newest = newest_commit_after(current, own.bytes(), other.bytes(), root.header().store_id);
    if (newest == 0) return;
    throw CommitDamage(root.path(), "the commit slot at byte " + std::to_string(slot_offset(current.generation + 1)) +
                                        " is damaged, and commits up to " + std::to_string(newest) + " depend on it");
}

// Returns nothing if a writer has made a checkpoint meanwhile.
template <Storage File>
[[nodiscard]] std::optional<GroupState<File>> try_read_state(Arrays<File>& arrays, OpenMode mode) {
    File& root = arrays[0]->file();
    const auto [newest, newer_is_damaged] = newest_settled_slot(root, mode);
    const auto overtaken = [&, generation = newest.generation] {
        return newest_slot(root).slot.generation != generation;
    };
    GroupState<File> state;
    state.newer_slot_is_damaged = newer_is_damaged;
    try {
        root.refresh();
        if (newer_is_damaged) check_other_slot(*arrays[0], newest, mode);
        const Slot slot = current_slot(state, arrays, newest, mode);
        state.records.sequence = slot.sequence;
        state.journal = JournalFile<File>(journal_path(root.path(), slot.generation), mode);
        read_slots(state, arrays, slot);
        read_base(state, arrays[0]->header().store_id);
        read_all_records(state.journal, state.records, arrays[0]->header().store_id, slot.salt);
    } catch (const Error&) {
        if (overtaken()) return std::nullopt;
        throw;
    }
    if (overtaken()) return std::nullopt;
    return state;
}

template <Storage File>
[[nodiscard]] GroupState<File> read_state(Arrays<File>& arrays, OpenMode mode) {
    for (int tries = 0; tries < 10000; ++tries)
        if (auto state = try_read_state(arrays, mode)) return std::move(*state);
    throw Error(ErrorCode::io, arrays[0]->path(), "the store changed faster than it could be read");
}

// The valid root slots, newest first.
[[nodiscard]] inline std::vector<Slot> whole_slots(const std::byte* root) {
    std::vector<Slot> slots;
    for (const std::uint64_t parity : {std::uint64_t{0}, std::uint64_t{1}})
        if (const auto slot = read_slot(root, parity)) slots.push_back(*slot);
    std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) { return a.generation > b.generation; });
    return slots;
}

// The state from this root slot to the first invalid journal record. For recovery: does not check the checksums of
// records. Throws corrupt if a slot or the base record is damaged.
template <Storage File>
[[nodiscard]] GroupState<File> state_from(Arrays<File>& arrays, const Slot& slot, OpenMode mode) {
    File& root = arrays[0]->file();
    root.drop_overlays();  // overlays of another state
    root.refresh();
    if (!tail_holds(slot, arrays[0]->stride(), root.data(), root.size()))
        throw CommitDamage(root.path(), "the records of the last commit are damaged");
    GroupState<File> state;
    state.records.sequence = slot.sequence;
    state.journal = JournalFile<File>(journal_path(root.path(), slot.generation), mode);
    read_slots(state, arrays, slot);
    read_base(state, arrays[0]->header().store_id);
    read_records(state.journal, state.records, arrays[0]->header().store_id, slot.salt);
    return state;
}

// The number of the newest commit in any slot or journal.
template <Storage File>
[[nodiscard]] std::uint64_t newest_commit_seen(const Arrays<File>& arrays) {
    const MappedArray<File>& root = *arrays[0];
    const StoreId& store = root.header().store_id;
    std::uint64_t newest = 0;
    for (const Slot& slot : whole_slots(root.file().data())) {
        JournalFile<File> journal(journal_path(root.path(), slot.generation), OpenMode::read_only);
        newest = std::max({newest, slot.sequence, newest_commit_in(journal.bytes(), store),
                           newest_record_behind(journal.bytes(), 0, store, slot.salt, slot.sequence)});
        JournalFile<File> other(journal_path(root.path(), slot.generation + 1), OpenMode::read_only);
        newest = std::max(newest, newest_commit_in(other.bytes(), store));
    }
    return newest;
}

// True if the previous slots contain the same state as those of this generation. Then damage to one slot loses no
// commit.
template <Storage File>
[[nodiscard]] bool slots_agree(const Arrays<File>& arrays, std::uint64_t generation) {
    return std::all_of(arrays.begin(), arrays.end(), [generation](const auto& array) {
        const std::byte* const file = array->file().data();
        const auto now = read_slot(file, generation), before = read_slot(file, generation - 1);
        return now && before && now->record_count == before->record_count && now->block_crcs == before->block_crcs &&
               before->tail_count == 0 && before->flags == 0;
    });
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
