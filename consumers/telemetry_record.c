#include "consumers/telemetry_record.h"

#include <stdio.h>

#include "schemas/bytes.h"

/* The engine's own records are bare, whatever framing the agents' have. */
static bool decode_own(const struct troth_framing *framing, const struct troth_log_item *item,
                       struct troth_event *event, struct troth_scratch *scratch)
{
    return troth_decode(&framing->embedded, item->value, item->value_length, event, scratch) ==
               TROTH_OK &&
           troth_telemetry_is_own(event);
}

troth_status troth_telemetry_record_read(const struct troth_framing *framing,
                                         const struct troth_log_item *item,
                                         struct troth_event *event, struct troth_scratch *scratch,
                                         struct troth_reason *reason)
{
    if (!item->has_value) {
        snprintf(reason->text, sizeof reason->text, "there is no value");
        return TROTH_UNDECODABLE;
    }
    if (!item->has_key && decode_own(framing, item, event, scratch)) {
        return TROTH_OK;
    }
    const troth_status status =
        troth_framing_decode(framing, item->value, item->value_length, event, scratch, reason);
    if (status != TROTH_OK || troth_telemetry_is_own(event)) {
        return status;
    }
    if (!item->has_key || item->key_length == 0) {
        reason->text[0] = '\0';
        return TROTH_UNKEYED;
    }
    const bool named = item->key_length == event->agent.length &&
                       troth_bytes_equal(item->key, event->agent.data, item->key_length);
    if (!named) {
        reason->text[0] = '\0';
        return TROTH_MISROUTED;
    }
    return TROTH_OK;
}
