#include "consumers/avro/framing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/avro/encode.h"
#include "schemas/avsc.h"

#define NAME_OF(NAME, text) text,
static const char *const framing_names[] = {TROTH_FRAMINGS(NAME_OF)};
#undef NAME_OF

int troth_framing_find(const char *name, size_t length)
{
    for (int i = 0; i < (int)TROTH_FRAMING_COUNT; i++) {
        if (strlen(framing_names[i]) == length && memcmp(framing_names[i], name, length) == 0) {
            return i;
        }
    }
    return -1;
}

const char *troth_framing_name(unsigned framing)
{
    return framing < TROTH_FRAMING_COUNT ? framing_names[framing] : NULL;
}

troth_status troth_framing_init(struct troth_framing *framing, enum troth_framing_kind accepted)
{
    struct troth_plan_problem problem;
    memset(framing, 0, sizeof *framing);
    framing->accepted = (uint8_t)accepted;
    return troth_plan_compile(troth_avsc_agent_event, troth_avsc_agent_event_length,
                              &framing->embedded, &problem);
}

/* Returns the plan that a schema id is mapped to, or NULL. */
static const struct troth_plan *find_id(const struct troth_framing *framing, uint32_t id)
{
    for (unsigned i = 0; i < framing->writer_count; i++) {
        if (framing->has_ids[i] && framing->ids[i] == id) {
            return &framing->writers[i];
        }
    }
    return NULL;
}

static const struct troth_plan *find_fingerprint(const struct troth_framing *framing,
                                                 uint64_t fingerprint)
{
    if (framing->embedded.fingerprint == fingerprint) {
        return &framing->embedded;
    }
    for (unsigned i = 0; i < framing->writer_count; i++) {
        if (framing->writers[i].fingerprint == fingerprint) {
            return &framing->writers[i];
        }
    }
    return NULL;
}

troth_status troth_framing_add(struct troth_framing *framing, const uint32_t *schema_id,
                               const char *writer, size_t length,
                               struct troth_plan_problem *problem)
{
    unsigned index = framing->writer_count;
    if (index == TROTH_WRITERS_MAX) {
        (void)snprintf(problem->text, sizeof problem->text, "more than %d writers' schemas",
                       TROTH_WRITERS_MAX);
        return TROTH_OVER_LIMIT;
    }
    if (schema_id != NULL && find_id(framing, *schema_id) != NULL) {
        (void)snprintf(problem->text, sizeof problem->text, "schema id %" PRIu32 " is mapped twice",
                       *schema_id);
        return TROTH_INVALID;
    }
    if (writer == NULL) {
        framing->writers[index] = framing->embedded;
        problem->text[0] = '\0';
    } else {
        troth_status status = troth_plan_compile(writer, length, &framing->writers[index], problem);
        if (status != TROTH_OK) {
            return status;
        }
    }
    framing->has_ids[index] = schema_id != NULL;
    framing->ids[index] = schema_id != NULL ? *schema_id : 0;
    framing->writer_count++;
    return TROTH_OK;
}

/* What the first bytes say, read as a header. */
struct header {
    enum troth_framing_kind kind;  /* BARE: they are no header that is accepted */
    const struct troth_plan *plan; /* NULL: the schema is not known */
    size_t length;
    uint32_t id;
    uint64_t fingerprint;
};

static struct header read_header(const struct troth_framing *framing, const uint8_t *bytes,
                                 size_t length)
{
    bool any = framing->accepted == TROTH_FRAMING_ANY;
    struct header header = {.kind = TROTH_FRAMING_BARE};
    if ((any || framing->accepted == TROTH_FRAMING_CONFLUENT) &&
        length >= TROTH_CONFLUENT_HEADER_LENGTH && bytes[0] == 0x00) {
        header.kind = TROTH_FRAMING_CONFLUENT;
        header.length = TROTH_CONFLUENT_HEADER_LENGTH;
        for (unsigned i = 1; i < TROTH_CONFLUENT_HEADER_LENGTH; i++) {
            header.id = header.id << 8 | bytes[i];
        }
        header.plan = find_id(framing, header.id);
    } else if ((any || framing->accepted == TROTH_FRAMING_SINGLE_OBJECT) &&
               length >= TROTH_SINGLE_OBJECT_HEADER_LENGTH && bytes[0] == 0xc3 &&
               bytes[1] == 0x01) {
        header.kind = TROTH_FRAMING_SINGLE_OBJECT;
        header.length = TROTH_SINGLE_OBJECT_HEADER_LENGTH;
        for (unsigned i = 0; i < 8; i++) {
            header.fingerprint |= (uint64_t)bytes[2 + i] << 8 * i;
        }
        header.plan = find_fingerprint(framing, header.fingerprint);
    }
    return header;
}

static void tell_field(const char *reading, troth_status status,
                       const struct troth_scratch *scratch, struct troth_reason *reason)
{
    const char *field = troth_field_name(scratch->failed_field);
    (void)snprintf(reason->text, sizeof reason->text, "read as %s, %s%s%s: %s", reading,
                   field == NULL ? "the record" : "the field `", field == NULL ? "" : field,
                   field == NULL ? "" : "`", troth_status_meaning(status));
}

static void tell_unknown(const struct header *header, struct troth_reason *reason)
{
    if (header->kind == TROTH_FRAMING_CONFLUENT) {
        (void)snprintf(reason->text, sizeof reason->text,
                       "schema id %" PRIu32 " is not mapped; give the writer's .avsc in the "
                       "configuration, as in `schemas: {%" PRIu32 ": writer.avsc}`",
                       header->id, header->id);
    } else {
        (void)snprintf(reason->text, sizeof reason->text,
                       "fingerprint %016" PRIx64 " is not known; give the writer's .avsc in the "
                       "configuration, under `schemas`",
                       header->fingerprint);
    }
}

/* Reads what follows a header, or refuses a record without the header that must be there. */
static troth_status decode_framed(const struct troth_framing *framing, const struct header *header,
                                  const uint8_t *bytes, size_t length, struct troth_event *event,
                                  struct troth_scratch *scratch, struct troth_reason *reason)
{
    if (header->kind == TROTH_FRAMING_BARE) {
        (void)snprintf(reason->text, sizeof reason->text, "the record has no %s header",
                       framing_names[framing->accepted]);
        return TROTH_UNDECODABLE;
    }
    if (header->plan == NULL) {
        tell_unknown(header, reason);
        return TROTH_UNDECODABLE;
    }
    troth_status status =
        troth_decode(header->plan, bytes + header->length, length - header->length, event, scratch);
    if (status != TROTH_OK) {
        tell_field(framing_names[header->kind], status, scratch, reason);
    }
    return status;
}

troth_status troth_framing_decode(const struct troth_framing *framing, const void *bytes,
                                  size_t length, struct troth_event *event,
                                  struct troth_scratch *scratch, struct troth_reason *reason)
{
    if (length == 0) {
        (void)snprintf(reason->text, sizeof reason->text, "the record has no value");
        return TROTH_UNDECODABLE;
    }
    struct header header = read_header(framing, bytes, length);
    bool bare_accepted =
        framing->accepted == TROTH_FRAMING_BARE || framing->accepted == TROTH_FRAMING_ANY;
    bool has_header = header.kind != TROTH_FRAMING_BARE;
    troth_status framed = TROTH_UNDECODABLE;
    if (has_header || !bare_accepted) {
        framed = decode_framed(framing, &header, bytes, length, event, scratch, reason);
        if (framed == TROTH_OK || !bare_accepted) {
            return framed;
        }
    }
    troth_status bare = troth_decode(&framing->embedded, bytes, length, event, scratch);
    if (bare == TROTH_OK) {
        return TROTH_OK;
    }
    if (has_header && (framed != TROTH_UNDECODABLE || bare == TROTH_UNDECODABLE)) {
        return framed; /* and its reason */
    }
    tell_field(framing_names[TROTH_FRAMING_BARE], bare, scratch, reason);
    return bare;
}
