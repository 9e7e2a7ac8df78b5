#include "bench/publish/tap.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ENDS_MAX = 8,         /* four connections, and their other halves */
    PIECE = 64 * 1024,    /* bytes taken at once */
    POLL_MS = 20,         /* until it is looked whether to end */
    FIRST_KEPT = 1 << 24, /* bytes of room at the start */
    BACKLOG = 4
};

struct bench_tap {
    struct sockaddr_in server;
    int listener;
    int ends[ENDS_MAX]; /* 2k: of who connected; 2k + 1: to the server */
    unsigned count;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    bool ends_now;
    char *kept;
    size_t length;
    size_t capacity;
};

static bool keep(struct bench_tap *tap, const char *data, size_t length)
{
    bool kept = true;
    (void)pthread_mutex_lock(&tap->lock);
    if (tap->length + length > tap->capacity) {
        const size_t capacity = tap->capacity > 0 ? 2 * tap->capacity : FIRST_KEPT;
        char *more = realloc(tap->kept, capacity);
        kept = more != NULL;
        tap->kept = kept ? more : tap->kept;
        tap->capacity = kept ? capacity : tap->capacity;
    }
    if (kept) {
        memcpy(tap->kept + tap->length, data, length);
        tap->length += length;
    }
    (void)pthread_mutex_unlock(&tap->lock);
    return kept;
}

/* Passes on what has come to an end. Returns whether it is still open. */
static bool pass(struct bench_tap *tap, unsigned end)
{
    static char piece[PIECE];
    const ssize_t length = recv(tap->ends[end], piece, sizeof piece, 0);
    bool open = length > 0;
    if (open && end == 0) {
        open = keep(tap, piece, (size_t)length);
    }
    for (ssize_t sent = 0; open && sent < length;) {
        const ssize_t more =
            send(tap->ends[end ^ 1U], piece + sent, (size_t)(length - sent), MSG_NOSIGNAL);
        open = more > 0;
        sent += more;
    }
    return open;
}

static void take_connection(struct bench_tap *tap)
{
    const int from = accept(tap->listener, NULL, NULL);
    const int to = socket(AF_INET, SOCK_STREAM, 0);
    const bool room = tap->count + 2 <= ENDS_MAX;
    if (from < 0 || to < 0 || !room ||
        connect(to, (const struct sockaddr *)&tap->server, sizeof tap->server) != 0) {
        (void)close(from);
        (void)close(to);
        return;
    }
    tap->ends[tap->count++] = from;
    tap->ends[tap->count++] = to;
}

static bool is_over(struct bench_tap *tap)
{
    (void)pthread_mutex_lock(&tap->lock);
    const bool over = tap->ends_now;
    (void)pthread_mutex_unlock(&tap->lock);
    return over;
}

/* Where one half ends, the tap does: it serves one store. */
static void *serve(void *argument)
{
    struct bench_tap *tap = argument;
    bool open = true;
    while (open && !is_over(tap)) {
        struct pollfd polled[ENDS_MAX + 1];
        const unsigned count = tap->count;
        for (unsigned i = 0; i < count; i++) {
            polled[i] = (struct pollfd){.fd = tap->ends[i], .events = POLLIN};
        }
        polled[count] = (struct pollfd){.fd = tap->listener, .events = POLLIN};
        (void)poll(polled, count + 1, POLL_MS);
        for (unsigned i = 0; i < count && open; i++) {
            open = polled[i].revents == 0 || pass(tap, i);
        }
        if (polled[count].revents != 0) {
            take_connection(tap);
        }
    }
    for (unsigned i = 0; i < tap->count; i++) {
        (void)close(tap->ends[i]);
    }
    return NULL;
}

struct bench_tap *bench_tap_open(const char *host, int port, char address[32])
{
    struct bench_tap *tap = calloc(1, sizeof *tap);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof own;
    if (tap == NULL) {
        return NULL;
    }
    tap->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    tap->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (inet_pton(AF_INET, host, &tap->server.sin_addr) != 1 || tap->listener < 0 ||
        bind(tap->listener, (const struct sockaddr *)&own, length) != 0 ||
        listen(tap->listener, BACKLOG) != 0 ||
        getsockname(tap->listener, (struct sockaddr *)&own, &length) != 0 ||
        pthread_mutex_init(&tap->lock, NULL) != 0 ||
        pthread_create(&tap->thread, NULL, serve, tap) != 0) {
        (void)close(tap->listener);
        free(tap);
        return NULL;
    }
    (void)snprintf(address, 32, "127.0.0.1:%d", ntohs(own.sin_port));
    return tap;
}

size_t bench_tap_kept(struct bench_tap *tap, const char **data)
{
    (void)pthread_mutex_lock(&tap->lock);
    const size_t length = tap->length;
    *data = tap->kept;
    (void)pthread_mutex_unlock(&tap->lock);
    return length;
}

void bench_tap_close(struct bench_tap *tap)
{
    if (tap == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&tap->lock);
    tap->ends_now = true;
    (void)pthread_mutex_unlock(&tap->lock);
    (void)pthread_join(tap->thread, NULL);
    (void)close(tap->listener);
    (void)pthread_mutex_destroy(&tap->lock);
    free(tap->kept);
    free(tap);
}
