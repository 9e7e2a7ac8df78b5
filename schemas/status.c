#include "schemas/status.h"

#define NAME_OF(NAME, text, meaning)    text,
#define MEANING_OF(NAME, text, meaning) meaning,

static const char *const names[] = {TROTH_STATUSES(NAME_OF)};
static const char *const meanings[] = {TROTH_STATUSES(MEANING_OF)};

const char *troth_status_name(troth_status status)
{
    return (unsigned)status < TROTH_STATUS_COUNT ? names[status] : "unknown";
}

const char *troth_status_meaning(troth_status status)
{
    return (unsigned)status < TROTH_STATUS_COUNT ? meanings[status] : "unknown status";
}
