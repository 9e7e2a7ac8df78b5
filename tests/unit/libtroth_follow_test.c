/*
 * Claims: libtroth's local copy follows a real Redis. What an engine writes is seen without asking
 * anew; a narrowing told on the channel is obeyed even before the agent's hash is read again. With
 * Redis away, what was read is given until offer_until and no longer; then a closed question gives
 * nobody and an open one the last known agents, narrowed and marked, for open_for_us; never one
 * last seen at review or pause. With Redis back the truth is back. While Redis is being rebuilt,
 * what is missing is said to be unwritten. Bounds hold and are counted. A router's rights, exactly
 * as they stand in schemas/redis.md, suffice.
 */
#include "tests/support/libtroth.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>

static void what_an_engine_writes_is_seen(void **state)
{
    (void)state;
    ask("FLUSHALL");
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    /* Nothing was ever written: then what is missing may come yet. */
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_REBUILDING);
    struct troth_store *store = open_connected();
    tell_rebuilt(store);
    put(store, 7, TROTH_RUNG_CLEAR, 940);
    settle(store);
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_OK, &agent);
    assert_string_equal(agent.name, "refund-7");
    assert_int_equal(agent.score, 940);
    assert_int_equal(agent.rung, TROTH_CLIENT_CLEAR);
    assert_string_equal(agent.capabilities, "refund,quote");
    assert_false(agent.cached || agent.unverified);
    narrow(store, 7, TROTH_RUNG_PAUSE);
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_NOBODY, &agent);
    put(store, 7, TROTH_RUNG_WARN, 300);
    put(store, AGENTS_MAX, TROTH_RUNG_CLEAR, 980); /* one with a name that tries everything */
    settle(store);
    AWAIT_STATISTICS(client, &statistics,
                     pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent) == TROTH_CLIENT_OK &&
                         strcmp(agent.name, ODD_NAME) == 0);
    narrow(store, AGENTS_MAX, TROTH_RUNG_REVIEW);
    AWAIT_STATISTICS(client, &statistics,
                     pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent) == TROTH_CLIENT_OK &&
                         agent.score == 300);
    assert_true(statistics.live && statistics.narrowings == 2 && statistics.invalidations > 0);
    troth_client_close(client);
    store->close(store);
}

/* The message alone: the hash does not change, so nothing but the message can be the cause. */
static void a_told_narrowing_is_obeyed_before_it_is_read(void **state)
{
    (void)state;
    begin_view();
    const struct agent_row row = clear_agent("a \"b\\");
    pipe_agent(&row);
    pipe_settle();
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
    /* In one transaction, so that the message goes out and no command is answered behind it. */
    pipe_say("MULTI");
    pipe_say("PUBLISH troth:narrowed %s",
             "{\"id\":\"0\",\"agent\":\"a \\\"b\\\\\",\"contract\":\"refunds\"}");
    pipe_say("CLIENT PAUSE 3000 ALL");
    pipe_say("EXEC");
    pipe_settle();
    AWAIT_STATISTICS(client, &statistics, statistics.narrowings == 1);
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_NOBODY, &agent);
    const char name[] = "a \"b\\";
    assert_int_equal(
        troth_client_standing(client, name, sizeof name - 1, TROTH_CLIENT_FAIL_OPEN, &agent),
        TROTH_CLIENT_NOBODY);
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_OK, &agent); /* read again */
    troth_client_close(client);
}

static void write_outage_fleet(void)
{
    begin_view();
    struct agent_row row = clear_agent("clear");
    row.narrow_traffic = "1";
    pipe_agent(&row);
    row = clear_agent("review");
    row.rung = "review";
    row.traffic = "1";
    row.score = "980";
    pipe_agent(&row);
    row = clear_agent("pause");
    row.rung = "pause";
    row.traffic = "1";
    row.score = "980";
    pipe_agent(&row);
    pipe_settle();
}

static void without_redis_what_was_read_holds_until_offer_until(void **state)
{
    (void)state;
    write_outage_fleet();
    struct troth_client_options options = client_options();
    options.open_for_us = 5 * MINUTE_US;
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
    pipe_close();
    stop();
    AWAIT_STATISTICS(client, &statistics, !statistics.live && statistics.losses == 1);
    const int64_t offer_until_us = NOW_US + 20 * MINUTE_US;
    atomic_store(&client_now_us, offer_until_us - 1);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
        assert_true(agent.cached && !agent.unverified);
    }
    assert_int_equal(troth_client_standing(client, "clear", 5, TROTH_CLIENT_FAIL_CLOSED, &agent),
                     TROTH_CLIENT_OK);
    assert_int_equal(agent.rung, TROTH_CLIENT_NARROW); /* past good_until */
    assert_true(agent.max_cost_micros == 500 && agent.cached);
    atomic_store(&client_now_us, offer_until_us);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_UNREACHABLE);
        assert_int_equal(pick(client, TROTH_CLIENT_FAIL_OPEN, &agent), TROTH_CLIENT_OK);
        assert_string_equal(agent.name, "clear");
        assert_int_equal(agent.rung, TROTH_CLIENT_NARROW);
        assert_string_equal(agent.capabilities, "refund");
        assert_true(agent.cached && agent.unverified);
    }
    assert_int_equal(troth_client_standing(client, "clear", 5, TROTH_CLIENT_FAIL_CLOSED, &agent),
                     TROTH_CLIENT_UNREACHABLE);
    assert_int_equal(troth_client_standing(client, "clear", 5, TROTH_CLIENT_FAIL_OPEN, &agent),
                     TROTH_CLIENT_OK);
    assert_int_equal(troth_client_standing(client, "other", 5, TROTH_CLIENT_FAIL_OPEN, &agent),
                     TROTH_CLIENT_UNREACHABLE);
    atomic_store(&client_now_us, offer_until_us + options.open_for_us);
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_OPEN, &agent), TROTH_CLIENT_UNREACHABLE);
    troth_client_statistics(client, &statistics);
    assert_int_equal(statistics.unverified, 201);

    atomic_store(&client_now_us, NOW_US);
    start(NULL, NULL);
    pipe_open();
    begin_view();
    const struct agent_row other = clear_agent("other");
    pipe_agent(&other);
    pipe_settle();
    AWAIT_STATISTICS(client, &statistics,
                     pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent) == TROTH_CLIENT_OK &&
                         strcmp(agent.name, "other") == 0 && !agent.cached);
    assert_int_equal(troth_client_standing(client, "clear", 5, TROTH_CLIENT_FAIL_OPEN, &agent),
                     TROTH_CLIENT_UNPROVEN);
    troth_client_close(client);
}

/* Fail-open is no way around a share: of 10,000 calls a quarter, give or take 2 %. */
static void fail_open_keeps_to_the_narrow_traffic(void **state)
{
    (void)state;
    begin_view();
    struct agent_row row = clear_agent("quarter");
    pipe_agent(&row);
    row = clear_agent("nothing");
    row.narrow_traffic = "0";
    pipe_agent(&row);
    row = clear_agent("elsewhere");
    row.narrow_capabilities = "quote";
    pipe_agent(&row);
    pipe_settle();
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_OPEN, &agent), TROTH_CLIENT_OK);
    pipe_close();
    stop();
    AWAIT_STATISTICS(client, &statistics, !statistics.live);
    atomic_store(&client_now_us, NOW_US + 20 * MINUTE_US);
    unsigned given = 0;
    for (unsigned i = 0; i < 10000; i++) {
        if (pick(client, TROTH_CLIENT_FAIL_OPEN, &agent) == TROTH_CLIENT_OK) {
            assert_string_equal(agent.name, "quarter");
            given++;
        }
    }
    assert_in_range(given, 2300, 2700);
    troth_client_close(client);
    start(NULL, NULL);
    pipe_open();
}

/* ---- what a pick costs ---- */

static _Thread_local unsigned allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    allocations++;
    return __real_realloc(memory, size);
}

/* The kernel ends a child in this mode at its first call but read, write and exit. */
static int picks_without_the_kernel(struct troth_client *client)
{
    const pid_t child = fork();
    if (child == 0) {
        long failed = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        for (unsigned i = 0; i < 10000 && failed == 0; i++) {
            struct troth_client_agent agent;
            failed = pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent) != TROTH_CLIENT_OK;
        }
        syscall(SYS_exit, failed);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}

static void a_pick_allocates_nothing_and_makes_no_system_call(void **state)
{
    (void)state;
    begin_view();
    const struct agent_row row = clear_agent("one");
    pipe_agent(&row);
    pipe_settle();
    const struct troth_client_options options = client_options();
    allocations = 0;
    struct troth_client *client = client_open(&options);
    assert_true(allocations > 0); /* they are counted */
    struct troth_client_agent agent;
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
    allocations = 0;
    for (unsigned i = 0; i < 10000; i++) {
        (void)!pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent);
        (void)!troth_client_standing(client, "one", 3, TROTH_CLIENT_FAIL_CLOSED, &agent);
    }
    assert_int_equal(allocations, 0);
#ifndef TROTH_SANITIZED
    assert_int_equal(picks_without_the_kernel(client), 0);
#else
    (void)picks_without_the_kernel; /* a sanitizer makes calls of its own */
#endif
    troth_client_close(client);
}

/* A Redis that neither answers nor hangs up is as good as away; it is noticed by its silence. */
static void a_redis_that_hangs_is_noticed(void **state)
{
    (void)state;
    begin_view();
    const struct agent_row row = clear_agent("one");
    pipe_agent(&row);
    pipe_settle();
    struct troth_client_options options = client_options();
    options.timeout_us = 200000;
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_OK, &agent);
    assert_int_equal(kill(server, SIGSTOP), 0);
    AWAIT_STATISTICS(client, &statistics, statistics.losses >= 1 && !statistics.live);
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
    assert_true(agent.cached);
    assert_int_equal(kill(server, SIGCONT), 0);
    AWAIT_STATISTICS(client, &statistics, statistics.live);
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_OK, &agent);
    troth_client_close(client);
}

static void redis_that_is_not_there_is_said_at_once(void **state)
{
    (void)state;
    struct troth_client_options options = client_options();
    options.address = "unix:/nowhere/socket";
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    char problem[TROTH_CLIENT_PROBLEM_MAX];
    for (unsigned i = 0; i < 50; i++) { /* each waits for an attempt at most, not for a timeout */
        assert_int_equal(pick(client, TROTH_CLIENT_FAIL_OPEN, &agent), TROTH_CLIENT_UNREACHABLE);
        assert_int_equal(troth_client_standing(client, "a", 1, TROTH_CLIENT_FAIL_OPEN, &agent),
                         TROTH_CLIENT_UNREACHABLE);
    }
    troth_client_problem(client, NULL, problem);
    assert_non_null(strstr(problem, "is it running"));
    troth_client_close(client);
}

static void while_redis_is_rebuilt_missing_means_not_yet_written(void **state)
{
    (void)state;
    write_outage_fleet();
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
    ask("FLUSHALL");
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_REBUILDING, &agent);
    AWAIT_STATISTICS(client, &statistics, statistics.live && statistics.pending == 0);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(pick(client, TROTH_CLIENT_FAIL_OPEN, &agent), TROTH_CLIENT_OK);
        assert_string_equal(agent.name, "clear");
        assert_true(agent.unverified);
    }
    assert_int_equal(troth_client_standing(client, "else", 4, TROTH_CLIENT_FAIL_OPEN, &agent),
                     TROTH_CLIENT_REBUILDING);
    pipe_say("HSET troth:meta version 1 rebuilding 0");
    pipe_settle();
    await_pick(client, TROTH_CLIENT_FAIL_OPEN, TROTH_CLIENT_NOBODY, &agent);
    assert_int_equal(troth_client_standing(client, "clear", 5, TROTH_CLIENT_FAIL_OPEN, &agent),
                     TROTH_CLIENT_UNPROVEN);
    troth_client_close(client);
}

static void one_agent_is_answered_from_its_hash(void **state)
{
    (void)state;
    begin_view();
    struct agent_row row = clear_agent("alone"); /* of no route */
    pipe_hash(&row);
    pipe_settle();
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    assert_int_equal(troth_client_standing(client, "alone", 5, TROTH_CLIENT_FAIL_CLOSED, &agent),
                     TROTH_CLIENT_OK);
    assert_string_equal(agent.name, "alone");
    assert_string_equal(agent.capabilities, "refund,quote");
    assert_int_equal(troth_client_standing(client, "nobody", 6, TROTH_CLIENT_FAIL_CLOSED, &agent),
                     TROTH_CLIENT_UNPROVEN);
    /* It is kept, and kept true. */
    row.rung = "pause";
    row.traffic = "0";
    pipe_hash(&row);
    pipe_settle();
    AWAIT_STATISTICS(client, &statistics,
                     troth_client_standing(client, "alone", 5, TROTH_CLIENT_FAIL_CLOSED, &agent) ==
                         TROTH_CLIENT_NOBODY);
    assert_int_equal(agent.rung, TROTH_CLIENT_PAUSE);
    AWAIT_STATISTICS(client, &statistics, statistics.pending == 0);
    const uint64_t reads = statistics.reads;
    for (unsigned i = 0; i < 100; i++) {
        (void)!troth_client_standing(client, "alone", 5, TROTH_CLIENT_FAIL_CLOSED, &agent);
    }
    troth_client_statistics(client, &statistics);
    assert_int_equal(statistics.reads, reads); /* from memory */
    ask("DEL troth:agent:alone");
    AWAIT_STATISTICS(client, &statistics,
                     troth_client_standing(client, "alone", 5, TROTH_CLIENT_FAIL_CLOSED, &agent) ==
                         TROTH_CLIENT_UNPROVEN);
    AWAIT_STATISTICS(client, &statistics, statistics.agents == 0);
    troth_client_close(client);
}

static void bounds_hold_and_are_counted(void **state)
{
    (void)state;
    begin_view();
    for (unsigned i = 0; i < 500; i++) {
        char name[16];
        snprintf(name, sizeof name, "agent-%03u", i);
        const struct agent_row row = clear_agent(name);
        pipe_agent(&row);
    }
    pipe_settle();
    struct troth_client_options options = client_options();
    options.agents_max = 100;
    options.capabilities_max = 2;
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    struct troth_client_question question;
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
    assert_int_equal(
        troth_client_standing(client, "agent-000", 9, TROTH_CLIENT_FAIL_CLOSED, &agent),
        TROTH_CLIENT_OK);
    troth_client_statistics(client, &statistics);
    assert_int_equal(statistics.agents, 100);
    assert_true(statistics.agents_over > 0);
    troth_client_question_init(&question, "quote");
    assert_int_equal(troth_client_pick(client, &question, &agent), TROTH_CLIENT_NOBODY);
    troth_client_question_init(&question, "third");
    assert_int_equal(troth_client_pick(client, &question, &agent), TROTH_CLIENT_FULL);
    troth_client_close(client);
}

/* ---- rights ---- */

/* Makes the user of schemas/redis.md, from its text. */
static void make_router(void)
{
    static char text[65536];
    FILE *file = fopen("schemas/redis.md", "r");
    assert_non_null(file);
    const size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    char *begin = strstr(text, "    ACL SETUSER router ");
    assert_non_null(begin);
    char *end = strstr(begin, "\n\n");
    assert_non_null(end);
    *end = '\0';
    const char *words[128];
    int count = 0;
    for (char *word = strtok(begin, " \n"); word != NULL; word = strtok(NULL, " \n")) {
        words[count++] = strcmp(word, ">PASSWORD") == 0 ? ">secret" : word;
        assert_true(count < 128);
    }
    redisReply *reply = redisCommandArgv(pipe_to, count, words, NULL);
    if (reply == NULL || reply->type != REDIS_REPLY_STATUS) {
        fail_msg("the ACL line of schemas/redis.md: %s", reply != NULL ? reply->str : "no answer");
    }
    freeReplyObject(reply);
}

static void the_written_rights_suffice(void **state)
{
    (void)state;
    write_outage_fleet();
    make_router();
    struct troth_client_options options = client_options();
    options.user = "router";
    options.password = "secret";
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
    assert_int_equal(troth_client_standing(client, "none", 4, TROTH_CLIENT_FAIL_CLOSED, &agent),
                     TROTH_CLIENT_UNPROVEN);
    ask("PUBLISH troth:narrowed x");
    ask("DEL troth:route:refund");
    AWAIT_STATISTICS(client, &statistics,
                     statistics.narrowings == 1 && statistics.invalidations >= 1);
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_NOBODY, &agent);
    assert_int_equal(statistics.losses, 0);
    troth_client_close(client);

    options.password = "wrong";
    client = client_open(&options);
    char problem[TROTH_CLIENT_PROBLEM_MAX];
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_OPEN, &agent), TROTH_CLIENT_REFUSED);
    troth_client_problem(client, NULL, problem);
    assert_non_null(strstr(problem, "user or password"));
    assert_null(strstr(problem, "wrong"));
    troth_client_close(client);

    ask("ACL SETUSER router -client|tracking");
    options.password = "secret";
    client = client_open(&options);
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_OPEN, &agent), TROTH_CLIENT_REFUSED);
    troth_client_problem(client, NULL, problem);
    assert_non_null(strstr(problem, "schemas/redis.md"));
    troth_client_close(client);
}

static void a_later_layout_is_refused(void **state)
{
    (void)state;
    write_outage_fleet();
    ask("HSET troth:meta version 2");
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    struct troth_client_agent agent;
    char problem[TROTH_CLIENT_PROBLEM_MAX];
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_OPEN, &agent), TROTH_CLIENT_REFUSED);
    troth_client_problem(client, NULL, problem);
    assert_non_null(strstr(problem, "later libtroth"));
    ask("HSET troth:meta version 1");
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_OK, &agent);
    troth_client_close(client);
}

int main(void)
{
    if (!fixture_begin("libtroth_follow_test")) {
        return 0;
    }
    pipe_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_engine_writes_is_seen),
        cmocka_unit_test(a_told_narrowing_is_obeyed_before_it_is_read),
        cmocka_unit_test(without_redis_what_was_read_holds_until_offer_until),
        cmocka_unit_test(fail_open_keeps_to_the_narrow_traffic),
        cmocka_unit_test(a_pick_allocates_nothing_and_makes_no_system_call),
        cmocka_unit_test(a_redis_that_hangs_is_noticed),
        cmocka_unit_test(redis_that_is_not_there_is_said_at_once),
        cmocka_unit_test(while_redis_is_rebuilt_missing_means_not_yet_written),
        cmocka_unit_test(one_agent_is_answered_from_its_hash),
        cmocka_unit_test(bounds_hold_and_are_counted),
        cmocka_unit_test(the_written_rights_suffice),
        cmocka_unit_test(a_later_layout_is_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_close();
    return failed;
}
