// Distances of rows to a query, computed with the widest vector instructions of this machine.
//
//     std::vector<float> squared(rows.size() / query.size());
//     mapvec::compute_distances(rows, query, squared);                             // |x - q|² of each row
//     mapvec::compute_distances<mapvec::InnerProduct>(rows, query, squared);
//     std::cout << to_string(mapvec::active_instruction_set()) << '\n';       // "avx2"
//
// The library chooses the instruction set once, at run time; no compiler flag is needed. All instruction sets run the
// same algorithm with different register widths, so their results differ by rounding only.
//
// Error. Rows of float, float16, bfloat16, int8 and uint8 are computed in float; the narrow types convert exactly. Rows
// of bytes and a query of integers from -255 to 255 are computed in integers, up to 8192 dimensions. Rows of double are
// computed in double and rounded to float at the end. With u = 2^-24, and if nothing overflows,
//     SquaredL2     |result - exact| <= (dim / 8 + 12) u · exact + dim · 2^-148
//     InnerProduct  |result - exact| <= (dim / 8 + 12) u · Σ|x·q| + dim · 2^-148
//     Cosine        |result - exact| <= (dim / 4 + 24) u · Σ|x·q| / (|x||q|) + 2u, for rows with normal squared norms
//
// A sum above the largest float is infinite. A NaN in a row makes its result NaN. The result of a row depends on the
// row, the query and the instruction set, not on other rows or on the number of threads.
//
// Threads. Any thread may call these functions at any time.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <mapvec/detail/kernels/kernels.hpp>
#include <mapvec/detail/platform/cpu.hpp>
#include <mapvec/error.hpp>
#include <mapvec/metric.hpp>
#include <mapvec/scalar.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {
namespace detail {

inline std::atomic<InstructionSet>& chosen_instruction_set() noexcept {
    static std::atomic<InstructionSet> chosen{best_instruction_set()};
    return chosen;
}

// x - x is 0 for a finite x and NaN otherwise. This needs no branch per element, and the four sums are independent.
[[nodiscard]] inline bool all_finite(std::span<const float> values) noexcept {
    float sums[4] = {};
    std::size_t i = 0;
    for (; i + 4 <= values.size(); i += 4)
        for (std::size_t k = 0; k < 4; ++k) sums[k] += values[i + k] - values[i + k];
    for (; i < values.size(); ++i) sums[0] += values[i] - values[i];
    return sums[0] + sums[1] + sums[2] + sums[3] == 0;
}

inline void check_query(std::span<const float> query, std::size_t dim) {
    if (query.size() != dim)
        throw Error(ErrorCode::dimension_mismatch, detail::mismatch("query length", dim, query.size()));
    if (all_finite(query)) return;
    for (const float x : query)
        if (!std::isfinite(x))
            throw Error(ErrorCode::invalid_argument, detail::mismatch("query element", "a number", x));
}

// A query for the kernels: converted by the metric, padded with zeros, with the kernels of one instruction set.
template <Metric M, Scalar S>
class PreparedQuery {
  public:
    // REQUIRES: a call of prepare() before measure().
    PreparedQuery(std::size_t dim, InstructionSet set)
        : dim_(dim), kernels_(&row_kernels<M::distance_kind, S>(set)), padded_(padded_length(dim)) {
        if constexpr (in_whole_numbers) small_kernels_ = &row_kernels<M::distance_kind, S, std::int16_t>(set);
    }
    PreparedQuery(std::span<const float> query, std::size_t dim, InstructionSet set) : PreparedQuery(dim, set) {
        prepare(query);
    }
    // Replaces the query. Throws as check_query(), and invalid_argument if the metric needs a direction and the query
    // is zero.
    void prepare(std::span<const float> query) {
        check_query(query, dim_);
        M::prepare(query, padded_.data());
        if constexpr (in_whole_numbers) {
            small_.clear();
            if (dim_ <= max_small_dim && std::all_of(padded_.begin(), padded_.end(), is_small))
                small_.assign(padded_.begin(), padded_.end());
        }
    }
    [[nodiscard]] const QueryValue<S>* data() const noexcept { return padded_.data(); }

    // See RowKernels.
    void measure(const RowSpan<S>& span, std::size_t first, std::size_t count, float* results) const noexcept {
        if constexpr (in_whole_numbers)
            if (!small_.empty()) return small_kernels_->contiguous(span, first, count, small_.data(), results);
        kernels_->contiguous(span, first, count, padded_.data(), results);
    }
    void measure(const RowSpan<S>& span, const std::uint64_t* rows, std::size_t count, float* results) const noexcept {
        if constexpr (in_whole_numbers)
            if (!small_.empty()) return small_kernels_->listed(span, rows, count, small_.data(), results);
        kernels_->listed(span, rows, count, padded_.data(), results);
    }

  private:
    static constexpr bool in_whole_numbers = is_byte<S> && M::distance_kind != DistanceKind::cosine;
    static bool is_small(float x) noexcept { return std::abs(x) <= max_small_number && x == std::trunc(x); }
    static std::size_t padded_length(std::size_t dim) noexcept {
        return (dim + query_padding - 1) / query_padding * query_padding;
    }

    std::size_t dim_;
    const RowKernels<S>* kernels_;
    const RowKernels<S, std::int16_t>* small_kernels_ = nullptr;
    std::vector<QueryValue<S>> padded_;
    std::vector<std::int16_t> small_;  // the query as integers; empty if it has other elements
};

}  // namespace detail

// The instruction set in use.
[[nodiscard]] inline InstructionSet active_instruction_set() noexcept {
    return detail::chosen_instruction_set().load(std::memory_order_relaxed);
}

// All instruction sets that this machine can use, the fastest last.
[[nodiscard]] inline std::vector<InstructionSet> available_instruction_sets() {
    std::vector<InstructionSet> sets;
    for (const auto set : {InstructionSet::portable, InstructionSet::neon, InstructionSet::sse2, InstructionSet::avx2,
                           InstructionSet::avx512})
        if (detail::instruction_set_available(set)) sets.push_back(set);
    return sets;
}

// Selects an instruction set, for tests, benchmarks, and results that must be equal on different machines. Running
// searches finish with the previous set. Throws invalid_argument if this machine does not have the set.
inline void use_instruction_set(InstructionSet set) {
    if (!detail::instruction_set_available(set))
        throw Error(ErrorCode::invalid_argument, detail::mismatch("instruction set", "one of this machine's",  //
                                                                  to_string(set)));
    detail::chosen_instruction_set().store(set, std::memory_order_relaxed);
}

// Writes the value of each row, as a Hit of metric M holds it, to `results`; NaN for a row that matches nothing. `rows`
// holds results.size() rows of query.size() scalars, row after row. Throws dimension_mismatch if the sizes do not
// agree, and invalid_argument for a query with a NaN or an infinity. Complexity: O(rows.size()); at most two
// allocations.
template <Metric M = SquaredL2, Scalar S>
void compute_distances(std::span<const S> rows, std::span<const float> query, std::span<float> results) {
    const std::size_t dim = query.size();
    if (rows.size() != results.size() * dim)
        throw Error(ErrorCode::dimension_mismatch, detail::mismatch("scalars", results.size() * dim, rows.size()));
    const detail::PreparedQuery<M, S> prepared(query, dim, active_instruction_set());
    const detail::RowSpan<S> span = {rows.data(), rows.data() + rows.size(), dim};
    constexpr std::size_t block = 256;
    float keys[block];
    for (std::size_t first = 0; first < results.size(); first += block) {
        const std::size_t count = results.size() - first < block ? results.size() - first : block;
        prepared.measure(span, first, count, keys);
        for (std::size_t i = 0; i < count; ++i) results[first + i] = M::value(keys[i]);
    }
}

template <Metric M = SquaredL2, class Rows>
    requires Scalar<typename Rows::value_type>
void compute_distances(const Rows& rows, std::span<const float> query, std::span<float> results) {
    compute_distances<M>(std::span<const typename Rows::value_type>(rows), query, results);
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
