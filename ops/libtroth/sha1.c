#include "ops/libtroth/sha1.h"

#include <string.h>

enum { BLOCK = 64, LENGTH_AT = 56 /* where a last block holds the length in bits */ };

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

/* Takes one block in. The names are those of FIPS 180-4, section 6.1.2. */
static void compress(uint32_t hash[5], const unsigned char block[BLOCK])
{
    uint32_t w[80];
    for (unsigned t = 0; t < 16; t++) {
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
               (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    }
    for (unsigned t = 16; t < 80; t++) {
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
    uint32_t a = hash[0];
    uint32_t b = hash[1];
    uint32_t c = hash[2];
    uint32_t d = hash[3];
    uint32_t e = hash[4];
    for (unsigned t = 0; t < 80; t++) {
        uint32_t f = b ^ c ^ d;
        uint32_t k = t < 40 ? 0x6ed9eba1U : 0xca62c1d6U;
        if (t < 20) {
            f = (b & c) | (~b & d);
            k = 0x5a827999U;
        } else if (t >= 40 && t < 60) {
            f = (b & c) | (b & d) | (c & d);
            k = 0x8f1bbcdcU;
        }
        const uint32_t next = rotate(a, 5) + f + e + k + w[t];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

uint32_t troth_sha1_first(const char *data, size_t length)
{
    uint32_t hash[5] = {0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U};
    const size_t whole = length / BLOCK * BLOCK;
    for (size_t at = 0; at < whole; at += BLOCK) {
        compress(hash, (const unsigned char *)data + at);
    }
    unsigned char last[2 * BLOCK] = {0};
    const size_t rest = length - whole;
    if (rest > 0) {
        memcpy(last, data + whole, rest);
    }
    last[rest] = 0x80;
    const size_t end = rest < LENGTH_AT ? BLOCK : 2 * BLOCK;
    const uint64_t bits = (uint64_t)length * 8;
    for (unsigned i = 0; i < 8; i++) {
        last[end - 1 - i] = (unsigned char)(bits >> (8 * i));
    }
    for (size_t at = 0; at < end; at += BLOCK) {
        compress(hash, last + at);
    }
    return hash[0];
}
