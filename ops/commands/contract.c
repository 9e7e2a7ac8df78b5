/* troth contract: which part is meant; and `list`, what the contracts topic holds. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ops/commands/contract_parts.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/message.h"
#include "ops/table.h"

bool troth_contract_read_topic(const struct troth_context *context,
                               struct troth_registry_topic *topic)
{
    char error[TROTH_KAFKA_ERROR_LENGTH];
    if (troth_registry_topic_read(topic, context->config, error) != TROTH_OK) {
        troth_message_error("%s", error);
        return false;
    }
    for (size_t i = 0; i < topic->refusal_count && i < TROTH_REGISTRY_REFUSALS_MAX; i++) {
        troth_message_warn("offset %" PRId64 ", key %s: workers refuse it: %s",
                           topic->refusals[i].offset, topic->refusals[i].key,
                           topic->refusals[i].reason);
    }
    return true;
}

/* Returns whether a version is the first of its contract that the topic holds: where the contract
 * is listed. */
static bool is_first(const struct troth_registry_topic *topic, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(topic->versions[i].contract->name, topic->versions[index].contract->name) == 0) {
            return false;
        }
    }
    return true;
}

/* Returns the version in force, or the highest where none is. */
static const struct troth_registry_version *shown_version(const struct troth_registry_topic *topic,
                                                          const char *name, int64_t in_force)
{
    const struct troth_registry_version *best = troth_registry_topic_find(topic, name, in_force);
    for (size_t i = 0; i < topic->version_count && in_force == 0; i++) {
        const struct troth_registry_version *version = &topic->versions[i];
        if (strcmp(version->contract->name, name) == 0 &&
            (best == NULL || version->contract->version > best->contract->version)) {
            best = version;
        }
    }
    return best;
}

static void print_json(const struct troth_registry_topic *topic, const char *name, int64_t in_force,
                       const struct troth_registry_version *shown)
{
    const struct troth_contract *contract = shown->contract;
    json_t *versions = json_array();
    json_t *terms = json_array();
    for (size_t i = 0; i < topic->version_count; i++) {
        if (strcmp(topic->versions[i].contract->name, name) == 0) {
            json_array_append_new(versions, json_integer(topic->versions[i].contract->version));
        }
    }
    for (unsigned i = 0; i < contract->term_count; i++) {
        json_array_append_new(terms, json_string(contract->terms[i].name));
    }
    json_t *object = json_pack(
        "{s:s, s:o, s:o, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "contract", name, "in_force",
        in_force > 0 ? json_integer(in_force) : json_null(), "versions", versions, "offset",
        (json_int_t)shown->offset, "mode", troth_mode_name(contract->mode), "consequence",
        troth_consequence_name(contract->consequence), "owner", contract->owner, "applies_to",
        contract->applies_to, "promise", contract->promise, "terms", terms, "signed_by",
        shown->signed_by[0] != '\0' ? json_string(shown->signed_by) : json_null());
    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

/* Who signed is shown where anything is. */
static bool is_any_signed(const struct troth_registry_topic *topic)
{
    bool any = false;
    for (size_t i = 0; i < topic->version_count; i++) {
        any = any || topic->versions[i].signed_by[0] != '\0';
    }
    return any;
}

static void print_row(const struct troth_registry_topic *topic, struct troth_table *table,
                      const char *name, int64_t in_force,
                      const struct troth_registry_version *shown)
{
    char others[TROTH_CELL_LENGTH_MAX] = "";
    char terms[TROTH_CELL_LENGTH_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < topic->version_count && used < sizeof others; i++) {
        const struct troth_contract *contract = topic->versions[i].contract;
        if (strcmp(contract->name, name) == 0 && contract->version != in_force) {
            used += (size_t)snprintf(others + used, sizeof others - used, "%s%" PRId64,
                                     used > 0 ? " " : "", contract->version);
        }
    }
    used = 0;
    for (unsigned i = 0; i < shown->contract->term_count && used < sizeof terms; i++) {
        used += (size_t)snprintf(terms + used, sizeof terms - used, "%s%s", used > 0 ? " " : "",
                                 shown->contract->terms[i].name);
    }
    troth_table_cell(table, "%s", name);
    if (in_force > 0) {
        troth_table_cell(table, "%" PRId64, in_force);
    } else {
        troth_table_cell(table, "none");
    }
    troth_table_cell(table, "%s", others[0] != '\0' ? others : "-");
    troth_table_cell(table, "%s", troth_mode_name(shown->contract->mode));
    troth_table_cell(table, "%s", troth_consequence_name(shown->contract->consequence));
    if (is_any_signed(topic)) {
        troth_table_cell(table, "%s", shown->signed_by[0] != '\0' ? shown->signed_by : "-");
    }
    troth_table_cell(table, "%s", terms);
}

static bool print_list(const struct troth_registry_topic *topic, bool json)
{
    static const char *const headings[] = {"CONTRACT", "IN FORCE",    "OTHERS",
                                           "MODE",     "CONSEQUENCE", "TERMS"};
    static const char *const with_signers[] = {"CONTRACT",    "IN FORCE",  "OTHERS", "MODE",
                                               "CONSEQUENCE", "SIGNED BY", "TERMS"};
    enum { COLUMNS = sizeof headings / sizeof headings[0], IN_FORCE_RIGHT = 1 << 1 };
    struct troth_table table;
    const bool any_signed = is_any_signed(topic);
    if (!troth_table_init(&table, any_signed ? with_signers : headings, COLUMNS + any_signed,
                          IN_FORCE_RIGHT)) {
        troth_message_error("no memory for the list");
        return false;
    }
    for (size_t i = 0; i < topic->version_count; i++) {
        if (!is_first(topic, i)) {
            continue;
        }
        const char *name = topic->versions[i].contract->name;
        const int64_t in_force = troth_registry_topic_in_force(topic, name);
        const struct troth_registry_version *shown = shown_version(topic, name, in_force);
        if (shown != NULL && json) {
            print_json(topic, name, in_force, shown);
        } else if (shown != NULL) {
            print_row(topic, &table, name, in_force, shown);
        }
    }
    if (!json && topic->version_count > 0) {
        troth_table_print(&table, stdout, 0, "\n");
    } else if (topic->version_count == 0) {
        troth_message_info("no contract was pushed yet; see troth contract push --help");
    }
    troth_table_fini(&table);
    return true;
}

int troth_contract_list_run(const struct troth_context *context, int argc, char **argv)
{
    struct troth_registry_topic topic;
    int operands;
    if (troth_options_parse(NULL, 0, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 0) {
        troth_message_error("troth contract list takes no operand");
        return TROTH_EXIT_USAGE;
    }
    const bool good =
        troth_contract_read_topic(context, &topic) && print_list(&topic, context->json);
    troth_registry_topic_fini(&topic);
    return good ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct troth_context *context, int argc, char **argv);
    } parts[] = {
        {"lint", troth_contract_lint_run}, {"push", troth_contract_push_run},
        {"list", troth_contract_list_run}, {"diff", troth_contract_diff_run},
        {"try", troth_contract_try_run},
    };
    if (argc < 2) {
        troth_message_error("what of contracts: lint, push, list, diff or try? See troth contract "
                            "--help");
        return TROTH_EXIT_USAGE;
    }
    struct troth_nearest nearest = troth_nearest_start(argv[1]);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, argv[1]) == 0) {
            return parts[i].run(context, argc - 1, argv + 1);
        }
        troth_nearest_offer(&nearest, parts[i].name);
    }
    troth_message_error("there is no \"troth contract %s\"; %s%s%s", argv[1],
                        nearest.best != NULL ? "did you mean " : "lint, push, list, diff or try",
                        nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?" : "");
    return TROTH_EXIT_USAGE;
}

const struct troth_command troth_command_contract = {
    .name = "contract",
    .arguments = "lint [--rate N/h] FILE|DIR... | push [--key FILE]... FILE... | list | diff A B | "
                 "try NEW ...",
    .summary = "check, publish, list, compare and try contracts",
    .help =
        "  lint FILE|DIR...  checks documents: FILE:LINE:COLUMN: KEY: what is wrong\n"
        "    --rate N/h      how many events an agent sends (also 4/m, 0.1/s): warns of terms "
        "that\n"
        "                    at that rate cannot certify, stay fresh, or leave narrow again\n"
        "  push FILE...      publishes versions and puts them in force. A version that is lower\n"
        "                    than that in force, or that was pushed with other content, is "
        "refused:\n"
        "                    raise `version`. Nothing is pushed unless everything may be\n"
        "    --key FILE      a secret key to sign with (default: signatures.key_file); twice, for\n"
        "                    two authors (schemas/signatures.md)\n"
        "  list              every contract: the version in force and what else the topic holds\n"
        "  diff A B          what changes from A to B, and which terms keep their evidence; each "
        "a\n"
        "                    file, NAME@VERSION, or NAME for what is in force\n"
        "  try NEW --from TIME | try NEW FILE.jsonl\n"
        "                    NEW over recorded telemetry beside the version in force: who would "
        "be\n"
        "                    narrowed, widened, never certified, and when. Both begin with nothing "
        "at\n"
        "                    the first record, and take no decision of a person\n"
        "    --from TIME     2026-11-24, 2026-11-24T10:52Z, or 7d ago; 0: the beginning of the "
        "topic\n"
        "    --to TIME       until then; else to the end\n"
        "    FILE.jsonl      recorded events, as troth replay reads them, instead; - is standard "
        "input\n"
        "    --against OLD   the old version: a file, NAME@VERSION or NAME\n"
        "    --contracts DIR or where it stands, under the same name; with FILE and neither: none\n"
        "    --all           every agent of each list, not 20\n"
        "    --interventions with --json: every change of rung under both, as it happens\n",
    .run = run,
};
