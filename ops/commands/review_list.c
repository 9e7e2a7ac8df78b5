/* troth review list: the reviews that are open, a line each. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "consumers/clock.h"
#include "ops/commands/review_parts.h"
#include "ops/message.h"
#include "ops/review/open.h"
#include "ops/table.h"

enum { LIMIT = 100 };

static void add_row(struct troth_table *table, const struct troth_review *review, int64_t now_us)
{
    char text[TROTH_CELL_LENGTH_MAX];
    const struct troth_fields *standing = &review->standing;
    (void)troth_duration_format(now_us > review->since_us ? now_us - review->since_us : 0, text);
    troth_table_cell(table, "%s", text);
    troth_table_cell(table, "%s", review->agent);
    troth_table_cell(table, "%s", review->contract);
    troth_table_cell(table, "%s", troth_fields_text(standing, "review", text, sizeof text));
    (void)troth_time_format(review->since_us, text);
    troth_table_cell(table, "%s", text);
    troth_table_cell(table, "%s", troth_fields_text(standing, "rung", text, sizeof text));
    troth_table_cell(table, "%" PRId64, troth_fields_integer(standing, "score", 0));
    (void)troth_review_claimer(standing, text, sizeof text);
    troth_table_cell(table, "%s", text[0] != '\0' ? text : "-");
}

/* Shows up to the limit. In table: NULL, as JSON. Returns how many, or -1 with the reader's error.
 */
static int64_t show(struct troth_review_walk *walk, int64_t limit, int64_t now_us,
                    struct troth_table *table)
{
    int64_t shown = 0;
    for (;;) {
        const int64_t left = limit > 0 ? limit - shown : TROTH_REVIEW_PAGE_MAX;
        if (!troth_review_walk_next(walk, left < TROTH_REVIEW_PAGE_MAX ? (unsigned)left
                                                                       : TROTH_REVIEW_PAGE_MAX)) {
            return -1;
        }
        if (walk->count == 0) {
            return shown;
        }
        for (unsigned i = 0; i < walk->count; i++) {
            if (table != NULL) {
                add_row(table, &walk->page[i], now_us);
            } else {
                troth_redis_reader_print_json(
                    json_pack("{s:o}", "review", troth_review_json(&walk->page[i], now_us)));
            }
        }
        shown += walk->count;
    }
}

static bool list(const struct troth_context *context, struct troth_review_walk *walk, int64_t limit)
{
    static const char *const headings[] = {"OVERDUE", "AGENT", "CONTRACT", "OPENED BY",
                                           "SINCE",   "RUNG",  "SCORE",    "CLAIMED BY"};
    const struct troth_clock clock = troth_clock_system();
    struct troth_table table;
    uint64_t more = 0;
    if (!troth_table_init(&table, headings, 8, 1U << 0 | 1U << 6)) {
        snprintf(walk->reader->error, sizeof walk->reader->error, "no memory");
        return false;
    }
    const int64_t shown =
        show(walk, limit, clock.wall_us(clock.context), context->json ? NULL : &table);
    const bool read = shown >= 0 && troth_review_walk_rest(walk, &more);
    if (read && context->json) {
        troth_redis_reader_print_json(json_pack("{s:{s:I, s:I}}", "reviews", "open",
                                                (json_int_t)(shown + (int64_t)more), "shown",
                                                (json_int_t)shown));
    } else if (read && shown == 0) {
        printf("No review is open%s%s%s%s.\n", walk->only != NULL ? " under " : "",
               walk->only != NULL ? walk->only : "", walk->owner != NULL ? " for " : "",
               walk->owner != NULL ? walk->owner : "");
    } else if (read) {
        troth_table_print(&table, stdout, 0, "\n");
        if (more > 0) {
            printf("\n%" PRIu64 " more are open: --json has all", more);
            if (more + (uint64_t)shown < TROTH_TABLE_ROWS_MAX) {
                printf(", and so has --limit %" PRIu64, more + (uint64_t)shown);
            }
            putchar('\n');
        }
    }
    troth_table_fini(&table);
    return read;
}

int troth_review_list_run(const struct troth_context *context, int argc, char **argv)
{
    struct troth_review_choice choice;
    if (!troth_review_choose(context, "list", LIMIT, argc, argv, &choice)) {
        return TROTH_EXIT_USAGE;
    }
    if (!context->json && choice.limit >= TROTH_TABLE_ROWS_MAX) {
        troth_message_error("--limit is at most %d in a table; --json has no limit",
                            TROTH_TABLE_ROWS_MAX - 1);
        return TROTH_EXIT_USAGE;
    }
    const struct troth_redis_config redis = troth_redis_config_of(context->config);
    struct troth_redis_reader reader;
    static struct troth_review_walk walk;
    troth_review_walk_init(&walk, &reader, choice.contract, choice.owner);
    const bool listed =
        troth_redis_reader_open(&reader, &redis) == TROTH_OK && list(context, &walk, choice.limit);
    if (!listed) {
        troth_message_error("%s", reader.error);
    }
    troth_review_walk_fini(&walk);
    troth_redis_reader_close(&reader);
    return listed ? TROTH_EXIT_DONE : TROTH_EXIT_NO;
}
