/*
 * What a worker tells of itself to those who watch it, and what it times for them: samples that
 * cost a comparison a record and a question to the store while one is under way.
 */
#include <string.h>

#include "consumers/survey.h"
#include "consumers/worker/guard.h"

enum { SAMPLE_US = 200000 /* a publication is timed at most this often */ };

/* ---- How long it took. ---- */

static int64_t wall_us(const struct troth_worker *worker)
{
    return worker->config.clock.wall_us(worker->config.clock.context);
}

void troth_worker_time_publication(struct troth_worker *worker)
{
    struct timing *timing = &worker->timing;
    const int64_t now_us = troth_worker_now_us(worker);
    if (timing->published_us == 0 && timing->applied_us != 0 && now_us >= timing->next_us) {
        timing->published_us = timing->applied_us;
        timing->next_us = now_us + SAMPLE_US;
    }
    timing->applied_us = 0;
}

bool troth_worker_look_at_timing(struct troth_worker *worker)
{
    struct timing *timing = &worker->timing;
    struct troth_store *store = worker->config.store;
    if (timing->published_us == 0 || worker->publishing) {
        return false; /* nothing is timed, or it has a slice to come */
    }
    if (!worker->counts.store_connected || store->quiet == NULL) {
        timing->published_us = 0;
        return false;
    }
    if (!store->quiet(store)) {
        return true;
    }
    troth_histogram_note(&worker->counts.to_store, wall_us(worker) - timing->published_us);
    timing->published_us = 0;
    return false;
}

void troth_worker_time_narrowing(struct troth_worker *worker, int64_t cause_us)
{
    struct timing *timing = &worker->timing;
    if (timing->narrowing_count < TIMED_MAX) {
        timing->narrowings_us[timing->narrowing_count++] = cause_us;
    }
}

void troth_worker_narrowings_answered(struct troth_worker *worker, bool taken)
{
    struct timing *timing = &worker->timing;
    const int64_t now_us = timing->narrowing_count > 0 && taken ? wall_us(worker) : 0;
    for (uint32_t i = 0; i < timing->narrowing_count && taken; i++) {
        troth_histogram_note(&worker->counts.to_narrow, now_us - timing->narrowings_us[i]);
    }
    timing->narrowing_count = 0;
}

/* ---- What it has counted, and holds. ---- */

void troth_worker_keep_counts(const struct troth_partition *partition,
                              struct troth_worker_counts *counts)
{
    struct troth_shard_counts shard;
    troth_shard_count(partition->shard, &shard);
    counts->applied += shard.applied;
    counts->unbound += shard.unbound;
    counts->evicted += shard.evicted;
    counts->late += shard.late;
    counts->missing += shard.missing;
}

void troth_worker_count(const struct troth_worker *worker, struct troth_worker_counts *counts)
{
    const struct troth_in_force *list = NULL;
    *counts = worker->counts;
    counts->partitions = worker->partition_count;
    counts->contracts = (uint32_t)troth_registry_in_force(worker->registry, &list);
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        struct troth_shard_counts shard;
        troth_shard_count(worker->partitions[i]->shard, &shard);
        troth_worker_keep_counts(worker->partitions[i], counts);
        counts->live += worker->partitions[i]->caught_up;
        counts->agents += shard.agents;
        counts->standings += shard.standings;
        counts->standing_bytes += shard.standing_bytes;
    }
}

static void survey_partition(const struct troth_worker *worker,
                             const struct troth_partition *partition,
                             struct troth_partition_survey *survey)
{
    struct troth_log *log = worker->config.log;
    struct troth_shard_counts shard;
    troth_shard_count(partition->shard, &shard);
    const int64_t told = log->end != NULL ? log->end(log, partition->number) : TROTH_OFFSET_NONE;
    const int64_t end = told > partition->end_offset ? told : partition->end_offset;
    const int64_t lag = end - partition->next_offset;
    *survey = (struct troth_partition_survey){.number = partition->number,
                                              .started = partition->started,
                                              .caught_up = partition->caught_up,
                                              .fenced = partition->view == TROTH_VIEW_FENCED,
                                              .lag = lag > 0 ? lag : 0,
                                              .clock_us = troth_shard_clock_us(partition->shard),
                                              .checkpoint_us = partition->checkpoint_us,
                                              .agents = shard.agents,
                                              .standings = shard.standings};
}

static void survey_outage(const struct troth_partition *partition, unsigned slot,
                          struct troth_survey *survey)
{
    uint32_t standings = 0;
    const struct troth_outage *outage = troth_worker_outage(partition, slot, &standings);
    if (outage == NULL) {
        return;
    }
    const struct troth_contract *contract = troth_shard_rules(partition->shard, slot)->contract;
    const bool guards = contract->consequence != TROTH_CONSEQUENCE_HIGH;
    const struct troth_outage_survey found = {.partitions = 1,
                                              .since_us = outage->begun_us,
                                              .hit = outage->hit,
                                              .standings = standings,
                                              .guarded = guards ? outage->hit : 0};
    troth_survey_add_outage(survey, contract->name, &found);
}

static void survey_contracts(const struct troth_partition *partition, struct troth_survey *survey)
{
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        const struct troth_rules *rules = troth_shard_rules(partition->shard, slot);
        if (rules != NULL) {
            uint32_t here[TROTH_RUNG_COUNT];
            uint64_t rungs[TROTH_RUNG_COUNT];
            troth_shard_rungs(partition->shard, slot, here);
            for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
                rungs[rung] = here[rung];
            }
            const struct troth_week *week = troth_shard_ledger(partition->shard, slot);
            troth_survey_add_rungs(survey, rules->contract->name, rungs, troth_week_open(week));
            survey_outage(partition, slot, survey);
        }
    }
}

void troth_worker_survey(const struct troth_worker *worker, struct troth_survey *survey)
{
    troth_survey_init(survey);
    troth_worker_count(worker, &survey->counts);
    survey->commit_begun_us = worker->commit.under_way ? worker->commit.begun_us : 0;
    survey->partition_count = worker->partition_count;
    for (uint32_t i = 0; i < worker->partition_count; i++) {
        survey_partition(worker, worker->partitions[i], &survey->partitions[i]);
        survey_contracts(worker->partitions[i], survey);
    }
}
