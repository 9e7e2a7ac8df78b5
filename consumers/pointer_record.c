#include "consumers/pointer_record.h"

#include <string.h>

static const unsigned topics[] = {TROTH_TOPIC_CONTRACTS, TROTH_TOPIC_DECISIONS};

/* Reads an offset: digits alone, at most 18. Returns -1 where it is none. */
static int64_t read_offset(struct troth_text text)
{
    int64_t offset = 0;
    if (text.length == 0 || text.length > 18) {
        return -1;
    }
    for (uint32_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        offset = offset * 10 + (text.data[i] - '0');
    }
    return offset;
}

static bool is_text(struct troth_text text, const char *expected)
{
    return text.length == strlen(expected) && memcmp(text.data, expected, text.length) == 0;
}

struct troth_pointer troth_pointer_of(const struct troth_event *event)
{
    struct troth_pointer pointer = {TROTH_TOPIC_COUNT, -1};
    for (unsigned i = 0; i < event->attribute_count; i++) {
        const struct troth_attribute *a = &event->attributes[i];
        if (is_text(a->name, "offset")) {
            pointer.offset = read_offset(a->value);
        }
        for (unsigned t = 0; is_text(a->name, "topic") && t < sizeof topics / sizeof *topics; t++) {
            if (is_text(a->value, troth_topic_name((enum troth_topic)topics[t]))) {
                pointer.topic = topics[t];
            }
        }
    }
    if (pointer.offset < 0) {
        pointer.topic = TROTH_TOPIC_COUNT;
    }
    return pointer;
}
