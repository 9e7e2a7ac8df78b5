#include "tests/sim/sim_write.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "schemas/assert.h"
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
                fprintf(file, "{\"intervention\":%s}\n", told->records[i].value);
            }
        }
    }
    for (size_t i = since; i < redis->count; i++) {
        if (redis->writes[i].report != NULL) {
            fprintf(file, "{\"standing\":%s}\n", redis->writes[i].report);
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
    file = create(folder, seed, "found");
    write_found(check, since, file);
    finish(file);
}
