// AVX-512 F, BW, DQ and VL.
#if defined(__x86_64__)
#include <immintrin.h>

#define TC_HAS_F16C 1
#define TC_KERNELS tc_kernels_avx512
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c"))), apply_to = function)
#include "rows/rows.h"
#pragma clang attribute pop
#endif
