// Databases of ring-db, the Rust crate, versions 0.3 to 0.6: a directory with vectors and payloads.
//
//     struct Doc { std::string title; std::uint32_t year; double score; std::vector<std::string> tags; };
//     const auto shape = mapvec::io::ringdb_shape("documents.ring");
//     auto docs = mapvec::Collection<mapvec::dynamic_dim, Doc>::create("documents", {.dim = shape.dim});
//     mapvec::io::import_ringdb("documents.ring", docs);
//     docs.commit();
//
// The files, all little-endian:
//
//     meta.bin       dim (u64), count (u64)
//     vectors.bin    count rows of dim float32
//     norms_sq.bin   count float32: |row|² of each
//     payloads.bin   records back to back: bincode 1.x, or the bytes of a #[repr(C)] struct
//     offsets.bin    count + 1 u64: begin of each record, end of the last; absent for raw records
//
// A Rust `char` in a payload is a UnicodeChar in T (unicode_char.hpp).
//
// The import checks the lengths of all files against each other, and the norms against the rows. It decodes each record
// as a T, and stores the bytes of the record without a change. (If T has a fixed size, it is stored raw here; a record
// that was encoded there is stored as its decoded value.) Throws payload for a record that is not a T, with its
// position; type_mismatch if raw payloads do not have the size of T, or T is not stored raw. exchange.hpp describes
// imports.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mapvec/collection.hpp>
#include <mapvec/detail/util/checked.hpp>
#include <mapvec/error.hpp>
#include <mapvec/io/detail/convert.hpp>
#include <mapvec/io/detail/input_file.hpp>
#include <mapvec/io/detail/rows.hpp>
#include <mapvec/io/exchange.hpp>
#include <mapvec/payload_codec.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::io {

namespace detail {

// Opens a file of a database and checks that it holds `count` elements of `size` bytes.
[[nodiscard]] inline InputFile open_ringdb_file(const std::filesystem::path& path, std::uint64_t count,
                                                std::uint64_t size) {
    InputFile file(path);
    const auto expected = mapvec::detail::checked_multiply(count, size);
    if (!expected || *expected != file.size())
        file.corrupt(std::min(file.size(), expected.value_or(file.size())),
                     mapvec::detail::mismatch("size of the file",
                                              expected ? std::to_string(*expected) : "no file's length", file.size()));
    return file;
}

[[nodiscard]] inline Shape read_ringdb_meta(const std::filesystem::path& directory) {
    InputFile file = open_ringdb_file(directory / "meta.bin", 2, sizeof(std::uint64_t));
    const auto dim = file.read_number<std::uint64_t>();
    const auto rows = file.read_number<std::uint64_t>();
    if (dim == 0 || !row_bytes<float>(dim, 0))
        file.corrupt(0, mapvec::detail::mismatch("dimension", "from 1 to 2^56", dim));
    if (rows >= max_file_bytes) file.corrupt(8, mapvec::detail::mismatch("count", "less than 2^58", rows));
    return {rows, dim};
}

// Reads the vectors of a database one by one, and checks each against its norm.
class RingdbVectors {
  public:
    RingdbVectors(const std::filesystem::path& directory, const Shape& shape)
        : vectors_(open_ringdb_file(directory / "vectors.bin", shape.rows, *row_bytes<float>(shape.dim, 0))),
          norms_(open_ringdb_file(directory / "norms_sq.bin", shape.rows, sizeof(float))),
          row_(static_cast<std::size_t>(shape.rows == 0 ? 0 : shape.dim)) {}

    [[nodiscard]] const InputFile& file() const noexcept { return vectors_; }

    // Valid until the next call.
    [[nodiscard]] std::span<const float> next() {
        vectors_.read(std::as_writable_bytes(std::span(row_)));
        const std::uint64_t at = norms_.position();
        check_norm(at, norms_.read_number<float>());
        return row_;
    }

  private:
    // The tolerance allows for any order of summation in float32. A sum above the largest float is infinite.
    void check_norm(std::uint64_t at, float found) const {
        double expected = 0;
        for (const float x : row_) expected += static_cast<double>(x) * static_cast<double>(x);
        const double tolerance =
            1e-6 + expected * 2 * static_cast<double>(row_.size() + 8) * std::numeric_limits<float>::epsilon();
        if (std::abs(static_cast<double>(found) - expected) <= tolerance) return;
        if (!std::isfinite(expected) || expected > static_cast<double>(std::numeric_limits<float>::max()) - tolerance)
            if (!std::isfinite(found)) return;
        norms_.corrupt(
            at, mapvec::detail::mismatch("squared norm of row " + std::to_string(at / sizeof(float)), expected, found));
    }

    InputFile vectors_;
    InputFile norms_;
    std::vector<float> row_;
};

// Reads the payload records of a database one by one.
class RingdbRecords {
  public:
    // If fixed_size is 0, the records are encoded, and offsets.bin holds their positions.
    RingdbRecords(const std::filesystem::path& directory, std::uint64_t count, std::uint64_t fixed_size)
        : payloads_(fixed_size != 0 ? open_ringdb_file(directory / "payloads.bin", count, fixed_size)
                                    : InputFile(directory / "payloads.bin")),
          fixed_size_(fixed_size) {
        if (fixed_size != 0) return;
        offsets_.emplace(open_ringdb_file(directory / "offsets.bin", count + 1, sizeof(std::uint64_t)));
        const auto first = offsets_->read_number<std::uint64_t>();
        if (first != 0) offsets_->corrupt(0, mapvec::detail::mismatch("offset of record 0", 0, first));
    }

    [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }
    [[nodiscard]] const InputFile& file() const noexcept { return payloads_; }

    // Valid until the next call.
    [[nodiscard]] std::span<const std::byte> next() {
        begin_ = payloads_.position();
        record_.resize(static_cast<std::size_t>(next_size()));
        payloads_.read(record_);
        return record_;
    }
    // Throws corrupt if bytes follow the last record.
    void expect_end() const {
        if (payloads_.left() != 0)
            payloads_.corrupt(payloads_.position(),
                              mapvec::detail::mismatch("bytes behind the last record", 0, payloads_.left()));
    }

  private:
    [[nodiscard]] std::uint64_t next_size() {
        if (!offsets_) return fixed_size_;
        const std::uint64_t at = offsets_->position();
        const auto end = offsets_->read_number<std::uint64_t>();
        if (end < begin_ || end > payloads_.size())
            offsets_->corrupt(at,
                              mapvec::detail::mismatch(
                                  "end of record " + std::to_string(at / 8 - 1),
                                  "from " + std::to_string(begin_) + " to " + std::to_string(payloads_.size()), end));
        return end - begin_;
    }

    InputFile payloads_;
    std::optional<InputFile> offsets_;
    std::uint64_t fixed_size_;
    std::uint64_t begin_ = 0;  // begin of the last record that next() returned
    std::vector<std::byte> record_;
};

// The size of each raw payload record, or 0 if the records are encoded.
template <class T>
[[nodiscard]] std::uint64_t ringdb_record_size(const std::filesystem::path& directory) {
    if (mapvec::detail::exists(directory / "offsets.bin")) return 0;
    if constexpr (raw_payload<T>)
        return sizeof(T);
    else
        throw Error(ErrorCode::type_mismatch, directory / "payloads.bin",
                    "there is no offsets.bin, so the payloads are raw: expected a payload type of fixed size");
}

// Appends the next record with its row. Throws payload with the position of the record.
template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File>
void append_ringdb_record(Collection<Dim, T, S, M, File>& collection, std::span<const S> row, RingdbRecords& records,
                          bool raw, std::uint64_t number) {
    const auto record = records.next();
    try {
        if (raw == raw_payload<T>)
            collection.append_encoded(row, record);
        else
            collection.append(row, Codec<T>::decode(record));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::payload) throw;
        records.file().refuse(error.code(), records.begin(),
                              "record " + std::to_string(number) + " is not a payload of this type: " + error.what());
    }
}

}  // namespace detail

// The shape in meta.bin. Throws not_found, corrupt.
[[nodiscard]] inline Shape ringdb_shape(const std::filesystem::path& directory) {
    return detail::read_ringdb_meta(directory);
}

// Appends all rows and payloads to a collection; returns their number. Throws corrupt, payload, type_mismatch,
// dimension_mismatch.
template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File, ProgressCallback Progress = NoProgress>
std::uint64_t import_ringdb(const std::filesystem::path& directory, Collection<Dim, T, S, M, File>& collection,
                            Progress progress = {}) {
    const Shape shape = detail::read_ringdb_meta(directory);
    if (shape.dim != collection.dim())
        throw Error(ErrorCode::dimension_mismatch, directory / "meta.bin",
                    mapvec::detail::mismatch("dimension", collection.dim(), shape.dim));
    const std::uint64_t record_size = detail::ringdb_record_size<T>(directory);
    detail::RingdbVectors vectors(directory, shape);
    detail::RingdbRecords records(directory, shape.rows, record_size);
    const std::uint64_t total = vectors.file().size() + records.file().size();
    std::vector<S> row(static_cast<std::size_t>(shape.rows == 0 ? 0 : shape.dim));
    for (std::uint64_t i = 0; i < shape.rows; ++i) {
        const std::uint64_t at = vectors.file().position();
        detail::convert_rows<float, S>(vectors.file(), at, {{1, shape.dim}}, std::as_bytes(vectors.next()), row,
                                       detail::no_prefix);
        detail::append_ringdb_record(collection, std::span<const S>(row), records, record_size != 0, i);
        if (i % 1024 == 1023) progress(vectors.file().position() + records.file().position(), total);
    }
    records.expect_end();
    if (total > 0) progress(total, total);
    return shape.rows;
}

}  // namespace mapvec::inline v0_1::io

#include <mapvec/detail/util/epilogue.inc>
