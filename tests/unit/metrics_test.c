/*
 * Claims: the text is Prometheus' format: values of labels are escaped, histograms are cumulative
 * and end at +Inf, a line is there whole or not at all, and a full buffer says so. The largest
 * survey there can be fits into the room for a page. Every family that is declared is written,
 * once, and ops/METRICS.md lists exactly those, with type, labels, unit and meaning. What is not
 * known is not written. The engine lives until a loop stands, and is ready only where nothing is in
 * the way, each reason a line of its own.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/monitor/metrics.h"

static char page[TROTH_METRICS_LENGTH_MAX + 1];
static char health[TROTH_HEALTH_LENGTH_MAX];
static struct troth_survey survey;

static const struct troth_metric_family sample = {"troth_x", TROTH_METRIC_GAUGE, "", "", "\\ \n\""};

static const char *terminated(const struct troth_metrics_text *text)
{
    text->data[text->length] = '\0';
    return text->data;
}

static void labels_are_escaped(void **state)
{
    (void)state;
    struct troth_metrics_text text;
    const struct troth_metric_label labels[] = {{"a", "x\\y\"z\nw"}, {"b", ""}};
    troth_metrics_text_init(&text, page, sizeof page - 1);
    troth_metrics_family(&text, &sample);
    troth_metrics_number(&text, &sample, labels, 2, UINT64_MAX);
    troth_metrics_seconds(&text, &sample, labels, 1, -1500000);
    troth_metrics_seconds(&text, &sample, NULL, 0, INT64_MAX);
    assert_string_equal(terminated(&text),
                        "# HELP troth_x \\\\ \\n\"\n# TYPE troth_x gauge\n"
                        "troth_x{a=\"x\\\\y\\\"z\\nw\",b=\"\"} 18446744073709551615\n"
                        "troth_x{a=\"x\\\\y\\\"z\\nw\"} -1.500000\n"
                        "troth_x 9223372036854.775807\n");
    assert_false(text.full);
}

static void histograms_are_cumulative(void **state)
{
    (void)state;
    struct troth_metrics_text text;
    struct troth_histogram histogram = {0};
    troth_histogram_note(&histogram, 1000);
    troth_histogram_note(&histogram, 1001);
    troth_histogram_note(&histogram, 61000000);
    troth_metrics_text_init(&text, page, sizeof page - 1);
    troth_metrics_histogram(&text, &sample, &histogram);
    const char *written = terminated(&text);
    assert_non_null(strstr(written, "troth_x_bucket{le=\"0.001\"} 1\n"
                                    "troth_x_bucket{le=\"0.002\"} 2\n"));
    assert_non_null(strstr(written, "troth_x_bucket{le=\"60\"} 2\n"
                                    "troth_x_bucket{le=\"+Inf\"} 3\n"
                                    "troth_x_sum 61.002001\ntroth_x_count 3\n"));
}

static void a_full_buffer_ends_with_a_line(void **state)
{
    (void)state;
    char whole[256];
    struct troth_metrics_text text;
    troth_metrics_text_init(&text, whole, sizeof whole - 1);
    troth_metrics_number(&text, &sample, NULL, 0, 1);
    troth_metrics_number(&text, &sample, NULL, 0, 22);
    const size_t length = text.length;
    terminated(&text);
    for (size_t capacity = 0; capacity <= length; capacity++) {
        char *exact = malloc(capacity + 1); /* so that a sanitizer sees what is past it */
        assert_non_null(exact);
        troth_metrics_text_init(&text, exact, capacity);
        troth_metrics_number(&text, &sample, NULL, 0, 1);
        troth_metrics_number(&text, &sample, NULL, 0, 22);
        assert_true(text.full == (capacity < length));
        assert_memory_equal(exact, whole, text.length);
        assert_true(text.length == 0 || exact[text.length - 1] == '\n');
        free(exact);
    }
    /* Nothing follows what did not fit, however short. */
    char small[16];
    troth_metrics_text_init(&text, small, 12);
    troth_metrics_number(&text, &sample, NULL, 0, 1000000);
    troth_metrics_number(&text, &sample, NULL, 0, 1);
    assert_int_equal(text.length, 0);
}

static struct troth_engine_look look_of(const struct troth_survey *of)
{
    return (struct troth_engine_look){.survey = of,
                                      .wall_us = 1000000000,
                                      .monotonic_us = 500000000,
                                      .workers = 2,
                                      .stuck = -1,
                                      .checkpoints = true,
                                      .agents_max = 1000,
                                      .standings_max = 2000,
                                      .resident_bytes = 4096};
}

static const char *write_page(const struct troth_engine_look *look)
{
    struct troth_metrics_text text;
    troth_metrics_text_init(&text, page, sizeof page - 1);
    troth_metrics_write(&text, look);
    assert_false(text.full);
    return terminated(&text);
}

static void the_largest_fits(void **state)
{
    (void)state;
    memset(&survey, 0xff, sizeof survey);
    survey.counts.store_connected = true;
    survey.counts.log_away = true;
    survey.commit_begun_us = 1;
    survey.partition_count = TROTH_PARTITIONS_MAX + 1;
    survey.contract_count = TROTH_CONTRACTS_MAX + 1;
    for (uint32_t i = 0; i < survey.partition_count; i++) {
        survey.partitions[i] = (struct troth_partition_survey){.number = INT32_MIN,
                                                               .lag = INT64_MAX,
                                                               .clock_us = INT64_MIN + 1,
                                                               .checkpoint_us = INT64_MIN + 1,
                                                               .agents = UINT32_MAX,
                                                               .standings = UINT32_MAX};
    }
    for (uint32_t i = 0; i < survey.contract_count; i++) {
        memset(survey.contracts[i].name, 'x', TROTH_NAME_LENGTH_MAX);
        survey.contracts[i].name[TROTH_NAME_LENGTH_MAX] = '\0';
    }
    struct troth_engine_look look = look_of(&survey);
    look.wall_us = 0;
    (void)write_page(&look);
}

static unsigned times(const char *text, const char *what)
{
    unsigned count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

static void the_page_of_the_manual_is_true(void **state)
{
    (void)state;
    static char manual[65536];
    char row[512];
    size_t count = 0;
    const struct troth_metric_family *families = troth_metrics_families(&count);
    FILE *file = fopen("ops/METRICS.md", "re");
    if (file == NULL) {
        fail_msg("ops/METRICS.md is not there; run from the root of the tree");
        return;
    }
    manual[fread(manual, 1, sizeof manual - 1, file)] = '\0';
    fclose(file);
    troth_survey_init(&survey);
    const struct troth_engine_look look = look_of(&survey);
    const char *written = write_page(&look);
    for (size_t i = 0; i < count; i++) {
        const struct troth_metric_family *family = &families[i];
        snprintf(row, sizeof row, "\n| `%s` | %s | %s | %s | %s |\n", family->name,
                 troth_metric_type_name(family->type), family->labels, family->unit, family->help);
        if (strstr(manual, row) == NULL) {
            fail_msg("ops/METRICS.md lacks this row:%s", row);
        }
        snprintf(row, sizeof row, "# TYPE %s %s\n", family->name,
                 troth_metric_type_name(family->type));
        assert_int_equal(times(written, row), 1);
    }
    assert_int_equal(times(written, "# TYPE "), count);
    assert_int_equal(times(manual, "\n| `troth_"), count);
}

static void what_is_not_known_is_not_written(void **state)
{
    (void)state;
    troth_survey_init(&survey);
    survey.partition_count = 2;
    survey.partitions[0] = (struct troth_partition_survey){.number = 7};
    survey.partitions[1] = (struct troth_partition_survey){
        .number = TROTH_SURVEY_OTHERS, .clock_us = 999000000, .checkpoint_us = 998000000};
    struct troth_engine_look look = look_of(&survey);
    const char *written = write_page(&look);
    assert_null(strstr(written, "age_seconds{partition=\"7\"}"));
    assert_non_null(strstr(written, "troth_partition_lag_records{partition=\"7\"} 0\n"));
    assert_non_null(strstr(written, "troth_partition_age_seconds{partition=\"other\"} 1.000000\n"));
    assert_non_null(
        strstr(written, "troth_partition_checkpoint_age_seconds{partition=\"other\"} 2.000000\n"));
    look.checkpoints = false;
    assert_null(strstr(write_page(&look), "checkpoint_age_seconds{"));
}

static void it_lives_until_a_loop_stands(void **state)
{
    (void)state;
    struct troth_engine_look look = look_of(&survey);
    assert_true(troth_health_lives(&look, health));
    look.stuck = 1;
    look.stuck_us = 31000000;
    assert_false(troth_health_lives(&look, health));
    assert_non_null(strstr(health, "worker 1 stands: its turn was due 31 s ago"));
}

static void it_is_ready_where_nothing_is_in_the_way(void **state)
{
    (void)state;
    static const struct troth_partition_survey good = {.started = true, .caught_up = true};
    troth_survey_init(&survey);
    struct troth_engine_look look = look_of(&survey);
    assert_false(troth_health_ready(&look, health));
    assert_string_equal(health, "no partition of telemetry is assigned to this process\n");
    survey.partition_count = TROTH_PARTITIONS_MAX;
    for (uint32_t i = 0; i < survey.partition_count; i++) {
        survey.partitions[i] = good;
        survey.partitions[i].number = (int32_t)i;
    }
    survey.commit_begun_us = look.monotonic_us - 59999999;
    assert_true(troth_health_ready(&look, health));
    assert_string_equal(health, "ready: 1024 partitions\n");
    survey.partitions[0].started = false;
    survey.partitions[1].caught_up = false;
    survey.partitions[1].lag = 12;
    survey.partitions[2].fenced = true;
    survey.commit_begun_us--;
    survey.counts.store_connected = false;
    survey.counts.log_away = true;
    look.idle = 1;
    look.stuck = 0;
    assert_false(troth_health_ready(&look, health));
    assert_string_equal(
        health,
        "worker 0 stands\n"
        "1 of 2 workers are without a log: it is being opened, or cannot be; see the log for why\n"
        "no broker of Kafka answers; scoring waits\n"
        "Redis is away, or takes nothing; scoring goes on, and nothing is published\n"
        "a commit is under way for 60 s; are the brokers there?\n"
        "telemetry[0] is being restored\n"
        "telemetry[1] has not caught up with its log, 12 records to go\n"
        "telemetry[2] is another engine's in Redis; see the log\n");
    for (uint32_t i = 0; i < survey.partition_count; i++) {
        survey.partitions[i] =
            (struct troth_partition_survey){.number = INT32_MAX, .started = true};
        survey.partitions[i].lag = INT64_MAX;
    }
    assert_false(troth_health_ready(&look, health));
    assert_non_null(strstr(health, "\nand 1008 more partitions are not ready\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(a_full_buffer_ends_with_a_line),
        cmocka_unit_test(the_largest_fits),
        cmocka_unit_test(the_page_of_the_manual_is_true),
        cmocka_unit_test(what_is_not_known_is_not_written),
        cmocka_unit_test(it_lives_until_a_loop_stands),
        cmocka_unit_test(it_is_ready_where_nothing_is_in_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
