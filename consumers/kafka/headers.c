/* Headers of records of control topics, read where they are asked for: telemetry's never are. */
#include <string.h>

#include "consumers/kafka/state.h"

size_t troth_kafka_headers(const rd_kafka_message_t *message, const char *name,
                           struct troth_log_header *headers, size_t capacity)
{
    rd_kafka_headers_t *list = NULL;
    size_t count = 0;
    const void *value = NULL;
    size_t length = 0;
    if (rd_kafka_message_headers(message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0; /* none, or what cannot be parsed */
    }
    while (rd_kafka_header_get(list, count, name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (count < capacity) {
            headers[count] =
                (struct troth_log_header){.name = name, .value = value, .value_length = length};
        }
        count++;
    }
    return count;
}

/* Records are mostly asked for in the order in which they are held, so the search goes on from the
 * last one. */
size_t troth_kafka_log_headers(struct troth_log *log, const struct troth_log_item *item,
                               const char *name, struct troth_log_header *headers, size_t capacity)
{
    struct troth_kafka_state *state = troth_kafka_state_of(log);
    for (size_t i = 0; i < state->held_count; i++) {
        const size_t at = (state->asked + i) % state->held_count;
        const rd_kafka_message_t *message = state->held[at];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset == item->offset &&
            message->partition == item->partition && message->rkt == state->reads[item->topic]) {
            state->asked = at;
            return troth_kafka_headers(message, name, headers, capacity);
        }
    }
    return 0;
}
