// A system in this process, that measures what it is asked on standard input: lines of
// OPERATION BATCH SECONDS FILE, where FILE has positions as uint32. It answers each with a line of JSON.
#ifndef COMPARE_WORKER_H
#define COMPARE_WORKER_H

#include "fail.h"

#include <stddef.h>
#include <stdint.h>

typedef void (*worker_operation)(const char *operation, const uint32_t *positions, size_t count);
// Gets all positions of a measurement before the clock runs.
typedef void (*worker_preparation)(const uint32_t *positions, size_t count);

// Says that the table is ready, and what the process took before it was made. Then serves to the end of the input.
// `prepare` may be NULL.
void serve(size_t base_bytes, worker_operation run, worker_preparation prepare);
size_t resident_bytes(void);
// As the store asks for its rows.
void *allocate_on_huge_pages(size_t bytes);

#endif
