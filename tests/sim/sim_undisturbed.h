/*
 * The undisturbed run: the pure core, fed one partition's log as it stands, record by record, with
 * contracts and decisions at their pointers.
 *
 * It shares the core and the decoder with the worker, and nothing else: what is a good pointer is
 * judged here from the contracts topic as a whole, by the rule in consumers/registry.h.
 *
 * Threads: one. Memory: sim_undisturbed_run takes, sim_undisturbed_fini gives back.
 */
#ifndef TROTH_TESTS_SIM_UNDISTURBED_H
#define TROTH_TESTS_SIM_UNDISTURBED_H

#include "consumers/worker.h"
#include "tests/sim/sim_log.h"

enum { SIM_TOLD_MAX = 65536, SIM_VERSIONS_MAX = 64 };

/* A record of the contracts topic that can be used. */
struct sim_version {
    bool is_document; /* else it puts a version in force */
    int64_t offset;
    int64_t time_us;
    struct troth_contract contract; /* of a document */
    struct troth_rules rules;
    char name[TROTH_NAME_LENGTH_MAX + 1];
    int64_t version;
};

/* All that was pushed, in order; shared by the partitions. */
struct sim_versions {
    struct sim_version *items; /* SIM_VERSIONS_MAX */
    size_t count;
};

struct sim_reject {
    int64_t offset;
    troth_status reason;
};

struct sim_undisturbed {
    int32_t partition;
    const struct troth_worker_config *config;
    struct troth_shard *shard;
    void *memory;
    char **told; /* interventions, and rulings, as JSON, in order */
    size_t told_count;
    struct sim_reject *rejects; /* in order of offsets */
    size_t reject_count;
    char **weeks; /* ledgers, that ended and that have not, as sim_undisturbed_week has them */
    size_t week_count;
    uint64_t evicted; /* agents */
    uint64_t narrowings;
    uint64_t widenings;
    bool *ruled; /* by offset in the decisions topic: it was, once */
    uint64_t rulings;
};

void sim_versions_read(struct sim_versions *versions, const struct sim_log *log);
void sim_versions_fini(struct sim_versions *versions);

/* Returns the version in force of a contract's name at the end, or 0. */
int64_t sim_versions_in_force(const struct sim_versions *versions, const char *name);

void sim_undisturbed_run(struct sim_undisturbed *run, const struct sim_log *log, int32_t partition,
                         const struct sim_versions *versions,
                         const struct troth_worker_config *config);
void sim_undisturbed_fini(struct sim_undisturbed *run);

/* Returns a ledger as a line, without what depends on when it was written; empty where it counts
 * nothing, as then it need not be there. To be freed. */
char *sim_undisturbed_week(const struct troth_week *week, const char *contract, int32_t partition);

/* Returns the version of a contract that the shard runs, or 0. */
int64_t sim_undisturbed_version(const struct sim_undisturbed *run, const char *name);

#endif
