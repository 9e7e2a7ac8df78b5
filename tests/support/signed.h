/*
 * Keys for tests: a few persons of known roles, a trust that holds them, and records that they
 * sign.
 *
 * Threads: one.
 */
#ifndef TROTH_TESTS_SUPPORT_SIGNED_H
#define TROTH_TESTS_SUPPORT_SIGNED_H

#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "consumers/signed.h"

/* ANN_TOO is another key of Ann's; NOBODY is not in the trust. */
enum signer { ANN, BOB, OLA, BOTH, ANN_TOO, NOBODY, SIGNERS };

struct signed_world {
    struct troth_secret_key secrets[SIGNERS];
    struct troth_trust trust;
    struct troth_signing signing;
    char headers[TROTH_SIGNATURES_MAX + 1][TROTH_SIGNED_HEADER_MAX]; /* of the last record */
};

/* In times: what stands in Bob's line before his name, as "until=2026-01-01 ", or "". */
static inline void signed_open(struct signed_world *world, const char *times)
{
    static const char *const roles[] = {"author", "author", "operator", "author,operator",
                                        "author"};
    static const char *const names[] = {"Ann", "Bob", "Ola", "Both", "Ann"};
    char text[2048] = "# of a test\n";
    struct troth_trust_problem problem;
    for (unsigned i = 0; i < SIGNERS; i++) {
        struct troth_public_key key;
        char line[TROTH_KEY_TEXT_MAX];
        assert_true(troth_key_make(&world->secrets[i]));
        troth_key_public(&world->secrets[i], &key);
        troth_key_write_public(&key, line);
        if (i != NOBODY) {
            const size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%s %s %s%s\n", line, roles[i],
                     i == BOB ? times : "", names[i]);
        }
    }
    if (troth_trust_read(text, strlen(text), &world->trust, &problem) != TROTH_OK) {
        fail_msg("%u: %s\n%s", problem.line, problem.text, text);
    }
    world->signing = (struct troth_signing){
        .trust = &world->trust, .contracts = true, .decisions = true, .since_us = INT64_MIN};
}

/* Signs a record by one more of them; what is signed lives until it is signed anew. */
static inline void signed_by(struct signed_world *world, struct troth_control_record *record,
                             enum troth_role role, enum signer signer)
{
    char *header = world->headers[record->signature_count];
    assert_true(record->signature_count < TROTH_SIGNATURES_MAX);
    assert_true(troth_signed_sign(&world->secrets[signer], role, record, header));
    record->signatures[record->signature_count++] =
        (struct troth_text){header, (uint32_t)strlen(header)};
}

#endif
