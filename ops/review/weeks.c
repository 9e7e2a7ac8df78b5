#include "ops/review/weeks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/message.h"

enum {
    DEBTS_AT_ONCE = 500, /* standings whose exceptions are asked for with one question */
    KEY_MAX = TROTH_NAME_LENGTH_MAX + 16
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool make_names(struct troth_weeks *weeks)
{
    weeks->names = calloc(TROTH_REDIS_READER_CONTRACTS_MAX, sizeof *weeks->names);
    if (weeks->names == NULL) {
        snprintf(weeks->error, sizeof weeks->error, "no memory");
    }
    return weeks->names != NULL;
}

/* Takes the reader's error over. Returns false. */
static bool failed(struct troth_weeks *weeks)
{
    snprintf(weeks->error, sizeof weeks->error, "%s", weeks->reader.error);
    return false;
}

/* ---- from Redis ---- */

static bool read_partitions(struct troth_weeks *weeks)
{
    troth_redis_reader_begin(&weeks->reader, "HGETALL");
    troth_redis_reader_key(&weeks->reader, "meta", (struct troth_text){0}, NULL);
    troth_redis_reader_ask(&weeks->reader);
    struct troth_fields meta = troth_redis_reader_fields(&weeks->reader);
    const int64_t partitions = troth_fields_integer(&meta, "partitions", 0);
    const bool read = meta.reply != NULL;
    weeks->partitions = partitions >= 0 && partitions <= TROTH_LEDGER_PARTITIONS_MAX
                            ? (int32_t)partitions
                            : TROTH_LEDGER_PARTITIONS_MAX;
    troth_fields_free(&meta);
    return read;
}

bool troth_weeks_open_redis(struct troth_weeks *weeks, const struct troth_config *config,
                            const char *only)
{
    memset(weeks, 0, sizeof *weeks);
    weeks->only = only;
    const struct troth_redis_config redis = troth_redis_config_of(config);
    if (troth_redis_reader_open(&weeks->reader, &redis) != TROTH_OK || !read_partitions(weeks)) {
        return failed(weeks);
    }
    if (!make_names(weeks)) {
        return false;
    }
    if (only != NULL) {
        snprintf(weeks->names[0], sizeof weeks->names[0], "%s", only);
        weeks->name_count = 1;
        return true;
    }
    const int count = troth_redis_reader_contracts(&weeks->reader, weeks->names,
                                                   TROTH_REDIS_READER_CONTRACTS_MAX);
    weeks->name_count = count > 0 ? (unsigned)count : 0;
    return count >= 0 || failed(weeks);
}

/* Writes a question's key, PREFIX:week:CONTRACT:WEEK. */
static void week_key(struct troth_weeks *weeks, const char *contract, int64_t number)
{
    char label[TROTH_WEEK_LABEL_LENGTH];
    troth_week_label(number, label);
    troth_redis_reader_key(&weeks->reader, "week", troth_text_of(contract), label);
}

bool troth_weeks_newest(struct troth_weeks *weeks, int64_t latest, int64_t *number)
{
    const int64_t oldest = latest > TROTH_WEEKS_IN_REDIS ? latest - TROTH_WEEKS_IN_REDIS : 0;
    bool read = true;
    *number = -1;
    for (int64_t week = oldest; week <= latest; week++) {
        for (unsigned i = 0; i < weeks->name_count; i++) {
            troth_redis_reader_begin(&weeks->reader, "EXISTS");
            week_key(weeks, weeks->names[i], week);
            troth_redis_reader_ask(&weeks->reader);
        }
    }
    for (int64_t week = oldest; week <= latest && read; week++) {
        for (unsigned i = 0; i < weeks->name_count && read; i++) {
            redisReply *reply = troth_redis_reader_answer(&weeks->reader);
            read = reply != NULL;
            *number = read && reply->integer > 0 ? week : *number;
            freeReplyObject(reply);
        }
    }
    return read || failed(weeks);
}

/* Adds one record, or says why it does not count. */
static void add(struct troth_ledger *ledger, const char *partition, const char *text, size_t length)
{
    char wrong[TROTH_LEDGER_WRONG_MAX];
    char label[TROTH_WEEK_LABEL_LENGTH];
    char *end = NULL;
    const long number = strtol(partition, &end, 10);
    const bool is_number =
        end != partition && *end == '\0' && number >= 0 && number < TROTH_LEDGER_PARTITIONS_MAX;
    if (!troth_ledger_add(ledger, is_number ? (int32_t)number : -1, text, length, wrong)) {
        troth_week_label(ledger->week.number, label);
        troth_message_warn("the ledger of %s, %s, partition %s is left out: %s", ledger->contract,
                           label, partition, wrong);
    }
}

static bool load_from_redis(struct troth_weeks *weeks, struct troth_ledger *ledger)
{
    troth_redis_reader_begin(&weeks->reader, "HGETALL");
    week_key(weeks, ledger->contract, ledger->week.number);
    troth_redis_reader_ask(&weeks->reader);
    struct troth_fields fields = troth_redis_reader_fields(&weeks->reader);
    const bool read = fields.reply != NULL;
    for (size_t i = 0; troth_fields_any(&fields) && i + 1 < fields.reply->elements; i += 2) {
        const redisReply *value = fields.reply->element[i + 1];
        add(ledger, fields.reply->element[i]->str, value->str, (size_t)value->len);
    }
    troth_fields_free(&fields);
    return read || failed(weeks);
}

/* ---- from the topic ---- */

bool troth_weeks_open_topic(struct troth_weeks *weeks, const struct troth_config *config,
                            const char *only, int64_t number)
{
    const char *name;
    const json_t *of_contract;
    memset(weeks, 0, sizeof *weeks);
    weeks->only = only;
    weeks->from_topic = true;
    if (troth_ledgers_read(&weeks->topic, config, only, number, weeks->error) != TROTH_OK ||
        !make_names(weeks)) {
        return false;
    }
    weeks->partitions = weeks->topic.partitions;
    json_object_foreach(weeks->topic.records, name, of_contract)
    {
        if (weeks->name_count < TROTH_REDIS_READER_CONTRACTS_MAX) {
            snprintf(weeks->names[weeks->name_count++], sizeof weeks->names[0], "%s", name);
        }
    }
    qsort(weeks->names, weeks->name_count, sizeof *weeks->names, compare_names);
    return true;
}

static void load_from_topic(struct troth_weeks *weeks, struct troth_ledger *ledger)
{
    char label[TROTH_WEEK_LABEL_LENGTH];
    const char *partition;
    const json_t *text;
    troth_week_label(ledger->week.number, label);
    json_t *week = json_object_get(json_object_get(weeks->topic.records, ledger->contract), label);
    json_object_foreach(week, partition, text)
    {
        add(ledger, partition, json_string_value(text), json_string_length(text));
    }
}

bool troth_weeks_load(struct troth_weeks *weeks, struct troth_ledger *ledger)
{
    bool read = true;
    if (weeks->from_topic) {
        load_from_topic(weeks, ledger);
    } else {
        read = load_from_redis(weeks, ledger);
    }
    troth_debts_sort(&ledger->debts);
    return read;
}

void troth_weeks_close(struct troth_weeks *weeks)
{
    troth_redis_reader_close(&weeks->reader);
    troth_ledgers_fini(&weeks->topic);
    troth_debts_fini(&weeks->debts);
    free(weeks->names);
    memset(weeks, 0, sizeof *weeks);
}

/* ---- exceptions that are open ---- */

/* Asks for the members that end after now, from a place on. */
static redisReply *read_debtors(struct troth_weeks *weeks, int64_t now_us, int64_t from)
{
    char after[32];
    snprintf(after, sizeof after, "(%" PRId64, now_us);
    troth_redis_reader_begin(&weeks->reader, "ZRANGEBYSCORE");
    troth_redis_reader_key(&weeks->reader, "debts", (struct troth_text){0}, NULL);
    troth_resp_string(&weeks->reader.command, after);
    troth_resp_string(&weeks->reader.command, "+inf");
    troth_resp_string(&weeks->reader.command, "LIMIT");
    troth_resp_integer(&weeks->reader.command, from);
    troth_resp_integer(&weeks->reader.command, DEBTS_AT_ONCE);
    troth_redis_reader_ask(&weeks->reader);
    return troth_redis_reader_answer(&weeks->reader);
}

/* Whether a member, AGENT:CONTRACT, is of a contract that is wanted. */
static bool is_wanted(const struct troth_weeks *weeks, const redisReply *member)
{
    const char *colon = memrchr(member->str, ':', (size_t)member->len);
    return colon != NULL && (weeks->only == NULL || strcmp(colon + 1, weeks->only) == 0);
}

/* Asks for the hashes of a page's members, all at once, and adds their exceptions. */
static bool add_debtors(struct troth_weeks *weeks, const redisReply *members, int64_t now_us)
{
    unsigned asked = 0;
    bool read = true;
    for (size_t i = 0; i < members->elements; i++) {
        const redisReply *member = members->element[i];
        if (is_wanted(weeks, member)) {
            troth_redis_reader_begin(&weeks->reader, "HGETALL");
            troth_redis_reader_key(
                &weeks->reader, "standing",
                (struct troth_text){.data = member->str, .length = (uint32_t)member->len}, NULL);
            troth_redis_reader_ask(&weeks->reader);
            asked++;
        }
    }
    for (; asked > 0 && read; asked--) {
        struct troth_fields standing = troth_redis_reader_fields(&weeks->reader);
        read = standing.reply != NULL;
        if (read && !troth_debts_add_standing(&weeks->debts, &standing, now_us)) {
            snprintf(weeks->reader.error, sizeof weeks->reader.error, "no memory");
            read = false;
        }
        troth_fields_free(&standing);
    }
    return read;
}

bool troth_weeks_read_debts(struct troth_weeks *weeks, int64_t now_us)
{
    int64_t from = 0;
    bool read = true;
    for (bool any = true; any && read;) {
        redisReply *members = read_debtors(weeks, now_us, from);
        read = members != NULL;
        any = read && members->elements > 0;
        from += DEBTS_AT_ONCE;
        read = read && (!any || add_debtors(weeks, members, now_us));
        freeReplyObject(members);
    }
    troth_debts_sort(&weeks->debts);
    return read || failed(weeks);
}
