/*
 * Claim: between an event or a deadline and the next one nothing that is shown of a standing
 * changes: neither its score, nor the times until which it is good and offered, at any rung but
 * pause. So whoever publishes after each of those shows what is true.
 */
#include "tests/support/restore.h"
#include "tests/support/scenario_random.h"

#include "scoring/outlook.h"

enum { CASES = 60, RECORDS = 400, LOOKS = 6 };

static const char *const agents[] = {"a", "b", "c"};
static unsigned looks[TROTH_RUNG_COUNT];

/* Looks at a standing at a time to come, before its next deadline. */
static void check_at(struct troth_shard *shard, uint32_t index, int64_t time_us)
{
    struct troth_standing_view view;
    struct troth_instant instant;
    struct troth_sight sight;
    int64_t until[2][2];
    assert_true(troth_shard_view(shard, index, &view));
    memset(&instant, 0, sizeof instant);
    troth_instant_set(view.rules, &instant, time_us);
    troth_sight_init(&sight, view.rules, view.standing, NULL, &instant);
    const struct troth_score now = troth_outlook_score(&view.sight);
    const struct troth_score then = troth_outlook_score(&sight);
    troth_outlook_until(&view.sight, &until[0][0], &until[0][1]);
    troth_outlook_until(&sight, &until[1][0], &until[1][1]);
    const unsigned rung = view.standing->rung;
    const bool has_end =
        until[0][0] != troth_shard_clock_us(shard) && until[0][1] != troth_shard_clock_us(shard);
    if (now.score != then.score || now.limiting != then.limiting ||
        (has_end && memcmp(until[0], until[1], sizeof until[0]) != 0)) {
        fail_msg("at %s: score %u, then %u; good %lld, then %lld", troth_rung_name(rung), now.score,
                 then.score, (long long)until[0][0], (long long)until[1][0]);
    }
    looks[rung]++;
}

static void nothing_changes_between_deadlines(void **state)
{
    uint64_t random = random_seed("still");
    (void)state;
    for (unsigned c = 0; c < CASES; c++) {
        struct scenario s;
        int64_t timestamp_us = START;
        const struct troth_rules *rules = random_rules(&random, "c", 1);
        scenario_open(&s, 4, 4, 8192);
        scenario_put(&s, rules);
        const unsigned trouble = (unsigned)random_below(&random, 50);
        for (unsigned i = 0; i < RECORDS; i++) {
            const struct record record = random_record(&random, timestamp_us, agents, 3, trouble);
            timestamp_us = record.timestamp_us > timestamp_us ? record.timestamp_us : timestamp_us;
            (void)scenario_feed(&s, record.timestamp_us, &record.event);
            for (uint32_t n = 0; n < troth_shard_standings(s.shard); n++) {
                struct troth_standing_view view;
                if (!troth_shard_view(s.shard, n, &view) ||
                    view.standing->rung == TROTH_RUNG_PAUSE) {
                    continue;
                }
                const int64_t clock_us = troth_shard_clock_us(s.shard);
                const int64_t due_us = s.shard->deadlines[n];
                const int64_t room_us = due_us == TROTH_LAST_US ? 30 * DAY : due_us - clock_us - 1;
                for (unsigned k = 0; k < LOOKS; k++) {
                    const int64_t ahead_us =
                        k == 0 ? room_us : (int64_t)random_below(&random, (uint64_t)room_us + 1);
                    check_at(s.shard, n, clock_us + ahead_us);
                }
            }
        }
        scenario_close(&s);
        scenario_rules_free(rules);
    }
    for (unsigned rung = 0; rung < TROTH_RUNG_PAUSE; rung++) {
        assert_true(looks[rung] > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_changes_between_deadlines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
