#include "consumers/partitioner.h"

#include <string.h>

#include "schemas/assert.h"

#define NAME_OF(NAME, text) text,
static const char *const names[] = {TROTH_PARTITIONERS(NAME_OF)};

/* Austin Appleby's MurmurHash2 (2008) with the seed of Kafka's Java client. */
static uint32_t murmur2(const unsigned char *data, size_t length)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28cU ^ (uint32_t)length;
    size_t i = 0;
    for (; i + 4 <= length; i += 4) {
        uint32_t k = 0;
        memcpy(&k, data + i, sizeof k); /* little-endian, as everywhere we run */
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = h * m ^ k;
    }
    switch (length - i) {
    case 3:
        h ^= (uint32_t)data[i + 2] << 16;
        /* fallthrough */
    case 2:
        h ^= (uint32_t)data[i + 1] << 8;
        /* fallthrough */
    case 1:
        h = (h ^ data[i]) * m;
        break;
    default:
        break;
    }
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

/* IEEE 802.3, reflected; four bits at a step. */
static uint32_t crc32(const unsigned char *data, size_t length)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc = table[(crc ^ data[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ (uint32_t)data[i] >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}

/* Fowler, Noll and Vo, 32 bits, variant 1a. */
static uint32_t fnv1a(const unsigned char *data, size_t length)
{
    uint32_t h = 0x811c9dc5;
    for (size_t i = 0; i < length; i++) {
        h = (h ^ data[i]) * 0x01000193;
    }
    return h;
}

int32_t troth_partition_of(enum troth_partitioner partitioner, const char *key, size_t length,
                           int32_t partitions)
{
    const unsigned char *data = (const unsigned char *)key;
    TROTH_ASSERT(partitions >= 1);
    switch (partitioner) {
    case TROTH_PARTITIONER_MURMUR2:
        return (int32_t)(murmur2(data, length) & INT32_MAX) % partitions;
    case TROTH_PARTITIONER_CRC32:
        return (int32_t)(crc32(data, length) % (uint32_t)partitions);
    default:
        /* Sarama's form, which librdkafka follows: the hash is taken as signed, then made positive.
         */
        {
            const int32_t partition = (int32_t)fnv1a(data, length) % partitions;
            return partition < 0 ? -partition : partition;
        }
    }
}

const char *troth_partitioner_name(enum troth_partitioner partitioner)
{
    return names[partitioner];
}

bool troth_partitioner_find(const char *name, enum troth_partitioner *partitioner)
{
    for (unsigned i = 0; i < TROTH_PARTITIONER_COUNT; i++) {
        const size_t stem = strlen(names[i]) - strlen("_random");
        if (strcmp(name, names[i]) == 0 ||
            (strlen(name) == stem && strncmp(name, names[i], stem) == 0)) {
            *partitioner = (enum troth_partitioner)i;
            return true;
        }
    }
    return false;
}
