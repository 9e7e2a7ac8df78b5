/*
 * A store in memory: it writes down what it is told, in order, in the journal, and can be away,
 * slow, or break at the n-th call.
 *
 * What is put is QUEUED, flush makes it SENT, acknowledged makes it DONE; when the connection
 * breaks, what was not DONE is DROPPED. (A real store may have done it all the same: a view that
 * misses it is the harder case.)
 *
 * Its fence: a shard knows the (era, claim) that it is owned by. What is sent by another is
 * DROPPED, and so is a timid narrowing where something worse is shown.
 */
#ifndef TROTH_TESTS_SUPPORT_FAKE_STORE_H
#define TROTH_TESTS_SUPPORT_FAKE_STORE_H

#include "tests/support/fake_clock.h"
#include "tests/support/fake_journal.h"

#include "consumers/report.h"
#include "consumers/store.h"

enum { FAKE_SHARDS = 64 };

/* What the store itself knows of a partition, whoever is connected. */
struct fake_shard {
    bool there;
    int64_t era;
    int64_t claim;
    int64_t applied;
};

struct fake_store {
    struct troth_store store; /* first */
    struct fake_journal *journal;
    struct fake_clock *clock;
    bool away;              /* it cannot be reached */
    bool connected;         /* the other side of a connection is there */
    bool reports;           /* keep the report of each standing that is put */
    unsigned slow_puts;     /* so many puts say FULL */
    int64_t put_us;         /* a standing takes so long to put, */
    bool put_waits;         /* while others have the core */
    unsigned slow_flush;    /* so many flushes say FULL, and send nothing */
    unsigned slow_narrowed; /* so many looks for answers to narrowings find none */
    unsigned unanswered;    /* so many acknowledged() time out, and end the connection */
    int64_t answers_us;     /* until then, monotonic, acknowledged() without waiting times out */
    unsigned refusals;      /* so many acknowledged() say REFUSED */
    uint64_t calls;         /* of put, narrow, narrowed, flush, acknowledged */
    uint64_t break_at;      /* the connection breaks at that call; 0: never */
    uint64_t connections;
    uint64_t refused; /* flushes and narrowings that the fence did not let pass */
    size_t open_from; /* entries before it are all done or dropped */
    struct fake_shard shards[FAKE_SHARDS];
    struct fake_shard owners[FAKE_SHARDS]; /* there: as the one who is connected owns it */
};

static inline struct fake_store *fake_store_of(struct troth_store *store)
{
    return (struct fake_store *)(void *)store;
}

static inline bool fake_store_holds(const struct fake_entry *entry)
{
    return entry->act >= FAKE_NARROWED && entry->act <= FAKE_REMOVED;
}

static inline const struct fake_entry *fake_store_shows(const struct fake_store *store,
                                                        const char *agent, const char *contract);

/* Returns whether the fence lets pass what is sent of a partition. */
static inline bool fake_store_passes(struct fake_store *store, int32_t partition)
{
    const struct fake_shard *shard = &store->shards[partition];
    struct fake_shard *owner = &store->owners[partition];
    if (owner->there && shard->there && shard->era == owner->era && shard->claim == owner->claim) {
        return true;
    }
    store->refused++;
    owner->there = false;
    return false;
}

/* What is sent of an entry stands in the store, or is dropped by the fence. */
static inline void fake_store_land(struct fake_store *store, struct fake_entry *entry,
                                   enum fake_state to)
{
    if (!fake_store_passes(store, entry->partition)) {
        entry->state = FAKE_DROPPED;
        return;
    }
    struct fake_shard *shard = &store->shards[entry->partition];
    shard->applied = entry->offset > shard->applied ? entry->offset : shard->applied;
    entry->state = (uint8_t)to;
}

/* Moves what is in one state, or in one below, to another. A narrowing that is not answered goes
 * its own way, with its agent's entry, which follows it. */
static inline void fake_store_turn(struct fake_store *store, enum fake_state below,
                                   enum fake_state to)
{
    struct fake_journal *journal = store->journal;
    size_t open_from = journal->count;
    for (size_t i = store->open_from; i < journal->count; i++) {
        struct fake_entry *entry = &journal->entries[i];
        if (!fake_store_holds(entry) || entry->state > below) {
            continue;
        }
        if (entry->act == FAKE_NARROWED && entry->state == FAKE_QUEUED && to != FAKE_DROPPED) {
            open_from = open_from < i ? open_from : i;
            i++;
            continue;
        }
        if (to == FAKE_SENT) {
            fake_store_land(store, entry, to);
        } else {
            entry->state = (uint8_t)to;
        }
    }
    if (below == FAKE_SENT) {
        store->open_from = open_from;
    }
}

/* The connection breaks; what was not acknowledged is gone. */
static inline void fake_store_break(struct fake_store *store)
{
    store->connected = false;
    memset(store->owners, 0, sizeof store->owners);
    fake_store_turn(store, FAKE_SENT, FAKE_DROPPED);
}

/* Counts a call. Returns whether there is a connection. */
static inline bool fake_store_called(struct fake_store *store)
{
    store->calls++;
    if (store->connected && (store->away || store->calls == store->break_at)) {
        fake_store_break(store);
    }
    return store->connected;
}

static inline bool fake_store_connected(struct troth_store *base, bool *fresh)
{
    struct fake_store *store = fake_store_of(base);
    if (store->away && store->connected) {
        fake_store_break(store);
    }
    *fresh = !store->away && !store->connected;
    store->connections += *fresh;
    store->connected |= *fresh;
    return store->connected;
}

static inline troth_status fake_store_own(struct troth_store *base,
                                          const struct troth_store_claim *claim, int64_t *applied)
{
    struct fake_store *store = fake_store_of(base);
    TROTH_ASSERT(claim->partition >= 0 && claim->partition < FAKE_SHARDS);
    if (!fake_store_called(store)) {
        return TROTH_UNREACHABLE;
    }
    struct fake_shard *shard = &store->shards[claim->partition];
    if (shard->there &&
        (shard->era > claim->era || (shard->era == claim->era && shard->claim > claim->claim))) {
        return TROTH_FENCED;
    }
    const bool known = shard->there && shard->era == claim->era;
    *applied = known ? shard->applied : TROTH_OFFSET_NONE;
    *shard = (struct fake_shard){true, claim->era, claim->claim, *applied};
    store->owners[claim->partition] = *shard;
    for (size_t i = store->open_from; i < store->journal->count; i++) {
        struct fake_entry *entry = &store->journal->entries[i];
        const bool view = entry->act == FAKE_STANDING || entry->act == FAKE_AGENT;
        if (view && entry->state == FAKE_QUEUED && entry->partition == claim->partition) {
            entry->state = FAKE_DROPPED;
        }
    }
    struct fake_entry *entry = fake_journal_add(store->journal, FAKE_OWNED);
    entry->partition = claim->partition;
    entry->offset = *applied;
    return TROTH_OK;
}

static inline troth_status fake_store_ownership(struct troth_store *base, int32_t partition)
{
    return fake_store_of(base)->owners[partition].there ? TROTH_OK : TROTH_NOT_FOUND;
}

/* The store loses all that it holds, while the connection stays. */
static inline void fake_store_lose(struct fake_store *store)
{
    memset(store->shards, 0, sizeof store->shards);
    for (size_t i = 0; i < store->journal->count; i++) {
        struct fake_entry *entry = &store->journal->entries[i];
        if (fake_store_holds(entry) && entry->state != FAKE_QUEUED) {
            entry->state = FAKE_DROPPED;
        }
    }
}

static inline void fake_store_note(struct fake_store *store, enum fake_act act,
                                   const struct troth_publication *standing)
{
    char *text = NULL;
    if (store->reports) {
        json_t *report = troth_report_standing(standing->view);
        text = json_dumps(report, TROTH_REPORT_FLAGS);
        json_decref(report);
    }
    struct fake_entry *entry = fake_journal_add(store->journal, act);
    entry->text = text;
    entry->partition = standing->partition;
    entry->offset = standing->applied;
    entry->timid = standing->timid;
    entry->guarded = standing->guarded;
    entry->rung = (uint8_t)standing->view->standing->rung;
    entry->score = standing->score.score;
    entry->as_of_us = standing->as_of_us;
    entry->good_until_us = standing->good_until_us;
    entry->offer_until_us = standing->offer_until_us;
    snprintf(entry->agent, sizeof entry->agent, "%.*s", (int)standing->view->agent.length,
             standing->view->agent.data);
    snprintf(entry->contract, sizeof entry->contract, "%s", standing->view->rules->contract->name);
}

static inline void fake_store_note_agent(struct fake_store *store,
                                         const struct troth_agent_publication *agent)
{
    struct fake_entry *entry = fake_journal_add(store->journal, FAKE_AGENT);
    entry->partition = agent->partition;
    entry->offset = agent->applied;
    entry->rung = agent->meet.rung;
    entry->guarded = agent->meet.guarded;
    entry->score = agent->meet.score;
    entry->as_of_us = agent->as_of_us;
    entry->good_until_us = agent->meet.good_until_us;
    entry->offer_until_us = agent->meet.offer_until_us;
    snprintf(entry->agent, sizeof entry->agent, "%.*s", (int)agent->agent.length,
             agent->agent.data);
}

static inline troth_status fake_store_narrow(struct troth_store *base,
                                             const struct troth_publication *standing,
                                             const struct troth_agent_publication *agent,
                                             const char *record, size_t record_length)
{
    struct fake_store *store = fake_store_of(base);
    if (!fake_store_called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (!store->owners[standing->partition].there) {
        return TROTH_NOT_FOUND;
    }
    fake_store_note(store, FAKE_NARROWED, standing);
    struct fake_entry *entry = &store->journal->entries[store->journal->count - 1];
    if (entry->text == NULL) {
        entry->text = strndup(record, record_length);
    }
    fake_store_note_agent(store, agent);
    return TROTH_OK;
}

static inline troth_status fake_store_narrowed(struct troth_store *base, int64_t timeout_us)
{
    struct fake_store *store = fake_store_of(base);
    if (!fake_store_called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (timeout_us == 0 && store->slow_narrowed > 0) {
        store->slow_narrowed--;
        return TROTH_TIMED_OUT;
    }
    /* The agent's entry follows its standing's. */
    for (size_t i = store->open_from; i < store->journal->count; i++) {
        struct fake_entry *entry = &store->journal->entries[i];
        if (entry->act == FAKE_NARROWED && entry->state == FAKE_QUEUED) {
            const struct fake_entry *standing =
                fake_store_shows(store, entry->agent, entry->contract);
            const struct fake_entry *agent = fake_store_shows(store, entry->agent, NULL);
            const bool worse = (standing != NULL && standing->rung > entry[0].rung) ||
                               (agent != NULL && agent->rung > entry[1].rung);
            if (entry->timid && worse) {
                entry->state = FAKE_DROPPED;
            } else {
                fake_store_land(store, entry, FAKE_DONE);
            }
            entry[1].state = entry[0].state;
        }
    }
    return TROTH_OK;
}

/* Returns what a put answers before anything is noted. */
static inline troth_status fake_store_put(struct fake_store *store, int32_t partition)
{
    if (!fake_store_called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (!store->owners[partition].there) {
        return TROTH_NOT_FOUND;
    }
    if (store->slow_puts > 0) {
        store->slow_puts--;
        return TROTH_FULL;
    }
    return TROTH_OK;
}

static inline troth_status fake_store_announce(struct troth_store *base, int32_t partition,
                                               int64_t applied, const char *record,
                                               size_t record_length)
{
    struct fake_store *store = fake_store_of(base);
    const troth_status status = fake_store_put(store, partition);
    if (status == TROTH_OK) {
        struct fake_entry *entry = fake_journal_add(store->journal, FAKE_ANNOUNCED);
        entry->partition = partition;
        entry->offset = applied;
        entry->text = strndup(record, record_length);
    }
    return status;
}

static inline troth_status fake_store_rebuilt(struct troth_store *base, int32_t partition)
{
    struct fake_store *store = fake_store_of(base);
    const troth_status status = fake_store_put(store, partition);
    if (status == TROTH_OK) {
        fake_journal_add(store->journal, FAKE_REBUILT)->partition = partition;
    }
    return status;
}

/* Whether a narrowing of the agent is not answered. */
static inline bool fake_store_narrows(const struct fake_store *store, struct troth_text agent)
{
    for (size_t i = store->open_from; i < store->journal->count; i++) {
        const struct fake_entry *entry = &store->journal->entries[i];
        if (entry->act == FAKE_NARROWED && entry->state == FAKE_QUEUED &&
            strlen(entry->agent) == agent.length &&
            memcmp(entry->agent, agent.data, agent.length) == 0) {
            return true;
        }
    }
    return false;
}

static inline troth_status fake_store_put_standing(struct troth_store *base,
                                                   const struct troth_publication *standing)
{
    struct fake_store *store = fake_store_of(base);
    const troth_status status = fake_store_put(store, standing->partition);
    fake_clock_move(store->clock, store->put_us);
    store->clock->elsewhere_us += store->put_waits ? store->put_us : 0;
    if (status == TROTH_OK && fake_store_narrows(store, standing->view->agent)) {
        return TROTH_TIMED_OUT;
    }
    if (status == TROTH_OK) {
        fake_store_note(store, FAKE_STANDING, standing);
    }
    return status;
}

static inline troth_status fake_store_put_agent(struct troth_store *base,
                                                const struct troth_agent_publication *agent)
{
    const troth_status status = fake_store_put(fake_store_of(base), agent->partition);
    if (status == TROTH_OK && fake_store_narrows(fake_store_of(base), agent->agent)) {
        return TROTH_TIMED_OUT;
    }
    if (status == TROTH_OK) {
        fake_store_note_agent(fake_store_of(base), agent);
    }
    return status;
}

static inline troth_status fake_store_put_week(struct troth_store *base, int32_t partition,
                                               int64_t applied, const char *contract,
                                               int64_t number, const char *text, size_t length)
{
    (void)number;
    const troth_status status = fake_store_put(fake_store_of(base), partition);
    if (status == TROTH_OK) {
        struct fake_entry *entry = fake_journal_add(fake_store_of(base)->journal, FAKE_WEEK);
        entry->partition = partition;
        entry->offset = applied;
        entry->text = text != NULL ? strndup(text, length) : NULL;
        snprintf(entry->contract, sizeof entry->contract, "%s", contract);
    }
    return status;
}

static inline troth_status fake_store_put_outage(struct troth_store *base,
                                                 const struct troth_outage_publication *outage)
{
    const troth_status status = fake_store_put(fake_store_of(base), outage->partition);
    if (status == TROTH_OK) {
        struct fake_entry *entry = fake_journal_add(fake_store_of(base)->journal, FAKE_OUTAGE);
        entry->partition = outage->partition;
        entry->offset = outage->applied;
        entry->guarded = outage->running;
        entry->as_of_us = outage->since_us;
        entry->good_until_us = outage->guarded_until_us;
        entry->score = (uint16_t)outage->hit;
        snprintf(entry->contract, sizeof entry->contract, "%s", outage->contract);
    }
    return status;
}

static inline troth_status fake_store_remove(struct troth_store *base, int32_t partition,
                                             int64_t applied, struct troth_text agent,
                                             const char *contract, bool last)
{
    struct fake_store *store = fake_store_of(base);
    const troth_status status = fake_store_put(store, partition);
    if (status == TROTH_OK && fake_store_narrows(store, agent)) {
        return TROTH_FULL;
    }
    if (status == TROTH_OK) {
        struct fake_entry *entry = fake_journal_add(store->journal, FAKE_REMOVED);
        entry->partition = partition;
        entry->offset = applied;
        entry->last = last;
        snprintf(entry->agent, sizeof entry->agent, "%.*s", (int)agent.length, agent.data);
        snprintf(entry->contract, sizeof entry->contract, "%s", contract);
    }
    return status;
}

static inline troth_status fake_store_flush(struct troth_store *base)
{
    struct fake_store *store = fake_store_of(base);
    if (!fake_store_called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (store->slow_flush > 0) {
        store->slow_flush--;
        fake_clock_move(store->clock, 1000);
        return TROTH_FULL;
    }
    for (int32_t i = 0; i < FAKE_SHARDS; i++) {
        if (store->owners[i].there) {
            (void)fake_store_passes(store, i); /* also of those of which nothing changed */
        }
    }
    fake_store_turn(store, FAKE_QUEUED, FAKE_SENT);
    return TROTH_OK;
}

static inline troth_status fake_store_acknowledged(struct troth_store *base, int64_t timeout_us)
{
    struct fake_store *store = fake_store_of(base);
    if (!fake_store_called(store)) {
        return TROTH_UNREACHABLE;
    }
    if (store->unanswered > 0) {
        store->unanswered--;
        fake_clock_move(store->clock, timeout_us);
        fake_store_break(store);
        return TROTH_TIMED_OUT;
    }
    if (timeout_us == 0 && store->clock->monotonic_us < store->answers_us) {
        return TROTH_TIMED_OUT;
    }
    if (store->refusals > 0) {
        store->refusals--;
        return TROTH_REFUSED;
    }
    for (size_t i = store->open_from; i < store->journal->count; i++) {
        struct fake_entry *entry = &store->journal->entries[i];
        if (fake_store_holds(entry) && entry->state == FAKE_SENT) {
            entry->state = FAKE_DONE;
        }
    }
    fake_journal_add(store->journal, FAKE_ACKNOWLEDGED);
    return TROTH_OK;
}

static inline const char *fake_store_error(struct troth_store *base)
{
    return fake_store_of(base)->away ? "the fake store is away" : "the fake store said no";
}

static inline void fake_store_close(struct troth_store *base)
{
    (void)base;
}

static inline void fake_store_init(struct fake_store *store, struct fake_clock *clock,
                                   struct fake_journal *journal)
{
    *store = (struct fake_store){.store = {.connected = fake_store_connected,
                                           .own = fake_store_own,
                                           .ownership = fake_store_ownership,
                                           .rebuilt = fake_store_rebuilt,
                                           .narrow = fake_store_narrow,
                                           .narrowed = fake_store_narrowed,
                                           .announce = fake_store_announce,
                                           .put_standing = fake_store_put_standing,
                                           .put_agent = fake_store_put_agent,
                                           .put_outage = fake_store_put_outage,
                                           .put_week = fake_store_put_week,
                                           .remove = fake_store_remove,
                                           .flush = fake_store_flush,
                                           .acknowledged = fake_store_acknowledged,
                                           .error = fake_store_error,
                                           .close = fake_store_close},
                                 .journal = journal,
                                 .clock = clock};
}

/* Returns what the store shows of an agent's standing (contract NULL: of the agent), or NULL. */
static inline const struct fake_entry *fake_store_shows(const struct fake_store *store,
                                                        const char *agent, const char *contract)
{
    for (size_t i = store->journal->count; i-- > 0;) {
        const struct fake_entry *entry = &store->journal->entries[i];
        const bool standing = entry->act == FAKE_NARROWED || entry->act == FAKE_STANDING;
        if ((entry->state == FAKE_SENT || entry->state == FAKE_DONE) &&
            (contract != NULL ? standing && strcmp(entry->contract, contract) == 0
                              : entry->act == FAKE_AGENT) &&
            strcmp(entry->agent, agent) == 0) {
            return entry;
        }
    }
    return NULL;
}

#endif
