/*
 * Claims: what a worker tells arrives where Alertmanager takes it, with the Authorization that the
 * configuration names; where there is nothing to say an empty list arrives. An Alertmanager that
 * says 503 is asked again, one that refuses what it is sent is not, and takes what comes after it;
 * one that is away holds nobody else up, nor does one that does not answer: telling goes on, and
 * what there is no room for is counted. What is due when the sender is closed arrives.
 */
#include "tests/support/alert_server.h"

#include <sched.h>
#include <unistd.h>

#include "ops/alert/sender.h"

static struct alert_server server;
static struct alert_server other;
static struct troth_config config;
static struct troth_alert_sender *sender;
static char urls[256];
static char secret[] = "/tmp/troth-alert-XXXXXX";

static int open_servers(void **state)
{
    (void)state;
    alert_server_open(&server);
    alert_server_open(&other);
    snprintf(urls, sizeof urls, "http://127.0.0.1:%u/am/", server.port);
    config = (struct troth_config){.prefix = (char *)"troth",
                                   .alertmanager_urls = urls,
                                   .alertmanager_authorization_file = (char *)"",
                                   .alertmanager_link = (char *)"",
                                   .alertmanager_resend_us = INT64_C(600000000),
                                   .alertmanager_limit = 100};
    return 0;
}

static int close_servers(void **state)
{
    (void)state;
    troth_alert_sender_close(sender);
    sender = NULL;
    alert_server_close(&server);
    alert_server_close(&other);
    return 0;
}

static void start(void)
{
    assert_int_equal(troth_alert_sender_open(&config, &sender), TROTH_OK);
    assert_non_null(sender);
}

static void tell(unsigned kind, const char *agent)
{
    struct troth_alerts *alerts = troth_alert_sender_alerts(sender);
    struct troth_alert alert = {.kind = (uint8_t)kind,
                                .rung = TROTH_RUNG_PAUSE,
                                .source = 1,
                                .sweep = alerts->wanted(alerts),
                                .narrowed = 1,
                                .agent_length = (uint8_t)strlen(agent),
                                .time_to_narrow_us = -1};
    memcpy(alert.agent, agent, strlen(agent));
    snprintf(alert.contract, sizeof alert.contract, "refunds");
    (void)alerts->tell(alerts, &alert);
}

static void begin(void)
{
    tell(TROTH_ALERT_SWEEP, "");
    tell(TROTH_ALERT_SWEPT, "");
}

static struct troth_alert_counts counts(void)
{
    struct troth_alert_counts now;
    troth_alert_sender_count(sender, &now);
    return now;
}

static void it_arrives(void **state)
{
    (void)state;
    const int file = mkstemp(secret);
    assert_true(file >= 0 && write(file, "Bearer abc\n", 11) == 11);
    close(file);
    config.alertmanager_authorization_file = secret;
    start();
    unlink(secret);
    alert_server_wait(&server, "[]", 1);
    begin();
    tell(TROTH_ALERT_RAISED, "agent-1");
    alert_server_wait(&server, "agent-1", 1);
    tell(TROTH_ALERT_ENDED, "agent-1");
    alert_server_wait(&server, "agent-1", 2);
    assert_string_equal(server.path, "POST /am/api/v2/alerts");
    assert_string_equal(server.authorization, "Bearer abc");
    assert_int_equal(alert_server_has(&other, ""), 0);
    troth_alert_sender_stopped(sender, "quotes", 30, 1);
    alert_server_wait(&server, "TrothTelemetryStopped", 1);
}

static void none_is_configured(void **state)
{
    (void)state;
    config.alertmanager_urls = (char *)"";
    assert_int_equal(troth_alert_sender_open(&config, &sender), TROTH_OK);
    assert_null(sender);
    assert_null(troth_alert_sender_alerts(NULL));
    troth_alert_sender_stopped(NULL, "quotes", 30, 1);
    assert_false(counts().on);
    config.alertmanager_urls = urls;
    config.alertmanager_authorization_file = (char *)"/nonexistent/troth";
    assert_int_equal(troth_alert_sender_open(&config, &sender), TROTH_NOT_FOUND);
    assert_null(sender);
}

static void unavailable_is_asked_again(void **state)
{
    (void)state;
    alert_server_answers(&server, 503, false);
    start();
    begin();
    tell(TROTH_ALERT_RAISED, "agent-1");
    alert_server_wait(&server, "agent-1", 2);
    assert_true(counts().failed >= 1);
    assert_int_equal(counts().sent, 0);
    alert_server_answers(&server, 200, false);
    tell(TROTH_ALERT_RAISED, "agent-2");
    alert_server_wait(&server, "agent-2", 1);
    troth_alert_sender_close(sender); /* so that its answer has been taken */
    sender = NULL;
    assert_true(alert_server_has(&server, "agent-1") >= 2);
}

static void refused_is_not(void **state)
{
    (void)state;
    start();
    alert_server_wait(&server, "[]", 1);
    begin();
    alert_server_answers(&server, 400, false);
    tell(TROTH_ALERT_RAISED, "agent-1");
    alert_server_wait(&server, "agent-1", 1);
    /* The next request comes once the refusal was taken. */
    tell(TROTH_ALERT_RAISED, "agent-2");
    alert_server_wait(&server, "agent-2", 1);
    assert_int_equal(alert_server_has(&server, "agent-1"), 1);
    alert_server_answers(&server, 200, false);
    tell(TROTH_ALERT_RAISED, "agent-3");
    alert_server_wait(&server, "agent-3", 1);
    assert_true(counts().failed >= 1);
}

static void one_of_two(void **state)
{
    (void)state;
    char both[sizeof urls];
    struct alert_server gone;
    alert_server_open(&gone);
    snprintf(both, sizeof both, "http://127.0.0.1:%u, http://127.0.0.1:%u", gone.port, other.port);
    alert_server_close(&gone); /* nobody listens there any more */
    config.alertmanager_urls = both;
    start();
    begin();
    tell(TROTH_ALERT_RAISED, "agent-1");
    alert_server_wait(&other, "agent-1", 1);
    /* And one that does not answer. */
    troth_alert_sender_close(sender);
    snprintf(both, sizeof both, "http://127.0.0.1:%u, http://127.0.0.1:%u", server.port,
             other.port);
    alert_server_answers(&server, 200, true);
    start();
    alert_server_wait(&server, NULL, 0);
    begin();
    for (unsigned i = 2; i < 40; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "agent-%u", i);
        tell(TROTH_ALERT_RAISED, agent);
    }
    alert_server_wait(&other, "agent-39", 1);
    alert_server_answers(&server, 200, false);
    alert_server_wait(&server, "agent-39", 1);
}

static void close_sends_what_is_due(void **state)
{
    (void)state;
    start();
    begin();
    for (unsigned i = 0; i < 90; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "agent-%02u", i);
        tell(TROTH_ALERT_RAISED, agent);
    }
    troth_alert_sender_close(sender);
    sender = NULL;
    for (unsigned i = 0; i < 90; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "agent-%02u", i);
        assert_true(alert_server_has(&server, agent) >= 1);
    }
}

/* More is told than there is room for, as fast as it goes. */
static void telling_does_not_wait(void **state)
{
    (void)state;
    alert_server_answers(&server, 200, true);
    start();
    alert_server_wait(&server, NULL, 0);
    begin();
    for (unsigned i = 0; i < 50 * TROTH_ALERT_QUEUE_MAX; i++) {
        tell(i % 2 == 0 ? TROTH_ALERT_RAISED : TROTH_ALERT_ENDED, "agent-1");
    }
    struct troth_alerts *alerts = troth_alert_sender_alerts(sender);
    while (!alerts->has_room(alerts)) {
        sched_yield();
    }
    begin(); /* what was lost is swept up */
    tell(TROTH_ALERT_RAISED, "agent-2");
    alert_server_answers(&server, 200, false);
    alert_server_wait(&server, "agent-2", 1);
    assert_int_equal(counts().queued, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_arrives, open_servers, close_servers),
        cmocka_unit_test_setup_teardown(none_is_configured, open_servers, close_servers),
        cmocka_unit_test_setup_teardown(unavailable_is_asked_again, open_servers, close_servers),
        cmocka_unit_test_setup_teardown(refused_is_not, open_servers, close_servers),
        cmocka_unit_test_setup_teardown(one_of_two, open_servers, close_servers),
        cmocka_unit_test_setup_teardown(close_sends_what_is_due, open_servers, close_servers),
        cmocka_unit_test_setup_teardown(telling_does_not_wait, open_servers, close_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
