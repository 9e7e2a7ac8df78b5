/*
 * How a partition is claimed and its standings are restored.
 *
 * A claim is a record on standings[p], written by a transaction that only a member of the group's
 * present generation can commit. Whoever reads its own claim back, among committed records, has
 * read all that any former owner has committed, and none of them can commit any more: a transaction
 * that was open when the claim was written holds its reader back until it has ended. The claim's
 * offset is the fencing token, greater than that of every claim before.
 *
 * What is read on the way is put into the shard as it comes, a poll's worth at a time, so other
 * partitions go on meanwhile. Then telemetry is read again from the checkpoint on. What cannot be
 * understood is no reason to begin anew in silence: an unknown format, or a contract version that
 * is not to be had, ends the worker with a message; a record that is damaged is said and left out,
 * and its agent must certify again.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "consumers/partition_record.h"
#include "consumers/standing_record.h"
#include "consumers/worker/review.h"
#include "schemas/assert.h"
#include "scoring/agents.h"
#include "scoring/shard_snapshot.h"

enum { RECALL_US = 30000000 /* how long the log may take to tell where standings begin */ };

__attribute__((format(printf, 3, 4))) static void refuse(struct troth_worker *worker,
                                                         const struct troth_partition *partition,
                                                         const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    troth_worker_say(worker, TROTH_LEVEL_ERROR, "telemetry[%" PRId32 "] cannot be restored: %s",
                     partition->number, text);
    worker->broken = TROTH_REFUSED;
}

static struct troth_claim claim_of(const struct troth_worker *worker,
                                   const struct troth_partition *partition)
{
    const char *instance = worker->config.instance != NULL ? worker->config.instance : "troth";
    struct troth_claim claim = {.instance = {instance, (uint32_t)strlen(instance)},
                                .era = worker->config.era};
    claim.at_us = worker->config.clock.wall_us(worker->config.clock.context);
    memcpy(claim.nonce, worker->config.nonce, sizeof claim.nonce);
    for (unsigned i = 0; i < sizeof partition->claim_number; i++) {
        claim.nonce[i] ^= (uint8_t)(partition->claim_number >> 8 * i);
    }
    return claim;
}

void troth_worker_send_claim(struct troth_worker *worker, struct troth_partition *partition)
{
    uint8_t value[TROTH_PARTITION_RECORD_MAX];
    size_t key_length;
    const char *key = troth_partition_key(TROTH_RECORD_CLAIM, &key_length);
    if (partition->claim_number == 0) {
        partition->claim_number = ++worker->claim_count;
    }
    const struct troth_claim claim = claim_of(worker, partition);
    const size_t length = troth_claim_encode(&claim, value);
    troth_worker_send_standing(worker, partition, key, key_length, value, length);
}

static bool is_own_claim(const struct troth_worker *worker, const struct troth_partition *partition,
                         const struct troth_claim *claim)
{
    const struct troth_claim own = claim_of(worker, partition);
    return memcmp(claim->nonce, own.nonce, sizeof own.nonce) == 0 &&
           claim->instance.length == own.instance.length &&
           memcmp(claim->instance.data, own.instance.data, own.instance.length) == 0;
}

/* ---- Records. ---- */

/* Puts a version in force in the shard, unless it, or a higher one, is already. What stood under a
 * lower one is forgotten: when the version changed, every standing was written again with the
 * change, and those records are still to come. Returns false where the contracts topic does not
 * hold the version: nothing is lost by that, unless the last checkpoint names it. */
static bool bring_in_force(struct troth_worker *worker, struct troth_partition *partition,
                           struct troth_text contract, int64_t version)
{
    const int64_t run = troth_shard_version(partition->shard, contract);
    if (run >= version) {
        return true;
    }
    const struct troth_rules *rules = troth_registry_find(worker->registry, contract, version);
    if (rules == NULL) {
        return false;
    }
    troth_status status =
        run > 0 ? troth_shard_retire(partition->shard, rules->contract->name) : TROTH_OK;
    TROTH_ASSERT(status == TROTH_OK);
    status = troth_shard_contract(partition->shard, rules);
    if (status != TROTH_OK) {
        refuse(worker, partition,
               "its standings are of more than %d contracts: were records deleted from the "
               "contracts topic? Push those contracts again",
               TROTH_CONTRACTS_MAX);
    }
    return true;
}

static void refuse_format(struct troth_worker *worker, const struct troth_partition *partition,
                          const struct troth_log_item *item)
{
    refuse(worker, partition,
           "the record at standings[%" PRId32 "] offset %" PRId64
           " was written by a later version of the engine; run that one",
           partition->number, item->offset);
}

static void take_standing(struct troth_worker *worker, struct troth_partition *partition,
                          const struct troth_log_item *item, struct troth_text agent,
                          struct troth_text contract)
{
    static _Thread_local struct troth_snapshot snapshot; /* large */
    uint32_t standing = TROTH_NONE;
    troth_status status = TROTH_OK;
    if (!item->has_value) {
        status = troth_shard_forget(partition->shard, agent, contract);
        TROTH_ASSERT(status == TROTH_OK || status == TROTH_NOT_FOUND); /* or compacted away */
        troth_partition_note_removal(partition, agent, contract);
        return;
    }
    status = troth_standing_decode(item->value, item->value_length, &snapshot);
    if (status == TROTH_UNSUPPORTED) {
        refuse_format(worker, partition, item);
        return;
    }
    if (status == TROTH_OK &&
        (!bring_in_force(worker, partition, contract, snapshot.contract_version) ||
         worker->broken != TROTH_OK)) {
        return;
    }
    if (status == TROTH_OK) {
        status = troth_shard_import(partition->shard, &snapshot, &standing);
    }
    if (status == TROTH_AGENTS_FULL || status == TROTH_STANDINGS_FULL) {
        refuse(worker, partition, "%s; raise agents_max and standings_max",
               troth_status_meaning(status));
    } else if (status != TROTH_OK && status != TROTH_NOT_FOUND) {
        troth_worker_say(worker, TROTH_LEVEL_ERROR,
                         "the standing of %.*s under %.*s, at standings[%" PRId32
                         "] offset %" PRId64 ", is damaged (%s): it begins anew, in recertify",
                         (int)agent.length, agent.data, (int)contract.length, contract.data,
                         partition->number, item->offset, troth_status_name(status));
    }
}

static void take_agent(struct troth_worker *worker, struct troth_partition *partition,
                       const struct troth_log_item *item, struct troth_text agent)
{
    struct troth_agent_snapshot snapshot;
    if (!item->has_value) {
        troth_shard_forget_agent(partition->shard, agent);
        return;
    }
    troth_status status = troth_agent_decode(item->value, item->value_length, &snapshot);
    if (status == TROTH_UNSUPPORTED) {
        refuse_format(worker, partition, item);
        return;
    }
    if (status == TROTH_OK) {
        status = troth_shard_import_agent(partition->shard, &snapshot);
    }
    if (status == TROTH_AGENTS_FULL) {
        refuse(worker, partition, "%s; raise agents_max", troth_status_meaning(status));
    } else if (status != TROTH_OK) {
        troth_worker_say(worker, TROTH_LEVEL_ERROR,
                         "the record of %.*s alone, at standings[%" PRId32 "] offset %" PRId64
                         ", is damaged (%s): its sequence numbers begin anew",
                         (int)agent.length, agent.data, partition->number, item->offset,
                         troth_status_name(status));
    }
}

static void take_genesis(struct troth_worker *worker, struct troth_partition *partition,
                         const struct troth_genesis *genesis)
{
    const int32_t partitions = worker->config.log->partitions(worker->config.log);
    if (genesis->partitions != partitions) {
        refuse(worker, partition,
               "its standings were written when telemetry had %" PRId32
               " partitions, and it has %" PRId32 ": agents have moved between them; go back, or "
               "begin anew under another `prefix`",
               genesis->partitions, partitions);
    } else if (genesis->partitioner != worker->config.partitioner) {
        refuse(worker, partition,
               "its standings were written with `partitioner: %s`; set that again",
               troth_partitioner_name(genesis->partitioner));
    }
    partition->genesis_era = genesis->era;
}

static void take_checkpoint(struct troth_worker *worker, struct troth_partition *partition,
                            const struct troth_checkpoint *checkpoint)
{
    partition->saved_era = checkpoint->era;
    partition->saved_offset = checkpoint->offset;
    partition->saved_told = checkpoint->told;
    partition->saved_clock_us = checkpoint->clock_us;
    partition->decided = checkpoint->decided;
    partition->ruled_count = checkpoint->ruled_count;
    memcpy(partition->ruled, checkpoint->ruled, sizeof partition->ruled);
    partition->weeks_until = checkpoint->weeks;
    partition->missing[0] = '\0';
    for (unsigned i = 0; i < checkpoint->version_count; i++) {
        const struct troth_version *version = &checkpoint->versions[i];
        if (!bring_in_force(worker, partition, version->contract, version->version)) {
            snprintf(partition->missing, sizeof partition->missing, "%.*s@%" PRId64,
                     (int)version->contract.length, version->contract.data, version->version);
        }
    }
}

static void take_own(struct troth_worker *worker, struct troth_partition *partition,
                     const struct troth_log_item *item, enum troth_record_kind kind)
{
    static _Thread_local struct troth_checkpoint checkpoint; /* large */
    struct troth_genesis genesis;
    struct troth_claim claim;
    troth_status status = TROTH_UNDECODABLE;
    if (kind == TROTH_RECORD_GENESIS) {
        status = troth_genesis_decode(item->value, item->value_length, &genesis);
    } else if (kind == TROTH_RECORD_CLAIM) {
        status = troth_claim_decode(item->value, item->value_length, &claim);
    } else {
        status = troth_checkpoint_decode(item->value, item->value_length, &checkpoint);
    }
    if (status != TROTH_OK) {
        refuse(worker, partition,
               "the record at standings[%" PRId32 "] offset %" PRId64 " is %s: %s",
               partition->number, item->offset, troth_status_name(status),
               status == TROTH_UNSUPPORTED
                   ? "run the later version that wrote it"
                   : "who else writes there? Where the standings topic is made anew, all telemetry "
                     "that is kept is read again instead");
    } else if (kind == TROTH_RECORD_GENESIS) {
        take_genesis(worker, partition, &genesis);
    } else if (kind == TROTH_RECORD_CHECKPOINT) {
        take_checkpoint(worker, partition, &checkpoint);
    } else if (is_own_claim(worker, partition, &claim)) {
        partition->claim = item->offset;
    }
}

/* ---- The end. ---- */

/* The offsets of the records are those of another log: the standings are as good, and their numbers
 * are not. Reading begins where the group is, or at the beginning. */
static void enter_era(struct troth_worker *worker, struct troth_partition *partition)
{
    troth_worker_say(
        worker, TROTH_LEVEL_WARNING,
        "telemetry[%" PRId32 "] is of era %" PRId64 " now, its standings are of %" PRId64
        ": they are kept, and its records are read from offset %" PRId64 " on",
        partition->number, worker->config.era, partition->saved_era, partition->restored_until);
    troth_shard_resume(partition->shard, partition->saved_clock_us, partition->restored_until - 1);
    troth_shard_renumber(partition->shard);
    /* What was decided before this era was decided of that one: its offsets mean nothing here. */
    const uint32_t old = worker->book != NULL ? troth_book_count(worker->book) : 0;
    partition->decided = old > 0 ? troth_book_entry(worker->book, old - 1)->decision.position : -1;
    partition->ruled_count = 0;
    partition->next_offset = partition->restored_until;
    partition->weeks_until = partition->restored_until;
    partition->whole_due = true;
    troth_shard_count_from(partition->shard, partition->weeks_until);
    troth_worker_restore_weeks(worker, partition);
}

/* All has been read: from where on does telemetry count? */
static void finish(struct troth_worker *worker, struct troth_partition *partition)
{
    const int64_t low = partition->low_offset;
    worker->config.log->recalled(worker->config.log, partition->number);
    partition->restored = true;
    if (partition->missing[0] != '\0') {
        refuse(worker, partition,
               "its standings rest on %s, which the contracts topic does not hold (any more); "
               "push it again",
               partition->missing);
        return;
    }
    if (partition->genesis_era > worker->config.era || partition->saved_era > worker->config.era) {
        refuse(worker, partition, "its standings are of era %" PRId64 "; set `era: %" PRId64 "`",
               partition->genesis_era, partition->genesis_era);
        return;
    }
    if (partition->saved_era == 0) {
        return; /* nothing was ever written down */
    }
    if (partition->saved_era < worker->config.era) {
        enter_era(worker, partition);
        return;
    }
    if (partition->saved_told > partition->end_offset) {
        refuse(worker, partition,
               "it ends at offset %" PRId64 ", and its standings speak of offset %" PRId64
               ": the topic was made anew, or is another cluster's; see `troth redis rebuild "
               "--help` on --new-era",
               partition->end_offset, partition->saved_told);
        return;
    }
    partition->next_offset = partition->saved_offset > low ? partition->saved_offset : low;
    partition->lost = partition->next_offset - partition->saved_offset;
    if (partition->restored_until < partition->saved_told) {
        partition->restored_until = partition->saved_told;
    }
    troth_shard_resume(partition->shard, partition->saved_clock_us, partition->next_offset - 1);
    troth_shard_count_from(partition->shard, partition->weeks_until);
    troth_worker_restore_weeks(worker, partition);
}

void troth_worker_take_standing(struct troth_worker *worker, struct troth_partition *partition,
                                const struct troth_log_item *item)
{
    enum troth_record_kind kind = TROTH_RECORD_STANDING;
    struct troth_text agent = {NULL, 0};
    struct troth_text contract = {NULL, 0};
    if (!partition->recalled || partition->restored || !item->has_key) {
        return;
    }
    int64_t week = 0;
    const troth_status status =
        troth_record_key_read(item->key, item->key_length, &kind, &agent, &contract);
    if (troth_week_key_read(item->key, item->key_length, &contract, &week)) {
        troth_worker_take_week(worker, partition, item, contract, week);
    } else if (status != TROTH_OK) {
        troth_worker_say(worker, TROTH_LEVEL_WARNING,
                         "the record at standings[%" PRId32 "] offset %" PRId64
                         " is not one of ours; who else writes there?",
                         partition->number, item->offset);
    } else if (kind == TROTH_RECORD_STANDING) {
        take_standing(worker, partition, item, agent, contract);
    } else if (kind == TROTH_RECORD_AGENT) {
        take_agent(worker, partition, item, agent);
    } else if (item->has_value) {
        take_own(worker, partition, item, kind);
    }
    if (partition->claim >= 0 && worker->broken == TROTH_OK) {
        finish(worker, partition);
    }
}

bool troth_worker_restore(struct troth_worker *worker, struct troth_partition *partition)
{
    struct troth_log *log = worker->config.log;
    if (worker->config.checkpoint_us <= 0) {
        partition->lost = partition->next_offset;
        return true;
    }
    if (partition->claimed && !partition->recalled) {
        troth_worker_will_wait(worker, RECALL_US);
        partition->recalled = log->recall(log, partition->number) == TROTH_OK;
        if (partition->recalled) {
            troth_worker_say(worker, TROTH_LEVEL_INFO,
                             "telemetry[%" PRId32 "] is claimed: its standings are read",
                             partition->number);
        } else {
            troth_worker_say(worker, TROTH_LEVEL_WARNING,
                             "standings[%" PRId32 "] cannot be read: %s; trying again",
                             partition->number, log->error(log));
        }
    }
    partition->claim_due = !partition->claimed;
    worker->claim_due |= partition->claim_due;
    return partition->restored;
}
