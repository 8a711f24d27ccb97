// The arithmetic of rows: number formats, optimizer steps, initial values, pooling.
//
// Every function is one loop over one row of `count` floats. Each is compiled once per instruction set and chosen
// once, when the process starts (see tc_level). All levels give the same bits: no fused multiply-add, no reordered
// sums (a sum over a row runs in 16 fixed lanes, whose halves are then added onto halves: 16, 8, 4, 2, 1), tails
// included. So a table trained on one machine continues on another without a difference. (One NaN may differ from
// another in its payload where arithmetic made it; in formats it does not.)
//
// Unless a line says otherwise: pointers need only the alignment of their element type, inputs and outputs do not
// overlap, count may be 0, and nothing is allocated.
#ifndef THERMOCLINE_CKERNELS_H
#define THERMOCLINE_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    TC_LEVEL_PORTABLE = 0,
    TC_LEVEL_AVX2 = 1,   // AVX2 and F16C
    TC_LEVEL_AVX512 = 2, // AVX-512 F, BW, DQ, VL
} tc_level;

// The level in use. The best the processor has, or what THERMOCLINE_KERNELS=portable|avx2|avx512 asks for (a level
// that the processor lacks falls back to the best below it).
tc_level tc_level_in_use(void);
// Changes the level for the whole process and returns the one now in use; for tests and benchmarks, not while other
// threads compute.
tc_level tc_level_use(tc_level level);
const char *tc_level_name(tc_level level);

// MARK: memory

// Asks for the cache line at `address` ahead of its use; any address is allowed.
static inline void tc_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

// A checksum of `count` bytes at any alignment, for bytes that go to disk: four interleaved CRC-32C folded into one,
// with the processor's instruction where it has one. Both give the same number.
uint32_t tc_checksum(const void *bytes, size_t count);
uint32_t tc_checksum_portable(const void *bytes, size_t count);

// MARK: number formats

// float16 is IEEE binary16 as its bits. Values beyond its range become infinite in `nearest` and the largest finite
// value in `stochastic`. A NaN keeps its sign and upper bits and becomes quiet. Stochastic rounding goes away from zero
// with the probability of the discarded fraction, to 2^-24; a value that float16 has stays what it is.
void tc_float16_encode_nearest(const float *row, uint16_t *encoded, size_t count);
void tc_float16_encode_stochastic(const float *row, uint16_t *encoded, size_t count, uint64_t stream);
void tc_float16_decode(const uint16_t *encoded, float *row, size_t count);

// int16 and int8 with one scale per row: value = scale * q, q in -32767...32767 (-127...127),
// scale = max|x| / 32767 (127), 0 for a row of zeros. Returns the scale. Stochastic rounding is
// q = floor(x / scale + u) with u uniform in [0, 1), a pure function of (stream, position in the row);
// a value that lies exactly on the grid stays where it is, and the largest becomes 32767 (127).
// Encoding a decoded row gives back its q and, unless all of them are 0, its scale. To that end a scale is never
// subnormal: a row whose largest value is below 32767 (127) * 2^-126 has the scale 2^-126.
// Non-finite input is the caller's mistake: NaN is written as 0, infinities as the largest finite float.
float tc_int16_encode_stochastic(const float *row, int16_t *encoded, size_t count, uint64_t stream);
float tc_int16_encode_nearest(const float *row, int16_t *encoded, size_t count);
void tc_int16_decode(const int16_t *encoded, float scale, float *row, size_t count);
float tc_int8_encode_stochastic(const float *row, int8_t *encoded, size_t count, uint64_t stream);
float tc_int8_encode_nearest(const float *row, int8_t *encoded, size_t count);
void tc_int8_decode(const int8_t *encoded, float scale, float *row, size_t count);

// What keeping a row in fewer bits has cost one write of it, in elements.
typedef struct {
    size_t clipped;  // beyond `largest`, or NaN: not even the nearest value was near
    size_t moved;    // stepped by other than 0
    size_t vanished; // of these, what is stored is what was stored before
} tc_losses;
// `before` is the decoded row, `stepped` what it was to become, `stored` what was encoded of that, decoded again.
// `largest` is the largest value of the format.
tc_losses tc_count_losses(const float *before, const float *stepped, const float *stored, size_t count, float largest);

// MARK: optimizer steps; `row` and the state are updated in place

// w -= learning_rate * g
void tc_sgd_step(float *row, const float *gradient, size_t count, float learning_rate);
// b = momentum * b + g; w -= learning_rate * b
void tc_momentum_step(float *row, float *buffer, const float *gradient, size_t count, float learning_rate,
                      float momentum);
// a += g*g; w -= learning_rate * g / (sqrt(a) + epsilon)
void tc_adagrad_step(float *row, float *accumulator, const float *gradient, size_t count, float learning_rate,
                     float epsilon);
// a (one number) += mean(g*g); w -= learning_rate / (sqrt(a) + epsilon) * g
void tc_rowwise_adagrad_step(float *row, float *accumulator, const float *gradient, size_t count,
                             float learning_rate, float epsilon);
// m += first_gain * (g - m); v += second_gain * (g*g - v); w -= step_size * m / (sqrt(v) + epsilon)
// with gains 1 - beta1 and 1 - beta2 and step_size = learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t), as
// torch.optim.SparseAdam. The gains come in as such because 1 - 0.999f has only five of its digits.
void tc_adam_step(float *row, float *first_moment, float *second_moment, const float *gradient, size_t count,
                  float step_size, float first_gain, float second_gain, float epsilon);
// FTRL-Proximal (McMahan et al., KDD 2013): s = (sqrt(n + g*g) - sqrt(n)) / alpha; z += g - s*w; n += g*g;
// w = 0 if |z| <= l1, else (sign(z)*l1 - z) / ((beta + sqrt(n)) / alpha + l2)
void tc_ftrl_step(float *row, float *z, float *n, const float *gradient, size_t count, float alpha, float beta,
                  float l1, float l2);

// MARK: initial values: pure functions of (seed, id, position), the same bits on every machine

// low <= value <= high, from 32 random bits.
void tc_initialize_uniform(float *row, size_t count, uint64_t seed, uint64_t id, float low, float high);
// mean + deviation * z with z a quantile of the normal distribution good to a float, from 52 random bits.
void tc_initialize_normal(float *row, size_t count, uint64_t seed, uint64_t id, float mean, float deviation);

// MARK: vectors

// sum += row
void tc_add(float *sum, const float *row, size_t count);
// sum += weight * row (a product, then a sum; not fused)
void tc_add_scaled(float *sum, const float *row, size_t count, float weight);
// row *= factor
void tc_scale(float *row, size_t count, float factor);
// largest = max(largest, row), element by element; of two equal ones, and where row is NaN, what was there stays
void tc_max(float *largest, const float *row, size_t count);
// element = element * element, and its root
void tc_square(float *values, size_t count);
void tc_square_root(float *values, size_t count);
// whether no element is NaN or infinite
bool tc_all_finite(const float *values, size_t count);

#endif
