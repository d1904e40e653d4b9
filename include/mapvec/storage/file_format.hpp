// The format of every mapvec file, byte by byte. Everything is little-endian.
//
// A file is one header page, then fixed-size records back to back:
//
//     offset  size  what
//          0  1024  header: what kind of file this is; never changes (FileHeader)
//       1024  1536  slot 0 \  the state at a checkpoint (Slot); generation g is in slot g % 2,
//       2560  1536  slot 1 /  so that the last one stays whole while the next is written
//       4096     …  record 0, record 1, …: `stride` bytes each, no padding
//
// so `numpy.memmap(path, '<f4', 'r', offset=4096).reshape(-1, dim)` reads a closed vector file. While a
// store is open for writing, the file may be longer than its records: what lies behind the last
// committed one means nothing. What one version of mapvec has written every later one opens; a file of a later
// format is refused (version_mismatch).
//
// A store is one file or several (a payload store has its offset table beside it, a collection has
// both and its erasures). The first is the *root*: its newest valid slot decides which state the
// store is in, and the others' slots of the same generation belong to it. Commits made since that
// checkpoint are in the journal (detail/commit/journal.hpp). As long as slot 0 of the root and the first 512 bytes of
// slot 1 are zero, the store is being created, or was not to the end: there is none.
//
//     FileHeader                                        Slot
//     offset size field                                 offset size field
//          0    8 magic "mapvec\r\n"                         0    4 crc: CRC-32C of bytes 4..1535
//          8    4 format version, 1                          4    4 flags: 1 = journal begins with overwrites
//         12    4 byte order mark 0x01020304                 8    8 generation: counts checkpoints, from 1
//         16    4 kind (FileKind)                           16    8 sequence: counts commits
//         20    4 scalar (ScalarType; 0: no scalar)         24    8 count: records
//         24    8 dim: scalars a record                     32    8 salt: names the journal of this generation
//         32    8 stride: bytes a record                    40    4 block_log2: each sum covers 2^this bytes
//         40   16 store id, the same in all its files       44    4 tail_crc: of the last `tail` records
//         56    4 member: 0 = root                          48 1024 256 block sums of the records
//         60    4 members: files of this store            1072    8 tail: records written with the slot
//                                                         1080  456 zero
//         64    8 fingerprint of the payload's type, of a collection's metric, or of an index's store and metric
//         72  256 description: what the fingerprint stands for, as text for people; zeros behind it
//        328  692 zero
//       1020    4 crc: CRC-32C of bytes 0..1019
//
// A block sum is the CRC-32C register over the block's bytes, starting from 0 and not inverted: zeros
// have the sum 0, so that a hole needs none. The last block ends with the last record. tail_crc is such a sum over
// the last `tail` records, which were written together with the slot, in no order: the slot means nothing where they do
// not have it. A closed store has none of these.
//
// Example: a MmapVectorStore<2> holding {1, 2}, {3, 4} after close() is 4096 + 16 bytes. Byte 24 is 02
// (dim), byte 32 is 08 (stride), and from 4096: 00 00 80 3f 00 00 00 40 00 00 40 40 00 00 80 40.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <mapvec/detail/util/checked.hpp>
#include <mapvec/detail/util/crc32c.hpp>
#include <mapvec/error.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

static_assert(std::endian::native == std::endian::little, "mapvec's files are read in place: little-endian only");

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::uint64_t data_offset = 4096;                       // where records begin
inline constexpr std::uint64_t first_generation = 1;                     // of a store that was just created
inline constexpr std::size_t sector = 512;                               // bytes that a disk writes all or none of
inline constexpr std::uint64_t max_tail_bytes = 4 << 20;                 // bytes that open() may have to read
inline constexpr std::uint64_t max_file_bytes = std::uint64_t{1} << 58;  // more than any file system has

enum class FileKind : std::uint32_t {
    vectors = 1,
    raw_payloads = 2,       // fixed-size records
    payload_bytes = 3,      // records of any size back to back; dim and stride are 1
    payload_offsets = 4,    // one entry a record of the payload_bytes file
    erasures = 5,           // ids of erased rows, 8 bytes each, in the order of their erasure
    hnsw_level_0 = 6,       // a graph of rows (detail/hnsw/records.hpp): its lowest level,
    hnsw_upper_levels = 7,  // those above,
    hnsw_entry_points = 8,  // and where searches begin
    indexed_rows = 9,       // the rows that an index describes (detail/index/indexed_rows.hpp)
    va_lines = 10,          // lines of rows (detail/va/line.hpp),
    va_second_lines = 11,   // the second ones,
    va_model = 12,          // and what they have in common (detail/va/model.hpp)
    field_rows = 13,        // a field of payloads (detail/field/table.hpp): rows by value,
    field_slots = 14,       // the hash table that finds a value,
    field_head = 15         // and where it is
};

// For people.
[[nodiscard]] constexpr std::string_view to_string(FileKind kind) noexcept {
    switch (kind) {
        case FileKind::vectors: return "vectors";
        case FileKind::raw_payloads: return "payloads of fixed size";
        case FileKind::payload_bytes: return "encoded payloads";
        case FileKind::payload_offsets: return "offsets of payloads";
        case FileKind::erasures: return "erased rows";
        case FileKind::hnsw_level_0: return "graph of rows";
        case FileKind::hnsw_upper_levels: return "upper levels of a graph";
        case FileKind::hnsw_entry_points: return "entry points of a graph";
        case FileKind::indexed_rows: return "rows that an index describes";
        case FileKind::va_lines: return "lines of rows";
        case FileKind::va_second_lines: return "second lines of rows";
        case FileKind::va_model: return "axes of rows";
        case FileKind::field_rows: return "field of payloads";
        case FileKind::field_slots: return "table of a field";
        case FileKind::field_head: return "head of a field";
    }
    return "unknown";
}

using StoreId = std::array<std::uint8_t, 16>;

// The first 1024 bytes of a file. They never change.
struct FileHeader {
    std::array<char, 8> magic{'m', 'a', 'p', 'v', 'e', 'c', '\r', '\n'};
    std::uint32_t version = format_version;
    std::uint32_t byte_order = 0x01020304;
    FileKind kind{};
    std::uint32_t scalar = 0;
    std::uint64_t dim = 1;
    std::uint64_t stride = 1;
    StoreId store_id{};
    std::uint32_t file_index = 0;
    std::uint32_t file_count = 1;
    std::uint64_t fingerprint = 0;
    std::array<char, 256> description{};
    std::array<std::uint8_t, 692> zero{};
    std::uint32_t crc = 0;
};

inline constexpr std::size_t blocks_per_slot = 256;

// The state of a file at one checkpoint.
struct Slot {
    std::uint32_t crc = 0;
    std::uint32_t flags = 0;
    std::uint64_t generation = 0;
    std::uint64_t sequence = 0;
    std::uint64_t record_count = 0;
    std::uint64_t salt = 0;
    std::uint32_t block_log2 = 12;
    std::uint32_t tail_crc = 0;
    std::array<std::uint32_t, blocks_per_slot> block_crcs{};
    std::uint64_t tail_count = 0;
    std::array<std::uint8_t, 456> padding{};

    static constexpr std::uint32_t journal_has_base = 1;
};

static_assert(sizeof(FileHeader) == 1024 && std::has_unique_object_representations_v<FileHeader>);
static_assert(offsetof(FileHeader, store_id) == 40 && offsetof(FileHeader, description) == 72 &&
              offsetof(FileHeader, crc) == 1020);
static_assert(sizeof(Slot) == 1536 && std::has_unique_object_representations_v<Slot>);
static_assert(offsetof(Slot, block_crcs) == 48 && offsetof(Slot, tail_count) == 1072 &&
              offsetof(Slot, padding) == 1080);

[[nodiscard]] constexpr std::uint64_t slot_offset(std::uint64_t generation) noexcept {
    return 1024 + (generation % 2) * sizeof(Slot);
}

template <class Struct>
[[nodiscard]] std::span<const std::byte> bytes_of(const Struct& value) noexcept {
    return std::as_bytes(std::span(&value, 1));
}

[[nodiscard]] inline std::uint32_t checksum_of(const FileHeader& header) noexcept {
    return detail::crc32c(&header, offsetof(FileHeader, crc));
}
[[nodiscard]] inline std::uint32_t checksum_of(const Slot& slot) noexcept {
    return detail::crc32c(bytes_of(slot).data() + sizeof slot.crc, sizeof slot - sizeof slot.crc);
}

// What a file has to be for the store that opens it. A dim of 0 accepts any.
struct ExpectedHeader {
    FileKind kind{};
    std::uint32_t scalar = 0;
    std::uint64_t dim = 0;
    std::uint64_t scalar_size = 1;
    std::uint64_t fingerprint = 0;
    std::uint32_t file_index = 0;
    std::uint32_t file_count = 1;
    std::string description{};  // of the fingerprint; shown beside the one that was found
};

// The end of the last record, or nothing if no file can be that long.
[[nodiscard]] inline std::optional<std::uint64_t> records_end(std::uint64_t count, std::uint64_t stride) noexcept {
    const auto bytes = detail::checked_multiply(count, stride);
    const auto end = bytes ? detail::checked_add(*bytes, data_offset) : std::nullopt;
    if (!end || *end > max_file_bytes) return std::nullopt;
    return end;
}

// The slot of that generation's parity, if its checksum holds: it was written whole.
[[nodiscard]] inline std::optional<Slot> read_slot(const std::byte* file, std::uint64_t parity) noexcept {
    Slot slot;
    std::memcpy(&slot, file + slot_offset(parity), sizeof slot);
    if (slot.crc != checksum_of(slot) || slot.generation == 0 || slot.generation % 2 != parity % 2) return std::nullopt;
    return slot;
}

// The one of the later generation, of two that may be whole or not.
[[nodiscard]] inline std::optional<Slot> newer(const std::optional<Slot>& a, const std::optional<Slot>& b) noexcept {
    return !b || (a && a->generation > b->generation) ? a : b;
}

// Whether a slot, or so much of its beginning, was never written.
[[nodiscard]] inline bool slot_is_blank(const std::byte* file, std::uint64_t parity,
                                        std::size_t n = sizeof(Slot)) noexcept {
    const std::byte* const slot = file + slot_offset(parity);
    return std::all_of(slot, slot + n, [](std::byte byte) { return byte == std::byte{0}; });
}

// A root whose first slot, that of generation 1, was never finished. Its first sector is written when all else that the
// store begins with is durable.
[[nodiscard]] inline bool creation_is_unfinished(const std::byte* root) noexcept {
    return slot_is_blank(root, 0) && slot_is_blank(root, first_generation, sector);
}

namespace detail {

[[noreturn]] inline void refuse(ErrorCode code, const std::filesystem::path& file, const std::string& problem) {
    throw Error(code, file, problem);
}

// That the page is a header at all, of a version we read, undamaged.
inline void check_soundness(const FileHeader& header, const std::filesystem::path& file) {
    if (header.magic != FileHeader{}.magic)
        refuse(ErrorCode::corrupt, file, "not a mapvec file: it does not begin with \"mapvec\\r\\n\"");
    if (header.version > format_version)
        refuse(ErrorCode::version_mismatch, file,
               mismatch("format version", "at most " + std::to_string(format_version), header.version));
    if (header.crc != checksum_of(header)) refuse(ErrorCode::corrupt, file, "the header's checksum does not hold");
    if (header.version == 0 || header.byte_order != FileHeader{}.byte_order)
        refuse(ErrorCode::corrupt, file, "the header's version or byte order cannot be");
}

// The text that a header holds; a crafted one may be without an end.
[[nodiscard]] inline std::string description_of(const FileHeader& header) {
    const auto& text = header.description;
    return {text.begin(), std::find(text.begin(), text.end(), '\0')};
}

[[noreturn]] inline void refuse_fingerprint(const FileHeader& header, const ExpectedHeader& expected,
                                            const std::filesystem::path& file) {
    const char* const subject = header.kind == FileKind::vectors       ? "metric of the collection"
                                : header.kind < FileKind::hnsw_level_0 ? "type of the payloads"
                                                                       : "store and metric of the index";
    const auto shown = [](const std::string& description, std::uint64_t fingerprint) {
        return description.empty() ? "fingerprint " + std::to_string(fingerprint) : description;
    };
    std::string found = shown(description_of(header), header.fingerprint);
    if (found == expected.description) found += ", of another codec";
    refuse(ErrorCode::type_mismatch, file, mismatch(subject, shown(expected.description, expected.fingerprint), found));
}

inline void check_expectation(const FileHeader& header, const ExpectedHeader& expected,
                              const std::filesystem::path& file) {
    const auto name_of = [](std::uint32_t scalar) { return to_string(static_cast<ScalarType>(scalar)); };
    if (header.kind != expected.kind)
        refuse(ErrorCode::type_mismatch, file,
               mismatch("kind of file", to_string(expected.kind), to_string(header.kind)));
    if (header.scalar != expected.scalar)
        refuse(ErrorCode::type_mismatch, file,
               mismatch("scalar type", name_of(expected.scalar), name_of(header.scalar)));
    if (expected.dim != 0 && header.dim != expected.dim)
        refuse(ErrorCode::dimension_mismatch, file, mismatch("dimension", expected.dim, header.dim));
    if (header.fingerprint != expected.fingerprint) refuse_fingerprint(header, expected, file);
    if (header.file_count != expected.file_count || header.file_index != expected.file_index)
        refuse(ErrorCode::type_mismatch, file,
               "this is file " + std::to_string(header.file_index + 1) + " of a store of " +
                   std::to_string(header.file_count) + ", not file " + std::to_string(expected.file_index + 1) +
                   " of " + std::to_string(expected.file_count) + "; open the store it belongs to");
    const auto stride = checked_multiply(header.dim, expected.scalar_size);
    if (header.dim == 0 || !stride || header.stride != *stride)
        refuse(ErrorCode::corrupt, file, mismatch("bytes a record", stride.value_or(0), header.stride));
}

}  // namespace detail

// Whether the records that were written together with the slot are there.
[[nodiscard]] inline bool tail_holds(const Slot& slot, std::uint64_t stride, const std::byte* file,
                                     std::uint64_t size) noexcept {
    if (slot.tail_count == 0 || slot.tail_count > slot.record_count) return true;
    const auto begin = records_end(slot.record_count - slot.tail_count, stride);
    const auto end = records_end(slot.record_count, stride);
    if (!end || *end > size || *end - *begin > max_tail_bytes) return false;
    return detail::crc32c_raw(0, file + *begin, static_cast<std::size_t>(*end - *begin)) == slot.tail_crc;
}

// What a slot says can be true of a file of `size` bytes. REQUIRES: its tail holds. All else it speaks of was durable
// before it was written, so one that is wrong is damage (a file cut short, say), never the trace of a crash.
inline void check_slot(const Slot& slot, std::uint64_t stride, std::uint64_t size, const std::filesystem::path& file) {
    const auto end = records_end(slot.record_count, stride);
    if (!end || *end > size)
        detail::refuse(ErrorCode::corrupt, file,
                       detail::mismatch("file size", "at least " + std::to_string(end.value_or(0)), size));
    if (slot.block_log2 < 12 || slot.block_log2 > 54 ||
        *end - data_offset > std::uint64_t{blocks_per_slot} << slot.block_log2)
        detail::refuse(ErrorCode::corrupt, file, detail::mismatch("block size", "2^12..2^54", slot.block_log2));
    const std::uint64_t most = std::min(slot.record_count, max_tail_bytes / stride);
    if (slot.tail_count > most)
        detail::refuse(ErrorCode::corrupt, file,
                       detail::mismatch("tail", "at most " + std::to_string(most), slot.tail_count));
}

// Reads and checks the header of a file of `size` bytes. Throws corrupt, version_mismatch, type_mismatch,
// dimension_mismatch.
[[nodiscard]] inline FileHeader read_header(const std::byte* bytes, std::uint64_t size, const ExpectedHeader& expected,
                                            const std::filesystem::path& file) {
    if (size < data_offset)
        detail::refuse(ErrorCode::corrupt, file,
                       detail::mismatch("file size", "at least " + std::to_string(data_offset), size));
    FileHeader header;
    std::memcpy(&header, bytes, sizeof header);
    detail::check_soundness(header, file);
    detail::check_expectation(header, expected, file);
    return header;
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
