/*
 * Random contracts and random records for properties of the core: small windows and little evidence
 * to certify, so that short streams reach every rung.
 */
#ifndef TROTH_TESTS_SUPPORT_SCENARIO_RANDOM_H
#define TROTH_TESTS_SUPPORT_SCENARIO_RANDOM_H

#include "tests/support/scenario.h"

#define PICK(random, array) ((array)[random_below((random), sizeof(array) / sizeof *(array))])

/* A contract of 1 to 5 terms. In name: of the contract; in version: of it. */
static inline const struct troth_rules *random_rules(uint64_t *random, const char *name,
                                                     unsigned version)
{
    static const char *const promises[] = {
        "when: {kind: task}, keep: {outcome: ok}, floor: 0.9",
        "when: {kind: task}, keep: {outcome: ok}, floor: 0.5",
        "when: {kind: [task, tool]}, keep: {latency_us: {le: 5}}, floor: 0.8",
        "judged: {}, floor: 0.7",
        "completeness: true, floor: 0.8",
        "budget: {sum: cost_micros, at_most: 40}",
        "cadence: {when: {kind: heartbeat}, every: 20m}",
        "cadence: {when: {kind: task}, every: 1m}",
        "never: {kind: exception}"};
    static const char *const windows[] = {
        "", ", window: 4s, panes: 2", ", window: 1m, panes: 6, half_life: 10s",
        ", window: 10m, panes: 5", ", window: 64m, panes: 64, half_life: 1d"};
    static const char *const consequences[] = {"low", "medium", "high"};
    static const char *const on_versions[] = {"", ", on_agent_version: keep",
                                              ", on_agent_version: recertify"};
    static const char *const holds[] = {"1s", "30s", "10m"};
    static const char *const reviews[] = {"5s", "1m", "7d"};
    static const char *const ladders[] = {
        "", ", ladder: {warn: {freshness_below: null}, narrow: {freshness_below: null}}",
        ", ladder: {recertify: {freshness_below: 0.4}, narrow: {scope: {traffic: 0.5}}}",
        (", ladder: {warn: {confidence_below: 0.5}, narrow: {confidence_below: 0.3, "
         "change: true}, recertify: {freshness_below: null}}")};
    struct draft keys = {0};
    draft_add(&keys,
              "contract: %s, version: %u, consequence: %s%s, hold: %s, review_every: %s%s, "
              "window: 2m, panes: 4, certify: {confidence: 0.%u, within: 30m}, terms: [",
              name, version, PICK(random, consequences), PICK(random, on_versions),
              PICK(random, holds), PICK(random, reviews), PICK(random, ladders),
              55 + (unsigned)random_below(random, 40));
    const unsigned count = 1 + (unsigned)random_below(random, 5);
    for (unsigned i = 0; i < count; i++) {
        const char *promise = PICK(random, promises);
        const bool shares = strstr(promise, "floor") != NULL;
        const bool windowed = shares || promise[0] == 'b';
        draft_add(&keys, "%s{name: t%u, %s%s, required: %s", i > 0 ? ", " : "", i, promise,
                  windowed ? PICK(random, windows) : "",
                  random_below(random, 3) > 0 ? "true" : "false");
        if (shares) {
            draft_add(&keys, ", evidence: %u, fresh: %u", 1 + (unsigned)random_below(random, 4),
                      1 + (unsigned)random_below(random, 4));
        }
        draft_add(&keys, "}");
    }
    draft_add(&keys, "]");
    return scenario_rules(keys.text);
}

/* A record: of whom, when, and what. */
struct record {
    int64_t timestamp_us;
    bool rejected; /* the event is not accepted: NULL to the shard */
    struct troth_event event;
};

static const struct troth_verdict record_verdicts[2] = {{.term = {"t0", 2}, .kept = true},
                                                        {.term = {"t1", 2}, .kept = false}};

/* Gives an event a version of its agent: mostly one that changes with time, at times another. */
static inline void random_version(uint64_t *random, struct troth_event *event)
{
    static const char *const versions[] = {"1", "2", "3"};
    const unsigned draw = (unsigned)random_below(random, 8);
    if (draw < 2) {
        return;
    }
    const char *version =
        draw == 2 ? PICK(random, versions) : versions[event->at_us / (7 * MINUTE) % 3];
    event->agent_version = text_of(version);
    event->present |= 1U << TROTH_FIELD_AGENT_VERSION;
}

/* The next record after timestamp_us: mostly soon, at times after a silence. In trouble: percent of
 * what can be broken that is. */
static inline struct record random_record(uint64_t *random, int64_t timestamp_us,
                                          const char *const *agents, unsigned agent_count,
                                          unsigned trouble)
{
    static const int64_t strides_us[] = {0, 1, SECOND / 3, SECOND, 2 * SECOND, 5 * SECOND};
    static const int64_t silences_us[] = {MINUTE, 2 * MINUTE, 31 * MINUTE, 3 * HOUR, 3 * DAY};
    static const uint8_t kinds[] = {TROTH_KIND_TASK,       TROTH_KIND_TASK,      TROTH_KIND_TASK,
                                    TROTH_KIND_TASK,       TROTH_KIND_TOOL,      TROTH_KIND_TOOL,
                                    TROTH_KIND_EVALUATION, TROTH_KIND_HEARTBEAT, TROTH_KIND_TICK,
                                    TROTH_KIND_EXCEPTION};
    struct record record = {.timestamp_us = timestamp_us};
    record.timestamp_us +=
        random_below(random, 40) == 0 ? PICK(random, silences_us) : PICK(random, strides_us);
    if (random_below(random, 30) == 0) { /* a producer's clock behind the log's */
        record.timestamp_us = timestamp_us - (int64_t)random_below(random, SECOND);
    }
    const bool bad = random_below(random, 100) < trouble;
    int64_t at_us = record.timestamp_us;
    if (random_below(random, 6) == 0) {
        at_us -= (int64_t)random_below(random, (uint64_t)(3 * MINUTE));
    }
    unsigned kind = PICK(random, kinds);
    if (kind == TROTH_KIND_EXCEPTION && random_below(random, 100) >= trouble) {
        kind = TROTH_KIND_TASK;
    }
    record.event = event_of(agents[random_below(random, agent_count)], (enum troth_kind)kind,
                            kind == TROTH_KIND_TASK ? bad ? TROTH_OUTCOME_FAILED : TROTH_OUTCOME_OK
                                                    : TROTH_OUTCOME_NONE,
                            at_us);
    struct troth_event *event = &record.event;
    record.rejected = random_below(random, 50) == 0;
    event->latency_us = bad ? 6 : 5;
    event->cost_micros = (int64_t)random_below(random, bad ? 30 : 3);
    event->present |= 1U << TROTH_FIELD_LATENCY_US;
    event->present |= random_below(random, 2) == 0 ? 1U << TROTH_FIELD_COST_MICROS : 0;
    if (kind == TROTH_KIND_EXCEPTION) {
        static const char *const owners[] = {"ann", "bob", "cleo"};
        event->owner = text_of(PICK(random, owners));
        event->until_us = at_us + (int64_t)random_below(random, MINUTE);
        event->present |= 1U << TROTH_FIELD_OWNER | 1U << TROTH_FIELD_UNTIL;
        event->source = random_below(random, 4) == 0 ? TROTH_SOURCE_SELF : TROTH_SOURCE_GATEWAY;
    }
    if (kind == TROTH_KIND_TASK && bad && random_below(random, 3) == 0) {
        event->rescue = (uint8_t)random_below(random, TROTH_RESCUE_COUNT);
        event->present |= 1U << TROTH_FIELD_RESCUE;
    }
    if (kind == TROTH_KIND_EVALUATION) {
        event->source = TROTH_SOURCE_EVALUATOR;
        event->verdicts = record_verdicts;
        event->verdict_count = bad ? 2 : 1;
        event->present |= 1U << TROTH_FIELD_VERDICTS;
    }
    if (random_below(random, 3) == 0) {
        event->seq = (int64_t)(record.timestamp_us / SECOND * 4 + (int64_t)random_below(random, 4));
        event->present |= 1U << TROTH_FIELD_SEQ;
    }
    random_version(random, event);
    return record;
}

#endif
