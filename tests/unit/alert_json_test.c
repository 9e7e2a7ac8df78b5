/*
 * Claims: a body is JSON that Alertmanager's schema takes, whatever an agent is called: quotes,
 * backslashes, markup, names that are not UTF-8 or of the greatest length. Labels say who and how,
 * and the same for any rung, cause or number; annotations say the cause as a sentence, term, what
 * was observed, limit, witnesses, when it was decided and how long it took. A link has names
 * percent-encoded. What will not do as a URL or as a link is refused.
 */
#include "tests/support/alert_world.h"

#include <jansson.h>

#include "ops/alert/urls.h"

static const struct troth_alert_words words = {
    "troth", "troth.telemetry", "https://fleet.example/a/{agent}?c={contract}&x={agent}"};
static struct alert_world world;

static int open_world(void **state)
{
    (void)state;
    alert_world_open(&world, 1, 3);
    alert_begin(&world, 0);
    alert_begin(&world, 1);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    alert_world_close(&world);
    return 0;
}

/* Returns what the set has to send, as read back. */
static json_t *body_of(const struct troth_alert_words *with)
{
    struct troth_alert_sending sendings[TROTH_ALERT_BATCH_MAX];
    bool turn = false;
    json_error_t error;
    const size_t count = troth_alert_set_batch(world.set, 0, &world.now, sendings, &turn);
    char *body = troth_alert_json(with, sendings, count);
    troth_alert_set_done(world.set, 0, true, &world.now);
    assert_non_null(body);
    json_t *read = json_loads(body, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(read);
    assert_int_equal(json_array_size(read), count);
    free(body);
    return read;
}

static const char *at(const json_t *body, size_t index, const char *part, const char *key)
{
    const json_t *object = json_array_get(body, index);
    const json_t *inner = part != NULL ? json_object_get(object, part) : object;
    const char *text = json_string_value(json_object_get(inner, key));
    return text != NULL ? text : "(none)";
}

static struct troth_alert narrowed(const char *agent)
{
    struct troth_alert alert = alert_of(&world, TROTH_ALERT_RAISED, 1, "refunds", agent);
    snprintf(alert.term, sizeof alert.term, "resolves");
    alert.consequence = TROTH_CONSEQUENCE_HIGH;
    alert.time_to_narrow_us = 2345678;
    alert.witness_count = 2;
    alert.witnesses[0] = 4711;
    alert.witnesses[1] = 4700;
    return alert;
}

static void labels_and_annotations(void **state)
{
    (void)state;
    struct troth_alert alert = narrowed("refund-7");
    alert_tell(&world, &alert);
    json_t *body = body_of(&words);
    assert_string_equal(at(body, 0, "labels", "alertname"), "TrothNarrowed");
    assert_string_equal(at(body, 0, "labels", "severity"), "warning");
    assert_string_equal(at(body, 0, "labels", "agent"), "refund-7");
    assert_string_equal(at(body, 0, "labels", "contract"), "refunds");
    assert_string_equal(at(body, 0, "labels", "owner"), "ops");
    assert_string_equal(at(body, 0, "labels", "consequence"), "high");
    assert_string_equal(at(body, 0, "labels", "prefix"), "troth");
    assert_int_equal(json_object_size(json_object_get(json_array_get(body, 0), "labels")), 7);
    assert_string_equal(at(body, 0, "annotations", "summary"),
                        "refund-7 is at narrow under refunds: confidence of resolves 0.01 below "
                        "0.05");
    assert_string_equal(at(body, 0, "annotations", "rung"), "narrow");
    assert_string_equal(at(body, 0, "annotations", "term"), "resolves");
    assert_string_equal(at(body, 0, "annotations", "observed"), "0.01");
    assert_string_equal(at(body, 0, "annotations", "limit"), "0.05");
    assert_string_equal(at(body, 0, "annotations", "witnesses"),
                        "troth.telemetry/1/4711, troth.telemetry/1/4700");
    assert_string_equal(at(body, 0, "annotations", "time_to_narrow"), "2.345 s");
    assert_string_equal(at(body, 0, "annotations", "decided_at"), "2027-01-15T07:59:59.000000Z");
    assert_string_equal(at(body, 0, NULL, "startsAt"), "2027-01-15T07:59:59.000000Z");
    assert_string_equal(at(body, 0, NULL, "endsAt"), "2027-01-15T08:02:00.000000Z");
    assert_string_equal(at(body, 0, NULL, "generatorURL"),
                        "https://fleet.example/a/refund-7?c=refunds&x=refund-7");
    json_t *before = json_deep_copy(json_object_get(json_array_get(body, 0), "labels"));
    json_decref(body);
    alert_pass(&world, 7);
    alert.observed = 0.02;
    alert.since_us += 5;
    alert.condition = TROTH_CONDITION_BUDGET;
    alert_tell(&world, &alert);
    body = body_of(&words);
    assert_true(json_equal(before, json_object_get(json_array_get(body, 0), "labels")));
    json_decref(before);
    json_decref(body);
}

static void hostile_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *label;
        const char *link;
    } cases[] = {
        {"a\"b\\c", "a\"b\\c", "https://fleet.example/a/a%22b%5Cc?c=refunds&x=a%22b%5Cc"},
        {"<b>{{x}}", "<b>{{x}}",
         "https://fleet.example/a/%3Cb%3E%7B%7Bx%7D%7D?c=refunds&x=%3Cb%3E%7B%7Bx%7D%7D"},
        {"a/../b?c#d", "a/../b?c#d",
         "https://fleet.example/a/a%2F..%2Fb%3Fc%23d?c=refunds&x=a%2F..%2Fb%3Fc%23d"},
        {"caf\xc3\xa9", "caf\xc3\xa9", "https://fleet.example/a/caf%C3%A9?c=refunds&x=caf%C3%A9"},
        {"\xff{agent}", "\\xff{agent}",
         "https://fleet.example/a/%FF%7Bagent%7D?c=refunds&x=%FF%7Bagent%7D"},
        {"%s%n", "%s%n", "https://fleet.example/a/%25s%25n?c=refunds&x=%25s%25n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct troth_alert alert = narrowed(cases[i].name);
        alert_tell(&world, &alert);
        json_t *body = body_of(&words);
        assert_int_equal(json_array_size(body), 1);
        assert_string_equal(at(body, 0, "labels", "agent"), cases[i].label);
        assert_string_equal(at(body, 0, NULL, "generatorURL"), cases[i].link);
        assert_non_null(strstr(at(body, 0, "annotations", "summary"), cases[i].label));
        json_decref(body);
        alert.kind = TROTH_ALERT_ENDED;
        alert.narrowed = 0;
        alert_tell(&world, &alert);
        json_decref(body_of(&words));
    }
}

static void the_longest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct troth_alert alert = narrowed("");
        alert.agent_length = TROTH_AGENT_LENGTH_MAX;
        memset(alert.agent, i == 0 ? 0xfe : '"', sizeof alert.agent);
        memset(alert.contract, 'c', TROTH_NAME_LENGTH_MAX);
        memset(alert.term, 't', TROTH_NAME_LENGTH_MAX);
        memset(alert.owner, 'o', TROTH_AGENT_LENGTH_MAX);
        alert.witness_count = TROTH_ALERT_WITNESSES_MAX;
        for (unsigned w = 0; w < TROTH_ALERT_WITNESSES_MAX; w++) {
            alert.witnesses[w] = INT64_MAX;
        }
        alert.observed = -1e300;
        alert.limit = 1e300;
        alert.narrowed = i == 2 ? 4 : 1; /* the last makes it the contract's */
        alert_tell(&world, &alert);
        json_t *body = body_of(&words);
        assert_true(json_array_size(body) >= 1);
        json_decref(body);
    }
}

static void of_contracts(void **state)
{
    (void)state;
    struct troth_alert alert = narrowed("a\"1");
    alert_tell(&world, &alert);
    json_decref(body_of(&words));
    alert = narrowed("\xf0");
    alert.rung = TROTH_RUNG_PAUSE;
    alert.condition = TROTH_CONDITION_NEVER;
    alert.narrowed = 4;
    alert_tell(&world, &alert);
    alert.kind = TROTH_ALERT_STOPPED;
    alert_tell(&world, &alert);
    static const struct troth_alert_words plain = {"troth", "troth.telemetry", ""};
    json_t *body = body_of(&plain);
    assert_int_equal(json_array_size(body), 3);
    assert_string_equal(at(body, 0, "labels", "alertname"), "TrothNarrowedMany");
    assert_string_equal(at(body, 0, "labels", "agent"), "(none)");
    assert_string_equal(at(body, 0, "annotations", "count"), "4");
    assert_string_equal(at(body, 0, "annotations", "worst"),
                        "\\xf0 (pause, score 100), a\"1 (narrow, score 100)");
    assert_string_equal(at(body, 1, "labels", "alertname"), "TrothTelemetryStopped");
    assert_string_equal(at(body, 1, "labels", "owner"), "(none)");
    assert_string_equal(at(body, 2, "annotations", "summary"),
                        "a\"1 is told of under TrothNarrowedMany of refunds from now on");
    assert_string_equal(at(body, 2, NULL, "generatorURL"), "(none)");
    json_decref(body);
}

static void nothing_is_an_empty_list(void **state)
{
    (void)state;
    char *body = troth_alert_json(&words, NULL, 0);
    assert_string_equal(body, "[]");
    free(body);
}

static void urls_and_links(void **state)
{
    (void)state;
    struct troth_alert_urls urls;
    assert_true(troth_alert_urls_read("", &urls));
    assert_int_equal(urls.count, 0);
    assert_true(
        troth_alert_urls_read("http://a:9093, https://b.example/am/ ,http://[::1]:1", &urls));
    assert_int_equal(urls.count, 3);
    assert_string_equal(urls.urls[0], "http://a:9093/api/v2/alerts");
    assert_string_equal(urls.urls[1], "https://b.example/am/api/v2/alerts");
    assert_string_equal(urls.urls[2], "http://[::1]:1/api/v2/alerts");
    static const char *const wrong[] = {"a:9093",
                                        "http://",
                                        "ftp://a",
                                        "http://a,",
                                        ",http://a",
                                        "http://u@a",
                                        "http://a?x=1",
                                        "http://a b",
                                        "http:///x",
                                        "http://:9093",
                                        "http://a\n",
                                        "http://a,,http://b",
                                        "file:///etc/passwd",
                                        "http://a,http://b,http://c,http://d,http://e"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (troth_alert_urls_read(wrong[i], &urls)) {
            fail_msg("\"%s\" was taken", wrong[i]);
        }
    }
    assert_true(troth_alert_link_accepts(""));
    assert_true(troth_alert_link_accepts("http://x/{agent}/{contract}?a={agent}"));
    assert_false(troth_alert_link_accepts("javascript:alert(1)"));
    assert_false(troth_alert_link_accepts("http://x/{term}"));
    assert_false(troth_alert_link_accepts("http://x/ y"));
    assert_false(troth_alert_link_accepts("http://x/\"y"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(labels_and_annotations, open_world, close_world),
        cmocka_unit_test_setup_teardown(hostile_names, open_world, close_world),
        cmocka_unit_test_setup_teardown(the_longest, open_world, close_world),
        cmocka_unit_test_setup_teardown(of_contracts, open_world, close_world),
        cmocka_unit_test(nothing_is_an_empty_list),
        cmocka_unit_test(urls_and_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
