/*
 * The parts of `troth contract`, one a file. Each takes what follows its name, in argv[0] the name,
 * and returns the exit status.
 */
#ifndef TROTH_OPS_COMMANDS_CONTRACT_PARTS_H
#define TROTH_OPS_COMMANDS_CONTRACT_PARTS_H

#include <stdbool.h>

#include "ops/command.h"
#include "ops/kafka/registry_topic.h"

int troth_contract_lint_run(const struct troth_context *context, int argc, char **argv);
int troth_contract_push_run(const struct troth_context *context, int argc, char **argv);
int troth_contract_list_run(const struct troth_context *context, int argc, char **argv);
int troth_contract_diff_run(const struct troth_context *context, int argc, char **argv);

/* Reads the contracts topic; tells why where it fails, and what in it workers refuse. Returns
 * whether it was read. In topic: to be given to troth_registry_topic_fini in every case. */
bool troth_contract_read_topic(const struct troth_context *context,
                               struct troth_registry_topic *topic);

#endif
