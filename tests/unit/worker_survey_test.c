/*
 * Claims: a worker's survey says what its shards hold, by contract and rung, as a recount of them
 * does; how far each partition is behind; narrowings and widenings by cause, which together are the
 * interventions that were sent; what a partition counted stays when it goes. A publication and a
 * narrowing are timed from the log's time of what caused them to the store's answer. Surveys of
 * several workers add up, a partition that both name is told of once, and what is beyond a bound is
 * told together. A duration is counted at the least bound that holds it.
 */
#include "tests/support/fake_world.h"

#include "consumers/survey.h"

static struct world world;
static struct troth_survey survey;
static bool answered;

static bool quiet(struct troth_store *store)
{
    (void)store;
    return answered && world.store.connected;
}

static int open_world(void **state)
{
    (void)state;
    answered = true;
    world_open(&world, 2);
    world.store.store.quiet = quiet;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static uint64_t noted(const struct troth_histogram *histogram)
{
    uint64_t count = 0;
    for (unsigned i = 0; i <= TROTH_HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i];
    }
    return count;
}

static void rungs_and_causes(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_tasks(&world, "b", TROTH_OUTCOME_OK, 1);
    world_run(&world, SECOND_US);
    (void)world_leak(&world, "a");
    world_run(&world, SECOND_US);
    troth_worker_survey(world.worker, &survey);
    assert_int_equal(survey.contract_count, 1);
    assert_string_equal(survey.contracts[0].name, "refunds");
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        assert_int_equal(survey.contracts[0].rungs[rung],
                         rung == TROTH_RUNG_PAUSE || rung == TROTH_RUNG_RECERTIFY ? 1 : 0);
    }
    const struct troth_worker_counts *counts = &survey.counts;
    assert_int_equal(counts->interventions, 2);
    assert_int_equal(counts->widenings[TROTH_CONDITION_CERTIFIED], 1);
    assert_int_equal(counts->narrowings[TROTH_CONDITION_NEVER], 1);
    assert_int_equal(counts->restores, 2);
    assert_int_equal(noted(&counts->to_narrow), 1);
}

static void lag_and_what_stays(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_run(&world, SECOND_US);
    troth_worker_survey(world.worker, &survey);
    assert_int_equal(survey.partition_count, 2);
    uint64_t held = 0;
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(survey.partitions[i].lag, 0);
        assert_true(survey.partitions[i].started && survey.partitions[i].caught_up);
        assert_false(survey.partitions[i].fenced);
        held += survey.partitions[i].standings;
    }
    assert_int_equal(held, survey.counts.standings);
    const uint64_t applied = survey.counts.applied;
    assert_int_equal(applied, 20);
    fake_log_take_away(&world.log, false);
    world_run(&world, SECOND_US);
    troth_worker_survey(world.worker, &survey);
    assert_int_equal(survey.partition_count, 0);
    assert_int_equal(survey.counts.applied, applied);
    assert_int_equal(survey.counts.standings, 0);
}

static void publications_are_timed(void **state)
{
    (void)state;
    troth_worker_survey(world.worker, &survey);
    const uint64_t before = noted(&survey.counts.to_store);
    answered = false;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    world_run(&world, 3 * SECOND_US);
    troth_worker_survey(world.worker, &survey);
    assert_int_equal(noted(&survey.counts.to_store), before);
    answered = true;
    world_run(&world, SECOND_US / 10);
    troth_worker_survey(world.worker, &survey);
    assert_int_equal(noted(&survey.counts.to_store), before + 1);
    assert_in_range(survey.counts.to_store.sum_us, 3 * SECOND_US, 4 * SECOND_US);
    answered = false;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_run(&world, SECOND_US / 2);
    fake_store_break(&world.store); /* the answer will never come */
    answered = true;
    world_run(&world, SECOND_US);
    troth_worker_survey(world.worker, &survey);
    assert_int_equal(noted(&survey.counts.to_store), before + 1);
}

static void bounds_of_a_histogram(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TROTH_HISTOGRAM_BOUNDS; i++) {
        struct troth_histogram h = {0};
        troth_histogram_note(&h, troth_histogram_bound_us(i));
        troth_histogram_note(&h, troth_histogram_bound_us(i) + 1);
        assert_int_equal(h.counts[i], 1);
        assert_int_equal(h.counts[i + 1], 1);
    }
    struct troth_histogram h = {0};
    troth_histogram_note(&h, -5);
    assert_int_equal(h.counts[0], 1);
    assert_int_equal(h.sum_us, 0);
}

static void surveys_add_up(void **state)
{
    (void)state;
    static struct troth_survey sum;
    static struct troth_survey one;
    static const uint64_t rungs[TROTH_RUNG_COUNT] = {1, 2, 3};
    troth_survey_init(&sum);
    for (int32_t w = 0; w < 2; w++) {
        troth_survey_init(&one);
        one.counts.applied = 7;
        one.counts.store_connected = w == 0;
        one.commit_begun_us = 100 - w;
        for (uint32_t i = 0; i < 600; i++) { /* 500..599 are named by both */
            one.partitions[one.partition_count++] = (struct troth_partition_survey){
                .number = (int32_t)i + w * 500, .lag = 1 + w, .clock_us = 10 + w};
        }
        for (unsigned i = 0; i < 200; i++) {
            char name[16];
            snprintf(name, sizeof name, "c%d-%u", w, i);
            troth_survey_add_rungs(&one, name, rungs, 0);
        }
        const struct troth_outage_survey outage = {1, 20 - w, 3, 4, 2};
        troth_survey_add_outage(&one, "c0-1", &outage);
        troth_survey_add(&sum, &one);
    }
    assert_int_equal(sum.counts.applied, 14);
    assert_false(sum.counts.store_connected);
    assert_int_equal(sum.commit_begun_us, 99);
    assert_int_equal(sum.partition_count, TROTH_PARTITIONS_MAX + 1);
    assert_int_equal(sum.partitions[550].number, 550);
    assert_int_equal(sum.partitions[550].lag, 2); /* the one that is further */
    assert_int_equal(sum.partitions[TROTH_PARTITIONS_MAX].number, TROTH_SURVEY_OTHERS);
    assert_int_equal(sum.partitions[TROTH_PARTITIONS_MAX].lag, 2 * (1100 - TROTH_PARTITIONS_MAX));
    assert_int_equal(sum.contract_count, TROTH_CONTRACTS_MAX + 1);
    assert_string_equal(sum.contracts[TROTH_CONTRACTS_MAX].name, TROTH_SURVEY_OTHER);
    assert_int_equal(sum.contracts[TROTH_CONTRACTS_MAX].rungs[1], 2 * (400 - TROTH_CONTRACTS_MAX));
    assert_int_equal(sum.contracts[1].outage.partitions, 2);
    assert_int_equal(sum.contracts[1].outage.since_us, 19);
    assert_int_equal(sum.contracts[1].outage.hit, 6);
    assert_int_equal(sum.contracts[1].outage.standings, 8);
    assert_int_equal(sum.contracts[1].outage.guarded, 4);
    assert_int_equal(sum.contracts[0].outage.since_us, 0);
    troth_survey_copy(&one, &sum);
    assert_int_equal(one.partitions[TROTH_PARTITIONS_MAX].lag,
                     sum.partitions[TROTH_PARTITIONS_MAX].lag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rungs_and_causes, open_world, close_world),
        cmocka_unit_test_setup_teardown(lag_and_what_stays, open_world, close_world),
        cmocka_unit_test_setup_teardown(publications_are_timed, open_world, close_world),
        cmocka_unit_test(bounds_of_a_histogram),
        cmocka_unit_test(surveys_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
