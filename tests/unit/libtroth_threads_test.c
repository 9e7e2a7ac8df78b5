/*
 * Claims: 8 threads pick and ask while an engine-like writer changes, narrows, removes and adds
 * agents, and Redis goes away and comes back, without a race (under the preset `thread` the
 * sanitizer says so), and no answer is ever torn: each agent is given with values that were written
 * together, and one that was narrowed is given by nobody once its narrowing was obeyed.
 */
#include "tests/support/libtroth.h"

#include <pthread.h>

#include "ops/libtroth/cache.h"

enum { THREADS = 8, AGENTS = 300, ROUNDS = 120 };

static struct troth_client *client;
static _Atomic bool done;
static _Atomic uint64_t answers;

/* Score, cost and ends of an agent are written together and belong together: cost = score + 1000,
 * good_until = NOW_US + score * 1000. */
static void assert_whole(const struct troth_client_agent *agent)
{
    const int64_t score = agent->score;
    const bool whole = agent->max_cost_micros == score + 1000 &&
                       agent->good_until_us == NOW_US + MINUTE_US + score &&
                       agent->offer_until_us == NOW_US + 2 * MINUTE_US + score &&
                       strncmp(agent->name, "agent-", 6) == 0 &&
                       agent->name_length == strlen(agent->name) &&
                       strcmp(agent->capabilities, score % 2 == 0 ? "refund" : "refund,quote") == 0;
    if (!whole) {
        fail_msg("torn: %s, score %u, %s", agent->name, agent->score, agent->capabilities);
    }
}

static void *pick_on(void *argument)
{
    uint64_t dice = (uintptr_t)argument;
    static _Thread_local struct troth_client_agent agents[16];
    while (!atomic_load(&done)) {
        struct troth_client_question question;
        troth_client_question_init(&question, random_below(&dice, 8) == 0 ? "quote" : "refund");
        question.failure = (enum troth_client_failure)random_below(&dice, 2);
        unsigned count = 0;
        const unsigned wanted = 1 + (unsigned)random_below(&dice, 16);
        (void)!troth_client_candidates(client, &question, wanted, agents, &count, NULL);
        for (unsigned i = 0; i < count; i++) {
            assert_whole(&agents[i]);
        }
        char name[16];
        const int length =
            snprintf(name, sizeof name, "agent-%03u", (unsigned)random_below(&dice, AGENTS));
        if (random_below(&dice, 16) == 0 &&
            troth_client_standing(client, name, (size_t)length, TROTH_CLIENT_FAIL_CLOSED, agents) ==
                TROTH_CLIENT_OK) {
            assert_string_equal(agents[0].name, name);
            assert_whole(&agents[0]);
        }
        struct troth_client_statistics statistics;
        troth_client_statistics(client, &statistics);
        atomic_fetch_add(&answers, 1);
    }
    return NULL;
}

static void write_agent(unsigned i, unsigned score, const char *rung)
{
    char name[16];
    char texts[4][24];
    snprintf(name, sizeof name, "agent-%03u", i);
    struct agent_row row = clear_agent(name);
    snprintf(texts[0], sizeof texts[0], "%u", score);
    snprintf(texts[1], sizeof texts[1], "%u", score + 1000);
    snprintf(texts[2], sizeof texts[2], "%" PRId64, NOW_US + MINUTE_US + score);
    snprintf(texts[3], sizeof texts[3], "%" PRId64, NOW_US + 2 * MINUTE_US + score);
    row.score = texts[0];
    row.max_cost = row.narrow_max_cost = texts[1];
    row.good_until = texts[2];
    row.offer_until = texts[3];
    row.rung = rung;
    row.capabilities = row.narrow_capabilities = score % 2 == 0 ? "refund" : "refund,quote";
    pipe_agent(&row);
    if (score % 2 == 1) {
        pipe_say("ZADD troth:route:quote %u %s", score, name);
    }
}

static void change(uint64_t *dice)
{
    const unsigned i = (unsigned)random_below(dice, AGENTS);
    const unsigned score = (unsigned)random_below(dice, 1001);
    switch (random_below(dice, 8)) {
    case 0:
        pipe_say("DEL troth:agent:agent-%03u", i);
        pipe_say("ZREM troth:route:refund agent-%03u", i);
        break;
    case 1:
        pipe_say("MULTI");
        write_agent(i, score, "narrow");
        pipe_say("PUBLISH troth:narrowed {\"id\":\"0\",\"agent\":\"agent-%03u\"}", i);
        pipe_say("EXEC");
        break;
    case 2:
        write_agent(i, score, "recertify");
        break;
    default:
        write_agent(i, score, "clear");
        break;
    }
}

static void many_threads_and_no_torn_answer(void **state)
{
    (void)state;
    uint64_t dice = random_seed("libtroth_threads_test");
    begin_view();
    for (unsigned i = 0; i < AGENTS; i++) {
        write_agent(i, 960, "clear");
    }
    pipe_settle();
    struct troth_client_options options = client_options();
    options.agents_max = AGENTS - 20; /* so that places are taken and given up */
    client = client_open(&options);
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, pick_on, (void *)(i + 1)), 0);
    }
    struct troth_client_statistics statistics;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < 50; i++) {
            change(&dice);
        }
        pipe_settle();
        const uint64_t before = atomic_load(&answers);
        AWAIT_STATISTICS(client, &statistics, atomic_load(&answers) > before + THREADS);
        if (round % 40 == 39) {
            pipe_close();
            stop();
            AWAIT_STATISTICS(client, &statistics, !statistics.live);
            start(NULL, NULL);
            pipe_open();
            begin_view();
            for (unsigned i = 0; i < AGENTS; i++) {
                write_agent(i, 960, "clear");
            }
            pipe_settle();
            AWAIT_STATISTICS(client, &statistics, statistics.live);
        }
    }
    atomic_store(&done, true);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    troth_client_statistics(client, &statistics);
    printf("%" PRIu64 " rounds of questions, %" PRIu64 " hashes read, %" PRIu64 " orders, %" PRIu64
           " losses\n",
           atomic_load(&answers), statistics.reads, statistics.routes, statistics.losses);
    assert_int_equal(statistics.losses, ROUNDS / 40);
    assert_true(statistics.agents <= AGENTS - 20);
    troth_client_close(client);
}

/* In the end the copy is what Redis holds: the same answers as troth_route would give are held by
 * libtroth_choose_test; here that nobody who was paused is given after any order of changes. */
static void who_was_paused_is_given_by_nobody(void **state)
{
    (void)state;
    begin_view();
    for (unsigned i = 0; i < AGENTS; i++) {
        write_agent(i, 960, "clear");
    }
    pipe_settle();
    const struct troth_client_options options = client_options();
    client = client_open(&options);
    struct troth_client_agent agent;
    struct troth_client_statistics statistics;
    assert_int_equal(pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent), TROTH_CLIENT_OK);
    for (unsigned i = 0; i < AGENTS; i++) {
        pipe_say("MULTI");
        pipe_say("HSET troth:agent:agent-%03u rung pause traffic 0 good_until 0 offer_until 0 "
                 "capabilities %b",
                 i, "", (size_t)0);
        pipe_say("PUBLISH troth:narrowed {\"id\":\"0\",\"agent\":\"agent-%03u\"}", i);
        pipe_say("EXEC");
        pipe_settle();
        AWAIT_STATISTICS(client, &statistics, statistics.narrowings == i + 1);
        char paused[16];
        snprintf(paused, sizeof paused, "agent-%03u", i);
        for (unsigned k = 0; k < 50; k++) {
            if (pick(client, TROTH_CLIENT_FAIL_OPEN, &agent) == TROTH_CLIENT_OK) {
                assert_true(strcmp(agent.name, paused) > 0); /* what was counted is obeyed */
            }
        }
    }
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_NOBODY, &agent);
    troth_client_close(client);
}

/* ---- one row, closely ---- */

enum { WRITES = 1000000, READERS = 3 };

static struct troth_row row_of_all;
static _Atomic uint64_t torn;
static _Atomic uint64_t read_whole;

/* Every value of the row is the same number. */
static void *read_on(void *argument)
{
    (void)argument;
    uint64_t whole = 0;
    while (!atomic_load(&done)) {
        struct troth_row_view view;
        if (troth_row_read(&row_of_all, &view, NULL)) {
            const int64_t value = view.score;
            const bool same = view.offer_until_us == value && view.good_until_us == value &&
                              view.max_cost_micros == value &&
                              view.narrow_max_cost_micros == value &&
                              view.traffic == (double)value && view.contracts == value;
            atomic_fetch_add(&torn, !same);
            whole++;
        }
    }
    atomic_fetch_add(&read_whole, whole);
    return NULL;
}

static void a_row_is_never_read_torn(void **state)
{
    (void)state;
    pthread_t threads[READERS];
    atomic_store(&done, false);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, NULL), 0);
    }
    for (unsigned i = 0; i < WRITES; i++) {
        const uint16_t value = (uint16_t)(i % 1000);
        const struct troth_row_view view = {.score = value,
                                            .state = TROTH_ROW_KNOWN,
                                            .offer_until_us = value,
                                            .good_until_us = value,
                                            .max_cost_micros = value,
                                            .narrow_max_cost_micros = value,
                                            .traffic = value,
                                            .contracts = value};
        troth_row_write(&row_of_all, &view);
    }
    atomic_store(&done, true);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    printf("%" PRIu64 " reads of a row that was written %d times\n", atomic_load(&read_whole),
           WRITES);
    assert_int_equal(atomic_load(&torn), 0);
}

int main(void)
{
    if (!fixture_begin("libtroth_threads_test")) {
        return 0;
    }
    pipe_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_and_no_torn_answer),
        cmocka_unit_test(who_was_paused_is_given_by_nobody),
        cmocka_unit_test(a_row_is_never_read_torn),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_close();
    return failed;
}
