#include "ops/review/open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/table.h"

enum { COUNT_AT_ONCE = 1000 /* members of the set that are counted with one question */ };

struct troth_review_contract {
    char name[TROTH_NAME_LENGTH_MAX + 1];
    struct troth_contract *contract; /* NULL: it cannot be read */
};

void troth_review_walk_init(struct troth_review_walk *walk, struct troth_redis_reader *reader,
                            const char *only, const char *owner)
{
    memset(walk, 0, sizeof *walk);
    walk->reader = reader;
    walk->only = only;
    walk->owner = owner;
}

static void drop_page(struct troth_review_walk *walk)
{
    for (unsigned i = 0; i < walk->count; i++) {
        troth_fields_free(&walk->page[i].standing);
    }
    walk->count = 0;
}

void troth_review_walk_fini(struct troth_review_walk *walk)
{
    drop_page(walk);
    for (unsigned i = 0; i < walk->contract_count; i++) {
        free(walk->contracts[i].contract);
    }
    free(walk->contracts);
    memset(walk, 0, sizeof *walk);
}

const struct troth_contract *troth_review_walk_contract(struct troth_review_walk *walk,
                                                        const char *name)
{
    for (unsigned i = 0; i < walk->contract_count; i++) {
        if (strcmp(walk->contracts[i].name, name) == 0) {
            return walk->contracts[i].contract;
        }
    }
    if (walk->contracts == NULL) {
        walk->contracts = calloc(TROTH_REDIS_READER_CONTRACTS_MAX, sizeof *walk->contracts);
    }
    if (walk->contracts == NULL || walk->contract_count == TROTH_REDIS_READER_CONTRACTS_MAX) {
        return NULL;
    }
    struct troth_review_contract *place = &walk->contracts[walk->contract_count++];
    snprintf(place->name, sizeof place->name, "%s", name);
    place->contract = calloc(1, sizeof *place->contract);
    if (place->contract != NULL &&
        !troth_redis_reader_contract(walk->reader, name, place->contract)) {
        free(place->contract);
        place->contract = NULL;
    }
    return place->contract;
}

/* Takes a member, AGENT:CONTRACT, apart at its last colon. Returns whether it is wanted. */
static bool take_member(struct troth_review_walk *walk, const redisReply *member,
                        struct troth_review *review)
{
    const char *colon =
        member->type == REDIS_REPLY_STRING ? memrchr(member->str, ':', (size_t)member->len) : NULL;
    if (colon == NULL || colon == member->str ||
        (size_t)(colon - member->str) > TROTH_AGENT_LENGTH_MAX ||
        strlen(colon + 1) > TROTH_NAME_LENGTH_MAX) {
        return false;
    }
    memset(review, 0, sizeof *review);
    memcpy(review->agent, member->str, (size_t)(colon - member->str));
    memcpy(review->contract, colon + 1, strlen(colon + 1));
    if (walk->only != NULL && strcmp(walk->only, review->contract) != 0) {
        return false;
    }
    if (walk->owner == NULL) {
        return true;
    }
    const struct troth_contract *contract = troth_review_walk_contract(walk, review->contract);
    return contract != NULL && strcmp(contract->owner, walk->owner) == 0;
}

/* Asks for the members from a place on. Returns the answer, members and times by turns, or NULL. */
static redisReply *read_members(struct troth_review_walk *walk, int64_t from, int64_t count)
{
    troth_redis_reader_begin(walk->reader, "ZRANGE");
    troth_redis_reader_key(walk->reader, "reviews", (struct troth_text){0}, NULL);
    troth_resp_integer(&walk->reader->command, from);
    troth_resp_integer(&walk->reader->command, from + count - 1);
    troth_resp_string(&walk->reader->command, "WITHSCORES");
    troth_redis_reader_ask(walk->reader);
    return troth_redis_reader_answer(walk->reader);
}

/* Reads the hashes of the page's members, all at once; those whose review has ended since go. */
static bool read_standings(struct troth_review_walk *walk, unsigned count)
{
    bool read = true;
    for (unsigned i = 0; i < count; i++) {
        troth_redis_reader_begin(walk->reader, "HGETALL");
        troth_redis_reader_key(walk->reader, "standing", troth_text_of(walk->page[i].agent),
                               walk->page[i].contract);
        troth_redis_reader_ask(walk->reader);
    }
    for (unsigned i = 0; i < count && read; i++) {
        struct troth_review review = walk->page[i];
        char opened_by[32];
        review.standing = troth_redis_reader_fields(walk->reader);
        read = review.standing.reply != NULL;
        troth_fields_text(&review.standing, "review", opened_by, sizeof opened_by);
        if (read && opened_by[0] != '\0' && strcmp(opened_by, "none") != 0) {
            review.since_us =
                troth_fields_integer(&review.standing, "review_since", review.since_us);
            walk->page[walk->count++] = review;
        } else {
            troth_fields_free(&review.standing);
        }
    }
    return read;
}

bool troth_review_walk_next(struct troth_review_walk *walk, unsigned most)
{
    drop_page(walk);
    most = most < TROTH_REVIEW_PAGE_MAX ? most : TROTH_REVIEW_PAGE_MAX;
    const bool chosen = walk->only != NULL || walk->owner != NULL;
    while (walk->count == 0 && !walk->done && most > 0) {
        redisReply *members = read_members(walk, walk->next, chosen ? COUNT_AT_ONCE : most);
        if (members == NULL) {
            return false;
        }
        unsigned count = 0;
        size_t i = 0;
        for (; i + 1 < members->elements && count < most; i += 2) {
            if (take_member(walk, members->element[i], &walk->page[count])) {
                walk->page[count++].since_us = strtoll(members->element[i + 1]->str, NULL, 10);
            }
        }
        walk->done = members->elements == 0;
        walk->next += (int64_t)(i / 2);
        freeReplyObject(members);
        if (!read_standings(walk, count)) {
            return false;
        }
    }
    return true;
}

bool troth_review_walk_rest(struct troth_review_walk *walk, uint64_t *more)
{
    struct troth_review review;
    int64_t from = walk->next;
    *more = 0;
    for (bool any = true; any;) {
        redisReply *members = read_members(walk, from, COUNT_AT_ONCE);
        if (members == NULL) {
            return false;
        }
        for (size_t i = 0; i + 1 < members->elements; i += 2) {
            *more += take_member(walk, members->element[i], &review);
        }
        any = members->elements > 0;
        from += COUNT_AT_ONCE;
        freeReplyObject(members);
    }
    return true;
}

/* "2026-01-31T12:00:00.250Z, 3d ago", or "in 3d". */
static void when_text(int64_t time_us, int64_t now_us, char *text, size_t capacity)
{
    char time[TROTH_TIME_LENGTH_MAX];
    char distance[TROTH_DURATION_LENGTH_MAX];
    const bool ahead = time_us > now_us;
    (void)troth_time_format(time_us, time);
    (void)troth_duration_format(ahead ? time_us - now_us : now_us - time_us, distance);
    snprintf(text, capacity, ahead ? "%s, in %s" : "%s, %s ago", time, distance);
}

const char *troth_review_claimer(const struct troth_fields *standing, char *name, size_t capacity)
{
    troth_fields_text(standing, "review_by", name, capacity);
    if (name[0] == '\0' && troth_fields_integer(standing, "review_claimed", 0) > 0) {
        snprintf(name, capacity, "somebody who is not on record any more");
    }
    return name;
}

const char *troth_review_text(const struct troth_fields *standing, int64_t now_us,
                              char text[TROTH_REVIEW_TEXT_MAX])
{
    char opened[32];
    char by[TROTH_CELL_LENGTH_MAX];
    char since[2 * TROTH_TIME_LENGTH_MAX + 8];
    char claimed[2 * TROTH_TIME_LENGTH_MAX + 8];
    const int64_t next_us = troth_fields_integer(standing, "review_next", 0);
    text[0] = '\0';
    troth_fields_text(standing, "review", opened, sizeof opened);
    if (opened[0] != '\0' && strcmp(opened, "none") != 0) {
        when_text(troth_fields_integer(standing, "review_since", 0), now_us, since, sizeof since);
        (void)troth_review_claimer(standing, by, sizeof by);
        when_text(troth_fields_integer(standing, "review_claimed", 0), now_us, claimed,
                  sizeof claimed);
        snprintf(text, TROTH_REVIEW_TEXT_MAX, "due since %s; opened by the %s; %s%s%s%s%s", since,
                 opened, by[0] != '\0' ? "claimed by " : "nobody has claimed it", by,
                 by[0] != '\0' ? " (" : "", by[0] != '\0' ? claimed : "", by[0] != '\0' ? ")" : "");
    } else if (next_us > 0) {
        when_text(next_us, now_us, since, sizeof since);
        snprintf(text, TROTH_REVIEW_TEXT_MAX, "none is open; the clock opens the next at %s",
                 since);
    }
    return text;
}

/* A field as a text, or null where it is empty. */
static json_t *text_or_null(const struct troth_fields *fields, const char *name)
{
    char text[TROTH_CELL_LENGTH_MAX];
    troth_fields_text(fields, name, text, sizeof text);
    return text[0] != '\0' ? json_string(text) : json_null();
}

json_t *troth_review_json(const struct troth_review *review, int64_t now_us)
{
    char agent[TROTH_CELL_LENGTH_MAX];
    const struct troth_fields *standing = &review->standing;
    const int64_t claimed_us = troth_fields_integer(standing, "review_claimed", 0);
    json_t *name = json_string(review->agent);
    if (name == NULL) { /* it is not UTF-8 */
        troth_printable(review->agent, strlen(review->agent), agent, sizeof agent);
        name = json_string(agent);
    }
    return json_pack("{s:o, s:s, s:o, s:I, s:I, s:o, s:I, s:o, s:o}", "agent", name, "contract",
                     review->contract, "opened_by", text_or_null(standing, "review"), "since",
                     (json_int_t)review->since_us, "overdue_us",
                     (json_int_t)(now_us > review->since_us ? now_us - review->since_us : 0),
                     "rung", text_or_null(standing, "rung"), "score",
                     (json_int_t)troth_fields_integer(standing, "score", 0), "claimed_by",
                     text_or_null(standing, "review_by"), "claimed_at",
                     claimed_us > 0 ? json_integer(claimed_us) : json_null());
}
