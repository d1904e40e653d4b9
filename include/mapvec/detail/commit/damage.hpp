// Distinguishes damage from the effects of a crash.
//
// A journal record is written after its slot and the previous record are durable (storage/commit_group.hpp: I5). So a
// valid record proves that its slot and all earlier records were valid once. If one of them is missing, it was damaged.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include <mapvec/detail/commit/journal.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/file_format.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// Commits that had returned are unreadable. An earlier commit may still be valid.
class CommitDamage : public Error {
  public:
    CommitDamage(const std::filesystem::path& file, const std::string& problem)
        : Error(ErrorCode::corrupt, file, problem), file_(file), problem_(problem) {}
    [[nodiscard]] Error with(const std::string& advice) const {
        return {ErrorCode::corrupt, file_, problem_ + "; " + advice};
    }

  private:
    std::filesystem::path file_;
    std::string problem_;
};

// The valid record at `position`, of any generation.
[[nodiscard]] inline std::optional<JournalRecordHeader> any_record(std::span<const std::byte> journal,
                                                                   std::uint64_t position, const StoreId& store) {
    JournalRecordHeader header;
    if (position > journal.size() || journal.size() - position < sizeof header) return std::nullopt;
    std::memcpy(&header, journal.data() + position, sizeof header);
    if (!read_journal_record(journal, position, store, header.salt, header.sequence, header.flags)) return std::nullopt;
    return header;
}

// The newest commit in the consecutive records from the beginning of a journal, of any generation; 0 if there is none.
// A base record does not count, because it is written before its slot.
[[nodiscard]] inline std::uint64_t newest_commit_in(std::span<const std::byte> journal, const StoreId& store) {
    std::uint64_t newest = 0, at = 0;
    for (auto header = any_record(journal, 0, store); header; header = any_record(journal, at, store)) {
        if (header->flags != JournalRecordHeader::base) newest = std::max(newest, header->sequence);
        at += header->length;
    }
    return newest;
}

// The newest commit of a generation after that of `slot`, if a journal proves that its slot was durable once; otherwise
// 0. `own` is the journal of the generation of `slot`, `other` that of the next. REQUIRES: no later slot is valid.
[[nodiscard]] inline std::uint64_t newest_commit_after(const Slot& slot, std::span<const std::byte> own,
                                                       std::span<const std::byte> other, const StoreId& store) {
    std::uint64_t newest = newest_commit_in(other, store);
    // The base record of a checkpoint after the next generation.
    const auto base = any_record(own, 0, store);
    if (base && base->flags == JournalRecordHeader::base && base->salt != slot.salt)
        newest = std::max(newest, base->sequence);
    return newest > slot.sequence ? newest : 0;
}

// The newest valid record behind `from` that is later than commit `sequence`; 0 if there is none. False headers do not
// occur by accident. To keep the work linear, many of them count as a record.
[[nodiscard]] inline std::uint64_t newest_record_behind(std::span<const std::byte> journal, std::uint64_t from,
                                                        const StoreId& store, std::uint64_t salt,
                                                        std::uint64_t sequence) {
    JournalRecordHeader header;
    std::uint64_t newest = 0, work_left = 4 * journal.size();
    for (std::uint64_t at = from; at + sizeof header <= journal.size(); at += 8) {
        std::memcpy(&header, journal.data() + at, sizeof header);
        if (header.salt != salt || header.sequence <= sequence || header.length > journal.size() - at) continue;
        if (header.length > work_left) return std::max(newest, sequence + 1);
        work_left -= header.length;
        if (!read_journal_record(journal, at, store, salt, header.sequence, 0)) continue;
        newest = std::max(newest, header.sequence);
        at += header.length - 8;
    }
    return newest;
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
