/*
 * One run of the simulation: a seed, a cluster, members, trouble, rest, and the checks.
 *
 *     trouble: events, faults and steps of the workers, as the seed has it
 *     rest: faults stop, the dead are started again; everything converges within a bound
 *     checks (sim_check.h), also against a fresh worker that restores everything
 *
 * The same seed is the same run, call by call.
 *
 * Threads: one. Memory: large; sim_world_run takes and gives back all of it.
 */
#ifndef TROTH_TESTS_SIM_WORLD_H
#define TROTH_TESTS_SIM_WORLD_H

#include "tests/sim/sim_check.h"
#include "tests/sim/sim_stream.h"

enum {
    SIM_MEMBERS_MAX = SIM_INSTANCES_MAX + 2, /* with second lives that replace sleepers */
    SIM_SLEEPERS_MAX = 2
};

/* X(NAME, "as it is printed") */
#define SIM_FAULTS(X)                                                                              \
    X(CRASH, "crashes")                                                                            \
    X(SLEEP, "naps within the session")                                                            \
    X(ZOMBIE, "naps past it")                                                                      \
    X(REPLACE, "sleepers replaced by name")                                                        \
    X(LEAVE, "members stopped")                                                                    \
    X(JOIN, "members started")                                                                     \
    X(EXPEL, "assignments lost")                                                                   \
    X(BROKERS, "brokers away")                                                                     \
    X(COORDINATOR, "coordinator moves")                                                            \
    X(WALL, "wall clock jumps")                                                                    \
    X(BROKER_CLOCK, "broker clock jumps")                                                          \
    X(COMPACT, "compactions")                                                                      \
    X(RETAIN, "retentions of telemetry")                                                           \
    X(REDIS_AWAY, "redis away")                                                                    \
    X(REDIS_LOSES, "redis lost its last writes")                                                   \
    X(REDIS_EMPTY, "redis restarted empty")                                                        \
    X(REDIS_SLOW, "redis slow")                                                                    \
    X(REDIS_SILENT, "redis did not answer")

#define SIM_ENUMERATE_FAULT(NAME, text) SIM_FAULT_##NAME,
enum sim_fault { SIM_FAULTS(SIM_ENUMERATE_FAULT) SIM_FAULT_COUNT };
#undef SIM_ENUMERATE_FAULT

struct sim_world_options {
    uint64_t seed;
    enum sim_bug bug;
    int64_t checkpoint_us; /* 0: none; -1: as the seed has it */
    uint32_t without;      /* bit f: fault f is drawn, and left out */
    bool verbose;
    const char *written; /* the folder that the run is written to (sim_write.h); NULL: it is not */
};

/* What a run was like. */
struct sim_tally {
    uint64_t faults[SIM_FAULT_COUNT];
    uint64_t steps;
    uint64_t records;
    uint64_t interventions;
    uint64_t rejects;
    uint64_t evicted;  /* agents */
    uint64_t restarts; /* of workers that the log refused */
    uint64_t rebalances;
    uint64_t refused; /* commits by the group's check */
    uint64_t fenced;  /* calls under an epoch that was over */
    uint64_t aborted; /* transactions */
    uint64_t late;    /* commits that arrived after they had been given up */
    uint64_t stopped; /* flushes and narrowings, by the fence */
    uint64_t guarded; /* times that an agent was shown so */
    uint64_t rulings; /* on decisions, committed */
};

struct sim_world {
    struct sim_world_options options;
    struct sim_cluster cluster;
    struct sim_stream stream;
    struct sim_check check;
    struct troth_framing framing;
    struct troth_worker_config config;
    struct sim_member *members[SIM_MEMBERS_MAX];
    int64_t starts_us[SIM_MEMBERS_MAX]; /* when one that is down is started again; 0: never */
    unsigned instances;
    unsigned sleepers;
    bool resting;
    struct sim_tally tally;
};

/* Runs a seed. Out tally: added to. Out why: the violation, where there is one; SIM_WHY_MAX bytes.
 * Returns whether everything held. */
bool sim_world_run(const struct sim_world_options *options, struct sim_tally *tally, char *why);

/* For sim_faults.c. Steps one member, and takes it away where it died. */
void sim_world_step(struct sim_world *world, unsigned member);

/* Starts the member again after a while. */
void sim_world_end(struct sim_world *world, unsigned member, int64_t after_us);

/* sim_faults.c: draws a fault, mostly none. */
void sim_fault_draw(struct sim_world *world);

/* Ends all trouble. */
void sim_faults_end(struct sim_world *world);

#endif
