/*
 * Claim: no document, however hostile, makes the parser of contracts do more than tell problems
 * that are text; and a contract that it accepts writes, reads back as the same bytes, and can be
 * linted.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "schemas/assert.h"
#include "schemas/contract_lint.h"

static struct troth_contract contract;
static struct troth_contract back;
static struct troth_problems problems;
static struct troth_findings findings;
static char text[TROTH_CONTRACT_LENGTH_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_problems(void)
{
    TROTH_ASSERT(problems.count > 0);
    for (uint32_t i = 0; i < problems.count && i < TROTH_PROBLEMS_MAX; i++) {
        const struct troth_problem *problem = &problems.items[i];
        TROTH_ASSERT(memchr(problem->key, '\0', sizeof problem->key) != NULL);
        TROTH_ASSERT(memchr(problem->text, '\0', sizeof problem->text) != NULL);
        TROTH_ASSERT(problem->text[0] != '\0');
        TROTH_ASSERT(i == 0 || problems.items[i - 1].line <= problem->line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *document = size == 0 ? "" : (const char *)data;
    size_t length;
    const troth_status status = troth_contract_parse(document, size, &contract, &problems);
    if (status == TROTH_INVALID) {
        check_problems();
        return 0;
    }
    TROTH_ASSERT(status == TROTH_OK && problems.count == 0);
    TROTH_ASSERT(contract.term_count >= 1 && contract.term_count <= TROTH_TERMS_MAX);
    TROTH_ASSERT(troth_contract_write(&contract, text, sizeof text, &length) == TROTH_OK);
    TROTH_ASSERT(troth_contract_parse(text, length, &back, &problems) == TROTH_OK);
    TROTH_ASSERT(memcmp(&contract, &back, sizeof contract) == 0);
    troth_contract_lint(&contract, 0.0, &findings);
    troth_contract_lint(&contract, 1000.0, &findings);
    for (uint32_t i = 0; i < findings.count && i < TROTH_FINDINGS_MAX; i++) {
        TROTH_ASSERT(findings.items[i].text[0] != '\0');
    }
    return 0;
}
