// What the benchmarks share: where files go, how big things are, and a directory that cleans up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace bench {

// MAPVEC_BENCH_SMALL shrinks everything, to see that a benchmark runs; the figures then mean nothing.
inline const bool small = std::getenv("MAPVEC_BENCH_SMALL") != nullptr;

// MAPVEC_BENCH_DIR: a directory on the disk to be measured; the current one otherwise.
inline std::filesystem::path directory() {
    const char* const chosen = std::getenv("MAPVEC_BENCH_DIR");
    const std::filesystem::path path = std::filesystem::path(chosen ? chosen : ".") / "mapvec-bench-files";
    std::filesystem::create_directories(path);
    return path;
}

// A path where nothing is, and nothing will be left.
class Scratch {
  public:
    Scratch() : path_(directory() / "store") { clear(); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { clear(); }

    void clear() const { std::filesystem::remove_all(path_.parent_path()), directory(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_.parent_path() / name; }

  private:
    std::filesystem::path path_;
};

// Reads every byte with the widest loads there are: as fast as memory gives them.
#if defined(__x86_64__)
__attribute__((target("avx2")))
#endif
[[gnu::noinline]] inline std::int64_t
sum_of(std::span<const std::byte> bytes) {
    typedef std::int64_t Wide __attribute__((vector_size(32), aligned(1), may_alias));
    Wide a{}, b{}, c{}, d{};
    for (std::size_t i = 0; i + 128 <= bytes.size(); i += 128) {
        const std::byte* const at = bytes.data() + i;
        a += *reinterpret_cast<const Wide*>(at);
        b += *reinterpret_cast<const Wide*>(at + 32);
        c += *reinterpret_cast<const Wide*>(at + 64);
        d += *reinterpret_cast<const Wide*>(at + 96);
    }
    a += b + c + d;
    return a[0] + a[1] + a[2] + a[3];
}

inline std::vector<float> noise(std::size_t n) {
    std::vector<float> values(n);
    std::minstd_rand random(1);
    for (float& value : values) value = static_cast<float>(random() % 10000) / 10000.0f;
    return values;
}

}  // namespace bench
