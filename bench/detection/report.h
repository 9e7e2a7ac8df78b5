/*
 * What was measured, as figures for people (`name value unit`, one a line) and as JSON for charts
 * and tables.
 */
#ifndef TROTH_BENCH_DETECTION_REPORT_H
#define TROTH_BENCH_DETECTION_REPORT_H

#include <jansson.h>

#include "bench/detection/calibration.h"
#include "bench/detection/cell.h"

/* Prints a cell. In changed: the same under a ladder that narrows at a CUSUM's alarm too. Returns
 * it as JSON, the caller's. */
json_t *detection_report_cell(const struct detection_cell *cell,
                              const struct detection_cell *changed);

/* Returns, as JSON, delay against false alarms: of the peers by all of their thresholds, in cell,
 * and of Troth by narrow's confidence_below, in others. Prints the latter. */
json_t *detection_report_curves(const struct detection_cell *cell,
                                const struct detection_cell *others, unsigned count);

/* Prints a cell of three terms, of Troth alone. Returns it as JSON. */
json_t *detection_report_terms(const struct detection_cell *cell);

/* Prints a calibration. Returns it as JSON. */
json_t *detection_report_calibration(const struct detection_calibration *calibration);

#endif
