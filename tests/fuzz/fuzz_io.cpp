// Imports any bytes: the result is an Error about the file, or rows whose export equals the input.
//
// The first byte chooses the format. A ring-db directory is five files in one input: a u16 with its length precedes
// each file but the last. The second byte tells whether offsets.bin exists, and whether the norms are corrected.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mapvec/io/bin.hpp>
#include <mapvec/io/fvecs.hpp>
#include <mapvec/io/npy.hpp>
#include <mapvec/io/raw.hpp>
#include <mapvec/io/ringdb.hpp>
#include <mapvec/io/vecstore.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "program.hpp"

namespace fuzz_io {

struct Doc {
    std::string title;
    std::uint32_t year;
    std::vector<std::string> tags;
};
struct Pod {
    std::uint32_t id;
    float weight;
};

namespace {

namespace fs = std::filesystem;
namespace io = mapvec::io;
using mapvec::ErrorCode;

void require(bool condition) {
    if (!condition) std::abort();
}

// In memory, if the system has such a directory: each input creates a store.
class Directory {
  public:
    Directory() {
        const fs::path parent = fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
        path_ = parent / ("mapvec-fuzz-io-" + std::to_string(mapvec::detail::platform::process_id()));
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() { clear(); }
    void clear() const {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    void renew() const {
        clear();
        fs::create_directories(path_ / "db");
    }
    [[nodiscard]] fs::path operator/(const char* name) const { return path_ / name; }

  private:
    fs::path path_;
};

const Directory scratch;

void write(const fs::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}
std::string read(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// A store with the dimension of the file, or 1 if the file has none.
template <class S>
mapvec::MmapVectorStore<mapvec::dynamic_dim, S> store_for(const io::Shape& shape) {
    const auto dim = static_cast<std::size_t>(std::max<std::uint64_t>(shape.dim, 1));
    return mapvec::MmapVectorStore<mapvec::dynamic_dim, S>::create(scratch / "store", {.dim = dim});
}

void fvecs(std::string_view input) {
    const auto shape = io::fvecs_shape(scratch / "in");
    auto store = store_for<float>(shape);
    require(io::import_fvecs(scratch / "in", store) == shape.rows);
    io::export_fvecs(store, scratch / "out");
    require(read(scratch / "out") == input);
}
void bvecs(std::string_view input) {
    auto store = store_for<std::uint8_t>(io::bvecs_shape(scratch / "in"));
    io::import_bvecs(scratch / "in", store);
    io::export_bvecs(store, scratch / "out");
    require(read(scratch / "out") == input);
}
void ivecs(std::string_view input) {
    auto store = store_for<double>(io::ivecs_shape(scratch / "in"));
    io::import_ivecs(scratch / "in", store);
    io::export_ivecs(store, scratch / "out");
    require(read(scratch / "out") == input);
}
void fbin(std::string_view input) {
    const auto shape = io::fbin_shape(scratch / "in");
    if (shape.dim > 100'000) return;  // possible only in a file without rows
    auto store = store_for<float>(shape);
    require(io::import_fbin(scratch / "in", store) == shape.rows);
    io::export_fbin(store, scratch / "out");
    if (shape.rows > 0) require(read(scratch / "out") == input);
}
void u8bin(std::string_view input) {
    const auto shape = io::u8bin_shape(scratch / "in");
    if (shape.dim > 100'000) return;
    auto store = store_for<std::uint8_t>(shape);
    require(io::import_u8bin(scratch / "in", store) == shape.rows);
    io::export_u8bin(store, scratch / "out");
    if (shape.rows > 0) require(read(scratch / "out") == input);
}
void narrowing() {
    auto store = store_for<mapvec::float16>(io::fvecs_shape(scratch / "in"));
    io::import_fvecs(scratch / "in", store);
    auto codes =
        mapvec::MmapVectorStore<mapvec::dynamic_dim, std::int8_t>::create(scratch / "codes", {.dim = store.dim()});
    io::import_fvecs(scratch / "in", codes);
    require(codes.size() == store.size());
}
void npy() {
    const auto header = io::read_npy_header(scratch / "in");
    auto store = store_for<double>(header.shape);
    require(io::import_npy(scratch / "in", store) == header.shape.rows);
    io::export_npy(store, scratch / "out");
    const auto again = io::read_npy_header(scratch / "out");
    require(again.shape == header.shape && again.scalar == mapvec::ScalarType::float64);
}
void raw(std::string_view input) {
    auto store = store_for<float>(io::raw_shape(scratch / "in", 3));
    io::import_raw(scratch / "in", store);
    io::export_raw(store, scratch / "out");
    require(read(scratch / "out") == input);
    io::import_vecstore(scratch / "in", 2, store);
}

// The bytes of the files, or nothing if the lengths exceed the input.
std::vector<std::string> split(std::string_view input, std::size_t parts) {
    std::vector<std::string> files;
    while (files.size() + 1 < parts) {
        std::uint16_t length = 0;
        if (input.size() < sizeof length) return {};
        std::memcpy(&length, input.data(), sizeof length);
        input.remove_prefix(sizeof length);
        if (input.size() < length) return {};
        files.emplace_back(input.substr(0, length));
        input.remove_prefix(length);
    }
    files.emplace_back(input);
    return files;
}

std::string norms_of(const std::string& meta, const std::string& vectors) {
    std::uint64_t dim = 0;
    std::memcpy(&dim, meta.data(), std::min(meta.size(), sizeof dim));
    std::string norms;
    if (dim == 0 || dim > vectors.size()) return norms;
    for (std::size_t at = 0; vectors.size() - at >= dim * 4; at += dim * 4) {
        float norm = 0;
        for (std::size_t i = 0; i < dim; ++i) {
            float x = 0;
            std::memcpy(&x, vectors.data() + at + i * 4, 4);
            norm += x * x;
        }
        norms.append(reinterpret_cast<const char*>(&norm), 4);
    }
    return norms;
}

template <class T>
void ringdb() {
    const auto shape = io::ringdb_shape(scratch / "db");
    if (shape.dim > 100'000) return;  // no program asks for a collection of such a dimension
    auto collection = mapvec::Collection<mapvec::dynamic_dim, T>::create(
        scratch / "collection", {.dim = static_cast<std::size_t>(shape.dim), .initial_capacity = 1});
    require(io::import_ringdb(scratch / "db", collection) == shape.rows);
    require(collection.size() == shape.rows);
    std::string payloads;
    for (mapvec::Id id = 0; id < collection.size(); ++id) {
        const auto bytes = collection.payloads().bytes(id);
        payloads.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    if constexpr (std::is_same_v<T, fuzz_io::Doc>) require(payloads == read(scratch / "db" / "payloads.bin"));
}

void ringdb(std::string_view input) {
    if (input.empty()) return;
    const auto flags = static_cast<unsigned char>(input[0]);
    const auto files = split(input.substr(1), 5);
    if (files.empty()) return;
    write(scratch / "db" / "meta.bin", files[0]);
    write(scratch / "db" / "vectors.bin", files[1]);
    write(scratch / "db" / "norms_sq.bin", (flags & 2) != 0 ? norms_of(files[0], files[1]) : files[2]);
    if ((flags & 1) != 0) write(scratch / "db" / "offsets.bin", files[3]);
    write(scratch / "db" / "payloads.bin", files[4]);
    if ((flags & 4) != 0)
        ringdb<fuzz_io::Pod>();
    else
        ringdb<fuzz_io::Doc>();
}

void import(unsigned format, std::string_view input) {
    write(scratch / "in", input);
    switch (format % 9) {
        case 0: return fvecs(input);
        case 1: return bvecs(input);
        case 2: return ivecs(input);
        case 3: return npy();
        case 4: return raw(input);
        case 5: return narrowing();
        case 7: return fbin(input);
        case 8: return u8bin(input);
        default: return ringdb(input);
    }
}

bool blames_the_file(ErrorCode code) {
    return code == ErrorCode::corrupt || code == ErrorCode::type_mismatch || code == ErrorCode::dimension_mismatch ||
           code == ErrorCode::version_mismatch || code == ErrorCode::out_of_range || code == ErrorCode::payload;
}

}  // namespace

void run(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return;
    scratch.renew();
    try {
        import(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
    } catch (const mapvec::Error& error) {
        require(blames_the_file(error.code()));
    }
}

}  // namespace fuzz_io

FUZZ_TARGET(io, fuzz_io::run)
