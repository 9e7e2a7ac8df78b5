#include "consumers/standing_record.h"

#include <string.h>

#include "consumers/avro/write.h"
#include "consumers/record_read.h"
#include "schemas/assert.h"
#include "scoring/ladder.h"

enum {
    CONDITIONS = TROTH_CONDITION_COUNT,
    KINDS = TROTH_TERM_CADENCE + 1,
    FORMAT_OF_IDLE = 2, /* the first that has the field */
    FORMAT_OF_DOCKET = 3,
    FORMAT_OF_REVIEW = 4,
    FORMAT_OF_VERSION = 4,
    SCORE_MAX = 1000
};

/* The symbols in the schema are those of our enumerations, in their order. */
_Static_assert((int)TROTH_RUNG_COUNT == 6, "StandingRung in schemas/standing.avsc");
_Static_assert((int)KINDS == 6, "StandingTermKind in schemas/standing.avsc");
_Static_assert((int)CONDITIONS == 12, "StandingCause in schemas/standing.avsc");

static void write_text(struct avro_writer *writer, struct troth_text text)
{
    write_long(writer, text.length);
    write_bytes(writer, text.data, text.length);
}

static void write_hash(struct avro_writer *writer, uint64_t hash)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(hash >> (56 - 8 * i));
    }
    write_bytes(writer, bytes, sizeof bytes);
}

static void write_time(struct avro_writer *writer, int64_t time_us)
{
    if (write_branch(writer, time_us != TROTH_NEVER_US)) {
        write_long(writer, time_us);
    }
}

static bool is_budget(const struct troth_snapshot_term *term)
{
    return term->kind == TROTH_TERM_BUDGET;
}

static bool shares(const struct troth_snapshot_term *term)
{
    return term->kind <= TROTH_TERM_JUDGED;
}

/* An array's items are one block: their number, the items, and 0 for the end. */
static void write_count(struct avro_writer *writer, unsigned count)
{
    if (count > 0) {
        write_long(writer, count);
    }
}

static void write_panes(struct avro_writer *writer, const struct troth_snapshot_term *term)
{
    const unsigned panes = is_budget(term) ? 0 : term->pane_count;
    const unsigned amounts = is_budget(term) ? term->pane_count : 0;
    write_count(writer, panes);
    for (unsigned i = 0; i < panes; i++) {
        write_long(writer, term->ages[i]);
        write_long(writer, term->panes[i].count.kept);
        write_long(writer, term->panes[i].count.broken);
    }
    write_long(writer, 0);
    write_count(writer, amounts);
    for (unsigned i = 0; i < amounts; i++) {
        write_long(writer, term->ages[i]);
        write_long(writer, term->panes[i].sum);
    }
    write_long(writer, 0);
}

static void write_term(struct avro_writer *writer, const struct troth_snapshot_term *term)
{
    const bool has_head =
        term->kind == TROTH_TERM_CADENCE ? term->head != TROTH_NEVER_US : term->pane_count > 0;
    write_text(writer, term->name);
    write_long(writer, term->kind);
    write_hash(writer, term->promise);
    if (write_branch(writer, has_head)) {
        write_long(writer, term->head);
    }
    write_long(writer, term->level);
    if (write_branch(writer, shares(term) && term->level > 0)) {
        write_long(writer, term->onset_us);
        write_long(writer, term->tasks_mark);
        write_long(writer, term->cost_mark);
    }
    write_long(writer, term->tally.kept);
    write_long(writer, term->tally.broken);
    write_panes(writer, term);
    write_count(writer, term->witness_count);
    for (unsigned i = 0; i < term->witness_count; i++) {
        write_long(writer, term->witnesses[i]);
    }
    write_long(writer, 0);
}

static void write_sessions(struct avro_writer *writer, int64_t uses,
                           const struct troth_session *sessions, unsigned count)
{
    write_long(writer, uses);
    write_count(writer, count);
    for (unsigned i = 0; i < count; i++) {
        const struct troth_session *session = &sessions[i];
        write_hash(writer, session->name_hash);
        write_long(writer, session->first);
        write_long(writer, session->top);
        write_long(writer, (int64_t)session->seen);
        write_long(writer, session->used);
    }
    write_long(writer, 0);
}

/* The last in the array is the last of those in use. */
static void write_exceptions(struct avro_writer *writer, const struct troth_docket *docket)
{
    unsigned count = TROTH_EXCEPTIONS_MAX;
    while (count > 0 && docket->exceptions[count - 1].until_us == TROTH_NEVER_US) {
        count--;
    }
    write_count(writer, count);
    for (unsigned i = 0; i < count; i++) {
        const struct troth_exception *exception = &docket->exceptions[i];
        write_text(writer, (struct troth_text){exception->owner, exception->owner_length});
        write_time(writer, exception->since_us);
        write_time(writer, exception->until_us);
        write_long(writer, exception->uses);
    }
    write_long(writer, 0);
}

static void write_docket(struct avro_writer *writer, const struct troth_snapshot *snapshot)
{
    const struct troth_docket *docket = &snapshot->docket;
    write_time(writer, docket->decided_us);
    write_long(writer, docket->forgotten);
    write_time(writer, docket->quiet_until_us);
    write_count(writer, snapshot->term_count);
    for (unsigned i = 0; i < snapshot->term_count; i++) {
        write_time(writer, docket->waived_until_us[i]);
        write_long(writer, docket->waived_uses[i]);
        write_long(writer, docket->waived_position[i]);
    }
    write_long(writer, 0);
    write_count(writer, docket->dispute_count);
    for (unsigned i = 0; i < docket->dispute_count; i++) {
        const struct troth_dispute *dispute = &docket->disputes[i];
        write_long(writer, dispute->offset);
        write_long(writer, dispute->record_us);
        write_long(writer, dispute->term);
        write_boolean(writer, dispute->upheld);
        write_boolean(writer, dispute->idle);
    }
    write_long(writer, 0);
    write_count(writer, docket->known_count);
    for (unsigned i = 0; i < docket->known_count; i++) {
        write_long(writer, docket->known[i].position);
        write_bytes(writer, docket->known[i].id, TROTH_DECISION_ID_LENGTH);
    }
    write_long(writer, 0);
    write_exceptions(writer, docket);
    write_long(writer, docket->claimed_position);
    write_time(writer, docket->claimed_us);
    write_time(writer, docket->reviewed_us);
    write_long(writer, docket->reviewed_score);
    write_long(writer, docket->reviewed_rung);
    write_long(writer, docket->narrowed_since);
    write_long(writer, docket->widened_since);
}

static void write_version(struct avro_writer *writer, const struct troth_heard *heard)
{
    if (write_branch(writer, heard->hash != 0)) {
        write_hash(writer, heard->hash);
        write_long(writer, heard->last_us);
    }
}

static void write_header(struct avro_writer *writer, const struct troth_snapshot *snapshot)
{
    uint32_t observed;
    memcpy(&observed, &snapshot->observed, sizeof observed);
    write_long(writer, TROTH_STANDING_FORMAT);
    write_text(writer, snapshot->agent);
    write_text(writer, snapshot->contract);
    write_long(writer, snapshot->contract_version);
    write_long(writer, snapshot->offset);
    write_long(writer, snapshot->clock_us);
    write_long(writer, snapshot->rung);
    write_long(writer, snapshot->since_us);
    write_time(writer, snapshot->phase_us);
    write_time(writer, snapshot->left_us);
    write_long(writer, snapshot->relapses);
    write_boolean(writer, snapshot->unsettled);
    write_boolean(writer, snapshot->matched);
    write_boolean(writer, snapshot->after_decision);
    write_long(writer, snapshot->late);
    write_long(writer, snapshot->tasks);
    write_long(writer, snapshot->cost_micros);
    write_long(writer, snapshot->cause);
    write_long(writer, snapshot->cause_term == TROTH_CAUSE_NO_TERM ? -1 : snapshot->cause_term);
    write_number_bits(writer, observed, sizeof observed);
    write_long(writer, snapshot->cause_offset);
    write_long(writer, snapshot->ordinal);
}

troth_status troth_standing_encode(const struct troth_snapshot *snapshot, void *buffer,
                                   size_t capacity, size_t *length)
{
    struct avro_writer writer = {.next = buffer, .end = (uint8_t *)buffer + capacity};
    TROTH_ASSERT(snapshot->term_count <= TROTH_TERMS_MAX &&
                 snapshot->session_count <= TROTH_SESSIONS_MAX);
    write_header(&writer, snapshot);
    write_count(&writer, snapshot->term_count);
    for (unsigned i = 0; i < snapshot->term_count; i++) {
        write_term(&writer, &snapshot->terms[i]);
    }
    write_long(&writer, 0);
    write_sessions(&writer, snapshot->sequence_uses, snapshot->sessions, snapshot->session_count);
    write_boolean(&writer, snapshot->idle);
    if (write_branch(&writer, snapshot->docketed)) {
        write_docket(&writer, snapshot);
    }
    write_long(&writer, snapshot->review);
    write_long(&writer, snapshot->review_us);
    write_time(&writer, snapshot->fell_us);
    write_version(&writer, &snapshot->heard);
    if (writer.full) {
        return TROTH_FULL;
    }
    *length = (size_t)(writer.next - (uint8_t *)buffer);
    return TROTH_OK;
}

size_t troth_agent_encode(const struct troth_agent_snapshot *snapshot,
                          uint8_t buffer[TROTH_AGENT_RECORD_MAX])
{
    struct avro_writer writer = {.next = buffer, .end = buffer + TROTH_AGENT_RECORD_MAX};
    TROTH_ASSERT(snapshot->session_count <= TROTH_SESSIONS_MAX);
    write_long(&writer, TROTH_AGENT_FORMAT);
    write_text(&writer, snapshot->agent);
    write_long(&writer, snapshot->offset);
    write_long(&writer, snapshot->clock_us);
    write_sessions(&writer, snapshot->sequence_uses, snapshot->sessions, snapshot->session_count);
    write_boolean(&writer, snapshot->idle);
    TROTH_ASSERT(!writer.full);
    return (size_t)(writer.next - buffer);
}

static int64_t read_time(struct record_reader *reader)
{
    return record_branch(reader) ? record_long(reader) : TROTH_NEVER_US;
}

static uint32_t read_count(struct record_reader *reader)
{
    return (uint32_t)record_long_in(reader, 0, UINT32_MAX);
}

/* The panes of a term that shares, or the amounts of a budget; the other array must be empty. */
static void read_panes(struct record_reader *reader, struct troth_snapshot_term *term)
{
    struct record_items panes = {0, 0};
    struct record_items amounts = {0, 0};
    term->pane_count = 0;
    while (record_item(reader, &panes, is_budget(term) ? 0 : TROTH_PANES_MAX)) {
        const unsigned place = term->pane_count++;
        term->ages[place] = (uint8_t)record_long_in(reader, 0, TROTH_PANES_MAX - 1);
        term->panes[place].count.kept = read_count(reader);
        term->panes[place].count.broken = read_count(reader);
    }
    while (record_item(reader, &amounts, is_budget(term) ? TROTH_PANES_MAX : 0)) {
        const unsigned place = term->pane_count++;
        term->ages[place] = (uint8_t)record_long_in(reader, 0, TROTH_PANES_MAX - 1);
        term->panes[place].sum = record_long(reader);
    }
}

static void read_term(struct record_reader *reader, struct troth_snapshot_term *term)
{
    struct record_items witnesses = {0, 0};
    term->name = record_text(reader, TROTH_NAME_LENGTH_MAX);
    term->kind = (uint8_t)record_index(reader, KINDS);
    term->promise = record_hash(reader);
    term->head = record_branch(reader)              ? record_long(reader)
                 : term->kind == TROTH_TERM_CADENCE ? TROTH_NEVER_US
                                                    : 0;
    term->level = record_long(reader);
    term->onset_us = 0;
    term->tasks_mark = 0;
    term->cost_mark = 0;
    if (record_branch(reader)) {
        term->onset_us = record_long(reader);
        term->tasks_mark = read_count(reader);
        term->cost_mark = record_long(reader);
    }
    term->tally.kept = read_count(reader);
    term->tally.broken = read_count(reader);
    read_panes(reader, term);
    term->witness_count = 0;
    while (record_item(reader, &witnesses, TROTH_WITNESSES_MAX)) {
        term->witnesses[term->witness_count++] = record_long(reader);
    }
}

/* Returns how many there are. */
static uint8_t read_sessions(struct record_reader *reader, int64_t *uses,
                             struct troth_session sessions[TROTH_SESSIONS_MAX])
{
    struct record_items items = {0, 0};
    uint8_t count = 0;
    *uses = record_long(reader);
    while (record_item(reader, &items, TROTH_SESSIONS_MAX)) {
        struct troth_session *session = &sessions[count++];
        session->name_hash = record_hash(reader);
        session->first = record_long(reader);
        session->top = record_long(reader);
        session->seen = (uint64_t)record_long(reader);
        session->used = record_long(reader);
    }
    return count;
}

static void read_exceptions(struct record_reader *reader, struct troth_docket *docket)
{
    struct record_items items = {0, 0};
    for (unsigned i = 0; record_item(reader, &items, TROTH_EXCEPTIONS_MAX); i++) {
        struct troth_exception *exception = &docket->exceptions[i];
        const struct troth_text owner = record_text(reader, TROTH_OWNER_MAX);
        exception->owner_length = (uint8_t)owner.length;
        if (owner.length > 0) {
            memcpy(exception->owner, owner.data, owner.length);
        }
        exception->since_us = read_time(reader);
        exception->until_us = read_time(reader);
        exception->uses = read_count(reader);
    }
}

static void read_docket(struct record_reader *reader, struct troth_docket *docket)
{
    struct record_items waivers = {0, 0};
    struct record_items disputes = {0, 0};
    struct record_items known = {0, 0};
    troth_docket_init(docket);
    docket->decided_us = read_time(reader);
    docket->forgotten = record_long(reader);
    docket->quiet_until_us = read_time(reader);
    for (unsigned i = 0; record_item(reader, &waivers, TROTH_TERMS_MAX); i++) {
        docket->waived_until_us[i] = read_time(reader);
        docket->waived_uses[i] = read_count(reader);
        if (reader->format >= FORMAT_OF_REVIEW) {
            docket->waived_position[i] = record_long(reader);
        }
    }
    while (record_item(reader, &disputes, TROTH_DISPUTES_MAX)) {
        struct troth_dispute *dispute = &docket->disputes[docket->dispute_count++];
        dispute->offset = record_long(reader);
        dispute->record_us = record_long(reader);
        dispute->term = (uint8_t)record_long_in(reader, 0, TROTH_TERMS_MAX - 1);
        dispute->upheld = record_boolean(reader);
        dispute->idle = record_boolean(reader);
        if (!dispute->upheld) {
            docket->open_count++;
        }
    }
    while (record_item(reader, &known, TROTH_DECISIONS_KNOWN)) {
        struct troth_known *taken = &docket->known[docket->known_count++];
        taken->position = record_long(reader);
        record_fixed(reader, taken->id, sizeof taken->id);
    }
    if (reader->format >= FORMAT_OF_REVIEW) {
        read_exceptions(reader, docket);
        docket->claimed_position = record_long(reader);
        docket->claimed_us = read_time(reader);
        docket->reviewed_us = read_time(reader);
        docket->reviewed_score = (uint16_t)record_long_in(reader, 0, SCORE_MAX);
        docket->reviewed_rung = (uint8_t)record_index(reader, TROTH_RUNG_COUNT);
        docket->narrowed_since = (uint16_t)record_long_in(reader, 0, UINT16_MAX);
        docket->widened_since = (uint16_t)record_long_in(reader, 0, UINT16_MAX);
    }
}

static void read_version(struct record_reader *reader, struct troth_heard *heard)
{
    *heard = (struct troth_heard){0, 0};
    if (reader->format >= FORMAT_OF_VERSION && record_branch(reader)) {
        heard->hash = record_hash(reader);
        heard->last_us = record_long(reader);
        if (reader->next != NULL && heard->hash == 0) {
            record_fail(reader, TROTH_INVALID);
        }
    }
}

static void read_header(struct record_reader *reader, struct troth_snapshot *snapshot)
{
    snapshot->agent = record_text(reader, TROTH_AGENT_LENGTH_MAX);
    snapshot->contract = record_text(reader, TROTH_NAME_LENGTH_MAX);
    snapshot->contract_version = record_long(reader);
    snapshot->offset = record_long(reader);
    snapshot->clock_us = record_long(reader);
    snapshot->rung = (uint8_t)record_index(reader, TROTH_RUNG_COUNT);
    snapshot->since_us = record_long(reader);
    snapshot->phase_us = read_time(reader);
    snapshot->left_us = read_time(reader);
    snapshot->relapses = (uint8_t)record_long_in(reader, 0, TROTH_RELAPSES_MAX);
    snapshot->unsettled = record_boolean(reader);
    snapshot->matched = record_boolean(reader);
    snapshot->after_decision = record_boolean(reader);
    snapshot->late = (uint16_t)record_long_in(reader, 0, TROTH_LATE_MAX);
    snapshot->tasks = read_count(reader);
    snapshot->cost_micros = record_long(reader);
    snapshot->cause = (uint8_t)record_index(reader, CONDITIONS);
    const int64_t term = record_long_in(reader, -1, TROTH_TERMS_MAX - 1);
    snapshot->cause_term = term < 0 ? TROTH_CAUSE_NO_TERM : (uint8_t)term;
    snapshot->observed = (float)record_float(reader);
    snapshot->cause_offset = record_long(reader);
    snapshot->ordinal = (uint16_t)record_long_in(reader, 0, TROTH_ORDINAL_MAX);
}

static void read_review(struct record_reader *reader, struct troth_snapshot *snapshot)
{
    snapshot->review = TROTH_REVIEW_NONE;
    snapshot->review_us = 0;
    snapshot->fell_us = TROTH_NEVER_US;
    if (reader->format >= FORMAT_OF_REVIEW) {
        snapshot->review = (uint8_t)record_index(reader, TROTH_REVIEW_BY_CLOCK + 1);
        snapshot->review_us = record_long(reader);
        snapshot->fell_us = read_time(reader);
    }
}

troth_status troth_standing_decode(const void *bytes, size_t length,
                                   struct troth_snapshot *snapshot)
{
    struct record_reader reader = record_begin(bytes, length, TROTH_STANDING_FORMAT);
    struct record_items terms = {0, 0};
    read_header(&reader, snapshot);
    snapshot->term_count = 0;
    while (record_item(&reader, &terms, TROTH_TERMS_MAX)) {
        read_term(&reader, &snapshot->terms[snapshot->term_count++]);
    }
    snapshot->session_count = read_sessions(&reader, &snapshot->sequence_uses, snapshot->sessions);
    snapshot->idle = reader.format >= FORMAT_OF_IDLE && record_boolean(&reader);
    snapshot->docketed = reader.format >= FORMAT_OF_DOCKET && record_branch(&reader);
    if (snapshot->docketed) {
        read_docket(&reader, &snapshot->docket);
    }
    read_review(&reader, snapshot);
    read_version(&reader, &snapshot->heard);
    return record_finish(&reader);
}

troth_status troth_agent_decode(const void *bytes, size_t length,
                                struct troth_agent_snapshot *snapshot)
{
    struct record_reader reader = record_begin(bytes, length, TROTH_AGENT_FORMAT);
    snapshot->agent = record_text(&reader, TROTH_AGENT_LENGTH_MAX);
    snapshot->offset = record_long(&reader);
    snapshot->clock_us = record_long(&reader);
    snapshot->session_count = read_sessions(&reader, &snapshot->sequence_uses, snapshot->sessions);
    snapshot->idle = record_boolean(&reader);
    return record_finish(&reader);
}
