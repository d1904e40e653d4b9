// Several queries at once against several rows: 4 rows times 3 registers of queries, all sums in registers. One lane
// per query, so that no sum has to be folded and every dimension is as good as another. Part of kernels.hpp, included
// once for each instruction set: hence no #pragma once.
#if defined(MAPVEC_SET)

namespace mapvec::detail::MAPVEC_SET {

struct ThreeSums {
    Floats a, b, c;
};

template <Measure M>
MAPVEC_INLINE void add_element(ThreeSums& sums, const Floats& a, const Floats& b, const Floats& c, float x) noexcept {
    const Floats element = broadcast(x);
    add<M>(sums.a, element, a);
    add<M>(sums.b, element, b);
    add<M>(sums.c, element, c);
}

// Appends the columns of one row that are not above their limits.
MAPVEC_INLINE std::size_t emit(const TileTask& task, const ThreeSums& sums, std::size_t row, std::uint32_t* found,
                               std::size_t n) noexcept {
    const Floats scale = broadcast(task.scale), term = broadcast(task.row_terms[row]);
    const Floats a = multiply_add(sums.a, scale, term), b = multiply_add(sums.b, scale, term),
                 c = multiply_add(sums.c, scale, term);
    if (all_above(a, load(task.limits)) && all_above(b, load(task.limits + lanes)) &&
        all_above(c, load(task.limits + 2 * lanes)))
        return n;
    float keys[3 * lanes];
    store(keys, a);
    store(keys + lanes, b);
    store(keys + 2 * lanes, c);
    for (std::size_t column = 0; column < 3 * lanes; ++column) {
        found[n] = static_cast<std::uint32_t>(row * 3 * lanes + column);
        n += keys[column] > task.limits[column] ? 0 : 1;
    }
    return n;
}

// A stretch of the dimensions at a time: the queries' part of it stays in the L1 cache while all rows pass by. Sums
// wait in between; that rounds nothing, so they are as if formed at once.
template <Measure M>
std::size_t tile(const TileTask& task, std::uint32_t* found) noexcept {
    constexpr std::size_t stretch = 24 * 1024 / sizeof(float[3 * lanes]);
    ThreeSums waiting[tile_rows];
    std::size_t n = 0;
    for (std::size_t begin = 0; begin < task.dim; begin += stretch) {
        const std::size_t end = task.dim - begin < stretch ? task.dim : begin + stretch;
        for (std::size_t row = 0; row < task.count; row += 4) {
            const std::size_t last = task.count - 1;
            const float* ra = task.rows + row * task.dim;
            const float* rb = task.rows + (row + 1 < last ? row + 1 : last) * task.dim;
            const float* rc = task.rows + (row + 2 < last ? row + 2 : last) * task.dim;
            const float* rd = task.rows + (row + 3 < last ? row + 3 : last) * task.dim;
            const float* packed = task.packed + begin * 3 * lanes;
            ThreeSums sa{}, sb{}, sc{}, sd{};
            if (begin != 0) sa = waiting[row], sb = waiting[row + 1], sc = waiting[row + 2], sd = waiting[row + 3];
            for (std::size_t i = begin; i < end; ++i, packed += 3 * lanes) {
                const Floats a = load(packed), b = load(packed + lanes), c = load(packed + 2 * lanes);
                add_element<M>(sa, a, b, c, ra[i]);
                add_element<M>(sb, a, b, c, rb[i]);
                add_element<M>(sc, a, b, c, rc[i]);
                add_element<M>(sd, a, b, c, rd[i]);
            }
            if (end != task.dim) {
                waiting[row] = sa, waiting[row + 1] = sb, waiting[row + 2] = sc, waiting[row + 3] = sd;
                continue;
            }
            n = emit(task, sa, row, found, n);
            if (row + 1 <= last) n = emit(task, sb, row + 1, found, n);
            if (row + 2 <= last) n = emit(task, sc, row + 2, found, n);
            if (row + 3 <= last) n = emit(task, sd, row + 3, found, n);
        }
    }
    return n;
}

inline constexpr TileKernels tile_kernels = {3 * lanes, &tile<Measure::squared_difference>,
                                             &tile<Measure::inner_product>};

}  // namespace mapvec::detail::MAPVEC_SET
#endif
