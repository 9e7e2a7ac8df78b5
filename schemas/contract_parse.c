/* The document of a contract, from its bytes to the flat value. */
#include <string.h>

#include "schemas/contract_parts.h"
#include "schemas/contract_problems.h"
#include "schemas/contract_scalar.h"

static const char *const contract_keys[] = {
    "contract",         "version",      "promise", "owner", "applies_to", "consequence", "mode",
    "on_agent_version", "capabilities", "window",  "panes", "half_life",  "hold",        "terms",
    "certify",          "review_every", "ladder",  NULL};

#define MINUTE_US INT64_C(60000000)

enum { PANES_DEFAULT = 12, CERTIFY_DAYS_DEFAULT = 7, REVIEW_DAYS_DEFAULT = 7 };

void troth_contract_check_panes(struct troth_reader *reader, const struct troth_node *map,
                                int64_t window_us, int64_t panes)
{
    if (window_us % (panes * TROTH_MILLISECOND_US) == 0) {
        return;
    }
    const char *key = troth_reader_find(reader, map, "window") != NULL ? "window" : "panes";
    const struct troth_node *node = troth_reader_open(reader, map, key);
    troth_reader_problem(reader, node,
                         "a window of %lld ms does not divide into %lld panes of whole "
                         "milliseconds; choose another window or number of panes",
                         (long long)(window_us / TROTH_MILLISECOND_US), (long long)panes);
    troth_reader_leave(reader);
}

static void read_text_of(struct troth_reader *reader, const struct troth_node *map, const char *key,
                         const char *wanted, size_t most, char *text)
{
    const struct troth_node *node = troth_reader_require(reader, map, key, wanted);
    if (node != NULL) {
        const bool lines = most == TROTH_PROMISE_LENGTH_MAX;
        if (troth_reader_text(reader, node, 1, most, lines)) {
            memcpy(text, node->text, node->length + 1);
        }
        troth_reader_leave(reader);
    }
}

static void read_identity(struct troth_reader *reader, const struct troth_node *map)
{
    static const char *const known[] = {"agent", NULL};
    struct troth_contract *contract = reader->contract;
    const struct troth_node *node =
        troth_reader_require(reader, map, "contract", "contract: a name");
    if (node != NULL) {
        (void)troth_reader_name(reader, node, contract->name);
        troth_reader_leave(reader);
    }
    node = troth_reader_require(reader, map, "version", "version: an integer from 1");
    if (node != NULL) {
        (void)troth_reader_integer(reader, node, 1, INT64_MAX, &contract->version);
        troth_reader_leave(reader);
    }
    read_text_of(reader, map, "promise", "promise: what the agent promises, in a sentence",
                 TROTH_PROMISE_LENGTH_MAX, contract->promise);
    read_text_of(reader, map, "owner", "owner: who answers for the agent", TROTH_AGENT_LENGTH_MAX,
                 contract->owner);
    strcpy(contract->applies_to, "*");
    node = troth_reader_open(reader, map, "applies_to");
    if (node != NULL) {
        if (troth_reader_map(reader, node, known) &&
            troth_reader_find(reader, node, "agent") != NULL) {
            read_text_of(reader, node, "agent", "", TROTH_AGENT_LENGTH_MAX, contract->applies_to);
        }
        troth_reader_leave(reader);
    }
}

static void read_modes(struct troth_reader *reader, const struct troth_node *map)
{
    static const char *const consequences[] = {"low", "medium", "high", NULL};
    static const char *const modes[] = {"shadow", "advise", "enforce", NULL};
    static const char *const on_versions[] = {"keep", "recertify", NULL};
    struct troth_contract *contract = reader->contract;
    contract->consequence = TROTH_CONSEQUENCE_MEDIUM;
    contract->mode = TROTH_MODE_ENFORCE;
    (void)troth_reader_choice_of(reader, map, "consequence", consequences, &contract->consequence);
    (void)troth_reader_choice_of(reader, map, "mode", modes, &contract->mode);
    contract->on_version = contract->consequence == TROTH_CONSEQUENCE_HIGH
                               ? TROTH_ON_VERSION_RECERTIFY
                               : TROTH_ON_VERSION_KEEP;
    (void)troth_reader_choice_of(reader, map, "on_agent_version", on_versions,
                                 &contract->on_version);
}

static void read_capabilities(struct troth_reader *reader, const struct troth_node *map)
{
    struct troth_contract *contract = reader->contract;
    const struct troth_node *node = troth_reader_open(reader, map, "capabilities");
    if (node == NULL) {
        return;
    }
    unsigned index = 0;
    const bool empty = node->kind == TROTH_NODE_LIST && node->count == 0;
    if (!empty && troth_reader_list(reader, node)) {
        TROTH_NODE_EACH(reader, node, item)
        {
            if (contract->capability_count == TROTH_CAPABILITIES_MAX) {
                troth_reader_problem(reader, item, "the contract has more than %d capabilities",
                                     TROTH_CAPABILITIES_MAX);
                break;
            }
            troth_reader_enter_item(reader, index++);
            char *name = contract->capabilities[contract->capability_count];
            bool fine = troth_reader_name(reader, item, name);
            for (unsigned i = 0; fine && i < contract->capability_count; i++) {
                if (strcmp(contract->capabilities[i], name) == 0) {
                    troth_reader_problem(reader, item, "%s stands twice; leave one out", name);
                    fine = false;
                }
            }
            contract->capability_count += fine;
            troth_reader_leave(reader);
        }
    }
    troth_reader_leave(reader);
}

static void read_times(struct troth_reader *reader, const struct troth_node *map)
{
    struct troth_contract *contract = reader->contract;
    contract->window_us = 60 * MINUTE_US;
    contract->panes = PANES_DEFAULT;
    contract->hold_us = 10 * MINUTE_US;
    contract->review_every_us = REVIEW_DAYS_DEFAULT * TROTH_DAY_US;
    const bool window =
        troth_reader_duration_of(reader, map, "window", TROTH_MILLISECOND_US, &contract->window_us);
    const bool panes = troth_reader_integer_of(reader, map, "panes", TROTH_PANES_MIN,
                                               TROTH_PANES_MAX, &contract->panes);
    contract->half_life_us = contract->window_us / 2;
    (void)troth_reader_duration_of(reader, map, "half_life", TROTH_MILLISECOND_US,
                                   &contract->half_life_us);
    if (window || panes) {
        troth_contract_check_panes(reader, map, contract->window_us, contract->panes);
    }
    (void)troth_reader_duration_of(reader, map, "hold", TROTH_MILLISECOND_US, &contract->hold_us);
    (void)troth_reader_duration_of(reader, map, "review_every", TROTH_MILLISECOND_US,
                                   &contract->review_every_us);
}

static void read_certify(struct troth_reader *reader, const struct troth_node *map)
{
    static const char *const known[] = {"confidence", "within", NULL};
    struct troth_contract *contract = reader->contract;
    contract->certify_confidence = 0.95;
    contract->certify_within_us = CERTIFY_DAYS_DEFAULT * TROTH_DAY_US;
    const struct troth_node *node = troth_reader_open(reader, map, "certify");
    if (node == NULL) {
        return;
    }
    if (troth_reader_map(reader, node, known)) {
        (void)troth_reader_duration_of(reader, node, "within", TROTH_MILLISECOND_US,
                                       &contract->certify_within_us);
        const struct troth_node *value = troth_reader_open(reader, node, "confidence");
        if (value != NULL) {
            double confidence = 0.0;
            if (troth_reader_number(reader, value, &confidence)) {
                if (confidence > 0.0 && confidence < 1.0) {
                    contract->certify_confidence = confidence;
                } else {
                    troth_reader_problem(
                        reader, value, "%.40s is out of range; write a number above 0 and below 1",
                        value->text);
                }
            }
            troth_reader_leave(reader);
        }
    }
    troth_reader_leave(reader);
}

static void read_contract(struct troth_reader *reader, const struct troth_node *root)
{
    if (!troth_reader_map(reader, root, contract_keys)) {
        return;
    }
    read_identity(reader, root);
    read_modes(reader, root);
    read_capabilities(reader, root);
    read_times(reader, root);
    read_certify(reader, root);
    const struct troth_node *node =
        troth_reader_require(reader, root, "terms", "terms: a list of 1 to 16 terms");
    if (node != NULL) {
        troth_contract_read_terms(reader, node);
        troth_reader_leave(reader);
    }
    troth_contract_default_ladder(reader->contract);
    node = troth_reader_open(reader, root, "ladder");
    if (node != NULL) {
        troth_contract_read_ladder(reader, node);
        troth_reader_leave(reader);
    }
}

troth_status troth_contract_parse(const char *text, size_t length, struct troth_contract *contract,
                                  struct troth_problems *problems)
{
    memset(contract, 0, sizeof *contract);
    memset(problems, 0, sizeof *problems);
    if (length > TROTH_CONTRACT_LENGTH_MAX) {
        troth_problems_add(problems, 0, 0, "", "%zu bytes are too long; a contract has at most %d",
                           length, TROTH_CONTRACT_LENGTH_MAX);
        return TROTH_INVALID;
    }
    struct troth_tree tree;
    const troth_status status = troth_tree_read(text, length, &tree, problems);
    if (status == TROTH_OK) {
        struct troth_reader reader = {.contract = contract, .problems = problems, .tree = &tree};
        read_contract(&reader, &tree.nodes[0]);
    }
    troth_tree_fini(&tree);
    return status != TROTH_OK ? status : problems->count > 0 ? TROTH_INVALID : TROTH_OK;
}
