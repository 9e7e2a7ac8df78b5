/*
 * XXH3 and XXH64, compiled in: the hash is part of the build, so that no other version of the
 * library changes an id, or what stands in a record.
 */
#ifndef TROTH_SCHEMAS_HASH_H
#define TROTH_SCHEMAS_HASH_H

#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <xxhash.h>
#pragma GCC diagnostic pop

#endif
