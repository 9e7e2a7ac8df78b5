/*
 * Claims: a record is believed where each of its signatures is of a key that counts, for its role,
 * at the log's time, and of these bytes; else it is refused, and why is told by the first that is
 * wrong; any bytes in a header, and any bit that is not as it was signed, are refused. The registry
 * takes what is believed alone, in the order of versions, and what loosens a contract of high
 * consequence from two persons alone; the book takes a decision once, at its time, and keeps a
 * bounded number of those that it does not believe.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/book.h"
#include "consumers/decision_record.h"
#include "consumers/registry.h"
#include "tests/support/signed.h"

#define MINUTE_US INT64_C(60000000)
#define NOON_US   INT64_C(1796126400000000) /* 2026-12-01T12:00:00Z */

static struct signed_world world;
static struct troth_signers signers;

static struct troth_control_record record_of(const char *key, const char *value)
{
    return (struct troth_control_record){.offset = 0,
                                         .time_us = NOON_US,
                                         .key = key,
                                         .key_length = strlen(key),
                                         .value = value,
                                         .value_length = strlen(value)};
}

static enum troth_distrust judge(const struct troth_control_record *record, enum troth_role role)
{
    const troth_status status = troth_signed_judge(&world.trust, role, record, &signers);
    assert_int_equal(status == TROTH_OK, signers.distrust == TROTH_DISTRUST_COUNT);
    assert_int_equal(status == TROTH_REFUSED, signers.distrust != TROTH_DISTRUST_COUNT);
    assert_int_equal(signers.reason[0] == '\0', status == TROTH_OK);
    return signers.distrust;
}

static enum troth_distrust judge_by(enum signer signer, enum troth_role role)
{
    struct troth_control_record record = record_of("k", "v");
    signed_by(&world, &record, role, signer);
    return judge(&record, role);
}

static void roles(void **state)
{
    (void)state;
    static const enum troth_distrust author[SIGNERS] = {
        [ANN] = TROTH_DISTRUST_COUNT,      [BOB] = TROTH_DISTRUST_COUNT,
        [OLA] = TROTH_DISTRUST_WRONG_ROLE, [BOTH] = TROTH_DISTRUST_COUNT,
        [ANN_TOO] = TROTH_DISTRUST_COUNT,  [NOBODY] = TROTH_DISTRUST_UNKNOWN_KEY};
    static const enum troth_distrust operator[SIGNERS] = {
        [ANN] = TROTH_DISTRUST_WRONG_ROLE,     [BOB] = TROTH_DISTRUST_WRONG_ROLE,
        [OLA] = TROTH_DISTRUST_COUNT,          [BOTH] = TROTH_DISTRUST_COUNT,
        [ANN_TOO] = TROTH_DISTRUST_WRONG_ROLE, [NOBODY] = TROTH_DISTRUST_UNKNOWN_KEY};
    signed_open(&world, "");
    for (unsigned i = 0; i < SIGNERS; i++) {
        assert_int_equal(judge_by((enum signer)i, TROTH_ROLE_AUTHOR), author[i]);
        assert_int_equal(judge_by((enum signer)i, TROTH_ROLE_OPERATOR), operator[i]);
    }
    struct troth_control_record record = record_of("k", "v");
    assert_int_equal(judge(&record, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_UNSIGNED);
    signed_by(&world, &record, TROTH_ROLE_OPERATOR, BOTH); /* a decision's is not a contract's */
    assert_int_equal(judge(&record, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_FORGED);
}

static void several(void **state)
{
    (void)state;
    signed_open(&world, "");
    struct troth_control_record record = record_of("k", "v");
    signed_by(&world, &record, TROTH_ROLE_AUTHOR, ANN);
    signed_by(&world, &record, TROTH_ROLE_AUTHOR, ANN);
    signed_by(&world, &record, TROTH_ROLE_AUTHOR, ANN_TOO);
    assert_int_equal(judge(&record, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_COUNT);
    assert_int_equal(signers.count, 2);
    assert_int_equal(signers.persons, 1); /* one name is one person, however many keys */
    signed_by(&world, &record, TROTH_ROLE_AUTHOR, BOB);
    assert_int_equal(judge(&record, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_COUNT);
    assert_int_equal(signers.persons, 2);
    record.signature_count++; /* there is one more, which is not looked at */
    assert_int_equal(judge(&record, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_TOO_MANY);
    record = record_of("k", "v");
    signed_by(&world, &record, TROTH_ROLE_AUTHOR, ANN);
    signed_by(&world, &record, TROTH_ROLE_AUTHOR, NOBODY); /* each must hold */
    assert_int_equal(judge(&record, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_UNKNOWN_KEY);
}

static void times_of_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *times;
        enum troth_distrust distrust;
    } cases[] = {
        {"since=2026-12-01T12:00:00Z ", TROTH_DISTRUST_COUNT},
        {"since=2026-12-01T12:00:01Z ", TROTH_DISTRUST_OUT_OF_TIME},
        {"until=2026-12-01T12:00:00Z ", TROTH_DISTRUST_OUT_OF_TIME},
        {"until=2026-12-01T12:00:01Z ", TROTH_DISTRUST_COUNT},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        signed_open(&world, cases[i].times);
        assert_int_equal(judge_by(BOB, TROTH_ROLE_AUTHOR), cases[i].distrust);
        assert_int_equal(judge_by(ANN, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_COUNT);
    }
}

/* The worked example of schemas/signatures.md, which other tools than ours made: what the document
 * says is what we write and believe. */
static void the_document_s_example(void **state)
{
    (void)state;
    static char document[32768];
    char header[TROTH_SIGNED_HEADER_MAX], line[TROTH_KEY_TEXT_MAX];
    struct troth_secret_key secret;
    struct troth_public_key key;
    FILE *file = fopen("schemas/signatures.md", "r");
    assert_non_null(file);
    assert_true(fread(document, 1, sizeof document - 1, file) > 0);
    fclose(file);
    assert_true(troth_key_read_secret("troth-secret nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
                                      &secret));
    struct troth_control_record record = record_of("refunds", "3");
    assert_true(troth_signed_sign(&secret, TROTH_ROLE_AUTHOR, &record, header));
    assert_non_null(strstr(document, header + TROTH_KEY_ID_LENGTH + 1));
    header[TROTH_KEY_ID_LENGTH + 9] = '\0';
    assert_non_null(strstr(document, header)); /* the id, and how the rest begins */
    troth_key_public(&secret, &key);
    troth_key_write_public(&key, line);
    assert_non_null(strstr(document, line));
}

/* No bit of key, value or header can be other than it was. (Of base64's last digit two bits are
 * none of the signature's; libsodium refuses them where they are not 0.) */
static void each_bit(void **state)
{
    (void)state;
    signed_open(&world, "");
    char key[] = "refunds@2";
    char value[] = "{\"contract\":\"refunds\"}";
    struct troth_control_record record = record_of(key, value);
    signed_by(&world, &record, TROTH_ROLE_AUTHOR, ANN);
    char *header = world.headers[0];
    char *const parts[] = {key, value, header};
    const size_t lengths[] = {strlen(key), strlen(value), strlen(header)};
    for (unsigned part = 0; part < 3; part++) {
        for (size_t bit = 0; bit < lengths[part] * 8; bit++) {
            parts[part][bit / 8] = (char)(parts[part][bit / 8] ^ 1 << bit % 8);
            if (judge(&record, TROTH_ROLE_AUTHOR) == TROTH_DISTRUST_COUNT) {
                fail_msg("part %u, bit %zu", part, bit);
            }
            parts[part][bit / 8] = (char)(parts[part][bit / 8] ^ 1 << bit % 8);
        }
    }
    for (uint32_t length = 0; length < record.signatures[0].length; length++) {
        struct troth_control_record cut = record;
        cut.signatures[0].length = length;
        assert_int_not_equal(judge(&cut, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_COUNT);
    }
    assert_int_equal(judge(&record, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_COUNT);
    /* The boundary between key and value is signed, too. */
    struct troth_control_record moved = record_of("refunds@2{", value + 1);
    moved.signature_count = 1;
    moved.signatures[0] = record.signatures[0];
    assert_int_equal(judge(&moved, TROTH_ROLE_AUTHOR), TROTH_DISTRUST_FORGED);
}

/* Each in memory of its own, so that a sanitizer sees who reads past it. */
static void hostile_headers(void **state)
{
    (void)state;
    signed_open(&world, "");
    struct troth_control_record record = record_of("k", "v");
    signed_by(&world, &record, TROTH_ROLE_AUTHOR, ANN);
    unsigned seed = 7;
    for (unsigned round = 0; round < 20000; round++) {
        seed = seed * 1664525 + 1013904223;
        const size_t length = (seed >> 8) % 140;
        char *bytes = malloc(length + 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < length; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = round % 3 == 0 && i < record.signatures[0].length && (seed >> 9) % 64 != 0
                           ? world.headers[0][i]
                           : (char)(seed >> 24);
        }
        char *exact = realloc(bytes, length > 0 ? length : 1);
        assert_non_null(exact);
        const bool is_it =
            length == record.signatures[0].length && memcmp(exact, world.headers[0], length) == 0;
        struct troth_control_record hostile = record;
        hostile.signatures[0] = (struct troth_text){exact, (uint32_t)length};
        assert_int_equal(judge(&hostile, TROTH_ROLE_AUTHOR) == TROTH_DISTRUST_COUNT, is_it);
        free(exact);
    }
}

/* ---- The registry. ---- */

static struct troth_registry *registry;
static int64_t next_offset;

static void open_registry(void)
{
    troth_registry_destroy(registry);
    registry = troth_registry_create();
    assert_non_null(registry);
    troth_registry_ask(registry, &world.signing);
    next_offset = 0;
}

/* In by: who signs, up to SIGNERS. Returns TROTH_DISTRUST_COUNT and the status of what is believed.
 */
static troth_status push(const char *key, const char *value, const enum signer *by)
{
    char reason[TROTH_REASON_LENGTH];
    struct troth_control_record record = record_of(key, value);
    record.offset = next_offset++;
    for (; by != NULL && *by != SIGNERS; by++) {
        signed_by(&world, &record, TROTH_ROLE_AUTHOR, *by);
    }
    const troth_status status = troth_registry_take(registry, &record, reason);
    assert_int_equal(status == TROTH_REFUSED,
                     troth_registry_distrust(registry) != TROTH_DISTRUST_COUNT);
    assert_int_equal(status == TROTH_OK, reason[0] == '\0');
    return status;
}

#define BY(...) ((const enum signer[]){__VA_ARGS__, SIGNERS})

static troth_status push_version(int version, const char *consequence, const char *floor,
                                 const enum signer *by)
{
    char key[32], text[512];
    snprintf(key, sizeof key, "c@%d", version);
    snprintf(text, sizeof text,
             "{\"contract\":\"c\",\"version\":%d,\"promise\":\"p\",\"owner\":\"o\","
             "\"consequence\":\"%s\",\"capabilities\":[\"c\"],\"terms\":[{\"name\":\"t\","
             "\"when\":{\"kind\":\"task\"},\"keep\":{\"outcome\":\"ok\"},\"floor\":%s,"
             "\"evidence\":50,\"fresh\":5}]}",
             version, consequence, floor);
    return push(key, text, by);
}

static int64_t in_force(void)
{
    const struct troth_in_force *list;
    return troth_registry_in_force(registry, &list) == 1 ? list[0].version : 0;
}

static void what_is_not_believed_is_not_there(void **state)
{
    (void)state;
    signed_open(&world, "");
    open_registry();
    assert_int_equal(push_version(1, "low", "0.9", NULL), TROTH_REFUSED);
    assert_int_equal(push("c", "1", BY(ANN)), TROTH_INVALID); /* there is no such version */
    assert_int_equal(push_version(1, "low", "0.9", BY(OLA)), TROTH_REFUSED);
    assert_int_equal(push_version(1, "low", "0.9", BY(NOBODY)), TROTH_REFUSED);
    assert_int_equal(push_version(1, "low", "0.9", BY(ANN)), TROTH_OK);
    assert_int_equal(push("c", "1", NULL), TROTH_REFUSED); /* nor into force */
    assert_int_equal(in_force(), 0);
    assert_null(troth_registry_pointed(registry, 4, INT64_MAX));
    assert_int_equal(push("c", "1", BY(BOB)), TROTH_OK);
    assert_int_equal(in_force(), 1);
    assert_non_null(troth_registry_pointed(registry, 4, INT64_MAX));
    assert_int_equal(push("c", "1", BY(OLA)), TROTH_REFUSED);
    assert_int_equal(troth_registry_distrust(registry), TROTH_DISTRUST_WRONG_ROLE);
    /* Out of order: a gap in the chain would be one in what was judged. */
    assert_int_equal(push_version(5, "low", "0.9", BY(ANN)), TROTH_OK);
    assert_int_equal(push_version(3, "low", "0.9", BY(ANN, BOB)), TROTH_INVALID);
    assert_int_equal(push_version(5, "low", "0.9", BY(ANN)), TROTH_INVALID); /* it is there */
}

static void loosening_takes_two(void **state)
{
    (void)state;
    signed_open(&world, "");
    open_registry();
    assert_int_equal(push_version(1, "high", "0.9", BY(ANN)), TROTH_OK);
    assert_int_equal(push_version(2, "high", "0.95", BY(BOB)),
                     TROTH_OK); /* stricter: one will do */
    assert_int_equal(push_version(3, "high", "0.94", BY(BOB)), TROTH_REFUSED);
    assert_int_equal(troth_registry_distrust(registry), TROTH_DISTRUST_SECOND_KEY);
    assert_int_equal(push_version(3, "high", "0.94", BY(ANN, ANN_TOO)), TROTH_REFUSED);
    assert_int_equal(push_version(3, "high", "0.94", BY(ANN, OLA)), TROTH_REFUSED);
    assert_int_equal(troth_registry_distrust(registry), TROTH_DISTRUST_WRONG_ROLE);
    /* Not even past a version that is in the topic and was not taken. */
    assert_int_equal(push("c", "3", BY(ANN, BOB)), TROTH_INVALID);
    assert_int_equal(push_version(4, "high", "0.94", BY(ANN)), TROTH_REFUSED);
    assert_int_equal(push_version(4, "high", "0.94", BY(ANN, BOB)), TROTH_OK);
    assert_int_equal(push_version(5, "medium", "0.94", BY(ANN)), TROTH_REFUSED);
    assert_int_equal(push_version(5, "medium", "0.94", BY(ANN, BOTH)), TROTH_OK);
    assert_int_equal(push_version(6, "medium", "0.5", BY(ANN)), TROTH_OK); /* not high any more */
    assert_int_equal(push("c", "6", BY(ANN)), TROTH_OK);
    assert_int_equal(in_force(), 6);
}

/* What was there before signatures were asked for stays, and is what the next is held against. */
static void since(void **state)
{
    (void)state;
    signed_open(&world, "");
    world.signing.since_us = NOON_US + 1;
    open_registry();
    assert_int_equal(push_version(1, "high", "0.9", NULL), TROTH_OK);
    assert_int_equal(push("c", "1", NULL), TROTH_OK);
    world.signing.since_us = NOON_US;
    troth_registry_ask(registry, &world.signing);
    assert_int_equal(push_version(2, "high", "0.8", BY(ANN)), TROTH_REFUSED);
    assert_int_equal(push_version(2, "high", "0.91", NULL), TROTH_REFUSED);
    assert_int_equal(push_version(2, "high", "0.91", BY(ANN)), TROTH_OK);
    assert_int_equal(in_force(), 1);
    world.signing.contracts = false;
    troth_registry_ask(registry, &world.signing);
    assert_int_equal(push_version(3, "high", "0.5", NULL), TROTH_OK);
    troth_registry_destroy(registry);
    registry = NULL;
}

/* ---- The book. ---- */

static struct troth_book *book;
static const char *reason;

static troth_status decide(int64_t offset, int64_t at_us, int64_t time_us, unsigned number,
                           enum signer by)
{
    static uint8_t value[TROTH_DECISION_RECORD_MAX];
    struct troth_decision decision = {.agent = troth_text_of("a"),
                                      .contract = troth_text_of("c"),
                                      .by = troth_text_of("ola"),
                                      .reason = troth_text_of("why"),
                                      .position = -1,
                                      .at_us = at_us,
                                      .offset = -1,
                                      .partition = -1,
                                      .action = TROTH_ACTION_RESTORE,
                                      .expected = TROTH_RUNG_COUNT};
    memcpy(decision.id, &number, sizeof number);
    struct troth_control_record record = {.offset = offset,
                                          .time_us = time_us,
                                          .key = "a",
                                          .key_length = 1,
                                          .value = (const char *)value,
                                          .value_length = troth_decision_encode(&decision, value)};
    if (by != SIGNERS) {
        signed_by(&world, &record, TROTH_ROLE_OPERATOR, by);
    }
    const troth_status status = troth_book_take(book, &record, &reason);
    assert_int_equal(status == TROTH_REFUSED, troth_book_distrust(book) != TROTH_DISTRUST_COUNT);
    return status;
}

static void open_book(void)
{
    book = troth_book_create();
    assert_non_null(book);
    troth_book_ask(book, &world.signing);
}

static void a_decision_at_its_time(void **state)
{
    (void)state;
    signed_open(&world, "");
    open_book();
    assert_int_equal(decide(0, NOON_US, NOON_US, 1, SIGNERS), TROTH_REFUSED);
    assert_int_equal(troth_book_distrust(book), TROTH_DISTRUST_UNSIGNED);
    assert_int_equal(decide(1, NOON_US, NOON_US, 1, ANN), TROTH_REFUSED);
    assert_int_equal(troth_book_distrust(book), TROTH_DISTRUST_WRONG_ROLE);
    for (int sign = -1; sign <= 1; sign += 2) { /* both sides of both limits */
        const int64_t most = sign * 10 * MINUTE_US;
        const unsigned number = (unsigned)(10 + sign);
        assert_int_equal(decide(4 + 4 * sign + 3, NOON_US, NOON_US + most + sign, number, OLA),
                         TROTH_REFUSED);
        assert_int_equal(troth_book_distrust(book), TROTH_DISTRUST_STALE);
        assert_int_equal(decide(4 + 4 * sign + 4, NOON_US, NOON_US + most, number, OLA), TROTH_OK);
    }
    assert_int_equal(troth_book_count(book), 6);
    assert_int_equal(troth_book_entry(book, 0)->distrust, TROTH_DISTRUST_UNSIGNED);
    assert_int_equal(troth_book_entry(book, 5)->distrust, TROTH_DISTRUST_COUNT);
    troth_book_destroy(book);
}

/* The same bytes count once, wherever in the book the first ones stand. */
static void a_decision_once(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    signed_open(&world, "");
    open_book();
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(decide(i, NOON_US + i / 2, NOON_US, 1 + i % 2, OLA), TROTH_OK);
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(decide(MANY + i, NOON_US + i / 2, NOON_US + MINUTE_US, 1 + i % 2, OLA),
                         TROTH_REFUSED);
        assert_int_equal(troth_book_distrust(book), TROTH_DISTRUST_REPLAYED);
        char told[64];
        snprintf(told, sizeof told, "of offset %u:", i);
        assert_non_null(strstr(reason, told));
    }
    /* Said again, by the one who may: of another time, and signed anew. */
    assert_int_equal(decide(2 * MANY, NOON_US + MANY, NOON_US, 1, OLA), TROTH_OK);
    troth_book_destroy(book);
}

static void what_is_not_believed_is_bounded(void **state)
{
    (void)state;
    signed_open(&world, "");
    open_book();
    for (unsigned i = 0; i < TROTH_BOOK_DISTRUSTED_MAX + 3; i++) {
        assert_int_equal(decide(i, NOON_US, NOON_US, i, SIGNERS), TROTH_REFUSED);
    }
    assert_int_equal(troth_book_count(book), TROTH_BOOK_DISTRUSTED_MAX);
    assert_int_equal(decide(10000, NOON_US, NOON_US, 10000, BOTH), TROTH_OK);
    assert_int_equal(troth_book_count(book), TROTH_BOOK_DISTRUSTED_MAX + 1);
    troth_book_destroy(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles),
        cmocka_unit_test(several),
        cmocka_unit_test(times_of_a_key),
        cmocka_unit_test(the_document_s_example),
        cmocka_unit_test(each_bit),
        cmocka_unit_test(hostile_headers),
        cmocka_unit_test(what_is_not_believed_is_not_there),
        cmocka_unit_test(loosening_takes_two),
        cmocka_unit_test(since),
        cmocka_unit_test(a_decision_at_its_time),
        cmocka_unit_test(a_decision_once),
        cmocka_unit_test(what_is_not_believed_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
