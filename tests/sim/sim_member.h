/*
 * One engine process in the simulation: a real worker (consumers/worker.h), its log over the
 * simulated cluster, its connections to the simulated Redis, and its life.
 *
 * The log is held to consumers/log.h as the one over Kafka is: batches of any size and order,
 * items that live until the next poll and not a moment longer, offsets given with the start, a
 * poll between REVOKED and the end, transactions that begin with the first record and end with the
 * offsets. And it holds its worker to it: a commit past what was given, or a start of what is not
 * assigned, fails the run.
 *
 *     sim_member.c: the life of a member, and what it reads    sim_send.c: what it writes
 *
 * Threads: one. Memory: a member is large; sim_member_start and sim_member_end take and give back.
 */
#ifndef TROTH_TESTS_SIM_MEMBER_H
#define TROTH_TESTS_SIM_MEMBER_H

#include "consumers/worker.h"
#include "tests/sim/sim_group.h"
#include "tests/sim/sim_life.h"
#include "tests/sim/sim_log.h"
#include "tests/sim/sim_redis.h"
#include "tests/sim/sim_store.h"

enum {
    SIM_EVENTS_MAX = 4 * SIM_PARTITIONS_MAX,
    SIM_HELD_MAX = 2 * TROTH_BATCH_MAX,
    SIM_QUEUE_MAX = 1024, /* records that wait to be delivered, of either producer */
    SIM_TICKS_MAX = SIM_PARTITIONS_MAX
};

/* What the network and the brokers do to everybody; times are monotonic. */
struct sim_trouble {
    int64_t brokers_until_us;     /* no broker answers */
    int64_t coordinator_until_us; /* the coordinator of group and transactions is away */
    unsigned unseen;              /* so many of 1000 commits are answered by a time-out */
    unsigned full;                /* so many of 1000 sends find a full queue */
    unsigned twice;               /* so many of 1000 plain records stand twice */
    unsigned again;               /* so many of 1000 runs of records end with one given twice */
};

/* What all members share. */
struct sim_cluster {
    struct sim_clock clock;
    uint64_t random;
    enum sim_bug bug;
    bool dynamic; /* members have no name in the group: who closes leaves it at once */
    struct sim_log log;
    struct sim_group group;
    struct sim_redis redis;
    struct sim_trouble trouble;
    void (*pass)(void *context); /* time has passed */
    void *context;
};

struct sim_reading {
    bool assigned;
    bool leaving; /* REVOKED was told; it is given up at the next poll */
    bool started;
    bool recalling;
    int64_t next;
    int64_t recall_next;
};

/* A record that waits to be delivered. Owns what it points at. */
struct sim_queued {
    struct troth_log_record record;
    struct troth_log_header headers[TROTH_HEADERS_MAX];
};

struct sim_queue {
    struct sim_queued items[SIM_QUEUE_MAX];
    size_t count;
};

/* How far a commit is that goes on behind one's back. */
enum sim_stage { SIM_IDLE, SIM_FLUSH, SIM_OFFSETS, SIM_END, SIM_OVER };

struct sim_commit {
    uint8_t stage;       /* enum sim_stage */
    troth_status status; /* of one that is over */
    int64_t gives_up_us; /* monotonic: when the stage that it is in has failed */
    size_t records;      /* that it covers, of those that are not delivered */
    struct troth_log_offset offsets[SIM_PARTITIONS_MAX];
    size_t count;
};

struct sim_member {
    struct troth_log log; /* first */
    struct sim_cluster *cluster;
    struct sim_life life;
    struct sim_store store;
    struct troth_worker *worker;
    unsigned instance;
    bool up;

    /* As a consumer. */
    uint64_t member_id; /* 0: of no group */
    struct sim_membership membership;
    struct sim_reading telemetry[SIM_PARTITIONS_MAX];
    int64_t control_next[TROTH_TOPIC_COUNT];
    int64_t control_end[TROTH_TOPIC_COUNT];
    bool ended[TROTH_TOPIC_COUNT];
    struct troth_log_item events[SIM_EVENTS_MAX];
    size_t event_count;
    char *held[SIM_HELD_MAX];
    size_t held_count;
    struct sim_queued
        ticks[SIM_TICKS_MAX]; /* of SIM_BUG_EARLY_TICK: to be given before their time */
    size_t tick_count;

    /* As a producer. */
    int32_t epoch;
    struct sim_queue plain;
    struct sim_queue transactional;
    struct sim_commit commit;
    bool begun;           /* records or offsets of a transaction have been delivered */
    bool abort_due;       /* partitions were lost with a transaction open */
    troth_status verdict; /* once it will not go on: what it says from then on */
    char error[128];
};

/* Starts a process: opens its log and makes its worker. In template: all but log, store and clock.
 */
void sim_member_start(struct sim_member *member, struct sim_cluster *cluster, unsigned instance,
                      const struct troth_worker_config *config);

/* Ends it, as a kill does: what it has not delivered is lost. */
void sim_member_end(struct sim_member *member);

/* sim_send.c */
troth_status sim_send(struct troth_log *log, const struct troth_log_record *record);
troth_status sim_flush(struct troth_log *log, int64_t timeout_us);
troth_status sim_commit(struct troth_log *log, const struct troth_log_offset *offsets, size_t count,
                        int64_t timeout_us);
troth_status sim_committed(struct troth_log *log, int64_t timeout_us);

/* Brings a commit that is under way on, as chance has it. */
void sim_send_go_on(struct sim_member *member);

/* Opens the producers: fences whoever wrote under the name before. */
void sim_send_open(struct sim_member *member);

/* Gives back what waits. */
void sim_send_close(struct sim_member *member);

/* Delivers as chance has it, as librdkafka does behind one's back. */
void sim_send_some(struct sim_member *member);

/* Aborts the open transaction, with what waits to be in it. */
void sim_send_abort(struct sim_member *member);

/* Whether brokers or the coordinator are away. */
static inline bool sim_brokers_are_away(const struct sim_cluster *cluster)
{
    return cluster->clock.monotonic_us < cluster->trouble.brokers_until_us;
}

static inline bool sim_coordinator_is_away(const struct sim_cluster *cluster)
{
    return sim_brokers_are_away(cluster) ||
           cluster->clock.monotonic_us < cluster->trouble.coordinator_until_us;
}

/* Whether a member is what the group takes it for: the present owner of what it has. */
bool sim_member_is_present(void *member);

#endif
