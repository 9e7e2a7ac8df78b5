/*
 * What must hold, whatever went wrong.
 *
 * Always (a violation is noted at once):
 * - a change of rung that is not committed shows in Redis only where it narrows, and never wider
 *   than what is committed.
 * - an agent shows no wider than the rows of its standings, where these are committed; the one
 *   exception is a guard, by which it shows no wider than what was committed before freshness alone
 *   narrowed it.
 * - nothing lands in Redis of a former owner once a later one has the partition there.
 * - nothing lands in Redis that is wider than what a former owner has shown of more of the log.
 * - a committed change of rung begins where the one before it of that standing ended, none bears
 *   the id of another, and none comes after a pause.
 * At the end, when all has come to rest, against the undisturbed run:
 * - every intervention and every reject stands once among the committed records, and nothing else;
 *   those of a standing in their order;
 * - Redis shows every standing and every agent, at their rungs, none in part, no score further off
 * than the dead band, and none that has ended;
 * - every version in force runs on every partition;
 * - the live workers' standings, and those of a fresh worker, are the same to the last number, and
 * as many agents hold a place.
 * The undisturbed run shares the core with the workers; against_model.py recounts a run without it.
 *
 * Threads: one. Memory: what was committed, given back by sim_check_fini.
 */
#ifndef TROTH_TESTS_SIM_CHECK_H
#define TROTH_TESTS_SIM_CHECK_H

#include "tests/sim/sim_member.h"
#include "tests/sim/sim_undisturbed.h"

enum { SIM_WHY_MAX = 2048, SIM_CHANGES_MAX = 65536, SIM_ID_MAX = 40 };

/* A committed change of rung. */
struct sim_change {
    char agent[SIM_NAME_MAX];
    char contract[SIM_NAME_MAX];
    char id[SIM_ID_MAX];
    int64_t cause_offset;
    uint8_t from;
    uint8_t to;
    bool decided; /* by a person */
    bool stale;   /* by freshness alone */
};

struct sim_check {
    struct sim_cluster *cluster;
    const struct troth_worker_config *config;
    struct sim_change *changes; /* SIM_CHANGES_MAX */
    size_t change_count;
    uint64_t rulings;
    uint64_t guarded; /* agents shown so */
    struct sim_versions versions;
    struct sim_undisturbed runs[SIM_PARTITIONS_MAX];
    bool ran;
    bool lives_anew; /* a standing may end and begin anew, so its last rung need not bind it */
    bool verbose;    /* violations are printed as they are noted */
    bool failed;
    char why[SIM_WHY_MAX]; /* the first violation */
};

void sim_check_init(struct sim_check *check, struct sim_cluster *cluster,
                    const struct troth_worker_config *config);
void sim_check_fini(struct sim_check *check);

/* Notes a violation; the first is kept. */
__attribute__((format(printf, 2, 3))) void sim_check_fail(struct sim_check *check,
                                                          const char *format, ...);

/* For sim_log.on_committed and sim_redis.on_write. */
void sim_check_committed(void *check, const struct sim_record *record, enum troth_topic topic);
void sim_check_written(void *check, const struct sim_write *write);

/* At the end, with nobody writing any more. Runs undisturbed, and compares what is committed and
 * what Redis shows. */
void sim_check_rest(struct sim_check *check);

/* Compares the standings' reports that Redis was given since a write. In who: they are of. */
void sim_check_standings(struct sim_check *check, size_t since, const char *who);

#endif
