// The functions of VaIndex that update it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <mapvec/va_index.hpp>

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

template <NamedMetric M, Storage File>
template <std::size_t Dim, Scalar S>
std::size_t VaIndex<M, File>::update(const Rows<Dim, S>& rows, const VaUpdateOptions& options) {
    check_store(rows);
    auto plan = files_.plan(detail::StoreParts::rows(rows), UINT64_MAX);
    const auto count = static_cast<std::size_t>(plan.next.count);
    if (count == 0 || rows.dim() == 0) return 0;
    const detail::RowsSnapshot<S> all(rows);
    std::size_t known = static_cast<std::size_t>(std::min(plan.known, described_at_most(rows.dim())));
    if (needs_axes(model(rows.dim()), all, count, options.new_axes)) {
        find_axes(all, count);
        plan.unchanged = {};
        known = 0;
    }
    const auto axes = model(rows.dim());
    const detail::VaKernels& kernels = detail::va_kernels(active_instruction_set());
    detail::ParallelEncoder<M, S> encoder(*axes, kernels, detail::thread_count(options.threads));
    std::vector<std::pair<detail::RowRange, detail::EncodedRows>> changed;
    std::size_t written = count - known;
    const auto in_order = detail::read_in_order(rows);
    const detail::RowRanges others = plan.unchanged.complement(known);
    for (const detail::RowRange range : others.ranges()) {
        changed.emplace_back(range, detail::EncodedRows{});
        encoder.encode(all.span().rows, range.first, range.end, changed.back().second);
        written += range.end - range.first;
    }
    put_all(all, known, count, encoder, axes->levels());
    const auto change = files_.change();
    for (const auto& [range, encoded] : changed) put(range.first, encoded, axes->levels());
    files_.install(plan.next);
    drifted_ = written != 0 && encoder.missed() > 2 * static_cast<double>(axes->header().missed) + 0.01;
    return written;
}

template <NamedMetric M, Storage File>
template <Scalar S>
bool VaIndex<M, File>::needs_axes(const std::optional<detail::VaModel>& model, const detail::RowsSnapshot<S>& rows,
                                  std::size_t count, bool asked) const noexcept {
    if (!model || asked) return true;
    const std::uint64_t sampled = model->header().sampled_rows, enough = detail::sample_size(SIZE_MAX, rows.dim());
    return sampled < enough && count / 4 >= std::max<std::uint64_t>(model->header().rows, 1);
}

// Computes the axes. Afterwards no row is described until update() has written all lines.
template <NamedMetric M, Storage File>
template <Scalar S>
void VaIndex<M, File>::find_axes(const detail::RowsSnapshot<S>& rows, std::size_t count) {
    const detail::VaKernels& kernels = detail::va_kernels(active_instruction_set());
    const auto record = detail::Sampler<M, S>(rows.span().rows, count, rows.dim())
                            .model(detail::useful_levels(rows.row_bytes()), kernels);
    const auto change = files_.change();
    files_.install({});
    if (files_[model_file].size() == 0)
        files_[model_file].append(record);
    else
        files_[model_file].overwrite(0, record);
}

template <NamedMetric M, Storage File>
void VaIndex<M, File>::put(std::size_t first, const detail::EncodedRows& encoded, std::size_t levels) {
    for (std::size_t level = 0; level < levels; ++level) {
        Array& array = files_[level == 0 ? first_lines : second_lines];
        const std::span<const detail::VaLine> lines(encoded.lines[level]);
        const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(lines.size(), array.size() - first));
        for (std::size_t i = 0; i < there; ++i) array.overwrite(first + i, std::as_bytes(lines.subspan(i, 1)));
        if (there < lines.size()) array.append(std::as_bytes(lines.subspan(there)));
    }
}

// Writes the lines of [first, last), chunk by chunk. No search uses these lines yet.
template <NamedMetric M, Storage File>
template <Scalar S>
void VaIndex<M, File>::put_all(const detail::RowsSnapshot<S>& rows, std::size_t first, std::size_t last,
                               detail::ParallelEncoder<M, S>& encoder, std::size_t levels) {
    detail::EncodedRows encoded;
    while (first < last) {
        const std::size_t end = std::min(last, first + detail::rows_per_chunk);
        for (auto& lines : encoded.lines) lines.clear();
        encoder.encode(rows.span().rows, first, end, encoded);
        put(first, encoded, levels);
        first = end;
    }
}

}  // namespace mapvec::inline v0_1

#include <mapvec/detail/util/epilogue.inc>
