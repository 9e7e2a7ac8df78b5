/* troth explain: why an agent is where it is, what would move it, and when. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/message.h"
#include "ops/redis/reader.h"
#include "ops/review/debt.h"
#include "ops/review/open.h"
#include "ops/table.h"
#include "scoring/rules.h"

enum {
    SENTENCE_LENGTH_MAX = 640,
    PIECES_MAX = 1 << 30, /* more evidence than this is "never" */
    WARN_CALM_HALF = 50   /* percent: the confidence that every term must have for calm */
};

/* One standing, and its contract where Redis has the version that it was scored by. */
struct subject {
    const struct troth_fields *standing;
    const struct troth_contract *contract; /* NULL: not known */
    struct troth_rules *rules;             /* meaningful with the contract alone */
    int rung;                              /* enum troth_rung, or -1 */
    int64_t now_us;
    json_t *is;     /* what is: sentences */
    json_t *better; /* what would widen it */
    json_t *worse;  /* what would narrow it */
};

__attribute__((format(printf, 2, 3))) static void say(json_t *sentences, const char *format, ...)
{
    char sentence[SENTENCE_LENGTH_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    char printable[SENTENCE_LENGTH_MAX];
    troth_printable(sentence, strlen(sentence), printable, sizeof printable);
    json_array_append_new(sentences, json_string(printable));
}

/* "2026-01-31T12:00:00.250Z, in 4m12s". Returns text. */
static const char *when(const struct subject *subject, int64_t time_us, char *text, size_t capacity)
{
    char time[TROTH_TIME_LENGTH_MAX];
    char distance[TROTH_DURATION_LENGTH_MAX];
    const bool ahead = time_us > subject->now_us;
    (void)troth_time_format(time_us, time);
    (void)troth_duration_format(ahead ? time_us - subject->now_us : subject->now_us - time_us,
                                distance);
    snprintf(text, capacity, ahead ? "%s, in %s" : "%s, %s ago", time, distance);
    return text;
}

static const char *field(const struct subject *subject, const char *name, char *text, size_t size)
{
    return troth_fields_text(subject->standing, name, text, size);
}

static int64_t integer(const struct subject *subject, const char *name)
{
    return troth_fields_integer(subject->standing, name, 0);
}

/* Returns a term's number; 0 where there is none. */
static double term_number(const struct subject *subject, unsigned term, const char *name)
{
    return troth_fields_term(subject->standing, subject->contract->terms[term].name, name, 0.0);
}

/* Where it is, since when, why, and what that allows. */
static void tell_state(struct subject *subject)
{
    char rung[32];
    char text[TROTH_CELL_LENGTH_MAX];
    char contract[TROTH_CELL_LENGTH_MAX];
    char limiting[TROTH_CELL_LENGTH_MAX];
    say(subject->is, "It is at %s under %s version %" PRId64 " (%s) since %s.",
        field(subject, "rung", rung, sizeof rung),
        field(subject, "contract", contract, sizeof contract), integer(subject, "contract_version"),
        field(subject, "mode", limiting, sizeof limiting),
        when(subject, integer(subject, "since"), text, sizeof text));
    say(subject->is, "Cause: %s.", field(subject, "why", text, sizeof text));
    field(subject, "limiting", limiting, sizeof limiting);
    say(subject->is, "Score %" PRId64 " of 1000: compliance %g%s%s, freshness %g.",
        integer(subject, "score"), troth_fields_decimal(subject->standing, "compliance", 0),
        limiting[0] != '\0' ? " for " : "", limiting,
        troth_fields_decimal(subject->standing, "freshness", 0));
    field(subject, "capabilities", text, sizeof text);
    char cost[64] = "";
    if (troth_fields_integer(subject->standing, "max_cost_micros", -1) >= 0) {
        snprintf(cost, sizeof cost, ", at most %" PRId64 " micros a task",
                 integer(subject, "max_cost_micros"));
    }
    const bool has_none = subject->contract != NULL && subject->contract->capability_count == 0;
    say(subject->is, "It may have %g%% of traffic%s%s%s.",
        100 * troth_fields_decimal(subject->standing, "traffic", 0), cost,
        has_none ? "" : ", with ", text[0] != '\0' || has_none ? text : "no capability");
    if (integer(subject, "relapses") > 0) {
        say(subject->is, "It has relapsed %" PRId64 " time(s) within a day of being let out.",
            integer(subject, "relapses"));
    }
    field(subject, "witnesses", text, sizeof text);
    if (text[0] != '\0') {
        say(subject->is, "That rests on the record(s) %s.", text);
    }
}

/* How each term stands. */
static void tell_terms(struct subject *subject)
{
    for (unsigned i = 0; subject->contract != NULL && i < subject->contract->term_count; i++) {
        const struct troth_term *term = &subject->contract->terms[i];
        char window[TROTH_DURATION_LENGTH_MAX];
        (void)troth_duration_format(term->window_us, window);
        if (subject->rules->terms[i].shares) {
            say(subject->is,
                "%s: %.0f kept and %.0f broken in %s; confidence %g that it keeps at least %g of "
                "them, freshness %g%s.",
                term->name, term_number(subject, i, "kept"), term_number(subject, i, "broken"),
                window, term_number(subject, i, "confidence"), term->floor,
                term_number(subject, i, "freshness"),
                term_number(subject, i, "alarm") > 0 ? "; its behavior has changed" : "");
        } else if (term->kind == TROTH_TERM_BUDGET) {
            say(subject->is, "%s: %.0f of at most %" PRId64 " in %s.", term->name,
                term_number(subject, i, "amount"), term->at_most, window);
        } else if (term->kind == TROTH_TERM_NEVER) {
            say(subject->is, "%s: broken %.0f time(s); it must never be.", term->name,
                term_number(subject, i, "broken"));
        } else {
            (void)troth_duration_format(term->every_us, window);
            say(subject->is, "%s: due every %s; freshness %g.", term->name, window,
                term_number(subject, i, "freshness"));
        }
    }
}

/* Which version of the agent it goes by, where its contract asks. */
static void tell_version(struct subject *subject)
{
    char text[TROTH_CELL_LENGTH_MAX];
    char hash[TROTH_CELL_LENGTH_MAX];
    char window[TROTH_DURATION_LENGTH_MAX] = "a window";
    if (field(subject, "agent_version", hash, sizeof hash)[0] == '\0') {
        return;
    }
    say(subject->is, "The agent's version in force (%s, a hash of its text) was last heard %s.",
        hash, when(subject, integer(subject, "version_heard"), text, sizeof text));
    if (subject->rung > TROTH_RUNG_RECERTIFY) {
        return; /* left by a decision alone */
    }
    if (subject->contract != NULL) {
        (void)troth_duration_format(subject->rules->longest_window_us, window);
    }
    say(subject->worse, "%s: another version of the agent, once this one has been silent for %s.",
        subject->rung == TROTH_RUNG_RECERTIFY ? "All starts empty again" : "To recertify", window);
}

/* Whether a person is to look at it, and what was let pass meanwhile. */
static void tell_review(struct subject *subject)
{
    char review[TROTH_REVIEW_TEXT_MAX];
    char text[TROTH_DEBT_TEXT_MAX];
    struct troth_debts debts = {0};
    if (troth_review_text(subject->standing, subject->now_us, review)[0] != '\0') {
        say(subject->is, "Review: %s.", review);
    }
    (void)troth_debts_add_standing(&debts, subject->standing, subject->now_us);
    for (unsigned i = 0; i < debts.count; i++) {
        say(subject->is, "Debt: %s.", troth_debt_text(&debts.items[i], subject->now_us, text));
    }
    troth_debts_fini(&debts);
    if (integer(subject, "disputes_open") > 0) {
        say(subject->is, "%" PRId64 " dispute(s) open: it does not step down meanwhile.",
            integer(subject, "disputes_open"));
    }
}

/* Returns how many more kept pieces certify a term, or PIECES_MAX. */
static uint32_t pieces_needed(const struct subject *subject, unsigned term, uint32_t kept,
                              uint32_t broken)
{
    uint32_t low = 0;
    uint32_t high = PIECES_MAX;
    while (low < high) { /* more kept evidence never makes it worse, so halving finds the least */
        const uint32_t middle = low + (high - low) / 2;
        const bool enough = kept + middle + broken >= subject->contract->terms[term].evidence &&
                            troth_counters_certified(subject->rules, term, kept + middle, broken);
        low = enough ? low : middle + 1;
        high = enough ? middle : high;
    }
    return low;
}

static void tell_certification(struct subject *subject, json_t *needs)
{
    char text[TROTH_CELL_LENGTH_MAX];
    say(subject->better, "It earns its way back by evidence from now on, without anybody's time.");
    for (unsigned i = 0; subject->contract != NULL && i < subject->contract->term_count; i++) {
        const struct troth_term *term = &subject->contract->terms[i];
        if (!term->required) {
            continue;
        }
        if (term->kind == TROTH_TERM_CADENCE && term_number(subject, i, "freshness") < 1) {
            say(subject->better, "%s must be met once.", term->name);
        }
        if (!subject->rules->terms[i].shares) {
            continue;
        }
        const double kept = term_number(subject, i, "certify_kept");
        const double broken = term_number(subject, i, "certify_broken");
        const uint32_t more = pieces_needed(subject, i, (uint32_t)kept, (uint32_t)broken);
        json_array_append_new(
            needs, json_pack("{s:s, s:I}", "term", term->name, "pieces", (json_int_t)more));
        if (more == 0) {
            say(subject->better, "%s is certified: %.0f kept, %.0f broken.", term->name, kept,
                broken);
        } else {
            say(subject->better,
                "%s needs %" PRIu32 " more kept pieces, if none breaks it (so far %.0f kept, %.0f "
                "broken).",
                term->name, more, kept, broken);
        }
    }
    const int64_t until_us = integer(subject, "certify_until");
    if (until_us != 0) {
        say(subject->worse,
            "Not certified by %s: after a pause or a review it goes to review, else its counters "
            "start anew.",
            when(subject, until_us, text, sizeof text));
    }
    if (subject->contract != NULL && subject->rules->never_mask != 0) {
        say(subject->worse, "To pause at once: a never term broken.");
    }
    say(subject->worse, "Evidence that clearly fails sends it to review, or has its counters start "
                        "anew where consequence is low.");
}

/* Which terms keep it from being calm. Returns whether there is any. */
static bool tell_uncalm(struct subject *subject)
{
    bool any = false;
    for (unsigned i = 0; subject->contract != NULL && i < subject->contract->term_count; i++) {
        const double pieces = term_number(subject, i, "kept") + term_number(subject, i, "broken");
        if (subject->rules->terms[i].shares && pieces > 0 &&
            term_number(subject, i, "confidence") < WARN_CALM_HALF / 100.0) {
            say(subject->better, "Confidence of %s must come back to 0.5; it is %g.",
                subject->contract->terms[i].name, term_number(subject, i, "confidence"));
            any = true;
        }
        if (subject->contract->terms[i].kind == TROTH_TERM_BUDGET &&
            term_number(subject, i, "amount") > (double)subject->contract->terms[i].at_most) {
            say(subject->better, "%s must fall to at most %" PRId64 "; it is at %.0f.",
                subject->contract->terms[i].name, subject->contract->terms[i].at_most,
                term_number(subject, i, "amount"));
            any = true;
        }
        if (term_number(subject, i, "alarm") > 0 && subject->rung == TROTH_RUNG_WARN) {
            say(subject->better, "The change seen in %s must be outweighed by kept evidence.",
                subject->contract->terms[i].name);
            any = true;
        }
    }
    return any;
}

static void tell_calm(struct subject *subject)
{
    char text[TROTH_CELL_LENGTH_MAX];
    char hold[TROTH_DURATION_LENGTH_MAX];
    const int64_t relapses = integer(subject, "relapses");
    const char *below = troth_rung_name((unsigned)subject->rung - 1);
    if (subject->contract == NULL) {
        say(subject->better, "It steps down to %s after unbroken calm.", below);
        return;
    }
    const int64_t hold_us = subject->contract->hold_us << (relapses < 6 ? relapses : 6);
    (void)troth_duration_format(hold_us, hold);
    const int64_t calm_us = integer(subject, "calm_since");
    if (calm_us != 0) {
        say(subject->better, "It is calm, and steps down to %s at %s, if it stays so (%s of calm).",
            below, when(subject, calm_us + hold_us, text, sizeof text), hold);
        return;
    }
    say(subject->better,
        "It steps down to %s after %s of unbroken calm; it is not calm now: nothing may put it at "
        "%s, and every confidence must be at least 0.5.",
        below, hold, troth_rung_name((unsigned)subject->rung));
    if (!tell_uncalm(subject)) {
        say(subject->better, "Freshness still keeps it here: more evidence is needed.");
    }
}

static void tell_decision(struct subject *subject)
{
    const char *owner = subject->contract != NULL ? subject->contract->owner : "";
    const char *ways = subject->rung == TROTH_RUNG_PAUSE
                           ? "`recertify` is the only way out of a pause"
                           : "`restore`, `narrow`, `pause` or `recertify`";
    say(subject->better, "A person must decide%s%s: %s. Evidence alone does not move it.",
        owner[0] != '\0' ? ", for this contract " : "", owner, ways);
}

/* The conditions of the rungs above the present one, in numbers. */
static void tell_conditions(struct subject *subject)
{
    for (unsigned r = (unsigned)subject->rung + 1;
         subject->contract != NULL && subject->rung != TROTH_RUNG_RECERTIFY && r < TROTH_RUNG_COUNT;
         r++) {
        const struct troth_rung_rules *rung = &subject->contract->ladder[r];
        char text[SENTENCE_LENGTH_MAX] = "";
        size_t length = 0;
        const struct {
            bool used;
            const char *what;
            double limit; /* 0: says itself */
        } conditions[] = {
            {rung->never && subject->rules->never_mask != 0, "a never term broken", 0},
            {rung->budget && subject->rules->budget_mask != 0, "a budget exceeded", 0},
            {rung->confidence_below > 0, "a confidence below", rung->confidence_below},
            {rung->change, "a change of behavior", 0},
            {rung->freshness_below > 0, "freshness below", rung->freshness_below},
            {rung->disputes_open > 0, "open disputes, at least", rung->disputes_open}};
        for (unsigned i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
            char limit[32] = "";
            if (!conditions[i].used) {
                continue;
            }
            if (conditions[i].limit > 0) {
                snprintf(limit, sizeof limit, " %g", conditions[i].limit);
            }
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%s%s",
                                       length > 0 ? ", or " : "", conditions[i].what, limit);
        }
        if (length > 0) {
            say(subject->worse, "To %s at once: %s.", troth_rung_name(r), text);
        }
    }
}

/* What silence does: good_until and offer_until. */
static void tell_silence(struct subject *subject)
{
    char text[TROTH_CELL_LENGTH_MAX];
    const int64_t good_us = integer(subject, "good_until");
    const int64_t offer_us = integer(subject, "offer_until");
    if (good_us == 0 || offer_us == 0) {
        return;
    }
    if (subject->rung <= TROTH_RUNG_WARN && good_us < offer_us) {
        say(subject->worse, "Without further evidence it counts as narrowed from %s.",
            when(subject, good_us, text, sizeof text));
    }
    say(subject->worse, "Without further evidence it is not offered any more from %s.",
        when(subject, offer_us, text, sizeof text));
}

/* Returns the explanation of one standing as an object. */
static json_t *explain(struct subject *subject)
{
    char rung[32];
    json_t *needs = json_array();
    subject->is = json_array();
    subject->better = json_array();
    subject->worse = json_array();
    field(subject, "rung", rung, sizeof rung);
    subject->rung = troth_rung_find(rung, strlen(rung));
    tell_state(subject);
    tell_terms(subject);
    tell_review(subject);
    switch (subject->rung) {
    case TROTH_RUNG_CLEAR:
        say(subject->better, "There is nothing better than clear.");
        break;
    case TROTH_RUNG_WARN:
    case TROTH_RUNG_NARROW:
        tell_calm(subject);
        break;
    case TROTH_RUNG_RECERTIFY:
        tell_certification(subject, needs);
        break;
    default:
        tell_decision(subject);
        break;
    }
    tell_conditions(subject);
    tell_version(subject);
    tell_silence(subject);
    if (subject->contract == NULL) {
        say(subject->is, "Its contract in Redis is of another version than it was scored by, so "
                         "what it needs cannot be told in numbers.");
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "standing", troth_fields_json(subject->standing),
                     "is", subject->is, "better", subject->better, "worse", subject->worse, "needs",
                     needs);
}

static void print_sentences(const char *label, const json_t *sentences)
{
    size_t i;
    const json_t *sentence;
    json_array_foreach(sentences, i, sentence)
    {
        printf("  %-8s %s\n", i == 0 ? label : "", json_string_value(sentence));
    }
}

static void explain_all(const struct troth_context *context, struct troth_redis_reader *reader,
                        const struct troth_look *look, struct troth_contract *contract,
                        struct troth_rules *rules, const char *agent)
{
    const struct troth_clock clock = troth_clock_system();
    for (unsigned i = 0; i < look->count; i++) {
        char name[TROTH_NAME_LENGTH_MAX + 1];
        struct subject subject = {.standing = &look->standings[i],
                                  .rules = rules,
                                  .now_us = clock.wall_us(clock.context)};
        troth_fields_text(subject.standing, "contract", name, sizeof name);
        if (troth_redis_reader_contract(reader, name, contract) &&
            contract->version == integer(&subject, "contract_version")) {
            troth_rules_init(rules, contract);
            subject.contract = contract;
        }
        json_t *explanation = explain(&subject);
        if (context->json) {
            troth_redis_reader_print_json(json_pack("{s:o}", "explanation", explanation));
            continue;
        }
        printf("%s%s under %s\n", i > 0 ? "\n" : "", agent, name);
        print_sentences("is", json_object_get(explanation, "is"));
        print_sentences("better", json_object_get(explanation, "better"));
        print_sentences("worse", json_object_get(explanation, "worse"));
        json_decref(explanation);
    }
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    const char *only = NULL;
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "contract", .kind = TROTH_OPTION_TEXT, .target = &only},
    };
    if (troth_options_parse(options, 1, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 1) {
        troth_message_error("name one agent, as in: troth explain refund-7");
        return TROTH_EXIT_USAGE;
    }
    const struct troth_redis_config redis = troth_redis_config_of(context->config);
    char agent[TROTH_CELL_LENGTH_MAX];
    struct troth_redis_reader reader;
    struct troth_look look = {0};
    struct troth_contract *contract = calloc(1, sizeof *contract);
    struct troth_rules *rules = calloc(1, sizeof *rules);
    int result = TROTH_EXIT_NO;
    troth_printable(argv[1], strlen(argv[1]), agent, sizeof agent);
    if (troth_redis_reader_open(&reader, &redis) != TROTH_OK ||
        troth_redis_reader_look(&reader, troth_text_of(argv[1]), only, &look) != TROTH_OK) {
        troth_message_error("%s", reader.error);
    } else if (contract == NULL || rules == NULL) {
        troth_message_error("no memory");
    } else if (look.count == 0) {
        troth_message_error("unproven: no standing of %s; it gets one with its first event that a "
                            "contract applies to",
                            agent);
    } else {
        explain_all(context, &reader, &look, contract, rules, agent);
        result = TROTH_EXIT_DONE;
    }
    free(rules);
    free(contract);
    troth_look_free(&look);
    troth_redis_reader_close(&reader);
    return result;
}

const struct troth_command troth_command_explain = {
    .name = "explain",
    .arguments = "[--contract C] AGENT",
    .summary = "why an agent is where it is, and what would move it",
    .help = "In sentences, for each standing: what is, what would make it better, what would make\n"
            "it worse, and when. Numbers are of Redis; what is needed is worked out by the same\n"
            "code as the engine's.\n"
            "\n"
            "  --contract C     this contract's standing alone\n"
            "\n"
            "Exit status 1: the agent has no standing, and so is unproven.",
    .run = run,
};
