/*
 * Claims: a standing is written where its rung changed, its score moved by the dead band or more,
 * or half of the published time to good_until is gone or moved, and not otherwise, at each boundary
 * to the microsecond and the point; what is called settled is never news, whatever kept evidence
 * comes; a partition that is begun is empty, and may be ended twice.
 */
#include "tests/support/test.h"

#include "consumers/partition.h"

enum { BAND = 5 };

static const struct troth_published published = {
    .at_us = 1000, .good_until_us = 2000, .score = 500, .rung = TROTH_RUNG_WARN, .known = true};

static bool is_news(int64_t clock_us, unsigned rung, unsigned score, int64_t good_until_us)
{
    return troth_partition_is_news(&published, BAND, clock_us, rung, (uint16_t)score,
                                   good_until_us);
}

static void unknown_is_news(void **state)
{
    (void)state;
    struct troth_published unknown = published;
    unknown.known = false;
    assert_true(troth_partition_is_news(&unknown, BAND, 1000, TROTH_RUNG_WARN, 500, 2000));
    assert_false(is_news(1000, TROTH_RUNG_WARN, 500, 2000));
    unknown.score = 1000;
    assert_false(troth_partition_is_settled(&unknown, BAND, 1000));
}

static void rung_is_news(void **state)
{
    (void)state;
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        assert_int_equal(is_news(1000, rung, 500, 2000), rung != TROTH_RUNG_WARN);
    }
}

static void score_is_news_from_the_dead_band_on(void **state)
{
    (void)state;
    for (unsigned score = 0; score <= 1000; score++) {
        const bool far = score <= 500 - BAND || score >= 500 + BAND;
        assert_int_equal(is_news(1000, TROTH_RUNG_WARN, score, 2000), far);
        /* Without a dead band any change is news, and none is not. */
        assert_int_equal(
            troth_partition_is_news(&published, 0, 1000, TROTH_RUNG_WARN, (uint16_t)score, 2000),
            score != 500);
    }
}

static void half_the_time_is_news(void **state)
{
    (void)state;
    /* gone */
    assert_false(is_news(1499, TROTH_RUNG_WARN, 500, 2001));
    assert_true(is_news(1500, TROTH_RUNG_WARN, 500, 2001));
    /* moved, either way */
    assert_false(is_news(1000, TROTH_RUNG_WARN, 500, 2500));
    assert_true(is_news(1000, TROTH_RUNG_WARN, 500, 2501));
    assert_false(is_news(1000, TROTH_RUNG_WARN, 500, 1500));
    assert_true(is_news(1000, TROTH_RUNG_WARN, 500, 1499));
    /* the same time is never news, however late */
    assert_false(is_news(9999, TROTH_RUNG_WARN, 500, 2000));
    assert_true(troth_partition_is_stale(&published, 1500));
    assert_false(troth_partition_is_stale(&published, 1499));
}

static void no_time_left_is_stale_at_once(void **state)
{
    (void)state;
    struct troth_published past = published;
    past.good_until_us = 0; /* as at pause */
    assert_true(troth_partition_is_stale(&past, 1000));
    assert_true(troth_partition_is_news(&past, BAND, 1000, TROTH_RUNG_WARN, 500, 1));
    assert_false(troth_partition_is_news(&past, BAND, 1000, TROTH_RUNG_WARN, 500, 0));
}

static void settled_at_its_boundaries(void **state)
{
    (void)state;
    for (unsigned score = 0; score <= 1000; score++) {
        struct troth_published high = published;
        high.score = (uint16_t)score;
        assert_int_equal(troth_partition_is_settled(&high, BAND, 1499), score > 1000 - BAND);
        assert_false(troth_partition_is_settled(&high, BAND, 1500));
        assert_false(troth_partition_is_settled(&high, 0, 1499));
    }
}

/* Kept evidence cannot change the rung of a settled standing without a mark, nor lower its score;
 * it moves good_until with the clock, by no more than the clock has moved. */
static void settled_is_never_news(void **state)
{
    (void)state;
    uint64_t random = random_seed("settled_is_never_news");
    unsigned settled = 0;
    for (unsigned i = 0; i < 200000; i++) {
        const struct troth_published p = {.at_us = (int64_t)random_below(&random, 1000),
                                          .good_until_us = (int64_t)random_below(&random, 3000),
                                          .score = (uint16_t)(980 + random_below(&random, 21)),
                                          .rung = TROTH_RUNG_CLEAR,
                                          .known = true};
        const uint32_t band = (uint32_t)random_below(&random, 20);
        const int64_t clock_us = p.at_us + (int64_t)random_below(&random, 1500);
        const uint16_t score = (uint16_t)(p.score + random_below(&random, 1001 - p.score));
        const int64_t moved_us = (int64_t)random_below(&random, (uint64_t)(clock_us - p.at_us) + 1);
        if (troth_partition_is_settled(&p, band, clock_us)) {
            settled++;
            assert_false(troth_partition_is_news(&p, band, clock_us, TROTH_RUNG_CLEAR, score,
                                                 p.good_until_us + moved_us));
        }
    }
    assert_true(settled > 1000);
}

static void partition_begins_empty(void **state)
{
    (void)state;
    struct troth_partition partition;
    const struct troth_shard_config config = {
        .agents_max = 3, .standings_max = 77, .standing_bytes = 640, .max_ahead_us = 1};
    assert_int_equal(troth_partition_init(&partition, 12, &config), TROTH_OK);
    assert_int_equal(partition.number, 12);
    assert_int_equal(partition.committed, TROTH_OFFSET_NONE);
    assert_false(partition.started);
    assert_false(troth_partition_speaks(&partition));
    assert_int_equal(troth_shard_standings(partition.shard), 0);
    for (unsigned i = 0; i < 77; i++) {
        assert_false(partition.published[i].known);
    }
    assert_true((char *)(partition.published + 77) <=
                (char *)partition.memory + partition.memory_size);
    troth_partition_fini(&partition);
    assert_null(partition.memory);
    troth_partition_fini(&partition);
}

static void partition_speaks_from_its_commit_on(void **state)
{
    (void)state;
    struct troth_partition partition = {.started = true, .restored_until = 10};
    for (partition.next_offset = 0; partition.next_offset < 20; partition.next_offset++) {
        assert_int_equal(troth_partition_speaks(&partition), partition.next_offset >= 10);
    }
    partition.started = false;
    assert_false(troth_partition_speaks(&partition));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_is_news),
        cmocka_unit_test(rung_is_news),
        cmocka_unit_test(score_is_news_from_the_dead_band_on),
        cmocka_unit_test(half_the_time_is_news),
        cmocka_unit_test(no_time_left_is_stale_at_once),
        cmocka_unit_test(settled_at_its_boundaries),
        cmocka_unit_test(settled_is_never_news),
        cmocka_unit_test(partition_begins_empty),
        cmocka_unit_test(partition_speaks_from_its_commit_on),
    };
    return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
