// Whatever the compiler's default target has: SSE2 on x86-64, NEON on arm64.
#define TC_HAS_F16C 0
#define TC_KERNELS tc_kernels_portable
#include "rows/rows.h"
