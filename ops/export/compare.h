/*
 * An export against what Kafka holds now: what is still there must be the same bytes, and nothing
 * of the ranges that the export says it read may be left out of it.
 *
 * Threads: one. Memory: none is kept.
 */
#ifndef TROTH_OPS_EXPORT_COMPARE_H
#define TROTH_OPS_EXPORT_COMPARE_H

#include "ops/config/config.h"
#include "ops/export/file.h"
#include "ops/export/report.h"

/*
 * In file: read, and checked by itself. Out report: what is wrong, under `kafka`. Out error:
 * TROTH_KAFKA_ERROR_LENGTH bytes: why Kafka could not be asked.
 * Returns TROTH_OK where it could be asked; else why not, as troth_scan_open and troth_scan_read.
 */
TROTH_MUST_CHECK
troth_status troth_export_compare(const struct troth_export_file *file,
                                  const struct troth_config *config,
                                  struct troth_export_report *report, char *error);

#endif
