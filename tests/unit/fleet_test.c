/*
 * Claim: the fleet is a pure function of its configuration, and its events are what its truth says:
 * each kind breaks what it says it breaks, at the rate and from the onset that it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "consumers/avro/encode.h"
#include "ops/fleet/fleet.h"
#include "schemas/event_json.h"

enum { MILLION = 1000000, SEED = 20261124 };

static struct troth_fleet *create(const struct troth_fleet_config *config)
{
    const char *problem = NULL;
    if (troth_fleet_config_check(config, &problem) != TROTH_OK) {
        fail_msg("%s", problem);
    }
    size_t size = (troth_fleet_size(config) + 15) / 16 * 16;
    void *memory = aligned_alloc(16, size);
    assert_non_null(memory);
    memset(memory, 0xa5, size);
    return troth_fleet_init(memory, config);
}

static struct troth_fleet_config demo_config(void)
{
    struct troth_fleet_config config;
    troth_fleet_config_demo(&config);
    config.seed = SEED;
    config.start_us = INT64_C(1790000000000000);
    return config;
}

/* Returns the hash of all events as JSON Lines and of the truth about all agents. */
static uint64_t hash_of(const struct troth_fleet_config *config)
{
    static char line[TROTH_EVENT_LINE_LENGTH_MAX];
    struct troth_fleet *fleet = create(config);
    struct troth_event event;
    int64_t recorded_at_us;
    uint64_t hash = 0;
    size_t length = 0;
    while (troth_fleet_next(fleet, &event, &recorded_at_us)) {
        assert_int_equal(
            troth_event_json_write(&event, recorded_at_us, line, sizeof(line), &length), TROTH_OK);
        hash = XXH64(line, length, hash);
    }
    for (uint32_t i = 0; i < config->agents; i++) {
        struct troth_fleet_truth truth;
        troth_fleet_agent(fleet, i, &truth);
        assert_int_equal(troth_fleet_truth_write(&truth, line, 512, &length), TROTH_OK);
        hash = XXH64(line, length, hash);
    }
    free(fleet);
    return hash;
}

/* The number was computed once, so that another compiler, machine or build that gives other bytes
 * fails here. */
static void the_same_seed_gives_the_same_bytes_everywhere(void **state)
{
    (void)state;
    struct troth_fleet_config config = demo_config();
    config.agents = 120;
    config.rate_per_second = 700;
    config.zipf = 1.1;
    config.late_ppm = 20000;
    config.duplicate_ppm = 10000;
    uint64_t hash = hash_of(&config);
    print_message("seed %d hash %016llx\n", SEED, (unsigned long long)hash);
    assert_true(hash == UINT64_C(0xa4551acacca9183b));
    assert_true(hash == hash_of(&config));
    config.seed++;
    assert_true(hash != hash_of(&config));
}

static void the_truth_does_not_hang_on_the_rate(void **state)
{
    (void)state;
    struct troth_fleet_config config = demo_config();
    struct troth_fleet *a = create(&config);
    config.rate_per_second = 77;
    config.zipf = 1;
    config.late_ppm = 9;
    struct troth_fleet *b = create(&config);
    for (uint32_t i = 0; i < config.agents; i++) {
        struct troth_fleet_truth one;
        struct troth_fleet_truth other;
        troth_fleet_agent(a, i, &one);
        troth_fleet_agent(b, i, &other);
        assert_string_equal(one.name, other.name);
        assert_true(one.kind == other.kind && one.term == other.term);
        assert_true(one.onset_us == other.onset_us && one.full_us == other.full_us);
        assert_int_equal(one.rate_ppm, other.rate_ppm);
    }
    free(a);
    free(b);
}

static void kinds_are_exact_in_number_and_sizes_in_range(void **state)
{
    (void)state;
    static const uint32_t least[] = {0, 1, 5, 5, 0, 5, 0, 0, 5};
    static const uint32_t most[] = {0, 1, 15, 10, 0, 15, 0, 15, 15};
    struct troth_fleet_config config;
    troth_fleet_config_default(&config);
    config.seed = SEED;
    config.agents = 5000;
    struct troth_fleet *fleet = create(&config);
    uint32_t counts[TROTH_FLEET_KIND_COUNT] = {0};
    int64_t from = config.duration_us / 100 * 40;
    int64_t until = config.duration_us / 100 * 65;
    for (uint32_t i = 0; i < config.agents; i++) {
        struct troth_fleet_truth truth;
        troth_fleet_agent(fleet, i, &truth);
        counts[truth.kind]++;
        bool has_onset = truth.kind != TROTH_FLEET_HEALTHY && truth.kind != TROTH_FLEET_AT_FLOOR;
        assert_int_equal(has_onset, truth.onset_us != TROTH_FLEET_NO_ONSET_US);
        assert_int_equal(has_onset, truth.conditions != 0);
        assert_true(!has_onset || (truth.onset_us >= from && truth.onset_us <= until));
        assert_true(truth.full_us >= truth.onset_us);
        if (truth.term < TROTH_FLEET_RATES && truth.kind != TROTH_FLEET_HIDING) {
            uint32_t allowance = MILLION - config.floor_ppm[truth.term];
            assert_true(truth.rate_ppm + 1 >= least[truth.kind] * allowance);
            assert_true(truth.rate_ppm <= most[truth.kind] * allowance + 1);
        }
        struct troth_text name = {truth.name, (uint32_t)strlen(truth.name)};
        assert_int_equal(troth_fleet_find(fleet, name), i);
    }
    assert_int_equal(counts[TROTH_FLEET_HEALTHY], 4200);
    for (int kind = TROTH_FLEET_HEALTHY + 1; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        assert_int_equal(counts[kind], 100);
    }
    free(fleet);
    config.agents = 20; /* 2 % of 20 are none: but no kind with a share is left out */
    fleet = create(&config);
    memset(counts, 0, sizeof(counts));
    for (uint32_t i = 0; i < config.agents; i++) {
        struct troth_fleet_truth truth;
        troth_fleet_agent(fleet, i, &truth);
        counts[truth.kind]++;
    }
    for (int kind = TROTH_FLEET_HEALTHY + 1; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        assert_int_equal(counts[kind], 1);
    }
    free(fleet);
}

static void names_are_found_and_others_are_not(void **state)
{
    (void)state;
    static const char *const strangers[] = {"refund-0001",  "refund-000010", "refund-00120",
                                            "refund-0000x", "refusal-0001",  ""};
    struct troth_fleet_config config = demo_config();
    config.agents = 120;
    struct troth_fleet *fleet = create(&config);
    assert_int_equal(troth_fleet_find(fleet, (struct troth_text){"refund-00119", 12}), 119);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        struct troth_text name = {strangers[i], (uint32_t)strlen(strangers[i])};
        assert_int_equal(troth_fleet_find(fleet, name), 120);
    }
    free(fleet);
    config.agents = 100001;
    fleet = create(&config);
    assert_int_equal(troth_fleet_find(fleet, (struct troth_text){"refund-100000", 13}), 100000);
    free(fleet);
}

/* What was counted of one kind in one stretch of time. */
struct tally {
    uint64_t kept[TROTH_FLEET_RATES];
    uint64_t broken[TROTH_FLEET_RATES];
    uint64_t leaks;
    uint64_t events;
};

static bool is_failure(unsigned outcome)
{
    return outcome == TROTH_OUTCOME_FAILED || outcome == TROTH_OUTCOME_REFUSED ||
           outcome == TROTH_OUTCOME_TIMEOUT;
}

static void add(struct tally *tally, enum troth_fleet_term term, bool kept)
{
    tally->kept[term] += kept;
    tally->broken[term] += !kept;
}

/* Counts as the contract of the demonstration does. In missing: numbers skipped before this one. */
static void take(struct tally *tally, const struct troth_event *event, uint64_t missing)
{
    tally->events++;
    if (event->kind == TROTH_KIND_TASK) {
        if (event->outcome != TROTH_OUTCOME_THROTTLED &&
            event->outcome != TROTH_OUTCOME_CANCELLED) {
            assert_true(event->outcome == TROTH_OUTCOME_OK || is_failure(event->outcome));
            add(tally, TROTH_FLEET_TERM_RESOLVES, event->outcome == TROTH_OUTCOME_OK);
        }
        add(tally, TROTH_FLEET_TERM_PROMPT, event->latency_us <= 2000000);
        add(tally, TROTH_FLEET_TERM_UNAIDED, !troth_event_has(event, TROTH_FIELD_RESCUE));
    } else if (event->kind == TROTH_KIND_RESCUE) {
        add(tally, TROTH_FLEET_TERM_UNAIDED, false);
    } else if (event->kind == TROTH_KIND_EVALUATION) {
        assert_int_equal(event->source, TROTH_SOURCE_EVALUATOR);
        assert_int_equal(event->verdict_count, 1);
        add(tally, TROTH_FLEET_TERM_GROUNDED, event->verdicts[0].kept);
    } else if (event->kind == TROTH_KIND_TOOL) {
        tally->leaks +=
            event->tool.length == 16 && memcmp(event->tool.data, "export_customers", 16) == 0;
    }
    tally->kept[TROTH_FLEET_TERM_COMPLETE] += troth_event_has(event, TROTH_FIELD_SEQ);
    tally->broken[TROTH_FLEET_TERM_COMPLETE] += missing;
}

static double broken_share(const struct tally *tally, int term)
{
    double all = (double)(tally->kept[term] + tally->broken[term]);
    return all > 0 ? (double)tally->broken[term] / all : 0;
}

/* Runs a fleet and tallies each agent before its onset, [0], once it is fully degraded, [1], and
 * between the two, [2]; agents without an onset wholly in [0]. */
static void run(struct troth_fleet *fleet, struct tally (*tallies)[3])
{
    struct troth_event event;
    int64_t recorded_at_us;
    int64_t *last_seq = calloc(troth_fleet_agents(fleet), sizeof(*last_seq));
    assert_non_null(last_seq);
    while (troth_fleet_next(fleet, &event, &recorded_at_us)) {
        struct troth_fleet_truth truth;
        uint32_t agent = troth_fleet_find(fleet, event.agent);
        troth_fleet_agent(fleet, agent, &truth);
        uint64_t missing = 0;
        if (troth_event_has(&event, TROTH_FIELD_SEQ)) {
            assert_true(event.seq > last_seq[agent]);
            missing = (uint64_t)(event.seq - last_seq[agent] - 1);
            last_seq[agent] = event.seq;
        }
        if (event.at_us < truth.onset_us) {
            take(&tallies[agent][0], &event, missing);
        } else if (event.at_us >= truth.full_us) {
            take(&tallies[agent][1], &event, missing);
        } else {
            take(&tallies[agent][2], &event, missing);
        }
    }
    free(last_seq);
}

/* Four standard deviations of a share of n draws, and one draw for the edges. */
static double doubt(double share, uint64_t n)
{
    return n == 0 ? 1 : 4 * sqrt(share * (1 - share) / (double)n) + 2 / (double)n;
}

static uint64_t pieces(const struct tally *tally, int term)
{
    return tally->kept[term] + tally->broken[term];
}

static void check_agent(const struct troth_fleet_config *config,
                        const struct troth_fleet_truth *truth, const struct tally tally[3])
{
    double size = truth->rate_ppm / 1e6;
    for (int term = 0; term < TROTH_FLEET_RATES; term++) {
        /* Healthy: 0.1 to 0.4 of the allowance, of an agent at its floor exactly it. */
        double allowance = 1 - config->floor_ppm[term] / 1e6;
        bool floor = truth->kind == TROTH_FLEET_AT_FLOOR && truth->term == term;
        double least = allowance * (floor ? 1 : 0.1);
        double most = allowance * (floor ? 1 : 0.4);
        double share = broken_share(&tally[0], term);
        uint64_t n = pieces(&tally[0], term);
        assert_true(share >= least - doubt(least, n) && share <= most + doubt(most, n));
        /* Degraded: the term of the truth at its rate, all others as before. */
        if (truth->onset_us == TROTH_FLEET_NO_ONSET_US || truth->kind == TROTH_FLEET_SILENT) {
            continue;
        }
        bool is_hurt = truth->term == term && truth->kind != TROTH_FLEET_FLAPPING;
        share = broken_share(&tally[1], term);
        n = pieces(&tally[1], term);
        if (is_hurt && truth->kind == TROTH_FLEET_RESCUED) {
            /* A task whose rescue comes later is kept itself: r of r / 2 more pieces. */
            size = size / (1 + size / 2);
        }
        if (is_hurt) {
            double lost = truth->kind == TROTH_FLEET_HIDING ? 0.4 * allowance : 0;
            assert_true(share >= size - doubt(size, n) && share <= size + lost + doubt(size, n));
        } else if (truth->term != term) {
            assert_true(share <= most + doubt(most, n));
        }
    }
}

/* While it rises in a line, the rate is on the mean half of what it rises from and to. */
static void check_rise(const struct troth_fleet *fleet, struct tally (*tallies)[3],
                       const struct troth_fleet_config *config)
{
    double expected = 0;
    uint64_t broken = 0;
    for (uint32_t i = 0; i < config->agents; i++) {
        struct troth_fleet_truth truth;
        troth_fleet_agent(fleet, i, &truth);
        if (truth.kind == TROTH_FLEET_DRIFTING) {
            double from = 0.4 * (1 - config->floor_ppm[truth.term] / 1e6);
            expected +=
                (double)pieces(&tallies[i][2], truth.term) * (from + truth.rate_ppm / 1e6) / 2;
            broken += tallies[i][2].broken[truth.term];
        }
    }
    assert_true(expected > 1000 && fabs((double)broken - expected) < 0.08 * expected);
}

static void every_kind_does_what_its_truth_says(void **state)
{
    (void)state;
    struct troth_fleet_config config = demo_config();
    config.agents = 90;
    config.rate_per_second = 18000;
    for (int kind = 1; kind < TROTH_FLEET_KIND_COUNT; kind++) {
        config.share_ppm[kind] = 111000;
    }
    struct troth_fleet *fleet = create(&config);
    struct tally(*tallies)[3] = calloc(config.agents, sizeof(*tallies));
    assert_non_null(tallies);
    print_message("seed %d\n", SEED);
    run(fleet, tallies);
    check_rise(fleet, tallies, &config);
    for (uint32_t i = 0; i < config.agents; i++) {
        struct troth_fleet_truth truth;
        troth_fleet_agent(fleet, i, &truth);
        check_agent(&config, &truth, tallies[i]);
        assert_true(tallies[i][0].leaks == 0);
        assert_int_equal(tallies[i][1].leaks, truth.kind == TROTH_FLEET_LEAKING ? 1 : 0);
        assert_true(truth.events >= truth.events_after);
        if (truth.kind == TROTH_FLEET_SILENT) {
            assert_true(tallies[i][0].events > 3000 && truth.events_after == 0);
        }
        if (truth.kind == TROTH_FLEET_HIDING) {
            assert_int_equal(tallies[i][1].broken[TROTH_FLEET_TERM_RESOLVES], 0);
            assert_true(tallies[i][1].kept[TROTH_FLEET_TERM_RESOLVES] > 0);
        }
        if (truth.kind == TROTH_FLEET_FLAPPING) {
            double share = broken_share(&tallies[i][1], truth.term);
            assert_true(share > 0.25 * truth.rate_ppm / 1e6 && share < 0.85 * truth.rate_ppm / 1e6);
        }
    }
    free(tallies);
    free(fleet);
}

static void time_is_the_logs_and_never_falls(void **state)
{
    (void)state;
    struct troth_fleet_config config = demo_config();
    config.duration_us = 2500000;
    config.rate_per_second = 9999;
    struct troth_fleet *fleet = create(&config);
    struct troth_event event;
    int64_t recorded_at_us;
    int64_t last_us = config.start_us;
    uint64_t events = 0;
    while (troth_fleet_next(fleet, &event, &recorded_at_us)) {
        assert_true(recorded_at_us >= last_us && recorded_at_us < troth_fleet_end_us(fleet));
        assert_true(event.at_us == recorded_at_us);
        last_us = recorded_at_us;
        events++;
    }
    assert_int_equal(troth_fleet_end_us(fleet), config.start_us + config.duration_us);
    assert_true(events <= 24997 && events > 24000); /* less silence and what is hidden or lost */
    event.at_us = 42;
    assert_false(troth_fleet_next(fleet, &event, &recorded_at_us));
    assert_true(event.at_us == 42 && recorded_at_us == last_us);
    free(fleet);
}

static void late_and_double_events_come_as_often_as_asked(void **state)
{
    (void)state;
    struct troth_fleet_config config = demo_config();
    memset(config.share_ppm, 0, sizeof(config.share_ppm));
    config.agents = 100;
    config.rate_per_second = 3000;
    config.late_ppm = 50000;
    config.duplicate_ppm = 30000;
    struct troth_fleet *fleet = create(&config);
    struct troth_event event;
    struct troth_event before = {0};
    int64_t top[100] = {0};
    int64_t recorded_at_us;
    uint64_t numbered = 0;
    uint64_t late = 0;
    uint64_t twice = 0;
    while (troth_fleet_next(fleet, &event, &recorded_at_us)) {
        uint32_t agent = troth_fleet_find(fleet, event.agent);
        assert_true(event.at_us <= recorded_at_us);
        if (!troth_event_has(&event, TROTH_FIELD_SEQ)) {
            assert_memory_not_equal(event.id, before.id, 16);
        } else if (memcmp(event.id, before.id, 16) == 0) {
            assert_true(event.seq == before.seq && event.at_us == before.at_us);
            twice++;
        } else {
            numbered++;
            late += event.seq < top[agent];
            assert_int_equal(event.seq < top[agent], event.at_us < recorded_at_us);
            assert_true(event.seq != top[agent]);
            top[agent] = event.seq > top[agent] ? event.seq : top[agent];
        }
        before = event;
    }
    double late_share = (double)late / (double)numbered;
    double twice_share = (double)twice / (double)numbered;
    print_message("seed %d late %f twice %f\n", SEED, late_share, twice_share);
    assert_true(late_share > 0.04 && late_share < 0.05); /* one is held at a time */
    assert_true(fabs(twice_share - 0.03) < doubt(0.03, numbered));
    free(fleet);
}

static void events_encode_to_about_120_bytes(void **state)
{
    (void)state;
    static uint8_t record[TROTH_RECORD_LENGTH_MAX];
    struct troth_fleet_config config;
    troth_fleet_config_default(&config);
    config.seed = SEED;
    config.start_us = INT64_C(1790000000000000);
    config.agents = 100;
    struct troth_fleet *fleet = create(&config);
    struct troth_event event;
    int64_t recorded_at_us;
    uint64_t events = 0;
    uint64_t bytes = 0;
    for (; events < 100000 && troth_fleet_next(fleet, &event, &recorded_at_us); events++) {
        size_t length = 0;
        assert_int_equal(troth_encode(&event, record, sizeof(record), &length), TROTH_OK);
        bytes += length;
    }
    double mean = (double)bytes / (double)events;
    print_message("seed %d: %f bytes an event\n", SEED, mean);
    assert_true(mean > 110 && mean < 130);
    free(fleet);
}

static void zipf_weighs_and_budgets_hold(void **state)
{
    (void)state;
    struct troth_fleet_config config = demo_config();
    memset(config.share_ppm, 0, sizeof(config.share_ppm));
    config.agents = 1000;
    config.rate_per_second = 5000;
    config.zipf = 1;
    struct troth_fleet *fleet = create(&config);
    struct troth_event event;
    int64_t recorded_at_us;
    int64_t spent = 0;
    uint64_t events = 0;
    while (troth_fleet_next(fleet, &event, &recorded_at_us)) {
        events++;
        if (event.kind == TROTH_KIND_TASK && troth_fleet_find(fleet, event.agent) == 0) {
            spent += event.cost_micros;
        }
    }
    struct troth_fleet_truth first;
    troth_fleet_agent(fleet, 0, &first);
    double share = (double)first.events / (double)events;
    assert_true(fabs(share - 1 / 7.485470861) < doubt(1 / 7.485470861, events)); /* H(1000) */
    assert_true(spent * 60 < config.spend_micros_per_hour / 100 * 105);
    assert_true(spent * 60 > config.spend_micros_per_hour / 100 * 95);
    free(fleet);
}

/* An agent whose turn comes by the caller says what it would have said, numbers and time go on, and
 * the fleet's own choice goes on after it. */
static void an_agent_can_be_given_its_turn(void **state)
{
    (void)state;
    struct troth_fleet_config config = demo_config();
    memset(config.share_ppm, 0, sizeof(config.share_ppm));
    config.agents = 100;
    config.rate_per_second = 100;
    config.duration_us = 10000000;
    config.floor_ppm[TROTH_FLEET_TERM_COMPLETE] = 999999;
    config.evaluation_ppm = 0;
    config.duplicate_ppm = 500000;
    struct troth_fleet *fleet = create(&config);
    struct troth_event event;
    struct troth_fleet_truth truth;
    int64_t last_us = config.start_us;
    int64_t recorded_at_us;
    for (int64_t turn = 1; turn <= 900; turn++) {
        const uint32_t agent = (uint32_t)(turn * 37 % 90); /* ten turns each */
        assert_true(troth_fleet_turn(fleet, agent, &event, &recorded_at_us));
        assert_int_equal(troth_fleet_find(fleet, event.agent), agent);
        assert_int_equal(event.seq, (turn - 1) / 90 + 1);
        assert_true(recorded_at_us >= last_us && event.at_us == recorded_at_us);
        last_us = recorded_at_us;
    }
    troth_fleet_agent(fleet, 89, &truth);
    assert_int_equal(truth.events, 10);
    troth_fleet_agent(fleet, 90, &truth);
    assert_int_equal(truth.events, 0);
    assert_true(troth_fleet_next(fleet, &event, &recorded_at_us) && recorded_at_us >= last_us);
    for (int turn = 0; turn < 100; turn++) { /* to the end, whoever's turn it is */
        (void)troth_fleet_turn(fleet, 0, &event, &recorded_at_us);
    }
    event.at_us = 42;
    assert_false(troth_fleet_turn(fleet, 0, &event, &recorded_at_us));
    assert_true(event.at_us == 42);
    free(fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_everywhere),
        cmocka_unit_test(the_truth_does_not_hang_on_the_rate),
        cmocka_unit_test(kinds_are_exact_in_number_and_sizes_in_range),
        cmocka_unit_test(names_are_found_and_others_are_not),
        cmocka_unit_test(every_kind_does_what_its_truth_says),
        cmocka_unit_test(time_is_the_logs_and_never_falls),
        cmocka_unit_test(late_and_double_events_come_as_often_as_asked),
        cmocka_unit_test(events_encode_to_about_120_bytes),
        cmocka_unit_test(zipf_weighs_and_budgets_hold),
        cmocka_unit_test(an_agent_can_be_given_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
