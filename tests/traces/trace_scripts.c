/*
 * The scripts: a claim each, of what holds on the simulated log as on Kafka. Members are a, b and
 * c; a member's instance is its place unless told.
 */
#include "tests/traces/trace.h"

enum { A, B, C };

#define STEP(what, ...)                                                                            \
    {                                                                                              \
        .act = TRACE_##what, __VA_ARGS__                                                           \
    }
#define AT(t, p)              .topic = TROTH_TOPIC_##t, .partition = (p)
#define WHAT(k, v)            .key = (k), .value = (v)
#define OPEN(m)               STEP(OPEN, .member = (m), .instance = (m))
#define OPEN_AS(m, i)         STEP(OPEN, .member = (m), .instance = (i))
#define LIFE(what, m)         STEP(what, .member = (m))
#define POLL(m, t, n)         STEP(POLL, .member = (m), AT(t, 0), .count = (n))
#define POLL_END(m, t)        STEP(POLL_END, .member = (m), AT(t, 0))
#define POLL_EVENT(m, k)      STEP(POLL_EVENT, .member = (m), .kind = TROTH_LOG_##k)
#define POLL_FAILURE(m)       STEP(POLL_FAILURE, .member = (m))
#define SETTLE(...)           STEP(SETTLE, .owned = {__VA_ARGS__})
#define SETTLE_ANEW(who, ...) STEP(SETTLE, .anew = (who), .owned = {__VA_ARGS__})
#define EXTENT(m, p)          STEP(EXTENT, .member = (m), .partition = (p))
#define CATCH_UP(m, t)        STEP(CATCH_UP, .member = (m), AT(t, 0))
#define START(m, p, o)        STEP(START, .member = (m), .partition = (p), .offset = (o))
#define RECALL(m, p)          STEP(RECALL, .member = (m), .partition = (p))
#define RECALLED(m, p)        STEP(RECALLED, .member = (m), .partition = (p))
#define SEND(m, t, p, k, v)   STEP(SEND, .member = (m), AT(t, p), WHAT(k, v))
#define REJECT(m, p, k, v, why)                                                                    \
    STEP(SEND, .member = (m), AT(REJECTS, p), WHAT(k, v), .header = (why))
#define FLUSH(m)        STEP(FLUSH, .member = (m))
#define COMMIT_NONE(m)  STEP(COMMIT, .member = (m))
#define COMMIT(m, p, o) STEP(COMMIT, .member = (m), .count = 1, .offsets = {{(p), (o)}})
#define COMMIT_BOTH(m, o, q)                                                                       \
    STEP(COMMIT, .member = (m), .count = 2, .offsets = {{0, (o)}, {1, (q)}})
#define FEED(t, p, k, v)      STEP(FEED, AT(t, p), WHAT(k, v))
#define FEED_OPEN(t, p, k, v) STEP(FEED_OPEN, AT(t, p), WHAT(k, v))
#define FEED_CLOSE(keep)      STEP(FEED_CLOSE, .kept = (keep))
#define TRIM(t, p, o)         STEP(TRIM, AT(t, p), .offset = (o))
#define SEE(t, p)             STEP(SEE, AT(t, p))
#define GROUP                 STEP(GROUP, .member = 0)

const struct trace_script trace_scripts[] = {
    {"what is sent is seen once it is committed, and not before",
     {OPEN(A), SETTLE(3), FEED(TELEMETRY, 0, "x", "e0"), FEED(TELEMETRY, 0, "x", "e1"),
      START(A, 0, 0), POLL(A, TELEMETRY, 2), SEND(A, INTERVENTIONS, 0, "x", "told"), FLUSH(A),
      SEE(INTERVENTIONS, 0), GROUP, COMMIT(A, 0, 2), SEE(INTERVENTIONS, 0), GROUP, COMMIT(A, 0, 1),
      GROUP, LIFE(CLOSE, A), SEE(INTERVENTIONS, 0)}},
    {"who closes with a transaction open leaves nothing to be seen, and holds nobody up",
     {OPEN(A), SETTLE(3), OPEN(B), SETTLE(1, 2), SEND(A, INTERVENTIONS, 0, "x", "undone"), FLUSH(A),
      SEND(B, INTERVENTIONS, 0, "y", "after it"), COMMIT(B, 1, 0), SEE(INTERVENTIONS, 0),
      LIFE(CLOSE, A), SEE(INTERVENTIONS, 0), OPEN(A), SETTLE(1, 2),
      SEND(A, INTERVENTIONS, 0, "x", "done"), COMMIT(A, 0, 0), SEE(INTERVENTIONS, 0), GROUP}},
    {"who is killed holds readers up until its name opens anew",
     {OPEN(A), SETTLE(3), OPEN(B), SETTLE(1, 2), SEND(A, INTERVENTIONS, 0, "x", "undone"), FLUSH(A),
      SEND(B, INTERVENTIONS, 0, "y", "after it"), COMMIT(B, 1, 0), LIFE(KILL, A),
      SEE(INTERVENTIONS, 0), OPEN(A), SEE(INTERVENTIONS, 0), SETTLE(1, 2), EXTENT(A, 0),
      EXTENT(B, 1)}},
    {"a reader of standings waits at what is open, and gets it in its place once it "
     "is committed",
     {OPEN(A), SETTLE(3), OPEN(B), SETTLE(1, 2), SEND(A, STANDINGS, 1, "s", "first"), FLUSH(A),
      SEND(B, STANDINGS, 1, "s", "second"), COMMIT(B, 1, 0), RECALL(B, 1), START(B, 1, 0),
      FEED(TELEMETRY, 1, "x", "e0"), POLL(B, TELEMETRY, 1), POLL(B, STANDINGS, 0), COMMIT_NONE(A),
      POLL(B, STANDINGS, 2)}},
    {"a reader of standings passes over what is aborted",
     {OPEN(A), SETTLE(3), OPEN(B), SETTLE(1, 2), SEND(A, STANDINGS, 1, "s", "undone"), FLUSH(A),
      SEND(B, STANDINGS, 1, "s", "mine"), COMMIT(B, 1, 0), RECALL(B, 1), START(B, 1, 0),
      FEED(TELEMETRY, 1, "x", "e0"), POLL(B, TELEMETRY, 1), POLL(B, STANDINGS, 0), LIFE(CLOSE, A),
      POLL(B, STANDINGS, 1), SEND(B, STANDINGS, 1, "s", "last"), COMMIT(B, 1, 1),
      POLL(B, STANDINGS, 1)}},
    {"standings are recalled in order, with their keys, tombstones and empty values, "
     "and again from the first",
     {OPEN(A),
      SETTLE(3),
      SEND(A, STANDINGS, 0, "k1", "v1"),
      SEND(A, STANDINGS, 0, "k2", "v2"),
      SEND(A, STANDINGS, 0, "k1", NULL),
      SEND(A, STANDINGS, 0, "k3", ""),
      COMMIT(A, 0, 0),
      SEND(A, STANDINGS, 0, "k2", "v3"),
      SEND(A, STANDINGS, 1, "k4", "elsewhere"),
      COMMIT(A, 0, 0),
      RECALL(A, 0),
      POLL(A, STANDINGS, 5),
      RECALL(A, 0),
      POLL(A, STANDINGS, 5),
      RECALLED(A, 0),
      RECALL(A, 1),
      POLL(A, STANDINGS, 1),
      RECALLED(A, 1),
      START(A, 0, 0),
      FEED(TELEMETRY, 0, "x", "e0"),
      POLL(A, TELEMETRY, 1),
      POLL(A, STANDINGS, 0)}},
    {"the second of a name fences the first",
     {OPEN(A), SETTLE(3), SEND(A, INTERVENTIONS, 0, "x", "by the first"), FLUSH(A), OPEN_AS(C, A),
      COMMIT(A, 0, 0), SEND(A, INTERVENTIONS, 0, "x", "again"), SEE(INTERVENTIONS, 0),
      LIFE(CLOSE, A), SETTLE(0, 0, 3), SEND(C, INTERVENTIONS, 0, "x", "by the second"),
      COMMIT(C, 0, 1), SEE(INTERVENTIONS, 0), GROUP}},
    {"the first of a name that polls hears of the second",
     {OPEN(A), SETTLE(3), OPEN_AS(C, A), POLL_EVENT(C, ASSIGNED), POLL_FAILURE(A), LIFE(CLOSE, A),
      EXTENT(C, 0)}},
    {"who sleeps while another goes by its name commits nothing when it wakes",
     {OPEN(A), SETTLE(3), LIFE(FREEZE, A), OPEN_AS(C, A), POLL_EVENT(C, ASSIGNED),
      SEND(C, INTERVENTIONS, 0, "x", "by the second"), COMMIT(C, 0, 0), LIFE(THAW, A),
      SEND(A, INTERVENTIONS, 0, "x", "too late"), COMMIT(A, 0, 0), POLL_FAILURE(A), LIFE(CLOSE, A),
      SEE(INTERVENTIONS, 0), GROUP}},
    {"who joins gets its share, by range, and all give back what they have before that",
     {OPEN(A), SETTLE(3), OPEN(B), SETTLE(1, 2), START(A, 0, 0), START(B, 1, 0),
      FEED(TELEMETRY, 0, "x", "e0"), FEED(TELEMETRY, 1, "y", "e1"), POLL(A, TELEMETRY, 1),
      POLL(B, TELEMETRY, 1), COMMIT(A, 0, 1), COMMIT(B, 1, 1), GROUP}},
    {"who is third of two partitions gets none",
     {OPEN(A), SETTLE(3), OPEN(C), SETTLE(1, 0, 2), OPEN(B), SETTLE_ANEW(1, 1, 2, 0)}},
    {"what is revoked can be committed until the next poll",
     {OPEN(A), SETTLE(3), START(A, 0, 0), START(A, 1, 0), FEED(TELEMETRY, 0, "x", "e0"),
      FEED(TELEMETRY, 1, "y", "e1"), POLL(A, TELEMETRY, 2), SEND(A, INTERVENTIONS, 0, "x", "told"),
      OPEN(B), POLL_EVENT(A, REVOKED), COMMIT_BOTH(A, 1, 1), SEE(INTERVENTIONS, 0), GROUP,
      SETTLE(1, 2), EXTENT(A, 0), EXTENT(B, 1), COMMIT(A, 1, 1), COMMIT(A, 0, 1)}},
    {"what was sent for partitions that are taken away goes with them",
     {OPEN(A), SETTLE(3), SEND(A, INTERVENTIONS, 0, "x", "undone"), FLUSH(A), OPEN(B),
      POLL_EVENT(A, REVOKED), SETTLE(1, 2), SEE(INTERVENTIONS, 0),
      SEND(A, INTERVENTIONS, 0, "x", "done"), COMMIT(A, 0, 0), SEE(INTERVENTIONS, 0)}},
    {"offsets of a partition that is not the member's are refused, and nothing is done",
     {OPEN(A), SETTLE(3), OPEN(B), SETTLE(1, 2), SEND(A, INTERVENTIONS, 0, "x", "told"),
      COMMIT(A, 1, 0), SEE(INTERVENTIONS, 0), COMMIT_BOTH(A, 0, 0), SEE(INTERVENTIONS, 0),
      COMMIT(A, 0, 0), SEE(INTERVENTIONS, 0), GROUP}},
    {"who was thought dead commits nothing when it wakes, and has lost what it had",
     {OPEN(A), SETTLE(3), FEED(TELEMETRY, 0, "x", "e0"), LIFE(FREEZE, A), OPEN(B), SETTLE(3, 3),
      SEND(B, INTERVENTIONS, 0, "x", "by the next"), COMMIT(B, 0, 1), LIFE(THAW, A),
      SEND(A, INTERVENTIONS, 0, "x", "too late"), COMMIT(A, 0, 0), COMMIT(A, 0, 0),
      SEND(A, INTERVENTIONS, 0, "x", "too late"), SEE(INTERVENTIONS, 0), GROUP, LIFE(CLOSE, A),
      SEE(INTERVENTIONS, 0)}},
    {"who was thought dead with a transaction open commits nothing of it, and holds nobody up",
     {OPEN(A), SETTLE(3), SEND(A, INTERVENTIONS, 0, "x", "before sleep"), FLUSH(A), LIFE(FREEZE, A),
      OPEN(B), SETTLE(3, 3), SEND(B, INTERVENTIONS, 1, "y", "by the next"), COMMIT(B, 0, 1),
      LIFE(THAW, A), COMMIT(A, 0, 0), COMMIT(A, 0, 0), LIFE(CLOSE, A), SEE(INTERVENTIONS, 0),
      SEE(INTERVENTIONS, 1), SEND(B, INTERVENTIONS, 0, "x", "later"), COMMIT(B, 0, 1),
      SEE(INTERVENTIONS, 0), GROUP}},
    {"who was thought dead and polls has lost its partitions, and joins again",
     {OPEN(A), SETTLE(3), LIFE(FREEZE, A), OPEN(B), SETTLE(3, 3), LIFE(THAW, A),
      POLL_EVENT(A, LOST), SETTLE(1, 2), SEND(A, INTERVENTIONS, 0, "x", "told"), COMMIT(A, 0, 0),
      SEE(INTERVENTIONS, 0)}},
    {"a member that is back in time has its partitions without a rebalance",
     {OPEN(A), SETTLE(3), OPEN(B), SETTLE(1, 2), LIFE(KILL, A), OPEN(A), POLL_EVENT(A, ASSIGNED),
      EXTENT(A, 0), SETTLE(1, 2), COMMIT(B, 1, 0), COMMIT(A, 0, 0), GROUP}},
    {"records come from where they are started, and again from where that is told anew",
     {OPEN(A), SETTLE(3), FEED(TELEMETRY, 0, "x", "e0"), FEED(TELEMETRY, 0, NULL, "e1"),
      FEED(TELEMETRY, 0, "x", NULL), FEED(TELEMETRY, 0, "y", ""),
      FEED(TELEMETRY, 1, "z", "elsewhere"), START(A, 0, 1), POLL(A, TELEMETRY, 3), START(A, 0, 2),
      POLL(A, TELEMETRY, 2), START(A, 0, 0), START(A, 1, 0), POLL(A, TELEMETRY, 5),
      COMMIT_BOTH(A, 4, 1), GROUP}},
    {"an extent is what is kept, what is there, and what the group has committed",
     {OPEN(A), SETTLE(3), EXTENT(A, 0), FEED(TELEMETRY, 0, "x", "e0"),
      FEED(TELEMETRY, 0, "x", "e1"), FEED(TELEMETRY, 0, "x", "e2"), EXTENT(A, 0), COMMIT(A, 0, 1),
      EXTENT(A, 0), TRIM(TELEMETRY, 0, 2), EXTENT(A, 0), EXTENT(A, 1), START(A, 0, 2),
      POLL(A, TELEMETRY, 1), LIFE(CLOSE, A), OPEN(A), SETTLE(3), EXTENT(A, 0)}},
    {"records that retention deleted are passed over",
     {OPEN(A), SETTLE(3), FEED(TELEMETRY, 0, "x", "e0"), FEED(TELEMETRY, 0, "x", "e1"),
      FEED(TELEMETRY, 0, "x", "e2"), TRIM(TELEMETRY, 0, 2), START(A, 0, 0), POLL(A, TELEMETRY, 1),
      FEED(TELEMETRY, 0, "x", "e3"), POLL(A, TELEMETRY, 1)}},
    {"a control topic is given to its end, and again to where that is when it is asked for",
     {FEED(CONTRACTS, 0, "c@1", "v1"), FEED(CONTRACTS, 0, "c", "1"), OPEN(A), SETTLE(3),
      POLL_END(A, CONTRACTS), POLL_END(A, DECISIONS), CATCH_UP(A, CONTRACTS),
      FEED(CONTRACTS, 0, "c", NULL), CATCH_UP(A, CONTRACTS), POLL_END(A, CONTRACTS),
      CATCH_UP(A, CONTRACTS), CATCH_UP(A, DECISIONS)}},
    {"a control topic that ends in what was aborted has an end",
     {FEED(CONTRACTS, 0, "c@1", "v1"), FEED_OPEN(CONTRACTS, 0, "c@2", "undone"), FEED_CLOSE(false),
      OPEN(A), SETTLE(3), POLL_END(A, CONTRACTS), CATCH_UP(A, CONTRACTS),
      FEED_OPEN(CONTRACTS, 0, "c@3", "undone"), FEED_CLOSE(false), CATCH_UP(A, CONTRACTS),
      POLL_END(A, CONTRACTS), CATCH_UP(A, CONTRACTS)}},
    {"what is open in a control topic is past its end",
     {FEED(CONTRACTS, 0, "c@1", "v1"), OPEN(A), SETTLE(3), POLL_END(A, CONTRACTS),
      FEED_OPEN(CONTRACTS, 0, "c@2", "v2"), CATCH_UP(A, CONTRACTS), START(A, 0, 0),
      FEED(TELEMETRY, 0, "x", "e0"), POLL(A, TELEMETRY, 1), POLL(A, CONTRACTS, 0), FEED_CLOSE(true),
      CATCH_UP(A, CONTRACTS), POLL_END(A, CONTRACTS)}},
    {"what is open in telemetry, or comes after it, is past its end",
     {OPEN(A), SETTLE(3), FEED(TELEMETRY, 0, "x", "e0"), FEED_OPEN(TELEMETRY, 0, "x", "e1"),
      FEED(TELEMETRY, 0, "x", "e2"), EXTENT(A, 0), START(A, 0, 0), START(A, 1, 0),
      FEED(TELEMETRY, 1, "y", "elsewhere"), POLL(A, TELEMETRY, 2), POLL(A, TELEMETRY, 0),
      FEED_CLOSE(true), POLL(A, TELEMETRY, 2), EXTENT(A, 0)}},
    {"standings take no record without a key, and nothing that was sent with it",
     {OPEN(A), SETTLE(3), SEND(A, INTERVENTIONS, 0, "x", "told"), SEND(A, STANDINGS, 0, "k1", "v1"),
      SEND(A, STANDINGS, 0, NULL, "no key"), COMMIT(A, 0, 0), SEE(STANDINGS, 0),
      SEE(INTERVENTIONS, 0), SEND(A, INTERVENTIONS, 0, "x", "again"), COMMIT(A, 0, 0),
      LIFE(CLOSE, A), OPEN(A), SETTLE(3), SEND(A, INTERVENTIONS, 0, "x", "after"), COMMIT(A, 0, 0),
      SEE(INTERVENTIONS, 0), GROUP}},
    {"the engine's own records of telemetry stand without a commit",
     {OPEN(A), SETTLE(3), START(A, 0, 0), SEND(A, INTERVENTIONS, 0, "x", "undone"),
      SEND(A, TELEMETRY, 0, NULL, "tick"), FLUSH(A), POLL(A, TELEMETRY, 1), LIFE(CLOSE, A),
      SEE(TELEMETRY, 0), SEE(INTERVENTIONS, 0)}},
    {"a transaction holds all topics and partitions, and leaves a gap in each",
     {OPEN(A),
      SETTLE(3),
      SEND(A, INTERVENTIONS, 0, "x", "one"),
      SEND(A, INTERVENTIONS, 1, "y", "two"),
      REJECT(A, 0, "z", "bytes", "undecodable"),
      SEND(A, STANDINGS, 1, "s", "state"),
      FLUSH(A),
      SEE(REJECTS, 0),
      COMMIT_BOTH(A, 0, 0),
      SEND(A, INTERVENTIONS, 0, "x", "three"),
      COMMIT_NONE(A),
      COMMIT_NONE(A),
      COMMIT(A, 1, 0),
      REJECT(A, 0, NULL, NULL, "unkeyed"),
      COMMIT_NONE(A),
      SEE(INTERVENTIONS, 0),
      SEE(INTERVENTIONS, 1),
      SEE(REJECTS, 0),
      SEE(STANDINGS, 1),
      GROUP}},
    {"a key has its place",
     {OPEN(A), SETTLE(3), SEND(A, INTERVENTIONS, TROTH_ANY_PARTITION, "agent-1", "agent-1"),
      SEND(A, INTERVENTIONS, TROTH_ANY_PARTITION, "agent-2", "agent-2"),
      SEND(A, INTERVENTIONS, TROTH_ANY_PARTITION, "agent-3", "agent-3"),
      SEND(A, INTERVENTIONS, TROTH_ANY_PARTITION, "refund-7", "refund-7"),
      SEND(A, INTERVENTIONS, TROTH_ANY_PARTITION, "x", "x"),
      SEND(A, INTERVENTIONS, TROTH_ANY_PARTITION, "another agent with a longer name",
           "another agent with a longer name"),
      COMMIT_NONE(A), SEE(INTERVENTIONS, 0), SEE(INTERVENTIONS, 1)}},
};

const int trace_script_count = sizeof trace_scripts / sizeof *trace_scripts;
