// Run-time dispatch: a function marked MULTIVERSION is compiled for the x86-64 levels below and the
// loader picks the best that the processor has. Elsewhere (arm64) the one plain version uses NEON,
// which is baseline there. icelake-server stands for AVX-512 with VPOPCNTDQ (Ice Lake, Zen 4 and
// later).
#pragma once

#if defined(__x86_64__) && defined(__clang__) && defined(__ELF__)
#define MULTIVERSION \
    __attribute__((target_clones("arch=icelake-server", "arch=x86-64-v3", "default")))
#else
#define MULTIVERSION
#endif
