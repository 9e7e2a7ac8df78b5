/* troth decide: what a person says about an agent, and what became of it. */
#include "ops/commands/decide_parts.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/clock.h"
#include "consumers/decision_record.h"
#include "ops/config/options.h"
#include "ops/config/parse.h"
#include "ops/kafka/rulings.h"
#include "ops/kafka/sender.h"
#include "ops/message.h"
#include "ops/redis/reader.h"
#include "ops/signing.h"
#include "ops/table.h"
#include "schemas/contract.h"

enum { HEX_LENGTH = 2 * TROTH_DECISION_ID_LENGTH };

static struct troth_text text_of(const char *text)
{
    return text != NULL ? troth_text_of(text) : (struct troth_text){NULL, 0};
}

static bool make_id(const char *given, uint8_t id[TROTH_DECISION_ID_LENGTH])
{
    size_t length = 0;
    if (given == NULL) {
        randombytes_buf(id, TROTH_DECISION_ID_LENGTH);
        return true;
    }
    if (strlen(given) != HEX_LENGTH ||
        sodium_hex2bin(id, TROTH_DECISION_ID_LENGTH, given, HEX_LENGTH, NULL, &length, NULL) != 0 ||
        length != TROTH_DECISION_ID_LENGTH) {
        troth_message_error("--id %s: must be 32 hexadecimal digits", given);
        return false;
    }
    return true;
}

static const char *whoever(const char *given)
{
    const char *name = given != NULL ? given : getenv("USER");
    return name != NULL ? name : getenv("LOGNAME");
}

bool troth_decide_make(const struct troth_decide_options *options, const char *agent,
                       enum troth_action action, struct troth_decision *decision)
{
    const struct troth_clock clock = troth_clock_system();
    const int rung =
        options->expect != NULL ? troth_rung_find(options->expect, strlen(options->expect)) : 0;
    *decision = (struct troth_decision){.agent = text_of(agent),
                                        .contract = text_of(options->contract),
                                        .by = text_of(whoever(options->by)),
                                        .reason = text_of(options->reason),
                                        .term = text_of(options->term),
                                        .position = -1,
                                        .at_us = clock.wall_us(clock.context),
                                        .offset = -1,
                                        .partition = -1,
                                        .action = (uint8_t)action,
                                        .expected = TROTH_RUNG_COUNT};
    if (rung < 0) {
        troth_message_error("--expect %s: must be clear, warn, narrow, recertify, review or pause",
                            options->expect);
        return false;
    }
    if (options->expect != NULL) {
        decision->expected = (uint8_t)rung;
    }
    if (decision->by.length == 0) {
        troth_message_error("--by NAME: must say who decides; nobody is logged in here (USER and "
                            "LOGNAME name nobody)");
        return false;
    }
    return make_id(options->id, decision->id);
}

/* What a decision did that was taken and need not change the rung. Returns NULL for what is told by
 * the rung alone. */
static const char *effect_of(const char *action)
{
    static const struct {
        enum troth_action action;
        const char *effect;
    } effects[] = {{TROTH_ACTION_WAIVE, "the waiver is noted"},
                   {TROTH_ACTION_DISPUTE_OPEN, "the record is disputed"},
                   {TROTH_ACTION_DISPUTE_UPHOLD, "the dispute is upheld"},
                   {TROTH_ACTION_DISPUTE_REJECT, "the dispute is rejected"}};
    for (size_t i = 0; action != NULL && i < sizeof effects / sizeof *effects; i++) {
        if (strcmp(action, troth_action_name(effects[i].action)) == 0) {
            return effects[i].effect;
        }
    }
    return NULL;
}

static void print_ruling(const struct troth_context *context, json_t *ruling)
{
    const char *name = json_string_value(json_object_get(ruling, "ruling"));
    const char *from = json_string_value(json_object_get(ruling, "from"));
    const char *to = json_string_value(json_object_get(ruling, "to"));
    if (context->json) {
        json_incref(ruling);
        troth_redis_reader_print_json(ruling);
        return;
    }
    unsigned number = 0;
    while (number < TROTH_RULING_COUNT && strcmp(troth_ruling_name(number), name) != 0) {
        number++;
    }
    const char *meaning = number < TROTH_RULING_COUNT ? troth_ruling_meaning(number) : name;
    const char *action = json_string_value(json_object_get(ruling, "action"));
    const char *by = json_string_value(json_object_get(ruling, "by"));
    const bool claim = action != NULL && strcmp(action, troth_action_name(TROTH_ACTION_CLAIM)) == 0;
    if (claim && number == TROTH_RULING_UNCHANGED) {
        printf("claimed: the review is %s's to decide\n", by != NULL ? by : "yours");
    } else if (claim && number == TROTH_RULING_NOT_OPEN) {
        printf("no review is open there, so nothing was claimed; see troth review list\n");
    } else if (number == TROTH_RULING_UNCHANGED && effect_of(action) != NULL) {
        printf("taken: %s; at %s\n", effect_of(action), to != NULL ? to : "no rung");
    } else if (from != NULL && to != NULL && strcmp(from, to) != 0) {
        printf("%s: %s -> %s\n", meaning, from, to);
    } else {
        printf("%s%s%s\n", meaning, to != NULL ? ": at " : "", to != NULL ? to : "");
    }
}

static bool is_taken(const json_t *ruling)
{
    const char *name = json_string_value(json_object_get(ruling, "ruling"));
    return strcmp(name, troth_ruling_name(TROTH_RULING_APPLIED)) == 0 ||
           strcmp(name, troth_ruling_name(TROTH_RULING_UNCHANGED)) == 0;
}

/* Writes the record. Out offset. */
static bool write_record(const struct troth_context *context,
                         const struct troth_signed_record *made, int64_t at_us, int64_t *offset)
{
    static struct troth_sender sender;
    const struct troth_control_record *record = &made->record;
    if (troth_sender_open(&sender, context->config, "decisions") != TROTH_OK) {
        troth_message_error("%s", sender.error);
        return false;
    }
    const bool one = sender.partitions == 1;
    if (!one) {
        troth_message_error("topic %s has %" PRId32 " partitions and must have 1; see troth topics "
                            "check",
                            sender.topic, sender.partitions);
    }
    const bool sent = one &&
                      troth_sender_send_with(&sender, record->key, record->key_length,
                                             record->value, record->value_length, 0, made->headers,
                                             record->signature_count) == TROTH_OK &&
                      troth_sender_flush(&sender) == TROTH_OK;
    if (one && !sent) {
        troth_message_error("nothing was decided: %s", sender.error);
    }
    *offset = sender.last_offset;
    const int64_t apart_us = at_us - sender.last_time_us;
    if (sent && record->signature_count > 0 &&
        (apart_us > TROTH_SIGNED_WITHIN_US || apart_us < -TROTH_SIGNED_WITHIN_US)) {
        troth_message_warn("the clock of this machine and Kafka's are %" PRId64
                           " s apart: an engine that asks for signatures will not believe it; set "
                           "the clock",
                           apart_us / 1000000);
    }
    troth_sender_close(&sender);
    return sent;
}

/* Signs a decision, and judges it as the engine will. Out made: points into value. */
static bool sign(const struct troth_context *context, const struct troth_decide_options *options,
                 const struct troth_decision *decision, struct troth_signed_record *made)
{
    static uint8_t value[TROTH_DECISION_RECORD_MAX];
    static struct troth_signing_keys keys;
    struct troth_signing_rules rules;
    struct troth_signers signers;
    bool good = troth_signing_open(context->config, &rules) &&
                troth_signing_keys_open(context->config, &options->keys, &keys) &&
                troth_signing_make(&keys, TROTH_ROLE_OPERATOR, decision->agent, value,
                                   troth_decision_encode(decision, value), decision->at_us, made);
    troth_signing_keys_close(&keys);
    if (good && troth_signed_is_asked(&rules.signing, TROTH_ROLE_OPERATOR, decision->at_us)) {
        good = troth_signed_judge(rules.trust, TROTH_ROLE_OPERATOR, &made->record, &signers) ==
               TROTH_OK;
        if (!good) {
            troth_message_error("nothing was decided, as the engine would not believe it: %s",
                                signers.reason);
        }
    }
    troth_signing_close(&rules);
    return good;
}

int troth_decide_send(const struct troth_context *context,
                      const struct troth_decide_options *options,
                      const struct troth_decision *decision)
{
    static struct troth_rulings rulings;
    static struct troth_signed_record made;
    const int64_t wait_us = options->wait_us;
    char error[TROTH_KAFKA_ERROR_LENGTH];
    char id[HEX_LENGTH + 1];
    int64_t offset = -1;
    const char *wrong = troth_decision_check(decision);
    if (wrong != NULL) {
        troth_message_error("%s", wrong);
        return TROTH_EXIT_USAGE;
    }
    if (!sign(context, options, decision, &made)) {
        return TROTH_EXIT_NO;
    }
    sodium_bin2hex(id, sizeof id, decision->id, sizeof decision->id);
    if (wait_us > 0 && troth_rulings_open(&rulings, context->config, error) != TROTH_OK) {
        troth_message_error("%s", error);
        return TROTH_EXIT_NO;
    }
    if (!write_record(context, &made, decision->at_us, &offset)) {
        troth_rulings_close(&rulings);
        return TROTH_EXIT_NO;
    }
    json_t *ruling = wait_us > 0 ? troth_rulings_wait(&rulings, id, wait_us) : NULL;
    if (ruling != NULL) {
        print_ruling(context, ruling);
    } else if (context->json) {
        troth_redis_reader_print_json(
            json_pack("{s:s, s:I, s:n}", "decision", id, "offset", (json_int_t)offset, "ruling"));
    } else {
        printf("written: decision %s at offset %" PRId64 "\n", id, offset);
    }
    if (ruling == NULL && wait_us > 0) {
        char waited[TROTH_DURATION_LENGTH_MAX];
        (void)troth_duration_format(wait_us, waited);
        troth_message_error(
            "no engine has taken it within %s; it stands, and will be taken when one "
            "that owns the agent's partition runs (troth doctor)",
            waited);
    }
    const bool done = wait_us == 0 || (ruling != NULL && is_taken(ruling));
    json_decref(ruling);
    troth_rulings_close(&rulings);
    return done ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}

/* "7d" from now, or a time of microseconds. */
static bool parse_until(const char *text, int64_t *until_us)
{
    const struct troth_clock clock = troth_clock_system();
    int64_t duration_us = 0;
    if (troth_parse_duration(text, &duration_us)) {
        *until_us = clock.wall_us(clock.context) + duration_us;
        return true;
    }
    if (troth_parse_integer(text, until_us) && *until_us >= 0) {
        return true;
    }
    troth_message_error(
        "--until %s: must be a duration from now, as 7d, or microseconds since 1970", text);
    return false;
}

static int run(const struct troth_context *context, int argc, char **argv)
{
    struct troth_decide_options options = {.wait_us = TROTH_DECIDE_WAIT_US};
    const char *until = NULL;
    const struct troth_option known[] = {
        TROTH_DECIDE_OPTIONS(options),
        {.name = "until", .kind = TROTH_OPTION_TEXT, .target = &until},
    };
    struct troth_decision decision;
    int operands = 0;
    if (troth_options_parse(known, sizeof known / sizeof known[0], argc, argv, &operands) !=
        TROTH_OK) {
        return TROTH_EXIT_USAGE;
    }
    if (operands != 2 || options.contract == NULL || options.reason == NULL) {
        troth_message_error("usage: troth decide AGENT ACTION --contract NAME --reason TEXT; see "
                            "troth decide --help");
        return TROTH_EXIT_USAGE;
    }
    const unsigned action = troth_action_find(troth_text_of(argv[2]));
    if (action >= TROTH_ACTION_DISPUTE_OPEN) {
        troth_message_error("there is no action \"%s\"; it must be keep, narrow, review, pause, "
                            "restore, recertify or waive (for a dispute: troth dispute; to claim a "
                            "review: troth review claim)",
                            argv[2]);
        return TROTH_EXIT_USAGE;
    }
    if ((action == TROTH_ACTION_WAIVE) != (until != NULL)) {
        troth_message_error("--until says when a waiver ends, and only a waiver has one");
        return TROTH_EXIT_USAGE;
    }
    if (!troth_decide_make(&options, argv[1], (enum troth_action)action, &decision) ||
        (until != NULL && !parse_until(until, &decision.until_us))) {
        return TROTH_EXIT_USAGE;
    }
    return troth_decide_send(context, &options, &decision);
}

const struct troth_command troth_command_decide = {
    .name = "decide",
    .arguments = "AGENT ACTION --contract NAME --reason TEXT [--term TERM --until WHEN]",
    .summary = "keep, narrow, review, pause, restore, recertify an agent, or waive a term",
    .help = "  keep        a review that ends in no change\n"
            "  narrow      to at least that rung; review and pause likewise\n"
            "  restore     from narrow or review: to what the evidence allows, at best warn\n"
            "  recertify   all evidence starts anew; the only way out of pause\n"
            "  waive       with --term and --until (7d from now, or microseconds since 1970): the\n"
            "              term's conditions do not hold until then; its uses are counted\n"
            "\n"
            "  --by NAME      who decides (default: who is logged in)\n"
            "  --expect RUNG  refuse where the agent is on another rung by then\n"
            "  --key FILE     the secret key to sign with (default: signatures.key_file)\n"
            "  --id HEX       of the decision, so that sending it again repeats nothing\n"
            "  --wait TIME    for an engine to take it (default 30s; 0s: do not)\n"
            "\n"
            "The decision is a record of the decisions topic, and what became of it one of the\n"
            "interventions topic (schemas/decisions.md). Exit status 0: it was taken.\n",
    .run = run,
};
