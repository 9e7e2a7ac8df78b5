/*
 * Fills the telemetry topic with the standard load, as fast as the broker takes it: tasks of
 * healthy agents (100,000), chosen by Zipf's law with exponent 1, each recorded as it is sent.
 *
 *   bench_load [--config FILE] [--agents N] [--events N] [--each N] [--uniform] [--late PPM]
 *              [--tiny]
 *
 *   --each N             before those events, so many of each agent, in turn, that keep every term:
 *                        half of them as they happen, half in older panes of the window, so that
 *                        the fleet seems to have been at work for an hour
 *   --uniform            each agent is as likely as any other
 *   --late PPM           so many of a million events come after a later one of their agent, and
 *                        fall into an older pane of the window: five to fifty minutes too late
 *
 *   load_events          records that the broker has acknowledged
 *   load_late            of them, late ones
 *   load_agents          agents that occur among them
 *   load_bytes_per_event mean size of an encoded event; the standard load's is about 120
 *   load_events_per_s    how fast that went
 */
#include "bench/standard_load.h"

#include <inttypes.h>
#include <unistd.h>

#include "consumers/avro/encode.h"
#include "consumers/clock.h"
#include "ops/config/options.h"
#include "ops/kafka/sender.h"

enum { EVENTS = 4000000, EVENTS_TINY = 50000 };

/* What was sent. */
struct sum {
    uint64_t bytes; /* of encoded events */
    uint64_t late;  /* events */
    uint64_t random;
};

/* Sends an event as one that is just happening, or that happened too long ago. */
static troth_status send_event(struct troth_sender *sender, struct troth_event *event, bool late,
                               struct sum *sum)
{
    static uint8_t record[TROTH_RECORD_LENGTH_MAX];
    const struct troth_clock clock = troth_clock_system();
    size_t length = 0;
    event->at_us = clock.wall_us(clock.context) - (late ? bench_late_us(&sum->random) : 0);
    troth_status status = troth_encode(event, record, sizeof record, &length);
    if (status == TROTH_OK) {
        status =
            troth_sender_send(sender, event->agent.data, event->agent.length, record, length, 0);
    }
    sum->bytes += length;
    return status;
}

/* Sends so many events of each agent. */
static troth_status send_each(struct troth_sender *sender, struct troth_fleet *fleet, int64_t each,
                              struct sum *sum)
{
    struct troth_event event;
    int64_t recorded_at_us;
    troth_status status = TROTH_OK;
    for (int64_t round = 0; round < each; round++) {
        for (uint32_t i = 0; i < troth_fleet_agents(fleet) && status == TROTH_OK; i++) {
            /* An agent that holds an event back gives two in its next two turns. */
            if (troth_fleet_turn(fleet, i, &event, &recorded_at_us)) {
                bench_event_keep(&event);
                status = send_event(sender, &event, 2 * round >= each, sum);
            }
        }
    }
    return status;
}

/* Sends so many events of the fleet. */
static troth_status send_all(struct troth_sender *sender, struct troth_fleet *fleet, int64_t events,
                             struct sum *sum)
{
    struct troth_event event;
    int64_t recorded_at_us;
    troth_status status = TROTH_OK;
    for (int64_t i = 0;
         i < events && status == TROTH_OK && troth_fleet_next(fleet, &event, &recorded_at_us);
         i++) {
        const bool late = event.at_us < recorded_at_us;
        status = send_event(sender, &event, late, sum);
        sum->late += late;
    }
    return status == TROTH_OK ? troth_sender_flush(sender) : status;
}

static uint32_t count_agents(const struct troth_fleet *fleet)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < troth_fleet_agents(fleet); i++) {
        struct troth_fleet_truth truth;
        troth_fleet_agent(fleet, i, &truth);
        count += truth.events > 0;
    }
    return count;
}

static int load(const struct troth_config *config, const struct bench_load *standard, int64_t each,
                int64_t events)
{
    const struct troth_clock clock = troth_clock_system();
    struct troth_sender sender;
    struct sum sum = {0};
    struct troth_fleet *fleet = bench_fleet_create(standard, clock.wall_us(clock.context));
    if (fleet == NULL) {
        return 1;
    }
    troth_status status = troth_sender_open(&sender, config, "telemetry");
    const int64_t began_us = clock.monotonic_us(clock.context);
    if (status == TROTH_OK) {
        status = send_each(&sender, fleet, each, &sum);
    }
    if (status == TROTH_OK) {
        status = send_all(&sender, fleet, events, &sum);
    }
    const double seconds = (double)(clock.monotonic_us(clock.context) - began_us) / 1e6;
    if (status == TROTH_OK) {
        printf("load_events %" PRIu64 " events\n", sender.acknowledged);
        printf("load_late %" PRIu64 " events\n", sum.late);
        printf("load_agents %" PRIu32 " agents\n", count_agents(fleet));
        printf("load_bytes_per_event %.1f bytes\n",
               (double)sum.bytes / (double)sender.acknowledged);
        printf("load_events_per_s %.4g events/s\n", (double)sender.acknowledged / seconds);
    } else {
        troth_message_error("%s",
                            sender.error[0] != '\0' ? sender.error : troth_status_meaning(status));
    }
    troth_sender_close(&sender);
    free(fleet);
    return status == TROTH_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct troth_common_options common;
    struct troth_config config;
    bool tiny = false;
    bool uniform = false;
    int64_t events = 0;
    int64_t agents = BENCH_AGENTS;
    int64_t late_ppm = 0;
    int64_t each = 0;
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "agents",
         .kind = TROTH_OPTION_INTEGER,
         .target = &agents,
         .low = 1,
         .high = TROTH_FLEET_AGENTS_MAX},
        {.name = "events",
         .kind = TROTH_OPTION_INTEGER,
         .target = &events,
         .low = 1,
         .high = 1000000000},
        {.name = "each", .kind = TROTH_OPTION_INTEGER, .target = &each, .low = 0, .high = 1000},
        {.name = "late",
         .kind = TROTH_OPTION_INTEGER,
         .target = &late_ppm,
         .low = 0,
         .high = 333333},
        {.name = "uniform", .kind = TROTH_OPTION_FLAG, .target = &uniform},
        {.name = "tiny", .kind = TROTH_OPTION_FLAG, .target = &tiny},
    };
    troth_message_setup("bench_load", TROTH_MESSAGE_PLAIN, TROTH_MESSAGE_INFO);
    if (troth_options_take_common(&argc, argv, &common) != TROTH_OK ||
        troth_options_parse(options, sizeof options / sizeof options[0], argc, argv, &operands) !=
            TROTH_OK ||
        operands != 0) {
        fputs("usage: bench_load [--config FILE] [--agents N] [--events N] [--each N]"
              " [--uniform] [--late PPM] [--tiny]\n",
              stderr);
        return 2;
    }
    common.request.environment = environ;
    int result = 1;
    if (troth_config_load(&config, &common.request) == TROTH_OK) {
        result = load(&config,
                      &(struct bench_load){.agents = (uint32_t)agents,
                                           .zipf = uniform ? 0.0 : 1.0,
                                           .late_ppm = (uint32_t)late_ppm},
                      each,
                      events > 0 ? events
                      : tiny     ? EVENTS_TINY
                                 : EVENTS);
    }
    troth_config_fini(&config);
    return result;
}
