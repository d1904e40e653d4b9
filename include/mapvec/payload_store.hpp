// PayloadStore: typed values by id, serialized in memory-mapped files. PayloadStoreBuilder: writes many of them.
//
//     struct City { std::string name, country; std::uint32_t population; };
//     auto cities = mapvec::PayloadStore<City>::create("cities.pay");
//     Id paris = cities.push({"Paris", "FR", 2'138'551});
//     cities.commit();
//     City again = cities.fetch(paris);
//
// payload_codec.hpp defines the possible T and their bytes. A trivially copyable T of fixed size is stored as its
// bytes, in one file at `path`. Any other T is stored as encoded records, with a table of their positions in
// `path.offsets`. Each encoded record has a checksum, which fetch() checks. The files contain a fingerprint of T:
// opening them with another T throws type_mismatch.
//
// Durability, threads, processes and modes are those of MmapVectorStore (mmap_vector_store.hpp). update() overwrites a
// value. In copy_on_write mode it works only for T of fixed size, because a new encoded record has to be appended
// (read_only).
// Memory: records and offsets stay in the mapped files; nothing is held in RAM.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/removal.hpp>
#include <mapvec/detail/store/payload_records.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/detail/util/borrowed.hpp>
#include <mapvec/error.hpp>
#include <mapvec/payload_codec.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/scalar.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_file.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <class T, class C, Storage File>
class PayloadStoreBuilder;

template <class T, class C = Codec<T>, Storage File = MappedFile>
class PayloadStore {
    static_assert(detail::explain_refusal<T, C>());
    static_assert(Payload<T, C>, "T is not a payload: its codec must encode and decode it (see payload_codec.hpp)");

  public:
    using value_type = T;

    // Creates a store, opened for writing. It is durable when this returns. Throws exists; no_space.
    static PayloadStore create(const std::filesystem::path& path, const StoreOptions& options = {}) {
        return PayloadStore(CommitGroup<File>::create(specs(path, options), options));
    }
    // Opens a store. It reads as much as MmapVectorStore::open, and no record. Throws not_found; locked; type_mismatch;
    // version_mismatch; corrupt.
    [[nodiscard]] static PayloadStore open(const std::filesystem::path& path, OpenMode mode = OpenMode::read_write,
                                           const StoreOptions& options = {}) {
        return PayloadStore(CommitGroup<File>::open(specs(path, options), mode, options));
    }
    // open() if the store exists, otherwise create().
    static PayloadStore open_or_create(const std::filesystem::path& path, const StoreOptions& options = {}) {
        return PayloadStore(CommitGroup<File>::open_or_create(specs(path, options), options));
    }
    // open() in read_only mode.
    [[nodiscard]] static PayloadStore load(const std::filesystem::path& path) {
        return open(path, OpenMode::read_only);
    }

    // As MmapVectorStore::remove.
    static bool remove(const std::filesystem::path& path) { return detail::remove_store<File>(specs(path, {})); }

    PayloadStore() noexcept = default;  // a closed store: no records; writing throws invalid_argument

    // --- reading [any thread]: throws out_of_range ---

    // The value. Throws corrupt if its bytes are damaged; payload if the bytes are intact but not a T. O(bytes of the
    // record).
    [[nodiscard]] T fetch(Id id) const {
        check(id);
        return records_.fetch(id);
    }
    // One field of the value, for structs: fetch(id, &Doc::title). Skips the fields before it, and builds nothing but
    // this field. Checks the checksum of the record. Throws as fetch(); payload only for the bytes up to the field.
    template <std::same_as<T> Struct, class Field>
        requires FieldwisePayload<Struct, C>
    [[nodiscard]] Field fetch(Id id, Field Struct::*field) const {
        check(id);
        return records_.fetch_field(id, field);
    }
    // The values of `ids`, in this order; ids may repeat. Checks all ids first. All values are in memory at once.
    // O(bytes of the records). Faster than one by one, because it prefetches the next records while it decodes one.
    [[nodiscard]] std::vector<T> fetch_many(std::span<const Id> ids) const {
        constexpr std::size_t entries_ahead = 8, bytes_ahead = 4, requests = 256;
        for (const Id id : ids) check(id);
        std::vector<T> values;
        values.reserve(ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (i % requests == 0) records_.request(ids.subspan(i, std::min(requests, ids.size() - i)));
            if (i + entries_ahead < ids.size()) records_.prefetch_entry(ids[i + entries_ahead]);
            if (i + bytes_ahead < ids.size()) records_.prefetch_bytes(ids[i + bytes_ahead]);
            values.push_back(records_.fetch(ids[i]));
        }
        return values;
    }
    // The serialized record in the mapped file; valid as long as the store. Does not check the checksum. O(1).
    [[nodiscard]] std::span<const std::byte> bytes(Id id) const {
        check(id);
        return records_.bytes(id);
    }
    // The value in the mapped file, for T that need no decoding: const T& for fixed-size T, std::string_view for
    // std::string. Valid as long as the store. Does not check the checksum or the stored length of a string, so that it
    // does not touch the bytes of a string. Throws corrupt, payload. O(1).
    [[nodiscard]] decltype(auto) view(Id id) const requires ViewablePayload<T, C> {
        check(id);
        if constexpr (raw_payload<T, C>)
            return detail::view_of<T>(records_.bytes(id));
        else
            return records_.string(id);
    }

    // False for a closed, moved-from or default-constructed store.
    [[nodiscard]] bool is_open() const noexcept { return records_.is_open(); }
    [[nodiscard]] std::size_t size() const noexcept {
        return is_open() ? static_cast<std::size_t>(records_.size()) : 0;
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    // REQUIRES: the store is open.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return records_.path(); }

    // Reads and checks all records; O(size of the files). Do not call it while another thread writes or calls
    // refresh(). Throws corrupt, and names the first damage; invalid_argument for a part of a collection:
    // Collection::verify() verifies it.
    template <ProgressCallback Progress = NoProgress>
    void verify(Progress progress = {}) const {
        if (is_open() && !group_.is_open()) detail::refuse_to_verify_part(path());
        detail::verify_payloads(group_, records_, progress);
    }

    // --- writing: throws read_only; no_space; io; payload if the value cannot be encoded. Nothing has changed then ---

    Id push(const T& value) {
        check_open();
        records_.stage(value);
        records_.publish();
        return records_.size() - 1;
    }
    // Appends a value that the same codec has serialized. Its bytes are stored as they are. Throws payload if they are
    // not a T.
    Id push_encoded(std::span<const std::byte> record) {
        check_open();
        records_.stage_encoded(record);
        records_.publish();
        return records_.size() - 1;
    }
    // Replaces a value. Throws out_of_range. If T is not of fixed size, the new value takes new space, and the space of
    // the old one is not reused. O(bytes of the value).
    void update(Id id, const T& value) {
        check(id);
        records_.update(id, value);
    }

    void commit() { group_.commit(); }           // as MmapVectorStore::commit
    void flush() { commit(); }                   // the same
    bool refresh() { return group_.refresh(); }  // as MmapVectorStore::refresh
    void close() {                               // as MmapVectorStore::close
        group_.close();
        records_ = {};
    }

  private:
    using Records = detail::PayloadRecords<T, C, File>;
    friend struct detail::StoreParts;
    friend class PayloadStoreBuilder<T, C, File>;

    explicit PayloadStore(CommitGroup<File> group) : group_(std::move(group)), records_(group_, 0) {}
    // Part of a group that another object commits.
    PayloadStore(CommitGroup<File>& group, std::size_t first) : records_(group, first) {}

    static std::vector<FileSpec> specs(const std::filesystem::path& path, const StoreOptions& options) {
        std::vector<FileSpec> specs;
        Records::add_specs(specs, path, options.initial_capacity);
        return specs;
    }
    void check(Id id) const {
        if (id >= size()) refuse(id);
    }
    void check_open() const {
        if (!is_open()) detail::refuse_closed();
    }
    [[noreturn]] void refuse(Id id) const {  // a function of its own, so that reads are inlined
        const std::string problem = detail::mismatch("record id", "less than " + std::to_string(size()), id);
        throw is_open() ? Error(ErrorCode::out_of_range, path(), problem) : Error(ErrorCode::out_of_range, problem);
    }

    CommitGroup<File> group_;
    Records records_;
};

// Writes records to a temporary file without a name. The operating system removes the file when it is closed, also
// after a crash. Memory does not grow with the number of records.
//
//     mapvec::PayloadStoreBuilder<City> builder;
//     for (…) builder.push(city);
//     auto cities = std::move(builder).finish_persisted("cities.pay");
template <class T, class C = Codec<T>, Storage File = MappedFile>
class PayloadStoreBuilder {
  public:
    using Store = PayloadStore<T, C, File>;

    // Throws io or no_space if a temporary file cannot be created in the directory for temporary files.
    PayloadStoreBuilder() : store_(CommitGroup<File>::create_temporary(Store::specs({}, {}), {})) {}

    Id push(const T& value) { return store_.push(value); }
    [[nodiscard]] std::size_t size() const noexcept { return store_.size(); }

    // A store on the temporary file. The file exists as long as this store. commit() does nothing.
    [[nodiscard]] Store finish() && { return std::move(store_); }

    // Creates the store at `path`, durable and open for writing. After a crash it exists completely or not at all:
    // opening an incomplete store throws not_found, and creating it again replaces it. Throws exists; locked while
    // another writer creates it; no_space; io. If it throws, the builder still has all records.
    Store finish_persisted(const std::filesystem::path& path) && {
        Store store(CommitGroup<File>::create(Store::specs(path, {}), {}, [this](CommitGroup<File>& group) {
            Store(group, 0).records_.append(store_.records_);
        }));
        store_ = {};
        return store;
    }

  private:
    Store store_;
};

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
