/*
 * A contract, parsed and checked: the document of DESIGN's "Contract" as one flat value.
 *
 * The parser reads YAML (JSON is YAML), fills in every default and refuses what is unknown, out of
 * range or over a limit, with line, key and what would be right. The value holds no pointer, so it
 * can be copied, compared and kept anywhere. The writer gives the canonical JSON, which parses back
 * to an equal value.
 *
 * Memory: the caller owns the value. Threads: plain data.
 */
#ifndef TROTH_SCHEMAS_CONTRACT_H
#define TROTH_SCHEMAS_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/event.h"
#include "schemas/status.h"

enum {
    TROTH_NAME_LENGTH_MAX = 63,      /* contract, term and capability: [a-z0-9][a-z0-9._-]{0,62} */
    TROTH_PROMISE_LENGTH_MAX = 1023, /* bytes */
    TROTH_TERMS_MAX = 16,
    TROTH_PANES_MIN = 2,
    TROTH_PANES_MAX = 64,
    TROTH_CAPABILITIES_MAX = 32,
    TROTH_TESTS_MAX = 128,             /* tests of all predicates of one contract */
    TROTH_VALUES_MAX = 256,            /* values in all lists of one contract */
    TROTH_POOL_LENGTH_MAX = 8192,      /* bytes of all texts that the values name */
    TROTH_CONTRACT_LENGTH_MAX = 65536, /* bytes of one document */
    TROTH_PROBLEMS_MAX = 16,           /* problems told of one document */
    TROTH_PROBLEM_LENGTH_MAX = 256
};

/* In order of rank: RECERTIFY ranks between NARROW and REVIEW. */
#define TROTH_RUNGS(X)                                                                             \
    X(CLEAR, "clear")                                                                              \
    X(WARN, "warn")                                                                                \
    X(NARROW, "narrow")                                                                            \
    X(RECERTIFY, "recertify")                                                                      \
    X(REVIEW, "review")                                                                            \
    X(PAUSE, "pause")

#define TROTH_ENUMERATE_RUNG(NAME, text) TROTH_RUNG_##NAME,
enum troth_rung { TROTH_RUNGS(TROTH_ENUMERATE_RUNG) TROTH_RUNG_COUNT };
#undef TROTH_ENUMERATE_RUNG

enum troth_consequence { TROTH_CONSEQUENCE_LOW, TROTH_CONSEQUENCE_MEDIUM, TROTH_CONSEQUENCE_HIGH };
enum troth_mode { TROTH_MODE_SHADOW, TROTH_MODE_ADVISE, TROTH_MODE_ENFORCE };
enum troth_on_version { TROTH_ON_VERSION_KEEP, TROTH_ON_VERSION_RECERTIFY };

enum troth_term_kind {
    TROTH_TERM_SHARE,
    TROTH_TERM_COMPLETENESS,
    TROTH_TERM_JUDGED,
    TROTH_TERM_NEVER,
    TROTH_TERM_BUDGET,
    TROTH_TERM_CADENCE
};

/* What an absent field named by `keep` does. UNSTATED_HIGH is UNSTATED in a contract of high
 * consequence, kept apart because it counts differently. */
enum troth_absent {
    TROTH_ABSENT_UNSTATED,
    TROTH_ABSENT_UNSTATED_HIGH,
    TROTH_ABSENT_BROKEN,
    TROTH_ABSENT_IGNORE
};

/* One test of one field. A predicate is a run of tests, all of which must hold. */
enum troth_test_kind {
    TROTH_TEST_ENUM,   /* enumerations: bit 1 << value of `mask` is set */
    TROTH_TEST_RANGE,  /* integers: low <= value <= high (lt, le, gt, ge and scalar equality) */
    TROTH_TEST_IN,     /* integers and texts: any of values (texts: equal bytes) */
    TROTH_TEST_NOT_IN, /* integers and texts: present and none of values */
    TROTH_TEST_NUMBER, /* attributes: reads as a decimal number within low_number..high_number,
                        * an end being open where low_open / high_open */
    TROTH_TEST_EXISTS  /* any field: presence equals `exists` */
};

struct troth_test {
    uint8_t kind;  /* enum troth_test_kind */
    uint8_t field; /* enum troth_field; TROTH_FIELD_ATTRIBUTES with `name` for attributes.NAME */
    bool exists;
    bool low_open;
    bool high_open;
    uint8_t reserved[3];
    uint32_t mask;
    uint16_t value_first; /* into contract->values */
    uint16_t value_count;
    uint16_t name_offset; /* of the attribute's name, into contract->pool */
    uint16_t name_length;
    uint32_t reserved_too; /* no padding, so that equal tests are equal bytes */
    int64_t low;
    int64_t high;
    double low_number;
    double high_number;
};

/* One value of a list: the integer for integer fields, the text (in the pool) for the others. */
struct troth_value {
    int64_t integer;
    uint16_t text_offset;
    uint16_t text_length;
    uint32_t reserved;
};

/* A run of tests; count 0 always holds. They stand in order of field and attribute's name, and the
 * values of a test sorted, each once: equal predicates give equal tests. */
struct troth_predicate {
    uint16_t first; /* into contract->tests */
    uint16_t count;
};

struct troth_term {
    char name[TROTH_NAME_LENGTH_MAX + 1];
    uint8_t kind;   /* enum troth_term_kind */
    uint8_t absent; /* enum troth_absent; share */
    bool required;
    uint8_t panes; /* 2..64 */
    uint8_t sum;   /* enum troth_field; budget: LATENCY_US, COST_MICROS, INPUT_ or OUTPUT_TOKENS */
    struct troth_predicate when; /* share, never, cadence, budget */
    struct troth_predicate keep; /* share */
    uint16_t by_first;           /* judged: issuers, into contract->values; none: any issuer */
    uint16_t by_count;
    uint32_t evidence;    /* pieces needed to certify, >= 1; 1 where the kind has none */
    uint32_t fresh;       /* aged pieces at which it is fully fresh, >= 1; 1 where it has none */
    int64_t window_us;    /* divides by panes into whole milliseconds */
    int64_t half_life_us; /* >= 1 ms */
    int64_t at_most;      /* budget: the limit, >= 0 */
    int64_t every_us;     /* cadence, >= 1 ms */
    double floor;         /* share, completeness, judged: in (0, 1) */
};

struct troth_scope {
    double traffic;          /* 0..1 */
    int64_t max_cost_micros; /* cost per task; -1: no limit */
    uint32_t capabilities;   /* bit i: contract->capabilities[i] */
    uint32_t reserved;
};

/* The conditions that put a standing on a rung. Off is 0 (false); comparing `< 0` is never true. */
struct troth_rung_rules {
    double confidence_below; /* 0 off, at most 0.5 */
    double freshness_below;  /* 0 off, at most 1 */
    uint32_t disputes_open;  /* 0 off */
    bool change;
    bool budget;
    bool never; /* pause alone */
    uint8_t reserved;
    struct troth_scope scope;
};

struct troth_contract {
    char name[TROTH_NAME_LENGTH_MAX + 1];
    char promise[TROTH_PROMISE_LENGTH_MAX + 1];
    char owner[TROTH_AGENT_LENGTH_MAX + 1];
    char applies_to[TROTH_AGENT_LENGTH_MAX + 1]; /* glob over the agent's name: * and ? */
    int64_t version;                             /* >= 1 */
    uint8_t consequence;
    uint8_t mode;
    uint8_t on_version;
    uint8_t term_count;
    uint8_t capability_count;
    uint16_t test_count;
    uint16_t value_count;
    uint16_t pool_length;
    int64_t window_us; /* the default of the terms; also the review's measure where none has one */
    int64_t half_life_us;
    int64_t panes;
    int64_t hold_us;
    int64_t certify_within_us;
    int64_t review_every_us;
    double certify_confidence; /* (0, 1) */
    char capabilities[TROTH_CAPABILITIES_MAX][TROTH_NAME_LENGTH_MAX + 1];
    struct troth_rung_rules ladder[TROTH_RUNG_COUNT];
    struct troth_term terms[TROTH_TERMS_MAX];
    struct troth_test tests[TROTH_TESTS_MAX];
    struct troth_value values[TROTH_VALUES_MAX];
    char pool[TROTH_POOL_LENGTH_MAX];
};

/* One thing that is wrong with a document, and what would be right. */
struct troth_problem {
    uint32_t line;                       /* from 1; 0: the document as a whole */
    uint32_t column;                     /* from 1 */
    char key[TROTH_PROBLEM_LENGTH_MAX];  /* path of the key, as terms[2].floor */
    char text[TROTH_PROBLEM_LENGTH_MAX]; /* what is wrong; what would be right */
};

struct troth_problems {
    uint32_t count; /* at most TROTH_PROBLEMS_MAX are kept; more are counted */
    struct troth_problem items[TROTH_PROBLEMS_MAX];
};

/*
 * Parses one document.
 * In text, length: YAML or JSON, at most TROTH_CONTRACT_LENGTH_MAX bytes; borrowed for the call.
 * Out contract: filled, unused bytes zero, so that equal documents give equal bytes; meaningful on
 * TROTH_OK alone. Out problems: what is wrong.
 * Returns TROTH_OK, TROTH_INVALID (see problems) or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_contract_parse(const char *text, size_t length, struct troth_contract *contract,
                                  struct troth_problems *problems);

/*
 * Writes the canonical JSON: every default explicit, keys in the order of the documentation.
 * Out buffer, capacity: at most capacity bytes, not terminated. Out length: bytes written.
 * Returns TROTH_OK, or TROTH_FULL when it does not fit (TROTH_CONTRACT_LENGTH_MAX always does).
 */
TROTH_MUST_CHECK
troth_status troth_contract_write(const struct troth_contract *contract, char *buffer,
                                  size_t capacity, size_t *length);

/* Returns whether two terms, each of its contract, promise the same: such a term keeps its evidence
 * when a version replaces another. Name, kind and what counts as evidence, floor or limit, window,
 * panes and half-life must be equal; `required`, `evidence` and `fresh`, which say how much proof
 * is asked for, need not be. */
bool troth_term_equal(const struct troth_contract *a, unsigned term_a,
                      const struct troth_contract *b, unsigned term_b);

/* Returns whether two predicates are the same tests, or two runs of values the same, each of its
 * contract. */
bool troth_predicate_equal(const struct troth_contract *a, struct troth_predicate x,
                           const struct troth_contract *b, struct troth_predicate y);
bool troth_values_equal(const struct troth_contract *a, unsigned first_a, unsigned count_a,
                        const struct troth_contract *b, unsigned first_b, unsigned count_b);

/* Returns the name of a value, never NULL for one in range. */
const char *troth_rung_name(unsigned rung);
const char *troth_mode_name(unsigned mode);
const char *troth_consequence_name(unsigned consequence);
const char *troth_term_kind_name(unsigned kind);

/* Returns the rung of that name, or -1. */
int troth_rung_find(const char *name, size_t length);

#endif
