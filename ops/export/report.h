/*
 * What `troth verify` found: for each check how much was looked at, what is wrong, and what could
 * not be told.
 *
 * Threads: one. Memory: the caller's; of what is wrong the first few texts are kept, the rest is
 * counted.
 */
#ifndef TROTH_OPS_EXPORT_REPORT_H
#define TROTH_OPS_EXPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* X(NAME, "name", "what holds where nothing is wrong"). In the order in which they are told. */
#define TROTH_EXPORT_CHECKS(X)                                                                     \
    X(CHAIN, "chain", "lines, each with the hash of the one before")                               \
    X(SIGNATURE, "signature", "signature of the key")                                              \
    X(FORM, "form", "lines of a kind that is known, in their order")                               \
    X(CONTRACTS, "contracts", "versions, in canonical form")                                       \
    X(INTERVENTIONS, "interventions", "that come out the same from their parts: id, scope, score") \
    X(CAUSES, "causes", "that the contract's ladder has, and the counts allow")                    \
    X(CONTINUITY, "continuity",                                                                    \
      "changes of rung and rulings, each from where the one before left it")                       \
    X(HOLDS, "holds", "steps down after as much calm as the relapses ask for")                     \
    X(DECISIONS, "decisions", "decisions and rulings that say the same")                           \
    X(WITNESSES, "witnesses", "records that are as told, and break the term they are named for")   \
    X(STANDINGS, "standings", "recounted from their records, where the last change left them")     \
    X(KAFKA, "kafka", "records in Kafka now, the same bytes, and none that is left out")

#define TROTH_ENUMERATE_CHECK(NAME, text, meaning) TROTH_EXPORT_##NAME,
enum troth_export_check { TROTH_EXPORT_CHECKS(TROTH_ENUMERATE_CHECK) TROTH_EXPORT_CHECK_COUNT };
#undef TROTH_ENUMERATE_CHECK

enum { TROTH_EXPORT_TEXTS_MAX = 4, TROTH_EXPORT_TEXT_LENGTH = 400 };

struct troth_export_finding {
    bool made;       /* the check was made at all */
    uint64_t looked; /* at so many things */
    uint64_t wrong;
    uint64_t noted; /* what could not be told, or is worth a look, and is not wrong */
    unsigned wrong_texts;
    unsigned noted_texts;
    char wrong_text[TROTH_EXPORT_TEXTS_MAX][TROTH_EXPORT_TEXT_LENGTH];
    char noted_text[TROTH_EXPORT_TEXTS_MAX][TROTH_EXPORT_TEXT_LENGTH];
};

struct troth_export_report {
    struct troth_export_finding findings[TROTH_EXPORT_CHECK_COUNT];
};

/* Counts what a check has looked at; it is made from then on. */
void troth_export_looked(struct troth_export_report *report, enum troth_export_check check,
                         uint64_t count);

/* Says what is wrong, and what is worth a note. In format: as printf's. */
__attribute__((format(printf, 3, 4))) void troth_export_wrong(struct troth_export_report *report,
                                                              enum troth_export_check check,
                                                              const char *format, ...);
__attribute__((format(printf, 3, 4))) void troth_export_note(struct troth_export_report *report,
                                                             enum troth_export_check check,
                                                             const char *format, ...);

/* Returns whether nothing is wrong, in any check that was made. */
bool troth_export_is_valid(const struct troth_export_report *report);

/* Prints it for people, a line a check and one for each text. */
void troth_export_print(const struct troth_export_report *report);

/* Returns the checks as an array of objects, the caller's to json_decref. */
json_t *troth_export_report_json(const struct troth_export_report *report);

#endif
