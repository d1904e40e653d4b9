// AnyStore: any store of mapvec, for a program that knows its type at run time only: a vector store, a payload store,
// the directory of a collection, or an index.
//
//     AnyStore store("sift.vec");                                 // read-only, unless a mode is given
//     with_scalar(store.scalar(), [&]<class S>() {
//         Vectors<S> rows = store.vectors<S>();                   // dim(), data(): can be searched
//     });
//
// Payloads are bytes, because their type is not known here. Throws mapvec::Error like the stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mapvec/detail/file/header.hpp>
#include <mapvec/detail/store/payload_records.hpp>
#include <mapvec/error.hpp>
#include <mapvec/payload_codec.hpp>
#include <mapvec/query.hpp>
#include <mapvec/scalar.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/file_format.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "store_files.hpp"

namespace cli {

// Calls `call.template operator()<S>()` with the type S that `scalar` names.
template <class Call>
decltype(auto) with_scalar(mapvec::ScalarType type, Call&& call) {
    switch (type) {
        case mapvec::ScalarType::float64: return call.template operator()<double>();
        case mapvec::ScalarType::int8: return call.template operator()<std::int8_t>();
        case mapvec::ScalarType::uint8: return call.template operator()<std::uint8_t>();
        case mapvec::ScalarType::float16: return call.template operator()<mapvec::float16>();
        case mapvec::ScalarType::bfloat16: return call.template operator()<mapvec::bfloat16>();
        default: return call.template operator()<float>();
    }
}

[[nodiscard]] inline std::size_t scalar_size(mapvec::ScalarType type) {
    return with_scalar(type, []<class S>() { return sizeof(S); });
}

// The rows of a vector store or a collection. Valid as long as the AnyStore.
template <mapvec::Scalar S>
class Vectors {
  public:
    Vectors(std::span<const S> data, std::size_t dim) : data_(data), dim_(dim) {}
    [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
    [[nodiscard]] std::span<const S> data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return data_.size() / dim_; }
    [[nodiscard]] std::span<const S> operator[](mapvec::Id id) const noexcept {
        return data_.subspan(static_cast<std::size_t>(id) * dim_, dim_);
    }

  private:
    std::span<const S> data_;
    std::size_t dim_;
};

// Encoded payloads of any type, as bytes.
using EncodedRecords = mapvec::detail::VariableRecords<std::string, mapvec::Codec<std::string>, mapvec::MappedFile>;

enum class StoreKind { vectors, payloads, collection, index };

class AnyStore {
  public:
    using Group = mapvec::CommitGroup<mapvec::MappedFile>;

    explicit AnyStore(const fs::path& path, mapvec::OpenMode mode = mapvec::OpenMode::read_only) : path_(path) {
        const fs::path root = root_of(path);
        const mapvec::FileHeader header = read_own_header(root);
        if (header.kind == mapvec::FileKind::vectors)
            kind_ = header.file_count == 1 ? StoreKind::vectors : StoreKind::collection;
        else
            kind_ = header.kind <= mapvec::FileKind::erasures ? StoreKind::payloads : StoreKind::index;
        if (header.file_index != 0)
            throw mapvec::Error(mapvec::ErrorCode::type_mismatch, path,
                                "this is file " + std::to_string(header.file_index + 1) + " of a store of " +
                                    std::to_string(header.file_count) + "; open the store it belongs to");
        open(root, header, mode);
    }

    [[nodiscard]] const fs::path& path() const noexcept { return path_; }
    [[nodiscard]] StoreKind kind() const noexcept { return kind_; }
    [[nodiscard]] bool has_vectors() const noexcept {
        return kind_ == StoreKind::vectors || kind_ == StoreKind::collection;
    }
    [[nodiscard]] const mapvec::FileHeader& header() const noexcept { return group_[0].header(); }
    // The payloads' type, or the store and metric of an index, as text.
    [[nodiscard]] std::string description() const {
        return mapvec::detail::description_of(group_[has_payloads() ? first_payload() : 0].header());
    }
    [[nodiscard]] mapvec::ScalarType scalar() const noexcept {
        return static_cast<mapvec::ScalarType>(header().scalar);
    }
    // The number of ids, including those of erased rows. For an index: the records of its first file.
    [[nodiscard]] std::uint64_t rows() const noexcept { return has_payloads() ? payloads() : group_[0].size(); }
    [[nodiscard]] const std::unordered_set<mapvec::Id>& erased() const noexcept { return erased_; }
    [[nodiscard]] bool erased(mapvec::Id id) const { return erased_.count(id) != 0; }

    // REQUIRES: has_vectors() and S is the scalar().
    template <mapvec::Scalar S>
    [[nodiscard]] Vectors<S> vectors() const {
        const auto& rows = group_[0];
        const auto n = static_cast<std::size_t>(rows.size() * header().dim);
        return {n == 0 ? std::span<const S>{} : std::span(reinterpret_cast<const S*>(rows.records()), n),
                static_cast<std::size_t>(header().dim)};
    }

    [[nodiscard]] bool has_payloads() const noexcept {
        return kind_ == StoreKind::payloads || kind_ == StoreKind::collection;
    }
    // The size of fixed-size records; 0 if records are encoded.
    [[nodiscard]] std::uint64_t payload_size() const noexcept {
        const auto& header = group_[first_payload()].header();
        return header.kind == mapvec::FileKind::raw_payloads ? header.stride : 0;
    }
    // REQUIRES: has_payloads().
    [[nodiscard]] std::uint64_t payload_fingerprint() const noexcept {
        return group_[first_payload()].header().fingerprint;
    }
    [[nodiscard]] std::uint64_t payloads() const noexcept {
        return group_[first_payload() + (payload_size() == 0 ? 1 : 0)].size();
    }
    // REQUIRES: id < payloads(). Throws corrupt.
    [[nodiscard]] std::span<const std::byte> payload(mapvec::Id id) const {
        const auto& records = group_[first_payload()];
        if (payload_size() != 0) return records.record(id);
        struct Entry {
            std::uint64_t begin;
            std::uint32_t length, crc;
        } entry;
        std::memcpy(&entry, group_[first_payload() + 1].record(id).data(), sizeof entry);
        if (entry.begin > records.size() || entry.length > records.size() - entry.begin)
            throw mapvec::Error(mapvec::ErrorCode::corrupt, records.path(),
                                "record " + std::to_string(id) + " lies beyond the end of the file");
        return {records.records() + entry.begin, entry.length};
    }

    // The payloads with their checksums, valid as long as the AnyStore. REQUIRES: has_payloads(), payload_size() == 0.
    [[nodiscard]] EncodedRecords encoded_payloads() { return {group_, first_payload()}; }

    // True if `file` belongs to the store and must not be overwritten.
    [[nodiscard]] bool owns(const fs::path& file) const {
        std::error_code not_there;
        for (std::size_t i = 0; i < files_; ++i)
            if (fs::equivalent(group_[i].path(), file, not_there)) return true;
        return false;
    }
    // The total size of its files in bytes.
    [[nodiscard]] std::uint64_t file_bytes() const {
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < files_; ++i) bytes += fs::file_size(group_[i].path());
        return bytes;
    }
    // Verifies all files. Throws corrupt.
    template <mapvec::ProgressCallback Progress = mapvec::NoProgress>
    void verify(Progress progress = {}) const {
        group_.verify(std::move(progress));
    }

    // For commands that copy or write: the files, of which the last is that of the erasures in a collection.
    [[nodiscard]] Group& group() noexcept { return group_; }
    [[nodiscard]] const Group& group() const noexcept { return group_; }
    [[nodiscard]] std::size_t files() const noexcept { return files_; }

  private:
    void open(const fs::path& root, const mapvec::FileHeader& header, mapvec::OpenMode mode) {
        const auto specs = specs_of(root, header);
        check_scalar(specs[0]);
        group_ = Group::open(specs, mode, {});
        files_ = specs.size();
        if (kind_ != StoreKind::collection) return;
        if (mode == mapvec::OpenMode::read_write) become_writer(root);
        if (payloads() != group_[0].size())
            throw mapvec::Error(mapvec::ErrorCode::corrupt, path_,
                                mapvec::detail::mismatch("payloads", group_[0].size(), payloads()));
        learn_erasures(group_[files_ - 1]);
    }
    // As a collection does when it is opened for writing.
    void become_writer(const fs::path& root) {
        if (root != root_of(path_) || !group_[0].file().has_its_name())
            throw mapvec::Error(mapvec::ErrorCode::locked, path_,
                                "another program has just replaced its files; try again");
        const auto other = mapvec::detail::collection_place(path_, header().rewrites + 1);
        mapvec::detail::discard_leftovers<mapvec::MappedFile>(group_, other);
    }
    void check_scalar(const mapvec::FileSpec& root) const {
        if (!has_vectors()) return;
        const std::uint32_t scalar = root.header.scalar;
        if (scalar < 1 || scalar > 6 || scalar_size(static_cast<mapvec::ScalarType>(scalar)) != root.header.scalar_size)
            throw mapvec::Error(mapvec::ErrorCode::type_mismatch, root.path,
                                "scalar type " + std::to_string(scalar) + " is not known to this program");
    }
    void learn_erasures(const Group::Array& erasures) {
        for (std::uint64_t i = 0; i < erasures.size(); ++i) {
            mapvec::Id id = 0;
            std::memcpy(&id, erasures.record(i).data(), sizeof id);
            if (id >= group_[0].size() || !erased_.insert(id).second)
                throw mapvec::Error(mapvec::ErrorCode::corrupt, erasures.path(),
                                    "erasure " + std::to_string(i) + " is of row " + std::to_string(id));
        }
    }
    [[nodiscard]] std::size_t first_payload() const noexcept { return kind_ == StoreKind::collection ? 1 : 0; }

    fs::path path_;
    StoreKind kind_{};
    Group group_;
    std::size_t files_ = 0;
    std::unordered_set<mapvec::Id> erased_;
};

}  // namespace cli
