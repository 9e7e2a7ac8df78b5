#include "ops/alert/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/announce.h"
#include "ops/message.h"
#include "ops/redis/layout.h"
#include "schemas/contract.h"
#include "scoring/ladder.h"

enum { LINK_MAX = 4096, ESCAPED_MAX = 4 * TROTH_AGENT_LENGTH_MAX + 1 };

static const struct {
    const char *name;
    const char *severity;
} forms[] = {
    [TROTH_ALERT_STALE] = {"TrothStale", "warning"},
    [TROTH_ALERT_NARROWED] = {"TrothNarrowed", "warning"},
    [TROTH_ALERT_WAITING] = {"TrothNarrowed", "critical"},
    [TROTH_ALERT_MANY] = {"TrothNarrowedMany", "critical"},
    [TROTH_ALERT_OUTAGE] = {"TrothTelemetryStopped", "critical"},
};

static const char *const consequences[] = {"low", "medium", "high"};

const char *troth_alert_name(enum troth_alert_form form)
{
    return forms[form].name;
}

/* ---- Texts. ---- */

static bool is_agents(const struct troth_alert_sending *sending)
{
    return sending->form <= TROTH_ALERT_WAITING;
}

static json_t *text_of(const char *text, size_t length)
{
    char escaped[ESCAPED_MAX];
    json_t *whole = json_stringn(text, length);
    return whole != NULL ? whole
                         : json_string(troth_message_escape(text, length, escaped, sizeof escaped));
}

__attribute__((format(printf, 3, 4))) static void say(json_t *object, const char *key,
                                                      const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const size_t whole = length < 0 ? 0 : (size_t)length;
    json_object_set_new(object, key, text_of(text, whole < sizeof text ? whole : sizeof text - 1));
}

/* ---- Links. ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~", c) != NULL;
}

/* Writes a text as a part of a URL may hold it (RFC 3986, section 2.1). */
static size_t add_encoded(char *out, size_t used, const char *text, size_t length)
{
    for (size_t i = 0; i < length && used + 4 < LINK_MAX; i++) {
        if (text[i] != '\0' && is_plain(text[i])) {
            out[used++] = text[i];
        } else {
            used += (size_t)snprintf(out + used, 4, "%%%02X", (unsigned char)text[i]);
        }
    }
    return used;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void write_link(const struct troth_alert_words *words,
                       const struct troth_alert_sending *sending, char out[LINK_MAX])
{
    const struct troth_alert *alert = sending->alert;
    size_t used = 0;
    for (const char *c = words->link; *c != '\0' && used + 2 < LINK_MAX;) {
        if (begins(c, "{agent}")) {
            used =
                add_encoded(out, used, alert->agent, is_agents(sending) ? alert->agent_length : 0);
            c += strlen("{agent}");
        } else if (begins(c, "{contract}")) {
            used = add_encoded(out, used, alert->contract, strlen(alert->contract));
            c += strlen("{contract}");
        } else {
            out[used++] = *c++;
        }
    }
    out[used] = '\0';
}

bool troth_alert_link_accepts(const char *link)
{
    const bool web = begins(link, "http://") || begins(link, "https://");
    if (link[0] == '\0') {
        return true;
    }
    if (!web || strlen(link) > TROTH_ALERT_LINK_LENGTH_MAX) {
        return false;
    }
    for (const char *c = link; *c != '\0'; c++) {
        if (begins(c, "{agent}") || begins(c, "{contract}")) {
            c = strchr(c, '}');
        } else if (*c <= 0x20 || *c >= 0x7f || strchr("\"<>\\^`{|}", *c) != NULL) {
            return false;
        }
    }
    return true;
}

/* ---- Annotations. ---- */

static void add_witnesses(json_t *notes, const struct troth_alert_words *words,
                          const struct troth_alert *alert)
{
    char text[TROTH_ALERT_WITNESSES_MAX * 320] = "";
    size_t used = 0;
    for (unsigned i = 0; i < alert->witness_count && used + 320 < sizeof text; i++) {
        used +=
            (size_t)snprintf(text + used, 320, "%s%.255s/%" PRId32 "/%" PRId64, i > 0 ? ", " : "",
                             words->telemetry_topic, alert->partition, alert->witnesses[i]);
    }
    if (used > 0) {
        json_object_set_new(notes, "witnesses", text_of(text, used));
    }
}

/* A standing keeps what was observed as a float, so six digits are shown. A count is written as
 * one.
 */
static void add_number(json_t *notes, const char *key, double value)
{
    const bool whole = value >= -9e15 && value <= 9e15 && value == (double)(int64_t)value;
    say(notes, key, whole ? "%.0f" : "%.6g", value);
}

static void add_cause(json_t *notes, const struct troth_alert *alert)
{
    char why[TROTH_WHY_LENGTH_MAX];
    const bool measured = alert->condition == TROTH_CONDITION_NEVER ||
                          alert->condition == TROTH_CONDITION_BUDGET ||
                          alert->condition == TROTH_CONDITION_CONFIDENCE ||
                          alert->condition == TROTH_CONDITION_CHANGE ||
                          alert->condition == TROTH_CONDITION_FRESHNESS ||
                          alert->condition == TROTH_CONDITION_DISPUTES;
    (void)troth_redis_why(alert->condition, alert->term, alert->observed, alert->limit, why);
    say(notes, "cause", "%s", why);
    say(notes, "condition", "%s", troth_condition_name(alert->condition));
    if (alert->term[0] != '\0') {
        say(notes, "term", "%s", alert->term);
    }
    if (measured) {
        add_number(notes, "observed", alert->observed);
        add_number(notes, "limit", alert->limit);
    }
}

static void add_single(json_t *notes, const struct troth_alert_words *words,
                       const struct troth_alert_sending *sending)
{
    const struct troth_alert *alert = sending->alert;
    char why[TROTH_WHY_LENGTH_MAX];
    char decided[TROTH_TIME_LENGTH];
    (void)troth_redis_why(alert->condition, alert->term, alert->observed, alert->limit, why);
    if (sending->ended && sending->together) {
        say(notes, "summary", "%.*s is told of under TrothNarrowedMany of %s from now on",
            (int)alert->agent_length, alert->agent, alert->contract);
    } else {
        say(notes, "summary", "%.*s is at %s under %s: %s", (int)alert->agent_length, alert->agent,
            troth_rung_name(alert->rung), alert->contract, why);
    }
    say(notes, "rung", "%s", troth_rung_name(alert->rung));
    add_cause(notes, alert);
    say(notes, "score", "%u", (unsigned)alert->score);
    troth_time_write(alert->since_us, decided);
    say(notes, "decided_at", "%s", decided);
    if (alert->time_to_narrow_us >= 0) {
        say(notes, "time_to_narrow", "%" PRId64 ".%03" PRId64 " s",
            alert->time_to_narrow_us / 1000000, alert->time_to_narrow_us / 1000 % 1000);
    }
    add_witnesses(notes, words, alert);
}

static void add_many(json_t *notes, const struct troth_alert_sending *sending)
{
    char text[TROTH_ALERT_WORST_MAX * (TROTH_AGENT_LENGTH_MAX + 32)] = "";
    size_t used = 0;
    for (unsigned i = 0; i < sending->worst_count; i++) {
        const struct troth_alert_worst *one = &sending->worst[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s (%s, score %u)",
                                 i > 0 ? ", " : "", (int)one->agent_length, one->agent,
                                 troth_rung_name(one->rung), (unsigned)one->score);
    }
    say(notes, "summary",
        "%" PRIu64 " agents are narrowed under %s: look for what they have in common",
        sending->count, sending->alert->contract);
    say(notes, "count", "%" PRIu64, sending->count);
    if (used > 0) {
        json_object_set_new(notes, "worst", text_of(text, used));
    }
    char why[TROTH_WHY_LENGTH_MAX];
    const struct troth_alert *alert = sending->alert;
    (void)troth_redis_why(alert->condition, alert->term, alert->observed, alert->limit, why);
    say(notes, "cause", "last: %s", why);
}

static void add_outage(json_t *notes, const struct troth_alert_sending *sending)
{
    say(notes, "summary",
        "telemetry stopped: %" PRIu64 " agents under %s have gone silent together and keep their "
        "scope for now",
        sending->count, sending->alert->contract);
    say(notes, "count", "%" PRIu64, sending->count);
}

/* ---- The body. ---- */

static json_t *labels_of(const struct troth_alert_words *words,
                         const struct troth_alert_sending *sending)
{
    const struct troth_alert *alert = sending->alert;
    json_t *labels = json_object();
    say(labels, "alertname", "%s", forms[sending->form].name);
    say(labels, "severity", "%s", forms[sending->form].severity);
    say(labels, "prefix", "%s", words->prefix);
    say(labels, "contract", "%s", alert->contract);
    if (sending->form == TROTH_ALERT_OUTAGE) {
        return labels;
    }
    say(labels, "owner", "%s", alert->owner);
    say(labels, "consequence", "%s",
        alert->consequence < sizeof consequences / sizeof *consequences
            ? consequences[alert->consequence]
            : "");
    if (is_agents(sending)) {
        json_object_set_new(labels, "agent", text_of(alert->agent, alert->agent_length));
    }
    return labels;
}

static json_t *notes_of(const struct troth_alert_words *words,
                        const struct troth_alert_sending *sending)
{
    json_t *notes = json_object();
    if (is_agents(sending)) {
        add_single(notes, words, sending);
    } else if (sending->form == TROTH_ALERT_MANY) {
        add_many(notes, sending);
    } else {
        add_outage(notes, sending);
    }
    return notes;
}

char *troth_alert_json(const struct troth_alert_words *words,
                       const struct troth_alert_sending *sendings, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        char time[TROTH_TIME_LENGTH];
        char link[LINK_MAX];
        json_t *alert = json_object();
        json_t *notes = notes_of(words, &sendings[i]);
        json_object_set_new(alert, "labels", labels_of(words, &sendings[i]));
        troth_time_write(sendings[i].starts_us, time);
        json_object_set_new(alert, "startsAt", json_string(time));
        troth_time_write(sendings[i].ends_us, time);
        json_object_set_new(alert, "endsAt", json_string(time));
        write_link(words, &sendings[i], link);
        if (link[0] != '\0') {
            json_object_set_new(alert, "generatorURL", json_string(link));
            json_object_set_new(notes, "link", json_string(link));
        }
        json_object_set_new(alert, "annotations", notes);
        json_array_append_new(array, alert);
    }
    char *body = json_dumps(array, JSON_COMPACT);
    const size_t made = json_array_size(array);
    json_decref(array);
    if (made != count) {
        free(body);
        return NULL;
    }
    return body;
}
