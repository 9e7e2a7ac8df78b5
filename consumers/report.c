#include "consumers/report.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "scoring/meet.h"

enum { ID_BYTES = TROTH_ID_LENGTH / 2 };

static void hash_integer(crypto_generichash_state *state, int64_t value)
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)((uint64_t)value >> (56 - 8 * i));
    }
    crypto_generichash_update(state, bytes, sizeof bytes);
}

/* Length first, so that no two lists of texts read alike. */
static void hash_text(crypto_generichash_state *state, const char *data, size_t length)
{
    hash_integer(state, (int64_t)length);
    crypto_generichash_update(state, (const unsigned char *)data, length);
}

void troth_report_id(const struct troth_report_origin *origin,
                     const struct troth_intervention *intervention, char id[TROTH_ID_LENGTH + 1])
{
    unsigned char digest[ID_BYTES];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    hash_integer(&state, origin->era);
    hash_integer(&state, origin->partition);
    hash_integer(&state, intervention->cause_offset);
    hash_text(&state, intervention->agent.data, intervention->agent.length);
    hash_text(&state, intervention->contract->name, strlen(intervention->contract->name));
    hash_integer(&state, intervention->ordinal);
    crypto_generichash_final(&state, digest, sizeof digest);
    sodium_bin2hex(id, TROTH_ID_LENGTH + 1, digest, sizeof digest);
}

static json_t *term_name(const struct troth_contract *contract, unsigned term)
{
    return term == TROTH_NO_TERM ? json_null() : json_string(contract->terms[term].name);
}

/* A number that is a count is written as one. */
static json_t *number(double value)
{
    const bool whole = value >= -9e15 && value <= 9e15 && value == (double)(json_int_t)value;
    return whole ? json_integer((json_int_t)value) : json_real(value);
}

json_t *troth_report_cause(const struct troth_contract *contract, const struct troth_cause *cause)
{
    json_t *object = json_object();
    json_object_set_new(object, "condition", json_string(troth_condition_name(cause->condition)));
    json_object_set_new(object, "term", term_name(contract, cause->term));
    json_object_set_new(object, "observed", number(cause->observed));
    json_object_set_new(object, "limit", number(cause->limit));
    return object;
}

static json_t *report_scope(const struct troth_contract *contract, unsigned rung)
{
    const struct troth_scope *scope = troth_meet_scope(contract, rung);
    json_t *object = json_object();
    json_t *capabilities = json_array();
    for (unsigned i = 0; i < contract->capability_count; i++) {
        if (scope->capabilities >> i & 1) {
            json_array_append_new(capabilities, json_string(contract->capabilities[i]));
        }
    }
    json_object_set_new(object, "traffic", number(scope->traffic));
    json_object_set_new(object, "capabilities", capabilities);
    json_object_set_new(object, "max_cost_micros",
                        scope->max_cost_micros < 0 ? json_null()
                                                   : json_integer(scope->max_cost_micros));
    return object;
}

static json_t *report_witness(const struct troth_report_origin *origin, int64_t offset)
{
    json_t *object = json_object();
    json_object_set_new(object, "topic", json_string(origin->topic));
    json_object_set_new(object, "partition", json_integer(origin->partition));
    json_object_set_new(object, "offset", json_integer(offset));
    return object;
}

static json_t *report_record(const struct troth_decision *decision)
{
    json_t *object = json_object();
    json_object_set_new(object, "topic",
                        json_stringn(decision->topic.data, decision->topic.length));
    json_object_set_new(object, "partition", json_integer(decision->partition));
    json_object_set_new(object, "offset", json_integer(decision->offset));
    return object;
}

static json_t *report_counts(const struct troth_intervention *told)
{
    json_t *counts = json_object();
    for (unsigned i = 0; i < told->contract->term_count; i++) {
        json_t *term = json_object();
        json_object_set_new(term, "kept", json_integer((json_int_t)told->kept[i]));
        json_object_set_new(term, "broken", json_integer((json_int_t)told->broken[i]));
        json_object_set_new(counts, told->contract->terms[i].name, term);
    }
    return counts;
}

static json_t *report_witnesses(const struct troth_report_origin *origin,
                                const struct troth_intervention *told)
{
    json_t *witnesses = json_array();
    json_array_append_new(witnesses, report_witness(origin, told->cause_offset));
    for (unsigned i = 0; i < told->witness_count; i++) {
        if (told->witness_offsets[i] != told->cause_offset) {
            json_array_append_new(witnesses, report_witness(origin, told->witness_offsets[i]));
        }
    }
    return witnesses;
}

static json_t *text(struct troth_text value)
{
    return value.data == NULL ? json_null() : json_stringn(value.data, value.length);
}

static json_t *decision_id(const struct troth_decision *decision)
{
    char id[2 * TROTH_DECISION_ID_LENGTH + 1];
    sodium_bin2hex(id, sizeof id, decision->id, sizeof decision->id);
    return json_string(id);
}

/* Who decided, and why; null where it was the ladder. */
static json_t *report_decision(const struct troth_decision *decision)
{
    if (decision == NULL) {
        return json_null();
    }
    json_t *object = json_object();
    json_object_set_new(object, "id", decision_id(decision));
    json_object_set_new(object, "by", text(decision->by));
    json_object_set_new(object, "reason", text(decision->reason));
    return object;
}

json_t *troth_report_intervention(const struct troth_report_origin *origin,
                                  const struct troth_intervention *told)
{
    const bool narrowing = told->narrowing;
    char id[TROTH_ID_LENGTH + 1];
    json_t *object = json_object();
    troth_report_id(origin, told, id);
    json_object_set_new(object, "id", json_string(id));
    json_object_set_new(object, "agent", json_stringn(told->agent.data, told->agent.length));
    json_object_set_new(object, "contract", json_string(told->contract->name));
    json_object_set_new(object, "contract_version", json_integer(told->contract->version));
    json_object_set_new(object, "from", json_string(troth_rung_name(told->from)));
    json_object_set_new(object, "to", json_string(troth_rung_name(told->to)));
    json_object_set_new(object, "from_since", json_integer(told->from_since_us));
    json_object_set_new(object, "narrowing", json_boolean(narrowing));
    json_object_set_new(object, "cause", troth_report_cause(told->contract, &told->cause));
    json_object_set_new(object, "score", json_integer(told->score.score));
    json_object_set_new(object, "compliance", json_real(told->score.compliance));
    json_object_set_new(object, "freshness", json_real(told->score.freshness));
    json_object_set_new(object, "terms", report_counts(told));
    json_object_set_new(object, "decided_at", json_integer(told->decided_at_us));
    json_object_set_new(object, "degraded_at",
                        narrowing ? json_integer(told->degraded_at_us) : json_null());
    json_object_set_new(object, "time_to_narrow_us",
                        narrowing ? json_integer(told->decided_at_us - told->degraded_at_us)
                                  : json_null());
    json_object_set_new(object, "exposed_tasks", json_integer(told->exposed_tasks));
    json_object_set_new(object, "exposed_cost_micros", json_integer(told->exposed_cost_micros));
    json_object_set_new(object, "scope", report_scope(told->contract, told->to));
    json_object_set_new(object, "witnesses", report_witnesses(origin, told));
    json_object_set_new(object, "decision", report_decision(told->decision));
    json_object_set_new(object, "mode", json_string(troth_mode_name(told->contract->mode)));
    return object;
}

static json_t *rung(unsigned number)
{
    return number < TROTH_RUNG_COUNT ? json_string(troth_rung_name(number)) : json_null();
}

/* As of an intervention, and of the decision: one pointer may bring several. */
static json_t *ruling_id(const struct troth_report_origin *origin, int64_t offset,
                         const struct troth_decision *decision)
{
    unsigned char digest[ID_BYTES];
    char id[TROTH_ID_LENGTH + 1];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    hash_integer(&state, origin->era);
    hash_integer(&state, origin->partition);
    hash_integer(&state, offset);
    hash_text(&state, (const char *)decision->id, sizeof decision->id);
    crypto_generichash_final(&state, digest, sizeof digest);
    sodium_bin2hex(id, sizeof id, digest, sizeof digest);
    return json_string(id);
}

json_t *troth_report_ruling(const struct troth_report_origin *origin,
                            const struct troth_decision *decision, const struct troth_ruled *ruled,
                            int64_t pointer_offset, int64_t decided_at_us)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", ruling_id(origin, pointer_offset, decision));
    json_object_set_new(object, "decision", decision_id(decision));
    json_object_set_new(object, "agent", text(decision->agent));
    json_object_set_new(object, "contract", text(decision->contract));
    json_object_set_new(object, "action", json_string(troth_action_name(decision->action)));
    json_object_set_new(object, "ruling", json_string(troth_ruling_name(ruled->ruling)));
    json_object_set_new(object, "from", rung(ruled->from));
    json_object_set_new(object, "to", rung(ruled->to));
    json_object_set_new(object, "by", text(decision->by));
    json_object_set_new(object, "reason", text(decision->reason));
    json_object_set_new(object, "term", text(decision->term));
    json_object_set_new(object, "until",
                        decision->action == TROTH_ACTION_WAIVE ? json_integer(decision->until_us)
                                                               : json_null());
    json_object_set_new(object, "record",
                        decision->topic.data != NULL ? report_record(decision) : json_null());
    json_object_set_new(object, "decided_at", json_integer(decided_at_us));
    return object;
}

static json_t *report_term(struct troth_standing_view *view, unsigned i)
{
    uint64_t kept = 0;
    uint64_t broken = 0;
    const struct troth_sums *sums = troth_sight_sums(&view->sight, i);
    troth_window_counts(view->rules, view->standing, i, view->sight.instant, &kept, &broken);
    json_t *term = json_object();
    json_object_set_new(term, "name", json_string(view->rules->contract->terms[i].name));
    json_object_set_new(term, "kept", json_integer((json_int_t)kept));
    json_object_set_new(term, "broken", json_integer((json_int_t)broken));
    json_object_set_new(term, "g", json_real(sums->g));
    json_object_set_new(term, "b", json_real(sums->b));
    json_object_set_new(term, "confidence", json_real(troth_sight_confidence(&view->sight, i)));
    json_object_set_new(term, "freshness", json_real(troth_sight_freshness(&view->sight, i, 1.0)));
    json_object_set_new(term, "alarm", json_boolean(troth_alarm(view->standing, i)));
    return term;
}

/* The waivers that there were, running or over, in the order of the terms. */
static json_t *report_waivers(const struct troth_contract *contract,
                              const struct troth_docket *docket)
{
    json_t *waivers = json_array();
    for (unsigned i = 0; i < contract->term_count; i++) {
        if (docket->waived_until_us[i] != TROTH_NEVER_US) {
            json_t *waiver = json_object();
            json_object_set_new(waiver, "term", json_string(contract->terms[i].name));
            json_object_set_new(waiver, "until", json_integer(docket->waived_until_us[i]));
            json_object_set_new(waiver, "uses", json_integer(docket->waived_uses[i]));
            json_array_append_new(waivers, waiver);
        }
    }
    return waivers;
}

static json_t *report_disputes(const struct troth_contract *contract,
                               const struct troth_docket *docket)
{
    json_t *disputes = json_array();
    for (unsigned i = 0; i < docket->dispute_count; i++) {
        const struct troth_dispute *dispute = &docket->disputes[i];
        json_t *object = json_object();
        json_object_set_new(object, "offset", json_integer(dispute->offset));
        json_object_set_new(object, "term", json_string(contract->terms[dispute->term].name));
        json_object_set_new(object, "open", json_boolean(!dispute->upheld));
        json_object_set_new(object, "idle", json_boolean(dispute->idle));
        json_array_append_new(disputes, object);
    }
    return disputes;
}

static json_t *time_or_null(int64_t time_us)
{
    return time_us == TROTH_NEVER_US ? json_null() : json_integer(time_us);
}

static json_t *report_docket(const struct troth_contract *contract,
                             const struct troth_docket *docket)
{
    json_t *object = json_object();
    json_object_set_new(object, "decided_at", time_or_null(docket->decided_us));
    json_object_set_new(object, "quiet_until", time_or_null(docket->quiet_until_us));
    json_object_set_new(object, "waivers", report_waivers(contract, docket));
    json_object_set_new(object, "disputes", report_disputes(contract, docket));
    return object;
}

/* The version of the agent that is in force. */
static json_t *report_version(const struct troth_heard *heard)
{
    char hash[2 * sizeof heard->hash + 1];
    snprintf(hash, sizeof hash, "%016" PRIx64, heard->hash);
    json_t *object = json_object();
    json_object_set_new(object, "hash", json_string(hash));
    json_object_set_new(object, "heard_at", json_integer(heard->last_us));
    return object;
}

json_t *troth_report_standing(struct troth_standing_view *view)
{
    const struct troth_contract *contract = view->rules->contract;
    const struct troth_score score = troth_outlook_score(&view->sight);
    int64_t good_until_us = 0;
    int64_t offer_until_us = 0;
    troth_outlook_until(&view->sight, &good_until_us, &offer_until_us);
    json_t *object = json_object();
    json_object_set_new(object, "agent", json_stringn(view->agent.data, view->agent.length));
    json_object_set_new(object, "contract", json_string(contract->name));
    json_object_set_new(object, "contract_version", json_integer(contract->version));
    json_object_set_new(object, "rung", json_string(troth_rung_name(view->standing->rung)));
    json_object_set_new(object, "score", json_integer(score.score));
    json_object_set_new(object, "compliance", json_real(score.compliance));
    json_object_set_new(object, "freshness", json_real(score.freshness));
    json_object_set_new(object, "limiting", term_name(contract, score.limiting));
    json_object_set_new(object, "as_of", json_integer(view->sight.instant->time_us));
    json_object_set_new(object, "since", json_integer(view->standing->since_us));
    json_object_set_new(object, "good_until", json_integer(good_until_us));
    json_object_set_new(object, "offer_until", json_integer(offer_until_us));
    json_object_set_new(object, "relapses", json_integer(view->standing->relapses));
    json_object_set_new(object, "late", json_integer(view->standing->late));
    json_t *terms = json_array();
    for (unsigned i = 0; i < view->rules->term_count; i++) {
        if (view->rules->terms[i].shares) {
            json_array_append_new(terms, report_term(view, i));
        }
    }
    json_object_set_new(object, "terms", terms);
    if (view->sight.docket != NULL && view->sight.docket->known_count > 0) {
        json_object_set_new(object, "docket", report_docket(contract, view->sight.docket));
    }
    if (view->rules->version_offset != 0) {
        const struct troth_heard *heard = troth_heard_of(view->rules, view->standing);
        if (heard->hash != 0) {
            json_object_set_new(object, "agent_version", report_version(heard));
        }
    }
    return object;
}
