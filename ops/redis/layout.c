#include "ops/redis/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/redis/layout_parts.h"
#include "ops/table.h"
#include "schemas/assert.h"

enum {
    NAMES_LENGTH_MAX = TROTH_CAPABILITIES_MAX * (TROTH_NAME_LENGTH_MAX + 1),
    CONTRACTS_LENGTH_MAX = TROTH_CONTRACTS_MAX * (TROTH_NAME_LENGTH_MAX + 1),
    WITNESS_LENGTH_MAX = 128, /* topic (prefix of at most 48 bytes), partition and offset */
    WITNESSES_LENGTH_MAX = (TROTH_WITNESSES_MAX + 1) * WITNESS_LENGTH_MAX
};

/* Adds the name of a field of a term. */
static inline void add_term_name(struct troth_resp *resp, const struct troth_term *term,
                                 const char *field)
{
    const struct troth_text parts[] = {troth_text_of("term."), troth_text_of(term->name),
                                       troth_text_of(field)};
    troth_resp_joined(resp, parts, 3);
}

static inline void add_term_integer(struct troth_resp *resp, const struct troth_term *term,
                                    const char *field, int64_t value)
{
    add_term_name(resp, term, field);
    troth_resp_integer(resp, value);
}

static inline void add_term_decimal(struct troth_resp *resp, const struct troth_term *term,
                                    const char *field, double value)
{
    add_term_name(resp, term, field);
    troth_resp_decimal(resp, value);
}

/* Joins names with commas. Returns the length. */
static size_t append_name(char *joined, size_t length, const char *name)
{
    const size_t more = strlen(name);
    if (length > 0) {
        joined[length++] = ',';
    }
    memcpy(joined + length, name, more);
    return length + more;
}

static void add_scope(struct troth_resp *resp, const struct troth_contract *contract, unsigned rung)
{
    const struct troth_scope *scope = troth_meet_scope(contract, rung);
    char names[NAMES_LENGTH_MAX];
    size_t length = 0;
    for (unsigned i = 0; i < contract->capability_count; i++) {
        if (scope->capabilities >> i & 1) {
            length = append_name(names, length, contract->capabilities[i]);
        }
    }
    add_decimal_field(resp, "traffic", scope->traffic);
    troth_resp_string(resp, "capabilities");
    troth_resp_bytes(resp, names, length);
    add_integer_field(resp, "max_cost_micros", scope->max_cost_micros);
}

static void add_share(struct troth_resp *resp, const struct troth_publication *standing, unsigned i)
{
    struct troth_standing_view *view = standing->view;
    const struct troth_term *term = &view->rules->contract->terms[i];
    add_term_decimal(resp, term, ".confidence", troth_sight_confidence(&view->sight, i));
    add_term_decimal(resp, term, ".freshness", troth_sight_freshness(&view->sight, i, 1.0));
    add_term_integer(resp, term, ".alarm", troth_alarm(view->standing, i));
}

static void add_terms(struct troth_resp *resp, const struct troth_publication *standing)
{
    struct troth_standing_view *view = standing->view;
    const struct troth_contract *contract = view->rules->contract;
    char names[NAMES_LENGTH_MAX];
    size_t length = 0;
    for (unsigned i = 0; i < contract->term_count; i++) {
        length = append_name(names, length, contract->terms[i].name);
    }
    troth_resp_string(resp, "terms");
    troth_resp_bytes(resp, names, length);
    for (unsigned i = 0; i < contract->term_count; i++) {
        const struct troth_term *term = &contract->terms[i];
        if (view->rules->terms[i].shares) {
            add_share(resp, standing, i);
        } else if (term->kind == TROTH_TERM_BUDGET) {
            int64_t sum = 0;
            (void)troth_window_amount(view->rules, view->standing, i, view->sight.instant, &sum);
            add_term_integer(resp, term, ".amount", sum);
        } else if (term->kind == TROTH_TERM_CADENCE) {
            add_term_decimal(resp, term, ".freshness", troth_sight_freshness(&view->sight, i, 1.0));
        }
    }
}

/* The record that caused the last change, and the last broken ones of the term that did. */
static void add_witnesses(struct troth_resp *resp, const char *prefix,
                          const struct troth_publication *standing)
{
    const struct troth_standing_view *view = standing->view;
    const int64_t cause = troth_past_of(view->rules, view->standing)->cause_offset;
    int64_t offsets[TROTH_WITNESSES_MAX + 1] = {cause};
    unsigned count = cause >= 0 ? 1 : 0;
    if (standing->why->term != TROTH_NO_TERM) {
        int64_t broken[TROTH_WITNESSES_MAX];
        const unsigned found =
            troth_witnesses(view->rules, view->standing, standing->why->term, broken);
        for (unsigned i = 0; i < found; i++) {
            if (broken[i] != cause) {
                offsets[count++] = broken[i];
            }
        }
    }
    char witnesses[WITNESSES_LENGTH_MAX];
    size_t length = 0;
    for (unsigned i = 0; i < count; i++) {
        char witness[WITNESS_LENGTH_MAX];
        snprintf(witness, sizeof witness, "%s.telemetry/%d/%lld", prefix, standing->partition,
                 (long long)offsets[i]);
        length = append_name(witnesses, length, witness);
    }
    troth_resp_string(resp, "witnesses");
    troth_resp_bytes(resp, witnesses, length);
}

/* Why it is where it is; left as it was where that is not known any more. */
static void add_why(struct troth_resp *resp, const char *prefix,
                    const struct troth_publication *standing)
{
    if (standing->why == NULL) {
        return;
    }
    char why[TROTH_WHY_LENGTH_MAX];
    const struct troth_cause *cause = standing->why;
    const char *term = cause->term != TROTH_NO_TERM
                           ? standing->view->rules->contract->terms[cause->term].name
                           : "";
    const size_t length =
        troth_redis_why(cause->condition, term, cause->observed, cause->limit, why);
    troth_resp_string(resp, "why");
    troth_resp_bytes(resp, why, length);
    add_string_field(resp, "cause", troth_condition_name(standing->why->condition));
    add_witnesses(resp, prefix, standing);
}

/* Since when it has been calm, and until when it must certify; 0 where that is not asked. Where it
 * is, it moves with the evidence. */
static void add_phase(struct troth_resp *resp, const struct troth_publication *standing)
{
    const struct troth_standing *state = standing->view->standing;
    const bool calms = state->rung == TROTH_RUNG_WARN || state->rung == TROTH_RUNG_NARROW;
    const bool calm = calms && state->phase_us != TROTH_NEVER_US;
    const bool certifies = state->rung == TROTH_RUNG_RECERTIFY;
    if (standing->whole || calms) {
        add_integer_field(resp, "calm_since", calm ? state->phase_us : 0);
    }
    if (standing->whole || certifies) {
        add_integer_field(
            resp, "certify_until",
            certifies ? troth_certification_end(standing->view->rules, state, standing->as_of_us)
                      : 0);
    }
}

/* The agent's version in force, where the contract asks, and when it was last heard. */
static void add_version(struct troth_resp *resp, const struct troth_publication *standing)
{
    const struct troth_rules *rules = standing->view->rules;
    const bool asks = rules->version_offset != 0;
    if (!standing->whole && !asks) {
        return;
    }
    const struct troth_heard *heard = asks ? troth_heard_of(rules, standing->view->standing) : NULL;
    char hash[2 * sizeof heard->hash + 1] = "";
    if (asks && heard->hash != 0) {
        snprintf(hash, sizeof hash, "%016" PRIx64, heard->hash);
    }
    add_string_field(resp, "agent_version", hash);
    add_integer_field(resp, "version_heard", asks ? heard->last_us : 0);
}

/* Adds the score of an agent in a sorted set, with a fraction that is the agent's own: so hardly
 * two are equal. There are a thousand whole scores for a hundred thousand agents, and among equals
 * Redis finds an agent's place by its name, for which it has to fetch each name that it compares.
 * 256ths are the same number in eight decimals and in a double, and are shown as they were written.
 */
static void add_place(struct troth_resp *resp, int64_t score, struct troth_text agent)
{
    const uint64_t part = troth_agents_hash(agent) % 256;
    troth_resp_decimal(resp, (double)score + (double)part / 256.0);
}

int64_t troth_redis_rank(unsigned rung, unsigned score)
{
    TROTH_ASSERT(rung < TROTH_RUNG_COUNT);
    return (int64_t)(TROTH_RUNG_COUNT - 1 - rung) * TROTH_REDIS_RANK_STEP + score;
}

/* What evidence and time move: the score, its ends, and each term's counts. */
static void add_moving(struct troth_resp *resp, const struct troth_publication *standing)
{
    const struct troth_standing_view *view = standing->view;
    const struct troth_contract *contract = view->rules->contract;
    const struct troth_score *score = &standing->score;
    add_integer_field(resp, "score", score->score);
    add_decimal_field(resp, "compliance", score->compliance);
    add_decimal_field(resp, "freshness", score->freshness);
    add_string_field(resp, "limiting",
                     score->limiting == TROTH_NO_TERM ? "" : contract->terms[score->limiting].name);
    add_integer_field(resp, "as_of", standing->as_of_us);
    add_integer_field(resp, "good_until", standing->good_until_us);
    add_integer_field(resp, "offer_until", standing->offer_until_us);
    for (unsigned i = 0; i < contract->term_count; i++) {
        uint64_t kept = 0;
        uint64_t broken = 0;
        troth_window_counts(view->rules, view->standing, i, view->sight.instant, &kept, &broken);
        add_term_integer(resp, &contract->terms[i], ".kept", (int64_t)kept);
        add_term_integer(resp, &contract->terms[i], ".broken", (int64_t)broken);
        if (view->standing->rung == TROTH_RUNG_RECERTIFY && view->rules->terms[i].shares) {
            const struct troth_tally *tally = troth_tally_of(view->rules, view->standing, i);
            add_term_integer(resp, &contract->terms[i], ".certify_kept", tally->kept);
            add_term_integer(resp, &contract->terms[i], ".certify_broken", tally->broken);
        }
    }
    add_phase(resp, standing);
}

static void add_still(struct troth_resp *resp, const char *prefix,
                      const struct troth_publication *standing)
{
    const struct troth_standing_view *view = standing->view;
    const struct troth_contract *contract = view->rules->contract;
    add_text_field(resp, "agent", view->agent);
    add_string_field(resp, "contract", contract->name);
    add_integer_field(resp, "contract_version", contract->version);
    add_integer_field(resp, "partition", standing->partition);
    add_string_field(resp, "mode", troth_mode_name(contract->mode));
    add_string_field(resp, "rung", troth_rung_name(view->standing->rung));
    add_integer_field(resp, "since", view->standing->since_us);
    add_scope(resp, contract, view->standing->rung);
    add_integer_field(resp, "guarded", standing->guarded);
    add_integer_field(resp, "relapses", view->standing->relapses);
    add_why(resp, prefix, standing);
    add_integer_field(resp, "detail_as_of", standing->as_of_us);
    add_terms(resp, standing);
}

void troth_redis_write_standing(struct troth_resp *resp, const char *prefix,
                                const struct troth_publication *standing)
{
    const struct troth_standing_view *view = standing->view;
    const struct troth_contract *contract = view->rules->contract;
    troth_resp_begin(resp, "HSET");
    add_key(resp, prefix, "standing", view->agent, contract->name);
    add_moving(resp, standing);
    add_version(resp, standing);
    if (standing->whole) {
        add_still(resp, prefix, standing);
        troth_redis_add_review(resp, standing);
    }
    troth_resp_end(resp);

    troth_resp_begin(resp, "ZADD");
    add_key(resp, prefix, "fleet", troth_text_of(contract->name), "");
    add_place(resp, troth_redis_rank(view->standing->rung, standing->score.score), view->agent);
    troth_resp_bytes(resp, view->agent.data, view->agent.length);
    troth_resp_end(resp);
    if (standing->whole) {
        troth_redis_write_listings(resp, prefix, standing);
    }
}

void troth_redis_write_standing_end(struct troth_resp *resp, const char *prefix,
                                    struct troth_text agent, const char *contract)
{
    troth_resp_begin(resp, "DEL");
    add_key(resp, prefix, "standing", agent, contract);
    troth_resp_end(resp);
    troth_resp_begin(resp, "ZREM");
    add_key(resp, prefix, "fleet", troth_text_of(contract), "");
    troth_resp_bytes(resp, agent.data, agent.length);
    troth_resp_end(resp);
    troth_redis_write_listings_end(resp, prefix, agent, contract);
}

bool troth_redis_is_routed(const struct troth_agent_publication *agent)
{
    return agent->meet.any && agent->meet.rung != TROTH_RUNG_PAUSE && agent->meet.traffic > 0.0;
}

bool troth_redis_is_probationary(const struct troth_agent_publication *agent)
{
    return troth_redis_is_routed(agent) && agent->meet.rung == TROTH_RUNG_RECERTIFY;
}

static void add_limiting(struct troth_resp *resp, const struct troth_meet *meet)
{
    const struct troth_contract *contract = meet->limiting;
    const bool has_term = contract != NULL && meet->limiting_term != TROTH_NO_TERM;
    const struct troth_text parts[] = {
        troth_text_of(contract != NULL ? contract->name : ""), troth_text_of("/"),
        troth_text_of(has_term ? contract->terms[meet->limiting_term].name : "")};
    troth_resp_string(resp, "limiting");
    troth_resp_joined(resp, parts, has_term ? 3 : 1);
}

static void add_capabilities(struct troth_resp *resp, const char *field, const char *const *names,
                             unsigned count)
{
    char joined[NAMES_LENGTH_MAX];
    size_t length = 0;
    for (unsigned i = 0; i < count; i++) {
        length = append_name(joined, length, names[i]);
    }
    troth_resp_string(resp, field);
    troth_resp_bytes(resp, joined, length);
}

static void add_contracts(struct troth_resp *resp, const struct troth_meet *meet)
{
    char joined[CONTRACTS_LENGTH_MAX];
    size_t length = 0;
    for (unsigned i = 0; i < meet->contract_count; i++) {
        length = append_name(joined, length, meet->contracts[i]->name);
    }
    troth_resp_string(resp, "contracts");
    troth_resp_bytes(resp, joined, length);
    add_string_field(resp, "consequence", troth_consequence_name(meet->consequence));
}

/* What changes with a rung or a contract alone. */
static void add_agent_still(struct troth_resp *resp, const struct troth_agent_publication *agent)
{
    const struct troth_meet *meet = &agent->meet;
    add_text_field(resp, "agent", agent->agent);
    add_integer_field(resp, "partition", agent->partition);
    add_string_field(resp, "rung", troth_rung_name(meet->rung));
    add_decimal_field(resp, "traffic", meet->traffic);
    add_capabilities(resp, "capabilities", meet->capabilities, meet->capability_count);
    add_integer_field(resp, "max_cost_micros", meet->max_cost_micros);
    add_decimal_field(resp, "narrow_traffic", meet->narrowed.traffic);
    add_capabilities(resp, "narrow_capabilities", meet->narrowed.capabilities,
                     meet->narrowed.capability_count);
    add_integer_field(resp, "narrow_max_cost_micros", meet->narrowed.max_cost_micros);
    add_contracts(resp, meet);
    add_integer_field(resp, "guarded", agent->meet.guarded);
}

/* Puts an agent into the set of one of its capabilities, by its score. */
static void write_route(struct troth_resp *resp, const char *prefix, const char *capability,
                        int64_t score, struct troth_text agent)
{
    troth_resp_begin(resp, "ZADD");
    add_key(resp, prefix, "route", troth_text_of(capability), "");
    add_place(resp, score, agent);
    troth_resp_bytes(resp, agent.data, agent.length);
    troth_resp_end(resp);
}

/* Into the one of those on probation, where all have 0. */
static void write_probation(struct troth_resp *resp, const char *prefix, const char *capability,
                            struct troth_text agent)
{
    troth_resp_begin(resp, "ZADD");
    add_key(resp, prefix, "probation", troth_text_of(capability), "");
    troth_resp_integer(resp, 0);
    troth_resp_bytes(resp, agent.data, agent.length);
    troth_resp_end(resp);
}

static void write_end_of_place(struct troth_resp *resp, const char *prefix, const char *kind,
                               const char *capability, struct troth_text agent)
{
    troth_resp_begin(resp, "ZREM");
    add_key(resp, prefix, kind, troth_text_of(capability), "");
    troth_resp_bytes(resp, agent.data, agent.length);
    troth_resp_end(resp);
}

void troth_redis_write_agent(struct troth_resp *resp, const char *prefix,
                             const struct troth_agent_publication *agent, bool enters)
{
    const struct troth_meet *meet = &agent->meet;
    if (!meet->any) {
        troth_redis_write_agent_end(resp, prefix, agent->agent);
        return;
    }
    troth_resp_begin(resp, "HSET");
    add_key(resp, prefix, "agent", agent->agent, "");
    add_integer_field(resp, "score", meet->score);
    add_integer_field(resp, "good_until", meet->good_until_us);
    add_integer_field(resp, "offer_until", meet->offer_until_us);
    add_limiting(resp, meet);
    add_integer_field(resp, "as_of", agent->as_of_us);
    if (agent->whole) {
        add_agent_still(resp, agent);
    }
    troth_resp_end(resp);
    for (unsigned i = 0; troth_redis_is_routed(agent) && i < meet->capability_count; i++) {
        write_route(resp, prefix, meet->capabilities[i], meet->score, agent->agent);
        if (enters && troth_redis_is_probationary(agent)) {
            write_probation(resp, prefix, meet->capabilities[i], agent->agent);
        }
    }
}

void troth_redis_write_agent_end(struct troth_resp *resp, const char *prefix,
                                 struct troth_text agent)
{
    troth_resp_begin(resp, "DEL");
    add_key(resp, prefix, "agent", agent, "");
    troth_resp_end(resp);
}

void troth_redis_write_unroute(struct troth_resp *resp, const char *prefix, struct troth_text agent,
                               const char *capability)
{
    write_end_of_place(resp, prefix, "route", capability, agent);
}

void troth_redis_write_unprobation(struct troth_resp *resp, const char *prefix,
                                   struct troth_text agent, const char *capability)
{
    write_end_of_place(resp, prefix, "probation", capability, agent);
}

void troth_redis_write_contract(struct troth_resp *resp, const char *prefix,
                                const struct troth_contract *contract, const char *json,
                                size_t json_length)
{
    troth_resp_begin(resp, "HSET");
    add_key(resp, prefix, "contract", troth_text_of(contract->name), "");
    add_integer_field(resp, "version", contract->version);
    troth_resp_string(resp, "json");
    troth_resp_bytes(resp, json, json_length);
    troth_resp_end(resp);
    troth_resp_begin(resp, "SADD");
    add_global_key(resp, prefix, "contracts");
    troth_resp_string(resp, contract->name);
    troth_resp_end(resp);
}

void troth_redis_write_capability(struct troth_resp *resp, const char *prefix,
                                  const char *capability)
{
    troth_resp_begin(resp, "SADD");
    add_global_key(resp, prefix, "capabilities");
    troth_resp_string(resp, capability);
    troth_resp_end(resp);
}

void troth_redis_write_outage(struct troth_resp *resp, const char *prefix,
                              const struct troth_outage_publication *outage)
{
    char place[TROTH_NAME_LENGTH_MAX + 16];
    const int length =
        snprintf(place, sizeof place, "%s:%d", outage->contract, (int)outage->partition);
    const struct troth_text name = {place, (uint32_t)length};
    troth_resp_begin(resp, outage->running ? "HSET" : "DEL");
    add_key(resp, prefix, "outage", name, "");
    if (outage->running) {
        add_string_field(resp, "contract", outage->contract);
        add_integer_field(resp, "partition", outage->partition);
        add_integer_field(resp, "since", outage->since_us);
        add_integer_field(resp, "hit", outage->hit);
        add_integer_field(resp, "standings", outage->standings);
        add_integer_field(resp, "guarded_until", outage->guarded_until_us);
        add_integer_field(resp, "as_of", outage->as_of_us);
    }
    troth_resp_end(resp);
    troth_resp_begin(resp, outage->running ? "SADD" : "SREM");
    add_global_key(resp, prefix, "outages");
    troth_resp_bytes(resp, name.data, name.length);
    troth_resp_end(resp);
}

static void begin_entry(struct troth_resp *resp, const struct troth_redis_stream *stream)
{
    troth_resp_begin(resp, "XADD");
    add_global_key(resp, stream->prefix, "interventions");
    troth_resp_string(resp, "MAXLEN");
    troth_resp_string(resp, "~");
    troth_resp_integer(resp, stream->length);
    troth_resp_string(resp, "*");
}

void troth_redis_write_record(struct troth_resp *resp, const struct troth_redis_stream *stream,
                              const char *record, size_t record_length, bool narrowed)
{
    begin_entry(resp, stream);
    troth_resp_string(resp, "record");
    troth_resp_bytes(resp, record, record_length);
    troth_resp_end(resp);
    if (narrowed) {
        troth_resp_begin(resp, "PUBLISH");
        add_global_key(resp, stream->prefix, "narrowed");
        troth_resp_bytes(resp, record, record_length);
        troth_resp_end(resp);
    }
}

void troth_redis_write_restated(struct troth_resp *resp, const struct troth_redis_stream *stream,
                                int32_t partition)
{
    begin_entry(resp, stream);
    troth_resp_string(resp, "restated");
    troth_resp_integer(resp, partition);
    troth_resp_end(resp);
}

size_t troth_redis_why(unsigned condition, const char *term, double seen, double limit,
                       char out[TROTH_WHY_LENGTH_MAX])
{
    const size_t size = TROTH_WHY_LENGTH_MAX;
    char duration[TROTH_DURATION_LENGTH_MAX];
    int length = 0;
    switch ((enum troth_condition)condition) {
    case TROTH_CONDITION_NEVER:
        length = snprintf(out, size, "%s was broken %.0f time%s", term, seen, seen > 1 ? "s" : "");
        break;
    case TROTH_CONDITION_BUDGET:
        length = snprintf(out, size, "%s at %.0f above %.0f", term, seen, limit);
        break;
    case TROTH_CONDITION_CONFIDENCE:
        length = snprintf(out, size, "confidence of %s %.4g below %g", term, seen, limit);
        break;
    case TROTH_CONDITION_CHANGE:
        length = snprintf(out, size, "change in %s, %.3g at or above %.3g", term, seen, limit);
        break;
    case TROTH_CONDITION_FRESHNESS:
        length = snprintf(out, size, "freshness %.4g below %g", seen, limit);
        break;
    case TROTH_CONDITION_DISPUTES:
        length = snprintf(out, size, "%.0f disputes open", seen);
        break;
    case TROTH_CONDITION_CALM:
        (void)troth_duration_format((int64_t)seen, duration);
        length = snprintf(out, size, "calm for %s", duration);
        break;
    case TROTH_CONDITION_CERTIFIED:
        length = snprintf(out, size, "certified");
        break;
    case TROTH_CONDITION_DEADLINE:
        length = snprintf(out, size, "not certified in time");
        break;
    case TROTH_CONDITION_DECISION:
        length = snprintf(out, size, "a decision");
        break;
    case TROTH_CONDITION_VERSION:
        length = snprintf(out, size, "a new version of the agent");
        break;
    case TROTH_CONDITION_NONE:
    case TROTH_CONDITION_COUNT:
        length = snprintf(out, size, "new, so nothing is proven yet");
        break;
    }
    return (size_t)length;
}
