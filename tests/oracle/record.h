/*
 * Records of the embedded schema, written value by value, so that any of them can be wrong.
 *
 * One record is under work at a time: `record`. A test includes cmocka.h before this.
 */
#ifndef TROTH_TESTS_ORACLE_RECORD_H
#define TROTH_TESTS_ORACLE_RECORD_H

#include <stdint.h>
#include <string.h>

#include "schemas/event.h"

struct record_bytes {
    size_t length;
    uint8_t data[2 * TROTH_RECORD_LENGTH_MAX];
};

static struct record_bytes record;

static inline void record_put(const void *data, size_t length)
{
    assert_true(length <= sizeof record.data - record.length);
    memcpy(record.data + record.length, data, length);
    record.length += length;
}

static inline void record_put_long(int64_t value)
{
    uint64_t rest = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    uint8_t byte;
    for (; rest > 127; rest >>= 7) {
        byte = (uint8_t)(rest | 128);
        record_put(&byte, 1);
    }
    byte = (uint8_t)rest;
    record_put(&byte, 1);
}

static inline void record_put_text(const char *text)
{
    record_put_long((int64_t)strlen(text));
    record_put(text, strlen(text));
}

static inline void record_put_filled(size_t length, char fill)
{
    static char filled[TROTH_RECORD_LENGTH_MAX];
    memset(filled, fill, sizeof filled);
    record_put_long((int64_t)length);
    record_put(filled, length);
}

/* id, agent, at, kind, outcome, source. */
static inline void record_begin(const char *agent, int64_t at, int kind)
{
    record.length = 0;
    record_put("0123456789abcdef", 16);
    record_put_text(agent);
    record_put_long(at);
    record_put_long(kind);
    record_put_long(TROTH_OUTCOME_OK);
    record_put_long(TROTH_SOURCE_PEER);
}

/* Fields from ISSUER up to but not including `end`, all null. */
static inline void record_put_nulls(unsigned from, unsigned end)
{
    for (unsigned field = from; field < end; field++) {
        record_put_long(0);
    }
}

static inline void record_finish(unsigned from)
{
    record_put_nulls(from, TROTH_FIELD_VERDICTS);
    record_put_long(0);
    record_put_long(0);
}

/* A record with two verdicts, in a block that says its size, and an attribute. */
static inline void record_sample(void)
{
    static const double value = 0.25;
    record_begin("agent-1", INT64_C(1700000000000000), TROTH_KIND_EVALUATION);
    record_put_long(1);
    record_put_text("judge-a");
    record_put_nulls(TROTH_FIELD_CONTRACT, TROTH_FIELD_SEQ);
    record_put_long(1);
    record_put_long(INT64_MAX);
    record_put_nulls(TROTH_FIELD_AGENT_VERSION, TROTH_FIELD_VERDICTS);
    record_put_long(-2); /* a block of two with its size */
    record_put_long(22);
    record_put_text("grounded");
    record_put("\1\2", 2);
    record_put(&value, sizeof value);
    record_put_text("x");
    record_put("\0\0", 2);
    record_put_long(0);
    record_put_long(1);
    record_put_text("region");
    record_put_text("");
    record_put_long(0);
}

#endif
