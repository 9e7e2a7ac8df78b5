/*
 * Claims: an address is HOST:PORT with brackets about an IPv6 one, and port 0 takes any that is
 * free; one in use is refused with what to do. A page is answered whole with its status and type,
 * by GET and HEAD alone. Of long pages so many are on their way at a time and no more, however
 * slowly they are read; short ones are answered meanwhile, and when a reader goes there is room
 * again. More connections than there may be are not served, and cost nothing for good.
 */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ops/monitor/http.h"

enum { LONG_BYTES = 16 << 20, TRIES_MAX = 100000 };

static unsigned render_long(void *context, char *buffer, size_t *length)
{
    (void)context;
    memset(buffer, 'x', LONG_BYTES);
    *length = LONG_BYTES;
    return 200;
}

static unsigned render_short(void *context, char *buffer, size_t *length)
{
    memcpy(buffer, context, strlen(context));
    *length = strlen(context);
    return 503;
}

static const struct troth_http_page pages[] = {{"/long", "text/long", LONG_BYTES, render_long},
                                               {"/short", "text/short", 64, render_short}};
static char context[] = "not now\n";

static struct troth_http *open_server(void)
{
    struct troth_http *http = NULL;
    char error[TROTH_HTTP_ERROR_LENGTH];
    assert_int_equal(troth_http_listen("127.0.0.1:0", &http, error), TROTH_OK);
    assert_int_equal(troth_http_serve(http, pages, 2, context), TROTH_OK);
    return http;
}

/* Asks, and leaves the answer to be read. Returns the socket. */
static int ask(const struct troth_http *http, const char *method, const char *path)
{
    char request[128];
    struct sockaddr_in to = {.sin_family = AF_INET};
    const char *port = strrchr(troth_http_address(http), ':') + 1;
    to.sin_port = htons((uint16_t)strtol(port, NULL, 10));
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(s >= 0);
    assert_int_equal(connect(s, (struct sockaddr *)&to, sizeof to), 0);
    const int length =
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                 method, path);
    (void)!send(s, request, (size_t)length, MSG_NOSIGNAL);
    return s;
}

/* Reads what comes, at most capacity - 1 bytes. Returns the HTTP status, or 0: none came. */
static int read_some(int s, char *buffer, size_t capacity)
{
    size_t used = 0;
    for (ssize_t got = 1; got > 0 && used<capacity - 1; used += got> 0 ? (size_t)got : 0) {
        got = read(s, buffer + used, capacity - 1 - used);
    }
    buffer[used] = '\0';
    return strncmp(buffer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(buffer + 9, NULL, 10) : 0;
}

static int answer(const struct troth_http *http, const char *method, const char *path, char *buffer,
                  size_t capacity)
{
    const int s = ask(http, method, path);
    const int status = read_some(s, buffer, capacity);
    close(s);
    return status;
}

static void addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:9464", "[::1]:0", "host:65535", "0.0.0.0:1"};
    static const char *const bad[] = {"",      ":1",   "host",       "host:", "host:65536",
                                      "::1:9", "h:-1", "host:9464x", "[]:1",  "host:x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(troth_http_accepts(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(troth_http_accepts(bad[i]));
    }
    struct troth_http *first = NULL;
    struct troth_http *second = NULL;
    char error[TROTH_HTTP_ERROR_LENGTH] = "";
    assert_int_equal(troth_http_listen("127.0.0.1:0", &first, error), TROTH_OK);
    assert_int_equal(troth_http_listen(troth_http_address(first), &second, error), TROTH_REFUSED);
    assert_non_null(strstr(error, "in use"));
    assert_non_null(strstr(error, "set `http` to another port"));
    troth_http_close(first); /* before it served */
    troth_http_close(NULL);
}

static void pages_are_answered(void **state)
{
    (void)state;
    char text[1024];
    struct troth_http *http = open_server();
    assert_int_equal(answer(http, "GET", "/short", text, sizeof text), 503);
    assert_non_null(strstr(text, "Content-Type: text/short\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nnot now\n"));
    assert_int_equal(answer(http, "HEAD", "/short", text, sizeof text), 503);
    assert_null(strstr(text, "not now"));
    assert_int_equal(answer(http, "POST", "/short", text, sizeof text), 405);
    assert_int_equal(answer(http, "GET", "/shor", text, sizeof text), 404);
    char *page = malloc(LONG_BYTES + 4096);
    assert_non_null(page);
    assert_int_equal(answer(http, "GET", "/long", page, LONG_BYTES + 4096), 200);
    const char *body = strstr(page, "\r\n\r\n") + 4;
    assert_int_equal(strlen(body), LONG_BYTES);
    assert_int_equal(strspn(body, "x"), LONG_BYTES);
    free(page);
    troth_http_close(http);
}

static void slow_readers_are_bounded(void **state)
{
    (void)state;
    char text[1024];
    int slow[TROTH_HTTP_LONG_MAX];
    struct troth_http *http = open_server();
    for (unsigned i = 0; i < TROTH_HTTP_LONG_MAX; i++) {
        slow[i] = ask(http, "GET", "/long");
        assert_int_equal(read_some(slow[i], text, 64), 200); /* its head; the rest waits */
    }
    assert_int_equal(answer(http, "GET", "/long", text, sizeof text), 503);
    assert_non_null(strstr(text, "ask again"));
    assert_int_equal(answer(http, "GET", "/short", text, sizeof text), 503);
    assert_non_null(strstr(text, "not now"));
    close(slow[0]);
    int status = 503;
    for (unsigned i = 0; i < TRIES_MAX && status == 503; i++) { /* until it is seen to be gone */
        status = answer(http, "GET", "/long", text, sizeof text);
    }
    assert_int_equal(status, 200);
    for (unsigned i = 1; i < TROTH_HTTP_LONG_MAX; i++) {
        close(slow[i]);
    }
    troth_http_close(http);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    char text[1024];
    int idle[4 * TROTH_HTTP_CONNECTIONS_MAX];
    struct troth_http *http = open_server();
    for (unsigned i = 0; i < sizeof idle / sizeof *idle; i++) {
        idle[i] = ask(http, "GE", ""); /* a request that does not end well, and is not read */
    }
    for (unsigned i = 0; i < sizeof idle / sizeof *idle; i++) {
        close(idle[i]);
    }
    int status = 0;
    for (unsigned i = 0; i < TRIES_MAX && status == 0; i++) {
        status = answer(http, "GET", "/short", text, sizeof text);
    }
    assert_int_equal(status, 503);
    assert_non_null(strstr(text, "not now"));
    troth_http_close(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(pages_are_answered),
        cmocka_unit_test(slow_readers_are_bounded),
        cmocka_unit_test(connections_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
