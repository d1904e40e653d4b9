// Programs that are compiled alone, or several into one: that takes a fraction of the time, for they use the same
// templates.
//
//     CRASH_PROGRAM(power_cut, crash_power_cut::run)  tests/crash; int run(int argc, char** argv)
//     FUZZ_TARGET(codec, fuzz_codec::run)             tests/fuzz; void run(const std::uint8_t* data, std::size_t size)
//
// Alone, the first is main() and the second is what libFuzzer calls. With MAPVEC_SEVERAL_PROGRAMS, main() chooses one
// by its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

using CrashProgram = int(int argc, char** argv);
using FuzzTarget = void(const std::uint8_t* data, std::size_t size);

#if defined(MAPVEC_SEVERAL_PROGRAMS)

template <class Function>
std::map<std::string, Function*>& functions_by_name() {
    static std::map<std::string, Function*> functions;
    return functions;
}

#define CRASH_PROGRAM(name, function) \
    static const bool name##_is_listed = functions_by_name<CrashProgram>().emplace(#name, function).second;
#define FUZZ_TARGET(name, function) \
    static const bool name##_is_listed = functions_by_name<FuzzTarget>().emplace(#name, function).second;

#else

#define CRASH_PROGRAM(name, function) \
    int main(int argc, char** argv) { return function(argc, argv); }
#define FUZZ_TARGET(name, function)                                                     \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
        function(data, size);                                                           \
        return 0;                                                                       \
    }

#endif
