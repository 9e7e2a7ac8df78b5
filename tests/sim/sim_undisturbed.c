#include "tests/sim/sim_undisturbed.h"

#include <string.h>

#include "consumers/decision_record.h"
#include "consumers/report.h"
#include "consumers/week_record.h"
#include "schemas/assert.h"
#include "scoring/agents.h"

enum { SHARD_ALIGNMENT = 64 };

/* ---- Contracts. ---- */

static const struct sim_version *document(const struct sim_versions *versions, const char *name,
                                          int64_t number)
{
    for (size_t i = 0; i < versions->count; i++) {
        const struct sim_version *v = &versions->items[i];
        if (v->is_document && v->version == number && strcmp(v->name, name) == 0) {
            return v;
        }
    }
    return NULL;
}

int64_t sim_versions_in_force(const struct sim_versions *versions, const char *name)
{
    int64_t highest = 0;
    for (size_t i = 0; i < versions->count; i++) {
        const struct sim_version *v = &versions->items[i];
        if (!v->is_document && strcmp(v->name, name) == 0 && v->version > highest) {
            highest = v->version;
        }
    }
    return highest;
}

/* Takes one record. Returns whether it can be used. */
static bool take(const struct sim_versions *versions, const struct sim_record *record,
                 struct sim_version *v)
{
    static struct troth_problems problems;
    const char *at = strchr(record->key, '@');
    const size_t length = at != NULL ? (size_t)(at - record->key) : record->key_length;
    snprintf(v->name, sizeof v->name, "%.*s", (int)length, record->key);
    v->is_document = at != NULL;
    v->version = strtoll(at != NULL ? at + 1 : record->value, NULL, 10);
    if (!v->is_document) {
        return document(versions, v->name, v->version) != NULL &&
               v->version >= sim_versions_in_force(versions, v->name);
    }
    problems.count = 0;
    if (document(versions, v->name, v->version) != NULL ||
        troth_contract_parse(record->value, record->value_length, &v->contract, &problems) !=
            TROTH_OK) {
        return false;
    }
    troth_rules_init(&v->rules, &v->contract);
    return true;
}

void sim_versions_read(struct sim_versions *versions, const struct sim_log *log)
{
    const struct sim_partition *topic = &log->topics[TROTH_TOPIC_CONTRACTS][0];
    versions->count = 0;
    versions->items = calloc(SIM_VERSIONS_MAX, sizeof *versions->items);
    TROTH_ASSERT(versions->items != NULL && topic->count <= SIM_VERSIONS_MAX);
    for (int64_t i = 0; i < topic->count; i++) {
        struct sim_version *v = &versions->items[versions->count];
        v->offset = i;
        v->time_us = topic->records[i].timestamp_us;
        versions->count += take(versions, &topic->records[i], v);
    }
}

void sim_versions_fini(struct sim_versions *versions)
{
    free(versions->items);
}

/* The rules that a pointer puts in force, or NULL: its document, and a record that put that version
 * or a higher one in force, are older than it. */
static const struct troth_rules *pointed(const struct sim_versions *versions, int64_t offset,
                                         int64_t time_us)
{
    const struct sim_version *named = NULL;
    for (size_t i = 0; i < versions->count; i++) {
        const struct sim_version *v = &versions->items[i];
        named = v->is_document && v->offset == offset ? v : named;
    }
    for (size_t i = 0; named != NULL && named->time_us < time_us && i < versions->count; i++) {
        const struct sim_version *v = &versions->items[i];
        if (!v->is_document && v->version >= named->version && v->time_us < time_us &&
            strcmp(v->name, named->name) == 0) {
            return &named->rules;
        }
    }
    return NULL;
}

static int64_t offset_named(const struct troth_event *event, const char *topic)
{
    char digits[24] = "-1";
    bool contracts = false;
    for (unsigned i = 0; i < event->attribute_count; i++) {
        const struct troth_attribute *a = &event->attributes[i];
        if (a->name.length == 6 && memcmp(a->name.data, "offset", 6) == 0) {
            snprintf(digits, sizeof digits, "%.*s", (int)a->value.length, a->value.data);
        }
        contracts |= a->name.length == 5 && memcmp(a->name.data, "topic", 5) == 0 &&
                     a->value.length == 9 && memcmp(a->value.data, topic, 9) == 0;
    }
    return contracts ? strtoll(digits, NULL, 10) : -1;
}

/* ---- The run. ---- */

static void tell(struct sim_undisturbed *run, json_t *report)
{
    TROTH_ASSERT(run->told_count < SIM_TOLD_MAX);
    run->told[run->told_count++] = json_dumps(report, TROTH_REPORT_FLAGS);
    json_decref(report);
}

static void on_intervention(void *context, const struct troth_intervention *told)
{
    struct sim_undisturbed *run = context;
    const struct troth_report_origin origin = {run->config->telemetry_topic, run->partition,
                                               run->config->era};
    tell(run, troth_report_intervention(&origin, told));
    run->narrowings += told->narrowing;
    run->widenings += !told->narrowing;
}

char *sim_undisturbed_week(const struct troth_week *week, const char *contract, int32_t partition)
{
    static struct troth_week read; /* large, as is the next */
    static struct troth_week nothing;
    read = *week;
    read.changed = false;
    troth_week_init(&nothing, week->number, 0);
    const bool empty = memcmp(&read, &nothing, sizeof read) == 0;
    char *line =
        empty ? strdup("")
              : troth_week_write(week, &(struct troth_week_place){contract, partition, 0}, NULL);
    TROTH_ASSERT(line != NULL);
    return line;
}

static void add_week(struct sim_undisturbed *run, unsigned slot, const struct troth_week *week)
{
    const char *contract = troth_shard_rules(run->shard, slot)->contract->name;
    TROTH_ASSERT(run->week_count < SIM_TOLD_MAX);
    run->weeks[run->week_count++] = sim_undisturbed_week(week, contract, run->partition);
}

static void on_week(void *context, unsigned slot, const struct troth_week *week)
{
    add_week(context, slot, week);
}

static void on_ended(void *context, uint32_t standing, struct troth_text agent,
                     const char *contract)
{
    (void)context;
    (void)standing;
    (void)agent;
    (void)contract;
}

/* Reads a record, and whether it is an event that belongs where it stands. */
static troth_status read_record(const struct sim_undisturbed *run, const struct sim_log *log,
                                const struct sim_record *record, struct troth_event *event,
                                struct troth_scratch *scratch)
{
    struct troth_reason reason;
    if (record->value == NULL) {
        return TROTH_UNDECODABLE;
    }
    const troth_status status = troth_framing_decode(run->config->framing, record->value,
                                                     record->value_length, event, scratch, &reason);
    if (status != TROTH_OK || event->kind == TROTH_KIND_TICK || event->kind == TROTH_KIND_POINTER) {
        return status;
    }
    if (record->key == NULL || record->key_length == 0) {
        return TROTH_UNKEYED;
    }
    const bool named = record->key_length == event->agent.length &&
                       memcmp(record->key, event->agent.data, record->key_length) == 0;
    const int32_t place = troth_partition_of(TROTH_PARTITIONER_MURMUR2, record->key,
                                             record->key_length, log->partition_count);
    return named && place == run->partition ? TROTH_OK : TROTH_MISROUTED;
}

/* Takes the decision that a pointer names, if it was there before the pointer and is of an agent of
 * this partition. In at: the pointer's offset. */
static void decide(struct sim_undisturbed *run, const struct sim_log *log, int64_t at,
                   int64_t offset)
{
    static struct troth_event event;
    static struct troth_scratch scratch;
    const struct sim_partition *telemetry = &log->topics[TROTH_TOPIC_TELEMETRY][run->partition];
    const struct sim_partition *topic = &log->topics[TROTH_TOPIC_DECISIONS][0];
    struct troth_decision decision;
    if (offset < 0 || offset >= topic->count) {
        return;
    }
    const struct sim_record *record = &topic->records[offset];
    if (record->timestamp_us >= telemetry->records[at].timestamp_us ||
        troth_decision_decode(record->value, record->value_length, &decision) != TROTH_OK ||
        decision.agent.length != record->key_length ||
        memcmp(decision.agent.data, record->key, record->key_length) != 0 ||
        troth_partition_of(TROTH_PARTITIONER_MURMUR2, record->key, record->key_length,
                           log->partition_count) != run->partition) {
        return;
    }
    decision.position = offset;
    struct troth_disputed disputed = {.event = &event};
    bool found = false;
    if (decision.offset >= 0 && decision.offset <= at && decision.partition == run->partition) {
        const struct sim_record *named = &telemetry->records[decision.offset];
        disputed.timestamp_us = named->timestamp_us;
        found = read_record(run, log, named, &event, &scratch) == TROTH_OK;
    }
    const struct troth_ruled ruled =
        troth_shard_decide(run->shard, &decision, found ? &disputed : NULL);
    const bool again = run->ruled[offset] && ruled.from == TROTH_RUNG_COUNT;
    run->ruled[offset] = true;
    if (ruled.ruling != TROTH_RULING_COUNT && !again) {
        const struct troth_report_origin origin = {run->config->telemetry_topic, run->partition,
                                                   run->config->era};
        run->rulings++;
        tell(run,
             troth_report_ruling(&origin, &decision, &ruled, at, troth_shard_clock_us(run->shard)));
    }
}

static void open_shard(struct sim_undisturbed *run)
{
    const struct troth_shard_config config = {.agents_max = run->config->agents_max,
                                              .standings_max = run->config->standings_max,
                                              .standing_bytes = run->config->standing_bytes,
                                              .dockets_max = TROTH_DOCKETS_MAX,
                                              .max_ahead_us = run->config->max_ahead_us,
                                              .evict_after_us = run->config->evict_after_us,
                                              .on_intervention = on_intervention,
                                              .on_ended = on_ended,
                                              .on_week = on_week,
                                              .context = run};
    /* Zero by the kernel, page by page as it is touched: a small fleet touches little of 100 MB. */
    run->memory = calloc(1, troth_shard_size(&config) + SHARD_ALIGNMENT - 1);
    TROTH_ASSERT(run->memory != NULL);
    const uintptr_t past = (uintptr_t)run->memory + SHARD_ALIGNMENT - 1;
    run->shard = troth_shard_init((void *)(past - past % SHARD_ALIGNMENT), &config);
}

void sim_undisturbed_run(struct sim_undisturbed *run, const struct sim_log *log, int32_t partition,
                         const struct sim_versions *versions,
                         const struct troth_worker_config *config)
{
    static struct troth_event event;
    static struct troth_scratch scratch;
    const struct sim_partition *records = &log->topics[TROTH_TOPIC_TELEMETRY][partition];
    *run = (struct sim_undisturbed){.partition = partition, .config = config};
    run->told = calloc(SIM_TOLD_MAX, sizeof *run->told);
    run->weeks = calloc(SIM_TOLD_MAX, sizeof *run->weeks);
    run->rejects = calloc((size_t)records->count + 1, sizeof *run->rejects);
    run->ruled =
        calloc((size_t)log->topics[TROTH_TOPIC_DECISIONS][0].count + 1, sizeof *run->ruled);
    TROTH_ASSERT(run->told != NULL && run->rejects != NULL && run->ruled != NULL);
    open_shard(run);
    for (int64_t i = 0; i < records->count; i++) {
        const struct sim_record *record = &records->records[i];
        const troth_status read = read_record(run, log, record, &event, &scratch);
        const bool good = read == TROTH_OK;
        const uint64_t hash = good ? troth_agents_hash(event.agent) : 0;
        const troth_status applied =
            troth_shard_apply(run->shard, record->timestamp_us, i, good ? &event : NULL, hash);
        const troth_status status = good ? applied : read;
        if (status != TROTH_OK && status != TROTH_DUPLICATE) {
            run->rejects[run->reject_count++] = (struct sim_reject){i, status};
        }
        if (status == TROTH_OK && event.kind == TROTH_KIND_POINTER) {
            const int64_t decision = offset_named(&event, "decisions");
            const struct troth_rules *rules =
                pointed(versions, offset_named(&event, "contracts"), record->timestamp_us);
            const troth_status put =
                rules != NULL ? troth_shard_contract(run->shard, rules) : TROTH_OK;
            TROTH_ASSERT(put == TROTH_OK || put == TROTH_REFUSED || put == TROTH_FULL);
            decide(run, log, i, decision);
        }
    }
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        const struct troth_week *week = troth_shard_ledger(run->shard, slot);
        if (week != NULL) {
            add_week(run, slot, week);
        }
    }
    struct troth_shard_counts counts;
    troth_shard_count(run->shard, &counts);
    run->evicted = counts.evicted;
}

void sim_undisturbed_fini(struct sim_undisturbed *run)
{
    for (size_t i = 0; i < run->told_count; i++) {
        free(run->told[i]);
    }
    free(run->told);
    for (size_t i = 0; i < run->week_count; i++) {
        free(run->weeks[i]);
    }
    free(run->weeks);
    free(run->rejects);
    free(run->ruled);
    free(run->memory);
}

int64_t sim_undisturbed_version(const struct sim_undisturbed *run, const char *name)
{
    for (unsigned slot = 0; slot < TROTH_CONTRACTS_MAX; slot++) {
        const struct troth_rules *rules = troth_shard_rules(run->shard, slot);
        if (rules != NULL && strcmp(rules->contract->name, name) == 0) {
            return rules->contract->version;
        }
    }
    return 0;
}
