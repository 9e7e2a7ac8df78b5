/*
 * The checks of `troth verify` that need the file alone. Each looks at one thing and says what is
 * wrong in the report; none trusts another to have held.
 *
 * Threads: one. Memory: the caller's.
 */
#ifndef TROTH_OPS_EXPORT_CHECKS_H
#define TROTH_OPS_EXPORT_CHECKS_H

#include "consumers/avro/framing.h"
#include "ops/export/file.h"
#include "ops/export/report.h"
#include "schemas/signature.h"
#include "scoring/intervention.h"

/* What the changes of rung of one contract, taken in turn, lead to. */
struct troth_export_walk {
    const char *contract;
    const json_t *last;    /* the last intervention, as JSON; NULL: none so far */
    int64_t since_us;      /* when the rung was entered */
    int64_t began_us;      /* nothing is known from before */
    int64_t left_us;       /* when it last left narrow, review or pause; see left_known */
    int64_t cause_offset;  /* of the last intervention */
    int64_t era;           /* likewise */
    int64_t moment_us;     /* of the last change, and the rungs that it was on then */
    int64_t version;       /* of the contract, at the last intervention; 0: none so far */
    unsigned moment_rungs; /* bit i: rung i */
    unsigned ordinal;      /* of the next intervention of the same record */
    int rung;              /* enum troth_rung */
    int relapses;          /* -1: not known, as they are from before the beginning */
    bool left_known;
    bool decided;        /* something was decided of it, so it is never evicted */
    bool from_the_start; /* it begins where the standing began */
};

/* Takes the interventions and rulings in turn. Out walks: one a contract that has a beginning, room
 * for TROTH_EXPORT_STANDINGS_MAX. Returns how many. Says under interventions, causes, continuity
 * and holds what is wrong. */
size_t troth_export_check_told(const struct troth_export_file *file,
                               struct troth_export_report *report, struct troth_export_walk *walks);

/* Whether the causes of an intervention are such as the contract has. In version: it names. */
void troth_export_check_cause(const struct troth_export_line *line,
                              const struct troth_export_version *version,
                              const struct troth_intervention *told,
                              struct troth_export_report *report);

/* One step of a walk. */
void troth_export_walk_change(const struct troth_export_file *file, struct troth_export_walk *walk,
                              const struct troth_export_line *line,
                              const struct troth_export_version *version,
                              const struct troth_intervention *told,
                              struct troth_export_report *report);
void troth_export_walk_ruling(struct troth_export_walk *walk, const struct troth_export_line *line,
                              struct troth_export_report *report);

/* Decisions, as records and as people read them, against rulings and interventions. */
void troth_export_check_decisions(const struct troth_export_file *file,
                                  struct troth_export_report *report);

/* Witnesses: that they are there, of the agent, and break the term. In framing: how to read them.
 */
void troth_export_check_witnesses(const struct troth_export_file *file,
                                  const struct troth_framing *framing,
                                  struct troth_export_report *report);

/* Standings, recounted from their records, and held against the last change of rung. */
void troth_export_check_standings(const struct troth_export_file *file,
                                  const struct troth_export_walk *walks, size_t count,
                                  struct troth_export_report *report);

/*
 * All of them, over the bytes of a file.
 * In key: whose signature it must be. Out file: to be given to troth_export_file_fini in every
 * case; it can be looked at further where TROTH_OK is returned. Out report: overwritten.
 * Returns TROTH_OK; TROTH_INVALID: what cannot be read on; or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_export_check(const char *text, size_t length, const struct troth_public_key *key,
                                const struct troth_framing *framing, struct troth_export_file *file,
                                struct troth_export_report *report);

#endif
