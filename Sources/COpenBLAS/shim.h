// BLAS in C as OpenBLAS installs it; nothing is added to it here.
#include <cblas.h>
