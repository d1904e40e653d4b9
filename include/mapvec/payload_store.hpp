// PayloadStore: typed values by id, serialized into mapped files; and the builder that streams them in.
//
//     struct City { std::string name, country; std::uint32_t population; };
//     auto cities = mapvec::PayloadStore<City>::create("cities.pay");
//     Id paris = cities.push({"Paris", "FR", 2'138'551});
//     cities.commit();
//     City again = cities.fetch(paris);
//
// What T may be, and its bytes, is Codec's business (payload_codec.hpp). Trivially copyable T of fixed size is stored
// as it is, one file at `path`; any other T as encoded records, with a table of where they are in `path.offsets`. Each
// encoded record carries a checksum that fetch() looks at. The files know T's structure: opened with another T they
// are type_mismatch.
//
// Durability, threads, processes and modes are those of MmapVectorStore (mmap_vector_store.hpp). Overwriting is
// update(); in copy_on_write mode for T of fixed size only: a new encoded record has to be appended (read_only).
// Memory: neither records nor offsets are held in RAM.
#pragma once

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
    static_assert(Payload<T, C>, "T is not a payload: its codec must encode and decode it (see payload_codec.hpp)");

  public:
    using value_type = T;

    // A new store, durable when this returns. Throws exists; no_space.
    static PayloadStore create(const std::filesystem::path& path, const StoreOptions& options = {}) {
        return PayloadStore(CommitGroup<File>::create(specs(path, options), options));
    }
    // Throws not_found; locked; type_mismatch; version_mismatch; corrupt. No record is read, whatever their number, but
    // what MmapVectorStore::open reads.
    [[nodiscard]] static PayloadStore open(const std::filesystem::path& path, OpenMode mode = OpenMode::read_write,
                                           const StoreOptions& options = {}) {
        return PayloadStore(CommitGroup<File>::open(specs(path, options), mode, options));
    }
    // As open() if there is a store, as create() if there is none.
    static PayloadStore open_or_create(const std::filesystem::path& path, const StoreOptions& options = {}) {
        return PayloadStore(CommitGroup<File>::open_or_create(specs(path, options), options));
    }
    // Opens for reading.
    [[nodiscard]] static PayloadStore load(const std::filesystem::path& path) {
        return open(path, OpenMode::read_only);
    }

    // As MmapVectorStore::remove.
    static bool remove(const std::filesystem::path& path) { return detail::remove_store<File>(specs(path, {})); }

    PayloadStore() noexcept = default;  // closed: it has no records, and writing to it throws invalid_argument

    // --- reading [any thread]: throws out_of_range ---

    // The value. Throws corrupt if its bytes are damaged, payload if they are whole but no T.
    [[nodiscard]] T fetch(Id id) const {
        check(id);
        return records_.fetch(id);
    }
    // In the order of `ids`, which may repeat; all of them are checked first. Holds all values at once. O(bytes of the
    // records). Faster than one by one: while one is decoded, the next are on their way from memory.
    [[nodiscard]] std::vector<T> fetch_many(std::span<const Id> ids) const {
        constexpr std::size_t entries_ahead = 8, bytes_ahead = 4;
        for (const Id id : ids) check(id);
        std::vector<T> values;
        values.reserve(ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (i + entries_ahead < ids.size()) records_.prefetch_entry(ids[i + entries_ahead]);
            if (i + bytes_ahead < ids.size()) records_.prefetch_bytes(ids[i + bytes_ahead]);
            values.push_back(records_.fetch(ids[i]));
        }
        return values;
    }
    // The serialized record where it lies; valid as long as the store. Its checksum is not looked at.
    [[nodiscard]] std::span<const std::byte> bytes(Id id) const {
        check(id);
        return records_.bytes(id);
    }
    // The value where it lies, for T that need no decoding: const T& for fixed-size T, std::string_view for
    // std::string. Valid as long as the store. Neither the checksum nor a string's own length is looked at, so that
    // finding a string does not touch its bytes. Throws corrupt, payload.
    [[nodiscard]] decltype(auto) view(Id id) const requires ViewablePayload<T, C> {
        check(id);
        if constexpr (raw_payload<T, C>)
            return detail::view_of<T>(records_.bytes(id));
        else
            return records_.string(id);
    }

    // False after close(), after a move, and of a default-constructed object.
    [[nodiscard]] bool is_open() const noexcept { return records_.is_open(); }
    [[nodiscard]] std::size_t size() const noexcept {
        return is_open() ? static_cast<std::size_t>(records_.size()) : 0;
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    // REQUIRES: the store is open.
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return records_.path(); }

    // Reads everything. Not beside a thread that writes or calls refresh(). Throws corrupt, naming the first damage;
    // invalid_argument for a part of a collection, which is verified as a whole.
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
    // A value that is serialized already, by the same codec: its bytes are taken over as they are. Throws payload if
    // they are no T.
    Id push_encoded(std::span<const std::byte> record) {
        check_open();
        records_.stage_encoded(record);
        records_.publish();
        return records_.size() - 1;
    }
    // Throws out_of_range. The new value takes new space if T is not of fixed size; the old one's is not used again.
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
    // Part of a group that somebody else commits.
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
    [[noreturn]] void refuse(Id id) const {  // apart, so that reading is short enough to be inlined
        const std::string problem = detail::mismatch("record id", "less than " + std::to_string(size()), id);
        throw is_open() ? Error(ErrorCode::out_of_range, path(), problem) : Error(ErrorCode::out_of_range, problem);
    }

    CommitGroup<File> group_;
    Records records_;
};

// Streams records into a temporary file, without a name, that the system removes when nobody has it open any more,
// after a crash too. Memory does not grow with the number of records.
//
//     mapvec::PayloadStoreBuilder<City> builder;
//     for (…) builder.push(city);
//     auto cities = std::move(builder).finish_persisted("cities.pay");
template <class T, class C = Codec<T>, Storage File = MappedFile>
class PayloadStoreBuilder {
  public:
    using Store = PayloadStore<T, C, File>;

    // Throws io or no_space if the system's directory for temporary files does not take one.
    PayloadStoreBuilder() : store_(CommitGroup<File>::create_temporary(Store::specs({}, {}), {})) {}

    Id push(const T& value) { return store_.push(value); }
    [[nodiscard]] std::size_t size() const noexcept { return store_.size(); }

    // The store on the temporary file, which lives as long as it. Its commit() does nothing.
    [[nodiscard]] Store finish() && { return std::move(store_); }

    // The store at `path`, durable, open for writing. It is there whole or not at all: what a crash leaves on the way
    // is not_found when it is opened, and taken over when it is created again. Throws exists; locked while another
    // creates it; no_space; io: the builder still has all records then.
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
