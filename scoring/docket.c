#include "scoring/docket.h"

#include <string.h>

#include "schemas/assert.h"
#include "scoring/standing.h"

void troth_docket_init(struct troth_docket *docket)
{
    *docket = (struct troth_docket){.decided_us = TROTH_NEVER_US,
                                    .forgotten = -1,
                                    .quiet_until_us = TROTH_NEVER_US,
                                    .claimed_position = -1,
                                    .claimed_us = TROTH_NEVER_US,
                                    .reviewed_us = TROTH_NEVER_US};
    for (unsigned i = 0; i < TROTH_TERMS_MAX; i++) {
        docket->waived_until_us[i] = TROTH_NEVER_US;
        docket->waived_position[i] = -1;
    }
    for (unsigned i = 0; i < TROTH_EXCEPTIONS_MAX; i++) {
        docket->exceptions[i].until_us = TROTH_NEVER_US;
    }
}

bool troth_docket_took(const struct troth_docket *docket, int64_t position)
{
    for (unsigned i = 0; i < docket->known_count && position >= 0; i++) {
        if (docket->known[i].position == position) {
            return true;
        }
    }
    return position >= 0 && position <= docket->forgotten;
}

struct troth_known *troth_docket_find(struct troth_docket *docket,
                                      const uint8_t id[TROTH_DECISION_ID_LENGTH])
{
    for (unsigned i = 0; i < docket->known_count; i++) {
        if (memcmp(docket->known[i].id, id, TROTH_DECISION_ID_LENGTH) == 0) {
            return &docket->known[i];
        }
    }
    return NULL;
}

void troth_docket_note(struct troth_docket *docket, const struct troth_decision *decision)
{
    if (docket->known_count < TROTH_DECISIONS_KNOWN) {
        docket->known_count++;
    } else {
        const int64_t oldest = docket->known[TROTH_DECISIONS_KNOWN - 1].position;
        docket->forgotten = oldest > docket->forgotten ? oldest : docket->forgotten;
    }
    memmove(docket->known + 1, docket->known, sizeof docket->known - sizeof docket->known[0]);
    docket->known[0].position = decision->position;
    memcpy(docket->known[0].id, decision->id, sizeof decision->id);
}

struct troth_dispute *troth_docket_dispute(struct troth_docket *docket, int64_t offset,
                                           unsigned term)
{
    for (unsigned i = 0; i < docket->dispute_count; i++) {
        if (docket->disputes[i].offset == offset && docket->disputes[i].term == term) {
            return &docket->disputes[i];
        }
    }
    return NULL;
}

bool troth_docket_open(struct troth_docket *docket, int64_t offset, int64_t record_us,
                       unsigned term)
{
    if (docket->dispute_count == TROTH_DISPUTES_MAX) {
        return false;
    }
    docket->disputes[docket->dispute_count++] =
        (struct troth_dispute){.offset = offset, .record_us = record_us, .term = (uint8_t)term};
    docket->open_count++;
    return true;
}

void troth_docket_remove(struct troth_docket *docket, struct troth_dispute *dispute)
{
    const unsigned place = (unsigned)(dispute - docket->disputes);
    TROTH_ASSERT(place < docket->dispute_count);
    if (!dispute->upheld) {
        docket->open_count--;
    }
    docket->dispute_count--;
    memmove(dispute, dispute + 1, (docket->dispute_count - place) * sizeof *dispute);
}

void troth_docket_recertify(struct troth_docket *docket)
{
    for (unsigned i = docket->dispute_count; i-- > 0;) {
        struct troth_dispute *dispute = &docket->disputes[i];
        dispute->idle = true;
        if (dispute->upheld) {
            troth_docket_remove(docket, dispute);
        }
    }
}

void troth_docket_renumber(struct troth_docket *docket)
{
    docket->dispute_count = 0;
    docket->open_count = 0;
    docket->forgotten = -1;
    docket->claimed_position = -1;
    for (unsigned i = 0; i < docket->known_count; i++) {
        docket->known[i].position = -1;
    }
    for (unsigned i = 0; i < TROTH_TERMS_MAX; i++) {
        docket->waived_position[i] = -1;
    }
}

int64_t troth_docket_deadline(const struct troth_docket *docket, int64_t time_us)
{
    int64_t next_us = TROTH_LAST_US;
    if (docket->quiet_until_us > time_us) {
        next_us = docket->quiet_until_us;
    }
    for (unsigned i = 0; i < TROTH_TERMS_MAX; i++) {
        if (docket->waived_until_us[i] > time_us && docket->waived_until_us[i] < next_us) {
            next_us = docket->waived_until_us[i];
        }
    }
    return next_us;
}
