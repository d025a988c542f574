// Exhaustive search of 256-bit hashes within a Hamming radius. Distances of 64 hashes are computed
// without a branch, then looked at together: at the radii in use almost every block holds no hit.
#include "CHashKernels.h"
#include "dispatch.h"

enum { BLOCK = 64 };

static inline __attribute__((always_inline)) uint32_t distance(const uint64_t *a, const uint64_t *b) {
    return (uint32_t)(__builtin_popcountll(a[0] ^ b[0]) + __builtin_popcountll(a[1] ^ b[1]) +
                      __builtin_popcountll(a[2] ^ b[2]) + __builtin_popcountll(a[3] ^ b[3]));
}

MULTIVERSION
size_t vigil_hamming_scan(const uint64_t *hashes, size_t first, size_t count, const uint64_t *query,
                          uint32_t radius, uint32_t *indexes, uint16_t *distances, size_t capacity,
                          size_t *next) {
    size_t written = 0;
    const uint64_t q[4] = {query[0], query[1], query[2], query[3]};
    for (size_t base = first; base < count; base += BLOCK) {
        const size_t length = count - base < BLOCK ? count - base : BLOCK;
        uint32_t block[BLOCK];
        uint32_t best = UINT32_MAX;
        for (size_t i = 0; i < length; i++) {
            block[i] = distance(hashes + (base + i) * 4, q);
            best = block[i] < best ? block[i] : best;
        }
        if (best > radius) continue;
        for (size_t i = 0; i < length; i++) {
            if (block[i] > radius) continue;
            if (written == capacity) {
                *next = base + i;
                return written;
            }
            indexes[written] = (uint32_t)(base + i);
            distances[written] = (uint16_t)block[i];
            written++;
        }
    }
    *next = count;
    return written;
}

const char *vigil_kernel_level(void) {
#if defined(__x86_64__) && defined(__clang__)
    if (__builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return "AVX-512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "AVX2";
    return "SSE2";
#elif defined(__aarch64__)
    return "NEON";
#else
    return "scalar";
#endif
}
