// Linking rows into a graph, in memory: the files are read, and written only when all is done.
//
//     HnswBuilder<M, S> builder(mapped, rows, first_new, end, upper_records, ef_construction);
//     builder.link_all(threads);
//     builder.each_changed(…);                  // records of rows that were there before
//     file.append(builder.level_0());            // and of those that are new
//
// Malkov and Yashunin's insertion (hnsw/walk.hpp names the article): a beam on each level, of its rows those that
// are nearer to the new one than to each other (algorithm 4), links both ways, and the same choice again where a row
// has more links than it may have.
//
// With one thread the graph depends on nothing but the rows and their order. Several threads link different rows at
// once; each list of links is guarded by one of many locks, and nobody holds two of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/detail/hnsw/walk.hpp>
#include <mapvec/detail/platform/parallel.hpp>
#include <mapvec/detail/platform/threads.hpp>
#include <mapvec/error.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <Metric M, Scalar S>
class HnswBuilder {
  public:
    using Record = std::vector<RowId32>;

    // The rows [first, end) are new. `mapped` and the rows outlive the builder.
    HnswBuilder(const MappedHnsw& mapped, const RowSpan<S>& rows, Id first, Id end, std::uint64_t upper_records,
                std::size_t ef_construction)
        : mapped_(mapped),
          shape_(mapped.shape()),
          rows_(rows),
          first_(first),
          end_(end),
          first_upper_(upper_records),
          beam_width_(std::max(ef_construction, shape_.m)),
          top_(mapped.entry_point()),
          list_locks_(guard_count) {
        level_0_.resize((end - first) * shape_.level_0_words());
        std::uint64_t upper = upper_records;
        for (Id id = first; id < end; ++id) {
            const std::size_t level = level_of(id, shape_.m);
            RowId32* const record = new_record(*this, id, 0);
            record[0] = static_cast<RowId32>(level << 16);
            record[1] = level == 0 ? no_record : static_cast<RowId32>(upper);
            upper += level;
        }
        if (upper >= no_record)
            throw Error(ErrorCode::out_of_range, mismatch("upper records", "less than 2^32 - 1", upper));
        upper_.resize((upper - upper_records) * shape_.upper_words());
    }

    void link_all(std::size_t threads) {
        std::atomic<Id> next{first_};
        parallel_for(threads, threads, [&](std::size_t) {
            Worker worker(rows_);
            try {
                for (Id id = next.fetch_add(1); id < end_; id = next.fetch_add(1)) link(id, worker);
            } catch (...) {
                next.store(end_);  // the others need not go on
                throw;
            }
        });
    }

    // Records of the rows that are new, as the files have them.
    [[nodiscard]] std::span<const RowId32> level_0() const noexcept { return level_0_; }
    [[nodiscard]] std::span<const RowId32> upper() const noexcept { return upper_; }
    // Calls visit(on_level_0, record number, record) for each record of an old row that is now another.
    template <class Visit>
    void each_changed(Visit visit) const {
        for (const ListLock& lock : list_locks_)
            for (const auto& [key, record] : lock.changed)
                visit(key % 2 == 0, key / 2, std::span<const RowId32>(record));
    }
    // Where searches are to begin from now on.
    [[nodiscard]] std::optional<EntryPoint> entry_point() const noexcept { return top_; }

  private:
    static constexpr std::size_t guard_count = 1024;

    // Guards the lists of some rows, and has those of old rows that have changed.
    struct alignas(cache_line) ListLock {
        mutable Mutex mutex;
        std::unordered_map<std::uint64_t, Record> changed;  // by record number * 2 + (1 above the level_0)
    };

    // The graph as it grows, for one thread's walks.
    struct View {
        const HnswBuilder& builder;

        void collect(Id id, std::size_t level, std::vector<Id>& neighbours) const {
            neighbours.clear();
            const std::lock_guard lock(builder.list_lock_of(id).mutex);
            for (const RowId32 link : builder.links(id, level))
                if (link < builder.end_) neighbours.push_back(link);
        }
        void prefetch(Id) const noexcept {}
    };

    struct Worker {
        explicit Worker(const RowSpan<S>& rows) : walk(rows), of_candidate(rows), of_neighbour(rows) {}

        Walk<M, S> walk;                      // of the row that is linked
        DistanceComputer<M, S> of_candidate;  // to rows chosen before
        DistanceComputer<M, S> of_neighbour;  // a row that gets a link
        std::vector<Candidate> candidates;
        std::vector<Id> ids;
        std::vector<Id> chosen;
    };

    [[nodiscard]] bool is_new(Id id) const noexcept { return id >= first_; }
    // Of a builder that is constant or not; nothing if the row does not have that level.
    template <class Self>
    [[nodiscard]] static auto new_record(Self& self, Id id, std::size_t level) noexcept
        -> decltype(self.level_0_.data()) {
        const auto level_0 = self.level_0_.data() + (id - self.first_) * self.shape_.level_0_words();
        if (level == 0) return level_0;
        if (level > level_0[0] >> 16) return nullptr;
        return self.upper_.data() + (level_0[1] - self.first_upper_ + level - 1) * self.shape_.upper_words();
    }
    [[nodiscard]] ListLock& list_lock_of(Id id) noexcept { return list_locks_[id % guard_count]; }
    [[nodiscard]] const ListLock& list_lock_of(Id id) const noexcept { return list_locks_[id % guard_count]; }
    [[nodiscard]] static std::uint64_t key_of(std::uint64_t number, std::size_t level) noexcept {
        return number * 2 + (level == 0 ? 0 : 1);
    }

    // REQUIRES, for these: the row's lock is held. Levels that a row does not have are without links.
    [[nodiscard]] std::span<const RowId32> links(Id id, std::size_t level) const {
        const RowId32* words = nullptr;
        if (is_new(id)) {
            words = new_record(*this, id, level);
            if (words == nullptr) return {};
        } else if (const auto number = mapped_.record_number(id, level)) {
            const auto& changed = list_lock_of(id).changed;
            const auto found = changed.find(key_of(*number, level));
            if (found == changed.end()) return mapped_.links(id, level);
            words = found->second.data();
        } else {
            return {};
        }
        return links_in(words, HnswShape::first_link(level), shape_.capacity(level));
    }
    [[nodiscard]] RowId32* record_to_change(Id id, std::size_t level) {
        if (is_new(id)) return new_record(*this, id, level);
        const auto number = mapped_.record_number(id, level);
        if (!number) return nullptr;
        const auto [at, fresh] = list_lock_of(id).changed.try_emplace(key_of(*number, level));
        if (fresh) copy_record(id, level, at->second);
        return at->second.data();
    }
    // Without links to rows that were not there when it was written.
    void copy_record(Id id, std::size_t level, Record& copy) const {
        const std::size_t first = HnswShape::first_link(level);
        copy.resize(first + shape_.capacity(level));
        if (level == 0) std::copy_n(mapped_.level_0_record(id), first, copy.begin());
        RowId32 count = 0;
        for (const RowId32 link : mapped_.links(id, level))
            if (link < first_) copy[first + count++] = link;
        copy[0] = (copy[0] & 0xFFFF0000u) | count;
    }

    void link(Id id, Worker& worker) {
        if (!can_be_linked(id, worker)) return;
        const std::size_t level = level_of(id, shape_.m);
        std::unique_lock lock(top_mutex_);
        if (!top_) {
            top_ = EntryPoint{id, level};
            return;
        }
        const EntryPoint top = *top_;
        if (level <= top.level) lock.unlock();  // else nobody finds another top meanwhile
        const Candidate nearest = worker.walk.greedy_descend(View{*this}, top, level);
        std::vector<Candidate> from{nearest};
        for (std::size_t l = std::min(level, top.level);; --l) {
            TopK best(beam_width_);
            worker.walk.search_layer(
                View{*this}, from, l, best, [](Id) { return true; }, id);
            from = best.entries();
            select_neighbors(id, from, shape_.m, worker);
            const std::vector<Id> neighbours = worker.chosen;
            for (const Id neighbour : neighbours) add_link(id, neighbour, l, worker);
            for (const Id neighbour : neighbours) add_link(neighbour, id, l, worker);
            if (l == 0) break;
        }
        if (level > top.level) top_ = EntryPoint{id, level};
    }

    // Not if it has no distance to itself: it holds what is no number, or has no direction.
    [[nodiscard]] bool can_be_linked(Id id, Worker& worker) const {
        try {
            worker.walk.distances().prepare(id);
        } catch (const Error&) {
            return false;
        }
        return !std::isnan(worker.walk.distances().measure(id));
    }

    // Of the candidates, nearest first, at most `most` that are nearer to the row than to any chosen before. Among
    // equally near ones each row has its own order: if all chose the same, nothing would lead to the others.
    void select_neighbors(Id row, std::span<Candidate> candidates, std::size_t most, Worker& worker) const {
        const auto order = [row](Id id) { return (id ^ row * 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u; };
        std::sort(candidates.begin(), candidates.end(), [order](const Candidate& a, const Candidate& b) {
            return a.key != b.key ? a.key < b.key : order(a.id) < order(b.id);
        });
        worker.chosen.clear();
        for (const Candidate& candidate : candidates) {
            if (worker.chosen.size() == most) break;
            if (!is_nearer_to_chosen(candidate, worker)) worker.chosen.push_back(candidate.id);
        }
    }
    [[nodiscard]] bool is_nearer_to_chosen(const Candidate& candidate, Worker& worker) const {
        if (worker.chosen.empty()) return false;
        constexpr std::size_t step = 4;  // as many rows as kernels measure at a time
        worker.of_candidate.prepare(candidate.id);
        for (std::size_t i = 0; i < worker.chosen.size(); i += step) {
            const std::size_t n = std::min(step, worker.chosen.size() - i);
            for (const float key : worker.of_candidate.measure(std::span(worker.chosen).subspan(i, n)))
                if (key < candidate.key) return true;
        }
        return false;
    }

    void add_link(Id from, Id to, std::size_t level, Worker& worker) {
        const std::lock_guard lock(list_lock_of(from).mutex);
        RowId32* const words = record_to_change(from, level);
        if (words == nullptr) return;
        RowId32* const links = words + HnswShape::first_link(level);
        const std::size_t count = words[0] & 0xFFFF;
        if (std::find(links, links + count, static_cast<RowId32>(to)) != links + count) return;
        if (count < shape_.capacity(level)) {
            links[count] = static_cast<RowId32>(to);
            ++words[0];
            return;
        }
        worker.ids.assign(links, links + count);
        worker.ids.push_back(to);
        prune(from, shape_.capacity(level), worker);
        std::copy(worker.chosen.begin(), worker.chosen.end(), links);
        words[0] = (words[0] & 0xFFFF0000u) | static_cast<RowId32>(worker.chosen.size());
    }
    // Of worker.ids, those that `row` is to be linked with.
    void prune(Id row, std::size_t most, Worker& worker) const {
        worker.of_neighbour.prepare(row);
        const auto keys = worker.of_neighbour.measure(worker.ids);
        worker.candidates.clear();
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (!std::isnan(keys[i])) worker.candidates.push_back({keys[i], worker.ids[i]});
        select_neighbors(row, worker.candidates, most, worker);
    }

    const MappedHnsw& mapped_;
    const HnswShape shape_;
    const RowSpan<S> rows_;
    const Id first_;
    const Id end_;
    const std::uint64_t first_upper_;
    const std::size_t beam_width_;
    std::vector<RowId32> level_0_;
    std::vector<RowId32> upper_;
    Mutex top_mutex_;
    std::optional<EntryPoint> top_;
    std::vector<ListLock> list_locks_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
