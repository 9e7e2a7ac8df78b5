/* troth contract lint: whether documents are contracts, and whether these can do what they say. */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/commands/contract_parts.h"
#include "ops/config/options.h"
#include "ops/contract_files.h"
#include "ops/message.h"
#include "schemas/contract_lint.h"

enum { PATH_LENGTH_MAX = 4096 };

struct lint {
    double rate_per_hour; /* 0: not known */
    bool json;
    unsigned wrong;
    unsigned right;
    unsigned warnings;
    struct troth_contract_files files; /* of one document at a time: two may bear one name */
    struct troth_findings findings;
};

static void print_json(const struct lint *lint, const char *path,
                       const struct troth_contract *contract)
{
    json_t *warnings = json_array();
    for (uint32_t i = 0; contract != NULL && i < lint->findings.count && i < TROTH_FINDINGS_MAX;
         i++) {
        const struct troth_finding *finding = &lint->findings.items[i];
        json_array_append_new(
            warnings, json_pack("{s:o, s:s}", "term",
                                finding->term[0] != '\0' ? json_string(finding->term) : json_null(),
                                "text", finding->text));
    }
    json_t *object = json_pack(
        "{s:s, s:b, s:o, s:o, s:o}", "file", path, "valid", contract != NULL, "contract",
        contract != NULL ? json_string(contract->name) : json_null(), "version",
        contract != NULL ? json_integer(contract->version) : json_null(), "warnings", warnings);
    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

static void print_text(const struct lint *lint, const char *path,
                       const struct troth_contract *contract)
{
    const uint32_t count = lint->findings.count;
    printf("%s: %s@%" PRId64 ", %u terms: %s\n", path, contract->name, contract->version,
           contract->term_count, count == 0 ? "ok" : "valid, with warnings");
    for (uint32_t i = 0; i < count && i < TROTH_FINDINGS_MAX; i++) {
        const struct troth_finding *finding = &lint->findings.items[i];
        printf("  %s%s%s\n", finding->term, finding->term[0] != '\0' ? ": " : "", finding->text);
    }
    if (count > TROTH_FINDINGS_MAX) {
        printf("  and %" PRIu32 " more\n", count - TROTH_FINDINGS_MAX);
    }
}

/* What is wrong with a document has been told on stderr, with its line, by the reader. */
static void lint_file(struct lint *lint, const char *path)
{
    const bool valid = troth_contract_files_add(&lint->files, path) == TROTH_OK;
    if (valid) {
        const struct troth_contract *contract = &lint->files.files[0]->contract;
        memset(&lint->findings, 0, sizeof lint->findings);
        troth_contract_lint(contract, lint->rate_per_hour, &lint->findings);
        lint->right++;
        lint->warnings += lint->findings.count;
        if (lint->json) {
            print_json(lint, path, contract);
        } else {
            print_text(lint, path, contract);
        }
    } else {
        lint->wrong++;
        if (lint->json) {
            print_json(lint, path, NULL);
        }
    }
    troth_contract_files_fini(&lint->files);
}

static int is_document(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && entry->d_name[0] != '.' &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static void lint_path(struct lint *lint, const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        lint_file(lint, path);
        return;
    }
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, is_document, alphasort);
    if (count <= 0) {
        troth_message_error("%s: no *.yaml or *.json in it", path);
        lint->wrong++;
    }
    for (int i = 0; i < count; i++) {
        char full[PATH_LENGTH_MAX];
        const int length = snprintf(full, sizeof full, "%s/%s", path, entries[i]->d_name);
        if (length > 0 && (size_t)length < sizeof full) {
            lint_file(lint, full);
        } else {
            troth_message_error("%s/%s: the path is too long", path, entries[i]->d_name);
            lint->wrong++;
        }
        free(entries[i]);
    }
    free(entries);
}

int troth_contract_lint_run(const struct troth_context *context, int argc, char **argv)
{
    struct lint *lint = calloc(1, sizeof *lint);
    if (lint == NULL) {
        troth_message_error("no memory");
        return TROTH_EXIT_NO;
    }
    int operands;
    int result = TROTH_EXIT_USAGE;
    const struct troth_option options[] = {
        {.name = "rate", .kind = TROTH_OPTION_RATE, .target = &lint->rate_per_hour},
    };
    lint->json = context->json;
    if (troth_options_parse(options, 1, argc, argv, &operands) != TROTH_OK) {
        goto out;
    }
    if (operands == 0) {
        troth_message_error("which contracts? troth contract lint FILE|DIR...");
        goto out;
    }
    for (int i = 1; i <= operands; i++) {
        lint_path(lint, argv[i]);
    }
    result = lint->wrong == 0 ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
out:
    free(lint);
    return result;
}
