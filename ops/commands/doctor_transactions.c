/*
 * troth doctor, transactions: whether the engine's user may run them. Only the broker can tell, and
 * only whom begins: so an id is begun under the engine's prefix that no engine has, and nothing is
 * ever sent by it.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "ops/commands/doctor_parts.h"
#include "ops/kafka/link.h"

#define ANSWER_TIMEOUT_US INT64_C(10000000)

enum { ID_LENGTH = 512, FIX_LENGTH = 768 };

static const char area[] = "rights";

static void tell_failure(struct troth_doctor *doctor, const char *servers,
                         const rd_kafka_error_t *failure)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    char fix[FIX_LENGTH];
    if (code != RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, "see the brokers' logs",
                          "transactions were not checked: %s",
                          troth_kafka_explain_or(code, rd_kafka_error_string(failure)));
        return;
    }
    (void)snprintf(fix, sizeof fix,
                   "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:NAME "
                   "--operation Write --operation Describe --transactional-id %s. "
                   "--resource-pattern-type prefixed; or set delivery: at_least_once",
                   servers, doctor->config->prefix);
    troth_doctor_tell(doctor, TROTH_DIAGNOSIS_FAIL, area, fix,
                      "this user may not run the engine's transactions: it has no right to "
                      "transactional ids that begin with %s.",
                      doctor->config->prefix);
}

void troth_doctor_transactions(struct troth_doctor *doctor)
{
    char id[ID_LENGTH];
    char error[TROTH_KAFKA_ERROR_LENGTH];
    struct troth_kafka_link link;
    if (doctor->config->delivery != TROTH_CONFIG_EXACTLY_ONCE) {
        return;
    }
    /* An engine's ends with its worker's number. */
    (void)snprintf(id, sizeof id, "%s.%s.doctor", doctor->config->prefix, doctor->config->group);
    const struct troth_kafka_property needed[] = {{"transactional.id", id}};
    if (troth_kafka_link_open(
            &link, doctor->config, RD_KAFKA_PRODUCER, (struct troth_kafka_properties){NULL, 0},
            (struct troth_kafka_properties){needed, 1}, NULL, error) != TROTH_OK) {
        troth_doctor_tell(doctor, TROTH_DIAGNOSIS_WARN, area, NULL,
                          "transactions were not checked: %s", error);
        return;
    }
    bool embedded = false;
    const int timeout_ms = troth_kafka_milliseconds(ANSWER_TIMEOUT_US);
    if (!troth_kafka_is_embedded(link.client, timeout_ms, &embedded) || !embedded) {
        rd_kafka_error_t *failure = rd_kafka_init_transactions(link.client, timeout_ms);
        if (failure != NULL) {
            tell_failure(doctor, link.servers, failure);
            rd_kafka_error_destroy(failure);
        } else {
            troth_doctor_tell(doctor, TROTH_DIAGNOSIS_OK, area, NULL,
                              "this user may run transactions as %s.*", doctor->config->prefix);
        }
    }
    troth_kafka_link_close(&link);
}
