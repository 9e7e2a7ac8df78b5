/*
 * The real side: consumers/kafka/log.h over the broker of TROTH_TEST_KAFKA. Each member is a
 * process of this program, so that one can be killed, or stopped where it stands; it is told the
 * number of a step through one pipe, and answers with the step's text through another.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "consumers/kafka/log.h"
#include "tests/support/real_topics.h"
#include "tests/traces/trace.h"

#define PATIENCE_US INT64_C(60000000)

enum { PATIENCE_MS = 30000, HEADER_MAX = 256 };

static const char *bootstrap;
static char prefix[64];

/* ---- A member: the child. ---- */

static void say(void *context, int level, const char *text)
{
    if (getenv("TROTH_TEST_VERBOSE") != NULL) {
        (void)fprintf(stderr, "  (%s, %d) %s\n", (const char *)context, level, text);
    }
}

/* A script that freezes a member waits for its session to end; in others none must, nor may a
 * transaction, however slow the machine. */
static const char *session_of(const struct trace_script *script)
{
    const char *session = "60000";
    for (int i = 0; script->steps[i].act != TRACE_DONE; i++) {
        session = script->steps[i].act == TRACE_FREEZE ? "6000" : session;
    }
    return session;
}

static troth_status open_log(const struct trace_script *script, char *instance,
                             struct troth_log **log)
{
    const struct troth_kafka_property properties[] = {
        {"bootstrap.servers", bootstrap},
        {"session.timeout.ms", session_of(script)},
        {"heartbeat.interval.ms", "500"},
        {"fetch.wait.max.ms", "20"},
    };
    const struct troth_kafka_config config = {.properties = {properties, 4},
                                              .prefix = prefix,
                                              .group = prefix,
                                              .instance = instance,
                                              .keep_standings = true,
                                              .read_contracts = true,
                                              .read_decisions = true,
                                              .voice = {say, instance}};
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    const troth_status status = troth_kafka_log_open(&config, log, error, sizeof(error));
    REQUIRE(status == TROTH_OK, "%s", error);
    return status;
}

static void read_all(int pipe, void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        const ssize_t got = read(pipe, (char *)data + done, length - done);
        REQUIRE(got > 0, "the other end of a pipe is gone");
        done += (size_t)got;
    }
}

static void write_all(int pipe, const void *data, size_t length)
{
    REQUIRE(write(pipe, data, length) == (ssize_t)length, "a pipe is full or gone");
}

static void answer(int pipe, const struct trace_text *text)
{
    write_all(pipe, &text->length, sizeof(text->length));
    write_all(pipe, text->data, text->length);
}

static bool is_asked(int questions)
{
    struct pollfd wait = {.fd = questions, .events = POLLIN};
    return poll(&wait, 1, 0) != 0;
}

/* Who is settled says so, and polls on until the others are: they may wait for it. */
static void poll_until(struct trace_member *member, int slot, const struct trace_step *step,
                       const int pipes[2], struct trace_text *out)
{
    const int64_t deadline_us = troth_kafka_monotonic_us() + PATIENCE_US;
    const bool all = step->act == TRACE_SETTLE;
    bool come = false;
    bool said = false;
    while (troth_kafka_monotonic_us() < deadline_us && !(all ? is_asked(pipes[0]) : come)) {
        come = trace_member_poll(member, slot, step);
        if (all && come && !said) {
            write_all(pipes[1], "", 1);
            said = true;
        }
    }
    if (all) {
        char enough;
        if (!said) {
            write_all(pipes[1], "", 1);
        }
        read_all(pipes[0], &enough, 1);
    }
    trace_member_tell(member, step, out);
    trace_say(out, "%s", come ? "" : " and no more comes");
}

/* In arguments: prefix, script, slot, instance, and the ends of the pipes. */
int trace_kafka_child(char **arguments)
{
    static struct trace_member member;
    bootstrap = getenv("TROTH_TEST_KAFKA");
    (void)snprintf(prefix, sizeof(prefix), "%s", arguments[0]);
    const struct trace_script *script = &trace_scripts[atoi(arguments[1])];
    const int slot = atoi(arguments[2]);
    const int pipes[2] = {atoi(arguments[4]), atoi(arguments[5])};
    struct trace_text text = {0};
    struct troth_log *log = NULL;
    trace_say(&text, " %s", troth_status_name(open_log(script, arguments[3], &log)));
    answer(pipes[1], &text);
    trace_member_init(&member, log);
    for (int number = -1;;) {
        read_all(pipes[0], &number, sizeof(number));
        const struct trace_step *step = &script->steps[number];
        text = (struct trace_text){0};
        if (step->act == TRACE_CLOSE) {
            log->close(log);
            answer(pipes[1], &text);
            return 0;
        }
        if (trace_is_poll(step)) {
            poll_until(&member, slot, step, pipes, &text);
        } else {
            trace_member_call(&member, step, &text);
        }
        if (getenv("TROTH_TEST_VERBOSE") != NULL) {
            (void)fprintf(stderr, "  (%s) %s\n", arguments[3], log->error(log));
        }
        answer(pipes[1], &text);
    }
}

/* ---- Lives. ---- */

static struct {
    int script;
    const struct trace_step *steps;
    struct {
        pid_t pid; /* 0: none */
        bool frozen;
        int questions;
        int answers;
    } members[TRACE_MEMBERS_MAX];
    rd_kafka_t *plain;
    rd_kafka_t *outsider;          /* with transactions; NULL until it is needed */
    const struct trace_step *open; /* what its transaction is fed */
} side;

static void ask(int slot, const struct trace_step *step)
{
    const int number = (int)(step - side.steps);
    write_all(side.members[slot].questions, &number, sizeof(number));
}

static void hear(int slot, struct trace_text *out)
{
    size_t length = 0;
    read_all(side.members[slot].answers, &length, sizeof(length));
    REQUIRE(out->length + length < sizeof(out->data), "an answer is too long");
    read_all(side.members[slot].answers, out->data + out->length, length);
    out->length += length;
    out->data[out->length] = '\0';
}

static void bury(int slot)
{
    (void)waitpid(side.members[slot].pid, NULL, 0);
    (void)close(side.members[slot].questions);
    (void)close(side.members[slot].answers);
    side.members[slot].pid = 0;
}

static void start(const struct trace_step *step, struct trace_text *out)
{
    int down[2];
    int up[2];
    REQUIRE(pipe(down) == 0 && pipe(up) == 0, "pipe");
    const pid_t pid = fork();
    REQUIRE(pid >= 0, "fork");
    if (pid == 0) {
        char words[5][24];
        (void)snprintf(words[0], sizeof(words[0]), "%d", side.script);
        (void)snprintf(words[1], sizeof(words[1]), "%d", step->member);
        (void)snprintf(words[2], sizeof(words[2]), "member-%u", step->instance);
        (void)snprintf(words[3], sizeof(words[3]), "%d", down[0]);
        (void)snprintf(words[4], sizeof(words[4]), "%d", up[1]);
        (void)close(down[1]);
        (void)close(up[0]);
        /* A process that has threads must not go on after a fork without an exec. */
        (void)execl("/proc/self/exe", "log_traces", prefix, words[0], words[1], words[2], words[3],
                    words[4], (char *)NULL);
        _exit(127);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    side.members[step->member].pid = pid;
    side.members[step->member].frozen = false;
    side.members[step->member].questions = down[1];
    side.members[step->member].answers = up[0];
    hear(step->member, out);
}

static void live(const struct trace_step *step, struct trace_text *out)
{
    const int slot = step->member;
    if (step->act == TRACE_OPEN) {
        start(step, out);
    } else if (step->act == TRACE_CLOSE) {
        ask(slot, step);
        hear(slot, out);
        bury(slot);
    } else if (step->act == TRACE_KILL) {
        (void)kill(side.members[slot].pid, SIGKILL);
        bury(slot);
    } else {
        side.members[slot].frozen = step->act == TRACE_FREEZE;
        (void)kill(side.members[slot].pid, side.members[slot].frozen ? SIGSTOP : SIGCONT);
    }
}

static bool is_awake(int slot)
{
    return side.members[slot].pid != 0 && !side.members[slot].frozen;
}

/* All of them poll at a time, as each waits for what the others do. */
static void settle(const struct trace_step *step, struct trace_text *out)
{
    char settled;
    for (int m = 0; m < TRACE_MEMBERS_MAX; m++) {
        if (is_awake(m)) {
            ask(m, step);
        }
    }
    for (int m = 0; m < TRACE_MEMBERS_MAX; m++) {
        if (is_awake(m)) {
            read_all(side.members[m].answers, &settled, 1);
        }
    }
    for (int m = 0; m < TRACE_MEMBERS_MAX; m++) {
        if (is_awake(m)) {
            write_all(side.members[m].questions, "", 1);
            trace_say(out, " %c:", "abc"[m]);
            hear(m, out);
        }
    }
}

/* ---- Others. ---- */

static rd_kafka_t *open_client(rd_kafka_type_t type, const char *name, const char *value)
{
    char error[HEADER_MAX] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, error, sizeof(error));
    rd_kafka_conf_set(conf, name, value, error, sizeof(error));
    if (type == RD_KAFKA_CONSUMER) {
        rd_kafka_conf_set(conf, "isolation.level", "read_committed", error, sizeof(error));
        rd_kafka_conf_set(conf, "enable.partition.eof", "true", error, sizeof(error));
        rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", error, sizeof(error));
        rd_kafka_conf_set(conf, "fetch.wait.max.ms", "20", error, sizeof(error));
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof(error));
    REQUIRE(client != NULL, "%s", error);
    return client;
}

static void require_ok(rd_kafka_error_t *failure)
{
    REQUIRE(failure == NULL, "%s", rd_kafka_error_string(failure));
}

static const char *name_of(enum troth_topic topic)
{
    static char name[TROTH_KAFKA_NAME_LENGTH];
    (void)snprintf(name, sizeof(name), "%s.%s", prefix, troth_topic_name(topic));
    return name;
}

static void feed(rd_kafka_t *client, const struct trace_step *step)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name_of(step->topic), NULL);
    const int sent = rd_kafka_produce(topic, step->partition, RD_KAFKA_MSG_F_COPY,
                                      (void *)(uintptr_t)step->value,
                                      step->value != NULL ? strlen(step->value) : 0, step->key,
                                      step->key != NULL ? strlen(step->key) : 0, NULL);
    REQUIRE(sent == 0, "%s", rd_kafka_err2str(rd_kafka_last_error()));
    REQUIRE(rd_kafka_flush(client, PATIENCE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR, "flush");
    rd_kafka_topic_destroy(topic);
}

static void feed_open(const struct trace_step *step)
{
    if (side.outsider == NULL) {
        char id[TROTH_KAFKA_NAME_LENGTH];
        (void)snprintf(id, sizeof(id), "%s.outsider", prefix);
        side.outsider = open_client(RD_KAFKA_PRODUCER, "transactional.id", id);
        require_ok(rd_kafka_init_transactions(side.outsider, PATIENCE_MS));
        require_ok(rd_kafka_begin_transaction(side.outsider));
    }
    feed(side.outsider, step);
    side.open = step;
}

/* Where a partition ends to a reader of committed records. */
static int64_t end_of(const struct trace_step *at)
{
    int64_t low = 0;
    int64_t high = 0;
    const rd_kafka_resp_err_t code = troth_kafka_watermarks(
        side.plain, name_of(at->topic), at->partition, PATIENCE_MS, &low, &high);
    REQUIRE(code == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
    return high;
}

/* The broker answers before the end of the transaction stands in the partition; so that is waited
 * for. */
static void feed_close(const struct trace_step *step)
{
    const int64_t end = end_of(side.open);
    const int64_t deadline_us = troth_kafka_monotonic_us() + PATIENCE_US;
    require_ok(step->kept ? rd_kafka_commit_transaction(side.outsider, PATIENCE_MS)
                          : rd_kafka_abort_transaction(side.outsider, PATIENCE_MS));
    while (end_of(side.open) <= end) {
        REQUIRE(troth_kafka_monotonic_us() < deadline_us, "a transaction does not end");
    }
    rd_kafka_destroy(side.outsider);
    side.outsider = NULL;
}

static void trim(const struct trace_step *step)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name_of(step->topic), step->partition)->offset =
        step->offset;
    rd_kafka_DeleteRecords_t *deleted = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(side.plain);
    rd_kafka_DeleteRecords(side.plain, &deleted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, PATIENCE_MS);
    REQUIRE(event != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR, "delete");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(deleted);
    rd_kafka_topic_partition_list_destroy(list);
}

static void see_message(const rd_kafka_message_t *message, struct trace_text *out)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t length = 0;
    trace_say_record(out, message->offset, message->key, message->key_len, message->payload,
                     message->len);
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, "reason", &value, &length) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        trace_say(out, " (%.*s)", (int)length, (const char *)value);
    }
}

static void see(const struct trace_step *step, struct trace_text *out)
{
    rd_kafka_t *reader = open_client(RD_KAFKA_CONSUMER, "group.id", "reader");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_poll_set_consumer(reader);
    rd_kafka_topic_partition_list_add(list, name_of(step->topic), step->partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    REQUIRE(rd_kafka_assign(reader, list) == RD_KAFKA_RESP_ERR_NO_ERROR, "assign");
    rd_kafka_topic_partition_list_destroy(list);
    for (bool ended = false; !ended;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, PATIENCE_MS);
        REQUIRE(message != NULL, "a reader of committed records waits");
        ended = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            see_message(message, out);
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
}

static void see_group(struct trace_text *out)
{
    rd_kafka_t *reader = open_client(RD_KAFKA_CONSUMER, "group.id", prefix);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(TRACE_PARTITIONS);
    for (int32_t p = 0; p < TRACE_PARTITIONS; p++) {
        rd_kafka_topic_partition_list_add(list, name_of(TROTH_TOPIC_TELEMETRY), p);
    }
    const rd_kafka_resp_err_t code = rd_kafka_committed(reader, list, PATIENCE_MS);
    REQUIRE(code == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
    for (int i = 0; i < list->cnt; i++) {
        trace_say(out, " %" PRId64,
                  list->elems[i].offset >= 0 ? list->elems[i].offset : TROTH_OFFSET_NONE);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(reader);
}

/* ---- The side. ---- */

static void open_side(int script)
{
    bootstrap = getenv("TROTH_TEST_KAFKA");
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(prefix, sizeof(prefix), "traces-%d-%" PRId64 "-%d", (int)getpid(),
                   (int64_t)time(NULL), script);
    make_topics(bootstrap, prefix, TRACE_PARTITIONS);
    side.script = script;
    side.steps = trace_scripts[script].steps;
    side.plain = open_client(RD_KAFKA_PRODUCER, "enable.idempotence", "true");
}

static void close_side(void)
{
    for (int m = 0; m < TRACE_MEMBERS_MAX; m++) {
        if (side.members[m].pid != 0) {
            (void)kill(side.members[m].pid, SIGKILL);
            bury(m);
        }
    }
    if (side.outsider != NULL) {
        rd_kafka_destroy(side.outsider);
        side.outsider = NULL;
    }
    rd_kafka_destroy(side.plain);
}

/* What readers see once they see what is awaited: a commit is answered before it shows. */
static void look(const struct trace_step *step, const struct trace_text *awaited,
                 struct trace_text *out)
{
    const int64_t deadline_us = troth_kafka_monotonic_us() + PATIENCE_US / 6;
    do {
        *out = (struct trace_text){0};
        if (step->act == TRACE_SEE) {
            see(step, out);
        } else {
            see_group(out);
        }
    } while (strcmp(out->data, awaited->data) != 0 && troth_kafka_monotonic_us() < deadline_us);
}

static void take_step(const struct trace_step *step, const struct trace_text *awaited,
                      struct trace_text *out)
{
    if (step->act <= TRACE_THAW) {
        live(step, out);
    } else if (step->act == TRACE_SETTLE) {
        settle(step, out);
    } else if (step->act < TRACE_FEED) {
        ask(step->member, step);
        hear(step->member, out);
    } else if (step->act == TRACE_FEED) {
        feed(side.plain, step);
    } else if (step->act == TRACE_FEED_OPEN) {
        feed_open(step);
    } else if (step->act == TRACE_FEED_CLOSE) {
        feed_close(step);
    } else if (step->act == TRACE_TRIM) {
        trim(step);
    } else {
        look(step, awaited, out);
    }
}

const struct trace_side trace_kafka = {"real", open_side, take_step, close_side};
