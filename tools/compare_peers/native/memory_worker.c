// What memory allows: the gather loop, and a plain copy of as many bytes.
// memory_worker ROWS DIM
#include "worker.h"

#include "CLimits.h"
#include "rows.h"

#include <stdlib.h>

static float *rows, *output;
static size_t row_count, dim, copied, output_floats;

static void gather(const uint32_t *positions, size_t count) {
    // Constants, so that the loop is compiled for the length of its rows.
    switch (dim) {
    case 8: limits_gather(rows, 8, positions, count, output); break;
    case 16: limits_gather(rows, 16, positions, count, output); break;
    case 64: limits_gather(rows, 64, positions, count, output); break;
    case 128: limits_gather(rows, 128, positions, count, output); break;
    default: limits_gather(rows, dim, positions, count, output);
    }
}

static void run(const char *operation, const uint32_t *positions, size_t count) {
    if (count * dim > output_floats) {
        free(output);
        output_floats = count * dim;
        output = allocate_on_huge_pages(output_floats * sizeof(float));
    }
    if (operation[0] == 'c') {
        if (copied + count > row_count) copied = 0;
        memcpy(output, rows + copied * dim, (count < row_count ? count : row_count) * dim * sizeof(float));
        copied += count;
    } else {
        gather(positions, count);
    }
    __asm__ volatile("" : : "r"(output) : "memory"); // or nobody would need the rows
}

int main(int count, char **arguments) {
    if (count != 3) fail("usage: memory_worker ROWS DIM");
    row_count = strtoul(arguments[1], NULL, 10);
    dim = strtoul(arguments[2], NULL, 10);
    const size_t base_bytes = resident_bytes();
    rows = allocate_on_huge_pages(row_count * dim * sizeof(float));
    for (size_t at = 0; at < row_count; at++) fill_row(at, rows + at * dim, dim);
    serve(base_bytes, run);
}
