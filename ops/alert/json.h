/*
 * Alerts as Alertmanager's API takes them: POST /api/v2/alerts, a JSON array (its OpenAPI document,
 * api/v2/openapi.yaml, `postableAlert`).
 *
 * Labels are an alert's identity, and say the same as long as it lasts: alertname, severity,
 * prefix, contract, owner, consequence and, where it is of one, agent. Everything that moves is an
 * annotation. Names from outside may hold anything: bytes that are not UTF-8 are written as \xNN.
 *
 * Threads: none is shared. Memory: a body is the caller's to free.
 */
#ifndef TROTH_OPS_ALERT_JSON_H
#define TROTH_OPS_ALERT_JSON_H

#include "ops/alert/set.h"

enum { TROTH_ALERT_LINK_LENGTH_MAX = 512 /* bytes of the template */ };

struct troth_alert_words {
    const char *prefix;          /* of the installation: a label */
    const char *telemetry_topic; /* full name, for witnesses */
    const char *link;            /* template with {agent} and {contract}; "" : none */
};

/* Returns the body, terminated, or NULL where there is no memory. */
char *troth_alert_json(const struct troth_alert_words *words,
                       const struct troth_alert_sending *sendings, size_t count);

/* Returns the name of a form's alert, as TrothNarrowed. */
const char *troth_alert_name(enum troth_alert_form form);

/* Returns whether a template of links will do: "", or http:// or https://, printable ASCII without
 * spaces, quotes, angle brackets or braces other than {agent} and {contract}, at most
 * TROTH_ALERT_LINK_LENGTH_MAX. */
bool troth_alert_link_accepts(const char *link);

#endif
