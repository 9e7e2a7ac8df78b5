/*
 * Claim: a key's partition is the one that librdkafka's producers, and Kafka's Java client, choose.
 */
#include "tests/support/test.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#include "consumers/partitioner.h"

static void agrees_with_librdkafka(void **state)
{
    (void)state;
    uint64_t random = random_seed("agrees_with_librdkafka");
    for (int i = 0; i < 200000; i++) {
        char key[140];
        const size_t length = 1 + random_below(&random, 129);
        const int32_t partitions = 1 + (int32_t)random_below(&random, 200);
        for (size_t k = 0; k < length; k++) {
            key[k] = (char)random_below(&random, 256);
        }
        assert_int_equal(
            troth_partition_of(TROTH_PARTITIONER_MURMUR2, key, length, partitions),
            rd_kafka_msg_partitioner_murmur2(NULL, key, length, partitions, NULL, NULL));
        assert_int_equal(
            troth_partition_of(TROTH_PARTITIONER_CRC32, key, length, partitions),
            rd_kafka_msg_partitioner_consistent(NULL, key, length, partitions, NULL, NULL));
        assert_int_equal(troth_partition_of(TROTH_PARTITIONER_FNV1A, key, length, partitions),
                         rd_kafka_msg_partitioner_fnv1a(NULL, key, length, partitions, NULL, NULL));
    }
}

/* From Kafka's own UtilsTest: murmur2 of these, made positive. */
static void agrees_with_java(void **state)
{
    (void)state;
    const struct {
        const char *key;
        int32_t hash;
    } rows[] = {{"21", -973932308},
                {"foobar", -790332482},
                {"a-little-bit-long-string", -985981536},
                {"a-little-bit-longer-string", -1486304829},
                {"abc", 479470107}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(troth_partition_of(TROTH_PARTITIONER_MURMUR2, rows[i].key,
                                            strlen(rows[i].key), INT32_MAX),
                         (rows[i].hash & INT32_MAX) % INT32_MAX);
    }
}

static void names(void **state)
{
    (void)state;
    enum troth_partitioner found = TROTH_PARTITIONER_COUNT;
    assert_true(troth_partitioner_find("murmur2_random", &found));
    assert_int_equal(found, TROTH_PARTITIONER_MURMUR2);
    assert_true(troth_partitioner_find("consistent", &found));
    assert_int_equal(found, TROTH_PARTITIONER_CRC32);
    assert_false(troth_partitioner_find("random", &found));
    assert_false(troth_partitioner_find("", &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_librdkafka),
        cmocka_unit_test(agrees_with_java),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
