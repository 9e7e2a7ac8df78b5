/*
 * Claims, each against a real redis-server that the test starts and ends: an engine that connects
 * loads the library that routers call where it is missing, older, or of another text; a later one
 * stays; where the server has no functions, or the user no right, it says what to do and publishes
 * all the same. Without a redis-server binary it says SKIP.
 */
#include "tests/support/redis.h"

#include "ops/lua.h"
#include "ops/redis/library.h"

enum { CODE_LENGTH_MAX = 32768 };

static const char version_line[] = "\nlocal VERSION = ";

/* Loads the library's text with another version, and with a comment at its end. */
static void load_version(unsigned version, const char *comment)
{
    static char code[CODE_LENGTH_MAX];
    const char *at = strstr(troth_lua_route, version_line);
    assert_non_null(at);
    const char *rest = at + sizeof version_line - 1;
    const int length =
        snprintf(code, sizeof code, "%.*s%u%s\n%s", (int)(rest - troth_lua_route), troth_lua_route,
                 version, rest + strspn(rest, "0123456789"), comment);
    assert_true(length > 0 && (size_t)length < sizeof code);
    assert_string_equal(ask("FUNCTION LOAD REPLACE %b", code, (size_t)length)->str, "troth");
}

/* Whether the library there has our text. */
static bool is_ours(void)
{
    const redisReply *list = ask("FUNCTION LIST LIBRARYNAME troth WITHCODE");
    assert_int_equal(list->elements, 1);
    const redisReply *library = list->element[0];
    return strcmp(library->element[library->elements - 1]->str, troth_lua_route) == 0;
}

static int without_library(void **state)
{
    ask("FUNCTION FLUSH");
    return empty(state);
}

static void it_is_loaded_where_it_is_missing(void **state)
{
    (void)state;
    struct troth_store *store = open_connected();
    assert_true(is_ours());
    /* A call with this RANDOM explores; one with EXPLORE 0.1 lets all in that have 0.1. */
    put(store, 0, TROTH_RUNG_CLEAR, 900);
    put(store, 1, TROTH_RUNG_RECERTIFY, 20);
    settle(store);
    const redisReply *answer = ask(
        "FCALL_RO troth_route 1 troth:route:quote 9 12 NOW %lld EXPLORE 0.1", (long long)NOW_US);
    assert_int_equal(answer->elements, 2); /* as it stands there, the one on probation first */
    assert_string_equal(answer->element[0]->element[0]->str, "refund-1");
    assert_string_equal(answer->element[0]->element[2]->str, "recertify");
    assert_string_equal(answer->element[1]->element[0]->str, "refund-0");
    assert_string_equal(answer->element[1]->element[3]->str, "1");
    answer =
        ask("FCALL_RO troth_route 1 troth:route:quote 9 12 NOW %lld EXPLORE 0.1 CONTRACT refunds "
            "CONSEQUENCE medium",
            (long long)NOW_US);
    assert_int_equal(answer->elements, 2);
    assert_int_equal(ask("FCALL_RO troth_route 1 troth:route:quote 9 1 NOW %lld CONSEQUENCE high",
                         (long long)NOW_US)
                         ->elements,
                     0);
    /* Past good_until what the contract leaves at narrow; this one keeps `quote` alone there. */
    answer = ask("FCALL_RO troth_route 1 troth:route:refund 9 1 NOW %lld EXPLORE 0 COUNTS",
                 (long long)NOW_US + 1);
    assert_string_equal(answer->element[1]->element[8]->str, "unfit");
    assert_int_equal(answer->element[1]->element[9]->integer, 1);
    assert_int_equal(
        ask("FCALL_RO troth_route 1 troth:route:quote 9 1 NOW %lld", (long long)NOW_US + 2)
            ->elements,
        0); /* past offer_until */
    store->close(store);
}

static void an_older_one_is_replaced_and_a_later_one_stays(void **state)
{
    (void)state;
    static const struct {
        unsigned version;
        const char *comment;
        bool replaced;
    } cases[] = {{1, "", true}, {2, "-- another text", true}, {3, "", false}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load_version(cases[i].version, cases[i].comment);
        assert_false(is_ours());
        struct troth_store *store = open_connected();
        assert_int_equal(is_ours(), cases[i].replaced);
        store->close(store);
    }
    ask("FUNCTION LOAD REPLACE %s",
        "#!lua name=troth\nredis.register_function('f', function() end)");
    struct troth_store *store = open_connected();
    assert_true(is_ours());
    store->close(store);
}

/* Returns what loading it on a connection of one's own says. */
static troth_status load(const char *command, char error[TROTH_REDIS_ERROR_LENGTH_MAX])
{
    const struct troth_redis_config config = {.prefix = "troth", .address = address};
    redisContext *context = redisConnectUnix(address + 5);
    assert_int_equal(context->err, 0);
    freeReplyObject(redisCommand(context, command));
    const troth_status status = troth_redis_library_load(&config, context, error);
    redisFree(context);
    return status;
}

static void without_the_right_it_says_what_to_give(void **state)
{
    (void)state;
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
    ask("ACL SETUSER poor on >x ~* &* +@all -function");
    assert_int_equal(load("AUTH poor x", error), TROTH_REFUSED);
    assert_non_null(strstr(error, "+function|list +function|load"));
    ask("ACL DELUSER poor");
}

static void a_server_without_functions_is_published_to(void **state)
{
    (void)state;
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
    stop();
    start("--rename-command FUNCTION \"\"", NULL); /* as Redis 6 has it */
    assert_int_equal(load("PING", error), TROTH_NOT_FOUND);
    assert_non_null(strstr(error, "read the hashes themselves"));
    struct troth_store *store = open_connected();
    put(store, 0, TROTH_RUNG_CLEAR, 100);
    settle(store);
    assert_int_equal(count_of("EXISTS", "troth:agent:refund-0"), 1);
    store->close(store);
    stop();
    start(NULL, NULL);
}

int main(void)
{
    if (!fixture_begin("redis_library_test")) {
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_loaded_where_it_is_missing, without_library),
        cmocka_unit_test_setup(an_older_one_is_replaced_and_a_later_one_stays, without_library),
        cmocka_unit_test_setup(without_the_right_it_says_what_to_give, without_library),
        cmocka_unit_test_setup(a_server_without_functions_is_published_to, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
