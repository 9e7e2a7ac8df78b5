/*
 * Carries bytes between a plain local socket and a TLS connection, in a thread of its own, until
 * either side ends. At the end of the program tunnels that are left are closed and waited for, as
 * OpenSSL then frees what they use.
 *
 * Threads: any may start one. Memory: freed by the thread.
 */
#ifndef TROTH_OPS_REDIS_TUNNEL_H
#define TROTH_OPS_REDIS_TUNNEL_H

#include <openssl/ssl.h>

#include "schemas/status.h"

/* In ssl: connected, on a descriptor of its own; in plain: a stream. Both are taken where TROTH_OK
 * is returned, else they stay the caller's. Returns TROTH_OK or TROTH_NO_MEMORY. */
TROTH_MUST_CHECK
troth_status troth_tunnel_start(SSL *ssl, int plain);

#endif
