/*
 * One telemetry event, decoded: what an agent did, or what was said of it.
 *
 * The names, their order and their numbers are those of schemas/agent_event.avsc; a test holds the
 * two together. Enumerations are numbered as in Avro, so a decoder copies the index.
 *
 * Memory: an event owns nothing. Its texts, verdicts and attributes point into the bytes that it
 * was decoded from, or into the scratch that the decoder was given, and live as long as those.
 * Threads: plain data.
 */
#ifndef TROTH_SCHEMAS_EVENT_H
#define TROTH_SCHEMAS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Limits on one event; a record past one of them is rejected as over_limit. */
enum {
    TROTH_AGENT_LENGTH_MAX = 128,   /* bytes of an agent's name, no control characters */
    TROTH_TEXT_LENGTH_MAX = 1024,   /* bytes of any other text */
    TROTH_VERDICTS_MAX = 64,        /* verdicts in one event */
    TROTH_ATTRIBUTES_MAX = 64,      /* attributes in one event */
    TROTH_RECORD_LENGTH_MAX = 65536 /* bytes of one encoded event */
};

/* X(NAME, "name in JSON Lines and contracts"); Avro's symbol is NAME. Order is Avro's order. */
#define TROTH_KINDS(X)                                                                             \
    X(TASK, "task")                                                                                \
    X(TOOL, "tool")                                                                                \
    X(EVALUATION, "evaluation")                                                                    \
    X(RESCUE, "rescue")                                                                            \
    X(EXCEPTION, "exception")                                                                      \
    X(HEARTBEAT, "heartbeat")                                                                      \
    X(TICK, "tick")                                                                                \
    X(POINTER, "pointer")

#define TROTH_OUTCOMES(X)                                                                          \
    X(NONE, "none")                                                                                \
    X(OK, "ok")                                                                                    \
    X(FAILED, "failed")                                                                            \
    X(REFUSED, "refused")                                                                          \
    X(TIMEOUT, "timeout")                                                                          \
    X(THROTTLED, "throttled")                                                                      \
    X(CANCELLED, "cancelled")

#define TROTH_SOURCES(X)                                                                           \
    X(SELF, "self")                                                                                \
    X(PEER, "peer")                                                                                \
    X(GATEWAY, "gateway")                                                                          \
    X(EVALUATOR, "evaluator")                                                                      \
    X(HUMAN, "human")                                                                              \
    X(ENGINE, "engine")

#define TROTH_RESCUES(X)                                                                           \
    X(INTERRUPT, "interrupt")                                                                      \
    X(CORRECTION, "correction")                                                                    \
    X(TAKEOVER, "takeover")                                                                        \
    X(REDO, "redo")                                                                                \
    X(SILENT_EDIT, "silent_edit")                                                                  \
    X(APPROVAL_WAIVED, "approval_waived")

#define TROTH_ENUMERATE_KIND(NAME, text)    TROTH_KIND_##NAME,
#define TROTH_ENUMERATE_OUTCOME(NAME, text) TROTH_OUTCOME_##NAME,
#define TROTH_ENUMERATE_SOURCE(NAME, text)  TROTH_SOURCE_##NAME,
#define TROTH_ENUMERATE_RESCUE(NAME, text)  TROTH_RESCUE_##NAME,

enum troth_kind { TROTH_KINDS(TROTH_ENUMERATE_KIND) TROTH_KIND_COUNT };
enum troth_outcome { TROTH_OUTCOMES(TROTH_ENUMERATE_OUTCOME) TROTH_OUTCOME_COUNT };
enum troth_source { TROTH_SOURCES(TROTH_ENUMERATE_SOURCE) TROTH_SOURCE_COUNT };
enum troth_rescue { TROTH_RESCUES(TROTH_ENUMERATE_RESCUE) TROTH_RESCUE_COUNT };

#undef TROTH_ENUMERATE_KIND
#undef TROTH_ENUMERATE_OUTCOME
#undef TROTH_ENUMERATE_SOURCE
#undef TROTH_ENUMERATE_RESCUE

/* X(NAME, "name", type): the event's fields in Avro's order; a predicate of a contract names them.
 */
#define TROTH_FIELDS(X)                                                                            \
    X(ID, "id", BYTES)                                                                             \
    X(AGENT, "agent", TEXT)                                                                        \
    X(AT, "at", INTEGER)                                                                           \
    X(KIND, "kind", ENUM)                                                                          \
    X(OUTCOME, "outcome", ENUM)                                                                    \
    X(SOURCE, "source", ENUM)                                                                      \
    X(ISSUER, "issuer", TEXT)                                                                      \
    X(CONTRACT, "contract", TEXT)                                                                  \
    X(SESSION, "session", TEXT)                                                                    \
    X(SEQ, "seq", INTEGER)                                                                         \
    X(AGENT_VERSION, "agent_version", TEXT)                                                        \
    X(TASK, "task", TEXT)                                                                          \
    X(TOOL, "tool", TEXT)                                                                          \
    X(LATENCY_US, "latency_us", INTEGER)                                                           \
    X(COST_MICROS, "cost_micros", INTEGER)                                                         \
    X(INPUT_TOKENS, "input_tokens", INTEGER)                                                       \
    X(OUTPUT_TOKENS, "output_tokens", INTEGER)                                                     \
    X(RESCUE, "rescue", ENUM)                                                                      \
    X(OWNER, "owner", TEXT)                                                                        \
    X(UNTIL, "until", INTEGER)                                                                     \
    X(VERDICTS, "verdicts", VERDICTS)                                                              \
    X(ATTRIBUTES, "attributes", ATTRIBUTES)

#define TROTH_ENUMERATE_FIELD(NAME, text, type) TROTH_FIELD_##NAME,
enum troth_field { TROTH_FIELDS(TROTH_ENUMERATE_FIELD) TROTH_FIELD_COUNT };
#undef TROTH_ENUMERATE_FIELD

enum troth_field_type {
    TROTH_TYPE_BYTES,
    TROTH_TYPE_TEXT,
    TROTH_TYPE_INTEGER,
    TROTH_TYPE_ENUM,
    TROTH_TYPE_VERDICTS,
    TROTH_TYPE_ATTRIBUTES
};

/* UTF-8, not terminated. An absent text has data NULL; an empty one has data not NULL, length 0. */
struct troth_text {
    const char *data;
    uint32_t length;
};

/* Returns the text of a terminated string. */
static inline struct troth_text troth_text_of(const char *string)
{
    return (struct troth_text){string, (uint32_t)strlen(string)};
}

struct troth_verdict {
    struct troth_text term;
    double value; /* meaningful only where has_value */
    bool has_value;
    bool kept;
};

struct troth_attribute {
    struct troth_text name;
    struct troth_text value;
};

struct troth_event {
    /* Bit TROTH_FIELD_x is set where the field is present; id, agent, at, kind and source always
     * are in an event that a decoder accepted (agent not for TICK and POINTER). The outcome's bit
     * is set where it is not NONE; to a contract an outcome is never absent, `none` is one. */
    uint32_t present;
    uint8_t kind;    /* enum troth_kind */
    uint8_t outcome; /* enum troth_outcome */
    uint8_t source;  /* enum troth_source */
    uint8_t rescue;  /* enum troth_rescue, where present */
    int64_t at_us;   /* microseconds since 1970 UTC, as the emitter says */
    int64_t latency_us;
    int64_t cost_micros;
    int64_t input_tokens;
    int64_t output_tokens;
    int64_t seq;
    int64_t until_us;
    struct troth_text agent;
    struct troth_text issuer;
    struct troth_text contract;
    struct troth_text session;
    struct troth_text agent_version;
    struct troth_text task;
    struct troth_text tool;
    struct troth_text owner;
    const struct troth_verdict *verdicts;
    const struct troth_attribute *attributes;
    uint16_t verdict_count;
    uint16_t attribute_count;
    uint8_t id[16];
};

/* In event: the decoded event. Returns whether the field is present. */
static inline bool troth_event_has(const struct troth_event *event, enum troth_field field)
{
    return (event->present >> field & 1U) != 0;
}

/* Returns the lower-case name of a value of the enumeration, or NULL when it is out of range. */
const char *troth_kind_name(unsigned kind);
const char *troth_outcome_name(unsigned outcome);
const char *troth_source_name(unsigned source);
const char *troth_rescue_name(unsigned rescue);
const char *troth_field_name(unsigned field);

/* Returns the type of a field (below TROTH_FIELD_COUNT). */
enum troth_field_type troth_field_type(unsigned field);

/* Finds a value by its lower-case name. Returns its number, or -1 when there is none. */
int troth_kind_find(const char *name, size_t length);
int troth_outcome_find(const char *name, size_t length);
int troth_source_find(const char *name, size_t length);
int troth_rescue_find(const char *name, size_t length);
int troth_field_find(const char *name, size_t length);

#endif
