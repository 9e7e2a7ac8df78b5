#include "bench/detection/peers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/assert.h"

enum { RAW_EVENTS = 50 };

/* Where the usual thresholds stand on the curves; the others are a tenth of z apart, or 8 %. */
enum { WILSON_USUAL = 15, PAGE_USUAL = 48, TICKET_USUAL = 24 };

/* The spans. */
enum { RAW, MINUTES_5, MINUTES_30, HOUR, HOURS_6, DAYS_3 };

static const uint32_t MILLION = 1000000;

const char *detection_peer_name(unsigned peer)
{
    static const char *const names[DETECTION_PEERS] = {"raw", "wilson", "page", "ticket"};
    return names[peer];
}

double detection_peer_threshold(unsigned peer, unsigned i)
{
    switch ((enum detection_peer)peer) {
    case DETECTION_RAW:
        return i + 0.5;
    case DETECTION_WILSON:
        return 1.96 + 0.1 * ((int)i - (int)WILSON_USUAL);
    case DETECTION_PAGE:
        return pow(1.08, (int)i - (int)PAGE_USUAL);
    case DETECTION_TICKET:
    case DETECTION_PEERS:
        break;
    }
    return pow(1.08, (int)i - (int)TICKET_USUAL);
}

unsigned detection_peer_usual(unsigned peer, uint32_t floor_ppm)
{
    static const unsigned usual[DETECTION_PEERS] = {0, WILSON_USUAL, PAGE_USUAL, TICKET_USUAL};
    /* (50 - broken) / 50 < floor, in whole numbers. */
    return peer == DETECTION_RAW ? RAW_EVENTS * (MILLION - floor_ppm) / MILLION : usual[peer];
}

void detection_peers_open(struct detection_peers *peers, uint32_t floor_ppm, uint32_t window_events)
{
    const int64_t n = window_events;
    *peers = (struct detection_peers){
        .allowance = (double)(MILLION - floor_ppm) / MILLION,
        .span = {RAW_EVENTS, n / 12, n / 2, n, 6 * n, DETECTION_HISTORY_WINDOWS * n}};
    for (unsigned i = 0; i < DETECTION_PEERS * DETECTION_THRESHOLDS; i++) {
        const unsigned peer = i / DETECTION_THRESHOLDS;
        peers->threshold[peer][i % DETECTION_THRESHOLDS] =
            detection_peer_threshold(peer, i % DETECTION_THRESHOLDS);
    }
    uint64_t room = 1;
    while (room < 2 * (uint64_t)peers->span[DAYS_3]) {
        room *= 2;
    }
    peers->mask = room - 1;
    peers->broken = malloc(room * sizeof *peers->broken);
    TROTH_ASSERT(peers->broken != NULL);
}

void detection_peers_close(struct detection_peers *peers)
{
    free(peers->broken);
}

void detection_peers_reset(struct detection_peers *peers)
{
    memset(&peers->tails, 0, sizeof peers->tails);
}

void detection_peers_break(struct detection_peers *peers, int64_t event)
{
    peers->broken[peers->tails.pushed++ & peers->mask] = event;
}

/* How many of the last so many events were broken. */
static double broken_in(struct detection_peers *peers, unsigned span, int64_t event)
{
    uint64_t tail = peers->tails.tail[span];
    while (tail < peers->tails.pushed &&
           peers->broken[tail & peers->mask] <= event - peers->span[span]) {
        tail++;
    }
    peers->tails.tail[span] = tail;
    return (double)(peers->tails.pushed - tail);
}

static unsigned level_of(const struct detection_peers *peers, unsigned peer, double statistic)
{
    /* Equal is not above, whatever the last digit of a quotient. */
    const double above = statistic - 1e-9;
    unsigned low = 0;
    unsigned high = DETECTION_THRESHOLDS;
    while (low < high) {
        const unsigned middle = (low + high) / 2;
        if (above > peers->threshold[peer][middle]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void detection_peers_look(struct detection_peers *peers, int64_t event,
                          unsigned levels[DETECTION_PEERS])
{
    const double q = peers->allowance;
    double burn[DETECTION_SPANS];
    double count[DETECTION_SPANS];
    for (unsigned i = 0; i < DETECTION_SPANS; i++) {
        count[i] = broken_in(peers, i, event);
        burn[i] = count[i] / (double)peers->span[i] / q;
    }
    /* Wilson's interval holds the rates that the score test does not refuse, so its upper end is
     * below the floor just where the test's statistic is above z. */
    const double n = (double)peers->span[HOUR];
    const double score = (count[HOUR] - n * q) / sqrt(n * q * (1.0 - q));
    const double fast = fmin(burn[HOUR], burn[MINUTES_5]) / 14.4;
    const double slow = fmin(burn[HOURS_6], burn[MINUTES_30]) / 6.0;
    levels[DETECTION_RAW] = level_of(peers, DETECTION_RAW, count[RAW]);
    levels[DETECTION_WILSON] = level_of(peers, DETECTION_WILSON, score);
    levels[DETECTION_PAGE] = level_of(peers, DETECTION_PAGE, fmax(fast, slow));
    levels[DETECTION_TICKET] = level_of(peers, DETECTION_TICKET, fmin(burn[DAYS_3], burn[HOURS_6]));
}

int64_t detection_peer_span(const struct detection_peers *peers, unsigned peer)
{
    static const unsigned longest[DETECTION_PEERS] = {RAW, HOUR, HOURS_6, DAYS_3};
    return peers->span[longest[peer]];
}
