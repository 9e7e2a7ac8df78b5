#include "ops/monitor/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "ops/version.h"

/* X(NAME, "name", TYPE, "labels", "unit", "help"). A row of ops/METRICS.md each, in this order. */
#define METRICS(X)                                                                                 \
    X(BUILD, "troth_build_info", GAUGE, "version", "1",                                            \
      "1; the label tells the version that runs.")                                                 \
    X(WORKERS, "troth_workers", GAUGE, "", "workers", "Workers of this process.")                  \
    X(WORKERS_IDLE, "troth_workers_idle", GAUGE, "", "workers",                                    \
      "Workers without a log: it could not be opened, or broke, and is opened anew.")              \
    X(RESIDENT, "troth_resident_memory_bytes", GAUGE, "", "bytes",                                 \
      "Resident memory of the process, bytes.")                                                    \
    X(RECORDS, "troth_records_total", COUNTER, "", "records",                                      \
      "Records of telemetry that were read, ticks and pointers included.")                         \
    X(RESTORED, "troth_records_restored_total", COUNTER, "", "records",                            \
      "Records read again in silence, as they had been told of before a restart.")                 \
    X(APPLIED, "troth_events_applied_total", COUNTER, "", "events",                                \
      "Events that reached a standing, those read again included.")                                \
    X(UNBOUND, "troth_events_unbound_total", COUNTER, "", "events",                                \
      "Events that no contract applies to.")                                                       \
    X(DUPLICATES, "troth_events_duplicate_total", COUNTER, "", "events",                           \
      "Events dropped because their sequence number was seen before.")                             \
    X(LATE, "troth_events_late_total", COUNTER, "", "times",                                       \
      "Times that an event brought a standing kept evidence too late to count.")                   \
    X(MISSING, "troth_missing_events_total", COUNTER, "", "events",                                \
      "Numbers (seq) of emitters that never came; a jump counts 64 at most.")                      \
    X(TICKS, "troth_ticks_total", COUNTER, "", "records",                                          \
      "Ticks of the engine that were read back.")                                                  \
    X(POINTERS, "troth_pointers_total", COUNTER, "", "records",                                    \
      "Pointers to contracts and decisions that were read back.")                                  \
    X(REJECTS, "troth_rejects_total", COUNTER, "reason", "records",                                \
      "Records that were rejected, by reason; those read again after a failure count again.")      \
    X(LAG, "troth_partition_lag_records", GAUGE, "partition", "records",                           \
      "Records of a partition that are not applied, as far as its log was heard of.")              \
    X(AGE, "troth_partition_age_seconds", GAUGE, "partition", "seconds",                           \
      "How old the answer is, seconds: the wall clock less the partition's clock.")                \
    X(CHECKPOINT_AGE, "troth_partition_checkpoint_age_seconds", GAUGE, "partition", "seconds",     \
      "How far back a restart would begin to read, seconds before the wall clock.")                \
    X(PARTITION_AGENTS, "troth_partition_agents", GAUGE, "partition", "agents",                    \
      "Agents that a partition holds; at most troth_agents_max.")                                  \
    X(PARTITION_STANDINGS, "troth_partition_standings", GAUGE, "partition", "standings",           \
      "Standings that a partition holds; at most troth_standings_max.")                            \
    X(PARTITIONS, "troth_partitions", GAUGE, "", "partitions",                                     \
      "Partitions of telemetry that are ours.")                                                    \
    X(CAUGHT_UP, "troth_partitions_caught_up", GAUGE, "", "partitions",                            \
      "Of them, those that have read what was in their log when they were assigned.")              \
    X(RESTORES, "troth_restores_total", COUNTER, "", "times",                                      \
      "Partitions that were restored and begun, each time.")                                       \
    X(CONTRACTS, "troth_contracts", GAUGE, "", "contracts", "Contracts that are in force.")        \
    X(AGENTS, "troth_agents", GAUGE, "", "agents", "Agents that are held.")                        \
    X(AGENTS_MAX, "troth_agents_max", GAUGE, "", "agents", "Agents that one partition may hold.")  \
    X(EVICTED, "troth_agents_evicted_total", COUNTER, "", "agents",                                \
      "Agents that gave their places back, as nothing came of them any more.")                     \
    X(STANDINGS, "troth_standings", GAUGE, "contract, rung", "standings",                          \
      "Standings of a contract that are on a rung.")                                               \
    X(REVIEWS, "troth_reviews_open", GAUGE, "contract", "standings",                               \
      "Standings of a contract with an open review: they wait for a person's decision.")           \
    X(OUTAGE, "troth_telemetry_outage", GAUGE, "contract", "partitions",                           \
      "Partitions in which the telemetry of a contract has stopped.")                              \
    X(OUTAGE_NARROWED, "troth_outage_narrowed_standings", GAUGE, "contract", "standings",          \
      "Standings that it narrowed there, for freshness alone, and that still are.")                \
    X(GUARDED, "troth_guarded_standings", GAUGE, "contract", "standings",                          \
      "Of them, those whose agents are offered by their former scope.")                            \
    X(OUTAGES, "troth_telemetry_outages_total", COUNTER, "", "times",                              \
      "Times that the telemetry of a contract stopped in a partition.")                            \
    X(STANDINGS_MAX, "troth_standings_max", GAUGE, "", "standings",                                \
      "Standings that one partition may hold.")                                                    \
    X(STANDING_BYTES, "troth_standing_bytes", GAUGE, "", "bytes",                                  \
      "Memory of the standings that are held, bytes.")                                             \
    X(INTERVENTIONS, "troth_interventions_total", COUNTER, "direction, condition",                 \
      "interventions",                                                                             \
      "Changes of rung that were told, by direction (narrowing, widening) and cause.")             \
    X(RULINGS, "troth_decisions_total", COUNTER, "ruling", "decisions",                            \
      "Decisions of people that were ruled, by what became of them.")                              \
    X(DECISIONS_UNREADABLE, "troth_decisions_unreadable_total", COUNTER, "", "records",            \
      "Records of the decisions topic that are no decision, by each worker that read them.")       \
    X(DISTRUSTED, "troth_records_not_believed_total", COUNTER, "topic, reason", "records",         \
      "Contracts and decisions not signed as is asked, by each worker that read them.")            \
    X(UNANNOUNCED, "troth_interventions_unannounced_total", COUNTER, "", "interventions",          \
      "Changes of rung, too many at a time, that the store's listeners were not told of.")         \
    X(TO_NARROW, "troth_time_to_narrow_seconds", HISTOGRAM, "", "seconds",                         \
      "From the log's time of the cause to Redis' answer to a narrowing, seconds.")                \
    X(TO_STORE, "troth_event_to_store_seconds", HISTOGRAM, "", "seconds",                          \
      "From the log's time of an event to Redis' answer to its publication, seconds; a sample.")   \
    X(STORE_CONNECTED, "troth_store_connected", GAUGE, "", "0 or 1",                               \
      "1 where every worker is connected to Redis, else 0.")                                       \
    X(PUBLISHED, "troth_standings_published_total", COUNTER, "", "standings",                      \
      "Standings that were written to Redis, narrowings not counted.")                             \
    X(STORE_FAILURES, "troth_store_failures_total", COUNTER, "", "times",                          \
      "Times that Redis did not take what was published, or could not be asked.")                  \
    X(FENCED, "troth_store_fenced_total", COUNTER, "", "times",                                    \
      "Times that a partition was found to be another engine's in Redis.")                         \
    X(LOG_CONNECTED, "troth_log_connected", GAUGE, "", "0 or 1",                                   \
      "1 where every worker has a log and brokers answer, else 0.")                                \
    X(COMMITS, "troth_commits_total", COUNTER, "", "commits", "Commits that stand.")               \
    X(COMMIT_FAILURES, "troth_commit_failures_total", COUNTER, "", "commits",                      \
      "Commits that failed.")                                                                      \
    X(COMMIT_SECONDS, "troth_commit_seconds_total", COUNTER, "", "seconds",                        \
      "How long the commits that stand took, together, seconds.")                                  \
    X(COMMIT_AGE, "troth_commit_under_way_seconds", GAUGE, "", "seconds",                          \
      "How long the oldest commit is under way, seconds; 0 where none is.")                        \
    X(SAVED, "troth_standings_saved_total", COUNTER, "", "standings",                              \
      "Standings, and agents without, that were written to the standings topic.")                  \
    X(SAVED_BYTES, "troth_saved_bytes_total", COUNTER, "", "bytes",                                \
      "Bytes of standings that were written to the standings topic.")                              \
    X(ALERTS_ON, "troth_alerting", GAUGE, "", "0 or 1",                                            \
      "1 where Alertmanagers are configured, else 0.")                                             \
    X(ALERTS_SENT, "troth_alerts_sent_total", COUNTER, "", "alerts",                               \
      "Alerts that an Alertmanager took, firing or resolved, each time.")                          \
    X(ALERTS_FAILED, "troth_alert_failures_total", COUNTER, "", "times",                           \
      "Times that an Alertmanager did not take what it was sent.")                                 \
    X(ALERTS_DROPPED, "troth_alerts_dropped_total", COUNTER, "", "messages",                       \
      "Messages to the sender of alerts that there was no room for; a sweep makes them good.")     \
    X(ALERTS_QUEUED, "troth_alert_queue_length", GAUGE, "", "messages",                            \
      "Messages that the sender of alerts has not taken yet.")                                     \
    X(ALERTS_LASTING, "troth_alerts_lasting", GAUGE, "scope", "alerts",                            \
      "Alerts that last, by what they are of: an agent, or a contract as a whole.")                \
    X(ALERTS_AGE, "troth_alert_last_taken_seconds", GAUGE, "", "seconds",                          \
      "Seconds since an Alertmanager last took something, if only an empty list.")

#define ENUMERATE(NAME, name, type, labels, unit, help) NAME,
enum metric { METRICS(ENUMERATE) METRIC_COUNT };
#define ROW(NAME, name, type, labels, unit, help) {name, TROTH_METRIC_##type, labels, unit, help},
static const struct troth_metric_family families[] = {METRICS(ROW)};

const struct troth_metric_family *troth_metrics_families(size_t *count)
{
    *count = METRIC_COUNT;
    return families;
}

/* ---- Samples. ---- */

static void number(struct troth_metrics_text *text, enum metric metric, uint64_t value)
{
    troth_metrics_family(text, &families[metric]);
    troth_metrics_number(text, &families[metric], NULL, 0, value);
}

static void write_process(struct troth_metrics_text *text, const struct troth_engine_look *look)
{
    const struct troth_metric_label version = {"version", TROTH_VERSION};
    troth_metrics_family(text, &families[BUILD]);
    troth_metrics_number(text, &families[BUILD], &version, 1, 1);
    number(text, WORKERS, look->workers);
    number(text, WORKERS_IDLE, look->idle);
    number(text, RESIDENT, look->resident_bytes);
}

/* What a record can be rejected for is there from the start, so that an alert on it works. */
static bool is_reason(troth_status status)
{
    return status >= TROTH_UNDECODABLE && status <= TROTH_STANDINGS_FULL;
}

static void write_records(struct troth_metrics_text *text, const struct troth_worker_counts *counts)
{
    number(text, RECORDS, counts->records);
    number(text, RESTORED, counts->restored);
    number(text, APPLIED, counts->applied);
    number(text, UNBOUND, counts->unbound);
    number(text, DUPLICATES, counts->duplicates);
    number(text, LATE, counts->late);
    number(text, MISSING, counts->missing);
    number(text, TICKS, counts->ticks);
    number(text, POINTERS, counts->pointers);
    troth_metrics_family(text, &families[REJECTS]);
    for (unsigned i = 0; i < TROTH_STATUS_COUNT; i++) {
        if (is_reason((troth_status)i) || counts->rejects[i] > 0) {
            const struct troth_metric_label reason = {"reason", troth_status_name((troth_status)i)};
            troth_metrics_number(text, &families[REJECTS], &reason, 1, counts->rejects[i]);
        }
    }
}

/* Writes one family's sample of a partition; an age that is not known has none. */
static void write_of_partition(struct troth_metrics_text *text, enum metric metric,
                               const struct troth_engine_look *look,
                               const struct troth_partition_survey *partition)
{
    char name[16] = TROTH_SURVEY_OTHER;
    const struct troth_metric_label label = {"partition", name};
    const struct troth_metric_family *family = &families[metric];
    if (partition->number != TROTH_SURVEY_OTHERS) {
        snprintf(name, sizeof name, "%" PRId32, partition->number);
    }
    if (metric == LAG) {
        troth_metrics_number(text, family, &label, 1, (uint64_t)partition->lag);
    } else if (metric == PARTITION_AGENTS) {
        troth_metrics_number(text, family, &label, 1, partition->agents);
    } else if (metric == PARTITION_STANDINGS) {
        troth_metrics_number(text, family, &label, 1, partition->standings);
    } else if (metric == AGE && partition->clock_us != 0) {
        troth_metrics_seconds(text, family, &label, 1, look->wall_us - partition->clock_us);
    } else if (metric == CHECKPOINT_AGE && look->checkpoints && partition->checkpoint_us != 0) {
        troth_metrics_seconds(text, family, &label, 1, look->wall_us - partition->checkpoint_us);
    }
}

static void write_partitions(struct troth_metrics_text *text, const struct troth_engine_look *look)
{
    static const enum metric each[] = {LAG, AGE, CHECKPOINT_AGE, PARTITION_AGENTS,
                                       PARTITION_STANDINGS};
    const struct troth_survey *survey = look->survey;
    for (size_t m = 0; m < sizeof each / sizeof *each; m++) {
        troth_metrics_family(text, &families[each[m]]);
        for (uint32_t i = 0; i < survey->partition_count; i++) {
            write_of_partition(text, each[m], look, &survey->partitions[i]);
        }
    }
    number(text, PARTITIONS, survey->counts.partitions);
    number(text, CAUGHT_UP, survey->counts.live);
    number(text, RESTORES, survey->counts.restores);
}

static void write_outages(struct troth_metrics_text *text, const struct troth_survey *survey)
{
    static const enum metric each[] = {OUTAGE, OUTAGE_NARROWED, GUARDED};
    for (size_t m = 0; m < sizeof each / sizeof *each; m++) {
        troth_metrics_family(text, &families[each[m]]);
        for (uint32_t i = 0; i < survey->contract_count; i++) {
            const struct troth_outage_survey *outage = &survey->contracts[i].outage;
            const struct troth_metric_label label = {"contract", survey->contracts[i].name};
            troth_metrics_number(text, &families[each[m]], &label, 1,
                                 each[m] == OUTAGE            ? outage->partitions
                                 : each[m] == OUTAGE_NARROWED ? outage->hit
                                                              : outage->guarded);
        }
    }
    number(text, OUTAGES, survey->counts.outages);
}

static void write_standings(struct troth_metrics_text *text, const struct troth_engine_look *look)
{
    const struct troth_survey *survey = look->survey;
    number(text, CONTRACTS, survey->counts.contracts);
    number(text, AGENTS, survey->counts.agents);
    number(text, AGENTS_MAX, (uint64_t)look->agents_max);
    number(text, EVICTED, survey->counts.evicted);
    troth_metrics_family(text, &families[STANDINGS]);
    for (uint32_t i = 0; i < survey->contract_count; i++) {
        const struct troth_contract_survey *contract = &survey->contracts[i];
        for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
            const struct troth_metric_label labels[] = {{"contract", contract->name},
                                                        {"rung", troth_rung_name(rung)}};
            troth_metrics_number(text, &families[STANDINGS], labels, 2, contract->rungs[rung]);
        }
    }
    troth_metrics_family(text, &families[REVIEWS]);
    for (uint32_t i = 0; i < survey->contract_count; i++) {
        const struct troth_metric_label label = {"contract", survey->contracts[i].name};
        troth_metrics_number(text, &families[REVIEWS], &label, 1, survey->contracts[i].reviews);
    }
    write_outages(text, survey);
    number(text, STANDINGS_MAX, (uint64_t)look->standings_max);
    number(text, STANDING_BYTES, survey->counts.standing_bytes);
}

static void write_direction(struct troth_metrics_text *text, const char *direction,
                            const uint64_t counts[TROTH_CONDITION_COUNT])
{
    for (unsigned i = TROTH_CONDITION_NONE + 1; i < TROTH_CONDITION_COUNT; i++) {
        const struct troth_metric_label labels[] = {{"direction", direction},
                                                    {"condition", troth_condition_name(i)}};
        troth_metrics_number(text, &families[INTERVENTIONS], labels, 2, counts[i]);
    }
}

static void write_distrusted(struct troth_metrics_text *text, enum troth_topic topic,
                             const uint64_t counts[TROTH_DISTRUST_COUNT])
{
    for (unsigned i = 0; i < TROTH_DISTRUST_COUNT; i++) {
        const struct troth_metric_label labels[] = {
            {"topic", troth_topic_name(topic)},
            {"reason", troth_distrust_name((enum troth_distrust)i)}};
        troth_metrics_number(text, &families[DISTRUSTED], labels, 2, counts[i]);
    }
}

static void write_interventions(struct troth_metrics_text *text,
                                const struct troth_worker_counts *counts)
{
    troth_metrics_family(text, &families[INTERVENTIONS]);
    write_direction(text, "narrowing", counts->narrowings);
    write_direction(text, "widening", counts->widenings);
    troth_metrics_family(text, &families[RULINGS]);
    for (unsigned i = 0; i < TROTH_RULING_COUNT; i++) {
        const struct troth_metric_label label = {"ruling", troth_ruling_name(i)};
        troth_metrics_number(text, &families[RULINGS], &label, 1, counts->rulings[i]);
    }
    number(text, DECISIONS_UNREADABLE, counts->decisions_unreadable);
    troth_metrics_family(text, &families[DISTRUSTED]);
    write_distrusted(text, TROTH_TOPIC_CONTRACTS, counts->distrusted_contracts);
    write_distrusted(text, TROTH_TOPIC_DECISIONS, counts->distrusted_decisions);
    number(text, UNANNOUNCED, counts->unannounced);
    troth_metrics_family(text, &families[TO_NARROW]);
    troth_metrics_histogram(text, &families[TO_NARROW], &counts->to_narrow);
    troth_metrics_family(text, &families[TO_STORE]);
    troth_metrics_histogram(text, &families[TO_STORE], &counts->to_store);
}

static void write_delivery(struct troth_metrics_text *text, const struct troth_engine_look *look)
{
    const struct troth_worker_counts *counts = &look->survey->counts;
    const int64_t begun_us = look->survey->commit_begun_us;
    number(text, STORE_CONNECTED, counts->store_connected);
    number(text, PUBLISHED, counts->published);
    number(text, STORE_FAILURES, counts->store_failures);
    number(text, FENCED, counts->fenced);
    number(text, LOG_CONNECTED, look->idle == 0 && !counts->log_away);
    number(text, COMMITS, counts->commits);
    number(text, COMMIT_FAILURES, counts->commit_failures);
    troth_metrics_family(text, &families[COMMIT_SECONDS]);
    troth_metrics_seconds(text, &families[COMMIT_SECONDS], NULL, 0, (int64_t)counts->commit_us);
    troth_metrics_family(text, &families[COMMIT_AGE]);
    troth_metrics_seconds(text, &families[COMMIT_AGE], NULL, 0,
                          begun_us > 0 ? look->monotonic_us - begun_us : 0);
    number(text, SAVED, counts->saved);
    number(text, SAVED_BYTES, counts->saved_bytes);
}

/* The age is written once something was taken. */
static void write_alerts(struct troth_metrics_text *text, const struct troth_engine_look *look)
{
    const struct troth_alert_counts *alerts = &look->alerts;
    const struct troth_metric_label agent = {"scope", "agent"};
    const struct troth_metric_label contract = {"scope", "contract"};
    number(text, ALERTS_ON, alerts->on);
    number(text, ALERTS_SENT, alerts->sent);
    number(text, ALERTS_FAILED, alerts->failed);
    number(text, ALERTS_DROPPED, alerts->dropped);
    number(text, ALERTS_QUEUED, alerts->queued);
    troth_metrics_family(text, &families[ALERTS_LASTING]);
    troth_metrics_number(text, &families[ALERTS_LASTING], &agent, 1, alerts->single);
    troth_metrics_number(text, &families[ALERTS_LASTING], &contract, 1, alerts->together);
    troth_metrics_family(text, &families[ALERTS_AGE]);
    if (alerts->last_taken_us != 0) {
        troth_metrics_seconds(text, &families[ALERTS_AGE], NULL, 0,
                              look->monotonic_us - alerts->last_taken_us);
    }
}

void troth_metrics_write(struct troth_metrics_text *text, const struct troth_engine_look *look)
{
    write_process(text, look);
    write_records(text, &look->survey->counts);
    write_partitions(text, look);
    write_standings(text, look);
    write_interventions(text, &look->survey->counts);
    write_delivery(text, look);
    write_alerts(text, look);
}
