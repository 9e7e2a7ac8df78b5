/*
 * Tries one act on Kafka and prints what the brokers say: "allowed", or "refused: ERROR" where it
 * is a matter of rights.
 *
 *   kafka_may write|read|commit|transact|create NAME <PROPERTIES
 *
 * NAME is a topic; with transact a transactional id; with commit TOPIC@GROUP. PROPERTIES are lines
 * KEY=VALUE for librdkafka. Status 0 in both cases; 2 where nothing could be tried.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 15000, STEP_MS = 200 };

static rd_kafka_resp_err_t delivered = RD_KAFKA_RESP_ERR__TIMED_OUT;

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    delivered = message->err;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char error[512];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "kafka_may: %s\n", error);
        exit(2);
    }
}

static rd_kafka_resp_err_t taken(rd_kafka_error_t *error)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

static rd_kafka_resp_err_t try_write(rd_kafka_t *client, const char *topic)
{
    char text[] = "?";
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {text, 1}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {text, 1}},
    };
    const rd_kafka_resp_err_t code =
        taken(rd_kafka_produceva(client, parts, sizeof parts / sizeof parts[0]));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return code;
    }
    (void)rd_kafka_flush(client, TIMEOUT_MS);
    return delivered;
}

/* What the brokers tell of the topic itself: one that may not even be seen is never read from. */
static rd_kafka_resp_err_t look_at(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, TIMEOUT_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code =
            metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    return code;
}

static rd_kafka_resp_err_t try_read(rd_kafka_t *client, const char *topic)
{
    const rd_kafka_resp_err_t seen = look_at(client, topic);
    if (seen != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return seen;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    (void)rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_resp_err_t code;
    do { /* the group is never joined, and whether it may be is another question */
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, TIMEOUT_MS);
        code = message != NULL ? message->err : RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
    } while (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    return code == RD_KAFKA_RESP_ERR__PARTITION_EOF ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
}

static rd_kafka_resp_err_t try_commit(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    rd_kafka_resp_err_t code = rd_kafka_commit(client, list, 0);
    /* A group's broker is found first; that this was refused comes as a message. */
    for (int waited_ms = 0; code == RD_KAFKA_RESP_ERR__WAIT_COORD && waited_ms < TIMEOUT_MS;
         waited_ms += STEP_MS) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, STEP_MS);
        code = message != NULL ? message->err : rd_kafka_commit(client, list, 0);
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
    }
    code = code == RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[0].err : code;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static rd_kafka_resp_err_t try_create(rd_kafka_t *client, const char *topic)
{
    char error[512];
    size_t count = 0;
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic, 1, 1, error, sizeof error);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &made, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    rd_kafka_resp_err_t code =
        event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_topic_result_error(rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(event), &count)[0]);
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(made);
    return code;
}

static bool is_about_rights(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: kafka_may write|read|commit|transact|create NAME <PROPERTIES\n");
        return 2;
    }
    const char *act = argv[1];
    char *name = argv[2];
    char *group = strchr(name, '@');
    const bool consumes = strcmp(act, "read") == 0 || strcmp(act, "commit") == 0;
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    set(conf, "log_level", "0");
    for (char line[1024]; fgets(line, sizeof line, stdin) != NULL;) {
        char *value = strchr(line, '=');
        if (value != NULL) {
            value[strcspn(value, "\n")] = '\0';
            *value = '\0';
            set(conf, line, value + 1);
        }
    }
    if (group != NULL) {
        *group++ = '\0';
    }
    if (consumes) {
        set(conf, "group.id", group != NULL ? group : "kafka_may");
        set(conf, "enable.auto.commit", "false");
        set(conf, "enable.partition.eof", "true");
    } else if (strcmp(act, "transact") == 0) {
        set(conf, "transactional.id", name);
    }
    rd_kafka_t *client =
        rd_kafka_new(consumes ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (client == NULL) {
        fprintf(stderr, "kafka_may: %s\n", error);
        return 2;
    }
    const rd_kafka_resp_err_t code = strcmp(act, "write") == 0    ? try_write(client, name)
                                     : strcmp(act, "read") == 0   ? try_read(client, name)
                                     : strcmp(act, "commit") == 0 ? try_commit(client, name)
                                     : strcmp(act, "create") == 0
                                         ? try_create(client, name)
                                         : taken(rd_kafka_init_transactions(client, TIMEOUT_MS));
    rd_kafka_destroy(client);
    if (is_about_rights(code)) {
        printf("refused: %s\n", rd_kafka_err2name(code));
    } else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
               code == RD_KAFKA_RESP_ERR__WAIT_COORD) {
        fprintf(stderr, "kafka_may: %s\n", rd_kafka_err2str(code));
        return 2;
    } else {
        printf("allowed%s%s\n", code != RD_KAFKA_RESP_ERR_NO_ERROR ? ": " : "",
               code != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2name(code) : "");
    }
    return 0;
}
