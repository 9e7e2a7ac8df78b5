/*
 * What can go wrong with data or with the world, in one table: number, name and what it means.
 * A bug is not in it: that is an assertion (schemas/assert.h), which stays on.
 */
#ifndef TROTH_SCHEMAS_STATUS_H
#define TROTH_SCHEMAS_STATUS_H

/* X(NAME, "name in headers, metrics and messages", "what it means") */
#define TROTH_STATUSES(X)                                                                          \
    X(OK, "ok", "done")                                                                            \
    X(UNDECODABLE, "undecodable", "the bytes are not an event of a schema that is known")          \
    X(UNKEYED, "unkeyed", "the record has no key; the key must be the agent's name")               \
    X(MISROUTED, "misrouted", "the key is not the agent's name, or the partition is not its own")  \
    X(AHEAD_OF_TIME, "ahead_of_time", "the event's time is too far past its record's")             \
    X(OVER_LIMIT, "over_limit", "the event passes a written limit")                                \
    X(INVALID, "invalid", "a value is outside what the format allows")                             \
    X(AGENTS_FULL, "agents_full", "the shard holds as many agents as it may")                      \
    X(STANDINGS_FULL, "standings_full", "the shard holds as many standings as it may")             \
    X(DUPLICATE, "duplicate", "the sequence number was seen before")                               \
    X(TIMED_OUT, "timed_out", "no answer within the time allowed")                                 \
    X(UNREACHABLE, "unreachable", "the other side cannot be reached")                              \
    X(REFUSED, "refused", "the other side answered no")                                            \
    X(FENCED, "fenced", "another owner has taken over")                                            \
    X(FULL, "full", "a bounded buffer is full; try again later")                                   \
    X(NO_MEMORY, "no_memory", "memory could not be taken at start")                                \
    X(NOT_FOUND, "not_found", "there is no such thing")                                            \
    X(UNSUPPORTED, "unsupported", "a format that this version does not know")

#define TROTH_ENUMERATE_STATUS(NAME, text, meaning) TROTH_##NAME,
typedef enum troth_status {
    TROTH_STATUSES(TROTH_ENUMERATE_STATUS) TROTH_STATUS_COUNT
} troth_status;
#undef TROTH_ENUMERATE_STATUS

#define TROTH_MUST_CHECK __attribute__((warn_unused_result))

/* Returns the name, or what it means, of a status; never NULL. */
const char *troth_status_name(troth_status status);
const char *troth_status_meaning(troth_status status);

#endif
