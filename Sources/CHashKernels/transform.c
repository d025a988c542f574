// From the 64x64 picture to the hash: DCT, median, and the gradient sum that PDQ's quality is made
// of.
#include "CHashKernels.h"
#include "dispatch.h"

#include <string.h>

MULTIVERSION
void vigil_dct_64_to_16(const float *matrix, const float *picture, float *out) {
    float half[16][64];
    for (int i = 0; i < 16; i++) {
        float sums[64] = {0};
        for (int k = 0; k < 64; k++) {
            const float m = matrix[i * 64 + k];
            for (int j = 0; j < 64; j++) sums[j] += m * picture[k * 64 + j];
        }
        memcpy(half[i], sums, sizeof sums);
    }
    // The second product reads the matrix by columns: transposed once, so that the inner loop runs
    // over neighbours.
    float transposed[64][16];
    for (int j = 0; j < 16; j++)
        for (int k = 0; k < 64; k++) transposed[k][j] = matrix[j * 64 + k];
    for (int i = 0; i < 16; i++) {
        float sums[16] = {0};
        for (int k = 0; k < 64; k++) {
            const float h = half[i][k];
            for (int j = 0; j < 16; j++) sums[j] += h * transposed[k][j];
        }
        memcpy(out + i * 16, sums, sizeof sums);
    }
}

// The value of rank 127, found bit by bit: numbers that order as the floats do are compared with a
// bound, 32 times over. No branch depends on the picture, so neither does the time.
MULTIVERSION
float vigil_median_256(const float *values) {
    int32_t keys[256];
    for (int i = 0; i < 256; i++) {
        int32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        // Of negative floats the one with the larger magnitude is the smaller.
        keys[i] = bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
    }
    // The largest bound that at most 127 keys are below.
    int64_t bound = INT32_MIN;
    for (int bit = 31; bit >= 0; bit--) {
        const int64_t next = bound + ((int64_t)1 << bit);
        const int32_t limit = (int32_t)next;
        int32_t below = 0;
        for (int i = 0; i < 256; i++) below += keys[i] < limit;
        if (below <= 127) bound = next;
    }
    const int32_t key = (int32_t)bound;
    const int32_t bits = key ^ (int32_t)((uint32_t)(key >> 31) >> 1);
    float median;
    memcpy(&median, &bits, sizeof median);
    return median;
}

MULTIVERSION
int32_t vigil_gradient_sum(const float *picture, float scale) {
    int32_t sum = 0;
    for (int i = 0; i < 63; i++) {
        for (int j = 0; j < 64; j++) {
            const float d = (picture[i * 64 + j] - picture[(i + 1) * 64 + j]) * scale * 100.0f / 255.0f;
            const int32_t whole = (int32_t)d;
            sum += whole < 0 ? -whole : whole;
        }
    }
    for (int i = 0; i < 64; i++) {
        for (int j = 0; j < 63; j++) {
            const float d = (picture[i * 64 + j] - picture[i * 64 + j + 1]) * scale * 100.0f / 255.0f;
            const int32_t whole = (int32_t)d;
            sum += whole < 0 ? -whole : whole;
        }
    }
    return sum;
}
