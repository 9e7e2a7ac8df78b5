/* One contract's week in words, as a table, as Markdown and as JSON. */
#include "ops/commands/review_week_show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ops/review/rows.h"
#include "ops/table.h"

enum {
    DEBTS_SHOWN = 20,
    MISSING_SHOWN = 10,
    DATE_LENGTH = 10,   /* of a time's text */
    MINUTE_LENGTH = 16, /* of a time's text, to the minute */
    NOTE_MAX = 512,
    WORD_MAX = 2 * TROTH_CELL_LENGTH_MAX
};

/* ---- in words ---- */

/* Out text: a time to the day or the minute, "2026-11-29" or "2026-11-29 14:05". Returns text. */
static const char *date(int64_t time_us, int length, char text[TROTH_TIME_LENGTH_MAX])
{
    (void)troth_time_format(time_us, text);
    text[DATE_LENGTH] = text[DATE_LENGTH] == 'T' ? ' ' : text[DATE_LENGTH];
    text[length] = '\0';
    return text;
}

/* Out word: fit to be shown: as code in Markdown, where nothing in it can be taken for a link, a
 * mention or a column. */
static const char *word(const struct troth_week_report *report, const char *text,
                        char shown[WORD_MAX])
{
    char printable[TROTH_CELL_LENGTH_MAX];
    troth_printable(text, strlen(text), printable, sizeof printable);
    if (!report->markdown) {
        snprintf(shown, WORD_MAX, "%s", printable);
        return shown;
    }
    size_t length = 0;
    shown[length++] = '`';
    for (const char *at = printable; *at != '\0' && length + 4 < WORD_MAX; at++) {
        if (*at == '|') {
            shown[length++] = '\\';
        }
        shown[length++] = *at == '`' ? '\'' : *at;
    }
    shown[length++] = '`';
    shown[length] = '\0';
    return shown;
}

/* Out text: partitions whose ledger has not come, "2, 5 and 3 more"; "" where there is none. One
 * where no agent of the contract ever was has none and wants none; one that had a ledger the week
 * before has one again as soon as its log is in this week. Returns how many. */
static unsigned missing_text(const struct troth_week_report *report, char text[NOTE_MAX])
{
    unsigned missing = 0;
    size_t length = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < report->weeks->partitions; i++) {
        if (troth_ledger_has(report->now, i) || !troth_ledger_has(report->before, i)) {
            continue;
        }
        if (missing++ < MISSING_SHOWN) {
            length += (size_t)snprintf(text + length, NOTE_MAX - length, "%s%" PRId32,
                                       length > 0 ? ", " : "", i);
        }
    }
    if (missing > MISSING_SHOWN) {
        snprintf(text + length, NOTE_MAX - length, " and %u more", missing - MISSING_SHOWN);
    }
    return missing;
}

__attribute__((format(printf, 2, 3))) static void note(const struct troth_week_report *report,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%s", report->markdown ? "- " : "  ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

/* What must be known before the figures are read. */
static void print_notes(const struct troth_week_report *report)
{
    const struct troth_ledger *ledger = report->now;
    char text[NOTE_MAX];
    char time[TROTH_TIME_LENGTH_MAX];
    char rescued[TROTH_WEEK_FIGURE_MAX];
    if (ledger->open > 0) {
        note(
            report,
            "Still open: counted up to %s UTC. Counts are not compared with those of a whole week.",
            date(ledger->as_of_us, MINUTE_LENGTH, time));
    }
    const unsigned missing = missing_text(report, text);
    if (missing > 0) {
        note(report,
             "Partition%s %s had a ledger the week before and %s none of this one: what happened "
             "there since is not counted yet. Does an engine own %s (troth doctor)?",
             missing == 1 ? "" : "s", text, missing == 1 ? "has" : "have",
             missing == 1 ? "it" : "them");
    }
    if (troth_week_rescues_text(ledger, rescued)[0] != '\0') {
        note(report, "Rescues by kind: %s.", rescued);
    }
}

/* ---- the tables ---- */

/* A heading, and the line below it where it is Markdown. */
static void print_row(const char *const *cells, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        printf("| %s ", cells[i]);
    }
    printf("|\n");
}

static void print_line(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        printf("|---");
    }
    printf("|\n");
}

static bool print_table(const struct troth_week_report *report, const char *const *headings,
                        const char *const *cells, unsigned columns, unsigned rows)
{
    struct troth_table table;
    if (report->markdown) {
        print_row(headings, columns);
        print_line(columns);
        for (unsigned i = 0; i < rows; i++) {
            print_row(cells + (size_t)i * columns, columns);
        }
        return true;
    }
    if (!troth_table_init(&table, headings, columns, 0)) {
        return false;
    }
    for (unsigned i = 0; i < rows * columns; i++) {
        troth_table_cell(&table, "%s", cells[i]);
    }
    troth_table_print(&table, stdout, 0, "\n");
    troth_table_fini(&table);
    return true;
}

static bool print_figures(const struct troth_week_report *report)
{
    char label[TROTH_WEEK_LABEL_LENGTH];
    char earlier[TROTH_WEEK_LABEL_LENGTH];
    struct troth_week_row rows[TROTH_WEEK_ROWS_MAX];
    const char *cells[4 * TROTH_WEEK_ROWS_MAX];
    const unsigned count = troth_week_rows(report->now, report->before, rows);
    troth_week_label(report->now->week.number, label);
    troth_week_label(report->now->week.number > 0 ? report->now->week.number - 1 : 0, earlier);
    const unsigned columns = report->before->partitions > 0 ? 4 : 2;
    const char *const headings[] = {report->markdown ? "Measure" : "MEASURE", label, earlier,
                                    report->markdown ? " " : ""};
    for (unsigned i = 0; i < count; i++) {
        const char *const row[] = {rows[i].measure, rows[i].now, rows[i].before, rows[i].verdict};
        memcpy(&cells[i * columns], row, columns * sizeof *row);
    }
    return print_table(report, headings, cells, columns, count);
}

/* One exception's cells, in text that they point to. */
struct debt_row {
    char agent[WORD_MAX];
    char what[WORD_MAX + 16];
    char owner[WORD_MAX];
    char age[TROTH_DURATION_LENGTH_MAX];
    char until[TROTH_TIME_LENGTH_MAX];
    char uses[32];
};

static void fill_debt(const struct troth_week_report *report, const struct troth_debt *debt,
                      struct debt_row *row)
{
    char term[WORD_MAX];
    snprintf(row->what, sizeof row->what, "%s%s",
             debt->term[0] != '\0' ? "waiver of " : "exception",
             debt->term[0] != '\0' ? word(report, debt->term, term) : "");
    word(report, debt->agent, row->agent);
    if (debt->owner[0] != '\0') {
        word(report, debt->owner, row->owner);
    } else {
        snprintf(row->owner, sizeof row->owner, "not on record");
    }
    snprintf(row->age, sizeof row->age, "not on record");
    if (debt->since_us >= 0) {
        (void)troth_duration_format(
            report->at_us > debt->since_us ? report->at_us - debt->since_us : 0, row->age);
    }
    (void)date(debt->until_us, MINUTE_LENGTH, row->until);
    snprintf(row->uses, sizeof row->uses, "%" PRId64, debt->uses);
}

/* The exceptions of this contract. Returns whether there was memory. */
static bool print_debts(const struct troth_week_report *report)
{
    static const char *const plain[] = {"AGENT", "WHAT", "OWNER", "AGE", "UNTIL (UTC)", "USES"};
    static const char *const titled[] = {"Agent", "What", "Owner", "Age", "Until (UTC)", "Uses"};
    static struct debt_row rows[DEBTS_SHOWN];
    const char *cells[DEBTS_SHOWN * 6];
    unsigned count = 0;
    uint64_t all = report->debts->left_out;
    for (unsigned i = 0; i < report->debts->count; i++) {
        const struct troth_debt *debt = &report->debts->items[i];
        if (strcmp(debt->contract, report->now->contract) != 0) {
            continue;
        }
        if (count < DEBTS_SHOWN) {
            struct debt_row *row = &rows[count];
            fill_debt(report, debt, row);
            const char *const row_cells[] = {row->agent, row->what,  row->owner,
                                             row->age,   row->until, row->uses};
            memcpy(&cells[(size_t)count * 6], row_cells, sizeof row_cells);
            count++;
        }
        all++;
    }
    const bool open = report->now->open > 0;
    putchar('\n');
    if (!report->debts_known) {
        printf("Which exceptions are open is in Redis alone until the week has ended.\n");
        return true;
    }
    if (all == 0) {
        printf("No exception %s.\n", open ? "is open now" : "was open when the week ended");
        return true;
    }
    printf("%" PRIu64 " exception%s %s, the oldest first:\n%s", all, all == 1 ? "" : "s",
           open       ? all == 1 ? "is open now" : "are open now"
           : all == 1 ? "was open when the week ended"
                      : "were open when the week ended",
           report->markdown ? "\n" : "");
    if (!print_table(report, report->markdown ? titled : plain, cells, 6, count)) {
        return false;
    }
    if (all > count) {
        printf("%s%" PRIu64 " more: --json\n", report->markdown ? "\n" : "", all - count);
    }
    return true;
}

bool troth_week_report_print(const struct troth_week_report *report, bool first)
{
    const int64_t start_us = troth_week_start_us(report->now->week.number);
    char label[TROTH_WEEK_LABEL_LENGTH];
    char from[TROTH_TIME_LENGTH_MAX];
    char to[TROTH_TIME_LENGTH_MAX];
    char name[WORD_MAX];
    troth_week_label(report->now->week.number, label);
    printf("%s%s%s, %s (%s to %s)\n%s", first ? "" : "\n", report->markdown ? "## " : "",
           word(report, report->now->contract, name), label, date(start_us, DATE_LENGTH, from),
           date(start_us + TROTH_WEEK_US - 1, DATE_LENGTH, to), report->markdown ? "\n" : "");
    print_notes(report);
    putchar('\n');
    return print_figures(report) && (report->debts == NULL || print_debts(report));
}

/* ---- as JSON ---- */

static json_t *or_null(double value)
{
    return value < 0 ? json_null() : json_real(value);
}

static json_t *time_or_null(int64_t time_us)
{
    return time_us < 0 ? json_null() : json_integer(time_us);
}

static json_t *counts_json(const struct troth_week *week)
{
    json_t *object = json_object();
    json_t *rescues = json_object();
#define SET_COUNT(name) json_object_set_new(object, #name, json_integer((json_int_t)week->name));
    TROTH_WEEK_COUNTS(SET_COUNT)
#undef SET_COUNT
    for (unsigned i = 0; i < TROTH_RESCUE_COUNT; i++) {
        json_object_set_new(rescues, troth_rescue_name(i),
                            json_integer((json_int_t)week->rescues[i]));
    }
    json_object_set_new(object, "rescues", rescues);
    return object;
}

static json_t *signals_json(const struct troth_ledger *ledger)
{
    const struct troth_signals signals = troth_ledger_signals(ledger);
    return json_pack(
        "{s:I, s:o, s:I, s:o, s:o, s:I, s:o, s:o, s:I, s:I, s:o, s:o}", "rescues",
        (json_int_t)signals.rescues, "rescues_per_task", or_null(signals.rescues_per_task),
        "narrowings_timed", (json_int_t)signals.narrowings_timed, "time_to_narrow_p50_us",
        time_or_null(signals.narrow_p50_us), "time_to_narrow_p95_us",
        time_or_null(signals.narrow_p95_us), "recoveries_timed",
        (json_int_t)signals.recoveries_timed, "recovery_p50_us",
        time_or_null(signals.recovery_p50_us), "recovery_p95_us",
        time_or_null(signals.recovery_p95_us), "reviews_due", (json_int_t)signals.reviews_due,
        "reviews_open", (json_int_t)signals.reviews_open, "reviews_done_share",
        or_null(signals.reviews_done_share), "reviews_concrete_share",
        or_null(signals.reviews_concrete_share));
}

static json_t *ledger_json(const struct troth_week_report *report,
                           const struct troth_ledger *ledger)
{
    char label[TROTH_WEEK_LABEL_LENGTH];
    json_t *missing = json_array();
    troth_week_label(ledger->week.number, label);
    for (int32_t i = 0; i < report->weeks->partitions; i++) {
        if (!troth_ledger_has(ledger, i)) {
            json_array_append_new(missing, json_integer(i));
        }
    }
    return json_pack("{s:s, s:I, s:I, s:b, s:I, s:o, s:o, s:o}", "week", label, "from",
                     (json_int_t)troth_week_start_us(ledger->week.number), "as_of",
                     (json_int_t)ledger->as_of_us, "closed", ledger->open == 0, "partitions",
                     (json_int_t)ledger->partitions, "missing", missing, "counts",
                     counts_json(&ledger->week), "signals", signals_json(ledger));
}

void troth_week_report_print_json(const struct troth_week_report *report)
{
    json_t *object = ledger_json(report, report->now);
    json_t *debts = json_array();
    for (unsigned i = 0; i < report->debts->count; i++) {
        if (strcmp(report->debts->items[i].contract, report->now->contract) == 0) {
            json_array_append_new(debts, troth_debt_json(&report->debts->items[i]));
        }
    }
    if (!report->debts_known) {
        json_decref(debts);
        debts = json_null();
    }
    json_object_set_new(object, "contract", json_string(report->now->contract));
    json_object_set_new(object, "debt", debts);
    json_object_set_new(object, "debt_left_out", json_integer((json_int_t)report->debts->left_out));
    json_object_set_new(object, "before",
                        report->before->partitions > 0 ? ledger_json(report, report->before)
                                                       : json_null());
    troth_redis_reader_print_json(json_pack("{s:o}", "week", object));
}
