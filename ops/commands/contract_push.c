/*
 * troth contract push: versions to the contracts topic, and into force.
 *
 * A version is written before the record that puts it in force, and that one only when the first is
 * acknowledged, so no worker meets a name without a document. The topic is read again afterwards:
 * of two operators who push at once one is told that the other was first.
 *
 * Both records are signed by the keys that are given; what workers would not believe is told before
 * anything is written, by the judgement that is theirs.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/commands/contract_parts.h"
#include "ops/config/options.h"
#include "ops/contract_files.h"
#include "ops/kafka/sender.h"
#include "ops/message.h"
#include "ops/signing.h"

enum plan { PLAN_REFUSED, PLAN_NOTHING, PLAN_PUT_IN_FORCE, PLAN_WRITE_AND_PUT_IN_FORCE };

/* What one document is about to do. */
struct step {
    const struct troth_contract_file *file;
    enum plan plan;
    int64_t offset;          /* of contract@version */
    int64_t in_force_offset; /* of contract; -1: not written */
    char key[TROTH_NAME_LENGTH_MAX + 32];
    char number[32];
    char *json; /* the document; NULL: it is not written */
    struct troth_signed_record document;
    struct troth_signed_record put;
};

/* Writes the canonical JSON. Returns it, to be freed; NULL without memory. */
static char *canonical(const struct troth_contract *contract, size_t *length)
{
    char *json = malloc(TROTH_CONTRACT_LENGTH_MAX);
    if (json == NULL ||
        troth_contract_write(contract, json, TROTH_CONTRACT_LENGTH_MAX, length) != TROTH_OK) {
        free(json);
        return NULL;
    }
    return json;
}

/* Returns whether two documents say the same, however they were written. */
static bool is_same(const struct troth_contract *a, const struct troth_contract *b)
{
    size_t a_length = 0;
    size_t b_length = 0;
    char *a_json = canonical(a, &a_length);
    char *b_json = canonical(b, &b_length);
    const bool same = a_json != NULL && b_json != NULL && a_length == b_length &&
                      memcmp(a_json, b_json, a_length) == 0;
    free(a_json);
    free(b_json);
    return same;
}

static enum plan plan_step(const struct troth_registry_topic *topic, struct step *step)
{
    const struct troth_contract *contract = &step->file->contract;
    const int64_t in_force = troth_registry_topic_in_force(topic, contract->name);
    const struct troth_registry_version *known =
        troth_registry_topic_find(topic, contract->name, contract->version);
    if (contract->version < in_force) {
        troth_message_error("%s: version: %" PRId64 " is lower than %" PRId64
                            ", which is in force; set it to %" PRId64 " or higher",
                            step->file->path, contract->version, in_force, in_force + 1);
        return PLAN_REFUSED;
    }
    if (known != NULL && !is_same(known->contract, contract)) {
        troth_message_error("%s: version: %s@%" PRId64 " was pushed with other content (offset "
                            "%" PRId64 "); a version never changes, so raise it. See troth "
                            "contract diff %s@%" PRId64 " %s",
                            step->file->path, contract->name, contract->version, known->offset,
                            contract->name, contract->version, step->file->path);
        return PLAN_REFUSED;
    }
    step->offset = known != NULL ? known->offset : -1;
    step->in_force_offset = -1;
    if (known == NULL) {
        return PLAN_WRITE_AND_PUT_IN_FORCE;
    }
    return contract->version == in_force ? PLAN_NOTHING : PLAN_PUT_IN_FORCE;
}

/* Makes the records of a step, and judges them as workers will. */
static bool make_step(struct troth_registry_topic *topic, const struct troth_signing_keys *keys,
                      struct step *step)
{
    const struct troth_contract *contract = &step->file->contract;
    const struct troth_clock clock = troth_clock_system();
    const int64_t now_us = clock.wall_us(clock.context);
    char reason[TROTH_REASON_LENGTH] = "";
    size_t length = 0;
    bool good = true;
    if (step->plan == PLAN_WRITE_AND_PUT_IN_FORCE) {
        snprintf(step->key, sizeof step->key, "%s@%" PRId64, contract->name, contract->version);
        step->json = canonical(contract, &length);
        good = step->json != NULL &&
               troth_signing_make(keys, TROTH_ROLE_AUTHOR, troth_text_of(step->key), step->json,
                                  length, now_us, &step->document) &&
               troth_registry_topic_try(topic, &step->document.record, reason) == TROTH_OK;
    }
    snprintf(step->number, sizeof step->number, "%" PRId64, contract->version);
    good = good &&
           troth_signing_make(keys, TROTH_ROLE_AUTHOR, troth_text_of(contract->name), step->number,
                              strlen(step->number), now_us, &step->put) &&
           troth_registry_topic_try(topic, &step->put.record, reason) == TROTH_OK;
    if (!good) {
        troth_message_error("%s: nothing is pushed, as workers would refuse it: %s",
                            step->file->path, reason[0] != '\0' ? reason : "no memory");
    }
    return good;
}

/* Sends one record and waits until it is acknowledged. Out offset. */
static bool send_record(struct troth_sender *sender, const struct troth_signed_record *made,
                        int64_t *offset)
{
    const struct troth_control_record *record = &made->record;
    if (troth_sender_send_with(sender, record->key, record->key_length, record->value,
                               record->value_length, 0, made->headers,
                               record->signature_count) != TROTH_OK ||
        troth_sender_flush(sender) != TROTH_OK) {
        troth_message_error("%.*s: not pushed: %s", (int)record->key_length, record->key,
                            sender->error);
        return false;
    }
    *offset = sender->last_offset;
    return true;
}

static bool take_step(struct troth_sender *sender, struct step *step)
{
    return (step->plan != PLAN_WRITE_AND_PUT_IN_FORCE ||
            send_record(sender, &step->document, &step->offset)) &&
           send_record(sender, &step->put, &step->in_force_offset);
}

static void print_step(const struct step *step, bool json)
{
    const struct troth_contract *contract = &step->file->contract;
    const bool unchanged = step->plan == PLAN_NOTHING;
    if (json) {
        json_t *object = json_pack(
            "{s:s, s:I, s:s, s:I, s:o}", "contract", contract->name, "version",
            (json_int_t)contract->version, "result", unchanged ? "unchanged" : "pushed", "offset",
            (json_int_t)step->offset, "in_force_offset",
            step->in_force_offset >= 0 ? json_integer(step->in_force_offset) : json_null());
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
        json_decref(object);
    } else if (unchanged) {
        printf("%s@%" PRId64 " was in force already, at offset %" PRId64 "\n", contract->name,
               contract->version, step->offset);
    } else {
        printf("%s@%" PRId64 " is in force: document at offset %" PRId64
               ", in force from offset %" PRId64 "\n",
               contract->name, contract->version, step->offset, step->in_force_offset);
    }
}

/* Returns whether the topic, read anew, says of every step what was wanted. */
static bool verify(const struct troth_context *context, const struct step *steps, size_t count)
{
    struct troth_registry_topic *topic = calloc(1, sizeof *topic);
    char error[TROTH_KAFKA_ERROR_LENGTH];
    bool good =
        topic != NULL && troth_registry_topic_read(topic, context->config, error) == TROTH_OK;
    if (!good) {
        troth_message_error("pushed, but not verified: %s", topic != NULL ? error : "no memory");
    }
    for (size_t i = 0; i < count && good; i++) {
        const struct troth_contract *contract = &steps[i].file->contract;
        const struct troth_registry_version *found =
            troth_registry_topic_find(topic, contract->name, contract->version);
        const int64_t in_force = troth_registry_topic_in_force(topic, contract->name);
        if (found == NULL || !is_same(found->contract, contract) || in_force != contract->version) {
            troth_message_error("%s@%" PRId64 ": somebody else pushed at the same time; version "
                                "%" PRId64 " is in force. See troth contract list",
                                contract->name, contract->version, in_force);
            good = false;
        }
    }
    if (topic != NULL) {
        troth_registry_topic_fini(topic);
    }
    free(topic);
    return good;
}

static bool push(const struct troth_context *context, struct step *steps, size_t count)
{
    struct troth_sender sender;
    if (troth_sender_open(&sender, context->config, "contracts") != TROTH_OK) {
        troth_message_error("%s", sender.error);
        return false;
    }
    bool good = sender.partitions == 1;
    if (!good) {
        troth_message_error("topic %s has %" PRId32 " partitions and must have 1; see troth topics "
                            "check",
                            sender.topic, sender.partitions);
    }
    for (size_t i = 0; i < count && good; i++) {
        good = steps[i].plan == PLAN_NOTHING || take_step(&sender, &steps[i]);
    }
    troth_sender_close(&sender);
    return good && verify(context, steps, count);
}

static bool push_files(const struct troth_context *context, const struct troth_signing_keys *keys,
                       const struct troth_contract_files *files)
{
    struct troth_registry_topic topic;
    struct step *steps = calloc(files->count, sizeof *steps);
    bool good = troth_contract_read_topic(context, &topic) && steps != NULL;
    bool refused = false;
    bool anything = false;
    for (size_t i = 0; i < files->count && good; i++) {
        steps[i].file = files->files[i];
        steps[i].plan = plan_step(&topic, &steps[i]);
        anything = anything || steps[i].plan > PLAN_NOTHING;
        refused = refused || steps[i].plan == PLAN_REFUSED;
    }
    good = good && !refused;
    for (size_t i = 0; i < files->count && good; i++) {
        good = steps[i].plan == PLAN_NOTHING || make_step(&topic, keys, &steps[i]);
    }
    good = good && (!anything || push(context, steps, files->count));
    for (size_t i = 0; i < files->count && good; i++) {
        print_step(&steps[i], context->json);
    }
    for (size_t i = 0; i < files->count && steps != NULL; i++) {
        free(steps[i].json);
    }
    troth_registry_topic_fini(&topic);
    free(steps);
    return good;
}

int troth_contract_push_run(const struct troth_context *context, int argc, char **argv)
{
    static struct troth_signing_keys keys;
    struct troth_option_texts given = {.count = 0};
    const struct troth_option known[] = {
        {.name = "key", .kind = TROTH_OPTION_TEXTS, .target = &given},
    };
    int operands;
    if (troth_options_parse(known, 1, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands == 0) {
        troth_message_error("which contracts? troth contract push [--key FILE]... FILE...");
        return TROTH_EXIT_USAGE;
    }
    struct troth_contract_files *files = calloc(1, sizeof *files);
    bool good = files != NULL;
    for (int i = 1; i <= operands && files != NULL; i++) {
        good = troth_contract_files_add(files, argv[i]) == TROTH_OK && good;
    }
    good = good && troth_signing_keys_open(context->config, &given, &keys) &&
           push_files(context, &keys, files);
    troth_signing_keys_close(&keys);
    if (files != NULL) {
        troth_contract_files_fini(files);
    }
    free(files);
    return good ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}
