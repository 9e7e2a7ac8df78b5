/*
 * What the writers of the layout share: keys and fields. Private to ops/redis/layout.c and
 * ops/redis/layout_review.c.
 *
 * Threads: any; no state. Memory: the caller's.
 */
#ifndef TROTH_OPS_REDIS_LAYOUT_PARTS_H
#define TROTH_OPS_REDIS_LAYOUT_PARTS_H

#include "ops/redis/layout.h"
#include "scoring/agents.h"

/* Adds the key PREFIX:KIND:NAME, or PREFIX:KIND:NAME:CONTRACT. */
static inline void add_key(struct troth_resp *resp, const char *prefix, const char *kind,
                           struct troth_text name, const char *contract)
{
    const struct troth_text parts[] = {troth_text_of(prefix),
                                       troth_text_of(":"),
                                       troth_text_of(kind),
                                       troth_text_of(":"),
                                       name,
                                       troth_text_of(":"),
                                       troth_text_of(contract)};
    troth_resp_joined(resp, parts, contract[0] != '\0' ? 7 : 5);
}

/* Adds the key PREFIX:KIND. */
static inline void add_global_key(struct troth_resp *resp, const char *prefix, const char *kind)
{
    const struct troth_text parts[] = {troth_text_of(prefix), troth_text_of(":"),
                                       troth_text_of(kind)};
    troth_resp_joined(resp, parts, 3);
}

static inline void add_text_field(struct troth_resp *resp, const char *name,
                                  struct troth_text value)
{
    troth_resp_string(resp, name);
    troth_resp_bytes(resp, value.data, value.length);
}

static inline void add_string_field(struct troth_resp *resp, const char *name, const char *value)
{
    troth_resp_string(resp, name);
    troth_resp_string(resp, value);
}

static inline void add_integer_field(struct troth_resp *resp, const char *name, int64_t value)
{
    troth_resp_string(resp, name);
    troth_resp_integer(resp, value);
}

static inline void add_decimal_field(struct troth_resp *resp, const char *name, double value)
{
    troth_resp_string(resp, name);
    troth_resp_decimal(resp, value);
}

/* layout_review.c. Adds the fields of a standing that is put whole. */
void troth_redis_add_review(struct troth_resp *resp, const struct troth_publication *standing);

/* Its places among PREFIX:reviews and PREFIX:debts, or the end of both. */
void troth_redis_write_listings(struct troth_resp *resp, const char *prefix,
                                const struct troth_publication *standing);
void troth_redis_write_listings_end(struct troth_resp *resp, const char *prefix,
                                    struct troth_text agent, const char *contract);

#endif
