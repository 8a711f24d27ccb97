// One file of sorted rows of RocksDB, read by itself and to its end, whether or not the database that it belongs to
// can be opened. The C API of RocksDB has no such reader; this is the part of the C++ one that verification needs.
//
// Functions that can fail return NULL, or a message that the caller frees with free(). None throws.
#ifndef THERMOCLINE_CSSTFILES_H
#define THERMOCLINE_CSSTFILES_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tc_sst_file tc_sst_file;

// Opens a file; `*file` is closed with tc_sst_close, and NULL when a message is returned.
char *tc_sst_open(const char *path, tc_sst_file **file);
void tc_sst_close(tc_sst_file *file);

// The column family that the file was written for; empty when it does not say (files that were ingested do not).
// Lives as long as `file`.
const char *tc_sst_family(const tc_sst_file *file);

// Compares every block (data, index, filter, properties) with its checksum.
char *tc_sst_verify(tc_sst_file *file);

// Returns false to end the visit.
typedef bool (*tc_sst_visitor)(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes);

// Calls `visitor` with each key of the file that is not deleted there and its value, in the file's order. Both are
// valid during the call only.
char *tc_sst_visit(tc_sst_file *file, tc_sst_visitor visitor, void *context);

#ifdef __cplusplus
}
#endif

#endif
