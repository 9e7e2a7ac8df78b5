#include "ops/redis/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/message.h"
#include "ops/redis/layout.h"
#include "ops/table.h"

enum {
    COMMAND_LENGTH_MAX = 4 * 1024 * 1024, /* of the questions of one pipeline */
    FIELD_LENGTH_MAX = 160                /* "term.", a name and the field's own */
};

#define ANSWER_US INT64_C(5000000)

void troth_redis_reader_close(struct troth_redis_reader *reader)
{
    if (reader->context != NULL) {
        redisFree(reader->context);
    }
    troth_resp_fini(&reader->command);
    reader->context = NULL;
}

/* Looks at PREFIX:meta. */
static troth_status check_meta(struct troth_redis_reader *reader)
{
    troth_redis_reader_begin(reader, "HGETALL");
    troth_redis_reader_key(reader, "meta", (struct troth_text){0}, NULL);
    troth_redis_reader_ask(reader);
    struct troth_fields meta = troth_redis_reader_fields(reader);
    troth_status status = TROTH_OK;
    if (meta.reply == NULL) {
        status = TROTH_UNREACHABLE;
    } else if (!troth_fields_any(&meta)) {
        snprintf(reader->error, sizeof reader->error,
                 "Redis at %s holds nothing of Troth under %s:; is trothd running, and are "
                 "redis.address, redis.database and prefix as it has them?",
                 reader->config.address, reader->config.prefix);
        status = TROTH_NOT_FOUND;
    } else if (troth_fields_integer(&meta, "version", 0) > TROTH_REDIS_LAYOUT_VERSION) {
        snprintf(reader->error, sizeof reader->error,
                 "Redis at %s is written by a later Troth; use a `troth` of the same version",
                 reader->config.address);
        status = TROTH_REFUSED;
    } else if (troth_fields_integer(&meta, "rebuilding", 0) != 0) {
        troth_message_warn("Redis at %s is being filled; what is missing may come yet",
                           reader->config.address);
    }
    troth_fields_free(&meta);
    return status;
}

troth_status troth_redis_reader_open(struct troth_redis_reader *reader,
                                     const struct troth_redis_config *config)
{
    memset(reader, 0, sizeof *reader);
    reader->config = *config;
    troth_resp_init(&reader->command, COMMAND_LENGTH_MAX);
    const troth_status status =
        troth_redis_connect(config, ANSWER_US, &reader->context, reader->error);
    return status == TROTH_OK ? check_meta(reader) : status;
}

void troth_redis_reader_begin(struct troth_redis_reader *reader, const char *name)
{
    troth_resp_begin(&reader->command, name);
}

void troth_redis_reader_key(struct troth_redis_reader *reader, const char *kind,
                            struct troth_text name, const char *contract)
{
    const struct troth_text colon = troth_text_of(":");
    const struct troth_text parts[] = {troth_text_of(reader->config.prefix),
                                       colon,
                                       troth_text_of(kind),
                                       colon,
                                       name,
                                       colon,
                                       troth_text_of(contract != NULL ? contract : "")};
    troth_resp_joined(&reader->command, parts, contract != NULL ? 7 : name.data != NULL ? 5 : 3);
}

void troth_redis_reader_ask(struct troth_redis_reader *reader)
{
    troth_resp_end(&reader->command);
    reader->asked++;
}

redisReply *troth_redis_reader_answer(struct troth_redis_reader *reader)
{
    void *answer = NULL;
    bool sent = true;
    if (reader->command.length > 0 || reader->command.full) {
        sent = !reader->command.full &&
               redisAppendFormattedCommand(reader->context, reader->command.data,
                                           reader->command.length) == REDIS_OK;
        troth_resp_rollback(&reader->command, (struct troth_resp_mark){0});
    }
    if (!sent || redisGetReply(reader->context, &answer) != REDIS_OK) {
        snprintf(reader->error, sizeof reader->error, "Redis at %s: no answer: %s",
                 reader->config.address, sent ? reader->context->errstr : "too much was asked");
        return NULL;
    }
    reader->asked--;
    redisReply *reply = answer;
    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(reader->error, sizeof reader->error, "Redis at %s answered: %s",
                 reader->config.address, reply->str);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

struct troth_fields troth_redis_reader_fields(struct troth_redis_reader *reader)
{
    return (struct troth_fields){.reply = troth_redis_reader_answer(reader)};
}

/* Returns an agent's hash. */
static struct troth_fields read_agent(struct troth_redis_reader *reader, struct troth_text agent)
{
    troth_redis_reader_begin(reader, "HGETALL");
    troth_redis_reader_key(reader, "agent", agent, NULL);
    troth_redis_reader_ask(reader);
    return troth_redis_reader_fields(reader);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

int troth_redis_reader_contracts(struct troth_redis_reader *reader,
                                 char (*names)[TROTH_NAME_LENGTH_MAX + 1], unsigned capacity)
{
    troth_redis_reader_begin(reader, "SMEMBERS");
    troth_redis_reader_key(reader, "contracts", (struct troth_text){0}, NULL);
    troth_redis_reader_ask(reader);
    redisReply *reply = troth_redis_reader_answer(reader);
    if (reply == NULL) {
        return -1;
    }
    unsigned count = 0;
    for (size_t i = 0; i < reply->elements && count < capacity; i++) {
        if (reply->element[i]->type == REDIS_REPLY_STRING &&
            (size_t)reply->element[i]->len <= TROTH_NAME_LENGTH_MAX) {
            snprintf(names[count++], TROTH_NAME_LENGTH_MAX + 1, "%s", reply->element[i]->str);
        }
    }
    freeReplyObject(reply);
    qsort(names, count, sizeof *names, compare_names);
    return (int)count;
}

bool troth_redis_reader_contract(struct troth_redis_reader *reader, const char *name,
                                 struct troth_contract *contract)
{
    troth_redis_reader_begin(reader, "HGET");
    troth_redis_reader_key(reader, "contract", troth_text_of(name), NULL);
    troth_resp_string(&reader->command, "json");
    troth_redis_reader_ask(reader);
    redisReply *reply = troth_redis_reader_answer(reader);
    struct troth_problems *problems = calloc(1, sizeof *problems);
    const bool read =
        reply != NULL && problems != NULL && reply->type == REDIS_REPLY_STRING &&
        troth_contract_parse(reply->str, (size_t)reply->len, contract, problems) == TROTH_OK;
    free(problems);
    freeReplyObject(reply);
    return read;
}

troth_status troth_redis_reader_look(struct troth_redis_reader *reader, struct troth_text agent,
                                     const char *contract, struct troth_look *look)
{
    memset(look, 0, sizeof *look);
    look->agent = read_agent(reader, agent);
    char(*names)[TROTH_NAME_LENGTH_MAX + 1] =
        calloc(TROTH_REDIS_READER_CONTRACTS_MAX, sizeof *names);
    look->standings = calloc(TROTH_REDIS_READER_CONTRACTS_MAX, sizeof *look->standings);
    int count = -1;
    if (look->agent.reply == NULL || names == NULL || look->standings == NULL) {
        goto out;
    }
    count = 1;
    if (contract != NULL) {
        snprintf(names[0], sizeof names[0], "%s", contract);
    } else {
        count = troth_redis_reader_contracts(reader, names, TROTH_REDIS_READER_CONTRACTS_MAX);
    }
    for (int i = 0; i < count; i++) {
        troth_redis_reader_begin(reader, "HGETALL");
        troth_redis_reader_key(reader, "standing", agent, names[i]);
        troth_redis_reader_ask(reader);
    }
    for (int i = 0; i < count; i++) {
        struct troth_fields fields = troth_redis_reader_fields(reader);
        if (fields.reply == NULL) {
            count = -1;
        } else if (troth_fields_any(&fields)) {
            look->standings[look->count++] = fields;
        } else {
            troth_fields_free(&fields);
        }
    }
out:
    free(names);
    return count >= 0 ? TROTH_OK : TROTH_UNREACHABLE;
}

void troth_look_free(struct troth_look *look)
{
    troth_fields_free(&look->agent);
    for (unsigned i = 0; i < look->count; i++) {
        troth_fields_free(&look->standings[i]);
    }
    free(look->standings);
    memset(look, 0, sizeof *look);
}

/* ---- fields ---- */

void troth_fields_free(struct troth_fields *fields)
{
    freeReplyObject(fields->reply);
    fields->reply = NULL;
}

bool troth_fields_any(const struct troth_fields *fields)
{
    return fields->reply != NULL && fields->reply->type == REDIS_REPLY_ARRAY &&
           fields->reply->elements >= 2;
}

/* The i-th name or value; data NULL where it is no text. */
static struct troth_text element_at(const struct troth_fields *fields, size_t i)
{
    const redisReply *element = fields->reply->element[i];
    return element->type == REDIS_REPLY_STRING
               ? (struct troth_text){.data = element->str, .length = (uint32_t)element->len}
               : (struct troth_text){0};
}

static bool is(struct troth_text text, const char *name)
{
    return text.data != NULL && text.length == strlen(name) &&
           memcmp(text.data, name, text.length) == 0;
}

struct troth_text troth_fields_find(const struct troth_fields *fields, const char *name)
{
    for (size_t i = 0; troth_fields_any(fields) && i + 1 < fields->reply->elements; i += 2) {
        if (is(element_at(fields, i), name)) {
            return element_at(fields, i + 1);
        }
    }
    return (struct troth_text){0};
}

int64_t troth_fields_integer(const struct troth_fields *fields, const char *name, int64_t otherwise)
{
    const struct troth_text value = troth_fields_find(fields, name);
    return value.length > 0 ? strtoll(value.data, NULL, 10) : otherwise;
}

double troth_fields_decimal(const struct troth_fields *fields, const char *name, double otherwise)
{
    const struct troth_text value = troth_fields_find(fields, name);
    return value.length > 0 ? strtod(value.data, NULL) : otherwise;
}

double troth_fields_term(const struct troth_fields *fields, const char *term, const char *field,
                         double otherwise)
{
    char name[FIELD_LENGTH_MAX];
    snprintf(name, sizeof name, "term.%s.%s", term, field);
    return troth_fields_decimal(fields, name, otherwise);
}

const char *troth_fields_text(const struct troth_fields *fields, const char *name, char *text,
                              size_t capacity)
{
    const struct troth_text value = troth_fields_find(fields, name);
    troth_printable(value.data, value.length, text, capacity);
    return text;
}

/* ---- as JSON ---- */

static json_t *json_of_text(struct troth_text text)
{
    json_t *string = json_stringn(text.data, text.length);
    if (string != NULL) {
        return string;
    }
    char printable[1024]; /* bytes that are not UTF-8 */
    troth_printable(text.data, text.length, printable, sizeof printable);
    return json_string(printable);
}

/* A number as the store writes them: all digits, or a decimal. */
static json_t *json_of_number(struct troth_text text)
{
    char *end = NULL;
    const long long integer = strtoll(text.data, &end, 10);
    if (end == text.data + text.length) {
        return json_integer(integer);
    }
    return json_real(strtod(text.data, NULL));
}

/* One witness, TOPIC/PARTITION/OFFSET. */
static json_t *json_of_witness(struct troth_text text)
{
    const char *first = memchr(text.data, '/', text.length);
    const char *second =
        first == NULL ? NULL
                      : memchr(first + 1, '/', text.length - (size_t)(first + 1 - text.data));
    if (second == NULL) {
        return json_of_text(text);
    }
    return json_pack("{s:o, s:I, s:I}", "topic",
                     json_stringn(text.data, (size_t)(first - text.data)), "partition",
                     (json_int_t)strtoll(first + 1, NULL, 10), "offset",
                     (json_int_t)strtoll(second + 1, NULL, 10));
}

/* A list, split at its commas. */
static json_t *json_of_list(struct troth_text list, json_t *(*item)(struct troth_text))
{
    json_t *array = json_array();
    while (list.length > 0) {
        const char *comma = memchr(list.data, ',', list.length);
        const uint32_t length = comma != NULL ? (uint32_t)(comma - list.data) : list.length;
        json_array_append_new(array, item((struct troth_text){list.data, length}));
        const uint32_t past = comma != NULL ? length + 1 : length;
        list = (struct troth_text){list.data + past, list.length - past};
    }
    return array;
}

/* What is JSON already. */
static json_t *json_of_json(struct troth_text text)
{
    json_t *value = json_loadb(text.data, text.length, 0, NULL);
    return value != NULL ? value : json_null();
}

/* The terms in force, each with the fields that it has now. */
static json_t *json_of_terms(const struct troth_fields *fields, struct troth_text names)
{
    json_t *terms = json_of_list(names, json_of_text);
    const bool certifies = is(troth_fields_find(fields, "rung"), "recertify");
    for (size_t t = 0; t < json_array_size(terms); t++) {
        const char *name = json_string_value(json_array_get(terms, t));
        json_t *term = json_pack("{s:s}", "name", name != NULL ? name : "");
        char prefix[FIELD_LENGTH_MAX];
        const int length = snprintf(prefix, sizeof prefix, "term.%s.", name != NULL ? name : "");
        for (size_t i = 0; i + 1 < fields->reply->elements; i += 2) {
            const struct troth_text field = element_at(fields, i);
            /* A term's name may itself have dots: what is left must not. */
            if (length > 0 && field.length > (uint32_t)length &&
                memcmp(field.data, prefix, (size_t)length) == 0 &&
                strchr(field.data + length, '.') == NULL &&
                (certifies || strncmp(field.data + length, "certify_", 8) != 0)) {
                json_object_set_new(term, field.data + length,
                                    json_of_number(element_at(fields, i + 1)));
            }
        }
        json_array_set_new(terms, t, term);
    }
    return terms;
}

json_t *troth_fields_json(const struct troth_fields *fields)
{
    static const char *const texts[] = {"agent",     "contract",      "mode",         "rung",
                                        "limiting",  "why",           "cause",        "review",
                                        "review_by", "reviewed_rung", "agent_version"};
    json_t *object = json_object();
    for (size_t i = 0; troth_fields_any(fields) && i + 1 < fields->reply->elements; i += 2) {
        const struct troth_text name = element_at(fields, i);
        const struct troth_text value = element_at(fields, i + 1);
        bool is_text = false;
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
            is_text = is_text || is(name, texts[t]);
        }
        if (name.data == NULL || value.data == NULL || strncmp(name.data, "term.", 5) == 0) {
            continue;
        }
        json_object_set_new(object, name.data,
                            is_text                    ? json_of_text(value)
                            : is(name, "capabilities") ? json_of_list(value, json_of_text)
                            : is(name, "witnesses")    ? json_of_list(value, json_of_witness)
                            : is(name, "terms")        ? json_of_terms(fields, value)
                            : is(name, "debt")         ? json_of_json(value)
                                                       : json_of_number(value));
    }
    return object;
}

void troth_redis_reader_print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(object);
}
