// A checksum over long runs of bytes: four interleaved CRC-32C, folded into one.
#include "CKernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define TC_HAS_CRC_INSTRUCTION 1
#define TC_CRC_TARGET __attribute__((target("sse4.2")))
#define TC_CRC_WORD(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
static bool has_crc_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define TC_HAS_CRC_INSTRUCTION 1
#define TC_CRC_TARGET
#define TC_CRC_WORD(crc, word) __crc32cd((crc), (word))
static bool has_crc_instruction(void) { return true; }
#endif

enum { lanes = 4, word_bytes = 8, stripe_bytes = lanes * word_bytes };

static uint64_t load_word(const unsigned char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

// The lanes keep the processor's CRC unit busy, whose results come three cycles after they are asked for. What is left
// of the last stripe goes through the first lane, padded with zeros; the length tells paddings apart.
#define TC_CHECKSUM(name, attributes, crc_word)                                                                        \
    attributes static uint32_t name(const void *address, size_t count) {                                               \
        const unsigned char *bytes = address;                                                                          \
        uint32_t crc[lanes] = {0, 1, 2, 3};                                                                            \
        size_t at = 0;                                                                                                 \
        for (; at + stripe_bytes <= count; at += stripe_bytes) {                                                       \
            crc[0] = crc_word(crc[0], load_word(bytes + at));                                                          \
            crc[1] = crc_word(crc[1], load_word(bytes + at + 8));                                                      \
            crc[2] = crc_word(crc[2], load_word(bytes + at + 16));                                                     \
            crc[3] = crc_word(crc[3], load_word(bytes + at + 24));                                                     \
        }                                                                                                              \
        while (at < count) {                                                                                           \
            unsigned char tail[word_bytes] = {0};                                                                      \
            size_t part = count - at < word_bytes ? count - at : word_bytes;                                           \
            memcpy(tail, bytes + at, part);                                                                            \
            crc[0] = crc_word(crc[0], load_word(tail));                                                                \
            at += part;                                                                                                \
        }                                                                                                              \
        uint32_t folded = crc_word(0xFFFFFFFF, (uint64_t)count);                                                       \
        folded = crc_word(folded, (uint64_t)crc[1] << 32 | crc[0]);                                                    \
        return crc_word(folded, (uint64_t)crc[3] << 32 | crc[2]);                                                      \
    }

// CRC-32C of a word, a byte at a time: reflected, polynomial 0x82F63B78. `table` is made by the constructor below.
static uint32_t table[256];

static uint32_t crc_word_portable(uint32_t crc, uint64_t word) {
    for (int byte = 0; byte < word_bytes; byte++) {
        crc = crc >> 8 ^ table[(crc ^ (uint32_t)word) & 0xFF];
        word >>= 8;
    }
    return crc;
}

TC_CHECKSUM(checksum_portable, , crc_word_portable)
#if TC_HAS_CRC_INSTRUCTION
TC_CHECKSUM(checksum_instruction, TC_CRC_TARGET, TC_CRC_WORD)
#endif

static uint32_t (*checksum)(const void *, size_t) = checksum_portable;

__attribute__((constructor)) static void choose_checksum(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0x82F63B78 & (0u - (crc & 1)));
        table[byte] = crc;
    }
#if TC_HAS_CRC_INSTRUCTION
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    if (has_crc_instruction()) checksum = checksum_instruction;
#endif
}

uint32_t tc_checksum(const void *bytes, size_t count) { return checksum(bytes, count); }
uint32_t tc_checksum_portable(const void *bytes, size_t count) { return checksum_portable(bytes, count); }
