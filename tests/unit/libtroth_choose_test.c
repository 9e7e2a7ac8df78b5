/*
 * Claims: libtroth answers as the function troth_route in a real Redis does. For the same RANDOM it
 * gives the same agents with the same values, in the same order, and has passed over as many for
 * the same reasons, on random fleets. By its own numbers each agent is let in for its share of
 * traffic within 1 %, among equals most of whom are dead nobody gets more than its share within 1
 * %, the share of calls that explores is as asked, and nobody is ever given who may not be.
 * Whatever stands in Redis, nothing that cannot be read is given, and nothing crashes.
 */
#include "tests/support/libtroth.h"

enum { FLEET_MAX = 900, CALLS = 25, FLEETS = 60, DRAWS = 100000 };

static uint64_t dice;

/* ---- the same as troth_route ---- */

static const char *one_of(const char *const *texts, unsigned count)
{
    return texts[random_below(&dice, count)];
}

#define ONE_OF(...)                                                                                \
    one_of((const char *const[]){__VA_ARGS__},                                                     \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static struct agent_row random_agent(const char *name, size_t length, unsigned dead, char score[8])
{
    struct agent_row row = clear_agent(name);
    row.length = length;
    row.rung = ONE_OF("clear", "clear", "clear", "clear", "warn", "narrow", "recertify",
                      "recertify", "review", "pause");
    const unsigned any = (unsigned)random_below(&dice, 1001);
    snprintf(score, 8, "%u", any);
    row.score = ONE_OF("1000", "999", "950", "949", "0", score, score);
    row.good_until =
        ONE_OF("1789999940000000", "1790000000000000", "1790000000000001", "1790000060000000");
    row.offer_until = random_below(&dice, 100) < dead
                          ? ONE_OF("1789999940000000", "1790000000000000")
                          : "1790000060000000";
    row.traffic = ONE_OF("1", "1", "0.25", "0.1", "0.5", "0.01", "0.333333333", "0");
    row.capabilities = ONE_OF("refund", "refund,quote", "quote,refund", "quote", "refunds", "");
    row.max_cost = ONE_OF("-1", "-1", "0", "500", "5000");
    row.narrow_traffic = ONE_OF("0.25", "0", "0.125", NULL);
    row.narrow_capabilities = ONE_OF("refund", "quote", "", "a,refund", NULL);
    row.narrow_max_cost = ONE_OF("-1", "0", "400", NULL);
    row.contracts = ONE_OF("refunds", "refunds,other", "other", "refunds.2");
    row.consequence = ONE_OF("low", "medium", "high");
    row.guarded = ONE_OF("0", "1", NULL);
    return row;
}

static unsigned write_fleet(void)
{
    static const unsigned sizes[] = {0, 1, 5, 30, 150, 191, 192, 193, 256, 257, 400, FLEET_MAX};
    static const unsigned shares[] = {0, 10, 90, 98, 100};
    const unsigned size = sizes[random_below(&dice, sizeof sizes / sizeof *sizes)];
    const unsigned dead = shares[random_below(&dice, sizeof shares / sizeof *shares)];
    begin_view();
    for (unsigned i = 0; i < size; i++) {
        char name[64];
        char score[8];
        const char *const forms[] = {"agent-%05u", "a:b \"\xff*{x}:%u", "%u,x"};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        const size_t length = (size_t)snprintf(name, sizeof name, one_of(forms, 3), i);
#pragma GCC diagnostic pop
        const struct agent_row row = random_agent(name, length, dead, score);
        pipe_agent(&row);
        if (random_below(&dice, 20) == 0) {
            pipe_say("ZADD troth:probation:refund 0 %b", name, length); /* stale */
        }
        if (random_below(&dice, 20) == 0) {
            pipe_say("DEL troth:agent:%b", name, length);
        }
    }
    pipe_settle();
    return size;
}

struct asked {
    struct troth_client_question question;
    unsigned count;
    char random[24];
};

static struct asked random_question(void)
{
    static const unsigned counts[] = {1, 1, 3, 20, 64};
    static const double shares[] = {0, 0.05, 0.05, 0.1, 0.5, 1};
    static const int64_t costs[] = {0, 0, 0, 1, 450, 6000};
    struct asked asked = {.count = counts[random_below(&dice, 5)]};
    troth_client_question_init(&asked.question, "refund");
    asked.question.contract = ONE_OF(NULL, NULL, NULL, "refunds", "other", "none");
    asked.question.consequence = ONE_OF(NULL, NULL, NULL, "low", "medium", "high");
    asked.question.cost_micros = costs[random_below(&dice, 6)];
    asked.question.explore = shares[random_below(&dice, 6)];
    asked.question.now_us = NOW_US + (int64_t)random_below(&dice, 3) - 1 +
                            (random_below(&dice, 5) == 0 ? MINUTE_US : 0);
    snprintf(asked.random, sizeof asked.random, "%" PRIu64, random_next(&dice));
    return asked;
}

static redisReply *ask_redis(const struct asked *asked)
{
    const struct troth_client_question *question = &asked->question;
    char count[8];
    char now[24];
    char cost[24];
    char explore[16];
    snprintf(count, sizeof count, "%u", asked->count);
    snprintf(now, sizeof now, "%" PRId64, question->now_us);
    snprintf(cost, sizeof cost, "%" PRId64, question->cost_micros);
    snprintf(explore, sizeof explore, "%g", question->explore);
    const char *words[20] = {"FCALL_RO", "troth_route", "1",       "troth:route:refund",
                             count,      asked->random, "NOW",     now,
                             "COST",     cost,          "EXPLORE", explore,
                             "COUNTS"};
    int words_count = 13;
    if (question->contract != NULL) {
        words[words_count++] = "CONTRACT";
        words[words_count++] = question->contract;
    }
    if (question->consequence != NULL) {
        words[words_count++] = "CONSEQUENCE";
        words[words_count++] = question->consequence;
    }
    redisReply *reply = redisCommandArgv(pipe_to, words_count, words, NULL);
    assert_non_null(reply);
    if (reply->type != REDIS_REPLY_ARRAY) {
        fail_msg("%s", reply->str);
    }
    return reply;
}

static void assert_same_agent(redisReply **fields, const struct troth_client_agent *agent)
{
    char number[24];
    assert_int_equal(fields[0]->len, agent->name_length);
    assert_memory_equal(fields[0]->str, agent->name, agent->name_length);
    assert_int_equal(strtol(fields[1]->str, NULL, 10), agent->score);
    assert_string_equal(fields[2]->str, troth_client_rung_name(agent->rung));
    assert_true(strtod(fields[3]->str, NULL) == agent->traffic);
    assert_string_equal(fields[4]->str, agent->capabilities);
    snprintf(number, sizeof number, "%" PRId64, agent->max_cost_micros);
    assert_string_equal(fields[5]->str, number);
    snprintf(number, sizeof number, "%" PRId64, agent->good_until_us);
    assert_string_equal(fields[6]->str, number);
    snprintf(number, sizeof number, "%" PRId64, agent->offer_until_us);
    assert_string_equal(fields[7]->str, number);
    assert_int_equal(fields[8]->str != NULL && fields[8]->str[0] == '1', agent->guarded);
    assert_false(agent->cached || agent->unverified);
}

static unsigned compare_one(struct troth_client *client)
{
    static struct troth_client_agent agents[TROTH_CLIENT_COUNT_MAX];
    struct asked asked = random_question();
    asked.question.random = asked.random;
    unsigned count = 0;
    struct troth_client_passed passed;
    const enum troth_client_status status =
        troth_client_candidates(client, &asked.question, asked.count, agents, &count, &passed);
    redisReply *reply = ask_redis(&asked);
    const redisReply *given = reply->element[0];
    redisReply **counts = reply->element[1]->element;
    if (given->elements != count) {
        fail_msg("RANDOM %s, COUNT %u: Redis gives %zu, libtroth %u", asked.random, asked.count,
                 given->elements, count);
    }
    assert_int_equal(status, count > 0 ? TROTH_CLIENT_OK : TROTH_CLIENT_NOBODY);
    for (unsigned i = 0; i < count; i++) {
        assert_same_agent(given->element[i]->element, &agents[i]);
    }
    const long long told[] = {passed.listed, passed.reads,     passed.unproven, passed.expired,
                              passed.unfit,  passed.held_back, passed.exploring};
    for (unsigned i = 0; i < 7; i++) {
        if (counts[2 * i + 1]->integer != told[i]) {
            fail_msg("RANDOM %s: %s is %lld in Redis, %lld in libtroth", asked.random,
                     counts[2 * i]->str, counts[2 * i + 1]->integer, told[i]);
        }
    }
    freeReplyObject(reply);
    return count;
}

static void the_same_random_gives_what_troth_route_gives(void **state)
{
    (void)state;
    unsigned given = 0;
    for (unsigned fleet = 0; fleet < FLEETS; fleet++) {
        (void)write_fleet();
        const struct troth_client_options options = client_options();
        struct troth_client *client = client_open(&options);
        for (unsigned i = 0; i < CALLS; i++) {
            given += compare_one(client);
        }
        troth_client_close(client);
    }
    printf("%u fleets, %u calls, %u agents given\n", FLEETS, FLEETS * CALLS, given);
    assert_true(given > FLEETS * CALLS / 2);
}

/* ---- what comes of many draws ---- */

static void assert_share(unsigned count, double share, const char *what)
{
    const double seen = (double)count / DRAWS;
    if (seen < share - 0.01 || seen > share + 0.01) {
        fail_msg("%s: %.4f of the calls, not %.4f", what, seen, share);
    }
}

static void each_is_let_in_for_its_traffic(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *rung;
        const char *score;
        const char *traffic;
    } fleet[] = {{"a", "clear", "1000", "1"},    {"b", "clear", "990", "0.5"},
                 {"c", "warn", "720", "0.9"},    {"d", "narrow", "700", "0.25"},
                 {"e", "recertify", "0", "0.1"}, {"f", "review", "10", "0.05"},
                 {"g", "pause", "0", "0"}};
    enum { SIZE = sizeof fleet / sizeof *fleet };
    begin_view();
    for (unsigned i = 0; i < SIZE; i++) {
        struct agent_row row = clear_agent(fleet[i].name);
        row.rung = fleet[i].rung;
        row.score = fleet[i].score;
        row.traffic = fleet[i].traffic;
        pipe_agent(&row);
    }
    pipe_settle();
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    struct troth_client_question question;
    troth_client_question_init(&question, "refund");
    unsigned given[SIZE] = {0};
    unsigned exploring = 0;
    unsigned probation_first = 0;
    for (unsigned i = 0; i < DRAWS; i++) {
        struct troth_client_agent agents[SIZE];
        struct troth_client_passed passed;
        unsigned count = 0;
        assert_int_equal(troth_client_candidates(client, &question, SIZE, agents, &count, &passed),
                         TROTH_CLIENT_OK);
        exploring += passed.exploring;
        probation_first += agents[0].rung == TROTH_CLIENT_RECERTIFY;
        for (unsigned k = 0; k < count; k++) {
            given[agents[k].name[0] - 'a']++;
        }
    }
    for (unsigned i = 0; i < SIZE; i++) {
        assert_share(given[i], strtod(fleet[i].traffic, NULL), fleet[i].name);
    }
    assert_share(exploring, 0.05, "exploring");
    assert_share(probation_first, 0.05, "on probation and first");
    assert_int_equal(given[6], 0);
    troth_client_close(client);
}

static void among_equals_nobody_gets_more_than_its_share(void **state)
{
    (void)state;
    enum { SIZE = 600, ALIVE = 20 };
    begin_view();
    for (unsigned i = 0; i < SIZE; i++) {
        char name[16];
        snprintf(name, sizeof name, "%03u", i);
        struct agent_row row = clear_agent(name);
        row.offer_until = i % (SIZE / ALIVE) == 0 ? row.offer_until : "1789999999999999";
        row.good_until = i % (SIZE / ALIVE) == 0 ? row.good_until : "1789999999999999";
        pipe_agent(&row);
    }
    pipe_settle();
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    unsigned given[SIZE] = {0};
    unsigned nobody = 0;
    for (unsigned i = 0; i < DRAWS; i++) {
        struct troth_client_agent agent;
        if (pick(client, TROTH_CLIENT_FAIL_CLOSED, &agent) == TROTH_CLIENT_OK) {
            given[strtoul(agent.name, NULL, 10)]++;
        } else {
            nobody++;
        }
    }
    for (unsigned i = 0; i < SIZE; i++) {
        if (i % (SIZE / ALIVE) != 0) {
            assert_int_equal(given[i], 0);
        } else {
            assert_share(given[i], 1.0 / ALIVE * (1 - (double)nobody / DRAWS), "one of the living");
        }
    }
    printf("%u of %u calls found nobody\n", nobody, DRAWS);
    assert_true((double)nobody / DRAWS < 0.1140); /* (1 - 1/30)^64 */
    troth_client_close(client);
}

/* ---- what will not do ---- */

static void what_cannot_be_read_is_never_given(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",         "x",    "-",  "1e3", "nan",   "inf", "99999999999999999999999999999999",
        "-2",       " 1",   "1 ", "0x1", "1.0.0", ".",   "1,0",
        "\xff\xfe", "1\x01"};
    enum { BAD = sizeof bad / sizeof *bad, FIELDS = 9 };
    begin_view();
    for (unsigned i = 0; i < BAD; i++) {
        for (unsigned field = 0; field < FIELDS; field++) {
            char name[16];
            snprintf(name, sizeof name, "bad-%u-%u", i, field);
            struct agent_row row = clear_agent(name);
            const char **fields[FIELDS] = {
                &row.score,       &row.rung,        &row.traffic,        &row.max_cost,
                &row.good_until,  &row.offer_until, &row.narrow_traffic, &row.narrow_max_cost,
                &row.capabilities};
            *fields[field] = bad[i];
            pipe_hash(&row);
            pipe_say("ZADD troth:route:refund 999 %s", name);
        }
    }
    for (unsigned field = 0; field < 7; field++) { /* each of what must stand there is missing */
        char name[16];
        snprintf(name, sizeof name, "less-%u", field);
        struct agent_row row = clear_agent(name);
        const char **fields[] = {&row.score,    &row.rung,       &row.traffic,    &row.capabilities,
                                 &row.max_cost, &row.good_until, &row.offer_until};
        *fields[field] = NULL;
        pipe_hash(&row);
        pipe_say("ZADD troth:route:refund 999 %s", name);
    }
    static char giant[100000];
    memset(giant, '9', sizeof giant - 1);
    struct agent_row row = clear_agent("giant");
    row.capabilities = row.traffic = row.offer_until = giant;
    pipe_hash(&row);
    row = clear_agent("commas");
    memset(giant, ',', sizeof giant - 1);
    row.capabilities = giant;
    pipe_hash(&row);
    pipe_say("SET troth:agent:text x");
    pipe_say("ZADD troth:route:refund inf giant -inf text 1e300 commas 1.5e-9 nobody");
    pipe_say("ZADD troth:route:refund 1 %b", giant, (size_t)300); /* too long a name */
    const struct agent_row good = clear_agent("good");
    pipe_agent(&good);
    pipe_settle();
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    for (unsigned i = 0; i < 2000; i++) {
        struct troth_client_agent agents[TROTH_CLIENT_COUNT_MAX];
        struct troth_client_question question;
        troth_client_question_init(&question, "refund");
        unsigned count = 0;
        const enum troth_client_status status =
            troth_client_candidates(client, &question, 64, agents, &count, NULL);
        assert_true(status == TROTH_CLIENT_OK);
        assert_int_equal(count, 1);
        assert_string_equal(agents[0].name, "good");
    }
    pipe_say("DEL troth:route:refund troth:probation:refund");
    pipe_say("SET troth:route:refund x"); /* of another type */
    pipe_settle();
    struct troth_client_agent agent;
    await_pick(client, TROTH_CLIENT_FAIL_CLOSED, TROTH_CLIENT_NOBODY, &agent);
    struct troth_client_statistics statistics;
    troth_client_statistics(client, &statistics);
    assert_true(statistics.unreadable > 80 && statistics.lists_over >= 1);
    assert_int_equal(statistics.losses, 0);
    troth_client_close(client);
}

static void bad_arguments_are_said_to_be_that(void **state)
{
    (void)state;
    begin_view();
    const struct troth_client_options options = client_options();
    struct troth_client *client = client_open(&options);
    struct troth_client_question good;
    troth_client_question_init(&good, "refund");
    struct troth_client_question bad[11];
    for (unsigned i = 0; i < 11; i++) {
        bad[i] = good;
    }
    bad[0].capability = NULL;
    bad[1].capability = "Refund";
    bad[2].capability = "a234567890123456789012345678901234567890123456789012345678901234";
    bad[3].contract = "";
    bad[4].consequence = "higher";
    bad[5].cost_micros = -1;
    bad[6].explore = 1.5;
    bad[7].explore = __builtin_nan("");
    bad[8].random = "";
    bad[9].random = "12345678901234567890123456789012345678901234567890123456789012345";
    bad[10].now_us = -1;
    struct troth_client_agent agent;
    struct troth_client_agent before;
    memset(&agent, 0x5a, sizeof agent);
    before = agent;
    for (unsigned i = 0; i < 11; i++) {
        assert_int_equal(troth_client_pick(client, &bad[i], &agent), TROTH_CLIENT_INVALID);
    }
    unsigned count = 7;
    assert_int_equal(troth_client_candidates(client, &good, 0, &agent, &count, NULL),
                     TROTH_CLIENT_INVALID);
    assert_int_equal(count, 0);
    assert_int_equal(troth_client_candidates(client, &good, 65, &agent, &count, NULL),
                     TROTH_CLIENT_INVALID);
    assert_int_equal(troth_client_pick(NULL, &good, &agent), TROTH_CLIENT_INVALID);
    assert_int_equal(troth_client_standing(client, "", 0, 0, &agent), TROTH_CLIENT_INVALID);
    assert_int_equal(troth_client_standing(client, "a", 129, 0, &agent), TROTH_CLIENT_INVALID);
    assert_memory_equal(&agent, &before, sizeof agent);
    troth_client_close(client);
}

static void options_that_will_not_do_name_what_mends_them(void **state)
{
    (void)state;
    struct troth_client_options bad[9];
    for (unsigned i = 0; i < 9; i++) {
        troth_client_options_init(&bad[i]);
    }
    bad[0].address = "localhost";
    bad[1].address = "localhost:70000";
    bad[2].prefix = "";
    bad[3].timeout_us = 0;
    bad[4].agents_max = TROTH_CLIENT_AGENTS_LIMIT + 1;
    bad[5].capabilities_max = 0;
    bad[6].password = bad[6].password_file = "x";
    bad[7].user = "router";
    bad[8].database = -1;
    static const char *const said[] = {"HOST:PORT",  "HOST:PORT",        "prefix",
                                       "timeout_us", "agents_max",       "capabilities_max",
                                       "both set",   "neither password", "database"};
    for (unsigned i = 0; i < 9; i++) {
        struct troth_client *client = NULL;
        char problem[TROTH_CLIENT_PROBLEM_MAX];
        assert_int_equal(troth_client_open(&bad[i], &client), TROTH_CLIENT_INVALID);
        assert_null(client);
        troth_client_problem(NULL, &bad[i], problem);
        if (strstr(problem, said[i]) == NULL) {
            fail_msg("\"%s\" does not name %s", problem, said[i]);
        }
    }
}

static void load_library(void)
{
    static char source[65536];
    FILE *file = fopen("ops/redis/route.lua", "r");
    assert_non_null(file);
    const size_t length = fread(source, 1, sizeof source, file);
    fclose(file);
    assert_true(length > 0 && length < sizeof source);
    const redisReply *reply = ask("FUNCTION LOAD REPLACE %b", source, length);
    assert_string_equal(reply->str, "troth");
}

int main(void)
{
    if (!fixture_begin("libtroth_choose_test")) {
        return 0;
    }
    dice = random_seed("libtroth_choose_test");
    pipe_open();
    load_library();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_random_gives_what_troth_route_gives),
        cmocka_unit_test(each_is_let_in_for_its_traffic),
        cmocka_unit_test(among_equals_nobody_gets_more_than_its_share),
        cmocka_unit_test(what_cannot_be_read_is_never_given),
        cmocka_unit_test(bad_arguments_are_said_to_be_that),
        cmocka_unit_test(options_that_will_not_do_name_what_mends_them),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pipe_close();
    return failed;
}
