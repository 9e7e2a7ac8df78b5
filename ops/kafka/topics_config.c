/* The topics as the configuration names them, and what was found of them as messages. */
#include <stdlib.h>

#include "ops/config/config.h"
#include "ops/kafka/link.h"
#include "ops/kafka/topics.h"
#include "ops/message.h"

struct troth_topics_config troth_topics_config_of(const struct troth_config *config,
                                                  struct troth_kafka_property *entries)
{
    return (struct troth_topics_config){
        .properties = troth_kafka_link_properties(config, entries),
        .prefix = config->prefix,
        .partitions = (int32_t)config->topics_partitions,
        .replication = (int32_t)config->topics_replication,
        .create_time = config->clock == TROTH_CONFIG_CLOCK_CREATE_TIME,
    };
}

static void tell(const struct troth_topics_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct troth_topics_finding *finding = &report->findings[i];
        if (finding->is_warning) {
            troth_message_warn("topic %s: %s", finding->topic, finding->text);
        } else {
            troth_message_error("topic %s: %s", finding->topic, finding->text);
        }
        if (finding->command[0] != '\0') {
            troth_message_info("to mend: %s", finding->command);
        }
    }
}

bool troth_topics_check_config(const struct troth_config *config,
                               struct troth_topics_report **report)
{
    if (report != NULL) {
        *report = NULL;
    }
    struct troth_kafka_property entries[TROTH_CONFIG_ENTRIES_MAX];
    const struct troth_topics_config topics = troth_topics_config_of(config, entries);
    struct troth_topics_report *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        troth_message_error("no memory to check the topics");
        return false;
    }
    char error[TROTH_KAFKA_ERROR_LENGTH];
    const troth_status status = troth_topics_check(&topics, made, error, sizeof(error));
    const bool known = status == TROTH_OK || status == TROTH_INVALID;
    /* TROTH_INVALID is a property's too, which finds nothing. */
    if (!known || (status == TROTH_INVALID && made->count == 0)) {
        troth_message_error("%s", error);
        free(made);
        return false;
    }
    tell(made);
    if (report != NULL) {
        *report = made;
    } else {
        free(made);
    }
    return status == TROTH_OK;
}
