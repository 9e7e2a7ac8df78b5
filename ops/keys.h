/*
 * Keys in files: a person's secret one, and the trust file with the public ones that count.
 *
 * What is wrong is told on stderr with what would be right; a secret is never part of it.
 *
 * Memory: the caller's; a secret's file is read into the caller's struct and into nothing that
 * outlives the call. Whoever holds a secret wipes it (troth_keys_wipe). Threads: any.
 */
#ifndef TROTH_OPS_KEYS_H
#define TROTH_OPS_KEYS_H

#include <stdbool.h>

#include "schemas/signature.h"
#include "schemas/trust.h"

/* Reads a secret key: the first line of a file that nobody but its owner may read or write.
 * Returns whether it was read; else why not has been told. */
bool troth_keys_read_secret(const char *path, struct troth_secret_key *secret);

/* Writes a secret key to a new file, mode 0600, and sees it to the disk. Returns whether it stands
 * there; else why not has been told, and there is no new file. A file that is there already is left
 * alone. */
bool troth_keys_write_secret(const char *path, const struct troth_secret_key *secret);

/* Overwrites a secret. */
void troth_keys_wipe(struct troth_secret_key *secret);

/* Reads a trust file. Refuses one that others than its owner and group may write. Returns whether
 * it was read; else why not has been told, with the line. */
bool troth_keys_read_trust(const char *path, struct troth_trust *trust);

#endif
