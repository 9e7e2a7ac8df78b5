/*
 * Standings written down, so that a partition can be restored without its whole log.
 *
 * Agents are written in the order in which they first changed since they were last written, a
 * bounded number of bytes at a time (rolling), and all that is left where the partition is given up
 * or a contract has changed (whole): so that no record is ahead of a change that must be replayed
 * before it can be understood. So it is where agents were evicted: a tombstone does not say up to
 * where it is true, so nothing before it may be read again. A checkpoint says from which record on
 * the log is still needed: the first that changed the agent that waits longest. It stands in every
 * commit of its partition, since it also says up to where everything has been told.
 *
 * Rounds get a tenth of the loop's time at most, the brokers' acknowledgements not counted: where
 * more changes than that can write down, the log is needed from further back, and restoring takes
 * longer. What is written whole is not bounded so.
 */
#include <string.h>

#include "consumers/partition_record.h"
#include "consumers/standing_record.h"
#include "consumers/worker/state.h"
#include "schemas/assert.h"
#include "scoring/agents.h"
#include "scoring/shard_snapshot.h"

enum {
    ROUND_PAUSE = 9,    /* times as long as a round took, until the next */
    ROUND_US = 100000,  /* how long the brokers have for a round before its commit */
    AHEAD_MAX = 1048576 /* bytes that may be written while a commit is under way: of what waits for
                           it the log holds a few MiB, and then the loop would wait too */
};

void troth_worker_send_standing(struct troth_worker *worker,
                                const struct troth_partition *partition, const char *key,
                                size_t key_length, const uint8_t *value, size_t value_length)
{
    troth_worker_send(worker, &(struct troth_log_record){.topic = TROTH_TOPIC_STANDINGS,
                                                         .partition = partition->number,
                                                         .key = key,
                                                         .key_length = key_length,
                                                         .value = (const char *)value,
                                                         .value_length = value_length});
}

/* The first record of a partition, and of an era, but for claims. */
static void send_genesis(struct troth_worker *worker, struct troth_partition *partition)
{
    uint8_t value[TROTH_PARTITION_RECORD_MAX];
    size_t key_length;
    const char *key = troth_partition_key(TROTH_RECORD_GENESIS, &key_length);
    const struct troth_genesis genesis = {.era = worker->config.era,
                                          .partitions =
                                              worker->config.log->partitions(worker->config.log),
                                          .partitioner = worker->config.partitioner};
    if (partition->genesis_era < worker->config.era) {
        troth_worker_send_standing(worker, partition, key, key_length, value,
                                   troth_genesis_encode(&genesis, value));
        partition->genesis_era = worker->config.era;
    }
}

/* Writes an agent that has no standing; what there was of those is ended already. */
static size_t save_alone(struct troth_worker *worker, struct troth_partition *partition,
                         uint32_t agent)
{
    struct troth_agent_snapshot snapshot;
    uint8_t value[TROTH_AGENT_RECORD_MAX];
    char key[TROTH_STANDING_KEY_MAX];
    const bool alone = troth_shard_export_agent(partition->shard, agent, &snapshot);
    TROTH_ASSERT(alone);
    const size_t length = troth_agent_encode(&snapshot, value);
    const size_t key_length = troth_agent_key(snapshot.agent, key);
    troth_worker_send_standing(worker, partition, key, key_length, value, length);
    (void)troth_shard_note_alone(partition->shard, agent, true);
    worker->counts.saved++;
    return key_length + length;
}

static void send_agent_tombstone(struct troth_worker *worker,
                                 const struct troth_partition *partition, struct troth_text agent)
{
    char key[TROTH_STANDING_KEY_MAX];
    const size_t length = troth_agent_key(agent, key);
    troth_worker_send_standing(worker, partition, key, length, NULL, 0);
}

/* Writes all standings of an agent, or the agent alone. Returns the bytes. */
static size_t save_agent(struct troth_worker *worker, struct troth_partition *partition,
                         uint32_t agent)
{
    static _Thread_local struct troth_snapshot snapshot; /* large, as is the next */
    static _Thread_local uint8_t value[TROTH_STANDING_LENGTH_MAX];
    char key[TROTH_STANDING_KEY_MAX];
    size_t bytes = 0;
    for (uint32_t s = troth_shard_standing_after(partition->shard, agent, TROTH_NONE);
         s != TROTH_NONE; s = troth_shard_standing_after(partition->shard, agent, s)) {
        size_t length = 0;
        const bool there = troth_shard_export(partition->shard, s, &snapshot);
        TROTH_ASSERT(there);
        const troth_status status = troth_standing_encode(&snapshot, value, sizeof value, &length);
        TROTH_ASSERT(status == TROTH_OK);
        const size_t key_length = troth_standing_key(snapshot.agent, snapshot.contract, key);
        troth_worker_send_standing(worker, partition, key, key_length, value, length);
        bytes += key_length + length;
        worker->counts.saved++;
    }
    if (bytes == 0) {
        return save_alone(worker, partition, agent);
    }
    if (troth_shard_note_alone(partition->shard, agent, false)) {
        send_agent_tombstone(worker, partition, snapshot.agent);
    }
    return bytes;
}

/* Writes agents, the longest waiting first, until nothing or so many bytes are left. Returns the
 * bytes. */
static size_t save(struct troth_worker *worker, struct troth_partition *partition, size_t most)
{
    size_t bytes = 0;
    partition->saving = true;
    send_genesis(worker, partition);
    while (bytes < most && worker->broken == TROTH_OK) {
        const uint32_t agent = troth_shard_take_unsaved(partition->shard);
        if (agent == TROTH_NONE) {
            break;
        }
        bytes += save_agent(worker, partition, agent);
    }
    worker->counts.saved_bytes += bytes;
    worker->saved_ahead += bytes;
    return bytes;
}

void troth_worker_save_whole(struct troth_worker *worker, struct troth_partition *partition)
{
    partition->whole_due = worker->config.checkpoint_us > 0;
    if (partition->whole_due && troth_partition_speaks(partition)) {
        (void)save(worker, partition, SIZE_MAX);
        partition->whole_due = false;
    }
}

void troth_worker_save_all(struct troth_worker *worker)
{
    for (uint32_t i = 0; i < worker->partition_count && worker->config.checkpoint_us > 0; i++) {
        if (troth_partition_speaks(worker->partitions[i])) {
            (void)save(worker, worker->partitions[i], SIZE_MAX);
        }
    }
}

void troth_worker_save_in_turn(struct troth_worker *worker)
{
    const int64_t now = troth_worker_now_us(worker);
    size_t left = worker->config.checkpoint_bytes;
    if (worker->config.checkpoint_us <= 0 || now < worker->next_save_us ||
        (worker->commit.under_way && worker->saved_ahead >= AHEAD_MAX)) {
        return;
    }
    /* Another partition comes first each time, as a round may not get to all of them. */
    worker->save_first++;
    for (uint32_t i = 0; i < worker->partition_count && left > 0; i++) {
        struct troth_partition *partition =
            worker->partitions[(worker->save_first + i) % worker->partition_count];
        if (troth_partition_speaks(partition) && troth_shard_unsaved(partition->shard) > 0) {
            const size_t bytes = save(worker, partition, left);
            left -= bytes < left ? bytes : left;
        }
    }
    if (left == worker->config.checkpoint_bytes) {
        return; /* as soon as something changes */
    }
    const int64_t after_us = troth_worker_now_us(worker);
    const int64_t pause_us = ROUND_PAUSE * (after_us - now);
    const int64_t turn_us = left > 0 ? worker->config.checkpoint_us : 0;
    worker->next_save_us = after_us + (pause_us > turn_us ? pause_us : turn_us);
    if (worker->next_commit_us > after_us + ROUND_US) {
        worker->next_commit_us = after_us + ROUND_US;
    }
}

void troth_worker_send_checkpoint(struct troth_worker *worker, struct troth_partition *partition)
{
    static _Thread_local struct troth_checkpoint checkpoint; /* large, as is the next */
    static _Thread_local uint8_t value[TROTH_CHECKPOINT_LENGTH_MAX];
    size_t key_length;
    const char *key = troth_partition_key(TROTH_RECORD_CHECKPOINT, &key_length);
    checkpoint.era = worker->config.era;
    checkpoint.told = partition->next_offset;
    checkpoint.decided = partition->decided;
    checkpoint.weeks = partition->weeks_until;
    checkpoint.ruled_count = partition->ruled_count;
    memcpy(checkpoint.ruled, partition->ruled, sizeof checkpoint.ruled);
    checkpoint.offset = troth_shard_saved_until(partition->shard, &checkpoint.clock_us);
    partition->sent_us = checkpoint.clock_us;
    checkpoint.version_count = 0;
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        const struct troth_rules *rules = troth_shard_rules(partition->shard, slot);
        if (rules != NULL) {
            checkpoint.versions[checkpoint.version_count++] = (struct troth_version){
                troth_text_of(rules->contract->name), rules->contract->version};
        }
    }
    send_genesis(worker, partition);
    troth_worker_send_standing(worker, partition, key, key_length, value,
                               troth_checkpoint_encode(&checkpoint, value));
}

void troth_worker_send_tombstone(struct troth_worker *worker, struct troth_partition *partition,
                                 struct troth_text agent, const char *contract)
{
    char key[TROTH_STANDING_KEY_MAX];
    const size_t length = troth_standing_key(agent, troth_text_of(contract), key);
    if (worker->config.checkpoint_us > 0 && partition->started) {
        troth_worker_send_standing(worker, partition, key, length, NULL, 0);
        partition->whole_due = true;
    }
}

void troth_worker_on_gone(void *context, struct troth_text agent)
{
    struct troth_partition *partition = context;
    struct troth_worker *worker = partition->owner;
    if (worker->config.checkpoint_us > 0 && partition->started) {
        send_agent_tombstone(worker, partition, agent);
        partition->whole_due = true;
    }
}
