/*
 * The inside of a worker, shared by worker.c (the loop), worker/assignment.c (partitions that come
 * and go), worker/restore.c and worker/checkpoint.c (standings read and written), worker/commit.c,
 * worker/narrow.c, worker/publish.c, worker/guard.c, worker/removals.c and worker/view.c (what the
 * store is told), worker/alerts.c (who is alerted), worker/survey.c (what is told of it),
 * worker/week.c (reviews and the week), worker/contracts.c (contracts and the pointers to them) and
 * worker/own.c (the engine's own records). Nobody else includes this.
 */
#ifndef TROTH_CONSUMERS_WORKER_STATE_H
#define TROTH_CONSUMERS_WORKER_STATE_H

#include "consumers/avro/decode.h"
#include "consumers/book.h"
#include "consumers/partition.h"
#include "consumers/registry.h"
#include "consumers/worker.h"

enum {
    ANSWER_US = 5000000,  /* how long the end waits for the store, and for ticks and pointers */
    SETTLE_US = 1000000,  /* and a commit for the store */
    NARROW_US = 2000000,  /* and for a narrowing: longer than the store waits for its answer */
    COMMIT_US = 10000000, /* and for the log: a leader may be away that long, and come back */
    REJECT_US =
        1000000,    /* how long a reject waits for its commit; a transaction must end in time */
    TIMED_MAX = 64, /* narrowings that are on their way and timed */
    TIMED_LOOK_US = 1000, /* how often the store is asked while something is timed */
    PENDING_MAX = 4096,   /* interventions that wait to be shown */
    DEFERRED_MAX = 1024,  /* standings that a publication finds waiting for a commit */
    ENDINGS_MAX = 1024    /* alerts whose end waits for a commit */
};

/* An intervention that waits to be shown: a narrowing until its record is applied to the end, or
 * where it cannot be shown without what is wider than what is committed, until that is; a widening
 * until it is committed. */
struct pending {
    struct troth_partition *partition;
    uint32_t standing;
    uint32_t commit; /* number of the commit that it waits for; 0: none */
    bool narrowing;
    int64_t applied;  /* of a widening: one past its record */
    int64_t cause_us; /* the log's clock when it was decided */
    char *record;     /* its JSON */
};

/* An alert that ends with a commit. */
struct ending {
    struct troth_partition *partition;
    uint32_t commit; /* number of it */
    uint8_t agent_length;
    char agent[TROTH_AGENT_LENGTH_MAX];
    char contract[TROTH_NAME_LENGTH_MAX + 1];
};

/* What a commit covers of a partition. */
struct covered {
    struct troth_partition *partition;
    int64_t offset;
    bool claim;
};

/* The commit that is under way. */
struct commit {
    bool under_way;
    bool late; /* and that was said */
    int64_t begun_us;
    uint32_t count;
    struct covered covered[TROTH_PARTITIONS_MAX];
};

/* How far a control topic is read. */
struct control {
    int64_t next;         /* the least offset of it that has not been taken */
    int64_t ask_after_us; /* monotonic: but not before */
    uint64_t asked_in;    /* the poll after which it was last asked for its end */
    bool read;            /* it has been read to its end, as last asked for */
    bool ask_due;         /* it is to be asked, */
};

/* What is being timed: of records and narrowings, when the log took them. */
struct timing {
    int64_t applied_us;   /* the first event applied since the last publication; 0: none was */
    int64_t published_us; /* one whose publication the store has not answered; 0: none */
    int64_t next_us;      /* monotonic: when a publication is timed next, at the earliest */
    uint32_t narrowing_count;
    int64_t narrowings_us[TIMED_MAX]; /* shown, and not answered */
};

/* A run of records of one partition, decoded and asked for ahead of being applied. */
struct run {
    struct troth_partition *partition;
    const struct troth_log_item *items;
    unsigned count; /* 0: none */
    troth_status statuses[TROTH_PREFETCH];
    struct troth_ahead ahead;
    struct troth_event events[TROTH_PREFETCH];
    uint32_t verdict_count; /* of all events, */
    uint32_t attribute_count;
    struct troth_verdict verdicts[TROTH_PREFETCH * TROTH_VERDICTS_MAX]; /* close together */
    struct troth_attribute attributes[TROTH_PREFETCH * TROTH_ATTRIBUTES_MAX];
    struct troth_reason reasons[TROTH_PREFETCH];
};

struct troth_worker {
    struct troth_worker_config config;
    struct troth_registry *registry;
    struct troth_partition *partitions[TROTH_PARTITIONS_MAX];
    uint32_t partition_count;
    struct troth_book *book; /* of decisions; NULL: they are not read */
    struct control contracts;
    struct control decisions;
    uint64_t poll_number; /* of the items, from 1 */

    bool told;      /* an intervention was sent and is not committed */
    bool rejected;  /* a reject was sent and is not committed */
    bool claim_due; /* one of the partitions is to be claimed */
    bool forfeited; /* partitions go without a commit: none until the last of them has gone */
    uint32_t commit_number; /* of the commit to come, from 1 */
    uint32_t committed;     /* of the last that is over */
    uint32_t widened;       /* of the last that bears a widening; 0: none did */
    bool settling;          /* a commit waits for the store */
    struct commit commit;
    int64_t next_publish_us;
    uint32_t publish_first; /* turn of the partitions in publication */
    int64_t published_us;   /* when the slice was published that filled the store; 0: all of it is
                             * answered, or it is not full */
    int64_t answer_look_us; /* when the answer to it is looked for next */
    bool store_full;        /* too much of what it was sent is unanswered */
    bool publishing;        /* a publication has a slice to come, */
    bool backlog;           /* of partitions that lag, too */
    int64_t next_commit_us;
    int64_t next_told_us;    /* when interventions are committed, out of turn, at the earliest */
    bool store_failing;      /* it has failed, which was said, and taken nothing since */
    int64_t store_after_us;  /* when it is tried again, at the earliest */
    int64_t next_backlog_us; /* when partitions that lag are published next */
    uint64_t tick_number;
    uint64_t claim_count;
    int64_t next_save_us;
    size_t saved_ahead;  /* bytes that were written for the commit to come */
    uint32_t save_first; /* turn of the partitions in rounds of checkpoints */
    troth_status broken; /* what the log said when it would not go on */
    struct troth_worker_counts counts;
    struct timing timing;
    struct pending pending[PENDING_MAX];
    uint32_t pending_count;
    struct ending endings[ENDINGS_MAX];
    uint32_t ending_count;
    char *debt_text;              /* of the standing that was looked at last */
    bool fresh_narrowings;        /* one of them came since they were last shown */
    bool narrowing;               /* one was shown to the store, which has not answered yet */
    struct troth_scratch scratch; /* of the record that is being decoded */
    struct run runs[2];           /* one is applied while the next one's memory comes */
    unsigned run;                 /* that is made ready next */
    struct troth_log_item items[TROTH_BATCH_MAX];
    size_t item_count; /* of the last poll */
};

/* Says a line to people, printf-like. */
__attribute__((format(printf, 3, 4))) void troth_worker_say(const struct troth_worker *worker,
                                                            enum troth_level level,
                                                            const char *format, ...);

/* Tells whoever watches the loop that a call comes which may wait for others so long. */
void troth_worker_will_wait(const struct troth_worker *worker, int64_t us);

/* Returns microseconds on the worker's monotonic clock. */
int64_t troth_worker_now_us(const struct troth_worker *worker);

/* Sends a record, waiting where the producer is full. What cannot be sent must not be passed over,
 * so a producer that stays full breaks the worker: the record is read again by whoever comes next.
 */
void troth_worker_send(struct troth_worker *worker, const struct troth_log_record *record);

/* The shard's callback: whether the partitioner puts an agent into the partition. */
bool troth_worker_belongs(void *context, struct troth_text agent);

/* worker/assignment.c. Returns the partition of that number that is ours, or NULL. */
struct troth_partition *troth_worker_partition(const struct troth_worker *worker, int32_t number);

/* A partition is ours; or is not any more: it is committed before it goes, unless it is lost. */
void troth_worker_assign(struct troth_worker *worker, int32_t number);
void troth_worker_drop(struct troth_worker *worker, int32_t number, bool lost);

/* Brings those that were assigned, or wait for the contracts, on their way. */
void troth_worker_start_partitions(struct troth_worker *worker);

/* worker/restore.c. Brings a partition on its way that is measured, with the contracts read.
 * Returns whether it can be started. */
bool troth_worker_restore(struct troth_worker *worker, struct troth_partition *partition);

/* Sends a partition's claim; again where it may have gone with a transaction of partitions that
 * were taken away. */
void troth_worker_send_claim(struct troth_worker *worker, struct troth_partition *partition);

/* Takes a record of standings[p]. */
void troth_worker_take_standing(struct troth_worker *worker, struct troth_partition *partition,
                                const struct troth_log_item *item);

/* worker/checkpoint.c. Sends standings when it is time. Not while a record is being applied. */
void troth_worker_save_in_turn(struct troth_worker *worker);

/* Sends all standings that changed: of a partition whose contracts have, now or as soon as it
 * speaks; and of all partitions. */
void troth_worker_save_whole(struct troth_worker *worker, struct troth_partition *partition);
void troth_worker_save_all(struct troth_worker *worker);

/* Sends a record to standings[p]. In value: NULL for a tombstone. */
void troth_worker_send_standing(struct troth_worker *worker,
                                const struct troth_partition *partition, const char *key,
                                size_t key_length, const uint8_t *value, size_t value_length);

/* Sends the checkpoint that is true for what is being committed. */
void troth_worker_send_checkpoint(struct troth_worker *worker, struct troth_partition *partition);

/* Sends that a standing has ended. No record may be ahead of that, so all that changed goes with
 * it.
 */
void troth_worker_send_tombstone(struct troth_worker *worker, struct troth_partition *partition,
                                 struct troth_text agent, const char *contract);

/* The shard's callback: the same of an agent that was written down alone. */
void troth_worker_on_gone(void *context, struct troth_text agent);

/* worker/commit.c. Commits all that was applied, and what was sent with it, and waits for it. Not
 * while a record is being applied. Returns whether it is done. */
bool troth_worker_commit(struct troth_worker *worker);

/* Begins a commit when it is time, and takes the answer to it: each `commit`, once the store has
 * answered what it was sent; rejects within REJECT_US; and interventions as soon as they are told.
 * Where those come in batch after batch, what is told in four times a commit's time is grouped. */
void troth_worker_commit_in_turn(struct troth_worker *worker);

/* Returns whether the store has answered what it was sent, or cannot any more. */
bool troth_worker_has_answered(struct troth_worker *worker, int64_t timeout_us);

/* Gives the store a while to answer what it was sent. */
void troth_worker_settle(struct troth_worker *worker);

/* The partitions were taken away, and the commit that is under way with them. */
void troth_worker_forget_commit(struct troth_worker *worker);

/* Returns when commits are to be looked at next, monotonic; the log says when one has ended. */
int64_t troth_worker_commit_look_us(const struct troth_worker *worker, int64_t now_us);

/* worker/narrow.c: the shards' callbacks, and what is shown at once. */
void troth_worker_on_intervention(void *context, const struct troth_intervention *told);
void troth_worker_on_ended(void *context, uint32_t standing, struct troth_text agent,
                           const char *contract);

/* worker/alerts.c. The shard tells of a change of rung; or a standing has ended. */
void troth_worker_alert(struct troth_worker *worker, struct troth_partition *partition,
                        const struct troth_intervention *told);
void troth_worker_alert_ended(struct troth_worker *worker, struct troth_partition *partition,
                              struct troth_text agent, const char *contract);

/* Tells of the ends that are committed. */
void troth_worker_tell_endings(struct troth_worker *worker);

/* Tells what is narrowed of the partitions whose turn it is, a bounded number of looks at a time.
 */
void troth_worker_sweep_in_turn(struct troth_worker *worker);

/* A partition is to be swept, as its contracts changed. */
void troth_worker_sweep_anew(struct troth_partition *partition);

/* A partition goes: what is told of it is the next owner's. */
void troth_worker_drop_alerts(struct troth_worker *worker, struct troth_partition *partition);

/* worker/removals.c. Tells the store which standings have ended, of a partition that is owned
 * there. Returns TROTH_OK, or what the store said to the first that it did not take. */
troth_status troth_worker_remove(struct troth_worker *worker, struct troth_partition *partition);

/* Shows what waits, and may be shown by now: narrowings of records that were applied to their end,
 * and what waited for commits that are over. */
void troth_worker_tell_pending(struct troth_worker *worker);

/* Returns whether the store has answered all narrowings, or cannot any more; waits for it. */
bool troth_worker_has_narrowed(struct troth_worker *worker, int64_t timeout_us);

/* What waits of a partition that goes is not shown. */
void troth_worker_drop_pending(struct troth_worker *worker,
                               const struct troth_partition *partition);

/* worker/publish.c. Publishes what changed, at most a bounded number of looks. In all: else
 * partitions that have not caught up are published each BACKLOG_US alone, as their scores are
 * history. What was widened waits for its commit. Returns whether nothing of what was asked is
 * left. */
bool troth_worker_publish(struct troth_worker *worker, bool all);

/* Publishes when it is time, a slice of SLICE_US at a time: what is to be narrowed meanwhile does
 * not wait longer. A slow store must not be what the worker does: it gets a tenth of the time at
 * most, and more is coalesced meanwhile. */
void troth_worker_publish_in_turn(struct troth_worker *worker);

/* Returns when publication wants the thread next: for its turn, or to see whether the store has
 * answered. */
int64_t troth_worker_publish_look_us(const struct troth_worker *worker);

/* Books that the store did not do what was asked; this is said once, until it settles. */
void troth_worker_store_failed(struct troth_worker *worker, const char *what);

/* Books that it has taken all that it was sent. */
void troth_worker_store_settled(struct troth_worker *worker);

/* worker/own.c: the engine's own records. Appends one to a partition. In event: the rest is filled
 * in. In timestamp_us: 0: now. */
void troth_worker_send_own(struct troth_worker *worker, const struct troth_partition *partition,
                           struct troth_event *event, int64_t timestamp_us);
void troth_worker_send_ticks(struct troth_worker *worker);

/* worker/survey.c. A publication begins: it is timed where its turn has come. */
void troth_worker_time_publication(struct troth_worker *worker);

/* Notes how long it took, once the store has answered. Returns whether it is still to. */
bool troth_worker_look_at_timing(struct troth_worker *worker);

/* A narrowing was shown, by a record of that time; and the store has answered, or will not. */
void troth_worker_time_narrowing(struct troth_worker *worker, int64_t cause_us);
void troth_worker_narrowings_answered(struct troth_worker *worker, bool taken);

/* Adds what a partition's shard has counted, which goes with it. */
void troth_worker_keep_counts(const struct troth_partition *partition,
                              struct troth_worker_counts *counts);

/* worker/control.c. Returns how far that topic is read, or NULL: it is none that this worker reads.
 */
struct control *troth_worker_control(struct troth_worker *worker, unsigned topic);

/* Takes a record of a control topic, once. Returns false where it is of none. */
bool troth_worker_take_control(struct troth_worker *worker, const struct troth_log_item *item);

/* Returns the record that an item of a control topic is, with its signatures where its topic asks
 * for any. */
struct troth_control_record troth_worker_record_of(const struct troth_worker *worker,
                                                   const struct troth_log_item *item);

/* An END of a control topic came. */
void troth_worker_take_end(struct troth_worker *worker, unsigned topic);

/* Asks those that are due for their end: `read` says whether that is reached already, or will when
 * it is. Where there is no answer, `ask_due` stays. All that came with the last poll must have been
 * taken. */
void troth_worker_ask_due(struct troth_worker *worker);

/* Returns whether all control topics are read to the ends that were last asked for. */
bool troth_worker_has_read(const struct troth_worker *worker);

/* Returns whether a control topic is read up to now, asking it first where it was not since the
 * last poll. Else a pointer into it that is not good must not be judged yet. */
bool troth_worker_reads_enough(struct troth_worker *worker, unsigned topic);

/* worker/pointer.c. Appends a POINTER to what stands in a control topic at an offset. */
void troth_worker_point(struct troth_worker *worker, struct troth_partition *partition,
                        unsigned topic, int64_t offset);

/* A pointer of ours came before what it names, by the log's clocks: it is sent again, in due time.
 */
void troth_worker_point_again(const struct troth_worker *worker, struct troth_partition *partition);

/* Points to each version in force and each decision that the shard does not know yet: they take
 * effect where the pointer stands in the log, when it is read back. */
void troth_worker_send_pointers(struct troth_worker *worker, struct troth_partition *partition);

/* Whether what has been read of the control topics is enough to judge a POINTER that was read back,
 * as any later owner would. Else it must not be applied yet, and nothing after it. */
bool troth_worker_may_judge(struct troth_worker *worker, const struct troth_partition *partition,
                            const struct troth_log_item *item, const struct troth_event *event);

/* A POINTER was read back, and applied: what it names takes effect here. Returns whether a contract
 * came into force. */
bool troth_worker_follow_pointer(struct troth_worker *worker, struct troth_partition *partition,
                                 const struct troth_log_item *item,
                                 const struct troth_event *event);

/* worker/contracts.c: of the registry. In offset, time_us: named by a pointer, and its own. */
void troth_worker_take_contract(struct troth_worker *worker, const struct troth_log_item *item);
void troth_worker_point_to_contracts(struct troth_worker *worker,
                                     struct troth_partition *partition);
bool troth_worker_is_contract(const struct troth_worker *worker, int64_t offset, int64_t time_us);
bool troth_worker_follow_contract(struct troth_worker *worker, struct troth_partition *partition,
                                  int64_t offset, int64_t time_us);

/* worker/decisions.c: the same of the book. */
void troth_worker_take_decision(struct troth_worker *worker, const struct troth_log_item *item);
void troth_worker_point_to_decisions(struct troth_worker *worker,
                                     struct troth_partition *partition);
bool troth_worker_is_decision(const struct troth_worker *worker, int64_t offset, int64_t time_us);
void troth_worker_follow_decision(struct troth_worker *worker, struct troth_partition *partition,
                                  const struct troth_log_item *pointer, int64_t offset,
                                  int64_t time_us);

/* worker.c. Decodes a record of telemetry and checks that its key is its agent. Returns TROTH_OK,
 * or why it is rejected; out reason: in words, where there are any. */
troth_status troth_worker_read_event(struct troth_worker *worker, const struct troth_log_item *item,
                                     struct troth_event *event, struct troth_scratch *scratch,
                                     struct troth_reason *reason);

#endif
