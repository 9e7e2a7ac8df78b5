/*
 * Claim: the sequence window agrees with a list of all numbers ever seen: duplicates are found
 * exactly within 64 of the top, what leaves unseen is missing once, at most 64 a jump, nothing
 * before a session's first number is missing, and the oldest idle of five sessions is forgotten.
 */
#include "tests/support/test.h"

#include <stdbool.h>
#include <string.h>

#include "scoring/sequence.h"

/* The slow model: one session as the list of its numbers, with what has been counted missing. */
struct model {
    int64_t seen[4096];
    size_t count;
    int64_t first;
    int64_t top;
    int64_t left_below; /* numbers below this have left the window */
};

static bool model_has(const struct model *model, int64_t seq)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->seen[i] == seq) {
            return true;
        }
    }
    return false;
}

static bool model_duplicate(const struct model *model, int64_t seq)
{
    return model->count > 0 && (model_has(model, seq) || seq <= model->top - 64);
}

static uint32_t model_note(struct model *model, int64_t seq)
{
    uint32_t missing = 0;
    if (model->count == 0) {
        model->first = seq;
        model->top = seq;
        model->left_below = seq;
    }
    if (seq > model->top) {
        for (int64_t n = model->left_below; n <= seq - 64; n++) {
            missing += n >= model->first && !model_has(model, n) && missing < 64;
        }
        model->top = seq;
        model->left_below = seq - 63 > model->left_below ? seq - 63 : model->left_below;
    }
    model->seen[model->count++] = seq;
    return missing;
}

static void agrees_with_a_list(void **state)
{
    (void)state;
    uint64_t random = random_seed("agrees_with_a_list");
    for (int round = 0; round < 300; round++) {
        struct troth_sequences sequences = {0};
        struct model model = {.count = 0};
        int64_t next = (int64_t)random_below(&random, 1000) - 500;
        for (int i = 0; i < 400; i++) {
            int64_t seq = next;
            switch (random_below(&random, 8)) {
            case 0:
                seq = next - (int64_t)random_below(&random, 80);
                break;
            case 1:
                seq = next + (int64_t)random_below(&random, 5);
                break;
            case 2:
                seq = next +
                      (random_below(&random, 10) == 0 ? (int64_t)random_below(&random, 200) : 0);
                break;
            default:
                break;
            }
            next = seq >= next ? seq + 1 : next;
            const bool duplicate = model_duplicate(&model, seq);
            assert_int_equal(troth_sequence_seen(&sequences, 7, seq), duplicate);
            if (!duplicate) {
                assert_int_equal(troth_sequence_note(&sequences, 7, seq), model_note(&model, seq));
            }
        }
    }
}

static void extreme_numbers(void **state)
{
    (void)state;
    struct troth_sequences sequences = {0};
    assert_int_equal(troth_sequence_note(&sequences, 1, INT64_MIN), 0);
    assert_false(troth_sequence_seen(&sequences, 1, INT64_MAX));
    assert_int_equal(troth_sequence_note(&sequences, 1, INT64_MAX), 64);
    assert_true(troth_sequence_seen(&sequences, 1, INT64_MIN));
    assert_true(troth_sequence_seen(&sequences, 1, INT64_MAX));
    assert_false(troth_sequence_seen(&sequences, 1, INT64_MAX - 63));
    assert_true(troth_sequence_seen(&sequences, 1, INT64_MAX - 64));
}

static void oldest_idle_session_is_forgotten(void **state)
{
    (void)state;
    struct troth_sequences sequences = {0};
    for (uint64_t session = 1; session <= 4; session++) {
        assert_int_equal(troth_sequence_note(&sequences, session, 10), 0);
    }
    assert_int_equal(troth_sequence_note(&sequences, 1, 11), 0); /* 2 is now the oldest */
    assert_int_equal(troth_sequence_note(&sequences, 5, 1), 0);
    assert_false(troth_sequence_seen(&sequences, 2, 10));
    assert_true(troth_sequence_seen(&sequences, 1, 10));
    assert_true(troth_sequence_seen(&sequences, 3, 10));
    assert_true(troth_sequence_seen(&sequences, 4, 10));
    assert_true(troth_sequence_seen(&sequences, 5, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_list),
        cmocka_unit_test(extreme_numbers),
        cmocka_unit_test(oldest_idle_session_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
