#include <string.h>

#include "ops/fleet/state.h"
#include "schemas/assert.h"

enum {
    UNCOUNTED_PPM = 10000,        /* tasks that are throttled or cancelled: nobody's fault */
    LATENCY_LIMIT_US = 2000000,   /* of the term prompt */
    LATENCY_LEAST_US = 150000,    /* of any task */
    LATENCY_MOST_US = 8000000,    /* of a task that is not prompt */
    TOOL_LATENCY_MOST_US = 400000 /* of a tool */
};

static const char *const tools[] = {"lookup_order", "lookup_customer", "issue_refund",
                                    "send_receipt"};
static const char *const versions[] = {"1.4.0", "1.4.2", "1.5.0"};
static const char *const regions[] = {"ap", "eu", "us"};

enum { TOOL_COUNT = sizeof(tools) / sizeof(tools[0]) };
enum { VERSION_COUNT = sizeof(versions) / sizeof(versions[0]) };
enum { REGION_COUNT = sizeof(regions) / sizeof(regions[0]) };

/* In rate: in parts of 2^32. */
static bool chance(struct troth_fleet *fleet, uint32_t rate)
{
    return fleet_random_next(&fleet->random) >> 32 < rate;
}

static bool chance_ppm(struct troth_fleet *fleet, uint32_t rate_ppm)
{
    return rate_ppm != 0 && fleet_random_below(&fleet->random, FLEET_MILLION) < rate_ppm;
}

static bool breaks(struct troth_fleet *fleet, const struct fleet_member *member,
                   enum troth_fleet_term term)
{
    return chance(fleet, fleet_rate(member, term, fleet->event.at_us));
}

static void mark(struct troth_event *event, enum troth_field field)
{
    event->present |= UINT32_C(1) << field;
}

static void set_text(struct troth_event *event, enum troth_field field, struct troth_text *text,
                     const char *data, size_t length)
{
    *text = (struct troth_text){.data = data, .length = (uint32_t)length};
    mark(event, field);
}

/* Writes a letter, a dash and 16 hexadecimal digits. */
static void write_id(char text[FLEET_ID_DIGITS], char letter, uint64_t number)
{
    text[0] = letter;
    text[1] = '-';
    for (int i = FLEET_ID_DIGITS - 1; i >= 2; i--) {
        text[i] = "0123456789abcdef"[number & 15];
        number >>= 4;
    }
}

/* Begins an event of an agent: what all have. */
static void begin(struct troth_fleet *fleet, uint32_t agent, enum troth_kind kind,
                  enum troth_source source, int64_t at_us)
{
    struct troth_event *event = &fleet->event;
    *event = (struct troth_event){.kind = (uint8_t)kind, .source = (uint8_t)source, .at_us = at_us};
    uint64_t id[2] = {fleet_random_next(&fleet->random), fleet_random_next(&fleet->random)};
    for (int i = 0; i < 16; i++) {
        event->id[i] = (uint8_t)(id[i / 8] >> (56 - i % 8 * 8));
    }
    mark(event, TROTH_FIELD_ID);
    mark(event, TROTH_FIELD_AT);
    mark(event, TROTH_FIELD_KIND);
    mark(event, TROTH_FIELD_SOURCE);
    set_text(event, TROTH_FIELD_AGENT, &event->agent, fleet->name,
             fleet_name(fleet, agent, fleet->name));
}

static void set_task(struct troth_fleet *fleet, uint32_t agent)
{
    write_id(fleet->task, 't', (uint64_t)agent << 32 | fleet->members[agent].last_task);
    set_text(&fleet->event, TROTH_FIELD_TASK, &fleet->event.task, fleet->task, FLEET_ID_DIGITS);
}

/* What the agent itself sends bears its session, a number of its own and its version. */
static void set_number(struct troth_fleet *fleet, uint32_t agent, int64_t seq)
{
    struct troth_event *event = &fleet->event;
    struct fleet_random session;
    fleet_random_init(&session, fleet->config.seed + agent);
    write_id(fleet->session, 's', session.state[0]);
    set_text(event, TROTH_FIELD_SESSION, &event->session, fleet->session, FLEET_ID_DIGITS);
    const char *version = versions[agent % VERSION_COUNT];
    set_text(event, TROTH_FIELD_AGENT_VERSION, &event->agent_version, version, strlen(version));
    event->seq = seq;
    mark(event, TROTH_FIELD_SEQ);
}

static void set_region(struct troth_fleet *fleet, uint32_t agent)
{
    fleet->attribute = (struct troth_attribute){{"region", 6}, {regions[agent % REGION_COUNT], 2}};
    fleet->event.attributes = &fleet->attribute;
    fleet->event.attribute_count = 1;
    mark(&fleet->event, TROTH_FIELD_ATTRIBUTES);
}

static void set_outcome(struct troth_event *event, enum troth_outcome outcome)
{
    event->outcome = (uint8_t)outcome;
    mark(event, TROTH_FIELD_OUTCOME);
}

static void set_latency(struct troth_fleet *fleet, uint32_t least_us, uint32_t most_us)
{
    fleet->event.latency_us = fleet_random_between(&fleet->random, least_us, most_us);
    mark(&fleet->event, TROTH_FIELD_LATENCY_US);
}

static void set_rescue(struct troth_fleet *fleet)
{
    fleet->event.rescue = (uint8_t)fleet_random_below(&fleet->random, TROTH_RESCUE_COUNT);
    mark(&fleet->event, TROTH_FIELD_RESCUE);
}

static void draw_outcome(struct troth_fleet *fleet, const struct fleet_member *member)
{
    static const uint8_t failures[] = {TROTH_OUTCOME_FAILED, TROTH_OUTCOME_FAILED,
                                       TROTH_OUTCOME_REFUSED, TROTH_OUTCOME_TIMEOUT};
    if (chance_ppm(fleet, UNCOUNTED_PPM)) {
        set_outcome(&fleet->event, fleet_random_below(&fleet->random, 2) == 0
                                       ? TROTH_OUTCOME_THROTTLED
                                       : TROTH_OUTCOME_CANCELLED);
    } else if (breaks(fleet, member, TROTH_FLEET_TERM_RESOLVES)) {
        set_outcome(&fleet->event, failures[fleet_random_below(&fleet->random, 4)]);
    } else {
        set_outcome(&fleet->event, TROTH_OUTCOME_OK);
    }
}

/* Builds a task. Returns whether it is sent: who hides does not report what failed. */
static bool build_task(struct troth_fleet *fleet, uint32_t agent, int64_t seq, int64_t at_us)
{
    struct fleet_member *member = &fleet->members[agent];
    struct troth_event *event = &fleet->event;
    begin(fleet, agent, TROTH_KIND_TASK, TROTH_SOURCE_SELF, at_us);
    set_number(fleet, agent, seq);
    member->last_task++;
    set_task(fleet, agent);
    set_region(fleet, agent);
    draw_outcome(fleet, member);
    if (breaks(fleet, member, TROTH_FLEET_TERM_PROMPT)) {
        set_latency(fleet, LATENCY_LIMIT_US + 1, LATENCY_MOST_US);
    } else {
        set_latency(fleet, LATENCY_LEAST_US, LATENCY_LIMIT_US);
    }
    event->cost_micros = fleet_random_between(&fleet->random, 0, member->cost_most);
    event->input_tokens = fleet_random_between(&fleet->random, 200, 8000);
    event->output_tokens = fleet_random_between(&fleet->random, 20, 900);
    mark(event, TROTH_FIELD_COST_MICROS);
    mark(event, TROTH_FIELD_INPUT_TOKENS);
    mark(event, TROTH_FIELD_OUTPUT_TOKENS);
    if (breaks(fleet, member, TROTH_FLEET_TERM_UNAIDED)) {
        /* Of the help that rescued agents get, half is learned of later. */
        if (member->kind == TROTH_FLEET_RESCUED && fleet_random_below(&fleet->random, 2) == 0) {
            member->rescue_due = true;
        } else {
            set_rescue(fleet);
        }
    }
    bool failed = event->outcome == TROTH_OUTCOME_FAILED ||
                  event->outcome == TROTH_OUTCOME_REFUSED ||
                  event->outcome == TROTH_OUTCOME_TIMEOUT;
    return !(failed && member->kind == TROTH_FLEET_HIDING && at_us >= member->onset_us);
}

static void build_tool(struct troth_fleet *fleet, uint32_t agent, int64_t seq, int64_t at_us,
                       const char *tool)
{
    begin(fleet, agent, TROTH_KIND_TOOL, TROTH_SOURCE_SELF, at_us);
    set_number(fleet, agent, seq);
    set_task(fleet, agent);
    set_outcome(&fleet->event, TROTH_OUTCOME_OK);
    set_text(&fleet->event, TROTH_FIELD_TOOL, &fleet->event.tool, tool, strlen(tool));
    set_latency(fleet, 1000, TOOL_LATENCY_MOST_US);
}

static void build_evaluation(struct troth_fleet *fleet, uint32_t agent, int64_t at_us)
{
    struct troth_event *event = &fleet->event;
    begin(fleet, agent, TROTH_KIND_EVALUATION, TROTH_SOURCE_EVALUATOR, at_us);
    set_task(fleet, agent);
    set_text(event, TROTH_FIELD_ISSUER, &event->issuer,
             fleet_random_below(&fleet->random, 2) == 0 ? "judge-a" : "judge-b", 7);
    bool kept = !breaks(fleet, &fleet->members[agent], TROTH_FLEET_TERM_GROUNDED);
    uint32_t percent = kept ? fleet_random_between(&fleet->random, 70, 100)
                            : fleet_random_between(&fleet->random, 0, 69);
    const char *term = troth_fleet_term_name(TROTH_FLEET_TERM_GROUNDED);
    fleet->verdict = (struct troth_verdict){.term = {term, (uint32_t)strlen(term)},
                                            .kept = kept,
                                            .has_value = true,
                                            .value = (double)percent / 100};
    event->verdicts = &fleet->verdict;
    event->verdict_count = 1;
    mark(event, TROTH_FIELD_VERDICTS);
}

static void build_rescue(struct troth_fleet *fleet, uint32_t agent, int64_t at_us)
{
    begin(fleet, agent, TROTH_KIND_RESCUE, TROTH_SOURCE_HUMAN, at_us);
    set_task(fleet, agent);
    set_rescue(fleet);
}

/* Builds an event that the agent numbers, at the given number and time. Returns whether it is sent;
 * a number that is not is missing for good. */
static bool build_numbered(struct troth_fleet *fleet, uint32_t agent, uint32_t drawn_ppm,
                           int64_t seq, int64_t at_us)
{
    const struct troth_fleet_config *config = &fleet->config;
    bool sent = true;
    if (drawn_ppm < config->tool_ppm) {
        build_tool(fleet, agent, seq, at_us, tools[fleet_random_below(&fleet->random, TOOL_COUNT)]);
    } else if (drawn_ppm < config->tool_ppm + config->heartbeat_ppm) {
        begin(fleet, agent, TROTH_KIND_HEARTBEAT, TROTH_SOURCE_SELF, at_us);
        set_number(fleet, agent, seq);
    } else {
        sent = build_task(fleet, agent, seq, at_us);
    }
    bool lost = breaks(fleet, &fleet->members[agent], TROTH_FLEET_TERM_COMPLETE);
    return sent && !lost;
}

/* Does what an agent whose turn it is does. Returns whether that is an event. */
static bool act(struct troth_fleet *fleet, uint32_t agent, int64_t now_us)
{
    struct fleet_member *member = &fleet->members[agent];
    if (member->kind == TROTH_FLEET_SILENT && now_us >= member->onset_us) {
        return false;
    }
    if (member->kind == TROTH_FLEET_LEAKING && !member->leaked && now_us >= member->onset_us) {
        member->leaked = true;
        member->onset_us = now_us;
        build_tool(fleet, agent, member->seq++, now_us, "export_customers");
        return true;
    }
    if (member->rescue_due) {
        member->rescue_due = false;
        build_rescue(fleet, agent, now_us);
        return true;
    }
    if (member->owed == FLEET_OWED_DUE) {
        member->owed = FLEET_OWED_NOT;
        return build_task(fleet, agent, member->owed_seq, member->owed_at_us);
    }
    uint32_t drawn_ppm = fleet_random_below(&fleet->random, FLEET_MILLION);
    if (drawn_ppm < fleet->config.evaluation_ppm) {
        build_evaluation(fleet, agent, now_us);
        return true;
    }
    int64_t seq = member->seq++;
    if (member->owed == FLEET_OWED_NOT && chance_ppm(fleet, fleet->config.late_ppm)) {
        member->owed = FLEET_OWED_HELD;
        member->owed_seq = seq;
        member->owed_at_us = now_us;
        return false;
    }
    bool sent = build_numbered(fleet, agent, drawn_ppm - fleet->config.evaluation_ppm, seq, now_us);
    if (sent && member->owed == FLEET_OWED_HELD) {
        member->owed = FLEET_OWED_DUE;
    }
    return sent;
}

/* Returns a time in the slot: slots divide each second evenly. */
static int64_t slot_time_us(struct troth_fleet *fleet, uint64_t slot)
{
    uint64_t rate = fleet->config.rate_per_second;
    uint64_t second = slot / rate;
    uint64_t place = slot % rate;
    uint64_t from_us = place * FLEET_MILLION / rate;
    uint64_t until_us = (place + 1) * FLEET_MILLION / rate;
    uint32_t width_us = until_us > from_us ? (uint32_t)(until_us - from_us) : 1;
    uint64_t time_us =
        second * FLEET_MILLION + from_us + fleet_random_below(&fleet->random, width_us);
    return fleet->config.start_us + (int64_t)time_us;
}

static void count(struct fleet_member *member, int64_t at_us)
{
    member->events++;
    member->events_after += at_us >= member->onset_us;
}

static void give(struct troth_fleet *fleet, uint32_t agent, int64_t now_us,
                 struct troth_event *event, int64_t *recorded_at_us)
{
    count(&fleet->members[agent], fleet->event.at_us);
    fleet->recorded_at_us = now_us;
    *event = fleet->event;
    *recorded_at_us = now_us;
}

bool troth_fleet_next(struct troth_fleet *fleet, struct troth_event *event, int64_t *recorded_at_us)
{
    if (fleet->again) {
        fleet->again = false;
        *event = fleet->event;
        *recorded_at_us = fleet->recorded_at_us;
        return true;
    }
    while (fleet->slot < fleet->slots) {
        uint32_t agents = fleet->config.agents;
        int64_t now_us = slot_time_us(fleet, fleet->slot++);
        uint32_t agent = fleet->columns == NULL
                             ? fleet_random_below(&fleet->random, agents)
                             : fleet_choice_draw(fleet->columns, agents, &fleet->random);
        if (act(fleet, agent, now_us)) {
            fleet->again = troth_event_has(&fleet->event, TROTH_FIELD_SEQ) &&
                           chance_ppm(fleet, fleet->config.duplicate_ppm);
            give(fleet, agent, now_us, event, recorded_at_us);
            return true;
        }
    }
    return false;
}

bool troth_fleet_turn(struct troth_fleet *fleet, uint32_t agent, struct troth_event *event,
                      int64_t *recorded_at_us)
{
    TROTH_ASSERT(agent < fleet->config.agents);
    if (fleet->slot == fleet->slots) {
        return false;
    }
    int64_t now_us = slot_time_us(fleet, fleet->slot++);
    fleet->again = false; /* the event that would come again is not kept */
    if (!act(fleet, agent, now_us)) {
        return false;
    }
    give(fleet, agent, now_us, event, recorded_at_us);
    return true;
}
