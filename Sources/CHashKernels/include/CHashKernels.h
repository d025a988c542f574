// Kernels of the perceptual hash and of the search for it: pure functions over caller-owned memory,
// no state, no allocation. Each is compiled for several x86-64 levels and picked at load time (see
// dispatch.h), and each has a scalar Swift twin that the tests compare it with.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The non-zero weights of one axis of the down-sampling operator: 64 runs, one an output sample.
// Run o covers input samples start[o] … start[o] + count[o] - 1 and its weights stand at
// weights[o * pitch …]; the rest of a run up to `pitch` is zero. pitch is a multiple of 16.
typedef struct {
    const int32_t *start;
    const int32_t *count;
    const float *weights;
    int32_t pitch;
} vigil_axis;

// Down-samples a picture to 64x64: out = vertical · luma · horizontalᵀ, row-major.
// `row` is scratch for width + pitch(horizontal) floats, 64-byte aligned or not.
void vigil_downsample_u8(const uint8_t *luma, ptrdiff_t stride, int32_t width, vigil_axis vertical,
                         vigil_axis horizontal, float *row, float *out);

// The same from float luma; stride counts floats.
void vigil_downsample_f32(const float *luma, ptrdiff_t stride, int32_t width, vigil_axis vertical,
                          vigil_axis horizontal, float *row, float *out);

// Float luma of packed 8-bit RGB as the PDQ reference weighs it: 0.299 R + 0.587 G + 0.114 B.
void vigil_luma_from_rgb24(const uint8_t *rgb, size_t pixels, float *luma);

// The 16x16 low-frequency DCT-II coefficients (without the first row and column) of a 64x64
// picture. `matrix` is the 16x64 DCT matrix, row-major; out is row-major.
void vigil_dct_64_to_16(const float *matrix, const float *picture, float *out);

// The 128th smallest of 256 values: PDQ's median, the lower one.
float vigil_median_256(const float *values);

// Sum over all neighbours in a 64x64 picture of |trunc(difference * 100 * scale / 255)|.
int32_t vigil_gradient_sum(const float *picture, float scale);

// A hash of a block that a query found: which query, which hash, and its distance.
typedef struct {
    uint32_t query;
    uint32_t id;
    uint32_t distance;
} vigil_scan_hit;

// Finds, among at most VIGIL_SCAN_BLOCK hashes (4 words each), those within `radius` bits of each
// query, in the order of queries and of hashes; with `complements` also those within `radius` of the
// query's complement, whose distance is 256 - radius or more. Writes at most `capacity` and returns
// how many there are.
enum { VIGIL_SCAN_BLOCK = 256 };
size_t vigil_hamming_scan(const uint64_t *hashes, size_t count, const uint64_t *queries,
                          size_t query_count, uint32_t radius, int complements,
                          vigil_scan_hit *hits, size_t capacity);

// A hash found: which, and its distance.
typedef struct {
    uint32_t id;
    uint32_t distance;
} vigil_hit;

// Where the buckets of some neighbouring keys end, counted from base: one cache line.
enum { VIGIL_DIRECTORY_BUCKETS = 30 };
typedef struct {
    uint32_t base;
    uint16_t ends[VIGIL_DIRECTORY_BUCKETS];
} vigil_directory_block;

// Multi-index hashing. Chunk c of a hash is its bits from c * 256 / chunks on, taken as a circle:
// first a key of key_bits, then a signature of signature_bits, the first rest_bits of which belong
// to the chunk as well and the others to the next one. Each chunk has a table, in which every hash
// stands in the bucket of its key as an entry: its number in the low id_bits, its signature above.
typedef struct {
    const uint64_t *hashes; // 4 words each
    size_t count;           // less than 2^32 - 1
    int32_t chunks;         // 2…64
    int32_t key_bits;       // at most 26
    int32_t id_bits;        // at most 32
    int32_t signature_bits; // at most 32 - id_bits; with the key at most two chunks
    int32_t rest_bits;
    // The tables of the chunks, block_pitch, overflow_pitch and count apart.
    size_t block_pitch;    // 2^key_bits / VIGIL_DIRECTORY_BUCKETS, rounded up
    size_t overflow_pitch; // (count >> 16) * (VIGIL_DIRECTORY_BUCKETS + 1)
    const vigil_directory_block *blocks;
    // Starts of the buckets of those blocks that hold too many entries for 16 bits, and their end.
    const uint32_t *overflow;
    const uint32_t *entries;
    // What to flip a key by: all values of few bits, the fewest first; flip_ends[k] of at most k.
    const uint32_t *flips;
    const uint32_t *flip_ends;
} vigil_multi_index;

// Fills the table of one chunk. `starts` is scratch for 2^key_bits + 1.
void vigil_multi_index_fill(const vigil_multi_index *index, int32_t chunk, uint32_t *starts,
                            vigil_directory_block *blocks, uint32_t *overflow, uint32_t *entries);

// Finds all hashes within `radius` bits of `query`, each once, in no order. radii[c] is how many
// bits chunk c may differ in, at least -1; they add up to radius + 1 - chunks. Writes at most
// `capacity` and returns how many there are, or VIGIL_TOO_MANY as soon as more than `limit` entries
// would have to be looked at.
#define VIGIL_TOO_MANY SIZE_MAX
size_t vigil_multi_index_search(const vigil_multi_index *index, const uint64_t *query,
                                const int32_t *radii, uint32_t radius, size_t limit,
                                vigil_hit *hits, size_t capacity);

// A small copy: each sample the mean of factor x factor samples, halves rounded up. width and height
// are the copy's; factor is a power of two, at most 128.
void vigil_reduce_u8(const uint8_t *luma, ptrdiff_t stride, int32_t factor, int32_t width,
                     int32_t height, uint8_t *out);

// A picture turned about its middle and drawn side x side, from the four samples about each place;
// what is turned in from outside is mirrored.
void vigil_turn_u8(const uint8_t *luma, ptrdiff_t stride, int32_t width, int32_t height, float sine,
                   float cosine, int32_t side, float *out);

// How many samples of a row, or of each column, differ from a level by more than a tolerance; of at
// most 65535 rows.
int32_t vigil_row_outliers(const uint8_t *row, int32_t width, int32_t level, int32_t tolerance);
void vigil_column_outliers(const uint8_t *luma, ptrdiff_t stride, int32_t width, int32_t height,
                           int32_t level, int32_t tolerance, uint16_t *counts);

// Marks with 1 where the picture (rows without a gap) has an edge between a sample and the one to
// the left of it (upright) or above it (level): a local maximum of the difference, at least
// threshold. The two outermost samples of every side have none.
void vigil_edges(const uint8_t *luma, int32_t width, int32_t height, int32_t threshold,
                 uint8_t *upright, uint8_t *level);

// How lively a picture is about each sample: the sum of the two differences of its neighbours across,
// at most 255; 0 in the outermost.
void vigil_activity(const uint8_t *luma, int32_t width, int32_t height, uint8_t *out);

// Steps of a map: by how much the mean of 2 x 5 samples on one side of the line left of each sample
// (upright) or above it (level) differs from that on the other; 0 in the two outermost.
void vigil_steps(const uint8_t *map, int32_t width, int32_t height, uint8_t *upright,
                 uint8_t *level);

// Marks with 1 the steps of at least threshold that none of the two to either side, `apart` samples
// away each, exceeds.
void vigil_ridges(const uint8_t *steps, size_t count, size_t apart, int32_t threshold,
                  uint8_t *marks);

// Moves each value of a map share/256 of the way to 255 where marked, and to 0 elsewhere.
void vigil_age(uint8_t *map, const uint8_t *marks, size_t count, int32_t share);

// Marks with 1 the samples that differ by more than threshold.
void vigil_changes(const uint8_t *now, const uint8_t *before, size_t count, int32_t threshold,
                   uint8_t *marks);

// Sums of each row and of each column.
void vigil_profiles(const uint8_t *map, ptrdiff_t stride, int32_t width, int32_t height,
                    uint32_t *rows, uint32_t *columns);

// Name of the instruction set that the dispatch picks on this processor, for `vigil doctor`.
const char *vigil_kernel_level(void);

#ifdef __cplusplus
}
#endif
