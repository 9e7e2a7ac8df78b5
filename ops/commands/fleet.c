/* troth fleet: a fleet of agents that does not exist, to Kafka in real time or to a file at once,
 * with the truth about each agent beside it. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consumers/avro/encode.h"
#include "consumers/clock.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/fleet/fleet.h"
#include "ops/fleet/judge.h"
#include "ops/kafka/sender.h"
#include "ops/message.h"
#include "ops/progress.h"
#include "schemas/event_json.h"

enum {
    POLL_EVERY_US = 10000, /* answers are taken at least this often while waiting */
    JUDGE_ENOUGH_US = 10000000,
    JUDGE_ENOUGH_EVENTS = 100,
    TRUTH_LENGTH_MAX = 512
};

/* Where a file's events begin, so that a seed gives the same bytes on any day: 2026-01-01 UTC. */
#define FILE_START_US INT64_C(1767225600000000)

/* A lag of the sending behind the fleet's time that is worth a word. */
#define LAG_TOLD_US INT64_C(1000000)

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

struct parade {
    struct troth_fleet *fleet;
    struct troth_progress progress;
    struct troth_clock clock;
    struct troth_sender sender;
    FILE *out; /* NULL: to Kafka */
    const char *path;
    bool create_time;
    uint64_t events;
    int64_t lag_us; /* greatest */
    char line[TROTH_EVENT_LINE_LENGTH_MAX + 1];
    uint8_t record[TROTH_RECORD_LENGTH_MAX];
};

/* Waits until the fleet's time has come. Returns false when the wait was interrupted. */
static bool wait_until(struct parade *parade, int64_t time_us)
{
    int64_t left_us;
    while ((left_us = time_us - parade->clock.wall_us(parade->clock.context)) > 0) {
        if (interrupted) {
            return false;
        }
        const int64_t nap_us = left_us < POLL_EVERY_US ? left_us : POLL_EVERY_US;
        const struct timespec nap = {.tv_sec = 0, .tv_nsec = (long)nap_us * 1000};
        nanosleep(&nap, NULL);
        troth_sender_poll(&parade->sender);
        troth_progress_show(&parade->progress, parade->sender.acknowledged);
    }
    parade->lag_us = -left_us > parade->lag_us ? -left_us : parade->lag_us;
    return true;
}

static troth_status send_event(struct parade *parade, const struct troth_event *event,
                               int64_t recorded_at_us)
{
    size_t length;
    troth_status status = troth_encode(event, parade->record, sizeof parade->record, &length);
    if (status == TROTH_OK) {
        status =
            troth_sender_send(&parade->sender, event->agent.data, event->agent.length,
                              parade->record, length, parade->create_time ? recorded_at_us : 0);
    }
    if (status != TROTH_OK) {
        troth_message_error("%s", parade->sender.error[0] != '\0' ? parade->sender.error
                                                                  : troth_status_meaning(status));
    }
    return status;
}

static troth_status write_event(struct parade *parade, const struct troth_event *event,
                                int64_t recorded_at_us)
{
    size_t length;
    const troth_status status = troth_event_json_write(
        event, recorded_at_us != event->at_us ? recorded_at_us : TROTH_EVENT_UNRECORDED,
        parade->line, TROTH_EVENT_LINE_LENGTH_MAX, &length);
    if (status != TROTH_OK) {
        troth_message_error("%s: %s", parade->path, troth_status_meaning(status));
        return status;
    }
    parade->line[length++] = '\n';
    if (fwrite(parade->line, 1, length, parade->out) != length) {
        troth_message_error("%s: cannot be written: %s", parade->path, strerror(errno));
        return TROTH_REFUSED;
    }
    return TROTH_OK;
}

/* Returns whether all went well; an interruption is well. */
static bool march(struct parade *parade)
{
    struct troth_event event;
    int64_t recorded_at_us;
    while (!interrupted && troth_fleet_next(parade->fleet, &event, &recorded_at_us)) {
        if (parade->out == NULL && !wait_until(parade, recorded_at_us)) {
            break;
        }
        const troth_status status = parade->out == NULL
                                        ? send_event(parade, &event, recorded_at_us)
                                        : write_event(parade, &event, recorded_at_us);
        if (status != TROTH_OK) {
            return false;
        }
        parade->events++;
        troth_progress_show(&parade->progress, parade->events);
    }
    return true;
}

static bool write_truth(const struct troth_fleet *fleet, const char *path)
{
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (out == NULL) {
        troth_message_error("%s: cannot be written: %s", path, strerror(errno));
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; i < troth_fleet_agents(fleet) && good; i++) {
        char line[TRUTH_LENGTH_MAX + 1];
        struct troth_fleet_truth truth;
        size_t length;
        troth_fleet_agent(fleet, i, &truth);
        good = troth_fleet_truth_write(&truth, line, TRUTH_LENGTH_MAX, &length) == TROTH_OK;
        if (good) {
            line[length++] = '\n';
            good = fwrite(line, 1, length, out) == length;
        }
    }
    good = (out == stdout ? fflush(out) : fclose(out)) == 0 && good;
    if (!good) {
        troth_message_error("%s: cannot be written: %s", path, strerror(errno));
    }
    return good;
}

/* On stderr where stdout bears the events or the truth. */
static void tell_result(const struct parade *parade, double seconds, bool json, bool stdout_taken)
{
    FILE *out = stdout_taken ? stderr : stdout;
    const uint64_t done = parade->out == NULL ? parade->sender.acknowledged : parade->events;
    const char *where = parade->out == NULL ? parade->sender.topic : parade->path;
    if (json) {
        json_t *object =
            json_pack("{s:s, s:I, s:I, s:f, s:b}", "to", where, "events", (json_int_t)done,
                      "agents", (json_int_t)troth_fleet_agents(parade->fleet), "seconds", seconds,
                      "interrupted", interrupted != 0);
        json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
        fputc('\n', out);
        json_decref(object);
    } else {
        fprintf(out, "%" PRIu64 " events of %" PRIu32 " agents to %s in %.1f s (%.0f/s)%s\n", done,
                troth_fleet_agents(parade->fleet), where, seconds, (double)done / seconds,
                interrupted ? ", interrupted" : "");
    }
    if (parade->lag_us > LAG_TOLD_US) {
        char lag[TROTH_PARSE_TEXT_MAX];
        troth_message_warn("sending fell up to %s behind the fleet's time; lower --rate",
                           troth_parse_write_duration(parade->lag_us / 1000 * 1000, lag));
    }
}

static bool open_destination(struct parade *parade, const struct troth_config *config,
                             const char *path)
{
    parade->path = path;
    if (strcmp(path, "kafka") == 0) {
        if (troth_sender_open(&parade->sender, config, "telemetry") != TROTH_OK) {
            troth_message_error("%s", parade->sender.error);
            return false;
        }
        return true;
    }
    parade->out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (parade->out == NULL) {
        troth_message_error("%s: cannot be written: %s", path, strerror(errno));
        return false;
    }
    return true;
}

/* In told: a failure was told already. Returns whether everything arrived. */
static bool close_destination(struct parade *parade, bool told)
{
    bool good = true;
    if (parade->out == NULL) {
        good = troth_sender_flush(&parade->sender) == TROTH_OK;
        if (!good && !told) {
            troth_message_error("%s", parade->sender.error);
        }
        troth_sender_close(&parade->sender);
        return good;
    }
    good = (parade->out == stdout ? fflush(stdout) : fclose(parade->out)) == 0;
    if (!good) {
        troth_message_error("%s: cannot be written: %s", parade->path, strerror(errno));
    }
    return good;
}

/* Waits for the engine, and prints how it did. Returns whether it passed. */
static bool judge(const struct troth_context *context, const struct troth_fleet *fleet,
                  int64_t start_us)
{
    /* What a fair judgement needs: the completeness term tells of a gap 64 events after it. */
    const struct troth_confusion_config enough = {.enough_us = JUDGE_ENOUGH_US,
                                                  .enough_events = JUDGE_ENOUGH_EVENTS};
    struct troth_confusion_result result;
    if (troth_fleet_judge(context->config, fleet, start_us, &enough, &result) != TROTH_OK) {
        return false;
    }
    if (context->json) {
        char line[4096];
        size_t length = 0;
        if (troth_confusion_write(&result, line, sizeof line, &length) != TROTH_OK) {
            return false;
        }
        printf("%.*s\n", (int)length, line);
        return result.passed;
    }
    return troth_confusion_print(&result, stdout) && result.passed;
}

/* In fleet_config: its start is set here: now for Kafka, a fixed one for a file. */
static int run_fleet(const struct troth_context *context, struct troth_fleet_config *fleet_config,
                     const char *to, const char *truth, bool judged)
{
    int result = TROTH_EXIT_NO;
    struct parade *parade = calloc(1, sizeof *parade);
    void *memory = NULL;
    if (parade == NULL || posix_memalign(&memory, 64, troth_fleet_size(fleet_config)) != 0) {
        troth_message_error("no memory for %" PRIu32 " agents", fleet_config->agents);
        goto out;
    }
    parade->clock = troth_clock_system();
    parade->create_time = context->config->clock == TROTH_CONFIG_CLOCK_CREATE_TIME;
    if (!open_destination(parade, context->config, to)) {
        goto out;
    }
    fleet_config->start_us =
        parade->out == NULL ? parade->clock.wall_us(parade->clock.context) : FILE_START_US;
    parade->fleet = troth_fleet_init(memory, fleet_config);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    troth_progress_start(&parade->progress, "events");
    bool good = march(parade);
    good = close_destination(parade, !good) && good;
    const double seconds = troth_progress_end(&parade->progress);
    if (truth != NULL) {
        good = write_truth(parade->fleet, truth) && good;
    }
    tell_result(parade, seconds, context->json,
                strcmp(to, "-") == 0 || (truth != NULL && strcmp(truth, "-") == 0));
    if (good && judged && !interrupted) {
        good = judge(context, parade->fleet, fleet_config->start_us);
    }
    result = good ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
out:
    free(memory);
    free(parade);
    return result;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    struct troth_fleet_config fleet;
    bool is_demo = false;
    bool judged = false;
    int64_t agents = 0;
    int64_t duration_us = 0;
    int64_t seed = 1;
    double per_hour = 0;
    const char *to = "kafka";
    const char *truth = NULL;
    const char *problem = "";
    int operands;
    const struct troth_option options[] = {
        {.name = "agents",
         .kind = TROTH_OPTION_INTEGER,
         .target = &agents,
         .low = 1,
         .high = TROTH_FLEET_AGENTS_MAX},
        {.name = "duration",
         .kind = TROTH_OPTION_DURATION,
         .target = &duration_us,
         .low = 1000000,
         .high = TROTH_FLEET_DURATION_MAX_US},
        {.name = "seed",
         .kind = TROTH_OPTION_INTEGER,
         .target = &seed,
         .low = 0,
         .high = INT64_MAX},
        {.name = "rate", .kind = TROTH_OPTION_RATE, .target = &per_hour},
        {.name = "to", .kind = TROTH_OPTION_TEXT, .target = &to},
        {.name = "truth", .kind = TROTH_OPTION_TEXT, .target = &truth},
        {.name = "demo", .kind = TROTH_OPTION_FLAG, .target = &is_demo},
        {.name = "judge", .kind = TROTH_OPTION_FLAG, .target = &judged},
    };
    if (troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 0) {
        troth_message_error("\"%s\" is one too many; a file is named by --to", argv[1]);
        return TROTH_EXIT_USAGE;
    }
    if (is_demo) {
        troth_fleet_config_demo(&fleet);
    } else {
        troth_fleet_config_default(&fleet);
    }
    fleet.seed = (uint64_t)seed;
    fleet.agents = agents > 0 ? (uint32_t)agents : fleet.agents;
    fleet.duration_us = duration_us > 0 ? duration_us : fleet.duration_us;
    if (per_hour > 0) {
        /* 0, which the check below refuses, where it is less than one a second or too much */
        fleet.rate_per_second =
            per_hour / 3600 <= TROTH_FLEET_RATE_MAX ? (uint32_t)(per_hour / 3600 + 0.5) : 0;
    }
    if (troth_fleet_config_check(&fleet, &problem) != TROTH_OK) {
        troth_message_error("%s", problem);
        return TROTH_EXIT_USAGE;
    }
    if (judged && strcmp(to, "kafka") != 0) {
        troth_message_error("--judge needs an engine; it goes with --to kafka alone");
        return TROTH_EXIT_USAGE;
    }
    return run_fleet(context, &fleet, to, truth, judged);
}

const struct troth_command troth_command_fleet = {
    .name = "fleet",
    .arguments =
        "[--agents N] [--rate N] [--duration D] [--seed N] [--to FILE|kafka] [--truth FILE]",
    .summary = "an invented fleet of agents, and the truth about each",
    .help =
        "Agents that keep their promises until a time drawn for each, and then break, drift, go\n"
        "silent, hide, leak or are rescued; most stay healthy. The promises are those of\n"
        "schemas/examples/refunds.yaml: push that contract first.\n"
        "\n"
        "  --agents N       how many; default 1000\n"
        "  --rate N         events a second of the whole fleet; also as 6000/m\n"
        "  --duration D     default 1h; Ctrl-C ends it earlier\n"
        "  --seed N         the same seed gives the same fleet; default 1\n"
        "  --to FILE|kafka  kafka (default): the telemetry topic, in real time. A file, or -:\n"
        "                   JSON Lines as fast as possible, from 2026-01-01 on\n"
        "  --truth FILE     a line of JSON an agent: its kind, the term that must show it, when\n"
        "                   its behavior changed\n"
        "  --demo           a fleet that goes through it all in a minute\n"
        "  --judge          wait for the engine, then hold what it did against the truth; exit\n"
        "                   status 1 where a broken promise was missed, or more than one healthy\n"
        "                   agent in a thousand was narrowed\n",
    .run = run,
};
