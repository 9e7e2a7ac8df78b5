/*
 * Claims: what speaks against an agent is ranked by the highest rung whose condition it meets, on
 * both sides of each limit, then as the ladder tries its conditions, then by the lowest figure;
 * freshness is taken by the present rung's traffic, as the ladder takes it; what is waived comes
 * last and counts for nothing; what speaks against nobody is not told, but for the least
 * confidence; and without the contract, what the hash alone tells is told.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "ops/review/causes.h"

enum { FIELDS_MAX = 128 };

static const char document[] =
    "contract: refunds\nversion: 3\npromise: Refunds are settled well.\nowner: payments-ops\n"
    "consequence: medium\ncapabilities: [refund]\nwindow: 1h\nterms:\n"
    "  - {name: resolves, when: {kind: task}, keep: {outcome: ok}, floor: 0.98}\n"
    "  - {name: grounded, judged: {by: [judge-a]}, floor: 0.95}\n"
    "  - {name: spare, when: {kind: tool}, keep: {outcome: ok}, floor: 0.9, required: false}\n"
    "  - {name: no-leak, never: {kind: tool, tool: export}}\n"
    "  - {name: spend, budget: {sum: cost_micros, at_most: 5000}}\n"
    "  - {name: audited, cadence: {when: {kind: evaluation}, every: 24h}}\n";

static struct troth_contract contract;
static struct troth_review_cause causes[TROTH_REVIEW_CAUSES_MAX];

/* A hash as hiredis answers it, of names and values by turns. */
static redisReply elements[FIELDS_MAX];
static redisReply *pointers[FIELDS_MAX];
static redisReply reply;
static struct troth_fields standing;

static void begin(const char *rung)
{
    reply = (redisReply){.type = REDIS_REPLY_ARRAY, .element = pointers};
    standing.reply = &reply;
    static char name[32];
    snprintf(name, sizeof name, "%s", rung);
    const char *const fields[] = {
        "rung", name, "terms", "resolves,grounded,spare,no-leak,spend,audited", "as_of", "1000000"};
    for (unsigned i = 0; i < 6; i++) {
        pointers[i] = &elements[i];
        elements[i] = (redisReply){.type = REDIS_REPLY_STRING,
                                   .str = (char *)(uintptr_t)fields[i],
                                   .len = strlen(fields[i])};
    }
    reply.elements = 6;
}

static void put(const char *field, const char *value)
{
    const char *const texts[] = {field, value};
    assert_true(reply.elements + 2 <= FIELDS_MAX);
    for (unsigned i = 0; i < 2; i++) {
        redisReply *element = &elements[reply.elements];
        *element = (redisReply){.type = REDIS_REPLY_STRING,
                                .str = (char *)(uintptr_t)texts[i],
                                .len = strlen(texts[i])};
        pointers[reply.elements++] = element;
    }
}

static unsigned rank(void)
{
    return troth_review_causes(&standing, &contract, causes);
}

static void expect(unsigned at, unsigned kind, const char *term, unsigned rung)
{
    assert_int_equal(causes[at].kind, kind);
    assert_string_equal(causes[at].term, term);
    assert_int_equal(causes[at].rung, rung);
}

static void put_share(const char *term, const char *kept, const char *broken,
                      const char *confidence, const char *freshness)
{
    static char names[8][4][96]; /* the hash keeps them */
    static unsigned next;
    char(*name)[96] = names[next++ % 8];
    static const char *const fields[] = {"kept", "broken", "confidence", "freshness"};
    const char *const values[] = {kept, broken, confidence, freshness};
    for (unsigned i = 0; i < 4; i++) {
        snprintf(name[i], sizeof name[i], "term.%s.%s", term, fields[i]);
        put(name[i], values[i]);
    }
}

/* The defaults of a contract of medium consequence, from DESIGN section 6. */
static void each_limit_on_both_sides(void **state)
{
    static const struct {
        const char *confidence;
        unsigned rung;
    } table[] = {
        {"0.000099", TROTH_RUNG_PAUSE},  {"0.0001", TROTH_RUNG_REVIEW},
        {"0.004999", TROTH_RUNG_REVIEW}, {"0.005", TROTH_RUNG_NARROW},
        {"0.049999", TROTH_RUNG_NARROW}, {"0.05", TROTH_RUNG_WARN},
        {"0.249999", TROTH_RUNG_WARN},   {"0.25", TROTH_RUNG_CLEAR},
        {"0.499999", TROTH_RUNG_CLEAR},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        begin("narrow");
        put_share("resolves", "90", "10", table[i].confidence, "1");
        assert_int_equal(rank(), 1);
        expect(0, TROTH_REVIEW_CAUSE_CONFIDENCE, "resolves", table[i].rung);
        assert_false(causes[0].lowest);
    }
    begin("narrow"); /* good enough for calm: told as the lowest alone */
    put_share("resolves", "90", "10", "0.5", "1");
    assert_int_equal(rank(), 1);
    assert_true(causes[0].lowest);
    begin("narrow"); /* a term without evidence is a coin toss, and says nothing */
    put_share("resolves", "0", "0", "0.5", "1");
    assert_int_equal(rank(), 0);
}

static void the_gravest_first(void **state)
{
    (void)state;
    begin("clear");
    put_share("resolves", "90", "10", "0.03", "0.2");
    put_share("grounded", "9", "1", "0.02", "1");
    put_share("spare", "9", "1", "0.004", "0");
    put("term.no-leak.broken", "2");
    put("term.spend.amount", "5001");
    put("term.audited.freshness", "0.4");
    put("term.resolves.alarm", "1");
    put("disputes_open", "3");
    put("relapses", "2");
    assert_int_equal(rank(), 10);
    expect(0, TROTH_REVIEW_CAUSE_NEVER, "no-leak", TROTH_RUNG_PAUSE);
    expect(1, TROTH_REVIEW_CAUSE_CONFIDENCE, "spare", TROTH_RUNG_REVIEW);
    expect(2, TROTH_REVIEW_CAUSE_DISPUTES, "", TROTH_RUNG_REVIEW);
    expect(3, TROTH_REVIEW_CAUSE_BUDGET, "spend", TROTH_RUNG_NARROW);
    expect(4, TROTH_REVIEW_CAUSE_CONFIDENCE, "grounded", TROTH_RUNG_NARROW);
    expect(5, TROTH_REVIEW_CAUSE_CONFIDENCE, "resolves", TROTH_RUNG_NARROW);
    expect(6, TROTH_REVIEW_CAUSE_FRESHNESS, "resolves", TROTH_RUNG_NARROW);
    expect(7, TROTH_REVIEW_CAUSE_CHANGE, "resolves", TROTH_RUNG_WARN);
    expect(8, TROTH_REVIEW_CAUSE_FRESHNESS, "audited", TROTH_RUNG_WARN);
    expect(9, TROTH_REVIEW_CAUSE_RELAPSES, "", TROTH_RUNG_CLEAR);
}

static void limits_that_are_met_exactly(void **state)
{
    (void)state;
    begin("clear");
    put("term.spend.amount", "5000");
    put("disputes_open", "2");
    put("term.no-leak.broken", "0");
    put("term.audited.freshness", "1");
    put("term.resolves.alarm", "0");
    assert_int_equal(rank(), 1); /* disputes are told, though two are too few for a condition */
    expect(0, TROTH_REVIEW_CAUSE_DISPUTES, "", TROTH_RUNG_CLEAR);
}

/* An agent at narrow has a quarter of the work, and need not prove more than that. */
static void freshness_by_traffic(void **state)
{
    (void)state;
    begin("narrow");
    put_share("resolves", "0", "0", "0.5", "0.25");
    assert_int_equal(rank(), 0);
    begin("narrow");
    put_share("resolves", "0", "0", "0.5", "0.0624");
    assert_int_equal(rank(), 1);
    expect(0, TROTH_REVIEW_CAUSE_FRESHNESS, "resolves", TROTH_RUNG_NARROW);
    begin("clear"); /* recertify's condition counts no cadence */
    put_share("resolves", "0", "0", "0.5", "0.09");
    put("term.audited.freshness", "0");
    assert_int_equal(rank(), 2);
    expect(0, TROTH_REVIEW_CAUSE_FRESHNESS, "resolves", TROTH_RUNG_RECERTIFY);
    expect(1, TROTH_REVIEW_CAUSE_FRESHNESS, "audited", TROTH_RUNG_NARROW);
    begin("clear"); /* what is not required need not be fresh */
    put_share("spare", "0", "0", "0.5", "0");
    assert_int_equal(rank(), 0);
}

static void what_is_waived_is_last(void **state)
{
    char text[TROTH_REVIEW_CAUSE_TEXT_MAX];
    (void)state;
    begin("clear");
    put_share("grounded", "9", "1", "0.3", "1");
    put("term.no-leak.broken", "1");
    put("debt",
        "[{\"term\":\"no-leak\",\"until\":1000001},{\"term\":\"grounded\",\"until\":1000000},"
        "{\"term\":null,\"until\":2000000}]");
    assert_int_equal(rank(), 2);
    expect(0, TROTH_REVIEW_CAUSE_CONFIDENCE, "grounded",
           TROTH_RUNG_CLEAR); /* its waiver has ended */
    expect(1, TROTH_REVIEW_CAUSE_NEVER, "no-leak", TROTH_RUNG_CLEAR);
    assert_true(causes[1].waived);
    assert_string_equal(troth_review_cause_text(&causes[1], &standing, &contract, text),
                        "no-leak: broken 1 time; it must never be (waived: it counts for nothing)");
}

static void what_is_missing_at_recertify(void **state)
{
    char text[TROTH_REVIEW_CAUSE_TEXT_MAX];
    (void)state;
    begin("recertify");
    put_share("resolves", "3", "1", "0.2", "0.01");
    put("term.resolves.certify_kept", "3");
    put("term.resolves.certify_broken", "1");
    assert_int_equal(rank(), 2);
    expect(0, TROTH_REVIEW_CAUSE_UNCERTIFIED, "resolves", TROTH_RUNG_RECERTIFY);
    /* ceil(ln 0.1 / ln 0.98) = 114 pieces, of which four are there. */
    assert_string_equal(troth_review_cause_text(&causes[0], &standing, &contract, text),
                        "resolves: not certified; 110 of at least 114 pieces are missing");
    expect(1, TROTH_REVIEW_CAUSE_CONFIDENCE, "resolves", TROTH_RUNG_WARN);
}

static void in_words(void **state)
{
    char text[TROTH_REVIEW_CAUSE_TEXT_MAX];
    (void)state;
    begin("review");
    put_share("resolves", "440", "60", "0.0031", "1");
    put("term.spend.amount", "7000");
    assert_int_equal(rank(), 2);
    assert_string_equal(
        troth_review_cause_text(&causes[0], &standing, &contract, text),
        "resolves: 440 kept and 60 broken in 1h; confidence 0.0031 that it keeps at "
        "least 0.98, below the 0.005 of review");
    assert_string_equal(troth_review_cause_text(&causes[1], &standing, &contract, text),
                        "spend: 7000 spent in 1h, of at most 5000");
}

static void without_the_contract(void **state)
{
    (void)state;
    begin("review");
    put_share("resolves", "440", "60", "0.0031", "1");
    put("term.no-leak.broken", "1");
    put("term.spend.broken", "0");
    put("term.spend.amount", "7000");
    put("term.audited.broken", "0");
    assert_int_equal(troth_review_causes(&standing, NULL, causes), 2);
    expect(0, TROTH_REVIEW_CAUSE_NEVER, "no-leak", TROTH_RUNG_PAUSE);
    expect(1, TROTH_REVIEW_CAUSE_CONFIDENCE, "resolves", TROTH_RUNG_CLEAR);
    begin("nonsense");
    put("debt", "[");
    assert_int_equal(troth_review_causes(&standing, NULL, causes), 0);
}

int main(void)
{
    static struct troth_problems problems;
    if (troth_contract_parse(document, sizeof document - 1, &contract, &problems) != TROTH_OK) {
        fprintf(stderr, "the contract: %s: %s\n", problems.items[0].key, problems.items[0].text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_on_both_sides),
        cmocka_unit_test(the_gravest_first),
        cmocka_unit_test(limits_that_are_met_exactly),
        cmocka_unit_test(freshness_by_traffic),
        cmocka_unit_test(what_is_waived_is_last),
        cmocka_unit_test(what_is_missing_at_recertify),
        cmocka_unit_test(in_words),
        cmocka_unit_test(without_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
