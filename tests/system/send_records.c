/*
 * Sends any bytes at all to a topic, for the system tests: what a broken or hostile producer may.
 *
 *   send_records BOOTSTRAP TOPIC [--count | --commit | --abort]
 *
 * Each line of standard input is a record: PARTITION KEY VALUE [TIMESTAMP_MS] [NAME=VALUE]..., the
 * last its headers, of which VALUE is in digits too. PARTITION is a
 * number, or * for the key's own by murmur2. KEY and VALUE are hexadecimal digits, - for none at
 * all, and = for one of no bytes. When all are acknowledged, prints a line a record in the order
 * given: PARTITION OFFSET; with --count how many they were alone, of any number. With --commit or
 * --abort all are one transaction, which ends so. Exit status 0, or 1 with a message. The broker
 * alone says how long a record may be.
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORDS_MAX = 100000,
    FLUSH_MS = 30000,
    QUEUE_WAIT_MS = 100,
    PLAIN_PARTS = 7,
    HEADERS_MAX = 8
};

struct place {
    int32_t partition;
    int64_t offset;
};

static struct place places[RECORDS_MAX];

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "send_records: %s: %s\n", what, why);
    exit(1);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail("a record", rd_kafka_err2str(message->err));
    }
    struct place *place = message->_private;
    if (place != NULL) {
        *place = (struct place){message->partition, message->offset};
    }
}

static int digit(char c)
{
    const char *const digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* Turns digits into bytes, in place. Out bytes: NULL for none at all. Returns their number. */
static size_t read_bytes(char *text, const void **bytes)
{
    if (strcmp(text, "-") == 0) {
        *bytes = NULL;
        return 0;
    }
    const size_t length = strcmp(text, "=") == 0 ? 0 : strlen(text) / 2;
    for (size_t i = 0; i < length; i++) {
        const int high = digit(text[2 * i]);
        const int low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            fail(text, "not hexadecimal");
        }
        text[i] = (char)(16 * high + low);
    }
    *bytes = text;
    return length;
}

/* Returns the time that a record is given; 0: now. */
static int64_t read_time(const char *text)
{
    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

/* NAME=VALUE, as one more part. Returns how many there are. */
static size_t add_header(rd_kafka_vu_t *parts, size_t count, char *word)
{
    char *equals = strchr(word, '=');
    const void *bytes = NULL;
    if (equals == NULL || count == PLAIN_PARTS + HEADERS_MAX) {
        fail(word, "not NAME=VALUE, or one too many");
    }
    *equals = '\0';
    const size_t length = read_bytes(equals + 1, &bytes);
    parts[count].vtype = RD_KAFKA_VTYPE_HEADER;
    parts[count].u.header.name = word;
    parts[count].u.header.val = bytes;
    parts[count].u.header.size = (ssize_t)length;
    return count + 1;
}

/* Out place: where the record went, once it is acknowledged; NULL: nobody asks. */
static void send_line(rd_kafka_t *client, const char *topic, char *line, struct place *place)
{
    char *rest = line;
    const char *partition = strtok_r(rest, " \n", &rest);
    char *key = strtok_r(NULL, " \n", &rest);
    char *value = strtok_r(NULL, " \n", &rest);
    char *word = strtok_r(NULL, " \n", &rest);
    const bool timed = word != NULL && strchr(word, '=') == NULL;
    const char *time_ms = timed ? word : NULL;
    if (partition == NULL || key == NULL || value == NULL) {
        fail("a line", "it must be PARTITION KEY VALUE [TIMESTAMP_MS] [NAME=VALUE]...");
    }
    const void *key_bytes;
    const void *value_bytes;
    const size_t key_length = read_bytes(key, &key_bytes);
    const size_t value_length = read_bytes(value, &value_bytes);
    const int32_t number =
        strcmp(partition, "*") == 0 ? RD_KAFKA_PARTITION_UA : (int32_t)strtol(partition, NULL, 10);
    rd_kafka_vu_t parts[PLAIN_PARTS + HEADERS_MAX] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = number},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key_bytes, key_length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value_bytes, value_length}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = read_time(time_ms)},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = place},
    };
    size_t count = PLAIN_PARTS;
    for (word = timed ? strtok_r(NULL, " \n", &rest) : word; word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        count = add_header(parts, count, word);
    }
    for (;;) {
        rd_kafka_error_t *failure = rd_kafka_produceva(client, parts, count);
        const rd_kafka_resp_err_t code =
            failure != NULL ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_error_destroy(failure);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_poll(client, 0);
            return;
        }
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fail(topic, rd_kafka_err2str(code));
        }
        rd_kafka_poll(client, QUEUE_WAIT_MS);
    }
}

/* In transactional: an id, or NULL. */
static rd_kafka_t *open_client(const char *bootstrap, const char *transactional)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", bootstrap},  {"enable.idempotence", "true"}, /* keeps the order */
        {"partitioner", "murmur2_random"}, {"socket.nagle.disable", "true"},
        {"message.max.bytes", "16000000"},
    };
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (transactional != NULL && rd_kafka_conf_set(conf, "transactional.id", transactional, error,
                                                   sizeof error) != RD_KAFKA_CONF_OK) {
        fail("transactional.id", error);
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof error) !=
            RD_KAFKA_CONF_OK) {
            fail(settings[i][0], error);
        }
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (client == NULL) {
        fail("client", error);
    }
    return client;
}

static void require(rd_kafka_error_t *failure, const char *what)
{
    if (failure != NULL) {
        fail(what, rd_kafka_error_string(failure));
    }
}

int main(int argc, char **argv)
{
    const bool counted = argc == 4 && strcmp(argv[3], "--count") == 0;
    const bool commits = argc == 4 && strcmp(argv[3], "--commit") == 0;
    const bool aborts = argc == 4 && strcmp(argv[3], "--abort") == 0;
    if (argc != 3 && !counted && !commits && !aborts) {
        (void)fputs("usage: send_records BOOTSTRAP TOPIC [--count | --commit | --abort] <LINES\n",
                    stderr);
        return 2;
    }
    rd_kafka_t *client = open_client(argv[1], commits || aborts ? argv[2] : NULL);
    if (commits || aborts) {
        require(rd_kafka_init_transactions(client, FLUSH_MS), "transactions");
        require(rd_kafka_begin_transaction(client), "a transaction");
    }
    char *line = NULL;
    size_t capacity = 0;
    size_t count = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        if (count == RECORDS_MAX && !counted) {
            fail("input", "too many lines");
        }
        send_line(client, argv[2], line, counted ? NULL : &places[count]);
        count++;
    }
    free(line);
    const rd_kafka_resp_err_t code = rd_kafka_flush(client, FLUSH_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(argv[2], rd_kafka_err2str(code));
    }
    if (commits) {
        require(rd_kafka_commit_transaction(client, FLUSH_MS), "the commit");
    } else if (aborts) {
        require(rd_kafka_abort_transaction(client, FLUSH_MS), "the abort");
    }
    if (counted) {
        printf("%zu\n", count);
    }
    for (size_t i = 0; i < count && !counted; i++) {
        printf("%" PRId32 " %" PRId64 "\n", places[i].partition, places[i].offset);
    }
    rd_kafka_destroy(client);
    return fflush(stdout) == 0 ? 0 : 1;
}
