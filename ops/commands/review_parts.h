/*
 * The parts of `troth review`, one a file. Each takes what follows its name, in argv[0] the name,
 * and returns the exit status.
 */
#ifndef TROTH_OPS_COMMANDS_REVIEW_PARTS_H
#define TROTH_OPS_COMMANDS_REVIEW_PARTS_H

#include "ops/command.h"
#include "ops/redis/reader.h"

int troth_review_list_run(const struct troth_context *context, int argc, char **argv);
int troth_review_due_run(const struct troth_context *context, int argc, char **argv);
int troth_review_week_run(const struct troth_context *context, int argc, char **argv);

/* What `list` and `due` take. Texts are the command line's. */
struct troth_review_choice {
    const char *contract; /* NULL: every one */
    const char *owner;    /* of the contract; NULL: whoever */
    int64_t limit;        /* reviews that are shown; 0: as many as there are */
};

/* Parses the command line of either. In name: of the part. In limit: unless the caller says
 * otherwise, and with --json none. Returns whether it was right (told). */
bool troth_review_choose(const struct troth_context *context, const char *name, int64_t limit,
                         int argc, char **argv, struct troth_review_choice *choice);

/* "3d2h ago" or "in 4h". Returns text. */
const char *troth_review_when(int64_t time_us, int64_t now_us, char *text, size_t capacity);

#endif
