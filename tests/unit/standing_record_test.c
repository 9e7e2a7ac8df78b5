/*
 * Claims: a standing's record is Avro of the embedded schema: avro-c reads the same values by name
 * and writes the same bytes. Nothing cut short, too long or of another format is read as one.
 * An agent's own record, genesis, claim and keys likewise.
 */
#include "tests/support/restore.h"
#include "tests/support/scenario_random.h"

#include <avro.h>

#include "consumers/partition_record.h"
#include "schemas/avsc.h"

static const char *const agents[] = {"a", "agent-b", "an-agent-whose-name-is-longer-than-its-line"};

static struct troth_snapshot snapshot;
static struct scenario s;
static struct saved saved;
static const struct troth_rules *rules;
static unsigned versions; /* of agents, that records had */

/* A shard with some of everything, written down. */
static void make(uint64_t *random, unsigned count)
{
    int64_t timestamp_us = START;
    rules = random_rules(random, "c", 1);
    scenario_open(&s, 8, 8, 4096);
    scenario_put(&s, rules);
    for (unsigned i = 0; i < count; i++) {
        const struct record record = random_record(random, timestamp_us, agents, 3, 30);
        timestamp_us = record.timestamp_us > timestamp_us ? record.timestamp_us : timestamp_us;
        const troth_status status = scenario_feed(&s, record.timestamp_us, &record.event);
        assert_true(status == TROTH_OK || status == TROTH_DUPLICATE);
    }
    saved_take(&saved, s.shard);
}

static void done(void)
{
    scenario_close(&s);
    scenario_rules_free(rules);
}

static avro_value_t field_of(const avro_value_t *record, const char *name)
{
    avro_value_t field = {NULL, NULL};
    assert_int_equal(avro_value_get_by_name(record, name, &field, NULL), 0);
    return field;
}

/* An int, a long, an enum's index, a boolean, or a union of null and one of these. */
static int64_t integer_of(const avro_value_t *record, const char *name, int64_t absent)
{
    avro_value_t value = field_of(record, name);
    int64_t wide = 0;
    int narrow = 0;
    if (avro_value_get_type(&value) == AVRO_UNION) {
        avro_value_t branch = {NULL, NULL};
        assert_int_equal(avro_value_get_current_branch(&value, &branch), 0);
        value = branch;
    }
    switch (avro_value_get_type(&value)) {
    case AVRO_NULL:
        return absent;
    case AVRO_INT32: {
        int32_t number = 0;
        assert_int_equal(avro_value_get_int(&value, &number), 0);
        return number;
    }
    case AVRO_ENUM:
        assert_int_equal(avro_value_get_enum(&value, &narrow), 0);
        return narrow;
    case AVRO_BOOLEAN:
        assert_int_equal(avro_value_get_boolean(&value, &narrow), 0);
        return narrow;
    default:
        assert_int_equal(avro_value_get_long(&value, &wide), 0);
        return wide;
    }
}

static void check_integer(const avro_value_t *record, const char *name, int64_t expected)
{
    if (integer_of(record, name, INT64_MIN) != expected) {
        fail_msg("%s: %lld, not %lld", name, (long long)integer_of(record, name, INT64_MIN),
                 (long long)expected);
    }
}

static void check_text(const avro_value_t *record, const char *name, struct troth_text expected)
{
    avro_value_t value = field_of(record, name);
    const char *text = NULL;
    size_t size = 0;
    assert_int_equal(avro_value_get_string(&value, &text, &size), 0);
    assert_int_equal(size - 1, expected.length);
    assert_memory_equal(text, expected.data, expected.length);
}

static void check_hash(const avro_value_t *record, const char *name, uint64_t expected)
{
    avro_value_t value = field_of(record, name);
    const void *bytes = NULL;
    size_t size = 0;
    uint64_t hash = 0;
    assert_int_equal(avro_value_get_fixed(&value, &bytes, &size), 0);
    assert_int_equal(size, 8);
    for (unsigned i = 0; i < 8; i++) {
        hash = hash << 8 | ((const uint8_t *)bytes)[i];
    }
    assert_true(hash == expected);
}

static avro_value_t item_of(const avro_value_t *array, size_t index)
{
    avro_value_t item = {NULL, NULL};
    assert_int_equal(avro_value_get_by_index(array, index, &item, NULL), 0);
    return item;
}

static size_t size_of(const avro_value_t *array)
{
    size_t size = 0;
    assert_int_equal(avro_value_get_size(array, &size), 0);
    return size;
}

static void check_panes(const avro_value_t *value, const struct troth_snapshot_term *term)
{
    const bool budget = term->kind == TROTH_TERM_BUDGET;
    avro_value_t array = field_of(value, budget ? "amounts" : "panes");
    avro_value_t other = field_of(value, budget ? "panes" : "amounts");
    assert_int_equal(size_of(&array), term->pane_count);
    assert_int_equal(size_of(&other), 0);
    for (unsigned i = 0; i < term->pane_count; i++) {
        avro_value_t pane = item_of(&array, i);
        check_integer(&pane, "age", term->ages[i]);
        if (budget) {
            check_integer(&pane, "sum", term->panes[i].sum);
        } else {
            check_integer(&pane, "kept", term->panes[i].count.kept);
            check_integer(&pane, "broken", term->panes[i].count.broken);
        }
    }
}

static void check_term(const avro_value_t *value, const struct troth_snapshot_term *term)
{
    const bool has_head =
        term->kind == TROTH_TERM_CADENCE ? term->head != TROTH_NEVER_US : term->pane_count > 0;
    check_text(value, "name", term->name);
    check_hash(value, "promise", term->promise);
    check_integer(value, "kind", term->kind);
    check_integer(value, "head", has_head ? term->head : INT64_MIN);
    check_integer(value, "level", term->level);
    check_integer(value, "kept", term->tally.kept);
    check_integer(value, "broken", term->tally.broken);
    check_panes(value, term);
    avro_value_t onset = field_of(value, "onset");
    avro_value_t branch = {NULL, NULL};
    assert_int_equal(avro_value_get_current_branch(&onset, &branch), 0);
    const bool risen = term->kind <= TROTH_TERM_JUDGED && term->level > 0;
    assert_int_equal(avro_value_get_type(&branch), risen ? AVRO_RECORD : AVRO_NULL);
    if (risen) {
        check_integer(&branch, "at_us", term->onset_us);
        check_integer(&branch, "tasks", term->tasks_mark);
        check_integer(&branch, "cost_micros", term->cost_mark);
    }
    avro_value_t witnesses = field_of(value, "witnesses");
    assert_int_equal(size_of(&witnesses), term->witness_count);
    for (unsigned i = 0; i < term->witness_count; i++) {
        avro_value_t witness = item_of(&witnesses, i);
        int64_t offset = -1;
        assert_int_equal(avro_value_get_long(&witness, &offset), 0);
        assert_true(offset == term->witnesses[i]);
    }
}

static void check_sessions(const avro_value_t *value, const struct troth_session *expected,
                           unsigned count)
{
    avro_value_t sessions = field_of(value, "sessions");
    assert_int_equal(size_of(&sessions), count);
    for (unsigned i = 0; i < count; i++) {
        avro_value_t session = item_of(&sessions, i);
        check_hash(&session, "name", expected[i].name_hash);
        check_integer(&session, "first", expected[i].first);
        check_integer(&session, "top", expected[i].top);
        check_integer(&session, "seen", (int64_t)expected[i].seen);
        check_integer(&session, "used", expected[i].used);
    }
}

static void check_header(const avro_value_t *value)
{
    check_integer(value, "format", 4);
    check_text(value, "agent", snapshot.agent);
    check_text(value, "contract", snapshot.contract);
    check_integer(value, "contract_version", snapshot.contract_version);
    check_integer(value, "offset", snapshot.offset);
    check_integer(value, "clock_us", snapshot.clock_us);
    check_integer(value, "rung", snapshot.rung);
    check_integer(value, "since_us", snapshot.since_us);
    check_integer(value, "phase_us", snapshot.phase_us);
    check_integer(value, "left_us", snapshot.left_us);
    check_integer(value, "relapses", snapshot.relapses);
    check_integer(value, "unsettled", snapshot.unsettled);
    check_integer(value, "matched", snapshot.matched);
    check_integer(value, "after_decision", snapshot.after_decision);
    check_integer(value, "late", snapshot.late);
    check_integer(value, "tasks", snapshot.tasks);
    check_integer(value, "cost_micros", snapshot.cost_micros);
    check_integer(value, "cause", snapshot.cause);
    check_integer(value, "cause_term",
                  snapshot.cause_term == TROTH_CAUSE_NO_TERM ? -1 : snapshot.cause_term);
    check_integer(value, "cause_offset", snapshot.cause_offset);
    check_integer(value, "ordinal", snapshot.ordinal);
    check_integer(value, "sequence_uses", snapshot.sequence_uses);
    check_integer(value, "idle", snapshot.idle);
    check_integer(value, "review", snapshot.review);
    check_integer(value, "review_us", snapshot.review_us);
    check_integer(value, "fell_us", snapshot.fell_us);
    avro_value_t observed = field_of(value, "observed");
    float number = 0.0F;
    assert_int_equal(avro_value_get_float(&observed, &number), 0);
    assert_memory_equal(&number, &snapshot.observed, sizeof number);
}

static void check_reviews(const avro_value_t *branch, const struct troth_docket *docket)
{
    avro_value_t exceptions = field_of(branch, "exceptions");
    for (unsigned i = 0; i < TROTH_EXCEPTIONS_MAX; i++) {
        const struct troth_exception *exception = &docket->exceptions[i];
        if (i >= size_of(&exceptions)) {
            assert_true(exception->until_us == TROTH_NEVER_US);
            continue;
        }
        avro_value_t item = item_of(&exceptions, i);
        check_text(&item, "owner", (struct troth_text){exception->owner, exception->owner_length});
        check_integer(&item, "since_us", exception->since_us);
        check_integer(&item, "until_us", exception->until_us);
        check_integer(&item, "uses", exception->uses);
    }
    check_integer(branch, "claimed", docket->claimed_position);
    check_integer(branch, "claimed_us", docket->claimed_us);
    check_integer(branch, "reviewed_us", docket->reviewed_us);
    check_integer(branch, "reviewed_score", docket->reviewed_score);
    check_integer(branch, "reviewed_rung", docket->reviewed_rung);
    check_integer(branch, "narrowed_since", docket->narrowed_since);
    check_integer(branch, "widened_since", docket->widened_since);
}

static void check_docket(const avro_value_t *value)
{
    const struct troth_docket *docket = &snapshot.docket;
    avro_value_t field = field_of(value, "docket");
    avro_value_t branch = {NULL, NULL};
    assert_int_equal(avro_value_get_current_branch(&field, &branch), 0);
    assert_int_equal(avro_value_get_type(&branch), snapshot.docketed ? AVRO_RECORD : AVRO_NULL);
    if (!snapshot.docketed) {
        return;
    }
    check_integer(&branch, "decided_us", docket->decided_us);
    check_integer(&branch, "forgotten", docket->forgotten);
    check_integer(&branch, "quiet_until_us", docket->quiet_until_us);
    avro_value_t waivers = field_of(&branch, "waivers");
    avro_value_t disputes = field_of(&branch, "disputes");
    avro_value_t known = field_of(&branch, "known");
    assert_int_equal(size_of(&waivers), snapshot.term_count);
    assert_int_equal(size_of(&disputes), docket->dispute_count);
    assert_int_equal(size_of(&known), docket->known_count);
    for (unsigned i = 0; i < snapshot.term_count; i++) {
        avro_value_t waiver = item_of(&waivers, i);
        check_integer(&waiver, "until_us", docket->waived_until_us[i]);
        check_integer(&waiver, "uses", docket->waived_uses[i]);
        check_integer(&waiver, "position", docket->waived_position[i]);
    }
    for (unsigned i = 0; i < docket->dispute_count; i++) {
        const struct troth_dispute *dispute = &docket->disputes[i];
        avro_value_t item = item_of(&disputes, i);
        check_integer(&item, "offset", dispute->offset);
        check_integer(&item, "record_us", dispute->record_us);
        check_integer(&item, "term", dispute->term);
        check_integer(&item, "upheld", dispute->upheld);
        check_integer(&item, "idle", dispute->idle);
    }
    for (unsigned i = 0; i < docket->known_count; i++) {
        avro_value_t item = item_of(&known, i);
        avro_value_t id = field_of(&item, "id");
        const void *bytes = NULL;
        size_t size = 0;
        check_integer(&item, "position", docket->known[i].position);
        assert_int_equal(avro_value_get_fixed(&id, &bytes, &size), 0);
        assert_memory_equal(bytes, docket->known[i].id, TROTH_DECISION_ID_LENGTH);
    }
    check_reviews(&branch, docket);
}

static void add_reviews(uint64_t *random, struct troth_docket *docket)
{
    for (unsigned i = 0; i < TROTH_EXCEPTIONS_MAX; i++) {
        struct troth_exception *exception = &docket->exceptions[i];
        if (random_below(random, 2) == 0) {
            exception->owner_length = (uint8_t)(1 + random_below(random, TROTH_OWNER_MAX));
            memset(exception->owner, 'a' + (int)i, exception->owner_length);
            exception->since_us = (int64_t)random_below(random, START);
            exception->until_us = (int64_t)random_below(random, START);
            exception->uses = (uint32_t)random_next(random);
        } else {
            exception->since_us = TROTH_NEVER_US;
        }
    }
    docket->claimed_position = (int64_t)random_below(random, 1000) - 1;
    docket->claimed_us = random_below(random, 2) == 0 ? TROTH_NEVER_US : START;
    docket->reviewed_us = random_below(random, 2) == 0 ? TROTH_NEVER_US : START;
    docket->reviewed_score = (uint16_t)random_below(random, 1001);
    docket->reviewed_rung = (uint8_t)random_below(random, TROTH_RUNG_COUNT);
    docket->narrowed_since = (uint16_t)random_next(random);
    docket->widened_since = (uint16_t)random_next(random);
}

static void check_version(const avro_value_t *value)
{
    avro_value_t field = field_of(value, "agent_version");
    avro_value_t branch = {NULL, NULL};
    const bool any = snapshot.heard.hash != 0;
    assert_int_equal(avro_value_get_current_branch(&field, &branch), 0);
    assert_int_equal(avro_value_get_type(&branch), any ? AVRO_RECORD : AVRO_NULL);
    if (any) {
        check_hash(&branch, "hash", snapshot.heard.hash);
        check_integer(&branch, "heard_us", snapshot.heard.last_us);
        versions++;
    }
}

/* Gives the snapshot a docket, written down as its record. */
static size_t add_docket(uint64_t *random, uint8_t bytes[TROTH_STANDING_LENGTH_MAX])
{
    size_t length = 0;
    struct troth_docket *docket = &snapshot.docket;
    snapshot.docketed = true;
    troth_docket_init(docket);
    for (unsigned i = (unsigned)random_below(random, 12); i > 0; i--) {
        const struct troth_decision decision = {.id = {(uint8_t)i, 0xff},
                                                .position = (int64_t)random_below(random, 1000)};
        troth_docket_note(docket, &decision);
        docket->decided_us = START + i;
    }
    if (random_below(random, 2) == 0) {
        docket->quiet_until_us = (int64_t)random_below(random, START);
    }
    for (unsigned i = 0; i < snapshot.term_count; i++) {
        if (random_below(random, 2) == 0) {
            docket->waived_until_us[i] = (int64_t)random_below(random, START);
            docket->waived_uses[i] = (uint32_t)random_next(random);
            docket->waived_position[i] = (int64_t)random_below(random, 1000);
        }
    }
    add_reviews(random, docket);
    for (unsigned i = (unsigned)random_below(random, TROTH_DISPUTES_MAX + 1); i > 0; i--) {
        assert_true(troth_docket_open(docket, (int64_t)random_below(random, 1000) * 20 + i, START,
                                      (unsigned)random_below(random, snapshot.term_count)));
        struct troth_dispute *last = &docket->disputes[docket->dispute_count - 1];
        last->idle = random_below(random, 2) == 0;
        last->upheld = random_below(random, 2) == 0;
        if (last->upheld) {
            docket->open_count--;
        }
    }
    assert_int_equal(troth_standing_encode(&snapshot, bytes, TROTH_STANDING_LENGTH_MAX, &length),
                     TROTH_OK);
    return length;
}

static void check_value(const avro_value_t *value)
{
    check_header(value);
    check_docket(value);
    check_version(value);
    avro_value_t terms = field_of(value, "terms");
    assert_int_equal(size_of(&terms), snapshot.term_count);
    for (unsigned i = 0; i < snapshot.term_count; i++) {
        avro_value_t term = item_of(&terms, i);
        check_term(&term, &snapshot.terms[i]);
    }
    check_sessions(value, snapshot.sessions, snapshot.session_count);
}

static void test_avro_reads_the_same(void **state)
{
    static char again[TROTH_STANDING_LENGTH_MAX];
    uint64_t random = random_seed("avro");
    avro_schema_t schema;
    avro_value_t value = {NULL, NULL};
    unsigned checked = 0;
    (void)state;
    assert_int_equal(
        avro_schema_from_json_length(troth_avsc_standing, troth_avsc_standing_length, &schema), 0);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    assert_int_equal(avro_generic_value_new(class, &value), 0);
    for (unsigned c = 0; c < 60; c++) {
        make(&random, 1 + (unsigned)random_below(&random, 300));
        for (unsigned i = 0; i < saved.count; i++) {
            const struct saved_record *record = &saved.records[i];
            static uint8_t docketed[TROTH_STANDING_LENGTH_MAX];
            const uint8_t *bytes = record->bytes;
            size_t length = record->length;
            if (i % 2 > 0) {
                assert_int_equal(troth_standing_decode(bytes, length, &snapshot), TROTH_OK);
                length = add_docket(&random, docketed);
                bytes = docketed;
            }
            avro_reader_t reader = avro_reader_memory((const char *)bytes, (int64_t)length);
            avro_writer_t writer = avro_writer_memory(again, sizeof again);
            assert_int_equal(avro_value_reset(&value), 0);
            assert_int_equal(avro_value_read(reader, &value), 0);
            assert_int_equal(troth_standing_decode(bytes, length, &snapshot), TROTH_OK);
            check_value(&value);
            assert_int_equal(avro_value_write(writer, &value), 0);
            assert_int_equal(avro_writer_tell(writer), length);
            assert_memory_equal(again, bytes, length);
            avro_writer_free(writer);
            avro_reader_free(reader);
            checked++;
        }
        done();
    }
    assert_true(checked > 100 && versions > 20 && versions < checked - 20);
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(schema);
}

static void test_lengths(void **state)
{
    uint64_t random = random_seed("lengths");
    static uint8_t bytes[TROTH_STANDING_LENGTH_MAX + 1];
    (void)state;
    make(&random, 200);
    for (unsigned i = 0; i < saved.count; i++) {
        const struct saved_record *record = &saved.records[i];
        size_t length = 0;
        for (size_t cut = 0; cut < record->length; cut++) {
            uint8_t *exact = malloc(cut > 0 ? cut : 1);
            assert_non_null(exact);
            memcpy(exact, record->bytes, cut);
            assert_int_equal(troth_standing_decode(exact, cut, &snapshot), TROTH_UNDECODABLE);
            free(exact);
        }
        memcpy(bytes, record->bytes, record->length);
        bytes[record->length] = 0;
        assert_int_equal(troth_standing_decode(bytes, record->length + 1, &snapshot),
                         TROTH_UNDECODABLE);
        assert_int_equal(troth_standing_decode(record->bytes, record->length, &snapshot), TROTH_OK);
        assert_int_equal(troth_standing_encode(&snapshot, bytes, record->length - 1, &length),
                         TROTH_FULL);
        assert_int_equal(length, 0);
        memset(bytes, 0xee, sizeof bytes);
        assert_int_equal(troth_standing_encode(&snapshot, bytes, record->length, &length),
                         TROTH_OK);
        assert_int_equal(length, record->length);
        assert_int_equal(bytes[length], 0xee);
        bytes[0] = 2 * (TROTH_STANDING_FORMAT + 1); /* as Avro writes it */
        assert_int_equal(troth_standing_decode(bytes, length, &snapshot), TROTH_UNSUPPORTED);
        bytes[0] = 0;
        assert_int_equal(troth_standing_decode(bytes, length, &snapshot), TROTH_UNSUPPORTED);
        if (snapshot.docketed) {
            continue;
        }
        snapshot.heard = (struct troth_heard){0, 0};
        snapshot.review = TROTH_REVIEW_NONE;
        snapshot.review_us = 0;
        snapshot.fell_us = TROTH_NEVER_US;
        assert_int_equal(troth_standing_encode(&snapshot, bytes, record->length, &length),
                         TROTH_OK);
        bytes[0] = 2 * 3; /* format 3 ends before `review` and `agent_version`, */
        assert_int_equal(troth_standing_decode(bytes, length - 4, &snapshot), TROTH_OK);
        assert_true(snapshot.heard.hash == 0);
        bytes[0] = 2 * 2; /* format 2 before `docket`, */
        assert_int_equal(troth_standing_decode(bytes, length - 5, &snapshot), TROTH_OK);
        assert_false(snapshot.docketed);
        bytes[0] = 2 * 1; /* format 1 before `idle` */
        assert_int_equal(troth_standing_decode(bytes, length - 6, &snapshot), TROTH_OK);
        assert_false(snapshot.idle);
    }
    done();
}

/* A version's hash is never 0, which would read as none. */
static void test_no_hash(void **state)
{
    static uint8_t bytes[TROTH_STANDING_LENGTH_MAX];
    uint64_t random = random_seed("hash");
    size_t length = 0;
    (void)state;
    make(&random, 50);
    assert_int_equal(
        troth_standing_decode(saved.records[0].bytes, saved.records[0].length, &snapshot),
        TROTH_OK);
    snapshot.heard = (struct troth_heard){1, 0}; /* its last bytes: a branch, a hash, a time */
    assert_int_equal(troth_standing_encode(&snapshot, bytes, sizeof bytes, &length), TROTH_OK);
    assert_int_equal(troth_standing_decode(bytes, length, &snapshot), TROTH_OK);
    assert_true(snapshot.heard.hash == 1);
    assert_int_equal(bytes[length - 2], 1);
    bytes[length - 2] = 0;
    assert_int_equal(troth_standing_decode(bytes, length, &snapshot), TROTH_INVALID);
    done();
}

static void test_keys(void **state)
{
    char key[TROTH_STANDING_KEY_MAX];
    enum troth_record_kind kind = TROTH_RECORD_CLAIM;
    struct troth_text agent = {NULL, 0};
    struct troth_text contract = {NULL, 0};
    (void)state;
    const size_t length = troth_standing_key(text_of("a"), text_of("refunds"), key);
    assert_int_equal(length, 9);
    assert_memory_equal(key, "a\0refunds", 9);
    assert_int_equal(troth_record_key_read(key, length, &kind, &agent, &contract), TROTH_OK);
    assert_int_equal(kind, TROTH_RECORD_STANDING);
    assert_true(agent.length == 1 && agent.data[0] == 'a');
    assert_true(contract.length == 7 && memcmp(contract.data, "refunds", 7) == 0);
    for (unsigned k = TROTH_RECORD_GENESIS; k <= TROTH_RECORD_CLAIM; k++) {
        size_t own_length = 0;
        const char *own = troth_partition_key((enum troth_record_kind)k, &own_length);
        assert_int_equal(troth_record_key_read(own, own_length, &kind, &agent, &contract),
                         TROTH_OK);
        assert_int_equal(kind, k);
    }
    assert_int_equal(troth_record_key_read("\0later", 6, &kind, &agent, &contract),
                     TROTH_UNSUPPORTED);
    assert_int_equal(troth_record_key_read("", 0, &kind, &agent, &contract), TROTH_INVALID);
    assert_int_equal(troth_record_key_read("a", 1, &kind, &agent, &contract), TROTH_INVALID);
    assert_int_equal(troth_agent_key(text_of("ab"), key), 3);
    assert_memory_equal(key, "ab\0", 3);
    assert_int_equal(troth_record_key_read(key, 3, &kind, &agent, &contract), TROTH_OK);
    assert_int_equal(kind, TROTH_RECORD_AGENT);
    assert_true(agent.length == 2 && memcmp(agent.data, "ab", 2) == 0);
    assert_int_equal(troth_record_key_read("\0", 1, &kind, &agent, &contract), TROTH_UNSUPPORTED);
    assert_int_equal(troth_record_key_read("a\0\0", 3, &kind, &agent, &contract), TROTH_INVALID);
    assert_int_equal(troth_record_key_read("a\0b\0c", 5, &kind, &agent, &contract), TROTH_INVALID);
}

/* avro-c reads the bytes of an agent's record by its schema, and they decode to the same again;
 * nothing cut short is one, or longer, or of another format. */
static void test_agents(void **state)
{
    uint8_t bytes[TROTH_AGENT_RECORD_MAX + 1];
    char again[TROTH_AGENT_RECORD_MAX];
    struct troth_agent_snapshot read;
    avro_schema_t schema;
    avro_value_t value = {NULL, NULL};
    const struct troth_agent_snapshot agent = {
        .agent = text_of("an-agent"),
        .offset = 70000000000,
        .clock_us = START,
        .idle = true,
        .session_count = 2,
        .sequence_uses = INT64_MAX / 4,
        .sessions = {{UINT64_C(0xfedcba9876543210), INT64_MIN, -5, UINT64_MAX, INT64_MAX / 4},
                     {1, 3, 3, 1, 1}}};
    (void)state;
    const size_t length = troth_agent_encode(&agent, bytes);
    assert_int_equal(
        avro_schema_from_json_length(troth_avsc_agent, troth_avsc_agent_length, &schema), 0);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    avro_reader_t reader = avro_reader_memory((const char *)bytes, (int64_t)length);
    avro_writer_t writer = avro_writer_memory(again, sizeof again);
    assert_int_equal(avro_generic_value_new(class, &value), 0);
    assert_int_equal(avro_value_read(reader, &value), 0);
    check_integer(&value, "format", 1);
    check_text(&value, "agent", agent.agent);
    check_integer(&value, "offset", agent.offset);
    check_integer(&value, "clock_us", agent.clock_us);
    check_integer(&value, "idle", true);
    check_integer(&value, "sequence_uses", agent.sequence_uses);
    check_sessions(&value, agent.sessions, agent.session_count);
    assert_int_equal(avro_value_write(writer, &value), 0);
    assert_int_equal(avro_writer_tell(writer), length);
    assert_memory_equal(again, bytes, length);
    avro_writer_free(writer);
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(schema);

    memset(&read, 0xa5, sizeof read);
    assert_int_equal(troth_agent_decode(bytes, length, &read), TROTH_OK);
    assert_int_equal(troth_agent_encode(&read, (uint8_t *)again), length);
    assert_memory_equal(again, bytes, length);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(troth_agent_decode(bytes, cut, &read), TROTH_UNDECODABLE);
    }
    bytes[length] = 0;
    assert_int_equal(troth_agent_decode(bytes, length + 1, &read), TROTH_UNDECODABLE);
    bytes[0] = 4; /* format 2 */
    assert_int_equal(troth_agent_decode(bytes, length, &read), TROTH_UNSUPPORTED);
}

/* avro-c reads the bytes by the schema, and finds nothing left over. */
static void check_avro(const char *json, size_t json_length, const uint8_t *bytes, size_t length)
{
    static char again[TROTH_CHECKPOINT_LENGTH_MAX];
    avro_schema_t schema;
    avro_value_t value = {NULL, NULL};
    assert_int_equal(avro_schema_from_json_length(json, json_length, &schema), 0);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    avro_reader_t reader = avro_reader_memory((const char *)bytes, (int64_t)length);
    avro_writer_t writer = avro_writer_memory(again, sizeof again);
    assert_int_equal(avro_generic_value_new(class, &value), 0);
    assert_int_equal(avro_value_read(reader, &value), 0);
    check_integer(&value, "era", 7);
    assert_int_equal(avro_value_write(writer, &value), 0);
    assert_int_equal(avro_writer_tell(writer), length);
    assert_memory_equal(again, bytes, length);
    avro_writer_free(writer);
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(schema);
}

static void test_genesis_and_claim(void **state)
{
    uint8_t bytes[TROTH_PARTITION_RECORD_MAX];
    const struct troth_genesis genesis = {7, 12, TROTH_PARTITIONER_CRC32};
    struct troth_genesis genesis_read = {0};
    struct troth_claim claim = {
        .instance = text_of("engine-1"), .nonce = {1, 2, 255}, .era = 7, .at_us = START};
    struct troth_claim claim_read = {0};
    (void)state;
    size_t length = troth_genesis_encode(&genesis, bytes);
    check_avro(troth_avsc_genesis, troth_avsc_genesis_length, bytes, length);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(troth_genesis_decode(bytes, cut, &genesis_read), TROTH_UNDECODABLE);
    }
    assert_int_equal(troth_genesis_decode(bytes, length, &genesis_read), TROTH_OK);
    assert_true(genesis_read.era == 7 && genesis_read.partitions == 12 &&
                genesis_read.partitioner == TROTH_PARTITIONER_CRC32);
    bytes[length - 1] = '!';
    assert_int_equal(troth_genesis_decode(bytes, length, &genesis_read), TROTH_UNSUPPORTED);
    length = troth_claim_encode(&claim, bytes);
    check_avro(troth_avsc_claim, troth_avsc_claim_length, bytes, length);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(troth_claim_decode(bytes, cut, &claim_read), TROTH_UNDECODABLE);
    }
    assert_int_equal(troth_claim_decode(bytes, length, &claim_read), TROTH_OK);
    assert_true(claim_read.era == 7 && claim_read.at_us == START &&
                claim_read.instance.length == 8 &&
                memcmp(claim_read.instance.data, "engine-1", 8) == 0 &&
                memcmp(claim_read.nonce, claim.nonce, sizeof claim.nonce) == 0);
    bytes[0] = 4;
    assert_int_equal(troth_claim_decode(bytes, length, &claim_read), TROTH_UNSUPPORTED);
}

static void test_checkpoint(void **state)
{
    static uint8_t bytes[TROTH_CHECKPOINT_LENGTH_MAX];
    static struct troth_checkpoint checkpoint;
    static struct troth_checkpoint read;
    static char names[TROTH_CONTRACTS_MAX][TROTH_NAME_LENGTH_MAX + 1];
    (void)state;
    checkpoint = (struct troth_checkpoint){.era = 7,
                                           .offset = 5,
                                           .told = INT64_MAX,
                                           .clock_us = START,
                                           .decided = 9,
                                           .ruled_count = 2,
                                           .ruled = {11, 500},
                                           .weeks = 60};
    size_t length = troth_checkpoint_encode(&checkpoint, bytes);
    check_avro(troth_avsc_checkpoint, troth_avsc_checkpoint_length, bytes, length);
    for (unsigned i = 0; i < TROTH_CONTRACTS_MAX; i++) { /* the longest that there can be */
        memset(names[i], 'a' + (int)(i % 26), TROTH_NAME_LENGTH_MAX);
        checkpoint.versions[i] = (struct troth_version){text_of(names[i]), INT64_MAX - i};
    }
    checkpoint.version_count = TROTH_CONTRACTS_MAX;
    length = troth_checkpoint_encode(&checkpoint, bytes);
    check_avro(troth_avsc_checkpoint, troth_avsc_checkpoint_length, bytes, length);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(troth_checkpoint_decode(bytes, cut, &read), TROTH_UNDECODABLE);
    }
    assert_int_equal(troth_checkpoint_decode(bytes, length, &read), TROTH_OK);
    assert_true(read.era == 7 && read.offset == 5 && read.told == INT64_MAX &&
                read.clock_us == START && read.decided == 9 && read.ruled_count == 2 &&
                read.ruled[1] == 500 && read.weeks == 60 &&
                read.version_count == TROTH_CONTRACTS_MAX);
    for (unsigned i = 0; i < TROTH_CONTRACTS_MAX; i++) {
        assert_true(read.versions[i].version == INT64_MAX - i &&
                    read.versions[i].contract.length == TROTH_NAME_LENGTH_MAX &&
                    memcmp(read.versions[i].contract.data, names[i], TROTH_NAME_LENGTH_MAX) == 0);
    }
    bytes[0] = 2 * 2; /* format 2 ends before `weeks`, */
    assert_int_equal(troth_checkpoint_decode(bytes, length - 1, &read), TROTH_OK);
    assert_true(read.decided == 9 && read.weeks == read.told);
    bytes[0] = 2 * 1; /* format 1 before `decided` and `ruled` */
    assert_int_equal(troth_checkpoint_decode(bytes, length - 7, &read), TROTH_OK);
    assert_int_equal(read.decided, -1);
    bytes[0] = 2 * 4;
    assert_int_equal(troth_checkpoint_decode(bytes, length, &read), TROTH_UNSUPPORTED);
    checkpoint = (struct troth_checkpoint){.era = 1, .offset = 6, .told = 5};
    length = troth_checkpoint_encode(&checkpoint, bytes);
    assert_int_equal(troth_checkpoint_decode(bytes, length, &read), TROTH_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_avro_reads_the_same),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_no_hash),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_agents),
        cmocka_unit_test(test_genesis_and_claim),
        cmocka_unit_test(test_checkpoint),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    saved_free(&saved);
    return failed;
}
