// The gather loop: rows by position out of one array, which nothing that has to look a row up can outrun. Shared by
// the benchmarks and by tools/compare, so that both speak of the same limit.
#ifndef THERMOCLINE_CLIMITS_H
#define THERMOCLINE_CLIMITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Copies the rows at `positions`, one after the other, to `output`. Inline, so that a constant `row_floats` makes
// the copy of a row a few instructions.
static inline __attribute__((always_inline)) void limits_gather(const float *rows, size_t row_floats,
                                                                const uint32_t *positions, size_t count,
                                                                float *output) {
    for (size_t at = 0; at < count; at++)
        memcpy(output + at * row_floats, rows + positions[at] * row_floats, row_floats * sizeof(float));
}

#endif
