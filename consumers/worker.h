/*
 * A worker: the loop that turns the log into standings, and standings into live scores.
 *
 *     poll -> decode -> check the route -> shard -> interventions, narrowings at once
 *          -> commit after interventions, and every `commit` -> publish every `publish`
 *          -> tick where it is silent
 *
 * Delivery: interventions and rejects are committed together with the offsets of the records that
 * they came of, so among committed records each stands once. A shard is a pure function of its log,
 * so an assigned partition is restored by reading its log again from the start up to the committed
 * offset without saying anything, and goes on live from there. What cannot be applied goes to the
 * rejects topic, with its reason.
 *
 * The store is a view: a narrowing is shown in it before its record is committed, a widening after.
 * A commit lets it catch up, and does not depend on it: while it is away scoring and interventions
 * go on, and when it is back, or after a restart, every standing is published anew.
 *
 * Threads: a worker is one thread's; more workers are more members of the group. Memory: taken when
 * a worker is made and when a partition is assigned; nothing per record.
 */
#ifndef TROTH_CONSUMERS_WORKER_H
#define TROTH_CONSUMERS_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "consumers/alerts.h"
#include "consumers/avro/framing.h"
#include "consumers/clock.h"
#include "consumers/histogram.h"
#include "consumers/log.h"
#include "consumers/outage.h"
#include "consumers/partitioner.h"
#include "consumers/signed.h"
#include "consumers/store.h"
#include "schemas/decision.h"
#include "schemas/status.h"

enum {
    TROTH_PARTITIONS_MAX = 1024 /* telemetry partitions of one worker */
};

/* How loud a message is. */
enum troth_level { TROTH_LEVEL_DEBUG, TROTH_LEVEL_INFO, TROTH_LEVEL_WARNING, TROTH_LEVEL_ERROR };

struct troth_worker_config {
    struct troth_log *log;       /* borrowed */
    struct troth_store *store;   /* borrowed; NULL: nothing is published */
    struct troth_alerts *alerts; /* borrowed; NULL: nobody is alerted */
    struct troth_clock clock;
    const struct troth_framing *framing; /* borrowed */
    enum troth_partitioner partitioner;
    const char *telemetry_topic; /* full name, for witnesses and rejects */
    int64_t era;                 /* of the log; changes with `troth redis rebuild --new-era` */
    int64_t publish_us;          /* scores are coalesced this long */
    int64_t commit_us;           /* offsets are committed this often */
    int64_t checkpoint_us;       /* standings are written to a log that keeps them; 0: never */
    size_t checkpoint_bytes;     /* that a round of them writes at most; 0: 256 KiB */
    const char *instance;        /* borrowed: the name under which partitions are claimed */
    uint8_t nonce[16];           /* random: tells this worker's claims from a former self's */
    int64_t tick_us;             /* a silent partition gets a tick after this long; 0: never */
    uint32_t dead_band;          /* points of score that are not worth a write */
    /* When telemetry has stopped, and for how long agents are guarded then; guard_us 0: it is not
     * looked for. */
    struct troth_outage_rules outage;
    struct troth_signing signing; /* what must be signed; its trust is borrowed */
    bool read_decisions;          /* the log gives the decisions topic */
    bool create_time;             /* records bear their emitter's time, not the log's */
    uint32_t agents_max;          /* per partition */
    uint32_t standings_max;       /* per partition */
    uint32_t standing_bytes;      /* room per standing, mean; 0: 1024 */
    int64_t max_ahead_us;
    int64_t evict_after_us; /* agents at rest go after so long without an event; 0: never */
    /* Told what people should know; may be NULL. In text: one line, borrowed. */
    void (*say)(void *context, enum troth_level level, const char *text);
    void *say_context;
    /* Told before a call that may wait for others, and how long at most, so that whoever watches
     * the loop knows when its next turn is due; may be NULL. */
    void (*will_wait)(void *context, int64_t us);
    void *wait_context;
};

/* What a worker has counted since it was made. */
struct troth_worker_counts {
    uint64_t records;    /* read, of telemetry */
    uint64_t restored;   /* of them, read again to restore */
    uint64_t applied;    /* events that reached a standing */
    uint64_t unbound;    /* events that no contract applies to */
    uint64_t ticks;      /* read back */
    uint64_t pointers;   /* read back */
    uint64_t duplicates; /* dropped by their sequence number */
    uint64_t late;    /* times that an event brought a standing kept evidence too late to count */
    uint64_t missing; /* numbers of emitters that never came */
    uint64_t rejects[TROTH_STATUS_COUNT];                /* by reason */
    uint64_t rulings[TROTH_RULING_COUNT];                /* on decisions, sent */
    uint64_t decisions_unreadable;                       /* records that are no decision */
    uint64_t distrusted_contracts[TROTH_DISTRUST_COUNT]; /* records, by why they are not believed */
    uint64_t distrusted_decisions[TROTH_DISTRUST_COUNT];
    uint64_t interventions;                     /* sent */
    uint64_t narrowings[TROTH_CONDITION_COUNT]; /* of them, by cause */
    uint64_t widenings[TROTH_CONDITION_COUNT];  /* the others */
    uint64_t unannounced; /* of them, too many at a time to be told to those who listen */
    uint64_t published;   /* standings written to the store */
    uint64_t restores;    /* partitions that were restored and begun */
    uint64_t outages;     /* times that a contract's telemetry stopped in a partition */
    uint64_t evicted;     /* agents that gave their places back */
    uint64_t saved;       /* standings, and agents without, written to the log */
    uint64_t saved_bytes;
    uint64_t commits;
    uint64_t commit_us; /* how long they took, together */
    uint64_t commit_failures;
    uint64_t store_failures;
    uint64_t fenced; /* partitions that another was found to own in the store */
    /* From a record's time to the store's answer to the publication that came after it: of the
     * first record since the publication before, some five times a second. */
    struct troth_histogram to_store;
    /* From the time of the record that caused a narrowing to the store's answer; of those that were
     * shown at once. */
    struct troth_histogram to_narrow;
    uint32_t partitions; /* owned */
    uint32_t live;       /* of them, restored */
    uint32_t agents;
    uint32_t standings;
    uint64_t standing_bytes;
    uint32_t contracts; /* in force */
    bool store_connected;
    bool log_away; /* no broker answers */
};

struct troth_worker;

/* Out worker: ready to run. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_worker_create(const struct troth_worker_config *config,
                                 struct troth_worker **worker);

/* Runs the loop once. Returns TROTH_OK; or TROTH_REFUSED, TROTH_FENCED, TROTH_NO_MEMORY: it cannot
 * go on, and the worker must be made anew, with a new log (its error has been said). Errors that
 * pass are retried inside. */
TROTH_MUST_CHECK
troth_status troth_worker_step(struct troth_worker *worker);

/* Publishes and commits what is done, at most timeout_us. Returns whether all of it was. */
TROTH_MUST_CHECK
troth_status troth_worker_drain(struct troth_worker *worker, int64_t timeout_us);

/* Gives back all partitions, without a commit. NULL is fine. */
void troth_worker_destroy(struct troth_worker *worker);

void troth_worker_count(const struct troth_worker *worker, struct troth_worker_counts *counts);

struct troth_survey;

/* Out survey: what it has counted and holds, now. Looks at partitions and contracts, not at
 * standings. */
void troth_worker_survey(const struct troth_worker *worker, struct troth_survey *survey);

#endif
