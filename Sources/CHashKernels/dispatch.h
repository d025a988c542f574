// Run-time dispatch: a function marked MULTIVERSION is compiled for the x86-64 levels below and the
// loader picks the best that the processor has. Elsewhere (arm64) the one plain version uses NEON,
// which is baseline there. An arch= that names a model is picked on that model alone; a feature or
// an x86-64-v level wherever it is supported.
#pragma once

#if defined(__x86_64__) && defined(__clang__) && defined(__ELF__)
#define MULTIVERSION \
    __attribute__((target_clones("arch=icelake-server", "arch=x86-64-v3", "default")))
// What counts bits needs VPOPCNTDQ and no more: any processor that has it, of whatever model.
#define MULTIVERSION_POPCOUNT \
    __attribute__((target_clones("avx512vpopcntdq", "arch=x86-64-v3", "default")))
#else
#define MULTIVERSION
#define MULTIVERSION_POPCOUNT
#endif

// For what is written with AVX-512 intrinsics; call it only where has_avx512 says so.
#if defined(__x86_64__) && defined(__clang__)
#include <immintrin.h>
#define TARGET_AVX512 \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vpopcntdq,bmi,bmi2,lzcnt,popcnt")))
static inline int has_avx512(void) {
    return __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
}
#endif
