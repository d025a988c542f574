// Search by multi-index hashing. What it costs is cache misses: one for each bucket looked into,
// one or more for its entries, and one for each candidate's hash. So probes go through a pipeline
// of groups and everything is fetched ahead: first the directory, then the entries, then the hashes
// of the few entries that pass.
//
// An entry that is kept out by its signature costs no miss. Signatures can rule entries out because
// of the cycle lemma: let chunk j differ in d_j bits and be given t_j, with sum(t_j + 1) = radius +
// 1. As sum(d_j - t_j - 1) < 0, there is a chunk from which on all partial sums around the circle
// are negative: d_j <= t_j, and d_j + d_(j+1) <= t_j + t_(j+1) + 1.
//
// Sources: Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing"
// (2014); Qin, Xiao, "Pigeonring: A Principle for Faster Thresholded Similarity Search" (2018).
#include "CHashKernels.h"
#include "dispatch.h"

#include <string.h>

// GROUP probes are fetched together, DEPTH groups are under way. RING holds what has passed, of
// which LAG are left for their hashes to arrive; STEP entries are tested between looks at it.
enum { GROUP = 16, DEPTH = 6, RING = 256, LAG = 24, STEP = 64 };

// Fewer entries than this are not worth a load of 16, which may touch a line that is not needed.
enum { WORTH_WIDE = 5 };

// The base of a directory block whose bucket ends stand in the overflow table.
#define OVERFLOWN UINT32_MAX

static inline __attribute__((always_inline)) uint64_t window_of(const uint64_t *hash,
                                                                int32_t first) {
    const int32_t word = first >> 6, shift = first & 63;
    const uint64_t low = hash[word] >> shift;
    return shift ? low | hash[(word + 1) & 3] << (64 - shift) : low;
}

static inline __attribute__((always_inline)) uint32_t low_bits(int32_t bits) {
    return (uint32_t)((UINT64_C(1) << bits) - 1);
}

static inline __attribute__((always_inline)) int32_t first_bit(const vigil_multi_index *index,
                                                               int32_t chunk) {
    return chunk * 256 / index->chunks;
}

// Writes the directory of one chunk from the starts of its buckets, of which there is one more.
static void write_directory(const vigil_multi_index *index, const uint32_t *starts,
                            vigil_directory_block *blocks, uint32_t *overflow) {
    const size_t buckets = (size_t)1 << index->key_bits;
    uint16_t overflows = 0;
    for (size_t first = 0; first < buckets; first += VIGIL_DIRECTORY_BUCKETS, blocks++) {
        uint32_t ends[VIGIL_DIRECTORY_BUCKETS];
        for (size_t i = 0; i < VIGIL_DIRECTORY_BUCKETS; i++)
            ends[i] = starts[first + i + 1 < buckets ? first + i + 1 : buckets];
        blocks->base = starts[first];
        if (ends[VIGIL_DIRECTORY_BUCKETS - 1] - blocks->base <= UINT16_MAX) {
            for (size_t i = 0; i < VIGIL_DIRECTORY_BUCKETS; i++)
                blocks->ends[i] = (uint16_t)(ends[i] - blocks->base);
        } else {
            uint32_t *wide = overflow + (size_t)overflows * (VIGIL_DIRECTORY_BUCKETS + 1);
            *wide++ = blocks->base;
            for (size_t i = 0; i < VIGIL_DIRECTORY_BUCKETS; i++) wide[i] = ends[i];
            blocks->base = OVERFLOWN;
            blocks->ends[0] = overflows++;
        }
    }
}

MULTIVERSION
void vigil_multi_index_fill(const vigil_multi_index *index, int32_t chunk, uint32_t *starts,
                            vigil_directory_block *blocks, uint32_t *overflow, uint32_t *entries) {
    const int32_t first = first_bit(index, chunk), key_bits = index->key_bits;
    const uint32_t key_mask = low_bits(key_bits), signature_mask = low_bits(index->signature_bits);
    const size_t buckets = (size_t)1 << key_bits;
    memset(starts, 0, (buckets + 1) * sizeof *starts);
    for (size_t i = 0; i < index->count; i++)
        starts[window_of(index->hashes + i * 4, first) & key_mask]++;
    uint32_t end = 0;
    for (size_t b = 0; b <= buckets; b++) starts[b] = end += starts[b];
    // Filled from the back, so that the ends become the starts.
    for (size_t i = index->count; i-- > 0;) {
        const uint64_t window = window_of(index->hashes + i * 4, first);
        const uint32_t signature = (uint32_t)(window >> key_bits) & signature_mask;
        entries[--starts[window & key_mask]] =
            (uint32_t)i | (uint32_t)((uint64_t)signature << index->id_bits);
    }
    write_directory(index, starts, blocks, overflow);
}

typedef struct {
    const vigil_directory_block *block;
    const uint32_t *entries;
    uint32_t want; // the query's signature, where an entry has its own
    uint32_t count;
    uint8_t slot; // in the block
    uint8_t chunk;
    int8_t near; // bits that the rest of the chunk may differ in
    int8_t both; // bits that the signature may differ in
} probe;

typedef struct {
    const vigil_multi_index *index;
    const uint64_t *query;
    const int32_t *radii;
    uint32_t radius;
    vigil_hit *hits;
    size_t capacity, found;
    int32_t chunk; // of the next probe
    uint32_t flip; // of the next probe
    uint32_t head, tail; // of the ring
    uint32_t ids[RING];
    uint8_t chunks[RING];
    probe probes[DEPTH][GROUP];
} search;

static inline __attribute__((always_inline)) int32_t bound_of_two(const search *s, int32_t chunk) {
    const int32_t next = chunk + 1 == s->index->chunks ? 0 : chunk + 1;
    return s->radii[chunk] + s->radii[next] + 1;
}

// Whether a chunk's table leads to a hash, whose difference from the query this is.
static inline __attribute__((always_inline)) int passes(const search *s, int32_t chunk,
                                                        const uint64_t *difference) {
    const vigil_multi_index *index = s->index;
    const uint64_t window = window_of(difference, first_bit(index, chunk));
    const int32_t key = __builtin_popcountll(window & low_bits(index->key_bits));
    const uint32_t signature =
        (uint32_t)(window >> index->key_bits) & low_bits(index->signature_bits);
    const int32_t rest = __builtin_popcount(signature & low_bits(index->rest_bits));
    return key + rest <= s->radii[chunk] &&
           key + __builtin_popcount(signature) <= bound_of_two(s, chunk);
}

// Compares the candidates that came first, until `left` are left.
static inline __attribute__((always_inline)) void compare(search *s, uint32_t left) {
    while (s->head - s->tail > left) {
        const uint32_t slot = s->tail++ % RING;
        const uint64_t *h = s->index->hashes + (size_t)s->ids[slot] * 4;
        const uint64_t difference[4] = {h[0] ^ s->query[0], h[1] ^ s->query[1],
                                        h[2] ^ s->query[2], h[3] ^ s->query[3]};
        const uint32_t d = (uint32_t)(__builtin_popcountll(difference[0]) +
                                      __builtin_popcountll(difference[1]) +
                                      __builtin_popcountll(difference[2]) +
                                      __builtin_popcountll(difference[3]));
        if (d > s->radius) continue;
        // Reported by the first chunk that leads to it.
        int32_t chunk = 0;
        while (chunk < s->chunks[slot] && !passes(s, chunk, difference)) chunk++;
        if (chunk < s->chunks[slot]) continue;
        if (s->found < s->capacity) s->hits[s->found] = (vigil_hit){s->ids[slot], d};
        s->found++;
    }
}

// Takes the next group of probes and fetches their directory blocks; returns how many there are.
static inline __attribute__((always_inline)) uint32_t take(search *s, probe *group) {
    const vigil_multi_index *index = s->index;
    uint32_t count = 0;
    for (; s->chunk < index->chunks; s->chunk++, s->flip = 0) {
        const int32_t t = s->radii[s->chunk];
        if (t < 0) continue;
        const uint64_t window = window_of(s->query, first_bit(index, s->chunk));
        const uint32_t key = (uint32_t)window & low_bits(index->key_bits);
        const uint32_t signature =
            (uint32_t)(window >> index->key_bits) & low_bits(index->signature_bits);
        const vigil_directory_block *blocks = index->blocks + (size_t)s->chunk * index->block_pitch;
        const uint32_t *entries = index->entries + (size_t)s->chunk * index->count;
        const int32_t both = bound_of_two(s, s->chunk);
        for (; s->flip < index->flip_ends[t]; s->flip++) {
            if (count == GROUP) return count;
            const uint32_t flip = index->flips[s->flip];
            const int32_t bits = __builtin_popcount(flip);
            probe *p = group + count++;
            p->block = blocks + (key ^ flip) / VIGIL_DIRECTORY_BUCKETS;
            __builtin_prefetch(p->block);
            p->slot = (uint8_t)((key ^ flip) % VIGIL_DIRECTORY_BUCKETS);
            p->entries = entries;
            p->want = (uint32_t)((uint64_t)signature << index->id_bits);
            p->near = (int8_t)(t - bits);
            p->both = (int8_t)(both - bits);
            p->chunk = (uint8_t)s->chunk;
        }
    }
    return count;
}

// Reads the directory for a group and fetches the entries; returns how many there are.
static inline __attribute__((always_inline)) size_t resolve(const search *s, probe *group,
                                                            uint32_t count) {
    size_t entries = 0;
    for (uint32_t i = 0; i < count; i++) {
        probe *p = group + i;
        const vigil_directory_block *block = p->block;
        uint32_t start = block->base + (p->slot ? block->ends[p->slot - 1] : 0);
        uint32_t end = block->base + block->ends[p->slot];
        if (__builtin_expect(block->base == OVERFLOWN, 0)) {
            const uint32_t *wide = s->index->overflow + p->chunk * s->index->overflow_pitch +
                                   (size_t)block->ends[0] * (VIGIL_DIRECTORY_BUCKETS + 1);
            start = wide[p->slot];
            end = wide[p->slot + 1];
        }
        p->count = end - start;
        p->entries += start;
        entries += p->count;
        for (uint32_t k = 0; k < p->count && k < STEP; k += 16) __builtin_prefetch(p->entries + k);
        if (p->count) __builtin_prefetch(p->entries + p->count - 1);
    }
    return entries;
}

// Puts the entry into the ring and keeps it there if it passes.
static inline __attribute__((always_inline)) void filter(search *s, const probe *p, uint32_t start,
                                                         uint32_t end, int with_rest) {
    const int32_t id_bits = s->index->id_bits;
    const uint32_t rest_mask = low_bits(s->index->rest_bits), id_mask = low_bits(id_bits);
    const uint32_t *entries = p->entries;
    uint32_t head = s->head;
    for (uint32_t k = start; k < end; k++) {
        const uint32_t difference = (uint32_t)((uint64_t)(entries[k] ^ p->want) >> id_bits);
        s->ids[head % RING] = entries[k] & id_mask;
        s->chunks[head % RING] = p->chunk;
        uint32_t keep = __builtin_popcount(difference) <= p->both;
        if (with_rest) keep &= __builtin_popcount(difference & rest_mask) <= p->near;
        head += keep;
    }
    s->head = head;
}

#ifdef TARGET_AVX512
// The same, 16 entries at a time.
TARGET_AVX512 static inline void filter_wide(search *s, const probe *p, uint32_t start,
                                             uint32_t end, int with_rest) {
    const __m128i shift = _mm_cvtsi32_si128(s->index->id_bits);
    const __m512i want = _mm512_set1_epi32((int)p->want);
    const __m512i rest_mask = _mm512_set1_epi32((int)low_bits(s->index->rest_bits));
    const uint32_t id_mask = low_bits(s->index->id_bits);
    for (uint32_t k = start; k < end; k += 16) {
        const __mmask16 lanes = end - k < 16 ? (__mmask16)((1u << (end - k)) - 1) : 0xffff;
        const __m512i entries = _mm512_maskz_loadu_epi32(lanes, p->entries + k);
        const __m512i difference = _mm512_srl_epi32(_mm512_xor_si512(entries, want), shift);
        __mmask16 keep = _mm512_mask_cmple_epi32_mask(lanes, _mm512_popcnt_epi32(difference),
                                                      _mm512_set1_epi32(p->both));
        if (with_rest)
            keep = _mm512_mask_cmple_epi32_mask(
                keep, _mm512_popcnt_epi32(_mm512_and_si512(difference, rest_mask)),
                _mm512_set1_epi32(p->near));
        for (uint32_t bits = keep; bits; bits &= bits - 1) {
            s->ids[s->head % RING] = p->entries[k + (uint32_t)__builtin_ctz(bits)] & id_mask;
            s->chunks[s->head++ % RING] = p->chunk;
        }
    }
}
#endif

static inline __attribute__((always_inline)) void filter_group(search *s, const probe *group,
                                                               uint32_t count, int wide,
                                                               int with_rest) {
    for (uint32_t i = 0; i < count; i++) {
        const probe *p = group + i;
        for (uint32_t start = 0; start < p->count; start += STEP) {
            const uint32_t end = p->count - start < STEP ? p->count : start + STEP;
            if (s->head - s->tail > RING - STEP) compare(s, LAG);
            const uint32_t old = s->head;
#ifdef TARGET_AVX512
            if (wide && end - start >= WORTH_WIDE)
                filter_wide(s, p, start, end, with_rest);
            else
#endif
                filter(s, p, start, end, with_rest);
            for (uint32_t k = old; k != s->head; k++)
                __builtin_prefetch(s->index->hashes + (size_t)s->ids[k % RING] * 4);
        }
    }
}

// The pipeline: a group is tested while the next one's entries and the directory for those after
// it are on their way.
static inline __attribute__((always_inline)) size_t run(search *s, size_t limit, int wide) {
    size_t entries = 0;
    uint32_t counts[DEPTH] = {0};
    for (uint32_t g = 0; g < DEPTH - 1; g++) counts[g] = take(s, s->probes[g]);
    entries += resolve(s, s->probes[0], counts[0]);
    for (uint32_t g = 0; counts[g % DEPTH] > 0; g++) {
        const uint32_t last = (g + DEPTH - 1) % DEPTH, next = (g + 1) % DEPTH;
        counts[last] = take(s, s->probes[last]);
        entries += resolve(s, s->probes[next], counts[next]);
        if (entries > limit) return VIGIL_TOO_MANY;
        if (s->index->rest_bits)
            filter_group(s, s->probes[g % DEPTH], counts[g % DEPTH], wide, 1);
        else
            filter_group(s, s->probes[g % DEPTH], counts[g % DEPTH], wide, 0);
        compare(s, LAG);
    }
    compare(s, 0);
    return s->found;
}

#ifdef TARGET_AVX512
TARGET_AVX512 static size_t run_wide(search *s, size_t limit) {
    return run(s, limit, 1);
}
#endif

MULTIVERSION static size_t run_plain(search *s, size_t limit) { return run(s, limit, 0); }

size_t vigil_multi_index_search(const vigil_multi_index *index, const uint64_t *query,
                                const int32_t *radii, uint32_t radius, size_t limit,
                                vigil_hit *hits, size_t capacity) {
    search s; // not cleared: only its rings' used parts are read
    s.index = index;
    s.query = query;
    s.radii = radii;
    s.radius = radius;
    s.hits = hits;
    s.capacity = capacity;
    s.found = 0;
    s.chunk = 0;
    s.flip = s.head = s.tail = 0;
#ifdef TARGET_AVX512
    if (has_avx512()) return run_wide(&s, limit);
#endif
    return run_plain(&s, limit);
}
