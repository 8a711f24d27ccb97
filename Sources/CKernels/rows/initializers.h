// Initial values. They use only operations that IEEE 754 defines to the last bit; no function of libm, whose results
// differ between versions.
#include "random.h"

// low + (high - low) * u, u the middle of one of 2^32 equal parts of [0, 1].
static void initialize_uniform(float *row, size_t count, uint64_t seed, uint64_t id, float low, float high) {
    const uint64_t key = row_key(seed, id);
    const double width = (double)high - (double)low;
    FOR_EACH_BLOCK(count, {
        doubles middle = __builtin_convertvector(random_words(key, at), doubles) + 0.5;
        doubles value = (double)low + width * (middle * 0x1p-32);
        store_floats(row + at, __builtin_convertvector(value, floats), lanes);
    });
}

// The natural logarithm of a positive normal number, to about 1e-16 of its size.
INLINE double logarithm(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    // value = mantissa * 2^exponent with the mantissa in [0.7, 1.4), where the series below is short.
    const uint64_t offset = bits - 0x3fe6666666666666u;
    const double exponent = (double)((int64_t)offset >> 52);
    bits -= offset & 0xfff0000000000000u;
    double mantissa;
    memcpy(&mantissa, &bits, sizeof mantissa);
    // log m = 2 artanh t, t = (m - 1) / (m + 1), |t| < 0.18
    const double t = (mantissa - 1.0) / (mantissa + 1.0);
    const double square = t * t;
    double series = 0.0;
    for (int odd = 23; odd >= 1; odd -= 2) series = series * square + 1.0 / (double)odd;
    return exponent * 0.693147180559945309417 + 2.0 * t * series;
}

INLINE double polynomial(const double coefficients[8], double x) {
    double value = coefficients[7];
    for (int power = 6; power >= 0; power--) value = value * x + coefficients[power];
    return value;
}

// The normal distribution's quantile, from the rational functions of algorithm AS 241 (Wichura, Applied Statistics
// 37, 1988), good to about 1e-16; 0 < probability < 1.
INLINE double normal_quantile(double probability) {
    static const double middle[2][8] = {
        {3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
         45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727},
        {1.0, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867,
         39307.89580009271061, 28729.085735721942674, 5226.495278852854561}};
    static const double near_tail[2][8] = {
        {1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
         1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4},
        {1.0, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
         0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9}};
    static const double far_tail[2][8] = {
        {6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123,
         0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
        {1.0, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
         1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15}};

    const double from_middle = probability - 0.5;
    if (fabs(from_middle) <= 0.425) {
        const double x = 0.180625 - from_middle * from_middle;
        return from_middle * polynomial(middle[0], x) / polynomial(middle[1], x);
    }
    const double tail = from_middle < 0.0 ? probability : 1.0 - probability;
    const double depth = square_root(-logarithm(tail));
    const double distance = depth <= 5.0
                                ? polynomial(near_tail[0], depth - 1.6) / polynomial(near_tail[1], depth - 1.6)
                                : polynomial(far_tail[0], depth - 5.0) / polynomial(far_tail[1], depth - 5.0);
    return from_middle < 0.0 ? -distance : distance;
}

static void initialize_normal(float *row, size_t count, uint64_t seed, uint64_t id, float mean, float deviation) {
    const uint64_t key = row_key(seed, id);
    for (size_t at = 0; at < count; at++) {
        const uint64_t bits = mixed64(key + (at + 1) * GOLDEN_RATIO_64);
        // The middle of one of 2^52 equal parts of [0, 1]: exact, never 0 or 1, and so is its distance from 1.
        const double probability = (double)((bits >> 12) * 2 + 1) * 0x1p-53;
        row[at] = (float)((double)mean + (double)deviation * normal_quantile(probability));
    }
}
