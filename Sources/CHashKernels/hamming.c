// Exhaustive search of 256-bit hashes within a Hamming radius, many queries at a time: a block of
// hashes is laid out word by word in the first-level cache and every query goes over it there, so
// that memory is read once for all of them.
//
// Distances of a block are computed without a branch, then looked at together. The distance in some
// of the words is a lower bound of the whole: at the radii in use it is beyond the radius for almost
// every block, and the other words need not be looked at; where it is not, groups of 64 are.
#include "CHashKernels.h"
#include "dispatch.h"

enum { GROUP = 64 };

// One word of each hash after the other. A line of padding, so that the four words of a hash don't
// fall on the same cache set.
typedef struct {
    uint64_t words[4][VIGIL_SCAN_BLOCK + 8] __attribute__((aligned(64)));
} planes;

// Whether some distance of `length` hashes from `base` on may be within the radius, or that of the
// complement, by the first `words` words; all distances go to `distances`.
static inline __attribute__((always_inline)) int some_are_near(const planes *p, size_t base,
                                                               size_t length, const uint64_t *query,
                                                               int words, uint32_t radius,
                                                               int complements,
                                                               uint64_t *distances) {
    uint64_t best = UINT64_MAX, worst = 0;
    for (size_t i = 0; i < length; i++) {
        uint64_t d = 0;
        for (int w = 0; w < words; w++)
            d += (uint64_t)__builtin_popcountll(p->words[w][base + i] ^ query[w]);
        if (distances) distances[i] = d;
        best = d < best ? d : best;
        if (complements) worst = d > worst ? d : worst;
    }
    return best <= radius || (complements && worst + radius >= 64 * (uint64_t)words);
}

typedef struct {
    vigil_scan_hit *hits;
    size_t capacity, found;
} output;

static inline __attribute__((always_inline)) void scan_block(const planes *p, size_t count,
                                                             const uint64_t *query, uint32_t number,
                                                             uint32_t radius, int words,
                                                             int complements, output *out) {
    const uint64_t q[4] = {query[0], query[1], query[2], query[3]};
    // To gather what a few lanes found takes longer than to fill them, so all of the block first.
    if (words < 4 && !some_are_near(p, 0, VIGIL_SCAN_BLOCK, q, words, radius, complements, 0))
        return;
    for (size_t base = 0; base < count; base += GROUP) {
        uint64_t distances[GROUP];
        if (!some_are_near(p, base, GROUP, q, 4, radius, complements, distances)) continue;
        const size_t length = count - base < GROUP ? count - base : GROUP;
        for (size_t i = 0; i < length; i++) {
            if (distances[i] > radius && !(complements && distances[i] + radius >= 256)) continue;
            if (out->found < out->capacity)
                out->hits[out->found] =
                    (vigil_scan_hit){number, (uint32_t)(base + i), (uint32_t)distances[i]};
            out->found++;
        }
    }
}

MULTIVERSION_POPCOUNT
size_t vigil_hamming_scan(const uint64_t *hashes, size_t count, const uint64_t *queries,
                          size_t query_count, uint32_t radius, int complements,
                          vigil_scan_hit *hits, size_t capacity) {
    planes p;
    for (size_t i = 0; i < count; i++)
        for (int w = 0; w < 4; w++) p.words[w][i] = hashes[i * 4 + (size_t)w];
    // What stands behind the last is near to a query only if the first is.
    for (size_t i = count; i < VIGIL_SCAN_BLOCK; i++)
        for (int w = 0; w < 4; w++) p.words[w][i] = p.words[w][0];
    output out = {hits, capacity, 0};
    for (size_t q = 0; q < query_count; q++) {
        const uint64_t *query = queries + q * 4;
        const uint32_t number = (uint32_t)q;
        // Half of 128 bits differ by chance, with a standard deviation of 5.7; of 192, with 6.9.
        const int words = radius <= 40 ? 2 : radius <= 72 ? 3 : 4;
        // Written out, so that there is a loop for each.
        if (words == 2 && !complements)
            scan_block(&p, count, query, number, radius, 2, 0, &out);
        else if (words == 2)
            scan_block(&p, count, query, number, radius, 2, 1, &out);
        else if (words == 3 && !complements)
            scan_block(&p, count, query, number, radius, 3, 0, &out);
        else if (words == 3)
            scan_block(&p, count, query, number, radius, 3, 1, &out);
        else
            scan_block(&p, count, query, number, radius, 4, complements, &out);
    }
    return out.found;
}

const char *vigil_kernel_level(void) {
#if defined(__x86_64__) && defined(__clang__)
    if (has_avx512()) return "AVX-512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "AVX2";
    return "SSE2";
#elif defined(__aarch64__)
    return "NEON";
#else
    return "scalar";
#endif
}
