/* Where a contract that is named comes from: a file, or the contracts topic. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/commands/contract_parts.h"
#include "ops/config/parse.h"
#include "ops/message.h"

/* NAME or NAME@VERSION, from the topic. */
static bool load_from_topic(struct troth_contract_source *source,
                            const struct troth_context *context, const char *text,
                            struct troth_contract *side)
{
    char name[TROTH_NAME_LENGTH_MAX + 1];
    const char *at = strchr(text, '@');
    const size_t length = at != NULL ? (size_t)(at - text) : strlen(text);
    int64_t version = 0;
    if (length == 0 || length > TROTH_NAME_LENGTH_MAX || strchr(text, '/') != NULL ||
        (at != NULL && (!troth_parse_integer(at + 1, &version) || version < 1))) {
        troth_message_error("%s: no such file, and no NAME@VERSION either", text);
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    if (!source->topic_read) {
        if (!troth_contract_read_topic(context, &source->topic)) {
            troth_message_info("%s is no file here, so it was looked for in the contracts topic",
                               text);
            return false;
        }
        source->topic_read = true;
    }
    version = version > 0 ? version : troth_registry_topic_in_force(&source->topic, name);
    const struct troth_registry_version *found =
        troth_registry_topic_find(&source->topic, name, version);
    if (found == NULL) {
        troth_message_error("%s: neither a file nor in the contracts topic; see troth contract "
                            "list",
                            text);
        return false;
    }
    *side = *found->contract;
    return true;
}

bool troth_contract_source_load(struct troth_contract_source *source,
                                const struct troth_context *context, const char *text,
                                struct troth_contract *side)
{
    struct stat about;
    if (stat(text, &about) != 0) {
        return load_from_topic(source, context, text, side);
    }
    /* a set of its own, since both sides may bear one name */
    bool good = troth_contract_files_add(&source->files, text) == TROTH_OK;
    if (good && source->files.count != 1) {
        troth_message_error("%s: name one contract", text);
        good = false;
    }
    if (good) {
        *side = source->files.files[0]->contract;
    }
    troth_contract_files_fini(&source->files);
    return good;
}

void troth_contract_source_fini(struct troth_contract_source *source)
{
    troth_registry_topic_fini(&source->topic);
    source->topic_read = false;
}
