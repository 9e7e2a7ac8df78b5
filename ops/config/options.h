/*
 * The command line: the options that every program of ours has, and those of one command.
 *
 * --name VALUE and --name=VALUE are the same; `--` ends the options; `-` is an operand. In names,
 * dashes and underscores are alike. What is wrong is told on stderr with what would be right.
 *
 * Memory: texts point into argv, which is reordered. Threads: none; at start only.
 */
#ifndef TROTH_OPS_CONFIG_OPTIONS_H
#define TROTH_OPS_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/config/config.h"
#include "schemas/status.h"

enum { TROTH_OPTIONS_FLAGS_MAX = 128 }; /* flags of the configuration on one command line */

/* What every program of ours takes, wherever it stands on the command line. */
struct troth_common_options {
    struct troth_config_request request; /* file and flags; the environment is the caller's */
    bool json;
    bool help;
    bool version;
    bool print_config;
    bool print_example;
    struct troth_config_flag flags[TROTH_OPTIONS_FLAGS_MAX];
    char names[TROTH_OPTIONS_FLAGS_MAX][64];
};

/*
 * Takes the common options out of argv.
 * In/out argc, argv: what is left, in its order; argv[0] stays; a `--` and all after it stay too.
 * Out options: overwritten; its request points into itself.
 * Returns TROTH_OK or TROTH_INVALID (told).
 */
TROTH_MUST_CHECK
troth_status troth_options_take_common(int *argc, char **argv,
                                       struct troth_common_options *options);

enum { TROTH_OPTION_TEXTS_MAX = 4 };

/* What an option that may be given several times was given. */
struct troth_option_texts {
    const char *items[TROTH_OPTION_TEXTS_MAX];
    unsigned count;
};

enum troth_option_kind {
    TROTH_OPTION_FLAG,     /* bool */
    TROTH_OPTION_TEXT,     /* const char * */
    TROTH_OPTION_TEXTS,    /* struct troth_option_texts; each time one more */
    TROTH_OPTION_INTEGER,  /* int64_t, low..high */
    TROTH_OPTION_DURATION, /* int64_t, microseconds, low..high */
    TROTH_OPTION_RATE      /* double, per hour */
};

/* One option of a command. The target keeps its value where the option is not given. */
struct troth_option {
    const char *name; /* without dashes */
    enum troth_option_kind kind;
    void *target;
    int64_t low;
    int64_t high;
};

/*
 * Parses a command's own options.
 * In/out argv: operands are moved to argv[1..]. Out operands: how many there are.
 * Returns TROTH_OK or TROTH_INVALID (told).
 */
TROTH_MUST_CHECK
troth_status troth_options_parse(const struct troth_option *options, size_t count, int argc,
                                 char **argv, int *operands);

#endif
