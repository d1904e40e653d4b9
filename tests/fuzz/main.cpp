// All fuzz targets in one program.
//
//     mapvec_fuzz_replay collection tests/fuzz/corpus/collection    without a fuzzer: once for each file, any compiler
//     MAPVEC_FUZZ_TARGET=collection mapvec_fuzz tests/fuzz/corpus/collection    libFuzzer
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "program.hpp"

namespace {

namespace fs = std::filesystem;

FuzzTarget& target_of(const char* name) {
    const auto& targets = functions_by_name<FuzzTarget>();
    const auto found = targets.find(name ? name : "");
    if (found != targets.end()) return *found->second;
    for (const auto& [known, target] : targets) std::fprintf(stderr, "a fuzz target: %s\n", known.c_str());
    std::exit(2);
}

}  // namespace

#if defined(MAPVEC_LIBFUZZER)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static FuzzTarget& target = target_of(std::getenv("MAPVEC_FUZZ_TARGET"));
    target(data, size);
    return 0;
}

#else

namespace {

void replay(FuzzTarget& target, const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
    const std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
    target(input.data(), input.size());
}

}  // namespace

int main(int argc, char** argv) {
    FuzzTarget& target = target_of(argc < 2 ? nullptr : argv[1]);
    std::vector<fs::path> files;
    for (int i = 2; i < argc; ++i) {
        if (fs::is_directory(argv[i])) {
            for (const auto& entry : fs::recursive_directory_iterator(argv[i]))
                if (entry.is_regular_file()) files.push_back(entry.path());
        } else {
            files.emplace_back(argv[i]);
        }
    }
    target(nullptr, 0);
    for (const fs::path& file : files) replay(target, file);
    std::printf("replayed %zu inputs\n", files.size() + 1);
    return files.empty() ? 1 : 0;  // a missing corpus is a failure
}

#endif
