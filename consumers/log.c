#include "consumers/log.h"

#define NAME_OF(NAME, text, written) text,
static const char *const names[] = {TROTH_TOPICS(NAME_OF)};

const char *troth_topic_name(enum troth_topic topic)
{
    return names[topic];
}
