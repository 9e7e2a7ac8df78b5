/*
 * What `troth decide` and `troth dispute` share: a decision is written to its topic, and what
 * became of it is waited for.
 */
#ifndef TROTH_OPS_COMMANDS_DECIDE_PARTS_H
#define TROTH_OPS_COMMANDS_DECIDE_PARTS_H

#include "ops/command.h"
#include "ops/config/options.h"
#include "schemas/decision.h"

/* What both take. Texts are the command line's. */
struct troth_decide_options {
    const char *contract;
    const char *reason;
    const char *by;     /* default: whoever is logged in */
    const char *expect; /* a rung */
    const char *term;
    const char *id; /* 32 hexadecimal digits; default: drawn */
    int64_t wait_us;
    struct troth_option_texts keys; /* files of secret keys */
};

#define TROTH_DECIDE_OPTIONS(o)                                                                    \
    {.name = "contract", .kind = TROTH_OPTION_TEXT, .target = &(o).contract},                      \
        {.name = "reason", .kind = TROTH_OPTION_TEXT, .target = &(o).reason},                      \
        {.name = "by", .kind = TROTH_OPTION_TEXT, .target = &(o).by},                              \
        {.name = "expect", .kind = TROTH_OPTION_TEXT, .target = &(o).expect},                      \
        {.name = "term", .kind = TROTH_OPTION_TEXT, .target = &(o).term},                          \
        {.name = "id", .kind = TROTH_OPTION_TEXT, .target = &(o).id},                              \
        {.name = "key", .kind = TROTH_OPTION_TEXTS, .target = &(o).keys},                          \
    {                                                                                              \
        .name = "wait", .kind = TROTH_OPTION_DURATION, .target = &(o).wait_us, .low = 0,           \
        .high = INT64_C(3600000000)                                                                \
    }

#define TROTH_DECIDE_WAIT_US INT64_C(30000000)

/* Fills a decision in from the options and checks it. Returns false where something is wrong
 * (told).
 */
bool troth_decide_make(const struct troth_decide_options *options, const char *agent,
                       enum troth_action action, struct troth_decision *decision);

/* Signs and writes a decision that is filled in, waits for the ruling and prints it. What the
 * engine would not believe, by the configuration that both have, is told at once and not written.
 * Returns the command's exit status. */
int troth_decide_send(const struct troth_context *context,
                      const struct troth_decide_options *options,
                      const struct troth_decision *decision);

#endif
