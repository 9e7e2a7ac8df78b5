/*
 * Bytes that went to Redis before, written there again as fast as they go: pieces of one size to a
 * plain socket, answers read and thrown away.
 *
 * Threads: none shared. Memory: none kept.
 */
#ifndef TROTH_BENCH_PUBLISH_REPLAY_H
#define TROTH_BENCH_PUBLISH_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

/* In fd: of a connection on which nothing is under way. In data: whole commands. In piece: bytes
 * given to the socket at once. Returns the seconds from the first byte to the last answer; or less
 * than 0: the connection was lost, or Redis said no to something, or did not carry out a
 * transaction. */
double bench_replay(int fd, const char *data, size_t length, size_t piece);

/* Leaves out of what was sent all that is the fence's: WATCH, EVAL, MULTI and EXEC. In data: whole
 * commands. Out bare: room for as much. Returns its length. */
size_t bench_unfence(const char *data, size_t length, char *bare);

#endif
