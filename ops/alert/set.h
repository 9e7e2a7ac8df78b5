/*
 * The set of what lasts: which agents are narrowed, as Alertmanagers are told of it.
 *
 * An alert is one of one agent under one contract, and stays the same while its labels do: how it
 * stands (struct form below) is part of them, the rung, the cause and the numbers are annotations.
 * What lasts is sent again each `resend`, and its end is set 4 times as far ahead, so it ends by
 * itself where nobody speaks for it any more; what has ended is sent until it was taken, at most as
 * long.
 *
 *     a standing at narrow        TrothNarrowed, warning     comes back by itself
 *       for freshness alone       TrothStale, warning        proof is missing, not bad
 *     at review or pause          TrothNarrowed, critical    waits for a person
 *     more than `limit` of one    TrothNarrowedMany, one of the contract instead of all of these,
 *     contract at once            until at most 4/5 of `limit` are left
 *     its telemetry stopped       TrothTelemetryStopped, one of the contract
 *
 * A partition that goes to another engine takes its alerts with it: they are forgotten here, not
 * ended; who has it now says them with the same labels.
 *
 * Threads: one. Memory: about 6 MiB, and 4 bytes for each partition and contract that was heard of;
 * taken when the set is made.
 */
#ifndef TROTH_OPS_ALERT_SET_H
#define TROTH_OPS_ALERT_SET_H

#include <stddef.h>

#include "consumers/alerts.h"
#include "schemas/status.h"

enum {
    TROTH_ALERT_TARGETS_MAX = 4,        /* Alertmanagers */
    TROTH_ALERT_ENTRIES_MAX = 4096,     /* alerts of agents; with more, the contract's is sent */
    TROTH_ALERT_CONTRACTS_MAX = 256,    /* contracts with an alert */
    TROTH_ALERT_PARTITIONS_MAX = 10000, /* their numbers are below */
    TROTH_ALERT_BATCH_MAX = 64,         /* alerts sent in one go */
    TROTH_ALERT_WORST_MAX = 5,          /* agents named in a contract's alert */
    TROTH_ALERT_LIFE = 4                /* times `resend` that an alert lasts without word of it */
};

enum troth_alert_form {
    TROTH_ALERT_STALE,
    TROTH_ALERT_NARROWED,
    TROTH_ALERT_WAITING,
    TROTH_ALERT_MANY,
    TROTH_ALERT_OUTAGE
};

struct troth_alert_now {
    int64_t monotonic_us; /* for paces */
    int64_t wall_us;      /* for times that are told */
};

struct troth_alert_worst {
    uint8_t rung;
    uint8_t agent_length;
    uint16_t score;
    int32_t partition;
    char agent[TROTH_AGENT_LENGTH_MAX];
};

/* One alert to send. */
struct troth_alert_sending {
    enum troth_alert_form form;
    bool ended;
    bool together;     /* ended, as it is told under its contract's from now on */
    int64_t starts_us; /* wall clock, as the next */
    int64_t ends_us;
    uint64_t count;                        /* of a contract's: standings */
    const struct troth_alert *alert;       /* the last that was told of it; the set's */
    const struct troth_alert_worst *worst; /* of a contract's; the set's */
    unsigned worst_count;
};

struct troth_alert_set_config {
    unsigned targets;  /* 1..TROTH_ALERT_TARGETS_MAX */
    uint32_t limit;    /* agents of a contract that are told of one by one, at least 1 */
    int64_t resend_us; /* > 0 */
};

struct troth_alert_set;

/* Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_alert_set_create(const struct troth_alert_set_config *config,
                                    struct troth_alert_set **set);

/* NULL is fine. */
void troth_alert_set_destroy(struct troth_alert_set *set);

/* Takes what a worker told. In wanted: the number of the sweep that is wanted by now. Returns
 * whether a sweep is to be wanted: the set knows less than it must. */
bool troth_alert_set_take(struct troth_alert_set *set, const struct troth_alert *alert,
                          uint64_t wanted, const struct troth_alert_now *now);

/* Forgets everything, without ending it. */
void troth_alert_set_forget(struct troth_alert_set *set);

/* Chooses what a target is to be sent now; one batch of a target may be under way. Out sendings: at
 * most TROTH_ALERT_BATCH_MAX; they point into the set until it is changed. Out turn: the time has
 * come to send all anew, so that something should be sent even where there is nothing. Returns how
 * many. */
size_t troth_alert_set_batch(struct troth_alert_set *set, unsigned target,
                             const struct troth_alert_now *now,
                             struct troth_alert_sending sendings[TROTH_ALERT_BATCH_MAX],
                             bool *turn);

/* What was chosen for the target has arrived, or has not: then all is sent to it anew. */
void troth_alert_set_done(struct troth_alert_set *set, unsigned target, bool arrived,
                          const struct troth_alert_now *now);

/* Returns how many alerts are to be sent, to any target, or are under way. */
size_t troth_alert_set_due(const struct troth_alert_set *set);

/* Out single: agents that are told of one by one and last. Out together: contracts that are told of
 * as a whole. Out dropped: what could not be kept, since the set was made. */
void troth_alert_set_count(const struct troth_alert_set *set, uint64_t *single, uint64_t *together,
                           uint64_t *dropped);

#endif
