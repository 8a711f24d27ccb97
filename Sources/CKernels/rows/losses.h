// What rounding a row to fewer bits has cost.
#include "lanes.h"

INLINE size_t sum_of_counts(ints counts) { return (size_t)__builtin_reduce_add(counts); }

// Lanes count apart; a comparison that holds is -1. Unused lanes of a tail are zero in all three rows: they count nowhere.
static tc_losses count_losses(const float *before, const float *stepped, const float *stored, size_t count,
                              float largest) {
    ints clipped = 0, moved = 0, vanished = 0;
    FOR_EACH_BLOCK(count, {
        floats old = load_floats(before + at, lanes);
        floats wanted = load_floats(stepped + at, lanes);
        floats kept = load_floats(stored + at, lanes);
        ints moves = wanted != old;
        clipped -= ~(magnitude(wanted) <= largest);
        moved -= moves;
        vanished -= moves & (kept == old);
    });
    return (tc_losses){sum_of_counts(clipped), sum_of_counts(moved), sum_of_counts(vanished)};
}
