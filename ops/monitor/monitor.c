#include "ops/monitor/monitor.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumers/clock.h"
#include "ops/message.h"
#include "ops/monitor/http.h"
#include "ops/monitor/metrics.h"

struct troth_monitor {
    const struct troth_config *config;
    struct troth_engine *engine;
    struct troth_http *http;
    struct troth_survey survey; /* the server's thread's */
};

_Static_assert((int)TROTH_HEALTH_LENGTH_MAX <= (int)TROTH_HTTP_SHORT_BYTES, "a short page");

/* Resident memory, bytes; 0 where the system does not tell. */
static uint64_t resident_bytes(void)
{
    unsigned long long whole = 0;
    unsigned long long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    const bool read = fscanf(file, "%llu %llu", &whole, &resident) == 2;
    fclose(file);
    return read ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static struct troth_engine_look look_at(struct troth_monitor *monitor)
{
    const struct troth_config *config = monitor->config;
    const struct troth_clock clock = troth_clock_system();
    struct troth_engine_look look = {
        .survey = &monitor->survey,
        .workers = (uint32_t)config->workers,
        .idle = troth_engine_idle(monitor->engine),
        .checkpoints = config->checkpoint_us > 0 && config->delivery != TROTH_CONFIG_AT_LEAST_ONCE,
        .agents_max = config->agents_max,
        .standings_max = config->standings_max,
        .resident_bytes = resident_bytes(),
    };
    look.stuck = troth_engine_stuck(monitor->engine, &look.stuck_us);
    troth_engine_survey(monitor->engine, &monitor->survey);
    troth_engine_alerts(monitor->engine, &look.alerts);
    look.wall_us = clock.wall_us(clock.context);
    look.monotonic_us = clock.monotonic_us(clock.context);
    return look;
}

static unsigned render_metrics(void *context, char *buffer, size_t *length)
{
    struct troth_metrics_text text;
    const struct troth_engine_look look = look_at(context);
    troth_metrics_text_init(&text, buffer, TROTH_METRICS_LENGTH_MAX);
    troth_metrics_write(&text, &look);
    *length = text.length;
    if (text.full) { /* half of them would look like all */
        static const char sorry[] = "the metrics do not fit into their buffer\n";
        memcpy(buffer, sorry, sizeof sorry - 1);
        *length = sizeof sorry - 1;
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    return MHD_HTTP_OK;
}

static unsigned render_health(void *context, char *buffer, size_t *length)
{
    const struct troth_engine_look look = look_at(context);
    const bool lives = troth_health_lives(&look, buffer);
    *length = strlen(buffer);
    return lives ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned render_ready(void *context, char *buffer, size_t *length)
{
    const struct troth_engine_look look = look_at(context);
    const bool ready = troth_health_ready(&look, buffer);
    *length = strlen(buffer);
    return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static const struct troth_http_page pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", TROTH_METRICS_LENGTH_MAX,
     render_metrics},
    {"/healthz", "text/plain", TROTH_HEALTH_LENGTH_MAX, render_health},
    {"/readyz", "text/plain", TROTH_HEALTH_LENGTH_MAX, render_ready},
};

troth_status troth_monitor_listen(const struct troth_config *config, struct troth_monitor **monitor)
{
    char error[TROTH_HTTP_ERROR_LENGTH];
    *monitor = NULL;
    if (strcmp(config->http, "off") == 0) {
        return TROTH_OK;
    }
    struct troth_monitor *made = calloc(1, sizeof *made);
    if (made == NULL) {
        troth_message_error("no memory for the metrics");
        return TROTH_NO_MEMORY;
    }
    made->config = config;
    const troth_status status = troth_http_listen(config->http, &made->http, error);
    if (status != TROTH_OK) {
        troth_message_error("%s", error);
        free(made);
        return status;
    }
    *monitor = made;
    return TROTH_OK;
}

troth_status troth_monitor_serve(struct troth_monitor *monitor, struct troth_engine *engine)
{
    if (monitor == NULL) {
        return TROTH_OK;
    }
    monitor->engine = engine;
    const troth_status status =
        troth_http_serve(monitor->http, pages, sizeof pages / sizeof *pages, monitor);
    if (status != TROTH_OK) {
        troth_message_error("http: the server could not be started; set `http: off` to go without");
        return status;
    }
    troth_message_info("metrics at http://%s/metrics", troth_http_address(monitor->http));
    return TROTH_OK;
}

void troth_monitor_close(struct troth_monitor *monitor)
{
    if (monitor != NULL) {
        troth_http_close(monitor->http);
        free(monitor);
    }
}
