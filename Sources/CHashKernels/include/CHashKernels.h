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

// Finds, among hashes[first ..< count] (4 words each), those within `radius` bits of `query`.
// Writes index and distance of at most `capacity` of them and returns how many were written.
// *next is where to go on: `count` when all were looked at.
size_t vigil_hamming_scan(const uint64_t *hashes, size_t first, size_t count, const uint64_t *query,
                          uint32_t radius, uint32_t *indexes, uint16_t *distances, size_t capacity,
                          size_t *next);

// Multi-index hashing: every hash stands, for each chunk of its bits, in the bucket of that chunk's
// value. The ids of a bucket v of chunk c are ids[c][offsets[c][v]] … ids[c][offsets[c][v + 1] -
// 1].
typedef struct {
    const uint64_t *hashes; // 4 words each
    int32_t chunks;
    const int32_t *first_bit;
    const int32_t *bits; // at most 26
    const uint32_t *const *offsets;
    const uint32_t *const *ids;
    // For each chunk, the values to flip its bits by: all of few bits, the fewest first.
    const uint32_t *const *flips;
} vigil_multi_index;

// Finds hashes within `radius` bits of `query` among those in the buckets that flips[c][0 …
// probes[c]-1] lead to. Writes at most `capacity` of them, in no order, some several times; returns
// how many there are.
size_t vigil_multi_index_search(const vigil_multi_index *index, const uint64_t *query,
                                const int32_t *probes, uint32_t radius, uint32_t *ids,
                                uint16_t *distances, size_t capacity);

// The value of `bits` bits of a hash from `first` on; bits is 1…26.
uint32_t vigil_chunk(const uint64_t *hash, int32_t first, int32_t bits);

// Name of the instruction set that the dispatch picks on this processor, for `vigil doctor`.
const char *vigil_kernel_level(void);

#ifdef __cplusplus
}
#endif
