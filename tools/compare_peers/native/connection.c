#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

// Stays in the second-level cache, and is many times what a parser wants in one piece.
#define IN_BYTES (256 << 10)

void *allocate(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory) fail("no memory for %zu bytes", bytes);
    return memory;
}

static void send_all(int socket, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        const ssize_t sent = send(socket, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) fail("the server does not take a request: %s", strerror(errno));
        bytes += sent;
        count -= (size_t)sent;
    }
}

static void receive_all(int socket, uint8_t *bytes, size_t count) {
    while (count > 0) {
        const ssize_t received = recv(socket, bytes, count, 0);
        if (received <= 0) fail("the server closed the connection");
        bytes += received;
        count -= (size_t)received;
    }
}

// Hello and Welcome, then openTable, whose reply carries the table's number.
static void greet(int socket, const char *table) {
    uint8_t hello[24] = {'T', 'C', 'L', 'I', 'N', 'E', '\r', '\n', 1, 0, 1, 0, thermocline_shares ? 4 | 16 : 4};
    uint8_t welcome[40], header[16] = {0};
    send_all(socket, hello, sizeof hello);
    receive_all(socket, welcome, sizeof welcome);
    if (memcmp(welcome, hello, 8) != 0 || welcome[8] != 1 || welcome[10] || welcome[11])
        fail("the server refused the connection");
    const size_t name_bytes = strlen(table);
    header[0] = (uint8_t)(2 + name_bytes);
    header[8] = 0x03;
    const uint8_t length[2] = {(uint8_t)name_bytes, 0};
    send_all(socket, header, sizeof header);
    send_all(socket, length, sizeof length);
    send_all(socket, (const uint8_t *)table, name_bytes);
    receive_all(socket, header, sizeof header);
    uint8_t schema[120];
    if (header[10] || header[11] || header[0] != sizeof schema) fail("the server has no table %s", table);
    memcpy(&thermocline_table, header + 12, 4);
    receive_all(socket, schema, sizeof schema);
}

// Asks for memory that rows are placed in, and maps it: a file that the server's process has open.
static uint8_t *share(int socket, size_t *bytes) {
    struct { uint32_t body, request; uint8_t operation, options; uint16_t status; uint32_t table; } header = {
        .body = 8, .operation = 0x06};
    struct { uint64_t bytes, inode; uint32_t descriptor, zero; } memory;
    struct { int process, user, group; } peer;
    const uint64_t wanted = *bytes;
    send_all(socket, (const uint8_t *)&header, sizeof header);
    send_all(socket, (const uint8_t *)&wanted, sizeof wanted);
    receive_all(socket, (uint8_t *)&header, sizeof header);
    if (header.status || header.body != sizeof memory) fail("the server shares no memory: error %u", header.status);
    receive_all(socket, (uint8_t *)&memory, sizeof memory);
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) fail("whose socket is it?");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%u", peer.process, memory.descriptor);
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0 || status.st_ino != memory.inode ||
        (uint64_t)status.st_size != memory.bytes || memory.bytes < *bytes)
        fail("%s is not what is shared", path);
    *bytes = memory.bytes;
    uint8_t *start = mmap(NULL, *bytes, PROT_READ, MAP_SHARED, file, 0);
    if (start == MAP_FAILED) fail("%s cannot be mapped", path);
    close(file);
    return start;
}

// Each reply's rows begin on a line of the cache, as the server wants it.
static size_t output_bytes(const protocol *protocol, size_t rows_bytes, size_t count) {
    const size_t bytes = rows_bytes + (protocol->beside_rows ? protocol->beside_rows(count) : 0);
    return (bytes + 63) / 64 * 64;
}

connection connect_to(const protocol *protocol, const char *path, const char *table, size_t depth, size_t count,
                      size_t value_bytes) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) fail("the path of a socket is too long: %s", path);
    strcpy(address.sun_path, path);
    const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0)
        fail("%s: %s", path, strerror(errno));
    const size_t each = output_bytes(protocol, count * value_bytes, count);
    size_t shared_bytes = 0;
    uint8_t *outputs = NULL;
    if (protocol == &thermocline_protocol) {
        greet(descriptor, table);
        if (thermocline_shares) {
            shared_bytes = depth * each;
            outputs = share(descriptor, &shared_bytes);
        }
    }
    return (connection){
        .protocol = protocol,
        .socket = descriptor,
        .reply = {.count = count,
                  .value_bytes = value_bytes,
                  .output_bytes = each,
                  .outputs = outputs ? outputs : allocate(depth * each),
                  .requests = (uint32_t)depth},
        .kinds = allocate(depth * sizeof(request_kind)),
        .sent = allocate(depth * sizeof(uint32_t)),
        .depth = depth,
        .out = allocate(depth * sizeof(struct iovec)),
        .in = allocate(IN_BYTES),
        .shared_bytes = shared_bytes,
    };
}

void send_request(connection *connection, uint32_t request, request_kind kind, uint8_t *bytes, size_t count) {
    if (connection->protocol->names_requests) memcpy(bytes + 4, &request, sizeof request);
    if (kind == READ && connection->protocol->place_rows)
        connection->protocol->place_rows(bytes, request * connection->reply.output_bytes);
    connection->kinds[request] = kind;
    connection->sent[(connection->sent_first + connection->sent_count++) % connection->depth] = request;
    connection->out[(connection->out_first + connection->out_count++) % connection->depth] =
        (struct iovec){.iov_base = bytes, .iov_len = count};
}

// Sends as much as goes without waiting.
static void flush_requests(connection *connection) {
    while (connection->out_count > 0) {
        // Up to the ring's end in one call.
        size_t pieces = connection->depth - connection->out_first;
        if (pieces > connection->out_count) pieces = connection->out_count;
        struct msghdr message = {.msg_iov = connection->out + connection->out_first, .msg_iovlen = pieces};
        ssize_t sent = sendmsg(connection->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return;
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) fail("the server does not take a request: %s", strerror(errno));
        while (sent > 0) {
            struct iovec *piece = connection->out + connection->out_first;
            const size_t taken = (size_t)sent < piece->iov_len ? (size_t)sent : piece->iov_len;
            piece->iov_base = (uint8_t *)piece->iov_base + taken;
            piece->iov_len -= taken;
            sent -= (ssize_t)taken;
            if (piece->iov_len > 0) break;
            connection->out_first = (connection->out_first + 1) % connection->depth;
            connection->out_count--;
        }
    }
}

// Waits for bytes, and sends meanwhile what the server takes.
static void receive(connection *connection) {
    if (connection->in_first > 0) {
        memmove(connection->in, connection->in + connection->in_first, connection->in_end - connection->in_first);
        connection->in_end -= connection->in_first;
        connection->in_first = 0;
    }
    for (;;) {
        flush_requests(connection);
        const int flags = connection->out_count > 0 ? MSG_DONTWAIT : 0;
        const ssize_t received =
            recv(connection->socket, connection->in + connection->in_end, IN_BYTES - connection->in_end, flags);
        if (received > 0) {
            connection->in_end += (size_t)received;
            return;
        }
        if (received == 0) fail("the server closed the connection");
        if (errno == EAGAIN) {
            struct pollfd wait = {.fd = connection->socket, .events = POLLIN | POLLOUT};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            fail("nothing more comes from the server: %s", strerror(errno));
        }
    }
}

uint32_t await_reply(connection *connection) {
    reply *reply = &connection->reply;
    for (;;) {
        if (connection->in_end > connection->in_first) {
            if (!connection->in_reply) {
                const uint32_t next = connection->sent[connection->sent_first];
                begin_reply(reply, connection->kinds[next], next);
                connection->in_reply = true;
            }
            connection->in_first += connection->protocol->advance(
                reply, connection->in + connection->in_first, connection->in_end - connection->in_first);
            if (reply->error) fail("%s", reply->error);
            if (reply->done) {
                connection->in_reply = false;
                connection->sent_first = (connection->sent_first + 1) % connection->depth;
                connection->sent_count--;
                return reply->request;
            }
        }
        receive(connection);
    }
}

void close_connection(connection *connection) {
    close(connection->socket);
    if (connection->shared_bytes) munmap(connection->reply.outputs, connection->shared_bytes);
    else free(connection->reply.outputs);
    free(connection->kinds);
    free(connection->sent);
    free(connection->out);
    free(connection->in);
}
