// How a batch of rows is asked for and written in each server's protocol, and how the replies are read.
//
// Requests are encoded before the clock runs, and replies are read with no more work than it takes to put the rows, in
// the order of the ids, into one array: a faster client of these servers is hard to think of.
#ifndef COMPARE_PROTOCOL_H
#define COMPARE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { READ, WRITE } request_kind;

// Where the values of a write lie: the first at `first`, the others `stride` apart. Reads have `bytes` only.
typedef struct {
    size_t bytes, first, stride;
} layout;

// One reply, read as its bytes come.
typedef struct {
    // Set before the first byte, except where the reply itself says which request it answers.
    request_kind kind;
    uint32_t request;
    // Set once: rows of a batch, bytes of a value, and where request r's rows go: outputs + r * output_bytes.
    size_t count, value_bytes, output_bytes;
    uint8_t *outputs;
    uint32_t requests; // at most so many are under way: numbers 0 ..< requests
    // How far it has been read; zeros at the start of a reply.
    int stage;
    size_t values;
    bool done;
    bool busy;   // nothing was done: to be asked again in a moment
    size_t left; // of such an answer, what explains it
    const char *error; // what makes it no reply that we can use
} reply;

typedef struct {
    const char *name;
    bool steps;          // the server takes optimizer steps: a push is a write of gradients
    bool names_requests; // replies say what they answer and may come in any order
    // Bytes that a reply has besides the rows; nil for none.
    size_t (*beside_rows)(size_t count);
    // Says in a read where the rows go in shared memory; nil where there is none.
    void (*place_rows)(uint8_t *at, uint64_t place);
    layout (*read_layout)(size_t count);
    void (*encode_read)(uint8_t *at, const uint64_t *ids, size_t count);
    layout (*write_layout)(size_t count, size_t value_bytes);
    // All but the values.
    void (*encode_write)(uint8_t *at, const uint64_t *ids, size_t count, size_t value_bytes);
    // Takes as many bytes as it can use and says how many; the others are to come again, with more behind them.
    size_t (*advance)(reply *reply, const uint8_t *bytes, size_t have);
} protocol;

extern const protocol resp_protocol, memcached_protocol, thermocline_protocol;

// For a connection of this server: the table's number, and whether writes replace rows (to fill) or are gradients.
extern uint32_t thermocline_table;
extern bool thermocline_assigns;
// Whether it places rows in memory that this process shares: in the array where they are to be.
extern bool thermocline_shares;

static inline void begin_reply(reply *reply, request_kind kind, uint32_t request) {
    reply->kind = kind;
    reply->request = request;
    reply->stage = 0;
    reply->values = 0;
    reply->done = false;
    reply->busy = false;
}

static inline uint8_t *output_of(const reply *reply) { return reply->outputs + reply->request * reply->output_bytes; }

#endif
