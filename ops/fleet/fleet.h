/*
 * A fleet of agents that does not exist: events to score, and the truth about who sent them.
 *
 * Every agent keeps its promises in its own way until a time drawn for it, its onset, and from then
 * on as its kind says. The promises are those of schemas/examples/refunds.yaml, with floors as
 * configured:
 *
 *     kind      until its onset           from its onset on                        must show as
 *     healthy   fails at 0.1 to 0.4 of    the same: it has no onset                nothing
 *               each term's allowance
 *     at_floor  the same, but one term    the same: it has no onset                either
 *               exactly at its floor
 *     breaking  the same                  one term at 5 to 15 times its allowance  its term
 *     drifting  the same, that term 0.4   rising in a line to 5 to 10 times        its term
 *     silent    the same                  nothing at all                           freshness
 *     rescued   the same                  people help, rising to 5 to 15 times     unaided
 *     leaking   the same                  one call of export_customers             no-leak
 *     hiding    the same                  fails so, and does not report failures   complete
 *     flapping  the same                  breaking and healthy by turns            its term
 *
 * The fleet is a pure function of its configuration: no clock, no I/O, only integers and what IEEE
 * 754 rounds alike everywhere in its decisions, and its own generator (xoshiro256** 1.0 of Blackman
 * and Vigna, 2018, seeded by splitmix64), so the same seed gives the same bytes everywhere. Who an
 * agent is hangs on seed, agents, shares, floors, start and duration alone: the truth stays when
 * rate or choice of agents change.
 *
 * Memory: one block of the caller's. Threads: one at a time.
 */
#ifndef TROTH_OPS_FLEET_FLEET_H
#define TROTH_OPS_FLEET_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/event.h"
#include "schemas/status.h"

enum {
    TROTH_FLEET_AGENTS_MAX = 10000000,
    TROTH_FLEET_RATE_MAX = 10000000, /* events a second */
    TROTH_FLEET_NAME_LENGTH = 16,    /* bytes that hold any name, its end included */
    TROTH_FLEET_ZIPF_MAX = 4
};

#define TROTH_FLEET_DURATION_MAX_US INT64_C(2592000000000)  /* 30 days */
#define TROTH_FLEET_SLOTS_MAX       UINT64_C(1000000000000) /* rate times duration */
#define TROTH_FLEET_NO_ONSET_US     INT64_MAX

#define TROTH_FLEET_KINDS(X)                                                                       \
    X(HEALTHY, "healthy")                                                                          \
    X(AT_FLOOR, "at_floor")                                                                        \
    X(BREAKING, "breaking")                                                                        \
    X(DRIFTING, "drifting")                                                                        \
    X(SILENT, "silent")                                                                            \
    X(RESCUED, "rescued")                                                                          \
    X(LEAKING, "leaking")                                                                          \
    X(HIDING, "hiding")                                                                            \
    X(FLAPPING, "flapping")

/* X(NAME, "name in the contract"): terms that have a rate first, in the order of their rates. */
#define TROTH_FLEET_TERMS(X)                                                                       \
    X(RESOLVES, "resolves")                                                                        \
    X(PROMPT, "prompt")                                                                            \
    X(UNAIDED, "unaided")                                                                          \
    X(GROUNDED, "grounded")                                                                        \
    X(COMPLETE, "complete")                                                                        \
    X(NO_LEAK, "no-leak")

#define TROTH_ENUMERATE_FLEET_KIND(NAME, text) TROTH_FLEET_##NAME,
#define TROTH_ENUMERATE_FLEET_TERM(NAME, text) TROTH_FLEET_TERM_##NAME,
enum troth_fleet_kind { TROTH_FLEET_KINDS(TROTH_ENUMERATE_FLEET_KIND) TROTH_FLEET_KIND_COUNT };
enum troth_fleet_term {
    TROTH_FLEET_TERMS(TROTH_ENUMERATE_FLEET_TERM) TROTH_FLEET_TERM_COUNT,
    TROTH_FLEET_RATES = TROTH_FLEET_TERM_NO_LEAK, /* terms below this one have a floor */
    TROTH_FLEET_NO_TERM = TROTH_FLEET_TERM_COUNT
};
#undef TROTH_ENUMERATE_FLEET_KIND
#undef TROTH_ENUMERATE_FLEET_TERM

/* Shares are in parts per million. */
struct troth_fleet_config {
    uint64_t seed;
    uint32_t agents;          /* 1..TROTH_FLEET_AGENTS_MAX */
    uint32_t rate_per_second; /* of the whole fleet while all speak; 1..TROTH_FLEET_RATE_MAX */
    int64_t start_us;         /* microseconds since 1970 UTC, >= 0 */
    int64_t duration_us;      /* 1 s..TROTH_FLEET_DURATION_MAX_US */
    double zipf;              /* exponent of the choice of agents, 0 (all alike)..
                               * TROTH_FLEET_ZIPF_MAX, taken to the nearest 1/1024 */
    uint32_t share_ppm[TROTH_FLEET_KIND_COUNT]; /* of each kind; healthy ones are the rest */
    uint32_t floor_ppm[TROTH_FLEET_RATES];      /* of each term; 500000..999999 */
    uint32_t onset_from_ppm;                    /* onsets fall in these parts of the duration */
    uint32_t onset_until_ppm;
    uint32_t tool_ppm; /* of the events; tasks are the rest */
    uint32_t evaluation_ppm;
    uint32_t heartbeat_ppm;
    uint32_t late_ppm;             /* numbered events that come after a later one of the agent */
    uint32_t duplicate_ppm;        /* numbered events that come twice */
    int64_t spend_micros_per_hour; /* that no agent is expected to pass; 1.. */
};

/* What is true of one agent. */
struct troth_fleet_truth {
    char name[TROTH_FLEET_NAME_LENGTH]; /* refund-00017 */
    uint8_t kind;                       /* enum troth_fleet_kind */
    uint8_t term;                       /* enum troth_fleet_term that must show it, or NO_TERM */
    uint32_t conditions;   /* bit 1 << enum troth_condition: causes that are right; 0: none is */
    int64_t onset_us;      /* or TROTH_FLEET_NO_ONSET_US; a leak's is exact once it has happened */
    int64_t full_us;       /* when the full rate is reached; like onset_us where at once */
    uint32_t rate_ppm;     /* at which the term's evidence breaks then; 0 where it is no rate */
    uint64_t events;       /* sent so far */
    uint64_t events_after; /* of these, since the onset */
};

struct troth_fleet;

/* Out config: 1,000 agents over an hour, 2 % of each kind that is not healthy, refunds.yaml's
 * floors, everything else as a fleet in production would have it; seed and start are 0. */
void troth_fleet_config_default(struct troth_fleet_config *config);

/* Out config: what ops/fleet/demo.yaml is made for: 1,200 agents that go through it all in a
 * minute; seed and start are 0. */
void troth_fleet_config_demo(struct troth_fleet_config *config);

/* Out problem: what is wrong with it and what would be right; static, untouched on OK.
 * Returns TROTH_OK or TROTH_INVALID. */
TROTH_MUST_CHECK
troth_status troth_fleet_config_check(const struct troth_fleet_config *config,
                                      const char **problem);

/* In config: checked. Returns the bytes of memory that a fleet of that size takes. */
size_t troth_fleet_size(const struct troth_fleet_config *config);

/* In memory: troth_fleet_size(config) bytes, aligned to 16, kept until the fleet is done with.
 * In config: checked; copied. Returns the fleet, at the start of the memory. */
struct troth_fleet *troth_fleet_init(void *memory, const struct troth_fleet_config *config);

/*
 * Gives the next event, in the order of the log's time.
 * Out event: points into the fleet, until the next call. Out recorded_at_us: the log's time; never
 * falls; past the event's own time where the event is late.
 * Returns false, both untouched, when the duration is over.
 */
bool troth_fleet_next(struct troth_fleet *fleet, struct troth_event *event,
                      int64_t *recorded_at_us);

/*
 * Gives an agent of the caller's choice its turn, in the order of the log's time with what
 * troth_fleet_next gives: of such an event there is no duplicate.
 * In agent: below troth_fleet_agents. Out event, recorded_at_us: as above.
 * Returns false, both untouched, when no event comes of it: the agent is silent, holds back or has
 * lost one, or the duration is over.
 */
bool troth_fleet_turn(struct troth_fleet *fleet, uint32_t agent, struct troth_event *event,
                      int64_t *recorded_at_us);

uint32_t troth_fleet_agents(const struct troth_fleet *fleet);

/* Returns the time at which the fleet's duration ends. */
int64_t troth_fleet_end_us(const struct troth_fleet *fleet);

/* Out truth: of the agent, below troth_fleet_agents(fleet). */
void troth_fleet_agent(const struct troth_fleet *fleet, uint32_t agent,
                       struct troth_fleet_truth *truth);

/* Returns the agent of that name, or troth_fleet_agents(fleet) where there is none. */
uint32_t troth_fleet_find(const struct troth_fleet *fleet, struct troth_text name);

/* Returns the name of a value, NULL when it is out of range (NO_TERM is). */
const char *troth_fleet_kind_name(unsigned kind);
const char *troth_fleet_term_name(unsigned term);

/*
 * Writes what is true of one agent as one line of JSON, with the contract's names.
 * Out buffer, capacity: at most capacity bytes, not terminated; 512 always do. Out length.
 * Returns TROTH_OK, TROTH_FULL or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_fleet_truth_write(const struct troth_fleet_truth *truth, char *buffer,
                                     size_t capacity, size_t *length);

#endif
