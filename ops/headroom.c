#include "ops/headroom.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    REACH_TIMEOUT_MS = 10000,
    LOOK_TIMEOUT_MS = 5000,
    LOOK_EVERY_MS = 20,
    OVERHEAD_BYTES = 100, /* of a record that is a batch of its own: 61, and its own fields */
    SENT_BYTES_MAX = 1 << 20,
    UNREAD_BYTES_MAX = 2 << 20
};

/* What a look has seen. */
struct look {
    uint64_t unread_bytes; /* of the fullest partition, at most */
    int64_t committed;     /* sum over partitions: grows while the group reads */
};

troth_status troth_headroom_open(struct troth_headroom *headroom,
                                 struct troth_kafka_properties properties, const char *topic,
                                 int32_t partitions, const char *group)
{
    const struct troth_kafka_property needed[] = {{"group.id", group},
                                                  {"enable.auto.commit", "false"},
                                                  {"allow.auto.create.topics", "false"}};
    memset(headroom, 0, sizeof(*headroom));
    (void)snprintf(headroom->topic, sizeof(headroom->topic), "%s", topic);
    (void)snprintf(headroom->group, sizeof(headroom->group), "%s", group);
    headroom->partitions = partitions;
    rd_kafka_conf_t *conf;
    troth_status status =
        troth_kafka_conf_create((struct troth_kafka_properties){NULL, 0}, properties,
                                (struct troth_kafka_properties){needed, 3}, &headroom->voice, &conf,
                                headroom->error, sizeof(headroom->error));
    if (status != TROTH_OK) {
        return status;
    }
    headroom->client = troth_kafka_client_create(RD_KAFKA_CONSUMER, conf, headroom->error,
                                                 sizeof(headroom->error));
    if (headroom->client == NULL) {
        return TROTH_INVALID;
    }
    bool embedded = false;
    if (!troth_kafka_is_embedded(headroom->client, REACH_TIMEOUT_MS, &embedded)) {
        (void)snprintf(headroom->error, sizeof(headroom->error), "no broker has answered");
        status = TROTH_UNREACHABLE;
    }
    if (!embedded) {
        troth_headroom_close(headroom);
    }
    return status;
}

void troth_headroom_close(struct troth_headroom *headroom)
{
    if (headroom->client != NULL) {
        rd_kafka_destroy(headroom->client);
        headroom->client = NULL;
    }
}

bool troth_headroom_count(struct troth_headroom *headroom, size_t bytes)
{
    if (headroom->client == NULL) {
        return false;
    }
    uint64_t size = bytes + OVERHEAD_BYTES;
    headroom->record_bytes = size > headroom->record_bytes ? size : headroom->record_bytes;
    headroom->sent_bytes += size;
    return headroom->sent_bytes >= SENT_BYTES_MAX;
}

/* Out list: the group's offsets of all partitions. */
static rd_kafka_resp_err_t read_committed(const struct troth_headroom *headroom,
                                          rd_kafka_topic_partition_list_t *list)
{
    for (int32_t p = 0; p < headroom->partitions; p++) {
        rd_kafka_topic_partition_list_add(list, headroom->topic, p);
    }
    return rd_kafka_committed(headroom->client, list, LOOK_TIMEOUT_MS);
}

static troth_status look_at(struct troth_headroom *headroom, struct look *look)
{
    *look = (struct look){0};
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(headroom->partitions);
    rd_kafka_resp_err_t code = read_committed(headroom, list);
    uint64_t lost = 0;
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
        int64_t low = 0;
        int64_t high = 0;
        code = troth_kafka_watermarks(headroom->client, headroom->topic, list->elems[i].partition,
                                      LOOK_TIMEOUT_MS, &low, &high);
        int64_t read = list->elems[i].offset >= 0 ? list->elems[i].offset : 0;
        uint64_t unread = high > read ? (uint64_t)(high - read) * headroom->record_bytes : 0;
        look->unread_bytes = unread > look->unread_bytes ? unread : look->unread_bytes;
        look->committed += read;
        lost += low > read ? (uint64_t)(low - read) : 0;
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(headroom->error, sizeof(headroom->error), "group %s: %s", headroom->group,
                       troth_kafka_explain(code));
        troth_status status = troth_kafka_status(code);
        return status == TROTH_TIMED_OUT ? TROTH_UNREACHABLE : status;
    }
    headroom->lost = lost;
    return TROTH_OK;
}

troth_status troth_headroom_wait(struct troth_headroom *headroom, int64_t timeout_us)
{
    int64_t since_us = troth_kafka_monotonic_us();
    int64_t committed = -1;
    while (headroom->client != NULL) {
        struct look look;
        troth_status status = look_at(headroom, &look);
        if (status != TROTH_OK) {
            return status;
        }
        if (headroom->lost > 0) {
            (void)snprintf(headroom->error, sizeof(headroom->error),
                           "the embedded broker has dropped %" PRIu64
                           " records of %.100s that group %.100s had not read",
                           headroom->lost, headroom->topic, headroom->group);
            return TROTH_REFUSED;
        }
        if (look.unread_bytes <= UNREAD_BYTES_MAX) {
            headroom->sent_bytes = 0;
            return TROTH_OK;
        }
        int64_t now_us = troth_kafka_monotonic_us();
        if (look.committed != committed) {
            committed = look.committed;
            since_us = now_us;
        } else if (now_us - since_us >= timeout_us) {
            (void)snprintf(headroom->error, sizeof(headroom->error),
                           "the embedded broker is full of what group %s has not read; does "
                           "trothd run?",
                           headroom->group);
            return TROTH_TIMED_OUT;
        }
        (void)rd_kafka_poll(headroom->client, LOOK_EVERY_MS);
    }
    return TROTH_OK;
}
