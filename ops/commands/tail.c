/* troth tail: the changes of rung, as they come. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/message.h"
#include "ops/redis/layout.h"
#include "ops/redis/reader.h"
#include "ops/table.h"
#include "scoring/ladder.h"

enum {
    ID_LENGTH_MAX = 48,   /* two 64-bit numbers and a dash */
    ENTRIES_AT_ONCE = 500 /* of one answer */
};

#define BLOCK_MS "2000" /* below the reader's own limit for an answer */

static const char *string_of(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "?";
}

static void print_cause(const json_t *cause)
{
    const char *condition = string_of(cause, "condition");
    const char *term = json_string_value(json_object_get(cause, "term"));
    for (unsigned i = 0; i < TROTH_CONDITION_COUNT; i++) {
        if (strcmp(troth_condition_name(i), condition) == 0) {
            char why[TROTH_WHY_LENGTH_MAX];
            (void)troth_redis_why(i, term != NULL ? term : "",
                                  json_number_value(json_object_get(cause, "observed")),
                                  json_number_value(json_object_get(cause, "limit")), why);
            printf("%s", why);
            return;
        }
    }
    printf("%s", condition);
}

/* One line: when, who, from where to where, why, how long it took and what that exposed. */
static void print_line(const json_t *told)
{
    char time[TROTH_TIME_LENGTH_MAX];
    char agent[TROTH_CELL_LENGTH_MAX];
    const char *name = string_of(told, "agent");
    troth_printable(name, strlen(name), agent, sizeof agent);
    (void)troth_time_format(json_integer_value(json_object_get(told, "decided_at")), time);
    printf("%s  %s  %s  %s -> %s  ", time, agent, string_of(told, "contract"),
           string_of(told, "from"), string_of(told, "to"));
    print_cause(json_object_get(told, "cause"));
    const json_t *took = json_object_get(told, "time_to_narrow_us");
    if (json_is_integer(took)) {
        char duration[TROTH_DURATION_LENGTH_MAX];
        (void)troth_duration_format(json_integer_value(took), duration);
        printf("; narrowed in %s", duration);
    }
    const json_int_t exposed = json_integer_value(json_object_get(told, "exposed_tasks"));
    if (exposed > 0) {
        printf(", %" JSON_INTEGER_FORMAT " task%s exposed", exposed, exposed > 1 ? "s" : "");
    }
    const char *mode = string_of(told, "mode");
    if (strcmp(mode, "enforce") != 0) {
        printf(" (%s)", mode);
    }
    putchar('\n');
}

static void print_intervention(const struct troth_context *context, const char *id,
                               const redisReply *value)
{
    json_t *told = json_loadb(value->str, (size_t)value->len, 0, NULL);
    if (told == NULL) {
        troth_message_warn("entry %s of the stream is not an intervention", id);
    } else if (context->json) {
        troth_redis_reader_print_json(
            json_pack("{s:s, s:o}", "stream_id", id, "intervention", told));
    } else {
        print_line(told);
        json_decref(told);
    }
}

/* A partition whose rows were all written anew: among what was told before, some may be missing. */
static void print_restated(const struct troth_context *context, const char *id,
                           const redisReply *value)
{
    const json_int_t partition = strtoll(value->str, NULL, 10);
    if (context->json) {
        troth_redis_reader_print_json(
            json_pack("{s:s, s:I}", "stream_id", id, "restated", partition));
    } else {
        char time[TROTH_TIME_LENGTH_MAX];
        (void)troth_time_format(strtoll(id, NULL, 10) * 1000, time);
        printf("%s  all of partition %" JSON_INTEGER_FORMAT
               " was written anew; lines before this one may be missing\n",
               time, partition);
    }
}

static void print_entry(const struct troth_context *context, const char *id,
                        const redisReply *fields)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        const redisReply *name = fields->element[i];
        const redisReply *value = fields->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING) {
            continue;
        }
        if (strcmp(name->str, "record") == 0) {
            print_intervention(context, id, value);
        } else if (strcmp(name->str, "restated") == 0) {
            print_restated(context, id, value);
        }
    }
}

/* Prints an answer of XREAD. Out id: of the last entry. Returns how many there were. */
static size_t print_entries(const struct troth_context *context, const redisReply *reply,
                            char id[ID_LENGTH_MAX])
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 ||
        reply->element[0]->elements != 2) {
        return 0;
    }
    const redisReply *entries = reply->element[0]->element[1];
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        if (entry->elements == 2 && entry->element[0]->type == REDIS_REPLY_STRING) {
            snprintf(id, ID_LENGTH_MAX, "%s", entry->element[0]->str);
            print_entry(context, id, entry->element[1]);
        }
    }
    return entries->elements;
}

/* Out id: of the newest entry there is. */
static bool find_end(struct troth_redis_reader *reader, char id[ID_LENGTH_MAX])
{
    troth_redis_reader_begin(reader, "XREVRANGE");
    troth_redis_reader_key(reader, "interventions", (struct troth_text){0}, NULL);
    troth_resp_string(&reader->command, "+");
    troth_resp_string(&reader->command, "-");
    troth_resp_string(&reader->command, "COUNT");
    troth_resp_string(&reader->command, "1");
    troth_redis_reader_ask(reader);
    redisReply *reply = troth_redis_reader_answer(reader);
    if (reply == NULL) {
        return false;
    }
    const bool any = reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
                     reply->element[0]->elements == 2;
    snprintf(id, ID_LENGTH_MAX, "%s", any ? reply->element[0]->element[0]->str : "0-0");
    freeReplyObject(reply);
    return true;
}

/* Warns where an entry is not there any more: what came after it may be gone, too. A plain time was
 * never an entry. Returns whether Redis could say. */
static bool check_start(struct troth_redis_reader *reader, const char *id)
{
    if (strchr(id, '-') == NULL || strcmp(id, "0-0") == 0) {
        return true;
    }
    troth_redis_reader_begin(reader, "XRANGE");
    troth_redis_reader_key(reader, "interventions", (struct troth_text){0}, NULL);
    troth_resp_string(&reader->command, id);
    troth_resp_string(&reader->command, id);
    troth_redis_reader_ask(reader);
    redisReply *reply = troth_redis_reader_answer(reader);
    if (reply == NULL) {
        return false;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 0) {
        troth_message_warn("entry %s is not in the stream any more: of what came after it some may "
                           "be missing. The interventions topic has all; a greater "
                           "redis.stream_length keeps more here",
                           id);
    }
    freeReplyObject(reply);
    return true;
}

/* Out id: where to begin, of an id or of how long ago. Returns whether it is one. */
static bool parse_since(const char *since, char id[ID_LENGTH_MAX])
{
    int64_t ago_us = 0;
    const size_t digits = strspn(since, "0123456789-");
    if (digits > 0 && since[digits] == '\0' && digits < ID_LENGTH_MAX - 2) {
        snprintf(id, ID_LENGTH_MAX, "%s", since);
        return true;
    }
    if (!troth_parse_duration(since, &ago_us)) {
        return false;
    }
    const struct troth_clock clock = troth_clock_system();
    const int64_t from_ms = (clock.wall_us(clock.context) - ago_us) / 1000;
    snprintf(id, ID_LENGTH_MAX, "%" PRId64 "-0", from_ms > 0 ? from_ms : 0);
    return true;
}

/* Follows the stream. Returns when Redis or the output is gone, or at the end where `once`. */
static int follow(const struct troth_context *context, struct troth_redis_reader *reader,
                  const char *from, bool once)
{
    char id[ID_LENGTH_MAX];
    snprintf(id, sizeof id, "%s", from);
    while (!ferror(stdout)) {
        char count[16];
        snprintf(count, sizeof count, "%d", ENTRIES_AT_ONCE);
        troth_redis_reader_begin(reader, "XREAD");
        troth_resp_string(&reader->command, "COUNT");
        troth_resp_string(&reader->command, count);
        if (!once) {
            troth_resp_string(&reader->command, "BLOCK");
            troth_resp_string(&reader->command, BLOCK_MS);
        }
        troth_resp_string(&reader->command, "STREAMS");
        troth_redis_reader_key(reader, "interventions", (struct troth_text){0}, NULL);
        troth_resp_string(&reader->command, id);
        troth_redis_reader_ask(reader);
        redisReply *reply = troth_redis_reader_answer(reader);
        if (reply == NULL) {
            troth_message_error("%s", reader->error);
            return TROTH_EXIT_NO;
        }
        const size_t printed = print_entries(context, reply, id);
        freeReplyObject(reply);
        fflush(stdout);
        if (once && printed < ENTRIES_AT_ONCE) {
            return TROTH_EXIT_DONE;
        }
    }
    return TROTH_EXIT_NO;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    const char *since = NULL;
    bool once = false;
    int operands = 0;
    char id[ID_LENGTH_MAX] = "0-0";
    const struct troth_option options[] = {
        {.name = "since", .kind = TROTH_OPTION_TEXT, .target = &since},
        {.name = "once", .kind = TROTH_OPTION_FLAG, .target = &once},
    };
    if (troth_options_parse(options, 2, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 0) {
        troth_message_error("tail takes no operand; it tells of every agent");
        return TROTH_EXIT_USAGE;
    }
    const bool by_id = since != NULL && strspn(since, "0123456789-") == strlen(since);
    if (since != NULL && !parse_since(since, id)) {
        troth_message_error("--since %s is neither an id of the stream, as 1790000000000-0, nor a "
                            "duration, as 10m",
                            since);
        return TROTH_EXIT_USAGE;
    }
    const struct troth_redis_config redis = troth_redis_config_of(context->config);
    struct troth_redis_reader reader;
    int result = TROTH_EXIT_NO;
    if (troth_redis_reader_open(&reader, &redis) == TROTH_OK &&
        (by_id ? check_start(&reader, id) : since != NULL || once || find_end(&reader, id))) {
        result = follow(context, &reader, id, once);
    } else {
        troth_message_error("%s", reader.error);
    }
    troth_redis_reader_close(&reader);
    return result;
}

const struct troth_command troth_command_tail = {
    .name = "tail",
    .arguments = "[--since ID|DURATION] [--once]",
    .summary = "follow narrowings and widenings as they happen",
    .help =
        "One line a change of rung: time, agent, contract, from -> to, cause, and for a\n"
        "narrowing how long it took since the agent's behavior changed.\n"
        "\n"
        "  --since ID       begin after this entry of the stream; 0 is the oldest kept. Where\n"
        "                   it is not there any more, that is told\n"
        "  --since 10m      begin so long ago; without --since: with the next one\n"
        "  --once           print what is there and end\n"
        "\n"
        "After a restart of the engine an entry may come again; `id` in --json is the same then.",
    .run = run,
};
