/*
 * troth dump: a partition's log as troth replay reads it, so that anybody can recount what the
 * engine did with it. Each good pointer stands as what it names, the contract version or the
 * decision; what is no event of the partition's agents stands as a tick, since it moves the clock
 * as one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/book.h"
#include "consumers/pointer_record.h"
#include "ops/command.h"
#include "ops/config/options.h"
#include "ops/kafka/control_topic.h"
#include "ops/kafka/registry_topic.h"
#include "ops/kafka/telemetry.h"
#include "ops/message.h"
#include "ops/progress.h"
#include "schemas/decision_json.h"
#include "schemas/event_json.h"

struct dump {
    const struct troth_config *config;
    int32_t partition;
    struct troth_telemetry telemetry;
    struct troth_registry_topic contracts;
    struct troth_book *book;
    struct troth_progress progress;
    int64_t next;       /* offset of the next line */
    uint64_t records;   /* written */
    uint64_t unwritten; /* of them, events that JSON cannot hold */
    bool failed;        /* no memory, as has been told, or the output is gone */
    char line[TROTH_EVENT_LINE_LENGTH_MAX + 1];
};

/* ---- What pointers name --------------------------------------------------------------------- */

static bool take_decision(void *context, const struct troth_control_record *record)
{
    struct dump *dump = context;
    const char *reason = NULL;
    /* What is refused is nothing for the engine either. */
    return troth_book_take(dump->book, record, &reason) != TROTH_NO_MEMORY;
}

static bool read_control(struct dump *dump)
{
    char error[TROTH_KAFKA_ERROR_LENGTH];
    dump->book = troth_book_create();
    if (dump->book == NULL) {
        troth_message_error("no memory for the decisions");
        return false;
    }
    troth_status status = troth_registry_topic_read(&dump->contracts, dump->config, error);
    if (status == TROTH_OK) {
        troth_book_ask(dump->book, &dump->contracts.rules.signing);
        status = troth_control_topic_read(dump->config, "decisions", take_decision, dump, error);
    }
    if (status != TROTH_OK) {
        troth_message_error("%s", error);
        return false;
    }
    return true;
}

static bool belongs(const struct dump *dump, struct troth_text agent)
{
    return troth_partition_of(dump->telemetry.partitioner, agent.data, agent.length,
                              dump->telemetry.partitions) == dump->partition;
}

/* ---- Lines ---------------------------------------------------------------------------------- */

static void write_tick(int64_t recorded_at_us)
{
    printf("{\"kind\":\"tick\",\"at\":%" PRId64 "}\n", recorded_at_us);
}

static void write_log(const struct dump *dump, int64_t offset)
{
    printf("{\"log\":{\"topic\":\"%s\",\"partition\":%" PRId32 ",\"era\":%" PRId64
           ",\"offset\":%" PRId64 "}}\n",
           dump->telemetry.topic, dump->partition, dump->config->era, offset);
}

/* Writes the version that a pointer puts in force. Returns whether it puts one. */
static bool write_contract(struct dump *dump, int64_t offset, int64_t time_us,
                           int64_t recorded_at_us)
{
    const struct troth_rules *rules =
        troth_registry_pointed(dump->contracts.registry, offset, time_us);
    size_t length = 0;
    if (rules == NULL ||
        troth_contract_write(rules->contract, dump->line, sizeof dump->line, &length) != TROTH_OK) {
        return false;
    }
    printf("{\"contract\":%.*s,\"recorded_at\":%" PRId64 "}\n", (int)length, dump->line,
           recorded_at_us);
    return true;
}

/* Writes the decision that a pointer names. Returns whether it is one of this partition. One that
 * the engine did not believe is none: it ruled so, and the shard never saw it. */
static bool write_decision(struct dump *dump, int64_t offset, int64_t time_us,
                           int64_t recorded_at_us)
{
    const uint32_t number = troth_book_find(dump->book, offset);
    const struct troth_booked *booked =
        number < TROTH_BOOK_MAX ? troth_book_entry(dump->book, number) : NULL;
    if (booked == NULL || booked->distrust != TROTH_DISTRUST_COUNT || booked->time_us >= time_us ||
        !belongs(dump, booked->decision.agent)) {
        return false;
    }
    char *line = NULL;
    if (troth_decision_json_write(&booked->decision, recorded_at_us, &line) != TROTH_OK) {
        troth_message_error("no memory for a decision");
        dump->failed = true;
        return false;
    }
    puts(line);
    free(line);
    return true;
}

/* Returns whether the pointer was written as what it names. */
static bool write_pointer(struct dump *dump, const struct troth_event *event,
                          int64_t recorded_at_us)
{
    const struct troth_pointer pointer = troth_pointer_of(event);
    /* As the engine judges it: by emitters' time nothing can be told of when it was appended. */
    const int64_t time_us =
        dump->config->clock == TROTH_CONFIG_CLOCK_CREATE_TIME ? INT64_MAX : recorded_at_us;
    switch (pointer.topic) {
    case TROTH_TOPIC_CONTRACTS:
        return write_contract(dump, pointer.offset, time_us, recorded_at_us);
    case TROTH_TOPIC_DECISIONS:
        return write_decision(dump, pointer.offset, time_us, recorded_at_us);
    default:
        return false;
    }
}

/* Returns whether the event was written as one. */
static bool write_event(struct dump *dump, const struct troth_event *event, int64_t recorded_at_us)
{
    size_t length = 0;
    if (event->kind == TROTH_KIND_TICK || !belongs(dump, event->agent)) {
        return false;
    }
    if (troth_event_json_write(event, recorded_at_us, dump->line, sizeof dump->line - 1, &length) !=
        TROTH_OK) {
        dump->unwritten++;
        return false;
    }
    dump->line[length] = '\n';
    fwrite(dump->line, 1, length + 1, stdout);
    return true;
}

static bool take_records(void *context, const struct troth_recorded *recorded)
{
    struct dump *dump = context;
    for (unsigned i = 0; i < recorded->count && !dump->failed; i++) {
        const struct troth_event *event = recorded->events[i];
        const int64_t recorded_at_us = recorded->recorded_at_us[i];
        if (recorded->offsets[i] != dump->next) {
            write_log(dump, recorded->offsets[i]); /* between are marks of transactions */
        }
        dump->next = recorded->offsets[i] + 1;
        const bool written = event == NULL ? false
                             : event->kind == TROTH_KIND_POINTER
                                 ? write_pointer(dump, event, recorded_at_us)
                                 : write_event(dump, event, recorded_at_us);
        if (!written) {
            write_tick(recorded_at_us);
        }
        dump->records++;
    }
    dump->failed |= ferror(stdout) != 0;
    troth_progress_show(&dump->progress, dump->records);
    return !dump->failed;
}

/* ---- The command ---------------------------------------------------------------------------- */

static bool write_partition(struct dump *dump)
{
    struct troth_telemetry *telemetry = &dump->telemetry;
    struct troth_telemetry_range range;
    if (dump->partition >= telemetry->partitions) {
        troth_message_error("--partition %" PRId32 ": %s has partitions 0 to %" PRId32,
                            dump->partition, telemetry->topic, telemetry->partitions - 1);
        return false;
    }
    /* What pointers before this end name is in the control topics by now. */
    if (troth_telemetry_find(telemetry, dump->partition, 0, INT64_MAX, &range) != TROTH_OK) {
        troth_message_error("%s", telemetry->error);
        return false;
    }
    if (!read_control(dump)) {
        return false;
    }
    if (range.low > 0) {
        troth_message_warn("%s[%" PRId32 "] begins at offset %" PRId64
                           ": what came before is not kept any more, so a replay begins with "
                           "nothing there, and does not say what the engine said",
                           telemetry->topic, dump->partition, range.low);
    }
    dump->next = range.low;
    write_log(dump, range.low);
    if (troth_telemetry_read(telemetry, dump->partition, &range, take_records, dump) != TROTH_OK) {
        troth_message_error("%s", telemetry->error);
        return false;
    }
    return !dump->failed;
}

static bool dump_log(struct dump *dump)
{
    if (troth_telemetry_open(&dump->telemetry, dump->config) != TROTH_OK) {
        troth_message_error("%s", dump->telemetry.error);
        return false;
    }
    troth_progress_start(&dump->progress, "records");
    const bool good = write_partition(dump);
    (void)troth_progress_end(&dump->progress);
    if (dump->unwritten > 0) {
        troth_message_warn("%" PRIu64 " events have bytes that JSON cannot hold, and stand as "
                           "ticks: of their agents a replay may say something else",
                           dump->unwritten);
    }
    return good;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    int64_t partition = -1;
    int operands = 0;
    const struct troth_option options[] = {
        {.name = "partition",
         .kind = TROTH_OPTION_INTEGER,
         .target = &partition,
         .low = 0,
         .high = INT32_MAX},
    };
    if (troth_options_parse(options, 1, argc, argv, &operands) != TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 0 || partition < 0) {
        troth_message_error("which partition? troth dump --partition P > FILE.jsonl");
        return TROTH_EXIT_USAGE;
    }
    struct dump *dump = calloc(1, sizeof *dump);
    if (dump == NULL) {
        troth_message_error("no memory");
        return TROTH_EXIT_NO;
    }
    dump->config = context->config;
    dump->partition = (int32_t)partition;
    const bool good = dump_log(dump);
    troth_telemetry_close(&dump->telemetry);
    troth_registry_topic_fini(&dump->contracts);
    troth_book_destroy(dump->book);
    free(dump);
    return good ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}

const struct troth_command troth_command_dump = {
    .name = "dump",
    .arguments = "--partition P",
    .summary = "a partition's log as JSON Lines, for troth replay: audit",
    .help =
        "Prints the records of telemetry that are kept, in their order: events; the contract\n"
        "versions that came into force, and the decisions, each where the log points to it.\n"
        "Of the whole log, with the engine's configuration, troth replay --json then tells the\n"
        "interventions and rulings of the partition byte for byte as the engine told them:\n"
        "\n"
        "  troth dump --partition 3 > 3.jsonl && troth replay --json 3.jsonl\n",
    .run = run,
};
