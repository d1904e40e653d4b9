// The vector instructions of this machine, detected once.
//
//     if (instruction_set_available(InstructionSet::avx2)) …
//
// A set is available if the processor has it, the operating system saves its registers, and this compiler can emit it
// without a flag. All functions are safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64) && !defined(_M_ARM64EC)
#define MAPVEC_MSVC_X64 1
#include <intrin.h>
#endif

#include <mapvec/detail/util/prologue.inc>

namespace mapvec::inline v0_1 {

// In the order of preference: the library uses the last one that is available. avx2 means AVX2 with FMA and F16C
// (Haswell, Zen and later); avx512 means the parts F, BW, DQ and VL (Skylake-X, Zen 4 and later).
enum class InstructionSet : std::uint8_t { portable, neon, sse2, avx2, avx512 };

[[nodiscard]] constexpr std::string_view to_string(InstructionSet set) noexcept {
    switch (set) {
        case InstructionSet::portable: return "portable";
        case InstructionSet::neon: return "neon";
        case InstructionSet::sse2: return "sse2";
        case InstructionSet::avx2: return "avx2";
        case InstructionSet::avx512: return "avx512";
    }
    return "unknown";
}

namespace detail {

#if defined(MAPVEC_X86_KERNELS) || defined(MAPVEC_MSVC_X64)

struct CpuidWords {
    std::uint32_t a = 0, b = 0, c = 0, d = 0;
};

// Does not use <cpuid.h>: its macros have the same names as functions of <intrin.h>, which Boost includes on Windows.
[[nodiscard]] inline CpuidWords cpuid_of(std::uint32_t leaf) noexcept {
#if defined(MAPVEC_X86_KERNELS)
    CpuidWords words;
    asm volatile("cpuid" : "=a"(words.a), "=b"(words.b), "=c"(words.c), "=d"(words.d) : "a"(leaf), "c"(0));
    return words;
#else
    int found[4];
    __cpuidex(found, static_cast<int>(leaf), 0);
    return {static_cast<std::uint32_t>(found[0]), static_cast<std::uint32_t>(found[1]),
            static_cast<std::uint32_t>(found[2]), static_cast<std::uint32_t>(found[3])};
#endif
}

// Returns zeros for a leaf that the processor does not have.
[[nodiscard]] inline CpuidWords cpuid(std::uint32_t leaf) noexcept {
    return leaf <= cpuid_of(0).a ? cpuid_of(leaf) : CpuidWords{};
}

// The registers that the operating system saves. REQUIRES: cpuid reports OSXSAVE.
[[nodiscard]] inline std::uint32_t saved_registers() noexcept {
#if defined(MAPVEC_X86_KERNELS)
    std::uint32_t low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#else
    return static_cast<std::uint32_t>(_xgetbv(0));
#endif
}

[[nodiscard]] inline InstructionSet best_instruction_set() noexcept {
    const auto all_of = [](std::uint32_t word, std::uint32_t bits) { return (word & bits) == bits; };
    const CpuidWords basic = cpuid(1);
    const std::uint32_t osxsave_avx_fma_f16c = 1u << 27 | 1u << 28 | 1u << 12 | 1u << 29;
    if (!all_of(basic.c, osxsave_avx_fma_f16c)) return InstructionSet::sse2;
    const CpuidWords extended = cpuid(7);
    const std::uint32_t registers = saved_registers();
    const std::uint32_t avx2 = 1u << 5;
    if (!all_of(registers, 0x6) || !all_of(extended.b, avx2)) return InstructionSet::sse2;
    const std::uint32_t f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    if (!all_of(registers, 0xE6) || !all_of(extended.b, f_dq_bw_vl)) return InstructionSet::avx2;
    return InstructionSet::avx512;
}

#elif defined(MAPVEC_NEON_KERNELS)

[[nodiscard]] inline InstructionSet best_instruction_set() noexcept { return InstructionSet::neon; }

#else

[[nodiscard]] inline InstructionSet best_instruction_set() noexcept { return InstructionSet::portable; }

#endif

[[nodiscard]] inline bool instruction_set_available(InstructionSet set) noexcept {
    if (set == InstructionSet::portable) return true;
    const InstructionSet best = best_instruction_set();
    if (set == InstructionSet::neon || best == InstructionSet::neon) return set == best;
#if defined(MAPVEC_MSVC_X64)
    if (set == InstructionSet::sse2) return false;
#endif
    return set <= best;
}

}  // namespace detail
}  // namespace mapvec::inline v0_1

#undef MAPVEC_MSVC_X64

#include <mapvec/detail/util/epilogue.inc>
