#include "bench/detection/cell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/detection/draw.h"
#include "bench/detection/statistics.h"
#include "schemas/assert.h"

enum {
    HORIZON_WINDOWS = 10,
    HORIZON_MIN = 5000,
    PATIENCE_WINDOWS = 400, /* to become steady; then another agent is taken */
    FEW_ALARMS = 10
};

enum { STREAM_HEALTHY = 1, STREAM_RUNS, STREAM_PHASES, STREAM_HISTORY };

static const uint32_t NOT_COUNTED = UINT32_MAX;

const unsigned detection_multiple[DETECTION_MULTIPLES] = {2, 5, 15};

/* What one cell works with. */
struct work {
    struct detection_cell *cell;
    struct detection_agent agent;
    struct detection_peers peers;
    bool with_peers;
    uint64_t random;
    uint64_t phases; /* random numbers of new agents, lest they move the stream */
    uint64_t healthy[DETECTION_TERMS_MAX]; /* bounds of a draw */
    int64_t event;                         /* number of the next one */
    uint64_t calm;                         /* events in a row at clear */
    uint64_t read;                         /* events of the present agent */
    int64_t armed[DETECTION_PEERS][DETECTION_THRESHOLDS];
    uint32_t *delays; /* [multiple][2 + peers * thresholds][run] */
    uint32_t runs;
};

enum { ROW_NARROW, ROW_WARN, ROW_PEERS, ROWS = ROW_PEERS + DETECTION_PEERS * DETECTION_THRESHOLDS };

static uint32_t *delays_of(const struct work *work, unsigned multiple, unsigned row)
{
    return work->delays + ((size_t)multiple * ROWS + row) * work->runs;
}

/* Which terms the next event breaks. */
static unsigned next_broken(struct work *work, const uint64_t bound[DETECTION_TERMS_MAX])
{
    unsigned broken = 0;
    for (unsigned i = 0; i < work->cell->contract.terms; i++) {
        broken |= (unsigned)(detection_draw(&work->random) < bound[i]) << i;
    }
    return broken;
}

static void new_agent(struct work *work)
{
    detection_agent_renew(&work->agent, detection_draw(&work->phases));
    work->calm = 0;
    work->read = 0;
    work->cell->agents++;
}

/* Takes notice of an event of an agent that is not steady yet. Returns whether it is now; one that
 * will not be gives way to another. */
static bool becomes_steady(struct work *work)
{
    const uint32_t window = work->cell->contract.window_events;
    const unsigned rung = detection_agent_rung(&work->agent);
    work->read++;
    work->calm = rung == TROTH_RUNG_CLEAR ? work->calm + 1 : 0;
    if (rung >= TROTH_RUNG_REVIEW || work->read >= (uint64_t)PATIENCE_WINDOWS * window) {
        work->cell->refused++;
        new_agent(work);
        return false;
    }
    return work->calm >= window;
}

/* Events that the peers alone have seen, so that their longest windows are full. */
static void live_through_history(struct work *work, uint64_t random)
{
    const int64_t events = DETECTION_HISTORY_WINDOWS * (int64_t)work->cell->contract.window_events;
    detection_peers_reset(&work->peers);
    for (int64_t i = -events; i < 0; i++) {
        if (detection_draw(&random) < work->healthy[0]) {
            detection_peers_break(&work->peers, i);
        }
    }
}

/* Counts the alarms of a broken event; a peer that alarms is deaf until its windows have left. */
static void count_alarms(struct work *work, int64_t end)
{
    unsigned levels[DETECTION_PEERS];
    detection_peers_look(&work->peers, work->event, levels);
    for (unsigned peer = 0; peer < DETECTION_PEERS; peer++) {
        const int64_t span = detection_peer_span(&work->peers, peer);
        for (unsigned i = 0; i < levels[peer]; i++) {
            if (work->event < work->armed[peer][i]) {
                continue;
            }
            const int64_t left = end - work->event - 1;
            work->cell->peer[peer][i].alarms++;
            work->cell->peer[peer][i].exposure -= (uint64_t)(left < span ? left : span);
            work->armed[peer][i] = work->event + 1 + span;
        }
    }
}

/* One healthy event of Troth's agent. Returns whether it is steady after it. */
static bool live_healthy(struct work *work, unsigned broken, bool steady)
{
    struct detection_cell *cell = work->cell;
    const bool was_clear = detection_agent_rung(&work->agent) == TROTH_RUNG_CLEAR;
    const unsigned climbed = detection_agent_task(&work->agent, broken);
    if (!steady) {
        return becomes_steady(work);
    }
    cell->narrow.exposure++;
    cell->warn.exposure += was_clear;
    cell->warn.alarms += (climbed & DETECTION_WARNED) != 0;
    if (climbed & DETECTION_NARROWED) {
        cell->narrow.alarms++;
        new_agent(work);
        return false;
    }
    return true;
}

static void measure_false_alarms(struct work *work, const struct detection_effort *effort)
{
    struct detection_cell *cell = work->cell;
    const int64_t end = (int64_t)effort->events;
    bool steady = false;
    work->random = detection_stream(effort->seed, STREAM_HEALTHY, cell->contract.floor_ppm[0]);
    if (work->with_peers) {
        live_through_history(work, detection_stream(effort->seed, STREAM_HISTORY, 0));
        for (unsigned i = 0; i < DETECTION_PEERS * DETECTION_THRESHOLDS; i++) {
            cell->peer[i / DETECTION_THRESHOLDS][i % DETECTION_THRESHOLDS].exposure =
                effort->events;
        }
    }
    new_agent(work);
    for (work->event = 0; work->event < end; work->event++) {
        const unsigned broken = next_broken(work, work->healthy);
        steady = live_healthy(work, broken, steady);
        if (work->with_peers && broken != 0) {
            detection_peers_break(&work->peers, work->event);
            count_alarms(work, end);
        }
    }
}

/* Lets an agent become steady. Each run has streams of its own, the same with peers and without.
 * Out levels: of the peers then. */
static void prepare_run(struct work *work, uint64_t seed, uint32_t run,
                        unsigned levels[DETECTION_PEERS])
{
    const uint64_t key = work->cell->contract.floor_ppm[0] + run;
    work->random = detection_stream(seed, STREAM_RUNS, key);
    work->phases = detection_stream(seed, STREAM_PHASES, key);
    memset(levels, 0, DETECTION_PEERS * sizeof *levels);
    if (work->with_peers) {
        live_through_history(work, detection_stream(seed, STREAM_HISTORY, key));
    }
    new_agent(work);
    work->event = 0;
    for (bool steady = false; !steady; work->event++) {
        const unsigned broken = next_broken(work, work->healthy);
        (void)detection_agent_task(&work->agent, broken);
        steady = becomes_steady(work);
        if (work->with_peers && broken != 0) {
            detection_peers_break(&work->peers, work->event);
        }
    }
    if (work->with_peers) {
        detection_peers_look(&work->peers, work->event - 1, levels);
    }
}

/* Notes the thresholds that a broken event has passed first. Returns whether all are by now. */
static bool note_peers(struct work *work, unsigned multiple, uint32_t run, uint32_t delay,
                       unsigned reached[DETECTION_PEERS])
{
    unsigned levels[DETECTION_PEERS];
    bool all = true;
    detection_peers_break(&work->peers, work->event);
    detection_peers_look(&work->peers, work->event, levels);
    for (unsigned peer = 0; peer < DETECTION_PEERS; peer++) {
        for (; reached[peer] < levels[peer]; reached[peer]++) {
            const unsigned row = ROW_PEERS + peer * DETECTION_THRESHOLDS + reached[peer];
            delays_of(work, multiple, row)[run] = delay;
        }
        all &= reached[peer] == DETECTION_THRESHOLDS;
    }
    return all;
}

/* A run after the change. In levels: of the peers before it. */
static void run_changed(struct work *work, unsigned multiple, uint32_t run,
                        const unsigned levels[DETECTION_PEERS])
{
    const struct detection_cell *cell = work->cell;
    uint64_t bound[DETECTION_TERMS_MAX];
    unsigned reached[DETECTION_PEERS];
    bool warned = false;
    bool narrowed = false;
    bool peers_done = !work->with_peers;
    for (unsigned i = 0; i < cell->contract.terms; i++) {
        const double allowance = 1.0 - cell->contract.floor_ppm[i] / 1e6;
        bound[i] = detection_bound(detection_multiple[multiple] * allowance);
    }
    memcpy(reached, levels, sizeof reached);
    for (unsigned row = 0; row < ROWS; row++) {
        const unsigned peer = (row - ROW_PEERS) / DETECTION_THRESHOLDS;
        const bool in_alarm =
            row >= ROW_PEERS && (row - ROW_PEERS) % DETECTION_THRESHOLDS < levels[peer];
        delays_of(work, multiple, row)[run] = in_alarm ? NOT_COUNTED : cell->horizon + 1;
    }
    for (uint32_t delay = 1; delay <= cell->horizon && !(narrowed && peers_done);
         delay++, work->event++) {
        const unsigned broken = next_broken(work, bound);
        const unsigned climbed = narrowed ? 0 : detection_agent_task(&work->agent, broken);
        if (!warned && climbed != 0) {
            warned = true;
            delays_of(work, multiple, ROW_WARN)[run] = delay;
        }
        if (climbed & DETECTION_NARROWED) {
            narrowed = true;
            delays_of(work, multiple, ROW_NARROW)[run] = delay;
        }
        if (broken != 0 && work->with_peers) {
            peers_done = note_peers(work, multiple, run, delay, reached);
        }
    }
}

static struct detection_delay summarize(uint32_t *delays, uint32_t runs, uint32_t horizon)
{
    struct detection_delay delay = {0, 0, 0, 0};
    uint32_t counted = 0;
    for (uint32_t i = 0; i < runs; i++) {
        if (delays[i] != NOT_COUNTED) {
            delay.found += delays[i] <= horizon;
            delays[counted++] = delays[i];
        }
    }
    delay.runs = counted;
    delay.p50 = detection_quantile(delays, counted, 0.50);
    delay.p95 = detection_quantile(delays, counted, 0.95);
    return delay;
}

static void measure_delays(struct work *work, const struct detection_effort *effort)
{
    struct detection_cell *cell = work->cell;
    for (uint32_t run = 0; run < effort->runs; run++) {
        unsigned levels[DETECTION_PEERS];
        prepare_run(work, effort->seed, run, levels);
        detection_agent_save(&work->agent);
        const struct detection_tails tails = work->peers.tails;
        const uint64_t random = work->random;
        const int64_t event = work->event;
        for (unsigned multiple = 0; multiple < DETECTION_MULTIPLES; multiple++) {
            detection_agent_restore(&work->agent);
            work->peers.tails = tails;
            work->random = random;
            work->event = event;
            run_changed(work, multiple, run, levels);
        }
    }
    for (unsigned multiple = 0; multiple < DETECTION_MULTIPLES; multiple++) {
        struct detection_delay rows[ROWS];
        for (unsigned row = 0; row < ROWS; row++) {
            rows[row] = summarize(delays_of(work, multiple, row), effort->runs, cell->horizon);
        }
        cell->narrow_delay[multiple] = rows[ROW_NARROW];
        cell->warn_delay[multiple] = rows[ROW_WARN];
        memcpy(cell->peer_delay[multiple], rows + ROW_PEERS, sizeof cell->peer_delay[multiple]);
    }
}

void detection_cell_measure(struct detection_cell *cell, const struct detection_effort *effort,
                            bool with_peers)
{
    const struct detection_contract contract = cell->contract;
    const uint32_t horizon = HORIZON_WINDOWS * contract.window_events;
    struct work *work = calloc(1, sizeof *work);
    TROTH_ASSERT(work != NULL);
    memset(cell, 0, sizeof *cell);
    cell->contract = contract;
    cell->horizon = horizon > HORIZON_MIN ? horizon : HORIZON_MIN;
    work->cell = cell;
    work->with_peers = with_peers;
    work->runs = effort->runs;
    work->delays = malloc((size_t)DETECTION_MULTIPLES * ROWS * effort->runs * sizeof(uint32_t));
    TROTH_ASSERT(work->delays != NULL);
    for (unsigned i = 0; i < contract.terms; i++) {
        const double allowance = 1.0 - contract.floor_ppm[i] / 1e6;
        work->healthy[i] = detection_bound(DETECTION_HEALTHY * allowance);
    }
    work->phases = detection_stream(effort->seed, STREAM_PHASES, 0);
    detection_agent_open(&work->agent, &contract);
    detection_peers_open(&work->peers, contract.floor_ppm[0], contract.window_events);
    measure_false_alarms(work, effort);
    measure_delays(work, effort);
    detection_peers_close(&work->peers);
    detection_agent_close(&work->agent);
    free(work->delays);
    free(work);
}

double detection_events_between(const struct detection_rate *rate)
{
    double low = 0.0;
    double high = 0.0;
    if (rate->alarms > 0) {
        return (double)rate->exposure / (double)rate->alarms;
    }
    detection_poisson_interval(0, &low, &high);
    return (double)rate->exposure / high;
}

/* The same for a curve: none at all is half a one, so that it rises. */
static double curve_between(const struct detection_rate *rate)
{
    return (double)rate->exposure / fmax((double)rate->alarms, 0.5);
}

/* The delay between two, where the runs of both came to it. */
static uint32_t between_delays(uint32_t a, uint32_t b, double part, uint32_t horizon)
{
    if (a > horizon || b > horizon) {
        return horizon + 1;
    }
    return (uint32_t)lround((1.0 - part) * a + part * b);
}

void detection_cell_tune(const struct detection_cell *cell, unsigned peer,
                         const struct detection_rate *rate, double *between,
                         struct detection_delay delays[DETECTION_MULTIPLES])
{
    double low = 0.0;
    double high = 0.0;
    double wanted = detection_events_between(rate);
    unsigned i = 0;
    if (rate->alarms < FEW_ALARMS) {
        detection_poisson_interval(rate->alarms, &low, &high);
        wanted = (double)rate->exposure / high;
    }
    const struct detection_rate *curve = cell->peer[peer];
    while (i < DETECTION_THRESHOLDS && curve_between(&curve[i]) < wanted) {
        i++;
    }
    memset(delays, 0, DETECTION_MULTIPLES * sizeof *delays);
    *between = wanted;
    if (i == DETECTION_THRESHOLDS) {
        return;
    }
    const unsigned before = i > 0 ? i - 1 : 0;
    const double lower = log(curve_between(&curve[before]));
    const double upper = log(curve_between(&curve[i]));
    const double part = i > 0 && upper > lower ? (log(wanted) - lower) / (upper - lower) : 1.0;
    *between = exp(lower + part * (upper - lower));
    for (unsigned m = 0; m < DETECTION_MULTIPLES; m++) {
        const struct detection_delay *a = &cell->peer_delay[m][peer][before];
        const struct detection_delay *b = &cell->peer_delay[m][peer][i];
        delays[m] = *b;
        delays[m].p50 = between_delays(a->p50, b->p50, part, cell->horizon);
        delays[m].p95 = between_delays(a->p95, b->p95, part, cell->horizon);
    }
}
