/*
 * Claims: contracts are read to their end before a partition begins; a pointer is appended after
 * catching up alone, once per version and partition, again where it was lost, and the version takes
 * effect where it is read back; a forged one does no harm; ticks come after silence alone; a
 * restart says nothing again that was committed, and says the rest; partitions that are given back
 * are published and committed first, lost ones are not; a log that is away is told of once, and
 * when it is back.
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

static int64_t committed(int32_t partition)
{
    return world.cluster.topics[TROTH_TOPIC_TELEMETRY][partition].committed;
}

static int64_t end_of(int32_t partition)
{
    return (int64_t)world.cluster.topics[TROTH_TOPIC_TELEMETRY][partition].count;
}

/* ---- Contracts and pointers. ---- */

static void contracts_come_first(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    world_start(&world);
    world.log.holds_control = true;
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STARTED, NULL, 0), 0);
    assert_int_equal(world_counts(&world).partitions, 3);
    assert_int_equal(world_counts(&world).records, 0);
    world.log.holds_control = false;
    world_run(&world, SECOND_US);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STARTED, NULL, 0), 3);
    assert_int_equal(world_counts(&world).live, 3);
}

static void pointer_follows_what_was_there(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 500);
    world_start(&world);
    uint64_t random = random_seed("pointer_follows_what_was_there");
    world.log.random = &random; /* small batches: catching up takes several polls */
    world_run(&world, 3 * SECOND_US);
    const size_t place = fake_journal_find(&world.journal, FAKE_ARRIVED, NULL, 0);
    assert_int_equal(world.journal.entries[place].topic, TROTH_TOPIC_TELEMETRY);
    assert_int_equal(world.journal.entries[place].offset, 500);
    assert_int_equal(world_counts(&world).unbound, 500);
}

static void pointer_once_a_version_and_partition(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_push(&world, WORLD_CONTRACT("other", 1));
    world_start(&world);
    world_run(&world, 5 * SECOND_US);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(world_own(&world, i, TROTH_KIND_POINTER), 2);
    }
    world_push(&world, WORLD_CONTRACT("refunds", 2));
    world_run(&world, 5 * SECOND_US);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(world_own(&world, i, TROTH_KIND_POINTER), 3);
    }
    assert_int_equal(world_counts(&world).pointers, 9);
    world_crash(&world);
    world_start(&world);
    world_run(&world, 5 * SECOND_US);
    assert_int_equal(world_counts(&world).pointers, 9);
}

/* Not again while it is under way, whatever else comes. */
static void pointer_under_way_is_not_doubled(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world.log.keeps_pending = true;
    world_run(&world, SECOND_US / 5);
    assert_int_equal(world.log.pending_count, 1);
    world_push(&world, WORLD_CONTRACT("other", 1));
    world_run(&world, SECOND_US / 5);
    assert_int_equal(world.log.pending_count, 2);
}

static void version_takes_effect_where_it_is_read(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world.log.keeps_pending = true;
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 1000};
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_run(&world, SECOND_US / 2);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 7);
    world_run(&world, SECOND_US / 4);
    assert_int_equal(world.log.pending_count, 1); /* sent, and nowhere yet */
    assert_int_equal(world_counts(&world).unbound, 8);
    fake_log_deliver(&world.log);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 5);
    world_run(&world, SECOND_US / 20);
    assert_int_equal(world_counts(&world).unbound, 8);
    assert_int_equal(world_counts(&world).applied, 5);
}

static void lost_pointer_is_sent_again(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world.log.keeps_pending = true;
    world.log.loses_pending = true;
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 2};
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_run(&world, 30 * SECOND_US);
    assert_int_equal(world_counts(&world).commit_failures, 2);
    assert_int_equal(world_own(&world, 0, TROTH_KIND_POINTER), 1);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).applied, 1);
}

static void forge(const char *topic, const char *offset, unsigned count)
{
    const struct troth_attribute attributes[] = {
        {{"topic", 5}, {topic, (uint32_t)strlen(topic)}},
        {{"offset", 6}, {offset, (uint32_t)strlen(offset)}}};
    struct troth_event event = world_event(&world, "", TROTH_KIND_POINTER, TROTH_OUTCOME_NONE);
    event.attributes = attributes;
    event.attribute_count = (uint16_t)count;
    event.present |= count > 0 ? 1U << TROTH_FIELD_ATTRIBUTES : 0;
    world_append_to(&world, 0, NULL, &event);
    world_append_to(&world, 0, "a", &event);
}

static void forged_pointer_does_no_harm(void **state)
{
    (void)state;
    assert_int_equal(world_push(&world, WORLD_CONTRACT("refunds", 1)), 0);
    world_start(&world);
    world.log.keeps_pending = true; /* the true one is not there yet */
    static const char *const offsets[] = {"1",
                                          "2",
                                          "999999",
                                          "",
                                          "-1",
                                          "-0",
                                          "abc",
                                          "99999999999999999999999999",
                                          "9223372036854775807",
                                          "1e3",
                                          "\xd9\xa0",
                                          "123456789012345678"};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        if (strcmp(offsets[i], "abc") != 0 && strcmp(offsets[i], "-0") != 0 &&
            strcmp(offsets[i], "\xd9\xa0") != 0) {
            forge("contracts", offsets[i], 2);
        }
        forge("decisions", offsets[i], 2);
    }
    forge("decisions", "0", 2);
    forge("", "0", 2);
    forge("contracts", "0", 1);
    forge("contracts", "0", 0);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 4);
    world_run(&world, SECOND_US / 2);
    assert_int_equal(world_counts(&world).unbound, 4);
    assert_int_equal(world_counts(&world).rejects[TROTH_MISROUTED], 0);
    fake_log_deliver(&world.log);
    world_push(&world, WORLD_CONTRACT("refunds", 2));
    world_run(&world, 3 * SECOND_US);
    world.log.keeps_pending = false;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 12);
    world_run(&world, 3 * SECOND_US);
    const size_t told = world_told(&world);
    forge("contracts", "0", 2); /* back to the first version */
    forge("contracts", "2", 2); /* the second once more */
    world_run(&world, 3 * SECOND_US);
    char *standings = world_standings(&world);
    assert_non_null(strstr(standings, "\"contract_version\":2"));
    assert_non_null(strstr(standings, "\"kept\":12,"));
    assert_int_equal(world_told(&world), told);
    free(standings);
}

/* A record that is no pointer's business: text that is not a number names no offset at all. */
static void pointer_without_a_number_is_none(void **state)
{
    (void)state;
    assert_int_equal(world_push(&world, WORLD_CONTRACT("refunds", 1)), 0);
    world_start(&world);
    world.log.keeps_pending = true;
    forge("contracts", "abc", 2);
    forge("contracts", "-0", 2);
    forge("contracts", "\xd9\xa0", 2); /* an Arabic zero */
    forge("contracts", " 0", 2);
    forge("contracts", "0x", 2);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 4);
    world_run(&world, SECOND_US / 2);
    assert_int_equal(world_counts(&world).unbound, 4);
}

/* ---- Ticks. ---- */

static void ticks_after_silence_alone(void **state)
{
    (void)state;
    world.config.tick_us = SECOND_US;
    world_start(&world);
    for (unsigned i = 0; i < 40; i++) { /* a record each 0.9 s */
        world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
        world_run(&world, 900000);
    }
    assert_int_equal(world_own(&world, 0, TROTH_KIND_TICK), 0);
    world_run(&world, 10 * SECOND_US);
    const size_t ticks = world_own(&world, 0, TROTH_KIND_TICK);
    assert_in_range(ticks, 8, 10);
    assert_int_equal(world_counts(&world).ticks, ticks);
    assert_int_equal(fake_cluster_count(&world.cluster, TROTH_TOPIC_REJECTS), 0);
}

static void no_ticks_where_none_are_wanted(void **state)
{
    (void)state;
    world.config.tick_us = 0;
    world_start(&world);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
    world_run(&world, 600 * SECOND_US);
    assert_int_equal(end_of(0), 1);
}

/* A tick is what lets time pass: deadlines are met without any other record. */
static void ticks_move_the_clock(void **state)
{
    (void)state;
    world.config.tick_us = SECOND_US;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 20);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(fake_store_shows(&world.store, "a", "refunds")->rung, TROTH_RUNG_CLEAR);
    world_run(&world, 1200 * SECOND_US);
    assert_int_equal(fake_store_shows(&world.store, "a", "refunds")->rung, TROTH_RUNG_RECERTIFY);
}

/* ---- Restoring. ---- */

static const char *header_of(size_t n, const char *name)
{
    return fake_record_header(fake_cluster_record(&world.cluster, TROTH_TOPIC_INTERVENTIONS, n),
                              name);
}

static void restart_is_silent_up_to_the_commit(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10);                                /* certified */
    world_leak(&world, "b");                                                       /* paused */
    fake_cluster_append(&world.cluster, TROTH_TOPIC_TELEMETRY, 0, "c", 1, "?", 1); /* rejected */
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_told(&world), 2);
    assert_int_equal(committed(0), end_of(0));
    world.log.on_commit = (struct fake_failure){TROTH_TIMED_OUT, 0, 1000};
    world_leak(&world, "a");
    fake_cluster_append(&world.cluster, TROTH_TOPIC_TELEMETRY, 0, "c", 1, "??", 2);
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).interventions, 3);
    assert_int_equal(world_told(&world),
                     2); /* the third is not committed, and so it is not there */
    const int64_t silent = committed(0);
    const size_t rejects = fake_cluster_count(&world.cluster, TROTH_TOPIC_REJECTS);
    assert_int_equal(rejects, 1);
    world_crash(&world);
    const size_t from = world.journal.count;
    world_start(&world);
    world_run(&world, SECOND_US / 2);
    assert_int_equal(world_counts(&world).restored, silent);
    assert_int_equal(world_counts(&world).interventions, 1);
    assert_int_equal(world_told(&world), 3);
    assert_int_equal(fake_cluster_count(&world.cluster, TROTH_TOPIC_REJECTS), rejects + 1);
    assert_string_not_equal(header_of(0, "ce_id"), header_of(1, "ce_id"));
    assert_string_not_equal(header_of(1, "ce_id"), header_of(2, "ce_id"));
    /* Both are shown, though one of them was not told again. */
    assert_int_equal(fake_journal_count(&world.journal, FAKE_NARROWED, "b", from), 0);
    assert_true(fake_journal_count(&world.journal, FAKE_STANDING, "b", from) > 0);
}

/* While a partition is read again nothing of it is shown: the store would go back in time. */
static void nothing_is_shown_while_restoring(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, SECOND_US);
    for (unsigned i = 0; i < 300; i++) {
        world_tasks(&world, "a", TROTH_OUTCOME_OK, 1);
        fake_clock_move(&world.clock, SECOND_US);
    }
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(committed(0), end_of(0));
    const int64_t last_us =
        world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].records[end_of(0) - 1].timestamp_us;
    world_crash(&world);
    const size_t from = world.journal.count;
    uint64_t random = random_seed("nothing_is_shown_while_restoring");
    world_start(&world);
    world.log.random = &random;
    for (unsigned i = 0; i < 1000 && world_counts(&world).live == 0; i++) {
        fake_clock_move(&world.clock, world.config.publish_us); /* a publication is always due */
        world_step(&world);
    }
    world_run(&world, SECOND_US);
    assert_true(fake_journal_count(&world.journal, FAKE_STANDING, "a", from) > 0);
    for (size_t i = from; i < world.journal.count; i++) {
        if (world.journal.entries[i].act == FAKE_STANDING) {
            assert_true(world.journal.entries[i].as_of_us >= last_us);
        }
    }
}

static void partition_comes_back_to_the_same_bytes(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, SECOND_US);
    for (unsigned i = 0; i < 200; i++) {
        char agent[8];
        snprintf(agent, sizeof agent, "a%u", i % 7);
        world_tasks(&world, agent, i % 11 == 0 ? TROTH_OUTCOME_FAILED : TROTH_OUTCOME_OK, 1);
        fake_clock_move(&world.clock, SECOND_US / 3);
    }
    world_leak(&world, "a3");
    world_run(&world, 3 * SECOND_US);
    char *before = world_standings(&world);
    assert_int_equal(world_counts(&world).standings, 7);
    const size_t told = world_told(&world);
    fake_log_take_away(&world.log, false);
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).partitions, 0);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(committed(i), end_of(i));
        fake_log_assign(&world.log, i);
    }
    world_run(&world, SECOND_US);
    char *after = world_standings(&world);
    assert_string_equal(before, after);
    assert_int_equal(world_told(&world), told);
    free(before);
    free(after);
}

/* What a version changes is caused by its pointer, which stands after all that was committed. */
static void version_change_is_told_after_a_restart(void **state)
{
    (void)state;
    static const char stricter[] = WORLD_CONTRACT("refunds", 2);
    char yaml[sizeof stricter];
    char number[24];
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 10);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_told(&world), 1);
    assert_int_equal(committed(0), end_of(0));
    world_crash(&world);
    memcpy(yaml, stricter, sizeof yaml);
    memcpy(strstr(yaml, "floor: 0.9"), "floor: 0.8", 10); /* another promise: it begins anew */
    world_push(&world, yaml);
    const size_t from = world.journal.count;
    const int64_t pointer = end_of(0);
    world_start(&world);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(world_told(&world), 2);
    assert_int_equal(fake_store_shows(&world.store, "a", "refunds")->rung, TROTH_RUNG_RECERTIFY);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_NARROWED, "a", from), 1);
    snprintf(number, sizeof number, "\"offset\":%lld}]", (long long)pointer);
    assert_non_null(
        strstr(fake_cluster_record(&world.cluster, TROTH_TOPIC_INTERVENTIONS, 1)->value, number));
}

static void given_back_after_publication_and_commit(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    world.config.publish_us = world.config.commit_us = 1000 * SECOND_US;
    world_crash(&world);
    world_start(&world);
    world_run(&world, SECOND_US);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3); /* too few to tell anything */
    world_step(&world);
    const size_t from = world.journal.count;
    fake_log_take_away(&world.log, false);
    world_step(&world);
    const size_t shown = fake_journal_find(&world.journal, FAKE_STANDING, "a", from);
    const size_t answered = fake_journal_find(&world.journal, FAKE_ACKNOWLEDGED, NULL, from);
    const size_t done = fake_journal_find(&world.journal, FAKE_COMMITTED, NULL, from);
    assert_true(shown < answered && answered < done && done < world.journal.count);
    assert_int_equal(committed(0), end_of(0));
    assert_int_equal(world_counts(&world).partitions, 0);
}

static void lost_partition_is_not_committed(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    const int64_t before = committed(0);
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3); /* too few to tell anything */
    world_step(&world);
    const size_t from = world.journal.count;
    fake_log_take_away(&world.log, true);
    world_run(&world, 3 * SECOND_US);
    assert_int_equal(committed(0), before);
    assert_int_equal(fake_journal_count(&world.journal, FAKE_STANDING, "a", from), 0);
    assert_int_equal(world_counts(&world).partitions, 0);
}

static void log_that_will_not_go_on_ends_the_worker(void **state)
{
    (void)state;
    world_start(&world);
    world.log.on_poll = (struct fake_failure){TROTH_UNREACHABLE, 0, 3};
    world_run(&world, SECOND_US);
    world.log.on_poll = (struct fake_failure){TROTH_FENCED, 0, 1};
    assert_int_equal(troth_worker_step(world.worker), TROTH_FENCED);
    world.log.on_poll = (struct fake_failure){TROTH_REFUSED, 0, 1};
    assert_int_equal(troth_worker_step(world.worker), TROTH_REFUSED);
}

static void log_that_is_away_is_told_of_once(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    world.log.on_poll = (struct fake_failure){TROTH_UNREACHABLE, 0, 50};
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 3);
    for (unsigned i = 0; i < 50; i++) {
        assert_null(strstr(world.said, "a broker answers again"));
        world_step(&world);
        assert_true(world_counts(&world).log_away);
    }
    const char *said = strstr(world.said, "no broker answers");
    assert_non_null(said);
    assert_null(strstr(said + 1, "no broker answers"));
    world_run(&world, SECOND_US);
    assert_non_null(strstr(said, "a broker answers again"));
    assert_false(world_counts(&world).log_away);
    assert_int_equal(world_counts(&world).applied, 3);
}

static void extent_is_asked_again(void **state)
{
    (void)state;
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 2);
    world_start(&world);
    world.log.on_extent = (struct fake_failure){TROTH_TIMED_OUT, 0, 5};
    world_run(&world, SECOND_US);
    assert_int_equal(world_counts(&world).live, 1);
    assert_int_equal(world_counts(&world).records, 2);
}

/* What the log no longer keeps is not waited for. */
static void log_may_begin_late(void **state)
{
    (void)state;
    world_push(&world, WORLD_CONTRACT("refunds", 1));
    world_tasks(&world, "a", TROTH_OUTCOME_OK, 9);
    world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].low = 5;
    world.cluster.topics[TROTH_TOPIC_TELEMETRY][0].committed = 3;
    world_start(&world);
    world_run(&world, 2 * SECOND_US);
    assert_int_equal(world_counts(&world).live, 1);
    assert_int_equal(world_counts(&world).unbound, 4);
    assert_int_equal(world_counts(&world).restored, 0);
    assert_non_null(strstr(world.said, "begins at offset 5"));
    assert_int_equal(committed(0), end_of(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contracts_come_first, open_three, close_world),
        cmocka_unit_test_setup_teardown(pointer_follows_what_was_there, open_one, close_world),
        cmocka_unit_test_setup_teardown(pointer_once_a_version_and_partition, open_three,
                                        close_world),
        cmocka_unit_test_setup_teardown(pointer_under_way_is_not_doubled, open_one, close_world),
        cmocka_unit_test_setup_teardown(version_takes_effect_where_it_is_read, open_one,
                                        close_world),
        cmocka_unit_test_setup_teardown(lost_pointer_is_sent_again, open_one, close_world),
        cmocka_unit_test_setup_teardown(forged_pointer_does_no_harm, open_one, close_world),
        cmocka_unit_test_setup_teardown(pointer_without_a_number_is_none, open_one, close_world),
        cmocka_unit_test_setup_teardown(ticks_after_silence_alone, open_one, close_world),
        cmocka_unit_test_setup_teardown(no_ticks_where_none_are_wanted, open_one, close_world),
        cmocka_unit_test_setup_teardown(ticks_move_the_clock, open_one, close_world),
        cmocka_unit_test_setup_teardown(restart_is_silent_up_to_the_commit, open_one, close_world),
        cmocka_unit_test_setup_teardown(nothing_is_shown_while_restoring, open_one, close_world),
        cmocka_unit_test_setup_teardown(partition_comes_back_to_the_same_bytes, open_three,
                                        close_world),
        cmocka_unit_test_setup_teardown(version_change_is_told_after_a_restart, open_one,
                                        close_world),
        cmocka_unit_test_setup_teardown(given_back_after_publication_and_commit, open_one,
                                        close_world),
        cmocka_unit_test_setup_teardown(lost_partition_is_not_committed, open_one, close_world),
        cmocka_unit_test_setup_teardown(log_that_will_not_go_on_ends_the_worker, open_one,
                                        close_world),
        cmocka_unit_test_setup_teardown(log_that_is_away_is_told_of_once, open_one, close_world),
        cmocka_unit_test_setup_teardown(extent_is_asked_again, open_one, close_world),
        cmocka_unit_test_setup_teardown(log_may_begin_late, open_one, close_world),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
