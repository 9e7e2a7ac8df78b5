/*
 * Claim: the simulated log does what Kafka does. For a set of scripts of calls, what each call
 * returns, what polls bring, what readers of committed records see and what the group has committed
 * are the same on the log of tests/sim and on consumers/kafka/log.h over a real broker.
 *
 *     log_traces [--only N]    of one script alone
 *     log_traces --sim         the simulated side alone, its traces printed
 *     log_traces --canaries    bugs of the simulated log (sim_bugs.h) must show in its traces
 *
 * Run by tests/system/log_traces, which starts a broker; or with TROTH_TEST_KAFKA set to its
 * bootstrap.servers. Exit status: 0 all are the same, 1 not, 77 there is no broker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/kafka/client.h"
#include "tests/sim/sim_bugs.h"
#include "tests/traces/trace.h"

static void say_steps(const struct trace_script *script, const struct trace_text *texts)
{
    for (int i = 0; script->steps[i].act != TRACE_DONE; i++) {
        struct trace_text step = {0};
        trace_say_step(&step, &script->steps[i]);
        printf("    %-44s%s\n", step.data, texts[i].data);
    }
}

/* Runs a script on a side. In awaited: what its steps should tell, or NULL. Out texts: what they
 * do.
 */
static void run(const struct trace_side *side, int number, const struct trace_text *awaited,
                struct trace_text *texts)
{
    const struct trace_script *script = &trace_scripts[number];
    memset(texts, 0, TRACE_STEPS_MAX * sizeof *texts);
    side->open(number);
    for (int i = 0; script->steps[i].act != TRACE_DONE; i++) {
        side->step(&script->steps[i], awaited != NULL ? &awaited[i] : NULL, &texts[i]);
    }
    side->close();
}

/* Returns whether the two traces are the same; says where they are not. */
static bool compare(const struct trace_script *script, const struct trace_text *simulated,
                    const struct trace_text *real)
{
    bool same = true;
    for (int i = 0; script->steps[i].act != TRACE_DONE; i++) {
        if (strcmp(simulated[i].data, real[i].data) != 0) {
            struct trace_text step = {0};
            trace_say_step(&step, &script->steps[i]);
            printf("    step %d, %s\n      simulated%s\n      real     %s\n", i + 1, step.data,
                   simulated[i].data, real[i].data);
            same = false;
        }
    }
    return same;
}

static bool check(int number)
{
    static struct trace_text simulated[TRACE_STEPS_MAX];
    static struct trace_text real[TRACE_STEPS_MAX];
    const struct trace_script *script = &trace_scripts[number];
    const int64_t before_us = troth_kafka_monotonic_us();
    run(&trace_sim, number, NULL, simulated);
    run(&trace_kafka, number, simulated, real);
    const bool same = compare(script, simulated, real);
    printf("%s %d: %s (%.1f s)\n", same ? "PASS" : "FAIL", number + 1, script->claim,
           (double)(troth_kafka_monotonic_us() - before_us) / 1e6);
    return same;
}

/* Returns how many scripts' traces a bug changes. */
static int changed_by(unsigned bug)
{
    static struct trace_text honest[TRACE_STEPS_MAX];
    static struct trace_text changed[TRACE_STEPS_MAX];
    int count = 0;
    for (int i = 0; i < trace_script_count; i++) {
        trace_sim_bug = SIM_BUG_NONE;
        run(&trace_sim, i, NULL, honest);
        trace_sim_bug = bug;
        run(&trace_sim, i, NULL, changed);
        count += memcmp(honest, changed, sizeof honest) != 0;
    }
    return count;
}

#define BUG_TEXT(NAME, text, rule) text,

/* Of the log's bugs those that show without a worker, a death within a commit, or chance. */
static int check_canaries(void)
{
    static const char *const texts[] = {SIM_BUGS(BUG_TEXT)};
    static const enum sim_bug bugs[] = {
        SIM_BUG_UNFENCED,   SIM_BUG_EMPTY_MEMBER, SIM_BUG_NO_INIT,     SIM_BUG_EARLY_TICK,
        SIM_BUG_LATE_ABORT, SIM_BUG_EARLY_END,    SIM_BUG_DIRTY_RECALL};
    int failed = 0;
    for (size_t i = 0; i < sizeof bugs / sizeof *bugs; i++) {
        const int count = changed_by(bugs[i]);
        printf("%s %s, by %d scripts\n", count > 0 ? "caught" : "not caught:", texts[bugs[i]],
               count);
        failed += count == 0;
    }
    return failed == 0 ? 0 : 1;
}

int main(int count, char **values)
{
    static struct trace_text texts[TRACE_STEPS_MAX];
    bool sim = false;
    int only = 0;
    int failed = 0;
    int passed = 0;
    if (count == 7) {
        return trace_kafka_child(values + 1);
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < count; i++) {
        sim |= strcmp(values[i], "--sim") == 0;
        if (strcmp(values[i], "--canaries") == 0) {
            return check_canaries();
        }
        if (strcmp(values[i], "--only") == 0 && i + 1 < count) {
            only = (int)strtol(values[++i], NULL, 10);
        }
    }
    if (!sim && getenv("TROTH_TEST_KAFKA") == NULL) {
        (void)fprintf(stderr, "SKIP: TROTH_TEST_KAFKA is not set; run tests/system/log_traces\n");
        return 77;
    }
    for (int i = 0; i < trace_script_count; i++) {
        if (only != 0 && only != i + 1) {
            continue;
        }
        if (sim) {
            run(&trace_sim, i, NULL, texts);
            printf("%d: %s\n", i + 1, trace_scripts[i].claim);
            say_steps(&trace_scripts[i], texts);
            continue;
        }
        const bool same = check(i);
        passed += same;
        failed += !same;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
