// RecordingStorage: models Storage on a simulated machine (simulated_disk.hpp), which knows of each byte whether it is
// durable. The stores run on it as they run on MappedFile:
//
//     auto store = mapvec::MmapVectorStore<3, float, RecordingStorage>::create("store");
//
// Each object stands for an open file in some process: its locks go with it, its overlays are its own.
// Every operation that can change anything calls Machine::step first, which may take a crash image or make it fail.
#pragma once

#include <mapvec/error.hpp>
#include <mapvec/storage/storage.hpp>

#include "simulated_disk.hpp"

namespace crash {

class RecordingStorage {
    using Path = std::filesystem::path;
    using Error = mapvec::Error;
    using Lock = mapvec::Lock;

  public:
    static RecordingStorage create(const Path& path, std::span<const std::byte> first, const mapvec::StoreOptions&) {
        Machine& machine = Use::current();
        machine.step(Op::create);
        if (machine.shown.contains(path.string())) throw Error(mapvec::ErrorCode::exists, path, "it exists");
        auto inode = std::make_shared<Inode>();
        inode->cache.write().assign(first.begin(), first.end());
        inode->durable = inode->cache;
        RecordingStorage file(machine, path, inode, mapvec::OpenMode::read_write);
        if (!file.try_lock(Lock::writer)) throw Error(mapvec::ErrorCode::locked, path, "a new file is locked");
        machine.shown[path.string()] = inode;
        machine.interrupt(Op::create);
        machine.sync_directory();
        return file;
    }
    static RecordingStorage create_temporary(std::span<const std::byte> first, const mapvec::StoreOptions&) {
        Use::current().step(Op::create);
        auto inode = std::make_shared<Inode>();
        inode->cache.write().assign(first.begin(), first.end());
        return RecordingStorage(Use::current(), "(temporary file)", inode, mapvec::OpenMode::read_write);
    }
    static RecordingStorage open(const Path& path, mapvec::OpenMode mode, const mapvec::StoreOptions&) {
        Machine& machine = Use::current();
        if (machine.fault) machine.fault(Op::open);
        const auto found = machine.shown.find(path.string());
        if (found == machine.shown.end()) throw Error(mapvec::ErrorCode::not_found, path, "there is no such file");
        return RecordingStorage(machine, path, found->second, mode);
    }
    static bool exists(const Path& path) { return Use::current().shown.contains(path.string()); }
    static void remove(const Path& path) {
        if (!exists(path)) return;
        Use::current().step(Op::remove);
        Use::current().shown.erase(path.string());
    }
    static void create_directory(const Path&) {}

    RecordingStorage(RecordingStorage&& other) noexcept { swap(other); }
    RecordingStorage& operator=(RecordingStorage&& other) noexcept {
        RecordingStorage(std::move(other)).swap(*this);
        return *this;
    }
    ~RecordingStorage() {
        if (!inode_) return;
        for (const Lock lock : {Lock::writer, Lock::reader, Lock::exclude_readers}) unlock(lock);
        drop_overlays();
    }

    [[nodiscard]] const Path& path() const noexcept { return path_; }
    [[nodiscard]] bool shows_its_file() const noexcept { return true; }
    [[nodiscard]] bool has_its_name() const {
        const auto found = machine_->shown.find(path_.string());
        return found != machine_->shown.end() && found->second == inode_;
    }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] const std::byte* data() const noexcept {
        return view_ ? view_->bytes.data() : inode_->cache.read().data();
    }
    void refresh() {
        if (machine_->fault) machine_->fault(Op::refresh);
        size_ = inode_->cache.read().size();
    }

    void resize(std::uint64_t size) {
        for (auto& [offset, n] : streamed_) n = std::min(n, size - std::min(offset, size));
        if (size < size_) finish_stream();
        machine_->step(Op::resize);
        inode_->resize(size);
        size_ = size;
    }
    void allocate(std::uint64_t, std::uint64_t) { machine_->step(Op::allocate); }
    void write(std::uint64_t offset, std::span<const std::byte> bytes) {
        within_size(offset, bytes);
        if (!streamed_.empty() && offset + bytes.size() > streamed_.front().first) finish_stream();
        write_through(offset, bytes);
    }
    // The view gets it; the file some of it at once, and the rest when it must. What lies behind is anything till then.
    void stream(std::uint64_t offset, std::span<const std::byte> bytes) {
        within_size(offset, bytes);
        const bool laid = view_ && view_->overlaid.size() * page_size > offset;
        if (laid || one_in(machine_->rng, 2)) return write(offset, bytes);
        const Bytes copy(bytes.begin(), bytes.end());
        make_view();
        view_->show(offset, copy, true);
        streamed_.push_back({offset, copy.size()});
        const std::uint64_t end = offset + copy.size();
        view_->show(end, Bytes(std::min<std::uint64_t>(size_ - end, 100), std::byte{0x5a}), true);
    }
    void finish_stream() {
        if (streamed_.empty()) return;
        const std::uint64_t begin = streamed_.front().first;
        for (; !streamed_.empty(); streamed_.erase(streamed_.begin())) {
            const auto [offset, n] = streamed_.front();
            write_through(offset, std::span<const std::byte>(view_->bytes).subspan(offset, n));
        }
        view_->show(begin, std::span(inode_->cache.read()).subspan(begin), false);
    }
    void overlay(std::uint64_t offset, std::span<const std::byte> bytes) {
        within_size(offset, bytes);
        const Bytes copy(bytes.begin(), bytes.end());
        prepare_overlay(offset, copy.size());
        view_->show(offset, copy, true);
    }
    void prepare_overlay(std::uint64_t offset, std::uint64_t n) {
        for (const auto& [begin, length] : streamed_)
            if (offset >= begin && offset + n <= begin + length) return;
        if (!streamed_.empty() && offset + n + page_size > streamed_.front().first) finish_stream();
        const std::uint64_t last = (offset + n - 1) / page_size;
        const bool laid =
            view_ && last < view_->overlaid.size() && view_->overlaid[offset / page_size] && view_->overlaid[last];
        if (machine_->fault && !laid) machine_->fault(Op::overlay);  // a page that is a copy already cannot fail
        make_view();
        const std::uint64_t end = offset + n;
        view_->overlaid.resize(std::max<std::size_t>(view_->overlaid.size(), (end + page_size - 1) / page_size));
        for (std::uint64_t page = offset / page_size; page * page_size < end; ++page) view_->overlaid[page] = true;
    }
    void drop_overlays() {
        streamed_.clear();  // of rows that were given up; a commit has written the others
        if (view_) std::erase(inode_->views, view_.get());
        view_.reset();
    }
    void start_sync(std::uint64_t, std::uint64_t) noexcept {}  // what is dirty may be on the disk at any time as it is
    void sync() {
        try {
            machine_->step(Op::sync);
        } catch (...) {
            ++machine_->sync_faults;
            inode_->fail_to_sync(machine_->rng);
            throw;
        }
        if (machine_->sync_fails()) {
            inode_->fail_to_sync(machine_->rng);
            throw Error(mapvec::ErrorCode::io, path_, "the disk does not answer");
        }
        inode_->sync();
    }

    void sync_name() {
        try {
            machine_->step(Op::sync_name);
        } catch (const Error& error) {  // before the sync was begun, or in it
            if (one_in(machine_->rng, 2)) throw;
            ++machine_->sync_faults;
            throw mapvec::detail::SyncError(error);
        }
        machine_->sync_directory();
    }

    [[nodiscard]] bool try_lock(Lock lock) {
        if (machine_->fault) machine_->fault(Op::lock);
        Locks& locks = inode_->locks;
        const void* const me = owner_.get();
        switch (lock) {
            case Lock::writer:
                if (locks.writer && locks.writer != me) return false;
                return locks.writer = me, true;
            case Lock::reader:
                if (locks.exclusive && locks.exclusive != me) return false;
                return locks.readers.insert(me), true;
            case Lock::exclude_readers:
                if (locks.exclusive || locks.readers.size() > locks.readers.count(me)) return false;
                return locks.exclusive = me, true;
        }
        return false;
    }
    void lock(Lock lock) {
        if (!try_lock(lock)) throw std::logic_error("a lock is waited for that nobody can release");
    }
    void unlock(Lock lock) noexcept {
        Locks& locks = inode_->locks;
        const void* const me = owner_.get();
        if (lock == Lock::writer && locks.writer == me) locks.writer = nullptr;
        if (lock == Lock::reader) locks.readers.erase(me);
        if (lock == Lock::exclude_readers && locks.exclusive == me) locks.exclusive = nullptr;
    }

  private:
    RecordingStorage(Machine& machine, Path path, InodePtr inode, mapvec::OpenMode mode)
        : machine_(&machine), path_(std::move(path)), inode_(std::move(inode)), mode_(mode) {
        size_ = inode_->cache.read().size();
    }
    void swap(RecordingStorage& other) noexcept {
        std::swap(machine_, other.machine_);
        path_.swap(other.path_);
        inode_.swap(other.inode_);
        view_.swap(other.view_);
        owner_.swap(other.owner_);
        std::swap(mode_, other.mode_);
        std::swap(size_, other.size_);
        streamed_.swap(other.streamed_);
    }
    void make_view() {
        if (view_) return;
        view_ = std::make_unique<View>();
        view_->bytes = inode_->cache.read();
        inode_->views.push_back(view_.get());
    }
    void write_through(std::uint64_t offset, std::span<const std::byte> bytes) {
        try {
            machine_->step(Op::write);
        } catch (...) {  // a write that fails has often written a part
            put(offset, bytes.first(below(machine_->rng, bytes.size())));
            throw;
        }
        const Bytes copy(bytes.begin(), bytes.end());
        const auto all = std::span(copy);
        std::uint64_t half = below(machine_->rng, all.size());
        half -= std::min(half, (offset + half) % sector_size);  // a sector is written whole
        put(offset, all.first(half));
        if (half > 0) machine_->interrupt(Op::write);
        put(offset + half, all.subspan(half));
    }

    void within_size(std::uint64_t offset, std::span<const std::byte> bytes) const {
        if (offset > size_ || bytes.size() > size_ - offset) throw std::logic_error("an access beyond the file's end");
    }
    void put(std::uint64_t offset, std::span<const std::byte> bytes) {
        if (mode_ != mapvec::OpenMode::read_write) throw std::logic_error("a reader writes to a file");
        inode_->write(offset, bytes, view_.get());
    }

    Machine* machine_ = nullptr;
    Path path_;
    InodePtr inode_;
    std::unique_ptr<View> view_;
    std::unique_ptr<char> owner_ = std::make_unique<char>();  // whose address locks are held under
    mapvec::OpenMode mode_ = mapvec::OpenMode::read_only;
    std::uint64_t size_ = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> streamed_;  // (offset, length): in the view, not in the file
};

static_assert(mapvec::Storage<RecordingStorage>);

}  // namespace crash
