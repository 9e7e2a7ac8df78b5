#include "schemas/event.h"

#include <string.h>

#define NAME_OF(NAME, text)             text,
#define NAME_OF_FIELD(NAME, text, type) text,
#define TYPE_OF_FIELD(NAME, text, type) TROTH_TYPE_##type,

static const char *const kind_names[] = {TROTH_KINDS(NAME_OF)};
static const char *const outcome_names[] = {TROTH_OUTCOMES(NAME_OF)};
static const char *const source_names[] = {TROTH_SOURCES(NAME_OF)};
static const char *const rescue_names[] = {TROTH_RESCUES(NAME_OF)};
static const char *const field_names[] = {TROTH_FIELDS(NAME_OF_FIELD)};
static const enum troth_field_type field_types[] = {TROTH_FIELDS(TYPE_OF_FIELD)};

static int find(const char *const *names, int count, const char *name, size_t length)
{
    for (int i = 0; i < count; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return i;
        }
    }
    return -1;
}

/* One pair of name and find per enumeration. */
#define TABLE(noun, COUNT)                                                                         \
    const char *troth_##noun##_name(unsigned noun)                                                 \
    {                                                                                              \
        return noun < (COUNT) ? noun##_names[noun] : NULL;                                         \
    }                                                                                              \
    int troth_##noun##_find(const char *name, size_t length)                                       \
    {                                                                                              \
        return find(noun##_names, (int)(COUNT), name, length);                                     \
    }

TABLE(kind, TROTH_KIND_COUNT)
TABLE(outcome, TROTH_OUTCOME_COUNT)
TABLE(source, TROTH_SOURCE_COUNT)
TABLE(rescue, TROTH_RESCUE_COUNT)
TABLE(field, TROTH_FIELD_COUNT)

enum troth_field_type troth_field_type(unsigned field)
{
    return field_types[field];
}
