#include "ops/alert/urls.h"

#include <stdio.h>
#include <string.h>

static const char page[] = "/api/v2/alerts";

static bool add(struct troth_alert_urls *urls, const char *url, size_t length)
{
    const size_t scheme = length > 7 && strncmp(url, "http://", 7) == 0    ? 7
                          : length > 8 && strncmp(url, "https://", 8) == 0 ? 8
                                                                           : 0;
    for (size_t i = 0; i < length; i++) {
        if (url[i] <= 0x20 || url[i] >= 0x7f || strchr("\"<>\\^`{|}@?#", url[i]) != NULL) {
            return false;
        }
    }
    while (length > scheme && url[length - 1] == '/') {
        length--;
    }
    if (scheme == 0 || length == scheme || url[scheme] == '/' || url[scheme] == ':' ||
        length + sizeof page > sizeof urls->urls[0] || urls->count == TROTH_ALERT_TARGETS_MAX) {
        return false;
    }
    snprintf(urls->urls[urls->count++], sizeof urls->urls[0], "%.*s%s", (int)length, url, page);
    return true;
}

bool troth_alert_urls_read(const char *text, struct troth_alert_urls *urls)
{
    urls->count = 0;
    const char *next = text;
    while (*text != '\0' && next != NULL) {
        next += strspn(next, " ");
        const char *comma = strchr(next, ',');
        size_t length = comma != NULL ? (size_t)(comma - next) : strlen(next);
        while (length > 0 && next[length - 1] == ' ') {
            length--;
        }
        if (!add(urls, next, length)) {
            return false;
        }
        next = comma != NULL ? comma + 1 : NULL;
    }
    return true;
}
