// Redis: MGET and MSET, with ids as keys of 8 bytes.
#include "protocol.h"

#include <stdio.h>
#include <string.h>

#define KEY_BYTES 14 // "$8\r\n", the id, "\r\n"

static size_t digits(size_t number) {
    size_t count = 1;
    while (number >= 10) number /= 10, count++;
    return count;
}

// "*N\r\n$4\r\nMGET\r\n"
static size_t head_bytes(size_t arguments) { return 1 + digits(arguments) + 2 + 10; }

static uint8_t *encode_head(uint8_t *at, size_t arguments, const char *command) {
    char head[48];
    const int bytes = snprintf(head, sizeof head, "*%zu\r\n$4\r\n%s\r\n", arguments, command);
    memcpy(at, head, (size_t)bytes);
    return at + bytes;
}

static uint8_t *encode_key(uint8_t *at, uint64_t id) {
    memcpy(at, "$8\r\n", 4);
    memcpy(at + 4, &id, 8);
    memcpy(at + 12, "\r\n", 2);
    return at + KEY_BYTES;
}

static layout read_layout(size_t count) { return (layout){.bytes = head_bytes(count + 1) + count * KEY_BYTES}; }

static void encode_read(uint8_t *at, const uint64_t *ids, size_t count) {
    at = encode_head(at, count + 1, "MGET");
    for (size_t i = 0; i < count; i++) at = encode_key(at, ids[i]);
}

static layout write_layout(size_t count, size_t value_bytes) {
    const size_t head = head_bytes(2 * count + 1), before = 1 + digits(value_bytes) + 2;
    const size_t stride = KEY_BYTES + before + value_bytes + 2;
    return (layout){.bytes = head + count * stride, .first = head + KEY_BYTES + before, .stride = stride};
}

static void encode_write(uint8_t *at, const uint64_t *ids, size_t count, size_t value_bytes) {
    char before[24];
    const size_t before_bytes = (size_t)snprintf(before, sizeof before, "$%zu\r\n", value_bytes);
    at = encode_head(at, 2 * count + 1, "MSET");
    for (size_t i = 0; i < count; i++) {
        at = encode_key(at, ids[i]);
        memcpy(at, before, before_bytes);
        at += before_bytes + value_bytes;
        memcpy(at, "\r\n", 2);
        at += 2;
    }
}

// A line's number, after its first byte; `*used` is 0 if the line has not come whole.
static size_t line_number(reply *reply, char first, const uint8_t *bytes, size_t have, size_t *used) {
    *used = 0;
    if (have > 0 && bytes[0] != (uint8_t)first) {
        reply->error = bytes[0] == '-' ? "Redis answered with an error" : "not the reply of a Redis server";
        return 0;
    }
    size_t number = 0;
    for (size_t at = 1; at < have; at++) {
        if (bytes[at] == '\r') {
            if (at + 1 == have) return 0;
            if (bytes[at + 1] != '\n' || at == 1) reply->error = "a line of Redis that does not end";
            *used = at + 2;
            return number;
        }
        if (bytes[at] == '-') {
            reply->error = "a key is missing in Redis";
            return 0;
        }
        if (bytes[at] < '0' || bytes[at] > '9' || at > 18) {
            reply->error = "not a number in a reply of Redis";
            return 0;
        }
        number = number * 10 + (bytes[at] - '0');
    }
    return 0;
}

static size_t advance(reply *reply, const uint8_t *bytes, size_t have) {
    size_t used;
    if (reply->kind == WRITE) {
        if (have > 0 && bytes[0] != '+') reply->error = "Redis refused an MSET";
        if (have < 5 || reply->error) return 0;
        if (memcmp(bytes, "+OK\r\n", 5) != 0) reply->error = "not the reply of MSET";
        reply->done = true;
        return 5;
    }
    size_t at = 0;
    if (reply->stage == 0) {
        const size_t count = line_number(reply, '*', bytes, have, &used);
        if (used == 0 || reply->error) return 0;
        if (count != reply->count) {
            reply->error = "Redis answered with another number of rows";
            return 0;
        }
        at = used;
        reply->stage = 1;
    }
    uint8_t *output = output_of(reply);
    while (reply->values < reply->count) {
        const size_t bytes_of_value = line_number(reply, '$', bytes + at, have - at, &used);
        if (used == 0 || reply->error) return at;
        if (bytes_of_value != reply->value_bytes) {
            reply->error = "a row of another length in Redis";
            return at;
        }
        if (have - at - used < bytes_of_value + 2) return at;
        memcpy(output + reply->values * bytes_of_value, bytes + at + used, bytes_of_value);
        at += used + bytes_of_value + 2;
        reply->values++;
    }
    reply->done = true;
    return at;
}

const protocol resp_protocol = {
    .name = "redis",
    .read_layout = read_layout,
    .encode_read = encode_read,
    .write_layout = write_layout,
    .encode_write = encode_write,
    .advance = advance,
};
