/*
 * Why a broker is not reached: librdkafka tells that in a line of its log alone, and calls every
 * reason a transport failure. The last such line is kept, and told with what would mend it.
 *
 * Threads: librdkafka's write, the owner reads. Memory: the caller's; pinned while the client
 * lives.
 */
#ifndef TROTH_OPS_KAFKA_WORDS_H
#define TROTH_OPS_KAFKA_WORDS_H

#include <pthread.h>
#include <stddef.h>

#include "consumers/kafka/client.h"

struct troth_kafka_words {
    struct troth_kafka_voice voice; /* first: librdkafka's opaque points here */
    pthread_mutex_t lock;           /* of what follows */
    char last[TROTH_KAFKA_ERROR_LENGTH];
};

void troth_kafka_words_init(struct troth_kafka_words *words);

/* To be called once the client is gone. */
void troth_kafka_words_fini(struct troth_kafka_words *words);

/* Says that the brokers do not answer, why, and what would mend it.
 * In code: what librdkafka returned. In servers: as configured. Out error: at most size bytes. */
void troth_kafka_words_tell(struct troth_kafka_words *words, const char *servers,
                            rd_kafka_resp_err_t code, char *error, size_t size);

/* Returns what mends that for which librdkafka has these words. In version: of librdkafka, as
 * rd_kafka_version. The text is a constant. */
const char *troth_kafka_words_advice(const char *text, int version);

#endif
