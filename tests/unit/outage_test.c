/*
 * Claims: telemetry has stopped exactly where a list of what is hit says so: more than the share of
 * the standings, at least so many of them, within a hold, whatever came and went in which order; it
 * ends when none is hit any more or its time is over, and what was hit before counts for no other.
 * After a restart the same is found again from what is still hit, in any order; nothing is guarded
 * then for longer than `guard` from its narrowing, and what the ring has forgotten is not found.
 */
#include "tests/support/test.h"

#include <string.h>

#include "consumers/outage.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)

enum { HITS_MAX = 4096 };

static struct troth_contract contract;
static struct troth_outage outage;

static void follow(int64_t hold_us, int64_t version)
{
    memset(&contract, 0, sizeof contract);
    memset(&outage, 0, sizeof outage);
    snprintf(contract.name, sizeof contract.name, "refunds");
    contract.version = version;
    contract.hold_us = hold_us;
    troth_outage_follow(&outage, &contract, 0);
}

/* ---- The slow model: a list. ---- */

struct model {
    int64_t width_us;
    int64_t newest;
    int64_t floor_us;
    bool running;
    int64_t from_us;
    int64_t until_us;
    unsigned count;
    int64_t hits[HITS_MAX];
};

static unsigned since(const struct model *model, int64_t from_us)
{
    unsigned count = 0;
    for (unsigned i = 0; i < model->count; i++) {
        count += model->hits[i] >= from_us;
    }
    return count;
}

static void model_pass(struct model *model, int64_t time_us)
{
    if (model->running && time_us >= model->until_us) {
        model->running = false;
        model->floor_us = model->until_us;
        model->count = 0;
    }
}

static void model_hit(struct model *model, int64_t time_us)
{
    model_pass(model, time_us);
    if (time_us >= model->floor_us) {
        assert_true(model->count < HITS_MAX);
        model->hits[model->count++] = time_us;
        model->newest =
            time_us / model->width_us > model->newest ? time_us / model->width_us : model->newest;
    }
}

static void model_begin(struct model *model, const struct troth_outage_rules *rules,
                        uint32_t standings)
{
    int64_t from_us = (model->newest - 15) * model->width_us;
    from_us = from_us > model->floor_us ? from_us : model->floor_us;
    if (!model->running && standings >= rules->least &&
        since(model, from_us) > rules->max_narrowed * standings) {
        model->running = true;
        model->from_us = from_us;
        model->until_us = model->newest * model->width_us + rules->guard_us;
    }
}

static void model_unhit(struct model *model, unsigned which)
{
    model->hits[which] = model->hits[--model->count];
    model->running &= since(model, model->from_us) > 0;
}

static void agree(const struct model *model, int64_t clock_us)
{
    assert_int_equal(outage.running, model->running);
    if (model->running) {
        assert_int_equal(outage.until_us, model->until_us);
        assert_int_equal(outage.hit, since(model, model->from_us));
    }
    for (unsigned i = 0; i < model->count && i < 8; i++) {
        assert_int_equal(troth_outage_holds(&outage, model->hits[i], clock_us),
                         model->running && clock_us < model->until_us &&
                             model->hits[i] >= model->from_us);
    }
}

static void list_says_the_same(void **state)
{
    (void)state;
    uint64_t random = random_seed("outage");
    unsigned begun = 0;
    static struct model model;
    for (unsigned run = 0; run < 400; run++) {
        const struct troth_outage_rules rules = {
            .max_narrowed = 0.1 * (double)(1 + random_below(&random, 9)),
            .guard_us = (int64_t)random_below(&random, 60) * MINUTE,
            .least = (uint32_t)random_below(&random, 30)};
        const int64_t hold_us = (int64_t)(1 + random_below(&random, 600)) * SECOND;
        const uint32_t standings = (uint32_t)(1 + random_below(&random, 60));
        int64_t clock_us = (int64_t)random_below(&random, 2) * 1790000000 * SECOND + MINUTE;
        follow(hold_us, 1);
        model = (struct model){.width_us = hold_us / 16, .newest = -1};
        for (unsigned i = 0; i < 400; i++) {
            clock_us += (int64_t)random_below(&random, (uint64_t)hold_us / 8 + 1);
            /* Deadlines of one record come by standing, each at its own time. */
            int64_t at_us = clock_us - (int64_t)random_below(&random, (uint64_t)hold_us);
            at_us = at_us > 0 && random_below(&random, 3) == 0 ? at_us : clock_us;
            if (random_below(&random, 4) == 0 && model.count > 0) {
                const unsigned which = (unsigned)random_below(&random, model.count);
                troth_outage_unhit(&outage, model.hits[which]);
                model_unhit(&model, which);
            } else if (random_below(&random, 5) == 0) {
                (void)troth_outage_pass(&outage, clock_us);
                model_pass(&model, clock_us);
            } else {
                troth_outage_hit(&outage, at_us);
                model_hit(&model, at_us);
                begun += troth_outage_begin(&outage, &rules, standings);
                if (rules.guard_us > 0) {
                    model_begin(&model, &rules, standings);
                }
            }
            agree(&model, clock_us);
        }
    }
    assert_true(begun > 400); /* or it proves little */
}

/* ---- Both sides of each boundary. ---- */

static const struct troth_outage_rules usual = {
    .max_narrowed = 0.5, .guard_us = 60 * MINUTE, .least = 20};

static bool begins_with(unsigned hits, uint32_t standings)
{
    follow(10 * MINUTE, 1);
    for (unsigned i = 0; i < hits; i++) {
        troth_outage_hit(&outage, 60 * MINUTE);
    }
    return troth_outage_begin(&outage, &usual, standings);
}

static void more_than_half_of_at_least_twenty(void **state)
{
    (void)state;
    assert_false(begins_with(10, 20));
    assert_true(begins_with(11, 20));
    assert_false(begins_with(19, 19));
    assert_false(begins_with(50, 100));
    assert_true(begins_with(51, 100));
}

static void within_a_hold(void **state)
{
    (void)state;
    const int64_t width_us = 10 * MINUTE / 16;
    for (int64_t apart = 14; apart <= 17; apart++) {
        follow(10 * MINUTE, 1);
        for (unsigned i = 0; i < 11; i++) {
            troth_outage_hit(&outage, (160 + (i == 0 ? 0 : apart)) * width_us);
        }
        assert_int_equal(troth_outage_begin(&outage, &usual, 20), apart <= 15);
    }
}

static void another_needs_as_many_anew(void **state)
{
    (void)state;
    assert_true(begins_with(40, 40));
    assert_false(troth_outage_pass(&outage, outage.until_us - 1));
    const int64_t until_us = outage.until_us;
    troth_outage_hit(&outage, until_us - 1);
    assert_true(troth_outage_pass(&outage, until_us));
    for (unsigned i = 0; i < 20; i++) {
        troth_outage_hit(&outage, until_us + SECOND);
        assert_false(troth_outage_begin(&outage, &usual, 40));
    }
    troth_outage_hit(&outage, until_us + SECOND);
    assert_true(troth_outage_begin(&outage, &usual, 40));
    assert_int_equal(outage.hit, 21);
}

static void another_version_begins_anew(void **state)
{
    (void)state;
    assert_true(begins_with(40, 40));
    const int64_t now_us = 61 * MINUTE;
    contract.version = 2;
    troth_outage_follow(&outage, &contract, now_us);
    assert_false(outage.running);
    troth_outage_hit(&outage, now_us); /* by the version itself */
    assert_false(troth_outage_begin(&outage, &usual, 1 + 20));
    assert_false(troth_outage_counts(&outage, now_us, now_us));
    assert_true(troth_outage_counts(&outage, now_us + 1, now_us + 1));
}

/* ---- After a restart. ---- */

static void restart_finds_it_again(void **state)
{
    (void)state;
    uint64_t random = random_seed("outage after a restart");
    unsigned found = 0;
    for (unsigned run = 0; run < 400; run++) {
        static int64_t hits[HITS_MAX];
        const unsigned count = 30 + (unsigned)random_below(&random, 60);
        const uint32_t standings = (uint32_t)(count + random_below(&random, 60));
        int64_t clock_us = 600 * MINUTE;
        follow(10 * MINUTE, 1);
        for (unsigned i = 0; i < count; i++) {
            clock_us += (int64_t)random_below(&random, (uint64_t)MINUTE / 2);
            hits[i] = clock_us;
            troth_outage_hit(&outage, clock_us);
            (void)troth_outage_begin(&outage, &usual, standings);
        }
        const struct troth_outage before = outage;
        follow(10 * MINUTE, 1);
        for (unsigned i = count; i > 0; i--) {
            const unsigned which = (unsigned)random_below(&random, i);
            troth_outage_hit(&outage, hits[which]);
            const int64_t last_us = hits[i - 1];
            hits[i - 1] = hits[which];
            hits[which] = last_us;
        }
        clock_us += (int64_t)random_below(&random, 20) * MINUTE;
        troth_outage_recall(&outage, &usual, standings, clock_us);
        for (unsigned i = 0; i < count; i++) {
            if (troth_outage_holds(&outage, hits[i], clock_us)) {
                assert_true(outage.until_us <= hits[i] + usual.guard_us);
            }
        }
        if (before.running && clock_us + 11 * MINUTE < before.until_us) {
            found++;
            assert_true(outage.running);
            assert_int_equal(outage.hit, before.hit);
            assert_true(outage.until_us <= before.until_us);
            assert_true(outage.until_us >= before.until_us - 10 * MINUTE);
        }
        if (!before.running && before.floor_us == 0) {
            assert_false(outage.running);
        }
    }
    assert_true(found > 100);
}

static void ring_forgets(void **state)
{
    (void)state;
    follow(MINUTE, 1);
    for (unsigned i = 0; i < 40; i++) {
        troth_outage_hit(&outage, 60 * MINUTE);
    }
    troth_outage_hit(&outage, 69 * MINUTE);
    troth_outage_recall(&outage, &usual, 40, 70 * MINUTE);
    assert_false(outage.running); /* it began nine holds ago */
    troth_outage_unhit(&outage, 60 * MINUTE);
    troth_outage_unhit(&outage, 69 * MINUTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_says_the_same),
        cmocka_unit_test(more_than_half_of_at_least_twenty),
        cmocka_unit_test(within_a_hold),
        cmocka_unit_test(another_needs_as_many_anew),
        cmocka_unit_test(another_version_begins_anew),
        cmocka_unit_test(restart_finds_it_again),
        cmocka_unit_test(ring_forgets),
    };
    return cmocka_run_group_tests_name("outage", tests, NULL, NULL);
}
