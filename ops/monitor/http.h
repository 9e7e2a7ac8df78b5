/*
 * A small HTTP server for those who watch: a few pages, asked for with GET, over libmicrohttpd.
 *
 * Everything is bounded: connections (TROTH_HTTP_CONNECTIONS_MAX, each with 16 KiB and 10 s of
 * silence), and what is sent: a short page is copied, and of long ones at most TROTH_HTTP_LONG_MAX
 * are on their way at a time, each in a buffer that was taken at start; another is told to come
 * again (503).
 *
 * Threads: open, serve and close from one; pages are rendered on the server's own, one at a time.
 */
#ifndef TROTH_OPS_MONITOR_HTTP_H
#define TROTH_OPS_MONITOR_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "schemas/status.h"

enum {
    TROTH_HTTP_CONNECTIONS_MAX = 16,
    TROTH_HTTP_LONG_MAX = 4,
    TROTH_HTTP_SHORT_BYTES = 4096,
    TROTH_HTTP_ERROR_LENGTH = 512,
    TROTH_HTTP_ADDRESS_LENGTH = 300
};

struct troth_http_page {
    const char *path; /* as "/metrics" */
    const char *type; /* as "text/plain" */
    size_t bytes;     /* that it has at most */
    /* Out buffer: the page, `bytes` of room. Out length. Returns the HTTP status. */
    unsigned (*render)(void *context, char *buffer, size_t *length);
};

struct troth_http;

/* Returns whether an address will do: HOST:PORT or [IPV6]:PORT; port 0: any that is free. */
bool troth_http_accepts(const char *address);

/*
 * Listens, and answers nothing yet.
 * Out http: to be closed. Out error: why not, and what to do.
 * Returns TROTH_OK, TROTH_INVALID (the address), TROTH_REFUSED (in use, or not allowed) or
 * TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_http_listen(const char *address, struct troth_http **http,
                               char error[TROTH_HTTP_ERROR_LENGTH]);

/* Returns where it listens, as HOST:PORT. */
const char *troth_http_address(const struct troth_http *http);

/* Begins to answer. In pages: kept until it is closed, as is context. Returns TROTH_OK or
 * TROTH_NO_MEMORY (no thread, or no room for long pages). */
TROTH_MUST_CHECK
troth_status troth_http_serve(struct troth_http *http, const struct troth_http_page *pages,
                              size_t count, void *context);

/* Ends all connections. NULL is fine. */
void troth_http_close(struct troth_http *http);

#endif
