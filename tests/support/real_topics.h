/* What programs against a real broker share: how they fail, and the topics that they begin with. */
#ifndef TROTH_TESTS_SUPPORT_REAL_TOPICS_H
#define TROTH_TESTS_SUPPORT_REAL_TOPICS_H

#include <stdio.h>
#include <stdlib.h>

#include "ops/kafka/topics.h"

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "FAILED at line %d: %s; ", __LINE__, #condition);                \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            (void)fputc('\n', stderr);                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Makes all topics of a prefix; finds them again and right. */
static inline void make_topics(const char *bootstrap, const char *prefix, int32_t partitions)
{
    const struct troth_kafka_property properties[] = {{"bootstrap.servers", bootstrap}};
    const struct troth_topics_config config = {.properties = {properties, 1},
                                               .prefix = prefix,
                                               .partitions = partitions,
                                               .replication = 1};
    static struct troth_topics_made made[TROTH_TOPIC_COUNT];
    static struct troth_topics_report report;
    char error[TROTH_KAFKA_ERROR_LENGTH] = "";
    REQUIRE(troth_topics_create(&config, made, error, sizeof(error)) == TROTH_OK, "%s", error);
    for (int t = 0; t < TROTH_TOPIC_COUNT; t++) {
        REQUIRE(made[t].outcome == TROTH_TOPICS_CREATED, "%s", made[t].topic);
    }
    REQUIRE(troth_topics_create(&config, made, error, sizeof(error)) == TROTH_OK, "%s", error);
    REQUIRE(made[0].outcome == TROTH_TOPICS_EXISTS, "%s", made[0].topic);
    REQUIRE(troth_topics_check(&config, &report, error, sizeof(error)) == TROTH_OK, "%s: %s", error,
            report.findings[0].text);
}

#endif
