/* troth topics: makes the six topics, and checks that they keep the promises made on them. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/kafka/topics.h"
#include "ops/message.h"

enum { PARTITIONS_MAX = 1024, REPLICATION_MAX = 15 };

static void print_line(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    if (text != NULL) {
        puts(text);
    }
    free(text);
    json_decref(object);
}

static void print_finding(const struct troth_topics_finding *finding, bool json)
{
    const char *severity = finding->is_warning ? "warning" : "problem";
    if (json) {
        print_line(json_pack("{s:s, s:s, s:s, s:s*}", "topic", finding->topic, "severity", severity,
                             "text", finding->text, "command",
                             finding->command[0] == '\0' ? NULL : finding->command));
        return;
    }
    printf("%s: %s: %s\n", finding->topic, severity, finding->text);
    if (finding->command[0] != '\0') {
        printf("    %s\n", finding->command);
    }
}

static int run_check(const struct troth_topics_config *topics, bool json)
{
    struct troth_topics_report *report = calloc(1, sizeof(*report));
    if (report == NULL) {
        troth_message_error("no memory to check the topics");
        return TROTH_EXIT_NO;
    }
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    const troth_status status = troth_topics_check(topics, report, error, sizeof(error));
    const bool known = status == TROTH_OK || (status == TROTH_INVALID && report->count > 0);
    for (size_t i = 0; known && i < report->count; i++) {
        print_finding(&report->findings[i], json);
    }
    if (!known) {
        troth_message_error("%s", error);
    } else if (json) {
        print_line(json_pack("{s:b, s:I, s:I, s:b, s:i}", "ok", status == TROTH_OK, "problems",
                             (json_int_t)report->problems, "warnings",
                             (json_int_t)(report->count - report->problems), "settings_known",
                             report->settings_known, "partitions", report->partitions));
    } else if (status == TROTH_OK) {
        printf("The topics of %s keep their promises; %" PRId32 " partitions.%s\n", topics->prefix,
               report->partitions,
               report->settings_known
                   ? ""
                   : " Only counts were checked: this broker cannot tell its topics' settings.");
    }
    free(report);
    return status == TROTH_OK ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}

static void print_made(const struct troth_topics_made *made, bool json)
{
    static const char *const outcomes[] = {"created", "exists", "failed"};
    if (json) {
        print_line(json_pack("{s:s, s:s, s:s*}", "topic", made->topic, "outcome",
                             outcomes[made->outcome], "reason",
                             made->reason[0] == '\0' ? NULL : made->reason));
    } else {
        printf("%s: %s%s%s\n", made->topic, outcomes[made->outcome],
               made->reason[0] == '\0' ? "" : ": ", made->reason);
    }
}

/* What existed before may be wrong, so creation ends with a check. */
static int run_create(const struct troth_topics_config *topics, bool json)
{
    struct troth_topics_made made[TROTH_TOPIC_COUNT];
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    const troth_status status = troth_topics_create(topics, made, error, sizeof(error));
    bool reached = status == TROTH_OK;
    for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
        reached = reached || made[t].outcome != TROTH_TOPICS_FAILED || made[t].reason[0] != '\0';
    }
    for (int t = 0; reached && t < TROTH_TOPIC_COUNT; t++) {
        print_made(&made[t], json);
    }
    if (status != TROTH_OK) {
        troth_message_error("%s", error);
        return TROTH_EXIT_NO;
    }
    return run_check(topics, json);
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    struct troth_kafka_property entries[TROTH_CONFIG_ENTRIES_MAX];
    struct troth_topics_config topics = troth_topics_config_of(context->config, entries);
    int64_t partitions = topics.partitions;
    int64_t replication = topics.replication;
    const struct troth_option options[] = {
        {"partitions", TROTH_OPTION_INTEGER, &partitions, 1, PARTITIONS_MAX},
        {"replication", TROTH_OPTION_INTEGER, &replication, 1, REPLICATION_MAX},
    };
    int operands;
    if (troth_options_parse(options, sizeof(options) / sizeof(options[0]), argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    topics.partitions = (int32_t)partitions;
    topics.replication = (int32_t)replication;
    if (operands == 1 && strcmp(argv[1], "create") == 0) {
        return run_create(&topics, context->json);
    }
    if (operands == 1 && strcmp(argv[1], "check") == 0) {
        return run_check(&topics, context->json);
    }
    troth_message_error("say `troth topics create` or `troth topics check`");
    return TROTH_EXIT_USAGE;
}

const struct troth_command troth_command_topics = {
    .name = "topics",
    .arguments = "create|check [--partitions N] [--replication R]",
    .summary = "make Kafka's topics, or check that they keep their promises",
    .help =
        "create   makes the six topics that are missing, with the settings they need, and then\n"
        "         checks all of them; run it as often as you like.\n"
        "check    says what breaks a promise, each with the command that mends it. trothd does\n"
        "         the same at its start, and does not start on a problem.\n"
        "\n"
        "  --partitions N     of telemetry and standings (default: topics.partitions). Choose\n"
        "                     it well: it cannot change later, as agents would change their\n"
        "                     partition and leave their standings behind\n"
        "  --replication R    replicas (default: topics.replication); with 3, two must have a\n"
        "                     record before it counts (min.insync.replicas)\n",
    .run = run,
};
