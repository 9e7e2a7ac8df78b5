/* The writers' schemas of the configuration, compiled for the decoder. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/config/config.h"
#include "ops/config/parse.h"

enum {
    SCHEMA_LENGTH_MAX = 1024 * 1024
}; /* bytes of one .avsc file; the plan's own limit is less */

/* Reads a file. Returns it, to be freed, or NULL with errno set. */
static char *read_schema(const char *path, size_t *length)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *text = malloc(SCHEMA_LENGTH_MAX + 1);
    *length = text != NULL ? fread(text, 1, SCHEMA_LENGTH_MAX + 1, file) : 0;
    int wrong = text == NULL || ferror(file) != 0 ? EIO : 0;
    wrong = *length > SCHEMA_LENGTH_MAX ? EFBIG : wrong;
    fclose(file);
    if (wrong != 0) {
        free(text);
        errno = wrong;
        return NULL;
    }
    return text;
}

static troth_status add_schema(struct troth_framing *framing,
                               const struct troth_config_entry *entry, char *error, size_t size)
{
    int64_t id;
    size_t length = 0;
    char *text = NULL;
    if (!troth_parse_integer(entry->name, &id) || id < 0 || id > UINT32_MAX) {
        (void)snprintf(error, size, "schemas.%s: is no schema id; it must be a number",
                       entry->name);
        return TROTH_INVALID;
    }
    if (strcmp(entry->value, "embedded") != 0) {
        text = read_schema(entry->value, &length);
        if (text == NULL) {
            (void)snprintf(error, size, "schemas.%s: %s cannot be read: %s", entry->name,
                           entry->value, strerror(errno));
            return TROTH_NOT_FOUND;
        }
    }
    const uint32_t schema_id = (uint32_t)id;
    struct troth_plan_problem problem = {""};
    const troth_status status = troth_framing_add(framing, &schema_id, text, length, &problem);
    free(text);
    if (status != TROTH_OK) {
        (void)snprintf(error, size, "schemas.%s: %s: %s", entry->name, entry->value, problem.text);
    }
    return status;
}

troth_status troth_config_framing_open(const struct troth_config *config,
                                       struct troth_framing **framing, char *error, size_t size)
{
    struct troth_framing *made = malloc(sizeof *made);
    if (made == NULL ||
        troth_framing_init(made, (enum troth_framing_kind)config->framing) != TROTH_OK) {
        (void)snprintf(error, size, "no memory for the schemas");
        free(made);
        return TROTH_NO_MEMORY;
    }
    for (uint32_t i = 0; i < config->schemas.count; i++) {
        const troth_status status = add_schema(made, &config->schemas.entries[i], error, size);
        if (status != TROTH_OK) {
            free(made);
            return status;
        }
    }
    *framing = made;
    return TROTH_OK;
}
