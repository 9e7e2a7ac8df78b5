/*
 * An export, read: its lines as objects, by kind, and its contracts made ready to be recounted by.
 * The format is told in schemas/export.md.
 *
 * Threads: one. Memory: a file owns all that it gives; strings and objects live until
 * troth_export_file_fini.
 */
#ifndef TROTH_OPS_EXPORT_FILE_H
#define TROTH_OPS_EXPORT_FILE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/export/report.h"
#include "schemas/contract.h"
#include "schemas/status.h"
#include "scoring/rules.h"

enum {
    TROTH_EXPORT_FORMAT = 1,
    TROTH_EXPORT_VERSIONS_MAX = 256,  /* of all contracts of one file */
    TROTH_EXPORT_STANDINGS_MAX = 256, /* contracts of one file */
    TROTH_EXPORT_ERAS_MAX = 4096
};

/* X(NAME, "kind", stage): lines stand in the order of the stages, and by offset in each. */
#define TROTH_EXPORT_KINDS(X)                                                                      \
    X(CONTRACT, "contract", 1)                                                                     \
    X(BEGINNING, "beginning", 2)                                                                   \
    X(DECISION, "decision", 3)                                                                     \
    X(INTERVENTION, "intervention", 4)                                                             \
    X(RULING, "ruling", 4)                                                                         \
    X(TELEMETRY, "telemetry", 5)                                                                   \
    X(STANDING, "standing", 6)

#define TROTH_ENUMERATE_KIND(NAME, text, stage) TROTH_LINE_##NAME,
enum troth_export_kind { TROTH_EXPORT_KINDS(TROTH_ENUMERATE_KIND) TROTH_LINE_COUNT };
#undef TROTH_ENUMERATE_KIND

struct troth_export_line {
    json_t *object;
    size_t number;  /* in the file, from 1 */
    int64_t offset; /* of its record; -1: it has none */
    uint8_t kind;   /* enum troth_export_kind */
};

/* A run of offsets of one partition. */
struct troth_export_range {
    const char *topic;
    int32_t partition;
    int64_t from;  /* the first that was kept when the export was made */
    int64_t until; /* one past the last that was read */
};

struct troth_export_version {
    struct troth_contract contract;
    struct troth_rules rules;
    int64_t offset;
};

struct troth_export_file {
    json_t *head; /* the first line */
    const char *agent;
    const char *only;   /* the one contract that it tells of; NULL: all */
    int64_t since_us;   /* 0: from the beginning */
    int64_t made_at_us; /* by the exporter's clock */
    int64_t era;        /* of the log, when it was made */
    struct troth_export_range telemetry;
    struct troth_export_range interventions;
    struct troth_export_range decisions;
    struct troth_export_range contracts;
    struct troth_export_range standings;
    struct troth_export_line *lines; /* all but the first and the signature */
    size_t count;
    size_t counts[TROTH_LINE_COUNT];
    struct troth_export_version *versions[TROTH_EXPORT_VERSIONS_MAX];
    size_t version_count;
    json_t *decisions_by_id; /* places of decisions among the lines, */
    json_t *rulings_by_id;   /* and of rulings by their decision's id */
};

/*
 * Reads a file whose chain holds.
 * Out file: to be given to troth_export_file_fini in every case. Out report: what is wrong, under
 * `form` and `contracts`.
 * Returns TROTH_OK: it can be checked further, for all that was found wrong in it; TROTH_INVALID:
 * it cannot; or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_export_file_read(struct troth_export_file *file, const char *text, size_t length,
                                    struct troth_export_report *report);

void troth_export_file_fini(struct troth_export_file *file);

/* Returns a version of a contract, or NULL. In name: NULL is none. */
const struct troth_export_version *troth_export_find_version(const struct troth_export_file *file,
                                                             const char *name, int64_t version);

/* Returns the line of a record of that kind (of an intervention or a ruling: either) and offset, or
 * NULL. In kind: not of those that have no order, beginnings and standings. */
const struct troth_export_line *troth_export_find_line(const struct troth_export_file *file,
                                                       enum troth_export_kind kind, int64_t offset);

/* Returns the line of a decision of that id, or of a ruling of that decision, or NULL. */
const struct troth_export_line *troth_export_find_id(const struct troth_export_file *file,
                                                     enum troth_export_kind kind, const char *id);

/* Returns a text, integer or object of an object: "", 0 or NULL where it has none. */
const char *troth_export_text(const json_t *object, const char *key);
int64_t troth_export_integer(const json_t *object, const char *key);

#endif
