/*
 * Claim: why a broker is not reached is told in librdkafka's own words, with what mends it. Only
 * errors are kept, and not that all brokers are down, which comes after the reason; what helps
 * nobody is cut off. SCRAM is blamed on librdkafka where it is older than 2.6.1, and there alone.
 */
#include "ops/kafka/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CERTIFICATE                                                                                \
    "kafka: [thrd:ssl://h:1/bootstrap]: ssl://h:1/bootstrap: SSL handshake failed: certificate "   \
    "verify failed (after 3ms in state SSL_HANDSHAKE)"
#define SCRAM "SASL authentication error: Authentication failed with SASL mechanism SCRAM-SHA-512"

static void say(struct troth_kafka_words *words, int level, const char *text)
{
    words->voice.say(words->voice.context, level, text);
}

static void the_reason_is_kept(void **state)
{
    (void)state;
    struct troth_kafka_words words;
    char error[TROTH_KAFKA_ERROR_LENGTH];
    troth_kafka_words_init(&words);
    troth_kafka_words_tell(&words, "h:1", RD_KAFKA_RESP_ERR__TRANSPORT, error, sizeof error);
    assert_non_null(strstr(error, "no broker at h:1 answers (Local: Broker transport failure); "));
    say(&words, 3, CERTIFICATE);
    say(&words, 3, "kafka: [thrd:x]: 1/1 brokers are down");
    say(&words, 4, "kafka: [thrd:x]: a warning");
    troth_kafka_words_tell(&words, "h:1", RD_KAFKA_RESP_ERR__TRANSPORT, error, sizeof error);
    assert_non_null(
        strstr(error, "answers (SSL handshake failed: certificate verify failed); kafka.ssl."));
    troth_kafka_words_fini(&words);
}

static void each_reason_has_its_advice(void **state)
{
    (void)state;
    const int old = 0x020600ff;
    const int right = 0x020601ff;
    assert_non_null(strstr(troth_kafka_words_advice(SCRAM, old), "before 2.6.1"));
    assert_null(strstr(troth_kafka_words_advice(SCRAM, right), "before 2.6.1"));
    assert_non_null(strstr(troth_kafka_words_advice(SCRAM, right), "kafka.sasl.password"));
    assert_null(strstr(troth_kafka_words_advice("Authentication failed: Invalid username", old),
                       "before 2.6.1"));
    assert_non_null(strstr(troth_kafka_words_advice(CERTIFICATE, old), "kafka.ssl.ca.location"));
    assert_non_null(
        strstr(troth_kafka_words_advice("Connection refused", old), "kafka.bootstrap.servers"));
}

static void words_of_any_length_fit(void **state)
{
    (void)state;
    struct troth_kafka_words words;
    char error[TROTH_KAFKA_ERROR_LENGTH];
    char text[4 * TROTH_KAFKA_ERROR_LENGTH];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    troth_kafka_words_init(&words);
    say(&words, 3, text);
    troth_kafka_words_tell(&words, text, RD_KAFKA_RESP_ERR__TRANSPORT, error, sizeof error);
    assert_true(strlen(error) < sizeof error);
    assert_non_null(strstr(error, "kafka.bootstrap.servers"));
    troth_kafka_words_fini(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reason_is_kept),
        cmocka_unit_test(each_reason_has_its_advice),
        cmocka_unit_test(words_of_any_length_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
