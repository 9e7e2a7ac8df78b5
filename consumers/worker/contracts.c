/*
 * Contracts: telemetry is pointed to what is in force, and a version takes effect where its pointer
 * is read back. How far the topic is read before a pointer is judged, worker/control.c says.
 */
#include <inttypes.h>
#include <string.h>

#include "consumers/worker/state.h"

void troth_worker_take_contract(struct troth_worker *worker, const struct troth_log_item *item)
{
    char reason[TROTH_REASON_LENGTH];
    const struct troth_control_record record = troth_worker_record_of(worker, item);
    const troth_status status = troth_registry_take(worker->registry, &record, reason);
    if (status == TROTH_NO_MEMORY) {
        worker->broken = status; /* made anew, the worker reads it again */
    }
    if (status == TROTH_REFUSED) {
        worker->counts.distrusted_contracts[troth_registry_distrust(worker->registry)]++;
    }
    if (status != TROTH_OK) {
        troth_worker_say(
            worker, TROTH_LEVEL_WARNING, "contract record %.*s at offset %" PRId64 " refused: %s",
            (int)item->key_length, item->has_key ? item->key : "", item->offset, reason);
    }
}

void troth_worker_point_to_contracts(struct troth_worker *worker, struct troth_partition *partition)
{
    const struct troth_in_force *list = NULL;
    const size_t count = troth_registry_in_force(worker->registry, &list);
    for (size_t i = 0; i < count; i++) {
        if (partition->pointed[i] < list[i].version &&
            troth_shard_version(partition->shard, troth_text_of(list[i].name)) < list[i].version) {
            troth_worker_point(worker, partition, TROTH_TOPIC_CONTRACTS, list[i].offset);
            partition->pointed[i] = list[i].version;
        }
    }
}

bool troth_worker_is_contract(const struct troth_worker *worker, int64_t offset, int64_t time_us)
{
    return troth_registry_pointed(worker->registry, offset, time_us) != NULL;
}

/* A pointer is worth nothing. Where it names what is in force it may be our own, and the clock of
 * its broker behind that of the contracts' broker: then it is sent again. */
static void pass_over(struct troth_worker *worker, struct troth_partition *partition,
                      int64_t offset)
{
    const struct troth_in_force *list = NULL;
    const size_t count = troth_registry_in_force(worker->registry, &list);
    for (size_t i = 0; i < count; i++) {
        if (list[i].offset != offset || partition->pointed[i] < list[i].version) {
            continue;
        }
        partition->pointed[i] = 0;
        troth_worker_point_again(worker, partition);
        troth_worker_say(worker, TROTH_LEVEL_INFO,
                         "a pointer to %s@%" PRId64 " stands in telemetry[%" PRId32
                         "] before the version itself, by the log's clocks; pointing again",
                         list[i].name, list[i].version, partition->number);
    }
}

bool troth_worker_follow_contract(struct troth_worker *worker, struct troth_partition *partition,
                                  int64_t offset, int64_t time_us)
{
    const struct troth_rules *rules = troth_registry_pointed(worker->registry, offset, time_us);
    if (rules == NULL) {
        pass_over(worker, partition, offset);
        return false;
    }
    const troth_status status = troth_shard_contract(partition->shard, rules);
    if (status == TROTH_OK) {
        troth_worker_sweep_anew(partition);
        troth_worker_say(worker, TROTH_LEVEL_INFO,
                         "%s@%" PRId64 " is in force on telemetry[%" PRId32 "]",
                         rules->contract->name, rules->contract->version, partition->number);
    } else if (status == TROTH_FULL) {
        troth_worker_say(worker, TROTH_LEVEL_ERROR,
                         "%s@%" PRId64 " does not fit telemetry[%" PRId32
                         "]; the old version stays in force; raise standings_max",
                         rules->contract->name, rules->contract->version, partition->number);
    }
    return status == TROTH_OK;
}
