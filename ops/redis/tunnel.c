#include "ops/redis/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    FLOW_BYTES = 16384, /* one record of TLS */
    END_SECONDS = 2     /* for tunnels that the program leaves at its end */
};

/* Bytes on their way: from..to of them are still to be passed on. */
struct flow {
    unsigned char bytes[FLOW_BYTES];
    size_t from;
    size_t to;
};

struct tunnel {
    struct tunnel *next; /* of all that run */
    SSL *ssl;
    int plain;
    int net;
    bool wants_read;  /* OpenSSL cannot go on before the net has something */
    bool wants_write; /* or takes something */
    struct flow out;
    struct flow in;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct tunnel *first;
    bool watched; /* the program's end */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

/* ---- carrying ---- */

/* What a call of OpenSSL could do. Returns whether the connection goes on. */
static bool note_result(struct tunnel *tunnel, int result)
{
    const int why = SSL_get_error(tunnel->ssl, result);
    tunnel->wants_read |= why == SSL_ERROR_WANT_READ;
    tunnel->wants_write |= why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* From the owner to the net. Out moved: set where something was. Returns whether to go on. */
static bool carry_out(struct tunnel *tunnel, bool *moved)
{
    struct flow *flow = &tunnel->out;
    if (flow->from == flow->to) {
        const ssize_t got = recv(tunnel->plain, flow->bytes, sizeof flow->bytes, MSG_DONTWAIT);
        if (got <= 0) {
            return got < 0 && would_block();
        }
        flow->from = 0;
        flow->to = (size_t)got;
    }
    ERR_clear_error();
    const int sent = SSL_write(tunnel->ssl, flow->bytes + flow->from, (int)(flow->to - flow->from));
    if (sent <= 0) {
        return note_result(tunnel, sent);
    }
    flow->from += (size_t)sent;
    *moved = true;
    return true;
}

/* From the net to the owner. */
static bool carry_in(struct tunnel *tunnel, bool *moved)
{
    struct flow *flow = &tunnel->in;
    if (flow->from == flow->to) {
        ERR_clear_error();
        const int got = SSL_read(tunnel->ssl, flow->bytes, sizeof flow->bytes);
        if (got <= 0) {
            return note_result(tunnel, got);
        }
        flow->from = 0;
        flow->to = (size_t)got;
    }
    const ssize_t sent = send(tunnel->plain, flow->bytes + flow->from, flow->to - flow->from,
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        return would_block();
    }
    flow->from += (size_t)sent;
    *moved = true;
    return true;
}

/* Waits until something can be carried. Returns whether to go on. */
static bool wait_for_either(const struct tunnel *tunnel)
{
    const bool out_waits = tunnel->out.from < tunnel->out.to;
    const bool in_waits = tunnel->in.from < tunnel->in.to;
    struct pollfd ends[2] = {{.fd = tunnel->plain}, {.fd = tunnel->net}};
    ends[0].events = (short)((out_waits ? 0 : POLLIN) | (in_waits ? POLLOUT : 0));
    ends[1].events =
        (short)((tunnel->wants_read ? POLLIN : 0) | (tunnel->wants_write ? POLLOUT : 0));
    if (ends[1].events == 0) {
        ends[1].fd = -1; /* or a server that has gone would be told of without end */
    }
    if (poll(ends, 2, -1) < 0) {
        return errno == EINTR;
    }
    /* An owner who has gone waits for nobody: what the net does not take now is lost. */
    return !out_waits || (ends[0].revents & (POLLHUP | POLLERR)) == 0 || ends[1].revents != 0;
}

static void leave(struct tunnel *tunnel)
{
    pthread_mutex_lock(&all.lock);
    close(tunnel->plain); /* under the lock: at the program's end others may shut it down */
    tunnel->plain = -1;
    pthread_mutex_unlock(&all.lock);
    (void)SSL_shutdown(tunnel->ssl); /* says goodbye, and waits for no answer */
    SSL_free(tunnel->ssl);
    OPENSSL_thread_stop(); /* the program may end as soon as this tunnel is off the list */
    close(tunnel->net);
    pthread_mutex_lock(&all.lock);
    struct tunnel **at = &all.first;
    while (*at != tunnel) {
        at = &(*at)->next;
    }
    *at = tunnel->next;
    pthread_cond_broadcast(&all.ended);
    pthread_mutex_unlock(&all.lock);
    free(tunnel);
}

static void *run(void *argument)
{
    struct tunnel *tunnel = argument;
    for (bool going = true; going;) {
        bool moved = false;
        tunnel->wants_read = false;
        tunnel->wants_write = false;
        going = carry_in(tunnel, &moved) && carry_out(tunnel, &moved) &&
                (moved || wait_for_either(tunnel));
    }
    leave(tunnel);
    return NULL;
}

/* ---- beginning, and the program's end ---- */

/* OpenSSL's own handler runs after this one, as it was registered before. */
static void end_all(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += END_SECONDS;
    pthread_mutex_lock(&all.lock);
    for (struct tunnel *tunnel = all.first; tunnel != NULL; tunnel = tunnel->next) {
        (void)shutdown(tunnel->plain, SHUT_RDWR);
    }
    for (int failed = 0; all.first != NULL && failed == 0;) {
        failed = pthread_cond_timedwait(&all.ended, &all.lock, &until);
    }
    pthread_mutex_unlock(&all.lock);
}

troth_status troth_tunnel_start(SSL *ssl, int plain)
{
    sigset_t every;
    sigset_t before;
    pthread_t thread;
    pthread_attr_t detached;
    struct tunnel *tunnel = calloc(1, sizeof *tunnel);
    if (tunnel == NULL) {
        return TROTH_NO_MEMORY;
    }
    tunnel->ssl = ssl;
    tunnel->plain = plain;
    tunnel->net = SSL_get_fd(ssl);
    (void)fcntl(tunnel->net, F_SETFL, fcntl(tunnel->net, F_GETFL) | O_NONBLOCK);
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    pthread_mutex_lock(&all.lock);
    if (!all.watched) {
        all.watched = atexit(end_all) == 0;
    }
    sigfillset(&every); /* signals are the program's, and SIGPIPE nobody's */
    pthread_sigmask(SIG_BLOCK, &every, &before);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    const int failed = pthread_create(&thread, &detached, run, tunnel);
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0) {
        tunnel->next = all.first; /* it cannot have left yet: that needs the lock */
        all.first = tunnel;
    }
    pthread_mutex_unlock(&all.lock);
    if (failed != 0) {
        free(tunnel);
    }
    return failed == 0 ? TROTH_OK : TROTH_NO_MEMORY;
}
