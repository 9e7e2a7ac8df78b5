/*
 * The table of parameters: one row gives a parameter's key, type, default, limits and help.
 *
 * To add a parameter: a member of struct troth_config, a row in ops/config/parameters.c. Its flag,
 * its variable of the environment, its check, its help and its place in the example file follow.
 *
 * Threads: the table is constant. Memory: a set text is allocated and owned by the configuration.
 */
#ifndef TROTH_OPS_CONFIG_PARAMETERS_H
#define TROTH_OPS_CONFIG_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/config/config.h"

enum troth_parameter_type {
    TROTH_PARAMETER_TEXT,
    TROTH_PARAMETER_INTEGER,
    TROTH_PARAMETER_DURATION,
    TROTH_PARAMETER_ENUM,
    TROTH_PARAMETER_MAP
};

struct troth_parameter {
    const char *key; /* as redis.address */
    enum troth_parameter_type type;
    size_t offset;       /* of the member of struct troth_config */
    const char *initial; /* the default, as it would be written; NULL: none (maps) */
    int64_t low;         /* integers, and durations in microseconds */
    int64_t high;
    const char *const *names; /* of an enumeration, by value, NULL-terminated */
    /* Texts and entries of maps: returns whether the text will do; NULL: any will. For an entry
     * both are given, for a text name is NULL. */
    bool (*accepts)(const char *name, const char *value);
    const char *right;   /* what would be right, after "expected "; NULL: follows from the type */
    const char *derived; /* what an empty default stands for, as "the host's name"; or NULL */
    const char *example; /* maps: an entry for the example file, as "bootstrap.servers: ..." */
    const char *help;    /* one or two sentences */
};

enum { TROTH_PARAMETER_REASON_LENGTH = 512 };

/* Returns the table. Out count: its rows, at most TROTH_CONFIG_PARAMETERS_MAX. */
const struct troth_parameter *troth_parameters(size_t *count);

/* Finds a row by its key; dashes, underscores, dots and case are alike. Returns NULL: none. */
const struct troth_parameter *troth_parameter_find(const char *key, size_t length);

/* Returns the key nearest to what was written, or NULL. */
const char *troth_parameter_nearest(const char *key);

/*
 * Sets a parameter, or in `entry` one entry of a map (else NULL).
 * Out reason: what is wrong and what would be right, on TROTH_INVALID.
 * Returns TROTH_OK, TROTH_INVALID or TROTH_FULL (a map with too many entries; with a reason too).
 */
TROTH_MUST_CHECK
troth_status troth_parameter_set(struct troth_config *config,
                                 const struct troth_parameter *parameter, const char *entry,
                                 const char *value, enum troth_config_source source,
                                 char reason[TROTH_PARAMETER_REASON_LENGTH]);

/* Writes a value as it would be configured; not for maps. Returns text in buffer or of the
 * configuration. In buffer: at least TROTH_PARSE_TEXT_MAX bytes. */
const char *troth_parameter_write(const struct troth_config *config,
                                  const struct troth_parameter *parameter, char *buffer);

/* Writes what values are right, as "an integer from 1 to 64". Returns buffer. */
const char *troth_parameter_right(const struct troth_parameter *parameter, char *buffer,
                                  size_t capacity);

/* Access to a member by its row. */
int64_t *troth_parameter_integer(struct troth_config *config,
                                 const struct troth_parameter *parameter);
char **troth_parameter_text(struct troth_config *config, const struct troth_parameter *parameter);
struct troth_config_map *troth_parameter_map(struct troth_config *config,
                                             const struct troth_parameter *parameter);

#endif
