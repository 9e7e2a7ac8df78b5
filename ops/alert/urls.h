/*
 * The Alertmanagers of the configuration, as the URLs that alerts are sent to.
 *
 * Memory: the caller's. Threads: a value.
 */
#ifndef TROTH_OPS_ALERT_URLS_H
#define TROTH_OPS_ALERT_URLS_H

#include <stdbool.h>

#include "ops/alert/set.h"

enum { TROTH_ALERT_URL_LENGTH_MAX = 512 };

struct troth_alert_urls {
    unsigned count;
    char urls[TROTH_ALERT_TARGETS_MAX][TROTH_ALERT_URL_LENGTH_MAX + 1]; /* with /api/v2/alerts */
};

/* Reads URLs http://... or https://... that are separated by commas; spaces around them are passed
 * over. A URL may have a path, and no user: secrets are in a file. Out urls: none where the text is
 * empty. Returns whether the text is right. */
bool troth_alert_urls_read(const char *text, struct troth_alert_urls *urls);

#endif
