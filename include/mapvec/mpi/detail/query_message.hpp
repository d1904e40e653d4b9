// Queries as bytes, for the way from rank 0 to the other ranks.
//
//     const Bytes bytes = encode(message_of(RingQuery{vector, 1, 0.1f}));
//     ask<RingQuery>(decode_query(bytes), [&](const RingQuery& query) { … });     // spans refer to the message
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <mapvec/collection_indexes.hpp>
#include <mapvec/error.hpp>
#include <mapvec/mpi/detail/manifest.hpp>
#include <mapvec/payload_codec.hpp>
#include <mapvec/query.hpp>
#include <mapvec/search.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::mpi::detail {

using Batch = std::span<const KnnQuery>;

enum class QueryKind : std::uint32_t { ring, range, disk, intersection, nearest, approximate, batch };

struct QueryMessage {
    QueryKind kind{};
    std::vector<float> bounds;
    std::vector<std::uint64_t> numbers;  // k, and ef; the limit of a range, if it has one
    std::vector<std::vector<float>> vectors;
};

template <class Query>
inline constexpr QueryKind kind_of = std::same_as<Query, RingQuery>               ? QueryKind::ring
                                     : std::same_as<Query, RangeQuery>            ? QueryKind::range
                                     : std::same_as<Query, DiskQuery>             ? QueryKind::disk
                                     : std::same_as<Query, DiskIntersectionQuery> ? QueryKind::intersection
                                     : std::same_as<Query, KnnQuery>              ? QueryKind::nearest
                                     : std::same_as<Query, AnnQuery>              ? QueryKind::approximate
                                                                                  : QueryKind::batch;

[[nodiscard]] inline std::vector<float> copy_of(std::span<const float> vector) {
    return {vector.begin(), vector.end()};
}

[[nodiscard]] inline std::vector<std::uint64_t> limit_in(std::size_t limit) {
    if (limit == 0) return {};
    return {limit};
}

[[nodiscard]] inline QueryMessage message_of(const RingQuery& query) {
    return {kind_of<RingQuery>, {query.distance, query.tolerance}, limit_in(query.limit), {copy_of(query.query)}};
}
[[nodiscard]] inline QueryMessage message_of(const RangeQuery& query) {
    return {
        kind_of<RangeQuery>, {query.min_distance, query.max_distance}, limit_in(query.limit), {copy_of(query.query)}};
}
[[nodiscard]] inline QueryMessage message_of(const DiskQuery& query) {
    return {kind_of<DiskQuery>, {query.max_distance}, limit_in(query.limit), {copy_of(query.query)}};
}
[[nodiscard]] inline QueryMessage message_of(const DiskIntersectionQuery& query) {
    QueryMessage message{kind_of<DiskIntersectionQuery>, {}, limit_in(query.limit), {}};
    for (const DiskQuery& disk : query.disks) {
        message.bounds.push_back(disk.max_distance);
        message.vectors.push_back(copy_of(disk.query));
    }
    return message;
}
[[nodiscard]] inline QueryMessage message_of(const KnnQuery& query) {
    return {kind_of<KnnQuery>, {}, {query.k}, {copy_of(query.query)}};
}
[[nodiscard]] inline QueryMessage message_of(const AnnQuery& query) {
    return {kind_of<AnnQuery>, {}, {query.k, query.ef}, {copy_of(query.query)}};
}
[[nodiscard]] inline QueryMessage message_of(const Batch& batch) {
    QueryMessage message{kind_of<Batch>, {}, {}, {}};
    for (const KnnQuery& query : batch) {
        message.numbers.push_back(query.k);
        message.vectors.push_back(copy_of(query.query));
    }
    return message;
}

[[nodiscard]] inline Bytes encode(const QueryMessage& message) {
    Encoder encoder;
    Codec<QueryMessage>::encode(message, encoder);
    return {encoder.bytes().begin(), encoder.bytes().end()};
}

// Calls search(query). Throws invalid_argument if this rank asks another kind of query than rank 0.
template <class Query, class Search>
void ask(const QueryMessage& message, Search search) {
    if (message.kind != kind_of<Query>)
        throw Error(ErrorCode::invalid_argument,
                    mapvec::detail::mismatch("query", "the type of query of rank 0", "another type"));
    const auto size = [](std::uint64_t number) { return static_cast<std::size_t>(number); };
    const auto& [kind, bounds, numbers, vectors] = message;
    const std::size_t limit = numbers.empty() ? 0 : size(numbers[0]);
    if constexpr (std::same_as<Query, RingQuery> || std::same_as<Query, RangeQuery>) {
        search(Query{vectors[0], bounds[0], bounds[1], limit});
    } else if constexpr (std::same_as<Query, DiskQuery>) {
        search(Query{vectors[0], bounds[0], limit});
    } else if constexpr (std::same_as<Query, DiskIntersectionQuery>) {
        std::vector<DiskQuery> disks;
        for (std::size_t i = 0; i < vectors.size(); ++i) disks.push_back({vectors[i], bounds[i]});
        search(Query{disks, limit});
    } else if constexpr (std::same_as<Query, KnnQuery>) {
        search(Query{vectors[0], size(numbers[0])});
    } else if constexpr (std::same_as<Query, AnnQuery>) {
        search(Query{vectors[0], size(numbers[0]), size(numbers[1])});
    } else {
        std::vector<KnnQuery> queries;
        for (std::size_t i = 0; i < vectors.size(); ++i) queries.push_back({vectors[i], size(numbers[i])});
        search(Batch(queries));
    }
}

}  // namespace mapvec::inline v0_1::mpi::detail

#include <mapvec/detail/util/epilogue.inc>
