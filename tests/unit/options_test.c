/*
 * Claims: the options that every program has are found wherever they stand, and nothing else is
 * touched; both ways of writing a value are one; what does not fit is refused on both sides of each
 * limit and told with what would be right; durations, integers and rates are read exactly or not at
 * all; a slip of the hand is answered with the nearest name; and text from outside cannot move a
 * cursor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/message.h"

enum { ARGUMENTS_MAX = 16, TOLD_MAX = 8192 };

static char told[TOLD_MAX];
static FILE *errors;
static int kept_stderr;

static void begin_listening(void)
{
    errors = tmpfile();
    assert_non_null(errors);
    kept_stderr = dup(STDERR_FILENO);
    dup2(fileno(errors), STDERR_FILENO);
}

static void end_listening(void)
{
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    rewind(errors);
    told[fread(told, 1, sizeof told - 1, errors)] = '\0';
    fclose(errors);
}

static void assert_told(const char *part)
{
    if (strstr(told, part) == NULL) {
        fail_msg("\"%s\" was not told, but:\n%s", part, told);
    }
}

/* A command line, as main gets it. */
struct line {
    char *argv[ARGUMENTS_MAX + 1];
    int argc;
};

static struct line line_of(const char *const *words)
{
    struct line line = {.argc = 0};
    while (words[line.argc] != NULL) {
        assert_true(line.argc < ARGUMENTS_MAX);
        line.argv[line.argc] = (char *)(uintptr_t)words[line.argc];
        line.argc++;
    }
    return line;
}

#define LINE(...) line_of((const char *const[]){"troth", __VA_ARGS__, NULL})

static void common_options_are_taken_wherever_they_stand(void **state)
{
    (void)state;
    static struct troth_common_options options;
    struct line line = LINE("--json", "emit", "--rate", "5", "--redis-address=h:1", "file",
                            "--config", "a.yaml", "--kafka", "x=y", "--bootstrap", "b:2", "-");
    assert_int_equal(troth_options_take_common(&line.argc, line.argv, &options), TROTH_OK);
    assert_int_equal(line.argc, 6);
    static const char *const left[] = {"troth", "emit", "--rate", "5", "file", "-"};
    for (int i = 0; i < line.argc; i++) {
        assert_string_equal(line.argv[i], left[i]);
    }
    assert_null(line.argv[6]);
    assert_true(options.json);
    assert_false(options.help);
    assert_string_equal(options.request.file, "a.yaml");
    assert_int_equal(options.request.flag_count, 3);
    assert_string_equal(options.request.flags[0].name, "redis-address");
    assert_string_equal(options.request.flags[0].value, "h:1");
    assert_string_equal(options.request.flags[1].value, "x=y");
    assert_string_equal(options.request.flags[2].name, "bootstrap");
}

static void after_two_dashes_nothing_is_taken(void **state)
{
    (void)state;
    static struct troth_common_options options;
    struct line line = LINE("emit", "--", "--json", "--workers");
    assert_int_equal(troth_options_take_common(&line.argc, line.argv, &options), TROTH_OK);
    assert_int_equal(line.argc, 5);
    assert_false(options.json);
    int operands;
    char **argv = line.argv + 1; /* as the command gets it */
    assert_int_equal(troth_options_parse(NULL, 0, line.argc - 1, argv, &operands), TROTH_OK);
    assert_int_equal(operands, 2);
    assert_string_equal(argv[1], "--json");
    assert_string_equal(argv[2], "--workers");
}

static void a_switch_takes_no_value_and_a_flag_needs_one(void **state)
{
    (void)state;
    static struct troth_common_options options;
    struct line with = LINE("--json=yes");
    struct line without = LINE("top", "--workers");
    begin_listening();
    assert_int_equal(troth_options_take_common(&with.argc, with.argv, &options), TROTH_INVALID);
    assert_int_equal(troth_options_take_common(&without.argc, without.argv, &options),
                     TROTH_INVALID);
    end_listening();
    assert_told("--json takes no value");
    assert_told("--workers needs a value");
}

static void more_flags_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    static struct troth_common_options options;
    static char *argv[TROTH_OPTIONS_FLAGS_MAX + 3];
    char word[] = "--workers=1";
    for (int count = TROTH_OPTIONS_FLAGS_MAX; count <= TROTH_OPTIONS_FLAGS_MAX + 1; count++) {
        int argc = count + 1;
        for (int i = 0; i < argc; i++) {
            argv[i] = word;
        }
        argv[argc] = NULL;
        begin_listening();
        const troth_status status = troth_options_take_common(&argc, argv, &options);
        end_listening();
        assert_int_equal(status, count <= TROTH_OPTIONS_FLAGS_MAX ? TROTH_OK : TROTH_INVALID);
    }
    assert_told("more than 128 options");
}

/* What a command may ask for. */
struct wishes {
    bool flag;
    const char *text;
    int64_t count;
    int64_t span_us;
    double per_hour;
    struct troth_option_texts keys;
};

static troth_status parse(struct line line, struct wishes *wishes, int *operands)
{
    const struct troth_option options[] = {
        {.name = "create-time", .kind = TROTH_OPTION_FLAG, .target = &wishes->flag},
        {.name = "to", .kind = TROTH_OPTION_TEXT, .target = &wishes->text},
        {.name = "agents",
         .kind = TROTH_OPTION_INTEGER,
         .target = &wishes->count,
         .low = 1,
         .high = 100},
        {.name = "duration",
         .kind = TROTH_OPTION_DURATION,
         .target = &wishes->span_us,
         .low = 1000000,
         .high = 60000000},
        {.name = "rate", .kind = TROTH_OPTION_RATE, .target = &wishes->per_hour},
        {.name = "key", .kind = TROTH_OPTION_TEXTS, .target = &wishes->keys},
    };
    begin_listening();
    const troth_status status = troth_options_parse(options, sizeof options / sizeof options[0],
                                                    line.argc, line.argv, operands);
    end_listening();
    return status;
}

static void a_commands_options_are_read_in_both_forms(void **state)
{
    (void)state;
    struct wishes wishes = {.text = "kafka"};
    int operands;
    assert_int_equal(
        parse(LINE("a", "--create_time", "--agents", "7", "--duration=2s", "-", "--rate=240/h"),
              &wishes, &operands),
        TROTH_OK);
    assert_int_equal(operands, 2);
    assert_true(wishes.flag);
    assert_string_equal(wishes.text, "kafka"); /* what is not given keeps its value */
    assert_int_equal(wishes.count, 7);
    assert_int_equal(wishes.span_us, 2000000);
    assert_true(wishes.per_hour == 240);
    assert_int_equal(wishes.keys.count, 0);
}

static void what_is_given_several_times_is_kept(void **state)
{
    (void)state;
    struct wishes wishes = {.text = ""};
    int operands;
    assert_int_equal(
        parse(LINE("--key", "a", "x", "--key=b", "--key", "c", "--key", "d"), &wishes, &operands),
        TROTH_OK);
    assert_int_equal(operands, 1);
    assert_int_equal(wishes.keys.count, TROTH_OPTION_TEXTS_MAX);
    assert_string_equal(wishes.keys.items[0], "a");
    assert_string_equal(wishes.keys.items[3], "d");
    struct wishes more = {.text = ""};
    assert_int_equal(parse(LINE("--key", "a", "--key", "b", "--key", "c", "--key", "d", "--key=e"),
                           &more, &operands),
                     TROTH_INVALID);
    assert_told("--key may be given at most 4 times");
}

static void refuse(struct line line, const char *part)
{
    struct wishes wishes = {.count = -7};
    int operands;
    assert_int_equal(parse(line, &wishes, &operands), TROTH_INVALID);
    assert_told(part);
    assert_int_equal(wishes.count, -7);
}

static void what_does_not_fit_is_told_with_what_would(void **state)
{
    (void)state;
    struct wishes wishes = {.count = 0};
    int operands;
    assert_int_equal(parse(LINE("--agents=1"), &wishes, &operands), TROTH_OK);
    assert_int_equal(parse(LINE("--agents=100"), &wishes, &operands), TROTH_OK);
    assert_int_equal(parse(LINE("--duration=1m"), &wishes, &operands), TROTH_OK);
    refuse(LINE("--agents=0"), "--agents: \"0\" will not do; expected an integer from 1 to 100");
    refuse(LINE("--agents=101"), "expected an integer from 1 to 100");
    refuse(LINE("--agents=7x"), "expected an integer from 1 to 100");
    refuse(LINE("--duration=61s"), "expected a duration from 1s to 1m");
    refuse(LINE("--duration=999ms"), "expected a duration from 1s to 1m");
    refuse(LINE("--rate=fast"), "expected a rate, as 240/h, 4/m or 0.5/s");
    refuse(LINE("--agents"), "--agents needs a value");
    refuse(LINE("--create-time=1"), "--create-time takes no value");
    refuse(LINE("--agent=1"), "there is no option --agent; did you mean --agents?");
    refuse(LINE("-x"), "there is no option --x; see --help");
}

static void integers_are_read_exactly_or_not_at_all(void **state)
{
    (void)state;
    int64_t value = 77;
    assert_true(troth_parse_integer("9223372036854775807", &value));
    assert_int_equal(value, INT64_MAX);
    assert_true(troth_parse_integer("-9223372036854775807", &value));
    assert_true(value == -INT64_MAX);
    assert_true(troth_parse_integer("007", &value));
    assert_int_equal(value, 7);
    static const char *const wrong[] = {"",    "-",   "+1", " 1",  "1 ",
                                        "0x1", "1e3", "1.", "--1", "9223372036854775808"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        value = 77;
        assert_false(troth_parse_integer(wrong[i], &value));
        assert_int_equal(value, 77);
    }
}

static void durations_are_read_exactly_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } right[] = {{"0s", 0},
                 {"1us", 1},
                 {"50ms", 50000},
                 {"1s", 1000000},
                 {"90m", 5400000000},
                 {"2h", 7200000000},
                 {"7d", 604800000000},
                 {"106751991d", INT64_C(9223372022400000000)}};
    static const char *const wrong[] = {"",    "5",  "s",   "1.5s", "-1s",       "1S",
                                        "1 s", "1w", "1sm", "1s ",  "106751992d"};
    int64_t value = 77;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(troth_parse_duration(right[i].text, &value));
        assert_int_equal(value, right[i].us);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        value = 77;
        assert_false(troth_parse_duration(wrong[i], &value));
        assert_int_equal(value, 77);
    }
}

static void a_duration_that_is_written_reads_back(void **state)
{
    (void)state;
    const uint64_t first_seed = 0x9e3779b97f4a7c15ULL;
    uint64_t seed = first_seed;
    print_message("seed %" PRIx64 "\n", first_seed);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth's MMIX */
        static const int64_t steps[] = {1, 1000, 1000000, 60000000, 3600000000, 86400000000};
        const int64_t step = steps[seed % 6];
        const int64_t value_us = (int64_t)(seed >> 40) * step; /* below 2^24 days */
        char text[TROTH_PARSE_TEXT_MAX];
        int64_t back_us = -1;
        assert_true(troth_parse_duration(troth_parse_write_duration(value_us, text), &back_us));
        assert_int_equal(back_us, value_us);
    }
}

/* Held against the C library's calendar. */
static void a_time_is_a_date_microseconds_or_so_long_ago(void **state)
{
    (void)state;
    const int64_t now_us = INT64_C(1790000000000000);
    int64_t time_us = 77;
    for (int64_t second = 0; second < INT64_C(7258118400); second += 86400 * 3 + 4021) {
        const time_t when = (time_t)second;
        struct tm utc;
        char text[64];
        assert_non_null(gmtime_r(&when, &utc));
        assert_int_not_equal(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc), 0);
        assert_true(troth_parse_time(text, now_us, &time_us));
        assert_int_equal(time_us, second * 1000000);
        assert_int_not_equal(strftime(text, sizeof text, "%Y-%m-%d", &utc), 0);
        assert_true(troth_parse_time(text, now_us, &time_us));
        assert_int_equal(time_us, second / 86400 * INT64_C(86400000000));
    }
    static const struct {
        const char *text;
        int64_t us;
    } right[] = {{"0", 0},
                 {"1790000000000001", INT64_C(1790000000000001)},
                 {"1s", INT64_C(1789999999000000)},
                 {"100000d", 0},
                 {"1970-01-01T00:01Z", 60000000},
                 {"1970-01-01T00:00:01.25Z", 1250000},
                 {"1970-01-01T00:00:00.000001Z", 1},
                 {"2000-02-29", INT64_C(951782400000000)}};
    static const char *const wrong[] = {"",
                                        "-1",
                                        "yesterday",
                                        "2026-1-1",
                                        "2026-13-01",
                                        "2026-04-31",
                                        "2026-02-29",
                                        "2100-02-29",
                                        "1969-12-31",
                                        "2026-01-00",
                                        "2026-01-01T",
                                        "2026-01-01T10Z",
                                        "2026-01-01T24:00Z",
                                        "2026-01-01T10:60Z",
                                        "2026-01-01T10:00",
                                        "2026-01-01T10:00:00.Z",
                                        "2026-01-01T10:00Z ",
                                        "2026-01-01 10:00Z"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(troth_parse_time(right[i].text, now_us, &time_us));
        assert_int_equal(time_us, right[i].us);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        time_us = 77;
        assert_false(troth_parse_time(wrong[i], now_us, &time_us));
        assert_int_equal(time_us, 77);
    }
}

static void rates_are_per_hour_whatever_they_were_written_in(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double per_hour;
    } right[] = {{"1", 3600}, {"1/s", 3600}, {"4/m", 240},    {"240/h", 240},
                 {"48/d", 2}, {"0", 0},      {"0.5/s", 1800}, {"2.25", 8100}};
    static const char *const wrong[] = {"",    "/h",   ".5",  "-1",  "1/",
                                        "1/w", "1 /h", "nan", "inf", "99999999999999999999"};
    double value = 77;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(troth_parse_rate(right[i].text, &value));
        const double error = value - right[i].per_hour;
        assert_true(error < 1e-9 && error > -1e-9);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        value = 77;
        assert_false(troth_parse_rate(wrong[i], &value));
        assert_true(value == 77);
    }
}

static const char *nearest_of(const char *given)
{
    static const char *const names[] = {"contract", "standing", "explain", "emit", "top", "topics"};
    struct troth_nearest nearest = troth_nearest_start(given);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        troth_nearest_offer(&nearest, names[i]);
    }
    return nearest.best;
}

static void a_slip_of_the_hand_is_answered_with_the_nearest_name(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("contrakt"), "contract");
    assert_string_equal(nearest_of("contracts"), "contract");
    assert_string_equal(nearest_of("emti"), "emit");
    assert_string_equal(nearest_of("topic"), "topics");
    assert_string_equal(nearest_of("TOP"), "top");
    assert_string_equal(nearest_of("standng"), "standing");
    assert_null(nearest_of("xyzzy"));
    assert_null(nearest_of("restaurant-of-the-universe-and-everything-that-is-far-too-long-to-be"));
}

static void text_from_outside_cannot_move_a_cursor(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *shown;
    } cases[] = {{"plain", "plain"},
                 {"\033[2J", "\\x1b[2J"},
                 {"a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"},
                 {"\x7f", "\\x7f"},
                 {"h\xc3\xa9", "h\xc3\xa9"},
                 {"\xc2\x9b"
                  "31m",
                  "\\xc2\\x9b"
                  "31m"}, /* C1: a CSI in one character */
                 {"\xff\xfe", "\\xff\\xfe"},
                 {"\xe2\x82", "\\xe2\\x82"}};
    char buffer[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(
            troth_message_escape(cases[i].text, strlen(cases[i].text), buffer, sizeof buffer),
            cases[i].shown);
    }
    /* An escape that does not fit whole is left out. */
    assert_string_equal(troth_message_escape("ab\n", 3, buffer, 6), "ab");
    assert_string_equal(troth_message_escape("ab\n", 3, buffer, 7), "ab\\x0a");
    assert_string_equal(troth_message_escape("ab", 2, buffer, 1), "");
}

static void a_message_is_one_line_with_its_level(void **state)
{
    (void)state;
    begin_listening();
    troth_message_setup("troth", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    troth_message_error("no %s", "way\nout");
    troth_message_info("by the way");
    troth_message_debug("not told");
    troth_message_setup("trothd", TROTH_MESSAGE_TIMED, TROTH_MESSAGE_DEBUG);
    troth_message_debug("told");
    troth_message_setup("troth", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    end_listening();
    assert_told("troth: error: no way\\x0aout\ntroth: by the way\n2");
    assert_told("Z trothd debug: told\n");
    assert_null(strstr(told, "not told"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_options_are_taken_wherever_they_stand),
        cmocka_unit_test(after_two_dashes_nothing_is_taken),
        cmocka_unit_test(a_switch_takes_no_value_and_a_flag_needs_one),
        cmocka_unit_test(more_flags_than_there_is_room_for_are_refused),
        cmocka_unit_test(a_commands_options_are_read_in_both_forms),
        cmocka_unit_test(what_is_given_several_times_is_kept),
        cmocka_unit_test(what_does_not_fit_is_told_with_what_would),
        cmocka_unit_test(integers_are_read_exactly_or_not_at_all),
        cmocka_unit_test(durations_are_read_exactly_or_not_at_all),
        cmocka_unit_test(a_duration_that_is_written_reads_back),
        cmocka_unit_test(a_time_is_a_date_microseconds_or_so_long_ago),
        cmocka_unit_test(rates_are_per_hour_whatever_they_were_written_in),
        cmocka_unit_test(a_slip_of_the_hand_is_answered_with_the_nearest_name),
        cmocka_unit_test(text_from_outside_cannot_move_a_cursor),
        cmocka_unit_test(a_message_is_one_line_with_its_level),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
