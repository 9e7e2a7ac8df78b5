/*
 * Claims: a chain that was written holds for its key; no single byte of it, flipped to any other
 * value, leaves it so, nor one byte less or more at any place, nor a line that is left out, doubled
 * or moved, nor the signature of another purpose or key.
 */
#include "tests/support/test.h"

#include <string.h>

#include "schemas/export_chain.h"

static struct troth_secret_key secret;
static struct troth_public_key key;

static void add(struct troth_chain *chain, const char *object)
{
    assert_int_equal(troth_chain_add(chain, object, strlen(object)), TROTH_OK);
}

static void write_chain(struct troth_chain *chain)
{
    troth_chain_init(chain);
    add(chain, "{\"export\":1,\"agent\":\"refund-7\"}");
    add(chain, "{\"kind\":\"contract\",\"contract\":{\"a\":1}}");
    add(chain, "{\"kind\":\"told\"}");
    add(chain, "{\"kind\":\"told\"}");
    add(chain, "{\"kind\":\"standing\"}");
    assert_int_equal(troth_chain_sign(chain, &secret), TROTH_OK);
}

static int make_keys(void **state)
{
    (void)state;
    if (!troth_key_make(&secret)) {
        return -1;
    }
    troth_key_public(&secret, &key);
    return 0;
}

static bool holds(const char *text, size_t length)
{
    struct troth_chain_look look;
    const bool all = troth_chain_check(text, length, &key, &look);
    assert_int_equal(all, look.broken == NULL && look.unsigned_as == NULL);
    return all;
}

static void it_holds_for_its_key_alone(void **state)
{
    (void)state;
    struct troth_chain chain;
    struct troth_chain_look look;
    struct troth_secret_key stranger;
    struct troth_public_key other;
    char id[TROTH_KEY_ID_LENGTH + 1], own[TROTH_KEY_ID_LENGTH + 1];
    write_chain(&chain);
    assert_true(troth_chain_check(chain.text, chain.length, &key, &look));
    assert_int_equal(look.lines, 5);
    assert_int_equal(chain.lines, 6);
    troth_key_id(&key, own);
    assert_string_equal(look.key, own);
    assert_true(troth_chain_key(chain.text, chain.length, id));
    assert_string_equal(id, own);
    assert_true(troth_key_make(&stranger));
    troth_key_public(&stranger, &other);
    assert_false(troth_chain_check(chain.text, chain.length, &other, &look));
    assert_null(look.broken);
    assert_non_null(look.unsigned_as);
    assert_false(troth_chain_check(chain.text, chain.length, NULL, &look));
    troth_chain_fini(&chain);
}

static void no_byte_can_be_another(void **state)
{
    (void)state;
    struct troth_chain chain;
    write_chain(&chain);
    for (size_t at = 0; at < chain.length; at++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            chain.text[at] = (char)((unsigned char)chain.text[at] ^ flip);
            if (holds(chain.text, chain.length)) {
                fail_msg("byte %zu, xor %02x: it still holds", at, flip);
            }
            chain.text[at] = (char)((unsigned char)chain.text[at] ^ flip);
        }
    }
    assert_true(holds(chain.text, chain.length));
    troth_chain_fini(&chain);
}

static void no_byte_can_be_missing_or_more(void **state)
{
    (void)state;
    struct troth_chain chain;
    write_chain(&chain);
    char *text = malloc(chain.length + 1);
    assert_non_null(text);
    for (size_t at = 0; at <= chain.length; at++) {
        assert_false(at < chain.length && holds(chain.text, at));
        memcpy(text, chain.text, at);
        if (at < chain.length) {
            memcpy(text + at, chain.text + at + 1, chain.length - at - 1);
            assert_false(holds(text, chain.length - 1));
        }
        memcpy(text + at + 1, chain.text + at, chain.length - at);
        for (unsigned byte = 0; byte < 256; byte++) {
            text[at] = (char)byte;
            assert_false(holds(text, chain.length + 1));
        }
    }
    free(text);
    troth_chain_fini(&chain);
}

/* Of the line at that place: its start and its length with the line break. */
static const char *line_at(const struct troth_chain *chain, size_t place, size_t *length)
{
    size_t at = 0;
    const char *line = NULL;
    for (size_t i = 0; i <= place; i++) {
        *length = troth_chain_next(chain->text, chain->length, &at, &line) + 1;
    }
    return line;
}

static void no_line_can_be_missing_doubled_or_moved(void **state)
{
    (void)state;
    struct troth_chain chain;
    write_chain(&chain);
    char *text = malloc(2 * chain.length);
    assert_non_null(text);
    for (size_t from = 0; from < chain.lines; from++) {
        size_t length = 0;
        const char *line = line_at(&chain, from, &length);
        const size_t before = (size_t)(line - chain.text);
        for (size_t to = 0; to <= chain.lines; to++) {
            size_t unused = 0;
            const size_t place = to < chain.lines
                                     ? (size_t)(line_at(&chain, to, &unused) - chain.text)
                                     : chain.length;
            memcpy(text, chain.text, place);
            memcpy(text + place, line, length);
            memcpy(text + place + length, chain.text + place, chain.length - place);
            assert_false(holds(text, chain.length + length)); /* doubled, there */
            const size_t old = place <= before ? before + length : before;
            memmove(text + old, text + old + length, chain.length - old);
            /* moved, there: where it was already nothing has */
            assert_int_equal(holds(text, chain.length), to == from || to == from + 1);
        }
        memcpy(text, chain.text, before);
        memcpy(text + before, line + length, chain.length - before - length);
        assert_false(holds(text, chain.length - length)); /* left out */
    }
    free(text);
    troth_chain_fini(&chain);
}

static void another_purpose_is_no_signature(void **state)
{
    (void)state;
    struct troth_chain chain;
    uint8_t signature[TROTH_SIGNATURE_LENGTH];
    char text[TROTH_SIGNATURE_TEXT_MAX];
    size_t length = 0;
    write_chain(&chain);
    const char *line = line_at(&chain, 4, &length);
    char *place = strstr(chain.text, "\"signature\":\"");
    assert_non_null(place);
    place += strlen("\"signature\":\"");
    troth_sign(&secret, TROTH_PURPOSE_EXPORT, line, length, signature);
    troth_signature_write(signature, text);
    assert_memory_equal(place, text, strlen(text)); /* Ed25519 has one signature of a text */
    troth_sign(&secret, TROTH_PURPOSE_DECISION, line, length, signature);
    troth_signature_write(signature, text);
    memcpy(place, text, strlen(text));
    assert_false(holds(chain.text, chain.length));
    troth_chain_fini(&chain);
}

static void what_is_no_export_is_none(void **state)
{
    (void)state;
    assert_false(holds("", 0));
    assert_false(holds("\n", 1));
    assert_false(holds("{}\n{}\n", 6));
    struct troth_chain chain, alone;
    write_chain(&chain);
    size_t length = 0;
    const char *last = line_at(&chain, chain.lines - 1, &length);
    assert_false(holds(last, length)); /* a signature of nothing */
    troth_chain_init(&alone);
    add(&alone, "{\"export\":1}");
    assert_int_equal(troth_chain_sign(&alone, &secret), TROTH_OK);
    assert_true(holds(alone.text, alone.length));
    troth_chain_fini(&alone);
    troth_chain_fini(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_for_its_key_alone),
        cmocka_unit_test(no_byte_can_be_another),
        cmocka_unit_test(no_byte_can_be_missing_or_more),
        cmocka_unit_test(no_line_can_be_missing_doubled_or_moved),
        cmocka_unit_test(another_purpose_is_no_signature),
        cmocka_unit_test(what_is_no_export_is_none),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
