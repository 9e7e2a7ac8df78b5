/* Opening of the Kafka log, and its end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "consumers/kafka/log.h"
#include "consumers/kafka/state.h"

enum { OPEN_TIMEOUT_MS = 10000, CLOSE_US = 60000000, PARTITIONS_MAX = 65536, ID_LENGTH = 1024 };

static const struct troth_kafka_property suggested[] = {
    {"client.id", "troth"},
    {"socket.nagle.disable", "true"},
    {"check.crcs", "true"},
    {"fetch.error.backoff.ms", "20"},
    {"reconnect.backoff.max.ms", "1000"},
    {"fetch.wait.max.ms", "100"}, /* what another partition is read from waits for it */
    /* As small as the caches like it, and some 20 ms of work: kafka/fetch.c sees to it that it is
     * filled again before it is empty. */
    {"queued.min.messages", "32768"},
    {"queued.max.messages.kbytes", "32768"},
};

void troth_kafka_state_destroy(struct troth_kafka_state *state)
{
    if (state == NULL) {
        return;
    }
    state->closing = true;
    troth_kafka_fetch_release(state);
    troth_kafka_back_close(state);
    troth_kafka_committer_close(state->committer);
    troth_kafka_output_close(&state->plain);
    if (state->consumer != NULL) {
        (void)rd_kafka_assign(state->consumer, NULL);
        if (state->queue != NULL) {
            rd_kafka_queue_destroy(state->queue);
        }
        /* A static member does not leave: it may be back within session.timeout.ms, and then
         * finds its partitions. */
        (void)rd_kafka_consumer_close(state->consumer);
        if (state->commit_queue != NULL) {
            rd_kafka_queue_destroy(state->commit_queue);
        }
        if (state->membership != NULL) {
            rd_kafka_consumer_group_metadata_destroy(state->membership);
        }
        for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
            if (state->reads[i] != NULL) {
                rd_kafka_topic_destroy(state->reads[i]);
            }
        }
        rd_kafka_destroy(state->consumer);
    }
    free(state->telemetry);
    free(state->standings);
    free(state->events);
    free(state);
}

/* Waits for a broker. Out embedded: whether it is librdkafka's mock. */
static troth_status reach(struct troth_kafka_state *state, bool *embedded, char *error, size_t size)
{
    if (troth_kafka_is_embedded(state->plain.client, OPEN_TIMEOUT_MS, embedded)) {
        return TROTH_OK;
    }
    (void)rd_kafka_poll(state->plain.client, 0); /* serves the error callback, which knows more */
    (void)snprintf(error, size, "no broker has answered within %d s; %.400s",
                   OPEN_TIMEOUT_MS / 1000, state->plain.error);
    return TROTH_UNREACHABLE;
}

static bool is_static(const struct troth_kafka_config *config)
{
    return config->instance != NULL && config->instance[0] != '\0';
}

static troth_status consumer_open(struct troth_kafka_state *state,
                                  const struct troth_kafka_config *config, bool embedded,
                                  char *error, size_t size)
{
    /* The embedded broker knows no static members: one that comes back would wait for the session
     * of its own ghost to end. */
    bool fixed = is_static(config) && !embedded;
    const struct troth_kafka_property needed[] = {
        {"group.id", config->group},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "error"},
        /* 2.0.2's cooperative assignor can crash, hang or lose an assignment. */
        {"partition.assignment.strategy", "range"},
        {"allow.auto.create.topics", "false"},
        {"group.instance.id", fixed ? config->instance : ""},
    };
    size_t needed_count = sizeof(needed) / sizeof(needed[0]) - (fixed ? 0 : 1);
    rd_kafka_conf_t *conf;
    troth_status status = troth_kafka_conf_create(
        (struct troth_kafka_properties){suggested, sizeof(suggested) / sizeof(suggested[0])},
        config->properties, (struct troth_kafka_properties){needed, needed_count}, &state->voice,
        &conf, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    rd_kafka_conf_set_rebalance_cb(conf, troth_kafka_assignment_on_rebalance);
    rd_kafka_conf_set_error_cb(conf, troth_kafka_log_on_error);
    state->consumer = troth_kafka_client_create(RD_KAFKA_CONSUMER, conf, error, size);
    if (state->consumer == NULL) {
        return TROTH_INVALID;
    }
    (void)rd_kafka_poll_set_consumer(state->consumer);
    troth_kafka_fetch_setup(state);
    state->queue = rd_kafka_queue_get_consumer(state->consumer);
    state->commit_queue = rd_kafka_queue_new(state->consumer);
    return state->queue != NULL && state->commit_queue != NULL ? TROTH_OK : TROTH_NO_MEMORY;
}

/* The producer whose records stand in the log with the offsets that they came of, or not at all. */
static troth_status transactions_open(struct troth_kafka_state *state,
                                      const struct troth_kafka_config *config,
                                      const char *partitioner, char *error, size_t size)
{
    char id[ID_LENGTH];
    char number[24] = "";
    if (!is_static(config)) { /* nobody comes back under its name, so nobody is to be fenced */
        (void)snprintf(number, sizeof(number), "%08" PRIx32 "%08" PRIx32, randombytes_random(),
                       randombytes_random());
    }
    /* The prefix first: so a rule for all that begins with it gives the right to write. */
    const int length = snprintf(id, sizeof(id), "%s.%s.%s", config->prefix, config->group,
                                is_static(config) ? config->instance : number);
    if (length < 0 || (size_t)length >= sizeof(id)) {
        (void)snprintf(error, size,
                       "prefix, group and instance have more than %d bytes together; shorten one",
                       ID_LENGTH - 3);
        return TROTH_INVALID;
    }
    const struct troth_kafka_committer_config committer = {.consumer = state->consumer,
                                                           .wake = state->queue,
                                                           .names = state->names,
                                                           .properties = config->properties,
                                                           .partitioner = partitioner,
                                                           .id = id,
                                                           .voice = state->voice};
    return troth_kafka_committer_open(&committer, &state->committer, error, size);
}

/* Out partitions: of a topic that is read, in the consumer's eyes. */
static troth_status topic_open(struct troth_kafka_state *state, enum troth_topic topic,
                               int32_t *partitions, char *error, size_t size)
{
    const char *name = state->names[topic];
    /* A handle for as long as we live: records are told apart by it, not by their topic's name. */
    state->reads[topic] = rd_kafka_topic_new(state->consumer, name, NULL);
    if (state->reads[topic] == NULL) {
        (void)snprintf(error, size, "topic %s: %s", name,
                       troth_kafka_explain(rd_kafka_last_error()));
        return TROTH_INVALID;
    }
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(state->consumer, 0, state->reads[topic], &metadata, OPEN_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(error, size, "topic %s: %s", name, troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    *partitions = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || *partitions < 1 || *partitions > PARTITIONS_MAX) {
        (void)snprintf(error, size, "topic %s: %s; `troth topics create` makes what is missing",
                       name, troth_kafka_explain(code));
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? TROTH_NOT_FOUND : troth_kafka_status(code);
    }
    return TROTH_OK;
}

static troth_status control_open(struct troth_kafka_state *state, enum troth_topic topic,
                                 char *error, size_t size)
{
    int32_t partitions = 0;
    troth_status status = topic_open(state, topic, &partitions, error, size);
    if (status != TROTH_OK) {
        return status;
    }
    if (partitions != 1) {
        (void)snprintf(error, size, "%s has %" PRId32 " partitions; it must have 1",
                       state->names[topic], partitions);
        return TROTH_REFUSED;
    }
    struct troth_kafka_reading *reading = &state->control[topic];
    rd_kafka_resp_err_t code = troth_kafka_reading_extent(state, topic, 0, OPEN_TIMEOUT_MS * 1000,
                                                          &reading->next, &reading->end);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(error, size, "%s: %s", state->names[topic], troth_kafka_explain(code));
        return troth_kafka_status(code);
    }
    reading->assigned = true;
    reading->started = true;
    return TROTH_OK;
}

static troth_status tables_open(struct troth_kafka_state *state)
{
    size_t partitions = (size_t)state->partition_count;
    state->event_capacity = 2 * partitions + TROTH_TOPIC_COUNT;
    state->telemetry = calloc(partitions, sizeof(*state->telemetry));
    state->standings = calloc(partitions, sizeof(*state->standings));
    state->events = calloc(state->event_capacity, sizeof(*state->events));
    return state->telemetry != NULL && state->standings != NULL && state->events != NULL
               ? TROTH_OK
               : TROTH_NO_MEMORY;
}

/* The standings follow telemetry, partition by partition. */
static troth_status standings_open(struct troth_kafka_state *state, char *error, size_t size)
{
    int32_t partitions = 0;
    const troth_status status = topic_open(state, TROTH_TOPIC_STANDINGS, &partitions, error, size);
    if (status == TROTH_OK && partitions != state->partition_count) {
        (void)snprintf(error, size,
                       "%s has %" PRId32 " partitions and %s has %" PRId32
                       "; they must have as many: see `troth topics check`",
                       state->names[TROTH_TOPIC_STANDINGS], partitions,
                       state->names[TROTH_TOPIC_TELEMETRY], state->partition_count);
        return TROTH_REFUSED;
    }
    return status;
}

static troth_status join(struct troth_kafka_state *state, char *error, size_t size)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, state->names[TROTH_TOPIC_TELEMETRY],
                                      RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(state->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(error, size, "subscribe: %s", troth_kafka_explain(code));
    }
    return troth_kafka_status(code);
}

static troth_status open_all(struct troth_kafka_state *state,
                             const struct troth_kafka_config *config, char *error, size_t size)
{
    const char *partitioner = config->partitioner == NULL ? "murmur2_random" : config->partitioner;
    for (int i = 0; i < TROTH_TOPIC_COUNT; i++) {
        int length = snprintf(state->names[i], sizeof(state->names[i]), "%s.%s", config->prefix,
                              troth_topic_name((enum troth_topic)i));
        if (length < 0 || (size_t)length >= sizeof(state->names[i])) {
            (void)snprintf(error, size, "the prefix of the topics is too long");
            return TROTH_INVALID;
        }
    }
    state->plain.voice = config->voice;
    bool embedded = false;
    bool plain = false; /* there are no transactions */
    const struct troth_kafka_property needed[] = {{"partitioner", partitioner}};
    troth_status status =
        troth_kafka_output_open(&state->plain, state->names, config->properties,
                                (struct troth_kafka_properties){needed, 1}, error, size);
    if (status == TROTH_OK) {
        status = reach(state, &embedded, error, size);
    }
    if (status == TROTH_OK) {
        status = consumer_open(state, config, embedded, error, size);
    }
    plain = embedded || config->at_least_once;
    if (status == TROTH_OK && !plain) {
        status = transactions_open(state, config, partitioner, error, size);
    }
    if (status == TROTH_OK) {
        status = topic_open(state, TROTH_TOPIC_TELEMETRY, &state->partition_count, error, size);
    }
    if (status == TROTH_OK) {
        status = tables_open(state);
    }
    if (plain || !config->keep_standings) {
        state->log.recall = NULL;
    } else if (status == TROTH_OK) {
        status = standings_open(state, error, size);
    }
    if (status == TROTH_OK && config->read_contracts) {
        status = control_open(state, TROTH_TOPIC_CONTRACTS, error, size);
    }
    if (status == TROTH_OK && config->read_decisions) {
        status = control_open(state, TROTH_TOPIC_DECISIONS, error, size);
    }
    return status == TROTH_OK ? join(state, error, size) : status;
}

troth_status troth_kafka_log_open(const struct troth_kafka_config *config, struct troth_log **log,
                                  char *error, size_t size)
{
    struct troth_kafka_state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        (void)snprintf(error, size, "no memory for the log");
        return TROTH_NO_MEMORY;
    }
    state->voice = config->voice;
    state->create_time = config->create_time;
    state->close_us = CLOSE_US;
    state->log = troth_kafka_log_calls;
    troth_status status = open_all(state, config, error, size);
    if (status != TROTH_OK) {
        if (status == TROTH_NO_MEMORY) {
            (void)snprintf(error, size, "no memory for the log");
        }
        troth_kafka_state_destroy(state);
        return status;
    }
    *log = &state->log;
    return TROTH_OK;
}
