// HnswInside: an HnswIndex in the directory of a collection.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <mapvec/detail/collection/index_inside.hpp>
#include <mapvec/error.hpp>
#include <mapvec/hnsw_index.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Rows, NamedMetric M>
class HnswInside final : public GraphIndex<Rows> {
    using Index = HnswIndex<M, typename StorageOf<Rows>::type>;

  public:
    HnswInside(Index index, const Rows& rows) : index_(std::move(index)), rows_(rows) {}

    // Lets all collections with these rows find their graphs.
    static void use() noexcept { (void)&is_used_; }
    [[nodiscard]] static std::shared_ptr<IndexInside<Rows>> open(const std::filesystem::path& path, const Rows& rows,
                                                                 OpenMode mode) {
        return std::make_shared<HnswInside>(Index::open(path, rows, mode), rows);
    }
    [[nodiscard]] static std::shared_ptr<IndexInside<Rows>> create(const std::filesystem::path& path, const Rows& rows,
                                                                   const HnswOptions& options) {
        return std::make_shared<HnswInside>(Index::create(path, rows, options), rows);
    }
    void check_options(const HnswOptions& options) const {
        const auto text = [](const HnswOptions& o) {
            return "m " + std::to_string(o.m) + " and ef_construction " + std::to_string(o.ef_construction);
        };
        const HnswOptions ours = index_.options();
        if (ours.m != options.m || ours.ef_construction != options.ef_construction)
            throw Error(ErrorCode::type_mismatch, index_.path(),
                        mismatch("the index that exists", text(options), text(ours)) + "; drop_index() removes it");
    }
    [[nodiscard]] std::shared_ptr<IndexInside<Rows>> create_for(const std::filesystem::path& path,
                                                                const Rows& rows) const override {
        return create(path, rows, index_.options());
    }

    [[nodiscard]] std::size_t size() const override { return index_.size(); }
    void update(const CommittedRows<Rows>& rows, unsigned threads, std::size_t max_rows,
                IndexProgress progress) override {
        index_.update(rows, {.threads = threads, .max_rows = max_rows}, progress);
        index_.commit();
    }
    void refresh() override { index_.refresh(); }
    void close() override { index_.close(); }
    void verify(IndexProgress progress) const override { index_.verify(progress); }
    void copy_to(const std::filesystem::path& path) const override { index_.copy_to(path); }

    [[nodiscard]] std::vector<Hit> search(const AnnQuery& query, const LiveRows& live,
                                          SearchCounts& counts) const override {
        HnswSearchStats stats;
        auto hits = index_.search_counted(rows_, KnnQuery{query.query, query.k}, live, stats, {.ef = query.ef});
        counts.measured = stats.measured_rows;
        return hits;
    }

  private:
    static inline const bool is_used_ = (IndexOpeners<Rows, M>::of(IndexKind::hnsw) = &HnswInside::open, true);

    Index index_;
    const Rows& rows_;
};

template <>
struct IndexOfOptions<HnswOptions> {
    static constexpr IndexKind kind = IndexKind::hnsw;
    template <class Rows, NamedMetric M>
    using Index = HnswInside<Rows, M>;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
