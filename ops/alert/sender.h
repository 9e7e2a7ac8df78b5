/*
 * The sender of alerts: a thread that keeps the set of what lasts and tells Alertmanagers of it,
 * over their API v2, with libcurl. Workers never wait for it.
 *
 * Each Alertmanager is sent everything, for itself: a batch at a time, again with a growing pause
 * (0.25 to 10 s) where it is away, and all that lasts anew when it is back, since it may have
 * forgotten it. That it is away is said once, and once that it is back. Where there is nothing to
 * send it is sent an empty list each `alertmanager.resend`, so that it is known to be there.
 *
 * Threads: open and close from one, stopped and count from any. Memory: owned, bounded; about 12
 * MiB.
 */
#ifndef TROTH_OPS_ALERT_SENDER_H
#define TROTH_OPS_ALERT_SENDER_H

#include "ops/alert/queue.h"
#include "ops/config/config.h"

struct troth_alert_sender;

struct troth_alert_counts {
    bool on;               /* alerts are sent: else all of this is 0 */
    uint64_t sent;         /* alerts that an Alertmanager took, each time */
    uint64_t failed;       /* times that one did not take what it was sent */
    uint64_t dropped;      /* messages that there was no room for */
    uint64_t queued;       /* messages that wait */
    uint64_t single;       /* agents that are told of one by one and last */
    uint64_t together;     /* contracts that are told of as a whole */
    int64_t last_taken_us; /* monotonic: when an Alertmanager last took something; 0: never */
};

/* Starts the thread. In config: kept until it is closed. Out sender: NULL where no Alertmanager is
 * configured. Returns TROTH_OK, or TROTH_NO_MEMORY or TROTH_NOT_FOUND (the file of the
 * configuration); the reason has been said. */
TROTH_MUST_CHECK
troth_status troth_alert_sender_open(const struct troth_config *config,
                                     struct troth_alert_sender **sender);

/* Returns what workers tell, or NULL where the sender is. */
struct troth_alerts *troth_alert_sender_alerts(struct troth_alert_sender *sender);

/* Tells that the telemetry of a contract has stopped: one alert TrothTelemetryStopped. (Standings
 * that are guarded for it are not told of one by one.) In contract: its name. In hit: how many
 * standings it has narrowed; 0: it is over. In since_us: wall clock. To be told as often as it is
 * looked at: what is known already costs nothing, and what was lost on the way is made good. From
 * any thread. NULL is fine. */
void troth_alert_sender_stopped(struct troth_alert_sender *sender, const char *contract,
                                uint32_t hit, int64_t since_us);

/* Out counts: as of the sender's last turn. NULL is fine. */
void troth_alert_sender_count(struct troth_alert_sender *sender, struct troth_alert_counts *counts);

/* Sends what is due, for 2 s at most, and ends. What lasts is not ended: the next owner of its
 * partition speaks for it, or it ends by itself. NULL is fine. */
void troth_alert_sender_close(struct troth_alert_sender *sender);

#endif
