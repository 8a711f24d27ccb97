// The functions of CKernels.h as one table per instruction set.
#ifndef THERMOCLINE_TABLE_H
#define THERMOCLINE_TABLE_H

#include "CKernels.h"

typedef struct {
    void (*float16_encode_nearest)(const float *, uint16_t *, size_t);
    void (*float16_encode_stochastic)(const float *, uint16_t *, size_t, uint64_t);
    void (*float16_decode)(const uint16_t *, float *, size_t);
    float (*int16_encode_stochastic)(const float *, int16_t *, size_t, uint64_t);
    float (*int16_encode_nearest)(const float *, int16_t *, size_t);
    float (*int8_encode_nearest)(const float *, int8_t *, size_t);
    void (*int16_decode)(const int16_t *, float, float *, size_t);
    float (*int8_encode_stochastic)(const float *, int8_t *, size_t, uint64_t);
    void (*int8_decode)(const int8_t *, float, float *, size_t);
    tc_losses (*count_losses)(const float *, const float *, const float *, size_t, float);

    void (*sgd_step)(float *, const float *, size_t, float);
    void (*momentum_step)(float *, float *, const float *, size_t, float, float);
    void (*adagrad_step)(float *, float *, const float *, size_t, float, float);
    void (*rowwise_adagrad_step)(float *, float *, const float *, size_t, float, float);
    void (*adam_step)(float *, float *, float *, const float *, size_t, float, float, float, float);
    void (*ftrl_step)(float *, float *, float *, const float *, size_t, float, float, float, float);

    void (*initialize_uniform)(float *, size_t, uint64_t, uint64_t, float, float);
    void (*initialize_normal)(float *, size_t, uint64_t, uint64_t, float, float);

    void (*add)(float *, const float *, size_t);
    void (*add_scaled)(float *, const float *, size_t, float);
    void (*scale)(float *, size_t, float);
    void (*max)(float *, const float *, size_t);
    void (*square)(float *, size_t);
    void (*square_root)(float *, size_t);
    bool (*all_finite)(const float *, size_t);
} tc_kernels;

#if defined(__x86_64__)
#define TC_HAS_X86_LEVELS 1
extern const tc_kernels tc_kernels_avx2;
extern const tc_kernels tc_kernels_avx512;
#else
#define TC_HAS_X86_LEVELS 0
#endif
extern const tc_kernels tc_kernels_portable;

#endif
