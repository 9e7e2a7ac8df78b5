/*
 * A tap on the way to Redis: it passes bytes on both ways between whoever connects to it and the
 * server, and keeps what went to the server on the first connection that is made.
 *
 * Threads: one of its own, from open to close; what it has kept is read when nothing is under way.
 * Memory: the tap's, grows with what it keeps.
 */
#ifndef TROTH_BENCH_PUBLISH_TAP_H
#define TROTH_BENCH_PUBLISH_TAP_H

#include <stdbool.h>
#include <stddef.h>

struct bench_tap;

/* In host, port: of the server. Out address: where the tap listens, as HOST:PORT. Returns NULL
 * where that cannot be had; errno says why. */
struct bench_tap *bench_tap_open(const char *host, int port, char address[32]);

/* Returns the bytes kept so far; *data is the tap's and valid until more is kept. */
size_t bench_tap_kept(struct bench_tap *tap, const char **data);

/* Ends it, with all connections. NULL is fine. */
void bench_tap_close(struct bench_tap *tap);

#endif
