#include "ops/monitor/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ops/config/parse.h"

enum { SILENCE_S = 10, CONNECTION_BYTES = 16384, HOST_LENGTH = 256, WAITING_MAX = 32 };

/* Room for a long page that is on its way. */
struct room {
    struct troth_http *http;
    char *data;
    bool taken; /* by the server's thread alone */
};

struct troth_http {
    int socket; /* -1: the daemon's, or none */
    char address[TROTH_HTTP_ADDRESS_LENGTH];
    struct MHD_Daemon *daemon;
    const struct troth_http_page *pages;
    size_t page_count;
    void *context;
    struct room rooms[TROTH_HTTP_LONG_MAX];
};

/* ---- Addresses. ---- */

/* Out host: without brackets. Out port: its text. */
static bool split(const char *address, char host[HOST_LENGTH], const char **port)
{
    const char *colon = strrchr(address, ':');
    int64_t number = 0;
    if (colon == NULL || colon == address || !troth_parse_integer(colon + 1, &number) ||
        number < 0 || number > 65535) {
        return false;
    }
    const bool bracketed = address[0] == '[' && colon[-1] == ']';
    const char *inner = memchr(address, ':', (size_t)(colon - address));
    const size_t length = (size_t)(colon - address) - (bracketed ? 2 : 0);
    if ((inner != NULL && !bracketed) || length == 0 || length >= HOST_LENGTH) {
        return false;
    }
    memcpy(host, address + bracketed, length);
    host[length] = '\0';
    *port = colon + 1;
    return true;
}

bool troth_http_accepts(const char *address)
{
    char host[HOST_LENGTH];
    const char *port = NULL;
    return split(address, host, &port);
}

/* Opens a socket that listens at one of a name's addresses. Returns it, or -1 and errno. */
static int listen_at(const struct addrinfo *found)
{
    const int yes = 1;
    const int opened = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                              found->ai_protocol);
    if (opened < 0) {
        return -1;
    }
    if (setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(opened, found->ai_addr, found->ai_addrlen) != 0 || listen(opened, WAITING_MAX) != 0) {
        const int failed = errno;
        close(opened);
        errno = failed;
        return -1;
    }
    return opened;
}

/* Writes where the socket listens. */
static void note_address(struct troth_http *http)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    char host[HOST_LENGTH] = "?";
    char port[16] = "0";
    if (getsockname(http->socket, (struct sockaddr *)&bound, &length) == 0) {
        (void)getnameinfo((struct sockaddr *)&bound, length, host, sizeof host, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV);
    }
    const bool colons = strchr(host, ':') != NULL;
    snprintf(http->address, sizeof http->address, "%s%s%s:%s", colons ? "[" : "", host,
             colons ? "]" : "", port);
}

troth_status troth_http_listen(const char *address, struct troth_http **http,
                               char error[TROTH_HTTP_ERROR_LENGTH])
{
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host[HOST_LENGTH];
    const char *port = NULL;
    const int unknown =
        split(address, host, &port) ? getaddrinfo(host, port, &wanted, &found) : EAI_NONAME;
    if (unknown != 0) {
        snprintf(error, TROTH_HTTP_ERROR_LENGTH,
                 "http: %s is no address to listen at (%s); give HOST:PORT of this machine, or off",
                 address, gai_strerror(unknown));
        return TROTH_INVALID;
    }
    const int opened = listen_at(found);
    const int failed = errno;
    freeaddrinfo(found);
    if (opened < 0) {
        snprintf(error, TROTH_HTTP_ERROR_LENGTH, "http: cannot listen at %s: %s; %s", address,
                 strerror(failed),
                 failed == EADDRINUSE
                     ? "another process does; set `http` to another port, to port 0 (any), or off"
                     : "set `http` to an address of this machine, or off");
        return TROTH_REFUSED;
    }
    struct troth_http *made = calloc(1, sizeof *made);
    if (made == NULL) {
        snprintf(error, TROTH_HTTP_ERROR_LENGTH, "http: no memory");
        close(opened);
        return TROTH_NO_MEMORY;
    }
    made->socket = opened;
    note_address(made);
    *http = made;
    return TROTH_OK;
}

const char *troth_http_address(const struct troth_http *http)
{
    return http->address;
}

/* ---- Pages. ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, struct MHD_Response *response,
                              unsigned status, const char *type)
{
    if (response == NULL) {
        return MHD_NO; /* no memory: the connection is closed */
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    const enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   const char *type, char *text, size_t length)
{
    return answer(connection, MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_COPY),
                  status, type);
}

static void leave(void *context)
{
    struct room *room = context;
    room->taken = false;
}

static enum MHD_Result answer_long(struct troth_http *http, struct MHD_Connection *connection,
                                   const struct troth_http_page *page)
{
    static char busy[] = "too many ask at a time; ask again\n";
    struct room *room = NULL;
    for (size_t i = 0; i < TROTH_HTTP_LONG_MAX && room == NULL; i++) {
        room = http->rooms[i].taken ? NULL : &http->rooms[i];
    }
    if (room == NULL) {
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", busy,
                           sizeof busy - 1);
    }
    size_t length = 0;
    const unsigned status = page->render(http->context, room->data, &length);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(length, room->data, leave, room);
    room->taken = response != NULL;
    return answer(connection, response, status, page->type);
}

static enum MHD_Result answer_page(struct troth_http *http, struct MHD_Connection *connection,
                                   const struct troth_http_page *page)
{
    char text[TROTH_HTTP_SHORT_BYTES];
    size_t length = 0;
    if (page->bytes > sizeof text) {
        return answer_long(http, connection, page);
    }
    const unsigned status = page->render(http->context, text, &length);
    return answer_text(connection, status, page->type, text, length);
}

static enum MHD_Result take_request(void *context, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *upload, size_t *upload_size, void **request)
{
    static char wrong_method[] = "GET is the only method here\n";
    static char not_here[] = "there are /metrics, /healthz and /readyz\n";
    struct troth_http *http = context;
    (void)version;
    (void)upload;
    if (*request == NULL) { /* its head alone has come */
        *request = http;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0; /* a body is read and thrown away */
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", wrong_method,
                           sizeof wrong_method - 1);
    }
    for (size_t i = 0; i < http->page_count; i++) {
        if (strcmp(url, http->pages[i].path) == 0) {
            return answer_page(http, connection, &http->pages[i]);
        }
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "text/plain", not_here, sizeof not_here - 1);
}

troth_status troth_http_serve(struct troth_http *http, const struct troth_http_page *pages,
                              size_t count, void *context)
{
    size_t longest = 0;
    http->pages = pages;
    http->page_count = count;
    http->context = context;
    for (size_t i = 0; i < count; i++) {
        longest = pages[i].bytes > longest ? pages[i].bytes : longest;
    }
    for (size_t i = 0; i < TROTH_HTTP_LONG_MAX && longest > TROTH_HTTP_SHORT_BYTES; i++) {
        http->rooms[i] = (struct room){.http = http, .data = malloc(longest)};
        if (http->rooms[i].data == NULL) {
            return TROTH_NO_MEMORY;
        }
    }
    http->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, take_request, http,
        MHD_OPTION_LISTEN_SOCKET, http->socket, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)TROTH_HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    if (http->daemon == NULL) {
        return TROTH_NO_MEMORY;
    }
    http->socket = -1; /* the daemon closes it */
    return TROTH_OK;
}

void troth_http_close(struct troth_http *http)
{
    if (http == NULL) {
        return;
    }
    if (http->daemon != NULL) {
        MHD_stop_daemon(http->daemon);
    }
    if (http->socket >= 0) {
        close(http->socket);
    }
    for (size_t i = 0; i < TROTH_HTTP_LONG_MAX; i++) {
        free(http->rooms[i].data);
    }
    free(http);
}
