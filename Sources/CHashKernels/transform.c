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

// By rank: for each value, how many are smaller and how many are equal. 65,536 comparisons without
// a branch are quicker than a selection that mispredicts, and the time does not depend on the
// picture.
MULTIVERSION
float vigil_median_256(const float *values) {
    for (int i = 0; i < 256; i++) {
        const float v = values[i];
        int smaller = 0, equal = 0;
        for (int j = 0; j < 256; j++) {
            smaller += values[j] < v;
            equal += values[j] == v;
        }
        if (smaller <= 127 && smaller + equal > 127) return v;
    }
    return 0; // only where every value is NaN
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
