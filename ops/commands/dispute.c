/* troth dispute: a record that counts against an agent is contested, and judged. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/kafka/client.h"
#include "ops/commands/decide_parts.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/message.h"

/* PARTITION/OFFSET, or TOPIC/PARTITION/OFFSET as `troth explain` and Redis have it. */
static bool parse_record(const struct troth_context *context, const char *text, char *topic,
                         size_t size, struct troth_decision *decision)
{
    const char *offset = strrchr(text, '/');
    const char *partition = text;
    char number[24];
    int64_t value = -1;
    for (const char *c = text; offset != NULL && c < offset; c++) {
        partition = *c == '/' ? c + 1 : partition;
    }
    const size_t length = offset != NULL ? (size_t)(offset - partition) : 0;
    if (length == 0 || length >= sizeof number || (size_t)(partition - text) > size) {
        goto wrong;
    }
    memcpy(number, partition, length);
    number[length] = '\0';
    if (!troth_parse_integer(number, &value) || value < 0 || value > INT32_MAX ||
        !troth_parse_integer(offset + 1, &decision->offset) || decision->offset < 0) {
        goto wrong;
    }
    decision->partition = (int32_t)value;
    if (partition == text) {
        troth_config_topic(context->config, "telemetry", topic, size);
    } else {
        memcpy(topic, text, (size_t)(partition - text) - 1);
        topic[partition - text - 1] = '\0';
    }
    decision->topic = troth_text_of(topic);
    return true;
wrong:
    troth_message_error("--record %s: must be PARTITION/OFFSET of telemetry, as the witnesses that "
                        "troth explain names",
                        text);
    return false;
}

static unsigned find_action(const char *name)
{
    return strcmp(name, "open") == 0     ? TROTH_ACTION_DISPUTE_OPEN
           : strcmp(name, "uphold") == 0 ? TROTH_ACTION_DISPUTE_UPHOLD
           : strcmp(name, "reject") == 0 ? TROTH_ACTION_DISPUTE_REJECT
                                         : TROTH_ACTION_COUNT;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    struct troth_decide_options options = {.wait_us = TROTH_DECIDE_WAIT_US};
    const char *record = NULL;
    const struct troth_option known[] = {
        TROTH_DECIDE_OPTIONS(options),
        {.name = "record", .kind = TROTH_OPTION_TEXT, .target = &record},
    };
    struct troth_decision decision;
    char topic[TROTH_KAFKA_NAME_LENGTH];
    int operands = 0;
    if (troth_options_parse(known, sizeof known / sizeof known[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 2 || options.contract == NULL || options.reason == NULL || record == NULL ||
        options.term == NULL || find_action(argv[1]) == TROTH_ACTION_COUNT) {
        troth_message_error("usage: troth dispute open|uphold|reject AGENT --contract NAME --term "
                            "TERM --record PARTITION/OFFSET --reason TEXT");
        return TROTH_EXIT_USAGE;
    }
    if (!troth_decide_make(&options, argv[2], (enum troth_action)find_action(argv[1]), &decision) ||
        !parse_record(context, record, topic, sizeof topic, &decision)) {
        return TROTH_EXIT_USAGE;
    }
    return troth_decide_send(context, &options, &decision);
}

const struct troth_command troth_command_dispute = {
    .name = "dispute",
    .arguments = "open|uphold|reject AGENT --contract NAME --term TERM --record PARTITION/OFFSET "
                 "--reason TEXT",
    .summary = "contest a record that counts for or against an agent, and judge it",
    .help =
        "The record is one of telemetry, of that agent and evidence of that term, as the\n"
        "witnesses that troth explain names. While a dispute is open nothing steps down; upheld,\n"
        "the evidence leaves its window. --by, --expect, --id, --key and --wait as for troth\n"
        "decide.\n"
        "Exit status 0: it was taken (schemas/decisions.md).\n",
    .run = run,
};
