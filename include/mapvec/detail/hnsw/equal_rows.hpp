// Finds rows that are equal byte by byte: among the rows to link, and between them and the existing nodes.
//
// Compares checksums first (a word of every record), and rows only if the checksums are equal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <mapvec/detail/hnsw/edit.hpp>
#include <mapvec/detail/hnsw/records.hpp>
#include <mapvec/query.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

// A row, and the first row that is equal to it: the row itself if there is no other.
struct EqualRow {
    Id id = 0;
    Id first = 0;
};

class EqualRows {
  public:
    // REQUIRES: `ids` ascend, and their records have checksums. `bytes_of(id)` returns the bytes of a row.
    template <class BytesOf>
    EqualRows(const GraphEdit& graph, std::span<const Id> ids, BytesOf bytes_of) : seen_(std::size_t{1} << 16) {
        rows_.reserve(ids.size());
        for (const Id id : ids) {
            rows_.push_back({graph.word(id, hnsw_word::checksum), {id, id}});
            seen_[slot_of(rows_.back().checksum)] = true;
        }
        std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) {
            return a.checksum != b.checksum ? a.checksum < b.checksum : a.equal.id < b.equal.id;
        });
        const auto equal = [&](Id a, Id b) {
            const std::span<const std::byte> left = bytes_of(a), right = bytes_of(b);
            return std::memcmp(left.data(), right.data(), left.size()) == 0;
        };
        compare_with_nodes(graph, equal);
        compare_with_each_other(equal);
        std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.equal.id < b.equal.id; });
    }

    // The ids that have no equal row before them.
    [[nodiscard]] std::vector<Id> firsts() const {
        std::vector<Id> ids;
        for (const Row& row : rows_)
            if (row.equal.first == row.equal.id) ids.push_back(row.equal.id);
        return ids;
    }
    // The other ids, sorted by their first row, then by id.
    [[nodiscard]] std::vector<EqualRow> copies() const {
        std::vector<EqualRow> copies;
        for (const Row& row : rows_)
            if (row.equal.first != row.equal.id) copies.push_back(row.equal);
        std::sort(copies.begin(), copies.end(), [](const EqualRow& a, const EqualRow& b) {
            return a.first != b.first ? a.first < b.first : a.id < b.id;
        });
        return copies;
    }

  private:
    struct Row {
        RowId32 checksum;
        EqualRow equal;
    };

    [[nodiscard]] std::size_t slot_of(RowId32 checksum) const noexcept { return checksum >> 16; }
    [[nodiscard]] auto first_of(RowId32 checksum) {
        return std::lower_bound(rows_.begin(), rows_.end(), checksum,
                                [](const Row& row, RowId32 value) { return row.checksum < value; });
    }

    // The rows to link are not nodes yet.
    template <class Equal>
    void compare_with_nodes(const GraphEdit& graph, const Equal& equal) {
        if (rows_.empty()) return;
        for (Id node = 0; node < std::min(graph.first_new(), graph.present()); ++node) {
            const RowId32 checksum = graph.word(node, hnsw_word::checksum);
            if (!seen_[slot_of(checksum)] || !graph.has(node, hnsw_flag::linked)) continue;
            for (auto row = first_of(checksum); row != rows_.end() && row->checksum == checksum; ++row)
                if (row->equal.first == row->equal.id && equal(row->equal.id, node)) row->equal.first = node;
        }
    }
    template <class Equal>
    void compare_with_each_other(const Equal& equal) {
        for (auto first = rows_.begin(); first != rows_.end();) {
            auto end = first;
            while (end != rows_.end() && end->checksum == first->checksum) ++end;
            for (auto row = first; row != end; ++row)
                for (auto other = first; other != row && row->equal.first == row->equal.id; ++other)
                    if (other->equal.first == other->equal.id && equal(row->equal.id, other->equal.id))
                        row->equal.first = other->equal.id;
            first = end;
        }
    }

    std::vector<Row> rows_;  // sorted by checksum
    std::vector<bool> seen_;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
