// The functions of HnswIndex that update it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <mapvec/hnsw_index.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <NamedMetric M, Storage File>
template <detail::FollowedStore<File> Store, ProgressCallback Progress>
std::size_t HnswIndex<M, File>::update(const Store& store, const HnswUpdateOptions& options, Progress progress) {
    using S = typename std::remove_cvref_t<decltype(detail::vectors_of(store))>::scalar_type;
    const auto& array = checked_rows(store);
    const auto is_live = detail::live_rows_of(store);
    const detail::RowsSnapshot<S> rows(detail::vectors_of(store));
    const detail::MappedHnsw before = graph();
    detail::IndexPlan plan = files_.plan(array, 0);
    detail::RowChanges changes;
    detail::find_changed(changes, before, plan.unchanged.complement(plan.known), options.max_rows, is_live,
                         [&](Id id) { return array.record(id); });
    plan = files_.plan(array, options.max_rows - changes.to_link.size());
    check_row_count(plan.next.count);
    for (const Id id : changes.left) plan.next.forget(id);
    detail::find_new_and_gone(changes, before, plan.known, plan.next.count, is_live);
    if (changes.none() && plan.unchanged.are_all_below(plan.next.count) && plan.known == plan.next.count) return 0;
    files_.check_writable();
    const std::size_t ef = options.ef_construction == 0 ? options_.ef_construction : options.ef_construction;
    const std::size_t threads = detail::thread_count(options.threads);
    {
        const auto in_order = detail::read_in_order(detail::vectors_of(store));
        write_lines(detail::encode_lines<M>(detail::GraphLines(files_[lines], files_[model], rows.dim()), rows.span(),
                                            changes.to_link, plan.next.count, threads));
    }
    const detail::GraphLines new_lines(files_[lines], files_[model], rows.dim());
    detail::HnswUpdate<M, S> update(before, files_[upper].size(), plan.next.count, rows, new_lines);
    if (!changes.none()) update.run(changes, ef, threads, progress);
    install(update.graph(), update.state(), plan.next);
    return changes.size();
}

// Writes lines before the rows are linked, so that update() can walk on them.
template <NamedMetric M, Storage File>
void HnswIndex<M, File>::write_lines(const detail::NewLines& written) {
    const auto change = files_.change();
    if (!written.model.empty() && files_[model].size() == 0)
        files_[model].append(written.model);
    else if (!written.model.empty())
        files_[model].overwrite(0, written.model);
    for (const auto& [id, line] : written.changed) files_[lines].overwrite(id, detail::bytes_of(line));
    files_[lines].append(std::as_bytes(std::span<const detail::VaLine>(written.added.lines[0])));
}

// Writes new records first: no search reads them before changed records link to them.
template <NamedMetric M, Storage File>
void HnswIndex<M, File>::install(const detail::GraphEdit& edit, const detail::HnswState& new_state,
                                 const detail::IndexedRows& rows) {
    files_[upper].append(std::as_bytes(edit.new_upper()));
    files_[level_0].append(std::as_bytes(edit.new_level_0()));
    const auto change = files_.change();
    edit.each_changed([this](bool on_level_0, std::uint64_t number, std::span<const detail::RowId32> record) {
        files_[on_level_0 ? level_0 : upper].overwrite(number, std::as_bytes(record));
    });
    files_[state].overwrite(0, detail::bytes_of(new_state));
    files_.install(rows);
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
