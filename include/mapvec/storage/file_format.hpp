// The format of every file of mapvec, byte by byte. All numbers are little-endian.
//
// A file is a header page, followed by records of a fixed size:
//
//     offset  size  what
//          0  1024  header: the kind of the file; never changes (FileHeader)
//       1024  1536  slot 0 \  the state at a checkpoint (Slot); generation g uses slot g % 2,
//       2560  1536  slot 1 /  so that the previous slot stays valid while the next is written
//       4096     …  record 0, record 1, …: `stride` bytes each, no padding
//
// So `numpy.memmap(path, '<f4', 'r', offset=4096).reshape(-1, dim)` reads a closed vector file. While a store is open
// for writing, the file may be longer than its records; bytes behind the last committed record have no meaning. Every
// later version of mapvec opens the files of this version. A file of a later format is refused (version_mismatch).
//
// A store is one file or several: a payload store has an offset table, a collection has both and its erasures. The
// first file is the *root*. The newest valid slot of the root decides the state of the store; the slots of the same
// generation in the other files belong to it. Commits since that checkpoint are in the journal
// (detail/commit/journal.hpp). If slot 0 of the root and the first 512 bytes of slot 1 are zero, the creation of the
// store is not complete, and there is no store.
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
//         40   16 store id, the same in all files of a store       44    4 tail_crc: of the last `tail` records
//         56    4 member: 0 = root                          48 1024 256 block sums of the records
//         60    4 members: files of this store            1072    8 tail: records written with the slot
//                                                         1080  456 zero
//         64    8 fingerprint of the payload's type, of a collection's metric, or of an index's store and metric
//         72  256 description: what the fingerprint stands for, as text for people; zeros behind it
//        328    8 rewrites: how often a collection's files were replaced by new ones
//        336  684 zero
//       1020    4 crc: CRC-32C of bytes 0..1019
//
// A block sum is the CRC-32C register over the bytes of the block, starting from 0 and not inverted. Zeros have the sum
// 0, so a hole needs no sum. The last block ends with the last record. tail_crc is such a sum over the last `tail`
// records, which are written together with the slot, in any order. If it fails, the slot is ignored. A closed store has
// no tail.
//
// Example: a MmapVectorStore<2> holding {1, 2}, {3, 4} after close() is 4096 + 16 bytes. Byte 24 is 02
// (dim), byte 32 is 08 (stride), and from 4096: 00 00 80 3f 00 00 00 40 00 00 40 40 00 00 80 40.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

static_assert(std::endian::native == std::endian::little, "mapvec's files are read in place: little-endian only");

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::uint64_t data_offset = 4096;                       // position of the first record
inline constexpr std::uint64_t first_generation = 1;                     // of a new store
inline constexpr std::uint64_t max_tail_bytes = 4 << 20;                 // open() may have to read so many bytes
inline constexpr std::uint64_t max_file_bytes = std::uint64_t{1} << 58;  // larger than in any file system

enum class FileKind : std::uint32_t {
    vectors = 1,
    raw_payloads = 2,       // fixed-size records
    payload_bytes = 3,      // records of any size back to back; dim and stride are 1
    payload_offsets = 4,    // one entry a record of the payload_bytes file
    erasures = 5,           // ids of erased rows, 8 bytes each, in the order of their erasure
    hnsw_level_0 = 6,       // a graph of rows (detail/hnsw/records.hpp): level 0
    hnsw_upper_levels = 7,  // upper levels
    hnsw_entry_points = 8,  // entry points
    indexed_rows = 9,       // the rows that an index describes (detail/index/indexed_rows.hpp)
    va_lines = 10,          // lines of rows (detail/va/line.hpp)
    va_second_lines = 11,   // second lines
    va_model = 12,          // the model of all lines (detail/va/model.hpp)
    field_rows = 13,        // a field of payloads (detail/field/table.hpp): rows by value,
    field_slots = 14,       // the hash table that finds a value,
    field_head = 15,        // and where it is
    hnsw_lines = 16,        // lines of the rows of a graph (detail/hnsw/lines.hpp)
    hnsw_axes = 17          // the model of these lines
};

// The name of a kind, for messages.
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
        case FileKind::hnsw_lines: return "lines of a graph";
        case FileKind::hnsw_axes: return "axes of a graph";
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
    std::uint64_t rewrites = 0;
    std::array<std::uint8_t, 684> zero{};
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

// The header that a store expects. A dim of 0 accepts any.
struct ExpectedHeader {
    FileKind kind{};
    std::uint32_t scalar = 0;
    std::uint64_t dim = 0;
    std::uint64_t scalar_size = 1;
    std::uint64_t fingerprint = 0;
    std::uint32_t file_index = 0;
    std::uint32_t file_count = 1;
    std::uint64_t rewrites = 0;  // for a new file; an existing file may have any number
    std::string description{};   // text of the fingerprint, for error messages
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
