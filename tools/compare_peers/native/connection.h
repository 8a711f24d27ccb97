// One connection to a server, with several requests under way.
#ifndef COMPARE_CONNECTION_H
#define COMPARE_CONNECTION_H

#include "fail.h"
#include "protocol.h"

#include <sys/uio.h>

typedef struct {
    const protocol *protocol;
    int socket;
    reply reply;
    // Requests whose replies have not begun, in the order in which they were sent: kinds by request, and a ring.
    request_kind *kinds;
    uint32_t *sent;
    size_t sent_first, sent_count, depth;
    // What is still to be sent, a ring as well.
    struct iovec *out;
    size_t out_first, out_count;
    // What has come and is not used yet.
    uint8_t *in;
    size_t in_first, in_end;
    bool in_reply;
    size_t shared_bytes; // of the memory that `reply.outputs` is in; 0 where it is our own
} connection;

// Connects, and to a server of Thermocline says hello and opens `table`. Ends the process where it cannot.
connection connect_to(const protocol *protocol, const char *path, const char *table, size_t depth, size_t count,
                      size_t value_bytes);
// Sends a request that stays where it is until its reply has come. No two under way have one number.
void send_request(connection *connection, uint32_t request, request_kind kind, uint8_t *bytes, size_t count);
// Waits for a reply to end and returns the number of its request.
uint32_t await_reply(connection *connection);
void close_connection(connection *connection);

void *allocate(size_t bytes);

#endif
