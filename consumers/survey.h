/*
 * A survey: what one worker, or several, have counted and what they hold, as of one moment; for
 * those who watch the engine and not for the loop.
 *
 * The numbers of partitions and contracts are bounded; what several workers hold beyond that is
 * told together, as the last entry ("other").
 *
 * Threads: a value; its owner's. Memory: the caller's, about 100 KiB. Of its lists only what is
 * counted is ever touched.
 */
#ifndef TROTH_CONSUMERS_SURVEY_H
#define TROTH_CONSUMERS_SURVEY_H

#include "consumers/worker.h"

#define TROTH_SURVEY_OTHER "other" /* contracts beyond the bound */

enum { TROTH_SURVEY_OTHERS = -1 /* as a partition's number: those beyond the bound */ };

struct troth_partition_survey {
    int32_t number;
    bool started;          /* its standings are restored, and its records are read */
    bool caught_up;        /* to where its log ended when it was assigned */
    bool fenced;           /* it is another engine's in the store */
    int64_t lag;           /* records that it has not applied, as far as is known without asking */
    int64_t clock_us;      /* of its shard; 0: there was no record yet */
    int64_t checkpoint_us; /* the log's clock where a restart would begin to read; 0: none known */
    uint32_t agents;
    uint32_t standings;
};

/* Telemetry of a contract that has stopped: what an alert says, one for all partitions. */
struct troth_outage_survey {
    uint32_t partitions; /* in which it has; 0: in none, and the rest is 0 */
    int64_t since_us;    /* the log's clock when the first of them did */
    uint64_t hit;        /* standings that were narrowed by it and still are, */
    uint64_t standings;  /* of so many in those partitions */
    uint64_t guarded;    /* of those that are hit: agents are offered by the former scope */
};

struct troth_contract_survey {
    char name[TROTH_NAME_LENGTH_MAX + 1];
    uint64_t rungs[TROTH_RUNG_COUNT]; /* standings on each */
    uint64_t reviews;                 /* that are open */
    struct troth_outage_survey outage;
};

struct troth_survey {
    struct troth_worker_counts counts;
    int64_t commit_begun_us; /* monotonic, of the oldest commit that is under way; 0: none is */
    uint32_t partition_count;
    uint32_t contract_count;
    struct troth_partition_survey partitions[TROTH_PARTITIONS_MAX + 1];
    struct troth_contract_survey contracts[TROTH_CONTRACTS_MAX + 1];
};

/* Empties a survey, so that others can be added. */
void troth_survey_init(struct troth_survey *survey);

void troth_survey_copy(struct troth_survey *to, const struct troth_survey *from);

/* Adds what another worker says. A partition that both name, as it goes from one to the other, is
 * told of as the one that is further says. */
void troth_survey_add(struct troth_survey *sum, const struct troth_survey *one);

/* Adds standings of a contract, and reviews of them that are open. */
void troth_survey_add_rungs(struct troth_survey *survey, const char *contract,
                            const uint64_t rungs[TROTH_RUNG_COUNT], uint64_t reviews);

/* Returns the outage of a contract, or NULL where the survey has none of that name. */
const struct troth_outage_survey *troth_survey_outage(const struct troth_survey *survey,
                                                      const char *contract);

/* Adds an outage of a contract, or several. */
void troth_survey_add_outage(struct troth_survey *survey, const char *contract,
                             const struct troth_outage_survey *outage);

/* Adds counts of another worker, or of a former one. */
void troth_survey_add_counts(struct troth_worker_counts *sum,
                             const struct troth_worker_counts *one);

/* What is not counted but held, is held no more; what was counted stays. */
void troth_survey_forget_held(struct troth_worker_counts *counts);

#endif
