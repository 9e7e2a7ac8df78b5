/*
 * Claims: a partition begins only when the contracts topic has been read to its end as of a time
 * after its assignment; a pointer that comes later and may name what is still to be read makes its
 * partition wait, and takes effect where it stands; forged ones are judged at once, cost at most
 * one question a poll, and are worth nothing if what they name was not there, or not in force, by
 * their own time; the engine points again, in due time, where its pointer came too early; and
 * whatever happened, a replay of the logs gives the same standings, byte for byte.
 */
#include "tests/support/fake_world.h"

static struct world world;

static int open_one(void **state)
{
    (void)state;
    world_open(&world, 1);
    return 0;
}

static int open_three(void **state)
{
    (void)state;
    world_open(&world, 3);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static size_t starts(void)
{
    return fake_journal_count(&world.journal, FAKE_STARTED, NULL, 0);
}

/* Appends a pointer, as an owner before, or a forger, would. Returns its offset. */
static int64_t point(int32_t partition, int64_t offset)
{
    char number[24];
    const int length = snprintf(number, sizeof number, "%lld", (long long)offset);
    const struct troth_attribute attributes[] = {{{"topic", 5}, {"contracts", 9}},
                                                 {{"offset", 6}, {number, (uint32_t)length}}};
    struct troth_event event = world_event(&world, "", TROTH_KIND_POINTER, TROTH_OUTCOME_NONE);
    event.attributes = attributes;
    event.attribute_count = 2;
    event.present |= 1U << TROTH_FIELD_ATTRIBUTES;
    return world_append_to(&world, partition, NULL, &event);
}

/* Holds what the worker has against what a new one reads from the logs' beginning. */
static void check_replay(void)
{
    world.log.holds_control = false;
    world_run(&world, 10 * SECOND_US);
    char *run = world_standings(&world);
    const size_t own = (size_t)world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].count;
    world_crash(&world);
    for (int32_t i = 0; i < world.cluster.partition_count; i++) {
        world.cluster.topics[TROTH_TOPIC_TELEMETRY][i].committed = TROTH_OFFSET_NONE;
    }
    world_start(&world);
    world_run(&world, 5 * SECOND_US);
    char *replay = world_standings(&world);
    assert_string_equal(run, replay);
    assert_int_equal(world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].count, own);
    free(run);
    free(replay);
}

/* ---- Before a partition begins. ---- */

/* A member that is there before the contract, and gets the partition after it. */
static void contracts_are_read_as_of_the_assignment(void **state)
{
    (void)state;
    world_join(&world);
    world_run(&world, SECOND_US); /* the topic is empty, and read to its end */
    world.log.holds_control = true;
    const int64_t offset = world_push(&world, WORLD_CONTRACT("refunds", 1));
    point(0, offset); /* the owner before had read it */
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 12);
    fake_log_assign(&world.log, 0);
    world_run(&world, SECOND_US);
    assert_int_equal(starts(), 0);
    assert_int_equal(world_counts(&world).records, 0);
    world.log.holds_control = false;
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).applied, 12);
    assert_int_equal(world_own(&world, 0, TROTH_KIND_POINTER), 1);
    check_replay();
}

static void topic_is_asked_again_for_its_end(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world.log.on_catch_up = (struct fake_failure){TROTH_TIMED_OUT, 0, 3};
    world_run(&world, 7 * SECOND_US);         /* not at once */
    assert_int_equal(world.log.catch_ups, 4); /* once for all three */
    assert_int_equal(starts(), 3);
    assert_non_null(strstr(world.said, "trying again"));
}

/* What stood in telemetry at the start needs no question. */
static void restoring_asks_nothing(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 9000; i++) {
        point(0, i % 50);
    }
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world.log.catch_ups, 1);
    assert_int_equal(world_counts(&world).pointers, 9001);
    check_replay();
}

/* ---- While it runs. ---- */

static void partition_waits_for_what_is_pointed_to(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    const int32_t place = world_place(&world, "a");
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    world_run(&world, SECOND_US);
    world.log.holds_control = true;
    const int64_t offset = world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 4);
    const int64_t pointer = point(place, offset);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 100);
    const char *other = world_place(&world, "b") != place ? "b" : "c";
    assert_int_not_equal(world_place(&world, other), place);
    world_tasks(&world, other, TROTH_OUTCOME_OK, 5);
    world_run(&world, 3 * SECOND_US);
    world_tasks(&world, other, TROTH_OUTCOME_OK, 5);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 50);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_counts(&world).unbound, 3 + 4 + 10); /* the others go on */
    assert_int_equal(world_counts(&world).pointers, 0);
    assert_int_equal(world.cluster.topics[TROTH_TOPIC_TELEMETRY][place].committed, pointer);
    world.log.holds_control = false;
    world_step(&world);
    world_step(&world);
    world_step(&world);
    assert_int_equal(world_counts(&world).unbound, 3 + 4 + 10);
    assert_int_equal(world_counts(&world).applied, 150);
    assert_int_equal(starts(), 3 + 1);
    check_replay();
}

static void waiting_partition_asks_until_it_is_told(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    world.log.on_catch_up = (struct fake_failure){TROTH_TIMED_OUT, 0, 3};
    point(0, 0);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 7);
    world_step(&world);
    assert_int_equal(world_counts(&world).records, 0);
    const int64_t offset = world_push(&world, WORLD_CONTRACT("refunds", 1));
    assert_int_equal(offset, 0);
    for (unsigned i = 0; i < 20; i++) {
        point(0, 5); /* none of them makes it be asked out of turn */
        world_run(&world, SECOND_US / 20);
    }
    assert_int_equal(world.log.catch_ups, 1 + 1);
    world_run(&world, 7 * SECOND_US);
    assert_int_equal(world_counts(&world).unbound, 7);
    assert_int_equal(world_counts(&world).pointers, 20 + 2);
    check_replay();
}

/* A contract that came with the same poll, behind the pointer to it, is there. */
static void what_came_along_is_read_first(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    world.log.control_last = true;
    point(0, world_push(&world, WORLD_CONTRACT("refunds", 1)));
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 7);
    world_step(&world);
    assert_int_equal(world_counts(&world).applied, 7);
    assert_int_equal(world_counts(&world).contracts, 1);
    assert_int_equal(starts(), 1);
    assert_null(strstr(world.said, "refused"));
    check_replay();
}

/* An END that was on its way when the topic was asked anew is no answer. */
static void late_end_is_no_answer(void **state)
{
    (void)state;
    world_join(&world);
    fake_log_assign(&world.log, 0);
    world_run(&world, SECOND_US);
    world.log.holds_control = true;
    world_push(&world, WORLD_CONTRACT("other", 1));
    fake_log_assign(&world.log, 1);
    world_run(&world, SECOND_US); /* asked for its end: after the first two records */
    assert_int_equal(starts(), 1);
    point(0, world_push(&world, WORLD_CONTRACT("refunds", 1)));
    assert_int_equal(world_place(&world, "f"), 0);
    world_tasks(&world, "f", TROTH_OUTCOME_OK, 7);
    world.log.holds_control = false;
    world.log.control_last = true;
    world.log.control_max = 2;
    world_step(&world); /* the pointer, the first two records, and END */
    assert_int_equal(world.log.catch_ups, 3);
    assert_int_equal(world_counts(&world).contracts, 1);
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).applied, 7);
    assert_int_equal(starts(), 3);
    fake_log_assign(&world.log, 2);
    check_replay();
}

/* ---- Forged. ---- */

static void flood_costs_a_question_a_poll(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, SECOND_US);
    const unsigned asked = world.log.catch_ups;
    for (int64_t i = 0; i < 3 * TROTH_BATCH_MAX; i++) {
        point(0, 5 + i);
    }
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).applied, 1);
    assert_in_range(world.log.catch_ups - asked, 1, 4);
    assert_int_equal(starts(), 1);
}

/* The offset is there later: neither then nor in a replay is the pointer worth anything. */
static void offset_that_is_yet_to_come(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    point(0, 0);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_run(&world, SECOND_US);
    assert_int_equal(world_push(&world, WORLD_CONTRACT("refunds", 1)), 0);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 11);
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).unbound, 20);
    assert_int_equal(world_counts(&world).applied, 11);
    check_replay();
    assert_int_equal(world_counts(&world).unbound, 20);
}

/* It comes in the same millisecond. */
static void offset_that_comes_at_once(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    point(0, 0);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_step(&world);
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).unbound, 20);
    check_replay();
    assert_int_equal(world_counts(&world).unbound, 20);
}

static void version_that_is_not_in_force_yet(void **state)
{
    (void)state;
    static struct troth_contract contract;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    static const char second[] = WORLD_CONTRACT("refunds", 2);
    char yaml[sizeof second];
    memcpy(yaml, second, sizeof yaml);
    memcpy(strstr(yaml, "floor: 0.9"), "floor: 0.8", 10); /* its evidence begins anew */
    const int64_t offset = world_write(&world, yaml, &contract);
    world_run(&world, SECOND_US);
    point(0, offset);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_run(&world, SECOND_US);
    char *standings = world_standings(&world);
    assert_non_null(strstr(standings, "\"contract_version\":1"));
    free(standings);
    check_replay();
    world_put_in_force(&world, "refunds", 2);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 13);
    world_run(&world, SECOND_US);
    standings = world_standings(&world);
    assert_non_null(strstr(standings, "\"contract_version\":2"));
    assert_non_null(strstr(standings, "\"kept\":13,"));
    free(standings);
    check_replay();
}

/* ---- The engine's own. ---- */

/* The clock of the contracts' broker is 2.5 s ahead of the telemetry's. */
static void pointer_that_came_too_early_is_sent_again(void **state)
{
    (void)state;
    world_start(&world);
    world_run(&world, SECOND_US);
    world.clock.wall_us += 2500000;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world.clock.wall_us -= 2500000;
    for (unsigned i = 0; i < 20; i++) {
        world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
        world_run(&world, SECOND_US / 2);
    }
    assert_int_equal(world_own(&world, 0, TROTH_KIND_POINTER), 4); /* at 0, 1, 2 and 3 s */
    assert_non_null(strstr(world.said, "pointing again"));
    assert_in_range(world_counts(&world).unbound, 6, 8);
    check_replay();
    assert_int_equal(world_own(&world, 0, TROTH_KIND_POINTER), 4);
}

/* By its emitters' time a log says nothing about when a record came. */
static void emitters_time_is_not_compared(void **state)
{
    (void)state;
    world.config.create_time = true;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world.clock.wall_us -= 1000 * SECOND_US; /* the events are of before the contract */
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 2);
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 8);
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).applied, 8);
    assert_int_equal(world_own(&world, 0, TROTH_KIND_POINTER), 1);
    check_replay();
}

static void replay_outlives_compaction(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    for (int version = 2; version <= 4; version++) {
        char yaml[1024];
        snprintf(yaml, sizeof yaml, "%s", WORLD_CONTRACT("refunds", 1));
        *(strstr(yaml, "version: 1") + strlen("version: ")) = (char)('0' + version);
        world_run(&world, 2 * SECOND_US);
        world_tasks(&world, "a", TROTH_OUTCOME_OK, 12);
        world_run(&world, 2 * SECOND_US);
        world_push(&world, yaml);
    }
    fake_cluster_compact(&world.cluster, TROTH_TOPIC_CONTRACTS, 0);
    assert_true(world.cluster.topics[TROTH_TOPIC_CONTRACTS][0].records[1].gone);
    check_replay();
    assert_int_equal(world_counts(&world).unbound, 0);
    assert_int_equal(world_counts(&world).applied, 36);
}

/* ---- Anything at all. ---- */

static void push_something(uint64_t *random, int64_t *version, int64_t *staged)
{
    static struct troth_contract contract;
    char yaml[1024];
    if (*staged > 0 && random_below(random, 2) == 0) {
        world_put_in_force(&world, "refunds", *staged);
        *staged = 0;
        return;
    }
    snprintf(yaml, sizeof yaml, "%s", WORLD_CONTRACT("refunds", 1));
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)++*version);
    char *digit = strstr(yaml, "version: 1") + strlen("version: ");
    memmove(digit + strlen(number), digit + 1, strlen(digit + 1) + 1);
    memcpy(digit, number, strlen(number));
    strstr(yaml, "floor: 0.9")[9] = (char)('1' + random_below(random, 9));
    world_write(&world, yaml, &contract);
    *staged = *version;
}

static void turn(uint64_t *random, int64_t *version, int64_t *staged)
{
    static const char *const agents[] = {"a", "b", "c", "d", "e"};
    const enum troth_outcome outcome =
        random_below(random, 8) == 0 ? TROTH_OUTCOME_FAILED : TROTH_OUTCOME_OK;
    const int64_t ahead_us = (int64_t)random_below(random, 2) * 700000;
    switch (random_below(random, 12)) {
    case 0:
        world.clock.wall_us += ahead_us; /* brokers' clocks differ */
        push_something(random, version, staged);
        world.clock.wall_us -= ahead_us;
        break;
    case 1:
    case 2:
        /* To what is there, what is coming next, and what never will. */
        point((int32_t)random_below(random, 3),
              (int64_t)random_below(random,
                                    world.cluster.topics[TROTH_TOPIC_CONTRACTS][0].count + 2));
        break;
    case 3:
        world.log.holds_control = random_below(random, 2) == 0;
        break;
    case 4:
        world.log.control_last = random_below(random, 2) == 0;
        break;
    case 5:
        if (random_below(random, 6) == 0) {
            world_crash(&world);
            world_start(&world);
            world.log.random = random;
        }
        world.log.on_catch_up =
            (struct fake_failure){TROTH_TIMED_OUT, 0, random_below(random, 8) == 0};
        break;
    default:
        world_tasks(&world, agents[random_below(random, 5)], outcome,
                    (unsigned)random_below(random, 6));
    }
}

/* The contracts' clock is at times ahead of telemetry's, and never behind: there no rule by time
 * can tell a pointer to what is yet to come. */
static void replay_is_the_run(void **state)
{
    (void)state;
    uint64_t random = random_seed("replay_is_the_run");
    uint64_t pointers = 0;
    size_t waits = 0;
    for (unsigned run = 0; run < 40; run++) {
        int64_t version = 1;
        int64_t staged = 0;
        world_open(&world, 3);
        world_push(&world, WORLD_CONTRACT("refunds", 1));
        world_start(&world);
        world.log.random = &random;
        for (unsigned i = 0; i < 400; i++) {
            turn(&random, &version, &staged);
            if (random_below(&random, 3) == 0) {
                fake_clock_move(&world.clock, (int64_t)random_below(&random, 300000));
            }
            if (random_below(&random, 2) == 0) {
                world_step(&world);
            }
        }
        waits += starts();
        world.log.random = NULL;
        check_replay();
        pointers += world_counts(&world).pointers;
        world_close(&world);
    }
    printf("  %llu pointers, %zu starts\n", (unsigned long long)pointers, waits);
    assert_true(pointers > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contracts_are_read_as_of_the_assignment, open_one,
                                        close_world),
        cmocka_unit_test_setup_teardown(topic_is_asked_again_for_its_end, open_three, close_world),
        cmocka_unit_test_setup_teardown(restoring_asks_nothing, open_one, close_world),
        cmocka_unit_test_setup_teardown(partition_waits_for_what_is_pointed_to, open_three,
                                        close_world),
        cmocka_unit_test_setup_teardown(waiting_partition_asks_until_it_is_told, open_one,
                                        close_world),
        cmocka_unit_test_setup_teardown(what_came_along_is_read_first, open_one, close_world),
        cmocka_unit_test_setup_teardown(late_end_is_no_answer, open_three, close_world),
        cmocka_unit_test_setup_teardown(flood_costs_a_question_a_poll, open_one, close_world),
        cmocka_unit_test_setup_teardown(offset_that_is_yet_to_come, open_one, close_world),
        cmocka_unit_test_setup_teardown(offset_that_comes_at_once, open_one, close_world),
        cmocka_unit_test_setup_teardown(version_that_is_not_in_force_yet, open_one, close_world),
        cmocka_unit_test_setup_teardown(pointer_that_came_too_early_is_sent_again, open_one,
                                        close_world),
        cmocka_unit_test_setup_teardown(emitters_time_is_not_compared, open_one, close_world),
        cmocka_unit_test_setup_teardown(replay_outlives_compaction, open_one, close_world),
        cmocka_unit_test(replay_is_the_run),
    };
    return cmocka_run_group_tests_name("worker_pointer", tests, NULL, NULL);
}
