/*
 * Reading what Troth keeps in Redis, as the operator's commands do (schemas/redis.md).
 *
 * A reader blocks, for at most a few seconds an answer. Nothing here walks the keyspace: every
 * question names its keys or a range of a sorted set.
 *
 * Threads: one reader, one thread. Memory: answers are hiredis's, freed by the caller as said.
 */
#ifndef TROTH_OPS_REDIS_READER_H
#define TROTH_OPS_REDIS_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/redis/connect.h"
#include "ops/redis/resp.h"
#include "schemas/contract.h"

enum {
    TROTH_REDIS_READER_CONTRACTS_MAX = 1024, /* of one agent, or counted by `troth top` */
    TROTH_REDIS_READER_WORST_MAX = 1000      /* agents of one answer */
};

struct troth_redis_reader {
    struct troth_redis_config config;
    redisContext *context;
    struct troth_resp command; /* the question being asked */
    unsigned asked;            /* questions that are not answered yet */
    char error[TROTH_REDIS_ERROR_LENGTH_MAX];
};

/* A hash, as HGETALL answers it; false and empty where there is no such key. */
struct troth_fields {
    redisReply *reply; /* owned */
};

/* Connects, and makes sure that the prefix holds a Troth of a layout that we know.
 * Out reader: to be given to troth_redis_reader_close, also after a failure. Returns TROTH_OK,
 * TROTH_UNREACHABLE, TROTH_REFUSED or TROTH_NOT_FOUND (nothing of Troth there), with error. */
TROTH_MUST_CHECK
troth_status troth_redis_reader_open(struct troth_redis_reader *reader,
                                     const struct troth_redis_config *config);
void troth_redis_reader_close(struct troth_redis_reader *reader);

/* Asks: begin, arguments to reader->command, ask; answers then come in order, one call each.
 * In key: after the prefix, put together of parts. */
void troth_redis_reader_begin(struct troth_redis_reader *reader, const char *name);
void troth_redis_reader_key(struct troth_redis_reader *reader, const char *kind,
                            struct troth_text name, const char *contract);
void troth_redis_reader_ask(struct troth_redis_reader *reader);

/* Returns the next answer, the caller's to free, or NULL with error (an error answer, too). */
redisReply *troth_redis_reader_answer(struct troth_redis_reader *reader);

/* Returns the next answer as a hash; no fields where there is none. Failure: reply NULL, with
 * error.
 */
struct troth_fields troth_redis_reader_fields(struct troth_redis_reader *reader);

/* An agent and its standings, by name of contract. */
struct troth_look {
    struct troth_fields agent; /* without fields: unproven */
    struct troth_fields *standings;
    unsigned count;
};

/* Looks at an agent. In contract: NULL, every contract. Out look: to be given to troth_look_free,
 * also after a failure. Returns TROTH_OK, or TROTH_UNREACHABLE with error. */
TROTH_MUST_CHECK
troth_status troth_redis_reader_look(struct troth_redis_reader *reader, struct troth_text agent,
                                     const char *contract, struct troth_look *look);
void troth_look_free(struct troth_look *look);

/* Out names: the contracts that standings may be of, sorted; at most capacity. Returns how many, or
 * -1 with error. */
int troth_redis_reader_contracts(struct troth_redis_reader *reader,
                                 char (*names)[TROTH_NAME_LENGTH_MAX + 1], unsigned capacity);

/* Out contract: the contract in Redis. Returns whether it is there and can be read. */
bool troth_redis_reader_contract(struct troth_redis_reader *reader, const char *name,
                                 struct troth_contract *contract);

/* ---- fields ---- */

void troth_fields_free(struct troth_fields *fields);
bool troth_fields_any(const struct troth_fields *fields);

/* Returns a field's value; data NULL where there is none. */
struct troth_text troth_fields_find(const struct troth_fields *fields, const char *name);

/* Returns a field as a number; `otherwise` where there is none. */
int64_t troth_fields_integer(const struct troth_fields *fields, const char *name,
                             int64_t otherwise);
double troth_fields_decimal(const struct troth_fields *fields, const char *name, double otherwise);

/* Out text: a field fit for a terminal, terminated; empty where there is none. Returns text. */
const char *troth_fields_text(const struct troth_fields *fields, const char *name, char *text,
                              size_t capacity);

/* Returns the hash as an object: numbers as numbers, lists as arrays, terms as objects. */
json_t *troth_fields_json(const struct troth_fields *fields);

/* Returns the term's field's number, as troth_fields_decimal. In term: its name. */
double troth_fields_term(const struct troth_fields *fields, const char *term, const char *field,
                         double otherwise);

/* Prints an object on one line of stdout and gives it up. */
void troth_redis_reader_print_json(json_t *object);

#endif
