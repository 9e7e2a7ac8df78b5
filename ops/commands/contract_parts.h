/*
 * The parts of `troth contract`, one a file. Each takes what follows its name, in argv[0] the name,
 * and returns the exit status.
 */
#ifndef TROTH_OPS_COMMANDS_CONTRACT_PARTS_H
#define TROTH_OPS_COMMANDS_CONTRACT_PARTS_H

#include <stdbool.h>

#include "ops/command.h"
#include "ops/contract_files.h"
#include "ops/kafka/registry_topic.h"

int troth_contract_lint_run(const struct troth_context *context, int argc, char **argv);
int troth_contract_push_run(const struct troth_context *context, int argc, char **argv);
int troth_contract_list_run(const struct troth_context *context, int argc, char **argv);
int troth_contract_diff_run(const struct troth_context *context, int argc, char **argv);
int troth_contract_try_run(const struct troth_context *context, int argc, char **argv);

/* Reads the contracts topic; tells why where it fails, and what in it workers refuse. Returns
 * whether it was read. In topic: to be given to troth_registry_topic_fini in every case. */
bool troth_contract_read_topic(const struct troth_context *context,
                               struct troth_registry_topic *topic);

/* Where contracts that are named come from. All bytes zero: nothing was read yet. */
struct troth_contract_source {
    struct troth_registry_topic topic; /* read when something first needs it */
    bool topic_read;
    struct troth_contract_files files; /* of one document at a time: two may bear one name */
};

/* Gets a contract. In text: a file, NAME@VERSION, or NAME for the version in force. Out contract:
 * untouched on failure, which has been told. Returns whether there is one. */
bool troth_contract_source_load(struct troth_contract_source *source,
                                const struct troth_context *context, const char *text,
                                struct troth_contract *contract);
void troth_contract_source_fini(struct troth_contract_source *source);

#endif
