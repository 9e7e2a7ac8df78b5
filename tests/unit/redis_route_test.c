/*
 * Claims: an answer of troth_route is taken apart as schemas/redis.md has it, whatever bytes a name
 * holds; anything else is no answer, and leaves what it should go into untouched. What the function
 * answers is held by tests/system/route.
 */
#include "tests/support/test.h"

#include <string.h>

#include "ops/redis/route.h"

#define AGENT(name)                                                                                \
    "*9\r\n" name "$3\r\n950\r\n$6\r\nnarrow\r\n$4\r\n0.25\r\n$12\r\nrefund,quote\r\n$2\r\n-1\r\n" \
    "$16\r\n1790000000000001\r\n$16\r\n1790000000000002\r\n$1\r\n1\r\n"

#define COUNTS                                                                                     \
    "*14\r\n$6\r\nlisted\r\n:7\r\n$5\r\nreads\r\n:6\r\n$8\r\nunproven\r\n:1\r\n$7\r\nexpired\r\n"  \
    ":2\r\n$5\r\nunfit\r\n:3\r\n$9\r\nheld_back\r\n:4\r\n$9\r\nexploring\r\n:1\r\n"

static redisReply *reply_of(const char *bytes, size_t length)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    assert_int_equal(redisReaderFeed(reader, bytes, length), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static void an_answer_is_taken_apart(void **state)
{
    (void)state;
    static const char bytes[] =
        "*2\r\n*2\r\n" AGENT("$5\r\na:\n\xff{\r\n") AGENT("$1\r\nb\r\n") COUNTS;
    struct troth_route_answer answer = {0};
    assert_int_equal(troth_route_answer_take(reply_of(bytes, sizeof bytes - 1), &answer), TROTH_OK);
    assert_int_equal(answer.count, 2);
    const struct troth_route_agent *agent = &answer.agents[0];
    assert_int_equal(agent->agent.length, 5);
    assert_memory_equal(agent->agent.data, "a:\n\xff{", 5);
    assert_memory_equal(answer.agents[1].agent.data, "b", 2);
    assert_int_equal(agent->score, 950);
    assert_memory_equal(agent->rung.data, "narrow", 7);
    assert_true(agent->traffic == 0.25);
    assert_int_equal(agent->capabilities.length, 12);
    assert_int_equal(agent->max_cost_micros, -1);
    assert_true(agent->good_until_us == 1790000000000001 &&
                agent->offer_until_us == 1790000000000002);
    assert_true(agent->guarded && answer.exploring);
    assert_int_equal(answer.listed, 7);
    assert_int_equal(answer.reads, 6);
    assert_int_equal(answer.unproven, 1);
    assert_int_equal(answer.expired, 2);
    assert_int_equal(answer.unfit, 3);
    assert_int_equal(answer.held_back, 4);
    troth_route_answer_free(&answer);
    static const char nobody[] = "*2\r\n*0\r\n" COUNTS;
    assert_int_equal(troth_route_answer_take(reply_of(nobody, sizeof nobody - 1), &answer),
                     TROTH_OK);
    assert_int_equal(answer.count, 0);
    troth_route_answer_free(&answer);
}

static void anything_else_is_no_answer(void **state)
{
    (void)state;
    static const char *const others[] = {
        "+OK\r\n",
        "$-1\r\n",
        "*0\r\n",
        "*1\r\n*0\r\n",
        "*2\r\n*0\r\n:1\r\n",
        "*2\r\n:1\r\n" COUNTS,
        "*2\r\n*1\r\n*0\r\n" COUNTS,
        "*2\r\n*1\r\n$1\r\na\r\n" COUNTS,
        "*2\r\n*1\r\n*1\r\n$1\r\na\r\n" COUNTS,
        "*2\r\n*2\r\n" AGENT("$1\r\na\r\n") AGENT(":1\r\n") COUNTS,
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct troth_route_answer answer;
        struct troth_route_answer before;
        memset(&answer, 0x5a, sizeof answer);
        memset(&before, 0x5a, sizeof before);
        redisReply *reply = reply_of(others[i], strlen(others[i]));
        assert_int_equal(troth_route_answer_take(reply, &answer), TROTH_INVALID);
        assert_memory_equal(&answer, &before, sizeof answer);
        freeReplyObject(reply);
    }
    /* One more than can be asked for. */
    static char many[65 * 160 + 256];
    size_t length = (size_t)snprintf(many, sizeof many, "*2\r\n*65\r\n");
    for (unsigned i = 0; i <= TROTH_ROUTE_COUNT_MAX; i++) {
        length += (size_t)snprintf(many + length, sizeof many - length, "%s", AGENT("$1\r\na\r\n"));
    }
    length += (size_t)snprintf(many + length, sizeof many - length, "%s", COUNTS);
    assert_true(length < sizeof many);
    struct troth_route_answer answer;
    redisReply *reply = reply_of(many, length);
    assert_int_equal(troth_route_answer_take(reply, &answer), TROTH_INVALID);
    freeReplyObject(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_taken_apart),
        cmocka_unit_test(anything_else_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
