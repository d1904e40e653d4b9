// What the benchmarks share: where files go, how big things are, and a directory that cleans up.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <random>
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

inline std::vector<float> noise(std::size_t n) {
    std::vector<float> values(n);
    std::minstd_rand random(1);
    for (float& value : values) value = static_cast<float>(random() % 10000) / 10000.0f;
    return values;
}

}  // namespace bench
