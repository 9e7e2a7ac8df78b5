/*
 * trothd: the engine's main. Reads the configuration, refuses topics that would break a promise,
 * starts the workers, shows metrics, says each ten seconds how far they are, and drains on SIGTERM
 * or SIGINT.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ops/account.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/engine.h"
#include "ops/kafka/topics.h"
#include "ops/message.h"
#include "ops/monitor/monitor.h"
#include "ops/version.h"

enum { STATUS_SECONDS = 10 };

static void print_help(void)
{
    puts("trothd: scores agents against their contracts, from Kafka to Redis\n"
         "\n"
         "Usage: trothd [--config FILE] [OPTION]...\n"
         "\n"
         "Runs until SIGTERM or SIGINT; then it publishes and commits what it has done, and ends.\n"
         "Exit status: 0 drained, 1 no broker, wrong topics, or not drained; 2 wrong use.\n"
         "\n"
         "  --print-config     what is configured, and where each value came from\n"
         "  --print-example    a documented configuration file\n"
         "  --json, --help, --version\n"
         "\n"
         "Parameters, as flags:\n");
    troth_config_print_flags(stdout);
}

static void warn(void *context, const char *text)
{
    (void)context;
    troth_message_warn("%s", text);
}

static void tell_alarms(const struct troth_config *config, const struct troth_worker_counts *before,
                        const struct troth_worker_counts *now)
{
    const struct troth_account_limits limits = {config->prefix, config->agents_max,
                                                config->standings_max};
    troth_account_alarm(&limits, before, now, warn, NULL);
}

static void tell_status(const struct troth_config *config, struct troth_engine *engine,
                        struct troth_worker_counts *before)
{
    struct troth_worker_counts now;
    uint64_t rejected = 0;
    troth_engine_count(engine, &now);
    /* A worker that was made anew counts from 0. */
    const bool grew = now.commits > before->commits && now.commit_us >= before->commit_us;
    const double commit_ms = grew ? (double)(now.commit_us - before->commit_us) /
                                        (1e3 * (double)(now.commits - before->commits))
                                  : 0;
    const uint64_t records = now.records > before->records ? now.records - before->records : 0;
    for (unsigned i = 0; i < TROTH_STATUS_COUNT; i++) {
        rejected += now.rejects[i];
    }
    troth_message_info("%" PRIu64 " records/s; %u of %u partitions caught up, %u contracts, %u "
                       "agents, %u standings, %" PRIu64 " agents evicted; %" PRIu64
                       " interventions, %" PRIu64 " rejects; %.1f ms a commit%s%s",
                       records / STATUS_SECONDS, now.live, now.partitions, now.contracts,
                       now.agents, now.standings, now.evicted, now.interventions, rejected,
                       commit_ms, now.store_connected ? "" : "; REDIS IS AWAY",
                       troth_engine_idle(engine) > 0 || now.log_away ? "; KAFKA IS AWAY" : "");
    tell_alarms(config, before, &now);
    *before = now;
}

static int serve(const struct troth_config *config)
{
    struct troth_engine *engine = NULL;
    struct troth_monitor *monitor = NULL;
    struct troth_worker_counts before = {0};
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before the threads, which inherit it */
    if (!troth_topics_check_config(config, NULL) ||
        troth_monitor_listen(config, &monitor) != TROTH_OK) {
        return TROTH_EXIT_NO;
    }
    if (troth_engine_start(config, &engine) != TROTH_OK) {
        troth_monitor_close(monitor);
        return TROTH_EXIT_NO;
    }
    if (troth_monitor_serve(monitor, engine) != TROTH_OK) {
        troth_monitor_close(monitor);
        (void)troth_engine_stop(engine, NULL);
        return TROTH_EXIT_NO;
    }
    troth_message_info("trothd %s is running; prefix %s, group %s, %" PRId64 " workers",
                       TROTH_VERSION, config->prefix, config->group, config->workers);
    const struct timespec wait = {STATUS_SECONDS, 0};
    int signal = 0;
    while ((signal = sigtimedwait(&ends, NULL, &wait)) < 0) {
        if (errno == EAGAIN) {
            tell_status(config, engine, &before);
        }
    }
    troth_message_info("%s: draining", strsignal(signal));
    struct troth_worker_counts last;
    char account[TROTH_ACCOUNT_LENGTH];
    troth_monitor_close(monitor);
    const bool drained = troth_engine_stop(engine, &last);
    tell_alarms(config, &before, &last);
    troth_account_write(&last, account);
    troth_message_info("%s", account);
    if (drained) {
        troth_message_info("drained: everything is published and committed");
    } else {
        troth_message_warn(
            "not everything could be published and committed; what was not is read again");
    }
    return drained ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    troth_message_setup("trothd", TROTH_MESSAGE_TIMED, TROTH_MESSAGE_INFO);
    struct troth_common_options options;
    struct troth_config config;
    if (troth_options_take_common(&argc, argv, &options) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (options.help) {
        print_help();
        return TROTH_EXIT_DONE;
    }
    if (options.version) {
        printf("trothd %s\n", TROTH_VERSION);
        return TROTH_EXIT_DONE;
    }
    if (options.print_example) {
        troth_config_print_example(stdout);
        return TROTH_EXIT_DONE;
    }
    if (argc > 1) {
        troth_message_error("there is no argument %s; see trothd --help", argv[1]);
        return TROTH_EXIT_USAGE;
    }
    options.request.environment = environ;
    int result = TROTH_EXIT_USAGE;
    if (troth_config_load(&config, &options.request) == TROTH_OK) {
        if (options.print_config) {
            troth_config_print(&config, stdout, options.json);
            result = TROTH_EXIT_DONE;
        } else {
            result = serve(&config);
        }
    }
    troth_config_fini(&config);
    return result;
}
