#include "ops/kafka/words.h"

#include <stdio.h>
#include <string.h>

/* The first librdkafka whose SCRAM repeats the server's nonce as RFC 5802 has it (its pull request
 * 4895). Kafka 3 let the older ones in; Kafka 4 calls their credentials invalid. */
enum { SCRAM_IS_RIGHT = 0x020601ff };

/* From librdkafka's threads. */
static void keep(void *context, int level, const char *text)
{
    struct troth_kafka_words *words = context;
    const int error = 3; /* syslog's number */
    /* That all brokers are down is told after the reason, and would take its place. */
    if (level > error || strstr(text, "brokers are down") != NULL) {
        return;
    }
    pthread_mutex_lock(&words->lock);
    /* "kafka: [thrd:...]: ..." : whose thread it was helps nobody here, nor how often. */
    const char *begin = strstr(text, "]: ");
    begin = begin != NULL ? begin + 3 : text;
    const char *name = strstr(begin, "://"); /* SCHEME://HOST:PORT/ID: ..., which people know */
    const char *rest = name != NULL ? strstr(name, ": ") : NULL;
    begin = rest != NULL ? rest + 2 : begin;
    const char *end = strstr(begin, " (after ");
    const size_t length = end != NULL ? (size_t)(end - begin) : strlen(begin);
    (void)snprintf(words->last, sizeof words->last, "%.*s", (int)length, begin);
    pthread_mutex_unlock(&words->lock);
}

void troth_kafka_words_init(struct troth_kafka_words *words)
{
    *words = (struct troth_kafka_words){.voice = {.say = keep, .context = words}};
    pthread_mutex_init(&words->lock, NULL);
}

void troth_kafka_words_fini(struct troth_kafka_words *words)
{
    pthread_mutex_destroy(&words->lock);
}

const char *troth_kafka_words_advice(const char *text, int version)
{
    if (strstr(text, "uthentication failed") != NULL || strstr(text, "uthentication error")) {
        return strstr(text, "SCRAM") != NULL && version < SCRAM_IS_RIGHT
                   ? "set kafka.sasl.username and kafka.sasl.password; if they are right: Kafka 4 "
                     "refuses the SCRAM of librdkafka before 2.6.1, so set kafka.sasl.mechanism to "
                     "PLAIN (with security.protocol SASL_SSL), or use a client certificate"
                   : "set kafka.sasl.username and kafka.sasl.password to what the brokers know";
    }
    if (strstr(text, "certificate verify failed") != NULL) {
        return "kafka.ssl.ca.location must name the authority that signed the brokers' "
               "certificate, and kafka.bootstrap.servers a host's name that stands in it";
    }
    return "start one (ops/local/kafka start, or `troth sandbox`), or set kafka.bootstrap.servers "
           "to "
           "where yours is, and kafka.security.protocol to what it speaks";
}

void troth_kafka_words_tell(struct troth_kafka_words *words, const char *servers,
                            rd_kafka_resp_err_t code, char *error, size_t size)
{
    pthread_mutex_lock(&words->lock);
    const char *why = words->last[0] != '\0' ? words->last : troth_kafka_explain(code);
    (void)snprintf(error, size, "no broker at %.100s answers (%.140s); %s", servers, why,
                   troth_kafka_words_advice(why, rd_kafka_version()));
    pthread_mutex_unlock(&words->lock);
}
