// Shared by the benchmarks: the directory of files, sizes, and a temporary path.
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

// MAPVEC_BENCH_SMALL reduces all sizes, to check that a benchmark runs. The figures then have no meaning.
inline const bool small = std::getenv("MAPVEC_BENCH_SMALL") != nullptr;

// MAPVEC_BENCH_DIR: a directory on the disk to measure; default: the current directory.
inline std::filesystem::path directory() {
    const char* const chosen = std::getenv("MAPVEC_BENCH_DIR");
    const std::filesystem::path path = std::filesystem::path(chosen ? chosen : ".") / "mapvec-bench-files";
    std::filesystem::create_directories(path);
    return path;
}

// A path of a file that does not exist; the destructor removes it.
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

// Reads every byte with the widest loads, in four streams: the bandwidth of memory for one core.
#if defined(__x86_64__)
[[gnu::target("avx2")]]
#endif
[[gnu::noinline]] inline std::int64_t
sum_of(std::span<const std::byte> bytes) {
    typedef std::int64_t Wide __attribute__((vector_size(32), aligned(1), may_alias));
    constexpr std::size_t stream = 64 << 10;
    Wide a{}, b{}, c{}, d{};
    const auto add = [&](const std::byte* at, std::size_t apart) __attribute__((always_inline)) {
        a += *reinterpret_cast<const Wide*>(at) + *reinterpret_cast<const Wide*>(at + 32);
        b += *reinterpret_cast<const Wide*>(at + apart) + *reinterpret_cast<const Wide*>(at + apart + 32);
        c += *reinterpret_cast<const Wide*>(at + 2 * apart) + *reinterpret_cast<const Wide*>(at + 2 * apart + 32);
        d += *reinterpret_cast<const Wide*>(at + 3 * apart) + *reinterpret_cast<const Wide*>(at + 3 * apart + 32);
    };
    std::size_t done = 0;
    for (; done + 4 * stream <= bytes.size(); done += 4 * stream)
        for (std::size_t i = 0; i < stream; i += 64) add(bytes.data() + done + i, stream);
    for (; done + 256 <= bytes.size(); done += 256) add(bytes.data() + done, 64);
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
