/*
 * What tests of the core share: contracts from their text, events, a shard that is fed, and the
 * interventions that it told of.
 *
 * Memory: scenario_rules and scenario_open allocate; scenario_rules_free and scenario_close give
 * back. Threads: one.
 */
#ifndef TROTH_TESTS_SUPPORT_SCENARIO_H
#define TROTH_TESTS_SUPPORT_SCENARIO_H

#include "tests/support/test.h"

#include <string.h>

#include "schemas/contract.h"
#include "scoring/agents.h"
#include "scoring/evidence.h"
#include "scoring/outlook.h"
#include "scoring/shard.h"

#define MILLISECOND INT64_C(1000)
#define SECOND      INT64_C(1000000)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)
#define START       (INT64_C(20718) * DAY) /* in 2026; every window of whole hours starts there */

/* Text that grows to its end; a test's text that does not fit fails the test. */
struct draft {
    size_t length;
    char text[8192];
};

__attribute__((format(printf, 2, 3))) static inline void draft_add(struct draft *draft,
                                                                   const char *format, ...)
{
    const size_t room = sizeof draft->text - draft->length;
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(draft->text + draft->length, room, format, arguments);
    va_end(arguments);
    assert_in_range(length, 0, room - 1);
    draft->length += (size_t)length;
}

/* A contract and its rules, in one piece. */
struct ready_contract {
    struct troth_contract contract;
    struct troth_rules rules;
};

/* Parses a contract and makes it ready; a test's contract that is wrong fails the test.
 * In keys: the keys of the document with their values; promise and owner are added. */
static inline const struct troth_rules *scenario_rules(const char *keys)
{
    static char text[TROTH_CONTRACT_LENGTH_MAX];
    assert_in_range(snprintf(text, sizeof text, "{promise: a test's, owner: tests, %s}", keys), 1,
                    sizeof text - 1);
    struct troth_problems *problems = calloc(1, sizeof *problems);
    struct ready_contract *ready = calloc(1, sizeof *ready);
    assert_non_null(problems);
    assert_non_null(ready);
    if (troth_contract_parse(text, strlen(text), &ready->contract, problems) != TROTH_OK) {
        fail_msg("the test's own contract: %s: %s\n%s", problems->items[0].key,
                 problems->items[0].text, text);
    }
    free(problems);
    troth_rules_init(&ready->rules, &ready->contract);
    return &ready->rules;
}

static inline void scenario_rules_free(const struct troth_rules *rules)
{
    free((char *)(uintptr_t)rules - offsetof(struct ready_contract, rules));
}

static inline struct troth_text text_of(const char *text)
{
    return (struct troth_text){text, (uint32_t)strlen(text)};
}

/* An agent's event of a kind and an outcome, at a time. */
static inline struct troth_event event_of(const char *agent, enum troth_kind kind,
                                          enum troth_outcome outcome, int64_t at_us)
{
    struct troth_event event = {.kind = (uint8_t)kind,
                                .outcome = (uint8_t)outcome,
                                .source = TROTH_SOURCE_SELF,
                                .at_us = at_us,
                                .agent = text_of(agent)};
    event.present = 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT |
                    1U << TROTH_FIELD_KIND | 1U << TROTH_FIELD_SOURCE;
    event.present |= outcome != TROTH_OUTCOME_NONE ? 1U << TROTH_FIELD_OUTCOME : 0U;
    return event;
}

static inline struct troth_event task_of(const char *agent, bool ok, int64_t at_us)
{
    return event_of(agent, TROTH_KIND_TASK, ok ? TROTH_OUTCOME_OK : TROTH_OUTCOME_FAILED, at_us);
}

/* An intervention that was told of, with its own copy of the agent's name. */
struct told {
    struct troth_intervention intervention;
    char agent[TROTH_AGENT_LENGTH_MAX + 1];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
};

struct ended {
    uint32_t standing;
    char agent[TROTH_AGENT_LENGTH_MAX + 1];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
};

enum { TOLD_MAX = 8192, ENDED_MAX = 64 };

struct scenario {
    struct troth_shard_config config;
    void *memory;
    size_t size;
    struct troth_shard *shard;
    int64_t offset; /* of the next record */
    unsigned told_count;
    unsigned ended_count;
    struct told *told; /* TOLD_MAX */
    struct ended ended[ENDED_MAX];
};

static inline void scenario_hear(void *context, const struct troth_intervention *intervention)
{
    struct scenario *s = context;
    if (s->told_count == TOLD_MAX) {
        fail_msg("more than %d interventions", TOLD_MAX);
    }
    struct told *told = &s->told[s->told_count++];
    memset(told, 0, sizeof *told);
    told->intervention = *intervention;
    memcpy(told->agent, intervention->agent.data, intervention->agent.length);
    strcpy(told->contract, intervention->contract->name);
}

static inline void scenario_hear_end(void *context, uint32_t standing, struct troth_text agent,
                                     const char *contract)
{
    struct scenario *s = context;
    assert_true(s->ended_count < ENDED_MAX);
    struct ended *ended = &s->ended[s->ended_count++];
    memset(ended, 0, sizeof *ended);
    ended->standing = standing;
    memcpy(ended->agent, agent.data, agent.length);
    strcpy(ended->contract, contract);
}

/* Starts the shard anew, as it was opened. */
static inline void scenario_restart(struct scenario *s)
{
    s->offset = 0;
    s->told_count = 0;
    s->ended_count = 0;
    memset(s->memory, 0, s->size);
    s->shard = troth_shard_init(s->memory, &s->config);
}

/* Opens a shard on memory of its own; agents_max, standings_max and standing_bytes as given. */
static inline void scenario_open(struct scenario *s, uint32_t agents_max, uint32_t standings_max,
                                 uint32_t standing_bytes)
{
    memset(s, 0, sizeof *s);
    s->config = (struct troth_shard_config){.agents_max = agents_max,
                                            .standings_max = standings_max,
                                            .standing_bytes = standing_bytes,
                                            .dockets_max = standings_max,
                                            .max_ahead_us = MINUTE,
                                            .on_intervention = scenario_hear,
                                            .on_ended = scenario_hear_end,
                                            .context = s};
    s->told = calloc(TOLD_MAX, sizeof *s->told);
    s->size = (troth_shard_size(&s->config) + 63) / 64 * 64;
    s->memory = aligned_alloc(64, s->size);
    assert_non_null(s->told);
    assert_non_null(s->memory);
    scenario_restart(s);
}

static inline void scenario_close(struct scenario *s)
{
    free(s->memory);
    free(s->told);
}

static inline void scenario_put(struct scenario *s, const struct troth_rules *rules)
{
    assert_int_equal(troth_shard_contract(s->shard, rules), TROTH_OK);
}

/* Feeds the next record; event NULL: a rejected one. */
static inline troth_status scenario_feed(struct scenario *s, int64_t timestamp_us,
                                         const struct troth_event *event)
{
    const uint64_t hash =
        event != NULL && event->agent.data != NULL ? troth_agents_hash(event->agent) : 0;
    return troth_shard_apply(s->shard, timestamp_us, s->offset++, event, hash);
}

/* Decides, by a pointer that is the next record. In disputed: the record that the decision names,
 * or NULL. */
static inline struct troth_ruled scenario_decide(struct scenario *s, int64_t timestamp_us,
                                                 const struct troth_decision *decision,
                                                 const struct troth_disputed *disputed)
{
    const struct troth_event pointer = {.kind = TROTH_KIND_POINTER, .source = TROTH_SOURCE_ENGINE};
    assert_int_equal(scenario_feed(s, timestamp_us, &pointer), TROTH_OK);
    return troth_shard_decide(s->shard, decision, disputed);
}

static inline void scenario_tick(struct scenario *s, int64_t timestamp_us)
{
    const struct troth_event tick = {.kind = TROTH_KIND_TICK, .source = TROTH_SOURCE_ENGINE};
    assert_int_equal(scenario_feed(s, timestamp_us, &tick), TROTH_OK);
}

/* A task of an agent at a time that is its record's too. */
static inline void scenario_task(struct scenario *s, const char *agent, bool ok, int64_t at_us)
{
    const struct troth_event event = task_of(agent, ok, at_us);
    assert_int_equal(scenario_feed(s, at_us, &event), TROTH_OK);
}

/* Looks at the one standing of an agent under a contract. */
static inline struct troth_standing_view scenario_view(struct scenario *s, const char *agent,
                                                       const char *contract)
{
    uint32_t standings[16];
    struct troth_standing_view view;
    const uint32_t count = troth_shard_of_agent(s->shard, text_of(agent), standings, 16);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(troth_shard_view(s->shard, standings[i], &view));
        if (strcmp(view.rules->contract->name, contract) == 0) {
            return view;
        }
    }
    fail_msg("%s has no standing under %s", agent, contract);
    return (struct troth_standing_view){0};
}

static inline unsigned scenario_rung(struct scenario *s, const char *agent, const char *contract)
{
    return scenario_view(s, agent, contract).standing->rung;
}

/* Whether two interventions say the same. In offsets: with the offsets of records, which differ
 * where the same events were recorded otherwise. */
static inline bool told_equal(const struct told *a, const struct told *b, bool offsets)
{
    const struct troth_intervention *x = &a->intervention;
    const struct troth_intervention *y = &b->intervention;
    return strcmp(a->agent, b->agent) == 0 && strcmp(a->contract, b->contract) == 0 &&
           x->from == y->from && x->to == y->to && x->narrowing == y->narrowing &&
           x->cause.condition == y->cause.condition && x->cause.term == y->cause.term &&
           memcmp(&x->cause.observed, &y->cause.observed, sizeof(double)) == 0 &&
           memcmp(&x->cause.limit, &y->cause.limit, sizeof(double)) == 0 &&
           x->score.score == y->score.score && x->score.limiting == y->score.limiting &&
           memcmp(&x->score.compliance, &y->score.compliance, sizeof(double)) == 0 &&
           memcmp(&x->score.freshness, &y->score.freshness, sizeof(double)) == 0 &&
           memcmp(x->kept, y->kept, sizeof x->kept) == 0 &&
           memcmp(x->broken, y->broken, sizeof x->broken) == 0 &&
           x->decided_at_us == y->decided_at_us && x->degraded_at_us == y->degraded_at_us &&
           (x->decision == NULL) == (y->decision == NULL) && x->exposed_tasks == y->exposed_tasks &&
           x->exposed_cost_micros == y->exposed_cost_micros &&
           x->witness_count == y->witness_count &&
           (!offsets || (x->cause_offset == y->cause_offset && x->ordinal == y->ordinal &&
                         memcmp(x->witness_offsets, y->witness_offsets,
                                x->witness_count * sizeof(int64_t)) == 0));
}

#endif
