/*
 * Claims: an export of a real shard's history holds; no flipped byte of it does; left out by the
 * exporter and signed anew, no intervention is missed, nor any other line; and each check sees what
 * it is there for, in a file whose chain and signature hold.
 */
#include "tests/support/test.h"

#include <string.h>

#include <sodium.h>

#include "consumers/avro/encode.h"
#include "consumers/decision_record.h"
#include "consumers/standing_record.h"
#include "ops/export/checks.h"
#include "ops/export/parts.h"
#include "ops/export/write.h"
#include "scoring/agents.h"
#include "scoring/shard_snapshot.h"

#define START_US INT64_C(1790000000000000)

enum { EVENTS_MAX = 600 };

static const char yaml[] =
    "contract: refunds\n"
    "version: 3\n"
    "promise: Refund agents settle valid claims.\n"
    "owner: payments-ops\n"
    "capabilities: [refund, quote]\n"
    "window: 10m\n"
    "panes: 10\n"
    "hold: 10s\n"
    "terms:\n"
    "  - {name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.9, evidence: 10}\n"
    "  - {name: no-leak, never: {kind: tool, tool: export}}\n"
    "certify: {confidence: 0.6, within: 1d}\n"
    "ladder: {narrow: {scope: {traffic: 0.25, capabilities: [quote], max_cost_micros: 700}},\n"
    "         review: {confidence_below: null}, pause: {confidence_below: null}}\n";

static const struct troth_report_origin origin = {"troth.telemetry", 2, 1};

static struct troth_contract contract;
static struct troth_rules rules;
static struct troth_framing framing;
static struct troth_secret_key secret;
static struct troth_public_key key;
static struct troth_chain whole; /* the export that the tests begin with */

static struct troth_shard *shard;
static struct troth_export_collection collection;
static int64_t told_offset;
static uint8_t events[EVENTS_MAX][256];
static size_t event_lengths[EVENTS_MAX];
static int64_t next_offset;

static void take_told(json_t *object, bool ruling)
{
    struct troth_export_record *kept =
        troth_export_keep(&collection, &collection.told, told_offset, NULL, 0);
    assert_non_null(kept);
    kept->object = object;
    kept->ruling = ruling;
    kept->era = 1;
    told_offset += 2; /* a transaction's end stands between */
}

static void on_intervention(void *context, const struct troth_intervention *intervention)
{
    (void)context;
    take_told(troth_report_intervention(&origin, intervention), false);
}

static void apply(unsigned kind, unsigned outcome)
{
    struct troth_event event = {.kind = (uint8_t)kind,
                                .outcome = (uint8_t)outcome,
                                .at_us = START_US + next_offset * 1000000,
                                .agent = {"refund-1", 8}};
    event.present = 1U << TROTH_FIELD_OUTCOME;
    if (kind == TROTH_KIND_TOOL) {
        event.present |= 1U << TROTH_FIELD_TOOL;
        event.tool = (struct troth_text){"export", 6};
    }
    assert_int_equal(
        troth_encode(&event, events[next_offset], sizeof events[0], &event_lengths[next_offset]),
        TROTH_OK);
    assert_int_equal(
        troth_shard_apply(shard, event.at_us, next_offset, &event, troth_agents_hash(event.agent)),
        TROTH_OK);
    next_offset++;
}

static void decide(unsigned action, uint8_t id)
{
    uint8_t record[TROTH_DECISION_RECORD_MAX];
    struct troth_decision decision = {.id = {id},
                                      .agent = {"refund-1", 8},
                                      .contract = {"refunds", 7},
                                      .by = {"ann", 3},
                                      .reason = {"a test of it", 12},
                                      .position = id,
                                      .at_us = START_US,
                                      .offset = -1,
                                      .partition = -1,
                                      .action = (uint8_t)action,
                                      .expected = TROTH_RUNG_COUNT};
    struct troth_export_record *kept = troth_export_keep(
        &collection, &collection.decided, id, record, troth_decision_encode(&decision, record));
    assert_non_null(kept);
    kept->object = troth_export_decision_json(&decision);
    kept->signatures = json_array();
    kept->timestamp_us = START_US + next_offset * 1000000;
    apply(TROTH_KIND_TICK, TROTH_OUTCOME_NONE); /* the pointer to it, as good as any record */
    const struct troth_ruled ruled = troth_shard_decide(shard, &decision, NULL);
    take_told(troth_report_ruling(&origin, &decision, &ruled, next_offset - 1,
                                  troth_shard_clock_us(shard)),
              true);
}

/* Certified, narrowed, brought back by calm, narrowed again (a relapse), back, narrowed by a person
 * and restored, recertified and again in place, leaking. */
static void live(void)
{
    for (unsigned i = 0; i < 30; i++) {
        apply(TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 8 + 10 * round; i++) {
            apply(TROTH_KIND_TASK, TROTH_OUTCOME_FAILED);
        }
        for (unsigned i = 0; i < 160; i++) {
            apply(TROTH_KIND_TASK, TROTH_OUTCOME_OK);
        }
    }
    decide(TROTH_ACTION_NARROW, 1);
    decide(TROTH_ACTION_RESTORE, 2);
    decide(TROTH_ACTION_RECERTIFY, 3);
    decide(TROTH_ACTION_RECERTIFY, 4);
    decide(TROTH_ACTION_RESTORE, 5); /* refused: not from here */
    for (unsigned i = 0; i < 12; i++) {
        apply(TROTH_KIND_TASK, TROTH_OUTCOME_OK);
    }
    apply(TROTH_KIND_TOOL, TROTH_OUTCOME_NONE);
}

static void open_shard(void)
{
    static struct troth_problems problems;
    const struct troth_shard_config config = {.agents_max = 4,
                                              .standings_max = 4,
                                              .standing_bytes = 4096,
                                              .dockets_max = 4,
                                              .max_ahead_us = 60000000,
                                              .on_intervention = on_intervention};
    assert_int_equal(troth_contract_parse(yaml, sizeof yaml - 1, &contract, &problems), TROTH_OK);
    troth_rules_init(&rules, &contract);
    const size_t size = (troth_shard_size(&config) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    shard = troth_shard_init(memory, &config);
    assert_int_equal(troth_shard_contract(shard, &rules), TROTH_OK);
}

/* Of what Kafka would hold, as collect_records.c leaves it. */
static void collect_standing(void)
{
    static struct troth_snapshot snapshot;
    struct troth_export_subject *subject = troth_export_subject(&collection, "refunds");
    assert_non_null(subject);
    assert_true(troth_shard_export(shard, 0, &snapshot));
    subject->standing = malloc(TROTH_STANDING_LENGTH_MAX);
    assert_non_null(subject->standing);
    assert_int_equal(troth_standing_encode(&snapshot, subject->standing, TROTH_STANDING_LENGTH_MAX,
                                           &subject->standing_length),
                     TROTH_OK);
    subject->has_standing = true;
    subject->standing_offset = 77;
    subject->version = 3;
    subject->begin_rung = TROTH_RUNG_RECERTIFY;
    subject->begin_since_us = START_US;
    subject->because = "new";
}

static void collect_records(void)
{
    char text[TROTH_CONTRACT_LENGTH_MAX];
    size_t length = 0;
    uint8_t named[EVENTS_MAX] = {0};
    assert_int_equal(troth_contract_write(&contract, text, sizeof text, &length), TROTH_OK);
    struct troth_export_record *version =
        troth_export_keep(&collection, &collection.versions, 0, text, length);
    assert_non_null(version);
    version->signatures = json_array();
    for (size_t i = 0; i < collection.told.count; i++) {
        const json_t *witnesses = json_object_get(collection.told.items[i].object, "witnesses");
        for (size_t w = 0; w < json_array_size(witnesses); w++) {
            named[troth_export_integer(json_array_get(witnesses, w), "offset")] = 1;
        }
    }
    for (int64_t i = 0; i < next_offset; i++) {
        if (named[i]) {
            struct troth_export_record *kept = troth_export_keep(&collection, &collection.witnesses,
                                                                 i, events[i], event_lengths[i]);
            assert_non_null(kept);
            kept->timestamp_us = START_US + i * 1000000;
        }
    }
}

static int make_export(void **state)
{
    (void)state;
    memset(&collection, 0, sizeof collection);
    collection.agent = "refund-1";
    collection.era = 1;
    collection.subjects = calloc(TROTH_EXPORT_STANDINGS_MAX, sizeof *collection.subjects);
    collection.telemetry = (struct troth_export_range){"troth.telemetry", 2, 0, EVENTS_MAX};
    collection.interventions = (struct troth_export_range){"troth.interventions", 1, 0, 1000};
    collection.decisions = (struct troth_export_range){"troth.decisions", 0, 0, 10};
    collection.contracts = (struct troth_export_range){"troth.contracts", 0, 0, 2};
    collection.standings = (struct troth_export_range){"troth.standings", 2, 0, 100};
    if (collection.subjects == NULL || !troth_key_make(&secret) ||
        troth_framing_init(&framing, TROTH_FRAMING_BARE) != TROTH_OK) {
        return -1;
    }
    troth_key_public(&secret, &key);
    open_shard();
    live();
    collect_standing();
    collect_records();
    troth_chain_init(&whole);
    return troth_export_write(&collection, &framing, START_US, &secret, &whole) == TROTH_OK ? 0
                                                                                            : -1;
}

static int drop_export(void **state)
{
    (void)state;
    troth_export_collection_fini(&collection);
    troth_chain_fini(&whole);
    free(shard);
    return 0;
}

/* ---- Files made of it. ---- */

static struct troth_export_report report;

static bool holds(const struct troth_chain *chain)
{
    struct troth_export_file file;
    const troth_status status =
        troth_export_check(chain->text, chain->length, &key, &framing, &file, &report);
    troth_export_file_fini(&file);
    return status == TROTH_OK && troth_export_is_valid(&report);
}

/* What an exporter does to a line. Returns whether it stays. In line: without its hash. */
typedef bool alter_line(json_t *line, size_t number, const void *context);

/* Out chain: chained and signed anew. */
static void rewrite(alter_line *alter, const void *context, struct troth_chain *chain)
{
    const char *line = NULL;
    size_t at = 0;
    troth_chain_init(chain);
    for (size_t number = 1; number < whole.lines; number++) {
        const size_t length = troth_chain_next(whole.text, whole.length, &at, &line);
        json_t *object = json_loadb(line, length, 0, NULL);
        assert_non_null(object);
        json_object_del(object, "after");
        if (alter(object, number, context)) {
            char *text = json_dumps(object, TROTH_REPORT_FLAGS);
            assert_int_equal(troth_chain_add(chain, text, strlen(text)), TROTH_OK);
            free(text);
        }
        json_decref(object);
    }
    assert_int_equal(troth_chain_sign(chain, &secret), TROTH_OK);
}

static bool leave_as_is(json_t *line, size_t number, const void *context)
{
    (void)line;
    (void)number;
    (void)context;
    return true;
}

static void it_holds(void **state)
{
    (void)state;
    if (!holds(&whole)) {
        troth_export_print(&report);
        fail_msg("it does not hold");
    }
    for (unsigned i = 0; i < TROTH_EXPORT_KAFKA; i++) {
        if (!report.findings[i].made || report.findings[i].looked == 0) {
            fail_msg("check %u has looked at nothing", i);
        }
        assert_int_equal(report.findings[i].noted, 0);
    }
    struct troth_chain again;
    rewrite(leave_as_is, NULL, &again);
    assert_int_equal(again.length, whole.length);
    assert_memory_equal(again.text, whole.text, whole.length);
    troth_chain_fini(&again);
}

/* One bit of each byte, and each bit of the last line, where the signature is; all values of each
 * byte of a shorter chain are tried in export_chain_test.c. */
static void no_flipped_byte_does(void **state)
{
    (void)state;
    for (size_t at = 0; at < whole.length; at++) {
        const bool last = whole.length - at < 200;
        for (unsigned bit = last ? 0 : at % 8; bit < (last ? 8 : at % 8 + 1); bit++) {
            whole.text[at] = (char)((unsigned char)whole.text[at] ^ 1U << bit);
            if (holds(&whole)) {
                fail_msg("byte %zu, bit %u: it still holds", at, bit);
            }
            whole.text[at] = (char)((unsigned char)whole.text[at] ^ 1U << bit);
        }
    }
    assert_true(holds(&whole));
}

static bool leave_out(json_t *line, size_t number, const void *context)
{
    (void)line;
    return number != *(const size_t *)context;
}

static void no_line_can_be_left_out(void **state)
{
    (void)state;
    for (size_t number = 1; number < whole.lines; number++) {
        struct troth_chain chain;
        rewrite(leave_out, &number, &chain);
        if (holds(&chain)) {
            fail_msg("line %zu is left out, and it holds", number);
        }
        troth_chain_fini(&chain);
    }
}

struct run {
    size_t first; /* interventions, from 0 */
    size_t last;
    size_t seen;
};

static bool leave_out_run(json_t *line, size_t number, const void *context)
{
    struct run *run = (struct run *)(uintptr_t)context;
    (void)number;
    if (strcmp(troth_export_text(line, "kind"), "intervention") != 0) {
        return true;
    }
    const size_t place = run->seen++;
    return place < run->first || place > run->last;
}

/* Any interventions that follow one another, ways there and back among them. */
static void no_run_of_interventions_can(void **state)
{
    (void)state;
    size_t count = 0;
    for (size_t i = 0; i < collection.told.count; i++) {
        count += !collection.told.items[i].ruling;
    }
    assert_true(count > 8);
    for (size_t first = 0; first < count; first++) {
        for (size_t last = first; last < count; last++) {
            struct run run = {.first = first, .last = last};
            struct troth_chain chain;
            rewrite(leave_out_run, &run, &chain);
            assert_int_equal(run.seen, count);
            if (holds(&chain)) {
                fail_msg("interventions %zu to %zu are left out, and it holds", first, last);
            }
            troth_chain_fini(&chain);
        }
    }
}

/* ---- What each check is there for. ---- */

struct change {
    const char *kind;
    unsigned place;    /* of the lines of that kind, from 0 */
    const char *path;  /* members, with dots */
    const char *value; /* JSON */
    enum troth_export_check check;
};

static json_t *find(json_t *line, const char *path, char last[64])
{
    const char *dot = strchr(path, '.');
    if (dot == NULL) {
        (void)snprintf(last, 64, "%s", path);
        return line;
    }
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
    json_t *inner = name[0] >= '0' && name[0] <= '9'
                        ? json_array_get(line, (size_t)strtoul(name, NULL, 10))
                        : json_object_get(line, name);
    return find(inner, dot + 1, last);
}

struct changing {
    const struct change *change;
    unsigned seen;
    bool done;
};

static bool make_change(json_t *line, size_t number, const void *context)
{
    struct changing *changing = (struct changing *)(uintptr_t)context;
    const struct change *change = changing->change;
    const char *kind = number == 1 ? "head" : troth_export_text(line, "kind");
    char last[64];
    if (strcmp(kind, change->kind) != 0 || changing->seen++ != change->place) {
        return true;
    }
    json_t *object = find(line, change->path, last);
    json_t *value = json_loads(change->value, JSON_DECODE_ANY, NULL);
    if (value == NULL || json_object_get(object, last) == NULL ||
        json_equal(json_object_get(object, last), value)) {
        fail_msg("%s.%s: %s is no change", change->kind, change->path, change->value);
    }
    json_object_set_new(object, last, value);
    changing->done = true;
    return true;
}

static void each_check_sees_its_own(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"head", 0, "export", "2", TROTH_EXPORT_FORM},
        {"head", 0, "agent", "\"refund-2\"", TROTH_EXPORT_INTERVENTIONS},
        {"head", 0, "era", "0", TROTH_EXPORT_FORM},
        {"contract", 0, "contract.hold", "\"30s\"", TROTH_EXPORT_HOLDS},
        {"contract", 0, "contract.window", "\"600s\"", TROTH_EXPORT_CONTRACTS},
        {"contract", 0, "contract.window", "\"x\"", TROTH_EXPORT_CONTRACTS},
        {"contract", 0, "contract.version", "4", TROTH_EXPORT_INTERVENTIONS},
        {"contract", 0, "contract.mode", "\"shadow\"", TROTH_EXPORT_INTERVENTIONS},
        {"contract", 0, "contract.ladder.warn.confidence_below", "0.3", TROTH_EXPORT_CAUSES},
        {"contract", 0, "contract.ladder.narrow.scope.traffic", "0.5", TROTH_EXPORT_INTERVENTIONS},
        {"beginning", 0, "rung", "\"clear\"", TROTH_EXPORT_CONTINUITY},
        {"beginning", 0, "since", "1790000000000001", TROTH_EXPORT_CONTINUITY},
        {"beginning", 0, "because", "\"expired\"", TROTH_EXPORT_CONTINUITY},
        {"decision", 0, "decision.reason", "\"none\"", TROTH_EXPORT_DECISIONS},
        {"decision", 0, "value", "\"AAAA\"", TROTH_EXPORT_DECISIONS},
        {"ruling", 0, "ruling.by", "\"bob\"", TROTH_EXPORT_DECISIONS},
        {"ruling", 0, "ruling.to", "\"pause\"", TROTH_EXPORT_CONTINUITY},
        {"ruling", 0, "ruling.ruling", "\"unchanged\"", TROTH_EXPORT_DECISIONS},
        {"ruling", 3, "ruling.ruling", "\"moved_on\"", TROTH_EXPORT_CONTINUITY},
        {"intervention", 1, "intervention.id", "\"00\"", TROTH_EXPORT_INTERVENTIONS},
        {"intervention", 1, "intervention.score", "1000", TROTH_EXPORT_INTERVENTIONS},
        {"intervention", 1, "intervention.scope.traffic", "0.99", TROTH_EXPORT_INTERVENTIONS},
        {"intervention", 1, "intervention.narrowing", "false", TROTH_EXPORT_INTERVENTIONS},
        {"intervention", 1, "intervention.time_to_narrow_us", "1", TROTH_EXPORT_INTERVENTIONS},
        {"intervention", 1, "intervention.decided_at", "1790000032000001", TROTH_EXPORT_CONTINUITY},
        {"intervention", 1, "intervention.cause.observed", "0.00001", TROTH_EXPORT_CAUSES},
        {"intervention", 1, "intervention.cause.observed", "0.26", TROTH_EXPORT_CAUSES},
        {"intervention", 1, "intervention.cause.limit", "0.5", TROTH_EXPORT_CAUSES},
        {"intervention", 1, "intervention.terms.resolves.broken", "900", TROTH_EXPORT_CAUSES},
        {"intervention", 1, "intervention.to", "\"review\"", TROTH_EXPORT_CONTINUITY},
        {"intervention", 1, "era", "2", TROTH_EXPORT_INTERVENTIONS},
        {"intervention", 2, "intervention.witnesses.1.offset", "3", TROTH_EXPORT_WITNESSES},
        {"intervention", 3, "intervention.cause.observed", "1", TROTH_EXPORT_HOLDS},
        {"intervention", 3, "intervention.cause.limit", "20000000", TROTH_EXPORT_HOLDS},
        {"telemetry", 1, "event.outcome", "\"ok\"", TROTH_EXPORT_WITNESSES},
        {"telemetry", 1, "value", "\"AAAA\"", TROTH_EXPORT_WITNESSES},
        {"telemetry", 1, "value", "null", TROTH_EXPORT_WITNESSES},
        {"standing", 0, "standing.rung", "\"clear\"", TROTH_EXPORT_STANDINGS},
        {"standing", 0, "standing.score", "1000", TROTH_EXPORT_STANDINGS},
        {"standing", 0, "value", "\"AAAA\"", TROTH_EXPORT_STANDINGS},
        {"standing", 0, "contract", "\"others\"", TROTH_EXPORT_STANDINGS},
    };
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct changing changing = {.change = &changes[i]};
        struct troth_chain chain;
        rewrite(make_change, &changing, &chain);
        const bool seen = !holds(&chain) && report.findings[changes[i].check].wrong > 0 &&
                          report.findings[TROTH_EXPORT_SIGNATURE].wrong == 0;
        if (!changing.done || !seen) {
            troth_export_print(&report);
            print_error("change %zu, %s.%s: %s\n", i, changes[i].kind, changes[i].path,
                        changing.done ? "not seen by its check" : "there is no such line");
            failed++;
        }
        troth_chain_fini(&chain);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds),
        cmocka_unit_test(no_flipped_byte_does),
        cmocka_unit_test(no_line_can_be_left_out),
        cmocka_unit_test(no_run_of_interventions_can),
        cmocka_unit_test(each_check_sees_its_own),
    };
    return cmocka_run_group_tests(tests, make_export, drop_export);
}
