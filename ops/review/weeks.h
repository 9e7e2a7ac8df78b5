/*
 * Where a week's ledgers come from: Redis, which has the last eight weeks, or the topic of
 * standings, which has every one.
 *
 * Threads: one. Memory: a source owns what it has read.
 */
#ifndef TROTH_OPS_REVIEW_WEEKS_H
#define TROTH_OPS_REVIEW_WEEKS_H

#include "ops/kafka/ledgers.h"
#include "ops/redis/reader.h"
#include "ops/review/debt.h"
#include "ops/review/ledger.h"

enum { TROTH_WEEKS_IN_REDIS = 8 };

struct troth_weeks {
    struct troth_redis_reader reader; /* where it is Redis */
    struct troth_ledgers topic;       /* else */
    bool from_topic;
    const char *only; /* contract; NULL: every one */
    char (*names)[TROTH_NAME_LENGTH_MAX + 1];
    unsigned name_count;
    int32_t partitions;       /* that telemetry has; 0: it is not known */
    struct troth_debts debts; /* exceptions that are open now; of Redis alone */
    char error[TROTH_KAFKA_ERROR_LENGTH];
};

/* Opens Redis as the source. In only: a contract, or NULL; borrowed. Out weeks: to be given to
 * troth_weeks_close in every case. Returns whether it can be read, else with error. */
bool troth_weeks_open_redis(struct troth_weeks *weeks, const struct troth_config *config,
                            const char *only);

/* Reads the topic of standings; of it one week and the one before are kept. As above. */
bool troth_weeks_open_topic(struct troth_weeks *weeks, const struct troth_config *config,
                            const char *only, int64_t number);

void troth_weeks_close(struct troth_weeks *weeks);

/* Out number: the newest week from `latest` back that any contract has a ledger of; -1: none of
 * them. In latest: 0 or more. Of Redis alone. Returns false with error. */
bool troth_weeks_newest(struct troth_weeks *weeks, int64_t latest, int64_t *number);

/* Adds a contract's ledgers of a week, those of all partitions; says on stderr which of them cannot
 * be read. In ledger: initialized. Returns false with error. */
bool troth_weeks_load(struct troth_weeks *weeks, struct troth_ledger *ledger);

/* Reads the exceptions that are open now, of every contract that is wanted, into weeks->debts, the
 * oldest first. Of Redis alone. Returns false with error. */
bool troth_weeks_read_debts(struct troth_weeks *weeks, int64_t now_us);

#endif
