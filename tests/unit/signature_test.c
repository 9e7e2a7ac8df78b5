/*
 * Signatures hold for their bytes, purpose and key alone; keys and signatures come back from their
 * text; Ed25519 is the one of RFC 8032 (its test 1, whose key is known), over the line that
 * schemas/signature.h tells.
 */
#include "tests/support/test.h"

#include <string.h>

#include <sodium.h>

#include "schemas/signature.h"

static void test_holds_for_its_own_alone(void **state)
{
    (void)state;
    struct troth_secret_key secret, other;
    struct troth_public_key key, stranger;
    uint8_t signature[TROTH_SIGNATURE_LENGTH];
    char bytes[] = "what was said";
    assert_true(troth_key_make(&secret) && troth_key_make(&other));
    troth_key_public(&secret, &key);
    troth_key_public(&other, &stranger);
    troth_sign(&secret, TROTH_PURPOSE_DECISION, bytes, sizeof bytes, signature);
    assert_true(
        troth_signature_holds(&key, TROTH_PURPOSE_DECISION, bytes, sizeof bytes, signature));
    assert_false(
        troth_signature_holds(&key, TROTH_PURPOSE_CONTRACT, bytes, sizeof bytes, signature));
    assert_false(
        troth_signature_holds(&stranger, TROTH_PURPOSE_DECISION, bytes, sizeof bytes, signature));
    for (unsigned bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        assert_false(
            troth_signature_holds(&key, TROTH_PURPOSE_DECISION, bytes, sizeof bytes, signature));
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    for (unsigned bit = 0; bit < TROTH_SIGNATURE_LENGTH * 8U; bit++) {
        signature[bit / 8] = (uint8_t)(signature[bit / 8] ^ 1U << bit % 8);
        assert_false(
            troth_signature_holds(&key, TROTH_PURPOSE_DECISION, bytes, sizeof bytes, signature));
        signature[bit / 8] = (uint8_t)(signature[bit / 8] ^ 1U << bit % 8);
    }
}

static void test_text_comes_back(void **state)
{
    (void)state;
    struct troth_secret_key secret, again;
    struct troth_public_key key, read;
    char text[TROTH_KEY_TEXT_MAX], line[TROTH_KEY_TEXT_MAX + 32], id[TROTH_KEY_ID_LENGTH + 1];
    const char *rest;
    assert_true(troth_key_make(&secret));
    troth_key_write_secret(&secret, text);
    assert_true(troth_key_read_secret(text, &again));
    assert_memory_equal(&secret, &again, sizeof secret);
    troth_key_public(&secret, &key);
    troth_key_write_public(&key, text);
    snprintf(line, sizeof line, "%s  author Mia\n", text);
    assert_true(troth_key_read_public(line, &read, &rest));
    assert_memory_equal(&key, &read, sizeof key);
    assert_string_equal(rest, "author Mia\n");
    assert_true(troth_key_read_public(text, &read, &rest));
    assert_string_equal(rest, "");
    troth_key_id(&key, id);
    assert_int_equal(strlen(id), TROTH_KEY_ID_LENGTH);
    /* One is not taken for the other, nor what is cut short or goes on. */
    assert_false(troth_key_read_secret(text, &again));
    snprintf(line, sizeof line, "%sx", text);
    assert_false(troth_key_read_public(line, &read, &rest));
    for (size_t length = 0; length < strlen(text); length++) {
        memcpy(line, text, length);
        line[length] = '\0';
        assert_false(troth_key_read_public(line, &read, &rest));
    }

    uint8_t signature[TROTH_SIGNATURE_LENGTH], back[TROTH_SIGNATURE_LENGTH];
    char signed_text[TROTH_SIGNATURE_TEXT_MAX];
    troth_sign(&secret, TROTH_PURPOSE_EXPORT, "", 0, signature);
    troth_signature_write(signature, signed_text);
    assert_true(troth_signature_read(signed_text, strlen(signed_text), back));
    assert_memory_equal(signature, back, sizeof back);
    assert_false(troth_signature_read(signed_text, strlen(signed_text) - 4, back));
    assert_false(troth_signature_read("", 0, back));
    /* There is one text of a signature, and no byte of it can be another. */
    const size_t length = strlen(signed_text);
    for (size_t at = 0; at < length; at++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            signed_text[at] = (char)((unsigned char)signed_text[at] ^ flip);
            assert_false(troth_signature_read(signed_text, length, back) &&
                         memcmp(signature, back, sizeof back) == 0);
            signed_text[at] = (char)((unsigned char)signed_text[at] ^ flip);
        }
    }
}

static void test_is_rfc_8032_over_the_line(void **state)
{
    (void)state;
    static const char seed[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    static const char public[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    /* echo -n abc | b2sum -l 256 */
    static const char line[] =
        "troth-export bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319\n";
    struct troth_secret_key secret;
    struct troth_public_key key;
    uint8_t bytes[32], signature[TROTH_SIGNATURE_LENGTH];
    char text[TROTH_KEY_TEXT_MAX] = "troth-secret ", hex[65];
    sodium_hex2bin(bytes, sizeof bytes, seed, sizeof seed - 1, NULL, NULL, NULL);
    sodium_bin2base64(text + strlen(text), sizeof text - strlen(text), bytes, sizeof bytes,
                      sodium_base64_VARIANT_ORIGINAL);
    assert_true(troth_key_read_secret(text, &secret));
    troth_key_public(&secret, &key);
    sodium_bin2hex(hex, sizeof hex, key.bytes, sizeof key.bytes);
    assert_string_equal(hex, public);
    troth_sign(&secret, TROTH_PURPOSE_EXPORT, "abc", 3, signature);
    assert_int_equal(
        crypto_sign_verify_detached(signature, (const uint8_t *)line, sizeof line - 1, key.bytes),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_for_its_own_alone),
        cmocka_unit_test(test_text_comes_back),
        cmocka_unit_test(test_is_rfc_8032_over_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
