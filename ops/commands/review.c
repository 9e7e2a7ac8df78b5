/* troth review: the reviews that are open, the work list, a claim, and the week. */
#include <stdio.h>
#include <string.h>

#include "ops/commands/decide_parts.h"
#include "ops/commands/review_parts.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/message.h"
#include "ops/table.h"

#define LIMIT_MAX 1000000

bool troth_review_choose(const struct troth_context *context, const char *name, int64_t limit,
                         int argc, char **argv, struct troth_review_choice *choice)
{
    int operands = 0;
    *choice = (struct troth_review_choice){.limit = context->json ? 0 : limit};
    const struct troth_option options[] = {
        {.name = "contract", .kind = TROTH_OPTION_TEXT, .target = &choice->contract},
        {.name = "owner", .kind = TROTH_OPTION_TEXT, .target = &choice->owner},
        {.name = "limit",
         .kind = TROTH_OPTION_INTEGER,
         .target = &choice->limit,
         .low = 1,
         .high = LIMIT_MAX},
    };
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
        TROTH_OK) {
        return false;
    }
    if (operands != 0) {
        troth_message_error("troth review %s takes no operand; one contract's reviews: --contract "
                            "%s",
                            name, argv[1]);
        return false;
    }
    return true;
}

const char *troth_review_when(int64_t time_us, int64_t now_us, char *text, size_t capacity)
{
    char distance[TROTH_DURATION_LENGTH_MAX];
    const bool ahead = time_us > now_us;
    (void)troth_duration_format(ahead ? time_us - now_us : now_us - time_us, distance);
    snprintf(text, capacity, ahead ? "in %s" : "%s ago", distance);
    return text;
}

static int run_claim(const struct troth_context *context, int argc, char **argv)
{
    struct troth_decide_options options = {.wait_us = TROTH_DECIDE_WAIT_US};
    const struct troth_option known[] = {TROTH_DECIDE_OPTIONS(options)};
    struct troth_decision decision;
    int operands = 0;
    if (troth_options_parse(known, sizeof known / sizeof known[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 1 || options.contract == NULL || options.reason == NULL) {
        troth_message_error("usage: troth review claim AGENT --contract NAME --reason TEXT; see "
                            "troth review --help");
        return TROTH_EXIT_USAGE;
    }
    if (options.term != NULL) {
        troth_message_error("a review is of a whole standing: claim it without --term");
        return TROTH_EXIT_USAGE;
    }
    return troth_decide_make(&options, argv[1], TROTH_ACTION_CLAIM, &decision)
               ? troth_decide_send(context, &options, &decision)
               : TROTH_EXIT_USAGE;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct troth_context *context, int argc, char **argv);
    } parts[] = {
        {"list", troth_review_list_run},
        {"due", troth_review_due_run},
        {"claim", run_claim},
        {"week", troth_review_week_run},
    };
    if (argc < 2) {
        troth_message_error("what of reviews: list, due, claim or week? See troth review --help");
        return TROTH_EXIT_USAGE;
    }
    struct troth_nearest nearest = troth_nearest_start(argv[1]);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, argv[1]) == 0) {
            return parts[i].run(context, argc - 1, argv + 1);
        }
        troth_nearest_offer(&nearest, parts[i].name);
    }
    troth_message_error("there is no \"troth review %s\"; %s%s%s", argv[1],
                        nearest.best != NULL ? "did you mean " : "list, due, claim or week",
                        nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?" : "");
    return TROTH_EXIT_USAGE;
}

const struct troth_command troth_command_review = {
    .name = "review",
    .arguments = "list | due | claim AGENT --contract NAME --reason TEXT | week [WEEK]",
    .summary = "the reviews that are open, what speaks for each, and the week",
    .help =
        "  list              open reviews, the longest overdue first, a line each (100)\n"
        "  due               the work list (10): who and why, the three causes that weigh most,\n"
        "                    what has changed since the last review, and the commands that would\n"
        "                    decide it: say why between the quotes\n"
        "    --contract C    of this contract alone\n"
        "    --owner O       of the contracts of this owner\n"
        "    --limit N       so many (with --json all that there are)\n"
        "  claim AGENT       takes the open review upon you, and waits for the engine to say so;\n"
        "                    another person's claim takes its place. --by, --expect, --id,\n"
        "                    --key and --wait as for troth decide\n"
        "  week [WEEK]       the weekly review by contract: rescues per task, time to narrow,\n"
        "                    recovery, reviews and what came of them, exceptions that are open,\n"
        "                    stale and hidden evidence; beside the week before. WEEK is an ISO "
        "week,\n"
        "                    as 2026-W48, or last; default: the present one, or the newest that\n"
        "                    anything was counted in\n"
        "    --contract C    of this contract alone\n"
        "    --markdown      for an issue or a mail\n"
        "    --from-kafka    by the standings topic, which has every week; Redis has eight\n"
        "\n"
        "What they mean: schemas/reviews.md. Exit status 0 where no review is open, too; 1: the\n"
        "claim was not taken, or nothing is known of the week.\n",
    .run = run,
};
