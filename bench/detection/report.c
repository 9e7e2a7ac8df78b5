#include "bench/detection/report.h"

#include <stdio.h>
#include <string.h>

#include "bench/detection/statistics.h"
#include "schemas/assert.h"

/* A rule's figures in one cell. */
struct row {
    const char *name;
    const struct detection_rate *rate;
    const struct detection_delay *delays[DETECTION_MULTIPLES];
};

static void set(json_t *object, const char *key, json_t *value)
{
    const int done = json_object_set_new(object, key, value);
    TROTH_ASSERT(done == 0);
}

static void append(json_t *array, json_t *value)
{
    const int done = json_array_append_new(array, value);
    TROTH_ASSERT(done == 0);
}

static json_t *delay_json(const struct detection_delay *delay, unsigned multiple, uint32_t horizon)
{
    json_t *object = json_object();
    set(object, "multiple", json_integer(detection_multiple[multiple]));
    set(object, "runs", json_integer(delay->runs));
    set(object, "found", json_integer(delay->found));
    set(object, "p50", delay->p50 > horizon ? json_null() : json_integer(delay->p50));
    set(object, "p95", delay->p95 > horizon ? json_null() : json_integer(delay->p95));
    return object;
}

static json_t *rate_json(const struct detection_rate *rate)
{
    json_t *object = json_object();
    double low = 0.0;
    double high = 0.0;
    detection_poisson_interval(rate->alarms, &low, &high);
    set(object, "alarms", json_integer((json_int_t)rate->alarms));
    set(object, "exposure", json_integer((json_int_t)rate->exposure));
    set(object, "between_least", json_real((double)rate->exposure / high));
    set(object, "between",
        rate->alarms == 0 ? json_null() : json_real((double)rate->exposure / (double)rate->alarms));
    set(object, "between_most",
        rate->alarms == 0 ? json_null() : json_real((double)rate->exposure / low));
    return object;
}

static json_t *row_json(const struct row *row, uint32_t horizon)
{
    json_t *object = rate_json(row->rate);
    json_t *delays = json_array();
    for (unsigned m = 0; m < DETECTION_MULTIPLES; m++) {
        append(delays, delay_json(row->delays[m], m, horizon));
    }
    set(object, "delays", delays);
    return object;
}

/* Floor and window, as the end of a figure's name. */
static void write_place(const struct detection_contract *contract, char text[32])
{
    (void)snprintf(text, 32, "f%g_n%u", contract->floor_ppm[0] / 1e6, contract->window_events);
}

static void print_delay(const char *name, const char *place, const struct detection_delay *delay,
                        unsigned multiple, uint32_t horizon)
{
    char p50[16];
    char p95[16];
    (void)snprintf(p50, sizeof p50, delay->p50 > horizon ? ">%u" : "%u",
                   delay->p50 > horizon ? horizon : delay->p50);
    (void)snprintf(p95, sizeof p95, delay->p95 > horizon ? ">%u" : "%u",
                   delay->p95 > horizon ? horizon : delay->p95);
    printf("detection_%s_x%u_%s %s events (p95 %s; %u of %u runs)\n", name,
           detection_multiple[multiple], place, p50, p95, delay->found, delay->runs);
}

static void print_row(const struct row *row, const char *place, uint32_t horizon)
{
    const struct detection_rate *rate = row->rate;
    double low = 0.0;
    double high = 0.0;
    detection_poisson_interval(rate->alarms, &low, &high);
    if (rate->alarms == 0) {
        printf("detection_%s_false_%s >%.3g events (95 %%; none in %.3g)\n", row->name, place,
               (double)rate->exposure / high, (double)rate->exposure);
    } else {
        printf("detection_%s_false_%s %.4g events (95 %%: %.3g to %.3g; %llu in %.3g)\n", row->name,
               place, (double)rate->exposure / (double)rate->alarms, (double)rate->exposure / high,
               (double)rate->exposure / low, (unsigned long long)rate->alarms,
               (double)rate->exposure);
    }
    for (unsigned m = 0; m < DETECTION_MULTIPLES; m++) {
        print_delay(row->name, place, row->delays[m], m, horizon);
    }
}

static struct row narrow_row(const char *name, const struct detection_cell *cell)
{
    struct row row = {name, &cell->narrow, {NULL}};
    for (unsigned m = 0; m < DETECTION_MULTIPLES; m++) {
        row.delays[m] = &cell->narrow_delay[m];
    }
    return row;
}

static struct row warn_row(const struct detection_cell *cell)
{
    struct row row = {"troth_warn", &cell->warn, {NULL}};
    for (unsigned m = 0; m < DETECTION_MULTIPLES; m++) {
        row.delays[m] = &cell->warn_delay[m];
    }
    return row;
}

static struct row peer_row(const struct detection_cell *cell, unsigned peer, unsigned threshold)
{
    struct row row = {detection_peer_name(peer), &cell->peer[peer][threshold], {NULL}};
    for (unsigned m = 0; m < DETECTION_MULTIPLES; m++) {
        row.delays[m] = &cell->peer_delay[m][peer][threshold];
    }
    return row;
}

/* A peer that alarms falsely as often as Troth does; printed where that is by its narrowings. */
static json_t *report_tuned(const struct detection_cell *cell, unsigned peer, const char *place,
                            const char *to, const struct detection_rate *rate)
{
    struct detection_delay delays[DETECTION_MULTIPLES];
    double between = 0.0;
    char name[48];
    json_t *object = json_object();
    json_t *array = json_array();
    detection_cell_tune(cell, peer, rate, &between, delays);
    (void)snprintf(name, sizeof name, "%s_as_%s", detection_peer_name(peer), to);
    set(object, "between", json_real(between));
    for (unsigned m = 0; m < DETECTION_MULTIPLES; m++) {
        append(array, delay_json(&delays[m], m, cell->horizon));
        if (delays[m].runs > 0 && rate == &cell->narrow) {
            print_delay(name, place, &delays[m], m, cell->horizon);
        }
    }
    set(object, "delays", array);
    return object;
}

json_t *detection_report_cell(const struct detection_cell *cell,
                              const struct detection_cell *changed)
{
    char place[32];
    json_t *object = json_object();
    json_t *rules = json_object();
    const struct row own[] = {narrow_row("troth", cell), warn_row(cell),
                              narrow_row("troth_change", changed)};
    write_place(&cell->contract, place);
    set(object, "floor", json_real(cell->contract.floor_ppm[0] / 1e6));
    set(object, "window_events", json_integer(cell->contract.window_events));
    set(object, "horizon", json_integer(cell->horizon));
    set(object, "agents", json_integer((json_int_t)cell->agents));
    set(object, "refused", json_integer((json_int_t)cell->refused));
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++) {
        print_row(&own[i], place, cell->horizon);
        set(rules, own[i].name, row_json(&own[i], cell->horizon));
    }
    for (unsigned peer = 0; peer < DETECTION_PEERS; peer++) {
        const struct row row =
            peer_row(cell, peer, detection_peer_usual(peer, cell->contract.floor_ppm[0]));
        json_t *values = row_json(&row, cell->horizon);
        print_row(&row, place, cell->horizon);
        set(values, "as_narrow", report_tuned(cell, peer, place, "narrow", &cell->narrow));
        set(values, "as_warn", report_tuned(cell, peer, place, "warn", &cell->warn));
        set(values, "as_change", report_tuned(cell, peer, place, "change", &changed->narrow));
        set(rules, row.name, values);
    }
    set(object, "rules", rules);
    fflush(stdout);
    return object;
}

/* A point of a curve. */
static json_t *point_json(const struct row *row, double threshold, uint32_t horizon)
{
    json_t *object = row_json(row, horizon);
    set(object, "threshold", json_real(threshold));
    return object;
}

json_t *detection_report_curves(const struct detection_cell *cell,
                                const struct detection_cell *others, unsigned count)
{
    json_t *object = json_object();
    json_t *troth = json_array();
    set(object, "floor", json_real(cell->contract.floor_ppm[0] / 1e6));
    set(object, "window_events", json_integer(cell->contract.window_events));
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        char place[32];
        (void)snprintf(name, sizeof name, "troth_below%g", others[i].contract.narrow_below);
        const struct row row = narrow_row(name, &others[i]);
        write_place(&others[i].contract, place);
        print_row(&row, place, others[i].horizon);
        append(troth, point_json(&row, others[i].contract.narrow_below, others[i].horizon));
    }
    set(object, "troth", troth);
    for (unsigned peer = 0; peer < DETECTION_PEERS; peer++) {
        json_t *curve = json_array();
        for (unsigned i = 0; i < DETECTION_THRESHOLDS; i++) {
            const struct row row = peer_row(cell, peer, i);
            json_t *point = point_json(&row, detection_peer_threshold(peer, i), cell->horizon);
            if (i == detection_peer_usual(peer, cell->contract.floor_ppm[0])) {
                set(point, "usual", json_true());
            }
            append(curve, point);
        }
        set(object, detection_peer_name(peer), curve);
    }
    return object;
}

json_t *detection_report_terms(const struct detection_cell *cell)
{
    const struct row row = narrow_row("troth_three_terms", cell);
    char place[32];
    (void)snprintf(place, sizeof place, "n%u", cell->contract.window_events);
    print_row(&row, place, cell->horizon);
    return row_json(&row, cell->horizon);
}

json_t *detection_report_calibration(const struct detection_calibration *calibration)
{
    const struct detection_contract *contract = &calibration->contract;
    json_t *object = json_object();
    json_t *bins = json_array();
    double error = 0.0;
    char place[32];
    write_place(contract, place);
    for (unsigned i = 0; i < DETECTION_BINS; i++) {
        const struct detection_bin *bin = &calibration->bins[i];
        json_t *values = json_object();
        set(values, "agents", json_integer((json_int_t)bin->agents));
        set(values, "confidence", json_real(bin->confidence));
        set(values, "share", json_real(detection_bin_share(bin)));
        set(values, "error", json_real(detection_bin_error(bin)));
        append(bins, values);
        error = detection_bin_error(bin) > error ? detection_bin_error(bin) : error;
    }
    printf("detection_calibration_%s_%s %.4f greatest distance (greatest standard error of a bin "
           "%.4f)\n",
           contract->ageless ? "ageless" : "aged", place, detection_calibration_worst(calibration),
           error);
    fflush(stdout);
    set(object, "floor", json_real(contract->floor_ppm[0] / 1e6));
    set(object, "window_events", json_integer(contract->window_events));
    set(object, "ageing", json_boolean(!contract->ageless));
    set(object, "events_min", json_integer(calibration->events_min));
    set(object, "events_max", json_integer(calibration->events_max));
    set(object, "worst", json_real(detection_calibration_worst(calibration)));
    set(object, "bins", bins);
    return object;
}
