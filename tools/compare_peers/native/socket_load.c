// Puts a load on a server: threads with a connection each, `depth` requests under way on each of them.
//
// An operation is a read (pull), a step (push), or a read and a step of the same rows (train). A server that takes
// steps gets gradients. Of any other the client reads row and state, steps, and writes them back, which is neither
// atomic nor adds up what an id gets twice in a batch; for such a server push and train are the same.
#include "connection.h"
#include "rows.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define FILL_BATCH 4096
#define WARMUP_SHARE 0.2

static struct {
    const protocol *protocol;
    const char *socket, *table, *mode, *positions_file;
    optimizer rule;
    size_t dim, batch, depth, connections, rows;
    double seconds, tolerance;
} settings = {.table = "rows", .mode = "pull", .dim = 16, .batch = 512, .depth = 1, .connections = 1, .seconds = 1};

// Batches of ids, encoded before the clock runs. A write's values are filled in when they are known.
static struct {
    size_t batches, value_bytes;
    layout read, write;
    uint8_t *reads, *writes;
} requests;

static float *gradients; // of one batch, and of every one
static pthread_barrier_t all_ready;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static size_t value_bytes(void) {
    const bool state = !settings.protocol->steps;
    return sizeof(float) * (settings.dim + (state ? state_floats(settings.rule, settings.dim) : 0));
}

static const uint32_t *map_positions(size_t *count) {
    const int file = open(settings.positions_file, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) fail("%s: cannot be read", settings.positions_file);
    *count = (size_t)status.st_size / sizeof(uint32_t);
    void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (memory == MAP_FAILED) fail("%s: cannot be mapped", settings.positions_file);
    return memory;
}

static void encode_requests(bool reads, bool writes) {
    const protocol *protocol = settings.protocol;
    size_t count;
    const uint32_t *positions = map_positions(&count);
    uint64_t *ids = allocate(settings.batch * sizeof(uint64_t));
    requests.batches = count / settings.batch;
    requests.value_bytes = value_bytes();
    requests.read = protocol->read_layout(settings.batch);
    requests.write = protocol->write_layout(settings.batch, requests.value_bytes);
    if (requests.batches < settings.depth * settings.connections) fail("too few ids for so many requests");
    if (reads) requests.reads = allocate(requests.batches * requests.read.bytes);
    if (writes) requests.writes = allocate(requests.batches * requests.write.bytes);
    for (size_t batch = 0; batch < requests.batches; batch++) {
        for (size_t i = 0; i < settings.batch; i++) ids[i] = id_of(positions[batch * settings.batch + i]);
        if (reads) protocol->encode_read(requests.reads + batch * requests.read.bytes, ids, settings.batch);
        if (!writes) continue;
        uint8_t *write = requests.writes + batch * requests.write.bytes;
        protocol->encode_write(write, ids, settings.batch, requests.value_bytes);
        if (!protocol->steps) continue;
        for (size_t i = 0; i < settings.batch; i++)
            memcpy(write + requests.write.first + i * requests.write.stride, gradients + i * settings.dim,
                   requests.value_bytes);
    }
    free(ids);
}

// A server that is asked for more than it can do at once says so.
static void pause_a_moment(void) { nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); }

static bool writes(void) { return strcmp(settings.mode, "pull") != 0; }

// A push to a server that takes steps is the only operation that reads nothing.
static bool reads(void) { return strcmp(settings.mode, "push") != 0 || !settings.protocol->steps; }

static void send_read(connection *connection, uint32_t request, size_t batch) {
    send_request(connection, request, READ, requests.reads + batch * requests.read.bytes, requests.read.bytes);
}

static void send_write(connection *connection, uint32_t request, size_t batch) {
    uint8_t *write = requests.writes + batch * requests.write.bytes;
    if (!settings.protocol->steps) {
        float *rows = (float *)(connection->reply.outputs + request * connection->reply.output_bytes);
        const size_t floats = requests.value_bytes / sizeof(float);
        for (size_t i = 0; i < settings.batch; i++) {
            step_row(settings.rule, rows + i * floats, gradients + i * settings.dim, settings.dim);
            memcpy(write + requests.write.first + i * requests.write.stride, rows + i * floats,
                   requests.value_bytes);
        }
    }
    send_request(connection, request, WRITE, write, requests.write.bytes);
}

static void begin(connection *connection, uint32_t request, size_t batch) {
    if (reads()) send_read(connection, request, batch);
    else send_write(connection, request, batch);
}

typedef struct {
    size_t number;
    double rows_per_second;
    size_t batches_used;
    pthread_t thread;
} worker;

// From a reply after the warm-up to the first one when the time is over, so that the pipeline is always full.
static void *run_worker(void *argument) {
    worker *self = argument;
    connection connection = connect_to(settings.protocol, settings.socket, settings.table, settings.depth,
                                       settings.batch, requests.value_bytes);
    size_t *batch_of = allocate(settings.depth * sizeof(size_t));
    pthread_barrier_wait(&all_ready);
    size_t taken = 0;
    const double warm = now() + WARMUP_SHARE * settings.seconds;
    double begun = 0, ended = 0;
    size_t rows = 0, under_way = settings.depth;
    for (uint32_t request = 0; request < settings.depth || under_way > 0;) {
        if (request < settings.depth) { // at first
            batch_of[request] = (taken++ * settings.connections + self->number) % requests.batches;
            begin(&connection, request, batch_of[request]);
            request++;
            continue;
        }
        const uint32_t done = await_reply(&connection);
        if (connection.reply.busy) {
            pause_a_moment();
            begin(&connection, done, batch_of[done]);
            continue;
        }
        if (writes() && connection.kinds[done] == READ) {
            send_write(&connection, done, batch_of[done]);
            continue;
        }
        const double time = now();
        if (begun == 0) {
            if (time >= warm) begun = time;
        } else if (ended == 0) {
            rows += settings.batch;
            if (time >= begun + settings.seconds) ended = time;
        }
        if (ended > 0) {
            under_way--;
            continue;
        }
        batch_of[done] = (taken++ * settings.connections + self->number) % requests.batches;
        begin(&connection, done, batch_of[done]);
    }
    self->rows_per_second = (double)rows / (ended - begun);
    self->batches_used = taken;
    free(batch_of);
    close_connection(&connection);
    return NULL;
}

static void run_load(void) {
    gradients = allocate(settings.batch * settings.dim * sizeof(float));
    for (size_t i = 0; i < settings.batch; i++) fill_row(i + 1, gradients + i * settings.dim, settings.dim);
    // Before any request is encoded, since the table's number is in each.
    connection first = connect_to(settings.protocol, settings.socket, settings.table, 1, 1, 1);
    close_connection(&first);
    encode_requests(reads(), writes());
    worker *workers = allocate(settings.connections * sizeof(worker));
    pthread_barrier_init(&all_ready, NULL, (unsigned)settings.connections);
    for (size_t i = 0; i < settings.connections; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0) fail("no thread");
    }
    double rate = 0;
    size_t batches = 0;
    for (size_t i = 0; i < settings.connections; i++) {
        pthread_join(workers[i].thread, NULL);
        rate += workers[i].rows_per_second;
        batches += workers[i].batches_used;
    }
    printf("{\"rowsPerSecond\": %.1f, \"batches\": %zu}\n", rate, batches);
}

// Writes the rows from `first` on, in batches of `count`: a connection has batches of one length.
static void fill_batches(size_t first, size_t batches, size_t count) {
    if (batches == 0 || count == 0) return;
    const size_t value = value_bytes();
    connection connection = connect_to(settings.protocol, settings.socket, settings.table, 1, count, value);
    const layout write = settings.protocol->write_layout(count, value);
    uint64_t *ids = allocate(count * sizeof(uint64_t));
    uint8_t *request = allocate(write.bytes);
    float *row = allocate(value); // its state stays 0
    for (size_t batch = 0; batch < batches; batch++, first += count) {
        for (size_t i = 0; i < count; i++) ids[i] = id_of(first + i);
        settings.protocol->encode_write(request, ids, count, value);
        for (size_t i = 0; i < count; i++) {
            fill_row(first + i, row, settings.dim);
            memcpy(request + write.first + i * write.stride, row, value);
        }
        for (;;) {
            send_request(&connection, 0, WRITE, request, write.bytes);
            await_reply(&connection);
            if (!connection.reply.busy) break;
            pause_a_moment();
        }
    }
    free(ids);
    free(request);
    free(row);
    close_connection(&connection);
}

static void fill_rows(void) {
    thermocline_assigns = true;
    const size_t whole = settings.rows / FILL_BATCH;
    fill_batches(0, whole, FILL_BATCH);
    fill_batches(whole * FILL_BATCH, 1, settings.rows % FILL_BATCH);
    printf("{\"rows\": %zu}\n", settings.rows);
}

// Reads the rows at the positions and compares them with what they were filled with.
static void check_rows(void) {
    connection connection = connect_to(settings.protocol, settings.socket, settings.table, settings.depth,
                                       settings.batch, value_bytes());
    encode_requests(true, false);
    size_t count;
    const uint32_t *positions = map_positions(&count);
    float *expected = allocate(settings.dim * sizeof(float));
    for (size_t batch = 0; batch < requests.batches; batch++) {
        for (;;) {
            send_read(&connection, 0, batch);
            await_reply(&connection);
            if (!connection.reply.busy) break;
            pause_a_moment();
        }
        for (size_t i = 0; i < settings.batch; i++) {
            const uint32_t position = positions[batch * settings.batch + i];
            const float *row = (const float *)(connection.reply.outputs + i * requests.value_bytes);
            fill_row(position, expected, settings.dim);
            for (size_t at = 0; at < settings.dim; at++)
                if (!(fabsf(row[at] - expected[at]) <= (float)settings.tolerance))
                    fail("row %u has %g where %g was written", position, (double)row[at], (double)expected[at]);
        }
    }
    printf("{\"rows\": %zu}\n", requests.batches * settings.batch);
}

static bool parse(const char *argument) {
    const char *equals = strchr(argument, '=');
    if (!equals) return false;
    const size_t length = (size_t)(equals - argument);
    const char *text = equals + 1;
#define NAMED(name) (length == strlen(name) && strncmp(argument, name, length) == 0)
    if (NAMED("protocol")) {
        const protocol *all[] = {&resp_protocol, &memcached_protocol, &thermocline_protocol};
        for (size_t i = 0; i < 3; i++)
            if (strcmp(all[i]->name, text) == 0) settings.protocol = all[i];
    } else if (NAMED("optimizer")) {
        settings.rule = strcmp(text, "adagrad") == 0           ? ADAGRAD
                        : strcmp(text, "rowwise-adagrad") == 0 ? ROWWISE_ADAGRAD
                                                               : NO_STATE;
    } else if (NAMED("socket")) settings.socket = text;
    else if (NAMED("table")) settings.table = text;
    else if (NAMED("shared")) thermocline_shares = strcmp(text, "1") == 0;
    else if (NAMED("mode")) settings.mode = text;
    else if (NAMED("positions")) settings.positions_file = text;
    else if (NAMED("dim")) settings.dim = strtoul(text, NULL, 10);
    else if (NAMED("batch")) settings.batch = strtoul(text, NULL, 10);
    else if (NAMED("depth")) settings.depth = strtoul(text, NULL, 10);
    else if (NAMED("connections")) settings.connections = strtoul(text, NULL, 10);
    else if (NAMED("rows")) settings.rows = strtoul(text, NULL, 10);
    else if (NAMED("seconds")) settings.seconds = strtod(text, NULL);
    else if (NAMED("tolerance")) settings.tolerance = strtod(text, NULL);
    else return false;
    return true;
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++)
        if (!parse(arguments[i])) fail("not an option: %s", arguments[i]);
    if (!settings.protocol || !settings.socket) fail("protocol= and socket= are needed");
    if (strcmp(settings.mode, "fill") == 0) fill_rows();
    else if (strcmp(settings.mode, "check") == 0) check_rows();
    else if (strcmp(settings.mode, "pull") == 0 || strcmp(settings.mode, "push") == 0 ||
             strcmp(settings.mode, "train") == 0) run_load();
    else fail("not a mode: %s", settings.mode);
}
