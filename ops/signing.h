/*
 * Signatures as the configuration has them (schemas/signatures.md): what is asked for, whom to
 * believe, and the keys of whoever runs a command.
 *
 * Memory: owned by the struct, given back by its close; secrets are wiped there. Threads: one to
 * open and close; what is open is only read.
 */
#ifndef TROTH_OPS_SIGNING_H
#define TROTH_OPS_SIGNING_H

#include <stdbool.h>

#include "consumers/signed.h"
#include "ops/config/config.h"
#include "ops/config/options.h"

struct troth_signing_rules {
    struct troth_signing signing; /* what must be signed; points into trust */
    struct troth_trust *trust;    /* NULL: no file is configured */
};

/* Reads what is asked for, and the trust file where one is configured. Out rules: to be closed in
 * every case. Returns whether that can be; else why not has been told. */
bool troth_signing_open(const struct troth_config *config, struct troth_signing_rules *rules);
void troth_signing_close(struct troth_signing_rules *rules);

/* Returns how many keys of a role count at a time. */
unsigned troth_signing_count(const struct troth_trust *trust, enum troth_role role,
                             int64_t time_us);

/* The keys of whoever runs a command. */
struct troth_signing_keys {
    struct troth_secret_key secrets[TROTH_SIGNATURES_MAX];
    unsigned count; /* 0: nothing is signed */
};

/* Reads the secret keys that --key names, or else that of the configuration, where it has one. Out
 * keys: to be closed in every case. Returns whether they were read; else why not has been told. */
bool troth_signing_keys_open(const struct troth_config *config,
                             const struct troth_option_texts *given,
                             struct troth_signing_keys *keys);
void troth_signing_keys_close(struct troth_signing_keys *keys);

/* A record with its signatures, as it is to be sent. */
struct troth_signed_record {
    struct troth_control_record record; /* borrows key and value */
    struct troth_log_header headers[TROTH_SIGNATURES_MAX];
    char texts[TROTH_SIGNATURES_MAX][TROTH_SIGNED_HEADER_MAX];
};

/* Out made: a record of a role's topic, signed by each of the keys. In time_us: now. Returns
 * whether there was memory. */
bool troth_signing_make(const struct troth_signing_keys *keys, enum troth_role role,
                        struct troth_text key, const void *value, size_t value_length,
                        int64_t time_us, struct troth_signed_record *made);

#endif
