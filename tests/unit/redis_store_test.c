/*
 * Claims, each against a real redis-server that the test starts and ends: an agent stands in the
 * sets of its capabilities and in no other, through every change and across engines, and in those
 * of probation while it is on it, which costs nothing while it stays; nothing older
 * lands on a narrowing, nor does one wait for what is queued; those who listen hear of narrowings
 * at once and of a view that was written anew, within the stream's cap; refusals, losses and bounds
 * are told and leave nothing half done. Without a redis-server binary it says SKIP.
 */
#include "tests/support/redis.h"

static const char *agent_field(unsigned i, const char *field)
{
    const struct troth_text name = agent_name(i);
    const redisReply *reply = ask("HGET troth:agent:%b %s", name.data, (size_t)name.length, field);
    return reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
}

/* Whether agent i stands in the sets of refund and quote: 2 bits. */
static unsigned routes_of(unsigned i)
{
    static const char *const names[] = {"refund", "quote"};
    unsigned routes = 0;
    for (unsigned c = 0; c < 2; c++) {
        const struct troth_text name = agent_name(i);
        const redisReply *reply =
            ask("ZSCORE troth:route:%s %b", names[c], name.data, (size_t)name.length);
        routes |= reply->type == REDIS_REPLY_STRING ? 1U << c : 0;
    }
    return routes;
}

enum { REFUND = 1, QUOTE = 2 };

static void an_agent_stands_in_its_sets_and_no_other(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    static const struct {
        unsigned rung;
        unsigned routes;
    } steps[] = {{TROTH_RUNG_CLEAR, REFUND | QUOTE},  {TROTH_RUNG_NARROW, QUOTE},
                 {TROTH_RUNG_CLEAR, REFUND | QUOTE},  {TROTH_RUNG_PAUSE, 0},
                 {TROTH_RUNG_REVIEW, REFUND | QUOTE}, {TROTH_RUNG_NARROW, QUOTE},
                 {TROTH_RUNG_NARROW, QUOTE},          {TROTH_RUNG_PAUSE, 0}};
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        put(store, 0, steps[i].rung, 100);
        settle(store);
        assert_int_equal(routes_of(0), steps[i].routes);
    }
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        narrow(store, 0, steps[i].rung);
        assert_int_equal(routes_of(0), steps[i].routes);
    }
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    settle(store);
    store->close(store);
    /* Another engine, which never saw the agent with `refund`. */
    store = open_connected();
    put(store, 0, TROTH_RUNG_NARROW, 100);
    settle(store);
    assert_int_equal(routes_of(0), QUOTE);
    assert_int_equal(store->remove(store, 3, 100, agent_name(0), "refunds", true), TROTH_OK);
    settle(store);
    assert_int_equal(routes_of(0), 0);
    assert_int_equal(count_of("EXISTS", "troth:agent:refund-0"), 0);
    assert_int_equal(count_of("EXISTS", "troth:standing:refund-0:refunds"), 0);
    assert_int_equal(count_of("ZCARD", "troth:fleet:refunds"), 0);
    store->close(store);
}

/* Whether agent i stands in the sets of those on probation, as routes_of. */
static unsigned probations_of(unsigned i)
{
    static const char *const names[] = {"refund", "quote"};
    unsigned probations = 0;
    for (unsigned c = 0; c < 2; c++) {
        const struct troth_text name = agent_name(i);
        const redisReply *reply =
            ask("ZSCORE troth:probation:%s %b", names[c], name.data, (size_t)name.length);
        probations |= reply->type == REDIS_REPLY_STRING ? 1U << c : 0;
    }
    return probations;
}

static void those_on_probation_have_a_set_of_their_own(void **state)
{
    (void)state;
    static const struct {
        unsigned rung;
        unsigned probations;
    } steps[] = {{TROTH_RUNG_RECERTIFY, REFUND | QUOTE},
                 {TROTH_RUNG_CLEAR, 0},
                 {TROTH_RUNG_REVIEW, 0},
                 {TROTH_RUNG_RECERTIFY, REFUND | QUOTE},
                 {TROTH_RUNG_RECERTIFY, REFUND | QUOTE},
                 {TROTH_RUNG_NARROW, 0},
                 {TROTH_RUNG_RECERTIFY, REFUND | QUOTE},
                 {TROTH_RUNG_PAUSE, 0}};
    for (unsigned times = 0; times < 2; times++) {
        struct troth_store *store = open_connected(); /* another engine, the second time */
        for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            put(store, 0, steps[i].rung, 100);
            settle(store);
            assert_int_equal(probations_of(0), steps[i].probations);
        }
        for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            narrow(store, 0, steps[i].rung);
            assert_int_equal(probations_of(0), steps[i].probations);
        }
        put(store, 0, TROTH_RUNG_RECERTIFY, 100);
        settle(store);
        store->close(store);
    }
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 100); /* it never saw the agent on probation */
    settle(store);
    assert_int_equal(probations_of(0), 0);
    put(store, 0, TROTH_RUNG_RECERTIFY, 100);
    assert_int_equal(store->remove(store, 3, 100, agent_name(0), "refunds", true), TROTH_OK);
    settle(store);
    assert_int_equal(probations_of(0), 0);
    store->close(store);
}

/* Returns the bytes that one more score of an agent at a rung costs. */
static uint64_t bytes_of_a_score(struct troth_store *store, unsigned rung)
{
    struct troth_redis_store_counts counts;
    uint64_t before = 0;
    for (unsigned i = 0; i < 3; i++) {
        troth_redis_store_count(store, &counts);
        before = counts.bytes;
        put(store, 0, rung, 100);
        settle(store);
    }
    troth_redis_store_count(store, &counts);
    return counts.bytes - before;
}

static void probation_costs_nothing_where_the_rung_stays(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    const uint64_t clear = bytes_of_a_score(store, TROTH_RUNG_CLEAR);
    const uint64_t recertify = bytes_of_a_score(store, TROTH_RUNG_RECERTIFY);
    /* The name is longer, the share has two bytes more, and no command is added. */
    assert_true(recertify < clear + 20);
    store->close(store);
}

static void an_agent_without_a_standing_that_counts_is_unproven(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    struct troth_agent_publication shadowed = {.partition = 3, .agent = agent_name(0)};
    troth_meet_of(&shadowed.meet, NULL, 0);
    assert_int_equal(store->put_agent(store, &shadowed), TROTH_OK);
    settle(store);
    assert_int_equal(count_of("EXISTS", "troth:agent:refund-0"), 0);
    assert_int_equal(routes_of(0), 0);
    store->close(store);
}

static void nothing_older_lands_on_a_narrowing(void **state)
{
    (void)state;
    uint64_t random = random_seed("nothing_older_lands_on_a_narrowing");
    static bool narrowed[AGENTS_MAX];
    memset(narrowed, 0, sizeof narrowed);
    struct troth_store *store = open_connected();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < AGENTS_MAX; i++) {
            if (!narrowed[i]) {
                put(store, i, TROTH_RUNG_CLEAR, (uint16_t)(500 + round));
            }
            if (i == AGENTS_MAX / 2) { /* so some is unsent, some in flight, some answered */
                flush(store);
            }
        }
        for (unsigned n = 0; n < 60; n++) {
            const unsigned i = (unsigned)random_below(&random, AGENTS_MAX);
            narrow(store, i, TROTH_RUNG_PAUSE);
            narrowed[i] = true;
            assert_string_equal(agent_field(i, "rung"), "pause");
        }
        settle(store);
    }
    for (unsigned i = 0; i < AGENTS_MAX; i++) {
        assert_string_equal(agent_field(i, "rung"), narrowed[i] ? "pause" : "clear");
    }
    assert_int_equal(count_of("ZCARD", "troth:fleet:refunds"), AGENTS_MAX);
    /* A removal that was queued before is not taken back, and still comes before. */
    assert_int_equal(store->remove(store, 3, 100, agent_name(5), "refunds", true), TROTH_OK);
    narrow(store, 5, TROTH_RUNG_PAUSE);
    settle(store);
    assert_string_equal(agent_field(5, "rung"), "pause");
    store->close(store);
}

static void a_narrowing_does_not_wait_for_what_is_queued(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    for (unsigned i = 0; i < 10; i++) {
        put(store, i, TROTH_RUNG_CLEAR, 100);
    }
    narrow(store, 5, TROTH_RUNG_PAUSE);
    assert_string_equal(agent_field(5, "rung"), "pause");
    assert_null(agent_field(4, "rung"));
    settle(store);
    assert_string_equal(agent_field(4, "rung"), "clear");
    assert_string_equal(agent_field(5, "rung"), "pause");
    assert_string_equal(agent_field(6, "rung"), "clear");
    store->close(store);
}

static void a_narrowing_is_told_and_a_widening_waits_for_the_flush(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    redisContext *listener = redisConnectUnix(address + 5);
    freeReplyObject(redisCommand(listener, "SUBSCRIBE troth:narrowed"));
    assert_int_equal(store->announce(store, 3, 100, "{\"to\":\"clear\"}", 14), TROTH_OK);
    assert_int_equal(count_of("XLEN", "troth:interventions"), 0);
    narrow(store, 1, TROTH_RUNG_PAUSE);
    assert_int_equal(count_of("XLEN", "troth:interventions"), 1);
    settle(store);
    assert_int_equal(count_of("XLEN", "troth:interventions"), 2);
    void *message = NULL;
    assert_int_equal(redisGetReply(listener, &message), REDIS_OK);
    assert_string_equal(((redisReply *)message)->element[2]->str, "{\"id\":\"1\"}");
    freeReplyObject(message);
    redisFree(listener);
    store->close(store);
}

/* In at: from the oldest. */
static const char *field_of_entry(size_t at, unsigned part)
{
    const redisReply *entries = ask("XRANGE troth:interventions - +");
    assert_true(at < entries->elements);
    return entries->element[at]->element[1]->element[part]->str;
}

/* Whoever was told nothing while the view was somebody else's, or away, is told so. */
static void a_view_that_is_whole_again_is_told_in_the_stream(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    narrow(store, 1, TROTH_RUNG_PAUSE);
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    assert_int_equal(store->rebuilt(store, 2), TROTH_OK);
    settle(store);
    assert_int_equal(count_of("XLEN", "troth:interventions"), 2);
    assert_string_equal(field_of_entry(1, 0), "restated");
    assert_string_equal(field_of_entry(1, 1), "2");
    store->close(store);
}

static void the_stream_keeps_as_much_as_is_configured(void **state)
{
    (void)state;
    ask("CONFIG SET stream-node-max-entries 10");
    struct troth_redis_store_config config = store_config();
    config.redis.stream_length = 20;
    struct troth_store *store = open_with(&config);
    bool fresh = false;
    assert_true(store->connected(store, &fresh));
    (void)own(store, 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(store->announce(store, 3, 100, "{}", 2), TROTH_OK);
    }
    settle(store);
    const long long length = count_of("XLEN", "troth:interventions");
    assert_true(length >= 20 && length < 40);
    ask("CONFIG SET stream-node-max-entries 100");
    store->close(store);
}

static void a_refusal_is_told_once_and_kept(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    ask("SET troth:route:refund a-text");
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    assert_int_equal(store->flush(store), TROTH_OK);
    assert_int_equal(store->acknowledged(store, 10000000), TROTH_REFUSED);
    assert_non_null(strstr(store->error(store), "WRONGTYPE"));
    assert_int_equal(store->acknowledged(store, 10000000), TROTH_OK);
    const struct publications *made = publications_of(1, TROTH_RUNG_CLEAR, 7);
    assert_int_equal(store->narrow(store, &made->standing, &made->agent, "{}", 2), TROTH_OK);
    assert_int_equal(store->narrowed(store, 1000000), TROTH_REFUSED);
    struct troth_redis_store_counts counts;
    troth_redis_store_count(store, &counts);
    assert_int_equal(counts.refusals, 2);
    store->close(store);
}

static void a_full_server_is_told_as_such(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    ask("CONFIG SET maxmemory 1");
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    assert_int_equal(store->flush(store), TROTH_OK);
    assert_int_equal(store->acknowledged(store, 10000000), TROTH_REFUSED);
    assert_non_null(strstr(store->error(store), "OOM")); /* and not that a transaction was ended */
    ask("CONFIG SET maxmemory 0");
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    assert_int_equal(store->flush(store), TROTH_OK);
    assert_int_equal(store->acknowledged(store, 10000000), TROTH_OK);
    store->close(store);
}

static void a_loss_forgets_and_a_second_later_it_is_fresh(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    bool fresh = false;
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    stop();
    troth_status status = store->flush(store);
    status = status == TROTH_OK ? store->acknowledged(store, 10000000) : status;
    assert_int_equal(status, TROTH_UNREACHABLE);
    assert_true(strlen(store->error(store)) > 0);
    const struct publications *made = publications_of(0, TROTH_RUNG_CLEAR, 7);
    assert_int_equal(store->put_standing(store, &made->standing), TROTH_UNREACHABLE);
    assert_int_equal(store->put_agent(store, &made->agent), TROTH_UNREACHABLE);
    assert_int_equal(store->narrow(store, &made->standing, &made->agent, "{}", 2),
                     TROTH_UNREACHABLE);
    assert_int_equal(store->flush(store), TROTH_UNREACHABLE);
    ahead_us += 1000000;
    assert_false(store->connected(store, &fresh));
    assert_non_null(strstr(store->error(store), address));
    start(NULL, NULL);
    assert_false(store->connected(store, &fresh)); /* tried less than a second ago */
    ahead_us += 1000000;
    assert_true(store->connected(store, &fresh));
    assert_true(fresh);
    assert_int_equal(store->put_standing(store, &made->standing), TROTH_NOT_FOUND);
    assert_int_equal(own(store, 0), TROTH_OFFSET_NONE);
    assert_string_equal(ask("HGET troth:meta rebuilding")->str, "1");
    assert_int_equal(count_of("EXISTS", "troth:agent:refund-0"), 0);
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    settle(store);
    assert_string_equal(ask("HGET troth:meta rebuilding")->str, "1");
    tell_rebuilt(store);
    settle(store);
    assert_string_equal(ask("HGET troth:meta rebuilding")->str, "0");
    assert_int_equal(routes_of(0), REFUND | QUOTE);
    store->close(store);
}

static void a_silent_server_is_given_up(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    assert_int_equal(kill(server, SIGSTOP), 0);
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    assert_int_equal(store->flush(store), TROTH_OK);
    ahead_us += 4000000;
    assert_int_equal(store->flush(store), TROTH_OK);
    assert_int_equal(store->acknowledged(store, 1000), TROTH_TIMED_OUT);
    ahead_us += 2000000;
    assert_int_equal(store->flush(store), TROTH_UNREACHABLE);
    assert_non_null(strstr(store->error(store), "no answer"));
    assert_int_equal(kill(server, SIGCONT), 0);
    bool fresh = false;
    assert_true(store->connected(store, &fresh));
    assert_true(fresh);
    store->close(store);
}

static void a_full_buffer_keeps_what_it_took(void **state)
{
    (void)state;
    struct troth_redis_store_config config = store_config();
    config.buffer_max = 200000;
    struct troth_store *store = open_with(&config);
    bool fresh = false;
    assert_true(store->connected(store, &fresh));
    (void)own(store, 0);
    unsigned taken = 0;
    while (taken < AGENTS_MAX) {
        const struct publications *made = publications_of(taken, TROTH_RUNG_CLEAR, 7);
        const troth_status status = store->put_standing(store, &made->standing);
        if (status != TROTH_OK) {
            assert_int_equal(status, TROTH_FULL);
            break;
        }
        taken++;
    }
    assert_true(taken > 10 && taken < AGENTS_MAX);
    settle(store);
    assert_int_equal(count_of("ZCARD", "troth:fleet:refunds"), taken);
    put(store, taken, TROTH_RUNG_CLEAR, 7);
    settle(store);
    assert_int_equal(count_of("ZCARD", "troth:fleet:refunds"), taken + 1);
    store->close(store);
}

int main(void)
{
    if (!fixture_begin("redis_store_test")) {
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_agent_stands_in_its_sets_and_no_other, empty),
        cmocka_unit_test_setup(those_on_probation_have_a_set_of_their_own, empty),
        cmocka_unit_test_setup(probation_costs_nothing_where_the_rung_stays, empty),
        cmocka_unit_test_setup(an_agent_without_a_standing_that_counts_is_unproven, empty),
        cmocka_unit_test_setup(nothing_older_lands_on_a_narrowing, empty),
        cmocka_unit_test_setup(a_narrowing_does_not_wait_for_what_is_queued, empty),
        cmocka_unit_test_setup(a_narrowing_is_told_and_a_widening_waits_for_the_flush, empty),
        cmocka_unit_test_setup(a_view_that_is_whole_again_is_told_in_the_stream, empty),
        cmocka_unit_test_setup(the_stream_keeps_as_much_as_is_configured, empty),
        cmocka_unit_test_setup(a_refusal_is_told_once_and_kept, empty),
        cmocka_unit_test_setup(a_full_server_is_told_as_such, empty),
        cmocka_unit_test_setup(a_loss_forgets_and_a_second_later_it_is_fresh, empty),
        cmocka_unit_test_setup(a_silent_server_is_given_up, empty),
        cmocka_unit_test_setup(a_full_buffer_keeps_what_it_took, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
