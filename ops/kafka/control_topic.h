/*
 * Reads a control topic, contracts or decisions, whole: from its first record to what is its end
 * when that is reached.
 *
 * Threads: one. Memory: a record lives until the function that it is given to returns.
 */
#ifndef TROTH_OPS_KAFKA_CONTROL_TOPIC_H
#define TROTH_OPS_KAFKA_CONTROL_TOPIC_H

#include <stdbool.h>

#include "consumers/control_record.h"
#include "consumers/kafka/client.h"
#include "ops/config/config.h"
#include "schemas/status.h"

/*
 * In suffix: of the topic, as "contracts". In take: is given each record in order, with its
 * signatures; false: there is
 * no memory to go on. Out error: TROTH_KAFKA_ERROR_LENGTH bytes: why it failed and what would be
 * right. Returns TROTH_OK, TROTH_INVALID, TROTH_UNREACHABLE, TROTH_NOT_FOUND (no such topic),
 * TROTH_TIMED_OUT, TROTH_REFUSED or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_control_topic_read(const struct troth_config *config, const char *suffix,
                                      bool (*take)(void *context,
                                                   const struct troth_control_record *record),
                                      void *context, char *error);

#endif
