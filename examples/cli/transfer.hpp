// mapvec import, export: copies rows between stores and files of other programs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <mapvec/io/bin.hpp>
#include <mapvec/io/fvecs.hpp>
#include <mapvec/io/npy.hpp>
#include <mapvec/io/raw.hpp>
#include <mapvec/io/vecstore.hpp>
#include <mapvec/mmap_vector_store.hpp>
#include <optional>
#include <string>

#include "any_store.hpp"
#include "input.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace cli {

namespace io = mapvec::io;

enum class Format { fvecs, bvecs, ivecs, fbin, u8bin, i8bin, ibin, npy, raw, vecstore };

// The format, from the extension of the file.
[[nodiscard]] inline Format format_of(const fs::path& file) {
    if (file == "-") throw UsageError("the format of standard input cannot be told by its name; give --format");
    const std::string extension = file.extension().string();
    if (extension == ".fvecs") return Format::fvecs;
    if (extension == ".bvecs") return Format::bvecs;
    if (extension == ".ivecs") return Format::ivecs;
    if (extension == ".fbin") return Format::fbin;
    if (extension == ".u8bin") return Format::u8bin;
    if (extension == ".i8bin") return Format::i8bin;
    if (extension == ".ibin") return Format::ibin;
    if (extension == ".npy") return Format::npy;
    if (extension == ".raw" || extension == ".bin" || extension == ".f32") return Format::raw;
    throw UsageError("the format of " + file.string() + " cannot be told by its name; give --format");
}

struct ImportOptions {
    fs::path file;
    fs::path store;
    std::optional<Format> format;
    std::optional<mapvec::ScalarType> scalar;  // of the store
    std::optional<mapvec::ScalarType> from;    // of a raw file; default float32
    std::optional<std::uint64_t> dim;          // of a raw file; other formats contain it
    std::optional<std::uint64_t> rows;         // of a vecstore file
    bool append = false;
};

// The contents of a file.
struct Contents {
    Format format{};
    mapvec::ScalarType scalar{};
    std::uint64_t dim = 0;
};

// Refuses options that have no meaning for this format.
inline void check_meaning(const ImportOptions& options, Format format) {
    const bool headerless = format == Format::raw || format == Format::vecstore;
    if (headerless && !options.dim) throw UsageError("such a file does not say how long its vectors are; give --dim");
    if (format == Format::vecstore && !options.rows)
        throw UsageError("a vecstore file does not say how many rows are in it; give --rows");
    if (format != Format::vecstore && options.rows) throw UsageError("--rows is for vecstore files");
    if (format != Format::raw && options.from) throw UsageError("--from is for raw files; this one has its own type");
}

// The shape in the file, or the options if the format does not contain it.
[[nodiscard]] inline Contents read_contents(const fs::path& file, const ImportOptions& options, Format format) {
    using mapvec::ScalarType;
    switch (format) {
        case Format::fvecs: return {format, ScalarType::float32, io::fvecs_shape(file).dim};
        case Format::bvecs: return {format, ScalarType::uint8, io::bvecs_shape(file).dim};
        case Format::ivecs: return {format, ScalarType::float64, io::ivecs_shape(file).dim};
        case Format::fbin: return {format, ScalarType::float32, io::fbin_shape(file).dim};
        case Format::u8bin: return {format, ScalarType::uint8, io::u8bin_shape(file).dim};
        case Format::i8bin: return {format, ScalarType::int8, io::i8bin_shape(file).dim};
        case Format::ibin: return {format, ScalarType::float64, io::ibin_shape(file).dim};
        case Format::npy: {
            const io::NpyHeader header = io::read_npy_header(file);
            return {format, header.scalar, header.shape.dim};
        }
        case Format::raw: {
            const ScalarType from = options.from.value_or(ScalarType::float32);
            return {format, from,
                    with_scalar(from, [&]<class S>() { return io::raw_shape<S>(file, *options.dim); }).dim};
        }
        default: return {format, ScalarType::float32, io::vecstore_capacity(file, *options.dim).dim};
    }
}

[[nodiscard]] inline Contents contents_of(const fs::path& file, const ImportOptions& options) {
    const Format format = options.format ? *options.format : format_of(options.file);
    check_meaning(options, format);
    Contents contents = read_contents(file, options, format);
    if (contents.dim == 0 && options.dim) contents.dim = *options.dim;  // an empty file does not contain it
    if (contents.dim == 0)
        throw mapvec::Error(mapvec::ErrorCode::invalid_argument, file,
                            "the file is empty: there is no telling the dimension of its store; give --dim");
    if (options.dim && *options.dim != contents.dim)
        throw mapvec::Error(mapvec::ErrorCode::dimension_mismatch, file,
                            mapvec::detail::mismatch("dimension", *options.dim, contents.dim));
    return contents;
}

template <class Store>
std::uint64_t import_rows(const fs::path& file, const ImportOptions& options, const Contents& contents, Store& store) {
    ProgressBar bar("import");
    const auto progress = [&bar](std::uint64_t done, std::uint64_t all) { bar(done, all); };
    switch (contents.format) {
        case Format::fvecs: return io::import_fvecs(file, store, progress);
        case Format::bvecs: return io::import_bvecs(file, store, progress);
        case Format::ivecs: return io::import_ivecs(file, store, progress);
        case Format::fbin: return io::import_fbin(file, store, progress);
        case Format::u8bin: return io::import_u8bin(file, store, progress);
        case Format::i8bin: return io::import_i8bin(file, store, progress);
        case Format::ibin: return io::import_ibin(file, store, progress);
        case Format::npy: return io::import_npy(file, store, progress);
        case Format::vecstore: return io::import_vecstore(file, *options.rows, store, progress);
        default:
            return with_scalar(contents.scalar,
                               [&]<class From>() { return io::import_raw<From>(file, store, progress); });
    }
}

// A new store under a temporary name, so that the name of the store appears complete or not at all.
class DraftStore {
  public:
    explicit DraftStore(const fs::path& path)
        : path_(path),
          draft_(mapvec::detail::draft_name(path, std::to_string(mapvec::detail::platform::process_id()))) {
        if (fs::exists(path))
            throw mapvec::Error(mapvec::ErrorCode::exists, path, "there is such a file already (--append to it?)");
    }
    DraftStore(const DraftStore&) = delete;
    DraftStore& operator=(const DraftStore&) = delete;
    ~DraftStore() {
        std::error_code ignored;
        if (!given_) fs::remove(draft_, ignored);
    }
    [[nodiscard]] const fs::path& path() const noexcept { return draft_; }
    // REQUIRES: the store at path() is closed.
    void give_name() {
        mapvec::MappedFile::rename(draft_, path_);
        given_ = true;
    }

  private:
    fs::path path_, draft_;
    bool given_ = false;
};

template <class S>
std::uint64_t import_into_new(const fs::path& file, const ImportOptions& options, const Contents& contents) {
    DraftStore draft(options.store);
    return with_name(draft.path().filename().string(), options.store.filename().string(), [&] {
        auto store = mapvec::MmapVectorStore<mapvec::dynamic_dim, S>::create(
            draft.path(), {.dim = static_cast<std::size_t>(contents.dim), .initial_capacity = 1});
        const std::uint64_t rows = import_rows(file, options, contents, store);
        store.close();
        draft.give_name();
        return rows;
    });
}

template <class S>
std::uint64_t import_into_old(const fs::path& file, const ImportOptions& options, const Contents& contents) {
    auto store = mapvec::MmapVectorStore<mapvec::dynamic_dim, S>::open(options.store);
    const std::uint64_t rows = import_rows(file, options, contents, store);
    store.close();
    return rows;
}

[[nodiscard]] inline mapvec::ScalarType scalar_of_store(const fs::path& path) {
    const AnyStore store(path);
    if (store.kind() != StoreKind::vectors)
        throw UsageError(path.string() + " is no vector store but of kind " + std::string(name_of(store.kind())) +
                         ": only vector stores can be appended to");
    return store.scalar();
}

// Returns the message for the user.
[[nodiscard]] inline std::string import_contents(const fs::path& file, const ImportOptions& options) {
    const Contents contents = contents_of(file, options);
    const auto scalar = options.append ? scalar_of_store(options.store) : options.scalar.value_or(contents.scalar);
    if (options.append && options.scalar && *options.scalar != scalar)
        throw UsageError("the store holds " + std::string(mapvec::to_string(scalar)) +
                         ", which --scalar cannot change");
    const std::uint64_t rows = with_scalar(scalar, [&]<class S>() {
        return options.append ? import_into_old<S>(file, options, contents)
                              : import_into_new<S>(file, options, contents);
    });
    return std::to_string(rows) + " rows of dimension " + std::to_string(contents.dim) + " imported as " +
           std::string(mapvec::to_string(scalar));
}

inline void import_file(const ImportOptions& options) {
    if (!options.format) (void)format_of(options.file);  // before the file is read
    const Input input(options.file);
    std::cout << with_name(input.path().string(), input.shown(), [&] { return import_contents(input.path(), options); })
              << '\n';
}

struct ExportOptions {
    fs::path store;
    fs::path file;
    std::optional<Format> format;
    bool replace = false;
};

inline void export_file(const ExportOptions& options) {
    const Format format = options.format ? *options.format : format_of(options.file);
    const AnyStore store(options.store);
    if (!store.has_vectors()) throw UsageError(options.store.string() + " has no vectors to export");
    if (store.owns(options.file)) throw UsageError("this would write over the store itself");
    if (!options.replace && fs::exists(options.file))
        throw mapvec::Error(mapvec::ErrorCode::exists, options.file,
                            "there is such a file already (--force replaces it)");
    const auto if_exists = options.replace ? io::IfExists::replace : io::IfExists::refuse;
    ProgressBar bar("export");
    const auto progress = [&bar](std::uint64_t done, std::uint64_t all) { bar(done, all); };
    const std::uint64_t rows = with_scalar(store.scalar(), [&]<class S>() {
        const auto vectors = store.vectors<S>();
        switch (format) {
            case Format::fvecs: return io::export_fvecs(vectors, options.file, if_exists, progress);
            case Format::bvecs: return io::export_bvecs(vectors, options.file, if_exists, progress);
            case Format::ivecs: return io::export_ivecs(vectors, options.file, if_exists, progress);
            case Format::fbin: return io::export_fbin(vectors, options.file, if_exists, progress);
            case Format::u8bin: return io::export_u8bin(vectors, options.file, if_exists, progress);
            case Format::i8bin: return io::export_i8bin(vectors, options.file, if_exists, progress);
            case Format::ibin: return io::export_ibin(vectors, options.file, if_exists, progress);
            case Format::npy: return io::export_npy(vectors, options.file, if_exists, progress);
            case Format::raw: return io::export_raw<S>(vectors, options.file, if_exists, progress);
            default: throw UsageError("files of vecstore are read, not written");
        }
    });
    std::cout << rows << " rows of dimension " << store.header().dim << " exported";
    if (!store.erased().empty()) std::cout << ", erased ones too (" << store.erased().size() << ')';
    std::cout << '\n';
}

}  // namespace cli
