// Random numbers without state: a pure function of a stream and a position.
#ifndef THERMOCLINE_RANDOM_H
#define THERMOCLINE_RANDOM_H

#include "lanes.h"

// The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): flips each bit of the result with
// probability close to a half for any flipped bit of the input.
INLINE uint64_t mixed64(uint64_t bits) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

#define GOLDEN_RATIO_64 0x9e3779b97f4a7c15u
#define GOLDEN_RATIO_32 0x9e3779b9u

// Neighbouring streams are row ids or step counts that differ in one bit: they are mixed before any lane uses them.
INLINE uint64_t stream_key(uint64_t stream) { return mixed64(stream + GOLDEN_RATIO_64); }

INLINE uint64_t row_key(uint64_t seed, uint64_t id) { return mixed64(stream_key(seed) + id); }

// 32 random bits for each of the positions from `at` on: Wellons' triple32, a bijection of 32-bit words found by his
// hash-prospector search, whose bias cannot be told from that of a random permutation. The key's lower half chooses where
// the sequence starts; its upper half enters after the first round, so that sequences which start at neighbouring places
// are not shifted copies of each other.
INLINE words random_words(uint64_t key, size_t at) {
    const words lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    words position = lane + (uint32_t)at;
    words bits = position * GOLDEN_RATIO_32 + (uint32_t)key;
    bits = (bits ^ (bits >> 17)) * 0xed5ad4bbu;
    bits ^= (uint32_t)(key >> 32);
    bits = (bits ^ (bits >> 11)) * 0xac4c1b51u;
    bits = (bits ^ (bits >> 15)) * 0x31848babu;
    return bits ^ (bits >> 14);
}

// Uniform in [0, 1), a multiple of 2^-24: every value is exact, and `u < p` holds with probability p to 2^-24.
INLINE floats random_fractions(uint64_t key, size_t at) {
    return __builtin_convertvector((ints)(random_words(key, at) >> 8), floats) * 0x1p-24f;
}

#endif
