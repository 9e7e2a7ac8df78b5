/*
 * Claims: the records in tests/golden_standings, of every format that there was, are read by this
 * version, say what is listed beside them, and restore into a shard that then says the same. Once
 * written they are never changed: whatever later formats there are, those topics must be read.
 */
#include "tests/support/restore.h"

enum { RECORDS = 7, LISTING_MAX = 8192 };

static const char *const names[RECORDS] = {"new",   "clear", "warn",   "review",
                                           "pause", "idle",  "decided"};
static struct troth_snapshot snapshot;

static size_t read_file(const char *name, const char *suffix, char *text, size_t capacity)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden_standings/%s.%s", name, suffix);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("%s cannot be opened", path);
    }
    const size_t length = fread(text, 1, capacity - 1, file);
    text[length] = '\0';
    assert_int_equal(fclose(file), 0);
    return length;
}

static void list_term(struct draft *draft, const struct troth_snapshot_term *t)
{
    draft_add(draft, "term %.*s kind %u promise %016llx head %lld level %lld\n",
              (int)t->name.length, t->name.data, t->kind, (unsigned long long)t->promise,
              (long long)t->head, (long long)t->level);
    draft_add(draft, "  onset %lld tasks %u cost %lld counted %u %u\n", (long long)t->onset_us,
              t->tasks_mark, (long long)t->cost_mark, t->tally.kept, t->tally.broken);
    for (unsigned i = 0; i < t->pane_count; i++) {
        if (t->kind == TROTH_TERM_BUDGET) {
            draft_add(draft, "  amount %u: %lld\n", t->ages[i], (long long)t->panes[i].sum);
        } else {
            draft_add(draft, "  pane %u: %u %u\n", t->ages[i], t->panes[i].count.kept,
                      t->panes[i].count.broken);
        }
    }
    for (unsigned i = 0; i < t->witness_count; i++) {
        draft_add(draft, "  witness %lld\n", (long long)t->witnesses[i]);
    }
}

/* What the standings of an agent share. */
static void list_agent(struct draft *draft, bool idle, int64_t uses,
                       const struct troth_session *sessions, unsigned count)
{
    draft_add(draft, "%suses %lld\n", idle ? "idle\n" : "", (long long)uses);
    for (unsigned i = 0; i < count; i++) {
        const struct troth_session *session = &sessions[i];
        draft_add(draft, "session %016llx first %lld top %lld seen %016llx used %lld\n",
                  (unsigned long long)session->name_hash, (long long)session->first,
                  (long long)session->top, (unsigned long long)session->seen,
                  (long long)session->used);
    }
}

/* What people decided, and what a person is to look at. */
static void list_docket(struct draft *draft, const struct troth_snapshot *n)
{
    const struct troth_docket *docket = &n->docket;
    draft_add(draft, "decided %lld forgotten %lld quiet %lld\n", (long long)docket->decided_us,
              (long long)docket->forgotten, (long long)docket->quiet_until_us);
    for (unsigned i = 0; i < n->term_count; i++) {
        if (docket->waived_until_us[i] != TROTH_NEVER_US) {
            draft_add(draft, "waived %u until %lld position %lld uses %u\n", i,
                      (long long)docket->waived_until_us[i], (long long)docket->waived_position[i],
                      docket->waived_uses[i]);
        }
    }
    for (unsigned i = 0; i < docket->dispute_count; i++) {
        const struct troth_dispute *dispute = &docket->disputes[i];
        draft_add(draft, "dispute %lld record %lld term %u upheld %d idle %d\n",
                  (long long)dispute->offset, (long long)dispute->record_us, dispute->term,
                  dispute->upheld, dispute->idle);
    }
    for (unsigned i = 0; i < docket->known_count; i++) {
        draft_add(draft, "known %lld %02x%02x\n", (long long)docket->known[i].position,
                  docket->known[i].id[0], docket->known[i].id[1]);
    }
    for (unsigned i = 0; i < TROTH_EXCEPTIONS_MAX; i++) {
        const struct troth_exception *exception = &docket->exceptions[i];
        if (exception->owner_length > 0) {
            draft_add(draft, "exception %.*s since %lld until %lld uses %u\n",
                      (int)exception->owner_length, exception->owner,
                      (long long)exception->since_us, (long long)exception->until_us,
                      exception->uses);
        }
    }
    draft_add(draft, "claimed %lld %lld reviewed %lld %u %s since %u %u\n",
              (long long)docket->claimed_position, (long long)docket->claimed_us,
              (long long)docket->reviewed_us, docket->reviewed_score,
              troth_rung_name(docket->reviewed_rung), docket->narrowed_since,
              docket->widened_since);
    draft_add(draft, "review %u %lld fell %lld\n", n->review, (long long)n->review_us,
              (long long)n->fell_us);
}

/* All that a snapshot says, one thing a line. */
static void list(struct draft *draft)
{
    const struct troth_snapshot *n = &snapshot;
    draft->length = 0;
    draft_add(draft, "%.*s %.*s@%lld offset %lld clock %lld\n", (int)n->agent.length, n->agent.data,
              (int)n->contract.length, n->contract.data, (long long)n->contract_version,
              (long long)n->offset, (long long)n->clock_us);
    draft_add(draft, "%s since %lld phase %lld left %lld relapses %u\n", troth_rung_name(n->rung),
              (long long)n->since_us, (long long)n->phase_us, (long long)n->left_us, n->relapses);
    draft_add(draft, "unsettled %d matched %d after_decision %d late %u tasks %u cost %lld\n",
              n->unsettled, n->matched, n->after_decision, n->late, n->tasks,
              (long long)n->cost_micros);
    draft_add(draft, "cause %s term %u observed %.9g offset %lld ordinal %u\n",
              troth_condition_name(n->cause), n->cause_term, (double)n->observed,
              (long long)n->cause_offset, n->ordinal);
    for (unsigned i = 0; i < n->term_count; i++) {
        list_term(draft, &n->terms[i]);
    }
    list_agent(draft, n->idle, n->sequence_uses, n->sessions, n->session_count);
    if (n->docketed) {
        list_docket(draft, n);
    }
    if (n->heard.hash != 0) {
        draft_add(draft, "version %016llx heard %lld\n", (unsigned long long)n->heard.hash,
                  (long long)n->heard.last_us);
    }
}

static void check_record(struct scenario *s, const struct troth_rules *rules, const char *name)
{
    static char bytes[TROTH_STANDING_LENGTH_MAX];
    static char expected[LISTING_MAX];
    static struct draft draft;
    uint32_t standing = TROTH_NONE;
    const size_t length = read_file(name, "record", bytes, sizeof bytes);
    (void)read_file(name, "txt", expected, sizeof expected);
    assert_int_equal(troth_standing_decode(bytes, length, &snapshot), TROTH_OK);
    list(&draft);
    assert_string_equal(draft.text, expected);
    scenario_restart(s);
    scenario_put(s, rules);
    troth_shard_resume(s->shard, snapshot.clock_us, snapshot.offset);
    assert_int_equal(troth_shard_import(s->shard, &snapshot, &standing), TROTH_OK);
    assert_int_equal(s->told_count, 0);
    assert_true(troth_shard_export(s->shard, standing, &snapshot));
    list(&draft);
    assert_string_equal(draft.text, expected);
}

static void list_alone(struct draft *draft, const struct troth_agent_snapshot *agent)
{
    draft->length = 0;
    draft_add(draft, "%.*s alone offset %lld clock %lld\n", (int)agent->agent.length,
              agent->agent.data, (long long)agent->offset, (long long)agent->clock_us);
    list_agent(draft, agent->idle, agent->sequence_uses, agent->sessions, agent->session_count);
}

static void test_an_agent_alone(void **state)
{
    static char bytes[TROTH_AGENT_RECORD_MAX];
    static char expected[LISTING_MAX];
    static struct draft draft;
    struct troth_agent_snapshot agent;
    struct scenario s;
    (void)state;
    const size_t length = read_file("alone", "record", bytes, sizeof bytes);
    (void)read_file("alone", "txt", expected, sizeof expected);
    assert_int_equal(troth_agent_decode(bytes, length, &agent), TROTH_OK);
    list_alone(&draft, &agent);
    assert_string_equal(draft.text, expected);
    scenario_open(&s, 4, 4, 4096);
    assert_int_equal(troth_shard_import_agent(s.shard, &agent), TROTH_OK);
    troth_shard_resume(s.shard, agent.clock_us, agent.offset);
    assert_true(troth_shard_export_agent(s.shard, 0, &agent));
    list_alone(&draft, &agent);
    assert_string_equal(draft.text, expected);
    scenario_close(&s);
}

static void check_records(const char *keys, const char *const *records, unsigned count)
{
    static char contract[LISTING_MAX];
    struct scenario s;
    (void)read_file(keys, "keys", contract, sizeof contract);
    const struct troth_rules *rules = scenario_rules(contract);
    scenario_open(&s, 4, 4, 4096);
    for (unsigned i = 0; i < count; i++) {
        check_record(&s, rules, records[i]);
    }
    scenario_close(&s);
    scenario_rules_free(rules);
}

static void test_golden_records(void **state)
{
    static const char *const format_4[] = {"versioned"};
    (void)state;
    check_records("contract", names, RECORDS);
    check_records("contract-4", format_4, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_records),
                                       cmocka_unit_test(test_an_agent_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
