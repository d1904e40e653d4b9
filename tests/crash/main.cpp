// Several programs in one: mapvec_crash power_cut --images 500
#include <cstdio>

#include "program.hpp"

int main(int argc, char** argv) {
    const auto& programs = functions_by_name<CrashProgram>();
    const auto chosen = argc < 2 ? programs.end() : programs.find(argv[1]);
    if (chosen != programs.end()) return chosen->second(argc - 1, argv + 1);
    for (const auto& [name, program] : programs) std::printf("usage: mapvec_crash %s …\n", name.c_str());
    return 2;
}
