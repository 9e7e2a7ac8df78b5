/*
 * Claim: no bytes, read as an export, make `troth verify` do more than refuse them; nor do lines
 * that are chained and signed as an export's, whatever stands in them. Of the latter the input is
 * each line without its hash, and `{` in its place.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ops/export/checks.h"
#include "schemas/assert.h"
#include "schemas/export_chain.h"

static struct troth_framing framing;
static struct troth_secret_key secret;
static struct troth_public_key key;
static struct troth_export_report report;

static void check(const char *text, size_t length)
{
    struct troth_export_file file;
    const troth_status status = troth_export_check(text, length, &key, &framing, &file, &report);
    TROTH_ASSERT(status == TROTH_OK || status == TROTH_INVALID || status == TROTH_NO_MEMORY);
    TROTH_ASSERT(status != TROTH_INVALID || !troth_export_is_valid(&report));
    troth_export_file_fini(&file);
}

/* A fixed key: the same input does the same. */
static void prepare(void)
{
    static bool ready;
    if (!ready) {
        TROTH_ASSERT(troth_key_read_secret(
            "troth-secret AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &secret));
        troth_key_public(&secret, &key);
        TROTH_ASSERT(troth_framing_init(&framing, TROTH_FRAMING_ANY) == TROTH_OK);
        ready = true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size == 0 ? "" : (const char *)data;
    const char *line = NULL;
    struct troth_chain chain;
    prepare();
    check(text, size);
    troth_chain_init(&chain);
    for (size_t at = 0; at < size;) {
        const size_t length = troth_chain_next(text, size, &at, &line);
        if (length > 2 && line[0] == '{' && line[length - 1] == '}') {
            TROTH_ASSERT(troth_chain_add(&chain, line, length) == TROTH_OK);
        }
    }
    if (chain.lines > 0) {
        TROTH_ASSERT(troth_chain_sign(&chain, &secret) == TROTH_OK);
        check(chain.text, chain.length);
        TROTH_ASSERT(report.findings[TROTH_EXPORT_CHAIN].wrong +
                         report.findings[TROTH_EXPORT_SIGNATURE].wrong ==
                     (memchr(chain.text, '\0', chain.length) != NULL));
    }
    troth_chain_fini(&chain);
    return 0;
}
