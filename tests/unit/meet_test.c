/*
 * Claims: the meet of several standings is the worst rung, the least score, traffic and cost, the
 * common capabilities and the nearest ends, whatever the order; an advised standing counts only
 * where none is enforced, and as no worse than warn; a shadowed one never counts. What would be
 * left at narrow is what the narrow scopes leave of it, and never more; the contracts that count
 * are told, and the highest consequence among them. What is guarded joins by the rung that it had,
 * until its guard ends, and leaves then what it is worth, or is not offered.
 */
#include "tests/support/scenario.h"

#include "scoring/meet.h"

enum { CONTRACTS = 6 };

static const char *const keys[CONTRACTS] = {
    "contract: one, version: 1, capabilities: [refund, quote, audit], "
    "ladder: {clear: {scope: {max_cost_micros: 900}}, "
    "narrow: {scope: {traffic: 0.25, capabilities: [quote, audit], max_cost_micros: 50}}}, "
    "terms: [{name: t, never: {kind: tool}}]",
    "contract: two, version: 1, consequence: high, capabilities: [audit, refund], "
    "ladder: {warn: {scope: {traffic: 0.5}}}, terms: [{name: t, never: {kind: tool}}]",
    "contract: three, version: 1, mode: advise, capabilities: [refund], "
    "ladder: {warn: {scope: {traffic: 0.75, max_cost_micros: 10}}, "
    "narrow: {scope: {traffic: 0.01}}}, terms: [{name: t, never: {kind: tool}}]",
    "contract: four, version: 1, mode: advise, capabilities: [refund, quote], "
    "terms: [{name: t, never: {kind: tool}}]",
    "contract: five, version: 1, mode: shadow, capabilities: [other], "
    "terms: [{name: t, never: {kind: tool}}]",
    "contract: six, version: 1, terms: [{name: t, never: {kind: tool}}]",
};

static const struct troth_rules *made[CONTRACTS];

static int make_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONTRACTS; i++) {
        made[i] = scenario_rules(keys[i]);
    }
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONTRACTS; i++) {
        scenario_rules_free(made[i]);
    }
    return 0;
}

static struct troth_offer offer(unsigned which, unsigned rung, unsigned score)
{
    return (struct troth_offer){.contract = made[which]->contract,
                                .rung = (uint8_t)rung,
                                .limiting = (uint8_t)which,
                                .score = (uint16_t)score,
                                .good_until_us = START,
                                .offer_until_us = START + HOUR};
}

static void assert_capabilities(const struct troth_meet *meet, const char *expected)
{
    struct draft joined = {0};
    for (unsigned i = 0; i < meet->capability_count; i++) {
        draft_add(&joined, "%s ", meet->capabilities[i]);
    }
    assert_string_equal(joined.text, expected);
}

static void nothing_is_unproven(void **state)
{
    (void)state;
    struct troth_meet meet;
    const struct troth_offer shadowed = offer(4, TROTH_RUNG_PAUSE, 7);
    for (unsigned count = 0; count < 2; count++) {
        memset(&meet, 0x5a, sizeof meet);
        troth_meet_of(&meet, &shadowed, count);
        assert_false(meet.any);
        assert_true(meet.traffic == 0.0);
        assert_true(meet.good_until_us == 0 && meet.offer_until_us == 0);
        assert_int_equal(meet.capability_count, 0);
        assert_int_equal(meet.score, 0);
        assert_null(meet.limiting);
    }
}

static void one_enforced_is_its_own_scope(void **state)
{
    (void)state;
    struct troth_meet meet;
    struct troth_offer offers[3] = {offer(2, TROTH_RUNG_PAUSE, 0), offer(0, TROTH_RUNG_NARROW, 431),
                                    offer(4, TROTH_RUNG_PAUSE, 0)};
    offers[0].good_until_us = 1; /* what is advised or shadowed changes nothing beside it */
    offers[2].offer_until_us = 1;
    troth_meet_of(&meet, offers, 3);
    assert_true(meet.any);
    assert_int_equal(meet.rung, TROTH_RUNG_NARROW);
    assert_int_equal(meet.score, 431);
    assert_true(meet.traffic == 0.25);
    assert_true(meet.max_cost_micros == 50);
    assert_true(meet.good_until_us == START && meet.offer_until_us == START + HOUR);
    assert_ptr_equal(meet.limiting, made[0]->contract);
    assert_int_equal(meet.limiting_term, 0);
    assert_capabilities(&meet, "quote audit ");
}

static void the_worst_of_each(void **state)
{
    (void)state;
    struct troth_meet meet;
    struct troth_offer offers[2] = {offer(0, TROTH_RUNG_CLEAR, 300),
                                    offer(1, TROTH_RUNG_WARN, 900)};
    offers[1].good_until_us = START - 5;
    offers[0].offer_until_us = START + 5;
    for (unsigned order = 0; order < 2; order++) {
        troth_meet_of(&meet, offers, 2);
        assert_int_equal(meet.rung, TROTH_RUNG_WARN);
        assert_int_equal(meet.score, 300);
        assert_true(meet.traffic == 0.5);
        assert_true(meet.max_cost_micros == 900);
        assert_true(meet.good_until_us == START - 5 && meet.offer_until_us == START + 5);
        assert_ptr_equal(meet.limiting, made[0]->contract);
        assert_capabilities(&meet, order == 0 ? "refund audit " : "audit refund ");
        const struct troth_offer first = offers[0];
        offers[0] = offers[1];
        offers[1] = first;
    }
    /* Of equal scores the first given limits. */
    offers[0].score = offers[1].score = 300;
    troth_meet_of(&meet, offers, 2);
    assert_ptr_equal(meet.limiting, offers[0].contract);
    /* Recertify ranks above narrow; a contract that names no capability leaves none in common. */
    offers[0] = offer(0, TROTH_RUNG_NARROW, 500);
    offers[1] = offer(5, TROTH_RUNG_RECERTIFY, 500);
    troth_meet_of(&meet, offers, 2);
    assert_int_equal(meet.rung, TROTH_RUNG_RECERTIFY);
    assert_true(meet.traffic == 0.1);
    assert_capabilities(&meet, "");
    offers[1].rung = TROTH_RUNG_PAUSE;
    offers[1].score = 0;
    troth_meet_of(&meet, offers, 2);
    assert_int_equal(meet.rung, TROTH_RUNG_PAUSE);
    assert_true(meet.traffic == 0.0);
    assert_int_equal(meet.score, 0);
    assert_ptr_equal(meet.limiting, made[5]->contract);
}

static void advice_is_no_worse_than_warn(void **state)
{
    (void)state;
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        struct troth_meet meet;
        const struct troth_offer advised[2] = {offer(3, TROTH_RUNG_CLEAR, 900), offer(2, rung, 17)};
        troth_meet_of(&meet, advised, 2);
        assert_true(meet.any);
        assert_int_equal(meet.rung, rung < TROTH_RUNG_WARN ? rung : TROTH_RUNG_WARN);
        assert_true(meet.traffic == (rung == TROTH_RUNG_CLEAR ? 1.0 : 0.75));
        assert_true(meet.max_cost_micros == (rung == TROTH_RUNG_CLEAR ? -1 : 10));
        assert_int_equal(meet.score, 17);
        assert_capabilities(&meet, "refund ");
        assert_ptr_equal(troth_meet_scope(made[2]->contract, rung),
                         &made[2]->contract->ladder[rung < 1 ? rung : 1].scope);
        assert_ptr_equal(troth_meet_scope(made[4]->contract, rung),
                         &made[4]->contract->ladder[TROTH_RUNG_CLEAR].scope);
        assert_ptr_equal(troth_meet_scope(made[0]->contract, rung),
                         &made[0]->contract->ladder[rung].scope);
    }
}

/* What a reader gives it from good_until on. */
static void what_is_left_at_narrow(void **state)
{
    (void)state;
    struct troth_meet meet;
    const struct troth_offer offers[] = {offer(0, TROTH_RUNG_CLEAR, 900),
                                         offer(1, TROTH_RUNG_WARN, 900),
                                         offer(2, TROTH_RUNG_CLEAR, 900)};
    troth_meet_of(&meet, offers, 1);
    assert_true(meet.traffic == 1.0 && meet.narrowed.traffic == 0.25);
    assert_true(meet.max_cost_micros == 900 && meet.narrowed.max_cost_micros == 50);
    assert_int_equal(meet.narrowed.capability_count, 2);
    assert_string_equal(meet.narrowed.capabilities[0], "quote");
    assert_string_equal(meet.narrowed.capabilities[1], "audit");
    troth_meet_of(&meet, offers, 3);
    assert_int_equal(meet.narrowed.capability_count, 1);
    assert_string_equal(meet.narrowed.capabilities[0], "audit");
    assert_int_equal(meet.contract_count, 2);
    assert_ptr_equal(meet.contracts[0], made[0]->contract);
    assert_ptr_equal(meet.contracts[1], made[1]->contract);
    assert_int_equal(meet.consequence, TROTH_CONSEQUENCE_HIGH);
    /* Advice alone is never worse than warn; what is at narrow is as it is. */
    troth_meet_of(&meet, &offers[2], 1);
    assert_true(meet.traffic == 1.0 && meet.narrowed.traffic == 0.75);
    assert_int_equal(meet.contract_count, 1);
    assert_int_equal(meet.consequence, TROTH_CONSEQUENCE_MEDIUM);
    const struct troth_offer review = offer(1, TROTH_RUNG_REVIEW, 900);
    troth_meet_of(&meet, &review, 1);
    assert_true(meet.narrowed.traffic == meet.traffic && meet.traffic == 0.05);
}

/* What is guarded is as it was, until its guard ends; then as it is. */
static void guarded_until_its_end(void **state)
{
    (void)state;
    struct troth_meet meet;
    struct troth_offer offers[2] = {offer(0, TROTH_RUNG_CLEAR, 100),
                                    offer(1, TROTH_RUNG_WARN, 900)};
    offers[0].guarded = true;
    offers[0].behind = TROTH_RUNG_RECERTIFY;
    offers[0].good_until_us = START + 7;
    offers[0].offer_until_us = START + 9 * HOUR;
    offers[1].good_until_us = START + HOUR;
    for (unsigned turn = 0; turn < 2; turn++) {
        troth_meet_of(&meet, &offers[turn], 1);
        assert_true(meet.guarded);
        assert_int_equal(meet.rung, TROTH_RUNG_CLEAR);
        assert_true(meet.traffic == 1.0 && meet.max_cost_micros == 900);
        assert_int_equal(meet.capability_count, 3);
        assert_true(meet.narrowed.traffic == 0.10); /* recertify leaves less than narrow */
        assert_true(meet.good_until_us == START + 7);
        assert_true(meet.offer_until_us == START + 9 * HOUR);
        /* With another that counts, in any order. */
        troth_meet_of(&meet, offers, 2);
        assert_true(meet.guarded);
        assert_int_equal(meet.rung, TROTH_RUNG_WARN);
        assert_true(meet.traffic == 0.5 && meet.narrowed.traffic == 0.10);
        assert_true(meet.good_until_us == START + 7 && meet.offer_until_us == START + HOUR);
        const struct troth_offer first = offers[0];
        offers[0] = offers[1];
        offers[1] = first;
    }
    /* A reader narrows clear and warn alone when a guard ends: others are not offered past it. */
    for (unsigned rung = TROTH_RUNG_CLEAR; rung < TROTH_RUNG_COUNT; rung++) {
        offers[1] = offer(1, rung, 900);
        troth_meet_of(&meet, offers, 2);
        assert_true(meet.offer_until_us == START + (rung < TROTH_RUNG_NARROW ? HOUR : INT64_C(7)));
    }
    /* Advice is not worse than warn, so a guard gives nothing; a shadowed one never counts. */
    offers[0] = offer(2, TROTH_RUNG_CLEAR, 100);
    offers[0].guarded = true;
    offers[0].behind = TROTH_RUNG_RECERTIFY;
    troth_meet_of(&meet, offers, 1);
    assert_true(meet.guarded && meet.narrowed.traffic == 0.75);
    troth_meet_of(&meet, offers, 2);
    assert_false(meet.guarded);
}

/* Folding any offers one by one, as the text of the design has it. */
static void any_offers_fold(void **state)
{
    (void)state;
    uint64_t random = random_seed("any_offers_fold");
    for (int i = 0; i < 20000; i++) {
        struct troth_offer offers[CONTRACTS];
        const unsigned count = 1 + (unsigned)random_below(&random, CONTRACTS);
        bool enforced = false;
        for (unsigned k = 0; k < count; k++) {
            offers[k] = offer((unsigned)random_below(&random, CONTRACTS),
                              (unsigned)random_below(&random, TROTH_RUNG_COUNT),
                              (unsigned)random_below(&random, 4) * 100);
            offers[k].good_until_us += (int64_t)random_below(&random, 100);
            offers[k].offer_until_us += (int64_t)random_below(&random, 100);
            enforced |= offers[k].contract->mode == TROTH_MODE_ENFORCE;
        }
        struct troth_meet meet;
        troth_meet_of(&meet, offers, count);
        const unsigned wanted = enforced ? TROTH_MODE_ENFORCE : TROTH_MODE_ADVISE;
        unsigned rung = 0;
        unsigned score = 1001;
        double traffic = 1.0;
        int64_t good_us = INT64_MAX;
        int64_t offer_us = INT64_MAX;
        bool any = false;
        for (unsigned k = 0; k < count; k++) {
            if (offers[k].contract->mode != wanted) {
                continue;
            }
            const unsigned as = !enforced && offers[k].rung > 1 ? 1U : offers[k].rung;
            const double share = offers[k].contract->ladder[as].scope.traffic;
            any = true;
            rung = as > rung ? as : rung;
            score = offers[k].score < score ? offers[k].score : score;
            traffic = share < traffic ? share : traffic;
            good_us = offers[k].good_until_us < good_us ? offers[k].good_until_us : good_us;
            offer_us = offers[k].offer_until_us < offer_us ? offers[k].offer_until_us : offer_us;
        }
        assert_int_equal(meet.any, any);
        if (any) {
            assert_int_equal(meet.rung, rung);
            assert_int_equal(meet.score, score);
            assert_true(meet.traffic == traffic);
            assert_true(meet.good_until_us == good_us && meet.offer_until_us == offer_us);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_unproven),    cmocka_unit_test(one_enforced_is_its_own_scope),
        cmocka_unit_test(the_worst_of_each),      cmocka_unit_test(advice_is_no_worse_than_warn),
        cmocka_unit_test(what_is_left_at_narrow), cmocka_unit_test(guarded_until_its_end),
        cmocka_unit_test(any_offers_fold),
    };
    return cmocka_run_group_tests(tests, make_all, free_all);
}
