// Helpers for tests that damage files: reading, writing and changing bytes and slots.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mapvec/detail/file/slots.hpp>
#include <mapvec/storage/file_format.hpp>
#include <string>
#include <string_view>

namespace damaged_file {

using namespace mapvec;

inline std::string bytes_in(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}
// Writes in place: after a truncation some file systems flush to disk.
inline void put_bytes(const std::filesystem::path& file, std::string_view bytes) {
    std::fstream(file, std::ios::binary | std::ios::in | std::ios::out)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::filesystem::resize_file(file, bytes.size());
}
inline void poke(const std::filesystem::path& file, std::size_t offset, char byte) {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(byte);
}

inline char flipped(char byte, int bit) { return static_cast<char>(static_cast<unsigned char>(byte) ^ (1u << bit)); }

inline Slot slot_in(const std::filesystem::path& file, std::uint64_t parity) {
    const std::string page = bytes_in(file).substr(0, data_offset);
    return detail::read_slot(reinterpret_cast<const std::byte*>(page.data()), parity).value();
}
inline std::uint64_t newest_generation(const std::filesystem::path& file) {
    return std::max(slot_in(file, 0).generation, slot_in(file, 1).generation);
}
// As in a crafted file: with a valid checksum.
template <class Change>
void change_slots(const std::filesystem::path& file, Change change) {
    for (const std::uint64_t parity : {std::uint64_t{0}, std::uint64_t{1}}) {
        Slot slot = slot_in(file, parity);
        change(slot);
        slot.crc = detail::checksum_of(slot);
        for (std::size_t i = 0; i < sizeof slot; ++i)
            poke(file, detail::slot_offset(parity) + i, static_cast<char>(detail::bytes_of(slot)[i]));
    }
}

}  // namespace damaged_file
