#include <stdlib.h>

#include "ops/export/checks.h"
#include "schemas/export_chain.h"

/* Chain and signature. Returns whether the bytes are to be looked at further: where the chain does
 * not hold, nothing that stands there means anything. */
static bool check_bytes(const char *text, size_t length, const struct troth_public_key *key,
                        struct troth_export_report *report)
{
    struct troth_chain_look look;
    (void)troth_chain_check(text, length, key, &look);
    troth_export_looked(report, TROTH_EXPORT_CHAIN, look.lines + (look.broken == NULL));
    if (look.broken != NULL) {
        troth_export_wrong(report, TROTH_EXPORT_CHAIN, "line %zu: %s", look.lines + 1, look.broken);
        return false;
    }
    troth_export_looked(report, TROTH_EXPORT_SIGNATURE, 1);
    if (look.unsigned_as != NULL) {
        troth_export_wrong(report, TROTH_EXPORT_SIGNATURE, "%s (its id is %s)", look.unsigned_as,
                           look.key);
    }
    return true;
}

troth_status troth_export_check(const char *text, size_t length, const struct troth_public_key *key,
                                const struct troth_framing *framing, struct troth_export_file *file,
                                struct troth_export_report *report)
{
    *file = (struct troth_export_file){0};
    *report = (struct troth_export_report){0};
    if (!check_bytes(text, length, key, report)) {
        return TROTH_INVALID;
    }
    const troth_status status = troth_export_file_read(file, text, length, report);
    if (status != TROTH_OK) {
        return status;
    }
    struct troth_export_walk *walks = calloc(TROTH_EXPORT_STANDINGS_MAX, sizeof *walks);
    if (walks == NULL) {
        return TROTH_NO_MEMORY;
    }
    const size_t count = troth_export_check_told(file, report, walks);
    troth_export_check_decisions(file, report);
    troth_export_check_witnesses(file, framing, report);
    troth_export_check_standings(file, walks, count, report);
    free(walks);
    return TROTH_OK;
}
