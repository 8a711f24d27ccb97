// RocksDB in this process with default options, in one sorted file, and its C API: batched MultiGet, and WriteBatch.
// rocksdb_worker FOLDER ROWS DIM OPTIMIZER VALUE_BYTES
// VALUE_BYTES other than 0 makes values of that length, which are read and not looked into.
#include "worker.h"

#include "rows.h"

#include <rocksdb/c.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rocksdb_t *database;
static rocksdb_options_t *options;
static rocksdb_column_family_handle_t *family;
static rocksdb_readoptions_t *reads;
static rocksdb_writeoptions_t *writes;
static optimizer rule;
static size_t dim, value_bytes;

static void check(char *error) {
    if (error) fail("RocksDB: %s", error);
}

// Arrays for one batch, as long as the longest so far.
static struct {
    size_t capacity;
    uint64_t *keys;
    const char **addresses;
    size_t *lengths;
    rocksdb_pinnableslice_t **slices;
    char **errors;
    uint8_t *rows;
    float *gradient;
} batch;

static void *resize(void *memory, size_t bytes) {
    memory = realloc(memory, bytes);
    if (!memory) fail("no memory for %zu bytes", bytes);
    return memory;
}

static void make_room(size_t count) {
    if (count <= batch.capacity) return;
    batch.capacity = count;
    batch.keys = resize(batch.keys, count * sizeof *batch.keys);
    batch.addresses = resize(batch.addresses, count * sizeof *batch.addresses);
    batch.lengths = resize(batch.lengths, count * sizeof *batch.lengths);
    batch.slices = resize(batch.slices, count * sizeof *batch.slices);
    batch.errors = resize(batch.errors, count * sizeof *batch.errors);
    batch.rows = resize(batch.rows, count * value_bytes);
    for (size_t i = 0; i < count; i++) {
        batch.addresses[i] = (const char *)&batch.keys[i];
        batch.lengths[i] = sizeof(uint64_t);
    }
}

static void get(size_t count) {
    rocksdb_batched_multi_get_cf(database, reads, family, count, batch.addresses, batch.lengths, batch.slices,
                                 batch.errors, false);
    for (size_t i = 0; i < count; i++) {
        check(batch.errors[i]);
        size_t bytes = 0;
        const char *value = batch.slices[i] ? rocksdb_pinnableslice_value(batch.slices[i], &bytes) : NULL;
        if (!value || bytes != value_bytes) fail("RocksDB: a row is missing or of another length");
        memcpy(batch.rows + i * value_bytes, value, bytes);
        rocksdb_pinnableslice_destroy(batch.slices[i]);
    }
}

static void put(size_t count) {
    rocksdb_writebatch_t *write = rocksdb_writebatch_create();
    for (size_t i = 0; i < count; i++) {
        uint8_t *row = batch.rows + i * value_bytes;
        step_row(rule, (float *)row, batch.gradient, dim);
        rocksdb_writebatch_put_cf(write, family, batch.addresses[i], sizeof(uint64_t), (const char *)row, value_bytes);
    }
    char *error = NULL;
    rocksdb_write(database, writes, write, &error);
    check(error);
    rocksdb_writebatch_destroy(write);
}

// Sorted as bytes, which is RocksDB's order.
static uint64_t key_of(uint64_t position) { return __builtin_bswap64(id_of(position)); }

static void run(const char *operation, const uint32_t *positions, size_t count) {
    make_room(count);
    for (size_t i = 0; i < count; i++) batch.keys[i] = key_of(positions[i]);
    get(count);
    if (strcmp(operation, "pull") != 0) put(count);
}

typedef struct {
    uint64_t id, position;
} entry;

static int by_id(const void *one, const void *other) {
    const uint64_t a = ((const entry *)one)->id, b = ((const entry *)other)->id;
    return (a > b) - (a < b);
}

static void load(const char *folder, size_t rows) {
    entry *entries = resize(NULL, rows * sizeof(entry));
    for (size_t at = 0; at < rows; at++) entries[at] = (entry){id_of(at), at};
    qsort(entries, rows, sizeof(entry), by_id);
    char path[4096];
    if (snprintf(path, sizeof path, "%s/rows.sst", folder) >= (int)sizeof path) fail("a path that is too long");
    rocksdb_envoptions_t *environment = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(environment, options);
    char *error = NULL;
    rocksdb_sstfilewriter_open(writer, path, &error);
    check(error);
    // The row, then zeros, or as much of the row as a value has room for.
    uint8_t *value = calloc(1, value_bytes + dim * sizeof(float));
    for (size_t at = 0; at < rows; at++) {
        const uint64_t key = key_of(entries[at].position);
        fill_row(entries[at].position, (float *)value, dim);
        rocksdb_sstfilewriter_put(writer, (const char *)&key, sizeof key, (const char *)value, value_bytes, &error);
        check(error);
    }
    rocksdb_sstfilewriter_finish(writer, &error);
    check(error);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(environment);
    rocksdb_ingestexternalfileoptions_t *ingestion = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(ingestion, 1);
    const char *paths[] = {path};
    rocksdb_ingest_external_file_cf(database, family, paths, 1, ingestion, &error);
    check(error);
    rocksdb_ingestexternalfileoptions_destroy(ingestion);
    free(value);
    free(entries);
}

int main(int count, char **arguments) {
    if (count != 6) fail("usage: rocksdb_worker FOLDER ROWS DIM OPTIMIZER VALUE_BYTES");
    const size_t rows = strtoul(arguments[2], NULL, 10);
    dim = strtoul(arguments[3], NULL, 10);
    rule = strcmp(arguments[4], "adagrad") == 0           ? ADAGRAD
           : strcmp(arguments[4], "rowwise-adagrad") == 0 ? ROWWISE_ADAGRAD
                                                          : NO_STATE;
    value_bytes = strtoul(arguments[5], NULL, 10);
    if (value_bytes == 0) value_bytes = (dim + state_floats(rule, dim)) * sizeof(float);
    batch.gradient = resize(NULL, dim * sizeof(float));
    fill_row(1, batch.gradient, dim);
    options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    reads = rocksdb_readoptions_create();
    writes = rocksdb_writeoptions_create();
    // The C API has no other way to the default family.
    const char *names[] = {"default"};
    const rocksdb_options_t *family_options[] = {options};
    char *error = NULL;
    database = rocksdb_open_column_families(options, arguments[1], 1, names, family_options, &family, &error);
    check(error);
    const size_t base_bytes = resident_bytes();
    load(arguments[1], rows);
    serve(base_bytes, run, NULL);
    rocksdb_column_family_handle_destroy(family);
    rocksdb_close(database);
}
