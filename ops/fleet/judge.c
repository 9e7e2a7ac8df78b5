#include "ops/fleet/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consumers/clock.h"
#include "consumers/log.h"
#include "ops/kafka/link.h"
#include "ops/message.h"
#include "ops/redis/reader.h"
#include "scoring/ladder.h"

enum {
    WAIT_US = 60000000, /* for the engine to read what was sent */
    ASK_EVERY_US = 200000,
    ANSWER_US = 10000000,
    ENTRIES_AT_ONCE = 1000,
    ID_LENGTH = 48
};

/* Asks where the partitions end. Returns whether all could be told. */
static bool ask_ends(struct troth_kafka_link *link, rd_kafka_topic_partition_list_t *ends)
{
    for (int i = 0; i < ends->cnt; i++) {
        int64_t low = 0;
        const rd_kafka_resp_err_t code =
            troth_kafka_watermarks(link->client, ends->elems[i].topic, ends->elems[i].partition,
                                   ANSWER_US / 1000, &low, &ends->elems[i].offset);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            troth_message_error("%s: %s", ends->elems[i].topic, troth_kafka_explain(code));
            return false;
        }
    }
    return true;
}

/* Waits until the group has committed all of the ends. */
static troth_status wait_for_commits(struct troth_kafka_link *link,
                                     const rd_kafka_topic_partition_list_t *ends)
{
    const struct troth_clock clock = troth_clock_system();
    const int64_t end_us = clock.monotonic_us(clock.context) + WAIT_US;
    const struct timespec nap = {0, ASK_EVERY_US * 1000};
    int64_t behind = 0;
    do {
        rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_copy(ends);
        const rd_kafka_resp_err_t code =
            rd_kafka_committed(link->client, committed, ANSWER_US / 1000);
        behind = code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : INT64_MAX;
        for (int i = 0; i < ends->cnt && behind != INT64_MAX; i++) {
            const int64_t done = committed->elems[i].offset > 0 ? committed->elems[i].offset : 0;
            const int64_t end = ends->elems[i].offset;
            behind += done < end ? end - done : 0;
        }
        rd_kafka_topic_partition_list_destroy(committed);
        if (behind == 0) {
            return TROTH_OK;
        }
        nanosleep(&nap, NULL);
    } while (clock.monotonic_us(clock.context) < end_us);
    troth_message_error("the engine has not committed %" PRId64
                        " of the records after a minute; is trothd running?",
                        behind == INT64_MAX ? -1 : behind);
    return TROTH_TIMED_OUT;
}

static troth_status wait_for_engine(const struct troth_config *config)
{
    struct troth_kafka_link link;
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    char topic[TROTH_CONFIG_PREFIX_LENGTH_MAX + 32];
    int32_t partitions = 0;
    const struct troth_kafka_property group = {"group.id", config->group};
    (void)troth_config_topic(config, troth_topic_name(TROTH_TOPIC_TELEMETRY), topic, sizeof topic);
    troth_status status =
        troth_kafka_link_open(&link, config, RD_KAFKA_CONSUMER, (struct troth_kafka_properties){0},
                              (struct troth_kafka_properties){&group, 1}, NULL, error);
    if (status == TROTH_OK) {
        status = troth_kafka_link_reach(&link, topic, ANSWER_US, &partitions, error);
    }
    if (status != TROTH_OK) {
        troth_message_error("%s", error);
        troth_kafka_link_close(&link);
        return status;
    }
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_topic_partition_list_add_range(ends, topic, 0, partitions - 1);
    status = ask_ends(&link, ends) ? wait_for_commits(&link, ends) : TROTH_UNREACHABLE;
    rd_kafka_topic_partition_list_destroy(ends);
    troth_kafka_link_close(&link);
    return status;
}

static int find_condition(const char *name)
{
    for (unsigned i = 0; i < TROTH_CONDITION_COUNT; i++) {
        if (strcmp(troth_condition_name(i), name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int find_rung(json_t *told, const char *key)
{
    const char *name = json_string_value(json_object_get(told, key));
    return name != NULL ? troth_rung_find(name, strlen(name)) : -1;
}

/* Takes one intervention's JSON. What is not of this fleet is passed over. */
static void see(struct troth_confusion *confusion, const struct troth_fleet *fleet, json_t *told)
{
    json_t *name = json_object_get(told, "agent");
    json_t *cause = json_object_get(told, "cause");
    const char *condition = json_string_value(json_object_get(cause, "condition"));
    const char *term = json_string_value(json_object_get(cause, "term"));
    const int from = find_rung(told, "from");
    const int to = find_rung(told, "to");
    if (!json_is_string(name) || condition == NULL || from < 0 || to < 0 ||
        find_condition(condition) < 0) {
        return;
    }
    const struct troth_text agent = {json_string_value(name), (uint32_t)json_string_length(name)};
    const uint32_t index = troth_fleet_find(fleet, agent);
    if (index < troth_fleet_agents(fleet)) {
        const struct troth_text text = {term, term != NULL ? (uint32_t)strlen(term) : 0};
        troth_confusion_see(confusion, index,
                            json_integer_value(json_object_get(told, "decided_at")), (unsigned)from,
                            (unsigned)to, (unsigned)find_condition(condition), text);
    }
}

static void see_entry(struct troth_confusion *confusion, const struct troth_fleet *fleet,
                      const redisReply *fields)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, "record") == 0) {
            json_t *told = json_loadb(fields->element[i + 1]->str,
                                      (size_t)fields->element[i + 1]->len, 0, NULL);
            see(confusion, fleet, told);
            json_decref(told);
        }
    }
}

/* Reads the stream of interventions from a time on, in pages. */
static troth_status read_interventions(struct troth_redis_reader *reader,
                                       struct troth_confusion *confusion,
                                       const struct troth_fleet *fleet, int64_t start_us)
{
    char id[ID_LENGTH];
    char count[16];
    size_t read = 0;
    snprintf(id, sizeof id, "%" PRId64 "-0", start_us / 1000);
    snprintf(count, sizeof count, "%d", ENTRIES_AT_ONCE);
    do {
        troth_redis_reader_begin(reader, "XRANGE");
        troth_redis_reader_key(reader, "interventions", (struct troth_text){0}, NULL);
        troth_resp_string(&reader->command, id);
        troth_resp_string(&reader->command, "+");
        troth_resp_string(&reader->command, "COUNT");
        troth_resp_string(&reader->command, count);
        troth_redis_reader_ask(reader);
        redisReply *page = troth_redis_reader_answer(reader);
        if (page == NULL) {
            troth_message_error("%s", reader->error);
            return TROTH_UNREACHABLE;
        }
        read = page->type == REDIS_REPLY_ARRAY ? page->elements : 0;
        for (size_t i = 0; i < read; i++) {
            const redisReply *entry = page->element[i];
            snprintf(id, sizeof id, "(%.40s", entry->element[0]->str);
            see_entry(confusion, fleet, entry->element[1]);
        }
        freeReplyObject(page);
    } while (read == ENTRIES_AT_ONCE);
    return TROTH_OK;
}

troth_status troth_fleet_judge(const struct troth_config *config, const struct troth_fleet *fleet,
                               int64_t start_us, const struct troth_confusion_config *enough,
                               struct troth_confusion_result *result)
{
    troth_status status = wait_for_engine(config);
    if (status != TROTH_OK) {
        return status;
    }
    void *memory = NULL;
    if (posix_memalign(&memory, 64, troth_confusion_size(fleet)) != 0) {
        troth_message_error("no memory to judge %" PRIu32 " agents", troth_fleet_agents(fleet));
        return TROTH_NO_MEMORY;
    }
    struct troth_confusion *confusion = troth_confusion_init(memory, fleet);
    const struct troth_redis_config redis = troth_redis_config_of(config);
    struct troth_redis_reader reader;
    status = troth_redis_reader_open(&reader, &redis);
    if (status != TROTH_OK) {
        troth_message_error("%s", reader.error);
    } else {
        status = read_interventions(&reader, confusion, fleet, start_us);
    }
    troth_redis_reader_close(&reader);
    if (status == TROTH_OK) {
        troth_confusion_result(confusion, enough, result);
    }
    free(memory);
    return status;
}
