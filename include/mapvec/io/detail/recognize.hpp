// Recognises files of other formats that are opened as raw rows.
//
// Raw rows may begin with any bytes. So a file is recognised only by contents that rows practically never have: at
// least six bytes of magic, or counts that match the length of the file exactly.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <mapvec/error.hpp>
#include <mapvec/io/detail/input_file.hpp>
#include <mapvec/storage/file_format.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io::detail {

// The name of the format; empty for a file that may hold raw rows. Reads from the current position.
[[nodiscard]] inline std::string_view recognized_format(InputFile& file) {
    if (file.size() < 8) return {};
    std::array<char, 8> begin{};
    file.read(std::as_writable_bytes(std::span(begin)));
    if (begin == FileHeader{}.magic) return "a file of mapvec";
    if (std::string_view(begin.data(), 6) == "\x93NUMPY") return "a .npy file";

    std::uint32_t rows = 0, dim = 0;
    std::memcpy(&rows, begin.data(), sizeof rows);
    std::memcpy(&dim, begin.data() + sizeof rows, sizeof dim);
    const std::uint64_t scalars = std::uint64_t{rows} * dim;
    if (scalars == 0) return {};
    if (scalars == file.left()) return "a .u8bin or .i8bin file";
    if (scalars <= file.left() / 4 && scalars * 4 == file.left()) return "a .fbin or .ibin file";
    return {};
}

// Throws type_mismatch with the name of the format. Afterwards the file is positioned at its beginning.
inline void expect_raw_rows(InputFile& file) {
    const std::string_view format = recognized_format(file);
    if (!format.empty())
        file.refuse(ErrorCode::type_mismatch, 0,
                    mapvec::detail::mismatch("kind of file", "rows and nothing else", format));
    file.seek(0);
}

}  // namespace mapvec::inline v0_1::io::detail

#include <mapvec/detail/util/epilogue.inc>
