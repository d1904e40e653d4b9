// Copies of a collection as new files, which exist completely or not at all: with live rows only, with all rows, or
// with all rows and payloads of another type.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include <mapvec/detail/collection/files.hpp>
#include <mapvec/progress.hpp>
#include <mapvec/query.hpp>
#include <mapvec/storage/commit_group.hpp>
#include <mapvec/storage/mapped_array.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

struct NoMoves {
    void operator()(Id, Id) const noexcept {}
};

// Appends the records [first, end) of one array to another, a few megabytes at a time.
template <Storage File>
void append_records(const MappedArray<File>& from, std::uint64_t first, std::uint64_t end, MappedArray<File>& to) {
    const std::uint64_t at_once = std::max<std::uint64_t>(1, (4 << 20) / from.stride());
    for (std::uint64_t n = 0; first < end; first += n) {
        n = std::min(at_once, end - first);
        const std::span records(from.records() + first * from.stride(), static_cast<std::size_t>(n * from.stride()));
        const ReadInOrder in_order(from.access(), records.data(), records.size());
        to.append(records);
    }
}

template <Storage File>
void append_all_records(const MappedArray<File>& from, MappedArray<File>& to) {
    append_records(from, 0, from.size(), to);
}

// Creates a group with fill(group), and releases its unused space.
template <class Files, class Fill>
[[nodiscard]] auto create_filled(const std::vector<FileSpec>& specs, Fill fill) {
    using Group = typename Files::Group;
    return Group::create(specs, {}, [&](Group& group) {
        fill(group);
        for (std::size_t file = 0; file <= Files::erasures; ++file) group[file].shrink_to_fit();
    });
}

// Calls copy(first, end) for each run of live rows, of at most 4,096 rows.
template <class IsLive, class Copy, ProgressCallback Progress>
void each_live_run(std::uint64_t total, IsLive is_live, Copy copy, Progress& progress) {
    constexpr std::uint64_t at_once = 4096;
    std::uint64_t reported = 0;
    for (Id first = 0, end = 0; first < total; first = end) {
        while (end < total && end - first < at_once && is_live(end)) ++end;
        if (end > first) copy(first, end);
        if (end < total && !is_live(end)) ++end;
        if (end - reported < at_once && end != total) continue;
        progress(end, total);
        reported = end;
    }
}

// Copies the live rows, with new ids.
template <class State, ProgressCallback Progress>
[[nodiscard]] auto copy_live_rows(const State& from, const std::filesystem::path& place, std::uint64_t rewrites,
                                  Progress& progress) {
    using Files = typename State::Files;
    auto specs = Files::specs(place, from.options_of_copy(from.live_rows()), Opening::new_file);
    specs[0].header.rewrites = rewrites;
    return create_filled<Files>(specs, [&](auto& group) {
        typename Files::Records records(group, Files::first_payload);
        const auto copy = [&](Id first, Id end) {
            for (Id id = first; id < end; ++id) {
                records.stage_copy(from.records(), id);
                records.publish();
            }
            append_records(from.rows(), first, end, group[0]);
        };
        each_live_run(
            from.rows().size(), [&](Id id) { return from.contains(id); }, copy, progress);
    });
}

// Copies all rows, also erased ones, so that ids stay. The copy has the store id of the collection, so that indexes fit
// both.
template <class State>
[[nodiscard]] auto copy_all_rows(const State& from, const std::filesystem::path& place) {
    using Files = typename State::Files;
    auto specs = Files::specs(place, from.options_of_copy(from.rows().size()), Opening::new_file);
    specs[0].store_id = from.rows().header().store_id;
    return create_filled<Files>(specs, [&](auto& group) {
        for (std::size_t file = 0; file <= Files::erasures; ++file) append_all_records(from.array(file), group[file]);
    });
}

// Copies all rows, with payloads from convert(). Erased rows get none.
template <class NewFiles, class State, class Convert, ProgressCallback Progress>
[[nodiscard]] auto copy_converted(const State& from, const std::filesystem::path& place, Convert& convert,
                                  Progress& progress) {
    auto specs = NewFiles::specs(place, from.options_of_copy(from.rows().size()), Opening::new_file);
    specs[0].store_id = from.rows().header().store_id;
    specs[0].header.rewrites = from.rewrites() + 1;
    return create_filled<NewFiles>(specs, [&](auto& group) {
        typename NewFiles::Records records(group, NewFiles::first_payload);
        append_all_records(from.rows(), group[0]);
        append_all_records(from.erasures(), group[NewFiles::erasures]);
        const std::uint64_t total = from.rows().size();
        for (Id id = 0; id < total; ++id) {
            if (from.contains(id))
                records.stage(convert(from.payload(id)));
            else
                records.stage_nothing();
            records.publish();
            if (id % 4096 == 4095 || id + 1 == total) progress(id + 1, total);
        }
    });
}

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
