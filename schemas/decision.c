#include "schemas/decision.h"

#include "schemas/contract.h"

/* 2200-01-01. */
#define TIME_END_US INT64_C(7258118400000000)

#define NAME_OF(NAME, text)            text,
#define RULED_NAME(NAME, text, means)  text,
#define RULED_MEANS(NAME, text, means) means,

static const char *const action_names[] = {TROTH_ACTIONS(NAME_OF)};
static const char *const ruling_names[] = {TROTH_RULINGS(RULED_NAME)};
static const char *const ruling_meanings[] = {TROTH_RULINGS(RULED_MEANS)};

const char *troth_action_name(unsigned action)
{
    return action_names[action];
}

const char *troth_ruling_name(unsigned ruling)
{
    return ruling_names[ruling];
}

const char *troth_ruling_meaning(unsigned ruling)
{
    return ruling_meanings[ruling];
}

unsigned troth_action_find(struct troth_text name)
{
    unsigned action = 0;
    while (action < TROTH_ACTION_COUNT &&
           (strlen(action_names[action]) != name.length ||
            memcmp(action_names[action], name.data, name.length) != 0)) {
        action++;
    }
    return action;
}

static bool fits(struct troth_text text, uint32_t most)
{
    return text.data != NULL && text.length >= 1 && text.length <= most;
}

static bool is_name(struct troth_text text, uint32_t most)
{
    for (uint32_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return fits(text, most);
}

static bool is_time(int64_t time_us)
{
    return time_us >= 0 && time_us < TIME_END_US;
}

const char *troth_decision_check(const struct troth_decision *d)
{
    const bool waives = d->action == TROTH_ACTION_WAIVE;
    const bool disputes =
        d->action >= TROTH_ACTION_DISPUTE_OPEN && d->action <= TROTH_ACTION_DISPUTE_REJECT;
    if (!is_name(d->agent, TROTH_AGENT_LENGTH_MAX)) {
        return "agent: must be a name of 1 to 128 bytes without control characters";
    }
    if (!is_name(d->contract, TROTH_NAME_LENGTH_MAX)) {
        return "contract: must be the name of a contract";
    }
    if (d->action >= TROTH_ACTION_COUNT) {
        return "action: must be keep, narrow, review, pause, restore, recertify, waive, "
               "dispute_open, dispute_uphold or dispute_reject";
    }
    if (!fits(d->by, TROTH_DECISION_BY_MAX)) {
        return "by: must say who decides, in 1 to 256 bytes";
    }
    if (!fits(d->reason, TROTH_DECISION_REASON_MAX)) {
        return "reason: must say why, in 1 to 4096 bytes";
    }
    if (!is_time(d->at_us)) {
        return "at: must be a time from 1970 to 2199";
    }
    if ((waives || disputes) != (d->term.data != NULL) ||
        (d->term.data != NULL && !is_name(d->term, TROTH_NAME_LENGTH_MAX))) {
        return "term: must name a term where a waiver or a dispute is decided, and nowhere else";
    }
    if (waives ? d->until_us == 0 || !is_time(d->until_us) : d->until_us != 0) {
        return "until: must be the end of a waiver, from 1970 to 2199, and of nothing else";
    }
    if (disputes ? !fits(d->topic, TROTH_TEXT_LENGTH_MAX) || d->partition < 0 || d->offset < 0
                 : d->topic.data != NULL || d->partition != -1 || d->offset != -1) {
        return "topic, partition, offset: must name the record of a dispute, and of nothing else";
    }
    return d->expected <= TROTH_RUNG_COUNT ? NULL : "expected: must be a rung";
}
