/*
 * A shard written down and restored: its standings as snapshots, one by one, out of one shard and
 * into another, which then does with the rest of the log what the first would have done.
 *
 *     troth_shard_contract ...     the versions in force there
 *     troth_shard_import ...       each standing; again for a later record of the same standing
 *     troth_shard_import_agent ... each agent that has none
 *     troth_shard_resume           the clock and offset from which the log will be read again
 *     troth_shard_apply ...        the log from the offset on
 *
 * A snapshot may be true for a later offset than the shard's. Until the shard has come there it
 * passes over the agent's events, which only move the clock; and nobody may look at the standing
 * (troth_shard_view). The standings of one agent share its sequence windows, so all of an agent's
 * standings must be written at one offset; of different ones the import keeps the later windows.
 * No snapshot may be ahead of a change of contracts: whoever writes them down brings all of them
 * past a change before anything else is written.
 *
 * What must be written is on a list, the agents that changed since they were last taken from it, in
 * the order in which they first did. So the log is needed from troth_shard_saved_until on, and what
 * came before is in the records.
 *
 * An agent without any standing, as its contracts ended, is written alone: its sequence windows are
 * all that there is of it.
 *
 * Threads: those of the shard. Memory: nothing is allocated.
 */
#ifndef TROTH_SCORING_SHARD_SNAPSHOT_H
#define TROTH_SCORING_SHARD_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "scoring/shard.h"
#include "scoring/snapshot.h"

/* Sets the clock and the offset of a shard that was given no record yet; what it has is all
 * written down, and of what nothing was, agents that lost their standings as records of them were
 * taken, it is rid. In clock_us: >= 0. In offset: of the last record that the shard is true for;
 * -1: none. */
void troth_shard_resume(struct troth_shard *shard, int64_t clock_us, int64_t offset);

/* The log to come has other offsets than the one that the standings were written by: nothing of it
 * is passed over, the offsets of witnesses and causes are forgotten, and all agents must be written
 * down again. */
void troth_shard_renumber(struct troth_shard *shard);

/* Returns how many agents changed since they were last taken to be written down. */
uint32_t troth_shard_unsaved(const struct troth_shard *shard);

/* Returns the offset of the first record that is needed beside what was taken to be written down.
 * Out clock_us: the shard's clock before that record. */
int64_t troth_shard_saved_until(const struct troth_shard *shard, int64_t *clock_us);

/* Takes the agent that has waited longest to be written down: the caller writes all its standings
 * as they are now. Returns its index, or TROTH_NONE: all is written. */
uint32_t troth_shard_take_unsaved(struct troth_shard *shard);

/* Returns the agent's next standing after the given one (TROTH_NONE: its first), or TROTH_NONE. */
uint32_t troth_shard_standing_after(const struct troth_shard *shard, uint32_t agent,
                                    uint32_t standing);

/* Returns the offset of the record applied last; -1 before the first. */
int64_t troth_shard_offset(const struct troth_shard *shard);

/* Out snapshot: of a standing, true for the record applied last; its texts live until the shard is
 * next changed. Returns false where there is no standing of that index. */
bool troth_shard_export(struct troth_shard *shard, uint32_t standing,
                        struct troth_snapshot *snapshot);

/*
 * Puts a standing into the shard, in place of what it has under that agent and contract; it goes on
 * the list of those that changed, as moved. Where the version in force, or what some term promises,
 * is not what it was written under, that is as if the version had come into force at the record
 * that the snapshot is true for: terms that promise the same keep their evidence, and the standing
 * is looked at there, which may be told as an intervention. In snapshot: any values at all; they
 * are checked. Out standing: its index; untouched on failure. Returns TROTH_OK; TROTH_NOT_FOUND: no
 * contract of that name is in force, or the one that is does not apply to the agent; TROTH_INVALID:
 * not a standing's values (troth_snapshot_check); TROTH_AGENTS_FULL or TROTH_STANDINGS_FULL. On
 * failure the shard is as it was.
 */
TROTH_MUST_CHECK
troth_status troth_shard_import(struct troth_shard *shard, const struct troth_snapshot *snapshot,
                                uint32_t *standing);

/* Out snapshot: of an agent, true for the record applied last; its text lives until the shard is
 * next changed. Returns false where it has standings. */
bool troth_shard_export_agent(const struct troth_shard *shard, uint32_t agent,
                              struct troth_agent_snapshot *snapshot);

/* Puts an agent into the shard, in place of what it has of it but for standings. In snapshot: any
 * values at all; they are checked. Returns TROTH_OK; TROTH_INVALID (troth_agent_snapshot_check) or
 * TROTH_AGENTS_FULL, with the shard as it was. */
TROTH_MUST_CHECK
troth_status troth_shard_import_agent(struct troth_shard *shard,
                                      const struct troth_agent_snapshot *snapshot);

/* Notes whether the last that is written down of an agent is a record of its own, so that
 * `on_gone` tells when it goes. Returns whether it was. */
bool troth_shard_note_alone(struct troth_shard *shard, uint32_t agent, bool alone);

/* Takes back what was imported of an agent alone, for a tombstone; nobody is told. */
void troth_shard_forget_agent(struct troth_shard *shard, struct troth_text agent);

/* Takes an imported standing back, for a tombstone; nobody is told.
 * Returns TROTH_OK, or TROTH_NOT_FOUND: there is none. */
TROTH_MUST_CHECK
troth_status troth_shard_forget(struct troth_shard *shard, struct troth_text agent,
                                struct troth_text contract);

#endif
