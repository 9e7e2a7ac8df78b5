/*
 * What may be passed through to librdkafka, and what is a secret.
 *
 * librdkafka itself is asked whether it knows a property and takes its value, so that a mistake is
 * told with the file and line in which it stands, and not when the engine connects.
 *
 * Pure functions; any thread.
 */
#ifndef TROTH_OPS_KAFKA_PROPERTY_H
#define TROTH_OPS_KAFKA_PROPERTY_H

#include <stdbool.h>
#include <stddef.h>

#include "schemas/status.h"

/* Out reason: what is wrong and what would be right, terminated, on TROTH_INVALID; it bears no
 * secret. Returns TROTH_OK or TROTH_INVALID. */
TROTH_MUST_CHECK
troth_status troth_kafka_property_check(const char *name, const char *value, char *reason,
                                        size_t capacity);

/* Returns whether a property's value is a secret, which must not be printed nor stand in argv. */
bool troth_kafka_property_is_secret(const char *name);

#endif
