/*
 * The list of what is wrong with a contract's document, as the parser gathers it.
 *
 * The first TROTH_PROBLEMS_MAX problems by line and column are kept, in that order, and the others
 * counted, so that one pass tells an author as much as can be told. Every text is printable UTF-8,
 * whatever the document holds.
 *
 * Memory: the caller owns the list. Threads: plain data.
 */
#ifndef TROTH_SCHEMAS_CONTRACT_PROBLEMS_H
#define TROTH_SCHEMAS_CONTRACT_PROBLEMS_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/contract.h"

/* Bytes that a quoted piece of a document takes at most, the terminator included. */
enum { TROTH_EXCERPT_LENGTH = 64 };

/*
 * Adds one problem. In line, column: from 1, or 0. In key: path of the key, terminated; copied and
 * cut to what fits. In format: as printf's.
 */
__attribute__((format(printf, 5, 6))) void troth_problems_add(struct troth_problems *problems,
                                                              uint32_t line, uint32_t column,
                                                              const char *key, const char *format,
                                                              ...);

/* Copies a piece of the document for a message: cut to the capacity at a whole character, control
 * characters as `?`. In text: UTF-8. Out excerpt: terminated. Returns excerpt. */
const char *troth_excerpt(const char *text, size_t length, char *excerpt, size_t capacity);

#endif
