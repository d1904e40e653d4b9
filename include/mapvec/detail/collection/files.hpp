// The files of a collection: their names and headers.
//
//     directory/vectors            rows of vectors: the root file, which has the locks and journals
//     directory/payloads           payloads of fixed size, or encoded records
//     directory/payloads.offsets   positions of the encoded records
//     directory/erased             ids of erased rows, in the order of their erasure
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include <mapvec/detail/index/identity.hpp>
#include <mapvec/detail/store/payload_records.hpp>
#include <mapvec/detail/store/store_parts.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <mapvec/options.hpp>
#include <mapvec/payload_codec.hpp>
#include <mapvec/storage/commit_group.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <std::size_t Dim, class T, Scalar S, NamedMetric M, Storage File>
struct CollectionFiles {
    using Records = PayloadRecords<T, Codec<T>, File>;

    // Their indexes in the group. The last file of the payloads has a record for each row.
    static constexpr std::size_t first_payload = 1;
    static constexpr std::size_t erasures = first_payload + Records::files;

    // Throws dimension_mismatch, invalid_argument.
    [[nodiscard]] static std::vector<FileSpec> specs(const std::filesystem::path& directory,
                                                     const StoreOptions& options, Opening opening) {
        std::vector<FileSpec> specs{
            StoreParts::spec<MmapVectorStore<Dim, S, File>>(directory / "vectors", options, opening)};
        specs[0].header.fingerprint = metric_fingerprint(M::name);
        specs[0].header.description = M::name;
        Records::add_specs(specs, directory / "payloads", options.initial_capacity);
        const ExpectedHeader erased{.kind = FileKind::erasures, .dim = 1, .scalar_size = sizeof(Id)};
        specs.push_back({directory / "erased", erased, 0});
        return specs;
    }
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
