/*
 * sim [--first S] [--seeds N] [--seed S] [--bug NAME | --canary] [--checkpoint-us N]
 *     [--without FAULT]... [--write FOLDER] [--verbose]
 *
 * Runs seeds of the simulation. Prints one line per failing seed, then what was tried. Exit status:
 * 0 all held; 1 one did not. With --bug, or --canary, where the program itself has one planted: 0
 * where some seed caught it, 1 where none did.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/sim_world.h"

#define FAULT_TEXT(NAME, text)     text,
#define BUG_TEXT(NAME, text, rule) text,

static const char *const fault_texts[] = {SIM_FAULTS(FAULT_TEXT)};
static const char *const bug_texts[] = {SIM_BUGS(BUG_TEXT)};

struct arguments {
    struct sim_world_options options;
    uint64_t first;
    uint64_t seeds;
    const char *caught; /* the bug that is to be caught; NULL: there is none */
};

static int usage(void)
{
    fprintf(stderr, "usage: sim [--first S] [--seeds N] [--seed S] "
                    "[--bug NAME | --canary] [--checkpoint-us N] [--without FAULT]... "
                    "[--verbose]\nbugs:");
    for (unsigned i = 0; i < SIM_BUG_COUNT; i++) {
        fprintf(stderr, " %s", bug_texts[i]);
    }
    fprintf(stderr, "\n");
    return 2;
}

static bool take(struct arguments *arguments, const char *name, const char *value)
{
    const uint64_t number = value != NULL ? strtoull(value, NULL, 10) : 0;
    if (value == NULL) {
        return false;
    }
    if (strcmp(name, "--first") == 0) {
        arguments->first = number;
    } else if (strcmp(name, "--seeds") == 0) {
        arguments->seeds = number;
    } else if (strcmp(name, "--seed") == 0) {
        arguments->first = number;
        arguments->seeds = 1;
    } else if (strcmp(name, "--checkpoint-us") == 0) {
        arguments->options.checkpoint_us = strtoll(value, NULL, 10);
    } else if (strcmp(name, "--write") == 0) {
        arguments->options.written = value;
    } else if (strcmp(name, "--without") == 0) {
        for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
            if (strstr(fault_texts[i], value) != NULL) {
                arguments->options.without |= 1U << i;
            }
        }
    } else if (strcmp(name, "--bug") == 0) {
        for (unsigned i = 0; i < SIM_BUG_COUNT; i++) {
            if (strcmp(value, bug_texts[i]) == 0) {
                arguments->options.bug = (enum sim_bug)i;
                arguments->caught = i == SIM_BUG_NONE ? NULL : bug_texts[i];
                return true;
            }
        }
        return false;
    } else {
        return false;
    }
    return true;
}

static void print_tally(const struct sim_tally *tally)
{
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        printf("%-28s %" PRIu64 "\n", fault_texts[i], tally->faults[i]);
    }
    printf("steps %" PRIu64 ", records %" PRIu64 ", interventions %" PRIu64 ", rejects %" PRIu64
           ", agents evicted %" PRIu64 "\nrebalances %" PRIu64 ", workers begun anew %" PRIu64
           ", commits refused by the group %" PRIu64 ", calls of an old epoch %" PRIu64
           ", transactions aborted %" PRIu64 ", commits that came late %" PRIu64 "\n",
           tally->steps, tally->records, tally->interventions, tally->rejects, tally->evicted,
           tally->rebalances, tally->restarts, tally->refused, tally->fenced, tally->aborted,
           tally->late);
    printf("flushes and narrowings that the fence stopped %" PRIu64
           ", times that an agent was shown as guarded %" PRIu64 ", decisions ruled %" PRIu64 "\n",
           tally->stopped, tally->guarded, tally->rulings);
}

int main(int count, char **values)
{
    static struct sim_tally tally;
    static char why[SIM_WHY_MAX];
    struct arguments arguments = {.options.checkpoint_us = -1, .first = 1, .seeds = 100};
    for (int i = 1; i < count; i++) {
        if (strcmp(values[i], "--verbose") == 0) {
            arguments.options.verbose = true;
        } else if (strcmp(values[i], "--canary") == 0) {
            const char *slash = strrchr(values[0], '/');
            arguments.caught = slash != NULL ? slash + 1 : values[0];
        } else if (!take(&arguments, values[i], i + 1 < count ? values[i + 1] : NULL)) {
            return usage();
        } else {
            i++;
        }
    }
    uint64_t failed = 0;
    for (uint64_t i = 0; i < arguments.seeds; i++) {
        arguments.options.seed = arguments.first + i;
        if (sim_world_run(&arguments.options, &tally, why)) {
            continue;
        }
        failed++;
        if (arguments.caught != NULL) {
            printf("caught %s with seed %" PRIu64 ", after %" PRIu64 " seeds: %.300s\n",
                   arguments.caught, arguments.options.seed, i + 1, why);
            return 0;
        }
        printf("FAIL seed %" PRIu64 ": replay with --seed %" PRIu64 " --checkpoint-us %" PRId64
               " --verbose\n  %s\n",
               arguments.options.seed, arguments.options.seed, arguments.options.checkpoint_us,
               why);
        fflush(stdout);
    }
    if (arguments.caught != NULL) {
        printf("%s was not caught by %" PRIu64 " seeds\n", arguments.caught, arguments.seeds);
        return 1;
    }
    print_tally(&tally);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", arguments.seeds - failed, failed);
    return failed == 0 ? 0 : 1;
}
