// This server: pull, and push or assign. Sources/EmbeddingWire/Protocol.md describes every byte.
//
// With shared memory a pull says where its rows go, in bytes from the start of that memory, and the reply is its header alone.
#include "protocol.h"

#include <stdio.h>
#include <string.h>

#define HEADER_BYTES 16
#define OVERLOADED 12
#define PLACED 0x20 // an option
enum { PULL = 0x10, PUSH = 0x11, ASSIGN = 0x12 };

uint32_t thermocline_table;
bool thermocline_assigns, thermocline_shares;

static void encode_header(uint8_t *at, size_t body_bytes, uint8_t operation) {
    const uint32_t body = (uint32_t)body_bytes;
    memset(at, 0, HEADER_BYTES); // request id (set when it is sent), float32, no creation
    memcpy(at, &body, 4);
    at[8] = operation;
    memcpy(at + 12, &thermocline_table, 4);
}

static size_t place_bytes(void) { return thermocline_shares ? 8 : 0; }

static layout read_layout(size_t count) { return (layout){.bytes = HEADER_BYTES + place_bytes() + 8 * count}; }

static void encode_read(uint8_t *at, const uint64_t *ids, size_t count) {
    encode_header(at, place_bytes() + 8 * count, PULL);
    if (thermocline_shares) at[9] = PLACED;
    memcpy(at + HEADER_BYTES + place_bytes(), ids, 8 * count);
}

static void place_rows(uint8_t *at, uint64_t place) {
    if (thermocline_shares) memcpy(at + HEADER_BYTES, &place, sizeof place);
}

// A pull without `create` answers with the rows and a bit for each, that says whether it is there.
static size_t found_bytes(size_t count) { return (count + 7) / 8; }

static void check_found(reply *reply, const uint8_t *found) {
    for (size_t i = 0; i < reply->count; i++)
        if (!(found[i / 8] >> (i % 8) & 1)) reply->error = "an id is missing in this server";
}

static layout write_layout(size_t count, size_t value_bytes) {
    const size_t first = HEADER_BYTES + 8 + 8 * count;
    return (layout){.bytes = first + count * value_bytes, .first = first, .stride = value_bytes};
}

static void encode_write(uint8_t *at, const uint64_t *ids, size_t count, size_t value_bytes) {
    const uint32_t counts[2] = {(uint32_t)count, (uint32_t)(value_bytes / sizeof(float))};
    encode_header(at, 8 + count * (8 + value_bytes), thermocline_assigns ? ASSIGN : PUSH);
    memcpy(at + HEADER_BYTES, counts, 8);
    memcpy(at + HEADER_BYTES + 8, ids, 8 * count);
}

static size_t advance(reply *reply, const uint8_t *bytes, size_t have) {
    const size_t rows_bytes = reply->count * reply->value_bytes, beside = found_bytes(reply->count);
    size_t at = 0;
    if (reply->stage == 0) {
        if (have < HEADER_BYTES) return 0;
        uint32_t body;
        uint16_t status;
        memcpy(&body, bytes, 4);
        memcpy(&reply->request, bytes + 4, 4);
        memcpy(&status, bytes + 10, 2);
        reply->kind = bytes[8] == PULL ? READ : WRITE;
        if (reply->request >= reply->requests)
            reply->error = "this server answered what was not asked";
        else if (status == OVERLOADED) {
            reply->busy = true;
            reply->left = body;
        } else if (status != 0) {
            static _Thread_local char message[64];
            snprintf(message, sizeof message, "this server answered with error %u", status);
            reply->error = message;
        } else if (body != (reply->kind == READ && !thermocline_shares ? rows_bytes + beside : 0))
            reply->error = "a reply of this server of another length";
        if (reply->error) return 0;
        at = HEADER_BYTES;
        reply->stage = 1;
    }
    if (reply->busy) {
        const size_t taken = reply->left < have - at ? reply->left : have - at;
        reply->left -= taken;
        reply->done = reply->left == 0;
        return at + taken;
    }
    if (reply->kind == READ && thermocline_shares) {
        check_found(reply, output_of(reply) + rows_bytes);
    } else if (reply->kind == READ) {
        size_t bytes_of_rows = rows_bytes - reply->values; // `values` counts bytes here
        if (bytes_of_rows > have - at) bytes_of_rows = have - at;
        memcpy(output_of(reply) + reply->values, bytes + at, bytes_of_rows);
        reply->values += bytes_of_rows;
        at += bytes_of_rows;
        if (reply->values < rows_bytes || have - at < beside) return at;
        check_found(reply, bytes + at);
        at += beside;
    }
    reply->done = true;
    return at;
}

const protocol thermocline_protocol = {
    .name = "thermocline",
    .steps = true,
    .names_requests = true,
    .beside_rows = found_bytes,
    .place_rows = place_rows,
    .read_layout = read_layout,
    .encode_read = encode_read,
    .write_layout = write_layout,
    .encode_write = encode_write,
    .advance = advance,
};
