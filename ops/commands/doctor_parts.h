/*
 * The parts of `troth doctor`: each looks at one thing and tells what it finds. Nothing is written
 * anywhere: no record, no key. (Kafka remembers for a week that a transactional id was asked for.)
 */
#ifndef TROTH_OPS_COMMANDS_DOCTOR_PARTS_H
#define TROTH_OPS_COMMANDS_DOCTOR_PARTS_H

#include <stdbool.h>

#include "ops/command.h"

enum troth_diagnosis { TROTH_DIAGNOSIS_OK, TROTH_DIAGNOSIS_WARN, TROTH_DIAGNOSIS_FAIL };

struct troth_doctor {
    const struct troth_config *config;
    bool json;
    unsigned counts[3]; /* by diagnosis */
};

/* Tells one finding. In fix: what mends it, or NULL. In format: what was found, as printf's. */
__attribute__((format(printf, 5, 6))) void troth_doctor_tell(struct troth_doctor *doctor,
                                                             enum troth_diagnosis diagnosis,
                                                             const char *area, const char *fix,
                                                             const char *format, ...);

/* Brokers, the telemetry's last record, the consumer group. Returns whether Kafka answers. */
bool troth_doctor_kafka(struct troth_doctor *doctor);

/* Whether the user may run the engine's transactions, where `delivery` has them. */
void troth_doctor_transactions(struct troth_doctor *doctor);

/* What must be signed, and by whom it can be. */
void troth_doctor_signatures(struct troth_doctor *doctor);

void troth_doctor_redis(struct troth_doctor *doctor);

#endif
