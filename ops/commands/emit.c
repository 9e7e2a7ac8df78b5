/* troth emit: JSON Lines to the telemetry topic, as any emitter would send them. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consumers/avro/encode.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/kafka/sender.h"
#include "ops/message.h"
#include "ops/progress.h"
#include "schemas/event_json.h"

enum {
    COMPLAINTS_MAX = 20,   /* lines that are complained of one by one */
    POLL_EVERY_US = 10000, /* answers are taken at least this often while waiting */
    RATE_MAX_PER_SECOND = 10000000
};

struct emission {
    struct troth_sender sender;
    struct troth_progress progress;
    struct troth_pace pace;
    struct troth_event_arena arena;
    bool create_time; /* records bear the events' own time */
    uint64_t lines;
    uint64_t bad;
    uint8_t record[TROTH_RECORD_LENGTH_MAX];
};

static void complain(struct emission *emission, const char *path, const char *message)
{
    emission->bad++;
    if (emission->bad <= COMPLAINTS_MAX) {
        troth_message_error("%s:%" PRIu64 ": %s", path, emission->lines, message);
    } else if (emission->bad == COMPLAINTS_MAX + 1) {
        troth_message_error("%s: more such lines are counted, not told", path);
    }
}

/* Waits until the next event is due, taking answers meanwhile. */
static void wait_for_turn(struct emission *emission)
{
    for (int64_t left_us; (left_us = troth_pace_next(&emission->pace)) > 0;) {
        const int64_t nap_us = left_us < POLL_EVERY_US ? left_us : POLL_EVERY_US;
        const struct timespec nap = {.tv_sec = 0, .tv_nsec = (long)nap_us * 1000};
        nanosleep(&nap, NULL);
        troth_sender_poll(&emission->sender);
        troth_progress_show(&emission->progress, emission->sender.acknowledged);
    }
}

/* Returns whether to go on: false when the broker takes no more. */
static bool emit_line(struct emission *emission, const char *path, const char *line, size_t length)
{
    char message[TROTH_EVENT_MESSAGE_LENGTH];
    struct troth_event event;
    int64_t recorded_at_us;
    size_t encoded;
    if (troth_event_json_parse(line, length, &emission->arena, &event, &recorded_at_us, message,
                               sizeof message) != TROTH_OK) {
        complain(emission, path, message);
        return true;
    }
    const troth_status status =
        troth_encode(&event, emission->record, sizeof emission->record, &encoded);
    if (status != TROTH_OK) {
        complain(emission, path, troth_status_meaning(status));
        return true;
    }
    wait_for_turn(emission);
    if (troth_sender_send(&emission->sender, event.agent.data, event.agent.length, emission->record,
                          encoded, emission->create_time ? recorded_at_us : 0) != TROTH_OK) {
        troth_message_error("%s:%" PRIu64 ": not sent: %s", path, emission->lines,
                            emission->sender.error);
        return false;
    }
    troth_progress_show(&emission->progress, emission->sender.acknowledged);
    return true;
}

static bool is_blank(const char *line, ssize_t length)
{
    return length == 0 || (length == 1 && line[0] == '\n') ||
           (length == 2 && line[0] == '\r' && line[1] == '\n');
}

/* Returns whether the file could be read to its end and the broker took all. */
static bool emit_file(struct emission *emission, FILE *file, const char *path)
{
    char *line = NULL;
    size_t capacity = 0;
    bool going = true;
    while (going) {
        errno = 0;
        const ssize_t length = getline(&line, &capacity, file);
        if (length < 0) {
            break;
        }
        emission->lines++;
        if (!is_blank(line, length)) {
            going = emit_line(emission, path, line, (size_t)length);
        }
    }
    if (going && ferror(file)) {
        troth_message_error("%s: cannot be read: %s", path, strerror(errno));
        going = false;
    }
    free(line);
    return going;
}

static void tell_result(const struct emission *emission, double seconds, bool json)
{
    const struct troth_sender *sender = &emission->sender;
    if (json) {
        json_t *object =
            json_pack("{s:I, s:I, s:I, s:I, s:f}", "lines", (json_int_t)emission->lines, "sent",
                      (json_int_t)sender->acknowledged, "failed",
                      (json_int_t)(sender->sent - sender->acknowledged), "bad",
                      (json_int_t)emission->bad, "seconds", seconds);
        json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        fputc('\n', stdout);
        json_decref(object);
        return;
    }
    printf("%" PRIu64 " events to %s in %.1f s (%.0f/s)", sender->acknowledged, sender->topic,
           seconds, (double)sender->acknowledged / seconds);
    if (emission->bad > 0) {
        printf(", %" PRIu64 " bad lines", emission->bad);
    }
    if (sender->sent > sender->acknowledged) {
        printf(", %" PRIu64 " not acknowledged", sender->sent - sender->acknowledged);
    }
    putchar('\n');
}

static int emit(struct emission *emission, const struct troth_context *context, const char *path,
                double per_second)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        troth_message_error("%s: cannot be read: %s", path, strerror(errno));
        return TROTH_EXIT_NO;
    }
    int result = TROTH_EXIT_NO;
    if (troth_sender_open(&emission->sender, context->config, "telemetry") != TROTH_OK) {
        troth_message_error("%s", emission->sender.error);
        goto out;
    }
    troth_progress_start(&emission->progress, "events");
    troth_pace_start(&emission->pace, per_second);
    const bool whole = emit_file(emission, file, path);
    const bool delivered = troth_sender_flush(&emission->sender) == TROTH_OK;
    const double seconds = troth_progress_end(&emission->progress);
    if (!delivered && whole) { /* else it has been told */
        troth_message_error("%s", emission->sender.error);
    }
    tell_result(emission, seconds, context->json);
    result = whole && delivered && emission->bad == 0 ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
out:
    troth_sender_close(&emission->sender);
    if (file != stdin) {
        fclose(file);
    }
    return result;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    double per_hour = 0;
    bool create_time = context->config->clock == TROTH_CONFIG_CLOCK_CREATE_TIME;
    int operands;
    const struct troth_option options[] = {
        {.name = "rate", .kind = TROTH_OPTION_RATE, .target = &per_hour},
        {.name = "create-time", .kind = TROTH_OPTION_FLAG, .target = &create_time},
    };
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 1) {
        troth_message_error("name one file of events, or - for standard input");
        return TROTH_EXIT_USAGE;
    }
    if (per_hour / 3600 > RATE_MAX_PER_SECOND) {
        troth_message_error("--rate: at most %d/s", RATE_MAX_PER_SECOND);
        return TROTH_EXIT_USAGE;
    }
    struct emission *emission = calloc(1, sizeof *emission);
    if (emission == NULL) {
        troth_message_error("no memory");
        return TROTH_EXIT_NO;
    }
    emission->create_time = create_time;
    const int result = emit(emission, context, argv[1], per_hour / 3600);
    free(emission);
    return result;
}

const struct troth_command troth_command_emit = {
    .name = "emit",
    .arguments = "[--rate N] [--create-time] FILE|-",
    .summary = "send events from JSON Lines to the telemetry topic",
    .help =
        "Each line is one event:\n"
        "  {\"agent\":\"refund-7\",\"at\":1790000000000000,\"kind\":\"task\",\"outcome\":\"ok\"}\n"
        "\n"
        "  --rate N         events a second; also as 90/m or 240/h. Default: as fast as the\n"
        "                   broker takes them\n"
        "  --create-time    records bear the event's recorded_at, or else its `at`, in whole\n"
        "                   milliseconds; for topics with create time (`clock:\n"
        "                   create_time` implies it)\n"
        "\n"
        "A line that is no event is told with its number, counted and passed over; the exit\n"
        "status is then 1.",
    .run = run,
};
