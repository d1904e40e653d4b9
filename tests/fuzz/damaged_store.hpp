// For the fuzz targets of stores: files in a directory in memory, made of a valid store and the bytes of the fuzzer,
// with correct checksums, so that the fuzzer gets past them.
//
// The input is a list of edits: {u8 file, u16 offset, u8 how, u8 value}. `how` chooses the base of the offset (header,
// slots, records, journal), whether the byte is set or xored, and whether checksums are corrected afterwards.
#pragma once

#include <mapvec/detail/commit/journal.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/storage/file_format.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace fuzz {

namespace fs = std::filesystem;
using Files = std::vector<std::pair<std::string, std::string>>;  // name, bytes

// A directory for this process, in memory if the system has such a file system.
inline const fs::path& directory() {
    static const struct Directory {
        Directory()
            : path((fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                   ("mapvec-fuzz-" + std::to_string(mapvec::detail::platform::process_id()))) {
            fs::create_directories(path);
        }
        Directory(const Directory&) = delete;
        Directory& operator=(const Directory&) = delete;
        ~Directory() {
            std::error_code ignored;
            fs::remove_all(path, ignored);
        }
        fs::path path;
    } made;
    return made.path;
}

inline void clear() {
    for (const auto& entry : fs::directory_iterator(directory())) fs::remove_all(entry.path());
}
inline void put(const Files& files) {
    clear();
    for (const auto& [name, bytes] : files) {
        fs::create_directories((directory() / name).parent_path());
        std::ofstream(directory() / name, std::ios::binary)
            .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
}
inline Files take() {
    Files files;
    for (const auto& entry : fs::recursive_directory_iterator(directory())) {
        if (!entry.is_regular_file()) continue;
        std::ifstream stream(entry.path(), std::ios::binary);
        files.emplace_back(fs::relative(entry.path(), directory()).string(),
                           std::string{std::istreambuf_iterator<char>(stream), {}});
    }
    std::sort(files.begin(), files.end());
    for (auto& [name, bytes] : files)  // journals have a megabyte of zeros at their end
        if (name.find(".journal") != std::string::npos) bytes.resize(std::min<std::size_t>(bytes.size(), 8192));
    return files;
}

template <class Struct>
bool seal(std::string& bytes, std::size_t offset) {
    Struct value;
    if (bytes.size() < offset + sizeof value) return false;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    value.crc = mapvec::detail::checksum_of(value);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return true;
}

// The records of a journal, as far as their lengths are possible.
inline void seal_journal(std::string& bytes, const mapvec::StoreId& store) {
    namespace detail = mapvec::detail;
    for (std::size_t at = 0; at + sizeof(detail::JournalRecordHeader) <= bytes.size();) {
        detail::JournalRecordHeader header;
        std::memcpy(&header, bytes.data() + at, sizeof header);
        if (header.length < sizeof header || header.length > bytes.size() - at) return;
        const auto record = std::as_bytes(std::span(bytes).subspan(at, static_cast<std::size_t>(header.length)));
        header.crc = detail::checksum_of_record(store, record);
        std::memcpy(bytes.data() + at, &header.crc, sizeof header.crc);
        at += static_cast<std::size_t>(header.length);
    }
}

inline void seal(Files& files) {
    mapvec::FileHeader root;
    for (auto& [name, bytes] : files) {
        if (name.find(".journal") != std::string::npos || !seal<mapvec::FileHeader>(bytes, 0)) continue;
        for (const std::uint64_t generation : {0u, 1u})
            if (bytes.size() >= mapvec::data_offset &&
                !mapvec::detail::slot_is_blank(reinterpret_cast<const std::byte*>(bytes.data()), generation))
                seal<mapvec::Slot>(bytes, mapvec::detail::slot_offset(generation));
        std::memcpy(&root, bytes.data(), sizeof root);
    }
    for (auto& [name, bytes] : files)
        if (name.find(".journal") != std::string::npos) seal_journal(bytes, root.store_id);
}

// Applies the edits to the files. Returns true if the checksums were corrected.
inline bool damage(Files& files, const std::uint8_t* data, std::size_t size) {
    static constexpr std::size_t origins[] = {0, 1024, 2560, 4096};
    bool sealed = false;
    for (; size >= 5; data += 5, size -= 5) {
        std::string& bytes = files[data[0] % files.size()].second;
        const std::size_t offset = origins[data[3] & 3] + (std::size_t{data[1]} | std::size_t{data[2]} << 8) % 1600;
        sealed = sealed || (data[3] & 8) != 0;
        if ((data[3] & 0x10) != 0) {
            bytes.resize(std::min(bytes.size(), offset));
        } else if (offset < bytes.size()) {
            bytes[offset] = static_cast<char>((data[3] & 4) != 0 ? bytes[offset] ^ static_cast<char>(data[4])
                                                                 : static_cast<char>(data[4]));
        }
    }
    if (sealed) seal(files);
    return sealed;
}

}  // namespace fuzz
