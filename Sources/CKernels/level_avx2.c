// AVX2 and F16C.
#if defined(__x86_64__)
#include <immintrin.h>

#define TC_HAS_F16C 1
#define TC_KERNELS tc_kernels_avx2
#pragma clang attribute push(__attribute__((target("avx2,f16c"))), apply_to = function)
#include "rows/rows.h"
#pragma clang attribute pop
#endif
