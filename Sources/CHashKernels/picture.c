// What is asked of a small copy of a picture: the copy itself, borders of one colour, straight
// edges, and what changed since the picture before.
#include "CHashKernels.h"
#include "dispatch.h"

#include <string.h>

enum { STRIP = 1024 };

// Pairs of neighbours are added up by masks and shifts of the number that the two make together,
// which needs no shuffle and is right in either byte order.
#define ADD_PAIRS(WHOLE, HALF_BITS, MASK, in, index)                                               \
    ({                                                                                             \
        WHOLE pair_;                                                                               \
        memcpy(&pair_, (const char *)(in) + (size_t)(index) * sizeof pair_, sizeof pair_);         \
        (WHOLE)((pair_ & (MASK)) + (pair_ >> (HALF_BITS)));                                        \
    })

// Rounded means of a strip of pictures' rows: `count` values, each of factor x factor samples, from
// the sums of pairs of columns.
static inline __attribute__((always_inline)) void means(const uint16_t *pairs, int32_t count,
                                                        int32_t factor, uint8_t *out) {
    const uint32_t half = (uint32_t)(factor * factor) / 2;
    const int shift = 2 * __builtin_ctz((unsigned)factor);
    if (factor == 2) {
        for (int32_t x = 0; x < count; x++) out[x] = (uint8_t)((pairs[x] + 2u) >> 2);
    } else if (factor == 4) {
        for (int32_t x = 0; x < count; x++)
            out[x] = (uint8_t)((ADD_PAIRS(uint32_t, 16, 0xffffu, pairs, x) + 8) >> 4);
    } else {
        for (int32_t x = 0; x < count; x++) {
            uint32_t sum = 0;
            for (int32_t k = 0; k < factor / 2; k++) sum += pairs[x * (factor / 2) + k];
            out[x] = (uint8_t)((sum + half) >> shift);
        }
    }
}

MULTIVERSION
void vigil_reduce_u8(const uint8_t *luma, ptrdiff_t stride, int32_t factor, int32_t width,
                     int32_t height, uint8_t *out) {
    if (factor == 1) {
        for (int32_t y = 0; y < height; y++)
            memcpy(out + (ptrdiff_t)y * width, luma + y * stride, (size_t)width);
        return;
    }
    // The sum of 2 x 128 samples fits.
    uint16_t pairs[STRIP / 2];
    const int32_t most = STRIP / factor;
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x += most) {
            const int32_t count = width - x < most ? width - x : most;
            const int32_t length = count * factor / 2;
            const uint8_t *first = luma + (ptrdiff_t)y * factor * stride + (ptrdiff_t)x * factor;
            for (int32_t i = 0; i < length; i++) pairs[i] = ADD_PAIRS(uint16_t, 8, 0xff, first, i);
            for (int32_t r = 1; r < factor; r++) {
                const uint8_t *row = first + r * stride;
                for (int32_t i = 0; i < length; i++)
                    pairs[i] += ADD_PAIRS(uint16_t, 8, 0xff, row, i);
            }
            means(pairs, count, factor, out + (ptrdiff_t)y * width + x);
        }
    }
}

MULTIVERSION
int32_t vigil_row_outliers(const uint8_t *row, int32_t width, int32_t level, int32_t tolerance) {
    int32_t count = 0;
    for (int32_t x = 0; x < width; x++) {
        const int32_t d = row[x] - level;
        count += d > tolerance || d < -tolerance;
    }
    return count;
}

MULTIVERSION
void vigil_column_outliers(const uint8_t *luma, ptrdiff_t stride, int32_t width, int32_t height,
                           int32_t level, int32_t tolerance, uint16_t *counts) {
    memset(counts, 0, sizeof *counts * (size_t)width);
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *row = luma + y * stride;
        for (int32_t x = 0; x < width; x++) {
            const int16_t d = (int16_t)(row[x] - level);
            counts[x] += d > tolerance || d < -tolerance;
        }
    }
}

static inline int32_t mirrored(int32_t index, int32_t count) {
    index = index < 0 ? -1 - index : index < count ? index : 2 * count - 1 - index;
    return index < 0 ? 0 : index < count ? index : count - 1;
}

// Places are in 65536ths of a sample, weights in 256ths; 64 bits hold the places of any picture, with
// what a turn adds to its sides.
MULTIVERSION
void vigil_turn_u8(const uint8_t *luma, ptrdiff_t stride, int32_t width, int32_t height, float sine,
                   float cosine, int32_t side, float *out) {
    const float step_x = (float)width / (float)side, step_y = (float)height / (float)side;
    const float middle = ((float)side - 1) / 2, unit = 65536;
    // From one sample of a row to the next.
    const int64_t right = (int64_t)(cosine * step_x * unit), down = (int64_t)(sine * step_x * unit);
    for (int32_t row = 0; row < side; row++) {
        const float x = -middle * step_x, y = ((float)row - middle) * step_y;
        const float from_x = ((float)width - 1) / 2 + cosine * x - sine * y;
        const float from_y = ((float)height - 1) / 2 + sine * x + cosine * y;
        int64_t at_x = (int64_t)(from_x * unit), at_y = (int64_t)(from_y * unit);
        for (int32_t column = 0; column < side; column++, at_x += right, at_y += down) {
            const int32_t left = (int32_t)(at_x >> 16), top = (int32_t)(at_y >> 16);
            const int32_t share_x = (at_x >> 8) & 255, share_y = (at_y >> 8) & 255;
            int32_t x0 = left, x1 = left + 1, y0 = top, y1 = top + 1;
            if ((uint32_t)left >= (uint32_t)width - 1 || (uint32_t)top >= (uint32_t)height - 1) {
                x0 = mirrored(x0, width), x1 = mirrored(x1, width);
                y0 = mirrored(y0, height), y1 = mirrored(y1, height);
            }
            const uint8_t *upper = luma + y0 * stride, *lower = luma + y1 * stride;
            const int32_t above = upper[x0] * (256 - share_x) + upper[x1] * share_x;
            const int32_t below = lower[x0] * (256 - share_x) + lower[x1] * share_x;
            out[row * side + column] =
                (float)(above * (256 - share_y) + below * share_y) / unit;
        }
    }
}

static inline int absolute(int value) { return value < 0 ? -value : value; }

// Marks ridges of the gradient: between the sample and the one before it, left or above.
MULTIVERSION
void vigil_edges(const uint8_t *luma, int32_t width, int32_t height, int32_t threshold,
                 uint8_t *upright, uint8_t *level) {
    memset(upright, 0, (size_t)width * (size_t)height);
    memset(level, 0, (size_t)width * (size_t)height);
    for (int32_t y = 2; y < height - 2; y++) {
        const uint8_t *p = luma + (ptrdiff_t)y * width;
        uint8_t *u = upright + (ptrdiff_t)y * width, *l = level + (ptrdiff_t)y * width;
        for (int32_t x = 2; x < width - 2; x++) {
            const int16_t a = (int16_t)absolute(p[x] - p[x - 1]);
            const int16_t b = (int16_t)absolute(p[x - 1] - p[x - 2]);
            const int16_t c = (int16_t)absolute(p[x + 1] - p[x]);
            u[x] = (uint8_t)((a >= threshold) & (a >= b) & (a >= c));
            const int16_t d = (int16_t)absolute(p[x] - p[x - width]);
            const int16_t e = (int16_t)absolute(p[x - width] - p[x - 2 * width]);
            const int16_t f = (int16_t)absolute(p[x + width] - p[x]);
            l[x] = (uint8_t)((d >= threshold) & (d >= e) & (d >= f));
        }
    }
}

// How lively the picture is about each sample: the differences of its neighbours, 255 at most.
MULTIVERSION
void vigil_activity(const uint8_t *luma, int32_t width, int32_t height, uint8_t *out) {
    memset(out, 0, (size_t)width * (size_t)height);
    for (int32_t y = 1; y < height - 1; y++) {
        const uint8_t *p = luma + (ptrdiff_t)y * width;
        uint8_t *o = out + (ptrdiff_t)y * width;
        for (int32_t x = 1; x < width - 1; x++) {
            const int sum = absolute(p[x + 1] - p[x - 1]) + absolute(p[x + width] - p[x - width]);
            o[x] = (uint8_t)(sum < 255 ? sum : 255);
        }
    }
}

// How far the two samples on one side of each border between samples are from the two on the other,
// smoothed over five samples along the border.
MULTIVERSION
void vigil_steps(const uint8_t *map, int32_t width, int32_t height, uint8_t *upright,
                 uint8_t *level) {
    memset(upright, 0, (size_t)width * (size_t)height);
    memset(level, 0, (size_t)width * (size_t)height);
    for (int32_t y = 2; y < height - 2; y++) {
        const uint8_t *p = map + (ptrdiff_t)y * width;
        uint8_t *u = upright + (ptrdiff_t)y * width, *l = level + (ptrdiff_t)y * width;
        for (int32_t x = 2; x < width - 2; x++) {
            int across = 0, along = 0;
            for (int32_t k = -2; k <= 2; k++) {
                const uint8_t *q = p + k * width + x;
                across += q[0] + q[1] - q[-1] - q[-2];
                const uint8_t *r = p + x + k;
                along += r[0] + r[width] - r[-width] - r[-2 * width];
            }
            u[x] = (uint8_t)(absolute(across) / 10);
            l[x] = (uint8_t)(absolute(along) / 10);
        }
    }
}

// Marks with 1 the local maxima across of at least threshold; `apart` is from one sample to the next.
MULTIVERSION
void vigil_ridges(const uint8_t *steps, size_t count, size_t apart, int32_t threshold,
                  uint8_t *marks) {
    memset(marks, 0, count);
    for (size_t i = 2 * apart; i + 2 * apart < count; i++) {
        const uint8_t v = steps[i];
        marks[i] = (uint8_t)((v >= threshold) & (v >= steps[i - apart]) & (v >= steps[i + apart]) &
                             (v >= steps[i - 2 * apart]) & (v >= steps[i + 2 * apart]));
    }
}

// Moves each value of a map a share of the way, in 256ths, towards 255 where it is marked and
// towards 0 elsewhere.
MULTIVERSION
void vigil_age(uint8_t *map, const uint8_t *marks, size_t count, int32_t share) {
    for (size_t i = 0; i < count; i++) {
        const int32_t target = marks[i] ? 255 : 0;
        map[i] = (uint8_t)((map[i] * (256 - share) + target * share + 128) >> 8);
    }
}

// Marks samples that differ by more than the threshold.
MULTIVERSION
void vigil_changes(const uint8_t *now, const uint8_t *before, size_t count, int32_t threshold,
                   uint8_t *marks) {
    for (size_t i = 0; i < count; i++)
        marks[i] = (uint8_t)(absolute(now[i] - before[i]) > threshold);
}

// Sums of each row and each column.
MULTIVERSION
void vigil_profiles(const uint8_t *map, ptrdiff_t stride, int32_t width, int32_t height,
                    uint32_t *rows, uint32_t *columns) {
    memset(columns, 0, sizeof *columns * (size_t)width);
    for (int32_t y = 0; y < height; y++) {
        const uint8_t *row = map + y * stride;
        uint32_t sum = 0;
        for (int32_t x = 0; x < width; x++) {
            sum += row[x];
            columns[x] += row[x];
        }
        rows[y] = sum;
    }
}
