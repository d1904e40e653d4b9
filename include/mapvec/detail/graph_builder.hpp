// Linking rows into a graph, in memory: the files are read, and written only when all is done.
//
//     GraphBuilder<M, S> builder(mapped, rows, first_new, end, upper_records, beam_width);
//     builder.link_all(threads);
//     builder.each_changed(…);                  // records of rows that were there before
//     file.append(builder.ground());            // and of those that are new
//
// Malkov and Yashunin's insertion (graph_search.hpp names the article): a beam on each level, of its rows those that
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

#include "../error.hpp"
#include "graph_records.hpp"
#include "graph_search.hpp"
#include "parallel.hpp"
#include "threads.hpp"

namespace mapvec::detail {

template <Metric M, Scalar S>
class GraphBuilder {
  public:
    using Record = std::vector<Word>;

    // The rows [first, end) are new. `mapped` and the rows outlive the builder.
    GraphBuilder(const MappedGraph& mapped, const RowSpan<S>& rows, Id first, Id end, std::uint64_t upper_records,
                 std::size_t beam_width)
        : mapped_(mapped),
          shape_(mapped.shape()),
          rows_(rows),
          first_(first),
          end_(end),
          first_upper_(upper_records),
          beam_width_(std::max(beam_width, shape_.m)),
          top_(mapped.top()),
          guards_(guard_count) {
        ground_.resize((end - first) * shape_.ground_words());
        std::uint64_t upper = upper_records;
        for (Id id = first; id < end; ++id) {
            const std::size_t level = level_of(id, shape_.m);
            Word* const record = new_record(*this, id, 0);
            record[0] = static_cast<Word>(level << 16);
            record[1] = level == 0 ? no_record : static_cast<Word>(upper);
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
    [[nodiscard]] std::span<const Word> ground() const noexcept { return ground_; }
    [[nodiscard]] std::span<const Word> upper() const noexcept { return upper_; }
    // Calls visit(on the ground, record number, record) for each record of an old row that is now another.
    template <class Visit>
    void each_changed(Visit visit) const {
        for (const Guard& guard : guards_)
            for (const auto& [key, record] : guard.changed) visit(key % 2 == 0, key / 2, std::span<const Word>(record));
    }
    // Where searches are to begin from now on.
    [[nodiscard]] std::optional<Top> top() const noexcept { return top_; }

  private:
    static constexpr std::size_t guard_count = 1024;

    // Guards the lists of some rows, and has those of old rows that have changed.
    struct alignas(cache_line) Guard {
        mutable Mutex mutex;
        std::unordered_map<std::uint64_t, Record> changed;  // by record number * 2 + (1 above the ground)
    };

    // The graph as it grows, for one thread's walks.
    struct View {
        const GraphBuilder& builder;

        void collect(Id id, std::size_t level, std::vector<Id>& neighbours) const {
            neighbours.clear();
            const std::lock_guard lock(builder.guard_of(id).mutex);
            for (const Word link : builder.links(id, level))
                if (link < builder.end_) neighbours.push_back(link);
        }
        void prefetch(Id) const noexcept {}
    };

    struct Worker {
        explicit Worker(const RowSpan<S>& rows) : walk(rows), of_candidate(rows), of_neighbour(rows) {}

        Walk<M, S> walk;              // of the row that is linked
        Measurer<M, S> of_candidate;  // to rows chosen before
        Measurer<M, S> of_neighbour;  // a row that gets a link
        std::vector<KeyedId> candidates;
        std::vector<Id> ids;
        std::vector<Id> chosen;
    };

    [[nodiscard]] bool is_new(Id id) const noexcept { return id >= first_; }
    // Of a builder that is constant or not; nothing if the row does not have that level.
    template <class Self>
    [[nodiscard]] static auto new_record(Self& self, Id id, std::size_t level) noexcept
        -> decltype(self.ground_.data()) {
        const auto ground = self.ground_.data() + (id - self.first_) * self.shape_.ground_words();
        if (level == 0) return ground;
        if (level > ground[0] >> 16) return nullptr;
        return self.upper_.data() + (ground[1] - self.first_upper_ + level - 1) * self.shape_.upper_words();
    }
    [[nodiscard]] Guard& guard_of(Id id) noexcept { return guards_[id % guard_count]; }
    [[nodiscard]] const Guard& guard_of(Id id) const noexcept { return guards_[id % guard_count]; }
    [[nodiscard]] static std::uint64_t key_of(std::uint64_t number, std::size_t level) noexcept {
        return number * 2 + (level == 0 ? 0 : 1);
    }

    // REQUIRES, for these: the row's guard is held. Levels that a row does not have are without links.
    [[nodiscard]] std::span<const Word> links(Id id, std::size_t level) const {
        const Word* words = nullptr;
        if (is_new(id)) {
            words = new_record(*this, id, level);
            if (words == nullptr) return {};
        } else if (const auto number = mapped_.record_number(id, level)) {
            const auto& changed = guard_of(id).changed;
            const auto found = changed.find(key_of(*number, level));
            if (found == changed.end()) return mapped_.links(id, level);
            words = found->second.data();
        } else {
            return {};
        }
        return links_in(words, GraphShape::first_link(level), shape_.capacity(level));
    }
    [[nodiscard]] Word* record_to_change(Id id, std::size_t level) {
        if (is_new(id)) return new_record(*this, id, level);
        const auto number = mapped_.record_number(id, level);
        if (!number) return nullptr;
        const auto [at, fresh] = guard_of(id).changed.try_emplace(key_of(*number, level));
        if (fresh) copy_record(id, level, at->second);
        return at->second.data();
    }
    // Without links to rows that were not there when it was written.
    void copy_record(Id id, std::size_t level, Record& copy) const {
        const std::size_t first = GraphShape::first_link(level);
        copy.resize(first + shape_.capacity(level));
        if (level == 0) std::copy_n(mapped_.ground_record(id), first, copy.begin());
        Word count = 0;
        for (const Word link : mapped_.links(id, level))
            if (link < first_) copy[first + count++] = link;
        copy[0] = (copy[0] & 0xFFFF0000u) | count;
    }

    void link(Id id, Worker& worker) {
        if (!can_be_linked(id, worker)) return;
        const std::size_t level = level_of(id, shape_.m);
        std::unique_lock lock(top_mutex_);
        if (!top_) {
            top_ = Top{id, level};
            return;
        }
        const Top top = *top_;
        if (level <= top.level) lock.unlock();  // else nobody finds another top meanwhile
        const KeyedId nearest = worker.walk.descend(View{*this}, top, level);
        std::vector<KeyedId> from{nearest};
        for (std::size_t l = std::min(level, top.level);; --l) {
            TopK best(beam_width_);
            worker.walk.beam(
                View{*this}, from, l, best, [](Id) { return true; }, id);
            from = best.entries();
            choose(id, from, shape_.m, worker);
            const std::vector<Id> neighbours = worker.chosen;
            for (const Id neighbour : neighbours) add_link(id, neighbour, l, worker);
            for (const Id neighbour : neighbours) add_link(neighbour, id, l, worker);
            if (l == 0) break;
        }
        if (level > top.level) top_ = Top{id, level};
    }

    // Not if it has no distance to itself: it holds what is no number, or has no direction.
    [[nodiscard]] bool can_be_linked(Id id, Worker& worker) const {
        try {
            worker.walk.measurer().prepare(id);
        } catch (const Error&) {
            return false;
        }
        return !std::isnan(worker.walk.measurer().measure(id));
    }

    // Of the candidates, nearest first, at most `most` that are nearer to the row than to any chosen before. Among
    // equally near ones each row has its own order: if all chose the same, nothing would lead to the others.
    void choose(Id row, std::span<KeyedId> candidates, std::size_t most, Worker& worker) const {
        const auto order = [row](Id id) { return (id ^ row * 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u; };
        std::sort(candidates.begin(), candidates.end(), [order](const KeyedId& a, const KeyedId& b) {
            return a.key != b.key ? a.key < b.key : order(a.id) < order(b.id);
        });
        worker.chosen.clear();
        for (const KeyedId& candidate : candidates) {
            if (worker.chosen.size() == most) break;
            if (!is_nearer_to_chosen(candidate, worker)) worker.chosen.push_back(candidate.id);
        }
    }
    [[nodiscard]] bool is_nearer_to_chosen(const KeyedId& candidate, Worker& worker) const {
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
        const std::lock_guard lock(guard_of(from).mutex);
        Word* const words = record_to_change(from, level);
        if (words == nullptr) return;
        Word* const links = words + GraphShape::first_link(level);
        const std::size_t count = words[0] & 0xFFFF;
        if (std::find(links, links + count, static_cast<Word>(to)) != links + count) return;
        if (count < shape_.capacity(level)) {
            links[count] = static_cast<Word>(to);
            ++words[0];
            return;
        }
        worker.ids.assign(links, links + count);
        worker.ids.push_back(to);
        choose_again(from, shape_.capacity(level), worker);
        std::copy(worker.chosen.begin(), worker.chosen.end(), links);
        words[0] = (words[0] & 0xFFFF0000u) | static_cast<Word>(worker.chosen.size());
    }
    // Of worker.ids, those that `row` is to be linked with.
    void choose_again(Id row, std::size_t most, Worker& worker) const {
        worker.of_neighbour.prepare(row);
        const auto keys = worker.of_neighbour.measure(worker.ids);
        worker.candidates.clear();
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (!std::isnan(keys[i])) worker.candidates.push_back({keys[i], worker.ids[i]});
        choose(row, worker.candidates, most, worker);
    }

    const MappedGraph& mapped_;
    const GraphShape shape_;
    const RowSpan<S> rows_;
    const Id first_;
    const Id end_;
    const std::uint64_t first_upper_;
    const std::size_t beam_width_;
    std::vector<Word> ground_;
    std::vector<Word> upper_;
    Mutex top_mutex_;
    std::optional<Top> top_;
    std::vector<Guard> guards_;
};

}  // namespace mapvec::detail
