// Sums, products and the largest of rows, for pooling and for shared rows.
#include "lanes.h"

static void add(float *sum, const float *row, size_t count) {
    FOR_EACH_BLOCK(count, {
        store_floats(sum + at, load_floats(sum + at, lanes) + load_floats(row + at, lanes), lanes);
    });
}

static void add_scaled(float *sum, const float *row, size_t count, float weight) {
    FOR_EACH_BLOCK(count, {
        floats product = weight * load_floats(row + at, lanes);
        store_floats(sum + at, load_floats(sum + at, lanes) + product, lanes);
    });
}

static void scale(float *row, size_t count, float factor) {
    FOR_EACH_BLOCK(count, { store_floats(row + at, load_floats(row + at, lanes) * factor, lanes); });
}

static void max(float *largest, const float *row, size_t count) {
    FOR_EACH_BLOCK(count, {
        floats value = load_floats(row + at, lanes);
        floats before = load_floats(largest + at, lanes);
        store_floats(largest + at, value > before ? value : before, lanes);
    });
}

static void square(float *values, size_t count) {
    FOR_EACH_BLOCK(count, {
        floats value = load_floats(values + at, lanes);
        store_floats(values + at, value * value, lanes);
    });
}

static void square_root_of_each(float *values, size_t count) {
    FOR_EACH_BLOCK(count, { store_floats(values + at, square_root(load_floats(values + at, lanes)), lanes); });
}

static bool all_finite(const float *values, size_t count) {
    ints special = 0;
    FOR_EACH_BLOCK(count, { special |= (bits_of(load_floats(values + at, lanes)) & 0x7f800000u) == 0x7f800000u; });
    return __builtin_reduce_or(special) == 0;
}
