/*
 * Claims: a shard that is written down at any record, and restored into another by records alone,
 * does with the rest of the log what it would have done had it never stopped: the same
 * interventions, the same final states, the same deadlines, to the byte. Restored under another
 * version of a contract, a standing does what it would have done had the version come into force
 * there. Records that are true for different offsets, one an agent, restore alike. What a record
 * leaves out is never missed. Agents that fall silent are evicted at the same records. What people
 * decided goes the same way, open disputes and waivers included, and so do versions of agents.
 */
#include "tests/support/restore.h"
#include "tests/support/scenario_random.h"

enum { RECORDS_SHORT = 70, RECORDS_LONG = 3000, AGENTS = 5, CONTRACTS_MAX = 3, CASES = 40 };

/* What the random cases came across, so that none of the claims is empty. */
struct seen {
    unsigned rungs[TROTH_RUNG_COUNT];
    unsigned relapses;
    unsigned unsettled;
    unsigned sessions_full;
    unsigned duplicates_after;
    unsigned missing_after;
    unsigned interventions_after;
    unsigned versions_after; /* of agents, that led to recertify */
    unsigned budgets;
    unsigned alarms;
    unsigned changed; /* interventions that a change of version made */
    unsigned idle;
    uint64_t evicted;
    uint64_t evicted_after;
    unsigned rulings_after[TROTH_RULING_COUNT];
};

static struct seen seen;

static const char *const agents[AGENTS] = {"a", "b",
                                           "an-agent-with-a-name-of-more-than-thirty-three-bytes",
                                           "refund-7", "\xc3\xa9t\xc3\xa9"};

/* A decision among the records, of which it may dispute an earlier one. */
struct decided {
    bool any;
    struct troth_decision decision;
    struct troth_disputed disputed;
};

struct stream {
    const struct troth_rules *rules[CONTRACTS_MAX];
    unsigned contract_count;
    unsigned count;
    int64_t evict_after_us;
    struct record records[RECORDS_LONG];
    struct decided decided[RECORDS_LONG]; /* of records that point to a decision */
};

static struct stream stream;
/* The last is nobody's. */
static char contract_names[CONTRACTS_MAX + 1][8] = {"c0", "c1", "c2", "none"};

/* Draws a decision for record i; some are told twice, some name what is not there. */
static void make_decision(uint64_t *random, unsigned i)
{
    static const char *const terms[] = {"t0", "t1", "t2", "t3", "t4"};
    struct decided *decided = &stream.decided[i];
    struct troth_decision *d = &decided->decision;
    const int64_t now_us = stream.records[i].timestamp_us;
    decided->any = true;
    *d = (struct troth_decision){
        .agent = text_of(PICK(random, agents)),
        .contract =
            text_of(contract_names[random_below(random, stream.contract_count + (i % 9 == 0))]),
        .by = text_of("ann"),
        .reason = text_of("a test's"),
        .at_us = now_us,
        .position = random_below(random, 3) == 0 ? (int64_t)i : -1,
        .offset = -1,
        .partition = -1,
        .action = (uint8_t)random_below(random, TROTH_ACTION_COUNT),
        .expected = TROTH_RUNG_COUNT};
    d->id[0] = (uint8_t)random_below(random, 40);
    if (random_below(random, 4) == 0) {
        d->expected = (uint8_t)random_below(random, TROTH_RUNG_COUNT);
    }
    if (d->action < TROTH_ACTION_WAIVE) {
        return;
    }
    d->term = text_of(PICK(random, terms));
    if (d->action == TROTH_ACTION_WAIVE) {
        d->until_us = now_us - MINUTE + (int64_t)random_below(random, HOUR);
        return;
    }
    const unsigned back = 1 + (unsigned)random_below(random, i < 6 ? i : 6);
    const struct record *record = &stream.records[i - back];
    d->topic = text_of("telemetry");
    d->partition = 0;
    d->offset = i - back;
    d->agent = record->event.agent.data != NULL ? record->event.agent : d->agent;
    decided->disputed =
        (struct troth_disputed){record->rejected ? NULL : &record->event, record->timestamp_us};
}

/* Draws a log. In fades: agents fall silent by turns, and go. */
static void make_stream(uint64_t *random, unsigned count, bool fades)
{
    static const int64_t evictions_us[] = {40 * SECOND, 40 * SECOND, 10 * MINUTE, HOUR};
    static const char *const sessions[] = {"s0", "s1", "s2", "s3", "s4", "s5"};
    const unsigned trouble = (unsigned)random_below(random, fades ? 10 : 60);
    int64_t timestamp_us = START;
    unsigned first = 0;
    stream.evict_after_us = fades ? PICK(random, evictions_us) : 0;
    stream.contract_count = 1 + (unsigned)random_below(random, CONTRACTS_MAX);
    stream.count = count;
    for (unsigned i = 0; i < stream.contract_count; i++) {
        stream.rules[i] = random_rules(random, contract_names[i], 1);
    }
    memset(stream.decided, 0, sizeof stream.decided);
    const unsigned deciding = random_below(random, 2) == 0 ? 8 : 0;
    for (unsigned i = 0; i < count; i++) {
        first = random_below(random, 20) == 0 ? (unsigned)random_below(random, AGENTS) : first;
        stream.records[i] = fades ? random_record(random, timestamp_us, agents + first,
                                                  AGENTS - first < 2 ? 1 : 2, trouble)
                                  : random_record(random, timestamp_us, agents, AGENTS, trouble);
        struct troth_event *event = &stream.records[i].event;
        timestamp_us = stream.records[i].timestamp_us > timestamp_us
                           ? stream.records[i].timestamp_us
                           : timestamp_us;
        if (random_below(random, 3) == 0) {
            event->session = text_of(PICK(random, sessions));
            event->present |= 1U << TROTH_FIELD_SESSION;
        }
        if (event->source != TROTH_SOURCE_SELF && random_below(random, 3) == 0) {
            event->contract = text_of(contract_names[random_below(random, stream.contract_count)]);
            event->present |= 1U << TROTH_FIELD_CONTRACT;
        }
        if (deciding > 0 && i > 0 && random_below(random, deciding) == 0) {
            make_decision(random, i);
        }
    }
}

static void free_stream(void)
{
    for (unsigned i = 0; i < stream.contract_count; i++) {
        scenario_rules_free(stream.rules[i]);
    }
}

static void start(struct scenario *s, const struct troth_rules *const *rules)
{
    s->config.evict_after_us = stream.evict_after_us;
    scenario_restart(s);
    for (unsigned i = 0; i < stream.contract_count; i++) {
        scenario_put(s, rules[i]);
    }
}

static struct troth_ruled decide(struct scenario *s, unsigned i)
{
    const struct decided *decided = &stream.decided[i];
    return scenario_decide(s, stream.records[i].timestamp_us, &decided->decision,
                           decided->disputed.event != NULL ? &decided->disputed : NULL);
}

/* Feeds records [from, until). */
static void feed(struct scenario *s, unsigned from, unsigned until)
{
    for (unsigned i = from; i < until; i++) {
        const struct record *record = &stream.records[i];
        const struct decided *decided = &stream.decided[i];
        if (decided->any) {
            const struct troth_ruled ruled = decide(s, i);
            if (from > 0 && ruled.ruling < TROTH_RULING_COUNT) {
                seen.rulings_after[ruled.ruling]++;
            }
            continue;
        }
        const troth_status status =
            scenario_feed(s, record->timestamp_us, record->rejected ? NULL : &record->event);
        assert_true(status == TROTH_OK || status == TROTH_DUPLICATE);
    }
}

static int told_order(const struct told *a, const struct told *b)
{
    const int order = strcmp(a->agent, b->agent);
    return order != 0 ? order : strcmp(a->contract, b->contract);
}

/* Sorts by standing, keeping the order of each one's own: between standings none is promised. */
static void sort_told(struct told *told, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        const struct told moved = told[i];
        unsigned place = i;
        for (; place > 0 && told_order(&moved, &told[place - 1]) < 0; place--) {
            told[place] = told[place - 1];
        }
        told[place] = moved;
    }
}

/* Whether `first` followed by `second` told the same as `whole` did. Sorts all of them. */
static bool told_the_same(const struct scenario *whole, const struct scenario *first,
                          unsigned first_count, const struct scenario *second)
{
    static struct told a[TOLD_MAX];
    static struct told b[TOLD_MAX];
    if (whole->told_count != first_count + second->told_count) {
        return false;
    }
    memcpy(a, whole->told, whole->told_count * sizeof *a);
    memcpy(b, first->told, first_count * sizeof *b);
    memcpy(b + first_count, second->told, second->told_count * sizeof *b);
    sort_told(a, whole->told_count);
    sort_told(b, whole->told_count);
    for (unsigned i = 0; i < whole->told_count; i++) {
        if (!told_equal(&a[i], &b[i], true)) {
            return false;
        }
    }
    return true;
}

static void note_seen(const struct saved *saved)
{
    static struct troth_snapshot snapshot;
    for (unsigned i = 0; i < saved->count; i++) {
        const struct saved_record *record = &saved->records[i];
        assert_int_equal(troth_standing_decode(record->bytes, record->length, &snapshot), TROTH_OK);
        seen.rungs[snapshot.rung]++;
        seen.relapses += snapshot.relapses > 0;
        seen.idle += snapshot.idle;
        seen.unsettled += snapshot.unsettled;
        seen.sessions_full += snapshot.session_count == TROTH_SESSIONS_MAX;
        for (unsigned t = 0; t < snapshot.term_count; t++) {
            const struct troth_snapshot_term *term = &snapshot.terms[t];
            seen.budgets += term->kind == TROTH_TERM_BUDGET && term->pane_count > 0;
            seen.alarms += term->kind <= TROTH_TERM_JUDGED && term->level >= TROTH_CUSUM_ALARM;
        }
    }
}

struct fixture {
    struct scenario whole;
    struct scenario first;
    struct scenario second;
    struct saved at_split;
    struct saved restored;
    struct saved end;
    struct saved end_restored;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    scenario_open(&f->whole, 16, 64, 4096);
    scenario_open(&f->first, 16, 64, 4096);
    scenario_open(&f->second, 16, 64, 4096);
    f->whole.config.on_ended = f->first.config.on_ended = f->second.config.on_ended = NULL;
}

static void close_fixture(struct fixture *f)
{
    scenario_close(&f->whole);
    scenario_close(&f->first);
    scenario_close(&f->second);
    saved_free(&f->at_split);
    saved_free(&f->restored);
    saved_free(&f->end);
    saved_free(&f->end_restored);
}

/* Writes the first shard down as it is, before record `split`, restores the second from it, and
 * holds what the two did together against the whole run. */
static void check_split(struct fixture *f, unsigned split, uint64_t *random)
{
    struct troth_shard_counts counts;
    saved_take(&f->at_split, f->first.shard);
    note_seen(&f->at_split);
    start(&f->second, stream.rules);
    saved_restore(&f->at_split, &f->second, random);
    saved_take(&f->restored, f->second.shard);
    if (!saved_equal(&f->at_split, &f->restored)) {
        fail_msg("what was restored before record %u is not what was written", split);
    }
    feed(&f->second, split, stream.count);
    saved_take(&f->end_restored, f->second.shard);
    if (!saved_equal(&f->end, &f->end_restored)) {
        fail_msg("restored before record %u, the shard ends otherwise", split);
    }
    if (!told_the_same(&f->whole, &f->first, f->first.told_count, &f->second)) {
        fail_msg("restored before record %u, the shard tells otherwise", split);
    }
    troth_shard_count(f->second.shard, &counts);
    seen.duplicates_after += counts.duplicates > 0;
    seen.missing_after += counts.missing > 0;
    seen.interventions_after += f->second.told_count;
    for (unsigned i = 0; i < f->second.told_count; i++) {
        const struct troth_intervention *told = &f->second.told[i].intervention;
        seen.versions_after += told->cause.condition == TROTH_CONDITION_VERSION;
    }
    seen.evicted_after += counts.evicted;
}

static void run_whole(struct fixture *f)
{
    start(&f->whole, stream.rules);
    struct troth_shard_counts counts;
    feed(&f->whole, 0, stream.count);
    saved_take(&f->end, f->whole.shard);
    troth_shard_count(f->whole.shard, &counts);
    seen.evicted += counts.evicted;
}

static void test_every_split(void **state)
{
    uint64_t random = random_seed("every split");
    static struct fixture f;
    (void)state;
    open_fixture(&f);
    for (unsigned c = 0; c < CASES; c++) {
        make_stream(&random, RECORDS_SHORT, c % 3 > 0);
        run_whole(&f);
        start(&f.first, stream.rules);
        for (unsigned split = 0; split <= stream.count; split++) {
            check_split(&f, split, &random);
            feed(&f.first, split, split < stream.count ? split + 1 : split);
        }
        free_stream();
    }
    close_fixture(&f);
}

/* Long streams, written down and restored again and again: each restored shard is the next one that
 * is written down. */
static void test_chains(void **state)
{
    uint64_t random = random_seed("chains");
    static struct fixture f;
    (void)state;
    open_fixture(&f);
    for (unsigned c = 0; c < CASES; c++) {
        make_stream(&random, RECORDS_LONG, c % 2 > 0);
        run_whole(&f);
        start(&f.first, stream.rules);
        unsigned split = 0;
        unsigned told = 0;
        while (split < stream.count) {
            unsigned next = split + 1 + (unsigned)random_below(&random, RECORDS_LONG / 3);
            next = next < stream.count ? next : stream.count;
            feed(&f.first, split, next);
            split = next;
            saved_take(&f.at_split, f.first.shard);
            note_seen(&f.at_split);
            start(&f.second, stream.rules);
            saved_restore(&f.at_split, &f.second, &random);
            /* What was told so far goes along, so that the whole can be compared at the end. */
            told = f.first.told_count;
            memcpy(f.second.told, f.first.told, told * sizeof *f.first.told);
            f.second.told_count = told;
            const struct scenario swap = f.first;
            f.first = f.second;
            f.second = swap;
            f.first.config.context = &f.first;
            f.first.shard->config.context = &f.first;
            f.second.config.context = &f.second;
        }
        f.second.told_count = 0;
        saved_take(&f.end_restored, f.first.shard);
        assert_true(saved_equal(&f.end, &f.end_restored));
        assert_true(told_the_same(&f.whole, &f.first, f.first.told_count, &f.second));
        free_stream();
    }
    close_fixture(&f);
}

/* The records of a rolling checkpoint: every agent's standings at an offset of their own, of which
 * the shard's is the least. Out saved: the first shard is fed to its end on the way. */
static void take_rolling(struct fixture *f, const unsigned splits[AGENTS], unsigned least,
                         struct saved *rolling)
{
    rolling->count = 0;
    start(&f->first, stream.rules);
    for (unsigned at = 0; at <= stream.count; at++) {
        saved_take(&f->at_split, f->first.shard);
        if (at == least) {
            rolling->clock_us = f->at_split.clock_us;
            rolling->offset = f->at_split.offset;
        }
        for (unsigned i = 0; i < f->at_split.count; i++) {
            for (unsigned a = 0; a < AGENTS; a++) {
                if (splits[a] == at && strcmp(agents[a], f->at_split.records[i].agent) == 0) {
                    rolling->records[rolling->count++] = f->at_split.records[i];
                }
            }
        }
        feed(&f->first, at, at < stream.count ? at + 1 : at);
    }
}

static unsigned split_of(const unsigned splits[AGENTS], const char *agent, size_t length)
{
    for (unsigned a = 0; a < AGENTS; a++) {
        if (strlen(agents[a]) == length && memcmp(agents[a], agent, length) == 0) {
            return splits[a];
        }
    }
    fail_msg("no such agent");
    return 0;
}

/* Feeds the log from the shard's offset on; of an agent that is true for a later one, the record
 * moves the clock alone. */
static void feed_past(struct scenario *s, const unsigned splits[AGENTS], unsigned from)
{
    for (unsigned i = from; i < stream.count; i++) {
        const struct record *record = &stream.records[i];
        const struct troth_event *event = &record->event;
        const bool decides = stream.decided[i].any;
        const struct troth_text agent = decides ? stream.decided[i].decision.agent : event->agent;
        const bool passed = i < split_of(splits, agent.data, agent.length);
        if (decides && !passed) {
            (void)decide(s, i);
            continue;
        }
        const troth_status status = scenario_feed(
            s, record->timestamp_us, record->rejected || passed || decides ? NULL : event);
        assert_true(status == TROTH_OK || status == TROTH_DUPLICATE);
    }
}

static void test_rolling(void **state)
{
    uint64_t random = random_seed("rolling");
    static struct fixture f;
    static struct scenario later;
    static struct told told[TOLD_MAX];
    struct saved rolling = {.records = calloc(SAVED_MAX, sizeof *rolling.records)};
    (void)state;
    assert_non_null(rolling.records);
    open_fixture(&f);
    later.told = told;
    for (unsigned c = 0; c < 2 * CASES; c++) {
        unsigned splits[AGENTS];
        unsigned least = RECORDS_SHORT;
        make_stream(&random, 2 * RECORDS_SHORT, false);
        run_whole(&f);
        for (unsigned a = 0; a < AGENTS; a++) {
            splits[a] = (unsigned)random_below(&random, stream.count + 1);
            least = splits[a] < least ? splits[a] : least;
        }
        take_rolling(&f, splits, least, &rolling);
        start(&f.second, stream.rules);
        saved_restore(&rolling, &f.second, &random);
        feed_past(&f.second, splits, least);
        saved_take(&f.end_restored, f.second.shard);
        assert_true(saved_equal(&f.end, &f.end_restored));
        /* What each agent's standings did after the record that theirs is true for. */
        later.told_count = 0;
        for (unsigned i = 0; i < f.whole.told_count; i++) {
            const struct told *t = &f.whole.told[i];
            if (t->intervention.cause_offset >= split_of(splits, t->agent, strlen(t->agent))) {
                told[later.told_count++] = *t;
            }
        }
        assert_true(told_the_same(&later, &f.first, 0, &f.second));
        free_stream();
    }
    saved_free(&rolling);
    close_fixture(&f);
}

/* A version that keeps some terms of the first and changes others: drawn from the same seed, with
 * another one's terms for half of the contracts. */
static const struct troth_rules *next_version(uint64_t seed, unsigned contract, uint64_t *random)
{
    uint64_t same = seed;
    return random_rules(random_below(random, 2) == 0 ? &same : random, contract_names[contract], 2);
}

static void test_new_version(void **state)
{
    uint64_t random = random_seed("new version");
    static struct fixture f;
    (void)state;
    open_fixture(&f);
    for (unsigned c = 0; c < 4 * CASES; c++) {
        const struct troth_rules *next[CONTRACTS_MAX];
        make_stream(&random, 4 * RECORDS_SHORT, false);
        const unsigned split = (unsigned)random_below(&random, stream.count);
        for (unsigned i = 0; i < stream.contract_count; i++) {
            const uint64_t seed = random_next(&random);
            uint64_t first = seed;
            scenario_rules_free(stream.rules[i]);
            stream.rules[i] = random_rules(&first, contract_names[i], 1);
            next[i] = next_version(seed, i, &random);
        }
        start(&f.first, stream.rules);
        feed(&f.first, 0, split);
        saved_take(&f.at_split, f.first.shard);
        /* The first lives through the change; the second is restored under the new versions. */
        const unsigned before = f.first.told_count;
        for (unsigned i = 0; i < stream.contract_count; i++) {
            scenario_put(&f.first, next[i]);
        }
        seen.changed += f.first.told_count - before;
        start(&f.second, next);
        saved_restore(&f.at_split, &f.second, &random);
        feed(&f.first, split, stream.count);
        feed(&f.second, split, stream.count);
        saved_take(&f.end, f.first.shard);
        saved_take(&f.end_restored, f.second.shard);
        assert_true(saved_equal(&f.end, &f.end_restored));
        assert_true(told_the_same(&f.first, &f.first, before, &f.second));
        for (unsigned i = 0; i < stream.contract_count; i++) {
            scenario_rules_free(next[i]);
        }
        free_stream();
    }
    close_fixture(&f);
}

/* Runs last: the cases above were not empty. */
static void test_cases_were_met(void **state)
{
    (void)state;
    for (unsigned rung = 0; rung < TROTH_RUNG_COUNT; rung++) {
        printf("%s %u\n", troth_rung_name(rung), seen.rungs[rung]);
        assert_true(seen.rungs[rung] > 0);
    }
    printf("relapses %u, unsettled %u, sessions full %u, duplicates after %u, missing after %u, "
           "interventions after %u, budgets %u, alarms %u, changed %u, idle %u, evicted %llu and "
           "%llu after\n",
           seen.relapses, seen.unsettled, seen.sessions_full, seen.duplicates_after,
           seen.missing_after, seen.interventions_after, seen.budgets, seen.alarms, seen.changed,
           seen.idle, (unsigned long long)seen.evicted, (unsigned long long)seen.evicted_after);
    assert_true(seen.relapses > 0 && seen.unsettled > 0 && seen.sessions_full > 0);
    assert_true(seen.duplicates_after > 0 && seen.missing_after > 0);
    assert_true(seen.interventions_after > 0 && seen.budgets > 0 && seen.alarms > 0);
    assert_true(seen.changed > 0 && seen.versions_after > 0);
    for (unsigned i = 0; i < TROTH_RULING_NO_ROOM; i++) {
        print_message("%s %u\n", troth_ruling_name(i), seen.rulings_after[i]);
        assert_true(seen.rulings_after[i] > 0);
    }
    assert_true(seen.idle > 0 && seen.evicted > 0 && seen.evicted_after > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),    cmocka_unit_test(test_chains),
        cmocka_unit_test(test_rolling),        cmocka_unit_test(test_new_version),
        cmocka_unit_test(test_cases_were_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
