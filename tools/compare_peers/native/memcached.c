// memcached: its multi-get, and quiet meta sets with one no-op behind them. Keys are ids in 11 letters and digits.
// Quiet meta gets, shorter multi-gets and the binary protocol took no less of the server's processor time.
#include "protocol.h"

#include <stdio.h>
#include <string.h>

#define KEY_BYTES 11 // 64 bits, 6 a character

static void encode_key(uint8_t *at, uint64_t id) {
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    for (size_t i = 0; i < KEY_BYTES; i++, id >>= 6) at[i] = (uint8_t)letters[id & 63];
}

// "get", " KEY" for each, "\r\n"
static layout read_layout(size_t count) { return (layout){.bytes = 3 + count * (KEY_BYTES + 1) + 2}; }

static void encode_read(uint8_t *at, const uint64_t *ids, size_t count) {
    memcpy(at, "get", 3);
    at += 3;
    for (size_t i = 0; i < count; i++, at += KEY_BYTES + 1) {
        *at = ' ';
        encode_key(at + 1, ids[i]);
    }
    memcpy(at, "\r\n", 2);
}

// "ms KEY BYTES q\r\n", the value, "\r\n" for each, then "mn\r\n"
static size_t set_head(char *head, size_t capacity, size_t value_bytes) {
    return (size_t)snprintf(head, capacity, "ms %*s %zu q\r\n", KEY_BYTES, "", value_bytes);
}

static layout write_layout(size_t count, size_t value_bytes) {
    char head[64];
    const size_t first = set_head(head, sizeof head, value_bytes), stride = first + value_bytes + 2;
    return (layout){.bytes = count * stride + 4, .first = first, .stride = stride};
}

static void encode_write(uint8_t *at, const uint64_t *ids, size_t count, size_t value_bytes) {
    char head[64];
    const size_t head_bytes = set_head(head, sizeof head, value_bytes);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, head, head_bytes);
        encode_key(at + 3, ids[i]);
        at += head_bytes + value_bytes;
        memcpy(at, "\r\n", 2);
        at += 2;
    }
    memcpy(at, "mn\r\n", 4);
}

// "VALUE KEY FLAGS BYTES\r\n", the value, "\r\n" for each, then "END\r\n". Ids that are missing are left out.
static size_t advance(reply *reply, const uint8_t *bytes, size_t have) {
    if (reply->kind == WRITE) {
        const size_t known = have < 4 ? have : 4;
        if (memcmp(bytes, "MN\r\n", known) != 0) reply->error = "memcached refused a set";
        reply->done = have >= 4 && !reply->error;
        return reply->done ? 4 : 0;
    }
    uint8_t *output = output_of(reply);
    char head[64];
    const size_t head_bytes =
        (size_t)snprintf(head, sizeof head, "VALUE %*s 0 %zu\r\n", KEY_BYTES, "", reply->value_bytes);
    const size_t tail = 6 + KEY_BYTES; // where " FLAGS BYTES\r\n" begins
    size_t at = 0;
    while (reply->values < reply->count) {
        const uint8_t *head_of_value = bytes + at;
        const size_t known = have - at < head_bytes ? have - at : head_bytes;
        if (memcmp(head_of_value, head, known < 6 ? known : 6) != 0) {
            reply->error = known >= 3 && memcmp(head_of_value, "END", 3) == 0 ? "a key is missing in memcached"
                                                                              : "not a value of memcached";
            return at;
        }
        if (known > tail && memcmp(head_of_value + tail, head + tail, known - tail) != 0) {
            reply->error = "a row of another length in memcached";
            return at;
        }
        if (have - at < head_bytes + reply->value_bytes + 2) return at;
        memcpy(output + reply->values * reply->value_bytes, head_of_value + head_bytes, reply->value_bytes);
        at += head_bytes + reply->value_bytes + 2;
        reply->values++;
    }
    const size_t known = have - at < 5 ? have - at : 5;
    if (memcmp(bytes + at, "END\r\n", known) != 0) reply->error = "memcached answered with too many rows";
    if (known < 5 || reply->error) return at;
    reply->done = true;
    return at + 5;
}

const protocol memcached_protocol = {
    .name = "memcached",
    .read_layout = read_layout,
    .encode_read = encode_read,
    .write_layout = write_layout,
    .encode_write = encode_write,
    .advance = advance,
};
