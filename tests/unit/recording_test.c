/*
 * Claims: of a recording every record is given once, in order, with the offset that its line has or
 * that the log says, however many lines are read ahead; a decision gets the record that it disputes
 * by its offset in the log, and none of another log; a contract is given as it was written. What is
 * no line of a recording is counted and passed over.
 */
#include "tests/support/test.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "ops/recording.h"
#include "schemas/contract.h"

enum { TOLD_MAX = 16384 };

/* What was given, as text. */
struct told {
    char text[TOLD_MAX];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void tell(struct told *told, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length =
        vsnprintf(told->text + told->length, sizeof told->text - told->length, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && (size_t)length < sizeof told->text - told->length);
    told->length += (size_t)length;
}

static void tell_records(void *context, const struct troth_recorded *recorded)
{
    for (unsigned i = 0; i < recorded->count; i++) {
        tell(context, "event %d of %.*s at %d; ", (int)recorded->offsets[i],
             (int)recorded->events[i]->agent.length, recorded->events[i]->agent.data,
             (int)recorded->recorded_at_us[i]);
    }
}

static void tell_decision(void *context, const struct troth_recorded_decision *given)
{
    tell(context, "decision %d at %d", (int)given->offset, (int)given->recorded_at_us);
    if (given->disputed != NULL) {
        tell(context, " of %.*s at %d", (int)given->disputed->event->agent.length,
             given->disputed->event->agent.data, (int)given->disputed->timestamp_us);
    }
    tell(context, "; ");
}

static void tell_contract(void *context, const struct troth_recorded_contract *given)
{
    tell(context, "%s@%d %d at %d; ", given->contract->name, (int)given->contract->version,
         (int)given->offset, (int)given->recorded_at_us);
}

static void tell_log(void *context, const struct troth_recorded_log *log)
{
    tell(context, "log %s %d %d from %d; ", log->topic, (int)log->partition, (int)log->era,
         (int)log->offset);
}

/* Reads a text as a file, with each number of lines ahead. Returns how many were unreadable. */
static uint64_t check_reading(const char *text, const char *expected)
{
    char path[] = "/tmp/troth-recording-XXXXXX";
    const int file = mkstemp(path);
    uint64_t unreadable = 0;
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    for (unsigned group = 1; group <= TROTH_PREFETCH; group++) {
        struct told *told = calloc(1, sizeof *told);
        assert_non_null(told);
        struct troth_recording recording = {.path = path,
                                            .group = group,
                                            .on_records = tell_records,
                                            .on_decision = tell_decision,
                                            .on_contract = tell_contract,
                                            .on_log = tell_log,
                                            .context = told};
        assert_true(troth_recording_read(&recording));
        assert_string_equal(told->text, expected);
        unreadable = recording.unreadable;
        free(told);
    }
    unlink(path);
    return unreadable;
}

#define EVENT(agent, at) "{\"agent\":\"" agent "\",\"at\":" at ",\"kind\":\"task\"}\n"
#define DISPUTE(topic, partition, offset)                                                          \
    "{\"decision\":{\"agent\":\"a\",\"contract\":\"c\",\"by\":\"ann\",\"reason\":\"r\",\"at\":7,"  \
    "\"action\":\"dispute_open\",\"term\":\"t\",\"topic\":\"" topic "\",\"partition\":" partition  \
    ",\"offset\":" offset "},\"recorded_at\":9}\n"
#define LOG(offset) "{\"log\":{\"topic\":\"t\",\"partition\":3,\"era\":2,\"offset\":" offset "}}\n"
#define CONTRACT                                                                                   \
    "{\"contract\":\"c\",\"version\":4,\"promise\":\"p\",\"owner\":\"o\",\"terms\":[{\"name\":"    \
    "\"t\","                                                                                       \
    "\"when\":{\"kind\":\"task\"},\"keep\":{\"outcome\":\"ok\"},\"floor\":0.9}]}"

static void a_line_has_its_number(void **state)
{
    (void)state;
    assert_int_equal(check_reading(EVENT("a", "1") "\n" EVENT("b", "2"),
                                   "event 0 of a at 1; event 2 of b at 2; "),
                     0);
    /* Without a log any dispute is of a line. */
    assert_int_equal(check_reading(EVENT("a", "1") DISPUTE("x", "7", "0") EVENT("b", "2"),
                                   "event 0 of a at 1; decision 1 at 9 of a at 1; "
                                   "event 2 of b at 2; "),
                     0);
    assert_int_equal(check_reading(DISPUTE("x", "7", "0") DISPUTE("x", "7", "9") EVENT("b", "2"),
                                   "decision 0 at 9; decision 1 at 9; event 2 of b at 2; "),
                     0);
}

static void a_log_says_its_offsets(void **state)
{
    (void)state;
    assert_int_equal(check_reading(LOG("5") EVENT("a", "1") LOG("9") EVENT("b", "2") DISPUTE(
                                       "t", "3", "9") DISPUTE("t", "3", "5") DISPUTE("t", "3", "6"),
                                   "log t 3 2 from 5; event 5 of a at 1; log t 3 2 from 9; "
                                   "event 9 of b at 2; decision 10 at 9 of b at 2; "
                                   "decision 11 at 9 of a at 1; decision 12 at 9; "),
                     0);
    /* A record of another partition, or topic, is not one of this log. */
    assert_int_equal(check_reading(LOG("0") EVENT("a", "1") DISPUTE("t", "4", "0")
                                       DISPUTE("u", "3", "0"),
                                   "log t 3 2 from 0; event 0 of a at 1; decision 1 at 9; "
                                   "decision 2 at 9; "),
                     0);
}

static void a_contract_comes_where_it_stands(void **state)
{
    (void)state;
    assert_int_equal(check_reading(EVENT("a", "1") "{\"contract\":" CONTRACT
                                                   ",\"recorded_at\":8}\n" EVENT("b", "9"),
                                   "event 0 of a at 1; c@4 1 at 8; event 2 of b at 9; "),
                     0);
}

static void what_is_no_line_is_counted(void **state)
{
    static const char *const wrong[] = {
        "nonsense\n",
        "{\"contract\":{\"contract\":\"c\"},\"recorded_at\":8}\n",
        "{\"contract\":" CONTRACT "}\n",
        "{\"contract\":" CONTRACT ",\"recorded_at\":-1}\n",
        "{\"contract\":" CONTRACT ",\"recorded_at\":8,\"more\":1}\n",
        "{\"decision\":{}}\n",
    };
    static const char *const wrong_logs[] = {
        "{\"log\":7}\n",
        "{\"log\":{\"topic\":\"t\",\"partition\":3,\"era\":2}}\n",
        "{\"log\":{\"topic\":\"t\",\"partition\":-3,\"era\":2,\"offset\":1}}\n",
        "{\"log\":{\"topic\":\"t\",\"partition\":3,\"era\":2,\"offset\":1,\"more\":1}}\n",
        LOG("0"), /* it goes back */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s%s", EVENT("a", "1"), wrong[i], EVENT("b", "2"));
        assert_int_equal(check_reading(text, "event 0 of a at 1; event 2 of b at 2; "), 1);
    }
    for (unsigned i = 0; i < sizeof wrong_logs / sizeof *wrong_logs; i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s%s", EVENT("a", "1"), wrong_logs[i], EVENT("b", "2"));
        assert_int_equal(check_reading(text, "event 0 of a at 1; event 1 of b at 2; "), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_number),
        cmocka_unit_test(a_log_says_its_offsets),
        cmocka_unit_test(a_contract_comes_where_it_stands),
        cmocka_unit_test(what_is_no_line_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
