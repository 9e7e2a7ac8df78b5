/*
 * Claims: a `when` holds and a `keep` judges exactly as a slow evaluation of the contract's text
 * says, for random predicates over every field and operator and random events; attributes compare
 * as decimal numbers or not at all; a glob matches exactly as a recursive matcher says, for every
 * short glob and name over two letters.
 */
#include "tests/support/scenario.h"

#include "scoring/predicate.h"

enum { ASKS_MAX = 24, VALUES_MAX = 3, VALUE_LENGTH = 16 };

enum operation { IN, NOT, LT, LE, GT, GE, EXISTS, MISSING };

/* One condition of a predicate, as the contract's text has it. */
struct ask {
    unsigned field;
    const char *attribute; /* or NULL */
    enum operation operation;
    unsigned count;
    char values[VALUES_MAX][VALUE_LENGTH];
};

struct asks {
    unsigned count;
    struct ask items[ASKS_MAX];
};

static const char *const texts[] = {"a", "b", "ab", "a b"};
static const char *const integers[] = {"-2", "0", "1", "2", "9223372036854775807"};
static const char *const bounds[] = {"-2", "0", "0.5", "1", "1.5", "2", "-3e2", "1e30"};
static const char *const numbers[] = {"-2", "0", "1", "2.5", "1e3", "-0.5", "x", "", "2.50"};
static const char *const names[] = {"n", "region"};

#define PICK(random, array) ((array)[random_below((random), sizeof(array) / sizeof *(array))])

static const char *enum_name(unsigned field, unsigned value)
{
    return field == TROTH_FIELD_KIND      ? troth_kind_name(value)
           : field == TROTH_FIELD_OUTCOME ? troth_outcome_name(value)
           : field == TROTH_FIELD_SOURCE  ? troth_source_name(value)
                                          : troth_rescue_name(value);
}

static unsigned enum_count(unsigned field)
{
    return field == TROTH_FIELD_KIND      ? (unsigned)TROTH_KIND_COUNT
           : field == TROTH_FIELD_OUTCOME ? (unsigned)TROTH_OUTCOME_COUNT
           : field == TROTH_FIELD_SOURCE  ? (unsigned)TROTH_SOURCE_COUNT
                                          : (unsigned)TROTH_RESCUE_COUNT;
}

static void pick_value(uint64_t *random, const struct ask *ask, char value[VALUE_LENGTH])
{
    static char longest[32];
    switch (troth_field_type(ask->field)) {
    case TROTH_TYPE_ENUM:
        strcpy(longest,
               enum_name(ask->field, (unsigned)random_below(random, enum_count(ask->field))));
        break;
    case TROTH_TYPE_INTEGER:
        strcpy(longest, integers[random_below(random, 4)]);
        break;
    case TROTH_TYPE_ATTRIBUTES:
        strcpy(longest, PICK(random, numbers));
        break;
    default:
        strcpy(longest, PICK(random, texts));
    }
    strcpy(value, longest[0] == '\0' ? "x" : longest);
}

/* Adds a condition on the field the ask names. In operation: as given. */
static void add_ask(uint64_t *random, struct asks *asks, struct ask ask, enum operation operation)
{
    ask.operation = operation;
    ask.count = 0;
    if (operation == IN || operation == NOT) {
        for (unsigned n = 1 + (unsigned)random_below(random, VALUES_MAX); n > 0; n--) {
            pick_value(random, &ask, ask.values[ask.count]);
            bool known = false; /* a list names each value once */
            for (unsigned i = 0; i < ask.count; i++) {
                known |= strcmp(ask.values[i], ask.values[ask.count]) == 0;
            }
            ask.count += !known;
        }
    } else if (operation <= GE) {
        strcpy(ask.values[0], PICK(random, bounds));
        ask.count = 1;
    }
    asks->items[asks->count++] = ask;
}

static void print_values(struct draft *p, const struct ask *ask)
{
    const bool quoted = troth_field_type(ask->field) != TROTH_TYPE_INTEGER && ask->operation <= NOT;
    draft_add(p, "%s", ask->count > 1 ? "[" : "");
    for (unsigned i = 0; i < ask->count; i++) {
        draft_add(p, "%s%s%s%s", i > 0 ? ", " : "", quoted ? "\"" : "", ask->values[i],
                  quoted ? "\"" : "");
    }
    draft_add(p, "%s", ask->count > 1 ? "]" : "");
}

/* Writes the conditions on one field, which stand side by side. */
static void print_field(struct draft *p, const struct ask *asks, unsigned count)
{
    static const char *const words[] = {"", "not", "lt", "le", "gt", "ge", "exists", "exists"};
    draft_add(p, "%s%s: ", asks->attribute != NULL ? "attributes." : "",
              asks->attribute != NULL ? asks->attribute : troth_field_name(asks->field));
    if (asks->operation == IN) {
        print_values(p, asks);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        draft_add(p, "%s%s: ", i == 0 ? "{" : ", ", words[asks[i].operation]);
        if (asks[i].operation >= EXISTS) {
            draft_add(p, "%s", asks[i].operation == EXISTS ? "true" : "false");
        } else {
            print_values(p, &asks[i]);
        }
    }
    draft_add(p, "}");
}

/* Makes a random predicate of at most `fields` fields and writes it. */
static void make_predicate(uint64_t *random, struct asks *asks, unsigned fields, struct draft *p)
{
    uint32_t used = 0;
    asks->count = 0;
    draft_add(p, "{");
    for (unsigned n = 0; n < fields; n++) {
        struct ask ask = {.field = (unsigned)random_below(random, TROTH_FIELD_COUNT)};
        const unsigned first = asks->count;
        if (used >> ask.field & 1U) {
            continue;
        }
        used |= 1U << ask.field;
        const enum troth_field_type type = troth_field_type(ask.field);
        if (type == TROTH_TYPE_ATTRIBUTES && random_below(random, 4) > 0) {
            ask.attribute = PICK(random, names);
        }
        const bool valued = type == TROTH_TYPE_TEXT || type == TROTH_TYPE_INTEGER ||
                            type == TROTH_TYPE_ENUM || ask.attribute != NULL;
        if (!valued || random_below(random, 5) == 0) {
            add_ask(random, asks, ask, random_below(random, 2) == 0 ? EXISTS : MISSING);
        } else if (random_below(random, 2) == 0) {
            add_ask(random, asks, ask, IN);
        } else {
            const bool compares = type == TROTH_TYPE_INTEGER || ask.attribute != NULL;
            for (unsigned operation = NOT; operation <= (compares ? GE : NOT); operation++) {
                if (random_below(random, 3) == 0) {
                    add_ask(random, asks, ask, (enum operation)operation);
                }
            }
            if (asks->count == first || random_below(random, 6) == 0) {
                add_ask(random, asks, ask, random_below(random, 3) > 0 ? EXISTS : MISSING);
            }
        }
        draft_add(p, "%s", first > 0 ? ", " : "");
        print_field(p, &asks->items[first], asks->count - first);
    }
    draft_add(p, "}");
}

/* The event's field as text, or NULL where it is absent. */
static const char *shown(const struct troth_event *event, const struct ask *ask, char out[64])
{
    const unsigned field = ask->field;
    if (ask->attribute != NULL) {
        for (unsigned i = 0; i < event->attribute_count; i++) {
            const struct troth_attribute *a = &event->attributes[i];
            if (a->name.length == strlen(ask->attribute) &&
                memcmp(a->name.data, ask->attribute, a->name.length) == 0) {
                snprintf(out, 64, "%.*s", (int)a->value.length, a->value.data);
                return out;
            }
        }
        return NULL;
    }
    if (field == TROTH_FIELD_OUTCOME) {
        return troth_outcome_name(event->outcome);
    }
    if (!troth_event_has(event, (enum troth_field)field)) {
        return NULL;
    }
    const unsigned value = field == TROTH_FIELD_KIND     ? event->kind
                           : field == TROTH_FIELD_SOURCE ? event->source
                                                         : event->rescue;
    switch (troth_field_type(field)) {
    case TROTH_TYPE_ENUM:
        return enum_name(field, value);
    case TROTH_TYPE_INTEGER: {
        const int64_t of[TROTH_FIELD_COUNT] = {[TROTH_FIELD_AT] = event->at_us,
                                               [TROTH_FIELD_SEQ] = event->seq,
                                               [TROTH_FIELD_LATENCY_US] = event->latency_us,
                                               [TROTH_FIELD_COST_MICROS] = event->cost_micros,
                                               [TROTH_FIELD_INPUT_TOKENS] = event->input_tokens,
                                               [TROTH_FIELD_OUTPUT_TOKENS] = event->output_tokens,
                                               [TROTH_FIELD_UNTIL] = event->until_us};
        snprintf(out, 64, "%lld", (long long)of[field]);
        return out;
    }
    case TROTH_TYPE_TEXT: {
        const struct troth_text of[TROTH_FIELD_COUNT] = {
            [TROTH_FIELD_AGENT] = event->agent,
            [TROTH_FIELD_ISSUER] = event->issuer,
            [TROTH_FIELD_CONTRACT] = event->contract,
            [TROTH_FIELD_SESSION] = event->session,
            [TROTH_FIELD_TASK] = event->task,
            [TROTH_FIELD_TOOL] = event->tool,
            [TROTH_FIELD_OWNER] = event->owner,
            [TROTH_FIELD_AGENT_VERSION] = event->agent_version};
        snprintf(out, 64, "%.*s", (int)of[field].length, of[field].data);
        return out;
    }
    default:
        return "";
    }
}

static bool ask_holds(const struct ask *ask, const char *value)
{
    bool listed = false;
    for (unsigned i = 0; i < ask->count; i++) {
        listed |= strcmp(ask->values[i], value) == 0;
    }
    char *end = NULL;
    const long double number = strtold(value, &end);
    const long double bound = strtold(ask->values[0], NULL);
    const bool is_number = end != value && *end == '\0';
    switch (ask->operation) {
    case IN:
        return listed;
    case NOT:
        return !listed;
    case LT:
        return is_number && number < bound;
    case LE:
        return is_number && number <= bound;
    case GT:
        return is_number && number > bound;
    case GE:
        return is_number && number >= bound;
    case EXISTS:
        return true;
    case MISSING:
        return false;
    }
    return false;
}

static bool slow_when(const struct asks *asks, const struct troth_event *event)
{
    char out[64];
    for (unsigned i = 0; i < asks->count; i++) {
        const char *value = shown(event, &asks->items[i], out);
        if (value == NULL ? asks->items[i].operation != MISSING
                          : !ask_holds(&asks->items[i], value)) {
            return false;
        }
    }
    return true;
}

static enum troth_verdict_kind slow_keep(const struct asks *asks, const struct troth_event *event,
                                         const char *absent, bool high)
{
    char out[64];
    bool lacks = false;
    for (unsigned i = 0; i < asks->count; i++) {
        const struct ask *ask = &asks->items[i];
        const char *value = shown(event, ask, out);
        if (value != NULL ? !ask_holds(ask, value) : ask->operation == EXISTS) {
            return TROTH_BROKEN;
        }
        lacks |= value == NULL && ask->operation != MISSING;
    }
    const unsigned outcome = event->outcome;
    const bool bad = outcome == TROTH_OUTCOME_FAILED || outcome == TROTH_OUTCOME_REFUSED ||
                     outcome == TROTH_OUTCOME_TIMEOUT;
    const bool spared = outcome == TROTH_OUTCOME_THROTTLED || outcome == TROTH_OUTCOME_CANCELLED;
    const bool broken =
        strcmp(absent, "broken") == 0 || (strcmp(absent, "") == 0 && (bad || (high && !spared)));
    return !lacks ? TROTH_KEPT : broken ? TROTH_BROKEN : TROTH_NO_EVIDENCE;
}

static struct troth_text any_text(uint64_t *random)
{
    return text_of(PICK(random, texts));
}

static struct troth_event any_event(uint64_t *random, struct troth_attribute attributes[2],
                                    const struct troth_verdict *verdicts)
{
    struct troth_event event =
        event_of("ab", (enum troth_kind)random_below(random, TROTH_KIND_COUNT),
                 (enum troth_outcome)random_below(random, TROTH_OUTCOME_COUNT),
                 strtoll(PICK(random, integers), NULL, 10));
    event.source = (uint8_t)random_below(random, TROTH_SOURCE_COUNT);
    event.rescue = (uint8_t)random_below(random, TROTH_RESCUE_COUNT);
    event.agent = any_text(random);
    event.issuer = any_text(random);
    event.contract = any_text(random);
    event.session = any_text(random);
    event.agent_version = any_text(random);
    event.task = any_text(random);
    event.tool = any_text(random);
    event.owner = any_text(random);
    event.seq = strtoll(PICK(random, integers), NULL, 10);
    event.latency_us = strtoll(PICK(random, integers), NULL, 10);
    event.cost_micros = strtoll(PICK(random, integers), NULL, 10);
    event.input_tokens = strtoll(PICK(random, integers), NULL, 10);
    event.output_tokens = strtoll(PICK(random, integers), NULL, 10);
    event.until_us = strtoll(PICK(random, integers), NULL, 10);
    event.verdicts = verdicts;
    event.attributes = attributes;
    event.present |= (uint32_t)random_next(random) & (uint32_t)random_next(random) &
                     ((1U << TROTH_FIELD_COUNT) - 1) & ~(1U << TROTH_FIELD_OUTCOME);
    event.present |= (uint32_t)random_next(random) & 0x3fffc0U & ~(1U << TROTH_FIELD_ATTRIBUTES);
    event.verdict_count = troth_event_has(&event, TROTH_FIELD_VERDICTS) ? 1 : 0;
    if (troth_event_has(&event, TROTH_FIELD_ATTRIBUTES)) {
        event.attribute_count = 2;
        attributes[0] =
            (struct troth_attribute){text_of(PICK(random, names)), text_of(PICK(random, numbers))};
        attributes[1] = (struct troth_attribute){text_of("other"), text_of("1")};
    }
    return event;
}

static void predicates_are_as_a_slow_evaluation_says(void **state)
{
    (void)state;
    static const char *const absents[] = {"", "broken", "ignore"};
    static const char *const high[] = {"medium", "high"};
    uint64_t random = random_seed("predicates_are_as_a_slow_evaluation_says");
    const struct troth_verdict verdict = {.term = text_of("t"), .kept = true};
    unsigned met = 0;
    unsigned seen[3] = {0};
    for (int i = 0; i < 600; i++) {
        struct draft keys = {0};
        struct asks when;
        struct asks keep;
        const char *absent = PICK(&random, absents);
        const unsigned consequence = (unsigned)random_below(&random, 2);
        draft_add(&keys, "contract: c, version: 1, consequence: %s, terms: [{name: t, when: ",
                  high[consequence]);
        make_predicate(&random, &when, 1 + (unsigned)random_below(&random, 3), &keys);
        draft_add(&keys, ", keep: ");
        make_predicate(&random, &keep, 1 + (unsigned)random_below(&random, 4), &keys);
        draft_add(&keys, ", floor: 0.9%s%s}]", absent[0] != '\0' ? ", absent: " : "", absent);
        const struct troth_rules *rules = scenario_rules(keys.text);
        for (int e = 0; e < 300; e++) {
            struct troth_attribute attributes[2];
            const struct troth_event event = any_event(&random, attributes, &verdict);
            const uint32_t signature = troth_event_signature(&event);
            const bool holds =
                troth_predicate_holds(rules, &rules->terms[0].when, &event, signature);
            const enum troth_verdict_kind kept = troth_predicate_keeps(rules, 0, &event, signature);
            const enum troth_verdict_kind expected =
                slow_keep(&keep, &event, absent, consequence == 1);
            if (holds != slow_when(&when, &event) || kept != expected) {
                fail_msg("%s\nevent %d: when %d, keep %d, expected %d", keys.text, e, holds, kept,
                         expected);
            }
            met += holds;
            seen[kept]++;
        }
        scenario_rules_free(rules);
    }
    assert_true(met > 1000);
    assert_true(seen[TROTH_KEPT] > 1000 && seen[TROTH_BROKEN] > 1000 &&
                seen[TROTH_NO_EVIDENCE] > 1000);
}

/* Whether an attribute of this text fits `attributes.n: {BOUNDS}`. */
static bool number_fits(const char *limits, struct troth_text value)
{
    char keys[512];
    const struct troth_attribute attribute = {text_of("n"), value};
    struct troth_event event = task_of("a", true, 0);
    event.attributes = &attribute;
    event.attribute_count = 1;
    event.present |= 1U << TROTH_FIELD_ATTRIBUTES;
    snprintf(keys, sizeof keys,
             "contract: c, version: 1, terms: [{name: t, never: {attributes.n: {%s}}}]", limits);
    const struct troth_rules *rules = scenario_rules(keys);
    const bool fits =
        troth_predicate_holds(rules, &rules->terms[0].when, &event, troth_event_signature(&event));
    scenario_rules_free(rules);
    return fits;
}

static void attributes_compare_as_decimal_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *limits;
    } equal[] = {
        {"12", "ge: 12, le: 12"},
        {"-0.5", "ge: -0.5, le: -0.5"},
        {"1e3", "ge: 1000, le: 1000"},
        {"1E+3", "ge: 1000, le: 1000"},
        {"25e-1", "ge: 2.5, le: 2.5"},
        {".5", "ge: 0.5, le: 0.5"},
        {"5.", "ge: 5, le: 5"},
        {"-0", "ge: 0, le: 0"},
        {"0e999", "ge: 0, le: 0"},
        {"1e999", "gt: 1e290"},
        {"-1e999", "lt: -1e290"},
        {"1e-999", "ge: 0, le: 0"},
        {"000000000000000000000000000000000000000000000000000000000000007", "ge: 7, le: 7"},
    };
    for (unsigned i = 0; i < sizeof equal / sizeof *equal; i++) {
        if (!number_fits(equal[i].limits, text_of(equal[i].value))) {
            fail_msg("%s is not {%s}", equal[i].value, equal[i].limits);
        }
    }
    static const char *const none[] = {
        "",
        "abc",
        "1x",
        "x1",
        " 1",
        "1 ",
        "+1",
        "--1",
        "-",
        ".",
        "-.",
        "e3",
        "1e",
        "1e+",
        "1e-",
        "0x1",
        "inf",
        "nan",
        "1.2.3",
        "1,5",
        "1e1.5",
        "1e10000",
        "0000000000000000000000000000000000000000000000000000000000000007"};
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) {
        if (number_fits("ge: -1e300", text_of(none[i])) ||
            number_fits("lt: 1e300", text_of(none[i]))) {
            fail_msg("\"%s\" is taken for a number", none[i]);
        }
    }
    assert_false(number_fits("gt: 12", text_of("12")));
    assert_false(number_fits("lt: 12", text_of("12")));
    assert_true(number_fits("gt: 11.5, lt: 12.5", text_of("12")));
    assert_true(number_fits("le: 1", (struct troth_text){"12", 1})); /* not terminated */
}

static void every_field_may_be_asked_for(void **state)
{
    (void)state;
    for (unsigned field = 0; field < TROTH_FIELD_COUNT; field++) {
        for (unsigned wanted = 0; wanted < 2; wanted++) {
            char keys[256];
            snprintf(keys, sizeof keys,
                     "contract: c, version: 1, terms: [{name: t, never: {%s: {exists: %s}}}]",
                     troth_field_name(field), wanted ? "true" : "false");
            const struct troth_rules *rules = scenario_rules(keys);
            struct troth_event event = {.present = ~(1U << field)};
            for (unsigned there = 0; there < 2; there++) {
                event.present ^= there == 1 ? 1U << field : 0U;
                /* To a contract an outcome is never absent; kind and source always are there. */
                const bool told = field == TROTH_FIELD_OUTCOME || field == TROTH_FIELD_KIND ||
                                  field == TROTH_FIELD_SOURCE || there == 1;
                assert_int_equal(troth_predicate_holds(rules, &rules->terms[0].when, &event,
                                                       troth_event_signature(&event)),
                                 told == (wanted == 1));
            }
            scenario_rules_free(rules);
        }
    }
}

static bool slow_glob(const char *glob, const char *name)
{
    if (*glob == '\0') {
        return *name == '\0';
    }
    if (*glob == '*') {
        return slow_glob(glob + 1, name) || (*name != '\0' && slow_glob(glob, name + 1));
    }
    return *name != '\0' && (*glob == '?' || *glob == *name) && slow_glob(glob + 1, name + 1);
}

/* The text with number n of all over the letters, shortest first. */
static void spell(uint32_t n, const char *letters, char *out)
{
    const uint32_t base = (uint32_t)strlen(letters);
    unsigned length = 0;
    for (; n > 0; n = (n - 1) / base) {
        out[length++] = letters[(n - 1) % base];
    }
    out[length] = '\0';
}

static void globs_match_as_a_recursive_matcher_says(void **state)
{
    (void)state;
    enum { GLOBS = 5461, NAMES = 127 }; /* of at most 6 of 4 letters; of at most 6 of 2 */
    for (uint32_t g = 0; g < GLOBS; g++) {
        char glob[16];
        spell(g, "ab*?", glob);
        for (uint32_t n = 0; n < NAMES; n++) {
            char name[16];
            spell(n, "ab", name);
            if (troth_glob_matches(glob, name, strlen(name)) != slow_glob(glob, name)) {
                fail_msg("glob %s, name %s", glob, name);
            }
        }
    }
    assert_true(troth_glob_matches("a*", "abc", 2)); /* a name is not terminated */
    assert_false(troth_glob_matches("a", "ab", 2));
    assert_true(troth_glob_matches("a", "ab", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predicates_are_as_a_slow_evaluation_says),
        cmocka_unit_test(attributes_compare_as_decimal_numbers),
        cmocka_unit_test(every_field_may_be_asked_for),
        cmocka_unit_test(globs_match_as_a_recursive_matcher_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
