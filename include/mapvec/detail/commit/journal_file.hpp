// JournalFile: one of the two journals of a store. The file is created by the first write; a missing file is empty.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/detail/commit/journal.hpp>
#include <mapvec/detail/util/checked.hpp>
#include <mapvec/storage/storage.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <Storage File>
class JournalFile {
  public:
    JournalFile() = default;
    JournalFile(std::filesystem::path path, OpenMode mode) : path_(std::move(path)), mode_(mode) {}

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    // All bytes of the file: records, and the bytes behind them.
    [[nodiscard]] std::span<const std::byte> bytes() {
        if (!file_ && File::exists(path_)) open();
        if (!file_) return {};
        file_->refresh();
        return {file_->data(), static_cast<std::size_t>(file_->size())};
    }

    void write(std::uint64_t offset, std::span<const std::byte> record) {
        const std::uint64_t end = offset + record.size();
        if (!file_) {
            if (File::exists(path_)) {
                open();
            } else {
                file_.emplace(File::create(path_, std::vector<std::byte>(step), options()));
                name_is_durable_ = true;
            }
        }
        if (end > file_->size()) extend(round_up(end + step, step));
        file_->write(offset, record);
    }

    // Writes the first `n` bytes again, because the disk may not have what the page cache has.
    void rewrite(std::uint64_t n) {
        const auto now = bytes().first(static_cast<std::size_t>(n));
        const std::vector<std::byte> copy(now.begin(), now.end());
        write(0, copy);
    }

    // The creator of the file may have been killed before its name was durable.
    void make_name_durable() {
        if (!name_is_durable_) file_->sync_name();
        name_is_durable_ = true;
    }
    // REQUIRES: make_name_durable().
    void sync() { file_->sync(); }
    // False if the file has been removed or replaced since it was opened.
    [[nodiscard]] bool has_its_name() const { return !file_ || file_->has_its_name(); }

  private:
    static constexpr std::uint64_t step = 1 << 20;  // written in advance: syncing a record must not grow it

    [[nodiscard]] static StoreOptions options() { return {.address_space = 64 << 20}; }

    // For a reader, the file may be gone: its writer has made a checkpoint and closed.
    void open() {
        try {
            file_.emplace(File::open(path_, mode_, options()));
        } catch (const Error& error) {
            if (error.code() != ErrorCode::not_found) throw;
        }
    }

    void extend(std::uint64_t size) {
        std::uint64_t at = file_->size();
        const std::vector<std::byte> zeros(step);
        file_->allocate(at,
                        size - at);  // before resize(): on a full tmpfs, a reader that touches a hole gets SIGBUS
        file_->resize(size);
        try {
            for (; at < size; at += step) {
                const auto n = static_cast<std::size_t>(std::min(step, size - at));
                file_->write(at, std::span(zeros).first(n));
            }
        } catch (...) {  // leave no hole: on a full tmpfs, reading one raises SIGBUS
            file_->resize(at);
            throw;
        }
    }

    std::filesystem::path path_;
    OpenMode mode_ = OpenMode::read_only;
    std::optional<File> file_;
    bool name_is_durable_ = false;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
