// What memory allows: the lookup loop, or the gather loop and a plain copy of as many bytes.
// memory_worker ROWS DIM table|array
#include "worker.h"

#include "CLimits.h"
#include "rows.h"

#include <stdlib.h>

#define ROW_OFFSET 16 // behind the id, as long as this server's records

static float *rows, *output;
static limits_table table;
// Of all positions of the measurement.
static const uint32_t *prepared;
static uint64_t *ids;
static size_t row_count, dim, copied, output_floats;

static void make_array(void) {
    rows = allocate_on_huge_pages(row_count * dim * sizeof(float));
    for (size_t at = 0; at < row_count; at++) fill_row(at, rows + at * dim, dim);
}

static void make_table(void) {
    table = (limits_table){
        .record_bytes = ROW_OFFSET + dim * sizeof(float),
        .row_offset = ROW_OFFSET,
        .slot_bits = limits_slot_bits(row_count),
    };
    table.records = allocate_on_huge_pages(row_count * table.record_bytes);
    table.slots = allocate_on_huge_pages(sizeof(uint32_t) << table.slot_bits);
    memset(table.slots, 0, sizeof(uint32_t) << table.slot_bits);
    for (size_t at = 0; at < row_count; at++) {
        uint8_t *record = table.records + at * table.record_bytes;
        const uint64_t id = id_of(at);
        memcpy(record, &id, sizeof id);
        fill_row(at, (float *)(record + ROW_OFFSET), dim);
        limits_enter(&table, at);
    }
}

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

static void prepare_ids(const uint32_t *positions, size_t count) {
    prepared = positions;
    free(ids);
    ids = allocate_on_huge_pages(count * sizeof(uint64_t));
    for (size_t at = 0; at < count; at++) ids[at] = id_of(positions[at]);
}

static void lookup(const uint32_t *positions, size_t count) {
    const uint64_t *wanted = ids + (positions - prepared);
    switch (dim) {
    case 8: limits_lookup(&table, 8, wanted, count, output); break;
    case 16: limits_lookup(&table, 16, wanted, count, output); break;
    case 64: limits_lookup(&table, 64, wanted, count, output); break;
    case 128: limits_lookup(&table, 128, wanted, count, output); break;
    default: limits_lookup(&table, dim, wanted, count, output);
    }
}

static void run(const char *operation, const uint32_t *positions, size_t count) {
    if (count * dim > output_floats) {
        free(output);
        output_floats = count * dim;
        output = allocate_on_huge_pages(output_floats * sizeof(float));
    }
    if (table.records) {
        lookup(positions, count);
    } else if (operation[0] == 'c') {
        if (copied + count > row_count) copied = 0;
        memcpy(output, rows + copied * dim, (count < row_count ? count : row_count) * dim * sizeof(float));
        copied += count;
    } else {
        gather(positions, count);
    }
    __asm__ volatile("" : : "r"(output) : "memory"); // or nobody would need the rows
}

int main(int count, char **arguments) {
    if (count != 4) fail("usage: memory_worker ROWS DIM table|array");
    row_count = strtoul(arguments[1], NULL, 10);
    dim = strtoul(arguments[2], NULL, 10);
    const size_t base_bytes = resident_bytes();
    if (arguments[3][0] == 't') make_table();
    else make_array();
    serve(base_bytes, run, table.records ? prepare_ids : NULL);
}
