// What nothing that serves rows can outrun: the gather loop, rows by position out of one array, and the lookup loop,
// rows by id out of the plainest hash table. Shared by the benchmarks and by tools/compare, so that both speak of the
// same limits.
#ifndef THERMOCLINE_CLIMITS_H
#define THERMOCLINE_CLIMITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Copies the rows at `positions`, one after the other, to `output`. Inline, so that a constant `row_floats` makes
// the copy of a row a few instructions.
static inline __attribute__((always_inline)) void limits_gather(const float *rows, size_t row_floats,
                                                                const uint32_t *positions, size_t count,
                                                                float *output) {
    for (size_t at = 0; at < count; at++)
        memcpy(output + at * row_floats, rows + positions[at] * row_floats, row_floats * sizeof(float));
}

// Records of one length, each with its id first and its row at `row_offset`; slots that hold a record's number plus 1,
// or 0, a power of two of them, at least twice as many as records. No locks, shards, frequencies, or tiers.
typedef struct {
    uint8_t *records;
    uint32_t *slots;
    size_t record_bytes, row_offset;
    unsigned slot_bits;
} limits_table;

static inline unsigned limits_slot_bits(size_t count) { return 64 - (unsigned)__builtin_clzll(2 * count - 1); }

static inline __attribute__((always_inline)) size_t limits_home(const limits_table *table, uint64_t id) {
    // Steele, Lea and Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    id = (id ^ (id >> 30)) * 0xBF58476D1CE4E5B9u;
    id = (id ^ (id >> 27)) * 0x94D049BB133111EBu;
    return (size_t)((id ^ (id >> 31)) >> (64 - table->slot_bits));
}

static inline __attribute__((always_inline)) size_t limits_next(const limits_table *table, size_t slot) {
    return (slot + 1) & (((size_t)1 << table->slot_bits) - 1);
}

static inline __attribute__((always_inline)) const uint8_t *limits_record(const limits_table *table, uint32_t slot) {
    return table->records + ((size_t)slot - 1) * table->record_bytes;
}

// Enters record `number`, whose id is in it.
static inline void limits_enter(limits_table *table, size_t number) {
    uint64_t id;
    memcpy(&id, table->records + number * table->record_bytes, sizeof id);
    size_t slot = limits_home(table, id);
    while (table->slots[slot]) slot = limits_next(table, slot);
    table->slots[slot] = (uint32_t)(number + 1);
}

// Copies the rows of `ids`, all of which must be there, one after the other, to `output`. Asks for a slot, and for the
// record that it names, so many ids ahead. Inline for the same reason as the gather loop.
static inline __attribute__((always_inline)) void limits_lookup(const limits_table *table, size_t row_floats,
                                                                const uint64_t *ids, size_t count, float *output) {
    enum { AHEAD = 8 };
    for (size_t at = 0; at < count; at++) {
        if (at + 2 * AHEAD < count) __builtin_prefetch(table->slots + limits_home(table, ids[at + 2 * AHEAD]));
        if (at + AHEAD < count) {
            const uint32_t likely = table->slots[limits_home(table, ids[at + AHEAD])];
            if (likely) {
                __builtin_prefetch(limits_record(table, likely));
                __builtin_prefetch(limits_record(table, likely) + table->record_bytes - 1);
            }
        }
        size_t slot = limits_home(table, ids[at]);
        for (;; slot = limits_next(table, slot)) {
            uint64_t id;
            memcpy(&id, limits_record(table, table->slots[slot]), sizeof id);
            if (id == ids[at]) break;
        }
        memcpy(output + at * row_floats, limits_record(table, table->slots[slot]) + table->row_offset,
               row_floats * sizeof(float));
    }
}

#endif
