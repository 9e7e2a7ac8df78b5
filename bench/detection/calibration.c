#include "bench/detection/calibration.h"

#include <math.h>
#include <string.h>

#include "bench/detection/draw.h"

enum { STREAM_CALIBRATION = 101 };

double detection_bin_share(const struct detection_bin *bin)
{
    return bin->agents == 0 ? 0.0 : (double)bin->keeping / (double)bin->agents;
}

void detection_calibration_measure(struct detection_calibration *calibration, uint64_t agents,
                                   uint64_t seed)
{
    const double floor = calibration->contract.floor_ppm[0] / 1e6;
    const double prior = log(0.5) / log(floor);
    const uint64_t choices = calibration->events_max - calibration->events_min + 1;
    struct detection_agent agent;
    uint64_t random =
        detection_stream(seed, STREAM_CALIBRATION, calibration->contract.floor_ppm[0]);
    memset(calibration->bins, 0, sizeof calibration->bins);
    detection_agent_open(&agent, &calibration->contract);
    for (uint64_t i = 0; i < agents; i++) {
        /* The prior's distribution function is x^a0, so its inverse makes a rate of a number. */
        const double rate = pow(detection_unit(&random), 1.0 / prior);
        const uint64_t broken = detection_bound(1.0 - rate);
        const uint64_t events = calibration->events_min + detection_draw(&random) % choices;
        detection_agent_renew(&agent, detection_draw(&random));
        for (uint64_t event = 0; event < events; event++) {
            (void)detection_agent_task(&agent, detection_draw(&random) < broken);
        }
        const double confidence = detection_agent_confidence(&agent);
        const unsigned place = (unsigned)(confidence * DETECTION_BINS);
        struct detection_bin *bin =
            &calibration->bins[place < DETECTION_BINS ? place : DETECTION_BINS - 1];
        bin->confidence += confidence;
        bin->agents++;
        bin->keeping += rate >= floor;
    }
    for (unsigned i = 0; i < DETECTION_BINS; i++) {
        struct detection_bin *bin = &calibration->bins[i];
        bin->confidence /= bin->agents == 0 ? 1.0 : (double)bin->agents;
    }
    detection_agent_close(&agent);
}

double detection_bin_error(const struct detection_bin *bin)
{
    const double share = detection_bin_share(bin);
    return bin->agents == 0 ? 0.0 : sqrt(share * (1.0 - share) / (double)bin->agents);
}

double detection_calibration_worst(const struct detection_calibration *calibration)
{
    double worst = 0.0;
    for (unsigned i = 0; i < DETECTION_BINS; i++) {
        const struct detection_bin *bin = &calibration->bins[i];
        if (bin->agents > 0) {
            worst = fmax(worst, fabs(detection_bin_share(bin) - bin->confidence));
        }
    }
    return worst;
}
