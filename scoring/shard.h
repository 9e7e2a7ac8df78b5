/*
 * A shard: the standings of one telemetry partition, a pure function of that partition's log.
 *
 * The caller feeds it every record of the log in order; the shard keeps the clock, handles the
 * deadlines that the clock passes, applies the event, and calls back with each change of rung. What
 * it says never depends on how records are batched, on the wall clock or on other shards.
 *
 *     record -> clock -> deadlines of all standings -> the event's agent -> its standings -> ladder
 *
 * Threads: one at a time. Memory: one block of the caller's, taken when the partition is assigned;
 * nothing is allocated afterwards. Pages of it are first touched when they are needed.
 */
#ifndef TROTH_SCORING_SHARD_H
#define TROTH_SCORING_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/decision.h"
#include "schemas/event.h"
#include "schemas/status.h"
#include "scoring/intervention.h"
#include "scoring/rules.h"
#include "scoring/week.h"

enum {
    TROTH_CONTRACTS_MAX = 256, /* in force at once in one shard */
    TROTH_PREFETCH = 32,       /* events looked ahead for */
    TROTH_DOCKETS_MAX = 65536  /* what an engine gives a shard; some 110 MB, touched when used */
};

struct troth_shard;

struct troth_shard_config {
    uint32_t agents_max;     /* >= 1 */
    uint32_t standings_max;  /* >= 1 */
    uint32_t standing_bytes; /* room per standing, mean; 640 fits three share terms of 12 panes */
    uint32_t dockets_max;    /* standings of which something was decided; 0: nothing can be */
    int64_t max_ahead_us;    /* by how much an event's time may pass its record's; 60 s */
    int64_t evict_after_us;  /* agents at rest go after so long without an event; 0: never */
    /* Called for each change of rung, in the order in which a standing makes them. */
    void (*on_intervention)(void *context, const struct troth_intervention *intervention);
    /* Called when a standing ends: no contract in force applies to its agent any more, or the agent
     * is evicted. */
    void (*on_ended)(void *context, uint32_t standing, struct troth_text agent,
                     const char *contract);
    /* Called when the ledger of a contract's week ends, before it begins anew; may be NULL. */
    void (*on_week)(void *context, unsigned slot, const struct troth_week *week);
    /* Called when an agent goes of which a record of its own was written down; may be NULL. */
    void (*on_gone)(void *context, struct troth_text agent);
    /* Asked of an agent that is not known yet whether it is this shard's; NULL: any is. Of one that
     * is known it was asked when its first event came. */
    bool (*belongs)(void *context, struct troth_text agent);
    void *context;
};

/* What a shard has counted since it was made. */
struct troth_shard_counts {
    uint64_t applied;    /* events that reached at least one standing */
    uint64_t unbound;    /* events that no contract in force applies to */
    uint64_t duplicates; /* events dropped by their sequence number */
    uint64_t late;    /* times that an event brought a standing kept evidence too late to count */
    uint64_t missing; /* numbers that left a sequence window unseen */
    uint64_t interventions;
    uint64_t deadlines; /* handled */
    uint64_t evicted;   /* agents that went, as nothing came of them any more */
    uint32_t agents;
    uint32_t standings;
    uint64_t standing_bytes; /* in blocks in use */
};

/* One standing, looked at. */
struct troth_standing_view {
    struct troth_text agent;
    const struct troth_rules *rules;
    const struct troth_standing *standing;
    struct troth_sight sight; /* at the shard's clock; valid until the shard is next changed */
};

/* Why a standing is on the list of those that changed; bits. */
enum {
    TROTH_DIRTY_LISTED = 1,   /* among those that go first */
    TROTH_DIRTY_IMPROVED = 2, /* kept evidence alone: its score can only have risen */
    TROTH_DIRTY_WORSENED = 4, /* broken evidence, an amount, or time has passed a pane */
    TROTH_DIRTY_MOVED = 8,    /* its rung changed, or it is new, or its contract changed */
    TROTH_DIRTY_LATER = 16,   /* among those that go last: nothing but time moved them */
    TROTH_DIRTY_CHANGES = TROTH_DIRTY_IMPROVED | TROTH_DIRTY_WORSENED | TROTH_DIRTY_MOVED
};

/* Returns the bytes of memory that a shard of that size takes. */
size_t troth_shard_size(const struct troth_shard_config *config);

/* In memory: troth_shard_size(config) bytes, zeroed, aligned to 64, kept until the shard is done
 * with; freeing it ends the shard. Returns the shard, at the start of the memory. */
struct troth_shard *troth_shard_init(void *memory, const struct troth_shard_config *config);

/*
 * Puts a contract version in force, at the shard's clock: it replaces the version of the same name.
 * What it makes standings do is caused by the record applied last, the pointer to it.
 * A term that did not change keeps its evidence, one that changed starts anew.
 * In rules: kept by the caller until it is replaced or retired.
 * Returns TROTH_OK, TROTH_REFUSED (a version not higher than the one in force) or TROTH_FULL (too
 * many contracts, or no room for the larger standings; the old version stays in force).
 */
TROTH_MUST_CHECK
troth_status troth_shard_contract(struct troth_shard *shard, const struct troth_rules *rules);

/* Retires a contract: its standings end. Returns TROTH_OK or TROTH_NOT_FOUND. */
TROTH_MUST_CHECK
troth_status troth_shard_retire(struct troth_shard *shard, const char *contract);

/* Returns the rules in force in a slot below TROTH_CONTRACTS_MAX, or NULL. */
const struct troth_rules *troth_shard_rules(const struct troth_shard *shard, unsigned slot);

/* Returns the version of a contract that is in force; 0: none of that name is. */
int64_t troth_shard_version(const struct troth_shard *shard, struct troth_text contract);

/* What is known of events that will be applied. */
struct troth_ahead {
    uint64_t hashes[TROTH_PREFETCH]; /* of their agents, for troth_shard_apply; 0: passed over */
    uint32_t agents[TROTH_PREFETCH]; /* the agents' likely indices; the shard's own business */
    unsigned count;
};

/*
 * Asks the caches for what events will need, in two steps: first for their agents, then for these
 * agents' sequences and standings. What is asked for takes its time; so between the two, and after
 * the second, other events may be applied. Hints both: they change nothing, and may be left out.
 * In events: at most TROTH_PREFETCH; NULL and those without an agent are passed over.
 */
void troth_shard_seek(const struct troth_shard *shard, const struct troth_event *const *events,
                      unsigned count, struct troth_ahead *ahead);
void troth_shard_touch(struct troth_shard *shard, const struct troth_ahead *ahead);

/*
 * Takes the next record of the log.
 * In timestamp_us: of the record, by the log. In offset: its offset, at most 2^48 - 2.
 * In event: the accepted event, or NULL for a record that was rejected or is empty: it moves the
 * clock, as all do. In hash: of the event's agent, troth_agents_hash, as prefetch gives it.
 * Returns TROTH_OK, or why the event was not applied: TROTH_MISROUTED (its agent does not belong
 * here), TROTH_AHEAD_OF_TIME, TROTH_DUPLICATE, TROTH_AGENTS_FULL, TROTH_STANDINGS_FULL. The clock
 * and its deadlines are handled in any case.
 */
TROTH_MUST_CHECK
troth_status troth_shard_apply(struct troth_shard *shard, int64_t timestamp_us, int64_t offset,
                               const struct troth_event *event, uint64_t hash);

/* The same of event `i` of those that were sought, whose agent need not be searched for again. */
TROTH_MUST_CHECK
troth_status troth_shard_apply_sought(struct troth_shard *shard, int64_t timestamp_us,
                                      int64_t offset, const struct troth_event *event,
                                      const struct troth_ahead *ahead, unsigned i);

/* What a decision did. */
struct troth_ruled {
    uint8_t ruling; /* enum troth_ruling; TROTH_RULING_COUNT: passed over, as its record was taken
                       before, or the agent restored as it is after the pointer */
    uint8_t from;   /* rung before it; TROTH_RUNG_COUNT: there is no standing */
    uint8_t to;     /* and after it */
    uint32_t standing; /* index, or TROTH_NONE */
};

/* The record that a dispute names, read again. */
struct troth_disputed {
    const struct troth_event *event;
    int64_t timestamp_us; /* of the record, by the log */
};

/*
 * Takes a decision, at the shard's clock; what it makes a standing do is caused by the record
 * applied last, the pointer to it. Rules: schemas/decisions.md.
 * In decision: of an agent of this partition. In disputed: the record that it names, of an action
 * that disputes; NULL where it names none or it cannot be read.
 */
struct troth_ruled troth_shard_decide(struct troth_shard *shard,
                                      const struct troth_decision *decision,
                                      const struct troth_disputed *disputed);

/* Returns whether a standing is under a contract of that name. */
bool troth_shard_is_under(const struct troth_shard *shard, uint32_t standing,
                          struct troth_text contract);

/* What there is to say of a standing's reviews (schemas/reviews.md). */
struct troth_review_view {
    unsigned state;   /* enum troth_review_state */
    int64_t since_us; /* when it was opened; TROTH_NEVER_US: none is */
    int64_t next_us;  /* when the clock opens the next; TROTH_LAST_US: it does not run */
    const struct troth_docket *docket; /* of the standing, or NULL */
};

/* Out view: of a standing that there is; lives until the shard is next changed. */
void troth_shard_review_of(const struct troth_shard *shard, uint32_t standing,
                           struct troth_review_view *view);

/* Records before that offset were counted by the ledgers that are put in: they are passed over. */
void troth_shard_count_from(struct troth_shard *shard, int64_t offset);

/* Returns the ledger of the contract in a slot, to be read, or put in by who restores a shard
 * before its first record; NULL: no contract is. */
struct troth_week *troth_shard_ledger(struct troth_shard *shard, unsigned slot);

/* Returns the docket of a standing, or NULL where it has none. */
const struct troth_docket *troth_shard_docket_of(const struct troth_shard *shard,
                                                 uint32_t standing);

/* Returns the shard's clock, microseconds; 0 before the first record. */
int64_t troth_shard_clock_us(const struct troth_shard *shard);

/* Out counts: see above. */
void troth_shard_count(const struct troth_shard *shard, struct troth_shard_counts *counts);

/* Out rungs: how many standings of the contract in a slot below TROTH_CONTRACTS_MAX are on each
 * rung. */
void troth_shard_rungs(const struct troth_shard *shard, unsigned slot,
                       uint32_t rungs[TROTH_RUNG_COUNT]);

/* Returns one past the greatest index of a standing so far. */
uint32_t troth_shard_standings(const struct troth_shard *shard);

/* Returns the rung of a standing, or TROTH_RUNG_COUNT where there is none at that place. */
unsigned troth_shard_rung(const struct troth_shard *shard, uint32_t standing);

/* Out view: of a standing. Returns false where there is none of that index (any more). */
bool troth_shard_view(struct troth_shard *shard, uint32_t standing,
                      struct troth_standing_view *view);

/* Finds an agent's standings. Out standings: at most capacity. Returns how many there are. */
uint32_t troth_shard_of_agent(struct troth_shard *shard, struct troth_text agent,
                              uint32_t *standings, uint32_t capacity);

/* Takes the next standing that changed since it was last taken: those that evidence or a person
 * changed before those that only time did, of which, while there are any, each fourth is one. So
 * the end of a pane, which moves a whole fleet at once, holds up nothing that is new. Out flags:
 * TROTH_DIRTY_*. Returns its index, or TROTH_NONE when there is none. */
uint32_t troth_shard_take_dirty(struct troth_shard *shard, unsigned *flags);

/* Puts a standing back on the list, for a look later; with TROTH_DIRTY_LATER among those that go
 * last. */
void troth_shard_mark_dirty(struct troth_shard *shard, uint32_t standing, unsigned flags);

#endif
