#include "ops/redis/outages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/table.h"

enum { ENTRIES_MAX = 4096 };

/* What is asked of each, in this order. */
#define FIELDS "contract hit standings since guarded_until"

static int64_t number(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
}

/* Returns the place of a contract, or NULL where there is none left. */
static struct troth_redis_outage *place_of(struct troth_redis_outage *outages, int *count,
                                           const char *contract)
{
    for (int i = 0; i < *count; i++) {
        if (strcmp(outages[i].contract, contract) == 0) {
            return &outages[i];
        }
    }
    if (*count == TROTH_REDIS_OUTAGES_MAX) {
        return NULL;
    }
    struct troth_redis_outage *place = &outages[(*count)++];
    memset(place, 0, sizeof *place);
    snprintf(place->contract, sizeof place->contract, "%s", contract);
    return place;
}

static void add(struct troth_redis_outage *outages, int *count, const redisReply *entry)
{
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 5 ||
        entry->element[0]->type != REDIS_REPLY_STRING) {
        return; /* it is over since */
    }
    struct troth_redis_outage *sum = place_of(outages, count, entry->element[0]->str);
    if (sum == NULL) {
        return;
    }
    const int64_t since_us = number(entry->element[3]);
    const int64_t until_us = number(entry->element[4]);
    sum->since_us = sum->partitions == 0 || since_us < sum->since_us ? since_us : sum->since_us;
    sum->guarded_until_us = until_us > sum->guarded_until_us ? until_us : sum->guarded_until_us;
    sum->hit += number(entry->element[1]);
    sum->standings += number(entry->element[2]);
    sum->partitions++;
}

int troth_redis_outages(redisContext *context, const char *prefix,
                        struct troth_redis_outage outages[TROTH_REDIS_OUTAGES_MAX])
{
    redisReply *names = redisCommand(context, "SMEMBERS %s:outages", prefix);
    if (names == NULL || names->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(names);
        return -1;
    }
    int count = 0;
    for (size_t i = 0; i < names->elements && i < ENTRIES_MAX && count >= 0; i++) {
        redisReply *entry = redisCommand(context, "HMGET %s:outage:%b " FIELDS, prefix,
                                         names->element[i]->str, (size_t)names->element[i]->len);
        if (entry != NULL) {
            add(outages, &count, entry);
        } else {
            count = -1;
        }
        freeReplyObject(entry);
    }
    freeReplyObject(names);
    return count;
}

void troth_redis_outage_text(const struct troth_redis_outage *outage, int64_t now_us,
                             char text[TROTH_REDIS_OUTAGE_LENGTH_MAX])
{
    char since[TROTH_DURATION_LENGTH_MAX];
    char left[TROTH_DURATION_LENGTH_MAX];
    char guard[64 + TROTH_DURATION_LENGTH_MAX] = "nothing is guarded, as consequence is high";
    (void)troth_duration_format(now_us > outage->since_us ? now_us - outage->since_us : 0, since);
    (void)troth_duration_format(
        outage->guarded_until_us > now_us ? outage->guarded_until_us - now_us : 0, left);
    if (outage->guarded_until_us > 0) {
        const bool guarded = outage->guarded_until_us > now_us;
        snprintf(guard, sizeof guard, "%s%s%s",
                 guarded ? "guarded for at most " : "their guard is over", guarded ? left : "",
                 guarded ? " more" : "");
    }
    snprintf(text, TROTH_REDIS_OUTAGE_LENGTH_MAX,
             "telemetry of %s stopped %s ago on %u partition%s: %" PRId64 " of %" PRId64
             " standings are narrowed for freshness alone; %s",
             outage->contract, since, outage->partitions, outage->partitions == 1 ? "" : "s",
             outage->hit, outage->standings, guard);
}

json_t *troth_redis_outage_json(const struct troth_redis_outage *outage)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "contract", outage->contract, "partitions",
                     (json_int_t)outage->partitions, "hit", (json_int_t)outage->hit, "standings",
                     (json_int_t)outage->standings, "since", (json_int_t)outage->since_us,
                     "guarded_until", (json_int_t)outage->guarded_until_us);
}
