// The reference's two passes of a box blur and its decimation to 64x64, as one separable linear
// operator (weights are computed in Swift, once per geometry). The vertical pass comes first: it
// reads each luma row once, in place, 64 columns at a time in registers, and leaves one row of
// `width` floats, which the horizontal pass turns into 64 samples while it is still in the
// first-level cache.
#include "CHashKernels.h"
#include "dispatch.h"

#include <string.h>

typedef float f32x16 __attribute__((vector_size(64)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));

enum { LANES = 16, BLOCK = 4 * LANES };

// Macros, not functions: a vector returned from a function would fix its ABI to one instruction
// set.
#define LOAD_F32(p) ({ f32x16 v_; memcpy(&v_, (p), sizeof v_); v_; })
#define LOAD_U8(p) ({ u8x16 v_; memcpy(&v_, (p), sizeof v_); __builtin_convertvector(v_, f32x16); })

// 64 dot products of a row with the runs of one axis. The row has pitch zeros behind its end.
static inline __attribute__((always_inline)) void horizontal_pass(const float *row, vigil_axis axis,
                                                                   float *out) {
    for (int o = 0; o < 64; o++) {
        const float *weights = axis.weights + (size_t)o * axis.pitch;
        const float *samples = row + axis.start[o];
        f32x16 sum = {0};
        for (int k = 0; k < axis.count[o]; k += LANES) {
            sum += LOAD_F32(weights + k) * LOAD_F32(samples + k);
        }
        // By halves: added up one by one, the lanes would take longer than the products.
        const f32x8 eight = __builtin_shufflevector(sum, sum, 0, 1, 2, 3, 4, 5, 6, 7) +
                            __builtin_shufflevector(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15);
        const f32x4 four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) +
                           __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
        out[o] = (four[0] + four[2]) + (four[1] + four[3]);
    }
}

#define VERTICAL_PASS(LOAD)                                                                        \
    for (int o = 0; o < 64; o++) {                                                                 \
        const float *weights = vertical.weights + (size_t)o * vertical.pitch;                      \
        const int rows = vertical.count[o];                                                        \
        int done = 0;                                                                              \
        while (width >= BLOCK && done < width) {                                                   \
            /* The last block ends with the row: some of its columns are computed twice. */        \
            const int x = done + BLOCK <= width ? done : width - BLOCK;                            \
            f32x16 a = {0}, b = {0}, c = {0}, d = {0};                                             \
            for (int r = 0; r < rows; r++) {                                                       \
                __typeof__(luma) p = luma + (vertical.start[o] + r) * stride + x;                  \
                const float w = weights[r];                                                        \
                a += w * LOAD(p);                                                                  \
                b += w * LOAD(p + LANES);                                                          \
                c += w * LOAD(p + 2 * LANES);                                                      \
                d += w * LOAD(p + 3 * LANES);                                                      \
            }                                                                                      \
            memcpy(row + x, &a, sizeof a);                                                         \
            memcpy(row + x + LANES, &b, sizeof b);                                                 \
            memcpy(row + x + 2 * LANES, &c, sizeof c);                                             \
            memcpy(row + x + 3 * LANES, &d, sizeof d);                                             \
            done = x + BLOCK;                                                                      \
        }                                                                                          \
        for (; done < width; done++) {                                                             \
            float sum = 0;                                                                         \
            for (int r = 0; r < rows; r++)                                                         \
                sum += weights[r] * (float)luma[(vertical.start[o] + r) * stride + done];          \
            row[done] = sum;                                                                       \
        }                                                                                          \
        horizontal_pass(row, horizontal, out + o * 64);                                            \
    }

MULTIVERSION
void vigil_downsample_u8(const uint8_t *luma, ptrdiff_t stride, int32_t width, vigil_axis vertical,
                         vigil_axis horizontal, float *row, float *out) {
    memset(row + width, 0, sizeof(float) * (size_t)horizontal.pitch);
    VERTICAL_PASS(LOAD_U8)
}

MULTIVERSION
void vigil_downsample_f32(const float *luma, ptrdiff_t stride, int32_t width, vigil_axis vertical,
                          vigil_axis horizontal, float *row, float *out) {
    memset(row + width, 0, sizeof(float) * (size_t)horizontal.pitch);
    VERTICAL_PASS(LOAD_F32)
}

MULTIVERSION
void vigil_luma_from_rgb24(const uint8_t *rgb, size_t pixels, float *luma) {
    for (size_t i = 0; i < pixels; i++) {
        luma[i] = 0.299f * (float)rgb[3 * i] + 0.587f * (float)rgb[3 * i + 1] +
                  0.114f * (float)rgb[3 * i + 2];
    }
}
