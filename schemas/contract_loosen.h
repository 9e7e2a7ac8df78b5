/*
 * Whether a version of a contract asks less of agents than the one before it, or lets them do more.
 *
 * What cannot be proved equal or stricter, key by key, counts as looser: a predicate that was
 * written otherwise, a window that changed at all, a limit that starts its evidence anew. The rules
 * are in schemas/signatures.md. Free are the version's number, the promise and the owner.
 *
 * Memory: none. Threads: pure.
 */
#ifndef TROTH_SCHEMAS_CONTRACT_LOOSEN_H
#define TROTH_SCHEMAS_CONTRACT_LOOSEN_H

#include <stdbool.h>

#include "schemas/contract.h"

enum { TROTH_LOOSENED_LENGTH = 160 };

/*
 * In before, after: parsed, of one name.
 * Out key: the first key that may be looser, and how, for people; "" where none is.
 * Returns whether there is one.
 */
bool troth_contract_loosens(const struct troth_contract *before, const struct troth_contract *after,
                            char key[TROTH_LOOSENED_LENGTH]);

#endif
