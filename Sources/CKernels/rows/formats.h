// Number formats: float16, and int16 and int8 with a scale per row.
#include "random.h"

// MARK: float16

// A float's magnitude in units of the last place that float16 has at its size: a number below 2048 and how many steps of
// 1024 of these come before it. Their sum, rounded, is float16's bits; a round up into the next power of two, out of the
// subnormals or into infinity comes out right by itself, because the bits of float16 count its values in order.
typedef struct {
    floats places;
    words base;
} float16_places;

INLINE float16_places places_in_float16(floats size) {
    // 113 is the exponent field of 2^-14, float16's smallest normal number; 264 = 2 * 127 + 10.
    words field = bits_of(size) >> 23;
    field = field < 113 ? 113 : field;
    floats places_per_unit = (floats)((264 - field) << 23);
    return (float16_places){size * places_per_unit, (field - 113) << 10};
}

// The sign, a NaN's upper bits made quiet as the processor does, and otherwise `finite`.
INLINE halves float16_with_sign(floats values, words finite) {
    words bits = bits_of(values);
    words quiet = 0x7e00 | ((bits >> 13) & 0x1ff);
    words unsigned_bits = values == values ? finite : quiet;
    return __builtin_convertvector(unsigned_bits | ((bits >> 16) & 0x8000), halves);
}

INLINE halves float16_nearest(floats values) {
#if TC_HAS_F16C
    typedef float eight_floats __attribute__((ext_vector_type(8)));
    typedef uint16_t eight_halves __attribute__((ext_vector_type(8)));
    eight_floats low = values.lo, high = values.hi;
    halves encoded;
    encoded.lo = (eight_halves)_mm256_cvtps_ph((__m256)low, _MM_FROUND_TO_NEAREST_INT);
    encoded.hi = (eight_halves)_mm256_cvtps_ph((__m256)high, _MM_FROUND_TO_NEAREST_INT);
    return encoded;
#else
    floats size = magnitude(values);
    size = size < 65536.0f ? size : 65536.0f;
    float16_places split = places_in_float16(size);
    words rounded = (words)__builtin_convertvector(nearest_whole(split.places), ints);
    return float16_with_sign(values, split.base + rounded);
#endif
}

INLINE floats float16_value(halves encoded) {
#if TC_HAS_F16C
    typedef float eight_floats __attribute__((ext_vector_type(8)));
    floats decoded;
    decoded.lo = (eight_floats)_mm256_cvtph_ps((__m128i)encoded.lo);
    decoded.hi = (eight_floats)_mm256_cvtph_ps((__m128i)encoded.hi);
    return decoded;
#else
    words bits = __builtin_convertvector(encoded, words);
    words size = bits & 0x7fff;
    // Reading the bits as a float's gives 2^-112 of the value, subnormals included, since a float has room for them.
    floats finite = (floats)(size << 13) * 0x1p112f;
    words special = 0x7f800000 | (size << 13);
    special = size > 0x7c00 ? special | 0x400000 : special;
    words decoded = size >= 0x7c00 ? special : bits_of(finite);
    return (floats)(decoded | ((bits & 0x8000) << 16));
#endif
}

static void float16_encode_nearest(const float *row, uint16_t *encoded, size_t count) {
    FOR_EACH_BLOCK(count, { store_halves(encoded + at, float16_nearest(load_floats(row + at, lanes)), lanes); });
}

static void float16_encode_stochastic(const float *row, uint16_t *encoded, size_t count, uint64_t stream) {
    const uint64_t key = stream_key(stream);
    FOR_EACH_BLOCK(count, {
        floats values = load_floats(row + at, lanes);
        floats size = magnitude(values);
        size = size < 65504.0f ? size : 65504.0f;
        float16_places split = places_in_float16(size);
        ints whole = __builtin_convertvector(split.places, ints);
        floats fraction = split.places - __builtin_convertvector(whole, floats);
        whole -= random_fractions(key, at) < fraction; // a comparison that holds is -1
        store_halves(encoded + at, float16_with_sign(values, split.base + (words)whole), lanes);
    });
}

static void float16_decode(const uint16_t *encoded, float *row, size_t count) {
    FOR_EACH_BLOCK(count, { store_floats(row + at, float16_value(load_halves(encoded + at, lanes)), lanes); });
}

// MARK: integers with a scale

INLINE floats zero_for_nan(floats values) { return values == values ? values : 0.0f; }

// The grid of one row. `steps` is how many steps of size `step` lie on each side of zero.
typedef struct {
    float scale;   // as stored: the step, or 0 for a row of zeros
    float step;    // never 0
    float outmost; // a value of this size lies on the last step, even where the step was rounded
} grid;

// The grid whose last step is `largest`; steps is 2^k - 1. Encoding what was decoded must find the same grid again: that
// is, (step * steps) / steps must give back `step` in float arithmetic. It does, because step * steps lies midway between
// two floats only for steps whose last k bits are 100...0, and the quotient of a float by 2^k - 1 never ends so (all
// floats were tried). Two ends need care:
//  - The step of FLT_MAX would reach infinity, so it and infinity itself share the step of the float below.
//  - Subnormal steps have too few bits. The smallest normal float is the smallest step; all its multiples are exact.
INLINE grid grid_reaching(float largest, float steps) {
    largest = largest < 0x1.fffffcp127f ? largest : 0x1.fffffcp127f;
    const float step = largest / steps;
    if (step < FLT_MIN) {
        return (grid){largest > 0.0f ? FLT_MIN : 0.0f, FLT_MIN, INFINITY};
    }
    return (grid){step, step, largest};
}

INLINE grid grid_of_row(const float *row, size_t count, float steps) {
    ints largest = 0;
    FOR_EACH_BLOCK(count, {
        // Floats without sign are ordered as their bits are.
        ints size = (ints)bits_of(magnitude(zero_for_nan(load_floats(row + at, lanes))));
        largest = size > largest ? size : largest;
    });
    int32_t bits = __builtin_reduce_max(largest);
    float value;
    memcpy(&value, &bits, sizeof value);
    return grid_reaching(value, steps);
}

// Whole numbers in -steps…steps; an infinity ends up on the last step. Rounds up with the probability of the fraction,
// except that a value which is a decoded one stays what it was: its quotient may miss the whole number by a rounding.
INLINE ints steps_stochastic(floats values, grid grid, float steps, floats random) {
    floats quotient = values / grid.step;
    floats nearest = nearest_whole(quotient);
    floats below = nearest > quotient ? nearest - 1.0f : nearest;
    floats drawn = random < quotient - below ? below + 1.0f : below;
    floats rounded = nearest * grid.step == values || magnitude(values) >= grid.outmost ? nearest : drawn;
    rounded = rounded > steps ? steps : rounded;
    rounded = rounded < -steps ? -steps : rounded;
    return __builtin_convertvector(rounded, ints);
}

static float int16_encode_stochastic(const float *row, int16_t *encoded, size_t count, uint64_t stream) {
    const uint64_t key = stream_key(stream);
    const grid grid = grid_of_row(row, count, 32767.0f);
    FOR_EACH_BLOCK(count, {
        floats values = zero_for_nan(load_floats(row + at, lanes));
        ints whole = steps_stochastic(values, grid, 32767.0f, random_fractions(key, at));
        store_shorts(encoded + at, __builtin_convertvector(whole, shorts), lanes);
    });
    return grid.scale;
}

static float int8_encode_stochastic(const float *row, int8_t *encoded, size_t count, uint64_t stream) {
    const uint64_t key = stream_key(stream);
    const grid grid = grid_of_row(row, count, 127.0f);
    FOR_EACH_BLOCK(count, {
        floats values = zero_for_nan(load_floats(row + at, lanes));
        ints whole = steps_stochastic(values, grid, 127.0f, random_fractions(key, at));
        store_bytes(encoded + at, __builtin_convertvector(whole, bytes), lanes);
    });
    return grid.scale;
}

// Whole numbers in -steps…steps; an infinity ends up on the last step.
INLINE ints steps_nearest(floats values, grid grid, float steps) {
    floats rounded = nearest_whole(values / grid.step);
    rounded = rounded > steps ? steps : rounded;
    rounded = rounded < -steps ? -steps : rounded;
    return __builtin_convertvector(rounded, ints);
}

static float int16_encode_nearest(const float *row, int16_t *encoded, size_t count) {
    const grid grid = grid_of_row(row, count, 32767.0f);
    FOR_EACH_BLOCK(count, {
        ints whole = steps_nearest(zero_for_nan(load_floats(row + at, lanes)), grid, 32767.0f);
        store_shorts(encoded + at, __builtin_convertvector(whole, shorts), lanes);
    });
    return grid.scale;
}

static float int8_encode_nearest(const float *row, int8_t *encoded, size_t count) {
    const grid grid = grid_of_row(row, count, 127.0f);
    FOR_EACH_BLOCK(count, {
        ints whole = steps_nearest(zero_for_nan(load_floats(row + at, lanes)), grid, 127.0f);
        store_bytes(encoded + at, __builtin_convertvector(whole, bytes), lanes);
    });
    return grid.scale;
}

static void int16_decode(const int16_t *encoded, float scale, float *row, size_t count) {
    FOR_EACH_BLOCK(count, {
        ints whole = __builtin_convertvector(load_shorts(encoded + at, lanes), ints);
        store_floats(row + at, __builtin_convertvector(whole, floats) * scale, lanes);
    });
}

static void int8_decode(const int8_t *encoded, float scale, float *row, size_t count) {
    FOR_EACH_BLOCK(count, {
        ints whole = __builtin_convertvector(load_bytes(encoded + at, lanes), ints);
        store_floats(row + at, __builtin_convertvector(whole, floats) * scale, lanes);
    });
}
