// mapvec inspect: shows the contents of the files of a store, damaged or not, and the state that they lead to.
//
// Reads headers, commit slots and journals as bytes. It relies on nothing and writes nothing. For the verdict at the
// end, it opens the store read-only with the library.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <mapvec/detail/commit/state.hpp>
#include <mapvec/detail/file/header.hpp>
#include <mapvec/detail/file/slots.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "any_store.hpp"
#include "info.hpp"
#include "store_files.hpp"
#include "text.hpp"

namespace cli {

// The parts of a file that `inspect` reads.
struct InspectedFile {
    explicit InspectedFile(const fs::path& file)
        : path(file), size(fs::file_size(file)), page(read_first_page(file)), header(header_in(page)) {
        if (page.empty()) throw mapvec::Error(mapvec::ErrorCode::io, file, "the file cannot be read");
    }

    [[nodiscard]] std::optional<mapvec::Slot> slot(std::uint64_t parity) const {
        return mapvec::detail::read_slot(page.data(), parity);
    }
    // The valid slot with the later generation.
    [[nodiscard]] std::optional<mapvec::Slot> newest() const { return mapvec::detail::newer(slot(0), slot(1)); }

    fs::path path;
    std::uint64_t size;
    std::vector<std::byte> page;
    mapvec::FileHeader header;
};

[[nodiscard]] inline std::string describe_header(const InspectedFile& file) {
    const mapvec::FileHeader& header = file.header;
    if (header.magic != mapvec::FileHeader{}.magic) return "none: the file does not begin with \"mapvec\\r\\n\"";
    if (file.size < sizeof header)
        return "cut short: expected " + std::to_string(sizeof header) + " bytes, found " + std::to_string(file.size);
    std::string text =
        header.crc == mapvec::detail::checksum_of(header) ? "whole: " : "damaged, its checksum does not hold: ";
    text += "format version " + std::to_string(header.version) + ", " + std::string(to_string(header.kind)) +
            ", file " + std::to_string(std::uint64_t{header.file_index} + 1) + " of " +
            std::to_string(header.file_count);
    if (header.scalar != 0)
        text += ", " + std::string(mapvec::to_string(static_cast<mapvec::ScalarType>(header.scalar)));
    if (const std::string words = mapvec::detail::description_of(header); !words.empty()) text += ", of " + words;
    return text + ", dim " + std::to_string(header.dim) + ", " + std::to_string(header.stride) +
           " bytes a record, store id " + store_id_of(header);
}

[[nodiscard]] inline std::string describe_slot(const InspectedFile& file, std::uint64_t parity) {
    if (const auto slot = file.slot(parity)) {
        std::string text = "whole: generation " + std::to_string(slot->generation) + ", commit " +
                           std::to_string(slot->sequence) + ", " + std::to_string(slot->record_count) + " records";
        if (slot->tail_count != 0) text += ", the last " + std::to_string(slot->tail_count) + " of them its tail";
        if ((slot->flags & mapvec::Slot::journal_has_base) != 0) text += ", overwrites carried in the journal";
        return text;
    }
    if (mapvec::detail::slot_is_blank(file.page.data(), parity)) return "blank";
    return "damaged: its checksum does not hold";
}

[[nodiscard]] inline std::string describe_records(const InspectedFile& file, const mapvec::Slot& slot) {
    const auto end = mapvec::detail::records_end(slot.record_count, file.header.stride);
    if (!end) return "more than any file holds";
    return "end at byte " + std::to_string(*end) + " of " + std::to_string(file.size) +
           (*end > file.size ? ": the file is cut short" : "");
}

[[nodiscard]] inline bool may_be_ours(const InspectedFile& file) {
    return file.size >= mapvec::data_offset && file.header.magic == mapvec::FileHeader{}.magic;
}

inline void print_file(const InspectedFile& file) {
    std::cout << file.path.string() << "\n  header   " << describe_header(file) << '\n';
    if (!may_be_ours(file)) return;
    for (const std::uint64_t parity : {0u, 1u})
        std::cout << "  slot " << parity << "   " << describe_slot(file, parity) << '\n';
    if (const auto slot = file.newest()) std::cout << "  records  " << describe_records(file, *slot) << '\n';
}

[[nodiscard]] inline std::string describe_record(const mapvec::detail::JournalRecord& record, const fs::path& journal) {
    std::string text;
    try {
        mapvec::detail::JournalRecordReader reader(record, journal);
        while (const auto change = reader.next())
            text += "; file " + std::to_string(std::uint64_t{change->file_index} + 1) + ": " +
                    std::to_string(change->count) + " records, " + std::to_string(change->writes.size()) + " writes";
    } catch (const mapvec::Error&) {
        text += "; it contradicts itself";
    }
    return std::to_string(record.size()) + " bytes" + text;
}

// The journal of a slot.
class JournalInspection {
  public:
    JournalInspection(const fs::path& root, const mapvec::StoreId& store, const mapvec::Slot& slot)
        : path_(mapvec::detail::journal_path(root, slot.generation)), slot_(slot), sequence_(slot.sequence) {
        std::ifstream stream(path_, std::ios::binary);
        there_ = stream.is_open();
        const std::string text(std::istreambuf_iterator<char>(stream), {});
        const auto bytes = std::as_bytes(std::span(text));
        read(bytes, store);
    }

    void print() const {
        std::cout << path_.string() << (there_ ? "" : ": not there") << ", the journal of generation "
                  << slot_.generation << '\n';
        for (const std::string& line : lines_) std::cout << "  " << line << '\n';
    }
    [[nodiscard]] std::uint64_t last_commit() const noexcept { return sequence_; }

  private:
    void read(std::span<const std::byte> bytes, const mapvec::StoreId& store) {
        std::uint64_t at = 0;
        const auto next = [&](std::uint64_t sequence, std::uint32_t flags, const std::string& what) {
            const auto record = mapvec::detail::read_journal_record(bytes, at, store, slot_.salt, sequence, flags);
            if (!record) return false;
            lines_.push_back("byte " + std::to_string(at) + ": " + what + std::to_string(sequence) + ", " +
                             describe_record(*record, path_));
            at += record->size();
            return true;
        };
        if ((slot_.flags & mapvec::Slot::journal_has_base) != 0 &&
            !next(sequence_, mapvec::detail::JournalRecordHeader::base, "overwrites of commits up to "))
            lines_.push_back("the overwrites that it has to begin with are damaged or missing");
        while (next(sequence_ + 1, 0, "commit ")) ++sequence_;
        if (mapvec::detail::newest_record_behind(bytes, at, store, slot_.salt, sequence_ + 1))
            lines_.push_back("commit " + std::to_string(sequence_ + 1) + " is damaged, but a later one is not");
    }

    fs::path path_;
    mapvec::Slot slot_;
    bool there_ = false;
    std::uint64_t sequence_;
    std::vector<std::string> lines_;
};

// True if the tail of the slot has the right checksum.
[[nodiscard]] inline bool tail_is_there(const InspectedFile& root, const mapvec::Slot& slot) {
    if (slot.tail_count == 0) return true;
    const auto mapped = mapvec::MappedFile::open(root.path, mapvec::OpenMode::read_only, {.address_space = 1});
    return mapvec::detail::tail_holds(slot, root.header.stride, mapped.data(), mapped.size());
}

// Prints which slot of the root is current, and why.
[[nodiscard]] inline std::optional<mapvec::Slot> print_choice(const InspectedFile& root) {
    const auto newest = root.newest();
    if (!newest) {
        std::cout << (mapvec::detail::creation_is_unfinished(root.page.data())
                          ? "No slot was ever finished: the store was not created to its end.\n"
                          : "No slot is whole: nothing says which state the store is in.\n");
        return std::nullopt;
    }
    const std::uint64_t place = newest->generation % 2;
    const auto other = root.slot(1 - place);
    if (!tail_is_there(root, *newest)) {
        std::cout << "Slot " << place << " is the later one, but its tail does not have its checksum: "
                  << (other ? "slot " + std::to_string(1 - place) + " counts" : "and there is no other slot") << ".\n";
        return other;
    }
    std::cout << "Slot " << place << " counts: "
              << (other ? "its generation is the later one"
                        : "the other one is " + std::string(mapvec::detail::slot_is_blank(root.page.data(), 1 - place)
                                                                ? "blank"
                                                                : "damaged"))
              << ".\n";
    return newest;
}

inline void print_verdict(const fs::path& path) {
    try {
        const AnyStore store(path);
        std::cout << "Opens with " << store.rows() << (store.kind() == StoreKind::index ? " records" : " rows")
                  << ".\n";
    } catch (const mapvec::Error& error) {
        std::cout << "Does not open: " << one_line(error.what()) << '\n';
    }
}

// Prints files of the store whose headers are damaged.
inline void print_damaged_siblings(const fs::path& root) {
    for (const fs::path& sibling : siblings_of(root))
        if (const InspectedFile file(sibling); !is_whole(file.header)) print_file(file);
}

inline void print_files(const InspectedFile& root) {
    const auto files = files_of(root.path, root.header);
    print_file(root);
    for (std::size_t i = 1; i < files.size(); ++i)
        if (files[i])
            print_file(InspectedFile(*files[i]));
        else
            std::cout << "file " << i + 1 << " of " << files.size() << ": not there, or its header is damaged\n";
    if (std::find(files.begin(), files.end(), std::nullopt) != files.end()) print_damaged_siblings(root.path);
}

inline void inspect(const fs::path& path) {
    const InspectedFile root(root_of(path));
    print_files(root);
    for (const std::uint64_t parity : {0u, 1u})
        if (const auto slot = root.slot(parity)) JournalInspection(root.path, root.header.store_id, *slot).print();
    std::cout << '\n';
    if (may_be_ours(root) && root.header.file_index == 0)
        if (const auto slot = print_choice(root))
            std::cout << "With its journal it leads to commit "
                      << JournalInspection(root.path, root.header.store_id, *slot).last_commit() << ".\n";
    print_verdict(path);
}

}  // namespace cli
