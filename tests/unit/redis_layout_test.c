/*
 * Claims, each against a real redis-server that the test starts and ends: what the store writes is
 * what schemas/redis.md documents, field by field and in both directions; a contract and any name
 * come back as they went; the documented users may do what they must and nothing else; a Redis that
 * is of a later layout, or a cluster, is left alone. Without a redis-server binary it says SKIP.
 */
#include "tests/support/redis.h"

#include <math.h>

enum { DOCUMENT_LENGTH_MAX = 65536 };

static const char odd_name[] = ODD_NAME;

/* ---- the documentation ---- */

static char document[DOCUMENT_LENGTH_MAX];

static void read_document(void)
{
    FILE *file = fopen("schemas/redis.md", "re");
    assert_non_null(file);
    const size_t length = fread(document, 1, sizeof document - 1, file);
    fclose(file);
    assert_true(length > 0 && length < sizeof document - 1);
    document[length] = '\0';
}

/* Finds a section, from its heading to the next one. Returns its end. */
static const char *find_section(const char *heading, const char **begin)
{
    *begin = strstr(document, heading);
    assert_non_null(*begin);
    const char *end = strstr(*begin + 3, "\n## ");
    return end != NULL ? end : document + strlen(document);
}

static bool is_documented(const char *heading, const char *field)
{
    const char *begin = NULL;
    const char *end = find_section(heading, &begin);
    char row[160];
    snprintf(row, sizeof row, "\n| `%s` |", field);
    const char *found = strstr(begin, row);
    return found != NULL && found < end;
}

/* A term's field as the documentation names it. */
static void general_name(const char *field, char *name, size_t capacity)
{
    const char *last = strrchr(field, '.');
    if (strncmp(field, "term.", 5) == 0 && last != NULL) {
        snprintf(name, capacity, "term.NAME%s", last);
    } else {
        snprintf(name, capacity, "%s", field);
    }
}

/* Holds a hash to its section, in both directions. */
static void compare_with_document(const char *heading, const redisReply *hash)
{
    assert_true(hash->elements >= 4);
    for (size_t i = 0; i < hash->elements; i += 2) {
        char name[128];
        general_name(hash->element[i]->str, name, sizeof name);
        if (!is_documented(heading, name)) {
            fail_msg("%s: %s is written and not documented", heading, name);
        }
    }
    const char *at = NULL;
    const char *end = find_section(heading, &at);
    unsigned rows = 0;
    for (at = strstr(at, "\n| `"); at != NULL && at < end; at = strstr(at + 1, "\n| `")) {
        const size_t length = strcspn(at + 4, "`");
        bool written = false;
        for (size_t i = 0; i < hash->elements && !written; i += 2) {
            char name[128];
            general_name(hash->element[i]->str, name, sizeof name);
            written = strlen(name) == length && memcmp(name, at + 4, length) == 0;
        }
        if (!written) {
            fail_msg("%s: %.*s is documented and not written", heading, (int)length, at + 4);
        }
        rows++;
    }
    assert_true(rows >= 1);
}

static void what_is_written_is_what_is_documented(void **state)
{
    (void)state;
    read_document();
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 900);
    narrow(store, 1, TROTH_RUNG_NARROW);
    const struct troth_outage_publication outage = {.partition = 3,
                                                    .applied = 1,
                                                    .as_of_us = 9,
                                                    .contract = contract.name,
                                                    .running = true,
                                                    .since_us = 8,
                                                    .guarded_until_us = 10,
                                                    .hit = 21,
                                                    .standings = 40};
    assert_int_equal(store->put_outage(store, &outage), TROTH_OK);
    assert_int_equal(store->put_week(store, 3, 1, contract.name, 2965, "{}", 2), TROTH_OK);
    struct troth_docket docket;
    troth_docket_init(&docket);
    struct publications *made = publications_of(2, TROTH_RUNG_REVIEW, 0);
    made->standing.review = (struct troth_review_publication){
        .view = {.state = TROTH_REVIEW_BY_LADDER, .since_us = 77, .docket = &docket},
        .debt = "[1]",
        .debt_until_us = 99};
    assert_int_equal(store->put_standing(store, &made->standing), TROTH_OK);
    settle(store);
    assert_string_equal(ask("HGET troth:week:refunds:2026-W44 3")->str, "{}");
    assert_string_equal(ask("ZSCORE troth:reviews refund-2:refunds")->str, "77");
    assert_string_equal(ask("ZSCORE troth:debts refund-2:refunds")->str, "99");
    assert_string_equal(ask("HGET troth:standing:refund-2:refunds review")->str, "ladder");
    compare_with_document("\n## troth:outage:CONTRACT:P\n", ask("HGETALL troth:outage:refunds:3"));
    assert_int_equal(ask("SISMEMBER troth:outages refunds:3")->integer, 1);
    compare_with_document("\n## troth:meta\n", ask("HGETALL troth:meta"));
    compare_with_document("\n## troth:shard:P\n", ask("HGETALL troth:shard:3"));
    compare_with_document("\n## troth:agent:AGENT\n", ask("HGETALL troth:agent:refund-0"));
    compare_with_document("\n## troth:standing:AGENT:CONTRACT\n",
                          ask("HGETALL troth:standing:refund-0:refunds"));
    compare_with_document("\n## troth:contract:CONTRACT\n", ask("HGETALL troth:contract:refunds"));
    const redisReply *entry = ask("XRANGE troth:interventions - +");
    assert_int_equal(entry->elements, 1);
    assert_string_equal(entry->element[0]->element[1]->element[0]->str, "record");
    assert_string_equal(entry->element[0]->element[1]->element[1]->str, "{\"id\":\"1\"}");
    /* Every key there is has a row. */
    const redisReply *keys = ask("KEYS *");
    assert_int_equal(keys->elements, 19 + 2 * PARTITIONS);
    for (size_t i = 0; i < keys->elements; i++) {
        char kind[64];
        snprintf(kind, sizeof kind, "\n| `troth:%.*s", (int)strcspn(keys->element[i]->str + 6, ":"),
                 keys->element[i]->str + 6);
        assert_non_null(strstr(document, kind));
    }
    const struct troth_outage_publication over = {
        .partition = 3, .applied = 1, .contract = contract.name};
    assert_int_equal(store->put_outage(store, &over), TROTH_OK);
    assert_int_equal(store->put_week(store, 3, 1, contract.name, 2965, NULL, 0), TROTH_OK);
    made->standing.review = (struct troth_review_publication){.may_be_listed = true};
    assert_int_equal(store->put_standing(store, &made->standing), TROTH_OK);
    settle(store);
    assert_int_equal(ask("EXISTS troth:week:refunds:2026-W44 troth:reviews")->integer, 0);
    assert_int_equal(ask("EXISTS troth:debts")->integer, 1);
    store->remove(store, 3, 2, made->view.agent, contract.name, true);
    settle(store);
    assert_int_equal(ask("EXISTS troth:debts")->integer, 0);
    assert_int_equal(ask("EXISTS troth:outage:refunds:3 troth:outages")->integer, 0);
    store->close(store);
}

static void a_contract_in_redis_reads_back_to_itself(void **state)
{
    (void)state;
    static struct troth_contract back;
    struct troth_problems problems = {0};
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 900);
    settle(store);
    const redisReply *json = ask("HGET troth:contract:refunds json");
    assert_int_equal(troth_contract_parse(json->str, (size_t)json->len, &back, &problems),
                     TROTH_OK);
    assert_memory_equal(&back, &contract, sizeof contract);
    store->close(store);
}

/* By a hash that xxhsum -H3 gives as well; with each write, since it moves with the events. */
static void the_version_of_an_agent_is_told(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 900);
    settle(store);
    for (unsigned i = 0; i < 2; i++) {
        const redisReply *reply =
            ask("HMGET troth:standing:refund-0:refunds agent_version version_heard");
        assert_string_equal(reply->element[0]->str, "ed84d7031aa12bce");
        assert_string_equal(reply->element[1]->str, "1790000000000000");
        assert_int_equal(
            ask("HDEL troth:standing:refund-0:refunds agent_version version_heard")->integer, 2);
        struct publications *made = publications_of(0, TROTH_RUNG_CLEAR, 901);
        made->standing.whole = false;
        assert_int_equal(store->put_standing(store, &made->standing), TROTH_OK);
        settle(store);
    }
    store->close(store);
}

static void any_name_of_an_agent_passes(void **state)
{
    (void)state;
    const size_t length = sizeof odd_name - 1;
    struct troth_store *store = open_connected();
    put(store, AGENTS_MAX, TROTH_RUNG_CLEAR, 512);
    settle(store);
    const redisReply *reply =
        ask("HMGET troth:standing:%b:refunds agent score compliance rung why", odd_name, length);
    assert_int_equal(reply->element[0]->len, length);
    assert_memory_equal(reply->element[0]->str, odd_name, length);
    assert_string_equal(reply->element[1]->str, "512");
    assert_string_equal(reply->element[2]->str, "0.25");
    assert_string_equal(reply->element[3]->str, "recertify");
    assert_string_equal(reply->element[4]->str, "new, so nothing is proven yet");
    reply = ask("HMGET troth:agent:%b agent traffic capabilities limiting good_until", odd_name,
                length);
    assert_memory_equal(reply->element[0]->str, odd_name, length);
    assert_string_equal(reply->element[1]->str, "1");
    assert_string_equal(reply->element[2]->str, "refund,quote");
    assert_string_equal(reply->element[3]->str, "refunds/resolves");
    assert_string_equal(reply->element[4]->str, "1790000000000001");
    assert_memory_equal(ask("ZSCORE troth:route:quote %b", odd_name, length)->str, "512.", 4);
    assert_memory_equal(ask("ZSCORE troth:fleet:refunds %b", odd_name, length)->str, "20512.", 6);
    store->close(store);
}

enum { ALIKE = 400 }; /* agents of one score */

/* Counts the neighbours in a set that are equal, all of which have one whole score. */
static unsigned ties_in(const char *key, int64_t whole)
{
    unsigned ties = 0;
    double before = -1.0;
    const redisReply *reply = ask("ZRANGE %s 0 -1 WITHSCORES", key);
    assert_int_equal(reply->elements, 2 * ALIKE);
    for (size_t i = 1; i < reply->elements; i += 2) {
        const double score = strtod(reply->element[i]->str, NULL);
        assert_true(score >= (double)whole && score < (double)whole + 1.0);
        assert_true(reply->element[i]->len <=
                    14); /* as it was written, and not 0.30000000000000004 */
        ties += score == before;
        before = score;
    }
    return ties;
}

static void agents_of_one_score_are_told_apart_in_a_set(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < ALIKE; i++) {
            put(store, i, TROTH_RUNG_CLEAR, (uint16_t)(700 + round));
        }
        settle(store);
        /* Chance uses 256 (1 - exp(-400 / 256)) = 202 of 256 fractions, give or take 5: so some 198
         * are equal to the one before, where without a fraction 399 are. */
        const unsigned routed = ties_in("troth:route:quote", 700 + round);
        const unsigned placed = ties_in("troth:fleet:refunds", 20700 + round);
        assert_true(routed >= 178 && routed <= 218);
        assert_int_equal(placed, routed);
    }
    /* It is the agent's own: in every set, at every score. */
    const double route = strtod(ask("ZSCORE troth:route:quote refund-7")->str, NULL);
    const double fleet = strtod(ask("ZSCORE troth:fleet:refunds refund-7")->str, NULL);
    put(store, 7, TROTH_RUNG_CLEAR, 3);
    settle(store);
    const double moved = strtod(ask("ZSCORE troth:route:quote refund-7")->str, NULL);
    assert_true(fabs(route - 701.0 - (fleet - 20701.0)) < 1e-9);
    assert_true(fabs(route - 701.0 - (moved - 3.0)) < 1e-9);
    store->close(store);
}

/* Runs an ACL rule of the document, its lines put together. */
static void apply_documented_acl(const char *user, const char *password)
{
    char rule[2048] = "";
    char wanted[64];
    snprintf(wanted, sizeof wanted, "ACL SETUSER %s on >PASSWORD ", user);
    const char *begin = strstr(document, wanted);
    assert_non_null(begin);
    const char *end = strstr(begin, "\n\n");
    assert_non_null(end);
    snprintf(rule, sizeof rule, "ACL SETUSER %s on >%s %.*s", user, password,
             (int)(end - begin) - (int)strlen(wanted), begin + strlen(wanted));
    const char *words[64];
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(rule, " \n", &rest); word != NULL && count < 64;
         word = strtok_r(NULL, " \n", &rest)) {
        words[count++] = word;
    }
    redisContext *context = redisConnectUnix(address + 5);
    redisReply *reply = redisCommandArgv(context, count, words, NULL);
    assert_non_null(reply);
    assert_string_equal(reply->str, "OK");
    freeReplyObject(reply);
    redisFree(context);
}

static void write_password(char path[PATH_LENGTH_MAX + 16], const char *password)
{
    snprintf(path, PATH_LENGTH_MAX + 16, "%s/password", directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "%s\n", password);
    fclose(file);
}

static void the_documented_user_may_do_all_that_is_done(void **state)
{
    (void)state;
    read_document();
    apply_documented_acl("troth", "s3cret");
    apply_documented_acl("router", "other");
    char path[PATH_LENGTH_MAX + 16];
    struct troth_redis_store_config config = store_config();
    config.redis.user = "troth";
    config.redis.password_file = path;
    config.redis.database = 2;
    bool fresh = false;
    write_password(path, "wr0ng");
    struct troth_store *store = open_with(&config);
    assert_false(store->connected(store, &fresh));
    assert_non_null(strstr(store->error(store), "WRONGPASS"));
    assert_null(strstr(store->error(store), "wr0ng"));
    ahead_us += 1000000;
    write_password(path, "s3cret"); /* it is read at each try */
    assert_true(store->connected(store, &fresh));
    (void)own(store, 7);
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    narrow(store, 0, TROTH_RUNG_PAUSE);
    assert_int_equal(store->announce(store, 3, 100, "{}", 2), TROTH_OK);
    assert_int_equal(store->remove(store, 3, 100, agent_name(0), "refunds", true), TROTH_OK);
    settle(store);
    tell_rebuilt(store);
    settle(store);
    ahead_us += 2000000; /* so that idle partitions are asked for */
    settle(store);
    struct troth_redis_store_counts counts;
    troth_redis_store_count(store, &counts);
    assert_int_equal(counts.refusals, 0);
    assert_int_equal(counts.fenced, 0);
    assert_int_equal(ask("DBSIZE")->integer, 0);
    store->close(store);
    /* The router's user reads, and cannot write. What the engine's user loaded, it calls. */
    ask("HSET troth:agent:a score 9 rung clear traffic 0.5 capabilities quote max_cost_micros 1 "
        "good_until 0 offer_until 9000000000000000 contracts c consequence low");
    ask("ZADD troth:route:quote 9 a");
    ask("ZADD troth:probation:quote 0 a");
    redisContext *router = redisConnectUnix(address + 5);
    static const struct {
        const char *command;
        bool allowed;
    } commands[] = {{"AUTH router other", true},
                    {"HMGET troth:agent:a rung traffic", true},
                    {"ZREVRANGE troth:route:quote 0 9", true},
                    {"XREAD STREAMS troth:interventions 0", true},
                    {"FCALL_RO troth_route 1 troth:route:quote 1 7 EXPLORE 1 CONTRACT c", true},
                    {"FCALL_RO troth_route 1 other:route:quote 1 7", false},
                    {"FUNCTION LOAD REPLACE x", false},
                    {"FUNCTION DELETE troth", false},
                    {"HSET troth:agent:a rung clear", false},
                    {"ZADD troth:route:quote 1000 a", false},
                    {"PUBLISH troth:narrowed x", false},
                    {"HGETALL other:key", false},
                    {"KEYS *", false}};
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        redisReply *reply = redisCommand(router, commands[i].command);
        assert_non_null(reply);
        if ((reply->type != REDIS_REPLY_ERROR) != commands[i].allowed) {
            fail_msg("%s: %s", commands[i].command, reply->str != NULL ? reply->str : "allowed");
        }
        freeReplyObject(reply);
    }
    redisFree(router);
}

static void a_layout_of_a_later_version_is_left_alone(void **state)
{
    (void)state;
    ask("HSET troth:meta version 2");
    const struct troth_redis_store_config config = store_config();
    struct troth_store *store = open_with(&config);
    bool fresh = false;
    assert_false(store->connected(store, &fresh));
    assert_non_null(strstr(store->error(store), "layout 2"));
    assert_string_equal(ask("HGET troth:meta version")->str, "2");
    store->close(store);
}

static void a_cluster_is_refused(void **state)
{
    (void)state;
    stop();
    start("--cluster-enabled", "yes");
    const struct troth_redis_store_config config = store_config();
    struct troth_store *store = open_with(&config);
    bool fresh = false;
    assert_false(store->connected(store, &fresh));
    assert_non_null(strstr(store->error(store), "Redis Cluster"));
    store->close(store);
    stop();
    start(NULL, NULL);
}

int main(void)
{
    if (!fixture_begin("redis_layout_test")) {
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_written_is_what_is_documented, empty),
        cmocka_unit_test_setup(a_contract_in_redis_reads_back_to_itself, empty),
        cmocka_unit_test_setup(the_version_of_an_agent_is_told, empty),
        cmocka_unit_test_setup(any_name_of_an_agent_passes, empty),
        cmocka_unit_test_setup(agents_of_one_score_are_told_apart_in_a_set, empty),
        cmocka_unit_test_setup(the_documented_user_may_do_all_that_is_done, empty),
        cmocka_unit_test_setup(a_layout_of_a_later_version_is_left_alone, empty),
        cmocka_unit_test_setup(a_cluster_is_refused, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
