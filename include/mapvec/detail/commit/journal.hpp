// The journal: the changes of each commit since the last checkpoint, one record for each commit. A record is complete
// or absent.
//
// A store with the root file `path` has two journals, `path.journal0` and `path.journal1`. Generation g uses number
// g % 2. A missing journal is empty. Records follow each other from offset 0. The journal ends at the first bytes that
// are not the next record: another salt (of an earlier generation, or of a file with the same name), another sequence
// number, or a checksum that fails (torn by a crash). The bytes behind the end have no meaning. Usually they are zeros
// that were written in advance, because a sync is twice as fast if the write does not grow the file.
//
//     record                                       change, one for each file that changed
//     offset size field                            offset size field
//          0    4 crc: CRC-32C of the store id,         0    4 member: which file
//                 then bytes 4..length-1                4    4 sums: how many
//          4    4 flags: 1 = base                       8    8 count: its records after this commit
//          8    8 length, header included; 8 | length  16    8 writes: how many
//         16    8 salt of the root's slot              24    … sums × {u32 block, u32 sum}: changed block sums
//         24    8 sequence: 1 + the one before          …    … writes × {u64 offset, u64 length, the bytes,
//         32    … changes, one behind the other                 zeros up to a multiple of 8}
//
// The offset of a write counts from the first record of the file. A base record is the first record of its journal. It
// contains the overwrites that were not in the files at the checkpoint; its sequence is that of the slot.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include <mapvec/detail/codec/encoder.hpp>
#include <mapvec/detail/util/bytes_of.hpp>
#include <mapvec/detail/util/crc32c.hpp>
#include <mapvec/error.hpp>
#include <mapvec/storage/file_format.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

struct JournalRecordHeader {
    std::uint32_t crc = 0;
    std::uint32_t flags = 0;
    std::uint64_t length = 0;
    std::uint64_t salt = 0;
    std::uint64_t sequence = 0;

    static constexpr std::uint32_t base = 1;
};
struct ChangeHeader {
    std::uint32_t file_index = 0;
    std::uint32_t sums = 0;
    std::uint64_t count = 0;
    std::uint64_t writes = 0;
};
struct ChangedSum {
    std::uint32_t block = 0;
    std::uint32_t sum = 0;
};
struct WriteHeader {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};
static_assert(sizeof(JournalRecordHeader) == 32 && sizeof(ChangeHeader) == 24 && sizeof(ChangedSum) == 8 &&
              sizeof(WriteHeader) == 16);

[[nodiscard]] inline std::filesystem::path journal_path(const std::filesystem::path& root, std::uint64_t generation) {
    auto path = root;
    path += generation % 2 == 0 ? ".journal0" : ".journal1";
    return path;
}

[[nodiscard]] inline std::uint32_t checksum_of_record(const StoreId& store, std::span<const std::byte> record) {
    return crc32c(record.data() + 4, record.size() - 4, crc32c(store.data(), store.size()));
}

// True if a file begins like a journal: with a record, valid or not, or with zeros.
[[nodiscard]] inline bool may_be_journal(std::span<const std::byte> file) noexcept {
    JournalRecordHeader header;
    if (file.size() < sizeof header) return file.empty();
    std::memcpy(&header, file.data(), sizeof header);
    if (header.length == 0) return header.salt == 0 && header.sequence == 0;
    return header.flags <= JournalRecordHeader::base && header.length >= sizeof header && header.length % 8 == 0 &&
           header.length <= file.size();
}

// Builds a record. The buffer is reused for the next one.
class JournalRecordWriter {
  public:
    void begin(std::uint32_t flags, std::uint64_t salt, std::uint64_t sequence) {
        bytes_.clear();
        put(JournalRecordHeader{.flags = flags, .salt = salt, .sequence = sequence});
    }
    template <class Struct>
    void put(const Struct& value) {
        bytes_.write(bytes_of(value));
    }
    void put_write(std::uint64_t offset, std::span<const std::byte> bytes) {
        put(WriteHeader{offset, bytes.size()});
        bytes_.write(bytes);
        static constexpr std::array<std::byte, 8> zeros{};
        bytes_.write(zeros.data(), (8 - bytes.size() % 8) % 8);
    }
    // Overwrites a header at `at`, when its contents are known.
    template <class Struct>
    void patch(std::size_t at, const Struct& value) {
        std::memcpy(bytes_.data() + at, &value, sizeof value);
    }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

    [[nodiscard]] std::span<const std::byte> finish(const StoreId& store) {
        patch(offsetof(JournalRecordHeader, length), static_cast<std::uint64_t>(bytes_.size()));
        patch(offsetof(JournalRecordHeader, crc), checksum_of_record(store, bytes_.bytes()));
        return bytes_.bytes();
    }

  private:
    Encoder bytes_;
};

using JournalRecord = std::vector<std::byte>;

// The record at `position`, if it has this salt and sequence and is valid. The copy is checked again, because a writer
// may be changing the bytes.
[[nodiscard]] inline std::optional<JournalRecord> read_journal_record(std::span<const std::byte> journal,
                                                                      std::uint64_t position, const StoreId& store,
                                                                      std::uint64_t salt, std::uint64_t sequence,
                                                                      std::uint32_t flags) {
    JournalRecordHeader header;
    if (position > journal.size() || journal.size() - position < sizeof header) return std::nullopt;
    const auto rest = journal.subspan(static_cast<std::size_t>(position));
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.salt != salt || header.sequence != sequence || header.flags != flags) return std::nullopt;
    if (header.length < sizeof header || header.length > rest.size() || header.length % 8 != 0) return std::nullopt;
    const auto there = rest.first(static_cast<std::size_t>(header.length));
    const auto checksum_holds = [&](std::span<const std::byte> bytes) {
        return header.crc == checksum_of_record(store, bytes);
    };
    if (!checksum_holds(there)) return std::nullopt;
    JournalRecord record(there.begin(), there.end());
    std::memcpy(&header, record.data(), sizeof header);
    if (header.length != record.size() || !checksum_holds(record)) return std::nullopt;
    return record;
}

struct JournalWrite {
    std::uint64_t offset = 0;
    std::span<const std::byte> bytes;
};
struct Change {
    std::uint32_t file_index = 0;
    std::uint64_t count = 0;
    std::vector<ChangedSum> sums;
    std::vector<JournalWrite> writes;  // views of the record
};

// Parses a record whose checksum is valid. A valid checksum does not prove that the numbers are right, so none is
// trusted.
class JournalRecordReader {
  public:
    JournalRecordReader(const JournalRecord& record, const std::filesystem::path& journal)
        : rest_(std::span(record).subspan(sizeof(JournalRecordHeader))), journal_(journal) {}

    [[nodiscard]] std::optional<Change> next() {
        if (rest_.empty()) return std::nullopt;
        const auto header = consume<ChangeHeader>();
        Change change{.file_index = header.file_index, .count = header.count, .sums = {}, .writes = {}};
        if (header.sums > rest_.size() / sizeof(ChangedSum)) refuse();
        for (std::uint32_t i = 0; i < header.sums; ++i) change.sums.push_back(consume<ChangedSum>());
        if (header.writes > rest_.size() / sizeof(WriteHeader)) refuse();
        for (std::uint64_t i = 0; i < header.writes; ++i) {
            const auto write = consume<WriteHeader>();
            if (write.length > rest_.size()) refuse();
            change.writes.push_back({write.offset, consume(write.length)});
            (void)consume((8 - write.length % 8) % 8);
        }
        return change;
    }

    [[noreturn]] void refuse() const {
        throw Error(ErrorCode::corrupt, journal_, "a journal record contradicts itself");
    }

  private:
    [[nodiscard]] std::span<const std::byte> consume(std::uint64_t n) {
        if (n > rest_.size()) refuse();
        const auto taken = rest_.first(static_cast<std::size_t>(n));
        rest_ = rest_.subspan(static_cast<std::size_t>(n));
        return taken;
    }
    template <class Struct>
    [[nodiscard]] Struct consume() {
        Struct value;
        std::memcpy(&value, consume(sizeof value).data(), sizeof value);
        return value;
    }

    std::span<const std::byte> rest_;
    const std::filesystem::path& journal_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
