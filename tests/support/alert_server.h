/*
 * An Alertmanager that a test decides the answers of: it keeps every body that it is sent.
 *
 * Threads: the server's own calls back; the test waits for what it wants on a condition, and fails
 * where that does not come. Memory: bounded; what is beyond it fails the test.
 */
#ifndef TROTH_TESTS_SUPPORT_ALERT_SERVER_H
#define TROTH_TESTS_SUPPORT_ALERT_SERVER_H

#include "tests/support/test.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { SERVER_BODIES_MAX = 4096, SERVER_WAIT_S = 60 };

struct alert_server {
    struct MHD_Daemon *daemon;
    unsigned port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned status; /* of the answers */
    bool holds;      /* answers wait */
    bool held;       /* one does */
    unsigned count;
    char *bodies[SERVER_BODIES_MAX];
    char path[64];
    char authorization[64];
};

/* A body as it comes. */
struct alert_upload {
    size_t length;
    char data[262144];
};

static inline enum MHD_Result alert_server_answer(void *context, struct MHD_Connection *connection,
                                                  const char *url, const char *method,
                                                  const char *version, const char *data,
                                                  size_t *size, void **state)
{
    struct alert_server *server = context;
    struct alert_upload *upload = *state;
    (void)version;
    if (upload == NULL) {
        *state = calloc(1, sizeof *upload);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*size > 0) {
        const bool fits = upload->length + *size < sizeof upload->data;
        memcpy(upload->data + upload->length, data, fits ? *size : 0);
        upload->length += fits ? *size : 0;
        *size = 0;
        return fits ? MHD_YES : MHD_NO;
    }
    const char *authorization =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    pthread_mutex_lock(&server->lock);
    snprintf(server->path, sizeof server->path, "%s %s", method, url);
    snprintf(server->authorization, sizeof server->authorization, "%s",
             authorization != NULL ? authorization : "");
    if (server->count < SERVER_BODIES_MAX) {
        server->bodies[server->count++] = strdup(upload->data);
    }
    pthread_cond_broadcast(&server->changed);
    while (server->holds) {
        server->held = true;
        pthread_cond_broadcast(&server->changed);
        pthread_cond_wait(&server->changed, &server->lock);
    }
    server->held = false;
    const unsigned status = server->status;
    pthread_mutex_unlock(&server->lock);
    free(upload);
    *state = NULL;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(6, (void *)"so so\n", MHD_RESPMEM_PERSISTENT);
    const enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static inline void alert_server_open(struct alert_server *server)
{
    memset(server, 0, sizeof *server);
    server->status = 200;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    server->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, alert_server_answer,
                         server, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    assert_non_null(server->daemon);
    server->port = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static inline void alert_server_close(struct alert_server *server)
{
    MHD_stop_daemon(server->daemon);
    for (unsigned i = 0; i < server->count; i++) {
        free(server->bodies[i]);
    }
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->changed);
}

static inline void alert_server_answers(struct alert_server *server, unsigned status, bool holds)
{
    pthread_mutex_lock(&server->lock);
    server->status = status;
    server->holds = holds;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* Returns how many bodies have a text; with the lock held. */
static inline unsigned alert_server_find(const struct alert_server *server, const char *text)
{
    unsigned found = 0;
    for (unsigned i = 0; i < server->count; i++) {
        found += strstr(server->bodies[i], text) != NULL;
    }
    return found;
}

static inline unsigned alert_server_has(struct alert_server *server, const char *text)
{
    pthread_mutex_lock(&server->lock);
    const unsigned found = alert_server_find(server, text);
    pthread_mutex_unlock(&server->lock);
    return found;
}

/* Waits until so many bodies have a text, or, where that is NULL, until an answer is held. */
static inline void alert_server_wait(struct alert_server *server, const char *text, unsigned times)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += SERVER_WAIT_S;
    bool late = false;
    pthread_mutex_lock(&server->lock);
    while (!late && (text != NULL ? alert_server_find(server, text) < times : !server->held)) {
        late = pthread_cond_timedwait(&server->changed, &server->lock, &end) != 0;
    }
    pthread_mutex_unlock(&server->lock);
    if (late) {
        fail_msg("%s did not come %u times", text != NULL ? text : "a request", times);
    }
}

#endif
