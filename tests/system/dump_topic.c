/*
 * What a topic holds, for the system tests: from its first records to where it ends when asked. Of
 * what was written in transactions, what is committed; the first that is open is where it ends.
 *
 *   dump_topic BOOTSTRAP TOPIC records         a line of JSON a record: partition, offset,
 *                                              timestamp_ms, key, value and headers, the bytes in
 *                                              hexadecimal digits, null where there are none;
 *                                              a header that stands there twice is an array
 *   dump_topic BOOTSTRAP TOPIC events [P]      telemetry (of partition P alone) as `troth replay`
 *                                              reads it, each with recorded_at; what is no event
 *                                              stands as a tick, since it moves the clock as one
 *   dump_topic BOOTSTRAP TOPIC reasons         of rejects: a line a reason, REASON RECORDS, and at
 *                                              last `twice`: records whose origin has another
 *   dump_topic BOOTSTRAP TOPIC ends GROUP      a line a partition: PARTITION LOW HIGH COMMITTED, -1
 *                                              where the group committed nothing
 *
 * Partitions come one after the other, each in the order of its log. Exit status 0, or 1 with a
 * message.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/avro/framing.h"
#include "schemas/event_json.h"
#include "tests/system/reader.h"

enum {
    SILENCE_MS = 30000,
    ALL_PARTITIONS = -1,
    PARTITIONS_MAX = 64,
    REASONS_MAX = 32,
    REASON_LENGTH = 32
};

struct dump;
typedef void take_record(struct dump *dump, const rd_kafka_message_t *message);

/* Offsets of one partition of telemetry that rejects came of, a bit each. */
struct origins {
    uint8_t *bits;
    size_t bytes;
};

struct reason_count {
    char reason[REASON_LENGTH];
    uint64_t count;
};

struct dump {
    rd_kafka_t *client;
    const char *topic;
    take_record *take;
    struct origins origins[PARTITIONS_MAX];
    struct reason_count reasons[REASONS_MAX];
    uint64_t twice;
    struct troth_framing framing;
    struct troth_scratch scratch;
    char line[TROTH_EVENT_LINE_LENGTH_MAX + 1];
};

static json_t *hexadecimal(const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    if (bytes == NULL) {
        return json_null();
    }
    char *text = malloc(2 * length + 1);
    if (text == NULL) {
        fail("a record", "no memory");
    }
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = digits[from[i] >> 4];
        text[2 * i + 1] = digits[from[i] & 15];
    }
    json_t *value = json_stringn(text, 2 * length);
    free(text);
    return value;
}

/* One that stands there several times is an array. */
static void add_header(json_t *object, const char *name, json_t *value)
{
    json_t *there = json_object_get(object, name);
    if (there == NULL) {
        json_object_set_new(object, name, value);
    } else if (json_is_array(there)) {
        json_array_append_new(there, value);
    } else {
        json_object_set_new(object, name, json_pack("[O, o]", there, value));
    }
}

static json_t *headers_of(const rd_kafka_message_t *message)
{
    json_t *object = json_object();
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t length;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &length) ==
                           RD_KAFKA_RESP_ERR_NO_ERROR;
             i++) {
            add_header(object, name, hexadecimal(value, length));
        }
    }
    return object;
}

static void print_record(struct dump *dump, const rd_kafka_message_t *message)
{
    (void)dump;
    json_t *object =
        json_pack("{s:i, s:I, s:I, s:o, s:o, s:o}", "partition", (int)message->partition, "offset",
                  (json_int_t)message->offset, "timestamp_ms",
                  (json_int_t)rd_kafka_message_timestamp(message, NULL), "key",
                  hexadecimal(message->key, message->key_len), "value",
                  hexadecimal(message->payload, message->len), "headers", headers_of(message));
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static void print_event(struct dump *dump, const rd_kafka_message_t *message)
{
    const int64_t recorded_at_us = 1000 * rd_kafka_message_timestamp(message, NULL);
    struct troth_event event;
    struct troth_reason reason;
    size_t length = 0;
    if (message->payload != NULL &&
        troth_framing_decode(&dump->framing, message->payload, message->len, &event, &dump->scratch,
                             &reason) == TROTH_OK &&
        troth_event_json_write(&event, recorded_at_us, dump->line, sizeof dump->line - 1,
                               &length) == TROTH_OK) {
        dump->line[length] = '\0';
        puts(dump->line);
    } else {
        printf("{\"kind\":\"tick\",\"at\":%" PRId64 "}\n", recorded_at_us);
    }
}

/* Out text: a header, terminated. */
static void read_header(const rd_kafka_message_t *message, const char *name,
                        char text[REASON_LENGTH])
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t length;
    require(rd_kafka_message_headers(message, &headers), "headers");
    require(rd_kafka_header_get_last(headers, name, &value, &length), name);
    (void)snprintf(text, REASON_LENGTH, "%.*s", (int)length, (const char *)value);
}

/* Returns whether another reject came of the same record. */
static bool is_second(struct dump *dump, int32_t partition, int64_t offset)
{
    if (partition < 0 || partition >= PARTITIONS_MAX || offset < 0) {
        fail("a reject", "its origin cannot be");
    }
    struct origins *origins = &dump->origins[partition];
    const size_t at = (size_t)offset / 8;
    if (at >= origins->bytes) {
        const size_t bytes = 2 * at + 4096;
        origins->bits = realloc(origins->bits, bytes);
        if (origins->bits == NULL) {
            fail("origins", "no memory");
        }
        memset(origins->bits + origins->bytes, 0, bytes - origins->bytes);
        origins->bytes = bytes;
    }
    const uint8_t bit = (uint8_t)(1U << offset % 8);
    const bool second = (origins->bits[at] & bit) != 0;
    origins->bits[at] |= bit;
    return second;
}

static void count_reject(struct dump *dump, const rd_kafka_message_t *message)
{
    char partition[REASON_LENGTH];
    char offset[REASON_LENGTH];
    char reason[REASON_LENGTH];
    read_header(message, "partition", partition);
    read_header(message, "offset", offset);
    read_header(message, "reason", reason);
    dump->twice += is_second(dump, (int32_t)strtol(partition, NULL, 10), strtoll(offset, NULL, 10));
    size_t i = 0;
    while (dump->reasons[i].count > 0 && strcmp(dump->reasons[i].reason, reason) != 0) {
        if (++i == REASONS_MAX) {
            fail(reason, "one reason too many");
        }
    }
    memcpy(dump->reasons[i].reason, reason, sizeof reason);
    dump->reasons[i].count++;
}

static void print_reasons(const struct dump *dump)
{
    for (size_t i = 0; i < REASONS_MAX && dump->reasons[i].count > 0; i++) {
        printf("%s %" PRIu64 "\n", dump->reasons[i].reason, dump->reasons[i].count);
    }
    printf("twice %" PRIu64 "\n", dump->twice);
}

static void dump_partition(struct dump *dump, int32_t partition)
{
    int64_t low;
    int64_t high;
    require(rd_kafka_query_watermark_offsets(dump->client, dump->topic, partition, &low, &high,
                                             ANSWER_MS),
            dump->topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, dump->topic, partition)->offset = low;
    require(rd_kafka_assign(dump->client, list), dump->topic);
    rd_kafka_topic_partition_list_destroy(list);
    /* The end is told too: after a transaction the last offset is no record. */
    for (int64_t next = low; next < high;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(dump->client, SILENCE_MS);
        if (message == NULL) {
            fail(dump->topic, "the broker has fallen silent");
        }
        const rd_kafka_resp_err_t code = message->err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset < high) {
            dump->take(dump, message);
        } else if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            fail(dump->topic, rd_kafka_message_errstr(message));
        }
        next = code == RD_KAFKA_RESP_ERR__PARTITION_EOF ? high : message->offset + 1;
        rd_kafka_message_destroy(message);
    }
    require(rd_kafka_assign(dump->client, NULL), dump->topic);
}

static void print_ends(struct dump *dump, int32_t partitions)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t p = 0; p < partitions; p++) {
        rd_kafka_topic_partition_list_add(list, dump->topic, p);
    }
    require(rd_kafka_committed(dump->client, list, ANSWER_MS), "the group's offsets");
    for (int32_t p = 0; p < partitions; p++) {
        int64_t low;
        int64_t high;
        require(
            rd_kafka_query_watermark_offsets(dump->client, dump->topic, p, &low, &high, ANSWER_MS),
            dump->topic);
        const int64_t committed = rd_kafka_topic_partition_list_find(list, dump->topic, p)->offset;
        printf("%" PRId32 " %" PRId64 " %" PRId64 " %" PRId64 "\n", p, low, high,
               committed < 0 ? -1 : committed);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static rd_kafka_t *open_client(const char *bootstrap, const char *group)
{
    const char *const settings[][2] = {{"bootstrap.servers", bootstrap},
                                       {"group.id", group},
                                       {"auto.offset.reset", "earliest"},
                                       {"fetch.wait.max.ms", "10"},
                                       {"isolation.level", "read_committed"}};
    return open_reader(settings, sizeof settings / sizeof settings[0]);
}

/* Returns what is done with each record, or NULL: there is no such mode. */
static take_record *find_taker(const char *mode)
{
    return strcmp(mode, "records") == 0   ? print_record
           : strcmp(mode, "events") == 0  ? print_event
           : strcmp(mode, "reasons") == 0 ? count_reject
                                          : NULL;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 3 ? argv[3] : "";
    const bool ends = strcmp(mode, "ends") == 0;
    take_record *const take = find_taker(mode);
    if (argc < 4 || argc > 5 || (ends ? argc != 5 : take == NULL)) {
        (void)fputs("usage: dump_topic BOOTSTRAP TOPIC records | events [P] | reasons | ends "
                    "GROUP\n",
                    stderr);
        return 2;
    }
    struct dump *dump = calloc(1, sizeof *dump);
    if (dump == NULL || troth_framing_init(&dump->framing, TROTH_FRAMING_ANY) != TROTH_OK) {
        fail("start", "no memory");
    }
    dump->client = open_client(argv[1], ends ? argv[4] : "dump_topic");
    dump->topic = argv[2];
    dump->take = take;
    const int32_t partitions = count_partitions(dump->client, dump->topic);
    const int32_t only =
        take == print_event && argc > 4 ? (int32_t)strtol(argv[4], NULL, 10) : ALL_PARTITIONS;
    if (ends) {
        print_ends(dump, partitions);
    }
    for (int32_t p = 0; p < partitions && !ends; p++) {
        if (only == ALL_PARTITIONS || only == p) {
            dump_partition(dump, p);
        }
    }
    if (take == count_reject) {
        print_reasons(dump);
    }
    rd_kafka_consumer_close(dump->client);
    rd_kafka_destroy(dump->client);
    for (size_t i = 0; i < PARTITIONS_MAX; i++) {
        free(dump->origins[i].bits);
    }
    free(dump);
    return fflush(stdout) == 0 ? 0 : 1;
}
