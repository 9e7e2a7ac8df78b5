#include "ops/trial_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/report.h"
#include "ops/config/parse.h"
#include "ops/message.h"
#include "ops/redis/layout.h"
#include "ops/table.h"

enum { WHY_LENGTH_MAX = TROTH_WHY_LENGTH_MAX + 64 }; /* bytes of a cause and what is said of it */

/* Returns the contract of a side, or NULL. */
static const struct troth_contract *contract_of(const struct troth_trial *trial, unsigned side)
{
    const struct troth_rules *rules = troth_trial_rules(trial, (enum troth_trial_side)side);
    return rules != NULL ? rules->contract : NULL;
}

/* ---- For people ----------------------------------------------------------------------------- */

static void print_heading(const struct troth_trial *trial,
                          const struct troth_trial_results *results)
{
    const struct troth_contract *old = contract_of(trial, TROTH_TRIAL_OLD);
    const struct troth_contract *new = contract_of(trial, TROTH_TRIAL_NEW);
    char from[TROTH_TIME_LENGTH_MAX];
    char to[TROTH_TIME_LENGTH_MAX];
    printf("new: %s@%" PRId64 ", mode %s\n", new->name, new->version, troth_mode_name(new->mode));
    if (old != NULL) {
        printf("old: %s@%" PRId64 ", mode %s\n", old->name, old->version,
               troth_mode_name(old->mode));
    } else {
        puts("old: none, so everybody begins with the new one");
    }
    if (results->records == 0) {
        puts("no records in that time");
        return;
    }
    (void)troth_time_format(results->first_us, from);
    (void)troth_time_format(results->last_us, to);
    printf("%" PRIu64 " records from %s to %s\n", results->records, from, to);
}

static void add_row(struct troth_table *table, const char *name,
                    const uint64_t values[TROTH_TRIAL_SIDES], bool has_old)
{
    troth_table_cell(table, "%s", name);
    if (has_old) {
        troth_table_cell(table, "%" PRIu64, values[TROTH_TRIAL_OLD]);
    }
    troth_table_cell(table, "%" PRIu64, values[TROTH_TRIAL_NEW]);
}

static bool print_fleet(const struct troth_trial *trial, const struct troth_trial_results *results)
{
    const bool has_old = contract_of(trial, TROTH_TRIAL_OLD) != NULL;
    const char *const both[] = {"", "OLD", "NEW"};
    const char *const alone[] = {"", "NEW"};
    struct troth_table table;
    if (!troth_table_init(&table, has_old ? both : alone, has_old ? 3 : 2, 6)) {
        troth_message_error("no memory for the table");
        return false;
    }
    const struct troth_trial_totals *a = &results->sides[TROTH_TRIAL_OLD];
    const struct troth_trial_totals *b = &results->sides[TROTH_TRIAL_NEW];
    const struct {
        const char *name;
        uint64_t values[TROTH_TRIAL_SIDES];
    } rows[] = {
        {"agents", {a->agents, b->agents}},
        {"certified", {a->certified, b->certified}},
        {"never certified", {a->agents - a->certified, b->agents - b->certified}},
        {"narrowed, agents", {a->narrowed, b->narrowed}},
        {"narrowed, times", {a->narrowings, b->narrowings}},
        {"came to review, times", {a->reviews, b->reviews}},
        {"came to pause, times", {a->pauses, b->pauses}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        add_row(&table, rows[i].name, rows[i].values, has_old);
    }
    for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
        char name[32];
        const uint64_t values[TROTH_TRIAL_SIDES] = {a->rungs[i], b->rungs[i]};
        snprintf(name, sizeof name, "at the end: %s", troth_rung_name(i));
        add_row(&table, name, values, has_old);
    }
    putchar('\n');
    troth_table_print(&table, stdout, 0, "\n");
    troth_table_fini(&table);
    return true;
}

/* Out why: the cause of the first narrowing, or of the present rung. */
static void tell_cause(const struct troth_contract *contract,
                       const struct troth_trial_course *course, char why[TROTH_WHY_LENGTH_MAX])
{
    const uint8_t index = course->cause.term;
    (void)troth_redis_why(course->cause.condition,
                          index != TROTH_NO_TERM ? contract->terms[index].name : "",
                          course->cause.observed, course->cause.limit, why);
}

/* Out why: what an agent that never certified lacks, or what has put it where it is. */
static void tell_lacking(const struct troth_contract *contract,
                         const struct troth_trial_course *course, char why[WHY_LENGTH_MAX])
{
    if (course->rung != TROTH_RUNG_RECERTIFY) {
        tell_cause(contract, course, why);
        return;
    }
    if (course->lacking == TROTH_NO_TERM) {
        snprintf(why, WHY_LENGTH_MAX, "proved, but not fresh enough");
        return;
    }
    const struct troth_term *term = &contract->terms[course->lacking];
    char every[TROTH_PARSE_TEXT_MAX];
    if (term->kind == TROTH_TERM_CADENCE) {
        snprintf(why, WHY_LENGTH_MAX, "%s lacks proof: not seen within %s", term->name,
                 troth_parse_write_duration(term->every_us, every));
    } else if ((uint64_t)course->kept + course->broken < term->evidence) {
        snprintf(why, WHY_LENGTH_MAX,
                 "%s lacks proof: %" PRIu32 " kept, %" PRIu32 " broken, of %" PRIu32 " pieces",
                 term->name, course->kept, course->broken, term->evidence);
    } else {
        snprintf(why, WHY_LENGTH_MAX,
                 "%s lacks proof: %" PRIu32 " kept, %" PRIu32 " broken do not prove %g", term->name,
                 course->kept, course->broken, term->floor);
    }
}

static void tell_why(const struct troth_trial *trial, const struct troth_trial_entry *entry,
                     char why[WHY_LENGTH_MAX])
{
    const struct troth_trial_course *old = &entry->sides[TROTH_TRIAL_OLD];
    const struct troth_trial_course *new = &entry->sides[TROTH_TRIAL_NEW];
    const struct troth_contract *contract = contract_of(trial, TROTH_TRIAL_NEW);
    char difference[TROTH_DURATION_LENGTH_MAX];
    char cause[TROTH_WHY_LENGTH_MAX];
    why[0] = '\0';
    switch ((enum troth_trial_fate)entry->fate) {
    case TROTH_TRIAL_NARROWED:
        tell_cause(contract, new, why);
        break;
    case TROTH_TRIAL_WIDENED:
        tell_cause(contract_of(trial, TROTH_TRIAL_OLD), old, cause);
        snprintf(why, WHY_LENGTH_MAX, "not for %s", cause);
        break;
    case TROTH_TRIAL_EARLIER:
    case TROTH_TRIAL_LATER:
        tell_cause(contract, new, cause);
        (void)troth_duration_format(entry->fate == TROTH_TRIAL_EARLIER
                                        ? old->narrowed_us - new->narrowed_us
                                        : new->narrowed_us - old->narrowed_us,
                                    difference);
        snprintf(why, WHY_LENGTH_MAX, "%s %s: %s", difference, troth_trial_fate_name(entry->fate),
                 cause);
        break;
    case TROTH_TRIAL_UNCERTIFIED:
    case TROTH_TRIAL_UNPROVEN:
        tell_lacking(contract, new, why);
        break;
    case TROTH_TRIAL_OTHERWISE:
        if (new->certified_us != old->certified_us) {
            const bool later = new->certified_us > old->certified_us;
            (void)troth_duration_format(later ? new->certified_us - old->certified_us
                                              : old->certified_us - new->certified_us,
                                        difference);
            snprintf(why, WHY_LENGTH_MAX, "certified %s %s", difference,
                     later ? "later" : "earlier");
        }
        break;
    default:
        break;
    }
}

/* Whether a fate is told agent by agent where not all are wanted. */
static bool is_listed(unsigned fate)
{
    return fate != TROTH_TRIAL_BOUND && fate != TROTH_TRIAL_RELEASED &&
           fate != TROTH_TRIAL_OTHERWISE;
}

static void add_agent(struct troth_table *table, const struct troth_trial *trial,
                      const struct troth_trial_entry *entry)
{
    char agent[TROTH_CELL_LENGTH_MAX];
    char time[TROTH_TIME_LENGTH_MAX] = "-";
    char why[WHY_LENGTH_MAX];
    troth_printable(entry->agent, strlen(entry->agent), agent, sizeof agent);
    troth_table_cell(table, "%s", agent);
    if (entry->when_us != TROTH_NEVER_US) {
        (void)troth_time_format(entry->when_us, time);
    }
    troth_table_cell(table, "%s", time);
    for (unsigned s = 0; s < TROTH_TRIAL_SIDES; s++) {
        const struct troth_trial_course *course = &entry->sides[s];
        troth_table_cell(table, "%s", course->applies ? troth_rung_name(course->rung) : "-");
    }
    tell_why(trial, entry, why);
    troth_table_cell(table, "%s", why);
}

/* In entries: of one fate. */
static bool print_agents(const struct troth_trial *trial, const struct troth_trial_entry *entries,
                         size_t count)
{
    static const char *const headings[] = {"AGENT", "WHEN", "OLD", "NEW", "WHY"};
    for (size_t i = 0; i < count;) {
        struct troth_table table;
        if (!troth_table_init(&table, headings, sizeof headings / sizeof headings[0], 0)) {
            troth_message_error("no memory for the list");
            return false;
        }
        for (size_t rows = 0; i < count && rows < TROTH_TABLE_ROWS_MAX; rows++, i++) {
            add_agent(&table, trial, &entries[i]);
        }
        troth_table_print(&table, stdout, 0, "\n");
        troth_table_fini(&table);
    }
    return true;
}

static const char *title_of(unsigned fate)
{
    switch ((enum troth_trial_fate)fate) {
    case TROTH_TRIAL_NARROWED:
        return "narrowed under the new one alone (WHEN it first is, OLD and NEW rung at the end)";
    case TROTH_TRIAL_UNCERTIFIED:
        return "never certified under the new one";
    case TROTH_TRIAL_WIDENED:
        return "not narrowed under the new one, and narrowed under the old";
    case TROTH_TRIAL_CERTIFIED:
        return "certified under the new one, and never under the old";
    case TROTH_TRIAL_EARLIER:
        return "narrowed under both, under the new one first";
    case TROTH_TRIAL_LATER:
        return "narrowed under both, under the old one first";
    case TROTH_TRIAL_BOUND:
        return "under the new one alone, by applies_to";
    case TROTH_TRIAL_RELEASED:
        return "under the old one alone, by applies_to";
    case TROTH_TRIAL_OTHERWISE:
        return "narrowed alike, and otherwise not: other changes of rung, or other times";
    case TROTH_TRIAL_UNPROVEN:
        return "certified under neither";
    case TROTH_TRIAL_SAME:
    case TROTH_TRIAL_FATE_COUNT:
        break;
    }
    return "alike";
}

static void print_remarks(const struct troth_trial *trial,
                          const struct troth_trial_results *results)
{
    const struct troth_contract *new = contract_of(trial, TROTH_TRIAL_NEW);
    if (contract_of(trial, TROTH_TRIAL_OLD) != NULL && results->agents > 0 &&
        results->differing == 0) {
        puts("\nEvery agent fares alike under both.");
    }
    puts("\nBoth sides begin with nothing at the first record, certification included, and take "
         "no\ndecision of a person: what comes to review or pause stays there.");
    if (results->decisions > 0) {
        printf("Decisions left out: %" PRIu64 ".\n", results->decisions);
    }
    if (new->mode != TROTH_MODE_ENFORCE) {
        printf("In mode %s the new one narrows nobody for routers yet.\n",
               troth_mode_name(new->mode));
    }
}

bool troth_trial_print(struct troth_trial *trial, size_t most)
{
    const struct troth_trial_results *results = troth_trial_results(trial);
    print_heading(trial, results);
    if (!print_fleet(trial, results)) {
        return false;
    }
    const struct troth_trial_entry *entries = results->entries;
    for (size_t i = 0; i < results->entry_count;) {
        const unsigned fate = entries[i].fate;
        const size_t count = results->fates[fate];
        const size_t limit = is_listed(fate) || most == SIZE_MAX ? most : 0;
        const size_t shown = count < limit ? count : limit;
        printf("\n%zu agent%s %s%s\n", count, count == 1 ? "" : "s", title_of(fate),
               shown > 0 ? ":" : "; --all shows them, --json too");
        if (!print_agents(trial, &entries[i], shown)) {
            return false;
        }
        if (shown > 0 && shown < count) {
            printf("and %zu more; --all shows them, --json too\n", count - shown);
        }
        i += count;
    }
    print_remarks(trial, results);
    return true;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void print_object(const char *key, json_t *object)
{
    json_t *line = json_object();
    json_object_set_new(line, key, object);
    json_dumpf(line, stdout, TROTH_REPORT_FLAGS);
    putchar('\n');
    json_decref(line);
}

static json_t *time_of(int64_t time_us)
{
    return time_us != TROTH_NEVER_US ? json_integer(time_us) : json_null();
}

static json_t *describe_contract(const struct troth_contract *contract)
{
    return contract == NULL
               ? json_null()
               : json_pack("{s:s, s:I, s:s}", "contract", contract->name, "version",
                           (json_int_t)contract->version, "mode", troth_mode_name(contract->mode));
}

static json_t *describe_totals(const struct troth_trial_totals *totals)
{
    json_t *rungs = json_object();
    for (unsigned i = 0; i < TROTH_RUNG_COUNT; i++) {
        json_object_set_new(rungs, troth_rung_name(i), json_integer((json_int_t)totals->rungs[i]));
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "agents",
                     (json_int_t)totals->agents, "certified", (json_int_t)totals->certified,
                     "never_certified", (json_int_t)(totals->agents - totals->certified),
                     "narrowed", (json_int_t)totals->narrowed, "narrowings",
                     (json_int_t)totals->narrowings, "reviews", (json_int_t)totals->reviews,
                     "pauses", (json_int_t)totals->pauses, "rungs", rungs);
}

static json_t *describe_trial(const struct troth_trial *trial,
                              const struct troth_trial_results *results)
{
    const struct troth_contract *old = contract_of(trial, TROTH_TRIAL_OLD);
    json_t *fates = json_object();
    json_t *rejects = json_object();
    for (unsigned i = 0; i < TROTH_TRIAL_FATE_COUNT; i++) {
        json_object_set_new(fates, troth_trial_fate_name(i),
                            json_integer((json_int_t)results->fates[i]));
    }
    for (unsigned i = 1; i < TROTH_STATUS_COUNT; i++) {
        if (results->rejects[i] > 0) {
            json_object_set_new(rejects, troth_status_name((troth_status)i),
                                json_integer((json_int_t)results->rejects[i]));
        }
    }
    return json_pack(
        "{s:o, s:o, s:I, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "old",
        describe_contract(old), "new", describe_contract(contract_of(trial, TROTH_TRIAL_NEW)),
        "records", (json_int_t)results->records, "from", time_of(results->first_us), "to",
        time_of(results->last_us), "decisions_left_out", (json_int_t)results->decisions, "agents",
        (json_int_t)results->agents, "differing", (json_int_t)results->differing, "fates", fates,
        "under_old", old != NULL ? describe_totals(&results->sides[TROTH_TRIAL_OLD]) : json_null(),
        "under_new", describe_totals(&results->sides[TROTH_TRIAL_NEW]), "not_applied", rejects);
}

static json_t *describe_lacking(const struct troth_contract *contract,
                                const struct troth_trial_course *course)
{
    if (course->lacking == TROTH_NO_TERM) {
        return json_null();
    }
    const struct troth_term *term = &contract->terms[course->lacking];
    return term->kind == TROTH_TERM_CADENCE
               ? json_pack("{s:s}", "term", term->name)
               : json_pack("{s:s, s:I, s:I, s:I}", "term", term->name, "kept",
                           (json_int_t)course->kept, "broken", (json_int_t)course->broken,
                           "evidence", (json_int_t)term->evidence);
}

static json_t *describe_course(const struct troth_contract *contract,
                               const struct troth_trial_course *course)
{
    if (!course->applies) {
        return json_null();
    }
    const bool narrowed = course->narrowings > 0;
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "rung", troth_rung_name(course->rung),
        "certified_at", time_of(course->certified_us), "narrowed_at", time_of(course->narrowed_us),
        "narrowed_to", narrowed ? json_string(troth_rung_name(course->narrowed_to)) : json_null(),
        "cause", troth_report_cause(contract, &course->cause), "narrowings",
        (json_int_t)course->narrowings, "reviews", (json_int_t)course->reviews, "pauses",
        (json_int_t)course->pauses, "lacking", describe_lacking(contract, course));
}

void troth_trial_print_json(struct troth_trial *trial)
{
    const struct troth_trial_results *results = troth_trial_results(trial);
    print_object("trial", describe_trial(trial, results));
    for (size_t i = 0; i < results->entry_count; i++) {
        const struct troth_trial_entry *entry = &results->entries[i];
        json_t *agent = json_string(entry->agent);
        if (agent == NULL) { /* no UTF-8 */
            char name[4 * TROTH_AGENT_LENGTH_MAX + 1];
            agent = json_string(
                troth_message_escape(entry->agent, strlen(entry->agent), name, sizeof name));
        }
        print_object("agent",
                     json_pack("{s:o, s:i, s:s, s:o, s:o, s:o}", "agent", agent, "partition",
                               (int)entry->partition, "fate", troth_trial_fate_name(entry->fate),
                               "when", time_of(entry->when_us), "old",
                               describe_course(contract_of(trial, TROTH_TRIAL_OLD),
                                               &entry->sides[TROTH_TRIAL_OLD]),
                               "new",
                               describe_course(contract_of(trial, TROTH_TRIAL_NEW),
                                               &entry->sides[TROTH_TRIAL_NEW])));
    }
}
