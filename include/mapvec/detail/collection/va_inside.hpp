// VaInside: a VaIndex in the directory of a collection.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include <mapvec/detail/collection/index_inside.hpp>
#include <mapvec/va_index.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1::detail {

template <class Rows, NamedMetric M>
class VaInside final : public ExactIndex<Rows> {
    using Index = VaIndex<M, typename StorageOf<Rows>::type>;

  public:
    VaInside(Index index, const Rows& rows) : index_(std::move(index)), rows_(rows) {}

    // Lets all collections with these rows find their indexes.
    static void use() noexcept { (void)&is_used_; }
    [[nodiscard]] static std::shared_ptr<IndexInside<Rows>> open(const std::filesystem::path& path, const Rows& rows,
                                                                 OpenMode mode) {
        return std::make_shared<VaInside>(Index::open(path, rows, mode), rows);
    }
    [[nodiscard]] static std::shared_ptr<IndexInside<Rows>> create(const std::filesystem::path& path, const Rows& rows,
                                                                   const VaOptions&) {
        return std::make_shared<VaInside>(Index::create(path, rows), rows);
    }
    void check_options(const VaOptions&) const noexcept {}  // there are none
    [[nodiscard]] std::shared_ptr<IndexInside<Rows>> create_for(const std::filesystem::path& path,
                                                                const Rows& rows) const override {
        return create(path, rows, {});
    }

    [[nodiscard]] std::size_t size() const override { return index_.size(); }
    void update(const CommittedRows<Rows>& rows, unsigned threads, std::size_t, IndexProgress progress) override {
        const std::size_t written = index_.update(rows.vectors(), {.threads = threads});
        index_.commit();
        if (written != 0) progress(written, written);
    }
    void refresh() override { index_.refresh(); }
    void close() override { index_.close(); }
    void verify(IndexProgress progress) const override { index_.verify(progress); }
    void copy_to(const std::filesystem::path& path) const override { index_.copy_to(path); }

    [[nodiscard]] std::vector<Hit> search(const ExactQuery& query, const LiveRows& live, const SearchOptions& options,
                                          SearchCounts& counts) const override {
        return std::visit(
            [&](const auto& asked) {
                VaSearchStats stats;
                auto hits = index_.search_counted(rows_, asked, live, stats, options);
                counts.measured = stats.measured_rows;
                return hits;
            },
            query);
    }
    [[nodiscard]] std::vector<Hit> search_ids(std::span<const Id> ids, const ExactQuery& query,
                                              const SearchOptions& options) const override {
        return std::visit([&](const auto& asked) { return index_.search_ids(rows_, ids, asked, options); }, query);
    }
    void search_each(const ExactQuery& query, const LiveRows& live, FunctionRef<bool(const Hit&)> visit,
                     const SearchOptions& options) const override {
        std::visit([&](const auto& asked) { index_.search_each(rows_, asked, live, visit, options); }, query);
    }
    [[nodiscard]] std::vector<std::vector<Hit>> search_batch(std::span<const KnnQuery> queries,
                                                             FunctionRef<bool(Id)> filter,
                                                             const SearchOptions& options) const override {
        return filter ? index_.search_batch(rows_, queries, filter, options)
                      : index_.search_batch(rows_, queries, options);
    }

  private:
    static inline const bool is_used_ = (IndexOpeners<Rows, M>::of(IndexKind::va) = &VaInside::open, true);

    Index index_;
    const Rows& rows_;
};

template <>
struct IndexOfOptions<VaOptions> {
    static constexpr IndexKind kind = IndexKind::va;
    template <class Rows, NamedMetric M>
    using Index = VaInside<Rows, M>;
};

}  // namespace mapvec::inline v0_1::detail

#include <mapvec/detail/util/epilogue.inc>
