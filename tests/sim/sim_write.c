#include "tests/sim/sim_write.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "consumers/decision_record.h"
#include "consumers/week_record.h"
#include "schemas/assert.h"
#include "schemas/decision_json.h"
#include "schemas/event_json.h"

enum { PATH_LENGTH = 4096 };

static FILE *create(const char *folder, uint64_t seed, const char *name)
{
    char path[PATH_LENGTH];
    const int length = snprintf(path, sizeof path, "%s/%" PRIu64 "/%s.jsonl", folder, seed, name);
    TROTH_ASSERT(length > 0 && length < PATH_LENGTH);
    FILE *file = fopen(path, "w");
    TROTH_ASSERT(file != NULL);
    return file;
}

static void finish(FILE *file)
{
    const int closed = fclose(file);
    TROTH_ASSERT(closed == 0);
}

static void write_contracts(const struct sim_log *log, FILE *file)
{
    const struct sim_partition *topic = &log->topics[TROTH_TOPIC_CONTRACTS][0];
    for (int64_t i = 0; i < topic->count; i++) {
        const struct sim_record *record = &topic->records[i];
        json_t *line = json_object();
        json_object_set_new(line, "offset", json_integer(i));
        json_object_set_new(line, "recorded_at", json_integer(record->timestamp_us));
        json_object_set_new(line, "key", json_string(record->key));
        json_object_set_new(line, "value", json_string(record->value));
        json_dumpf(line, file, JSON_COMPACT);
        fputc('\n', file);
        json_decref(line);
    }
}

/* One that is of another agent than its key says is no decision. */
static void write_decisions(const struct sim_log *log, FILE *file)
{
    const struct sim_partition *topic = &log->topics[TROTH_TOPIC_DECISIONS][0];
    for (int64_t i = 0; i < topic->count; i++) {
        const struct sim_record *record = &topic->records[i];
        struct troth_decision decision;
        if (troth_decision_decode(record->value, record->value_length, &decision) != TROTH_OK ||
            decision.agent.length != record->key_length ||
            memcmp(decision.agent.data, record->key, record->key_length) != 0) {
            continue;
        }
        char *line = NULL;
        decision.position = i;
        const troth_status status =
            troth_decision_json_write(&decision, record->timestamp_us, &line);
        TROTH_ASSERT(status == TROTH_OK);
        fprintf(file, "%s\n", line);
        free(line);
    }
}

/* Why the run rejected a record, or TROTH_OK. In next: the reject to look at first; it moves on. */
static troth_status rejected(const struct sim_undisturbed *run, int64_t offset, size_t *next)
{
    while (*next < run->reject_count && run->rejects[*next].offset < offset) {
        (*next)++;
    }
    return *next < run->reject_count && run->rejects[*next].offset == offset
               ? run->rejects[*next].reason
               : TROTH_OK;
}

static void write_event(const struct sim_undisturbed *run, const struct sim_record *record,
                        FILE *file)
{
    static struct troth_event event;
    static struct troth_scratch scratch;
    static char line[TROTH_EVENT_LINE_LENGTH_MAX];
    struct troth_reason reason;
    size_t length = 0;
    troth_status status = troth_framing_decode(run->config->framing, record->value,
                                               record->value_length, &event, &scratch, &reason);
    TROTH_ASSERT(status == TROTH_OK);
    status = troth_event_json_write(&event, record->timestamp_us, line, sizeof line, &length);
    TROTH_ASSERT(status == TROTH_OK);
    fprintf(file, "%.*s\n", (int)length, line);
}

static void write_telemetry(const struct sim_check *check, int32_t partition, FILE *file)
{
    const struct sim_undisturbed *run = &check->runs[partition];
    const struct sim_partition *telemetry =
        &check->cluster->log.topics[TROTH_TOPIC_TELEMETRY][partition];
    size_t next = 0;
    for (int64_t i = 0; i < telemetry->count; i++) {
        const struct sim_record *record = &telemetry->records[i];
        const troth_status status = rejected(run, i, &next);
        if (status == TROTH_OK || status == TROTH_AHEAD_OF_TIME) {
            write_event(run, record, file);
        } else {
            fprintf(file, "{\"agent\":\"nobody\",\"at\":%" PRId64 ",\"kind\":\"tick\"}\n",
                    record->timestamp_us);
        }
    }
}

static void write_found(const struct sim_check *check, size_t since, FILE *file)
{
    const struct sim_log *log = &check->cluster->log;
    const struct sim_redis *redis = &check->cluster->redis;
    for (int32_t p = 0; p < log->partition_count; p++) {
        const struct sim_partition *told = &log->topics[TROTH_TOPIC_INTERVENTIONS][p];
        for (int64_t i = 0; i < told->count; i++) {
            if (told->records[i].fate == SIM_COMMITTED) {
                const bool ruling = strstr(told->records[i].value, "\"ruling\":") != NULL;
                fprintf(file, "{\"%s\":%s}\n", ruling ? "ruling" : "intervention",
                        told->records[i].value);
            }
        }
    }
    for (size_t i = since; i < redis->count; i++) {
        if (redis->writes[i].report != NULL) {
            fprintf(file, "{\"standing\":%s}\n", redis->writes[i].report);
        }
    }
}

static void write_ledgers(const struct sim_log *log, FILE *file)
{
    for (int32_t p = 0; p < log->partition_count; p++) {
        const struct sim_partition *topic = &log->topics[TROTH_TOPIC_STANDINGS][p];
        for (int64_t i = 0; i < topic->count; i++) {
            const struct sim_record *record = &topic->records[i];
            struct troth_text contract;
            int64_t number = 0;
            if (record->fate == SIM_COMMITTED && record->value != NULL &&
                troth_week_key_read(record->key, record->key_length, &contract, &number) &&
                sim_log_is_last(topic, i)) {
                fprintf(file, "%.*s\n", (int)record->value_length, record->value);
            }
        }
    }
}

void sim_write_run(const struct sim_check *check, const char *folder, uint64_t seed, size_t since)
{
    char path[PATH_LENGTH];
    snprintf(path, sizeof path, "%s/%" PRIu64, folder, seed);
    const int made = mkdir(path, 0777);
    TROTH_ASSERT(made == 0 || errno == EEXIST);
    FILE *file = create(folder, seed, "contracts");
    write_contracts(&check->cluster->log, file);
    finish(file);
    for (int32_t p = 0; p < check->cluster->log.partition_count; p++) {
        char name[16];
        snprintf(name, sizeof name, "%" PRId32, p);
        file = create(folder, seed, name);
        write_telemetry(check, p, file);
        finish(file);
    }
    file = create(folder, seed, "decisions");
    write_decisions(&check->cluster->log, file);
    finish(file);
    if (check->config->checkpoint_us > 0) {
        file = create(folder, seed, "ledgers");
        write_ledgers(&check->cluster->log, file);
        finish(file);
    }
    file = create(folder, seed, "found");
    write_found(check, since, file);
    finish(file);
}
