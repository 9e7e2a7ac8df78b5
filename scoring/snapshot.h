/*
 * A standing apart from its shard: all that it is at one point of the log, as a plain value that
 * depends on no layout. Its terms stand by name, with the number of what they promise
 * (scoring/promise.h), so it can be put into the layout of another version of the contract: a term
 * that promises the same keeps its evidence, any other starts anew. A contract that changes in a
 * shard goes this way too, so a restored standing and one that lived through the change are alike.
 *
 * What is not state is not in it: indices, marks, the next deadline (it follows from the state).
 *
 * Memory: the caller's, about 11 KB, of which only what the counts name is written or read. Texts
 * point into the contract, the shard or the bytes that it was decoded from, and live as long.
 * Threads: plain data.
 */
#ifndef TROTH_SCORING_SNAPSHOT_H
#define TROTH_SCORING_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/event.h"
#include "schemas/status.h"
#include "scoring/docket.h"
#include "scoring/instant.h"
#include "scoring/rules.h"
#include "scoring/sequence.h"
#include "scoring/standing.h"

/* Times, counts of cost and such are at most this, so that sums of a few do not overflow; as a time
 * it is some 73,000 years. */
#define TROTH_SNAPSHOT_MAX (INT64_MAX / 4)

struct troth_snapshot_term {
    struct troth_text name;
    uint64_t promise;
    int64_t head;     /* as struct troth_hot; panes are dated from it */
    int64_t level;    /* as struct troth_hot; of a budget 0: its panes say it */
    int64_t onset_us; /* as struct troth_cold */
    int64_t cost_mark;
    uint32_t tasks_mark;
    struct troth_tally tally;
    uint8_t kind; /* enum troth_term_kind */
    uint8_t witness_count;
    uint8_t pane_count;            /* those that hold something; newest first */
    uint8_t ages[TROTH_PANES_MAX]; /* head less the pane: ascending, below the ring's panes */
    int64_t witnesses[TROTH_WITNESSES_MAX]; /* offsets, newest first */
    union troth_pane panes[TROTH_PANES_MAX];
};

struct troth_snapshot {
    struct troth_text agent;
    struct troth_text contract;
    int64_t contract_version;
    int64_t offset;   /* of the last record that it is true for; -1: of none */
    int64_t clock_us; /* of the shard there */
    /* As struct troth_standing. */
    int64_t since_us;
    int64_t phase_us;
    int64_t left_us;
    int64_t cost_micros;
    int64_t cause_offset;
    uint32_t tasks;
    float observed;
    uint16_t late;
    uint16_t ordinal;
    uint8_t rung;
    uint8_t relapses;
    uint8_t cause;
    uint8_t cause_term; /* index into terms, or TROTH_CAUSE_NO_TERM */
    bool unsettled;
    bool matched;
    bool after_decision;
    bool docketed;  /* `docket` means something: by the places of `terms` */
    uint8_t review; /* enum troth_review_state; this and the next two are the shard's to say, too */
    int64_t review_us; /* WAITING: when the clock was set; open: when it was opened; else 0 */
    int64_t fell_us;   /* when it left clear or warn for worse, or TROTH_NEVER_US */
    uint8_t term_count;
    struct troth_docket docket;
    struct troth_heard heard; /* the agent's version in force; hash 0: none */
    /* Of the agent, which all its standings share. */
    bool idle; /* nothing has come of it since it was found at rest */
    uint8_t session_count;
    int64_t sequence_uses;                             /* of its windows; 0: none */
    struct troth_session sessions[TROTH_SESSIONS_MAX]; /* those in use */
    struct troth_snapshot_term terms[TROTH_TERMS_MAX];
};

/* An agent apart from its shard, at one point of the log, where it has no standing. */
struct troth_agent_snapshot {
    struct troth_text agent;
    int64_t offset;   /* of the last record that it is true for; -1: of none */
    int64_t clock_us; /* of the shard there */
    bool idle;        /* these as in struct troth_snapshot */
    uint8_t session_count;
    int64_t sequence_uses; /* >= 1 */
    struct troth_session sessions[TROTH_SESSIONS_MAX];
};

/* Takes what a standing is, to the byte. In rules: of its contract. In docket: of the standing, or
 * NULL. Out snapshot: all but agent, offset, clock, reviews and the agent's windows, which are
 * the shard's to say. */
void troth_snapshot_take(const struct troth_rules *rules, const struct troth_standing *standing,
                         const struct troth_docket *docket, struct troth_snapshot *snapshot);

/* Leaves out what nothing will ever look at again: panes that have left their windows, counters
 * outside of recertify, the onset of a CUSUM at 0. Standings that will act alike are alike then.
 * In instant: of the snapshot's clock, by the rules that it was taken under. */
void troth_snapshot_prune(struct troth_snapshot *snapshot, const struct troth_rules *rules,
                          const struct troth_instant *instant);

/*
 * Whether a snapshot can be of a standing at all, and can be put into a layout.
 * In snapshot: any values; its counts, too. In rules: the layout.
 * Returns TROTH_OK, or TROTH_INVALID: a value out of range, a time past the snapshot's clock, panes
 * that do not fit their ring.
 */
TROTH_MUST_CHECK
troth_status troth_snapshot_check(const struct troth_snapshot *snapshot,
                                  const struct troth_rules *rules);

/* Whether a snapshot can be of an agent at all. In snapshot: any values. Returns TROTH_OK or
 * TROTH_INVALID. */
TROTH_MUST_CHECK
troth_status troth_agent_snapshot_check(const struct troth_agent_snapshot *snapshot);

/*
 * Fills a standing, in the layout of the rules, from a snapshot that was checked against them.
 * Out standing: all but agent, next, contract, review and dirty, which stay as they are.
 * Returns whether every term of the rules kept its evidence.
 */
bool troth_snapshot_fill(const struct troth_snapshot *snapshot, const struct troth_rules *rules,
                         struct troth_standing *standing);

/* The docket of a snapshot that has one, by the terms of the rules: what is of a term that is not
 * in them any more, or promises something else, is left out. Out docket: may be the snapshot's own.
 */
void troth_snapshot_fill_docket(const struct troth_snapshot *snapshot,
                                const struct troth_rules *rules, struct troth_docket *docket);

#endif
