// Search by multi-index hashing. What it costs is cache misses: one for each bucket looked into and
// one for each candidate. So buckets are probed in groups and everything is fetched ahead, first
// the groups' offsets, then their ids, then the candidates' hashes.
//
// Source: Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing"
// (2014).
#include "CHashKernels.h"
#include "dispatch.h"

enum { GROUP = 64, WINDOW = 64 };

uint32_t vigil_chunk(const uint64_t *hash, int32_t first, int32_t bits) {
    const int32_t word = first >> 6, shift = first & 63;
    uint64_t value = hash[word] >> shift;
    if (shift + bits > 64) value |= hash[word + 1] << (64 - shift);
    return (uint32_t)(value & ((UINT64_C(1) << bits) - 1));
}

typedef struct {
    const uint64_t *hashes;
    const uint64_t *query;
    uint32_t radius;
    uint32_t *ids;
    uint16_t *distances;
    size_t capacity;
    size_t found;
    uint32_t window[WINDOW];
    size_t waiting;
} search;

static inline __attribute__((always_inline)) void compare_waiting(search *s) {
    for (size_t i = 0; i < s->waiting; i++) {
        const uint64_t *h = s->hashes + (size_t)s->window[i] * 4;
        const uint32_t d = (uint32_t)(__builtin_popcountll(h[0] ^ s->query[0]) +
                                      __builtin_popcountll(h[1] ^ s->query[1]) +
                                      __builtin_popcountll(h[2] ^ s->query[2]) +
                                      __builtin_popcountll(h[3] ^ s->query[3]));
        if (d > s->radius) continue;
        if (s->found < s->capacity) {
            s->ids[s->found] = s->window[i];
            s->distances[s->found] = (uint16_t)d;
        }
        s->found++;
    }
    s->waiting = 0;
}

MULTIVERSION
size_t vigil_multi_index_search(const vigil_multi_index *index, const uint64_t *query,
                                const int32_t *probes, uint32_t radius, uint32_t *ids,
                                uint16_t *distances, size_t capacity) {
    search s = {index->hashes, query, radius, ids, distances, capacity, 0, {0}, 0};
    for (int32_t c = 0; c < index->chunks; c++) {
        const uint32_t value = vigil_chunk(query, index->first_bit[c], index->bits[c]);
        const uint32_t *offsets = index->offsets[c];
        const uint32_t *bucket_ids = index->ids[c];
        const uint32_t *flips = index->flips[c];
        for (int32_t p = 0; p < probes[c]; p += GROUP) {
            const int32_t count = probes[c] - p < GROUP ? probes[c] - p : GROUP;
            uint32_t first[GROUP], end[GROUP];
            for (int32_t i = 0; i < count; i++)
                __builtin_prefetch(offsets + (value ^ flips[p + i]));
            for (int32_t i = 0; i < count; i++) {
                first[i] = offsets[value ^ flips[p + i]];
                end[i] = offsets[(value ^ flips[p + i]) + 1];
                if (first[i] < end[i]) __builtin_prefetch(bucket_ids + first[i]);
            }
            for (int32_t i = 0; i < count; i++) {
                for (uint32_t k = first[i]; k < end[i]; k++) {
                    const uint32_t id = bucket_ids[k];
                    __builtin_prefetch(index->hashes + (size_t)id * 4);
                    s.window[s.waiting++] = id;
                    if (s.waiting == WINDOW) compare_waiting(&s);
                }
            }
        }
    }
    compare_waiting(&s);
    return s.found;
}
