// Creates the files of a store, which exists completely or not at all. First comes the root, locked and with blank
// slots, which is not a store yet; then the other files. CommitGroup then writes the first contents, and last the first
// slot of the root. If a crash interrupts this, the next creation replaces the files.
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include <mapvec/detail/commit/state.hpp>
#include <mapvec/detail/file/header.hpp>
#include <mapvec/detail/file/slots.hpp>
#include <mapvec/detail/platform/platform.hpp>
#include <mapvec/storage/mapped_array.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// One file of a store: its path and its expected header.
struct FileSpec {
    std::filesystem::path path;
    ExpectedHeader header;
    std::uint64_t initial_capacity = 0;  // records
    std::optional<StoreId> store_id{};   // the store id of a new store, if it is a copy of another
};

namespace detail {

// The default capacity of a new file in records; 0 if records are large.
[[nodiscard]] constexpr std::uint64_t default_capacity(std::uint64_t stride) noexcept {
    const std::uint64_t bytes = 64 << 10;
    return stride == 0 ? 1 : bytes / stride;
}

template <class Number>
[[nodiscard]] Number random_number(const std::filesystem::path& file) {
    Number number{};
    if (const int result = platform::random_bytes(&number, sizeof number); result != 0)
        throw platform::system_error(result, file, "asking for random numbers");
    return number;
}

// The specs of the files of a store, with their numbers.
[[nodiscard]] inline std::vector<FileSpec> numbered(std::vector<FileSpec> specs) {
    for (std::size_t i = 0; i < specs.size(); ++i) {
        specs[i].header.file_index = static_cast<std::uint32_t>(i);
        specs[i].header.file_count = static_cast<std::uint32_t>(specs.size());
    }
    return specs;
}

[[nodiscard]] inline FileHeader make_header(const FileSpec& spec, const StoreId& id) {
    const auto stride = checked_multiply(spec.header.dim, spec.header.scalar_size);
    if (!stride || !records_end(1, *stride))
        throw Error(ErrorCode::invalid_argument, spec.path, "a record of dimension " + std::to_string(spec.header.dim));
    FileHeader header;
    header.kind = spec.header.kind;
    header.scalar = spec.header.scalar;
    header.dim = spec.header.dim;
    header.stride = *stride;
    header.store_id = id;
    header.file_index = spec.header.file_index;
    header.file_count = spec.header.file_count;
    header.fingerprint = spec.header.fingerprint;
    header.rewrites = spec.header.rewrites;
    const std::string& text = spec.header.description;  // a longer text is cut; it ends with a zero
    std::copy_n(text.begin(), std::min(text.size(), header.description.size() - 1), header.description.begin());
    header.crc = checksum_of(header);
    return header;
}

// The first page of a file, with blank slots.
[[nodiscard]] inline std::vector<std::byte> first_page(const FileHeader& header) {
    std::vector<std::byte> page(data_offset);
    std::memcpy(page.data(), &header, sizeof header);
    return page;
}

// The header of an existing file, if it is a file of this kind.
template <Storage File>
[[nodiscard]] std::optional<FileHeader> header_if_ours(const File& file, const FileSpec& spec) {
    FileHeader header;
    if (file.size() < data_offset) return std::nullopt;
    std::memcpy(&header, file.data(), sizeof header);
    if (header.crc != checksum_of(header) || header.kind != spec.header.kind) return std::nullopt;
    return header;
}

// The existing root, if it is the unfinished root of such a store; then it is locked.
template <Storage File>
[[nodiscard]] std::optional<File> take_over(const FileSpec& spec, const StoreOptions& options) {
    File file = File::open(spec.path, OpenMode::read_write, options);
    if (!header_if_ours(file, spec) || !creation_is_unfinished(file.data())) return std::nullopt;
    if (!file.try_lock(Lock::writer))
        throw Error(ErrorCode::locked, spec.path, "another writer is creating this store");
    if (!file.has_its_name() || !creation_is_unfinished(file.data())) return std::nullopt;
    (void)read_header(file.data(), file.size(), spec.header, spec.path);
    file.sync_name();  // its creator may have been killed before this
    return file;
}

// True if a file holds no records: no slot was written, or the newest slot counts none, and the bytes of the records
// are zeros. (The journal of the root may contain records that no slot counts; their bytes are not zeros.)
template <Storage File>
[[nodiscard]] bool holds_no_records(const File& file) {
    const std::byte* const bytes = file.data();
    const auto newest = newer(read_slot(bytes, 0), read_slot(bytes, 1));
    if (newest ? newest->record_count != 0 : !creation_is_unfinished(bytes)) return false;
    return std::all_of(bytes + data_offset, bytes + file.size(), [](std::byte byte) { return byte == std::byte{0}; });
}

// True if a file belongs to the unfinished store `root`, or is an empty file of a store whose root is gone.
template <Storage File>
[[nodiscard]] bool is_debris(const File& file, const FileSpec& spec, const StoreId& root) {
    const auto header = header_if_ours(file, spec);
    if (!header || header->file_index != spec.header.file_index || header->file_count != spec.header.file_count)
        return false;
    return header->store_id == root || holds_no_records(file);
}

[[noreturn]] inline void refuse_to_replace(const std::filesystem::path& path) {
    throw Error(ErrorCode::exists, path, "a file that this store needs the name of is there already");
}

template <Storage File>
void remove_debris(const FileSpec& spec, const StoreId& root) {
    if (!File::exists(spec.path)) return;
    if (!is_debris(File::open(spec.path, OpenMode::read_only, {}), spec, root)) refuse_to_replace(spec.path);
    File::remove(spec.path);
}

inline constexpr std::size_t max_name_length = 255;  // in most file systems

// The names of the journals may be used only by journals of an earlier store.
template <Storage File>
void check_journals(const std::filesystem::path& root_path) {
    for (const auto generation : {std::uint64_t{0}, std::uint64_t{1}}) {
        JournalFile<File> journal(journal_path(root_path, generation), OpenMode::read_only);
        if (journal.path().filename().native().size() > max_name_length)
            throw Error(ErrorCode::invalid_argument, root_path,
                        "the name is too long: beside it " + journal.path().filename().string() + " has to fit");
        if (!may_be_journal(journal.bytes())) refuse_to_replace(journal.path());
    }
}

template <Storage File>
void create_arrays(Arrays<File>& arrays, const std::vector<FileSpec>& specs, const StoreOptions& options) {
    const auto& root_path = specs[0].path;
    check_journals<File>(root_path);
    FileHeader header =
        make_header(specs[0], specs[0].store_id ? *specs[0].store_id : random_number<StoreId>(root_path));
    std::optional<File> root;
    if (File::exists(root_path)) root = take_over<File>(specs[0], options);
    if (root)
        std::memcpy(&header, root->data(), sizeof header);
    else
        root = File::create(root_path, first_page(header), options);
    arrays.push_back(std::make_unique<MappedArray<File>>(std::move(*root), header, OpenMode::read_write));
    for (std::size_t i = 1; i < specs.size(); ++i) {
        remove_debris<File>(specs[i], header.store_id);
        const FileHeader next = make_header(specs[i], header.store_id);
        arrays.push_back(std::make_unique<MappedArray<File>>(File::create(specs[i].path, first_page(next), options),
                                                             next, OpenMode::read_write));
    }
}

// The state of a new store: no records, generation 1.
template <Storage File>
[[nodiscard]] GroupState<File> first_state(const Arrays<File>& arrays) {
    const auto& root_path = arrays[0]->path();
    Slot slot;
    slot.generation = first_generation;
    slot.salt = random_number<std::uint64_t>(root_path);
    GroupState<File> state;
    state.slots.assign(arrays.size(), slot);
    state.journal = {journal_path(root_path, slot.generation), OpenMode::read_write};
    return state;
}

template <Storage File>
void create_temporary_arrays(Arrays<File>& arrays, const std::vector<FileSpec>& specs, const StoreOptions& options) {
    for (const auto& spec : specs) {
        const FileHeader header = make_header(spec, StoreId{});
        arrays.push_back(std::make_unique<MappedArray<File>>(File::create_temporary(first_page(header), options),
                                                             header, OpenMode::read_write));
    }
}

}  // namespace detail
}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
