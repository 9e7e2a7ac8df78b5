/*
 * Claims: an outbox gives back the records that were put into it, each whole and in order, whatever
 * of key, value and headers is there; what has no room is not put at all; and it is as new after it
 * was cleared.
 */
#include "tests/support/test.h"

#include "consumers/outbox.h"

enum { RECORDS = 64, BYTES = 32, BLOCK = 4096 };

/* Records over bytes that are drawn. */
struct drawn {
    struct troth_log_record record;
    struct troth_log_header headers[TROTH_HEADERS_MAX];
    char bytes[BYTES];
    char name[8];
};

static void draw(uint64_t *random, struct drawn *drawn)
{
    for (size_t i = 0; i < BYTES; i++) {
        drawn->bytes[i] = (char)random_below(random, 256);
    }
    snprintf(drawn->name, sizeof drawn->name, "h%u", (unsigned)random_below(random, 1000));
    const size_t headers = random_below(random, 3) == 0 ? random_below(random, 17) : 0;
    for (size_t i = 0; i < headers; i++) {
        drawn->headers[i] =
            (struct troth_log_header){drawn->name, drawn->bytes, random_below(random, BYTES + 1)};
    }
    drawn->record = (struct troth_log_record){
        .topic = (enum troth_topic)random_below(random, TROTH_TOPIC_COUNT),
        .partition = (int32_t)random_below(random, 8) - 1,
        .timestamp_us = (int64_t)random_below(random, 1000),
        .key = random_below(random, 4) == 0 ? NULL : drawn->bytes,
        .key_length = random_below(random, BYTES + 1),
        .value = random_below(random, 4) == 0 ? NULL : drawn->bytes,
        .value_length = random_below(random, BYTES + 1),
        .headers = drawn->headers,
        .header_count = headers};
}

static void assert_bytes(const char *got, size_t got_length, const char *put, size_t put_length)
{
    assert_int_equal(got == NULL, put == NULL);
    if (put != NULL) {
        assert_int_equal(got_length, put_length);
        assert_memory_equal(got, put, put_length);
    }
}

static void assert_same(const struct troth_log_record *got, const struct troth_log_record *put)
{
    assert_int_equal(got->topic, put->topic);
    assert_int_equal(got->partition, put->partition);
    assert_int_equal(got->timestamp_us, put->timestamp_us);
    assert_bytes(got->key, got->key_length, put->key, put->key_length);
    assert_bytes(got->value, got->value_length, put->value, put->value_length);
    assert_int_equal(got->header_count, put->header_count);
    for (size_t i = 0; i < put->header_count; i++) {
        assert_string_equal(got->headers[i].name, put->headers[i].name);
        assert_bytes(got->headers[i].value, got->headers[i].value_length, put->headers[i].value,
                     put->headers[i].value_length);
    }
}

static void what_is_put_is_read(void **state)
{
    (void)state;
    uint64_t random = random_seed("what_is_put_is_read");
    static struct drawn drawn[RECORDS];
    struct troth_outbox outbox;
    assert_int_equal(troth_outbox_init(&outbox, BLOCK), TROTH_OK);
    unsigned refused = 0;
    for (unsigned round = 0; round < 500; round++) {
        size_t put = 0;
        bool room = true;
        while (put < RECORDS && room) {
            draw(&random, &drawn[put]);
            assert_true(troth_outbox_fits(&outbox, &drawn[put].record));
            const size_t used = outbox.used;
            room = troth_outbox_put(&outbox, &drawn[put].record);
            assert_true(room ? outbox.used > used : outbox.used == used);
            put += room;
            refused += !room;
        }
        struct troth_outbox_record read;
        size_t place = 0;
        for (size_t i = 0; i < put; i++) {
            place = troth_outbox_read(&outbox, place, &read);
            assert_true(place > 0);
            assert_same(&read.record, &drawn[i].record);
        }
        assert_int_equal(troth_outbox_read(&outbox, place, &read), 0);
        troth_outbox_clear(&outbox);
        assert_int_equal(troth_outbox_read(&outbox, 0, &read), 0);
    }
    assert_true(refused > 100);
    troth_outbox_fini(&outbox);
}

/* A record that fills it to the last byte fits, one that is a byte longer never does. */
static void the_last_byte_is_used(void **state)
{
    (void)state;
    static char value[BLOCK];
    struct troth_outbox outbox;
    struct troth_log_record record = {.value = value, .value_length = 0};
    assert_int_equal(troth_outbox_init(&outbox, BLOCK), TROTH_OK);
    assert_true(troth_outbox_put(&outbox, &record));
    record.value_length = BLOCK - outbox.used;
    troth_outbox_clear(&outbox);
    assert_true(troth_outbox_put(&outbox, &record));
    assert_int_equal(outbox.used, BLOCK);
    troth_outbox_clear(&outbox);
    record.value_length++;
    assert_false(troth_outbox_fits(&outbox, &record));
    assert_false(troth_outbox_put(&outbox, &record));
    assert_int_equal(outbox.used, 0);
    troth_outbox_fini(&outbox);
    troth_outbox_fini(&outbox); /* all zero by now */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(the_last_byte_is_used),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
