/*
 * Contracts from files: a file, or a directory of *.yaml, *.yml and *.json, each parsed and
 * checked. Problems are told on stderr as FILE:LINE:COLUMN: KEY: what is wrong.
 *
 * Memory: owned by the set, given back by fini. Threads: plain data.
 */
#ifndef TROTH_OPS_CONTRACT_FILES_H
#define TROTH_OPS_CONTRACT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/contract.h"

enum { TROTH_CONTRACT_FILES_MAX = 256 };

struct troth_contract_file {
    char *path;
    struct troth_contract contract;
};

struct troth_contract_files {
    struct troth_contract_file *files[TROTH_CONTRACT_FILES_MAX]; /* by path, in byte order */
    size_t count;
};

/*
 * Adds the contract of a file, or those of a directory's files, to the set.
 * In out files: zeroed, or set by an earlier call.
 * Returns TROTH_OK; TROTH_NOT_FOUND (no such path, or a directory without contracts), TROTH_INVALID
 * (some document is wrong, or two of the set have one name), TROTH_FULL or TROTH_NO_MEMORY; in
 * every case but TROTH_OK the reason has been told.
 */
TROTH_MUST_CHECK
troth_status troth_contract_files_add(struct troth_contract_files *files, const char *path);

void troth_contract_files_fini(struct troth_contract_files *files);

#endif
