/*
 * Claims: what ops/resp writes is what Redis reads: hiredis's own reader, as oracle, gives back
 * every argument, for any count of arguments and any bytes; numbers read back as they were,
 * decimals to a billionth; the buffer never passes its limit, and a rollback leaves whole commands
 * alone.
 */
#include "tests/support/test.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ops/redis/resp.h"

enum { ARGUMENTS_MAX = 1200, ARGUMENT_LENGTH_MAX = 300, LIMIT = 1 << 20 };

static const int64_t integers[] = {0,  1,  -1, 9,         10,        -10,
                                   99, 12, 42, INT64_MAX, INT64_MIN, INT64_MIN + 1};

/* Reads all commands written. Returns them one by one; the caller frees. */
static redisReader *reader_of(const struct troth_resp *resp)
{
    redisReader *reader = redisReaderCreate();
    assert_non_null(reader);
    reader->maxbuf = 0;
    assert_int_equal(redisReaderFeed(reader, resp->data, resp->length), REDIS_OK);
    return reader;
}

static redisReply *next_command(redisReader *reader)
{
    void *command = NULL;
    assert_int_equal(redisReaderGetReply(reader, &command), REDIS_OK);
    return command;
}

static void assert_argument(const redisReply *command, size_t i, const char *data, size_t length)
{
    assert_true(i < command->elements);
    assert_int_equal(command->element[i]->type, REDIS_REPLY_STRING);
    assert_int_equal(command->element[i]->len, length);
    assert_memory_equal(command->element[i]->str, data, length);
}

static void a_command_has_the_bytes_of_the_protocol(void **state)
{
    (void)state;
    struct troth_resp resp;
    troth_resp_init(&resp, LIMIT);
    troth_resp_begin(&resp, "HSET");
    const struct troth_text parts[] = {troth_text_of("t"), troth_text_of(":"), {0}};
    troth_resp_joined(&resp, parts, 3);
    troth_resp_bytes(&resp, "a\0\r\n", 4);
    troth_resp_integer(&resp, -7);
    troth_resp_end(&resp);
    static const char expected[] = "*4\r\n$4\r\nHSET\r\n$2\r\nt:\r\n$4\r\na\0\r\n\r\n$2\r\n-7\r\n";
    assert_int_equal(resp.length, sizeof expected - 1);
    assert_memory_equal(resp.data, expected, sizeof expected - 1);
    assert_int_equal(resp.commands, 1);
    troth_resp_fini(&resp);
}

static void any_count_of_any_bytes_reads_back(void **state)
{
    (void)state;
    uint64_t random = random_seed("any_count_of_any_bytes_reads_back");
    static const unsigned counts[] = {1, 2, 8, 9, 10, 11, 98, 99, 100, 101, 998, 999, 1000, 1001};
    static char bytes[ARGUMENTS_MAX][ARGUMENT_LENGTH_MAX];
    static size_t lengths[ARGUMENTS_MAX];
    for (unsigned round = 0; round < 4 * sizeof counts / sizeof counts[0]; round++) {
        const unsigned count = counts[round % (sizeof counts / sizeof counts[0])];
        struct troth_resp resp;
        troth_resp_init(&resp, LIMIT);
        troth_resp_begin(&resp, "PING"); /* one before, which must not be touched */
        troth_resp_end(&resp);
        troth_resp_begin(&resp, "X");
        for (unsigned i = 1; i < count; i++) {
            lengths[i] = random_below(&random, ARGUMENT_LENGTH_MAX);
            for (size_t b = 0; b < lengths[i]; b++) {
                bytes[i][b] = (char)random_below(&random, 256);
            }
            troth_resp_bytes(&resp, bytes[i], lengths[i]);
        }
        troth_resp_end(&resp);
        assert_false(resp.full);
        redisReader *reader = reader_of(&resp);
        redisReply *first = next_command(reader);
        redisReply *second = next_command(reader);
        assert_argument(first, 0, "PING", 4);
        assert_int_equal(second->elements, count);
        for (unsigned i = 1; i < count; i++) {
            assert_argument(second, i, bytes[i], lengths[i]);
        }
        freeReplyObject(first);
        freeReplyObject(second);
        redisReaderFree(reader);
        troth_resp_fini(&resp);
    }
}

static void integers_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        struct troth_resp resp;
        char expected[32];
        snprintf(expected, sizeof expected, "%" PRId64, integers[i]);
        troth_resp_init(&resp, LIMIT);
        troth_resp_begin(&resp, "X");
        troth_resp_integer(&resp, integers[i]);
        troth_resp_end(&resp);
        redisReader *reader = reader_of(&resp);
        redisReply *command = next_command(reader);
        assert_argument(command, 1, expected, strlen(expected));
        freeReplyObject(command);
        redisReaderFree(reader);
        troth_resp_fini(&resp);
    }
}

static void decimals_are_short_and_right_to_a_billionth(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},         {1, "1"},
                 {0.5, "0.5"},     {0.95, "0.95"},
                 {-0.25, "-0.25"}, {1e-9, "0.000000001"},
                 {4e-10, "0"},     {0.999999999, "0.999999999"},
                 {12.5, "12.5"},   {5e10, "50000000000"}};
    char text[TROTH_DECIMAL_LENGTH_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(troth_decimal_format(cases[i].value, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
    uint64_t random = random_seed("decimals_are_short_and_right_to_a_billionth");
    for (unsigned i = 0; i < 100000; i++) {
        const double value = (double)random_below(&random, 1000000001) / 1e9;
        const size_t length = troth_decimal_format(value, text);
        assert_true(length <= 11);
        if (fabs(strtod(text, NULL) - value) > 1e-12) {
            fail_msg("%.17g is written %s", value, text);
        }
    }
}

static void write_three(struct troth_resp *resp)
{
    troth_resp_begin(resp, "SET");
    troth_resp_string(resp, "key");
    troth_resp_integer(resp, 123);
    troth_resp_end(resp);
}

static void the_limit_holds_on_both_sides(void **state)
{
    (void)state;
    struct troth_resp resp;
    troth_resp_init(&resp, LIMIT);
    write_three(&resp);
    const size_t one = resp.length;
    troth_resp_fini(&resp);
    /* Room is asked for with a few bytes to spare, so near the limit it may be refused early, but
     * it must come, and never pass. */
    bool fitted = false;
    for (size_t limit = 1; limit < 4 * one; limit++) {
        troth_resp_init(&resp, limit);
        for (unsigned i = 0; i < 4; i++) {
            const struct troth_resp_mark mark = troth_resp_mark(&resp);
            write_three(&resp);
            assert_true(resp.length <= limit);
            assert_true(resp.capacity <= limit);
            if (resp.full) {
                troth_resp_rollback(&resp, mark);
                assert_false(resp.full);
            }
            assert_int_equal(resp.length, resp.commands * one);
        }
        fitted = fitted || resp.commands == 3;
        assert_true(resp.commands < 4);
        troth_resp_fini(&resp);
    }
    assert_true(fitted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_has_the_bytes_of_the_protocol),
        cmocka_unit_test(any_count_of_any_bytes_reads_back),
        cmocka_unit_test(integers_read_back),
        cmocka_unit_test(decimals_are_short_and_right_to_a_billionth),
        cmocka_unit_test(the_limit_holds_on_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
