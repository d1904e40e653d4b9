// The kernels themselves, written once over the lanes of one instruction set. kernels.hpp includes this file once for
// each set, with MAPVEC_SET as the name of its namespace: hence no #pragma once.
//
// Rows are measured four side by side, with two running sums each: one of the even registers of a row, one of the odd.
// Eight independent sums hide the latency of a fused multiply-add, and each register of the query is loaded once for
// all. The four lie a quarter of a block apart, so that a scan is four streams at once: one core gets a fifth more out
// of memory so than in strict order, for each stream has the processor fetch ahead of it. For rows that are left over
// sums are formed in the same order, so that a row's result never depends on where it lies. What is left of a row
// beyond full registers is loaded with what follows it, and masked; only where that would read past the end of the
// data it is copied first. (Variables instead of arrays: at -O2 compilers keep these in registers, and those not
// always.)
#if defined(MAPVEC_SET)

namespace mapvec::detail::MAPVEC_SET {

template <class S>
inline constexpr std::size_t lanes_for = lanes * sizeof(float) / sizeof(QueryValue<S>);

template <class S>
struct FourRows {
    const S *a, *b, *c, *d;
};

template <class Vector>
struct FourSums {
    Vector a{}, b{}, c{}, d{};
};

template <class S>
[[nodiscard]] MAPVEC_INLINE FourRows<S> advanced(const FourRows<S>& rows, std::size_t by) noexcept {
    return {rows.a + by, rows.b + by, rows.c + by, rows.d + by};
}

template <Measure M, class Vector>
MAPVEC_INLINE void add(Vector& sum, const Vector& x, const Vector& q) noexcept {
    if constexpr (M == Measure::squared_difference) {
        const Vector difference = q - x;  // this way round a processor takes x from where it lies
        sum = multiply_add(difference, difference, sum);
    } else {
        sum = multiply_add(x, q, sum);
    }
}

template <Measure M, class Vector>
MAPVEC_INLINE void add(FourSums<Vector>& sums, const FourSums<Vector>& x, const Vector& q) noexcept {
    add<M>(sums.a, x.a, q);
    add<M>(sums.b, x.b, q);
    add<M>(sums.c, x.c, q);
    add<M>(sums.d, x.d, q);
}

template <class Vector>
MAPVEC_INLINE void add_squares(FourSums<Vector>& sums, const FourSums<Vector>& x) noexcept {
    sums.a = multiply_add(x.a, x.a, sums.a);
    sums.b = multiply_add(x.b, x.b, sums.b);
    sums.c = multiply_add(x.c, x.c, sums.c);
    sums.d = multiply_add(x.d, x.d, sums.d);
}

template <class S>
[[nodiscard]] MAPVEC_INLINE auto load_four(const FourRows<S>& at) noexcept {
    return FourSums<decltype(load(at.a))>{load(at.a), load(at.b), load(at.c), load(at.d)};
}

template <class Vector, class Mask>
MAPVEC_INLINE void keep_four(FourSums<Vector>& x, const Mask& mask) noexcept {
    x.a = keep(x.a, mask);
    x.b = keep(x.b, mask);
    x.c = keep(x.c, mask);
    x.d = keep(x.d, mask);
}

template <class Value, class Vector>
MAPVEC_INLINE void finish_sums(const FourSums<Vector>& x, float* results) noexcept {
    if constexpr (std::is_same_v<Value, float>) {
        fold(x.a, x.b, x.c, x.d, results);
    } else {
        Value sums[4];
        fold(x.a, x.b, x.c, x.d, sums);
        for (int r = 0; r < 4; ++r) results[r] = static_cast<float>(sums[r]);
    }
}

template <class Value, class Vector>
MAPVEC_INLINE void finish_cosines(const FourSums<Vector>& x, const FourSums<Vector>& norm, float* results) noexcept {
    Value sums[4], norms[4];
    fold(x.a, x.b, x.c, x.d, sums);
    fold(norm.a, norm.b, norm.c, norm.d, norms);
    for (int r = 0; r < 4; ++r) results[r] = cosine_distance(sums[r], norms[r]);
}

// `tails` are the rows' elements beyond full registers, readable for a full register.
template <Measure M, class S>
MAPVEC_INLINE void measure_four(const FourRows<S>& rows, const FourRows<S>& tails, std::size_t dim,
                                const QueryValue<S>* query, float* results) noexcept {
    using Vector = decltype(load(query));
    constexpr std::size_t width = lanes_for<S>;
    FourSums<Vector> sums, others;
    std::size_t i = 0;
    for (; i + 2 * width <= dim; i += 2 * width) {
        const auto x = load_four(advanced(rows, i));
        add<M>(sums, x, load(query + i));
        const auto y = load_four(advanced(rows, i + width));
        if constexpr (M == Measure::cosine) {
            add_squares(others, x);
            add<M>(sums, y, load(query + i + width));
            add_squares(others, y);
        } else {
            add<M>(others, y, load(query + i + width));
        }
    }
    if (i + width <= dim) {
        const auto x = load_four(advanced(rows, i));
        add<M>(sums, x, load(query + i));
        if constexpr (M == Measure::cosine) add_squares(others, x);
        i += width;
    }
    if (i < dim) {
        auto x = load_four(tails);
        keep_four(x, first_lanes(dim - i, sizeof(QueryValue<S>)));
        add<M>(sums, x, load(query + i));
        if constexpr (M == Measure::cosine) add_squares(others, x);
    }
    if constexpr (M == Measure::cosine) {
        finish_cosines<QueryValue<S>>(sums, others, results);
    } else {
        sums = {sums.a + others.a, sums.b + others.b, sums.c + others.c, sums.d + others.d};
        finish_sums<QueryValue<S>>(sums, results);
    }
}

}  // namespace mapvec::detail::MAPVEC_SET

#include "kernels_bytes.hpp"

namespace mapvec::detail::MAPVEC_SET {

// The tails of rows near the end of the data, copied to where a full register can be read.
template <class S>
struct SpareTails {
    S elements[4][lanes_for<S>];

    [[nodiscard]] FourRows<S> of(const FourRows<S>& tails, std::size_t length) noexcept {
        const S* from[4] = {tails.a, tails.b, tails.c, tails.d};
        std::memset(elements, 0, sizeof elements);
        for (std::size_t r = 0; r < 4; ++r) std::memcpy(elements[r], from[r], length * sizeof(S));
        return {elements[0], elements[1], elements[2], elements[3]};
    }
};

// Rows anywhere. `last` is the one that lies nearest to the end of the data.
template <Measure M, class S, class Q>
void measure_safely(const RowSpan<S>& span, const FourRows<S>& rows, const S* last, const Q* query,
                    float* results) noexcept {
    const std::size_t full = span.dim / lanes_for<S> * lanes_for<S>;
    FourRows<S> tails = advanced(rows, full);
    SpareTails<S> spare;
    if (full != span.dim && static_cast<std::size_t>(span.end - last) < full + lanes_for<S>)
        tails = spare.of(tails, span.dim - full);
    measure_four<M>(rows, tails, span.dim, query, results);
}

// As much as four rows shorter than a cache line can take, of those that follow later.
template <class S>
MAPVEC_INLINE void prefetch_short_rows(const S* row) noexcept {
    for (std::size_t line = 0; line < 4; ++line)
        prefetch(reinterpret_cast<std::uintptr_t>(row) + prefetch_distance + line * cache_line);
}

// Rows in fours, `streams`: each of the four from another quarter of the rows, or else side by side.
template <Measure M, bool Streams, class S, class Q>
MAPVEC_INLINE void measure_fours(const RowSpan<S>& span, const S* row, std::size_t fours, const Q* query,
                                 float* results) noexcept {
    const std::size_t dim = span.dim, full = dim / lanes_for<S> * lanes_for<S>;
    const std::size_t reach = full == dim ? full : full + lanes_for<S>;  // of a row, in full registers
    const std::size_t apart = (Streams ? fours : 1) * dim;
    for (std::size_t i = 0; i < fours; ++i, row += Streams ? dim : 4 * dim) {
        const FourRows<S> rows = {row, row + apart, row + 2 * apart, row + 3 * apart};
        float four[4];
        float* const to = Streams ? four : results + 4 * i;
        if constexpr (!Streams) prefetch_short_rows(row);
        if (static_cast<std::size_t>(span.end - rows.d) >= reach)
            measure_four<M>(rows, advanced(rows, full), dim, query, to);
        else
            measure_safely<M>(span, rows, rows.d, query, to);
        if constexpr (Streams)
            for (std::size_t r = 0; r < 4; ++r) results[r * fours + i] = four[r];
    }
}

// Rows shorter than a cache line share theirs with the next: they are measured side by side.
template <Measure M, class S, class Q>
void measure_contiguous(RowSpan<S> span, std::size_t first, std::size_t count, const Q* query,
                        float* results) noexcept {
    const std::size_t dim = span.dim, fours = count / 4, left = count % 4;
    const S* const row = span.rows + first * dim;
    if (dim * sizeof(S) >= cache_line)
        measure_fours<M, true>(span, row, fours, query, results);
    else
        measure_fours<M, false>(span, row, fours, query, results);
    if (left == 0) return;
    const S* const next = row + 4 * fours * dim;
    const S* const last = next + (left - 1) * dim;  // measured again in place of those there are not
    measure_safely<M>(span, {next, left < 3 ? last : next + dim, last, last}, last, query, results + 4 * fours);
}

template <class S>
MAPVEC_INLINE void prefetch_row(const RowSpan<S>& span, std::uint64_t row) noexcept {
    const std::uintptr_t at = reinterpret_cast<std::uintptr_t>(span.rows + row * span.dim);
    const std::size_t bytes = span.dim * sizeof(S) < prefetch_row_bytes ? span.dim * sizeof(S) : prefetch_row_bytes;
    prefetch_range(at, bytes);
}

template <Measure M, class S, class Q>
void measure_listed(RowSpan<S> span, const std::uint64_t* listed, std::size_t count, const Q* query,
                    float* results) noexcept {
    for (std::size_t i = 0; i < count && i < prefetch_rows; ++i) prefetch_row(span, listed[i]);
    for (std::size_t i = 0; i < count; i += 4) {
        for (std::size_t r = i + prefetch_rows; r < i + prefetch_rows + 4 && r < count; ++r)
            prefetch_row(span, listed[r]);
        const std::size_t last = count - 1;
        const std::uint64_t ids[4] = {listed[i], listed[i + 1 < last ? i + 1 : last],
                                      listed[i + 2 < last ? i + 2 : last], listed[i + 3 < last ? i + 3 : last]};
        std::uint64_t highest = ids[0];
        for (const std::uint64_t id : ids) highest = id > highest ? id : highest;
        const FourRows<S> rows = {span.rows + ids[0] * span.dim, span.rows + ids[1] * span.dim,
                                  span.rows + ids[2] * span.dim, span.rows + ids[3] * span.dim};
        measure_safely<M>(span, rows, span.rows + highest * span.dim, query, results + i);
    }
}

template <Measure M, class S, class Q>
inline constexpr RowKernels<S, Q> row_kernels = {&measure_contiguous<M, S, Q>, &measure_listed<M, S, Q>};

// Appends the positions from `i` to `end` whose value lies in range; without a branch.
MAPVEC_INLINE std::size_t select_each(const float* values, std::size_t i, std::size_t end, float low, float high,
                                      std::uint32_t* positions, std::size_t found) noexcept {
    for (; i < end; ++i) {
        positions[found] = static_cast<std::uint32_t>(i);
        found += static_cast<std::size_t>(values[i] >= low) & static_cast<std::size_t>(values[i] <= high);
    }
    return found;
}

inline std::size_t select(const float* values, std::size_t count, float low, float high,
                          std::uint32_t* positions) noexcept {
    const Floats lows = broadcast(low), highs = broadcast(high);
    std::size_t found = 0;
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        if (any_between(load(values + i), lows, highs))
            found = select_each(values, i, i + lanes, low, high, positions, found);
    return select_each(values, i, count, low, high, positions, found);
}

template <class S>
void convert(const S* from, std::size_t count, float* to) noexcept {
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) store(to + i, load(from + i));
    for (; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

}  // namespace mapvec::detail::MAPVEC_SET
#endif
