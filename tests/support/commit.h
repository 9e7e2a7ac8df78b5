/* A commit that is waited for. */
#ifndef TROTH_TESTS_SUPPORT_COMMIT_H
#define TROTH_TESTS_SUPPORT_COMMIT_H

#include "consumers/log.h"

static inline troth_status commit_and_wait(struct troth_log *log,
                                           const struct troth_log_offset *offsets, size_t count,
                                           int64_t timeout_us)
{
    const troth_status status = log->commit(log, offsets, count, timeout_us);
    return status == TROTH_OK ? log->committed(log, timeout_us) : status;
}

#endif
