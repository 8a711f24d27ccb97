// What all systems agree on: the id and the numbers of the row at a position, and the optimizer steps of clients
// whose store has none.
#ifndef COMPARE_ROWS_H
#define COMPARE_ROWS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define LEARNING_RATE 0.01f
#define EPSILON 1e-10f

// Steele, Lea and Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
static inline uint64_t mix(uint64_t number) {
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9u;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EBu;
    return number ^ (number >> 31);
}

// Ids are spread over all 64 bits, as hashed features are; the ones that `thermocline bench` uses.
static inline uint64_t id_of(uint64_t position) { return mix(position + 1); }

// Between -0.01 and 0.01, and noise to a compressor.
static inline void fill_row(uint64_t position, float *row, size_t dim) {
    for (size_t at = 0; at < dim; at++) {
        const uint64_t bits = mix(position * 4096 + at + 0x9E3779B97F4A7C15u);
        row[at] = ((float)(bits >> 40) * 0x1p-24f - 0.5f) * 0.02f;
    }
}

typedef enum { NO_STATE, ROWWISE_ADAGRAD, ADAGRAD } optimizer;

static inline size_t state_floats(optimizer rule, size_t dim) {
    return rule == ADAGRAD ? dim : rule == ROWWISE_ADAGRAD ? 1 : 0;
}

// A step in place, on a row with its state behind it.
static inline void step_row(optimizer rule, float *restrict row, const float *restrict gradient, size_t dim) {
    float *restrict state = row + dim;
    if (rule == ADAGRAD) {
        for (size_t at = 0; at < dim; at++) {
            state[at] += gradient[at] * gradient[at];
            row[at] -= LEARNING_RATE * gradient[at] / (sqrtf(state[at]) + EPSILON);
        }
    } else if (rule == ROWWISE_ADAGRAD) {
        float sum = 0;
        for (size_t at = 0; at < dim; at++) sum += gradient[at] * gradient[at];
        state[0] += sum / (float)dim;
        const float rate = LEARNING_RATE / (sqrtf(state[0]) + EPSILON);
        for (size_t at = 0; at < dim; at++) row[at] -= rate * gradient[at];
    }
}

#endif
