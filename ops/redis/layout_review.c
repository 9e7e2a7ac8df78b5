/*
 * Reviews, exceptions and the week in Redis: schemas/redis.md.
 */
#include "ops/redis/layout_parts.h"

/* What a person sees of reviews and exceptions. */
void troth_redis_add_review(struct troth_resp *resp, const struct troth_publication *standing)
{
    static const char *const states[] = {"none", "none", "ladder", "clock"};
    const struct troth_review_publication *review = &standing->review;
    const struct troth_docket *docket = review->view.docket;
    const bool open = review->view.state >= TROTH_REVIEW_BY_LADDER;
    const bool waits = review->view.next_us != TROTH_LAST_US;
    const bool claimed = docket != NULL && docket->claimed_us != TROTH_NEVER_US;
    const bool reviewed = docket != NULL && docket->reviewed_us != TROTH_NEVER_US;
    add_string_field(resp, "review", states[review->view.state]);
    add_integer_field(resp, "review_since", open ? review->view.since_us : 0);
    add_integer_field(resp, "review_next", waits ? review->view.next_us : 0);
    add_text_field(resp, "review_by",
                   claimed && review->claimed_by.data != NULL ? review->claimed_by
                                                              : troth_text_of(""));
    add_integer_field(resp, "review_claimed", claimed ? docket->claimed_us : 0);
    add_integer_field(resp, "reviewed_at", reviewed ? docket->reviewed_us : 0);
    add_integer_field(resp, "reviewed_score", reviewed ? docket->reviewed_score : 0);
    add_string_field(resp, "reviewed_rung", reviewed ? troth_rung_name(docket->reviewed_rung) : "");
    add_integer_field(resp, "narrowed_since", reviewed ? docket->narrowed_since : 0);
    add_integer_field(resp, "widened_since", reviewed ? docket->widened_since : 0);
    add_integer_field(resp, "disputes_open", docket != NULL ? docket->open_count : 0);
    add_string_field(resp, "debt", review->debt != NULL ? review->debt : "[]");
}

/* Lists a standing as AGENT:CONTRACT in a set of the whole prefix, or takes it out. */
static void write_listing(struct troth_resp *resp, const char *prefix, const char *kind,
                          struct troth_text agent, const char *contract, bool listed, int64_t score)
{
    const struct troth_text parts[] = {agent, troth_text_of(":"), troth_text_of(contract)};
    troth_resp_begin(resp, listed ? "ZADD" : "ZREM");
    add_global_key(resp, prefix, kind);
    if (listed) {
        troth_resp_integer(resp, score);
    }
    troth_resp_joined(resp, parts, 3);
    troth_resp_end(resp);
}

void troth_redis_write_listings(struct troth_resp *resp, const char *prefix,
                                const struct troth_publication *standing)
{
    const struct troth_review_publication *review = &standing->review;
    const bool open = review->view.state >= TROTH_REVIEW_BY_LADDER;
    const struct troth_text agent = standing->view->agent;
    const char *contract = standing->view->rules->contract->name;
    const bool owes = review->debt_until_us > 0;
    if (open || review->may_be_listed) {
        write_listing(resp, prefix, "reviews", agent, contract, open, review->view.since_us);
    }
    if (owes || review->may_be_indebted) {
        write_listing(resp, prefix, "debts", agent, contract, owes, review->debt_until_us);
    }
}

void troth_redis_write_listings_end(struct troth_resp *resp, const char *prefix,
                                    struct troth_text agent, const char *contract)
{
    write_listing(resp, prefix, "reviews", agent, contract, false, 0);
    write_listing(resp, prefix, "debts", agent, contract, false, 0);
}

void troth_redis_write_week(struct troth_resp *resp, const char *prefix, int32_t partition,
                            const char *contract, int64_t number, const char *text, size_t length)
{
    char label[TROTH_WEEK_LABEL_LENGTH];
    troth_week_label(number, label);
    troth_resp_begin(resp, text != NULL ? "HSET" : "HDEL");
    add_key(resp, prefix, "week", troth_text_of(contract), label);
    troth_resp_integer(resp, partition);
    if (text != NULL) {
        troth_resp_bytes(resp, text, length);
    }
    troth_resp_end(resp);
}
