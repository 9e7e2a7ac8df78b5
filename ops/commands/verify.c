/* troth verify: whether an export is what it says. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/kafka/client.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/export/checks.h"
#include "ops/export/compare.h"
#include "ops/message.h"
#include "ops/redis/reader.h"
#include "ops/table.h"
#include "schemas/export_chain.h"

enum { KEY_LINE_MAX = 1024 };

/* Reads a whole file. Returns it, to be freed, or NULL (told). */
static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        troth_message_error("%s: %s", path, strerror(errno));
        return NULL;
    }
    const size_t limit = TROTH_EXPORT_LENGTH_MAX;
    char *text = malloc(limit + 1);
    *length = text != NULL ? fread(text, 1, limit + 1, file) : 0;
    const bool failed = text == NULL || ferror(file) != 0;
    fclose(file);
    if (failed || *length > limit) {
        troth_message_error("%s: %s", path,
                            failed ? "cannot be read" : "is longer than an export can be");
        free(text);
        return NULL;
    }
    return text;
}

/*
 * Reads the public key of that id from a file that may hold several, a line each. Where none is of
 * that id, the first: it is then told that the signature is another's.
 * Returns false where there is no key at all (told).
 */
static bool read_key(const char *path, const char *wanted, struct troth_public_key *key)
{
    char line[KEY_LINE_MAX];
    char id[TROTH_KEY_ID_LENGTH + 1];
    FILE *file = fopen(path, "re");
    bool any = false;
    bool found = false;
    if (file == NULL) {
        troth_message_error("%s: %s", path, strerror(errno));
        return false;
    }
    while (!found && fgets(line, sizeof line, file) != NULL) {
        struct troth_public_key read;
        const char *rest = NULL;
        if (troth_key_read_public(line, &read, &rest)) {
            troth_key_id(&read, id);
            found = strcmp(id, wanted) == 0;
            *key = found || !any ? read : *key;
            any = true;
        }
    }
    fclose(file);
    if (!any) {
        troth_message_error(
            "%s has no line `troth-public BASE64`; the signer prints it with `troth "
            "key show FILE`",
            path);
    }
    return any;
}

static void print_json(const struct troth_export_report *report,
                       const struct troth_export_file *file, const char *path, const char *key,
                       const char *against)
{
    json_t *object =
        json_pack("{s:b, s:s, s:s, s:s*, s:s, s:o}", "valid", troth_export_is_valid(report), "file",
                  path, "key", key, "agent", file->agent, "kafka", against, "checks",
                  troth_export_report_json(report));
    troth_redis_reader_print_json(object);
}

static void print_text(const struct troth_export_report *report,
                       const struct troth_export_file *file, const char *key, const char *against)
{
    troth_export_print(report);
    if (!troth_export_is_valid(report)) {
        puts("NOT VALID");
        return;
    }
    char agent[TROTH_CELL_LENGTH_MAX];
    char time[TROTH_TIME_LENGTH_MAX];
    troth_printable(file->agent, strlen(file->agent), agent, sizeof agent);
    (void)troth_time_format(file->made_at_us, time);
    printf("valid: agent %s%s%s, made %s, signed with key %s; %s\n", agent,
           file->only != NULL ? " under " : "", file->only != NULL ? file->only : "", time, key,
           against);
}

/* Looks at it, and at Kafka where that is asked for. */
static int verify(const struct troth_context *context, const char *path, const char *text,
                  size_t length, const struct troth_public_key *key, bool with_kafka)
{
    struct troth_framing *framing = NULL;
    struct troth_export_report *report = calloc(1, sizeof *report);
    struct troth_export_file file = {0};
    char error[TROTH_KAFKA_ERROR_LENGTH];
    char id[TROTH_KEY_ID_LENGTH + 1] = "";
    bool asked = true;
    if (report == NULL ||
        troth_config_framing_open(context->config, &framing, error, sizeof error) != TROTH_OK) {
        troth_message_error("%s", report == NULL ? "no memory" : error);
        free(report);
        return TROTH_EXIT_NO;
    }
    const troth_status status = troth_export_check(text, length, key, framing, &file, report);
    (void)troth_chain_key(text, length, id);
    if (status == TROTH_OK && with_kafka) {
        asked = troth_export_compare(&file, context->config, report, error) == TROTH_OK;
    }
    const char *against = with_kafka && status == TROTH_OK && asked ? "compared with Kafka"
                                                                    : "not compared with Kafka";
    if (context->json) {
        print_json(report, &file, path, id, against);
    } else {
        print_text(report, &file, id, against);
    }
    if (!asked) {
        troth_message_error("%s. --offline looks at the file alone", error);
    }
    const bool valid = status == TROTH_OK && troth_export_is_valid(report) && asked;
    troth_export_file_fini(&file);
    free(framing);
    free(report);
    return valid ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    const char *key_path = NULL;
    bool offline = false;
    int operands = 0;
    const struct troth_option known[] = {
        {.name = "key", .kind = TROTH_OPTION_TEXT, .target = &key_path},
        {.name = "offline", .kind = TROTH_OPTION_FLAG, .target = &offline},
    };
    if (troth_options_parse(known, sizeof known / sizeof known[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 1 || key_path == NULL) {
        troth_message_error("usage: troth verify FILE --key FILE, where the key's file has the "
                            "line `troth-public BASE64` of who signed it");
        return TROTH_EXIT_USAGE;
    }
    const bool has_kafka = troth_config_kafka(context->config, "bootstrap.servers") != NULL;
    struct troth_public_key key;
    char id[TROTH_KEY_ID_LENGTH + 1] = "";
    size_t length = 0;
    char *text = read_file(argv[1], &length);
    int result = TROTH_EXIT_NO;
    if (text == NULL) {
        return TROTH_EXIT_NO;
    }
    (void)troth_chain_key(text, length, id);
    if (read_key(key_path, id, &key)) {
        result = verify(context, argv[1], text, length, &key, has_kafka && !offline);
    }
    free(text);
    return result;
}

const struct troth_command troth_command_verify = {
    .name = "verify",
    .arguments = "FILE --key FILE [--offline]",
    .summary = "whether an export holds: bytes, signature, and what can be recounted",
    .help =
        "Checks the hashes and the signature, then recounts: ids, scopes, scores, causes against\n"
        "the contract's ladder and the counts, that each change of rung follows from the one\n"
        "before, relapses and calm, decisions and their rulings, that witnesses break the term,\n"
        "and the standings from their records. Where Kafka is configured, what is there still is\n"
        "read again and compared, and nothing of it may be left out.\n"
        "\n"
        "  --key FILE       with a line `troth-public BASE64`: whose signature it must be\n"
        "  --offline        do not ask Kafka\n"
        "\n"
        "Exit status 0: it holds; 1: it does not, or Kafka does not answer; 2: wrong use.",
    .run = run,
};
