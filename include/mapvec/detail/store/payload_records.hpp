// The two file layouts of payloads, with the same interface.
//
// RawRecords: the bytes of T at a fixed stride, in one file. VariableRecords: encoded records, one after the other in
// one file, and in another file an entry for each, with its position and checksum. An update appends the new bytes and
// overwrites the entry; the old bytes stay unused.
//
//     entry offset  size field                              (little-endian, 16 bytes a record)
//                0     8 begin: position of the record, from the first byte behind the header page
//                8     4 length in bytes
//               12     4 crc: CRC-32C of the id (u64), begin, length, then the record's bytes
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <mapvec/detail/codec/field_reader.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/detail/util/borrowed.hpp>
#include <mapvec/detail/util/bytes_of.hpp>
#include <mapvec/detail/util/crc32c.hpp>
#include <mapvec/detail/util/prefetch.hpp>
#include <mapvec/payload_codec.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/storage/commit_group.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

inline constexpr std::size_t prefetch_record_bytes = 256;  // the hardware prefetcher fetches the rest
inline constexpr std::size_t many_pages = 4096;            // a longer record is on several pages

template <class T, class C, Storage File>
class RawRecords {
  public:
    static constexpr std::size_t files = 1;

    static void add_specs(std::vector<FileSpec>& specs, const std::filesystem::path& path, std::size_t capacity) {
        ExpectedHeader header{.kind = FileKind::raw_payloads, .dim = 1, .scalar_size = sizeof(T)};
        header.fingerprint = payload_fingerprint<T, C>();
        header.description = payload_schema<T, C>();
        specs.push_back({path, header, capacity != 0 ? capacity : default_capacity(sizeof(T))});
    }

    RawRecords() noexcept = default;
    RawRecords(CommitGroup<File>& group, std::size_t first) noexcept : records_(&group[first]) {}

    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(records_); }
    [[nodiscard]] std::uint64_t size() const noexcept { return records_->size(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return records_->path(); }

    void stage(const T& value) { records_->stage(raw(value)); }
    // Throws payload if the bytes are not a T.
    void stage_encoded(std::span<const std::byte> record) {
        (void)read_raw<T>(record);
        records_->stage(record);
    }
    void publish() noexcept { records_->publish(1); }
    void update(Id id, const T& value) {
        prepare_update(id, value);
        update_prepared(id);
    }
    // An update in two steps. Only the first step can fail, and it changes nothing visible.
    void prepare_update(Id id, const T& value) {
        (void)raw(value);
        records_->prepare_overwrite(id);
    }
    void update_prepared(Id id) noexcept { records_->overwrite_prepared(id, buffer_); }

    // Throws payload.
    [[nodiscard]] static T decode(std::span<const std::byte> record) { return read_raw<T>(record); }
    // Stages the record of row `id` of `other`.
    void stage_copy(const RawRecords& other, Id id) { records_->stage(other.bytes(id)); }
    // Stages a record for an erased row.
    void stage_nothing() {
        const std::array<std::byte, sizeof(T)> zeros{};
        records_->stage(zeros);
    }

    // REQUIRES for the next functions: id < size().
    [[nodiscard]] std::span<const std::byte> bytes(Id id) const { return records_->record(id); }
    [[nodiscard]] T fetch(Id id) const { return read_raw<T>(bytes(id)); }
    template <class Member>
    [[nodiscard]] auto fetch_field(Id id, Member field) const {
        return read_raw_field(bytes(id), field);
    }

    // Prefetch for a later fetch(): first the entry, then the bytes. REQUIRES: id < size().
    void prefetch_entry(Id) const noexcept {}
    void prefetch_bytes(Id id) const noexcept {
        const auto at = reinterpret_cast<std::uintptr_t>(records_->records()) + id * sizeof(T);
        prefetch_range(at, std::min(sizeof(T), prefetch_record_bytes));
    }
    // If the files are larger than memory: asks the disk for these records at the same time.
    void request(std::span<const Id> ids) const noexcept {
        if (records_->access() != Access::random) return;
        for (const Id id : ids) platform::request(records_->records() + id * sizeof(T), sizeof(T));
    }

    // The checksums of the blocks cover everything.
    [[nodiscard]] std::uint64_t bytes_checked() const noexcept { return 0; }
    template <class Checked>
    void verify(Checked&&) const noexcept {}

    // Appends all records of `other`.
    void append(const RawRecords& other) {
        if (other.size() == 0) return;
        records_->append({other.records_->records(), static_cast<std::size_t>(other.size() * sizeof(T))});
    }

  private:
    [[nodiscard]] std::span<const std::byte> raw(const T& value) noexcept {
        write_raw(value, buffer_.data());
        return buffer_;
    }

    NonOwning<MappedArray<File>> records_;
    std::array<std::byte, sizeof(T)> buffer_{};
};

struct PayloadEntry {
    std::uint64_t begin = 0;
    std::uint32_t length = 0;
    std::uint32_t crc = 0;
};
static_assert(sizeof(PayloadEntry) == 16);

template <class T, class C, Storage File>
class VariableRecords {
  public:
    static constexpr std::size_t files = 2;

    static void add_specs(std::vector<FileSpec>& specs, const std::filesystem::path& path, std::size_t capacity) {
        ExpectedHeader bytes{.kind = FileKind::payload_bytes, .dim = 1};
        bytes.fingerprint = payload_fingerprint<T, C>();
        bytes.description = payload_schema<T, C>();
        ExpectedHeader offsets{.kind = FileKind::payload_offsets, .dim = 1, .scalar_size = sizeof(PayloadEntry)};
        offsets.fingerprint = bytes.fingerprint;
        offsets.description = bytes.description;
        specs.push_back({path, bytes, default_capacity(1)});
        specs.push_back(
            {offsets_path(path), offsets, capacity != 0 ? capacity : default_capacity(sizeof(PayloadEntry))});
    }
    [[nodiscard]] static std::filesystem::path offsets_path(std::filesystem::path path) { return path += ".offsets"; }

    VariableRecords() noexcept = default;
    VariableRecords(CommitGroup<File>& group, std::size_t first) noexcept
        : heap_(&group[first]), entries_(&group[first + 1]) {}

    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(entries_); }
    [[nodiscard]] std::uint64_t size() const noexcept { return entries_->size(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return heap_->path(); }

    void stage(const T& value) { stage_record(encoded(value)); }
    // Throws payload if the bytes are not a T.
    void stage_encoded(std::span<const std::byte> record) {
        (void)C::decode(record);
        stage_record(record);
    }
    void publish() noexcept {
        heap_->publish(staged_);
        entries_->publish(1);
    }
    void update(Id id, const T& value) {
        prepare_update(id, value);
        update_prepared(id);
    }
    // See RawRecords.
    void prepare_update(Id id, const T& value) {
        entries_->prepare_overwrite(id);
        staged_entry_ = stage_bytes(id, encoded(value));
    }
    void update_prepared(Id id) noexcept {
        heap_->publish(staged_);
        entries_->overwrite_prepared(id, bytes_of(staged_entry_));
    }

    // Throws payload.
    [[nodiscard]] static T decode(std::span<const std::byte> record) { return C::decode(record); }
    // Stages the record of row `id` of `other`. Throws corrupt.
    void stage_copy(const VariableRecords& other, Id id) { stage_record(other.checked_bytes(id)); }
    // Stages a record for an erased row.
    void stage_nothing() { stage_record({}); }

    // REQUIRES for the next functions: id < size(). They throw corrupt.
    [[nodiscard]] std::span<const std::byte> bytes(Id id) const { return bytes(id, entry(id)); }
    [[nodiscard]] std::span<const std::byte> checked_bytes(Id id) const {
        const PayloadEntry found = entry(id);
        const auto record = bytes(id, found);
        if (record.size() > many_pages && heap_->access() == Access::random)
            platform::request(record.data(), record.size());
        if (found.crc != checksum(id, found, record))
            corrupt(id, "its bytes do not have the checksum they were stored with");
        return record;
    }
    [[nodiscard]] T fetch(Id id) const { return C::decode(checked_bytes(id)); }
    template <class Member>
    [[nodiscard]] auto fetch_field(Id id, Member field) const {
        return read_field(checked_bytes(id), field);
    }
    // See RawRecords.
    void prefetch_entry(Id id) const noexcept {
        prefetch(reinterpret_cast<std::uintptr_t>(entries_->records()) + id * sizeof(PayloadEntry));
    }
    void prefetch_bytes(Id id) const noexcept {
        const PayloadEntry found = entry(id);
        const auto at = reinterpret_cast<std::uintptr_t>(heap_->records()) + found.begin;
        prefetch_range(at, std::min<std::size_t>(found.length, prefetch_record_bytes));
    }
    // Throws corrupt.
    void request(std::span<const Id> ids) const {
        if (entries_->access() == Access::random)
            for (const Id id : ids)
                platform::request(entries_->records() + id * sizeof(PayloadEntry), sizeof(PayloadEntry));
        if (heap_->access() != Access::random) return;
        for (const Id id : ids) {
            const auto record = bytes(id);
            platform::request(record.data(), record.size());
        }
    }
    // The characters of a record that is a string: the bytes behind its length.
    [[nodiscard]] std::string_view string(Id id) const {
        const auto record = bytes(id);
        if (record.size() < sizeof(std::uint64_t)) corrupt(id, "it is too short to be a string");
        return {reinterpret_cast<const char*>(record.data()) + sizeof(std::uint64_t),
                record.size() - sizeof(std::uint64_t)};
    }
    // verify() calls checked(bytes so far) for every 1024 records.
    [[nodiscard]] std::uint64_t bytes_checked() const noexcept { return heap_->size(); }
    template <class Checked>
    void verify(Checked&& checked) const {
        std::uint64_t done = 0;
        for (Id id = 0; id < size(); ++id) {
            const PayloadEntry found = entry(id);
            if (found.crc != checksum(id, found, bytes(id, found)))
                corrupt(id, "its bytes do not have the checksum they were stored with");
            done += found.length;
            if (done > heap_->size()) corrupt(id, "it lies where another one does");
            if (id % 1024 == 1023) checked(std::min(done, bytes_checked()));
        }
        if (size() > 0) checked(bytes_checked());
    }

    void append(const VariableRecords& other) {
        if (other.size() == 0) return;
        heap_->append({other.heap_->records(), static_cast<std::size_t>(other.heap_->size())});
        entries_->append({other.entries_->records(), static_cast<std::size_t>(other.size() * sizeof(PayloadEntry))});
    }

  private:
    [[nodiscard]] std::span<const std::byte> encoded(const T& value) {
        encoder_.clear();
        C::encode(value, encoder_);
        return encoder_.bytes();
    }
    void stage_record(std::span<const std::byte> record) {
        const PayloadEntry entry = stage_bytes(entries_->size(), record);
        entries_->stage(bytes_of(entry));
    }
    [[nodiscard]] PayloadEntry stage_bytes(Id id, std::span<const std::byte> record) {
        if (record.size() > std::numeric_limits<std::uint32_t>::max())
            throw Error(ErrorCode::payload, path(), mismatch("bytes of a payload", "less than 2^32", record.size()));
        PayloadEntry entry{.begin = heap_->size(), .length = static_cast<std::uint32_t>(record.size()), .crc = 0};
        entry.crc = checksum(id, entry, record);
        if (!record.empty()) heap_->stage(record);  // an empty record may have a null address
        staged_ = record.size();
        return entry;
    }

    [[nodiscard]] static std::uint32_t checksum(Id id, const PayloadEntry& entry, std::span<const std::byte> record) {
        std::array<std::byte, 20> head;
        std::memcpy(head.data(), &id, 8);
        std::memcpy(head.data() + 8, &entry.begin, 8);
        std::memcpy(head.data() + 16, &entry.length, 4);
        return crc32c(record.data(), record.size(), crc32c(head.data(), head.size()));
    }

    [[nodiscard]] PayloadEntry entry(Id id) const noexcept {
        PayloadEntry entry;
        assert(id < size());
        std::memcpy(&entry, entries_->records() + id * sizeof entry, sizeof entry);
        return entry;
    }
    [[nodiscard]] std::span<const std::byte> bytes(Id id, const PayloadEntry& entry) const {
        const MappedArray<File>& heap = *heap_;
        const std::uint64_t end = heap.size();
        if (entry.begin > end || entry.length > end - entry.begin) corrupt(id, "it lies beyond the end of the file");
        return {heap.records() + entry.begin, entry.length};
    }
    [[noreturn]] void corrupt(Id id, const char* problem) const {
        throw Error(ErrorCode::corrupt, path(), "record " + std::to_string(id) + ": " + problem);
    }

    NonOwning<MappedArray<File>> heap_;
    NonOwning<MappedArray<File>> entries_;
    Encoder encoder_;
    std::uint64_t staged_ = 0;   // bytes of the staged record
    PayloadEntry staged_entry_;  // entry of the staged record, if it replaces another one
};

// Verifies the files of the group, then the records.
template <Storage File, class Records, ProgressCallback Progress>
void verify_payloads(const CommitGroup<File>& group, const Records& records, Progress& progress) {
    if (!group.is_open()) return;
    const std::uint64_t in_group = group.bytes(), all = in_group + records.bytes_checked();
    group.verify([&](std::uint64_t done, std::uint64_t) { progress(done, all); });
    records.verify([&](std::uint64_t done) { progress(in_group + done, all); });
}

template <class T, class C, Storage File>
using PayloadRecords = std::conditional_t<raw_payload<T, C>, RawRecords<T, C, File>, VariableRecords<T, C, File>>;

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
