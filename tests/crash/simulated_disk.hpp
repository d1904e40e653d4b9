// Machine: a simulated machine. It knows the contents of the page cache, those of the disk, and all states in between.
//
//     Machine machine(seed);
//     Use use(machine);                                  // RecordingStorage uses this machine from now on
//     machine.hook = [&](Op) { auto cut = machine.power_cut(anything(rng)); … };   // before each operation
//
// The sectors of 512 bytes and the size of a file may be dirty, and the entries of a directory. If a sector was written
// several times since it was durable, any of these versions may be on disk. A power cut keeps durable data and any
// subset of dirty data. A kill keeps the page cache. After both, no lock is held.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace crash {

using Rng = std::mt19937_64;
[[nodiscard]] inline std::uint64_t below(Rng& rng, std::uint64_t n) { return n == 0 ? 0 : rng() % n; }
[[nodiscard]] inline bool one_in(Rng& rng, std::uint64_t n) { return below(rng, n) == 0; }

using Bytes = std::vector<std::byte>;
inline constexpr std::uint64_t sector_size = 512;
inline constexpr std::uint64_t page_size = 4096;
using Sector = std::array<std::byte, sector_size>;

// std::array compares one byte after the other, which was a sixth of the time of these programs.
[[nodiscard]] inline bool same(const Sector& a, const Sector& b) noexcept {
    return std::memcmp(a.data(), b.data(), sector_size) == 0;
}

// Bytes that copies share until one of them is written: most files of most crash images equal the original.
class SharedBytes {
  public:
    [[nodiscard]] const Bytes& read() const noexcept { return *bytes_; }
    [[nodiscard]] Bytes& write() {
        if (bytes_.use_count() > 1) bytes_ = std::make_shared<Bytes>(*bytes_);
        return *bytes_;
    }
    [[nodiscard]] Sector sector(std::uint64_t index) const noexcept {
        Sector found{};
        const std::uint64_t at = index * sector_size;
        if (at < bytes_->size())
            std::memcpy(found.data(), bytes_->data() + at, std::min<std::uint64_t>(sector_size, bytes_->size() - at));
        return found;
    }
    void put_sector(std::uint64_t index, const Sector& content) {
        const std::uint64_t at = index * sector_size;
        if (at >= bytes_->size()) return;
        std::memcpy(write().data() + at, content.data(), std::min<std::uint64_t>(sector_size, bytes_->size() - at));
    }

  private:
    std::shared_ptr<Bytes> bytes_ = std::make_shared<Bytes>();
};

// The overlays of one process: its view of the pages that it has replaced.
struct View {
    Bytes bytes;
    std::vector<bool> overlaid;

    void show(std::uint64_t offset, std::span<const std::byte> written, bool own) {
        bytes.resize(std::max<std::size_t>(bytes.size(), offset + written.size()));
        for (std::uint64_t done = 0; done < written.size();) {
            const std::uint64_t at = offset + done, page = at / page_size;
            const std::uint64_t n = std::min<std::uint64_t>(written.size() - done, (page + 1) * page_size - at);
            if (own || page >= overlaid.size() || !overlaid[page])
                std::memcpy(bytes.data() + at, written.data() + done, n);
            done += n;
        }
    }
};

struct Locks {
    const void* writer = nullptr;
    const void* exclusive = nullptr;
    std::set<const void*> readers;
};

// Decides for each dirty sector, size or entry whether it has reached the disk. `sector` has no meaning for sizes and
// directory entries.
enum class Item { entry, size, sector };
using Chooser = std::function<bool(Item, const std::string& file, std::uint64_t sector)>;

struct Inode {
    SharedBytes cache;
    SharedBytes durable;
    std::map<std::uint64_t, std::vector<Sector>> dirty;  // sector: earlier versions that may be on disk
    std::vector<std::uint64_t> sizes;                    // sizes since the file was durable
    Locks locks;
    std::vector<View*> views;

    void write(std::uint64_t offset, std::span<const std::byte> bytes, const View* own) {
        const Bytes copy(bytes.begin(), bytes.end());  // they may be a part of this file
        const std::uint64_t end = offset + copy.size();
        for (std::uint64_t at = offset; at < end;) {
            const std::uint64_t index = at / sector_size;
            const std::uint64_t n = std::min(end, (index + 1) * sector_size) - at;
            const Sector before = cache.sector(index);
            Sector after = before;
            std::memcpy(after.data() + at % sector_size, copy.data() + (at - offset), n);
            if (!same(after, before) || !same(after, durable.sector(index))) note(index, before, after);
            at += n;
        }
        if (!copy.empty()) std::memcpy(cache.write().data() + offset, copy.data(), copy.size());
        for (View* view : views) view->show(offset, copy, view == own);
    }

    void resize(std::uint64_t size) {
        const std::uint64_t before = cache.read().size();
        if (size == before) return;
        if (size < before) write(size, Bytes(before - size), nullptr);  // after growing again these bytes are zeros
        sizes.push_back(before);
        cache.write().resize(size);
        for (View* view : views) {
            view->bytes.resize(size);
            view->overlaid.resize(std::min<std::size_t>(view->overlaid.size(), (size + page_size - 1) / page_size));
        }
    }

    void sync() {
        if (!sizes.empty()) durable.write().resize(cache.read().size());
        for (const auto& [index, older] : dirty) durable.put_sector(index, cache.sector(index));
        dirty.clear();
        sizes.clear();
    }

    // The system could not write everything. It reports this once, and then treats the pages as clean.
    void fail_to_sync(Rng& rng) {
        if (one_in(rng, 2)) durable.write().resize(cache.read().size()), sizes.clear();
        for (const auto& [index, older] : dirty)
            if (one_in(rng, 2)) durable.put_sector(index, cache.sector(index));
        dirty.clear();
    }

    // Pages that are treated as clean may be read from the disk again at any time.
    void evict() {
        Bytes& shown = cache.write();
        const Bytes& disk = durable.read();
        for (std::uint64_t index = 0; index * sector_size < std::min(shown.size(), disk.size()); ++index)
            if (!dirty.contains(index)) cache.put_sector(index, durable.sector(index));
    }

    [[nodiscard]] std::size_t items() const noexcept { return dirty.size() + (sizes.empty() ? 0 : 1); }

    [[nodiscard]] std::shared_ptr<Inode> killed() const {
        auto copy = std::make_shared<Inode>();
        copy->cache = cache;
        copy->durable = durable;
        copy->dirty = dirty;
        copy->sizes = sizes;
        return copy;
    }

    [[nodiscard]] std::shared_ptr<Inode> power_cut(const std::string& name, const Chooser& chosen, Rng& rng) const {
        auto copy = std::make_shared<Inode>();
        copy->durable = durable;
        if (!sizes.empty()) {
            std::uint64_t size = durable.read().size();
            if (chosen(Item::size, name, 0))
                size = one_in(rng, 4) ? sizes[below(rng, sizes.size())] : cache.read().size();
            copy->durable.write().resize(size);
        }
        for (const auto& [index, older] : dirty) {
            if (!chosen(Item::sector, name, index)) continue;
            const bool early = !older.empty() && one_in(rng, 3);
            copy->durable.put_sector(index, early ? older[below(rng, older.size())] : cache.sector(index));
        }
        copy->cache = copy->durable;
        return copy;
    }

  private:
    void note(std::uint64_t index, const Sector& before, const Sector& after) {
        const auto [entry, is_new] = dirty.try_emplace(index);
        if (is_new || same(before, after)) return;
        auto& older = entry->second;
        if (older.size() == 3) older.erase(older.begin() + 1);
        older.push_back(before);
    }
};

using InodePtr = std::shared_ptr<Inode>;
using Directory = std::map<std::string, InodePtr>;

enum class Op { create, open, remove, resize, allocate, write, overlay, sync, sync_name, lock, refresh };

class Machine {
  public:
    explicit Machine(std::uint64_t seed) : rng(seed) {}

    // --- operations of the storage ---

    Directory shown;    // names that processes see
    Directory durable;  // names on disk
    Rng rng;
    std::function<void(Op)> hook;   // called before each operation that changes anything, and within some
    std::function<void(Op)> fault;  // throws to make an operation fail
    std::uint64_t sync_faults = 0;  // number of syncs that `fault` made fail
    std::uint64_t failing_syncs = 0;
    std::uint64_t syncs_until_failure = UINT64_MAX;

    void step(Op op) {
        if (fault) fault(op);
        interrupt(op);
    }
    void interrupt(Op op) {
        if (!hook || in_hook_) return;
        in_hook_ = true;
        hook(op);
        in_hook_ = false;
    }
    [[nodiscard]] bool sync_fails() {
        if (syncs_until_failure == UINT64_MAX) return false;
        if (syncs_until_failure > 0) return --syncs_until_failure, false;
        return failing_syncs > 0 && failing_syncs-- > 0;
    }
    void sync_directory() { durable = shown; }
    void evict() {
        for (const auto& [name, inode] : shown) inode->evict();
    }

    // --- crashes ---

    [[nodiscard]] std::size_t items() const {
        std::size_t n = changed_names().size();
        for (const auto& [name, inode] : all_files()) n += inode->items();
        return n;
    }

    [[nodiscard]] std::unique_ptr<Machine> killed() const {
        auto copy = std::make_unique<Machine>(0);
        std::map<InodePtr, InodePtr> copies;
        const auto copied = [&](const InodePtr& inode) {
            InodePtr& found = copies[inode];
            if (!found) found = inode->killed();
            return found;
        };
        for (const auto& [name, inode] : shown) copy->shown[name] = copied(inode);
        for (const auto& [name, inode] : durable) copy->durable[name] = copied(inode);
        return copy;
    }

    [[nodiscard]] std::unique_ptr<Machine> power_cut(const Chooser& chosen, Rng& random) const {
        auto copy = std::make_unique<Machine>(0);
        Directory left = durable;
        for (const auto& name : changed_names()) {
            if (!chosen(Item::entry, name, 0)) continue;
            const auto now = shown.find(name);
            if (now == shown.end())
                left.erase(name);
            else
                left[name] = now->second;
        }
        for (const auto& [name, inode] : left) copy->shown[name] = inode->power_cut(name, chosen, random);
        copy->durable = copy->shown;
        return copy;
    }

  private:
    [[nodiscard]] std::map<std::string, InodePtr> all_files() const {
        Directory all = durable;
        all.insert(shown.begin(), shown.end());
        return all;
    }
    // The directory entries that differ.
    [[nodiscard]] std::vector<std::string> changed_names() const {
        std::vector<std::string> names;
        for (const auto& [name, inode] : all_files()) {
            const auto now = shown.find(name), then = durable.find(name);
            if (now == shown.end() || then == durable.end() || now->second != then->second) names.push_back(name);
        }
        return names;
    }

    bool in_hook_ = false;
};

// While this object exists, RecordingStorage uses the machine.
class Use {
  public:
    explicit Use(Machine& machine) : before_(std::exchange(current_, &machine)) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { current_ = before_; }
    [[nodiscard]] static Machine& current() noexcept { return *current_; }

  private:
    inline static thread_local Machine* current_ = nullptr;
    Machine* before_;
};

}  // namespace crash
