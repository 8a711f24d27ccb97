// Sixteen numbers at a time. clang turns each operation on these types into the vector instructions of the function's
// target (four SSE2 or NEON registers, two of AVX2, one of AVX-512), so a loop is written once and rounds alike on all.
//
// This file and its siblings are compiled once per instruction set, by the level_*.c files.
#ifndef THERMOCLINE_LANES_H
#define THERMOCLINE_LANES_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Vectors wider than the target's registers have no stable calling convention. None is ever passed: every function
// that takes or returns one is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#define LANES 16

typedef float floats __attribute__((ext_vector_type(LANES)));
typedef double doubles __attribute__((ext_vector_type(LANES)));
typedef int32_t ints __attribute__((ext_vector_type(LANES)));
typedef uint32_t words __attribute__((ext_vector_type(LANES)));
typedef uint16_t halves __attribute__((ext_vector_type(LANES)));
typedef int16_t shorts __attribute__((ext_vector_type(LANES)));
typedef int8_t bytes __attribute__((ext_vector_type(LANES)));

// Runs the block over a row: `at` is its first element, `lanes` how many it holds, LANES for all but the last. The last
// block is the same code on vectors whose unused lanes are zero, which is why a tail cannot round differently.
#define FOR_EACH_BLOCK(count, ...)                                                                                     \
    do {                                                                                                               \
        size_t at = 0;                                                                                                 \
        for (; at + LANES <= (count); at += LANES) {                                                                   \
            const size_t lanes = LANES;                                                                                \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
        if (at < (count)) {                                                                                            \
            const size_t lanes = (count) % LANES;                                                                      \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    } while (0)

// Copies `lanes` elements in pieces of fixed size, which become plain moves where memcpy would be a call.
INLINE void copy_lanes(void *to, const void *from, size_t lanes, size_t element) {
    if (lanes == LANES) {
        memcpy(to, from, LANES * element);
        return;
    }
    char *target = to;
    const char *source = from;
    for (size_t piece = LANES / 2; piece > 0; piece /= 2) {
        if (lanes & piece) {
            memcpy(target, source, piece * element);
            target += piece * element;
            source += piece * element;
        }
    }
}

#define DEFINE_LOAD_AND_STORE(vector, element)                                                                         \
    INLINE vector load_##vector(const element *from, size_t lanes) {                                                   \
        vector loaded = 0;                                                                                             \
        copy_lanes(&loaded, from, lanes, sizeof(element));                                                             \
        return loaded;                                                                                                 \
    }                                                                                                                  \
    INLINE void store_##vector(element *to, vector stored, size_t lanes) {                                             \
        copy_lanes(to, &stored, lanes, sizeof(element));                                                               \
    }

DEFINE_LOAD_AND_STORE(floats, float)
DEFINE_LOAD_AND_STORE(halves, uint16_t)
DEFINE_LOAD_AND_STORE(shorts, int16_t)
DEFINE_LOAD_AND_STORE(bytes, int8_t)

INLINE words bits_of(floats values) { return (words)values; }

INLINE floats magnitude(floats values) { return (floats)(bits_of(values) & 0x7fffffffu); }

// The instruction alone; sqrt and sqrtf also set errno.
#define square_root(values) __builtin_elementwise_sqrt(values)

// The nearest whole number, ties to even, of values below 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
// (SSE2 has no rounding instruction.)
INLINE floats nearest_whole(floats values) { return values + 0x1.8p23f - 0x1.8p23f; }

// The largest whole number that is not above the value; |value| < 2^22.
INLINE floats whole_below(floats values) {
    floats nearest = nearest_whole(values);
    return nearest > values ? nearest - 1.0f : nearest;
}

// The sum of the lanes, halves onto halves: 16, 8, 4, 2, 1. The order is part of the interface.
INLINE float sum_of_lanes(floats lanes) {
    typedef float half __attribute__((ext_vector_type(8)));
    typedef float quarter __attribute__((ext_vector_type(4)));
    half eight = lanes.lo + lanes.hi;
    quarter four = eight.lo + eight.hi;
    return (four.x + four.z) + (four.y + four.w);
}

#endif
