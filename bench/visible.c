/*
 * Open loop: sends the standard load at a given rate, whether or not anybody keeps up, and among it
 * records that each narrow an agent, or move its score; and notes when each of these is
 * acknowledged by Kafka and when a subscriber of Redis' channel learns of it, or the score stands
 * in Redis (visible/scores.h).
 *
 *   bench_visible [--config FILE] [--rate N] [--breaking N] [--seconds N] [--agents N] [--first N]
 *                 [--scores] [--failed]
 *
 *   --rate N       records a second, all in all
 *   --breaking N   of them that narrow, each a new agent leak-NUMBER; 0: nothing is watched
 *   --first N      number of the first of these: none may come twice
 *   --scores       they narrow nothing: each is a task of another agent, probe-NUMBER from 0 on
 *   --failed       those tasks failed; else they are well done. By turns, so that scores move far
 *
 *   visible_count                         narrowings sent
 *   visible_missed                        of them, that the channel did not tell of within 30 s
 *   visible_p50_ms, _p99_ms, _p999_ms     from the acknowledgement to the channel; missed ones
 *                                         count as 30 s. Of scores, with it by how much the sender
 *                                         was behind its plan with the record, or the wait that it
 *                                         made others wait would be missing (coordinated omission)
 *   visible_moved                         probes that were written once, and have another score
 *   visible_events_per_s                  that were sent
 *   visible_late_ms                       by how much the sender was behind its plan at most
 *
 * Threads: one sends, one takes acknowledgements, one listens to the channel. Each of a record's
 * times is written by one thread, and read when all have ended.
 */
#include "bench/standard_load.h"

#include "bench/visible/scores.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "consumers/avro/encode.h"
#include "consumers/clock.h"
#include "ops/config/options.h"
#include "ops/kafka/link.h"
#include "ops/redis/connect.h"

enum {
    NARROWINGS_MAX = 1000000,
    SLICE_US = 1000,        /* of sending, then the core is somebody else's */
    PATIENCE_US = 30000000, /* for what is sent to be acknowledged, and seen */
    REACH_US = 10000000,
    NAME_LENGTH = 32,
    CHANNEL_LENGTH = 128
};

static const char name_prefix[] = "leak-";
static const char last_words[] = "end"; /* a message that ends the listener */

struct plan {
    int64_t rate;
    int64_t breaking;
    int64_t seconds;
    int64_t agents;
    int64_t first;
    bool scores;
    bool failed;
};

static struct {
    struct plan plan;
    char session[NAME_LENGTH];
    struct troth_kafka_link link; /* its address is librdkafka's opaque */
    rd_kafka_topic_t *topic;
    char channel[CHANNEL_LENGTH];
    redisContext *listener;
    atomic_bool acknowledging;
    atomic_llong failed;
    atomic_llong seen;
    int64_t acknowledged_us[NARROWINGS_MAX]; /* 0: not */
    int64_t seen_us[NARROWINGS_MAX];
    int64_t late_us[NARROWINGS_MAX]; /* behind the plan, when it was sent */
} state;

static int64_t now_us(void)
{
    return troth_kafka_monotonic_us();
}

/* ---- Times. ---- */

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    const intptr_t number = (intptr_t)message->_private; /* one more than the narrowing's */
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        atomic_fetch_add(&state.failed, 1);
    } else if (number > 0) {
        state.acknowledged_us[number - 1] = now_us();
    }
}

static void *acknowledge(void *argument)
{
    (void)argument;
    while (atomic_load(&state.acknowledging)) {
        rd_kafka_poll(state.link.client, 100);
    }
    return NULL;
}

/* In text: a message of the channel, which names the agent somewhere. */
static void note_seen(const char *text, size_t length, int64_t at_us)
{
    const char *found = memmem(text, length, name_prefix, sizeof name_prefix - 1);
    const int64_t number =
        found != NULL ? strtoll(found + sizeof name_prefix - 1, NULL, 10) - state.plan.first : -1;
    if (number >= 0 && number < NARROWINGS_MAX && state.seen_us[number] == 0) {
        state.seen_us[number] = at_us;
        atomic_fetch_add(&state.seen, 1);
    }
}

static int64_t seen_so_far(void)
{
    return state.plan.scores ? bench_scores_seen() : atomic_load(&state.seen);
}

static void *listen_to_channel(void *argument)
{
    (void)argument;
    if (state.plan.scores) {
        bench_scores_listen();
        return NULL;
    }
    void *taken = NULL;
    bool ended = false;
    while (!ended && redisGetReply(state.listener, &taken) == REDIS_OK) {
        const int64_t at_us = now_us();
        const redisReply *reply = taken;
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
            reply->element[2]->type == REDIS_REPLY_STRING) {
            const redisReply *text = reply->element[2];
            ended = strcmp(text->str, last_words) == 0;
            note_seen(text->str, text->len, at_us);
        }
        freeReplyObject(taken);
    }
    return NULL;
}

/* ---- Sending. ---- */

/* In number: of a narrowing, or -1. */
static bool send_event(const struct troth_event *event, int64_t number)
{
    static uint8_t record[TROTH_RECORD_LENGTH_MAX];
    size_t length = 0;
    if (troth_encode(event, record, sizeof record, &length) != TROTH_OK) {
        return false;
    }
    for (const int64_t end_us = now_us() + PATIENCE_US; now_us() < end_us;) {
        if (rd_kafka_produce(state.topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, record,
                             length, event->agent.data, event->agent.length,
                             (void *)(intptr_t)(number + 1)) == 0) {
            return true;
        }
        usleep(SLICE_US); /* the queue is full: this shows as lateness */
    }
    return false;
}

static bool send_breaking(int64_t number)
{
    static const char tool[] = "export_customers";
    char name[NAME_LENGTH];
    const struct troth_clock clock = troth_clock_system();
    struct troth_event event = {.kind = TROTH_KIND_TOOL,
                                .outcome = TROTH_OUTCOME_OK,
                                .at_us = clock.wall_us(clock.context),
                                .tool = {tool, sizeof tool - 1}};
    event.present = 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT |
                    1U << TROTH_FIELD_KIND | 1U << TROTH_FIELD_OUTCOME | 1U << TROTH_FIELD_SOURCE |
                    1U << TROTH_FIELD_TOOL;
    const int length =
        snprintf(name, sizeof name, "%s%" PRId64, name_prefix, state.plan.first + number);
    event.agent = (struct troth_text){name, (uint32_t)length};
    memcpy(event.id, name, (size_t)length < sizeof event.id ? (size_t)length : sizeof event.id);
    return send_event(&event, number);
}

static bool send_probe(int64_t number)
{
    char name[NAME_LENGTH];
    const struct troth_clock clock = troth_clock_system();
    struct troth_event event = {.kind = TROTH_KIND_TASK,
                                .outcome =
                                    state.plan.failed ? TROTH_OUTCOME_FAILED : TROTH_OUTCOME_OK,
                                .at_us = clock.wall_us(clock.context)};
    event.present = 1U << TROTH_FIELD_ID | 1U << TROTH_FIELD_AGENT | 1U << TROTH_FIELD_AT |
                    1U << TROTH_FIELD_KIND | 1U << TROTH_FIELD_OUTCOME | 1U << TROTH_FIELD_SOURCE;
    const int length = snprintf(name, sizeof name, BENCH_PROBE "%" PRId64, number);
    event.agent = (struct troth_text){name, (uint32_t)length};
    memcpy(event.id, name, (size_t)length < sizeof event.id ? (size_t)length : sizeof event.id);
    return send_event(&event, number);
}

/* One of those that are waited for. */
static bool send_watched(int64_t number, int64_t late_us)
{
    state.late_us[number] = late_us;
    return state.plan.scores ? send_probe(number) : send_breaking(number);
}

static bool send_task(struct troth_fleet *fleet)
{
    const struct troth_clock clock = troth_clock_system();
    struct troth_event event;
    int64_t recorded_at_us;
    if (!troth_fleet_next(fleet, &event, &recorded_at_us)) {
        return false;
    }
    event.at_us = clock.wall_us(clock.context);
    /* The fleet counts from 1 each time: in a session that was there, these would be duplicates. */
    event.session = (struct troth_text){state.session, (uint32_t)strlen(state.session)};
    event.present |= 1U << TROTH_FIELD_SESSION;
    return send_event(&event, -1);
}

/* Out narrowings: how many were sent. Out late_us: at most, behind the plan. */
static bool send_all(struct troth_fleet *fleet, int64_t *narrowings, int64_t *late_us)
{
    const struct plan *plan = &state.plan;
    const int64_t began_us = now_us();
    const int64_t all = plan->rate * plan->seconds;
    bool well = true;
    for (int64_t sent = 0; sent < all && well;) {
        const int64_t passed_us = now_us() - began_us;
        const int64_t due = passed_us * plan->rate / 1000000;
        const int64_t behind_us = passed_us - sent * 1000000 / plan->rate;
        *late_us = behind_us > *late_us ? behind_us : *late_us;
        for (; sent < all && sent <= due && well; sent++) {
            /* Evenly among the others. */
            const bool breaks =
                (sent + 1) * plan->breaking / plan->rate > sent * plan->breaking / plan->rate;
            const int64_t late = now_us() - began_us - sent * 1000000 / plan->rate;
            well = breaks ? send_watched((*narrowings)++, late > 0 ? late : 0) : send_task(fleet);
        }
        usleep(SLICE_US);
    }
    return well &&
           rd_kafka_flush(state.link.client, PATIENCE_US / 1000) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           atomic_load(&state.failed) == 0;
}

/* ---- The whole. ---- */

static bool open_producer(const struct troth_config *config)
{
    static const struct troth_kafka_property suggested[] = {
        /* Not idempotent: the thread of such a producer of 2.0.2 does not sleep while it waits for
         * answers, and takes from the broker the core that they share. */
        {"acks", "all"},
        {"linger.ms", "2"},
        {"compression.codec", "lz4"},
        {"socket.nagle.disable", "true"},
        {"queue.buffering.max.messages", "1000000"},
    };
    char topic[TROTH_KAFKA_NAME_LENGTH];
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    const struct troth_kafka_property needed[] = {
        {"partitioner", troth_config_partitioner_name(config)}};
    (void)troth_config_topic(config, "telemetry", topic, sizeof topic);
    if (troth_kafka_link_open(
            &state.link, config, RD_KAFKA_PRODUCER,
            (struct troth_kafka_properties){suggested, sizeof suggested / sizeof suggested[0]},
            (struct troth_kafka_properties){needed, 1}, on_delivery, error) != TROTH_OK ||
        troth_kafka_link_reach(&state.link, topic, REACH_US, NULL, error) != TROTH_OK) {
        troth_message_error("%s", error);
        return false;
    }
    state.topic = rd_kafka_topic_new(state.link.client, topic, NULL);
    return state.topic != NULL;
}

static bool open_listener(const struct troth_config *config, redisContext **speaker)
{
    const struct troth_redis_config redis = troth_redis_config_of(config);
    char error[TROTH_REDIS_ERROR_LENGTH_MAX] = "";
    (void)snprintf(state.channel, sizeof state.channel, "%s:narrowed", config->prefix);
    if (troth_redis_connect(&redis, REACH_US, speaker, error) != TROTH_OK ||
        troth_redis_connect(&redis, 10 * (int64_t)PATIENCE_US, &state.listener, error) !=
            TROTH_OK) {
        troth_message_error("%s", error);
        return false;
    }
    redisReply *reply = redisCommand(state.listener, "SUBSCRIBE %s", state.channel);
    const bool subscribed = reply != NULL && reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    return subscribed;
}

/* From the acknowledgement; of a score, from when it would have come had the sender kept its plan.
 * Returns whether it was seen. */
static bool took(size_t number, int64_t *us)
{
    const bool scores = state.plan.scores;
    const int64_t from_us = state.acknowledged_us[number] - (scores ? state.late_us[number] : 0);
    const int64_t seen_us = scores ? bench_scores_seen_us((int64_t)number) : state.seen_us[number];
    const bool seen = state.acknowledged_us[number] != 0 && seen_us != 0;
    *us = seen ? seen_us - from_us : PATIENCE_US;
    return seen;
}

static void print_times(int64_t narrowings, double seconds, int64_t late_us)
{
    static double took_ms[NARROWINGS_MAX];
    const size_t count = (size_t)narrowings;
    size_t missed = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t us = 0;
        missed += !took(i, &us);
        took_ms[i] = (double)us / 1e3;
    }
    qsort(took_ms, count, sizeof took_ms[0], bench_by_value);
    printf("visible_count %zu narrowings\n", count);
    printf("visible_missed %zu narrowings\n", missed);
    if (count > 0) {
        printf("visible_p50_ms %.3f ms\n", took_ms[count / 2]);
        printf("visible_p99_ms %.3f ms\n", took_ms[count * 99 / 100]);
        printf("visible_p999_ms %.3f ms\n", took_ms[count * 999 / 1000]);
    }
    printf("visible_events_per_s %.4g events/s\n",
           (double)(state.plan.rate * state.plan.seconds) / seconds);
    printf("visible_late_ms %.1f ms\n", (double)late_us / 1e3);
}

static bool measure(struct troth_fleet *fleet, redisContext *speaker)
{
    pthread_t acknowledger;
    pthread_t listener;
    int64_t narrowings = 0;
    int64_t late_us = 0;
    atomic_store(&state.acknowledging, true);
    if (pthread_create(&acknowledger, NULL, acknowledge, NULL) != 0 ||
        pthread_create(&listener, NULL, listen_to_channel, NULL) != 0) {
        return false;
    }
    const int64_t began_us = now_us();
    const bool sent = send_all(fleet, &narrowings, &late_us);
    const double seconds = (double)(now_us() - began_us) / 1e6;
    for (const int64_t end_us = now_us() + PATIENCE_US;
         sent && seen_so_far() < narrowings && now_us() < end_us;) {
        usleep(SLICE_US);
    }
    atomic_store(&state.acknowledging, false);
    if (state.plan.scores) {
        bench_scores_stop();
    } else {
        freeReplyObject(redisCommand(speaker, "PUBLISH %s %s", state.channel, last_words));
    }
    (void)pthread_join(listener, NULL);
    (void)pthread_join(acknowledger, NULL);
    print_times(narrowings, seconds, late_us);
    if (!sent) {
        troth_message_error("not all could be sent");
        return false;
    }
    int64_t moved = 0;
    const bool checked = !state.plan.scores || bench_scores_check(&moved);
    if (state.plan.scores && checked) {
        printf("visible_moved %" PRId64 " probes\n", moved);
    }
    return checked;
}

static bool run(const struct troth_config *config)
{
    const struct troth_clock clock = troth_clock_system();
    redisContext *speaker = NULL;
    struct troth_fleet *fleet = bench_fleet_create(
        &(struct bench_load){(uint32_t)state.plan.agents, 1.0, 0}, clock.wall_us(clock.context));
    const bool done =
        fleet != NULL && open_producer(config) &&
        (state.plan.scores ? bench_scores_open(config, state.plan.breaking * state.plan.seconds)
                           : open_listener(config, &speaker)) &&
        measure(fleet, speaker);
    bench_scores_close();
    if (speaker != NULL) {
        redisFree(speaker);
    }
    if (state.listener != NULL) {
        redisFree(state.listener);
    }
    if (state.topic != NULL) {
        rd_kafka_topic_destroy(state.topic);
    }
    troth_kafka_link_close(&state.link);
    free(fleet);
    return done;
}

int main(int argc, char **argv)
{
    static struct troth_common_options common;
    struct troth_config config;
    struct plan *plan = &state.plan;
    int operands = 0;
    *plan = (struct plan){.rate = 10000, .breaking = 100, .seconds = 10, .agents = BENCH_AGENTS};
    const struct troth_option options[] = {
        {"rate", TROTH_OPTION_INTEGER, &plan->rate, 1, TROTH_FLEET_RATE_MAX},
        {"breaking", TROTH_OPTION_INTEGER, &plan->breaking, 0, 10000},
        {"seconds", TROTH_OPTION_INTEGER, &plan->seconds, 1, 600},
        {"agents", TROTH_OPTION_INTEGER, &plan->agents, 1, TROTH_FLEET_AGENTS_MAX},
        {"first", TROTH_OPTION_INTEGER, &plan->first, 0, INT64_C(1000000000)},
        {"scores", TROTH_OPTION_FLAG, &plan->scores, 0, 0},
        {"failed", TROTH_OPTION_FLAG, &plan->failed, 0, 0},
    };
    troth_message_setup("bench_visible", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_take_common(&argc, argv, &common) != TROTH_OK ||
        troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
            TROTH_OK ||
        operands != 0 ||
        plan->breaking * plan->seconds > (plan->scores ? BENCH_PROBES_MAX : NARROWINGS_MAX)) {
        fputs("usage: bench_visible [--config FILE] [--rate N] [--breaking N] [--seconds N] "
              "[--agents N] [--first N] [--scores [--failed]]; at most 1,000,000 narrowings, "
              "10,000 scores\n",
              stderr);
        return 2;
    }
    (void)snprintf(state.session, sizeof state.session, "%" PRId64, plan->first);
    common.request.environment = environ;
    const bool done = troth_config_load(&config, &common.request) == TROTH_OK && run(&config);
    troth_config_fini(&config);
    return done ? 0 : 1;
}
