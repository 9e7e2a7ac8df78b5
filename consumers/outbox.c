#include "consumers/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "schemas/assert.h"

/* What stands before a record's bytes. */
struct head {
    int64_t timestamp_us;
    uint64_t key_length;
    uint64_t value_length;
    int32_t partition;
    uint8_t topic;
    uint8_t header_count;
    bool has_key;
    bool has_value;
};

troth_status troth_outbox_init(struct troth_outbox *outbox, size_t size)
{
    uint8_t *block = malloc(size);
    if (block == NULL) {
        return TROTH_NO_MEMORY;
    }
    *outbox = (struct troth_outbox){.block = block, .size = size};
    return TROTH_OK;
}

void troth_outbox_fini(struct troth_outbox *outbox)
{
    free(outbox->block);
    *outbox = (struct troth_outbox){0};
}

void troth_outbox_clear(struct troth_outbox *outbox)
{
    outbox->used = 0;
}

/* ---- In. ---- */

static size_t size_of(const struct troth_log_record *record)
{
    size_t size = sizeof(struct head);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct troth_log_header *header = &record->headers[i];
        size += strlen(header->name) + 1 + sizeof header->value_length + header->value_length;
    }
    size += record->key != NULL ? record->key_length : 0;
    return size + (record->value != NULL ? record->value_length : 0);
}

static void put(struct troth_outbox *outbox, const void *data, size_t length)
{
    if (length > 0) {
        memcpy(outbox->block + outbox->used, data, length);
        outbox->used += length;
    }
}

bool troth_outbox_fits(const struct troth_outbox *outbox, const struct troth_log_record *record)
{
    return size_of(record) <= outbox->size;
}

bool troth_outbox_put(struct troth_outbox *outbox, const struct troth_log_record *record)
{
    TROTH_ASSERT(record->header_count <= TROTH_HEADERS_MAX);
    if (size_of(record) > outbox->size - outbox->used) {
        return false;
    }
    const struct head head = {.timestamp_us = record->timestamp_us,
                              .key_length = record->key != NULL ? record->key_length : 0,
                              .value_length = record->value != NULL ? record->value_length : 0,
                              .partition = record->partition,
                              .topic = (uint8_t)record->topic,
                              .header_count = (uint8_t)record->header_count,
                              .has_key = record->key != NULL,
                              .has_value = record->value != NULL};
    put(outbox, &head, sizeof head);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct troth_log_header *header = &record->headers[i];
        put(outbox, header->name, strlen(header->name) + 1);
        put(outbox, &header->value_length, sizeof header->value_length);
        put(outbox, header->value, header->value_length);
    }
    put(outbox, record->key, head.key_length);
    put(outbox, record->value, head.value_length);
    return true;
}

/* ---- Out. ---- */

static const void *take(const struct troth_outbox *outbox, size_t *place, size_t length)
{
    const uint8_t *data = outbox->block + *place;
    *place += length;
    TROTH_ASSERT(*place <= outbox->used);
    return data;
}

size_t troth_outbox_read(const struct troth_outbox *outbox, size_t place,
                         struct troth_outbox_record *record)
{
    struct head head;
    if (place >= outbox->used) {
        return 0;
    }
    memcpy(&head, take(outbox, &place, sizeof head), sizeof head);
    for (size_t i = 0; i < head.header_count; i++) {
        struct troth_log_header *header = &record->headers[i];
        header->name = (const char *)outbox->block + place;
        (void)take(outbox, &place, strlen(header->name) + 1);
        memcpy(&header->value_length, take(outbox, &place, sizeof header->value_length),
               sizeof header->value_length);
        header->value = take(outbox, &place, header->value_length);
    }
    const char *key = take(outbox, &place, head.key_length);
    const char *value = take(outbox, &place, head.value_length);
    record->record = (struct troth_log_record){.topic = (enum troth_topic)head.topic,
                                               .partition = head.partition,
                                               .timestamp_us = head.timestamp_us,
                                               .key = head.has_key ? key : NULL,
                                               .key_length = head.key_length,
                                               .value = head.has_value ? value : NULL,
                                               .value_length = head.value_length,
                                               .headers = record->headers,
                                               .header_count = head.header_count};
    return place;
}
