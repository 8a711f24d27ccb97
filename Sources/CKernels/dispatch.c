// Chooses the instruction set once and hands every call to its table.
#include "table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    const tc_kernels *kernels; // null where this architecture has no such level
} level_entry;

static const level_entry levels[] = {
    [TC_LEVEL_PORTABLE] = {"portable", &tc_kernels_portable},
#if TC_HAS_X86_LEVELS
    [TC_LEVEL_AVX2] = {"avx2", &tc_kernels_avx2},
    [TC_LEVEL_AVX512] = {"avx512", &tc_kernels_avx512},
#else
    [TC_LEVEL_AVX2] = {"avx2", NULL},
    [TC_LEVEL_AVX512] = {"avx512", NULL},
#endif
};

// Portable until the constructor below has run, so that a call from an earlier constructor works too.
static _Atomic(const tc_kernels *) kernels_in_use = &tc_kernels_portable;

static const tc_kernels *kernels(void) { return atomic_load_explicit(&kernels_in_use, memory_order_relaxed); }

static bool processor_has(tc_level level) {
    switch (level) {
    case TC_LEVEL_PORTABLE:
        return true;
#if TC_HAS_X86_LEVELS
    case TC_LEVEL_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
    case TC_LEVEL_AVX512:
        return processor_has(TC_LEVEL_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    default:
        return false;
    }
}

tc_level tc_level_use(tc_level level) {
    while (!processor_has(level)) level--;
    atomic_store_explicit(&kernels_in_use, levels[level].kernels, memory_order_relaxed);
    return level;
}

tc_level tc_level_in_use(void) {
    tc_level level = TC_LEVEL_AVX512;
    while (levels[level].kernels != kernels()) level--;
    return level;
}

const char *tc_level_name(tc_level level) { return levels[level].name; }

__attribute__((constructor)) static void choose_level(void) {
#if TC_HAS_X86_LEVELS
    __builtin_cpu_init();
#endif
    tc_level wanted = TC_LEVEL_AVX512;
    const char *forced = getenv("THERMOCLINE_KERNELS");
    for (tc_level level = TC_LEVEL_PORTABLE; forced != NULL && level <= TC_LEVEL_AVX512; level++) {
        if (strcmp(forced, levels[level].name) == 0) wanted = level;
    }
    tc_level_use(wanted);
}

// MARK: number formats

void tc_float16_encode_nearest(const float *row, uint16_t *encoded, size_t count) {
    kernels()->float16_encode_nearest(row, encoded, count);
}

void tc_float16_encode_stochastic(const float *row, uint16_t *encoded, size_t count, uint64_t stream) {
    kernels()->float16_encode_stochastic(row, encoded, count, stream);
}

void tc_float16_decode(const uint16_t *encoded, float *row, size_t count) {
    kernels()->float16_decode(encoded, row, count);
}

float tc_int16_encode_stochastic(const float *row, int16_t *encoded, size_t count, uint64_t stream) {
    return kernels()->int16_encode_stochastic(row, encoded, count, stream);
}

float tc_int16_encode_nearest(const float *row, int16_t *encoded, size_t count) {
    return kernels()->int16_encode_nearest(row, encoded, count);
}

float tc_int8_encode_nearest(const float *row, int8_t *encoded, size_t count) {
    return kernels()->int8_encode_nearest(row, encoded, count);
}

void tc_int16_decode(const int16_t *encoded, float scale, float *row, size_t count) {
    kernels()->int16_decode(encoded, scale, row, count);
}

float tc_int8_encode_stochastic(const float *row, int8_t *encoded, size_t count, uint64_t stream) {
    return kernels()->int8_encode_stochastic(row, encoded, count, stream);
}

void tc_int8_decode(const int8_t *encoded, float scale, float *row, size_t count) {
    kernels()->int8_decode(encoded, scale, row, count);
}

tc_losses tc_count_losses(const float *before, const float *stepped, const float *stored, size_t count, float largest) {
    return kernels()->count_losses(before, stepped, stored, count, largest);
}

// MARK: optimizer steps

void tc_sgd_step(float *row, const float *gradient, size_t count, float learning_rate) {
    kernels()->sgd_step(row, gradient, count, learning_rate);
}

void tc_momentum_step(float *row, float *buffer, const float *gradient, size_t count, float learning_rate,
                      float momentum) {
    kernels()->momentum_step(row, buffer, gradient, count, learning_rate, momentum);
}

void tc_adagrad_step(float *row, float *accumulator, const float *gradient, size_t count, float learning_rate,
                     float epsilon) {
    kernels()->adagrad_step(row, accumulator, gradient, count, learning_rate, epsilon);
}

void tc_rowwise_adagrad_step(float *row, float *accumulator, const float *gradient, size_t count,
                             float learning_rate, float epsilon) {
    kernels()->rowwise_adagrad_step(row, accumulator, gradient, count, learning_rate, epsilon);
}

void tc_adam_step(float *row, float *first_moment, float *second_moment, const float *gradient, size_t count,
                  float step_size, float first_gain, float second_gain, float epsilon) {
    kernels()->adam_step(row, first_moment, second_moment, gradient, count, step_size, first_gain,
                         second_gain, epsilon);
}

void tc_ftrl_step(float *row, float *z, float *n, const float *gradient, size_t count, float alpha, float beta,
                  float l1, float l2) {
    kernels()->ftrl_step(row, z, n, gradient, count, alpha, beta, l1, l2);
}

// MARK: initial values

void tc_initialize_uniform(float *row, size_t count, uint64_t seed, uint64_t id, float low, float high) {
    kernels()->initialize_uniform(row, count, seed, id, low, high);
}

void tc_initialize_normal(float *row, size_t count, uint64_t seed, uint64_t id, float mean, float deviation) {
    kernels()->initialize_normal(row, count, seed, id, mean, deviation);
}

// MARK: vectors

void tc_add(float *sum, const float *row, size_t count) { kernels()->add(sum, row, count); }

void tc_add_scaled(float *sum, const float *row, size_t count, float weight) {
    kernels()->add_scaled(sum, row, count, weight);
}

void tc_scale(float *row, size_t count, float factor) { kernels()->scale(row, count, factor); }

void tc_max(float *largest, const float *row, size_t count) { kernels()->max(largest, row, count); }

void tc_square(float *values, size_t count) { kernels()->square(values, count); }

void tc_square_root(float *values, size_t count) { kernels()->square_root(values, count); }

bool tc_all_finite(const float *values, size_t count) { return kernels()->all_finite(values, count); }
