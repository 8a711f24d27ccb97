#include "worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WARMUP_SHARE 0.2

size_t resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    size_t all = 0, resident = 0;
    if (!file || fscanf(file, "%zu %zu", &all, &resident) != 2) fail("/proc/self/statm cannot be read");
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

void *allocate_on_huge_pages(size_t bytes) {
    void *memory;
    if (posix_memalign(&memory, 2 << 20, bytes) != 0) fail("no memory for %zu bytes", bytes);
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void measure(worker_operation run, worker_preparation prepare, const char *operation, size_t batch, double seconds, const char *path) {
    const int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) fail("%s: cannot be read", path);
    const uint32_t *positions = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (positions == MAP_FAILED) fail("%s: cannot be mapped", path);
    const size_t batches = (size_t)status.st_size / sizeof(uint32_t) / batch;
    if (batches == 0) fail("%s: fewer ids than a batch", path);
    if (prepare) prepare(positions, batches * batch);
    size_t used = 0, counted = 0;
    const double warm = now() + WARMUP_SHARE * seconds;
    double begun = 0, time;
    do {
        run(operation, positions + used++ % batches * batch, batch);
        time = now();
        if (begun > 0) counted++;
        else if (time >= warm) begun = time;
    } while (begun == 0 || time < begun + seconds);
    munmap((void *)positions, (size_t)status.st_size);
    close(file);
    printf("{\"rowsPerSecond\": %.1f, \"batches\": %zu}\n", (double)(counted * batch) / (time - begun), used);
}

void serve(size_t base_bytes, worker_operation run, worker_preparation prepare) {
    printf("{\"baseBytes\": %zu}\n", base_bytes);
    fflush(stdout);
    char operation[32], path[4096];
    size_t batch;
    double seconds;
    while (scanf("%31s %zu %lf %4095s", operation, &batch, &seconds, path) == 4) {
        measure(run, prepare, operation, batch, seconds, path);
        fflush(stdout);
    }
}
