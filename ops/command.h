/*
 * The operator's command: a table of subcommands that share options, output and exit status.
 *
 * Exit status: 0 done, 1 no (the answer is no, or the world refused), 2 wrong use. What is asked
 * for goes to stdout, everything else to stderr. --json gives one JSON object a line.
 */
#ifndef TROTH_OPS_COMMAND_H
#define TROTH_OPS_COMMAND_H

#include <stdbool.h>

#include "ops/config/config.h"

enum { TROTH_EXIT_DONE = 0, TROTH_EXIT_NO = 1, TROTH_EXIT_USAGE = 2 };

/* What every command gets. */
struct troth_context {
    const struct troth_config *config; /* file, environment and flags, already checked */
    bool json;                         /* --json was given */
};

/* One subcommand. In argv[0]: its name; options common to all are already taken out. */
struct troth_command {
    const char *name;
    const char *arguments; /* as in usage: "[--rate N] FILE" */
    const char *summary;   /* one line */
    const char *help;      /* the rest of --help, or NULL */
    int (*run)(const struct troth_context *context, int argc, char **argv);
};

extern const struct troth_command troth_command_topics;
extern const struct troth_command troth_command_replay;
extern const struct troth_command troth_command_dump;
extern const struct troth_command troth_command_emit;
extern const struct troth_command troth_command_fleet;
extern const struct troth_command troth_command_contract;
extern const struct troth_command troth_command_standing;
extern const struct troth_command troth_command_explain;
extern const struct troth_command troth_command_top;
extern const struct troth_command troth_command_tail;
extern const struct troth_command troth_command_route;
extern const struct troth_command troth_command_doctor;
extern const struct troth_command troth_command_sandbox;
extern const struct troth_command troth_command_redis;
extern const struct troth_command troth_command_decide;
extern const struct troth_command troth_command_dispute;
extern const struct troth_command troth_command_review;
extern const struct troth_command troth_command_export;
extern const struct troth_command troth_command_verify;
extern const struct troth_command troth_command_key;

#endif
