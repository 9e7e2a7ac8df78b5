/*
 * How soon does each rule notice that an agent has become worse, how often does it say so of one
 * that has not, and is confidence a probability? Method and results: bench/README.md.
 *
 *   bench_detection [--tiny] [--seed N] [--json FILE]
 *   bench_detection --trace FLOOR_PPM WINDOW_EVENTS BROKEN
 *
 * The same seed gives the same output. --trace prints what Troth's rung and the peers are after
 * each event of a stream, for the test that holds them against their definitions; BROKEN is a
 * string of 0 and 1, an event each.
 */
#include "bench/bench.h"

#include <math.h>

#include "bench/detection/report.h"
#include "schemas/assert.h"

enum { FLOORS = 4, WINDOWS = 4, POINTS = 6, CURVE_FLOOR = 2, CURVE_WINDOW = 0, TERMS_WINDOW = 1 };

/* By how much a bin's share may be off, without ageing. */
static const double CALIBRATED = 0.03;

static const uint32_t floors_ppm[FLOORS] = {900000, 950000, 980000, 990000};
static const uint32_t windows[WINDOWS] = {240, 1200, 4000, 12000};
static const double narrow_below[POINTS] = {0.10, 0.05, 0.02, 0.01, 0.002, 0.0005};

struct options {
    bool tiny;
    uint64_t seed;
    const char *json;
};

/* Peers have curves under one floor; Troth where it narrows falsely often enough to have one. */
static void measure_cells(json_t *all, const struct detection_effort *effort)
{
    static struct detection_cell cell;
    static struct detection_cell changed;
    static struct detection_cell points[POINTS];
    json_t *cells = json_array();
    json_t *curves = json_array();
    for (unsigned i = 0; i < FLOORS * WINDOWS; i++) {
        const unsigned f = i / WINDOWS;
        const unsigned w = i % WINDOWS;
        const struct detection_contract contract = {
            .floor_ppm = {floors_ppm[f]}, .terms = 1, .window_events = windows[w]};
        cell.contract = contract;
        changed.contract = contract;
        changed.contract.change = true;
        detection_cell_measure(&cell, effort, true);
        detection_cell_measure(&changed, effort, false);
        json_array_append_new(cells, detection_report_cell(&cell, &changed));
        if (f != CURVE_FLOOR) {
            continue;
        }
        const unsigned count = w == CURVE_WINDOW ? POINTS : 0;
        for (unsigned point = 0; point < count; point++) {
            points[point].contract = contract;
            points[point].contract.narrow_below = narrow_below[point];
            detection_cell_measure(&points[point], effort, false);
        }
        json_array_append_new(curves, detection_report_curves(&cell, points, count));
    }
    json_object_set_new(all, "curves", curves);
    json_object_set_new(all, "cells", cells);
    cell.contract = (struct detection_contract){
        .floor_ppm = {980000, 950000, 970000}, .terms = 3, .window_events = windows[TERMS_WINDOW]};
    detection_cell_measure(&cell, effort, false);
    json_object_set_new(all, "three_terms", detection_report_terms(&cell));
}

/* Of agents with 1 to 400 events that do not age, and of agents with a whole window and more.
 * Returns the greatest distance of those that do not age. */
static double measure_calibration(json_t *all, uint64_t agents, uint64_t seed)
{
    static struct detection_calibration calibration;
    json_t *array = json_array();
    double worst = 0.0;
    for (unsigned i = 0; i < 2 * FLOORS; i++) {
        const bool ageless = i < FLOORS;
        calibration.contract = (struct detection_contract){.floor_ppm = {floors_ppm[i % FLOORS]},
                                                           .terms = 1,
                                                           .window_events = ageless ? 1200 : 240,
                                                           .ageless = ageless};
        calibration.events_min = ageless ? 1 : 240;
        calibration.events_max = ageless ? 400 : 480;
        detection_calibration_measure(&calibration, agents, seed);
        json_array_append_new(array, detection_report_calibration(&calibration));
        if (ageless) {
            worst = fmax(worst, detection_calibration_worst(&calibration));
        }
    }
    json_object_set_new(all, "calibration", array);
    return worst;
}

static int measure(const struct options *options)
{
    const struct detection_effort effort = {.events = options->tiny ? 20000 : 100000000,
                                            .runs = options->tiny ? 2 : 1000,
                                            .seed = options->seed};
    const uint64_t agents = options->tiny ? 100 : 600000;
    json_t *all = json_object();
    TROTH_ASSERT(all != NULL);
    json_object_set_new(all, "seed", json_integer((json_int_t)options->seed));
    json_object_set_new(all, "healthy", json_real(DETECTION_HEALTHY));
    json_object_set_new(all, "events", json_integer((json_int_t)effort.events));
    json_object_set_new(all, "runs", json_integer(effort.runs));
    measure_cells(all, &effort);
    const double worst = measure_calibration(all, agents, options->seed);
    int status = 0;
    if (!options->tiny && worst > CALIBRATED) {
        fprintf(stderr,
                "bench_detection: confidence is no probability: of agents that it bins together a "
                "share keeps its promise that is %.3f off, and %.2f is allowed\n",
                worst, CALIBRATED);
        status = 1;
    }
    if (options->json != NULL && json_dump_file(all, options->json, JSON_INDENT(1)) != 0) {
        fprintf(stderr, "bench_detection: %s cannot be written\n", options->json);
        status = 1;
    }
    json_decref(all);
    return status;
}

/* One line an event: its rung, and a digit a peer, 1 where it is in alarm (it is asked at broken
 * events; at others `.`). */
static void trace(uint32_t floor_ppm, uint32_t window_events, const char *broken)
{
    const struct detection_contract contract = {
        .floor_ppm = {floor_ppm}, .terms = 1, .window_events = window_events};
    struct detection_agent agent;
    struct detection_peers peers;
    detection_agent_open(&agent, &contract);
    detection_peers_open(&peers, floor_ppm, window_events);
    for (int64_t event = 0; broken[event] != '\0'; event++) {
        const bool fails = broken[event] == '1';
        char alarms[DETECTION_PEERS + 1] = "....";
        const int64_t at_us = agent.now_us;
        (void)detection_agent_task(&agent, fails);
        if (fails) {
            unsigned levels[DETECTION_PEERS];
            detection_peers_break(&peers, event);
            detection_peers_look(&peers, event, levels);
            for (unsigned peer = 0; peer < DETECTION_PEERS; peer++) {
                const bool alarm = levels[peer] > detection_peer_usual(peer, floor_ppm);
                alarms[peer] = alarm ? '1' : '0';
            }
        }
        printf("%lld %s %.9f %s\n", (long long)at_us, troth_rung_name(detection_agent_rung(&agent)),
               detection_agent_confidence(&agent), alarms);
    }
    detection_peers_close(&peers);
    detection_agent_close(&agent);
}

static const char usage[] = "usage: bench_detection [--tiny] [--seed N] [--json FILE]\n"
                            "       bench_detection --trace FLOOR_PPM WINDOW_EVENTS BROKEN\n";

static int refuse(const char *what)
{
    fprintf(stderr, "bench_detection: %s\n%s", what, usage);
    return 2;
}

int main(int argc, char **argv)
{
    struct options options = {.seed = 1};
    if (argc == 5 && strcmp(argv[1], "--trace") == 0) {
        const unsigned long floor_ppm = strtoul(argv[2], NULL, 10);
        const unsigned long window = strtoul(argv[3], NULL, 10);
        if (floor_ppm == 0 || floor_ppm >= 1000000 || window < 12 || window > 3600000) {
            return refuse("a floor is 1 to 999999 millionths, a window 12 to 3600000 events");
        }
        trace((uint32_t)floor_ppm, (uint32_t)window, argv[4]);
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--tiny") == 0) {
            options.tiny = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            options.seed = strtoull(argv[++i], &end, 10);
            if (*end != '\0') {
                return refuse("a seed is a whole number");
            }
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            options.json = argv[++i];
        } else {
            return refuse("unknown argument");
        }
    }
    return measure(&options);
}
