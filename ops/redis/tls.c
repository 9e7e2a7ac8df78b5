#include "ops/redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ops/redis/connect.h"
#include "ops/redis/tunnel.h"

enum { ANSWER_MAX = 512 /* bytes of the first answer: one line */ };

static bool is_given(const char *file)
{
    return file != NULL && file[0] != '\0';
}

/* Returns OpenSSL's words for the last error. */
static const char *last_words(void)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());
    return words != NULL ? words : errno != 0 ? strerror(errno) : "the connection was closed";
}

/* Returns who may sign and what we show, or NULL with error. */
static SSL_CTX *make_context(const struct troth_redis_tls *tls, char *error)
{
    const size_t size = TROTH_REDIS_ERROR_LENGTH_MAX;
    const char *key_file = is_given(tls->key_file) ? tls->key_file : tls->cert_file;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        (void)snprintf(error, size, "no memory for TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if ((is_given(tls->ca_file) ? SSL_CTX_load_verify_locations(context, tls->ca_file, NULL)
                                : SSL_CTX_set_default_verify_paths(context)) != 1) {
        (void)snprintf(error, size, "redis.ca_file %s holds no certificate that can be read: %s",
                       is_given(tls->ca_file) ? tls->ca_file : "(the system's)", last_words());
    } else if (is_given(tls->cert_file) &&
               SSL_CTX_use_certificate_chain_file(context, tls->cert_file) != 1) {
        (void)snprintf(error, size, "redis.cert_file %s holds no certificate that can be read: %s",
                       tls->cert_file, last_words());
    } else if (is_given(tls->cert_file) &&
               SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1) {
        (void)snprintf(error, size, "redis.key_file %s holds no key to redis.cert_file: %s",
                       key_file, last_words());
    } else {
        return context;
    }
    SSL_CTX_free(context);
    return NULL;
}

/* Returns a connected descriptor, blocking at most timeout_us a call; or -1 with error. */
static int dial(const struct troth_redis_tls *tls, struct timeval timeout, char *error)
{
    redisContext *context = redisConnectWithTimeout(tls->host, tls->port, timeout);
    int net = -1;
    if (context != NULL && context->err == 0) {
        const int on = 1; /* a narrowing must not wait for a full segment */
        net = fcntl(context->fd, F_DUPFD_CLOEXEC, 0);
        (void)setsockopt(net, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)setsockopt(net, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        (void)setsockopt(net, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    }
    if (net < 0) {
        (void)snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX,
                       "Redis at %s:%d cannot be reached: %s; is it running, and is redis.address "
                       "right?",
                       tls->host, tls->port, context != NULL ? context->errstr : "no memory");
    }
    redisFree(context);
    return net;
}

/* Has OpenSSL hold the certificate against the name or the address that was dialed. */
static bool expect_name(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* OpenSSL's callback: the server asks for a certificate of ours. */
static int note_asked(SSL *ssl, void *asked)
{
    (void)ssl;
    *(bool *)asked = true;
    return 1; /* go on, with what there is */
}

/* Whether the server did not like our certificate, or that there is none. Its alert can be lost
 * where it closes with our question unread: then that it asked and went is all there is to know. */
static bool is_about_ours(int reason, bool asked)
{
    return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
           reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE || reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA ||
           reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
           (asked && (errno == ECONNRESET || errno == EPIPE));
}

/* Says why no connection came of it. Returns the status for it. */
static troth_status complain(const struct troth_redis_tls *tls, SSL *ssl, bool asked, char *error)
{
    const size_t size = TROTH_REDIS_ERROR_LENGTH_MAX;
    const long verdict = SSL_get_verify_result(ssl);
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        (void)snprintf(error, size,
                       "the certificate of Redis at %s:%d is not for %s; set redis.address to a "
                       "name that stands in it, or give the server one that bears this name",
                       tls->host, tls->port, tls->host);
        return TROTH_REFUSED;
    }
    if (verdict != X509_V_OK) {
        (void)snprintf(error, size,
                       "the certificate of Redis at %s:%d is not to be trusted: %s; redis.ca_file "
                       "must name the authority that signed it",
                       tls->host, tls->port, X509_verify_cert_error_string(verdict));
        return TROTH_REFUSED;
    }
    if (is_about_ours(reason, asked)) {
        (void)snprintf(error, size,
                       "Redis at %s:%d wants a certificate of ours: %s; set redis.cert_file and "
                       "redis.key_file to one that its tls-ca-cert-file signed",
                       tls->host, tls->port, last_words());
        return TROTH_REFUSED;
    }
    (void)snprintf(error, size,
                   "no TLS with Redis at %s:%d: %s; is this the tls-port of Redis? Else set "
                   "redis.tls: off",
                   tls->host, tls->port, last_words());
    return TROTH_UNREACHABLE;
}

/* Asks for any answer at all: NOAUTH is one. */
static bool hear_answer(SSL *ssl)
{
    static const char question[] = "PING\r\n";
    char answer[ANSWER_MAX];
    if (SSL_write(ssl, question, sizeof question - 1) <= 0) {
        return false;
    }
    for (size_t length = 0; length < sizeof answer; length++) {
        if (SSL_read(ssl, answer + length, 1) <= 0) {
            return false;
        }
        if (answer[length] == '\n') {
            return true;
        }
    }
    return false;
}

troth_status troth_redis_tls_open(const struct troth_redis_tls *tls, int64_t timeout_us,
                                  int *descriptor, char *error)
{
    const struct timeval timeout = {.tv_sec = timeout_us / 1000000,
                                    .tv_usec = timeout_us % 1000000};
    int pair[2] = {-1, -1};
    int net = -1;
    bool asked = false;
    SSL *ssl = NULL;
    ERR_clear_error();
    errno = 0;
    SSL_CTX *context = make_context(tls, error);
    if (context == NULL) {
        return TROTH_NOT_FOUND;
    }
    troth_status status = TROTH_UNREACHABLE;
    net = dial(tls, timeout, error);
    if (net < 0) {
        goto out;
    }
    status = TROTH_NO_MEMORY;
    (void)snprintf(error, TROTH_REDIS_ERROR_LENGTH_MAX, "no memory for TLS");
    ssl = SSL_new(context);
    if (ssl == NULL || SSL_set_fd(ssl, net) != 1 || !expect_name(ssl, tls->host)) {
        goto out;
    }
    SSL_set_cert_cb(ssl, note_asked, &asked);
    if (SSL_connect(ssl) != 1 || !hear_answer(ssl)) {
        status = complain(tls, ssl, asked, error);
        goto out;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
        SSL_set_cert_cb(ssl, NULL, NULL); /* which points here */
        status = troth_tunnel_start(ssl, pair[1]);
    }
out:
    SSL_CTX_free(context); /* the connection holds it, too */
    if (status == TROTH_OK) {
        *descriptor = pair[0];
        error[0] = '\0';
        return TROTH_OK;
    }
    SSL_free(ssl);
    for (int i = 0; i < 2 && pair[i] >= 0; i++) {
        close(pair[i]);
    }
    if (net >= 0) {
        close(net);
    }
    return status;
}
