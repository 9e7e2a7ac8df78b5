/*
 * Claim: the confusion matrix puts each agent where its definition says; and the demonstration's
 * contract tells every kind of agent of the demonstration's fleet apart within its minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/fleet/confusion.h"
#include "scoring/agents.h"
#include "scoring/shard.h"

enum { SEED = 20261124, STANDING_BYTES = 2048, MAX_AHEAD_US = 60000000 };

/* A fleet and what is seen of it. */
struct trial {
    struct troth_fleet *fleet;
    struct troth_confusion *confusion;
    struct troth_confusion_result result;
};

static void *take_memory(size_t size)
{
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(memory);
    memset(memory, 0, (size + 63) / 64 * 64);
    return memory;
}

static void open_trial(struct trial *trial, const struct troth_fleet_config *config)
{
    trial->fleet = troth_fleet_init(take_memory(troth_fleet_size(config)), config);
    trial->confusion =
        troth_confusion_init(take_memory(troth_confusion_size(trial->fleet)), trial->fleet);
}

static void close_trial(struct trial *trial)
{
    free(trial->confusion);
    free(trial->fleet);
}

/* Runs the fleet to its end, its events unseen, so that the truth knows how many there were. */
static void run_unseen(struct trial *trial)
{
    struct troth_event event;
    int64_t recorded_at_us;
    while (troth_fleet_next(trial->fleet, &event, &recorded_at_us)) {
    }
}

static struct troth_text text_of(const char *text)
{
    return text == NULL ? (struct troth_text){0}
                        : (struct troth_text){text, (uint32_t)strlen(text)};
}

/* Returns the first agent of a kind. */
static uint32_t first_of(const struct trial *trial, unsigned kind, struct troth_fleet_truth *truth)
{
    uint32_t agent = 0;
    do {
        troth_fleet_agent(trial->fleet, agent, truth);
    } while (truth->kind != kind && ++agent < troth_fleet_agents(trial->fleet));
    assert_int_equal(truth->kind, kind);
    return agent;
}

/* One agent of one kind, what is seen of it in order (times from the onset; where there is none,
 * from the start) and the only column beside `agents` that it must be counted in. */
struct scene {
    const char *name;
    uint8_t kind;
    const char *column;
    struct {
        int64_t since_us;
        uint8_t from;
        uint8_t to;
        uint8_t condition;
        const char *term; /* "*": the truth's */
    } steps[4];
};

enum { C = TROTH_RUNG_CLEAR, W = TROTH_RUNG_WARN, N = TROTH_RUNG_NARROW };
enum { Q = TROTH_RUNG_RECERTIFY, R = TROTH_RUNG_REVIEW, P = TROTH_RUNG_PAUSE };
enum { CONFIDENCE = TROTH_CONDITION_CONFIDENCE, CERTIFIED = TROTH_CONDITION_CERTIFIED };
enum { FRESHNESS = TROTH_CONDITION_FRESHNESS, NEVER = TROTH_CONDITION_NEVER };
enum { CHANGE = TROTH_CONDITION_CHANGE, CALM = TROTH_CONDITION_CALM };

#define TRUSTED                                                                                    \
    {                                                                                              \
        -9000000, Q, C, CERTIFIED, NULL                                                            \
    }

static const struct scene scenes[] = {
    {"own term", TROTH_FLEET_BREAKING, "right", {TRUSTED, {5, C, N, CONFIDENCE, "*"}}},
    {"at the onset", TROTH_FLEET_BREAKING, "right", {TRUSTED, {0, C, N, CONFIDENCE, "*"}}},
    {"change", TROTH_FLEET_DRIFTING, "right", {TRUSTED, {5, C, R, CHANGE, "*"}}},
    {"warned first",
     TROTH_FLEET_FLAPPING,
     "right",
     {TRUSTED, {5, C, W, CHANGE, "*"}, {6, W, N, CONFIDENCE, "*"}}},
    {"other term", TROTH_FLEET_BREAKING, "wrong", {TRUSTED, {5, C, N, CONFIDENCE, "complete"}}},
    {"other cause", TROTH_FLEET_BREAKING, "wrong", {TRUSTED, {5, C, N, FRESHNESS, NULL}}},
    {"the first counts",
     TROTH_FLEET_BREAKING,
     "wrong",
     {TRUSTED, {5, C, N, FRESHNESS, NULL}, {6, N, R, CONFIDENCE, "*"}}},
    {"silence", TROTH_FLEET_SILENT, "right", {TRUSTED, {5, C, N, FRESHNESS, NULL}}},
    {"help", TROTH_FLEET_RESCUED, "right", {TRUSTED, {5, C, N, CONFIDENCE, "unaided"}}},
    {"leak", TROTH_FLEET_LEAKING, "right", {TRUSTED, {0, C, P, NEVER, "no-leak"}}},
    {"leak while unproven", TROTH_FLEET_LEAKING, "right", {{0, Q, P, NEVER, "no-leak"}}},
    {"gaps", TROTH_FLEET_HIDING, "right", {TRUSTED, {5, C, N, CONFIDENCE, "complete"}}},
    {"what it hides", TROTH_FLEET_HIDING, "wrong", {TRUSTED, {5, C, N, CONFIDENCE, "resolves"}}},
    {"warned alone", TROTH_FLEET_BREAKING, "missed", {TRUSTED, {5, C, W, CHANGE, "*"}}},
    {"early, then calm",
     TROTH_FLEET_BREAKING,
     "missed",
     {TRUSTED, {-1000, C, N, CONFIDENCE, "*"}, {5, N, W, CALM, NULL}}},
    {"early, and held", TROTH_FLEET_BREAKING, "held", {TRUSTED, {-1000, C, N, CONFIDENCE, "*"}}},
    {"never certified", TROTH_FLEET_BREAKING, "unproven", {{0}}},
    {"healthy and free", TROTH_FLEET_HEALTHY, "none", {TRUSTED, {5, C, W, CHANGE, "prompt"}}},
    {"healthy, narrowed", TROTH_FLEET_HEALTHY, "wrong", {TRUSTED, {5, C, N, FRESHNESS, NULL}}},
    {"healthy, reviewed", TROTH_FLEET_HEALTHY, "wrong", {{5, Q, R, CONFIDENCE, "prompt"}}},
    {"at its floor", TROTH_FLEET_AT_FLOOR, "none", {TRUSTED, {5, C, N, CONFIDENCE, "*"}}},
};

static void check_scene(const struct scene *scene, const struct troth_confusion_result *result)
{
    const struct troth_confusion_row *row = &result->rows[scene->kind];
    const struct {
        const char *column;
        uint32_t count;
    } columns[] = {{"right", row->right},       {"wrong", row->wrong},
                   {"held", row->held},         {"missed", row->missed},
                   {"unproven", row->unproven}, {"short", row->late_onset}};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        uint32_t expected = strcmp(columns[i].column, scene->column) == 0;
        if (columns[i].count != expected) {
            fail_msg("%s: %s is %u", scene->name, columns[i].column, columns[i].count);
        }
    }
}

static void each_agent_counts_where_it_must(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        const struct scene *scene = &scenes[i];
        struct troth_fleet_config config;
        struct troth_confusion_config enough = {20000000, 10};
        struct troth_fleet_truth truth;
        struct trial trial;
        troth_fleet_config_demo(&config);
        config.agents = 1;
        config.rate_per_second = 10;
        config.start_us = 1000000000;
        memset(config.share_ppm, 0, sizeof(config.share_ppm));
        config.share_ppm[scene->kind] = 1000000;
        open_trial(&trial, &config);
        run_unseen(&trial);
        uint32_t agent = first_of(&trial, scene->kind, &truth);
        for (size_t s = 0; s < 4 && scene->steps[s].condition != TROTH_CONDITION_NONE; s++) {
            bool has_onset = truth.onset_us != TROTH_FLEET_NO_ONSET_US;
            const char *own = troth_fleet_term_name(truth.term);
            const char *term = scene->steps[s].term;
            troth_confusion_see(trial.confusion, agent,
                                (has_onset ? truth.onset_us : config.start_us) +
                                    scene->steps[s].since_us,
                                scene->steps[s].from, scene->steps[s].to, scene->steps[s].condition,
                                text_of(term != NULL && strcmp(term, "*") == 0 ? own : term));
        }
        troth_confusion_result(trial.confusion, &enough, &trial.result);
        check_scene(scene, &trial.result);
        assert_int_equal(trial.result.missed, strcmp(scene->column, "missed") == 0);
        close_trial(&trial);
    }
}

static void an_onset_without_enough_after_it_is_short(void **state)
{
    (void)state;
    struct troth_fleet_config config;
    struct troth_fleet_truth truth;
    struct trial trial;
    troth_fleet_config_demo(&config);
    config.agents = 8;
    config.rate_per_second = 80;
    open_trial(&trial, &config);
    run_unseen(&trial);
    uint32_t agent = first_of(&trial, TROTH_FLEET_BREAKING, &truth);
    troth_confusion_see(trial.confusion, agent, 1, Q, C, CERTIFIED, text_of(NULL));
    int64_t left_us = troth_fleet_end_us(trial.fleet) - truth.onset_us;
    const struct {
        struct troth_confusion_config enough;
        uint32_t missed;
    } cases[] = {{{left_us, truth.events_after}, 1},
                 {{left_us + 1, truth.events_after}, 0},
                 {{left_us, truth.events_after + 1}, 0}};
    for (size_t i = 0; i < 3; i++) {
        troth_confusion_result(trial.confusion, &cases[i].enough, &trial.result);
        assert_int_equal(trial.result.rows[TROTH_FLEET_BREAKING].missed, cases[i].missed);
        assert_int_equal(trial.result.rows[TROTH_FLEET_BREAKING].late_onset, 1 - cases[i].missed);
    }
    close_trial(&trial);
}

/* A trial with healthy agents alone, of which some are certified and some narrowed. */
static bool passes(uint32_t agents, uint32_t certified, uint32_t narrowed)
{
    struct troth_confusion_config enough = {20000000, 10};
    struct troth_fleet_config config;
    struct trial trial;
    troth_fleet_config_demo(&config);
    config.agents = agents;
    memset(config.share_ppm, 0, sizeof(config.share_ppm));
    open_trial(&trial, &config);
    for (uint32_t i = 0; i < certified; i++) {
        troth_confusion_see(trial.confusion, i, 1, Q, C, CERTIFIED, text_of(NULL));
    }
    for (uint32_t i = 0; i < narrowed; i++) {
        troth_confusion_see(trial.confusion, i, 2, C, N, CONFIDENCE, text_of("prompt"));
    }
    troth_confusion_result(trial.confusion, &enough, &trial.result);
    close_trial(&trial);
    return trial.result.passed;
}

static void one_in_a_thousand_may_be_wrong(void **state)
{
    (void)state;
    assert_true(passes(1000, 1000, 1));
    assert_false(passes(1000, 1000, 2));
    assert_false(passes(999, 999, 1));
    assert_true(passes(1000, 990, 0));
    assert_false(passes(1000, 989, 0)); /* who trusts nobody misses nobody */
}

static void times_are_nearest_ranks(void **state)
{
    (void)state;
    struct troth_confusion_config enough = {20000000, 10};
    struct troth_fleet_config config;
    struct trial trial;
    troth_fleet_config_demo(&config);
    config.agents = 20;
    memset(config.share_ppm, 0, sizeof(config.share_ppm));
    config.share_ppm[TROTH_FLEET_SILENT] = 1000000;
    open_trial(&trial, &config);
    for (uint32_t i = 0; i < 20; i++) {
        struct troth_fleet_truth truth;
        troth_fleet_agent(trial.fleet, i, &truth);
        troth_confusion_see(trial.confusion, i, truth.onset_us + 1000 * (20 - (int64_t)i), C, N,
                            FRESHNESS, text_of(NULL));
    }
    troth_confusion_result(trial.confusion, &enough, &trial.result);
    assert_int_equal(trial.result.rows[TROTH_FLEET_SILENT].p50_us, 10000);
    assert_int_equal(trial.result.rows[TROTH_FLEET_SILENT].p95_us, 19000);
    assert_int_equal(trial.result.rows[TROTH_FLEET_HEALTHY].p50_us, -1);
    close_trial(&trial);
}

static void on_intervention(void *context, const struct troth_intervention *intervention)
{
    struct trial *trial = context;
    unsigned term = intervention->cause.term;
    troth_confusion_see(
        trial->confusion, troth_fleet_find(trial->fleet, intervention->agent),
        intervention->decided_at_us, intervention->from, intervention->to,
        intervention->cause.condition,
        text_of(term == TROTH_NO_TERM ? NULL : intervention->contract->terms[term].name));
}

static struct troth_contract contract;
static struct troth_rules rules;

static void read_demo_contract(void)
{
    static struct troth_problems problems;
    static char text[TROTH_CONTRACT_LENGTH_MAX];
    FILE *file = fopen("ops/fleet/demo.yaml", "r");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof(text), file);
    assert_int_equal(fclose(file), 0);
    if (troth_contract_parse(text, length, &contract, &problems) != TROTH_OK) {
        fail_msg("%u %s: %s", problems.items[0].line, problems.items[0].key,
                 problems.items[0].text);
    }
    troth_rules_init(&rules, &contract);
}

/* Scores a fleet with the real core. */
static void score(struct trial *trial, const struct troth_fleet_config *fleet_config)
{
    struct troth_confusion_config enough = {20000000, 100};
    struct troth_shard_config config = {.agents_max = fleet_config->agents,
                                        .standings_max = fleet_config->agents,
                                        .standing_bytes = STANDING_BYTES,
                                        .max_ahead_us = MAX_AHEAD_US,
                                        .on_intervention = on_intervention,
                                        .context = trial};
    struct troth_event event;
    int64_t recorded_at_us;
    int64_t offset = 0;
    open_trial(trial, fleet_config);
    struct troth_shard *shard = troth_shard_init(take_memory(troth_shard_size(&config)), &config);
    assert_int_equal(troth_shard_contract(shard, &rules), TROTH_OK);
    while (troth_fleet_next(trial->fleet, &event, &recorded_at_us)) {
        troth_status status = troth_shard_apply(shard, recorded_at_us, offset++, &event,
                                                troth_agents_hash(event.agent));
        assert_true(status == TROTH_OK || status == TROTH_DUPLICATE);
    }
    troth_confusion_result(trial->confusion, &enough, &trial->result);
    free(shard);
}

static void the_demonstration_tells_all_kinds_apart(void **state)
{
    (void)state;
    struct troth_fleet_config config;
    struct trial trial;
    read_demo_contract();
    troth_fleet_config_demo(&config);
    config.seed = SEED;
    config.start_us = INT64_C(1790000000000000);
    config.late_ppm = 5000;
    config.duplicate_ppm = 5000;
    score(&trial, &config);
    print_message("seed %d\n", SEED);
    assert_true(troth_confusion_print(&trial.result, stdout));
    assert_true(trial.result.passed);
    for (int kind = TROTH_FLEET_BREAKING; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        const struct troth_confusion_row *row = &trial.result.rows[kind];
        assert_int_equal(row->agents, 24);
        assert_true(row->right >= 22 && row->missed == 0);
    }
    char line[4096];
    size_t length = 0;
    assert_int_equal(troth_confusion_write(&trial.result, line, sizeof(line), &length), TROTH_OK);
    static const char start[] = "{\"passed\":true,\"missed\":0,\"healthy_narrowed\":";
    assert_memory_equal(line, start, strlen(start));
    assert_int_equal(troth_confusion_write(&trial.result, line, length - 1, &length), TROTH_FULL);
    close_trial(&trial);
}

/* The canary: an engine that does not look is found out. */
static void a_blind_engine_fails(void **state)
{
    (void)state;
    struct troth_fleet_config config;
    struct trial trial;
    read_demo_contract();
    for (int rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        contract.ladder[rung].confidence_below = 0;
    }
    troth_rules_init(&rules, &contract);
    troth_fleet_config_demo(&config);
    config.seed = SEED;
    score(&trial, &config);
    assert_false(trial.result.passed);
    assert_true(trial.result.missed > 100);
    assert_int_equal(trial.result.rows[TROTH_FLEET_SILENT].missed, 0);
    assert_int_equal(trial.result.rows[TROTH_FLEET_LEAKING].missed, 0);
    close_trial(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_agent_counts_where_it_must),
        cmocka_unit_test(an_onset_without_enough_after_it_is_short),
        cmocka_unit_test(one_in_a_thousand_may_be_wrong),
        cmocka_unit_test(times_are_nearest_ranks),
        cmocka_unit_test(the_demonstration_tells_all_kinds_apart),
        cmocka_unit_test(a_blind_engine_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
