/*
 * TLS to Redis. hiredis before 1.0 speaks none, and our own writes go to its descriptor past it. So
 * a connection is a pair of local sockets: its owner speaks plainly into one, and a thread of its
 * own carries what comes out of the other through OpenSSL, which checks the server's certificate
 * and its name. What is on its way is bounded: one TLS record's worth each way, and the sockets'
 * own buffers.
 *
 * Threads: one for each connection. It ends when the owner closes the descriptor or the server
 * goes. Memory: some 100 KiB for each connection, freed by its thread.
 */
#ifndef TROTH_OPS_REDIS_TLS_H
#define TROTH_OPS_REDIS_TLS_H

#include <stdint.h>

#include "schemas/status.h"

struct troth_redis_tls {
    const char *host;      /* a name, or an address; the certificate must bear it */
    int port;              /* 1..65535 */
    const char *ca_file;   /* PEM: who may sign the certificate; "": whom the system trusts */
    const char *cert_file; /* PEM: our own certificate and its chain; "": none is shown */
    const char *key_file;  /* PEM: its key; "" : in cert_file, too */
};

/*
 * Connects, shakes hands and hears an answer: a server may refuse our certificate only after that.
 * Waits at most timeout_us for the connection and for each of the server's messages.
 * Out descriptor: of a stream to speak plainly over; the caller's to close. Out error: at most
 * TROTH_REDIS_ERROR_LENGTH_MAX bytes: on failure, what is wrong and what would mend it.
 * Returns TROTH_OK, TROTH_UNREACHABLE, TROTH_REFUSED (a certificate, theirs or ours),
 * TROTH_NOT_FOUND (a file) or TROTH_NO_MEMORY.
 */
TROTH_MUST_CHECK
troth_status troth_redis_tls_open(const struct troth_redis_tls *tls, int64_t timeout_us,
                                  int *descriptor, char *error);

#endif
